//! The pending folder: what is about to be sent, written before it is sent.
//!
//! If the program dies, or the connection, the next run finds the exact bytes here and sends them
//! again; the notary records them once. A file is removed when its receipt is saved.

mod format;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use trialseal_core::hash::Hash;
use trialseal_core::manifest::Manifest;
use trialseal_core::submission::IdempotencyKey;

use crate::durable::{self, Access};
use crate::submission::{Draft, Prepared};

/// Larger files are not ours.
const FILE_BYTES_MAX: u64 = 128 << 20;

/// A folder of pending submissions, by default `.trialseal/pending` in the working directory.
#[derive(Clone, Debug)]
pub struct PendingFolder {
    folder: PathBuf,
}

/// A submission that has no saved receipt yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// What is sent.
    pub submission: Outgoing,
    /// Where its receipt will be saved.
    pub receipt: PathBuf,
    /// What was asked for, so that the same command finds its own pending submission. Any 32
    /// bytes that are equal exactly if the request is.
    pub request: Hash,
}

/// A submission that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// Signed.
    Prepared(Box<Prepared>),
    /// Left to the notary to compose.
    Draft(Box<Draft>),
}

/// A submission that is ready to be sent, borrowed.
#[derive(Clone, Copy, Debug)]
pub enum OutgoingRef<'a> {
    /// Signed.
    Prepared(&'a Prepared),
    /// Left to the notary to compose.
    Draft(&'a Draft),
}

/// The pending folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PendingError {
    /// A file or the folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is damaged or from a newer version.
    #[error("{}: not a pending submission: {problem}; move it away to go on without it", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl PendingFolder {
    /// The folder below `base`: `<base>/.trialseal/pending`. It is made when something is written.
    #[must_use]
    pub fn below(base: &Path) -> Self {
        Self {
            folder: base.join(".trialseal").join("pending"),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Writes a submission. When this returns, its bytes survive a power cut.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub fn write(&self, pending: &Pending) -> Result<(), PendingError> {
        self.make().map_err(|source| PendingError::File {
            path: self.folder.clone(),
            source,
        })?;
        let path = self.file(&pending.submission.idempotency_key());
        let text = format::write(pending).map_err(|problem| PendingError::Malformed {
            path: path.clone(),
            problem,
        })?;
        // The salts in it would open the record to whoever reads them.
        durable::replace(&path, text.as_bytes(), Access::Owner)
            .map_err(|source| PendingError::File { path, source })
    }

    /// Every pending submission, in the order of their keys.
    ///
    /// # Errors
    ///
    /// A file is damaged or cannot be read.
    pub fn list(&self) -> Result<Vec<Pending>, PendingError> {
        let failed = |source| PendingError::File {
            path: self.folder.clone(),
            source,
        };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let hidden = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden && path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        paths.iter().map(|path| read(path)).collect()
    }

    /// The pending submission of the same request, if there is one.
    ///
    /// # Errors
    ///
    /// As [`PendingFolder::list`].
    pub fn find(&self, request: &Hash) -> Result<Option<Pending>, PendingError> {
        Ok(self
            .list()?
            .into_iter()
            .find(|pending| pending.request == *request))
    }

    /// Forgets a submission: its receipt is saved, or it was refused.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub fn remove(&self, key: &IdempotencyKey) -> Result<(), PendingError> {
        let path = self.file(key);
        durable::remove(&path).map_err(|source| PendingError::File { path, source })
    }

    fn file(&self, key: &IdempotencyKey) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }

    fn make(&self) -> io::Result<()> {
        if self.folder.is_dir() {
            return Ok(());
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt as _;
            builder.mode(0o700);
        }
        builder.create(&self.folder)?;
        // The new folders are entries of their parents: `.trialseal/pending`, `.trialseal`.
        self.folder
            .ancestors()
            .take(2)
            .try_for_each(durable::sync_folder_of)
    }
}

impl Outgoing {
    /// The idempotency key.
    #[must_use]
    pub fn idempotency_key(&self) -> IdempotencyKey {
        OutgoingRef::from(self).idempotency_key()
    }

    /// The files with their salts.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        OutgoingRef::from(self).manifest()
    }
}

impl<'a> OutgoingRef<'a> {
    /// The idempotency key.
    #[must_use]
    pub fn idempotency_key(self) -> IdempotencyKey {
        match self {
            Self::Prepared(prepared) => prepared.idempotency_key(),
            Self::Draft(draft) => draft.idempotency_key(),
        }
    }

    /// The files with their salts.
    #[must_use]
    pub fn manifest(self) -> Option<&'a Manifest> {
        match self {
            Self::Prepared(prepared) => prepared.manifest(),
            Self::Draft(draft) => draft.manifest(),
        }
    }
}

impl From<Prepared> for Outgoing {
    fn from(prepared: Prepared) -> Self {
        Self::Prepared(Box::new(prepared))
    }
}

impl From<Draft> for Outgoing {
    fn from(draft: Draft) -> Self {
        Self::Draft(Box::new(draft))
    }
}

impl<'a> From<&'a Prepared> for OutgoingRef<'a> {
    fn from(prepared: &'a Prepared) -> Self {
        Self::Prepared(prepared)
    }
}

impl<'a> From<&'a Draft> for OutgoingRef<'a> {
    fn from(draft: &'a Draft) -> Self {
        Self::Draft(draft)
    }
}

impl<'a> From<&'a Outgoing> for OutgoingRef<'a> {
    fn from(outgoing: &'a Outgoing) -> Self {
        match outgoing {
            Outgoing::Prepared(prepared) => Self::Prepared(prepared),
            Outgoing::Draft(draft) => Self::Draft(draft),
        }
    }
}

fn read(path: &Path) -> Result<Pending, PendingError> {
    let failed = |source| PendingError::File {
        path: path.to_owned(),
        source,
    };
    let malformed = |problem: String| PendingError::Malformed {
        path: path.to_owned(),
        problem,
    };
    if fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(malformed("it is too large".to_owned()));
    }
    let pending = format::read(&fs::read(path).map_err(failed)?).map_err(malformed)?;
    let key = pending.submission.idempotency_key().to_string();
    if path.file_stem().is_none_or(|stem| stem != key.as_str()) {
        return Err(malformed("its name is not its idempotency key".to_owned()));
    }
    Ok(pending)
}

#[cfg(test)]
mod tests;
