#!/usr/bin/env python3
"""Makes the timestamp tokens of fixtures/ anew: authorities of OpenSSL's, and what is changed by hand.

    python3 make_fixtures.py          needs openssl 3; writes into fixtures/ beside this file

The tokens are committed, so genTime is fixed and tests are deterministic; run this only to add one. Keys and
certificates are for these tests and protect nothing. What each fixture shows, and what three verifiers say of it, is
in fixtures/expected.json, written by hand. sigstore.* are by the timestamp-server of github.com/sigstore/timestamp-authority
2.1.3 with its memory signer, and are not made here.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile

OUT = pathlib.Path(__file__).resolve().parent / "fixtures"
NONCE = 0x0102030405060708
POLICY = "1.3.6.1.4.1.55555.1"
SIGNERS = {  # name: (key, extended key usage, first and last day)
    "p256": ("EC:P-256", "critical,timeStamping", "20200101", "21200101"),
    "p384": ("EC:P-384", "critical,timeStamping", "20200101", "21200101"),
    "rsa3072": ("RSA:3072", "critical,timeStamping", "20200101", "21200101"),
    "rsa1024": ("RSA:1024", "critical,timeStamping", "20200101", "21200101"),
    "eku-not-critical": ("EC:P-256", "timeStamping", "20200101", "21200101"),
    "eku-and-another": ("EC:P-256", "critical,timeStamping,emailProtection", "20200101", "21200101"),
    "wrong-purpose": ("EC:P-256", "serverAuth", "20200101", "21200101"),
    "expired": ("EC:P-256", "critical,timeStamping", "20200101", "20210101"),
    "not-valid-yet": ("EC:P-256", "critical,timeStamping", "20900101", "21200101"),
}
CONFIG = """
[ca]
default_ca = ca_default
[ca_default]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[signer]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = {eku}
subjectKeyIdentifier = hash
[tsa]
default_tsa = tsa_default
[tsa_default]
serial = tsa-serial
signer_cert = {signer}.crt
signer_key = {signer}.key
default_policy = {policy}
digests = sha1, sha256, sha384, sha512
{settings}
"""


def openssl(*arguments, data=None):
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True)
    if done.returncode:
        raise SystemExit(f"openssl {' '.join(arguments)}: {done.stderr.decode()}")
    return done.stdout


def configure(signer="p256", eku="timeStamping", settings=""):
    if "signer_digest" not in settings:
        settings += "\nsigner_digest = sha256"
    text = CONFIG.format(eku=eku, signer=signer, policy=POLICY, settings=settings)
    pathlib.Path("openssl.cnf").write_text(text)


def new_key(name, kind):
    algorithm, size = kind.split(":")
    option = f"ec_paramgen_curve:{size}" if algorithm == "EC" else f"rsa_keygen_bits:{size}"
    openssl("genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", f"{name}.key")


def certify(name, extensions, first, last, issuer=None):
    """A certificate by `issuer`, or by itself."""
    openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN=test {name}", "-out", f"{name}.csr")
    by = ["-selfsign", "-keyfile", f"{name}.key"] if issuer is None else [
        "-cert", f"{issuer}.crt", "-keyfile", f"{issuer}.key"]
    openssl("ca", "-batch", "-notext", "-config", "openssl.cnf", "-extensions", extensions, "-in", f"{name}.csr",
            "-startdate", f"{first}000000Z", "-enddate", f"{last}000000Z", "-out", f"{name}.crt", *by)


# DER, as little as is needed.
def tlv(tag, contents):
    length = len(contents)
    if length < 128:
        return bytes([tag, length]) + contents
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + contents


def split(contents):
    """The fields of a structure: (tag, contents) each."""
    fields = []
    while contents:
        tag, length, start = contents[0], contents[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(contents[2:start], "big")
        fields.append((tag, contents[start:start + length]))
        contents = contents[start + length:]
    return fields


def join(fields):
    return b"".join(tlv(tag, contents) for tag, contents in fields)


def edit(token, change):
    """Takes the SignedData of a token apart, changes its fields, puts it together."""
    (_, content_info), = split(token)
    oid, (_, explicit) = split(content_info)
    (_, signed_data), = split(explicit)
    fields = split(signed_data)
    change(fields)
    return tlv(0x30, join([oid, (0xA0, tlv(0x30, join(fields)))]))


def place(fields, tag):
    return next(index for index, field in enumerate(fields) if field[0] == tag)


def query(digest, algorithm="sha256", certificates=True):
    oids = {"sha1": "06052b0e03021a", "sha256": "0609608648016503040201",
            "md5": "06082a864886f70d0205"}
    imprint = tlv(0x30, tlv(0x30, bytes.fromhex(oids[algorithm]) + b"\5\0") + tlv(4, digest))
    nonce = tlv(2, NONCE.to_bytes(8, "big"))
    return tlv(0x30, tlv(2, b"\1") + imprint + nonce + (b"\1\1\xff" if certificates else b""))


def reply(request, **configuration):
    configure(**configuration)
    pathlib.Path("query.tsq").write_bytes(request)
    openssl("ts", "-reply", "-config", "openssl.cnf", "-queryfile", "query.tsq", "-out", "reply.tsr")
    return pathlib.Path("reply.tsr").read_bytes()


def token_of(response):
    (_, contents), = split(response)
    fields = split(contents)
    if len(fields) < 2:
        raise SystemExit("refused: " + openssl("ts", "-reply", "-in", "reply.tsr", "-text").decode())
    return tlv(*fields[1])


def token(request, **configuration):
    return token_of(reply(request, **configuration))


def cms(signer, content, *options):
    """The same content in a token that `openssl cms` signs, which can do more than `openssl ts`."""
    pathlib.Path("content").write_bytes(content)
    openssl("cms", "-sign", "-binary", "-nodetach", "-cades", "-nosmimecap", "-md", "sha256",
            "-econtent_type", "1.2.840.113549.1.9.16.1.4", "-signer", f"{signer}.crt", "-inkey", f"{signer}.key",
            "-in", "content", "-outform", "DER", "-out", "cms.der", *options)
    return pathlib.Path("cms.der").read_bytes()


def content_of(token):
    """The TSTInfo."""
    found = []
    edit(token, lambda fields: found.append(fields[2][1]))
    (_, octets), = split(split(found[0])[1][1])
    return octets


def make_certificates():
    configure()
    pathlib.Path("index.txt").touch()
    pathlib.Path("serial").write_text("1000\n")
    pathlib.Path("tsa-serial").write_text("01\n")
    for name in ["root", "other-root"]:
        new_key(name, "EC:P-256")
        certify(name, "root", "20200101", "21200101")
    new_key("intermediate", "RSA:2048")
    certify("intermediate", "root", "20200101", "21200101", "root")
    for name, (kind, eku, first, last) in SIGNERS.items():
        configure(eku=eku)
        new_key(name, kind)
        certify(name, "signer", first, last, "root")
    configure(eku="critical,timeStamping")
    for name, issuer in [("below-intermediate", "intermediate"), ("other", "other-root")]:
        new_key(name, "EC:P-256")
        certify(name, "signer", "20200101", "21200101", issuer)


def write_tokens(digest):
    ask = query(digest)
    made = {name: token(ask, signer=name) for name in ["p256", "p384", "rsa3072", "rsa1024"]}
    good = made["p256"]
    for name in ["eku-not-critical", "eku-and-another", "wrong-purpose", "expired", "not-valid-yet"]:
        made[name] = cms(name, content_of(good))
    made["p384-sha512"] = token(ask, signer="p384", settings="signer_digest = sha512")
    made["rsa3072-sha384"] = token(ask, signer="rsa3072", settings="signer_digest = sha384")
    made["fraction"] = token(ask, settings="clock_precision_digits = 3\naccuracy = secs:1, millisecs:500")
    made["accuracy"] = token(ask, settings="accuracy = secs:2, millisecs:5, microsecs:1\nordering = yes")
    made["no-certificates"] = token(query(digest, certificates=False))
    made["ess-sha1"] = token(ask, settings="ess_cert_id_alg = sha1")
    made["ess-sha512"] = token(ask, settings="ess_cert_id_alg = sha512")
    made["sha1-signature"] = token(ask, settings="signer_digest = sha1")
    made["sha1-imprint"] = token(query(digest[:20], "sha1"))
    made["wrong-imprint"] = token(query(bytes(32)))
    made["other-authority"] = token(ask, signer="other")
    shutil.copy("intermediate.crt", "chain.pem")
    # As OpenSSL writes it, which is not the order of DER.
    made["unsorted-certificates"] = token(ask, signer="below-intermediate", settings="certs = chain.pem")
    made["intermediate"] = edit(made["unsorted-certificates"], sort_certificates)
    if made["intermediate"] == made["unsorted-certificates"]:
        raise SystemExit("the certificates are sorted already; make anew")
    made["rsa3072-pss"] = cms("rsa3072", content_of(good), "-keyopt", "rsa_padding_mode:pss", "-keyopt",
                              "rsa_pss_saltlen:digest", "-keyopt", "rsa_mgf1_md:sha256")
    made["key-identifier"] = cms("p256", content_of(good), "-keyid")
    made["flipped-byte"] = good[:-8] + bytes([good[-8] ^ 1]) + good[-7:]
    made["trailing-byte"] = good + b"\0"
    made["two-signers"] = edit(good, two_signers)
    made["no-signer"] = edit(good, lambda fields: fields.__setitem__(-1, (0x31, b"")))
    made["unsigned-attributes"] = edit(good, add_unsigned_attributes)
    made["no-signed-attributes"] = edit(good, drop_signed_attributes)
    for name, der in made.items():
        (OUT / f"{name}.tst").write_bytes(der)
    (OUT / "granted.tsr").write_bytes(reply(ask))
    (OUT / "rejected.tsr").write_bytes(reply(query(digest, "md5")))


def two_signers(fields):
    fields[-1] = (0x31, fields[-1][1] * 2)


def drop_signed_attributes(fields):
    (_, signer), = split(fields[-1][1])
    fields[-1] = (0x31, tlv(0x30, join(field for field in split(signer) if field[0] != 0xA0)))


def sort_certificates(fields):
    index = place(fields, 0xA0)
    certificates = split(fields[index][1])
    certificates.sort(key=lambda field: tlv(*field))
    fields[index] = (0xA0, join(certificates))


def add_unsigned_attributes(fields):
    """Two, in descending order, one of them with two values in descending order."""
    attribute = lambda oid, *values: (0x30, tlv(6, oid) + tlv(0x31, b"".join(values)))
    both = [attribute(bytes.fromhex("2b0601040183b2032a"), tlv(4, b"zz"), tlv(4, b"a")),
            attribute(bytes.fromhex("2b0601040183b20301"), tlv(5, b""))]
    (_, signer), = split(fields[-1][1])
    fields[-1] = (0x31, tlv(0x30, signer + tlv(0xA1, join(both))))


def main():
    OUT.mkdir(exist_ok=True)
    stamped = (OUT / "stamped.txt").read_bytes()
    digest = openssl("dgst", "-sha256", "-binary", data=stamped)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_certificates()
        write_tokens(digest)
        for name in ["root.crt", "other-root.crt", "p256.crt", "p256.key", "other.crt", "other.key"]:
            shutil.copyfile(name, OUT / name.replace(".crt", ".pem"))
        os.chdir("/")


if __name__ == "__main__":
    main()
