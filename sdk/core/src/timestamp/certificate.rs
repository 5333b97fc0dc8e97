//! Certificates: those that a trust file pins, and those that a token brings along.

use der::asn1::ObjectIdentifier;
use der::{Decode as _, Encode as _};
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::Certificate as X509;
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage as KeyUsageBits, SubjectKeyIdentifier,
};

use super::algorithms::{self, RSA_BITS_MIN};
use super::token::TokenError;
use crate::time::Instant;

/// Most bytes of a certificate in PEM.
const PEM_BYTES_MAX: usize = 64 << 10;
/// Most certificates between a signer and a root. Ways through certificates of one name grow with their
/// factorial, so a few more could keep a verifier busy for minutes.
const INTERMEDIATES_MAX: usize = 6;

const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
/// The same in the spelling of webpki: what stands inside the OBJECT IDENTIFIER.
const TIME_STAMPING_CONTENTS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];

/// Why a certificate cannot be pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not one certificate in PEM.
    #[error("is not one certificate in PEM, from -----BEGIN CERTIFICATE----- to its end")]
    Pem,
    /// Not a certificate.
    #[error("is not an X.509 certificate that can be read")]
    Malformed,
}

/// An X.509 certificate that a trust file pins.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    read: X509,
}

impl core::fmt::Debug for Certificate {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "Certificate of {} bytes", self.der.len())
    }
}

impl Certificate {
    /// Reads a certificate in PEM.
    ///
    /// # Errors
    ///
    /// It is not exactly one certificate.
    pub fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        if pem.len() > PEM_BYTES_MAX {
            return Err(CertificateError::Pem);
        }
        let mut text = pem.trim().to_owned();
        text.push('\n');
        let (label, der) = der::pem::decode_vec(text.as_bytes()).map_err(|_| CertificateError::Pem)?;
        if label != "CERTIFICATE" {
            return Err(CertificateError::Pem);
        }
        // What webpki cannot read could never be the end of a chain.
        anchor_from_trusted_cert(&CertificateDer::from(der.as_slice()))
            .map_err(|_| CertificateError::Malformed)?;
        Self::from_der(der).ok_or(CertificateError::Malformed)
    }

    pub(super) fn from_der(der: Vec<u8>) -> Option<Self> {
        let read = X509::from_der(&der).ok()?;
        Some(Self { der, read })
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The last instant at which it is valid.
    #[must_use]
    pub fn not_after(&self) -> Instant {
        instant(&self.read.tbs_certificate().validity().not_after)
    }

    fn is_valid_at(&self, time: Instant) -> bool {
        let not_before = instant(&self.read.tbs_certificate().validity().not_before);
        // It is valid for the whole of its last second.
        not_before <= time && time < self.not_after().plus_millis(1_000)
    }

    /// Whether it is one of an authority that issues certificates. Version 1 certificates do not say.
    fn may_issue(&self) -> bool {
        let certificate = self.read.tbs_certificate();
        match certificate.get_extension::<BasicConstraints>() {
            Ok(Some((_, constraints))) => constraints.ca,
            Ok(None) => certificate.extensions().is_none(),
            Err(_) => false,
        }
    }

    /// The issuer's name in DER.
    pub(super) fn issuer(&self) -> Option<Vec<u8>> {
        self.read.tbs_certificate().issuer().to_der().ok()
    }

    fn subject(&self) -> Option<Vec<u8>> {
        self.read.tbs_certificate().subject().to_der().ok()
    }

    /// The contents of the serial number.
    pub(super) fn serial_number(&self) -> &[u8] {
        self.read.tbs_certificate().serial_number().as_bytes()
    }

    pub(super) fn has_key_identifier(&self, identifier: &[u8]) -> bool {
        let found = self
            .read
            .tbs_certificate()
            .get_extension::<SubjectKeyIdentifier>();
        matches!(found, Ok(Some((_, own))) if own.0.as_bytes() == identifier)
    }

    /// The identifier of the key's algorithm, as it stands inside its SEQUENCE, and the key.
    pub(super) fn key(&self) -> Option<(Vec<u8>, &[u8])> {
        let key = self.read.tbs_certificate().subject_public_key_info();
        let whole = key.algorithm.to_der().ok()?;
        let inner = der::asn1::AnyRef::from_der(&whole).ok()?.value().to_vec();
        Some((inner, key.subject_public_key.as_bytes()?))
    }

    /// That it was made for signing timestamps and for nothing else.
    pub(super) fn check_purpose(&self) -> Result<(), TokenError> {
        let certificate = self.read.tbs_certificate();
        let purposes = certificate.get_extension::<ExtendedKeyUsage>();
        match purposes.map_err(|_| TokenError::Purpose("its extended key usage cannot be read"))? {
            None => return Err(TokenError::Purpose("it has no extended key usage")),
            Some((false, _)) => return Err(TokenError::Purpose("its extended key usage is not critical")),
            Some((true, purposes)) if purposes.0 != [TIME_STAMPING] => {
                return Err(TokenError::Purpose(
                    "its extended key usage is not timeStamping alone",
                ));
            }
            Some((true, _)) => {}
        }
        let usage = certificate.get_extension::<KeyUsageBits>();
        match usage.map_err(|_| TokenError::Purpose("its key usage cannot be read"))? {
            Some((_, usage)) if !usage.digital_signature() && !usage.non_repudiation() => {
                return Err(TokenError::Purpose("its key usage does not allow signatures"));
            }
            Some(_) | None => {}
        }
        match self.key() {
            Some((id, key)) if algorithms::is_rsa(&id) => {
                let bits = algorithms::rsa_bits(key).unwrap_or_default();
                if bits < RSA_BITS_MIN {
                    Err(TokenError::RsaKey(bits))
                } else {
                    Ok(())
                }
            }
            Some(_) => Ok(()),
            None => Err(TokenError::Purpose("its key cannot be read")),
        }
    }

    /// Those of the certificates whose names lead upwards from this one.
    fn issuers_by_name<'a>(&self, brought: &[&'a [u8]]) -> Result<Vec<&'a [u8]>, TokenError> {
        let mut left: Vec<(&[u8], Self)> = brought
            .iter()
            .filter_map(|der| Some((*der, Self::from_der(der.to_vec())?)))
            .filter(|(_, certificate)| certificate.der != self.der)
            .collect();
        let mut found = Vec::new();
        let mut names = vec![self.issuer()];
        while let Some(name) = names.pop() {
            let (named, others) = left.into_iter().partition(|(_, other)| other.subject() == name);
            left = others;
            for (der, certificate) in named {
                names.push(certificate.issuer());
                found.push(der);
            }
        }
        if found.len() > INTERMEDIATES_MAX {
            Err(TokenError::Certificates)
        } else {
            Ok(found)
        }
    }

    /// That the certificate leads to a pinned one at a time, or is itself pinned.
    pub(super) fn check_chain(
        &self,
        brought: &[&[u8]],
        pinned: &[Certificate],
        time: Instant,
    ) -> Result<(), TokenError> {
        if pinned.iter().any(|pinned| pinned.der == self.der) {
            return if self.is_valid_at(time) {
                Ok(())
            } else {
                Err(TokenError::Chain(
                    "the signer's certificate is not valid at genTime".to_owned(),
                ))
            };
        }
        let pinned_der: Vec<CertificateDer<'_>> = pinned
            .iter()
            .map(|root| CertificateDer::from(root.der.as_slice()))
            .collect();
        let anchors = |may_end: &dyn Fn(&Certificate) -> bool| -> Vec<TrustAnchor<'_>> {
            let ends = pinned.iter().zip(&pinned_der).filter(|(root, _)| may_end(root));
            ends.filter_map(|(_, der)| anchor_from_trusted_cert(der).ok())
                .collect()
        };
        let between = self.issuers_by_name(brought)?;
        let between: Vec<CertificateDer<'_>> = between.iter().map(|der| CertificateDer::from(*der)).collect();
        let seconds = u64::try_from(time.seconds())
            .map_err(|_| TokenError::Chain("genTime lies before 1970".to_owned()))?;
        let time_of_chain = UnixTime::since_unix_epoch(core::time::Duration::from_secs(seconds));
        let der = CertificateDer::from(self.der.as_slice());
        let verify = |anchors: &[TrustAnchor<'_>]| {
            let signer = EndEntityCert::try_from(&der)?;
            signer
                .verify_for_usage(
                    algorithms::ALL,
                    anchors,
                    &between,
                    time_of_chain,
                    KeyUsage::required_if_present(TIME_STAMPING_CONTENTS),
                    None,
                    None,
                )
                .map(|_| ())
        };
        match verify(&anchors(&|root| root.may_issue() && root.is_valid_at(time))) {
            Ok(()) => Ok(()),
            Err(webpki::Error::UnknownIssuer) => {
                // A root that had ended by genTime is still the authority's.
                let any_ended = pinned.iter().any(|root| !root.is_valid_at(time));
                if any_ended && verify(&anchors(&Certificate::may_issue)).is_ok() {
                    return Err(TokenError::Chain("the root is not valid at genTime".to_owned()));
                }
                Err(TokenError::OtherAuthority)
            }
            Err(
                webpki::Error::UnsupportedSignatureAlgorithmContext(_)
                | webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_),
            ) => Err(TokenError::ChainAlgorithm),
            Err(webpki::Error::RequiredEkuNotFoundContext(_)) => Err(TokenError::Purpose(
                "it, or one on the way to its root, is for other purposes",
            )),
            Err(error) => Err(TokenError::Chain(chain_problem(&error))),
        }
    }
}

fn chain_problem(error: &webpki::Error) -> String {
    match error {
        webpki::Error::CertExpired { .. } => "a certificate had expired at genTime".to_owned(),
        webpki::Error::CertNotValidYet { .. } => "a certificate was not valid yet at genTime".to_owned(),
        webpki::Error::InvalidSignatureForPublicKey => {
            "the signature of a certificate does not verify".to_owned()
        }
        other => format!("{other:?}").chars().take(200).collect(),
    }
}

fn instant(time: &x509_cert::time::Time) -> Instant {
    let seconds = time.to_unix_duration().as_secs();
    Instant::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}
