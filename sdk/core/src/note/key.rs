//! Verifier keys: their names, ids and "vkey" text, and verification of one signature line.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use ed25519_dalek::VerifyingKey as Ed25519Key;
use ml_dsa::{EncodedVerifyingKey, MlDsa44, Verifier as _, VerifyingKey as MlDsaKey};

use super::cosignature::{cosignature_message, is_time, mldsa_message};
use super::signed::SignatureLine;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::encoding::{self, EncodingError};
use crate::hash::sha256_of;
use crate::index::LogSize;

/// The longest key name, in bytes; a cosignature writes the length in one byte.
const NAME_BYTES_MAX: usize = 255;

/// Why a key or its name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name is empty, too long, or holds a space, a `+` or a control character.
    #[error("a key name has 1 to 255 bytes and no space, control character or '+'")]
    Name,
    /// Not three fields with `+` between them.
    #[error("a verifier key reads <name>+<8 hex digits>+<base64>")]
    Form,
    /// The id or the key is not well encoded.
    #[error("in a verifier key: {0}")]
    Encoding(#[from] EncodingError),
    /// The id is not that of this name and key: a part of the text was changed.
    #[error("the key id {found} does not belong to this name and key, which have {expected}")]
    Id {
        /// The id computed from name, type and key.
        expected: KeyId,
        /// The id in the text.
        found: KeyId,
    },
    /// A type byte that is none of `0x01`, `0x04`, `0x06`.
    #[error("signature type {0:#04x} is unknown (known are 0x01, 0x04 and 0x06)")]
    UnknownType(u8),
    /// The public key has a length that its type does not have.
    #[error("the public key has {found} bytes, its type has {expected}")]
    Length {
        /// Bytes that the type has.
        expected: usize,
        /// Bytes that were found.
        found: usize,
    },
    /// Not a point of the curve in its only encoding.
    #[error("the public key is not a canonical Ed25519 point")]
    NotCanonical,
    /// A point of small order, under which anyone can sign.
    #[error("the public key is weak (of small order): anyone can sign under it")]
    Weak,
}

/// Why one signature line does not verify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The line is by another key.
    #[error("the line is by another key")]
    OtherKey,
    /// The signature has a length that its type does not have.
    #[error("the signature has {found} bytes, its type has {expected}")]
    Length {
        /// Bytes that the type has.
        expected: usize,
        /// Bytes that were found.
        found: usize,
    },
    /// A timestamped cosignature that states time 0 or a time above 2^63 - 1.
    #[error("the cosignature states time {0}, which no cosigner may state")]
    Time(u64),
    /// A `0x06` line under a text that is no checkpoint.
    #[error("a subtree cosignature stands under a text that is no checkpoint: {0}")]
    NotCheckpoint(#[from] CheckpointError),
    /// The signature is wrong.
    #[error("the signature does not verify")]
    Wrong,
}

/// The name of a key: 1 to 255 bytes without spaces, control characters and `+`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Arc<str>);

/// The first four bytes of `SHA-256(name || 0x0A || type || public key)`. `Display` is hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 4]);

/// What a key signs, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// `0x01`: Ed25519 over the text.
    Ed25519,
    /// `0x04`: Ed25519 timestamped cosignature.
    Ed25519Cosignature,
    /// `0x06`: ML-DSA-44 timestamped (sub)tree cosignature.
    MlDsa44,
}

/// A public key with its name: what the text "vkey" holds. Cheap to clone.
#[derive(Clone)]
pub struct VerifierKey {
    name: KeyName,
    id: KeyId,
    key: PublicKey,
}

#[derive(Clone)]
enum PublicKey {
    Ed25519(Arc<Ed25519Key>),
    Ed25519Cosignature(Arc<Ed25519Key>),
    // Verification works on 20 kB of precomputed values.
    MlDsa44(Arc<MlDsaKey<MlDsa44>>),
}

impl KeyName {
    /// Checks and takes a name.
    pub fn new(name: &str) -> Result<Self, KeyError> {
        let refused =
            |character: char| character == '+' || character.is_whitespace() || character.is_control();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(refused) {
            return Err(KeyError::Name);
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl KeyId {
    /// The id of a key with this name, type byte and public key.
    pub fn of(name: &KeyName, key_type: KeyType, public_key: &[u8]) -> Self {
        let hash = sha256_of(&[name.as_str().as_bytes(), b"\n", &[key_type.byte()], public_key]);
        let [a, b, c, d, ..] = *hash.as_bytes();
        Self([a, b, c, d])
    }

    /// From its four bytes.
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// Its four bytes.
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }
}

impl KeyType {
    /// The byte in a vkey, before the public key.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Ed25519Cosignature => 0x04,
            Self::MlDsa44 => 0x06,
        }
    }

    /// The type with this byte.
    pub const fn from_byte(byte: u8) -> Result<Self, KeyError> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::Ed25519Cosignature),
            0x06 => Ok(Self::MlDsa44),
            other => Err(KeyError::UnknownType(other)),
        }
    }

    /// Length of a signature, in bytes, without the key id and the time.
    pub const fn signature_length(self) -> usize {
        match self {
            Self::Ed25519 | Self::Ed25519Cosignature => 64,
            Self::MlDsa44 => 2_420,
        }
    }
}

impl VerifierKey {
    /// From a name, a type and the raw public key. Weak and non-canonical keys are refused.
    pub fn new(name: KeyName, key_type: KeyType, public_key: &[u8]) -> Result<Self, KeyError> {
        let key = match key_type {
            KeyType::Ed25519 => PublicKey::Ed25519(Arc::new(ed25519_key(public_key)?)),
            KeyType::Ed25519Cosignature => PublicKey::Ed25519Cosignature(Arc::new(ed25519_key(public_key)?)),
            KeyType::MlDsa44 => PublicKey::MlDsa44(Arc::new(mldsa_key(public_key)?)),
        };
        Ok(Self::with_id(name, key, public_key))
    }

    pub(super) fn from_ed25519(name: KeyName, key: Ed25519Key) -> Self {
        Self::with_id(name, PublicKey::Ed25519(Arc::new(key)), key.as_bytes())
    }

    pub(super) fn from_ed25519_cosignature(name: KeyName, key: Ed25519Key) -> Self {
        Self::with_id(name, PublicKey::Ed25519Cosignature(Arc::new(key)), key.as_bytes())
    }

    pub(super) fn from_mldsa44(name: KeyName, key: MlDsaKey<MlDsa44>) -> Self {
        let encoded = key.encode();
        Self::with_id(name, PublicKey::MlDsa44(Arc::new(key)), &encoded)
    }

    fn with_id(name: KeyName, key: PublicKey, public_key: &[u8]) -> Self {
        let id = KeyId::of(&name, key.key_type(), public_key);
        Self { name, id, key }
    }

    /// Reads `<name>+<8 hex digits>+<base64(type || public key)>`.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        // The base64 may hold a '+' itself, the name may not.
        let mut fields = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(KeyError::Form);
        };
        let name = KeyName::new(name)?;
        let found = KeyId(encoding::hex_decode(id)?);
        let bytes = encoding::base64_decode(key)?;
        let (type_byte, public_key) = bytes.split_first().ok_or(KeyError::Form)?;
        let key = Self::new(name, KeyType::from_byte(*type_byte)?, public_key)?;
        if key.id != found {
            return Err(KeyError::Id {
                expected: key.id,
                found,
            });
        }
        Ok(key)
    }

    /// The name.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What it signs, and how.
    pub const fn key_type(&self) -> KeyType {
        self.key.key_type()
    }

    /// The raw public key, without the type byte.
    pub fn public_key(&self) -> Vec<u8> {
        match &self.key {
            PublicKey::Ed25519(key) | PublicKey::Ed25519Cosignature(key) => key.as_bytes().to_vec(),
            PublicKey::MlDsa44(key) => key.encode().to_vec(),
        }
    }

    /// Whether the line says that it is by this key.
    pub fn matches(&self, line: &SignatureLine) -> bool {
        self.id == line.key_id() && self.name == *line.name()
    }

    /// Verifies one line over a note's text. Returns the time in seconds that a timestamped
    /// cosignature (`0x04`, `0x06`) states, and none for `0x01`.
    pub fn verify(&self, text: &str, line: &SignatureLine) -> Result<Option<u64>, SignatureError> {
        if !self.matches(line) {
            return Err(SignatureError::OtherKey);
        }
        match &self.key {
            PublicKey::Ed25519(key) => {
                verify_ed25519(key, text.as_bytes(), line.blob())?;
                Ok(None)
            }
            PublicKey::Ed25519Cosignature(key) => {
                let (time_s, signature) = split_time(line.blob(), self.key_type())?;
                verify_ed25519(key, &cosignature_message(time_s, text), signature)?;
                Ok(Some(time_s))
            }
            PublicKey::MlDsa44(key) => {
                let (time_s, signature) = split_time(line.blob(), self.key_type())?;
                let checkpoint = Checkpoint::parse(text)?;
                let (origin, size) = (&checkpoint.origin, checkpoint.size);
                let root = &checkpoint.root;
                let message = mldsa_message(&self.name, time_s, origin, LogSize::EMPTY, size, root);
                verify_mldsa44(key, &message, signature)?;
                Ok(Some(time_s))
            }
        }
    }
}

impl PublicKey {
    const fn key_type(&self) -> KeyType {
        match self {
            Self::Ed25519(_) => KeyType::Ed25519,
            Self::Ed25519Cosignature(_) => KeyType::Ed25519Cosignature,
            Self::MlDsa44(_) => KeyType::MlDsa44,
        }
    }
}

/// Strict verification leaves it to the caller that the key's encoding is canonical: checked here once.
pub(crate) fn ed25519_key(bytes: &[u8]) -> Result<Ed25519Key, KeyError> {
    let bytes: &[u8; 32] = bytes.try_into().map_err(|_| KeyError::Length {
        expected: 32,
        found: bytes.len(),
    })?;
    let key = Ed25519Key::from_bytes(bytes).map_err(|_| KeyError::NotCanonical)?;
    if key.is_weak() {
        return Err(KeyError::Weak);
    }
    if key.to_edwards().compress().as_bytes() != bytes {
        return Err(KeyError::NotCanonical);
    }
    Ok(key)
}

pub(super) fn mldsa_key(bytes: &[u8]) -> Result<MlDsaKey<MlDsa44>, KeyError> {
    let encoded = EncodedVerifyingKey::<MlDsa44>::try_from(bytes).map_err(|_| KeyError::Length {
        expected: 1_312,
        found: bytes.len(),
    })?;
    Ok(MlDsaKey::decode(&encoded))
}

/// S below the group order, A and R canonical and not of small order, R recomputed and compared.
pub(crate) fn verify_ed25519(
    key: &Ed25519Key,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let bytes: &[u8; 64] = signature.try_into().map_err(|_| SignatureError::Length {
        expected: 64,
        found: signature.len(),
    })?;
    let signature = ed25519_dalek::Signature::from_bytes(bytes);
    key.verify_strict(message, &signature)
        .map_err(|_| SignatureError::Wrong)
}

/// FIPS 204 pure, with an empty context.
pub(super) fn verify_mldsa44(
    key: &MlDsaKey<MlDsa44>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let expected = KeyType::MlDsa44.signature_length();
    if signature.len() != expected {
        return Err(SignatureError::Length {
            expected,
            found: signature.len(),
        });
    }
    let signature = ml_dsa::Signature::<MlDsa44>::try_from(signature).map_err(|_| SignatureError::Wrong)?;
    key.verify(message, &signature).map_err(|_| SignatureError::Wrong)
}

fn split_time(blob: &[u8], key_type: KeyType) -> Result<(u64, &[u8]), SignatureError> {
    let expected = 8 + key_type.signature_length();
    match blob.split_first_chunk::<8>() {
        Some((time, signature)) if blob.len() == expected => {
            let time_s = u64::from_be_bytes(*time);
            if is_time(time_s) {
                Ok((time_s, signature))
            } else {
                Err(SignatureError::Time(time_s))
            }
        }
        _ => Err(SignatureError::Length {
            expected,
            found: blob.len(),
        }),
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyName({})", self.0)
    }
}

impl FromStr for KeyName {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::new(text)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&encoding::hex_encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyId({self})")
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.key_type().byte()];
        bytes.extend_from_slice(&self.public_key());
        write!(
            out,
            "{}+{}+{}",
            self.name,
            self.id,
            encoding::base64_encode(&bytes)
        )
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "VerifierKey({}+{}, {:?})",
            self.name,
            self.id,
            self.key_type()
        )
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::parse(text)
    }
}

impl PartialEq for VerifierKey {
    fn eq(&self, other: &Self) -> bool {
        let same_key = match (&self.key, &other.key) {
            (PublicKey::Ed25519(one), PublicKey::Ed25519(two)) => one == two,
            (PublicKey::Ed25519Cosignature(one), PublicKey::Ed25519Cosignature(two)) => one == two,
            (PublicKey::MlDsa44(one), PublicKey::MlDsa44(two)) => one == two,
            _ => false,
        };
        self.name == other.name && same_key
    }
}

impl Eq for VerifierKey {}
