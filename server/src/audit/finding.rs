//! What an audit says when something is wrong: where, what, and what to do.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::{durable::DurableError, fs::FileError, journal::JournalError};

/// What to do about a file that is not what the log says.
pub(super) const RESTORE: &str = "Keep everything as it is, and restore this file from a backup of this log before the notary is started again";
/// What to do about a log that contradicts itself.
pub(super) const CONTRADICTION: &str = "Stop the notary and keep everything as it is: this needs somebody who knows how the log was damaged or changed";
/// What to do about files that do not belong to the log.
pub(super) const REMOVE: &str = "Find out where it comes from, and move it away";
/// What to do about permissions.
pub(super) const PERMISSIONS: &str =
    "Correct its permissions, and find out who could read or change it meanwhile";

/// Where in a file something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A position in it, in bytes.
    Offset(u64),
    /// The entry with this log index.
    Entry(u64),
}

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file that is wrong, missing, or too much.
    pub file: PathBuf,
    /// Where in it.
    pub place: Place,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file.display())?;
        match self.place {
            Place::File => {}
            Place::Offset(offset) => write!(formatter, " at offset {offset}")?,
            Place::Entry(index) => write!(formatter, ", entry {index}")?,
        }
        write!(formatter, ": {}. {}", self.problem, self.remedy)
    }
}

/// The first thing that is wrong, or what kept the audit from looking.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Something is not as it must be.
    #[error("{0}")]
    Wrong(Box<Finding>),
    /// The journal is missing or damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file of the notary's own is damaged, or newer than this program.
    #[error("{0}. {RESTORE}")]
    Durable(DurableError),
    /// A file could not be read.
    #[error("the audit could not go on: {0}")]
    File(FileError),
}

impl AuditError {
    /// The file that is named, where one is.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Wrong(finding) => Some(&finding.file),
            Self::File(error) | Self::Durable(DurableError::File(error)) => Some(&error.path),
            Self::Durable(
                DurableError::Differs { path }
                | DurableError::Newer { path, .. }
                | DurableError::Damaged { path, .. },
            ) => Some(path),
            Self::Journal(error) => match error {
                JournalError::File(error) => Some(&error.path),
                JournalError::NoJournal { directory: file }
                | JournalError::Newer { file, .. }
                | JournalError::Segment { file, .. }
                | JournalError::Missing { file }
                | JournalError::OtherJournal { file, .. }
                | JournalError::Corrupt { file, .. }
                | JournalError::Rejected { file, .. } => Some(file),
                _ => None,
            },
        }
    }

    pub(super) fn wrong(file: &Path, place: Place, problem: impl Into<String>, remedy: &'static str) -> Self {
        Self::Wrong(Box::new(Finding {
            file: file.to_owned(),
            place,
            problem: problem.into(),
            remedy,
        }))
    }

    /// An entry that is wrong in the file that holds it.
    pub(super) fn entry(file: &Path, index: u64, problem: impl Into<String>) -> Self {
        Self::wrong(file, Place::Entry(index), problem, CONTRADICTION)
    }
}

impl From<FileError> for AuditError {
    fn from(error: FileError) -> Self {
        let problem = match error.kind() {
            io::ErrorKind::NotFound => "it is missing",
            io::ErrorKind::FileTooLarge => "it is longer than any file of its kind",
            _ => return Self::File(error),
        };
        Self::wrong(&error.path, Place::File, problem, RESTORE)
    }
}

impl From<DurableError> for AuditError {
    fn from(error: DurableError) -> Self {
        match error {
            DurableError::File(error) => error.into(),
            other => Self::Durable(other),
        }
    }
}
