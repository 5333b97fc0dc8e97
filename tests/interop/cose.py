"""Programs that read COSE receipts (RFC 9942)."""

import base64
import hashlib
import json

from notary import receipt_of
from processes import run


def scitt_cose(world):
    """An exported COSE receipt, with the key set that the notary publishes; then over another entry."""
    file = world.files[2]
    index = json.loads(receipt_of(file)[1]["record"]["when"]["text"])["index"]
    # The first evidence may be against a checkpoint that was never published; those have one.
    run(*world.notary.trialseal, "get", str(index), "--receipt", receipt_of(file)[0])
    path, receipt = receipt_of(file)
    exported = world.folder / "receipt.cose"
    run(*world.notary.trialseal, "export", path, "--format", "cose", "--out", exported)
    keys = f"http://{world.notary.http}/.well-known/scitt-keys"
    verify = world.tools["python"], world.here / "python" / "cose.py"
    return run(*verify, exported, keys, entry(receipt["record"]).hex()).strip()


def entry(record):
    """The 33 bytes of a record's log entry, from its four salted parts."""

    def leaf(name):
        part, tag = record[name], f"trialseal/{name}/v1".encode()
        if "withheld" in part:
            return bytes.fromhex(part["withheld"])
        return sha256(b"\0", bytes([len(tag)]), tag, base64.b64decode(part["salt"]), part["text"].encode())

    left = sha256(b"\1", leaf("what"), leaf("who"))
    return b"\1" + sha256(b"\1", left, sha256(b"\1", leaf("why"), leaf("when")))


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()
