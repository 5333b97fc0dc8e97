//! A timestamp token: a CMS SignedData (RFC 5652) over a TSTInfo, in the profile of RFC 3161.

use der::Tag;
use der::asn1::ObjectIdentifier;

use super::fields::{Field, Fields, Malformed, context};
use super::signer::Signer;

/// Most bytes of a token.
pub const MAX_TOKEN_BYTES: usize = crate::receipt::MAX_TOKEN_BYTES;
/// Most certificates that are looked at in a token.
const CERTIFICATES_MAX: usize = 16;

const WHAT: &str = "token";
const ID_SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const ID_CT_TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Above 64 KiB.
    #[error("a token has at most {MAX_TOKEN_BYTES} bytes, this one has {0}")]
    TooLarge(usize),
    /// Not the DER of a token.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Signed, but about something else.
    #[error("the content is not a TSTInfo")]
    Content,
    /// Not exactly one signer.
    #[error("a token has exactly one signer, this one has {0}")]
    Signers(usize),
    /// More certificates than are looked at.
    #[error("the token brings more certificates than are looked at")]
    Certificates,
    /// The signer's certificate is neither in the token nor pinned.
    #[error(
        "the certificate of the signer is neither in the token nor pinned: \
         add it to the roots of its authority in the trust file"
    )]
    NoCertificate,
    /// The signer's certificate leads to none of the authority's roots.
    #[error("the certificate of the signer leads to no root of this authority")]
    OtherAuthority,
    /// The chain to the authority's root does not hold.
    #[error("the certificate of the signer is refused: {0}")]
    Chain(String),
    /// A certificate of the chain is signed with what is not accepted (SHA-1), or not known yet.
    #[error("a certificate on the way to the root is signed with an algorithm that is not accepted")]
    ChainAlgorithm,
    /// The signer's certificate is not for timestamps alone.
    #[error("the certificate of the signer is not one for timestamps: {0}")]
    Purpose(&'static str),
    /// Too small an RSA key.
    #[error("the signer's RSA key has {0} bits; at least 2048 are needed")]
    RsaKey(usize),
    /// An algorithm that is not accepted (SHA-1), or not known yet.
    #[error("the {what} {oid} is not accepted")]
    Algorithm {
        /// What it is for, e.g. `digest algorithm`.
        what: &'static str,
        /// Its object identifier.
        oid: ObjectIdentifier,
    },
    /// A signed attribute is missing, stands twice or says something else.
    #[error("the signed attribute {name} {problem}")]
    Attribute {
        /// E.g. `messageDigest`.
        name: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// It stamps something else.
    #[error("the token stamps other bytes")]
    Imprint,
    /// It does not answer the request.
    #[error("the nonce is not that of the request")]
    Nonce,
    /// A policy that the trust file does not name.
    #[error("the token was made under the policy {0}, which the trust file does not name")]
    Policy(ObjectIdentifier),
    /// It has an extension that must be understood.
    #[error("the token has a critical extension, which is not known")]
    CriticalExtension,
}

impl TokenError {
    /// Whether the token may be a good one of somebody else: nothing in it leads to the authority.
    #[must_use]
    pub const fn is_of_another_authority(&self) -> bool {
        matches!(self, Self::NoCertificate | Self::OtherAuthority)
    }

    /// Whether the token is neither good nor bad: it uses what is not accepted here, or not known yet, or is
    /// of a policy that the trust file does not ask for.
    #[must_use]
    pub const fn decides_nothing(&self) -> bool {
        matches!(
            self,
            Self::Algorithm { .. }
                | Self::Certificates
                | Self::ChainAlgorithm
                | Self::CriticalExtension
                | Self::Policy(_)
        )
    }
}

/// A token, the DER of its ContentInfo. It has the form of one; [`Token::check`] says whether it holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Vec<u8>);

impl core::fmt::Debug for Token {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "Token of {} bytes", self.0.len())
    }
}

impl Token {
    /// Reads a token, and verifies nothing.
    ///
    /// # Errors
    ///
    /// It is larger than 64 KiB, or does not have the form of a token.
    pub fn parse(der: &[u8]) -> Result<Self, TokenError> {
        if der.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLarge(der.len()));
        }
        SignedData::parse(der)?;
        Ok(Self(der.to_vec()))
    }

    /// The DER of the ContentInfo.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.0
    }
}

/// The parts of a token.
pub(super) struct SignedData<'a> {
    /// The DER of the TSTInfo.
    pub(super) content: &'a [u8],
    pub(super) certificates: Vec<&'a [u8]>,
    pub(super) signer: Signer<'a>,
}

impl<'a> SignedData<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, TokenError> {
        let mut info = Fields::of_sequence(der, WHAT)?;
        if info.oid()? != ID_SIGNED_DATA {
            return Err(info.malformed().into());
        }
        let mut explicit = Fields::new(info.expect(context(0))?.value, WHAT)?;
        info.end()?;
        let mut data = explicit.sequence(WHAT)?;
        explicit.end()?;
        let _version = data.integer()?;
        let _digest_algorithms = data.expect(Tag::Set)?;
        let content = content(data.sequence(WHAT)?)?;
        let certificates = data.optional(context(0))?.map(certificates).transpose()?;
        let _revocations = data.optional(context(1))?;
        let signer = only_signer(data.expect(Tag::Set)?)?;
        data.end()?;
        Ok(Self {
            content,
            certificates: certificates.unwrap_or_default(),
            signer,
        })
    }
}

fn content(mut encapsulated: Fields<'_>) -> Result<&[u8], TokenError> {
    if encapsulated.oid()? != ID_CT_TST_INFO {
        return Err(TokenError::Content);
    }
    let mut explicit = Fields::new(encapsulated.expect(context(0))?.value, WHAT)?;
    encapsulated.end()?;
    let content = explicit.expect(Tag::OctetString)?.value;
    explicit.end()?;
    Ok(content)
}

/// In whatever order; other kinds than X.509 certificates are passed over.
fn certificates(field: Field<'_>) -> Result<Vec<&[u8]>, TokenError> {
    let mut fields = Fields::new(field.value, "list of certificates in the token")?;
    let mut found = Vec::new();
    while !fields.is_at_end() {
        let certificate = fields.any()?;
        if certificate.tag != Tag::Sequence {
            continue;
        }
        if found.len() == CERTIFICATES_MAX {
            return Err(TokenError::Certificates);
        }
        found.push(certificate.whole);
    }
    Ok(found)
}

fn only_signer(field: Field<'_>) -> Result<Signer<'_>, TokenError> {
    let mut fields = Fields::new(field.value, "signer of the token")?;
    let mut signers = Vec::new();
    while !fields.is_at_end() {
        signers.push(fields.expect(Tag::Sequence)?);
    }
    match signers[..] {
        [signer] => Signer::parse(signer),
        _ => Err(TokenError::Signers(signers.len())),
    }
}

pub(super) const CONTENT_TYPE: ObjectIdentifier = ID_CT_TST_INFO;
