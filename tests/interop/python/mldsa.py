"""Checks an ML-DSA-44 signature with `cryptography`: mldsa.py KEY MESSAGE SIGNATURE, each in hex."""

import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

key, message, signature = map(bytes.fromhex, sys.argv[1:])
key = MLDSA44PublicKey.from_public_bytes(key)
key.verify(signature, message)
try:
    key.verify(signature, message + b"x")
except InvalidSignature:
    sys.exit()
sys.exit("a signature over another message verifies")
