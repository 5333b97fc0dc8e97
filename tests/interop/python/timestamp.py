"""Verifies a timestamp token with rfc3161-client: timestamp.py MESSAGE TOKEN ISSUERS, the root last.

Says VERIFIED or REFUSED.
"""

import sys
from pathlib import Path

from cryptography import x509
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

message, token, issuers = (Path(argument).read_bytes() for argument in sys.argv[1:])
# The client reads whole responses: a sequence of the status "granted" and the token.
body = bytes.fromhex("3003020100") + token
response = decode_timestamp_response(b"\x30\x82" + len(body).to_bytes(2, "big") + body)
*intermediates, root = x509.load_pem_x509_certificates(issuers)
builder = VerifierBuilder().add_root_certificate(root)
for certificate in intermediates:
    builder = builder.add_intermediate_certificate(certificate)
try:
    print("VERIFIED" if builder.build().verify_message(response, message) else "REFUSED")
except VerificationError:
    print("REFUSED")
