//! The two keys of a log or of a witness, Ed25519 and ML-DSA-44: made together, kept encrypted, used together.

mod cose;
mod files;
mod mldsa44;
mod passphrase;
mod pkcs8_pem;
mod signer;
mod witness;

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rand::TryRng as _;
use rand::rngs::SysRng;
use thiserror::Error;
use trialseal_core::checkpoint::Origin;
use trialseal_core::note::KeyName;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub use self::cose::{COSE_FILE, COSE_PUB_FILE, open_or_make_cose_key};
pub(crate) use self::files::{Readers, open_private};
pub use self::passphrase::{CREDENTIAL_NAME, Passphrase, PassphraseSources};
use self::pkcs8_pem::Algorithm;
pub use self::pkcs8_pem::Problem;
pub use self::signer::{LogSigner, SignError};
pub use self::witness::{WITNESS_PUB_FILE, WitnessSigner};

/// The file of the encrypted Ed25519 key.
pub const ED25519_FILE: &str = "log-ed25519.pem";
/// The file of the encrypted ML-DSA-44 key.
pub const MLDSA44_FILE: &str = "log-mldsa44.pem";
/// The file of the two public keys.
pub const LOG_PUB_FILE: &str = "log.pub";

/// How the files of a pair of keys are called.
struct KeyFiles {
    ed25519: &'static str,
    mldsa44: &'static str,
    public: &'static str,
}

const LOG_FILES: KeyFiles = KeyFiles {
    ed25519: ED25519_FILE,
    mldsa44: MLDSA44_FILE,
    public: LOG_PUB_FILE,
};

/// Bytes of a key file, at most; those that are written have about 400.
const KEY_FILE_BYTES_MAX: u64 = 16 * 1024;

/// The 32 secret bytes that a key comes from, wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Seed([u8; 32]);

/// The two secret keys of a log, or of a witness.
pub struct LogKeys {
    ed25519: Seed,
    mldsa44: Seed,
}

/// Why there are no keys.
#[derive(Debug, Error)]
pub enum KeyError {
    /// A file could not be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// A file could not be written; an existing key is never replaced.
    #[error("cannot write {}: {error}", path.display())]
    Unwritable {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// A directory, a device or a pipe.
    #[error("{} is not a file", path.display())]
    NotAFile {
        /// What it was.
        path: PathBuf,
    },
    /// Others can read or change a secret file.
    #[error("{} has mode {mode:03o}, so others can get at it; run: chmod 600 {}", path.display(), path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is no passphrase, or it is not one.
    #[error("{0}")]
    Passphrase(String),
    /// A key file does not hold the key.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: Problem,
    },
    /// The secret keys are not those of this log or witness.
    #[error("{}: the secret keys beside it are not the keys of {name} that it holds", path.display())]
    OtherKeys {
        /// The file of public keys.
        path: PathBuf,
        /// The name of the log or witness.
        name: KeyName,
    },
    /// A key does not work.
    #[error(transparent)]
    Unusable(#[from] SignError),
}

impl Seed {
    fn random() -> Result<Self, Problem> {
        let mut seed = Self([0; 32]);
        SysRng
            .try_fill_bytes(&mut seed.0)
            .map_err(|_| Problem::NoRandomness)?;
        Ok(seed)
    }

    fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut seed = Self([0; 32]);
        if bytes.len() != seed.0.len() {
            return None;
        }
        seed.0.copy_from_slice(bytes);
        Some(seed)
    }

    fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for LogKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LogKeys(hidden)")
    }
}

impl LogKeys {
    /// Two new keys from the operating system's randomness.
    ///
    /// # Errors
    /// Where there is none.
    pub fn generate() -> Result<Self, KeyError> {
        let random = || {
            Seed::random().map_err(|problem| KeyError::File {
                path: PathBuf::from("new keys"),
                problem,
            })
        };
        Ok(Self {
            ed25519: random()?,
            mldsa44: random()?,
        })
    }

    /// Writes both keys, encrypted and with mode 0600, and the public keys, into the directory (made with
    /// mode 0700 if it is not there), and syncs them. Files that exist are left alone and are an error.
    ///
    /// # Errors
    /// Names the file that could not be written.
    pub fn save(&self, origin: &Origin, directory: &Path, passphrase: &Passphrase) -> Result<(), KeyError> {
        let log_pub = LogSigner::new(origin, self)?.log_pub();
        self.write(&LOG_FILES, &log_pub, directory, passphrase)
    }

    /// Reads both keys.
    ///
    /// # Errors
    /// Names the file that others can read, that is missing, or that does not open.
    pub fn load(directory: &Path, passphrase: &Passphrase) -> Result<Self, KeyError> {
        Self::read(&LOG_FILES, directory, passphrase)
    }

    fn write(
        &self,
        names: &KeyFiles,
        public: &str,
        directory: &Path,
        passphrase: &Passphrase,
    ) -> Result<(), KeyError> {
        let encrypted = |algorithm, seed, name| {
            let path = directory.join(name);
            pkcs8_pem::encrypt(algorithm, seed, passphrase)
                .map(Zeroizing::new)
                .map_err(|problem| KeyError::File { path, problem })
        };
        let ed25519 = encrypted(Algorithm::Ed25519, &self.ed25519, names.ed25519)?;
        let mldsa44 = encrypted(Algorithm::MlDsa44, &self.mldsa44, names.mldsa44)?;
        files::create_private_directory(directory)?;
        files::create_private(&directory.join(names.ed25519), ed25519.as_bytes())?;
        files::create_private(&directory.join(names.mldsa44), mldsa44.as_bytes())?;
        files::create_public(&directory.join(names.public), public.as_bytes())?;
        files::sync_directory(directory)
    }

    fn read(names: &KeyFiles, directory: &Path, passphrase: &Passphrase) -> Result<Self, KeyError> {
        let read = |algorithm, name| -> Result<Seed, KeyError> {
            let path = directory.join(name);
            let mut text = Zeroizing::new(String::new());
            open_private(&path, Readers::Owner)?
                .take(KEY_FILE_BYTES_MAX)
                .read_to_string(&mut text)
                .map_err(|error| KeyError::Unreadable {
                    path: path.clone(),
                    error,
                })?;
            pkcs8_pem::decrypt(algorithm, &text, passphrase)
                .map_err(|problem| KeyError::File { path, problem })
        };
        Ok(Self {
            ed25519: read(Algorithm::Ed25519, names.ed25519)?,
            mldsa44: read(Algorithm::MlDsa44, names.mldsa44)?,
        })
    }
}

/// Refuses public keys that are not those of the secret keys beside them.
fn check_public(path: PathBuf, expected: &str, name: &KeyName) -> Result<(), KeyError> {
    let found = std::fs::read_to_string(&path).map_err(|error| KeyError::Unreadable {
        path: path.clone(),
        error,
    })?;
    if found == expected {
        Ok(())
    } else {
        Err(KeyError::OtherKeys {
            path,
            name: name.clone(),
        })
    }
}

impl LogSigner {
    /// Reads the log's keys and makes sure that they are those in `log.pub`, under this origin.
    ///
    /// # Errors
    /// As [`LogKeys::load`], and where the public keys differ.
    pub fn open(origin: &Origin, directory: &Path, passphrase: &Passphrase) -> Result<Self, KeyError> {
        let signer = Self::new(origin, &LogKeys::load(directory, passphrase)?)?;
        check_public(directory.join(LOG_PUB_FILE), &signer.log_pub(), origin.key_name())?;
        Ok(signer)
    }
}

#[cfg(test)]
mod tests;
