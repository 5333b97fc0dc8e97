//! What can go wrong with a journal.

use std::path::PathBuf;

use crate::fs::FileError;

/// Why a journal could not be opened, read or maintained.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Options that cannot work.
    #[error("the journal's options do not fit together: {problem}")]
    Options {
        /// What is wrong with them.
        problem: &'static str,
    },
    /// There is no journal to open.
    #[error("there is no journal in {}: restore it from a backup, or create a new log", directory.display())]
    NoJournal {
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// There is a journal where one was to be created.
    #[error("there is a journal in {} already", directory.display())]
    Exists {
        /// Where it is.
        directory: PathBuf,
    },
    /// Another process, or another value in this one, has the journal open.
    #[error("another server has the journal in {} open; stop it first", directory.display())]
    Locked {
        /// Which journal.
        directory: PathBuf,
    },
    /// A newer program wrote this.
    #[error(
        "{} holds format version {found} at offset {offset}, and this program reads up to version 2: use the newer \
         program that wrote it",
        file.display()
    )]
    Newer {
        /// The segment.
        file: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// The version found.
        found: u16,
    },
    /// A file with a segment's name is none.
    #[error("the journal segment {} is damaged: {problem}. Restore it from a backup", file.display())]
    Segment {
        /// The segment.
        file: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
    /// A segment between others is missing.
    #[error("the journal segment {} is missing, although later ones exist. Restore it from a backup", file.display())]
    Missing {
        /// The segment.
        file: PathBuf,
    },
    /// A segment belongs to another journal.
    #[error(
        "the journal segment {} belongs to journal {found}, and the ones before it to {expected}. Somebody has \
         mixed the files of two logs; restore them from a backup",
        file.display()
    )]
    OtherJournal {
        /// The segment.
        file: PathBuf,
        /// The identity it has.
        found: super::JournalId,
        /// The identity of the first segment.
        expected: super::JournalId,
    },
    /// A frame is bad and cannot be the torn end of the last write.
    #[error(
        "the journal is corrupt at {} offset {offset}: {problem}. Nothing was changed; restore it from a backup",
        file.display()
    )]
    Corrupt {
        /// The segment.
        file: PathBuf,
        /// Where the bad frame begins, in bytes.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// Whoever was given the frames refused one.
    #[error("the batch in the journal at {} offset {offset} is refused: {source}", file.display())]
    Rejected {
        /// The segment.
        file: PathBuf,
        /// Where the frame begins, in bytes.
        offset: u64,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was asked for has been released; it is to be found in the immutable files.
    #[error("segment {segment} of the journal has been released")]
    Released {
        /// Its number.
        segment: u64,
    },
    /// The journal holds as many segments as it may.
    #[error(
        "the journal is full: it holds {held_bytes} of at most {limit_bytes} bytes until older ones are released"
    )]
    Full {
        /// Bytes of the segments in use.
        held_bytes: u64,
        /// The limit in bytes.
        limit_bytes: u64,
    },
}

/// Why a frame was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was written; the journal goes on as before.
    #[error("nothing was written: {0}")]
    Refused(#[source] Refusal),
    /// Whether the frame is in the journal is unknown. This value refuses everything from now on: drop it with all
    /// its readers and keepers, and open the journal again.
    #[error("it is unknown whether the batch was stored: {0}; the journal must be recovered")]
    Unknown(#[source] Failure),
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no room and the next segment could not be prepared: full ([`JournalError::Full`]), or the disk is.
    /// Trying again later is fine.
    #[error("there is no next segment: {0}")]
    NoSegment(#[source] JournalError),
    /// The payload is longer than a frame may be.
    #[error("the payload has {bytes} bytes, and a frame holds at most {bytes_max}")]
    TooLarge {
        /// Its length.
        bytes: u64,
        /// The most a frame holds.
        bytes_max: u32,
    },
    /// The batch does not follow the last one.
    #[error("the batch begins at index {given}, and the next index of the journal is {expected}")]
    NotNext {
        /// The first index given.
        given: u64,
        /// The index that must come next.
        expected: u64,
    },
}

/// What left a frame in doubt.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Writing or syncing failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// An earlier append failed.
    #[error("an earlier batch is already in doubt")]
    Poisoned,
}
