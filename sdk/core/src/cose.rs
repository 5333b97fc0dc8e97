//! COSE receipts (RFC 9942): an export of a receipt's evidence for tools of SCITT.
//!
//! ```text
//! 18([ protected {1: -8, 4: kid, 15: {1: origin, 2: origin}, 395: 1, "trialseal-tree-size": n},
//!      unprotected {396: {-1: [ bstr [n, leaf index, [+ hash]] ]}}, nil, Ed25519 signature ])
//! ```
//!
//! The payload is detached: it is the root of the log's tree, to which the path leads from the
//! entry. RFC 9942 leaves the tree size outside of what is signed, therefore it stands in the
//! protected header once more, and both must agree. A COSE receipt is signed with Ed25519 only and
//! with a key of its own, so it is weaker than the checkpoint beside it: nothing in this crate takes
//! it for evidence.

mod cbor;
mod header;
mod key;
mod receipt;
#[cfg(test)]
mod tests;

use crate::hash::Hash;
use crate::index::IndexError;
use crate::merkle::ProofError;

pub use header::{ProtectedHeader, protected_header, to_be_signed};
pub use key::{CoseKey, CoseSigningKey, key_set, public_key_pem};
pub use receipt::CoseReceipt;

/// Most bytes in a COSE receipt: 63 hashes take 2,142, an origin stands in it twice.
pub const MAX_BYTES: usize = 4_096;

/// Media type of a COSE receipt.
pub const MEDIA_TYPE: &str = "application/cose";

/// Why bytes are no COSE receipt, or why one does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoseError {
    /// Too many bytes.
    #[error("a COSE receipt has at most {MAX_BYTES} bytes, this one has {0}")]
    TooLarge(usize),
    /// Not the CBOR that is expected.
    #[error("COSE receipt, {place}, byte {at}: {problem}")]
    Cbor {
        /// In which of the nested encodings: `receipt`, `protected header` or `proof`.
        place: &'static str,
        /// Offset in that encoding.
        at: usize,
        /// What is wrong.
        problem: CborProblem,
    },
    /// The protected header is not written as it must be.
    #[error(
        "the protected header is not in deterministic CBOR with exactly the labels 1, 4, 15, 395 and trialseal-tree-size"
    )]
    NotDeterministic,
    /// Issuer and subject are not one origin.
    #[error("issuer {issuer:?} and subject {subject:?} must both be the log's origin")]
    Origin {
        /// Claim 1.
        issuer: String,
        /// Claim 2.
        subject: String,
    },
    /// Protected header and proof name different trees.
    #[error("the signed tree size is {signed}, the proof is about one of {proof}")]
    TreeSize {
        /// In the protected header.
        signed: u64,
        /// In the proof.
        proof: u64,
    },
    /// A number is no index or size.
    #[error("in the proof: {0}")]
    Index(#[from] IndexError),
    /// The path is not one.
    #[error("in the proof: {0}")]
    Path(#[from] ProofError),
    /// A path without a hash: RFC 9942 cannot express a tree of one entry.
    #[error("the proof has {0} hashes; a COSE receipt has 1 to 63")]
    PathLength(usize),
    /// The key identifier is another key's.
    #[error("the receipt is signed with the key whose thumbprint is {found}, not with {expected}")]
    OtherKey {
        /// The thumbprint of the key that was given.
        expected: Hash,
        /// The identifier in the receipt, hex.
        found: String,
    },
    /// The public key is no Ed25519 key that can be trusted with anything.
    #[error("{0}")]
    Key(#[from] crate::note::KeyError),
    /// The signature is wrong.
    #[error("the signature of the COSE receipt does not verify")]
    Signature,
}

/// What is wrong with CBOR (RFC 8949).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborProblem {
    /// It ends too early.
    #[error("it ends too early")]
    Truncated,
    /// Bytes are left over.
    #[error("bytes are left over")]
    TrailingBytes,
    /// A string, list or map without its length.
    #[error("an indefinite length or a break is not allowed")]
    Indefinite,
    /// A number in more bytes than it needs.
    #[error("a number is not in its shortest form")]
    NotShortest,
    /// Additional information 28 to 30.
    #[error("a reserved code")]
    Reserved,
    /// Something else stands here.
    #[error("expected is {0}")]
    Expected(&'static str),
    /// A key stands twice in a map.
    #[error("a key stands twice in a map")]
    DuplicateKey,
    /// A text that is not UTF-8.
    #[error("a text is not UTF-8")]
    Utf8,
}
