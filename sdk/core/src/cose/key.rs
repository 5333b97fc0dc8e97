//! The key of COSE receipts.

use core::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroize as _;

use crate::checkpoint::Checkpoint;
use crate::encoding::{base64_encode, hex_encode};
use crate::hash::{Hash, sha256};
use crate::note::{ed25519_key, verify_ed25519};

use super::cbor;
use super::{CoseError, protected_header, to_be_signed};

/// A key that signs COSE receipts: Ed25519, public half. `Debug` shows its thumbprint.
#[derive(Clone, PartialEq, Eq)]
pub struct CoseKey(VerifyingKey);

/// A key that signs COSE receipts. Zeroised when dropped.
pub struct CoseSigningKey {
    key: SigningKey,
    public: CoseKey,
}

impl CoseKey {
    /// The key with these 32 bytes (RFC 8032).
    ///
    /// # Errors
    ///
    /// They are no canonical point, or one of small order.
    pub fn from_bytes(public_key: &[u8]) -> Result<Self, CoseError> {
        Ok(Self(ed25519_key(public_key)?))
    }

    /// The 32 bytes of RFC 8032.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The thumbprint of RFC 9679: SHA-256 over the required parameters in deterministic CBOR. It
    /// identifies the key in receipts (`kid`).
    #[must_use]
    pub fn thumbprint(&self) -> Hash {
        let mut encoded = Vec::with_capacity(40);
        cbor::write_map(&mut encoded, 3);
        pair(&mut encoded, 1, 1);
        self.write_curve_and_point(&mut encoded);
        sha256(&encoded)
    }

    /// The public key as PEM (SubjectPublicKeyInfo, RFC 8410).
    #[must_use]
    pub fn to_pem(&self) -> String {
        public_key_pem(self.as_bytes())
    }

    /// Verifies a signature over the root of a checkpoint.
    ///
    /// # Errors
    ///
    /// It does not verify.
    pub fn verify_checkpoint(&self, checkpoint: &Checkpoint, signature: &[u8; 64]) -> Result<(), CoseError> {
        let protected = protected_header(self, &checkpoint.origin, checkpoint.size);
        self.verify(&to_be_signed(&protected, &checkpoint.root), signature)
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), CoseError> {
        verify_ed25519(&self.0, message, signature).map_err(|_| CoseError::Signature)
    }

    /// OKP parameters -1 (crv: Ed25519) and -2 (x), after those with positive labels.
    fn write_curve_and_point(&self, out: &mut Vec<u8>) {
        pair(out, -1, 6);
        cbor::write_integer(out, -2);
        cbor::write_bytes(out, self.as_bytes());
    }
}

fn pair(out: &mut Vec<u8>, label: i64, value: i64) {
    cbor::write_integer(out, label);
    cbor::write_integer(out, value);
}

/// A COSE_KeySet (RFC 9052, section 7) with these keys: kty, kid, alg, crv and x each. Served at
/// `/.well-known/scitt-keys`.
#[must_use]
pub fn key_set(keys: &[CoseKey]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + keys.len() * 80);
    cbor::write_array(&mut out, keys.len());
    for key in keys {
        cbor::write_map(&mut out, 5);
        pair(&mut out, 1, 1);
        cbor::write_integer(&mut out, 2);
        cbor::write_bytes(&mut out, key.thumbprint().as_bytes());
        pair(&mut out, 3, super::header::EDDSA);
        key.write_curve_and_point(&mut out);
    }
    out
}

/// An Ed25519 public key of 32 bytes as PEM (SubjectPublicKeyInfo, RFC 8410), as `openssl` reads it.
#[must_use]
pub fn public_key_pem(public_key: &[u8; 32]) -> String {
    // SEQUENCE { SEQUENCE { id-Ed25519 }, BIT STRING of the key }
    let mut der = vec![
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    der.extend_from_slice(public_key);
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        base64_encode(&der)
    )
}

impl CoseSigningKey {
    /// The key with this 32-byte seed (RFC 8032).
    #[must_use]
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let key = SigningKey::from_bytes(&seed);
        seed.zeroize();
        let public = CoseKey(key.verifying_key());
        Self { key, public }
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &CoseKey {
        &self.public
    }

    /// Signs the root of a checkpoint, once for every record that it covers.
    ///
    /// # Errors
    ///
    /// The signature that was just made does not verify: failing memory. It is not released.
    pub fn sign_checkpoint(&self, checkpoint: &Checkpoint) -> Result<[u8; 64], CoseError> {
        let protected = protected_header(&self.public, &checkpoint.origin, checkpoint.size);
        let signature = self
            .key
            .sign(&to_be_signed(&protected, &checkpoint.root))
            .to_bytes();
        self.public.verify_checkpoint(checkpoint, &signature)?;
        Ok(signature)
    }
}

impl fmt::Debug for CoseKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "CoseKey({})", hex_encode(self.thumbprint().as_bytes()))
    }
}

impl fmt::Debug for CoseSigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "CoseSigningKey({:?}, hidden)", self.public)
    }
}
