"""What OpenSSL and rfc3161-client say of the timestamp tokens that our own tests judge.

The verdicts stand in sdk/core/tests/timestamps/fixtures/expected.json; cargo's test `timestamps` compares ours with the
same file. Where another verifier differs from ours, the file says why. What is not installed is NOT RUN, by name."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timezone

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "sdk/core/tests/timestamps/fixtures"


def gen_time(token):
    """Seconds since 1970. The first GeneralizedTime of a token is genTime: its content comes before certificates."""
    text = re.search(rb"\x18[\x0f-\x1a](\d{14})(?:\.\d+)?Z", token).group(1).decode()
    return int(datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc).timestamp())


def by_openssl(path, roots):
    with tempfile.NamedTemporaryFile() as pinned:
        pinned.write(b"".join(roots))
        pinned.flush()
        command = ["openssl", "ts", "-verify", "-data", FIXTURES / "stamped.txt", "-in", path, "-token_in",
                   "-CAfile", pinned.name, "-attime", str(gen_time(path.read_bytes()))]
        done = subprocess.run(command, capture_output=True)
    return "valid" if done.returncode == 0 and b"Verification: OK" in done.stdout + done.stderr else "invalid"


def by_rfc3161_client(path, roots):
    import cryptography.x509
    from rfc3161_client import VerifierBuilder, decode_timestamp_response
    body = bytes.fromhex("3003020100") + path.read_bytes()  # the status granted
    answer = b"\x30\x82" + len(body).to_bytes(2, "big") + body
    roots = [cryptography.x509.load_pem_x509_certificate(root) for root in roots]
    try:
        verifier = VerifierBuilder(roots=roots).build()
        verifier.verify_message(decode_timestamp_response(answer), (FIXTURES / "stamped.txt").read_bytes())
    except BaseException as error:  # a panic of its Rust part is no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return "invalid"
    return "valid"


def verifiers():
    found = {}
    if shutil.which("openssl"):
        found["openssl"] = by_openssl
    else:
        print("NOT RUN: timestamps by openssl: it is not installed")
    try:
        import rfc3161_client
        found["rfc3161-client"] = by_rfc3161_client
    except ImportError:
        print("NOT RUN: timestamps by rfc3161-client: it is not installed")
    return found


def main():
    expected = json.loads((FIXTURES / "expected.json").read_text())
    wrong, compared, explained = [], 0, set()
    for name, verify in verifiers().items():
        for token, verdicts in expected.items():
            roots = [(FIXTURES / root).read_bytes() for root in verdicts.get("roots", ["root.pem"])]
            verdict = verify(FIXTURES / token, roots)
            compared += 1
            ours = "valid" if verdicts["ours"] == "valid" else "invalid"
            if verdict != verdicts[name]:
                wrong.append(f"{token}: {name} says {verdict}, expected is {verdicts[name]}")
            elif verdict != ours:
                if name not in verdicts.get("why", {}):
                    wrong.append(f"{token}: {name} says {verdict}, we say {ours}, and no reason is written down")
                explained.add(f"{token} ({name} says {verdict}: {verdicts.get('why', {}).get(name)})")
    for line in wrong:
        print(line)
    print(f"{compared} verdicts on {len(expected)} timestamp tokens; {len(wrong)} wrong; where others differ from us:")
    for line in sorted(explained):
        print(f"  {line}")
    return 1 if wrong or not compared and verifiers() else 0


if __name__ == "__main__":
    sys.exit(main())
