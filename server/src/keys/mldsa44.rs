//! Signing checkpoints with ML-DSA-44 by aws-lc, hedged with fresh randomness.

use aws_lc_rs::signature::{KeyPair as _, ML_DSA_44, ML_DSA_44_SIGNING, PqdsaKeyPair, UnparsedPublicKey};
use trialseal_core::checkpoint::Checkpoint;
use trialseal_core::index::LogSize;
use trialseal_core::note::{KeyName, KeyType, SignatureLine, VerifierKey, mldsa_message};

use super::{Seed, SignError};

const KEY: &str = "ML-DSA-44";

/// An ML-DSA-44 key that makes `0x06` lines, and verifies each before it hands it out.
pub(super) struct MlDsa44Signer {
    pair: PqdsaKeyPair,
    verifier: VerifierKey,
}

impl MlDsa44Signer {
    pub(super) fn new(name: KeyName, seed: &Seed) -> Result<Self, SignError> {
        let pair =
            PqdsaKeyPair::from_seed(&ML_DSA_44_SIGNING, seed.as_bytes()).map_err(|_| SignError::Key(KEY))?;
        let verifier = VerifierKey::new(name, KeyType::MlDsa44, pair.public_key().as_ref())
            .map_err(|_| SignError::Key(KEY))?;
        Ok(Self { pair, verifier })
    }

    pub(super) fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// A `0x06` line over a checkpoint at a time that the caller has found to be allowed.
    pub(super) fn cosign(
        &self,
        checkpoint: &Checkpoint,
        at_seconds: u64,
    ) -> Result<SignatureLine, SignError> {
        let message = mldsa_message(
            self.verifier.name(),
            at_seconds,
            &checkpoint.origin,
            LogSize::EMPTY,
            checkpoint.size,
            &checkpoint.root,
        );
        let mut signature = vec![0; ML_DSA_44_SIGNING.signature_len()];
        let length = self
            .pair
            .sign(&message, &mut signature)
            .map_err(|_| SignError::Key(KEY))?;
        signature.truncate(length);
        // Verified with the public key as it is published, not as the key pair holds it.
        UnparsedPublicKey::new(&ML_DSA_44, self.verifier.public_key())
            .verify(&message, &signature)
            .map_err(|_| SignError::Verification(KEY))?;
        Ok(SignatureLine::timestamped(&self.verifier, at_seconds, &signature))
    }
}
