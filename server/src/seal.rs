//! Sealing: from admitted submissions and the state to a batch, without I/O.
//!
//! Everything that depends on a record's exact place is decided here: the authority of
//! its account now, whether it is on record already, its register sequence, its index
//! and its time. A batch extends the state and the tree at once; the caller makes it
//! durable before anybody learns of it, and stops for good if that fails.

use std::sync::Arc;

use bytes::Bytes;
use rand::{Rng as _, rngs::StdRng};
use trialseal_core::{
    authority::{Act, Authority},
    checkpoint::{Checkpoint, Origin},
    entry::{Statement, record_entry, record_leaf_hash},
    hash::{Hash, RecordId, Salt},
    identifiers::OrganizationId,
    index::{LogIndex, LogSize},
    merkle::{ProofError, compact_range::CompactRange, range_proof::RangeTree},
    record::{RecordLeaves, When},
    time::Instant,
};

use crate::{
    chain::Place,
    erasure::{Erasure, Requested},
    refusal::Refusal,
    state::{
        ALIASES_MAX, AccountRecord, Completed, DRAFT_REMEMBERED_MS, Fingerprint, FullPage, NextLog,
        REGISTERS_MAX, RecordFacts, RememberedLimits, Said, State, Stated, read_lock,
    },
    stored::{BatchBuilder, SaltedText, StoredBatch, StoredEntry, StoredRecord, Submitted},
};

/// A submission that passed admission: well-formed, authenticated, hashed.
#[derive(Debug)]
pub struct Admitted {
    /// What it says, and who says it.
    pub said: Box<Said>,
    /// Part `what` with its leaf.
    pub what: (SaltedText, Hash),
    /// Part `who` with its leaf.
    pub who: (SaltedText, Hash),
    /// Part `why` with its leaf.
    pub why: (SaltedText, Hash),
    /// Note or draft key.
    pub submitted: Submitted,
    /// SHA-256 of the note.
    pub submission: Option<Hash>,
    /// Of the organisation's idempotency key.
    pub fingerprint: Fingerprint,
    /// The key itself.
    pub idempotency_key: [u8; 32],
    /// From the note; a draft has none.
    pub not_after: Option<Instant>,
    /// Which accounts admission judged by.
    pub accounts_version: u64,
    /// The change of the accounts that it makes.
    pub account: Option<AccountRecord>,
    /// Records that share the fingerprint and were found to be something else.
    pub not_these: Vec<Place>,
    /// It is signed for a closed log of this notary: it can only be on record already.
    pub closed_log: bool,
}

impl Admitted {
    /// Bytes that it holds, for the queue's bound.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let note = match &self.submitted {
            Submitted::Signed { note } => note.len(),
            Submitted::Draft { .. } | Submitted::Erased { .. } => 32,
        };
        self.what.0.text.len() + self.who.0.text.len() + self.why.0.text.len() + note + 512
    }
}

/// What became of one submission of a batch.
#[derive(Debug)]
pub enum Outcome {
    /// It is entry `position` of the batch, counted from 0.
    Sealed(usize),
    /// It may be on record at these places; the caller reads them to decide.
    PerhapsOnRecord(Box<Admitted>, Vec<Place>),
    /// It was refused; nothing is stored.
    Refused(Refusal),
}

/// A public log entry.
#[derive(Debug, Clone)]
pub enum PublicEntry {
    /// A record's root.
    Record(RecordId),
    /// The bytes of a statement's entry.
    Statement(Bytes),
}

impl PublicEntry {
    /// The record's id; a statement has none.
    #[must_use]
    pub fn record(&self) -> Option<RecordId> {
        match self {
            Self::Record(record) => Some(*record),
            Self::Statement(_) => None,
        }
    }

    /// The bytes that are hashed into the tree.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Record(record) => record_entry(record).to_vec(),
            Self::Statement(bytes) => bytes.to_vec(),
        }
    }
}

/// The root of a full tile: a hash in the tile above.
#[derive(Debug, Clone, Copy)]
pub struct TileRoot {
    /// Level of the tile that holds it, from 1.
    pub level: u8,
    /// Its index at that level, counted from the left edge of the tree.
    pub index: u64,
    /// The root.
    pub hash: Hash,
}

/// A batch that extends the log; without its checkpoint's signatures.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Index of its first entry.
    pub first: LogIndex,
    /// The entries as stored.
    pub stored: StoredBatch,
    /// The entries as published.
    pub entries: Vec<PublicEntry>,
    /// The tree over them and what came before.
    pub tree: RangeTree,
    /// Roots of the tiles that became full.
    pub tile_roots: Vec<TileRoot>,
    /// Pages of registers that became full.
    pub pages: Vec<FullPage>,
    /// Generations of remembered submissions that became full.
    pub generations: Vec<(u64, Vec<u8>)>,
    /// Tombstones that take effect, with their numbers among all that did.
    pub erasures: Vec<(u64, Erasure)>,
    /// Origin, size and root.
    pub checkpoint: Checkpoint,
    /// Time of the batch; the checkpoint is signed with its whole seconds.
    pub time: Instant,
    /// The statement of the registers that it holds, if it does, with its lines.
    pub stated: Option<Arc<Stated>>,
}

/// Makes batches. Owns the state and the right edge of the tree.
#[derive(Debug)]
pub struct Sealer {
    origin: Origin,
    state: State,
    edge: CompactRange,
    limits: RememberedLimits,
    salts: StdRng,
}

impl Sealer {
    /// Continues the log whose fold is `state` and whose right edge is `edge`.
    #[must_use]
    pub fn new(
        origin: Origin,
        state: State,
        edge: CompactRange,
        limits: RememberedLimits,
        salts: StdRng,
    ) -> Self {
        Self {
            origin,
            state,
            edge,
            limits,
            salts,
        }
    }

    /// The state, which may be one batch ahead of what is durable.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The state, to forget expired submissions.
    pub fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// The state alone.
    #[must_use]
    pub fn into_state(self) -> State {
        self.state
    }

    /// Starts a batch at `now`, which is not before the last record's time.
    #[must_use]
    pub fn begin(&mut self, now: Instant) -> Open<'_> {
        let first = self.state.size().next_index();
        Open {
            time: now.max(self.state.last_time()),
            first,
            builder: BatchBuilder::default(),
            entries: Vec::new(),
            leaves: Vec::new(),
            pages: Vec::new(),
            generations: Vec::new(),
            stated: None,
            erasures: Vec::new(),
            sealer: self,
        }
    }
}

/// A batch that is still taking submissions.
#[derive(Debug)]
pub struct Open<'a> {
    sealer: &'a mut Sealer,
    time: Instant,
    first: LogIndex,
    builder: BatchBuilder,
    entries: Vec<PublicEntry>,
    leaves: Vec<Hash>,
    pages: Vec<FullPage>,
    generations: Vec<(u64, Vec<u8>)>,
    stated: Option<Arc<Stated>>,
    erasures: Vec<(u64, Erasure)>,
}

impl Open<'_> {
    /// Entries so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if nothing new was sealed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.builder.bytes()
    }

    /// Takes a submission in, or says why not.
    pub fn submit(&mut self, admitted: Admitted) -> Outcome {
        if let Err(refusal) = self.judge_account(&admitted) {
            return Outcome::Refused(refusal);
        }
        let mut candidates = self.sealer.state.remembered().candidates(admitted.fingerprint);
        candidates.retain(|place| !admitted.not_these.contains(place));
        if !candidates.is_empty() {
            return Outcome::PerhapsOnRecord(Box::new(admitted), candidates);
        }
        if let Some(next) = self.sealer.state.closed() {
            return Outcome::Refused(Refusal::LogClosed {
                next: next.origin.clone(),
            });
        }
        if admitted.closed_log {
            return Outcome::Refused(Refusal::LogClosed {
                next: self.sealer.origin.clone(),
            });
        }
        if self
            .sealer
            .state
            .remembered()
            .room_for(&admitted.said.who.organization, self.sealer.limits)
            .is_err()
        {
            return Outcome::Refused(Refusal::RememberedFull);
        }
        // After the search for what is on record already: a repeat is answered with its record,
        // whatever its submitter may do by now.
        if let Err(refusal) = self.judge_authority(&admitted) {
            return Outcome::Refused(refusal);
        }
        let position = self.entries.len();
        match self.append(admitted) {
            Ok(()) => Outcome::Sealed(position),
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    /// Time and account, judged at exactly this index.
    fn judge_account(&self, admitted: &Admitted) -> Result<(), Refusal> {
        if let Some(not_after) = admitted.not_after.filter(|not_after| *not_after < self.time) {
            return Err(Refusal::SubmissionExpired(not_after));
        }
        let accounts = self.sealer.state.accounts();
        if admitted.account.is_some() || admitted.accounts_version == accounts.version() {
            return Ok(());
        }
        let who = &admitted.said.who;
        accounts
            .member(&who.organization, &who.member)
            .ok_or(Refusal::TokenRevoked)?;
        if let Some(signer) = &who.signer {
            accounts
                .key(&who.organization, &who.member, &signer.key)
                .filter(|enrolled| enrolled.state.is_usable())
                .ok_or_else(|| {
                    Refusal::KeyNotEnrolled("the key is no longer enrolled for this member".to_owned())
                })?;
        }
        Ok(())
    }

    /// Whether its submitter may do this in this register, judged at exactly this index.
    fn judge_authority(&self, admitted: &Admitted) -> Result<(), Refusal> {
        let state = &self.sealer.state;
        let accounts = state.accounts();
        if let Some(account) = &admitted.account {
            return accounts.check(account, self.time).map_err(Refusal::from);
        }
        let Said { what, who } = &*admitted.said;
        if what.erased.is_some() && state.erasures().is_full() {
            return Err(Refusal::field(
                "what.erased",
                "this notary can erase nothing more",
            ));
        }
        let registers = read_lock(state.registers());
        if let Some(trial) = &what.trial
            && registers.claims().count_with(&what.register, &trial.aliases) > ALIASES_MAX
        {
            let problem =
                format!("a register may claim {ALIASES_MAX} other ids, and has too many with these");
            return Err(Refusal::field("what.trial.aliases", problem));
        }
        let act = Act::of(what, who, self.time);
        let kind_of = |organization: &OrganizationId| accounts.kind_of(organization);
        let judged = match registers.head(&what.register) {
            Some(head) => head.authority.judge(&act, kind_of),
            None if registers.len() >= REGISTERS_MAX => return Err(Refusal::RegistersFull),
            None => Authority::default().judge(&act, kind_of),
        };
        judged.map(drop).map_err(Refusal::from)
    }

    fn append(&mut self, admitted: Admitted) -> Result<(), Refusal> {
        let index = self.next_index()?;
        let place = read_lock(self.sealer.state.registers()).next(&admitted.said.what.register);
        let (sequence, previous) = place.map_err(|error| Refusal::OutOfRange(error.to_string()))?;
        let Said { what, .. } = &*admitted.said;
        let (class, event, sealed) = (what.class, what.event, what.is_sealed());
        // What changes nothing is not kept: its names go on without being copied.
        let (register, organization, said) = if Said::matters(&what.register, class, event, sequence) {
            let organization = admitted.said.who.organization.clone();
            (what.register.clone(), organization, Some(admitted.said))
        } else {
            let Said { what, who } = *admitted.said;
            (what.register, who.organization, None)
        };
        let when = When {
            log: self.sealer.origin.clone(),
            index,
            received_at: self.time,
            register,
            sequence,
            previous,
            class,
            event,
            sealed,
            submission: admitted.submission,
        };
        let mut salt = [0; 32];
        self.sealer.salts.fill_bytes(&mut salt);
        let text = SaltedText {
            salt: Salt::from_bytes(salt),
            text: Bytes::from(when.to_json()),
        };
        let leaves = RecordLeaves {
            what: admitted.what.1,
            who: admitted.who.1,
            why: admitted.why.1,
            when: text.leaf(trialseal_core::salted::Tag::When),
        };
        let record = leaves.root();
        let stored = StoredRecord {
            what: admitted.what.0.into(),
            who: admitted.who.0.into(),
            why: admitted.why.0.into(),
            when: text,
            submitted: admitted.submitted,
        };
        self.builder
            .push(&StoredEntry::Record(stored))
            .map_err(|error| Refusal::field("submission", error.to_string()))?;
        let erasure = said
            .as_ref()
            .and_then(|said| Requested::of(&said.what, &self.sealer.origin));
        let facts = RecordFacts {
            record,
            sequence,
            index,
            received_at: self.time,
            class: when.class,
            event: when.event,
            register: when.register,
            organization,
            fingerprint: admitted.fingerprint,
            not_after: admitted
                .not_after
                .unwrap_or_else(|| self.time.plus_millis(DRAFT_REMEMBERED_MS)),
            account: admitted.account,
            said,
            erasure,
        };
        let completed = self.sealer.state.apply(&facts);
        self.add(PublicEntry::Record(record), record_leaf_hash(&record), completed);
        Ok(())
    }

    /// Appends a statement of the notary.
    ///
    /// # Errors
    /// [`Refusal::OutOfRange`] at the end of all log indexes, [`Refusal::LogClosed`] behind `close`.
    pub fn state(&mut self, statement: &Statement) -> Result<(), Refusal> {
        if let Some(next) = self.sealer.state.closed() {
            return Err(Refusal::LogClosed {
                next: next.origin.clone(),
            });
        }
        let index = self.next_index()?;
        let entry = StoredEntry::Statement(Bytes::from(statement.to_json()));
        let bytes = entry.entry_bytes();
        self.builder
            .push(&entry)
            .map_err(|error| Refusal::field("statement", error.to_string()))?;
        let completed = self.sealer.state.apply_statement(index, statement);
        let leaf = trialseal_core::merkle::leaf_hash(&bytes);
        self.add(PublicEntry::Statement(bytes), leaf, completed);
        Ok(())
    }

    /// Closes the log: states the registers as they are now, if they changed, and then names
    /// the next log. Nothing follows.
    ///
    /// # Errors
    /// As [`Self::state`].
    pub fn close(&mut self, next: &NextLog) -> Result<(), Refusal> {
        if self.sealer.state.statement_due().is_some() {
            self.state_registers()?;
        }
        self.state(&Statement::Close {
            keys: next.keys.clone(),
            next: next.origin.clone(),
        })
    }

    /// Time of the batch: not before the last record's.
    #[must_use]
    pub fn time(&self) -> Instant {
        self.time
    }

    /// States the registers as they are now, if that is due.
    ///
    /// # Errors
    /// As [`Self::state`].
    pub fn state_registers_if_due(&mut self) -> Result<(), Refusal> {
        match self.sealer.state.statement_due() {
            Some(due) if due <= self.time => self.state_registers(),
            _ => Ok(()),
        }
    }

    /// States the registers as they are now, because somebody asked, if that may be: see [`State::may_state`].
    ///
    /// # Errors
    /// As [`Self::state`].
    pub fn state_registers_if_asked(&mut self, known: bool) -> Result<(), Refusal> {
        if self.sealer.state.may_state(self.time, known) {
            self.state_registers()
        } else {
            Ok(())
        }
    }

    fn state_registers(&mut self) -> Result<(), Refusal> {
        let (index, size) = (self.next_index()?, self.sealer.state.size());
        let stated = Stated::new(index, self.time, size, self.sealer.state.stated_lines());
        self.state(&stated.lines.statement(stated.at, stated.size))?;
        self.stated = Some(Arc::new(stated));
        Ok(())
    }

    fn next_index(&self) -> Result<LogIndex, Refusal> {
        self.first
            .checked_add(self.entries.len() as u64)
            .map_err(|error| Refusal::OutOfRange(error.to_string()))
    }

    fn add(&mut self, entry: PublicEntry, leaf: Hash, completed: Completed) {
        self.entries.push(entry);
        self.leaves.push(leaf);
        self.pages.extend(completed.page);
        self.generations.extend(completed.generation);
        self.erasures.extend(completed.erasure);
    }

    /// The batch, to be signed and made durable.
    ///
    /// # Errors
    /// [`ProofError`] if nothing was sealed, or at the end of all log indexes.
    pub fn finish(self) -> Result<Batch, ProofError> {
        let tree = RangeTree::at_end(&self.sealer.edge, self.leaves)?;
        self.sealer.edge = tree.compact_range().ok_or(ProofError::EmptyRange)?;
        let checkpoint = Checkpoint {
            origin: self.sealer.origin.clone(),
            size: self.sealer.edge.size(),
            root: self.sealer.edge.root(),
        };
        Ok(Batch {
            first: self.first,
            stored: self.builder.finish(),
            entries: self.entries,
            tile_roots: completed_tiles(&tree, self.first, checkpoint.size),
            tree,
            pages: self.pages,
            generations: self.generations,
            erasures: self.erasures,
            checkpoint,
            time: self.time,
            stated: self.stated,
        })
    }
}

/// Roots of the tiles that end within the batch.
pub(crate) fn completed_tiles(tree: &RangeTree, first: LogIndex, size: LogSize) -> Vec<TileRoot> {
    let mut roots = Vec::new();
    for level in 1..=6_u8 {
        let height = level * 8;
        let completed = (first.get() >> height)..(size.get() >> height);
        roots.extend(completed.filter_map(|index| {
            tree.node(height, index)
                .map(|hash| TileRoot { level, index, hash })
        }));
    }
    roots
}

#[cfg(test)]
mod tests;
