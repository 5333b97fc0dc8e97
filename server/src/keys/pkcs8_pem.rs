//! The log's secret keys as encrypted PKCS#8: `ENCRYPTED PRIVATE KEY` in PEM, PBES2 with scrypt and
//! AES-256-CBC, which OpenSSL reads. Ed25519 as RFC 8410 has it; ML-DSA-44 as RFC 9881 has it, in the
//! form that is the seed alone.

use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::pem::PemLabel as _;
use pkcs8::der::{Decode as _, pem};
use pkcs8::pkcs5::{pbes2, scrypt};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, ObjectIdentifier, PrivateKeyInfoRef};
use rand::TryRng as _;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use super::{Passphrase, Seed};

/// scrypt with N = 2^14, r = 8, p = 2: about 0.1 s on a small server, where 0.2 s is the bound. A larger N
/// would need more than the 32 MiB that OpenSSL allows, and it should be able to open these files.
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 2;

/// The cost above which a file is not even tried: 1 GiB of memory.
const SCRYPT_LOG_N_MAX: u8 = 20;

/// Bytes of the DER before the seed in a private key that is a seed alone.
const SEED_TAG: [u8; 2] = [0x80, 0x20];
const OCTET_STRING_TAG: [u8; 2] = [0x04, 0x20];

/// What a secret key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Ed25519,
    MlDsa44,
}

impl Algorithm {
    /// id-Ed25519 (RFC 8410) and id-ml-dsa-44 (NIST).
    const fn identifier(self) -> ObjectIdentifier {
        match self {
            Self::Ed25519 => ObjectIdentifier::new_unwrap("1.3.101.112"),
            Self::MlDsa44 => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17"),
        }
    }

    /// What stands before the 32 bytes: an OCTET STRING, or `seed [0] OCTET STRING (SIZE (32))`.
    const fn tag(self) -> [u8; 2] {
        match self {
            Self::Ed25519 => OCTET_STRING_TAG,
            Self::MlDsa44 => SEED_TAG,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::MlDsa44 => "ML-DSA-44",
        }
    }
}

/// The private key info in DER, unencrypted.
#[cfg(test)]
pub(super) fn plain(algorithm: Algorithm, seed: &Seed) -> pkcs8::Result<Zeroizing<Vec<u8>>> {
    use pkcs8::der::Encode as _;
    with_info(algorithm, seed, |info| Ok(Zeroizing::new(info.to_der()?)))
}

/// The key encrypted with the passphrase, as PEM.
pub(super) fn encrypt(algorithm: Algorithm, seed: &Seed, passphrase: &Passphrase) -> Result<String, Problem> {
    let mut salt = [0; 16];
    let mut initial = [0; 16];
    SysRng
        .try_fill_bytes(&mut salt)
        .map_err(|_| Problem::NoRandomness)?;
    SysRng
        .try_fill_bytes(&mut initial)
        .map_err(|_| Problem::NoRandomness)?;
    let cost = scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P).map_err(|_| Problem::Form)?;
    let parameters =
        pbes2::Parameters::generate_scrypt_aes256cbc(cost, &salt, initial).map_err(|_| Problem::Form)?;
    with_info(algorithm, seed, |info| {
        let document = info.encrypt_with_params(parameters, passphrase.as_bytes())?;
        Ok(document
            .to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)?
            .to_string())
    })
    .map_err(|_| Problem::Form)
}

/// The seed in an encrypted key, if it is for this algorithm.
pub(super) fn decrypt(algorithm: Algorithm, text: &str, passphrase: &Passphrase) -> Result<Seed, Problem> {
    let (label, der) = pem::decode_vec(text.as_bytes()).map_err(|_| Problem::Form)?;
    if label != EncryptedPrivateKeyInfoRef::PEM_LABEL {
        return Err(Problem::NotEncrypted);
    }
    let encrypted = EncryptedPrivateKeyInfoRef::from_der(&der).map_err(|_| Problem::Form)?;
    let parameters = encrypted.encryption_algorithm.pbes2().ok_or(Problem::Form)?;
    if parameters
        .kdf
        .scrypt()
        .is_some_and(|scrypt| scrypt.cost_parameter > 1 << SCRYPT_LOG_N_MAX)
    {
        return Err(Problem::TooCostly);
    }
    // A wrong passphrase shows as bad padding, or else as bytes that are no private key.
    let document = encrypted
        .decrypt(passphrase.as_bytes())
        .map_err(|_| Problem::Passphrase)?;
    let info = PrivateKeyInfoRef::from_der(document.as_bytes()).map_err(|_| Problem::Passphrase)?;
    if info.algorithm.oid != algorithm.identifier() {
        return Err(Problem::Algorithm(algorithm.name()));
    }
    let key = info.private_key.as_bytes();
    let bytes = key.strip_prefix(&algorithm.tag()).ok_or(Problem::NotASeed)?;
    Seed::from_slice(bytes).ok_or(Problem::NotASeed)
}

fn with_info<T>(
    algorithm: Algorithm,
    seed: &Seed,
    then: impl FnOnce(PrivateKeyInfoRef<'_>) -> pkcs8::Result<T>,
) -> pkcs8::Result<T> {
    let mut key = Zeroizing::new(Vec::with_capacity(34));
    key.extend_from_slice(&algorithm.tag());
    key.extend_from_slice(seed.as_bytes());
    let identifier = AlgorithmIdentifierRef {
        oid: algorithm.identifier(),
        parameters: None,
    };
    then(PrivateKeyInfoRef::new(identifier, OctetStringRef::new(&key)?))
}

/// What is wrong with a key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not a PEM file with an encrypted key as this version writes it.
    #[error("it is not an encrypted PKCS#8 key (PBES2) in PEM")]
    Form,
    /// Some other PEM.
    #[error("it is not encrypted; a log's key is never kept in the clear")]
    NotEncrypted,
    /// More memory than is sensible.
    #[error("its scrypt cost is above N = 2^20; encrypt it again with less")]
    TooCostly,
    /// It does not open.
    #[error("it does not open: the passphrase is wrong, or the file is damaged")]
    Passphrase,
    /// A key of another kind.
    #[error("it holds another kind of key; {0} is expected")]
    Algorithm(&'static str),
    /// A key in another form.
    #[error("it does not hold the key as its 32-byte seed alone")]
    NotASeed,
    /// Not the public keys of a log.
    #[error("it does not hold the public keys of a log, as this program writes them")]
    NotPublicKeys,
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
}
