//! A witness's two keys: made, kept, and used to cosign checkpoints of any log.

use std::fmt;
use std::path::Path;

use trialseal_core::checkpoint::Checkpoint;
use trialseal_core::note::{COSIGNATURE_TIME_MAX, Ed25519SigningKey, KeyName, SignatureLine, VerifierKey};

use super::mldsa44::MlDsa44Signer;
use super::{KeyError, KeyFiles, LogKeys, Passphrase, SignError, check_public};

/// The file of a witness's two public keys, beside the secret ones.
pub const WITNESS_PUB_FILE: &str = "witness.pub";

const WITNESS_FILES: KeyFiles = KeyFiles {
    ed25519: "witness-ed25519.pem",
    mldsa44: "witness-mldsa44.pem",
    public: WITNESS_PUB_FILE,
};

/// Both secret keys of a witness, ready to cosign.
pub struct WitnessSigner {
    ed25519: Ed25519SigningKey,
    mldsa44: MlDsa44Signer,
}

impl fmt::Debug for WitnessSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WitnessSigner")
            .field("name", self.name())
            .finish_non_exhaustive()
    }
}

impl WitnessSigner {
    /// Two new keys under this name, written like a log's: encrypted, mode 0600, into a directory of
    /// mode 0700. Files that exist are left alone and are an error.
    ///
    /// # Errors
    /// Names the file that could not be written.
    pub fn create(name: &KeyName, directory: &Path, passphrase: &Passphrase) -> Result<Self, KeyError> {
        let keys = LogKeys::generate()?;
        let signer = Self::new(name, &keys)?;
        keys.write(&WITNESS_FILES, &signer.witness_pub(), directory, passphrase)?;
        Ok(signer)
    }

    /// Reads the keys and makes sure that they are those in `witness.pub`, under this name.
    ///
    /// # Errors
    /// Names the file that others can read, that is missing, that does not open, or that differs.
    pub fn open(name: &KeyName, directory: &Path, passphrase: &Passphrase) -> Result<Self, KeyError> {
        let signer = Self::new(name, &LogKeys::read(&WITNESS_FILES, directory, passphrase)?)?;
        check_public(directory.join(WITNESS_PUB_FILE), &signer.witness_pub(), name)?;
        Ok(signer)
    }

    pub(crate) fn new(name: &KeyName, keys: &LogKeys) -> Result<Self, SignError> {
        Ok(Self {
            ed25519: Ed25519SigningKey::from_seed(name.clone(), *keys.ed25519.as_bytes()),
            mldsa44: MlDsa44Signer::new(name.clone(), &keys.mldsa44)?,
        })
    }

    /// The witness's name, which is that of both keys.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        self.ed25519.cosignature_verifier().name()
    }

    /// The public keys: Ed25519 (`0x04`), then ML-DSA-44 (`0x06`).
    #[must_use]
    pub fn verifiers(&self) -> [&VerifierKey; 2] {
        [self.ed25519.cosignature_verifier(), self.mldsa44.verifier()]
    }

    /// The public keys as text, one a line: the contents of `witness.pub`.
    #[must_use]
    pub fn witness_pub(&self) -> String {
        let [ed25519, mldsa44] = self.verifiers();
        format!("{ed25519}\n{mldsa44}\n")
    }

    /// The entry of a `trust.toml` for this witness.
    #[must_use]
    pub fn trust_entry(&self) -> String {
        let [ed25519, mldsa44] = self.verifiers();
        let name = self.name().as_str();
        format!("[[witness]]\nname = \"{name}\"\nvkeys = [\n  \"{ed25519}\",\n  \"{mldsa44}\",\n]\n")
    }

    /// Cosigns a checkpoint at a time in whole seconds since 1970: a `0x04` line and a `0x06` line. Both
    /// are verified before they are handed out.
    ///
    /// # Errors
    /// Where nothing may be released.
    pub fn cosign(&self, checkpoint: &Checkpoint, at_seconds: u64) -> Result<[SignatureLine; 2], SignError> {
        if !(1..=COSIGNATURE_TIME_MAX).contains(&at_seconds) {
            return Err(SignError::Time(at_seconds));
        }
        let text = checkpoint.text();
        let ed25519 = self
            .ed25519
            .cosign(&text, at_seconds)
            .map_err(|_| SignError::Key("Ed25519"))?;
        self.ed25519
            .cosignature_verifier()
            .verify(&text, &ed25519)
            .map_err(|_| SignError::Verification("Ed25519"))?;
        Ok([ed25519, self.mldsa44.cosign(checkpoint, at_seconds)?])
    }
}
