//! Rebuilding the log entry by entry: its state, its tree, and every file that follows.

use std::{collections::BTreeMap, path::Path};

use aws_lc_rs::digest::{self, SHA256};
use bytes::Bytes;
use trialseal_core::{
    authority::{Act, Authority},
    checkpoint::{Checkpoint, Origin},
    entry::Statement,
    hash::{Hash, sha256},
    identifiers::{MemberId, OrganizationId},
    index::{LogIndex, LogSize},
    merkle::compact_range::CompactRange,
    note::VerifierKey,
    vocabulary::ErasablePart,
};

use super::{
    Source,
    continued::{Before, Began},
    entry::{Content, Record, Sound},
    evidence::KeptEvidence,
    finding::{AuditError, CONTRADICTION, Place, RESTORE},
    frames::Frame,
    snapshots::Snapshot,
    struck::{Erased, Struck},
    tiles::Tiles,
};
use crate::{
    layout::TILE,
    publish::GENERATION,
    recover::SNAPSHOT_BYTES_MAX,
    signer_state::SignerState,
    state::{self, State, read_lock},
};

/// What the log must agree with, read before its entries.
pub(super) struct Witnesses {
    /// The frames of the journal, in order.
    pub(super) frames: Vec<Frame>,
    /// The snapshots, ascending.
    pub(super) snapshots: Vec<Snapshot>,
    /// What the signer remembers.
    pub(super) signer: Option<SignerState>,
    /// Checkpoints that were witnessed, and that were timestamped.
    pub(super) kept: [KeptEvidence; 2],
}

/// Where an entry was read.
#[derive(Clone, Copy)]
pub(super) struct From<'a> {
    /// A segment of the journal, or a record bundle.
    pub(super) file: &'a Path,
    /// Whether it is its record bundle.
    pub(super) bundled: bool,
}

/// The log as far as it was read.
pub(super) struct Rebuild<'a> {
    source: &'a Source<'a>,
    witnesses: Witnesses,
    state: State,
    edge: CompactRange,
    tiles: Tiles,
    /// What the log began with.
    began: Option<String>,
    /// The complete generations of remembered submissions, by digest.
    generations: BTreeMap<u64, Hash>,
    /// The frame that the next entry is in or before.
    frame: usize,
    /// Over what the entries of that frame are, so far.
    frame_entries: digest::Context,
    records: u64,
    statements: u64,
    /// What of the records is not there.
    struck: Struck,
    /// How many erasures were carried out before the audit began.
    done: u64,
}

impl<'a> Rebuild<'a> {
    pub(super) fn new(source: &'a Source<'a>, witnesses: Witnesses, began: Began, done: u64) -> Self {
        let Began {
            note,
            state,
            generations,
            struck,
        } = began;
        Self {
            source,
            witnesses,
            state,
            began: note,
            generations,
            edge: CompactRange::new(),
            tiles: Tiles::default(),
            frame: 0,
            frame_entries: digest::Context::new(&SHA256),
            records: 0,
            statements: 0,
            struck,
            done,
        }
    }

    /// The index of the entry that comes next.
    pub(super) fn next(&self) -> u64 {
        self.edge.size().get()
    }

    /// Adds the next entry.
    pub(super) fn add(&mut self, from: From<'_>, stored: &Bytes, sound: Sound) -> Result<(), AuditError> {
        let From { file, .. } = from;
        let index = self.next();
        let wrong = |problem: String| AuditError::entry(file, index, problem);
        let at = LogIndex::new(index).map_err(|error| wrong(error.to_string()))?;
        let Sound {
            entry,
            identity,
            leaf,
            content,
        } = sound;
        if self.state.closed().is_some() {
            return Err(wrong("it stands behind the statement close".to_owned()));
        }
        let generation = match content {
            Content::Statement(statement) => {
                check_place(&statement, index, self.began.as_deref()).map_err(wrong)?;
                if let Statement::Registers { at, .. } = &statement
                    && statement != self.state.statement(*at)
                {
                    return Err(wrong(
                        "the statement of the registers is not what the log gives".to_owned(),
                    ));
                }
                self.statements += 1;
                self.state.apply_statement(at, &statement).generation
            }
            Content::Record(record) => {
                self.judge(&record, index).map_err(wrong)?;
                self.records += 1;
                self.struck.add(&record, file);
                self.state.apply(&record.facts).generation
            }
        };
        self.edge.append(leaf).map_err(|error| wrong(error.to_string()))?;
        self.tiles.add(leaf, entry, stored.clone(), from.bundled);
        self.follow_frame(file, index, identity)?;
        if self.next().is_multiple_of(TILE) {
            self.tiles.finish(self.source, self.next() / TILE - 1, file)?;
        }
        if let Some((number, object)) = generation {
            self.check_generation(number, &object)?;
            // What is forgotten by now needs no memory. A notary forgets later, if at all.
            self.generations.insert(number, sha256(&object));
            let time = self.state.last_time();
            self.state.forget(time);
        }
        self.check_snapshots()?;
        for kept in &mut self.witnesses.kept {
            kept.check(self.source, self.edge.size().get(), || self.edge.root())?;
        }
        self.check_signer()
    }

    /// A record's place among those before it, and the authority of who put it there.
    fn judge(&self, record: &Record, index: u64) -> Result<(), String> {
        let when = &record.when;
        if index == 0 {
            return Err("the first entry of a log is its statement open".to_owned());
        }
        if when.index.get() != index {
            return Err(format!("the part when says index {}", when.index));
        }
        if when.received_at < self.state.last_time() {
            let last = self.state.last_time();
            return Err(format!(
                "it was received at {}, before an earlier record's {last}",
                when.received_at
            ));
        }
        self.check_signed_after(when, index)?;
        let registers = read_lock(self.state.registers());
        let (sequence, previous) = registers
            .next(&when.register)
            .map_err(|error| error.to_string())?;
        if (when.sequence, when.previous) != (sequence, previous) {
            return Err(format!(
                "it is not the next record of register {}: that has sequence {sequence}, and this one says {}, with {} \
                 before it",
                when.register,
                when.sequence,
                when.previous
                    .map_or_else(|| "none".to_owned(), |previous| previous.to_string())
            ));
        }
        self.judge_accounts(record)?;
        if when.register.accounts_of().is_some() {
            return Ok(());
        }
        // Of an erased part nobody can tell any more what it allowed.
        let erased = |part| record.erased.iter().any(|(gone, _)| *gone == part);
        let Some(who) = record.who.as_ref().filter(|_| !erased(ErasablePart::What)) else {
            return Ok(());
        };
        let act = Act::of(&record.what, who, when.received_at);
        let accounts = self.state.accounts();
        let kind_of = |organization: &OrganizationId| accounts.kind_of(organization);
        let judged = match registers.head(&when.register) {
            Some(head) => head.authority.judge(&act, kind_of),
            None => Authority::default().judge(&act, kind_of),
        };
        judged
            .map(drop)
            .map_err(|error| format!("its signer was not allowed to put it there: {error}"))
    }

    /// Who put the record there must have had the right to by the accounts at its place.
    fn judge_accounts(&self, record: &Record) -> Result<(), String> {
        let Record { facts, when, who, .. } = record;
        let accounts = self.state.accounts();
        // Of an erased who nobody can tell any more whether it was in force.
        let Some(who) = who else { return Ok(()) };
        let (organization, name) = (&who.organization, who.key_name());
        if let Some(owner) = when.register.accounts_of() {
            let by_operator =
                organization.is_notary() && who.member.as_str() == MemberId::OPERATOR && who.signer.is_none();
            if !by_operator && (organization != owner || who.signer.is_none() || facts.account.is_none()) {
                return Err(format!(
                    "register {} is for the operator and signed changes by {owner} alone",
                    when.register
                ));
            }
            if let Some(account) = &facts.account {
                accounts
                    .check(account, when.received_at)
                    .map_err(|error| error.to_string())?;
            }
            if by_operator {
                return Ok(());
            }
        }
        let member = accounts.member(organization, &who.member);
        let member = member.ok_or_else(|| format!("member {name} was not in force"))?;
        let Some(signer) = &who.signer else { return Ok(()) };
        let enrolled = accounts.key(organization, &who.member, &signer.key);
        let enrolled = enrolled.ok_or_else(|| format!("the key that signed was not enrolled for {name}"))?;
        if !enrolled.state.is_usable() && facts.account.is_none() {
            return Err(format!(
                "the key that signed had not confirmed its enrolment for {name}"
            ));
        }
        if (enrolled.index, enrolled.record) != (signer.enrolment.index, signer.enrolment.record) {
            return Err(format!(
                "the key that signed was enrolled at index {}",
                enrolled.index
            ));
        }
        if member.kind.as_str() != signer.kind.as_str() {
            return Err(format!("member {name} is enrolled as a {}", member.kind.as_str()));
        }
        Ok(())
    }

    /// The checkpoint over a record must not have been signed long before it was received.
    fn check_signed_after(&self, when: &trialseal_core::record::When, index: u64) -> Result<(), String> {
        let Some(frame) = self.witnesses.frames.get(self.frame) else {
            return Ok(());
        };
        let signed_ms =
            i64::try_from(frame.signed_s.saturating_add(1).saturating_mul(1000)).unwrap_or(i64::MAX);
        if frame.header.first_index <= index && when.received_at.as_millis() > signed_ms {
            return Err(format!(
                "it was received at {}, after its checkpoint was signed",
                when.received_at
            ));
        }
        Ok(())
    }

    /// The frame that holds the entry must hold the same entry, and end with this root.
    fn follow_frame(&mut self, file: &Path, index: u64, identity: Hash) -> Result<(), AuditError> {
        let Some(frame) = self.witnesses.frames.get(self.frame) else {
            return Ok(());
        };
        if index < frame.header.first_index {
            return Ok(());
        }
        self.frame_entries.update(identity.as_bytes());
        if index + 1 < frame.header.end_index() {
            return Ok(());
        }
        let position = frame.header.position;
        let contradicts = |problem: String| {
            let segment = position.file(&self.source.layout.journal);
            AuditError::wrong(&segment, Place::Offset(position.offset), problem, CONTRADICTION)
        };
        let entries = std::mem::replace(&mut self.frame_entries, digest::Context::new(&SHA256)).finish();
        if entries.as_ref() != frame.entries.as_bytes() {
            let (first, end, file) = (frame.header.first_index, index + 1, file.display());
            return Err(contradicts(format!(
                "its entries {first} to {end} are not those of the record bundles, up to {file}"
            )));
        }
        if self.edge.root() != frame.checkpoint.root {
            let (signed, found) = (frame.checkpoint.root.to_base64(), self.edge.root().to_base64());
            return Err(contradicts(format!(
                "its checkpoint has root {signed}, but the entries give {found}"
            )));
        }
        self.frame += 1;
        Ok(())
    }

    fn check_generation(&self, number: u64, object: &[u8]) -> Result<(), AuditError> {
        let path = self.source.layout.generation(number);
        let newest = self.witnesses.snapshots.last();
        let needed = newest.is_some_and(|newest| newest.generations.contains(&number));
        let Some(found) = self.source.read_if_there(&path, SNAPSHOT_BYTES_MAX)? else {
            // A live notary may have replaced the snapshot, and with it what it needs.
            let superseded = newest.is_none_or(|newest| !self.source.is_there(&newest.path));
            return if needed && !superseded {
                Err(missing(&path))
            } else {
                Ok(())
            };
        };
        same(&path, &found, &GENERATION.seal(object))
    }

    fn check_snapshots(&mut self) -> Result<(), AuditError> {
        let size = self.next();
        if !self
            .witnesses
            .snapshots
            .iter()
            .any(|snapshot| snapshot.size == size)
        {
            return Ok(());
        }
        let time = self.state.last_time();
        self.state.forget(time);
        for snapshot in self
            .witnesses
            .snapshots
            .iter()
            .filter(|snapshot| snapshot.size == size)
        {
            let wrong = |problem: String| AuditError::wrong(&snapshot.path, Place::File, problem, RESTORE);
            let live = self.state.complete_generations();
            if let Some(lost) = live.iter().find(|number| !snapshot.generations.contains(number)) {
                return Err(wrong(format!(
                    "it forgets submissions {lost} x 65,536 and following, which are still remembered"
                )));
            }
            let ascending = snapshot.generations.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascending
                || snapshot
                    .generations
                    .last()
                    .is_some_and(|last| *last >= self.state.end() / state::GENERATION)
            {
                return Err(wrong(
                    "it relies on remembered submissions that there cannot be".to_owned(),
                ));
            }
            if sha256(&self.state.encode_relying_on(&snapshot.generations)) != snapshot.contents {
                return Err(wrong(format!(
                    "it is not the state that the first {size} entries give"
                )));
            }
        }
        Ok(())
    }

    fn check_signer(&self) -> Result<(), AuditError> {
        let Some(signer) = &self.witnesses.signer else {
            return Ok(());
        };
        let signed = &signer.checkpoint;
        if signed.size.get() != self.next() || signed.root == self.edge.root() {
            return Ok(());
        }
        let problem = format!(
            "a checkpoint of size {} with root {} went out at {}, but the entries give {}",
            signed.size,
            signed.root.to_base64(),
            signer.time,
            self.edge.root().to_base64()
        );
        Err(AuditError::wrong(
            &self.source.layout.signer_state,
            Place::File,
            problem,
            CONTRADICTION,
        ))
    }

    /// The files of tiles below this one must be there; those above may be.
    pub(super) fn require(&mut self, tiles: u64) {
        self.tiles.require(tiles);
    }

    /// Compares the head with what was rebuilt.
    pub(super) fn finish(self, origin: &Origin, keys: &[VerifierKey; 2]) -> Result<Totals, AuditError> {
        let (size, root) = (self.edge.size(), self.edge.root());
        let by_tiles = self.tiles.root();
        if by_tiles != root {
            let problem = format!(
                "the tiles give the root {}, and the right edge {}: this program or this machine computes wrongly",
                by_tiles.to_base64(),
                root.to_base64()
            );
            return Err(AuditError::wrong(
                &self.source.layout.public,
                Place::File,
                problem,
                CONTRADICTION,
            ));
        }
        let registers = read_lock(self.state.registers()).len() as u64;
        let erased = self.struck.check(self.source, &self.state, self.done, origin)?;
        Ok(Totals {
            size,
            root,
            records: self.records,
            statements: self.statements,
            erased,
            registers,
            tiles: self.tiles.compared(),
            after: Before {
                checkpoint: Checkpoint {
                    origin: origin.clone(),
                    size,
                    root,
                },
                keys: keys.clone(),
                state: self.state,
                generations: self.generations,
                struck: self.struck,
            },
        })
    }
}

/// What was rebuilt.
pub(super) struct Totals {
    pub(super) size: LogSize,
    pub(super) root: Hash,
    pub(super) records: u64,
    pub(super) statements: u64,
    pub(super) erased: Erased,
    pub(super) registers: u64,
    pub(super) tiles: u64,
    /// What the next log must begin with.
    pub(super) after: Before,
}

fn check_place(statement: &Statement, index: u64, began: Option<&str>) -> Result<(), String> {
    match (statement, index) {
        (Statement::Open { previous, .. }, 0) if previous.as_deref() == began => Ok(()),
        (Statement::Open { previous: None, .. }, 0) => {
            Err("it opens a first log, and there is a state that was carried from another".to_owned())
        }
        (Statement::Open { .. }, 0) => {
            Err("it quotes another checkpoint than the one that the state was carried from".to_owned())
        }
        (Statement::Open { .. }, _) => Err("a statement open stands inside the log".to_owned()),
        (_, 0) => Err("the first entry of a log is its statement open".to_owned()),
        _ => Ok(()),
    }
}

pub(super) fn missing(path: &Path) -> AuditError {
    AuditError::wrong(path, Place::File, "it is missing", RESTORE)
}

/// Says where a file first differs from what the log gives.
pub(super) fn same(path: &Path, found: &[u8], expected: &[u8]) -> Result<(), AuditError> {
    if found == expected {
        return Ok(());
    }
    let at = found
        .iter()
        .zip(expected)
        .position(|(found, expected)| found != expected);
    let offset = at.unwrap_or_else(|| found.len().min(expected.len())) as u64;
    let problem = match (found.len(), expected.len()) {
        (found, expected) if found != expected => {
            format!("it has {found} bytes, and the log gives {expected}")
        }
        _ => "it differs from what the log's entries give".to_owned(),
    };
    Err(AuditError::wrong(path, Place::Offset(offset), problem, RESTORE))
}
