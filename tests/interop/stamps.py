"""Programs that verify the timestamp tokens of a receipt, and a bundle with all its evidence."""

import base64
import hashlib

from notary import receipt_of, signers
from processes import Failed, run


def stamped(world):
    """The receipt's stamped bytes, laid out as docs/formats.md says, and a token in a file for each authority."""
    evidence = world.evidence
    elements = receipt_of(evidence.all)[1]["evidence"]
    element = next((each for each in elements if each.get("timestamps")), None)
    if element is None:
        raise Failed(f"no evidence element of {evidence.all.name} has timestamps")
    note = element["proof"].split("\n\n", 1)[1]
    text, lines = note.split("\n\n")[0], signers(note)
    by_log = [lines["+".join(vkey.split("+")[:2])] for vkey in (evidence.notary.ed25519, evidence.notary.mldsa)]
    message = world.folder / "stamped"
    message.write_text(f"{text}\n\n" + "".join(f"{line}\n" for line in by_log))
    tokens = []
    for number, timestamp in enumerate(element["timestamps"]):
        tokens.append(world.folder / f"token-{number}.der")
        tokens[-1].write_bytes(base64.b64decode(timestamp["token"]))
    if len(tokens) != len(evidence.authorities):
        raise Failed(f"{len(tokens)} tokens of {len(evidence.authorities)} authorities")
    return message, tokens


def each_authority(world, verifies):
    """Under every authority's issuers exactly one token verifies over the stamped bytes, and none over other bytes."""
    message, tokens = stamped(world)
    other = world.folder / "not-stamped"
    other.write_bytes(message.read_bytes() + b"\n")
    for name, authority in world.evidence.authorities.items():
        issuers = world.folder / f"{name}.issuers.pem"
        issuers.write_text("".join(authority.issuers))
        found = [token for token in tokens if verifies(message, token, issuers)]
        if len(found) != 1 or any(verifies(other, token, issuers) for token in tokens):
            raise Failed(f"{name}: {len(found)} of {len(tokens)} tokens verify")
    return f"a token each of {' and '.join(world.evidence.authorities)}; refused over other bytes"


def openssl_ts(world):
    """`openssl ts -verify`, with the certificates of the authority's issuers and nothing else."""
    openssl = world.tools["openssl"]

    def verifies(message, token, issuers):
        digest = hashlib.sha256(message.read_bytes()).hexdigest()
        said = run(openssl, "ts", "-verify", "-digest", digest, "-in", token, "-token_in", "-CAfile", issuers,
                   expect=None)
        return "Verification: OK" in said

    return each_authority(world, verifies)


def rfc3161_client(world):
    """PyPI's rfc3161-client, the same."""
    python = world.tools["python"]

    def verifies(message, token, issuers):
        said = run(python, world.here / "python" / "timestamp.py", message, token, issuers, expect=None)
        if said.strip() not in ("VERIFIED", "REFUSED"):
            raise Failed(said)
        return said.strip() == "VERIFIED"

    return each_authority(world, verifies)


def timestamp_server(world):
    """sigstore's authority: asked by the notary, and its token is one of those in the receipt."""
    evidence = world.evidence
    if "timestamp-server" in evidence.missing:
        raise evidence.missing["timestamp-server"]
    run(*evidence.notary.trialseal, "verify", evidence.all, "--trust", evidence.notary.dir / "timestamped.toml")
    stamped(world)
    return "stamped a checkpoint of the notary; the receipt verifies as timestamped"


def verify_md(world):
    """A bundle by its own VERIFY.md: sha256sum, xxd and openssl from the record to witnesses and tokens."""
    for name in ("openssl", "sha256sum", "xxd"):
        world.tools[name]
    evidence, bundle = world.evidence, world.folder / "bundle"
    notary = evidence.notary
    run(*notary.trialseal, "export", receipt_of(evidence.all)[0], "--format", "bundle", "--out", bundle, "--trust",
        notary.dir / "timestamped.toml")
    blocks = [block.split("```")[0] for block in (bundle / "VERIFY.md").read_text().split("```sh\n")[1:]]
    said = run("bash", "-eu", "-o", "pipefail", "-c", "".join(blocks), cwd=bundle)
    passed = said.count("PASSED")
    tokens, cosigned = said.count("PASSED  token-"), said.count(" cosigned at second ")
    if "FAILED" in said or "NOT PROVEN" in said or tokens != len(evidence.authorities) or cosigned < evidence.quorum - 1:
        raise Failed(said)
    return f"{passed} checks passed, {tokens} tokens and {cosigned} Ed25519 cosignatures among them"
