//! The protected header, and the bytes that are signed.

use crate::checkpoint::Origin;
use crate::hash::Hash;
use crate::index::LogSize;

use super::cbor::{self, Label, Reader};
use super::{CborProblem, CoseError, CoseKey};

/// COSE algorithm EdDSA.
pub(super) const EDDSA: i64 = -8;
/// Header parameter `alg`.
const ALGORITHM: i64 = 1;
/// Header parameter `kid`.
const KEY_ID: i64 = 4;
/// Header parameter CWT claims (RFC 9597), with claims 1 (iss) and 2 (sub).
const CLAIMS: i64 = 15;
/// Header parameter `vds` (RFC 9942).
const DATA_STRUCTURE: i64 = 395;
/// The data structure RFC9162_SHA256.
const RFC9162_SHA256: i64 = 1;
/// Our own parameter: the size of the tree whose root is signed.
const TREE_SIZE: &str = "trialseal-tree-size";

/// What the protected header of a COSE receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedHeader {
    /// Identifies the key; with Trialseal the thumbprint of RFC 9679.
    pub key_id: Vec<u8>,
    /// Claim `iss`: with Trialseal the log's origin.
    pub issuer: String,
    /// Claim `sub`: with Trialseal the log's origin.
    pub subject: String,
    /// The size of the tree. Always there with Trialseal.
    pub tree_size: Option<LogSize>,
}

/// The protected header for a tree of this log, in deterministic CBOR (RFC 8949, section 4.2.1).
#[must_use]
pub fn protected_header(key: &CoseKey, origin: &Origin, size: LogSize) -> Vec<u8> {
    encode(key.thumbprint().as_bytes(), origin.as_str(), size)
}

/// The bytes that are signed: `Sig_structure` of RFC 9052 without external data, with the root as
/// payload.
#[must_use]
pub fn to_be_signed(protected: &[u8], root: &Hash) -> Vec<u8> {
    let mut out = Vec::with_capacity(protected.len() + 56);
    cbor::write_array(&mut out, 4);
    cbor::write_text(&mut out, "Signature1");
    cbor::write_bytes(&mut out, protected);
    cbor::write_bytes(&mut out, b"");
    cbor::write_bytes(&mut out, root.as_bytes());
    out
}

fn encode(key_id: &[u8], origin: &str, size: LogSize) -> Vec<u8> {
    // Keys in the order of their encodings' bytes: 01, 04, 0f, 19 018b, 73....
    let mut out = Vec::with_capacity(2 * origin.len() + 96);
    cbor::write_map(&mut out, 5);
    cbor::write_integer(&mut out, ALGORITHM);
    cbor::write_integer(&mut out, EDDSA);
    cbor::write_integer(&mut out, KEY_ID);
    cbor::write_bytes(&mut out, key_id);
    cbor::write_integer(&mut out, CLAIMS);
    cbor::write_map(&mut out, 2);
    for claim in [1, 2] {
        cbor::write_integer(&mut out, claim);
        cbor::write_text(&mut out, origin);
    }
    cbor::write_integer(&mut out, DATA_STRUCTURE);
    cbor::write_integer(&mut out, RFC9162_SHA256);
    cbor::write_text(&mut out, TREE_SIZE);
    cbor::write_unsigned(&mut out, size.get());
    out
}

impl ProtectedHeader {
    /// Reads a header of any issuer: the labels 1, 4, 15 and 395, in any order, and perhaps our tree
    /// size. Another label could change what the rest means, so it is refused.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, CoseError> {
        let mut reader = Reader::new("protected header", bytes);
        let pairs = reader.map("a map")?;
        let (mut algorithm, mut structure) = (None, None);
        let (mut key_id, mut claims, mut tree_size) = (None, None, None);
        for _ in 0..pairs {
            let label = reader.label()?;
            let is_new = match label {
                Label::Integer(ALGORITHM) => algorithm
                    .replace(reader.integer(EDDSA, "the algorithm -8 (EdDSA)")?)
                    .is_none(),
                Label::Integer(DATA_STRUCTURE) => structure
                    .replace(reader.integer(RFC9162_SHA256, "the data structure 1 (RFC9162_SHA256)")?)
                    .is_none(),
                Label::Integer(KEY_ID) => key_id.replace(reader.bytes("a key identifier")?).is_none(),
                Label::Integer(CLAIMS) => claims.replace(claims_of(&mut reader)?).is_none(),
                Label::Text(TREE_SIZE) => tree_size
                    .replace(LogSize::new(reader.unsigned("a tree size")?)?)
                    .is_none(),
                _ => {
                    let known = "one of the labels 1, 4, 15, 395 and trialseal-tree-size";
                    return Err(reader.error(CborProblem::Expected(known)));
                }
            };
            if !is_new {
                return Err(reader.error(CborProblem::DuplicateKey));
            }
        }
        let missing = |what| reader.error(CborProblem::Expected(what));
        algorithm.ok_or_else(|| missing("the label 1 (alg)"))?;
        structure.ok_or_else(|| missing("the label 395 (vds)"))?;
        let key_id = key_id.ok_or_else(|| missing("the label 4 (kid)"))?.to_vec();
        let (issuer, subject) = claims.ok_or_else(|| missing("the label 15 (CWT claims)"))?;
        reader.end()?;
        Ok(Self {
            key_id,
            issuer,
            subject,
            tree_size,
        })
    }

    /// Whether it is one of ours, to the byte; then its origin and size.
    pub(super) fn check_ours(&self, bytes: &[u8]) -> Result<(Origin, LogSize), CoseError> {
        let origin = Origin::new(&self.issuer)
            .ok()
            .filter(|origin| origin.as_str() == self.subject)
            .ok_or_else(|| CoseError::Origin {
                issuer: self.issuer.clone(),
                subject: self.subject.clone(),
            })?;
        let size = self.tree_size.ok_or(CoseError::NotDeterministic)?;
        if self.key_id.len() != 32 || encode(&self.key_id, origin.as_str(), size) != bytes {
            return Err(CoseError::NotDeterministic);
        }
        Ok((origin, size))
    }
}

/// Issuer and subject.
fn claims_of(reader: &mut Reader<'_>) -> Result<(String, String), CoseError> {
    reader.map_of(2, "a map with the claims 1 and 2")?;
    let (mut issuer, mut subject) = (None, None);
    for _ in 0..2 {
        let is_new = match reader.label()? {
            Label::Integer(1) => issuer.replace(reader.text("an issuer")?).is_none(),
            Label::Integer(2) => subject.replace(reader.text("a subject")?).is_none(),
            _ => return Err(reader.error(CborProblem::Expected("the claims 1 and 2"))),
        };
        if !is_new {
            return Err(reader.error(CborProblem::DuplicateKey));
        }
    }
    // Two different claims of two: both are there.
    Ok((
        issuer.unwrap_or_default().to_owned(),
        subject.unwrap_or_default().to_owned(),
    ))
}
