//! The signer of a token: SignerInfo of RFC 5652, section 5.3, and its signed attributes.

use der::Tag;
use der::asn1::ObjectIdentifier;
use sha1::{Digest as _, Sha1};

use super::algorithms::{self, HashFunction};
use super::certificate::Certificate;
use super::fields::{Algorithm, Field, Fields, Malformed, context, context_primitive};
use super::token::{CONTENT_TYPE, TokenError};
use rustls_pki_types::SignatureVerificationAlgorithm as _;

const WHAT: &str = "signer of the token";
const ATTRIBUTES: &str = "list of signed attributes";
const ID_CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const ID_MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const ID_SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
const ID_SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

pub(super) struct Signer<'a> {
    identifier: Identifier<'a>,
    digest_algorithm: Algorithm<'a>,
    /// `[0] IMPLICIT SET OF`, as it stands.
    attributes: Field<'a>,
    signature_algorithm: Algorithm<'a>,
    signature: &'a [u8],
}

#[derive(Clone, Copy)]
enum Identifier<'a> {
    /// The issuer's name in DER, and the contents of the serial number.
    IssuerAndSerial(&'a [u8], &'a [u8]),
    KeyIdentifier(&'a [u8]),
}

impl<'a> Signer<'a> {
    pub(super) fn parse(field: Field<'a>) -> Result<Self, TokenError> {
        let mut fields = Fields::new(field.value, WHAT)?;
        let _version = fields.integer()?;
        let identifier = match fields.optional(context_primitive(0))? {
            Some(identifier) => Identifier::KeyIdentifier(identifier.value),
            None => {
                let mut both = fields.sequence(WHAT)?;
                let (issuer, serial) = (both.expect(Tag::Sequence)?.whole, both.integer()?);
                both.end()?;
                Identifier::IssuerAndSerial(issuer, serial)
            }
        };
        let digest_algorithm = Algorithm::read(&mut fields, WHAT)?;
        let attributes = fields.optional(context(0))?.ok_or(TokenError::Attribute {
            name: "contentType",
            problem: "is missing: nothing but the content is signed",
        })?;
        let signature_algorithm = Algorithm::read(&mut fields, WHAT)?;
        let signature = fields.expect(Tag::OctetString)?.value;
        let _unsigned_attributes = fields.optional(context(1))?;
        fields.end()?;
        Ok(Self {
            identifier,
            digest_algorithm,
            attributes,
            signature_algorithm,
            signature,
        })
    }

    /// The signer's certificate among those of the token and the pinned ones.
    pub(super) fn certificate(
        &self,
        brought: &[&[u8]],
        pinned: &[Certificate],
    ) -> Result<Certificate, TokenError> {
        let brought = brought
            .iter()
            .filter_map(|der| Certificate::from_der(der.to_vec()));
        let mut candidates = brought
            .chain(pinned.iter().cloned())
            .filter(|certificate| self.is_named_by_identifier(certificate))
            .peekable();
        if candidates.peek().is_none() {
            return Err(TokenError::NoCertificate);
        }
        let mut refused = TokenError::NoCertificate;
        for certificate in candidates {
            match self.check_attribute_names(&certificate) {
                Ok(()) => return Ok(certificate),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn is_named_by_identifier(&self, certificate: &Certificate) -> bool {
        match self.identifier {
            Identifier::IssuerAndSerial(issuer, serial) => {
                certificate.serial_number() == serial && certificate.issuer().as_deref() == Some(issuer)
            }
            Identifier::KeyIdentifier(identifier) => certificate.has_key_identifier(identifier),
        }
    }

    /// ESSCertIDv2 (RFC 5816) or ESSCertID (RFC 2634); where both stand there, both.
    fn check_attribute_names(&self, certificate: &Certificate) -> Result<(), TokenError> {
        let name = "signingCertificate";
        let v2 = self.attribute(ID_SIGNING_CERTIFICATE_V2, "signingCertificateV2")?;
        let v1 = self.attribute(ID_SIGNING_CERTIFICATE, name)?;
        if v1.is_none() && v2.is_none() {
            let problem = "is missing";
            return Err(TokenError::Attribute { name, problem });
        }
        for (attribute, is_v2) in [(v1, false), (v2, true)] {
            if let Some(attribute) = attribute
                && !EssCertId::first(attribute, is_v2)?.names(certificate)
            {
                let problem = "names another certificate";
                return Err(TokenError::Attribute { name, problem });
            }
        }
        Ok(())
    }

    /// That what is signed is this content, as a TSTInfo, by this certificate's key.
    pub(super) fn check_signature(
        &self,
        content: &[u8],
        certificate: &Certificate,
    ) -> Result<(), TokenError> {
        let required = |oid, name| {
            let problem = "is missing";
            self.attribute(oid, name)?
                .ok_or(TokenError::Attribute { name, problem })
        };
        let name = "contentType";
        let content_type = required(ID_CONTENT_TYPE, name)?;
        if content_type.tag != Tag::ObjectIdentifier || content_type.value != CONTENT_TYPE.as_bytes() {
            let problem = "is not that of a TSTInfo";
            return Err(TokenError::Attribute { name, problem });
        }
        let digest = HashFunction::of(&self.digest_algorithm).ok_or(TokenError::Algorithm {
            what: "digest algorithm",
            oid: self.digest_algorithm.oid,
        })?;
        let name = "messageDigest";
        let message_digest = required(ID_MESSAGE_DIGEST, name)?;
        if message_digest.tag != Tag::OctetString || message_digest.value != digest.digest(content) {
            let problem = "is not the digest of the content";
            return Err(TokenError::Attribute { name, problem });
        }
        let (key_id, key) = certificate.key().ok_or(TokenError::Signature)?;
        let algorithm = algorithms::find(&key_id, &self.signature_algorithm, digest);
        let algorithm = algorithm.ok_or(TokenError::Algorithm {
            what: "signature algorithm",
            oid: self.signature_algorithm.oid,
        })?;
        algorithm
            .verify_signature(key, &self.signed_bytes(), self.signature)
            .map_err(|_| TokenError::Signature)
    }

    /// What is signed is the SET OF, so its own tag stands before it and not that of the field.
    fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = self.attributes.whole.to_vec();
        if let Some(tag) = bytes.first_mut() {
            *tag = 0x31;
        }
        bytes
    }

    /// The only value of a signed attribute.
    fn attribute(&self, oid: ObjectIdentifier, name: &'static str) -> Result<Option<Field<'a>>, TokenError> {
        let mut attributes = Fields::new(self.attributes.value, ATTRIBUTES)?;
        let mut found = None;
        while !attributes.is_at_end() {
            let mut attribute = attributes.sequence(ATTRIBUTES)?;
            let own = attribute.oid()?;
            let mut values = Fields::new(attribute.expect(Tag::Set)?.value, ATTRIBUTES)?;
            attribute.end()?;
            if own != oid {
                continue;
            }
            let value = values.any()?;
            if !values.is_at_end() || found.replace(value).is_some() {
                let problem = "has more than one value";
                return Err(TokenError::Attribute { name, problem });
            }
        }
        Ok(found)
    }
}

/// Which certificate a signed attribute names.
struct EssCertId<'a> {
    /// None for the SHA-1 of version 1: what it names is the certificate that was found by its issuer and
    /// serial number and that leads to a pinned root, so a collision would gain nothing.
    hash_function: Option<HashFunction>,
    hash: &'a [u8],
    /// The issuer's name in DER, and the contents of the serial number.
    issuer_and_serial: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> EssCertId<'a> {
    /// The first of a SigningCertificate or SigningCertificateV2, which is the signer's.
    fn first(attribute: Field<'a>, is_v2: bool) -> Result<Self, TokenError> {
        const WHAT: &str = "signed attribute signingCertificate";
        let mut fields = Fields::of_sequence(attribute.whole, WHAT)?;
        let mut list = fields.sequence(WHAT)?;
        let mut first = list.sequence(WHAT)?;
        let hash_function = if is_v2 {
            match first.optional(Tag::Sequence)? {
                None => Some(HashFunction::Sha256),
                Some(algorithm) => {
                    let algorithm = Algorithm::of(algorithm, WHAT)?;
                    let known = HashFunction::of(&algorithm).ok_or(TokenError::Algorithm {
                        what: "hash algorithm of signingCertificateV2",
                        oid: algorithm.oid,
                    })?;
                    Some(known)
                }
            }
        } else {
            None
        };
        let hash = first.expect(Tag::OctetString)?.value;
        let issuer_and_serial = match first.optional(Tag::Sequence)? {
            None => None,
            Some(field) => Some(issuer_and_serial(field, WHAT)?),
        };
        first.end()?;
        Ok(Self {
            hash_function,
            hash,
            issuer_and_serial,
        })
    }

    fn names(&self, certificate: &Certificate) -> bool {
        let hash = match self.hash_function {
            Some(function) => function.digest(certificate.der()),
            None => Sha1::digest(certificate.der()).to_vec(),
        };
        let is_named = self.issuer_and_serial.is_none_or(|(issuer, serial)| {
            certificate.serial_number() == serial && certificate.issuer().as_deref() == Some(issuer)
        });
        self.hash == hash && is_named
    }
}

/// IssuerSerial: GeneralNames, of which one is a directoryName, and the serial number.
fn issuer_and_serial<'a>(field: Field<'a>, what: &'static str) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    let mut fields = Fields::new(field.value, what)?;
    let mut names = fields.sequence(what)?;
    let issuer = names.expect(context(4))?.value;
    names.end()?;
    let serial = fields.integer()?;
    Ok((issuer, serial))
}
