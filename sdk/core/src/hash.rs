//! SHA-256 digests, salts and record ids.

use core::fmt;
use core::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::encoding::{self, EncodingError};

/// A SHA-256 digest or a Merkle tree hash. `Display` is lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

/// 32 random bytes that hide low-entropy content. `Debug` does not show them; there is no `Display`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 32]);

/// The id of a record: its record root. `Display` is lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(Hash);

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// SHA-256 of the concatenation of `parts`, without building it.
pub fn sha256_of(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

macro_rules! thirty_two_bytes {
    ($name:ident) => {
        impl $name {
            /// From its 32 bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Its 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// From a slice, which must be 32 bytes long.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, EncodingError> {
                let length = EncodingError::Length {
                    expected: 32,
                    found: bytes.len(),
                };
                bytes.try_into().map(Self).map_err(|_| length)
            }

            /// From 64 lower-case hex digits.
            pub fn from_hex(text: &str) -> Result<Self, EncodingError> {
                encoding::hex_decode(text).map(Self)
            }

            /// As 64 lower-case hex digits.
            pub fn to_hex(&self) -> String {
                encoding::hex_encode(&self.0)
            }

            /// From padded base64 of 32 bytes.
            pub fn from_base64(text: &str) -> Result<Self, EncodingError> {
                encoding::base64_decode_32(text).map(Self)
            }

            /// As padded base64.
            pub fn to_base64(&self) -> String {
                encoding::base64_encode(&self.0)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
    };
}

thirty_two_bytes!(Hash);
thirty_two_bytes!(Salt);

impl fmt::Display for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = EncodingError;

    fn from_str(text: &str) -> Result<Self, EncodingError> {
        Self::from_hex(text)
    }
}

// A salt in a log or a panic message would undo the hiding that it is for.
impl fmt::Debug for Salt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Salt(..)")
    }
}

impl RecordId {
    /// The id of the record with this root.
    pub const fn from_hash(root: Hash) -> Self {
        Self(root)
    }

    /// The record root.
    pub const fn hash(&self) -> Hash {
        self.0
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// From 64 lower-case hex digits.
    pub fn from_hex(text: &str) -> Result<Self, EncodingError> {
        Hash::from_hex(text).map(Self)
    }

    /// As 64 lower-case hex digits.
    pub fn to_hex(&self) -> String {
        self.0.to_hex()
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RecordId({self})")
    }
}

impl FromStr for RecordId {
    type Err = EncodingError;

    fn from_str(text: &str) -> Result<Self, EncodingError> {
        Self::from_hex(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_known_answers() {
        // FIPS 180-4 example, and the empty string.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc").to_hex(), abc);
        assert_eq!(sha256_of(&[b"a", b"", b"bc"]).to_string(), abc);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b"").to_hex(), empty);
        assert_eq!(sha256_of(&[]).to_hex(), empty);
    }

    #[test]
    fn every_spelling_goes_round() {
        let hash = sha256(b"abc");
        assert_eq!(Hash::from_hex(&hash.to_hex()), Ok(hash));
        assert_eq!(Hash::from_base64(&hash.to_base64()), Ok(hash));
        assert_eq!(Hash::from_slice(hash.as_bytes()), Ok(hash));
        assert_eq!(
            Hash::from_slice(&[0; 31]),
            Err(EncodingError::Length {
                expected: 32,
                found: 31
            })
        );
        assert!(Hash::from_hex(&hash.to_hex().to_uppercase()).is_err());
        let id = RecordId::from_hash(hash);
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn debug_of_a_salt_shows_nothing() {
        assert_eq!(format!("{:?}", Salt::from_bytes([7; 32])), "Salt(..)");
    }
}
