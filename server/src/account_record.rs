//! Account changes as records of the register `org:<id>`, in both directions.

use trialseal_core::{
    identifiers::{Code, MemberId, OrganizationId, RegisterName},
    note::KeyType,
    record::{Account, Enrolment, IdentityGrade, Link, What, Who},
    vocabulary::{AccountType, Class, Event, OrganizationKind, Rel, UnknownCode},
};

use crate::state::{AccountChange, AccountRecord, Author, MemberKind};

/// The change that a record of an `org:` register makes, and who made it; none for a record of
/// another class there.
///
/// # Errors
/// What is missing in `account`.
pub fn account_record(what: &What, who: &Who) -> Result<Option<AccountRecord>, String> {
    let Some(organization) = what.register.accounts_of() else {
        return Ok(None);
    };
    let change = match &what.account {
        Some(account) => Some(account_change(organization, account, what.event)?),
        None => confirmation(organization, what, who),
    };
    let by = match &who.signer {
        Some(signer) => Author::Member {
            member: who.member.clone(),
            key: Box::new(signer.key.clone()),
        },
        None => Author::Operator,
    };
    Ok(change.map(|change| AccountRecord { change, by }))
}

/// The confirmation of a key that a record is: signed by the key, and a countersignature of the
/// record that enrolled it.
fn confirmation(organization: &OrganizationId, what: &What, who: &Who) -> Option<AccountChange> {
    let signer = who.signer.as_ref()?;
    let [link] = &what.links[..] else { return None };
    let countersigns =
        (what.class, what.event) == (Class::Member, Event::Countersigned) && link.rel == Rel::Countersigns;
    countersigns.then(|| AccountChange::KeyConfirmed {
        organization: organization.clone(),
        member: who.member.clone(),
        key: Box::new(signer.key.clone()),
        enrolment: Enrolment {
            index: link.index,
            record: link.record,
        },
    })
}

fn account_change(
    organization: &OrganizationId,
    account: &Account,
    event: Event,
) -> Result<AccountChange, String> {
    let organization = organization.clone();
    let member = account.id.clone();
    let missing = |key: &str| format!("account.{key} is missing");
    Ok(match (account.account_type, event) {
        (AccountType::Organisation, Event::Registered) => AccountChange::OrganizationRegistered {
            organization,
            kind: organization_kind(account)?,
            grade: account.grade.unwrap_or(IdentityGrade::SelfAsserted),
            identifiers: account.identifiers.clone(),
        },
        (AccountType::Member, Event::Registered) => {
            let kind = account.kind.as_ref().ok_or_else(|| missing("kind"))?;
            let kind = kind.as_str().parse::<MemberKind>();
            let kind = kind.map_err(|_| "account.kind is neither person nor system".to_owned())?;
            AccountChange::MemberRegistered {
                organization,
                member,
                kind,
            }
        }
        (AccountType::Member, Event::Revoked) => AccountChange::MemberRevoked { organization, member },
        (AccountType::Key, Event::Registered | Event::Revoked) => {
            let key = Box::new(account.vkey.clone().ok_or_else(|| missing("vkey"))?);
            if key.key_type() != KeyType::Ed25519 {
                return Err("account.vkey is no Ed25519 signature key (type 1)".to_owned());
            }
            match event {
                Event::Registered => AccountChange::KeyRegistered {
                    organization,
                    member,
                    key,
                },
                _ => AccountChange::KeyRevoked {
                    organization,
                    member,
                    key,
                },
            }
        }
        (AccountType::Token, Event::Registered) => AccountChange::TokenRegistered {
            organization,
            member,
            token: account.token_sha256.ok_or_else(|| missing("token_sha256"))?,
            expires: account.expires.ok_or_else(|| missing("expires"))?,
        },
        (AccountType::Token, Event::Revoked) => {
            let token = account.token_sha256.ok_or_else(|| missing("token_sha256"))?;
            AccountChange::TokenRevoked {
                organization,
                member,
                token,
            }
        }
        (kind, event) => return Err(format!("{kind} accounts are not {event}")),
    })
}

/// An organisation that was enrolled without a kind is of none in particular.
fn organization_kind(account: &Account) -> Result<OrganizationKind, String> {
    match &account.kind {
        Some(kind) => kind
            .as_str()
            .parse()
            .map_err(|error: UnknownCode| format!("account.kind: {error}")),
        None => Ok(OrganizationKind::Other),
    }
}

/// The part `what` of the record that makes a change.
///
/// # Errors
/// If the organisation's id is no member id; both have one form, so never.
pub fn what_of(change: &AccountChange) -> Result<What, String> {
    let organization = change.organization();
    let (account_type, class) = match change {
        AccountChange::OrganizationRegistered { .. } => (AccountType::Organisation, Class::Organisation),
        AccountChange::MemberRegistered { .. } | AccountChange::MemberRevoked { .. } => {
            (AccountType::Member, Class::Member)
        }
        AccountChange::KeyRegistered { .. }
        | AccountChange::KeyConfirmed { .. }
        | AccountChange::KeyRevoked { .. } => (AccountType::Key, Class::Member),
        AccountChange::TokenRegistered { .. } | AccountChange::TokenRevoked { .. } => {
            (AccountType::Token, Class::Member)
        }
    };
    let register = RegisterName::of_accounts(organization);
    if let AccountChange::KeyConfirmed { enrolment, .. } = change {
        let mut what = What::new(register, class, Event::Countersigned);
        what.links = vec![Link {
            rel: Rel::Countersigns,
            record: enrolment.record,
            index: enrolment.index,
            log: None,
        }];
        return Ok(what);
    }
    let event = if change.revokes() {
        Event::Revoked
    } else {
        Event::Registered
    };
    let mut account = Account {
        account_type,
        id: account_id(change, organization)?,
        vkey: None,
        token_sha256: None,
        expires: None,
        kind: None,
        grade: None,
        identifiers: Vec::new(),
    };
    let code = |text: &str| Code::new(text).map_err(|error| error.to_string());
    match change {
        AccountChange::OrganizationRegistered {
            kind,
            grade,
            identifiers,
            ..
        } => {
            account.kind = Some(code(kind.as_str())?);
            account.grade = Some(*grade);
            account.identifiers.clone_from(identifiers);
        }
        AccountChange::MemberRegistered { kind, .. } => account.kind = Some(code(kind.as_str())?),
        AccountChange::KeyRegistered { key, .. } | AccountChange::KeyRevoked { key, .. } => {
            account.vkey = Some((**key).clone());
        }
        AccountChange::TokenRegistered { token, expires, .. } => {
            account.token_sha256 = Some(*token);
            account.expires = Some(*expires);
        }
        AccountChange::TokenRevoked { token, .. } => account.token_sha256 = Some(*token),
        AccountChange::KeyConfirmed { .. } | AccountChange::MemberRevoked { .. } => {}
    }
    let mut what = What::new(register, class, event);
    what.account = Some(account);
    Ok(what)
}

fn account_id(change: &AccountChange, organization: &OrganizationId) -> Result<MemberId, String> {
    match change {
        AccountChange::OrganizationRegistered { .. } => {
            MemberId::new(organization.as_str()).map_err(|error| error.to_string())
        }
        AccountChange::MemberRegistered { member, .. }
        | AccountChange::MemberRevoked { member, .. }
        | AccountChange::KeyRegistered { member, .. }
        | AccountChange::KeyConfirmed { member, .. }
        | AccountChange::KeyRevoked { member, .. }
        | AccountChange::TokenRegistered { member, .. }
        | AccountChange::TokenRevoked { member, .. } => Ok(member.clone()),
    }
}
