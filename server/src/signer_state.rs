//! The signer's memory: the newest checkpoint that went out to the public.
//!
//! It is replaced durably before a checkpoint is served over HTTP or sent to a witness.
//! At the start the log must contain what it says: a log restored from an old backup, or
//! started on the wrong folder, is found out before it signs anything.

use std::path::Path;

use trialseal_core::{
    checkpoint::{Checkpoint, Origin},
    hash::Hash,
    index::LogSize,
    merkle::nodes,
    time::Instant,
};

use crate::{
    codec::{Malformed, Reader, Writer},
    durable::{DurableError, Envelope, replace},
    fs::{FileError, FileSystem, PRIVATE_FILE},
    view::{LogView, ViewError},
};

const SIGNER: Envelope = Envelope {
    magic: *b"TSSIGNER",
    version: 1,
};
const BYTES_MAX: u64 = 4_096;

/// What the signer remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerState {
    /// Origin, size and root.
    pub checkpoint: Checkpoint,
    /// When it went out.
    pub time: Instant,
}

/// The head that an operator accepts after restoring a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedHead {
    /// Log size.
    pub size: LogSize,
    /// Root.
    pub root: Hash,
}

/// The log is not the one that the signer remembers.
#[derive(Debug, thiserror::Error)]
pub enum SignerStateError {
    /// No memory.
    #[error(
        "the signer's memory {path} is missing: this log may be an old copy. The log holds {size} entries with root \
         {root}. If that is the newest checkpoint that ever went out, start with --accept-head {size} {root}"
    )]
    Missing {
        /// Where it should be.
        path: String,
        /// The log's size.
        size: LogSize,
        /// The log's root, base64.
        root: String,
    },
    /// The log is shorter than what was signed.
    #[error(
        "the log holds {size} entries, but a checkpoint of {signed} entries went out at {time}: this is an old copy \
         of the log. Restore the newest copy; if it is lost, start with --accept-head {size} {root} and tell your \
         witnesses and users"
    )]
    RolledBack {
        /// The log's size.
        size: LogSize,
        /// The log's root, base64.
        root: String,
        /// The size that went out.
        signed: LogSize,
        /// When.
        time: Instant,
    },
    /// The log differs from what was signed.
    #[error(
        "the log's root at size {size} is {found}, but {signed} went out at {time}: this is another log, or it was \
         changed. Do not serve it"
    )]
    Forked {
        /// The size that went out.
        size: LogSize,
        /// The log's root there, base64.
        found: String,
        /// The root that went out, base64.
        signed: String,
        /// When.
        time: Instant,
    },
    /// The memory is another log's.
    #[error("the signer's memory is of log {found}, and this is {expected}")]
    OtherOrigin {
        /// The origin found.
        found: Origin,
        /// This log's.
        expected: Origin,
    },
    /// The accepted head is not the log's.
    #[error(
        "--accept-head names size {given} with root {given_root}, but the log holds {size} entries with root {root}"
    )]
    NotTheHead {
        /// The size given.
        given: LogSize,
        /// The root given, base64.
        given_root: String,
        /// The log's size.
        size: LogSize,
        /// The log's root, base64.
        root: String,
    },
    /// The file is damaged or cannot be replaced.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The log cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
}

impl SignerState {
    /// Reads the memory; none if there is no file.
    ///
    /// # Errors
    /// If it is damaged, or of a newer program.
    pub fn read(fs: &dyn FileSystem, path: &Path) -> Result<Option<Self>, SignerStateError> {
        if fs.metadata(path)?.is_none() {
            return Ok(None);
        }
        let bytes = fs.read(path, BYTES_MAX)?;
        let (_, contents) = SIGNER.open(path, &bytes)?;
        let state = Self::decode(contents).map_err(|Malformed| DurableError::Damaged {
            path: path.to_owned(),
            problem: "its contents are not a signer's memory",
        })?;
        Ok(Some(state))
    }

    /// Replaces the memory, and returns when it is durable.
    ///
    /// # Errors
    /// If it cannot be written; the checkpoint must not go out then.
    pub fn write(&self, fs: &dyn FileSystem, path: &Path) -> Result<(), DurableError> {
        let mut writer = Writer::default();
        writer.text(self.checkpoint.origin.as_str());
        writer.u64(self.checkpoint.size.get());
        writer.raw(self.checkpoint.root.as_bytes());
        writer.i64(self.time.as_millis());
        replace(fs, path, &SIGNER.seal(&writer.finish()), PRIVATE_FILE)
    }

    fn decode(contents: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(contents);
        let origin = Origin::new(reader.text()?).map_err(|_| Malformed)?;
        let size = LogSize::new(reader.u64()?).map_err(|_| Malformed)?;
        let root = Hash::from_bytes(reader.array()?);
        let time = Instant::from_millis(reader.i64()?);
        reader.end()?;
        Ok(Self {
            checkpoint: Checkpoint { origin, size, root },
            time,
        })
    }
}

/// Refuses a log that does not contain what went out.
///
/// # Errors
/// Any [`SignerStateError`].
pub fn check(
    remembered: Option<&SignerState>,
    accepted: Option<AcceptedHead>,
    origin: &Origin,
    path: &Path,
    view: &LogView,
) -> Result<(), SignerStateError> {
    let head = view.head();
    if let Some(AcceptedHead { size, root }) = accepted {
        if size == head.size && root == head.root {
            tracing::warn!(%size, "the head of the log was accepted by the operator");
            return Ok(());
        }
        return Err(SignerStateError::NotTheHead {
            given: size,
            given_root: root.to_base64(),
            size: head.size,
            root: head.root.to_base64(),
        });
    }
    let Some(SignerState { checkpoint, time }) = remembered else {
        return Err(SignerStateError::Missing {
            path: path.display().to_string(),
            size: head.size,
            root: head.root.to_base64(),
        });
    };
    if checkpoint.origin != *origin {
        return Err(SignerStateError::OtherOrigin {
            found: checkpoint.origin.clone(),
            expected: origin.clone(),
        });
    }
    if checkpoint.size > head.size {
        return Err(SignerStateError::RolledBack {
            size: head.size,
            root: head.root.to_base64(),
            signed: checkpoint.size,
            time: *time,
        });
    }
    let found = nodes::root(checkpoint.size, view)?;
    if found != checkpoint.root {
        return Err(SignerStateError::Forked {
            size: checkpoint.size,
            found: found.to_base64(),
            signed: checkpoint.root.to_base64(),
            time: *time,
        });
    }
    Ok(())
}
