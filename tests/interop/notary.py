"""A notary of this tree, live on loopback, with a member who submits through the command line."""

import base64
import json
import secrets
import urllib.request
from pathlib import Path

from processes import Children, run

ORIGIN = "notary.example.org/2026"
REGISTER = "trial:NCT04573309"


class Notary:
    """A new log in `folder`; `bin` holds trialseal-server and trialseal."""

    def __init__(self, folder: Path, bin: Path, children: Children):
        self.folder, self.children, self.process = folder, children, None
        self.dir, self.files, self.server = folder / "notary", folder / "files", bin / "trialseal-server"
        self.trialseal = [bin / "trialseal", "--config", folder / "config.toml"]
        self.files.mkdir(parents=True)
        self.passphrase = folder / "passphrase"
        self.passphrase.touch(0o600)
        self.passphrase.write_text(secrets.token_urlsafe() + "\n")
        key = folder / "member.key"
        run(*self.trialseal, "keygen", key, "--organization", "acme", "--member", "m-4k2v9",
            "--passphrase-file", self.passphrase)
        run(self.server, "init", "--dir", self.dir, "--origin", ORIGIN, "--organization", "acme",
            "--member", "m-4k2v9", "--member-key", key.with_suffix(".key.pub").read_text().strip(),
            "--passphrase-file", self.passphrase, "--token-file", folder / "token",
            "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
        self.key, self.trust = key, self.dir / "trust.toml"
        self.token = (folder / "token").read_text().strip()
        self.log_pub = self.dir / "keys" / "log.pub"
        self.ed25519, self.mldsa = self.log_pub.read_text().split()

    def configure(self, toml):
        """Adds tables to the configuration."""
        with (self.dir / "trialseal.toml").open("a") as file:
            file.write(f"\n{toml}\n")

    def start(self, **environment):
        """Serves; `environment` holds variables that win over the configuration file."""
        self.process = self.children.start("notary", "env", *(f"{key}={value}" for key, value in environment.items()),
                                           self.server, "serve", "--dir", self.dir)
        self.process.await_said("READY ")
        ready = next(line for line in self.process.said().splitlines() if line.startswith("READY "))
        self.grpc, self.http = (word.split("=")[1] for word in ready.split()[1:3])
        self.url = f"http://{self.http}/{ORIGIN.split('/', 1)[1]}/"
        run(*self.trialseal, "login", f"http://{self.grpc}", "--trust", self.trust, "--token-file", self.folder / "token",
            "--key", self.key, "--name", "Jane Doe", "--role", "sponsor")

    def submit(self, count, name="file", flags=(), expect=0):
        """Puts that many files on record, signed; their receipts lie beside them. Returns the files."""
        files = [self.files / f"{name}-{number}.txt" for number in range(count)]
        for file in files:
            file.write_text(f"{file.name}: {secrets.token_hex()}\n")
        run(*self.trialseal, "submit", "--each", *files, "--register", REGISTER, "--class", "dataset", "--event", "data-cut",
            "--version", "1.0", "--reason", "Interoperability", "--passphrase-file", self.passphrase, *flags, timeout=120,
            expect=expect)
        return files

    def checkpoint(self):
        """The newest signed checkpoint, as anyone gets it."""
        return get(self.url + "checkpoint").decode()


def get(url):
    """The body at a URL; anything but 200 raises."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def receipt_of(file):
    """The receipt beside a file, as text and parsed."""
    path = file.with_name(file.name + ".receipt.json")
    return path, json.loads(path.read_text())


def size_of(checkpoint):
    """The tree size in a checkpoint note."""
    return int(checkpoint.split("\n")[1])


def signers(note):
    """The signature lines of a note by who signed: key name, plus, hex of the key's ID, as a verifier key begins."""
    lines = [line.split(" ") for line in note.split("\n") if line.startswith("\u2014 ")]
    return {f"{name}+{base64.b64decode(blob)[:4].hex()}": f"\u2014 {name} {blob}" for _, name, blob in lines}
