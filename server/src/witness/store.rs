//! What a witness must not forget: for each log the newest checkpoint that it cosigned.
//!
//! One file a log, `logs/<hex SHA-256 of the origin>`: the signed note itself, with the log's lines and
//! the witness's own, so that it proves itself and can be read with any tool. It is empty as long as
//! nothing was cosigned. A *missing* file is an error, never "nothing cosigned": a witness that lost its
//! memory would help a log to a second future.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trialseal_core::checkpoint::{Checkpoint, Origin};
use trialseal_core::encoding::hex_encode;
use trialseal_core::hash::{Hash, sha256};
use trialseal_core::note::{NOTE_BYTES_MAX, SignedNote};

use crate::durable::{DurableError, clean_leftovers, replace};
use crate::fs::{FileError, FileSystem, Lock, PRIVATE_DIRECTORY, PUBLIC_FILE};
use crate::keys::WitnessSigner;

/// Pairs of checkpoints that are kept of one log and kind. Nobody but the log's own keys can make more.
const KEPT_MAX: usize = 64;

/// The newest checkpoint that was cosigned of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// Origin, size and root.
    pub checkpoint: Checkpoint,
    /// When, in seconds since 1970.
    pub time_s: u64,
    /// The checkpoint with the log's lines, then our own.
    pub note: SignedNote,
}

/// Why a refused checkpoint is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It has the size of the one that was cosigned, and another root: with that one it is proof.
    Fork,
    /// It came with a proof that does not verify. Anybody can send a wrong proof with a good
    /// checkpoint; so this proves nothing alone, but is what to compare the log with.
    Unproven,
}

/// Why there is no memory.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another witness works on the folder.
    #[error("another witness has {} open; stop it first, and never delete that file", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// A log has no file.
    #[error(
        "the memory of log {origin}, {}, is missing. If this witness never cosigned it, run `trialseal-server \
         witness add-log` for it; if it did, restore the file as it was last, or begin a new witness with a new \
         name and new keys: one that forgot what it cosigned must not go on",
        path.display()
    )]
    Missing {
        /// The log.
        origin: Origin,
        /// The file.
        path: PathBuf,
    },
    /// The file does not hold what this witness wrote.
    #[error(
        "the memory of log {origin}, {}, is damaged: {problem}. Restore the file as it was last",
        path.display()
    )]
    Damaged {
        /// The log.
        origin: Origin,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file system failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file cannot be written.
    #[error(transparent)]
    Durable(#[from] DurableError),
}

/// The folder of what is remembered, open for one witness.
pub struct Store {
    fs: Arc<dyn FileSystem>,
    logs: PathBuf,
    refused: PathBuf,
    _lock: Box<dyn Lock>,
}

impl Store {
    /// Opens the folder, for this process alone.
    ///
    /// # Errors
    /// If another process has it open, or the file system fails.
    pub fn open(fs: Arc<dyn FileSystem>, data: &Path) -> Result<Self, StoreError> {
        fs.create_dir_all(data, PRIVATE_DIRECTORY)?;
        let path = data.join("lock");
        let lock = match fs.lock(&path, crate::fs::PRIVATE_FILE) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(StoreError::Locked { path });
            }
            lock => lock?,
        };
        let logs = logs_of(data);
        fs.create_dir_all(&logs, PRIVATE_DIRECTORY)?;
        clean_leftovers(&*fs, &logs)?;
        Ok(Self {
            fs,
            logs,
            refused: data.join("refused"),
            _lock: lock,
        })
    }

    /// Begins the memory of a log of which nothing was cosigned yet; one that exists is left alone.
    /// Also beside a running witness.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn begin(fs: &dyn FileSystem, data: &Path, origin: &Origin) -> Result<(), FileError> {
        let logs = logs_of(data);
        fs.create_dir_all(&logs, PRIVATE_DIRECTORY)?;
        match fs.create_new(&logs.join(file_name(origin)), PUBLIC_FILE) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            // It is empty, so there is nothing but its name to be made durable.
            _ => {}
        }
        fs.sync_dir(&logs)
    }

    /// The newest checkpoint that was cosigned of a log; none if it was begun and nothing was cosigned.
    ///
    /// # Errors
    /// If the file is missing, or is not a note with our own cosignatures.
    pub fn load(&self, origin: &Origin, signer: &WitnessSigner) -> Result<Option<Cosigned>, StoreError> {
        let path = self.logs.join(file_name(origin));
        if self.fs.metadata(&path)?.is_none() {
            let origin = origin.clone();
            return Err(StoreError::Missing { origin, path });
        }
        let bytes = self.fs.read(&path, NOTE_BYTES_MAX as u64)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let cosigned = read_cosigned(&bytes, origin, signer).map_err(|problem| StoreError::Damaged {
            origin: origin.clone(),
            path,
            problem,
        })?;
        Ok(Some(cosigned))
    }

    /// Replaces what is remembered of the log, and returns when it is durable.
    ///
    /// # Errors
    /// If it may not be durable; the cosignatures must not be handed out then.
    pub fn remember(&self, cosigned: &Cosigned) -> Result<(), DurableError> {
        let path = self.logs.join(file_name(&cosigned.checkpoint.origin));
        replace(
            &*self.fs,
            &path,
            cosigned.note.to_string().as_bytes(),
            PUBLIC_FILE,
        )
    }

    /// Keeps a checkpoint that was refused, beside the newest that was cosigned, in
    /// `refused/<hex SHA-256 of the origin>/`. Returns whether it is new: the same is kept once, and no
    /// more than 64 of a kind.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(
        &self,
        kind: Kept,
        cosigned: Option<&Cosigned>,
        checkpoint: &Checkpoint,
        refused: &SignedNote,
    ) -> Result<bool, DurableError> {
        let folder = self.refused.join(file_name(&checkpoint.origin));
        self.fs.create_dir_all(&folder, PRIVATE_DIRECTORY)?;
        let kind = match kind {
            Kept::Fork => "fork",
            Kept::Unproven => "unproven",
        };
        let root: String = hex_encode(checkpoint.root.as_bytes()).chars().take(16).collect();
        let name = format!("{kind}-{:016}-{root}", checkpoint.size.get());
        let kept = self.fs.list(&folder)?;
        let of_kind = |name: &&String| name.starts_with(kind) && name.ends_with(".refused");
        if kept.contains(&format!("{name}.refused")) || kept.iter().filter(of_kind).count() >= KEPT_MAX {
            return Ok(false);
        }
        let write = |ending: &str, note: &SignedNote| {
            let path = folder.join(format!("{name}.{ending}"));
            replace(&*self.fs, &path, note.to_string().as_bytes(), PUBLIC_FILE)
        };
        if let Some(cosigned) = cosigned {
            write("cosigned", &cosigned.note)?;
        }
        // Last: where it is, the other one is.
        write("refused", refused)?;
        Ok(true)
    }
}

/// A note with both our cosignatures at one time.
fn read_cosigned(bytes: &[u8], origin: &Origin, signer: &WitnessSigner) -> Result<Cosigned, String> {
    let text = str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let note = SignedNote::parse(text).map_err(|error| error.to_string())?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
    if checkpoint.origin != *origin {
        return Err(format!("it is of log {}", checkpoint.origin));
    }
    let own = note
        .verify(signer.verifiers())
        .map_err(|error| error.to_string())?;
    let time_of = |key| {
        own.iter()
            .find(|line| line.key == key)
            .and_then(|line| line.time_s)
    };
    match signer.verifiers().map(time_of) {
        [Some(time_s), Some(other)] if time_s == other => Ok(Cosigned {
            checkpoint,
            time_s,
            note,
        }),
        _ => Err("it does not bear this witness's own two cosignatures".to_owned()),
    }
}

/// SHA-256 of an origin: how a log is called in paths.
pub(super) fn origin_sha256(origin: &Origin) -> Hash {
    sha256(origin.as_str().as_bytes())
}

fn file_name(origin: &Origin) -> String {
    hex_encode(origin_sha256(origin).as_bytes())
}

fn logs_of(data: &Path) -> PathBuf {
    data.join("logs")
}
