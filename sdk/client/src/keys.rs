//! A member's signing key: Ed25519 in encrypted PKCS#8, and its public half beside it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pkcs8::der::pem::LineEnding;
use pkcs8::der::{Decode as _, SecretDocument};
use pkcs8::pkcs5::pbes2;
use pkcs8::{EncryptedPrivateKeyInfoOwned, ObjectIdentifier, PrivateKeyInfoRef};
use rand::TryRng as _;
use rand::rngs::SysRng;
use trialseal_core::identifiers::{MemberId, OrganizationId};
use trialseal_core::note::{Ed25519SigningKey, KeyName, VerifierKey};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::durable::{self, Access};

/// id-Ed25519 (RFC 8410).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// A PKCS#8 v1 document of an Ed25519 key (RFC 8410, section 7) up to its seed.
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Longer files are no keys.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// A passphrase. `Debug` does not show it; zeroised when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Passphrase(String);

/// The Ed25519 key with which a member signs, under the name `<organization>/<member>`.
/// Its seed is zeroised when dropped.
pub struct MemberKey {
    organization: OrganizationId,
    member: MemberId,
    signing: Ed25519SigningKey,
    seed: Zeroizing<[u8; 32]>,
}

/// A key that cannot be made, stored or loaded.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is a key already; it is never overwritten.
    #[error("{}: exists already; a key is never overwritten, choose another name", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// Others can read the key.
    #[error("{}: others than its owner can read it; run: chmod 600 {}", path.display(), path.display())]
    Readable {
        /// Which.
        path: PathBuf,
    },
    /// The passphrase does not open it.
    #[error("{}: wrong passphrase, or the file is damaged", path.display())]
    Passphrase {
        /// Which.
        path: PathBuf,
    },
    /// Not an encrypted PKCS#8 file of an Ed25519 key, or not the public key of the private one.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No randomness from the operating system, or no memory for the key derivation.
    #[error("cannot make a key: {0}")]
    Generate(String),
}

impl Passphrase {
    /// From text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The first line of a file.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(path: impl AsRef<Path>) -> io::Result<Self> {
        let text = Zeroizing::new(fs::read_to_string(path)?);
        Ok(Self(text.lines().next().unwrap_or_default().to_owned()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Passphrase(..)")
    }
}

impl std::fmt::Debug for MemberKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "MemberKey({}/{})", self.organization, self.member)
    }
}

impl MemberKey {
    /// A fresh key.
    ///
    /// # Errors
    ///
    /// The operating system gives no randomness.
    pub fn generate(organization: OrganizationId, member: MemberId) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        SysRng
            .try_fill_bytes(seed.as_mut())
            .map_err(|error| KeyError::Generate(error.to_string()))?;
        Self::from_seed(organization, member, &seed)
    }

    /// From the 32 bytes of an Ed25519 seed (RFC 8032).
    ///
    /// # Errors
    ///
    /// The ids together are too long for a key name.
    pub fn from_seed(
        organization: OrganizationId,
        member: MemberId,
        seed: &[u8; 32],
    ) -> Result<Self, KeyError> {
        let name = KeyName::new(&format!("{organization}/{member}"))
            .map_err(|error| KeyError::Generate(error.to_string()))?;
        let signing = Ed25519SigningKey::from_seed(name, *seed);
        Ok(Self {
            organization,
            member,
            signing,
            seed: Zeroizing::new(*seed),
        })
    }

    /// The organisation.
    #[must_use]
    pub fn organization(&self) -> &OrganizationId {
        &self.organization
    }

    /// The member.
    #[must_use]
    pub fn member(&self) -> &MemberId {
        &self.member
    }

    /// The key that signs.
    #[must_use]
    pub fn signing(&self) -> &Ed25519SigningKey {
        &self.signing
    }

    /// The public half, as it is enrolled: `Display` writes the vkey.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        self.signing.verifier()
    }

    /// Writes the private key, encrypted, mode 0600, to `path`, and the vkey to `<path>.pub`.
    /// Takes about 0.1 s.
    ///
    /// # Errors
    ///
    /// One of the files exists or cannot be written.
    pub fn save(&self, path: &Path, passphrase: &Passphrase) -> Result<(), KeyError> {
        let pem = self.encrypt(passphrase)?;
        for (place, bytes, access) in [
            (path.to_owned(), pem.as_bytes(), Access::Owner),
            (
                public_path(path),
                format!("{}\n", self.verifier()).as_bytes(),
                Access::Default,
            ),
        ] {
            durable::create(&place, bytes, access).map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => KeyError::Exists { path: place },
                _ => KeyError::File { path: place, source },
            })?;
        }
        Ok(())
    }

    /// Reads the private key from `path` and its name from `<path>.pub`. Takes about 0.1 s.
    ///
    /// # Errors
    ///
    /// A file is missing, malformed or readable by others; the passphrase is wrong; the two files
    /// do not belong together.
    pub fn load(path: impl AsRef<Path>, passphrase: &Passphrase) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let (organization, member, vkey) = read_public(&public_path(path))?;
        check_private(path)?;
        let pem = Zeroizing::new(read(path)?);
        let seed = decrypt(path, &pem, passphrase)?;
        let key = Self::from_seed(organization, member, &seed)?;
        if key.verifier().to_string() != vkey {
            let problem = format!("is not the private key of {}", public_path(path).display());
            return Err(KeyError::Malformed {
                path: path.to_owned(),
                problem,
            });
        }
        Ok(key)
    }

    fn encrypt(&self, passphrase: &Passphrase) -> Result<Zeroizing<String>, KeyError> {
        let failed = |error: &dyn std::fmt::Display| KeyError::Generate(error.to_string());
        let mut document = Zeroizing::new(PKCS8_HEAD.to_vec());
        document.extend_from_slice(self.seed.as_ref());
        // scrypt with N = 2^14, r = 8, p = 1: 16 MiB and 0.05 s, the most that OpenSSL opens
        // with its default memory limit.
        let parameters = pbes2::Parameters::generate_scrypt(&mut SysRng).map_err(|error| failed(&error))?;
        let key = PrivateKeyInfoRef::from_der(&document).map_err(|error| failed(&error))?;
        let encrypted = key
            .encrypt_with_params(parameters, passphrase.0.as_bytes())
            .map_err(|error| failed(&error))?;
        encrypted
            .to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF)
            .map_err(|error| failed(&error))
    }
}

/// Reads a public key file: the ids in its name and the vkey.
fn read_public(path: &Path) -> Result<(OrganizationId, MemberId, String), KeyError> {
    let malformed = |problem: String| KeyError::Malformed {
        path: path.to_owned(),
        problem,
    };
    let text = read(path)?;
    let vkey = text.trim();
    let key = VerifierKey::parse(vkey).map_err(|error| malformed(format!("not a vkey: {error}")))?;
    let name = key.name().as_str();
    let named = "the key's name is not <organization>/<member>";
    let (organization, member) = name.split_once('/').ok_or_else(|| malformed(named.to_owned()))?;
    let organization = OrganizationId::new(organization).map_err(|error| malformed(error.to_string()))?;
    let member = MemberId::new(member).map_err(|error| malformed(error.to_string()))?;
    Ok((organization, member, vkey.to_owned()))
}

fn decrypt(path: &Path, pem: &str, passphrase: &Passphrase) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let malformed = |problem: &str| KeyError::Malformed {
        path: path.to_owned(),
        problem: problem.to_owned(),
    };
    let (label, document) = SecretDocument::from_pem(pem).map_err(|_| malformed("not a PEM file"))?;
    if label != "ENCRYPTED PRIVATE KEY" {
        return Err(malformed(
            "not an encrypted private key (PEM label ENCRYPTED PRIVATE KEY)",
        ));
    }
    let encrypted = EncryptedPrivateKeyInfoOwned::from_der(document.as_bytes())
        .map_err(|_| malformed("not an encrypted PKCS#8 document that this version can open"))?;
    let wrong = || KeyError::Passphrase {
        path: path.to_owned(),
    };
    let opened = encrypted.decrypt(passphrase.0.as_bytes()).map_err(|_| wrong())?;
    let key = PrivateKeyInfoRef::from_der(opened.as_bytes()).map_err(|_| wrong())?;
    if key.algorithm.oid != ED25519 {
        return Err(malformed("not an Ed25519 key"));
    }
    match key.private_key.as_bytes() {
        [0x04, 0x20, seed @ ..] if seed.len() == 32 => {
            let mut bytes = Zeroizing::new([0; 32]);
            bytes.copy_from_slice(seed);
            Ok(bytes)
        }
        _ => Err(malformed("not the seed of an Ed25519 key")),
    }
}

fn read(path: &Path) -> Result<String, KeyError> {
    let failed = |source| KeyError::File {
        path: path.to_owned(),
        source,
    };
    if fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(KeyError::Malformed {
            path: path.to_owned(),
            problem: "too large for a key".to_owned(),
        });
    }
    fs::read_to_string(path).map_err(failed)
}

#[cfg(unix)]
fn check_private(path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = fs::metadata(path).map_err(|source| KeyError::File {
        path: path.to_owned(),
        source,
    })?;
    if metadata.permissions().mode() & 0o077 == 0 {
        Ok(())
    } else {
        Err(KeyError::Readable {
            path: path.to_owned(),
        })
    }
}

#[cfg(not(unix))]
fn check_private(_path: &Path) -> Result<(), KeyError> {
    Ok(())
}

/// Where the vkey of the key at `path` lies: `<path>.pub`.
#[must_use]
pub fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (OrganizationId, MemberId) {
        (
            OrganizationId::new("acme").unwrap(),
            MemberId::new("m-4k2v9").unwrap(),
        )
    }

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned())
    }

    /// A new key at `path`, under the passphrase `p`.
    fn save_new(path: &Path) {
        let (organization, member) = ids();
        let key = MemberKey::generate(organization, member).unwrap();
        key.save(path, &passphrase("p")).unwrap();
    }

    #[test]
    fn a_key_goes_round_and_no_secret_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("member.key");
        let (organization, member) = ids();
        let key = MemberKey::generate(organization, member).unwrap();
        key.save(&path, &passphrase("correct horse")).unwrap();
        let loaded = MemberKey::load(&path, &passphrase("correct horse")).unwrap();
        assert_eq!(loaded.verifier().to_string(), key.verifier().to_string());
        assert!(key.verifier().to_string().starts_with("acme/m-4k2v9+"));
        assert_eq!(format!("{key:?}"), "MemberKey(acme/m-4k2v9)");
        assert!(
            fs::read_to_string(&path)
                .unwrap()
                .starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        );
        assert!(matches!(
            MemberKey::load(&path, &passphrase("wrong")),
            Err(KeyError::Passphrase { .. })
        ));
        assert!(matches!(
            key.save(&path, &passphrase("x")),
            Err(KeyError::Exists { .. })
        ));
    }

    #[test]
    fn the_public_file_must_be_that_of_the_private_one() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        for path in [&one, &other] {
            save_new(path);
        }
        fs::copy(public_path(&other), public_path(&one)).unwrap();
        assert!(matches!(
            MemberKey::load(&one, &passphrase("p")),
            Err(KeyError::Malformed { .. })
        ));
        fs::write(public_path(&one), "acme+00000000+AQ==\n").unwrap();
        assert!(matches!(
            MemberKey::load(&one, &passphrase("p")),
            Err(KeyError::Malformed { .. })
        ));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("member.key");
        save_new(&path);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            MemberKey::load(&path, &passphrase("p")),
            Err(KeyError::Readable { .. })
        ));
    }

    #[test]
    fn an_unencrypted_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("member.key");
        save_new(&path);
        for wrong in [
            "",
            "no key",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            fs::write(&path, wrong).unwrap();
            assert!(matches!(
                MemberKey::load(&path, &passphrase("p")),
                Err(KeyError::Malformed { .. })
            ));
        }
    }
}
