//! Accounts in a snapshot.

use std::collections::HashMap;

use trialseal_core::{
    hash::{Hash, RecordId},
    identifiers::{MemberId, OrganizationId},
    index::LogIndex,
    record::Enrolment,
    time::Instant,
};

use super::{Accounts, EnrolledKey, KeyState, Member, Organization, Token};
use crate::codec::{Malformed, Reader, Writer};

impl Accounts {
    /// Appends all accounts in the order of their ids.
    pub fn encode(&self, writer: &mut Writer) {
        writer.u64(self.version);
        let mut organizations: Vec<_> = self.organizations.iter().collect();
        organizations.sort_unstable_by_key(|(id, _)| *id);
        writer.count(organizations.len());
        for (id, organization) in organizations {
            writer.text(id.as_str());
            organization.encode(writer);
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
            let id: OrganizationId = reader.text()?.parse().map_err(|_| Malformed)?;
            let organization = Organization::decode(reader)?;
            for enrolled in organization.members.values().flat_map(|member| &member.keys) {
                let key = &enrolled.key;
                accounts.keys.insert(key.to_string(), key.clone());
            }
            accounts.organizations.insert(id, organization);
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

impl Organization {
    fn encode(&self, writer: &mut Writer) {
        writer.text(self.kind.as_str());
        writer.text(self.grade.as_str());
        writer.count(self.identifiers.len());
        for identifier in &self.identifiers {
            writer.text(&identifier.to_string());
        }
        encode_enrolment(writer, self.enrolment.index, self.enrolment.record);
        let mut members: Vec<_> = self.members.iter().collect();
        members.sort_unstable_by_key(|(id, _)| *id);
        writer.count(members.len());
        for (id, member) in members {
            writer.text(id.as_str());
            writer.text(member.kind.as_str());
            writer.u8(u8::from(member.revoked));
            writer.u8(u8::from(member.administrator));
            writer.count(member.keys.len());
            for key in &member.keys {
                writer.text(&key.key.to_string());
                encode_enrolment(writer, key.index, key.record);
                writer.u8(key.state as u8);
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let kind = reader.text()?.parse().map_err(|_| Malformed)?;
        let grade = reader.text()?.parse().map_err(|_| Malformed)?;
        let identifiers = (0..reader.count()?)
            .map(|_| reader.text()?.parse().map_err(|_| Malformed))
            .collect::<Result<_, _>>()?;
        let enrolment = decode_enrolment(reader)?;
        let mut members = HashMap::new();
        for _ in 0..reader.count()? {
            let id: MemberId = reader.text()?.parse().map_err(|_| Malformed)?;
            members.insert(id, decode_member(reader)?);
        }
        Ok(Self {
            kind,
            grade,
            identifiers,
            enrolment,
            members,
        })
    }
}

fn decode_member(reader: &mut Reader<'_>) -> Result<Member, Malformed> {
    let kind = reader.text()?.parse()?;
    let revoked = reader.u8()? != 0;
    let administrator = reader.u8()? != 0;
    let mut keys = Vec::new();
    for _ in 0..reader.count()? {
        let key = reader.text()?.parse().map_err(|_| Malformed)?;
        let Enrolment { index, record } = decode_enrolment(reader)?;
        let state = usize::from(reader.u8()?);
        keys.push(EnrolledKey {
            key,
            index,
            record,
            state: *KeyState::ALL.get(state).ok_or(Malformed)?,
        });
    }
    Ok(Member {
        kind,
        revoked,
        administrator,
        keys,
    })
}

fn encode_enrolment(writer: &mut Writer, index: LogIndex, record: RecordId) {
    writer.u64(index.get());
    writer.raw(record.hash().as_bytes());
}

fn decode_enrolment(reader: &mut Reader<'_>) -> Result<Enrolment, Malformed> {
    Ok(Enrolment {
        index: LogIndex::new(reader.u64()?).map_err(|_| Malformed)?,
        record: RecordId::from_hash(Hash::from_bytes(reader.array()?)),
    })
}
