//! The text that a submitter signs.
//!
//! ```text
//! trialseal/submission/v1
//! <log origin>
//! <not after: an instant>
//! <idempotency key: 64 hex>
//! <hex leaf of what>
//! <hex leaf of who>
//! <hex leaf of why>
//! ```

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::checkpoint::Origin;
use crate::encoding::{hex_decode, hex_encode};
use crate::hash::{Hash, sha256};
use crate::manifest::Manifest;
use crate::note::{Ed25519SigningKey, SignedNote, VerifierKey};
use crate::record::What;
use crate::time::Instant;

const HEADER: &str = "trialseal/submission/v1";

/// How far ahead `not after` may lie: 14 days, in milliseconds.
pub const NOT_AFTER_MILLIS_MAX: i64 = 14 * 24 * 3_600 * 1_000;

/// The key under which a submission is remembered, so that it is logged once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey([u8; 32]);

impl IdempotencyKey {
    /// From 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key that a repeated run of a pipeline makes again, where salts are derived too. It is keyed
    /// with the member's key seed, so that it tells nothing about what is submitted:
    /// `HMAC-SHA-256(HKDF-SHA-256(seed, info = "trialseal/idempotency/v1"), m)`, `m` = register, class,
    /// event, version, run, then for each item in path order its path and its raw SHA-256, each with a
    /// big-endian u32 length before it, an absent field empty.
    #[must_use]
    pub fn derive(seed: &[u8; 32], what: &What, manifest: Option<&Manifest>) -> Self {
        // A block of SHA-256: HMAC fills a shorter key with zeros.
        let mut key = Zeroizing::new([0; 64]);
        // 32 bytes are one block of SHA-256; HKDF fails only beyond 255 blocks.
        let expanded = Hkdf::<Sha256>::new(None, seed).expand(b"trialseal/idempotency/v1", &mut key[..32]);
        debug_assert!(expanded.is_ok());
        let mut mac = Hmac::<Sha256>::new(&(*key).into());
        let mut field = |bytes: &[u8]| {
            // Every field is bounded far below 4 GiB by its own type.
            mac.update(&(bytes.len() as u32).to_be_bytes());
            mac.update(bytes);
        };
        field(what.register.as_str().as_bytes());
        field(what.class.as_str().as_bytes());
        field(what.event.as_str().as_bytes());
        field(
            what.version
                .as_ref()
                .map_or("", |version| version.as_str())
                .as_bytes(),
        );
        let run = what.source.as_ref().and_then(|source| source.run.as_ref());
        field(run.map_or("", |run| run.as_str()).as_bytes());
        for item in manifest.map_or(&[][..], Manifest::items) {
            field(item.item.path.as_str().as_bytes());
            field(&item.item.sha256);
        }
        Self(mac.finalize().into_bytes().into())
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex_encode(&self.0))
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "IdempotencyKey({self})")
    }
}

/// What is wrong with a submission note.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmissionError {
    /// It is not a signed note.
    #[error("the submission is not a signed note: {0}")]
    Note(String),
    /// It has more or fewer than seven lines.
    #[error("the submission has {0} lines of text instead of 7")]
    Lines(usize),
    /// A line is not what belongs there.
    #[error("line {number} of the submission ({name}) is malformed")]
    Line {
        /// The line's number, from 1.
        number: usize,
        /// What belongs there.
        name: &'static str,
    },
    /// It has more or fewer than one signature line.
    #[error("the submission has {0} signature lines instead of 1")]
    Signatures(usize),
    /// Its signature line is by another key.
    #[error("the submission is signed under another key than {0}")]
    OtherKey(String),
    /// Its signature does not verify, or the key cannot sign submissions.
    #[error("the signature of the submission is refused: {0}")]
    Signature(String),
}

/// The text of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmissionText {
    /// The log that it is for.
    pub log: Origin,
    /// After this it is refused.
    pub not_after: Instant,
    /// Under which it is remembered.
    pub idempotency_key: IdempotencyKey,
    /// Leaf of `what`.
    pub what: Hash,
    /// Leaf of `who`.
    pub who: Hash,
    /// Leaf of `why`.
    pub why: Hash,
}

impl SubmissionText {
    /// The seven lines, each ending with a newline.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{HEADER}\n{}\n{}\n{}\n{}\n{}\n{}\n",
            self.log, self.not_after, self.idempotency_key, self.what, self.who, self.why
        )
    }

    /// Reads the seven lines.
    ///
    /// # Errors
    ///
    /// A line is missing, left over or malformed.
    pub fn parse(text: &str) -> Result<Self, SubmissionError> {
        let body = text.strip_suffix('\n').ok_or(SubmissionError::Lines(0))?;
        let lines: Vec<&str> = body.split('\n').collect();
        let [header, log, not_after, key, what, who, why] = lines[..] else {
            return Err(SubmissionError::Lines(lines.len()));
        };
        let line = |number, name| SubmissionError::Line { number, name };
        if header != HEADER {
            return Err(line(1, HEADER));
        }
        Ok(Self {
            log: log.parse().map_err(|_| line(2, "log origin"))?,
            not_after: Instant::parse(not_after).map_err(|_| line(3, "not after"))?,
            idempotency_key: IdempotencyKey(hex_decode(key).map_err(|_| line(4, "idempotency key"))?),
            what: Hash::from_hex(what).map_err(|_| line(5, "leaf of what"))?,
            who: Hash::from_hex(who).map_err(|_| line(6, "leaf of who"))?,
            why: Hash::from_hex(why).map_err(|_| line(7, "leaf of why"))?,
        })
    }

    /// Signs the text and returns the note's exact bytes.
    #[must_use]
    pub fn sign(&self, key: &Ed25519SigningKey) -> String {
        let text = self.text();
        let line = key.sign(&text);
        format!("{text}\n{line}\n")
    }
}

/// A submission note whose signature has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSubmission {
    /// What was signed.
    pub text: SubmissionText,
    /// SHA-256 of the note's exact bytes, as `when.submission` holds it.
    pub digest: Hash,
}

/// Verifies a submission note: the seven lines, one signature line, by this key.
///
/// # Errors
///
/// What is wrong with it.
pub fn verify(note: &str, key: &VerifierKey) -> Result<VerifiedSubmission, SubmissionError> {
    let signed = SignedNote::parse(note).map_err(|error| SubmissionError::Note(error.to_string()))?;
    let text = SubmissionText::parse(signed.text())?;
    verify_parsed(note, &signed, text, key)
}

/// As [`verify`], of a note that was read already: `signed` and `text` are what it says.
///
/// # Errors
///
/// The signature is not one line by this key.
pub fn verify_parsed(
    note: &str,
    signed: &SignedNote,
    text: SubmissionText,
    key: &VerifierKey,
) -> Result<VerifiedSubmission, SubmissionError> {
    let [line] = signed.lines() else {
        return Err(SubmissionError::Signatures(signed.lines().len()));
    };
    if !key.matches(line) {
        return Err(SubmissionError::OtherKey(key.name().to_string()));
    }
    key.verify(signed.text(), line)
        .map_err(|error| SubmissionError::Signature(error.to_string()))?;
    Ok(VerifiedSubmission {
        text,
        digest: digest(note),
    })
}

/// SHA-256 of the note's exact bytes.
#[must_use]
pub fn digest(note: &str) -> Hash {
    sha256(note.as_bytes())
}

#[cfg(test)]
mod tests;
