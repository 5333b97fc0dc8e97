//! Timestamp tokens of RFC 3161: asking an authority, reading its answer, verifying its token.
//!
//! An authority signs the hash of a checkpoint with the log's two signature lines, so that these are
//! known to have existed at a time that the notary does not choose. [`Query`] asks, [`Response`] reads the
//! answer, [`Token::check`] verifies a token against an [`Authority`](crate::trust::Authority) of a trust
//! file. Which tokens count for a receipt is judged in [`verify`](mod@crate::verify).

mod algorithms;
mod certificate;
mod check;
mod fields;
mod info;
mod query;
mod response;
mod signer;
mod token;

use crate::hash::{Hash, sha256};
use crate::note::{SignatureLine, SignedNote, VerifierKey};

pub use certificate::{Certificate, CertificateError};
pub use check::VerifiedToken;
pub use der::asn1::ObjectIdentifier;
pub use fields::Malformed;
pub use query::{QUERY_MEDIA_TYPE, Query, REPLY_MEDIA_TYPE};
pub use response::{MAX_RESPONSE_BYTES, Response, ResponseError};
pub use token::{MAX_TOKEN_BYTES, Token, TokenError};

/// What a token covers: checkpoint text, empty line, the log's `0x01` line, its `0x06` line, each ending
/// with a newline. None where the note does not have exactly one line of each key.
#[must_use]
pub fn stamped_bytes(note: &SignedNote, ed25519: &VerifierKey, mldsa: &VerifierKey) -> Option<Vec<u8>> {
    let only_line = |key: &VerifierKey| -> Option<SignatureLine> {
        let mut lines = note.lines().iter().filter(|line| key.matches(line));
        match (lines.next(), lines.next()) {
            (Some(line), None) => Some(line.clone()),
            _ => None,
        }
    };
    let lines = vec![only_line(ed25519)?, only_line(mldsa)?];
    let stamped = SignedNote::new(note.text().to_owned(), lines).ok()?;
    Some(stamped.to_string().into_bytes())
}

/// The imprint of a checkpoint: SHA-256 of its [`stamped_bytes`].
#[must_use]
pub fn imprint(note: &SignedNote, ed25519: &VerifierKey, mldsa: &VerifierKey) -> Option<Hash> {
    stamped_bytes(note, ed25519, mldsa).map(|bytes| sha256(&bytes))
}

#[cfg(test)]
mod tests;
