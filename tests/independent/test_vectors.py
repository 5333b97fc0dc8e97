#!/usr/bin/env python3
"""Runs verify_receipt.py over the shared receipt vectors: test_vectors.py [FOLDER OF shared]. Exit 0 if all agree."""
import json, os, sys

sys.dont_write_bytecode = True

from verify_receipt import load_log, verify  # noqa: E402


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    shared = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "..", "..", "shared")
    vectors, file = os.path.join(shared, "vectors"), os.path.join(shared, "data", "datasets", "adsl.xpt")
    if not os.path.isfile(os.path.join(vectors, "expected.json")) or not os.path.isfile(file):
        print("NOT RUN: independent verifier on the vectors (82 cases): %s is missing" % shared)
        return 0
    with open(os.path.join(vectors, "expected.json")) as stream:
        expected = json.load(stream)
    log, wrong = load_log(os.path.join(vectors, "log.pub")), 0
    for name, wanted in sorted(expected.items()):
        with open(os.path.join(vectors, name), "rb") as stream:
            found = verify(stream.read(), log, file)
        failed = sorted({step for step, state, _ in found if state == "FAILED"})
        got = ",".join(failed) or ("INDETERMINATE" if found else "PASSED")
        if got != wanted and wanted not in failed:  # one change may break a later step as well
            wrong += 1
            print("%s: expected %s, got %s %s" % (name, wanted, got, [str(one[2]) for one in found]))
    print("%d vectors, %d disagree" % (len(expected), wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
