//! What the entries of a log must be, whoever signed for them.

use trialseal_core::{
    checkpoint::{CheckpointError, SignedCheckpoint, SignedCheckpointError},
    entry::{Entry, EntryError, LogKeys, Statement},
    note::{NoteError, SignedNote},
    trust::{Trust, TrustedLog},
};

/// The entry of a record: its type and a root.
const RECORD_BYTES: usize = 33;
const RECORD: u8 = 0x01;

/// An entry that a log of this kind cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryProblem {
    /// Not an entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A log begins with its `open` statement.
    #[error("a log begins with an `open` statement")]
    NotOpen,
    /// `open` stands at index 0 only.
    #[error("an `open` statement stands at index 0 and nowhere else")]
    OpenAgain,
    /// The `open` statement is another log's.
    #[error("the `open` statement is of another log, or names other keys than the trust file")]
    OtherLog,
    /// The checkpoint of the log before is none.
    #[error("`previous` in the `open` statement: {0}")]
    PreviousNote(#[from] NoteError),
    /// The checkpoint of the log before is none.
    #[error("`previous` in the `open` statement: {0}")]
    PreviousCheckpoint(#[from] CheckpointError),
    /// The checkpoint of the log before is not signed by its keys.
    #[error("`previous` in the `open` statement: {0}")]
    Previous(#[from] SignedCheckpointError),
    /// Nothing follows a `close` statement.
    #[error("entry {0} closed the log, and nothing may follow it")]
    Closed(u64),
}

/// Checks entries one after the other.
#[derive(Debug, Clone)]
pub(super) struct EntryRules<'a> {
    pub(super) log: &'a TrustedLog,
    pub(super) trust: &'a Trust,
    /// Index of the `close` statement, once it is there.
    pub(super) closed: Option<u64>,
}

impl EntryRules<'_> {
    /// Checks the entry at `index`; every entry before it was checked.
    pub(super) fn check(&mut self, index: u64, entry: &[u8]) -> Result<(), EntryProblem> {
        if let Some(closed) = self.closed {
            return Err(EntryProblem::Closed(closed));
        }
        // Almost every entry, and nothing in it to be read.
        let is_record = entry.len() == RECORD_BYTES && entry.first() == Some(&RECORD);
        if is_record && index > 0 {
            return Ok(());
        }
        match (index, Entry::parse(entry)?) {
            (0, Entry::Statement(statement)) => self.check_open(&statement),
            (0, Entry::Record(_)) => Err(EntryProblem::NotOpen),
            (_, Entry::Statement(Statement::Open { .. })) => Err(EntryProblem::OpenAgain),
            (_, Entry::Statement(Statement::Close { .. })) => {
                self.closed = Some(index);
                Ok(())
            }
            (_, Entry::Record(_) | Entry::Statement(Statement::Registers { .. })) => Ok(()),
        }
    }

    fn check_open(&self, statement: &Statement) -> Result<(), EntryProblem> {
        let Statement::Open {
            keys,
            origin,
            previous,
            ..
        } = statement
        else {
            return Err(EntryProblem::NotOpen);
        };
        let own = LogKeys::new(self.log.ed25519.clone(), self.log.mldsa.clone())?;
        if *origin != self.log.origin || *keys != own {
            return Err(EntryProblem::OtherLog);
        }
        match previous {
            Some(previous) => self.check_previous(previous),
            None => Ok(()),
        }
    }

    /// The final checkpoint of the log before, where the trust file names that log.
    fn check_previous(&self, note: &str) -> Result<(), EntryProblem> {
        let note = SignedNote::parse(note)?;
        let origin = trialseal_core::checkpoint::Checkpoint::parse(note.text())?.origin;
        match self.trust.log(origin.as_str()) {
            Some(log) => SignedCheckpoint::verify(note, log).map(drop)?,
            None => {
                tracing::info!(%origin, "the log before is not in the trust file: its end is not checked")
            }
        }
        Ok(())
    }
}
