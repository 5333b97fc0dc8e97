//! Tombstones: those that are on record, and those that took effect.

use std::collections::BTreeMap;

use trialseal_core::{
    checkpoint::Origin,
    hash::{Hash, RecordId},
    index::LogIndex,
};

use crate::{
    chain::Place,
    codec::{Malformed, Reader, Writer},
    erasure::{Erasure, Parts, Requested},
};

/// Tombstones that a notary has at most.
pub const ERASURES_MAX: usize = 1_000_000;

/// All tombstones of a notary, in all its logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erasures {
    /// On record and not in effect, by the tombstone's id.
    announced: BTreeMap<RecordId, Erasure>,
    /// In effect, in this order.
    effective: Vec<Erasure>,
}

impl Erasures {
    /// Those in effect, in the order in which they took effect.
    #[must_use]
    pub fn effective(&self) -> &[Erasure] {
        &self.effective
    }

    /// The tombstone that is in effect for a record, in the order of their effect.
    pub fn of(&self, log: &Origin, index: LogIndex) -> impl Iterator<Item = &Erasure> {
        let of = move |erasure: &&Erasure| erasure.of.index == index && erasure.of.log == *log;
        self.effective.iter().filter(of)
    }

    /// Whether there may be no more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.announced.len() + self.effective.len() >= ERASURES_MAX
    }

    /// A tombstone is on record.
    pub(super) fn announce(&mut self, tombstone: RecordId, erasure: Erasure) {
        self.announced.insert(tombstone, erasure);
    }

    /// A tombstone takes effect: its number among those in effect, from 0, and what it says; none
    /// if the record is no tombstone that waits.
    pub(super) fn take_effect(&mut self, tombstone: RecordId) -> Option<(u64, Erasure)> {
        let erasure = self.announced.remove(&tombstone)?;
        let number = self.effective.len() as u64;
        self.effective.push(erasure.clone());
        Some((number, erasure))
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        writer.count(self.announced.len());
        for (tombstone, erasure) in &self.announced {
            writer.raw(tombstone.as_bytes());
            encode(erasure, writer);
        }
        writer.count(self.effective.len());
        for erasure in &self.effective {
            encode(erasure, writer);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut erasures = Self::default();
        for _ in 0..reader.count()? {
            let tombstone = record_id(reader)?;
            erasures.announced.insert(tombstone, decode(reader)?);
        }
        for _ in 0..reader.count()? {
            erasures.effective.push(decode(reader)?);
        }
        Ok(erasures)
    }
}

fn record_id(reader: &mut Reader<'_>) -> Result<RecordId, Malformed> {
    Ok(RecordId::from_hash(Hash::from_bytes(reader.array()?)))
}

fn encode(erasure: &Erasure, writer: &mut Writer) {
    let Erasure { of, tombstone } = erasure;
    writer.text(of.log.as_str());
    writer.u64(of.index.get());
    writer.raw(of.record.as_bytes());
    writer.u8(of.parts.bits());
    writer.u64(tombstone.get());
}

fn decode(reader: &mut Reader<'_>) -> Result<Erasure, Malformed> {
    Ok(Erasure {
        of: Requested {
            log: Origin::new(reader.text()?).map_err(|_| Malformed)?,
            index: LogIndex::new(reader.u64()?).map_err(|_| Malformed)?,
            record: record_id(reader)?,
            parts: Parts::from_bits(reader.u8()?).ok_or(Malformed)?,
        },
        tombstone: Place::new(reader.u64()?),
    })
}
