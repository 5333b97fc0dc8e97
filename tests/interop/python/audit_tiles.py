"""Every tile and entry bundle of a log, with aics-tlog: audit_tiles.py URL VKEY_FILE."""

import sys
from pathlib import Path
from urllib.request import urlopen

from aics_tlog import HttpTileReader, audit_tiles, parse_note, parse_vkey, verify_checkpoint

url, vkey = sys.argv[1], Path(sys.argv[2]).read_text()
found = verify_checkpoint(parse_note(urlopen(url + "checkpoint").read()), parse_vkey(vkey))
if not found.ok:
    sys.exit(f"the checkpoint: {found}")
report = audit_tiles(HttpTileReader(url, proxies={}), found.size, found.root)
print(f"{report.tiles} tiles and {report.bundles} bundles of {report.size} entries")
