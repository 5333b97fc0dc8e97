//! Members, keys and tokens of an organisation, enrolled by its administrator in its own register.

use trialseal_core::hash::Hash;
use trialseal_core::identifiers::{
    Code, IdentifierError, MemberId, MemberName, PublicIdentifier, RegisterName,
};
use trialseal_core::note::VerifierKey;
use trialseal_core::record::Account;
use trialseal_core::time::Instant;
use trialseal_core::vocabulary::{AccountType, Class, Event, SignerKind};

use super::countersign;
use super::target::Target;
use crate::submission::Submission;

/// Enrols a member.
#[must_use]
pub fn enrol_member(name: &MemberName, kind: SignerKind, identifiers: Vec<PublicIdentifier>) -> Submission {
    let mut account = account(AccountType::Member, &name.member);
    account.kind = Some(Code::from(kind));
    account.identifiers = identifiers;
    record(name, Event::Registered, account)
}

/// Enrols a member's key, which is named after the member. It may sign nothing until it has confirmed this
/// record itself ([`confirm_key`]).
///
/// # Errors
///
/// The key is not named `<organisation>/<member>`.
pub fn enrol_key(key: VerifierKey) -> Result<Submission, IdentifierError> {
    let name: MemberName = key.name().as_str().parse()?;
    let mut account = account(AccountType::Key, &name.member);
    account.vkey = Some(key);
    Ok(record(&name, Event::Registered, account))
}

/// Revokes a key.
///
/// # Errors
///
/// The key is not named `<organisation>/<member>`.
pub fn revoke_key(key: VerifierKey) -> Result<Submission, IdentifierError> {
    let name: MemberName = key.name().as_str().parse()?;
    let mut account = account(AccountType::Key, &name.member);
    account.vkey = Some(key);
    Ok(record(&name, Event::Revoked, account))
}

/// The key confirms its own enrolment: who signs this has it.
#[must_use]
pub fn confirm_key(enrolment: &Target) -> Submission {
    countersign(enrolment)
}

/// Enrols a token by its hash; it speaks for the member until it expires.
#[must_use]
pub fn enrol_token(name: &MemberName, token_sha256: Hash, expires: Instant) -> Submission {
    let mut account = account(AccountType::Token, &name.member);
    account.token_sha256 = Some(token_sha256);
    account.expires = Some(expires);
    record(name, Event::Registered, account)
}

/// Revokes a member with its keys and tokens.
#[must_use]
pub fn revoke_member(name: &MemberName) -> Submission {
    record(name, Event::Revoked, account(AccountType::Member, &name.member))
}

/// Revokes a token.
#[must_use]
pub fn revoke_token(name: &MemberName, token_sha256: Hash) -> Submission {
    let mut account = account(AccountType::Token, &name.member);
    account.token_sha256 = Some(token_sha256);
    record(name, Event::Revoked, account)
}

fn account(account_type: AccountType, id: &MemberId) -> Account {
    Account {
        account_type,
        id: id.clone(),
        vkey: None,
        token_sha256: None,
        expires: None,
        kind: None,
        grade: None,
        identifiers: Vec::new(),
    }
}

fn record(name: &MemberName, event: Event, account: Account) -> Submission {
    Submission::new(
        RegisterName::of_accounts(&name.organization),
        Class::Member,
        event,
    )
    .with(|what| what.account = Some(account))
}
