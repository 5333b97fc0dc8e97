"""Programs that check single signatures, with nothing of ours between them and the receipt's bytes."""

import base64
import json

from notary import ORIGIN, receipt_of, signers
from processes import run


def mldsa_line(world):
    """Key, message and signature of the 0x06 line of a receipt, each in hex, as docs/formats.md lays them out."""
    proof = receipt_of(world.files[1])[1]["evidence"][0]["proof"]
    origin, size, root = proof.split("\n\n", 1)[1].split("\n")[:3]
    key = base64.b64decode(world.notary.mldsa.split("+", 2)[2])
    line = signers(proof)["+".join(world.notary.mldsa.split("+")[:2])]
    blob = base64.b64decode(line.split(" ")[2])
    name = bytes([len(ORIGIN)]) + ORIGIN.encode()
    message = (b"subtree/v1\n\0" + name + blob[4:12] + name + bytes(8) + int(size).to_bytes(8, "big")
               + base64.b64decode(root))
    return key[1:].hex(), message.hex(), blob[12:].hex()


def cryptography(world):
    """The ML-DSA-44 signature of a receipt's checkpoint, by PyPI's `cryptography`."""
    run(world.tools["python"], world.here / "python" / "mldsa.py", *mldsa_line(world))
    return "ML-DSA-44 line of a receipt; refused over another message"


def noble_post_quantum(world):
    """The same by npm's `@noble/post-quantum`."""
    run("node", "mldsa.mjs", *mldsa_line(world), cwd=world.tools["node"])
    return "ML-DSA-44 line of a receipt; refused over another message"


def sha256sum(world):
    """The digest in a receipt's manifest is what `sha256sum --check` computes."""
    items = {file: receipt_of(file)[1]["manifest"]["items"][0]["text"] for file in world.files}
    sums = world.folder / "SHA256SUMS"
    sums.write_text("".join(f"{json.loads(text)['sha256']}  {file}\n" for file, text in items.items()))
    run(world.tools["sha256sum"], "--check", "--strict", "--quiet", sums)
    sums.write_text(sums.read_text().replace(str(world.files[0]), str(world.files[1]), 1))
    run(world.tools["sha256sum"], "--check", "--strict", "--quiet", sums, expect=1)
    return f"{len(items)} files against the digests in their receipts"
