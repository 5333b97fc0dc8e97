//! An authority in a few lines, to make tokens with any time over anything: good ones, and ones that no
//! program makes.

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use trialseal_core::encoding::base64_decode;
use trialseal_core::hash::{Hash, sha256};
use trialseal_core::time::Instant;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/timestamps/fixtures");

const SHA256: &[u8] = &[
    0x30, 0x0d, 0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 0x05, 0,
];
const ECDSA_WITH_SHA256: &[u8] = &[0x30, 0x0a, 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const SIGNED_DATA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
const TST_INFO: &[u8] = &[0x06, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 4];
const CONTENT_TYPE: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3];
const MESSAGE_DIGEST: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
const SIGNING_CERTIFICATE_V2: &[u8] = &[0x06, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 2, 47];
/// 1.3.6.1.4.1.55555.1
const POLICY: &[u8] = &[0x06, 9, 0x2b, 6, 1, 4, 1, 0x83, 0xb2, 0x03, 1];

pub(crate) fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut bytes = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    bytes.extend_from_slice(contents);
    bytes
}

/// What a token says, beside its content.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    /// `p256`, below `root.pem`, or `other`, below `other-root.pem`.
    pub(crate) signer: &'static str,
    /// genTime as it is spelled, e.g. `20300101000020Z`.
    pub(crate) gen_time: String,
    /// What stands after the accuracy: nonce, name of the authority, extensions.
    pub(crate) rest: Vec<u8>,
    /// contentType, in DER.
    pub(crate) content_type: Vec<u8>,
    /// What stands behind the signer's certificate.
    pub(crate) certificates: Vec<u8>,
}

impl Stamp {
    pub(crate) fn at(signer: &'static str, time: Instant) -> Self {
        Self {
            signer,
            gen_time: time.to_string().replace(['-', ':', 'T'], ""),
            rest: Vec::new(),
            content_type: TST_INFO.to_vec(),
            certificates: Vec::new(),
        }
    }

    pub(crate) fn content(&self, imprint: &Hash) -> Vec<u8> {
        let imprint = tlv(0x30, &[SHA256, &tlv(0x04, imprint.as_bytes())].concat());
        let serial = tlv(0x02, &[7]);
        let gen_time = tlv(0x18, self.gen_time.as_bytes());
        // An accuracy of a second.
        let accuracy = tlv(0x30, &tlv(0x02, &[1]));
        let fields = [
            &tlv(0x02, &[1])[..],
            POLICY,
            &imprint,
            &serial,
            &gen_time,
            &accuracy,
            &self.rest,
        ];
        tlv(0x30, &fields.concat())
    }

    /// A token over the imprint.
    pub(crate) fn token(&self, imprint: &Hash) -> Vec<u8> {
        self.token_of(&self.content(imprint))
    }

    pub(crate) fn token_of(&self, content: &[u8]) -> Vec<u8> {
        let certificate = pem(&format!("{}.pem", self.signer));
        let read = Certificate::from_der(&certificate).unwrap();
        let read = read.tbs_certificate();
        let id = tlv(
            0x30,
            &[
                read.issuer().to_der().unwrap(),
                read.serial_number().to_der().unwrap(),
            ]
            .concat(),
        );
        let ess = tlv(
            0x30,
            &tlv(0x30, &tlv(0x30, &tlv(0x04, sha256(&certificate).as_bytes()))),
        );
        let attributes = [
            attribute(CONTENT_TYPE, &self.content_type),
            attribute(MESSAGE_DIGEST, &tlv(0x04, sha256(content).as_bytes())),
            attribute(SIGNING_CERTIFICATE_V2, &ess),
        ]
        .concat();
        let signature: Signature = key(self.signer).sign(&tlv(0x31, &attributes));
        let signer = [
            &tlv(0x02, &[1])[..],
            &id,
            SHA256,
            &tlv(0xa0, &attributes),
            ECDSA_WITH_SHA256,
            &tlv(0x04, signature.to_der().as_bytes()),
        ]
        .concat();
        let content = tlv(0x30, &[TST_INFO, &tlv(0xa0, &tlv(0x04, content))].concat());
        let data = [
            &tlv(0x02, &[3])[..],
            &tlv(0x31, SHA256),
            &content,
            &tlv(0xa0, &[&certificate[..], &self.certificates].concat()),
            &tlv(0x31, &tlv(0x30, &signer)),
        ]
        .concat();
        tlv(0x30, &[SIGNED_DATA, &tlv(0xa0, &tlv(0x30, &data))].concat())
    }
}

fn attribute(name: &[u8], value: &[u8]) -> Vec<u8> {
    tlv(0x30, &[name, &tlv(0x31, value)].concat())
}

pub(crate) fn pem(file: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(format!("{FIXTURES}/{file}")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("-----"));
    base64_decode(&lines.collect::<String>()).unwrap()
}

/// The secret number is the first OCTET STRING of 32 bytes in the PKCS #8.
fn key(signer: &str) -> SigningKey {
    let der = pem(&format!("{signer}.key"));
    let start = 2 + der.windows(2).position(|two| two == [0x04, 0x20]).unwrap();
    SigningKey::from_slice(&der[start..start + 32]).unwrap()
}

/// The section of a trust file for the authority of a root, with `rest` behind it.
pub(crate) fn authority(name: &str, root: &str, rest: &str) -> String {
    let pem = std::fs::read_to_string(format!("{FIXTURES}/{root}")).unwrap();
    format!("[[authority]]\nname = \"{name}\"\nroots = [\"\"\"\n{pem}\"\"\"]\n{rest}\n")
}
