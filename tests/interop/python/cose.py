"""Verifies a COSE receipt with scitt-cose: cose.py RECEIPT KEYS_URL ENTRY_HEX."""

import sys
from pathlib import Path
from urllib.request import urlopen

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from scitt_cose import verify_receipt

receipt, entry = Path(sys.argv[1]).read_bytes(), sys.argv[3]
# A COSE key set (RFC 9052): octet key pairs (1: 1) on Ed25519 (-1: 6), the public key under -2.
keys = [key for key in cbor2.loads(urlopen(sys.argv[2]).read()) if (key[1], key[-1]) == (1, 6)]
pems = [Ed25519PublicKey.from_public_bytes(key[-2]).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for key in keys]
found = [verify_receipt(receipt, leaf_entry_hex=entry, log_public_key_pem=pem.decode()) for pem in pems]
good = [each for each in found if each.ok]
if not good:
    sys.exit(f"{len(pems)} keys: {[each.errors for each in found]}")
other = entry[:-2] + format(int(entry[-2:], 16) ^ 1, "02x")
if any(verify_receipt(receipt, leaf_entry_hex=other, log_public_key_pem=pem.decode()).ok for pem in pems):
    sys.exit("another entry verifies")
print(f"leaf {good[0].leaf_index} of {good[0].tree_size}; refused for another entry")
