//! Account changes as records of the register `org:<id>`, in both directions.

use trialseal_core::{
    identifiers::{Code, MemberId, OrganizationId, RegisterName},
    record::{Account, What},
    vocabulary::{AccountType, Class, Event},
};

use crate::state::{AccountChange, MemberKind};

/// The change that a record of an `org:` register makes; none for a record of another
/// class there.
///
/// # Errors
/// What is missing in `account`.
pub fn account_change(what: &What) -> Result<Option<AccountChange>, String> {
    let (Some(account), Some(organization)) = (&what.account, what.register.accounts_of()) else {
        return Ok(None);
    };
    let organization = organization.clone();
    let member = account.id.clone();
    let missing = |key: &str| format!("account.{key} is missing");
    let change = match (account.account_type, what.event) {
        (AccountType::Organisation, Event::Registered) => {
            AccountChange::OrganizationRegistered { organization }
        }
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
        (AccountType::Key, Event::Registered) => {
            let key = Box::new(account.vkey.clone().ok_or_else(|| missing("vkey"))?);
            AccountChange::KeyRegistered {
                organization,
                member,
                key,
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
    };
    Ok(Some(change))
}

/// The part `what` of the record that makes a change.
///
/// # Errors
/// If the organisation's id is no member id; both have one form, so never.
pub fn what_of(change: &AccountChange) -> Result<What, String> {
    let organization = change.organization();
    let registered = !matches!(
        change,
        AccountChange::MemberRevoked { .. } | AccountChange::TokenRevoked { .. }
    );
    let event = if registered {
        Event::Registered
    } else {
        Event::Revoked
    };
    let (account_type, class) = match change {
        AccountChange::OrganizationRegistered { .. } => (AccountType::Organisation, Class::Organisation),
        AccountChange::MemberRegistered { .. } | AccountChange::MemberRevoked { .. } => {
            (AccountType::Member, Class::Member)
        }
        AccountChange::KeyRegistered { .. } => (AccountType::Key, Class::Member),
        AccountChange::TokenRegistered { .. } | AccountChange::TokenRevoked { .. } => {
            (AccountType::Token, Class::Member)
        }
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
    match change {
        AccountChange::MemberRegistered { kind, .. } => {
            account.kind = Some(Code::new(kind.as_str()).map_err(|error| error.to_string())?);
        }
        AccountChange::KeyRegistered { key, .. } => account.vkey = Some((**key).clone()),
        AccountChange::TokenRegistered { token, expires, .. } => {
            account.token_sha256 = Some(*token);
            account.expires = Some(*expires);
        }
        AccountChange::TokenRevoked { token, .. } => account.token_sha256 = Some(*token),
        AccountChange::OrganizationRegistered { .. } | AccountChange::MemberRevoked { .. } => {}
    }
    let mut what = What::new(RegisterName::of_accounts(organization), class, event);
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
        | AccountChange::TokenRegistered { member, .. }
        | AccountChange::TokenRevoked { member, .. } => Ok(member.clone()),
    }
}
