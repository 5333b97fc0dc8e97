//! What an authority is asked: TimeStampReq of RFC 3161, section 2.4.1.

use super::fields::integer_contents;
use crate::hash::Hash;

/// AlgorithmIdentifier of SHA-256, its parameters NULL.
const SHA256: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
];
/// BOOLEAN TRUE.
const TRUE: &[u8] = &[0x01, 0x01, 0xff];

/// The media type of a query, in a `POST`.
pub const QUERY_MEDIA_TYPE: &str = "application/timestamp-query";
/// The media type of the answer.
pub const REPLY_MEDIA_TYPE: &str = "application/timestamp-reply";

/// Asks for a token over a SHA-256 imprint, with the authority's certificates in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// SHA-256 of what is stamped.
    pub imprint: Hash,
    /// Fresh and random, so that an old answer is told from the new one.
    pub nonce: u64,
}

impl Query {
    /// The request: version 1, the imprint, the nonce, certReq true.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let imprint = sequence(&[SHA256, &primitive(0x04, self.imprint.as_bytes())].concat());
        let nonce = primitive(0x02, &integer_contents(self.nonce));
        sequence(&[&primitive(0x02, &[1])[..], &imprint, &nonce, TRUE].concat())
    }
}

/// Everything here is far shorter than 128 bytes, so a length is one byte.
fn primitive(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag, contents.len() as u8];
    bytes.extend_from_slice(contents);
    bytes
}

fn sequence(contents: &[u8]) -> Vec<u8> {
    primitive(0x30, contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::hex_encode;
    use crate::hash::sha256;

    /// `openssl ts -query -digest ... -sha256 -cert` writes the same but for its own nonce.
    #[test]
    fn known_query() {
        let query = |nonce| {
            let imprint = sha256(b"");
            hex_encode(&Query { imprint, nonce }.to_der())
        };
        let imprint = "3031300d060960864801650304020105000420\
                       e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(query(1), format!("303c020101{imprint}0201010101ff"));
        assert_eq!(
            query(u64::MAX),
            format!("3044020101{imprint}020900ffffffffffffffff0101ff")
        );
        assert_eq!(query(0), format!("303c020101{imprint}0201000101ff"));
    }
}
