//! The signatures of authorities and of their certificates: ECDSA with P-256 or P-384, RSA of at least
//! 2048 bits with PKCS #1 v1.5 or PSS; SHA-256, SHA-384 or SHA-512. Nothing with SHA-1.

use core::fmt;

use der::asn1::ObjectIdentifier;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, Pss, RsaPublicKey};
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::fields::Algorithm;

/// RSA keys below are refused.
pub(super) const RSA_BITS_MIN: usize = 2_048;
/// RSA keys above are refused too: they would only cost time.
const RSA_BITS_MAX: usize = 8_192;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A hash function that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HashFunction {
    Sha256,
    Sha384,
    Sha512,
}

impl HashFunction {
    pub(super) fn of(algorithm: &Algorithm<'_>) -> Option<Self> {
        const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
        const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
        const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
        if !algorithm.has_no_parameters() {
            return None;
        }
        match algorithm.oid {
            SHA256 => Some(Self::Sha256),
            SHA384 => Some(Self::Sha384),
            SHA512 => Some(Self::Sha512),
            _ => None,
        }
    }

    pub(super) fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

#[derive(Clone, Copy)]
enum Scheme {
    P256,
    P384,
    Pkcs1,
    Pss,
}

/// One kind of key with one kind of signature.
pub(super) struct SignatureAlgorithm {
    scheme: Scheme,
    hash: HashFunction,
    key_id: AlgorithmIdentifier,
    signature_id: AlgorithmIdentifier,
}

const fn algorithm(
    scheme: Scheme,
    hash: HashFunction,
    key_id: AlgorithmIdentifier,
    signature_id: AlgorithmIdentifier,
) -> SignatureAlgorithm {
    SignatureAlgorithm {
        scheme,
        hash,
        key_id,
        signature_id,
    }
}

use HashFunction::{Sha256 as S256, Sha384 as S384, Sha512 as S512};

static P256: [SignatureAlgorithm; 3] = [
    algorithm(Scheme::P256, S256, alg_id::ECDSA_P256, alg_id::ECDSA_SHA256),
    algorithm(Scheme::P256, S384, alg_id::ECDSA_P256, alg_id::ECDSA_SHA384),
    algorithm(Scheme::P256, S512, alg_id::ECDSA_P256, alg_id::ECDSA_SHA512),
];
static P384: [SignatureAlgorithm; 3] = [
    algorithm(Scheme::P384, S256, alg_id::ECDSA_P384, alg_id::ECDSA_SHA256),
    algorithm(Scheme::P384, S384, alg_id::ECDSA_P384, alg_id::ECDSA_SHA384),
    algorithm(Scheme::P384, S512, alg_id::ECDSA_P384, alg_id::ECDSA_SHA512),
];
static PKCS1: [SignatureAlgorithm; 3] = [
    algorithm(
        Scheme::Pkcs1,
        S256,
        alg_id::RSA_ENCRYPTION,
        alg_id::RSA_PKCS1_SHA256,
    ),
    algorithm(
        Scheme::Pkcs1,
        S384,
        alg_id::RSA_ENCRYPTION,
        alg_id::RSA_PKCS1_SHA384,
    ),
    algorithm(
        Scheme::Pkcs1,
        S512,
        alg_id::RSA_ENCRYPTION,
        alg_id::RSA_PKCS1_SHA512,
    ),
];
/// With the parameters that RFC 4055 names: MGF1 with the same hash, a salt as long as the hash.
static PSS: [SignatureAlgorithm; 3] = [
    algorithm(Scheme::Pss, S256, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA256),
    algorithm(Scheme::Pss, S384, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA384),
    algorithm(Scheme::Pss, S512, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA512),
];

/// All that are accepted.
pub(super) static ALL: &[&dyn SignatureVerificationAlgorithm] = &[
    &P256[0], &P256[1], &P256[2], &P384[0], &P384[1], &P384[2], &PKCS1[0], &PKCS1[1], &PKCS1[2], &PSS[0],
    &PSS[1], &PSS[2],
];

/// The algorithm of a token's signature, by a key with this identifier. Where it says `rsaEncryption`, as
/// many tokens do, the hash function is that of the signer's digest.
pub(super) fn find(
    key_id: &[u8],
    signature: &Algorithm<'_>,
    digest: HashFunction,
) -> Option<&'static SignatureAlgorithm> {
    let is_plain_rsa = signature.oid == RSA_ENCRYPTION && signature.has_no_parameters();
    let mut all = [&P256, &P384, &PKCS1, &PSS].into_iter().flatten();
    all.find(|known| {
        let names_signature = known.signature_id.as_ref() == signature.contents
            || (is_plain_rsa && matches!(known.scheme, Scheme::Pkcs1) && known.hash == digest);
        known.key_id.as_ref() == key_id && names_signature
    })
}

impl SignatureAlgorithm {
    fn verify(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
        let digest = self.hash.digest(message);
        match self.scheme {
            Scheme::P256 => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
                let signature = p256::ecdsa::Signature::from_der(signature).ok()?;
                key.verify_prehash(&digest, &signature).ok()
            }
            Scheme::P384 => {
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
                let signature = p384::ecdsa::Signature::from_der(signature).ok()?;
                key.verify_prehash(&digest, &signature).ok()
            }
            Scheme::Pkcs1 => {
                let scheme = match self.hash {
                    S256 => Pkcs1v15Sign::new::<rsa::sha2::Sha256>(),
                    S384 => Pkcs1v15Sign::new::<rsa::sha2::Sha384>(),
                    S512 => Pkcs1v15Sign::new::<rsa::sha2::Sha512>(),
                };
                rsa_key(key)?.verify(scheme, &digest, signature).ok()
            }
            Scheme::Pss => {
                let scheme = match self.hash {
                    S256 => Pss::new_with_salt::<rsa::sha2::Sha256>(32),
                    S384 => Pss::new_with_salt::<rsa::sha2::Sha384>(48),
                    S512 => Pss::new_with_salt::<rsa::sha2::Sha512>(64),
                };
                rsa_key(key)?.verify(scheme, &digest, signature).ok()
            }
        }
    }
}

fn rsa_key(key: &[u8]) -> Option<RsaPublicKey> {
    let parsed = rsa::pkcs1::RsaPublicKey::try_from(key).ok()?;
    if rsa_bits(key).is_none_or(|bits| !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits)) {
        return None;
    }
    let number = |number: rsa::pkcs1::UintRef<'_>| rsa::BigUint::from_bytes_be(number.as_bytes());
    let (modulus, exponent) = (number(parsed.modulus), number(parsed.public_exponent));
    let key = RsaPublicKey::new_with_max_size(modulus, exponent, RSA_BITS_MAX).ok()?;
    (key.n().bits() >= RSA_BITS_MIN).then_some(key)
}

/// The size of an RSA key (RSAPublicKey of PKCS #1).
pub(super) fn rsa_bits(key: &[u8]) -> Option<usize> {
    let parsed = rsa::pkcs1::RsaPublicKey::try_from(key).ok()?;
    let modulus = parsed.modulus.as_bytes();
    let first = modulus.first()?;
    Some(modulus.len() * 8 - first.leading_zeros() as usize)
}

/// Whether a key identifier, what stands inside its SEQUENCE, is that of RSA.
pub(super) fn is_rsa(key_id: &[u8]) -> bool {
    alg_id::RSA_ENCRYPTION.as_ref() == key_id
}

impl SignatureVerificationAlgorithm for SignatureAlgorithm {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        self.verify(key, message, signature).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key_id
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature_id
    }
}

impl fmt::Debug for SignatureAlgorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::P256 => "P-256",
            Scheme::P384 => "P-384",
            Scheme::Pkcs1 => "RSA",
            Scheme::Pss => "RSA-PSS",
        };
        write!(out, "{scheme} with {:?}", self.hash)
    }
}

#[cfg(test)]
mod tests;
