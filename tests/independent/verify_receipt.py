#!/usr/bin/env python3
"""Verifies Trialseal receipts offline. Written from docs/formats.md alone; shares no code with the project.
verify_receipt.py --log-pub log.pub [--file FILE [--item-path PATH]] RECEIPT... | --folder DIR (FILE and FILE.receipt.json beside it)
One line a receipt: PASSED, FAILED step: why, or INDETERMINATE step: why. Exit 0 only if all PASSED. Drafts are accepted.
Not done: witness quorum, timestamp tokens, validity of keys. Needs Python 3.11 and `cryptography` 50."""
import argparse, base64, datetime, hashlib, json, os, re, sys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
MAX_INT, P25519, L25519 = 2**53 - 1, 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
SMALL_ORDER_Y = {0, 1, P25519 - 1, Y8, P25519 - Y8}  # y of the eight points of small order
BAD_IN_PATH = re.compile("[\x00-\x1f\x7f-\x9f\\\\:\u200e\u200f\u202a-\u202e\u2066-\u2069]")
class NotChecked(Exception): pass  # and whatever fails is a ValueError or an InvalidSignature
def need(ok, why):
    if not ok: raise ValueError(why)
    return True
def sha256(*parts): return hashlib.sha256(b"".join(parts)).digest()
def node(left, right): return sha256(b"\x01", left, right)
def salted(tag, salt, data): return sha256(b"\x00", bytes([len(tag)]), tag.encode(), salt, data)
def dehex(text, length=32):
    need(isinstance(text, str) and re.fullmatch("[0-9a-f]{%d}" % (2 * length), text), "not %d bytes of lower-case hex" % length)
    return bytes.fromhex(text)
def unb64(text, length=None):
    raw = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    need(base64.b64encode(raw).decode() == text and length in (None, len(raw)), "base64 not canonical or of the wrong length")
    return raw
def instant(text):  # in milliseconds
    need(isinstance(text, str) and re.fullmatch(r"[0-9-]{10}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{3})?Z", text), "not an instant")
    return int(datetime.datetime.fromisoformat(text[:19] + "+00:00").timestamp()) * 1000 + int(text[20:-1] or 0)
def strict_json(text, longest_string=None):
    def pairs(found): return dict(found) if len({key for key, _ in found}) == len(found) else need(False, "a JSON key stands twice")
    def integer(digits): return int(digits) if digits != "-0" and abs(int(digits)) <= MAX_INT else need(False, "a JSON number out of range")
    def walk(value, depth):
        need(depth <= 8, "JSON deeper than 8")
        if isinstance(value, str):
            need(not re.search("[\x00\ud800-\udfff]", value), "U+0000 or a lone surrogate in JSON")
            need(longest_string is None or len(value.encode()) <= longest_string, "a string is too long")
        for inner in [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []: walk(inner, depth + 1)
    value = json.loads(text, object_pairs_hook=pairs, parse_int=integer, parse_float=integer, parse_constant=integer)
    need(isinstance(value, dict), "no JSON object at the top")
    walk(value, 1)
    return value
def parse_note(note):  # signed note -> text, [(name, key id, rest of the blob)]
    need(len(note.encode()) <= 256 * 1024 and note.endswith("\n") and not re.search("[\x00-\x09\x0b-\x1f]", note), "not a signed note")
    split, signatures, lines = note.rfind("\n\n"), [], note[note.rfind("\n\n") + 2:-1].split("\n")
    need(split > 0 and len(lines) <= 64 and all(len(line.encode()) <= 8192 for line in lines), "malformed signed note")
    for found in (re.fullmatch("\u2014 ([^\\s+]+) (\\S+)", line) for line in lines):
        need(found and len(found[1].encode()) <= 255 and len(unb64(found[2])) > 4, "malformed signature line")
        signatures.append((found[1], unb64(found[2])[:4], unb64(found[2])[4:]))
    return note[:split + 1], signatures
def parse_vkey(vkey, kind):  # -> name, key id, public key
    found = isinstance(vkey, str) and re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)", vkey)
    key = unb64(found and len(found[1].encode()) <= 255 and found[3], {1: 33, 6: 1313}[kind])
    need(key[0] == kind and sha256(found[1].encode(), b"\n", key)[:4].hex() == found[2] and
         (kind == 6 or strict_point(key[1:])), "not a key of type %d with its own ID" % kind)
    return found[1], bytes.fromhex(found[2]), key[1:]
def strict_point(encoded):
    return need((y := int.from_bytes(encoded, "little") & ~(1 << 255)) < P25519 and y not in SMALL_ORDER_Y, "Ed25519 point weak or not canonical")
def signed_ed25519(key, signature, text):  # OpenSSL recomputes R and compares; the rest of "strict" is here
    need(len(signature) == 64 and int.from_bytes(signature[32:], "little") < L25519 and strict_point(signature[:32]), "malformed Ed25519 signature")
    Ed25519PublicKey.from_public_bytes(key).verify(signature, text.encode())
def signed_mldsa(name, key, blob, origin, size, root):  # -> time of the cosignature in seconds
    need(len(blob) == 8 + 2420 and 0 < int.from_bytes(blob[:8], "big") < 2**63, "malformed ML-DSA-44 cosignature")
    name, origin = (bytes([len(part.encode())]) + part.encode() for part in (name, origin))
    message = b"subtree/v1\n\0" + name + blob[:8] + origin + bytes(8) + size.to_bytes(8, "big") + root
    MLDSA44PublicKey.from_public_bytes(key).verify(blob[8:], message)
    return int.from_bytes(blob[:8], "big")
def root_from_path(leaf, index, size, path):  # RFC 9162, 2.1.3.2
    need(index < size and len(path) <= 63, "index not below the tree size, or too long a path")
    first, last, root = index, size - 1, leaf
    for sibling in path:
        need(last > 0, "a hash is left over")
        root = node(sibling, root) if first & 1 or first == last else node(root, sibling)
        while first == last and not first & 1 and first: first, last = first >> 1, last >> 1
        first, last = first >> 1, last >> 1
    need(last == 0, "a hash is missing")
    return root
def tree_root(all): return all[0] if len(all) == 1 else tree_root([node(*all[i:i + 2]) if i + 1 < len(all) else all[i] for i in range(0, len(all), 2)])
def step_parse(data):
    receipt = strict_json(data.decode("utf-8"))
    need(len(data) <= (64 if "manifest" in receipt else 1) << 20 and receipt.get("format") == "trialseal-receipt/v1", "too large or unknown format")
    record, submission, evidence = receipt.get("record"), receipt.get("submission", 0), receipt.get("evidence")
    for name in ("what", "who", "why", "when"):
        part = record.get(name) if isinstance(record, dict) else None
        need(isinstance(part, dict) and (set(part) == {"salt", "text"} or set(part) == {"withheld"} and name != "when"), "malformed part " + name)
        if "withheld" in part: part["leaf"] = dehex(part["withheld"])
        else:
            need(isinstance(part["text"], str) and len(part["text"].encode()) <= 4000, "too long or not text: " + name)
            part["leaf"] = salted("trialseal/%s/v1" % name, unb64(part["salt"], 32), part["text"].encode())
            part["json"] = strict_json(part["text"], 1024) if part["text"] or name != "why" else {}
    need(submission is None or isinstance(submission, dict) and
         (set(submission) == {"note"} or set(submission) == {"withheld"} and dehex(submission["withheld"])), "malformed submission")
    need(not (submission and "note" in submission and "withheld" in record["who"]), "a note beside a withheld who")
    need(isinstance(evidence, list) and 1 <= len(evidence) <= 16, "not 1 to 16 evidence elements")
    for stamps in (e.get("timestamps", []) if isinstance(e, dict) and isinstance(e.get("proof"), str) else None for e in evidence):
        need(isinstance(stamps, list) and len(stamps) <= 16 and all(isinstance(t, dict) and
             (t.get("type") != "rfc3161" or len(unb64(t.get("token"))) <= 65536) for t in stamps), "malformed evidence")
    manifest = receipt.get("manifest", {"items": []})
    need(isinstance(manifest, dict) and set(manifest) in ({"items"}, {"item", "index", "count", "path"}), "malformed manifest")
    return receipt
def step_record(record, when):
    for key in ("register", "class", "event"):
        need(isinstance(when.get(key), str) and record["what"].get("json", when).get(key) == when[key], "what and when differ in " + key)
def step_submission(submission, record, when):
    who = record["who"].get("json")
    need((submission is None) == ("submission" not in when), "a note without when.submission, or the reverse")
    if submission is None: return need(who is None or set(who) == {"organization", "member"}, "the who of a draft has other keys")
    note, stated = submission.get("note"), submission.get("withheld")
    need((stated or isinstance(note, str) and sha256(note.encode()).hex()) == when["submission"], "not the hash in when.submission")
    if stated: raise NotChecked("the submission is withheld")
    (text, signatures), lines = parse_note(note), note[:note.rfind("\n\n") + 1].split("\n")
    need(len(lines) == 8 and lines[:2] == ["trialseal/submission/v1", when.get("log")], "not a submission to this log")
    need(instant(when.get("received_at")) <= instant(lines[2]) and dehex(lines[3]), "received after not-after")
    need(lines[4:7] == [record[name]["leaf"].hex() for name in ("what", "who", "why")], "signed other parts")
    name, key_id, key = parse_vkey(who.get("key"), 1)
    need(name == "%s/%s" % (who.get("organization"), who.get("member")), "the key is another member's")
    need(len(signatures) == 1 and signatures[0][:2] == (name, key_id), "not one signature by who.key")
    signed_ed25519(key, signatures[0][2], text)
def step_inclusion(element, when, record, checkpoints):
    head, empty_line, note = element["proof"].partition("\n\n")
    found = re.fullmatch(r"c2sp\.org/tlog-proof@v1\n(?:extra (.*)\n)?index (0|[1-9][0-9]{0,15})((?:\n.*)*)", head)
    need(found and empty_line and (found[1] is None or unb64(found[1]) is not None), "not a tlog-proof")
    path, (text, signatures) = [unb64(line, 32) for line in found[3].split("\n")[1:]], parse_note(note)
    checkpoint = re.fullmatch(r"(.+)\n(0|[1-9][0-9]{0,15})\n(.+)\n", text)
    need(checkpoint and int(checkpoint[2]) <= MAX_INT, "not a checkpoint of three lines")
    origin, size, root = checkpoint[1], int(checkpoint[2]), unb64(checkpoint[3], 32)
    checkpoints.append((text, signatures, origin, size, root))  # all that the step `log` needs
    need(type(when.get("index")) is int and int(found[2]) == when["index"], "index is not when.index")
    record_root = tree_root([record[name]["leaf"] for name in ("what", "who", "why", "when")])
    need(root_from_path(sha256(b"\x00\x01", record_root), when["index"], size, path) == root, "the path does not lead to the checkpoint's root")
def step_log(text, signatures, origin, size, root, when, log):
    need(origin == when.get("log") == log[0][0] == log[1][0], "another log than the trusted one")
    lines = [[line[2] for line in signatures if line[:2] == key[:2]] for key in log]
    need(len(lines[0]) == len(lines[1]) == 1, "not exactly one line of each log key")
    signed_ed25519(log[0][2], lines[0][0], text)
    need(instant(when.get("received_at")) <= 1000 * (1 + signed_mldsa(origin, log[1][2], lines[1][0], origin, size, root)), "sealed before it was received")
def open_item(opened):  # -> item, leaf
    need(isinstance(opened, dict) and isinstance(opened.get("text"), str) and len(opened["text"].encode()) <= 4000, "malformed item")
    item = strict_json(opened["text"], 1024)
    path = item["path"] if isinstance(item.get("path"), str) else ""
    need(len(path.encode()) <= 1024 and not BAD_IN_PATH.search(path) and
         all(segment not in ("", ".", "..") and len(segment.encode()) <= 255 for segment in path.split("/")), "bad path")
    content = item.get("content", {"digest": "", "method": ""})
    need(isinstance(content, dict) and all(isinstance(content.get(key), str) for key in ("digest", "method")) and
         item.get("as", "log") in ("input", "program", "environment", "log", "output", "document") and
         type(item.get("size")) is int and item["size"] >= 0 and dehex(item.get("sha256")) and dehex(item.get("sha512", "00" * 64), 64), "bad item")
    return item, salted("trialseal/item/v1", unb64(opened.get("salt"), 32), opened["text"].encode())
def digest(file, kind): return hashlib.file_digest(open(file, "rb"), kind).hexdigest()
def step_file(manifest, what, file, item_path):
    if manifest is None and not (file and (os.path.exists(file) or "manifest" in (what or {}))): return
    if manifest is None: raise NotChecked("there is no manifest to compare the file with")
    many = manifest.get("items", [manifest.get("item")])
    need(isinstance(many, list) and 1 <= len(many) <= 100000, "not 1 to 100,000 items")
    opened, index, count, path = [open_item(one) for one in many], manifest.get("index", 0), manifest.get("count", len(many)), manifest.get("path", [])
    need(all(a[0]["path"].encode() < b[0]["path"].encode() for a, b in zip(opened, opened[1:])), "items not in the order of their paths")
    need(type(count) is type(index) is int and 0 <= index < count <= 100000 and isinstance(path, list), "malformed opening")
    root = tree_root([l for _, l in opened]) if "items" in manifest else root_from_path(opened[0][1], index, count, [dehex(h) for h in path])
    if what is None and file: raise NotChecked("what is withheld")
    if what is None: return
    stated = what.get("manifest") if isinstance(what.get("manifest"), dict) else {}
    need(stated.get("items") == count and dehex(stated.get("root")) == root, "the manifest does not lead to what.manifest")
    if not file: return
    need(os.path.exists(file), "MISSING: " + file)
    items, short, long, size = [item for item, _ in opened], digest(file, "sha256"), digest(file, "sha512"), os.path.getsize(file)
    chosen = [item for item in items if (item["path"] == item_path if item_path else (item["sha256"], item["size"]) == (short, size))]
    if not item_path: chosen = chosen or count == 1 and items or [i for i in items if i["path"].split("/")[-1] == os.path.basename(file)]
    if not chosen: raise NotChecked("no item for this file is shown")
    need((chosen[0]["sha256"], chosen[0].get("sha512", long), chosen[0]["size"]) == (short, long, size), "ALTERED: " + file)
def verify(data, log, file=None, item_path=None):  # -> [(step, FAILED | INDETERMINATE, why)], empty if PASSED
    found, checkpoints = [], []
    def run(step, *arguments):
        try: return globals()["step_" + step](*arguments)
        except (ValueError, InvalidSignature, RecursionError) as why: found.append((step, "FAILED", str(why) or "a signature does not verify"))
        except NotChecked as why: found.append((step, "INDETERMINATE", why))
    receipt = run("parse", data)
    if not receipt: return found
    run("record", record := receipt["record"], when := receipt["record"]["when"]["json"])
    run("submission", receipt["submission"], record, when)
    for element in receipt["evidence"]: run("inclusion", element, when, record, checkpoints)
    for checkpoint in checkpoints: run("log", *checkpoint, when, log)
    run("file", receipt.get("manifest"), record["what"].get("json"), file, item_path)
    return found
def load_log(path): return [parse_vkey(line, kind) for line, kind in zip(open(path, encoding="ascii").read().split(), (1, 6), strict=True)]
def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--log-pub", "--file", "--item-path", "--folder"): arguments.add_argument(name, required=name == "--log-pub")
    arguments.add_argument("receipts", nargs="*")
    given, end, bad = arguments.parse_args(), ".receipt.json", 0
    jobs, log = [(path, given.file) for path in given.receipts], load_log(given.log_pub)
    for folder, _, names in os.walk(given.folder or os.devnull):
        jobs += [(os.path.join(folder, name), os.path.join(folder, name[:-len(end)])) for name in sorted(names) if name.endswith(end)]
    for path, file in jobs:
        found = verify(open(path, "rb").read(), log, file, given.item_path)
        worst = ["FAILED %s: %s" % (step, why) for step, state, why in found if state == "FAILED"]
        print("%s: %s" % (path, "; ".join(worst or ["INDETERMINATE %s: %s" % (step, why) for step, _, why in found]) or "PASSED"))
        bad += bool(found)
    return 1 if bad or not jobs else 0
if __name__ == "__main__": sys.exit(main())
