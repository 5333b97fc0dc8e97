//! The head of every register: who opened it, its last record, and the records not
//! yet on a full page of the listing.

use std::{collections::HashMap, sync::Arc};

use trialseal_core::{
    authority::{Act, Authority, Placed, Standing},
    hash::{Hash, RecordId},
    identifiers::{OrganizationId, RegisterName, TrialId},
    index::{IndexError, Sequence},
    time::Instant,
    vocabulary::{Class, Event},
};

use super::{Accounts, Said, claims::Claims};
use crate::{
    chain::Place,
    codec::{Malformed, Reader, Writer},
};

/// Records on one page of a register's listing.
pub const PAGE: usize = 256;
/// Registers a log may have.
pub const REGISTERS_MAX: usize = 1_000_000;
/// Bytes of one packed row.
pub const ROW_BYTES: usize = 13;

/// What a listing needs to choose a record; 13 bytes when packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its place, below 2^40.
    pub place: Place,
    /// The notary's time.
    pub received_at: Instant,
    /// Class.
    pub class: Class,
    /// Event.
    pub event: Event,
}

impl Row {
    /// Place (5 bytes), milliseconds since 1970 (6 bytes), positions of class and event in
    /// their lists. The listing is made anew when a release changes the lists.
    #[must_use]
    pub fn pack(&self) -> [u8; ROW_BYTES] {
        let [_, _, _, i0, i1, i2, i3, i4] = self.place.get().to_be_bytes();
        let [_, _, t0, t1, t2, t3, t4, t5] = self.received_at.as_millis().to_be_bytes();
        [
            i0,
            i1,
            i2,
            i3,
            i4,
            t0,
            t1,
            t2,
            t3,
            t4,
            t5,
            self.class as u8,
            self.event as u8,
        ]
    }

    /// Reads a packed row.
    ///
    /// # Errors
    /// [`Malformed`] if class or event is unknown.
    pub fn unpack(bytes: [u8; ROW_BYTES]) -> Result<Self, Malformed> {
        let [i0, i1, i2, i3, i4, t0, t1, t2, t3, t4, t5, class, event] = bytes;
        Ok(Self {
            place: Place::new(u64::from_be_bytes([0, 0, 0, i0, i1, i2, i3, i4])),
            received_at: Instant::from_millis(i64::from_be_bytes([0, 0, t0, t1, t2, t3, t4, t5])),
            class: *Class::ALL.get(usize::from(class)).ok_or(Malformed)?,
            event: *Event::ALL.get(usize::from(event)).ok_or(Malformed)?,
        })
    }
}

/// 256 rows of one register, written once.
#[derive(Debug, Clone)]
pub struct FullPage {
    /// The register's number: the order in which registers were opened.
    pub register: u32,
    /// Page number, from 0.
    pub page: u64,
    /// Packed rows.
    pub rows: Vec<[u8; ROW_BYTES]>,
}

/// The head of one register.
#[derive(Debug, Clone)]
pub struct RegisterHead {
    /// Order in which registers were opened, from 0.
    pub number: u32,
    /// The organisation whose record opened it.
    pub owner: OrganizationId,
    /// Its first record, which is the register's id.
    pub first: RecordId,
    /// Its last record.
    pub last: RecordId,
    /// Number of its records.
    pub sequence: Sequence,
    /// Rows after the last full page.
    pub unpaged: Vec<[u8; ROW_BYTES]>,
    /// Who may do what in it. Always empty for an organisation's accounts.
    pub authority: Arc<Authority>,
}

/// All registers of a log.
#[derive(Debug, Default, Clone)]
pub struct Registers {
    heads: HashMap<RegisterName, RegisterHead>,
    claims: Claims,
}

impl Registers {
    /// The head of a register.
    #[must_use]
    pub fn head(&self, register: &RegisterName) -> Option<&RegisterHead> {
        self.heads.get(register)
    }

    /// Under which other ids trials are known.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Folds in a record that was appended and that changes what others may do, or under which
    /// ids the trial is known. What its signer was not allowed changes nothing; the notary seals
    /// no such record, and an audit names it.
    pub fn act(&mut self, said: &Said, at: Instant, placed: Placed, accounts: &Accounts) -> Option<Standing> {
        let Said { what, who } = said;
        let head = self.heads.get_mut(&what.register)?;
        let act = Act::of(what, who, at);
        let kind_of = |organization: &OrganizationId| accounts.kind_of(organization);
        let authority = Arc::make_mut(&mut head.authority);
        let standing = authority.replay(&act, placed, kind_of).ok()?;
        if let Some(trial) = &what.trial {
            self.claims.add(&what.register, &trial.aliases);
        }
        Some(standing)
    }

    /// The registers that a trial id leads to: the one that bears it, then those that claim it.
    #[must_use]
    pub fn of_trial(&self, id: &TrialId) -> Vec<&RegisterName> {
        let bears = self.heads.get_key_value(id.register()).map(|(name, _)| name);
        bears.into_iter().chain(self.claims.claimants(id)).collect()
    }

    /// The other registers that claim an id of this one: each is one trial on record twice.
    #[must_use]
    pub fn rivals(&self, register: &RegisterName) -> Vec<&RegisterName> {
        let own = TrialId::of_register(register);
        let ids = own.iter().chain(self.claims.aliases(register));
        let mut rivals: Vec<_> = ids
            .flat_map(|id| self.of_trial(id))
            .filter(|rival| *rival != register)
            .collect();
        rivals.sort_unstable();
        rivals.dedup();
        rivals
    }

    /// Number of registers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// True without registers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// All heads, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&RegisterName, &RegisterHead)> {
        self.heads.iter()
    }

    /// Sequence and predecessor of the register's next record.
    ///
    /// # Errors
    /// After 2^53 - 1 records.
    pub fn next(&self, register: &RegisterName) -> Result<(Sequence, Option<RecordId>), IndexError> {
        match self.heads.get(register) {
            Some(head) => Ok((head.sequence.next()?, Some(head.last))),
            None => Ok((Sequence::FIRST, None)),
        }
    }

    /// Appends the record with the sequence that [`Self::next`] gave; returns the page
    /// that it filled, if it did.
    pub fn append(
        &mut self,
        register: &RegisterName,
        owner: &OrganizationId,
        sequence: Sequence,
        record: RecordId,
        row: Row,
    ) -> Option<FullPage> {
        let Some(head) = self.heads.get_mut(register) else {
            let head = RegisterHead {
                number: u32::try_from(self.heads.len()).unwrap_or(u32::MAX),
                owner: owner.clone(),
                first: record,
                last: record,
                sequence,
                unpaged: vec![row.pack()],
                authority: Arc::default(),
            };
            self.heads.insert(register.clone(), head);
            return None;
        };
        head.sequence = sequence;
        head.last = record;
        head.unpaged.push(row.pack());
        (head.unpaged.len() == PAGE).then(|| FullPage {
            register: head.number,
            page: (head.sequence.get() - 1) / PAGE as u64,
            rows: std::mem::take(&mut head.unpaged),
        })
    }

    /// Appends all heads in the order of their numbers.
    pub fn encode(&self, writer: &mut Writer) {
        let mut heads: Vec<_> = self.heads.iter().collect();
        heads.sort_unstable_by_key(|(_, head)| head.number);
        writer.count(heads.len());
        for (name, head) in heads {
            writer.text(name.as_str());
            writer.text(head.owner.as_str());
            writer.raw(head.first.hash().as_bytes());
            writer.raw(head.last.hash().as_bytes());
            writer.u64(head.sequence.get());
            writer.count(head.unpaged.len());
            for row in &head.unpaged {
                writer.raw(row);
            }
            let authority = head.authority.to_bytes();
            writer.count(authority.len());
            writer.raw(&authority);
        }
        self.claims.encode(writer);
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut registers = Self::default();
        for number in 0..reader.count()? {
            let name: RegisterName = reader.text()?.parse().map_err(|_| Malformed)?;
            let head = RegisterHead {
                number: u32::try_from(number).map_err(|_| Malformed)?,
                owner: reader.text()?.parse().map_err(|_| Malformed)?,
                first: RecordId::from_hash(Hash::from_bytes(reader.array()?)),
                last: RecordId::from_hash(Hash::from_bytes(reader.array()?)),
                sequence: Sequence::new(reader.u64()?).map_err(|_| Malformed)?,
                unpaged: (0..reader.count()?)
                    .map(|_| reader.array())
                    .collect::<Result<_, _>>()?,
                authority: decode_authority(reader)?,
            };
            if registers.heads.insert(name, head).is_some() {
                return Err(Malformed);
            }
        }
        registers.claims = Claims::decode(reader)?;
        Ok(registers)
    }
}

fn decode_authority(reader: &mut Reader<'_>) -> Result<Arc<Authority>, Malformed> {
    let length = reader.count()?;
    let authority = Authority::from_bytes(reader.raw(length)?);
    authority.map(Arc::new).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(index: u64) -> Row {
        Row {
            place: Place::new(index),
            received_at: Instant::from_millis(1_780_000_000_123),
            class: Class::Dataset,
            event: Event::HardLock,
        }
    }

    fn id(byte: u64) -> RecordId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&byte.to_be_bytes());
        RecordId::from_hash(Hash::from_bytes(bytes))
    }

    #[test]
    fn one_trial_in_two_registers_is_seen_from_both() {
        let mut registers = Registers::default();
        let owner: OrganizationId = "acme".parse().unwrap();
        let names = ["trial:NCT04573309", "trial:2023-501234-12", "trial:NCT00000001"];
        let names = names.map(|name| name.parse::<RegisterName>().unwrap());
        for (number, name) in (0..).zip(&names) {
            registers.append(name, &owner, Sequence::FIRST, id(number), row(number));
            assert!(registers.rivals(name).is_empty());
        }
        // The first claims the second's name, and the third what the first claims, and one that is free.
        let free = TrialId::parse("DRKS00000001").unwrap();
        let second = TrialId::of_register(&names[1]).unwrap();
        registers.claims.add(&names[0], std::slice::from_ref(&second));
        registers.claims.add(&names[2], &[second.clone(), free.clone()]);
        assert_eq!(registers.rivals(&names[0]), [&names[1], &names[2]]);
        assert_eq!(registers.rivals(&names[1]), [&names[2], &names[0]]);
        assert_eq!(registers.rivals(&names[2]), [&names[1], &names[0]]);
        assert_eq!(registers.of_trial(&second), [&names[1], &names[0], &names[2]]);
        assert_eq!(registers.of_trial(&free), [&names[2]]);
    }

    #[test]
    fn a_page_is_full_exactly_every_256_records() {
        let mut registers = Registers::default();
        let name: RegisterName = "trial:NCT04573309".parse().unwrap();
        let owner: OrganizationId = "acme".parse().unwrap();
        for number in 0..600 {
            let (sequence, previous) = registers.next(&name).unwrap();
            assert_eq!(sequence.get(), number + 1);
            assert_eq!(previous, number.checked_sub(1).map(id));
            let page = registers.append(&name, &owner, sequence, id(number), row(number));
            assert_eq!(page.is_some(), (number + 1) % 256 == 0, "record {number}");
            if let Some(page) = page {
                assert_eq!(page.page, number / 256);
                assert_eq!(Row::unpack(page.rows[0]), Ok(row(page.page * 256)));
            }
        }
        let mut writer = Writer::default();
        registers.encode(&mut writer);
        let bytes = writer.finish();
        let decoded = Registers::decode(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(decoded.next(&name), registers.next(&name));
        assert_eq!(decoded.head(&name).unwrap().unpaged.len(), 600 % 256);
        for length in 0..bytes.len() {
            assert!(Registers::decode(&mut Reader::new(&bytes[..length])).is_err());
        }
    }
}
