"""Programs that read the log as anyone can: its checkpoint, tiles and entry bundles."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from signal import SIGKILL
from threading import Thread
from urllib.error import HTTPError

from notary import ORIGIN, get, receipt_of, size_of
from processes import Failed, run


def tessera_fsck(world):
    """Reads every tile and bundle and compares them with the checkpoint; then again where one bit is flipped."""
    key = world.folder / "ed25519.pub"
    key.write_text(world.notary.ed25519)

    def command(url):
        return world.tools["fsck"], f"--storage_url={url}", f"--public_key={key}", "--ui=false", "-v=1"

    said = run(*command(world.notary.url))
    if "fsck failed" in said or "Invalid" in said or "Completed ranges" not in said:
        raise Failed(said)
    with damaging(world.notary.url, "tile/entries/001") as url:
        # It names what is wrong and then does not end by itself.
        again = world.children.start("fsck", *command(url))
        again.await_said("Invalid")
        again.stop(SIGKILL)
    return f"every tile and bundle of {size_of(world.notary.checkpoint())} entries; it finds a flipped bit"


@contextmanager
def damaging(url, path):
    """The log at `url`, served with one bit flipped in the file at `path`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            try:
                body = bytearray(get(url + self.path[1:]))
            except HTTPError as refused:
                return self.send_error(refused.code)
            if self.path[1:] == path:
                body[40] ^= 1
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def tessera_hammer(world):
    """Four readers at random places and four from end to end, while the log grows under them."""
    hammer = world.children.start(
        "hammer", world.tools["hammer"], f"--log_url={world.notary.url}", f"--log_public_key={world.notary.ed25519}",
        "--show_ui=false", "--max_read_ops=200", "--leaf_write_goal=300", "--max_runtime=60s", "-v=1")
    hammer.await_said("Will exit once tree size is at least")
    world.notary.submit(300, "hammer")
    code = hammer.process.wait(70)
    if code or "rror" in hammer.said():
        raise Failed(f"ended with {code}\n{hammer.said()}")
    return "random and full readers at 200 reads a second while 300 records came in"


def go_reference(world):
    """Note, checkpoint, inclusion by a receipt's tlog-proof, consistency by tiles: Go's reference implementations."""
    receipt, _ = receipt_of(world.files[0])
    older = world.folder / "older.checkpoint"
    older.write_text(world.older)
    return run(world.tools["verify"], world.notary.log_pub, world.notary.url, older, receipt).strip().replace("\n", "; ")


def aics_tlog(world):
    """`audit_tiles` over HTTP; inclusion of a record and consistency with an older checkpoint by its command."""
    python = world.tools["python-3.12"]
    key, older = world.folder / "ed25519.pub", world.folder / "older.note"
    key.write_text(world.notary.ed25519)
    older.write_text(world.older)
    said = run(python, world.here / "python" / "audit_tiles.py", world.notary.url, key)
    index = json.loads(receipt_of(world.files[0])[1]["record"]["when"]["text"])["index"]
    command = [python, "-m", "aics_tlog"]
    source = ["--tiles", world.notary.url, "--vkey-file", key, "--origin", ORIGIN]
    entry = world.folder / "entry"
    run(*command, "verify-inclusion", *source, "--index", str(index), "--entry-out", entry)
    if len(entry.read_bytes()) != 33:
        raise Failed(f"entry {index} has {len(entry.read_bytes())} bytes, not 33")
    run(*command, "verify-consistency", *source, "--old-checkpoint", older)
    return said.strip() + f"; entry {index} is in it; it extends the older checkpoint"
