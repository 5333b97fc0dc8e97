//! Signed notes (C2SP signed-note) and the three kinds of signature that we read and write.
//!
//! | type | what | signs |
//! | --- | --- | --- |
//! | `0x01` | Ed25519 | the text |
//! | `0x04` | Ed25519 timestamped cosignature | a line with the time, and the text |
//! | `0x06` | ML-DSA-44 timestamped cosignature | [`mldsa_message`], which names the cosigner |
//!
//! A line by an unknown key is ignored; every line whose name and id match a known key must verify,
//! else the note is invalid: see [`SignedNote::verify`].

mod cosignature;
mod key;
mod sign;
mod signed;
#[cfg(test)]
mod tests;

pub use cosignature::{COSIGNATURE_TIME_MAX, cosignature_message, mldsa_message};
pub use key::{KeyError, KeyId, KeyName, KeyType, SignatureError, VerifierKey};
pub(crate) use key::{ed25519_key, verify_ed25519};
pub use sign::{Ed25519SigningKey, MlDsa44SigningKey, SignError};
pub use signed::{
    LineProblem, NOTE_BYTES_MAX, NoteError, SIGNATURE_LINE_BYTES_MAX, SIGNATURE_LINES_MAX, SignatureLine,
    SignedNote, VerifiedLine,
};
