//! Which submissions are on record, so that one is logged once, ever.
//!
//! For each record the table holds an 8-byte fingerprint of (organisation,
//! idempotency key) and the 5-byte place: 13 bytes in open addressing, in 256
//! shards that grow by a fifth each, so that memory follows the number of records
//! without jumps. A hit is only a hint: the caller confirms it against the record.
//!
//! Records are forgotten a *generation* (65,536 places) at a time, once the last
//! `not after` in it has passed; entries of a forgotten generation are dropped when
//! their shard next grows.

use std::collections::{BTreeMap, HashMap};

use trialseal_core::{hash::sha256_of, identifiers::OrganizationId, time::Instant};

use crate::{
    chain::Place,
    codec::{Malformed, Reader, Writer},
};

/// Places in one generation.
pub const GENERATION: u64 = 65_536;
const SHARDS: usize = 256;
const SLOT: usize = 13;
const FIRST_SLOTS: usize = 64;

/// A hint that a submission is on record: 64 bits of SHA-256, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of one organisation's idempotency key.
    #[must_use]
    pub fn of(organization: &OrganizationId, idempotency_key: &[u8; 32]) -> Self {
        let hash = sha256_of(&[organization.as_str().as_bytes(), &[0], idempotency_key]);
        let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]).max(1))
    }
}

/// How many submissions may be remembered.
#[derive(Debug, Clone, Copy)]
pub struct RememberedLimits {
    /// Of all organisations.
    pub total: u64,
    /// Of one organisation.
    pub per_organization: u64,
}

/// Too many submissions are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RememberedFull;

#[derive(Debug, Default)]
struct Generation {
    expires: Option<Instant>,
    per_organization: HashMap<OrganizationId, u64>,
    /// By place from the generation's start, 0 for an entry that is no record; kept
    /// only until the generation is complete and written.
    fingerprints: Vec<u64>,
}

/// The table.
#[derive(Debug)]
pub struct Remembered {
    shards: Vec<Shard>,
    generations: BTreeMap<u64, Generation>,
    per_organization: HashMap<OrganizationId, u64>,
    live: u64,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            generations: BTreeMap::new(),
            per_organization: HashMap::new(),
            live: 0,
        }
    }
}

impl Remembered {
    /// Submissions remembered.
    #[must_use]
    pub fn live(&self) -> u64 {
        self.live
    }

    /// Numbers of the generations that are not forgotten.
    pub fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.generations.keys().copied()
    }

    /// Refuses when the organisation, or all together, have no room left.
    ///
    /// # Errors
    /// [`RememberedFull`].
    pub fn room_for(
        &self,
        organization: &OrganizationId,
        limits: RememberedLimits,
    ) -> Result<(), RememberedFull> {
        let own = self.per_organization.get(organization).copied().unwrap_or(0);
        if self.live >= limits.total || own >= limits.per_organization {
            Err(RememberedFull)
        } else {
            Ok(())
        }
    }

    /// Places that may hold the submission; nearly always none or one.
    #[must_use]
    pub fn candidates(&self, fingerprint: Fingerprint) -> Vec<Place> {
        let Some(shard) = self.shards.get(shard_of(fingerprint.0)) else {
            return Vec::new();
        };
        shard
            .find(fingerprint.0)
            .filter(|index| self.generations.contains_key(&(index / GENERATION)))
            .map(Place::new)
            .collect()
    }

    /// Remembers the record at `place` until `not_after`.
    pub fn insert(
        &mut self,
        place: Place,
        organization: &OrganizationId,
        fingerprint: Fingerprint,
        not_after: Instant,
    ) {
        let generation = self.generations.entry(place.get() / GENERATION).or_default();
        generation.expires = generation.expires.max(Some(not_after));
        let offset = usize::try_from(place.get() % GENERATION).unwrap_or(usize::MAX);
        generation.fingerprints.resize(offset, 0);
        generation.fingerprints.push(fingerprint.0);
        count(&mut generation.per_organization, organization, 1);
        count(&mut self.per_organization, organization, 1);
        self.live += 1;
        self.insert_slot(fingerprint.0, place.get());
    }

    /// Makes room for so many more at once: loading them one by one would rebuild every
    /// shard many times over.
    pub fn reserve(&mut self, submissions: u64) {
        let each = usize::try_from(submissions).unwrap_or(0) / SHARDS;
        let Self {
            shards, generations, ..
        } = self;
        for shard in shards {
            shard.rebuild(each, |index| generations.contains_key(&(index / GENERATION)));
        }
    }

    fn insert_slot(&mut self, fingerprint: u64, index: u64) {
        let Self {
            shards, generations, ..
        } = self;
        if let Some(shard) = shards.get_mut(shard_of(fingerprint)) {
            shard.insert(fingerprint, index, |index| {
                generations.contains_key(&(index / GENERATION))
            });
        }
    }

    /// Forgets generations whose last `not after` has passed and that lie wholly below
    /// the place `end`. Their objects go with the next snapshot.
    pub fn expire(&mut self, now: Instant, end: u64) {
        let gone: Vec<u64> = self
            .generations
            .iter()
            .filter(|(number, generation)| {
                (**number + 1) * GENERATION <= end && generation.expires.is_none_or(|expires| expires < now)
            })
            .map(|(number, _)| *number)
            .collect();
        for number in &gone {
            if let Some(generation) = self.generations.remove(number) {
                for (organization, records) in &generation.per_organization {
                    self.live = self.live.saturating_sub(*records);
                    let own = self.per_organization.entry(organization.clone()).or_default();
                    *own = own.saturating_sub(*records);
                }
            }
        }
        self.per_organization.retain(|_, records| *records > 0);
    }

    /// The object of generation `number`: complete once the log has passed it.
    #[must_use]
    pub fn encode_generation(&self, number: u64) -> Option<Vec<u8>> {
        let generation = self.generations.get(&number)?;
        let mut writer = Writer::default();
        writer.u64(number);
        writer.i64(generation.expires.map_or(i64::MIN, Instant::as_millis));
        let mut organizations: Vec<_> = generation.per_organization.iter().collect();
        organizations.sort_unstable();
        writer.count(organizations.len());
        for (organization, records) in organizations {
            writer.text(organization.as_str());
            writer.u64(*records);
        }
        writer.count(generation.fingerprints.len());
        for fingerprint in &generation.fingerprints {
            writer.u64(*fingerprint);
        }
        Some(writer.finish())
    }

    /// Frees the list of fingerprints that only [`Self::encode_generation`] needs.
    pub fn generation_written(&mut self, number: u64) {
        if let Some(generation) = self.generations.get_mut(&number) {
            generation.fingerprints = Vec::new();
        }
    }

    /// Reads a generation's object back in. `keep_list` for the one still growing.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn load_generation(&mut self, bytes: &[u8], keep_list: bool) -> Result<u64, Malformed> {
        let mut reader = Reader::new(bytes);
        let number = reader.u64()?;
        let expires = Some(reader.i64()?).filter(|&millis| millis != i64::MIN);
        let mut generation = Generation {
            expires: expires.map(Instant::from_millis),
            ..Generation::default()
        };
        for _ in 0..reader.count()? {
            let organization: OrganizationId = reader.text()?.parse().map_err(|_| Malformed)?;
            let records = reader.u64()?;
            count(&mut generation.per_organization, &organization, records);
            count(&mut self.per_organization, &organization, records);
            self.live += records;
        }
        let fingerprints = reader.count()?;
        if fingerprints as u64 > GENERATION {
            return Err(Malformed);
        }
        let mut list = Vec::with_capacity(if keep_list { fingerprints } else { 0 });
        self.generations.insert(number, generation);
        for offset in 0..fingerprints as u64 {
            let fingerprint = reader.u64()?;
            if fingerprint != 0 {
                self.insert_slot(fingerprint, number * GENERATION + offset);
            }
            if keep_list {
                list.push(fingerprint);
            }
        }
        if let Some(generation) = self.generations.get_mut(&number) {
            generation.fingerprints = list;
        }
        reader.end()?;
        Ok(number)
    }
}

fn count(table: &mut HashMap<OrganizationId, u64>, organization: &OrganizationId, records: u64) {
    match table.get_mut(organization) {
        Some(own) => *own += records,
        None => {
            table.insert(organization.clone(), records);
        }
    }
}

fn shard_of(fingerprint: u64) -> usize {
    usize::try_from(fingerprint >> 56).unwrap_or(0)
}

/// Open addressing with linear probing. A slot is the fingerprint (8 bytes) and the
/// index plus one (5 bytes); an index field of 0 marks it empty. Slots are never
/// emptied in place: growing rebuilds the shard without the forgotten ones.
#[derive(Debug, Default)]
struct Shard {
    slots: Vec<[u8; SLOT]>,
    used: usize,
}

impl Shard {
    fn start(&self, fingerprint: u64) -> usize {
        // The top 8 bits chose the shard; the others spread over the slots.
        let spread = u128::from(fingerprint << 8) * self.slots.len() as u128;
        usize::try_from(spread >> 64).unwrap_or(0)
    }

    fn find(&self, fingerprint: u64) -> impl Iterator<Item = u64> + '_ {
        let start = self.start(fingerprint);
        let (before, after) = self.slots.split_at(start.min(self.slots.len()));
        after
            .iter()
            .chain(before)
            .map(unpack)
            .take_while(|(_, index)| index.is_some())
            .filter(move |(found, _)| *found == fingerprint)
            .filter_map(|(_, index)| index)
    }

    fn insert(&mut self, fingerprint: u64, index: u64, is_live: impl Fn(u64) -> bool) {
        // At most 7/8 full, so that a probe always ends at an empty slot.
        if (self.used + 1) * 8 > self.slots.len() * 7 {
            self.rebuild(0, is_live);
        }
        self.place(fingerprint, index);
    }

    /// Makes the shard anew with the live slots, and room for `more` beyond the usual.
    fn rebuild(&mut self, more: usize, is_live: impl Fn(u64) -> bool) {
        let old = std::mem::take(&mut self.slots);
        let live = old
            .iter()
            .map(unpack)
            .filter(|(_, index)| index.is_some_and(&is_live))
            .count();
        let size = ((live + more) * 4 / 3).max(FIRST_SLOTS);
        self.slots.reserve_exact(size);
        self.slots.resize(size, [0; SLOT]);
        self.used = 0;
        for (fingerprint, index) in old.iter().map(unpack) {
            if let Some(index) = index.filter(|&index| is_live(index)) {
                self.place(fingerprint, index);
            }
        }
    }

    fn place(&mut self, fingerprint: u64, index: u64) {
        let start = self.start(fingerprint);
        let (before, after) = self.slots.split_at_mut(start);
        if let Some(slot) = after
            .iter_mut()
            .chain(before)
            .find(|slot| unpack(slot).1.is_none())
        {
            *slot = pack(fingerprint, index);
            self.used += 1;
        }
    }
}

fn pack(fingerprint: u64, index: u64) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    let (head, tail) = slot.split_at_mut(8);
    head.copy_from_slice(&fingerprint.to_le_bytes());
    // Indexes stay below 2^40 - 1: a trillion records.
    for (byte, value) in tail.iter_mut().zip((index + 1).to_le_bytes()) {
        *byte = value;
    }
    slot
}

fn unpack(slot: &[u8; SLOT]) -> (u64, Option<u64>) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m] = *slot;
    let index = u64::from_le_bytes([i, j, k, l, m, 0, 0, 0]);
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]), index.checked_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organization(name: &str) -> OrganizationId {
        name.parse().unwrap()
    }

    fn key(number: u64) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        key
    }

    fn filled(records: u64) -> Remembered {
        let mut table = Remembered::default();
        let acme = organization("acme");
        for number in 0..records {
            table.insert(
                Place::new(number),
                &acme,
                Fingerprint::of(&acme, &key(number)),
                Instant::from_millis(1_000 + i64::try_from(number).unwrap()),
            );
        }
        table
    }

    #[test]
    fn finds_every_record_and_no_other() {
        let records = 3 * GENERATION + 100;
        let table = filled(records);
        let acme = organization("acme");
        for number in (0..records).step_by(97) {
            let found = table.candidates(Fingerprint::of(&acme, &key(number)));
            assert_eq!(found, vec![Place::new(number)]);
        }
        assert!(table.candidates(Fingerprint::of(&acme, &key(records))).is_empty());
        assert!(
            table
                .candidates(Fingerprint::of(&organization("bolt"), &key(1)))
                .is_empty()
        );
    }

    #[test]
    fn forgets_whole_generations_only_after_their_last_not_after() {
        let mut table = filled(2 * GENERATION);
        let acme = organization("acme");
        let last = 1_000 + i64::try_from(GENERATION).unwrap() - 1;
        table.expire(Instant::from_millis(last), 2 * GENERATION);
        assert_eq!(table.numbers().collect::<Vec<_>>(), [0, 1]);
        table.expire(Instant::from_millis(last + 1), 2 * GENERATION);
        assert_eq!(table.numbers().collect::<Vec<_>>(), [1]);
        assert!(table.candidates(Fingerprint::of(&acme, &key(5))).is_empty());
        assert_eq!(table.live(), GENERATION);
        // What was forgotten makes room: as many again fit without growth beyond it.
        let limits = RememberedLimits {
            total: GENERATION + 1,
            per_organization: GENERATION + 1,
        };
        assert_eq!(table.room_for(&acme, limits), Ok(()));
    }

    #[test]
    fn an_organisation_cannot_take_all_the_room() {
        let table = filled(10);
        let limits = RememberedLimits {
            total: 100,
            per_organization: 10,
        };
        assert_eq!(table.room_for(&organization("acme"), limits), Err(RememberedFull));
        assert_eq!(table.room_for(&organization("bolt"), limits), Ok(()));
    }

    #[test]
    fn objects_round_trip() {
        let table = filled(GENERATION + 10);
        let mut loaded = Remembered::default();
        loaded
            .load_generation(&table.encode_generation(0).unwrap(), false)
            .unwrap();
        loaded
            .load_generation(&table.encode_generation(1).unwrap(), true)
            .unwrap();
        assert_eq!(loaded.live(), table.live());
        let acme = organization("acme");
        for number in (0..GENERATION + 10).step_by(1_001) {
            assert_eq!(loaded.candidates(Fingerprint::of(&acme, &key(number))).len(), 1);
        }
        assert_eq!(loaded.encode_generation(1), table.encode_generation(1));
        assert!(loaded.load_generation(&[1, 2, 3], false).is_err());
    }
}
