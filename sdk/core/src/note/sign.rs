//! Signing keys. Both zeroise their secrets when dropped.

use core::fmt;

use ed25519_dalek::Signer as _;
use ml_dsa::{Keypair as _, MlDsa44, SignatureEncoding as _};
use zeroize::Zeroize as _;

use super::cosignature::{cosignature_message, is_time, mldsa_message};
use super::key::{KeyName, VerifierKey};
use super::signed::SignatureLine;
use crate::checkpoint::Checkpoint;
use crate::index::LogSize;

/// Why nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Time 0 or above 2^63 - 1.
    #[error("a cosignature cannot state time {0}: it must be 1 to 2^63 - 1")]
    Time(u64),
    /// The signature could not be made.
    #[error("the signature could not be made")]
    Failed,
}

/// An Ed25519 key: signs texts (`0x01`) and makes timestamped cosignatures (`0x04`).
pub struct Ed25519SigningKey {
    key: ed25519_dalek::SigningKey,
    verifier: VerifierKey,
    cosigner: VerifierKey,
}

/// An ML-DSA-44 key that makes timestamped cosignatures of checkpoints (`0x06`), deterministically.
pub struct MlDsa44SigningKey {
    key: ml_dsa::SigningKey<MlDsa44>,
    verifier: VerifierKey,
}

impl Ed25519SigningKey {
    /// The key with this name and 32-byte seed.
    pub fn from_seed(name: KeyName, mut seed: [u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        seed.zeroize();
        let verifier = VerifierKey::from_ed25519(name.clone(), key.verifying_key());
        let cosigner = VerifierKey::from_ed25519_cosignature(name, key.verifying_key());
        Self {
            key,
            verifier,
            cosigner,
        }
    }

    /// The public half for texts (`0x01`).
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The public half for timestamped cosignatures (`0x04`).
    pub const fn cosignature_verifier(&self) -> &VerifierKey {
        &self.cosigner
    }

    /// Signs a note's text: a `0x01` line.
    pub fn sign(&self, text: &str) -> SignatureLine {
        let signature = self.key.sign(text.as_bytes());
        let (name, id) = (self.verifier.name().clone(), self.verifier.id());
        SignatureLine::new(name, id, signature.to_bytes().to_vec())
    }

    /// Cosigns a note's text at a time in seconds since 1970: a `0x04` line.
    pub fn cosign(&self, text: &str, time_s: u64) -> Result<SignatureLine, SignError> {
        if !is_time(time_s) {
            return Err(SignError::Time(time_s));
        }
        let signature = self.key.sign(&cosignature_message(time_s, text));
        Ok(SignatureLine::timestamped(
            &self.cosigner,
            time_s,
            &signature.to_bytes(),
        ))
    }
}

impl MlDsa44SigningKey {
    /// The key with this name and 32-byte seed.
    pub fn from_seed(name: KeyName, seed: [u8; 32]) -> Self {
        let mut seed = ml_dsa::B32::from(seed);
        let key = ml_dsa::SigningKey::<MlDsa44>::from_seed(&seed);
        seed.zeroize();
        let verifier = VerifierKey::from_mldsa44(name, key.verifying_key());
        Self { key, verifier }
    }

    /// The public half (`0x06`).
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Cosigns a checkpoint at a time in seconds since 1970: a `0x06` line. The same input gives the
    /// same line.
    pub fn cosign_checkpoint(
        &self,
        checkpoint: &Checkpoint,
        time_s: u64,
    ) -> Result<SignatureLine, SignError> {
        if !is_time(time_s) {
            return Err(SignError::Time(time_s));
        }
        let (origin, size) = (&checkpoint.origin, checkpoint.size);
        let name = self.verifier.name();
        let message = mldsa_message(name, time_s, origin, LogSize::EMPTY, size, &checkpoint.root);
        // FIPS 204 pure, with an empty context.
        let signature = self.key.expanded_key().sign_deterministic(&message, &[]);
        let signature = signature.map_err(|_| SignError::Failed)?.to_bytes();
        Ok(SignatureLine::timestamped(&self.verifier, time_s, &signature))
    }
}

impl fmt::Debug for Ed25519SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Ed25519SigningKey({:?})", self.verifier)
    }
}

impl fmt::Debug for MlDsa44SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MlDsa44SigningKey({:?})", self.verifier)
    }
}
