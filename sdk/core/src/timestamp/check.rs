//! The verification of a token, every check of RFC 3161 and of the specification.

use super::certificate::Certificate;
use super::fields::unsigned;
use super::info::Info;
use super::token::{SignedData, Token, TokenError};
use crate::hash::Hash;
use crate::time::Instant;
use crate::trust::Authority;

use super::algorithms::HashFunction;

/// What a token proves: that the imprint existed at [`VerifiedToken::time`], by the word of the authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// When the authority says that it made the token, rounded up to the millisecond.
    pub gen_time: Instant,
    /// By how much that may be wrong, rounded up; the authority's default where the token does not say.
    pub accuracy_millis: u64,
    /// genTime plus the accuracy: the earliest time that the token proves.
    pub time: Instant,
    /// The last instant of the signer's certificate.
    pub signer_not_after: Instant,
    /// The authority's name in the trust file.
    pub authority: String,
}

impl Token {
    /// Verifies the token: form, signer, chain to a pinned root **at genTime**, purpose of the certificate,
    /// signed attributes, signature, imprint, policy; and the nonce, where it has just been asked for.
    ///
    /// Whether it still counts at the time of evaluation is the caller's to judge.
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn check(
        &self,
        imprint: &Hash,
        nonce: Option<u64>,
        authority: &Authority,
    ) -> Result<VerifiedToken, TokenError> {
        let data = SignedData::parse(self.as_der())?;
        let info = Info::parse(data.content)?;
        let signer = data.signer.certificate(&data.certificates, &authority.roots)?;
        signer.check_chain(&data.certificates, &authority.roots, info.gen_time)?;
        signer.check_purpose()?;
        data.signer.check_signature(data.content, &signer)?;
        check_info(&info, imprint, nonce, authority)?;
        Ok(verified(&info, &signer, authority))
    }
}

fn check_info(
    info: &Info<'_>,
    imprint: &Hash,
    nonce: Option<u64>,
    authority: &Authority,
) -> Result<(), TokenError> {
    if info.has_critical_extension {
        return Err(TokenError::CriticalExtension);
    }
    if HashFunction::of(&info.imprint_algorithm) != Some(HashFunction::Sha256) {
        return Err(TokenError::Algorithm {
            what: "hash algorithm of the imprint",
            oid: info.imprint_algorithm.oid,
        });
    }
    if info.imprint != imprint.as_bytes() {
        return Err(TokenError::Imprint);
    }
    if nonce.is_some() && info.nonce.and_then(unsigned) != nonce {
        return Err(TokenError::Nonce);
    }
    if !authority.policy_oids.is_empty() && !authority.policy_oids.contains(&info.policy) {
        return Err(TokenError::Policy(info.policy));
    }
    Ok(())
}

fn verified(info: &Info<'_>, signer: &Certificate, authority: &Authority) -> VerifiedToken {
    let accuracy_millis = info.accuracy_millis.unwrap_or(authority.default_accuracy_millis);
    let accuracy = i64::try_from(accuracy_millis).unwrap_or(i64::MAX);
    VerifiedToken {
        gen_time: info.gen_time,
        accuracy_millis,
        time: info.gen_time.plus_millis(accuracy),
        signer_not_after: signer.not_after(),
        authority: authority.name.clone(),
    }
}
