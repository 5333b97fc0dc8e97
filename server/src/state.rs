//! What admission and sequencing need to know: a pure fold of the committed log.
//!
//! Replaying the log from its start, or from a snapshot, gives the same state, bit for
//! bit; nothing that matters lives only here.

use std::sync::{Arc, RwLock};

use trialseal_core::{
    authority::{self, Authority, Placed, Standing},
    checkpoint::Origin,
    entry::{LogKeys, Statement},
    hash::RecordId,
    identifiers::{OrganizationId, RegisterName},
    index::{LogIndex, LogSize, Sequence},
    record::{What, Who},
    time::Instant,
    vocabulary::{Class, Event},
};

mod accounts;
mod claims;
mod erasures;
mod registers;
mod remembered;
mod stated;

pub use accounts::{
    AccountChange, AccountError, AccountRecord, Accounts, Author, EnrolledKey, KeyState, Member, MemberKind,
    Organization, Token,
};
pub use claims::{ALIASES_MAX, Claims};
pub use erasures::{ERASURES_MAX, Erasures};
pub use registers::{FullPage, PAGE, REGISTERS_MAX, ROW_BYTES, RegisterHead, Registers, Row};
pub use remembered::{Fingerprint, GENERATION, Remembered, RememberedFull, RememberedLimits};
pub use stated::{Stated, StatedLines};

use crate::{
    chain::Place,
    codec::{Malformed, Reader, Writer},
    erasure::{Erasure, Requested},
};

/// How long a draft is remembered, in milliseconds: 24 hours.
pub const DRAFT_REMEMBERED_MS: i64 = 24 * 3_600_000;

/// How often the registers are stated while they change: daily.
const STATEMENT_EVERY_MS: i64 = 24 * 3_600_000;

/// How long somebody who asks for a new statement waits after the last one: a minute.
pub const STATEMENT_FRESH_MS: i64 = 60_000;

/// What the fold needs to know of one record.
#[derive(Debug, Clone)]
pub struct RecordFacts {
    /// The record's id.
    pub record: RecordId,
    /// Its register.
    pub register: RegisterName,
    /// Its place there.
    pub sequence: Sequence,
    /// Its index in its log.
    pub index: LogIndex,
    /// The notary's time.
    pub received_at: Instant,
    /// Class.
    pub class: Class,
    /// Event.
    pub event: Event,
    /// The submitter's organisation.
    pub organization: OrganizationId,
    /// Of the organisation's idempotency key.
    pub fingerprint: Fingerprint,
    /// Until when the submission is remembered.
    pub not_after: Instant,
    /// The change of the accounts that it is, if it is one.
    pub account: Option<AccountRecord>,
    /// The record itself, if it changes what others may do or under which ids the trial is known.
    pub said: Option<Box<Said>>,
    /// What it asks to be erased, if it is a tombstone.
    pub erasure: Option<Requested>,
}

/// What a record of a trial's register says, and who says it.
#[derive(Debug, Clone)]
pub struct Said {
    /// What is put on record.
    pub what: What,
    /// Who does so.
    pub who: Who,
}

impl Said {
    /// Whether a record of this class and event, at this place of a register, changes the state:
    /// few do, and only those are read when a log is replayed.
    #[must_use]
    pub fn matters(register: &RegisterName, class: Class, event: Event, sequence: Sequence) -> bool {
        register.accounts_of().is_none()
            && (sequence == Sequence::FIRST
                || authority::changes(class, event)
                || (class, event) == (Class::Trial, Event::Registered))
    }
}

impl RecordFacts {
    /// What a listing needs of the record, which is at `place`.
    #[must_use]
    pub fn row(&self, place: Place) -> Row {
        Row {
            place,
            received_at: self.received_at,
            class: self.class,
            event: self.event,
        }
    }
}

/// The log that follows a closed one, by its statement `close`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextLog {
    /// Its name.
    pub origin: Origin,
    /// Its keys.
    pub keys: LogKeys,
}

/// The state after `size` entries of a log, which may continue others.
#[derive(Debug)]
pub struct State {
    /// Entries of the logs before this one.
    base: u64,
    size: LogSize,
    last_time: Instant,
    accounts: Arc<Accounts>,
    /// Shared with readers, who look only at records below the committed size.
    registers: Arc<RwLock<Registers>>,
    remembered: Remembered,
    erasures: Erasures,
    /// Time of the last statement of the registers (at first, of the log's opening), and
    /// the size that it covers.
    stated: (Instant, LogSize),
    /// Set by the last entry that the log will ever have. Not in a snapshot: that entry is always
    /// in the journal.
    closed: Option<NextLog>,
}

/// What a record completed when it was folded in.
#[derive(Debug, Default)]
pub struct Completed {
    /// A page of its register's listing.
    pub page: Option<FullPage>,
    /// A generation of remembered submissions, as its object.
    pub generation: Option<(u64, Vec<u8>)>,
    /// What an act is worth that changes what others may do, or the signature on one.
    pub standing: Option<Standing>,
    /// A tombstone that takes effect, with its number among all that did, from 0.
    pub erasure: Option<(u64, Erasure)>,
}

/// Nobody panics while holding the lock: the guarded code only indexes and inserts. If
/// that should ever be wrong, the data is still whole, so the poison mark is ignored.
pub(crate) fn read_lock<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// See [`read_lock`].
pub(crate) fn write_lock<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Default for State {
    fn default() -> Self {
        Self {
            base: 0,
            size: LogSize::EMPTY,
            last_time: Instant::from_millis(0),
            accounts: Arc::default(),
            registers: Arc::default(),
            remembered: Remembered::default(),
            erasures: Erasures::default(),
            stated: (Instant::from_millis(0), LogSize::EMPTY),
            closed: None,
        }
    }
}

impl State {
    /// Entries folded in.
    #[must_use]
    pub fn size(&self) -> LogSize {
        self.size
    }

    /// Entries of the logs before this one.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Entries of this log and those before it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.base.saturating_add(self.size.get())
    }

    /// The log that follows this one, if this one is closed.
    #[must_use]
    pub fn closed(&self) -> Option<&NextLog> {
        self.closed.as_ref()
    }

    /// Marks the log as closed by an entry that a snapshot covers.
    pub fn set_closed(&mut self, next: NextLog) {
        self.closed = Some(next);
    }

    /// The state that the next log begins with: everything but what is this log's alone.
    #[must_use]
    pub fn carried(mut self) -> Self {
        // Versions of the accounts count this log's entries; the next log begins anew.
        Arc::make_mut(&mut self.accounts).begin_anew();
        Self {
            base: self.end(),
            size: LogSize::EMPTY,
            stated: (Instant::from_millis(0), LogSize::EMPTY),
            closed: None,
            ..self
        }
    }

    /// Forgets submissions that need not be remembered any more.
    pub fn forget(&mut self, now: Instant) {
        let end = self.end();
        self.remembered.expire(now, end);
    }

    /// The time of the last record.
    #[must_use]
    pub fn last_time(&self) -> Instant {
        self.last_time
    }

    /// The accounts in force.
    #[must_use]
    pub fn accounts(&self) -> &Arc<Accounts> {
        &self.accounts
    }

    /// The registers, to share with readers.
    #[must_use]
    pub fn registers(&self) -> &Arc<RwLock<Registers>> {
        &self.registers
    }

    /// Who may do what in a register; none where it has no record.
    #[must_use]
    pub fn authority(&self, register: &RegisterName) -> Option<Arc<Authority>> {
        let registers = read_lock(&self.registers);
        registers.head(register).map(|head| Arc::clone(&head.authority))
    }

    /// The remembered submissions.
    #[must_use]
    pub fn remembered(&self) -> &Remembered {
        &self.remembered
    }

    /// The tombstones.
    #[must_use]
    pub fn erasures(&self) -> &Erasures {
        &self.erasures
    }

    /// The remembered submissions, to forget and to load.
    pub fn remembered_mut(&mut self) -> &mut Remembered {
        &mut self.remembered
    }

    /// When the next statement of the registers is due; none while nothing changed.
    #[must_use]
    pub fn statement_due(&self) -> Option<Instant> {
        let (at, covered) = self.stated;
        // The statement itself is the one entry behind what it covers.
        let changed = self.size.get() > covered.get() + 1 && self.closed.is_none();
        changed.then(|| at.plus_millis(STATEMENT_EVERY_MS))
    }

    /// The lines of all registers now: docs/formats.md, "Log entries".
    #[must_use]
    pub fn stated_lines(&self) -> StatedLines {
        StatedLines::of(&read_lock(&self.registers))
    }

    /// The statement of all registers now.
    #[must_use]
    pub fn statement(&self, at: Instant) -> Statement {
        self.stated_lines().statement(at, self.size)
    }

    /// The last statement with its lines, if nothing came since and the lines are still those of now.
    #[must_use]
    pub fn last_stated(&self) -> Option<Stated> {
        let (at, covered) = self.stated;
        let is_last = self.size.get() == covered.get() + 1 && !covered.is_empty();
        let index = LogIndex::new(covered.get()).ok().filter(|_| is_last)?;
        Some(Stated::new(index, at, covered, self.stated_lines()))
    }

    /// Whether somebody who asks for a new statement is given one: something came since the last one, or this
    /// log has none, and that is long enough ago. `known` says whether the last one's lines are known; a new
    /// process may have to state them again sooner.
    #[must_use]
    pub fn may_state(&self, now: Instant, known: bool) -> bool {
        let (at, covered) = self.stated;
        let changed = self.size.get() > covered.get() + 1 || covered.is_empty();
        let waited = covered.is_empty() || !known || now >= at.plus_millis(STATEMENT_FRESH_MS);
        changed && waited && self.closed.is_none() && !read_lock(&self.registers).is_empty()
    }

    /// Folds in a statement of the notary.
    pub fn apply_statement(&mut self, index: LogIndex, statement: &Statement) -> Completed {
        match statement {
            Statement::Open { created_at, .. } => self.stated = (*created_at, LogSize::EMPTY),
            Statement::Registers { at, size, .. } => self.stated = (*at, *size),
            Statement::Close { keys, next } => {
                self.closed = Some(NextLog {
                    origin: next.clone(),
                    keys: keys.clone(),
                });
            }
        }
        Completed {
            generation: self.advance(index),
            ..Completed::default()
        }
    }

    /// Folds in a record.
    pub fn apply(&mut self, facts: &RecordFacts) -> Completed {
        let index = facts.index;
        let place = self.place(index);
        self.last_time = self.last_time.max(facts.received_at);
        let mut registers = write_lock(&self.registers);
        let page = registers.append(
            &facts.register,
            facts.owner(),
            facts.sequence,
            facts.record,
            facts.row(place),
        );
        let standing = facts.said.as_ref().and_then(|said| {
            let placed = Placed {
                record: facts.record,
                index,
                sequence: facts.sequence,
            };
            registers.act(said, facts.received_at, placed, &self.accounts)
        });
        drop(registers);
        if let Some(account) = &facts.account {
            Arc::make_mut(&mut self.accounts).apply(index, facts.record, account);
        }
        self.remembered
            .insert(place, &facts.organization, facts.fingerprint, facts.not_after);
        let erasure = self.tombstone(facts, place, standing.as_ref());
        Completed {
            page,
            generation: self.advance(index),
            standing,
            erasure,
        }
    }

    /// Folds in a tombstone, or the signature that makes one take effect.
    fn tombstone(
        &mut self,
        facts: &RecordFacts,
        tombstone: Place,
        standing: Option<&Standing>,
    ) -> Option<(u64, Erasure)> {
        if let (Some(of), Some(_)) = (facts.erasure.clone(), standing) {
            self.erasures.announce(facts.record, Erasure { of, tombstone });
        }
        match standing? {
            Standing::Completes { act, .. } => self.erasures.take_effect(*act),
            Standing::Effective { .. } => self.erasures.take_effect(facts.record),
            _ => None,
        }
    }

    fn place(&self, index: LogIndex) -> Place {
        Place::new(self.base.saturating_add(index.get()))
    }

    fn advance(&mut self, index: LogIndex) -> Option<(u64, Vec<u8>)> {
        self.size = index.size_after().unwrap_or(self.size);
        if !self.end().is_multiple_of(GENERATION) {
            return None;
        }
        let number = self.place(index).get() / GENERATION;
        let object = self.remembered.encode_generation(number)?;
        self.remembered.generation_written(number);
        Some((number, object))
    }

    /// The snapshot: everything but complete generations, which have objects of their
    /// own.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_relying_on(&self.complete_generations())
    }

    /// The snapshot that relies on these complete generations: which ones a notary has
    /// forgotten depends on when it looked, everything else only on the log.
    #[must_use]
    pub fn encode_relying_on(&self, generations: &[u64]) -> Vec<u8> {
        self.encode_with(self.size, self.stated, &self.accounts, generations)
    }

    /// What [`Self::carried`] would encode to, relying on these complete generations.
    #[must_use]
    pub fn encode_as_carried(&self, generations: &[u64]) -> Vec<u8> {
        let mut accounts = Accounts::clone(&self.accounts);
        accounts.begin_anew();
        let stated = (Instant::from_millis(0), LogSize::EMPTY);
        self.encode_with(LogSize::EMPTY, stated, &accounts, generations)
    }

    fn encode_with(
        &self,
        size: LogSize,
        stated: (Instant, LogSize),
        accounts: &Accounts,
        generations: &[u64],
    ) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.u64(size.get());
        writer.i64(self.last_time.as_millis());
        writer.i64(stated.0.as_millis());
        writer.u64(stated.1.get());
        accounts.encode(&mut writer);
        read_lock(&self.registers).encode(&mut writer);
        self.erasures.encode(&mut writer);
        writer.count(generations.len());
        for number in generations {
            writer.u64(*number);
        }
        match self.remembered.encode_generation(self.end() / GENERATION) {
            Some(generation) => {
                writer.u8(1);
                writer.raw(&generation);
            }
            None => writer.u8(0),
        }
        writer.finish()
    }

    /// Numbers of the complete generations that are still remembered.
    #[must_use]
    pub fn complete_generations(&self) -> Vec<u64> {
        self.remembered
            .numbers()
            .filter(|number| *number < self.end() / GENERATION)
            .collect()
    }

    /// Reads a snapshot of a log that continues others with `base` entries; the numbers are
    /// those of the generations that it relies on, which the caller loads.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8], base: u64) -> Result<(Self, Vec<u64>), Malformed> {
        let mut reader = Reader::new(bytes);
        let mut state = Self {
            base,
            size: LogSize::new(reader.u64()?).map_err(|_| Malformed)?,
            last_time: Instant::from_millis(reader.i64()?),
            stated: (
                Instant::from_millis(reader.i64()?),
                LogSize::new(reader.u64()?).map_err(|_| Malformed)?,
            ),
            accounts: Arc::new(Accounts::decode(&mut reader)?),
            registers: Arc::new(RwLock::new(Registers::decode(&mut reader)?)),
            erasures: Erasures::decode(&mut reader)?,
            remembered: Remembered::default(),
            closed: None,
        };
        let generations = (0..reader.count()?)
            .map(|_| reader.u64())
            .collect::<Result<_, _>>()?;
        if reader.u8()? == 0 {
            reader.end()?;
        } else {
            state.remembered.load_generation(reader.rest(), true)?;
        }
        Ok((state, generations))
    }
}
