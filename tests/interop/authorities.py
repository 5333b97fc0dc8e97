"""Two timestamp authorities on loopback: OpenSSL behind a few lines of HTTP, and sigstore's timestamp-server.

`issuers` of each are the certificates above the signer's, the root last; pinned in trust.toml is the first.
"""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from notary import get
from processes import free_port, run

CONFIGURATION = """\
[tsa]
default_tsa = here
[here]
serial = serial
signer_cert = signer.crt
signer_key = signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class OpensslAuthority:
    """`openssl ts -reply` answers what is posted."""

    def __init__(self, world, folder):
        self.name, self.folder, self.openssl, self.lock = "openssl", folder, world.tools["openssl"], Lock()
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
        self.openssl_here("req", "-x509", *new, "-keyout", "root.key", "-out", "root.crt", "-subj", "/CN=Test root",
                          "-addext", "keyUsage=critical,keyCertSign")
        self.openssl_here("req", "-x509", *new, "-CA", "root.crt", "-CAkey", "root.key", "-keyout", "signer.key",
                          "-out", "signer.crt", "-subj", "/CN=Test timestamps",
                          "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=critical,timeStamping")
        (folder / "tsa.cnf").write_text(CONFIGURATION)
        (folder / "serial").write_text("01\n")
        self.issuers = [(folder / "root.crt").read_text()]
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                reply = authority.answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def openssl_here(self, *arguments):
        return run(self.openssl, *arguments, cwd=self.folder)

    def answer(self, query):
        with self.lock:  # the file of serial numbers is one
            (self.folder / "query").write_bytes(query)
            self.openssl_here("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply")
            return (self.folder / "reply").read_bytes()


class SigstoreAuthority:
    """Keys in memory. Its tokens carry the signer's certificate alone."""

    def __init__(self, world, folder):
        self.name, port = "timestamp-server", free_port()
        process = world.children.start(
            "timestamp-server", world.tools["timestamp-server"], "serve", "--host", "127.0.0.1", "--port", str(port),
            "--timestamp-signer", "memory", "--disable-ntp-monitoring", cwd=folder)
        process.await_port(port)
        self.url = f"http://127.0.0.1:{port}/api/v1/timestamp"
        begin = "-----BEGIN CERTIFICATE-----"
        _, _signer, *issuers = get(self.url + "/certchain").decode().split(begin)
        self.issuers = [f"{begin}{issuer.rstrip()}\n" for issuer in issuers]
