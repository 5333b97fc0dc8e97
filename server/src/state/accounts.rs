//! Organisations, members, keys and tokens in force: a fold of the records in the
//! registers `org:<id>`.
//!
//! The operator enrols an organisation and its first members. A person whose key the operator
//! enrolled is an administrator of the organisation. Once one of them has signed there, the
//! organisation keeps its accounts itself, and the operator may only revoke.

use std::collections::HashMap;

use trialseal_core::{
    hash::{Hash, RecordId},
    identifiers::{MemberId, OrganizationId, PublicIdentifier},
    index::LogIndex,
    note::VerifierKey,
    record::{Enrolment, IdentityGrade},
    time::Instant,
    vocabulary::OrganizationKind,
};

mod change;
mod encoded;

pub use change::{AccountChange, AccountError, AccountRecord, Author};

use crate::codec::Malformed;

/// Person or system: a system may only mean `execution`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A human being.
    Person,
    /// A pipeline or another program.
    System,
}

impl MemberKind {
    /// As written in `who.kind` and `what.account.kind`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::System => "system",
        }
    }
}

impl std::str::FromStr for MemberKind {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "person" => Ok(Self::Person),
            "system" => Ok(Self::System),
            _ => Err(Malformed),
        }
    }
}

/// How far a key has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Enrolled by an administrator. It may sign nothing but the confirmation of its enrolment.
    Pending,
    /// Enrolled by the operator, and not used in `org:<id>` yet.
    Enrolled,
    /// It has signed in `org:<id>` itself, so whoever enrolled it did not make it up.
    Confirmed,
    /// No longer in force.
    Revoked,
}

impl KeyState {
    const ALL: [Self; 4] = [Self::Pending, Self::Enrolled, Self::Confirmed, Self::Revoked];

    /// Whether records signed with it are taken.
    #[must_use]
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Enrolled | Self::Confirmed)
    }
}

/// A key, and the record that enrolled it.
#[derive(Debug, Clone)]
pub struct EnrolledKey {
    /// The key.
    pub key: VerifierKey,
    /// Log index of the enrolment.
    pub index: LogIndex,
    /// The enrolment's record.
    pub record: RecordId,
    /// How far it has come.
    pub state: KeyState,
}

/// A member.
#[derive(Debug, Clone)]
pub struct Member {
    /// Person or system.
    pub kind: MemberKind,
    /// No longer in force.
    pub revoked: bool,
    /// A person whose key the operator enrolled.
    pub administrator: bool,
    /// Keys, in the order of their enrolment.
    pub keys: Vec<EnrolledKey>,
}

/// An organisation.
#[derive(Debug, Clone)]
pub struct Organization {
    /// What it is.
    pub kind: OrganizationKind,
    /// How its identity was checked.
    pub grade: IdentityGrade,
    /// What others know it by.
    pub identifiers: Vec<PublicIdentifier>,
    /// The record that enrolled it.
    pub enrolment: Enrolment,
    /// Its members, in force or not.
    pub members: HashMap<MemberId, Member>,
}

/// A token.
#[derive(Debug, Clone)]
pub struct Token {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Whose it is.
    pub member: MemberId,
    /// Refused from then on.
    pub expires: Instant,
    /// No longer in force.
    pub revoked: bool,
}

/// All accounts. Small, and changed seldom: shared as a whole by whoever admits.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    organizations: HashMap<OrganizationId, Organization>,
    tokens: HashMap<Hash, Token>,
    /// Every key ever enrolled by its vkey, parsed once.
    keys: HashMap<String, VerifierKey>,
    /// Log index after the last change: tells two states of the accounts apart.
    version: u64,
}

impl Accounts {
    /// The accounts of a log that continues another.
    pub fn begin_anew(&mut self) {
        self.version = 0;
    }

    /// Tells two states of the accounts apart.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A token, in force or not.
    #[must_use]
    pub fn token(&self, sha256: &Hash) -> Option<&Token> {
        self.tokens.get(sha256)
    }

    /// An organisation.
    #[must_use]
    pub fn organization(&self, organization: &OrganizationId) -> Option<&Organization> {
        self.organizations.get(organization)
    }

    /// All organisations, in no order.
    pub fn organizations(&self) -> impl Iterator<Item = (&OrganizationId, &Organization)> {
        self.organizations.iter()
    }

    /// What an organisation is.
    #[must_use]
    pub fn kind_of(&self, organization: &OrganizationId) -> Option<OrganizationKind> {
        self.organizations
            .get(organization)
            .map(|organization| organization.kind)
    }

    /// A member in force.
    #[must_use]
    pub fn member(&self, organization: &OrganizationId, member: &MemberId) -> Option<&Member> {
        self.organizations
            .get(organization)?
            .members
            .get(member)
            .filter(|member| !member.revoked)
    }

    /// A key of a member in force, which may be pending.
    #[must_use]
    pub fn key(
        &self,
        organization: &OrganizationId,
        member: &MemberId,
        key: &VerifierKey,
    ) -> Option<&EnrolledKey> {
        self.member(organization, member)?
            .keys
            .iter()
            .find(|enrolled| enrolled.key == *key)
            .filter(|enrolled| enrolled.state != KeyState::Revoked)
    }

    /// A key that was ever enrolled, by its exact vkey. Says nothing about whose it is, nor
    /// whether it is in force.
    #[must_use]
    pub fn parsed_key(&self, vkey: &str) -> Option<&VerifierKey> {
        self.keys.get(vkey)
    }

    /// Whether an organisation keeps its accounts itself: an administrator of it has signed
    /// there, and can still do so. Otherwise the operator helps.
    #[must_use]
    pub fn keeps_its_own(&self, organization: &OrganizationId, now: Instant) -> bool {
        let Some(found) = self.organizations.get(organization) else {
            return false;
        };
        found.members.iter().any(|(id, member)| {
            member.administrator
                && !member.revoked
                && member.keys.iter().any(|key| key.state == KeyState::Confirmed)
                && self.tokens.values().any(|token| {
                    token.member == *id
                        && token.organization == *organization
                        && !token.revoked
                        && token.expires > now
                })
        })
    }

    /// Whether a change may be made at this time by who made it.
    ///
    /// # Errors
    /// Any [`AccountError`].
    pub fn check(&self, record: &AccountRecord, now: Instant) -> Result<(), AccountError> {
        let AccountRecord { change, by } = record;
        let organization = change.organization();
        match by {
            Author::Operator => {
                if !change.revokes() && self.keeps_its_own(organization, now) {
                    return Err(match change {
                        AccountChange::OrganizationRegistered { .. } => {
                            AccountError::OrganizationExists(organization.clone())
                        }
                        _ => AccountError::KeepsItsOwn(organization.clone()),
                    });
                }
            }
            Author::Member { member, key } => self.check_signer(change, member, key)?,
        }
        self.check_change(change, by)
    }

    fn check_signer(
        &self,
        change: &AccountChange,
        signer: &MemberId,
        key: &VerifierKey,
    ) -> Result<(), AccountError> {
        let organization = change.organization();
        let found = self
            .member(organization, signer)
            .ok_or_else(|| AccountError::UnknownMember(organization.clone(), signer.clone()))?;
        let enrolled = self
            .key(organization, signer, key)
            .ok_or_else(|| AccountError::UnknownKey(organization.clone(), signer.clone()))?;
        match change {
            AccountChange::OrganizationRegistered { .. } => Err(AccountError::OperatorsAlone),
            // Whose key it is, is checked with the change.
            AccountChange::KeyConfirmed { .. } => Ok(()),
            _ if !found.administrator => Err(AccountError::NotAdministrator(
                organization.clone(),
                signer.clone(),
            )),
            _ if !enrolled.state.is_usable() => {
                Err(AccountError::KeyUnconfirmed(organization.clone(), signer.clone()))
            }
            _ => Ok(()),
        }
    }

    fn check_change(&self, change: &AccountChange, by: &Author) -> Result<(), AccountError> {
        let organization = change.organization();
        let Some(Organization { members, .. }) = self.organizations.get(organization) else {
            return match change {
                AccountChange::OrganizationRegistered { .. } => Ok(()),
                _ => Err(AccountError::UnknownOrganization(organization.clone())),
            };
        };
        let in_force = |member: &MemberId| {
            members
                .get(member)
                .filter(|found| !found.revoked)
                .ok_or_else(|| AccountError::UnknownMember(organization.clone(), member.clone()))
        };
        let unknown_key = |member: &MemberId| AccountError::UnknownKey(organization.clone(), member.clone());
        match change {
            AccountChange::OrganizationRegistered { .. } => {
                Err(AccountError::OrganizationExists(organization.clone()))
            }
            AccountChange::MemberRegistered { member, .. } => match members.get(member) {
                Some(_) => Err(AccountError::MemberExists(organization.clone(), member.clone())),
                None => Ok(()),
            },
            AccountChange::MemberRevoked { member, .. } => in_force(member).map(drop),
            AccountChange::KeyRegistered { member, key, .. } => {
                in_force(member)?;
                let mut taken = members.values().flat_map(|member| &member.keys);
                match taken.any(|old| old.key == **key) {
                    true => Err(AccountError::KeyExists),
                    false => Ok(()),
                }
            }
            AccountChange::KeyRevoked { member, key, .. } => {
                in_force(member)?;
                let enrolled = self.key(organization, member, key);
                enrolled.map(drop).ok_or_else(|| unknown_key(member))
            }
            AccountChange::KeyConfirmed {
                member,
                key,
                enrolment,
                ..
            } => {
                let itself = matches!(by, Author::Member { member: signer, key: signed }
                    if signer == member && signed == key);
                let enrolled = self.key(organization, member, key);
                let enrolled = enrolled.ok_or_else(|| unknown_key(member))?;
                check_confirmation(enrolled, enrolment, itself, organization, member)
            }
            AccountChange::TokenRegistered { member, token, .. } => {
                in_force(member)?;
                if self.tokens.contains_key(token) {
                    Err(AccountError::TokenExists)
                } else {
                    Ok(())
                }
            }
            AccountChange::TokenRevoked { token, member, .. } => match self.tokens.get(token) {
                Some(found)
                    if found.organization == *organization && found.member == *member && !found.revoked =>
                {
                    Ok(())
                }
                _ => Err(AccountError::UnknownToken(organization.clone())),
            },
        }
    }

    /// Folds a change that [`Self::check`] accepted and that the log holds at `index`.
    pub fn apply(&mut self, index: LogIndex, record: RecordId, account: &AccountRecord) {
        self.version = index.get() + 1;
        let AccountRecord { change, by } = account;
        if let AccountChange::OrganizationRegistered {
            organization,
            kind,
            grade,
            identifiers,
        } = change
        {
            let new = Organization {
                kind: *kind,
                grade: *grade,
                identifiers: identifiers.clone(),
                enrolment: Enrolment { index, record },
                members: HashMap::new(),
            };
            self.organizations.entry(organization.clone()).or_insert(new);
        }
        if let Some(organization) = self.organizations.get_mut(change.organization()) {
            organization.apply(Enrolment { index, record }, change, by);
        }
        match change {
            AccountChange::KeyRegistered { key, .. } => {
                self.keys.insert(key.to_string(), (**key).clone());
            }
            AccountChange::MemberRevoked { organization, member } => {
                for token in self.tokens.values_mut() {
                    token.revoked |= token.organization == *organization && token.member == *member;
                }
            }
            AccountChange::TokenRegistered {
                organization,
                member,
                token,
                expires,
            } => {
                let new = Token {
                    organization: organization.clone(),
                    member: member.clone(),
                    expires: *expires,
                    revoked: false,
                };
                self.tokens.entry(*token).or_insert(new);
            }
            AccountChange::TokenRevoked { token, .. } => {
                if let Some(token) = self.tokens.get_mut(token) {
                    token.revoked = true;
                }
            }
            _ => {}
        }
    }
}

/// A key confirms the very record that enrolled it, itself and once.
fn check_confirmation(
    enrolled: &EnrolledKey,
    enrolment: &Enrolment,
    itself: bool,
    organization: &OrganizationId,
    member: &MemberId,
) -> Result<(), AccountError> {
    let (organization, member) = (organization.clone(), member.clone());
    let same = (enrolled.index, enrolled.record) == (enrolment.index, enrolment.record);
    match enrolled.state {
        _ if !itself || !same => Err(AccountError::NotThatKey(organization, member)),
        KeyState::Pending | KeyState::Enrolled => Ok(()),
        KeyState::Confirmed | KeyState::Revoked => {
            Err(AccountError::KeyConfirmedBefore(organization, member))
        }
    }
}

impl Organization {
    /// What changes among members and their keys.
    fn apply(&mut self, enrolment: Enrolment, change: &AccountChange, by: &Author) {
        // A key that signed here has confirmed its enrolment, which its record names.
        if let Author::Member { member, key } = by {
            self.set_key(member, key, KeyState::Confirmed);
        }
        match change {
            AccountChange::MemberRegistered { member, kind, .. } => {
                let new = Member {
                    kind: *kind,
                    revoked: false,
                    administrator: false,
                    keys: Vec::new(),
                };
                self.members.entry(member.clone()).or_insert(new);
            }
            AccountChange::MemberRevoked { member, .. } => {
                if let Some(member) = self.members.get_mut(member) {
                    member.revoked = true;
                }
            }
            AccountChange::KeyRegistered { member, key, .. } => {
                let Some(member) = self.members.get_mut(member) else {
                    return;
                };
                let by_operator = matches!(by, Author::Operator);
                member.administrator |= by_operator && member.kind == MemberKind::Person;
                member.keys.push(EnrolledKey {
                    key: (**key).clone(),
                    index: enrolment.index,
                    record: enrolment.record,
                    state: match by_operator {
                        true => KeyState::Enrolled,
                        false => KeyState::Pending,
                    },
                });
            }
            AccountChange::KeyRevoked { member, key, .. } => self.set_key(member, key, KeyState::Revoked),
            _ => {}
        }
    }

    fn set_key(&mut self, member: &MemberId, key: &VerifierKey, state: KeyState) {
        let keys = self.members.get_mut(member).map(|member| &mut member.keys);
        if let Some(enrolled) = keys.into_iter().flatten().find(|enrolled| enrolled.key == *key) {
            enrolled.state = state;
        }
    }
}

#[cfg(test)]
mod tests;
