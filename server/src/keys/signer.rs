//! Signing checkpoints with both keys at once.

use std::fmt;

use thiserror::Error;
use trialseal_core::checkpoint::{Checkpoint, Origin};
use trialseal_core::note::{COSIGNATURE_TIME_MAX, Ed25519SigningKey, SignatureLine, SignedNote, VerifierKey};
use trialseal_core::time::Instant;

use super::LogKeys;
use super::mldsa44::MlDsa44Signer;

/// Both secret keys of a log, ready to sign its checkpoints.
pub struct LogSigner {
    origin: Origin,
    ed25519: Ed25519Key,
    mldsa44: MlDsa44Signer,
}

/// Where the Ed25519 key is.
enum Ed25519Key {
    /// In memory.
    Seed(Box<Ed25519SigningKey>),
    /// In a token.
    #[cfg(feature = "pkcs11")]
    Token(super::token::TokenKey),
}

impl Ed25519Key {
    fn verifier(&self) -> &VerifierKey {
        match self {
            Self::Seed(key) => key.verifier(),
            #[cfg(feature = "pkcs11")]
            Self::Token(key) => key.verifier(),
        }
    }

    fn sign(&self, text: &str) -> Result<SignatureLine, SignError> {
        match self {
            Self::Seed(key) => Ok(key.sign(text)),
            #[cfg(feature = "pkcs11")]
            Self::Token(key) => key.sign(text),
        }
    }
}

/// Why a checkpoint was not signed. Nothing was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignError {
    /// The checkpoint is another log's.
    #[error("the checkpoint is not of the log whose keys these are")]
    Origin,
    /// Time 0 or above 2^63 - 1.
    #[error("a checkpoint cannot be signed at time {0}: it must be 1 to 2^63 - 1 seconds")]
    Time(u64),
    /// A key does not work.
    #[error("the {0} key could not be used")]
    Key(&'static str),
    /// What was signed does not verify: failing memory, or a fault in the library. Stop and look.
    #[error("the {0} signature that was just made does not verify; it was not released")]
    Verification(&'static str),
}

impl fmt::Debug for LogSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LogSigner")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl LogSigner {
    /// A signer for the log with this origin, which is the name of both keys.
    ///
    /// # Errors
    /// Where a key cannot be used.
    pub fn new(origin: &Origin, keys: &LogKeys) -> Result<Self, SignError> {
        let name = origin.key_name().clone();
        let ed25519 = Ed25519SigningKey::from_seed(name.clone(), *keys.ed25519.as_bytes());
        Ok(Self {
            origin: origin.clone(),
            ed25519: Ed25519Key::Seed(Box::new(ed25519)),
            mldsa44: MlDsa44Signer::new(name, &keys.mldsa44)?,
        })
    }

    /// A signer whose Ed25519 key is in a token.
    #[cfg(feature = "pkcs11")]
    pub(super) fn with_token(
        origin: &Origin,
        ed25519: super::token::TokenKey,
        mldsa44: &super::Seed,
    ) -> Result<Self, SignError> {
        Ok(Self {
            origin: origin.clone(),
            ed25519: Ed25519Key::Token(ed25519),
            mldsa44: MlDsa44Signer::new(origin.key_name().clone(), mldsa44)?,
        })
    }

    /// The log's origin.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The public keys: Ed25519, then ML-DSA-44.
    #[must_use]
    pub fn verifiers(&self) -> [&VerifierKey; 2] {
        [self.ed25519.verifier(), self.mldsa44.verifier()]
    }

    /// The public keys as text, one a line, Ed25519 first: the contents of `log.pub`.
    #[must_use]
    pub fn log_pub(&self) -> String {
        let [ed25519, mldsa44] = self.verifiers();
        format!("{ed25519}\n{mldsa44}\n")
    }

    /// A `trust.toml` for this log alone, with keys that count from the given instant on.
    #[must_use]
    pub fn trust_toml(&self, from: Instant) -> String {
        format!(
            "# Trust in one Trialseal log. Compare these keys with what the notary's operator tells you by\n\
             # another way before you rely on them.\n\n{}",
            self.trust_table(from)
        )
    }

    /// The `[[log]]` table of a `trust.toml` for this log.
    #[must_use]
    pub fn trust_table(&self, from: Instant) -> String {
        let [ed25519, mldsa44] = self.verifiers();
        format!(
            "[[log]]\norigin = \"{}\"\ned25519 = \"{ed25519}\"\nmldsa = \"{mldsa44}\"\nfrom = \"{from}\"\n",
            self.origin
        )
    }

    /// Signs a checkpoint at a time in whole seconds since 1970: its note with a `0x01` line and then a
    /// `0x06` line. Both are verified before they are handed out. Two notes of the same checkpoint differ,
    /// since ML-DSA is hedged with fresh randomness.
    ///
    /// # Errors
    /// Where nothing may be released.
    pub fn sign_checkpoint(&self, checkpoint: &Checkpoint, at_seconds: u64) -> Result<String, SignError> {
        if checkpoint.origin != self.origin {
            return Err(SignError::Origin);
        }
        if !(1..=COSIGNATURE_TIME_MAX).contains(&at_seconds) {
            return Err(SignError::Time(at_seconds));
        }
        let text = checkpoint.text();
        let lines = vec![
            self.ed25519_line(&text)?,
            self.mldsa44.cosign(checkpoint, at_seconds)?,
        ];
        let note = SignedNote::new(text, lines).map_err(|_| SignError::Verification("note's"))?;
        Ok(note.to_string())
    }

    fn ed25519_line(&self, text: &str) -> Result<SignatureLine, SignError> {
        let line = self.ed25519.sign(text)?;
        self.ed25519
            .verifier()
            .verify(text, &line)
            .map_err(|_| SignError::Verification("Ed25519"))?;
        Ok(line)
    }
}
