"""Feeds a log to a witness with aics-witness's client: feed.py WITNESS_URL WITNESS_VKEY LOG_URL LOG_VKEY OLDER_NOTE.

The older checkpoint first; the newest with a proof that is wrong, which must be refused; the newest with one from the
log's tiles; the older one again, which must be refused.
"""

import sys
from pathlib import Path
from urllib.request import urlopen

from aics_tlog import HttpTileReader, consistency_proof_from_tiles, parse_note, parse_vkey, verify_checkpoint
from aics_tlog.checkpoint import checkpoint_from_note
from aics_witness.feeder import WitnessAhead, WitnessClient, WitnessRejected, merge_cosignatures

witness, witness_vkey, log, log_vkey = sys.argv[1:5]
older, newest = Path(sys.argv[5]).read_bytes(), urlopen(log + "checkpoint").read()
older_size, size = (checkpoint_from_note(note)[0].size for note in (older, newest))
reader = HttpTileReader(log, proxies={})
client = WitnessClient(witness, witness_vkey, max_attempts=1)


def proof(old, new):
    return consistency_proof_from_tiles(reader, old, new, size)


def wrong(old, new):
    first, *rest = proof(old, new)
    return [bytes(byte ^ 1 for byte in first), *rest]


def feed(note):
    cosigned = merge_cosignatures(note, client.submit(note, proof))
    found = verify_checkpoint(parse_note(cosigned), parse_vkey(log_vkey), [parse_vkey(witness_vkey)], 1)
    if not found.ok:
        sys.exit(f"the cosigned checkpoint: {found}")


feed(older)
try:
    client.submit(newest, wrong)
    sys.exit("a wrong proof is accepted")
except WitnessRejected as refused:
    if refused.status != 422:
        raise
feed(newest)
try:
    client.submit(older, proof)
    sys.exit("the witness goes back")
except WitnessAhead:
    pass
print(f"cosigned sizes {older_size} and {size}; refused a wrong proof and going back")
