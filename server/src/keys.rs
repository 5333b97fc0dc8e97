//! The two keys of a log or of a witness, Ed25519 and ML-DSA-44: made together, kept encrypted, used together.

mod cose;
mod files;
mod mldsa44;
mod passphrase;
mod pkcs8_pem;
mod signer;
#[cfg(feature = "pkcs11")]
mod token;
mod witness;

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rand::TryRng as _;
use rand::rngs::SysRng;
use thiserror::Error;
use trialseal_core::checkpoint::Origin;
use trialseal_core::note::{KeyName, VerifierKey};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub use self::cose::{COSE_FILE, COSE_PUB_FILE, open_or_make_cose_key, read_cose_pub};
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

/// Where a log's Ed25519 key is in a PKCS#11 token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPlace {
    /// The module: a shared library.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The key's label in it.
    pub key: String,
    /// The file with the user's PIN; without, `$CREDENTIALS_DIRECTORY` and then the terminal.
    pub pin_file: Option<PathBuf>,
}

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
    /// A token does not do what is asked of it.
    #[error("the token {token}: {problem}")]
    Token {
        /// Its label.
        token: String,
        /// What is wrong.
        problem: String,
    },
    /// A key is to be in a token, and this program cannot use one.
    #[error(
        "this program was built without PKCS#11: build it with the feature pkcs11, or leave [pkcs11] out"
    )]
    NoTokens,
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

    /// Makes the keys of a log in a directory that holds none, and makes sure that they are durable
    /// there. Keys that were made before are left alone; of an attempt that was interrupted, what
    /// it left is removed: the public keys are written last, and nobody knows secret ones without
    /// them.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn make_durably(origin: &Origin, directory: &Path, passphrase: &Passphrase) -> Result<(), KeyError> {
        if !directory.join(LOG_PUB_FILE).exists() {
            for name in [ED25519_FILE, MLDSA44_FILE] {
                files::remove_if_there(&directory.join(name))?;
            }
            Self::generate()?.save(origin, directory, passphrase)?;
        }
        sync_keys(directory)
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
        Ok(Self {
            ed25519: read_seed(Algorithm::Ed25519, directory.join(names.ed25519), passphrase)?,
            mldsa44: read_seed(Algorithm::MlDsa44, directory.join(names.mldsa44), passphrase)?,
        })
    }
}

fn read_seed(algorithm: Algorithm, path: PathBuf, passphrase: &Passphrase) -> Result<Seed, KeyError> {
    let mut text = Zeroizing::new(String::new());
    open_private(&path, Readers::Owner)?
        .take(KEY_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| KeyError::Unreadable {
            path: path.clone(),
            error,
        })?;
    pkcs8_pem::decrypt(algorithm, &text, passphrase).map_err(|problem| KeyError::File { path, problem })
}

/// The two public keys of a log, from the `log.pub` in its directory of keys: Ed25519, then
/// ML-DSA-44. Needs no passphrase.
///
/// # Errors
/// If the file cannot be read, or holds something else.
pub fn read_log_pub(directory: &Path) -> Result<[VerifierKey; 2], KeyError> {
    let path = directory.join(LOG_PUB_FILE);
    let text = std::fs::read_to_string(&path).map_err(|error| KeyError::Unreadable {
        path: path.clone(),
        error,
    })?;
    let keys: Result<Vec<_>, _> = text.lines().map(VerifierKey::parse).collect();
    let keys = keys.ok().and_then(|keys| <[VerifierKey; 2]>::try_from(keys).ok());
    keys.ok_or(KeyError::File {
        path,
        problem: Problem::NotPublicKeys,
    })
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

    /// As [`Self::open`], with the Ed25519 key in a token if one is named.
    ///
    /// # Errors
    /// As [`Self::open`], and where the token does not give the key.
    pub fn open_at(
        origin: &Origin,
        directory: &Path,
        token: Option<&TokenPlace>,
        passphrase: &Passphrase,
    ) -> Result<Self, KeyError> {
        match token {
            None => Self::open(origin, directory, passphrase),
            Some(place) => on_token::open(origin, directory, place, passphrase),
        }
    }

    /// Makes a log's keys, as [`LogKeys::make_durably`] does, with the Ed25519 key in a token if one is
    /// named; a key that is there under its label is used.
    ///
    /// # Errors
    /// As [`LogKeys::make_durably`], and where the token does not make the key.
    pub fn make_at(
        origin: &Origin,
        directory: &Path,
        token: Option<&TokenPlace>,
        passphrase: &Passphrase,
    ) -> Result<(), KeyError> {
        match token {
            None => LogKeys::make_durably(origin, directory, passphrase),
            Some(place) => on_token::make(origin, directory, place, passphrase),
        }
    }
}

/// Makes the names in a directory of keys, and its own name, durable.
fn sync_keys(directory: &Path) -> Result<(), KeyError> {
    files::sync_directory(directory)?;
    match directory.parent() {
        Some(parent) => files::sync_directory(parent),
        None => Ok(()),
    }
}

/// Logs whose Ed25519 key is in a token; their ML-DSA-44 key is a file.
#[cfg(feature = "pkcs11")]
mod on_token {
    use super::token::TokenKey;
    use super::*;

    pub(super) fn open(
        origin: &Origin,
        directory: &Path,
        place: &TokenPlace,
        passphrase: &Passphrase,
    ) -> Result<LogSigner, KeyError> {
        let mldsa44 = read_seed(Algorithm::MlDsa44, directory.join(MLDSA44_FILE), passphrase)?;
        let ed25519 = TokenKey::open(place, origin.key_name().clone())?;
        let signer = LogSigner::with_token(origin, ed25519, &mldsa44)?;
        check_public(directory.join(LOG_PUB_FILE), &signer.log_pub(), origin.key_name())?;
        Ok(signer)
    }

    pub(super) fn make(
        origin: &Origin,
        directory: &Path,
        place: &TokenPlace,
        passphrase: &Passphrase,
    ) -> Result<(), KeyError> {
        if !directory.join(LOG_PUB_FILE).exists() {
            let path = directory.join(MLDSA44_FILE);
            let failed = |problem| KeyError::File {
                path: path.clone(),
                problem,
            };
            files::create_private_directory(directory)?;
            files::remove_if_there(&path)?;
            let ed25519 = TokenKey::open_or_make(place, origin.key_name().clone())?;
            let mldsa44 = Seed::random().map_err(failed)?;
            let encrypted = pkcs8_pem::encrypt(Algorithm::MlDsa44, &mldsa44, passphrase);
            let encrypted = encrypted.map(Zeroizing::new).map_err(failed)?;
            files::create_private(&path, encrypted.as_bytes())?;
            let signer = LogSigner::with_token(origin, ed25519, &mldsa44)?;
            files::create_public(&directory.join(LOG_PUB_FILE), signer.log_pub().as_bytes())?;
        }
        sync_keys(directory)
    }
}

/// A program that cannot use tokens.
#[cfg(not(feature = "pkcs11"))]
mod on_token {
    use super::*;

    pub(super) fn open(
        _origin: &Origin,
        _directory: &Path,
        _place: &TokenPlace,
        _passphrase: &Passphrase,
    ) -> Result<LogSigner, KeyError> {
        Err(KeyError::NoTokens)
    }

    pub(super) fn make(
        _origin: &Origin,
        _directory: &Path,
        _place: &TokenPlace,
        _passphrase: &Passphrase,
    ) -> Result<(), KeyError> {
        Err(KeyError::NoTokens)
    }
}

#[cfg(test)]
mod tests;
