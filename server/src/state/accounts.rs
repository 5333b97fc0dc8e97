//! Organisations, members, keys and tokens in force: a fold of the records in the
//! registers `org:<id>`.

use std::collections::HashMap;

use trialseal_core::{
    hash::{Hash, RecordId},
    identifiers::{MemberId, OrganizationId},
    index::LogIndex,
    note::VerifierKey,
    time::Instant,
};

use crate::codec::{Malformed, Reader, Writer};

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

/// One change of the accounts, effective at its log index.
#[derive(Debug, Clone)]
pub enum AccountChange {
    /// Enrols an organisation.
    OrganizationRegistered {
        /// Its id.
        organization: OrganizationId,
    },
    /// Enrols a member.
    MemberRegistered {
        /// Its organisation.
        organization: OrganizationId,
        /// Its id.
        member: MemberId,
        /// Person or system.
        kind: MemberKind,
    },
    /// Revokes a member with its keys and tokens.
    MemberRevoked {
        /// Its organisation.
        organization: OrganizationId,
        /// Its id.
        member: MemberId,
    },
    /// Enrols a key.
    KeyRegistered {
        /// The member's organisation.
        organization: OrganizationId,
        /// The member.
        member: MemberId,
        /// The key, named `<organization>/<member>`.
        key: Box<VerifierKey>,
    },
    /// Registers a token by its SHA-256.
    TokenRegistered {
        /// The member's organisation.
        organization: OrganizationId,
        /// The member.
        member: MemberId,
        /// SHA-256 of the 32 random bytes.
        token: Hash,
        /// Refused from then on.
        expires: Instant,
    },
    /// Revokes a token.
    TokenRevoked {
        /// The organisation whose register holds the record.
        organization: OrganizationId,
        /// Whose token it is.
        member: MemberId,
        /// SHA-256 of the 32 random bytes.
        token: Hash,
    },
}

impl AccountChange {
    /// The organisation whose register holds the change.
    #[must_use]
    pub fn organization(&self) -> &OrganizationId {
        match self {
            Self::OrganizationRegistered { organization }
            | Self::MemberRegistered { organization, .. }
            | Self::MemberRevoked { organization, .. }
            | Self::KeyRegistered { organization, .. }
            | Self::TokenRegistered { organization, .. }
            | Self::TokenRevoked { organization, .. } => organization,
        }
    }
}

/// Why a change of the accounts is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// It is enrolled already.
    #[error("organisation {0} is enrolled already")]
    OrganizationExists(OrganizationId),
    /// It is not enrolled.
    #[error("organisation {0} is not enrolled")]
    UnknownOrganization(OrganizationId),
    /// It is enrolled, or was and is revoked; ids are not used twice.
    #[error("member {0}/{1} is on record already; ids are not used twice")]
    MemberExists(OrganizationId, MemberId),
    /// It is not enrolled, or revoked.
    #[error("member {0}/{1} is not enrolled or was revoked")]
    UnknownMember(OrganizationId, MemberId),
    /// The key stands for somebody already.
    #[error("this key is enrolled already")]
    KeyExists,
    /// The token is on record already.
    #[error("this token is on record already")]
    TokenExists,
    /// No such token in force.
    #[error("no such token of organisation {0} is in force")]
    UnknownToken(OrganizationId),
}

/// A key in force, and the record that enrolled it.
#[derive(Debug, Clone)]
pub struct EnrolledKey {
    /// The key.
    pub key: VerifierKey,
    /// Log index of the enrolment.
    pub index: LogIndex,
    /// The enrolment's record.
    pub record: RecordId,
}

/// A member.
#[derive(Debug, Clone)]
pub struct Member {
    /// Person or system.
    pub kind: MemberKind,
    /// No longer in force.
    pub revoked: bool,
    /// Keys, in the order of their enrolment.
    pub keys: Vec<EnrolledKey>,
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
    organizations: HashMap<OrganizationId, HashMap<MemberId, Member>>,
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

    /// A member in force.
    #[must_use]
    pub fn member(&self, organization: &OrganizationId, member: &MemberId) -> Option<&Member> {
        self.organizations
            .get(organization)?
            .get(member)
            .filter(|member| !member.revoked)
    }

    /// A key of a member in force.
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
    }

    /// A key that was ever enrolled, by its exact vkey. Says nothing about whose it is, nor
    /// whether it is in force.
    #[must_use]
    pub fn parsed_key(&self, vkey: &str) -> Option<&VerifierKey> {
        self.keys.get(vkey)
    }

    /// Whether a change may be made now.
    ///
    /// # Errors
    /// Any [`AccountError`].
    pub fn check(&self, change: &AccountChange) -> Result<(), AccountError> {
        let organization = change.organization();
        let Some(members) = self.organizations.get(organization) else {
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
                let taken = members
                    .values()
                    .flat_map(|member| &member.keys)
                    .any(|old| old.key == **key);
                if taken {
                    Err(AccountError::KeyExists)
                } else {
                    Ok(())
                }
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
    pub fn apply(&mut self, index: LogIndex, record: RecordId, change: &AccountChange) {
        self.version = index.get() + 1;
        let members = self
            .organizations
            .entry(change.organization().clone())
            .or_default();
        match change {
            AccountChange::OrganizationRegistered { .. } => {}
            AccountChange::MemberRegistered { member, kind, .. } => {
                let new = Member {
                    kind: *kind,
                    revoked: false,
                    keys: Vec::new(),
                };
                members.entry(member.clone()).or_insert(new);
            }
            AccountChange::MemberRevoked { organization, member } => {
                if let Some(member) = members.get_mut(member) {
                    member.revoked = true;
                }
                for token in self.tokens.values_mut() {
                    token.revoked |= token.organization == *organization && token.member == *member;
                }
            }
            AccountChange::KeyRegistered { member, key, .. } => {
                self.keys.insert(key.to_string(), (**key).clone());
                if let Some(member) = members.get_mut(member) {
                    member.keys.push(EnrolledKey {
                        key: (**key).clone(),
                        index,
                        record,
                    });
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
        }
    }

    /// Appends all accounts in the order of their ids.
    pub fn encode(&self, writer: &mut Writer) {
        writer.u64(self.version);
        let mut organizations: Vec<_> = self.organizations.iter().collect();
        organizations.sort_unstable_by_key(|(id, _)| *id);
        writer.count(organizations.len());
        for (id, members) in organizations {
            writer.text(id.as_str());
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(id, _)| *id);
            writer.count(members.len());
            for (id, member) in members {
                writer.text(id.as_str());
                writer.text(member.kind.as_str());
                writer.u8(u8::from(member.revoked));
                writer.count(member.keys.len());
                for key in &member.keys {
                    writer.text(&key.key.to_string());
                    writer.u64(key.index.get());
                    writer.raw(key.record.hash().as_bytes());
                }
            }
        }
        let mut tokens: Vec<_> = self.tokens.iter().collect();
        tokens.sort_unstable_by_key(|(hash, _)| *hash);
        writer.count(tokens.len());
        for (hash, token) in tokens {
            writer.raw(hash.as_bytes());
            writer.text(token.organization.as_str());
            writer.text(token.member.as_str());
            writer.i64(token.expires.as_millis());
            writer.u8(u8::from(token.revoked));
        }
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut accounts = Self {
            version: reader.u64()?,
            ..Self::default()
        };
        for _ in 0..reader.count()? {
            let organization: OrganizationId = reader.text()?.parse().map_err(|_| Malformed)?;
            let mut members = HashMap::new();
            for _ in 0..reader.count()? {
                let id: MemberId = reader.text()?.parse().map_err(|_| Malformed)?;
                let member = decode_member(reader)?;
                for enrolled in &member.keys {
                    accounts
                        .keys
                        .insert(enrolled.key.to_string(), enrolled.key.clone());
                }
                members.insert(id, member);
            }
            accounts.organizations.insert(organization, members);
        }
        for _ in 0..reader.count()? {
            let hash = Hash::from_bytes(reader.array()?);
            let token = Token {
                organization: reader.text()?.parse().map_err(|_| Malformed)?,
                member: reader.text()?.parse().map_err(|_| Malformed)?,
                expires: Instant::from_millis(reader.i64()?),
                revoked: reader.u8()? != 0,
            };
            accounts.tokens.insert(hash, token);
        }
        Ok(accounts)
    }
}

fn decode_member(reader: &mut Reader<'_>) -> Result<Member, Malformed> {
    let kind = reader.text()?.parse()?;
    let revoked = reader.u8()? != 0;
    let mut keys = Vec::new();
    for _ in 0..reader.count()? {
        keys.push(EnrolledKey {
            key: reader.text()?.parse().map_err(|_| Malformed)?,
            index: LogIndex::new(reader.u64()?).map_err(|_| Malformed)?,
            record: RecordId::from_hash(Hash::from_bytes(reader.array()?)),
        });
    }
    Ok(Member { kind, revoked, keys })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organization(name: &str) -> OrganizationId {
        name.parse().unwrap()
    }

    fn member(name: &str) -> MemberId {
        name.parse().unwrap()
    }

    fn changes() -> Vec<AccountChange> {
        let (acme, alice) = (organization("acme"), member("alice"));
        vec![
            AccountChange::OrganizationRegistered {
                organization: acme.clone(),
            },
            AccountChange::MemberRegistered {
                organization: acme.clone(),
                member: alice.clone(),
                kind: MemberKind::Person,
            },
            AccountChange::TokenRegistered {
                organization: acme.clone(),
                member: alice.clone(),
                token: Hash::from_bytes([7; 32]),
                expires: Instant::from_millis(10),
            },
            AccountChange::MemberRevoked {
                organization: acme,
                member: alice,
            },
        ]
    }

    #[test]
    fn each_change_is_accepted_once_and_only_in_its_place() {
        let mut accounts = Accounts::default();
        for (index, change) in (1..).zip(changes()) {
            assert_eq!(accounts.check(&change), Ok(()));
            accounts.apply(
                LogIndex::new(index).unwrap(),
                RecordId::from_hash(Hash::from_bytes([1; 32])),
                &change,
            );
            assert!(accounts.check(&change).is_err(), "{change:?} twice");
        }
        let empty = Accounts::default();
        for change in changes().iter().skip(1) {
            assert!(empty.check(change).is_err());
        }
    }

    #[test]
    fn revoking_a_member_ends_its_tokens() {
        let mut accounts = Accounts::default();
        for (index, change) in (1..).zip(changes()) {
            accounts.apply(
                LogIndex::new(index).unwrap(),
                RecordId::from_hash(Hash::from_bytes([1; 32])),
                &change,
            );
        }
        assert!(accounts.token(&Hash::from_bytes([7; 32])).unwrap().revoked);
        assert!(accounts.member(&organization("acme"), &member("alice")).is_none());
        let mut writer = Writer::default();
        accounts.encode(&mut writer);
        let bytes = writer.finish();
        let mut again = Writer::default();
        Accounts::decode(&mut Reader::new(&bytes))
            .unwrap()
            .encode(&mut again);
        assert_eq!(again.finish(), bytes);
        for length in 0..bytes.len() {
            assert!(Accounts::decode(&mut Reader::new(&bytes[..length])).is_err());
        }
    }
}
