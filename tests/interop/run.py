#!/usr/bin/env python3
"""Programs that others wrote, against a notary of this tree: run.py --bin DIR [--target DIR] [NAME...]

Each is installed below the target folder, in its pinned version, from its public registry. One line a program:
RAN and what was checked, FAILED and why, or NOT RUN and why. What cannot be installed is named and counted, never
skipped in silence. Exit 0 only if nothing failed and at least ten programs ran.
"""

import argparse
import signal
import sys
import tempfile
import time
import traceback
from functools import cached_property
from pathlib import Path

sys.dont_write_bytecode = True

import api
import cose
import evidence
import signatures
import stamps
import tiles
import witnesses
from install import HERE, Missing, Tools
from notary import Notary
from processes import Children, Failed

LEAST = 10  # programs that must run

CHECKS = {
    "tessera fsck": tiles.tessera_fsck,
    "tessera hammer": tiles.tessera_hammer,
    "Go sumdb/note, transparency-dev": tiles.go_reference,
    "aics-tlog": tiles.aics_tlog,
    "grpcurl": api.grpcurl,
    "OpenTelemetry Collector": api.opentelemetry_collector,
    "cryptography": signatures.cryptography,
    "@noble/post-quantum": signatures.noble_post_quantum,
    "sha256sum": signatures.sha256sum,
    "scitt-cose": cose.scitt_cose,
    "aics-witness client": witnesses.our_own,
    **{name: evidence.witness(name) for name in evidence.WITNESSES},
    "timestamp-server": stamps.timestamp_server,
    "openssl ts": stamps.openssl_ts,
    "rfc3161-client": stamps.rfc3161_client,
    "openssl, sha256sum by VERIFY.md": stamps.verify_md,
}


class World:
    """What the checks share: the tools, a temporary folder, a live notary with some records, an older checkpoint."""

    def __init__(self, folder, bin, tools, children):
        self.folder, self.bin, self.tools, self.children, self.here = folder, bin, tools, children, HERE
        self.notary = Notary(folder / "log", bin, children)
        self.notary.start()
        self.files = self.notary.submit(40, "early")
        self.older = self.notary.checkpoint()
        # More than two full tiles, and a third that grows.
        self.files += self.notary.submit(500, "more")

    @cached_property
    def scenario(self):
        try:
            return evidence.Evidence(self)
        except Exception as why:
            return why

    @property
    def evidence(self):
        """A notary with third-party witnesses and timestamp authorities, made once; if that failed, why."""
        if isinstance(self.scenario, Exception):
            raise self.scenario
        return self.scenario


def check(name, program, world):
    """RAN, FAILED or NOT RUN, with its line printed."""
    began = time.monotonic()
    try:
        result, text = "RAN", program(world)
    except Missing as why:
        result, text = "NOT RUN", str(why)
    except Exception as why:  # whatever happens in one program is that program's result
        detail = str(why) if isinstance(why, Failed) else traceback.format_exc()
        result, text = "FAILED", "\n" + detail[-6000:]
    print(f"{result:8} {name}: {text} ({time.monotonic() - began:.1f} s)", flush=True)
    return result


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", type=Path, required=True, help="where trialseal and trialseal-server are")
    arguments.add_argument("--target", type=Path, default=Path("target/interop"), help="where programs are installed")
    arguments.add_argument("names", nargs="*", help="only the programs whose names begin like this")
    given = arguments.parse_args()
    # So that nothing is left behind by whoever loses patience.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    tools = Tools(given.target.resolve())
    print("Installing", flush=True)
    tools.install_all()
    print(f"Installed in {time.monotonic() - began:.0f} s", flush=True)
    chosen = {name: program for name, program in CHECKS.items()
              if not given.names or any(name.startswith(start) for start in given.names)}
    results = {}
    with tempfile.TemporaryDirectory(prefix="trialseal-interop-") as folder:
        children = Children(Path(folder))
        try:
            world = World(Path(folder), given.bin.resolve(), tools, children)
            for name, program in chosen.items():
                results[name] = check(name, program, world)
            if "FAILED" in results.values():
                print(f"What the programs in the background said last:\n{children.tails()}")
        finally:
            children.stop_all()
    by = {kind: [name for name, result in results.items() if result == kind] for kind in ("RAN", "FAILED", "NOT RUN")}
    print("; ".join(f"{kind} {len(names)}" + (f": {', '.join(names)}" if names and kind != "RAN" else "")
                    for kind, names in by.items()) + f" ({time.monotonic() - began:.0f} s)")
    if not given.names and len(by["RAN"]) < LEAST:
        print(f"FAILED: fewer than {LEAST} programs ran")
        return 1
    return 1 if by["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())
