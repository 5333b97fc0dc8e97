//! Reading a closed log: nothing in it is locked or changed.
//!
//! What a closed log holds never changes, so it can be read beside whoever else serves,
//! audits or copies it. Its full tiles and bundles were written before the next log
//! began; the entries behind them, fewer than 256, are in the last frames of its journal
//! and are kept in memory.

use std::{
    collections::VecDeque,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use trialseal_core::{
    checkpoint::{Checkpoint, Origin},
    cose::CoseKey,
    entry::Statement,
    index::{LogIndex, LogSize},
    merkle::range_proof::RangeTree,
    note::{SignedNote, VerifierKey},
    time::Instant,
};

use crate::{
    chain::ReadLog,
    config::{Config, ConfigError, ServeFlags},
    evidence::{KeptError, KeptOfClosed},
    fs::FileSystem,
    journal::{self, FrameHeader, JournalError},
    keys::{read_cose_pub, read_log_pub},
    layout::{Layout, TILE},
    recover::{edge_at, public_entry},
    seal::Batch,
    state::NextLog,
    stored::{BatchBuilder, StoredBatch, StoredEntry},
    view::{Head, LogView, Sealed, ViewError},
};

/// How often a scan is begun again because a server of the closed log released a segment.
const ATTEMPTS: usize = 100;

/// Logs that a notary may continue; a loop of folders ends here.
const LOGS_MAX: usize = 64;

/// Where a closed log lies, and whose it is.
#[derive(Debug, Clone)]
pub struct ClosedLog {
    /// Its folders.
    pub layout: Layout,
    /// Its keys, Ed25519 and ML-DSA-44; their name is its origin.
    pub keys: [VerifierKey; 2],
    /// Its key of COSE receipts, if it had one.
    pub cose: Option<CoseKey>,
}

/// Why a closed log cannot be read. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ClosedError {
    /// Its journal is missing or damaged.
    #[error("the log before this one: {0}")]
    Journal(#[from] JournalError),
    /// Its files cannot be read.
    #[error("the log before this one: {0}")]
    View(#[from] ViewError),
    /// Its kept evidence cannot be read.
    #[error("the log before this one: {0}")]
    Kept(#[from] KeptError),
    /// It is not what this notary continues.
    #[error("the log before this one, in {}: {problem}", directory.display())]
    Wrong {
        /// Its journal.
        directory: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl ClosedLog {
    /// The logs before the one with this configuration, oldest first: `previous` names the
    /// folder of the last one, whose own configuration names the one before.
    ///
    /// Their files alone count: variables and flags are meant for the present log.
    ///
    /// # Errors
    /// If a configuration or the public keys of a log cannot be read.
    pub fn before(config: &Config) -> Result<Vec<Self>, ConfigError> {
        let mut logs = Vec::new();
        let mut next = config.previous.clone();
        while let Some(folder) = next {
            let refused = |problem: String| ConfigError::Value {
                key: "previous".to_owned(),
                source_name: config.file.display().to_string(),
                problem,
            };
            if logs.len() == LOGS_MAX {
                return Err(refused(format!(
                    "more than {LOGS_MAX} logs, one before the other"
                )));
            }
            let old = Config::load_with(
                &ServeFlags::of_folder(folder),
                std::iter::empty::<(OsString, OsString)>(),
            )?;
            let folder = &old.directories.keys;
            let keys = read_log_pub(folder).map_err(|error| refused(error.to_string()))?;
            let cose = read_cose_pub(folder).map_err(|error| refused(error.to_string()))?;
            logs.push(Self {
                layout: Layout::from(&old.directories),
                keys,
                cose,
            });
            next = old.previous;
        }
        logs.reverse();
        Ok(logs)
    }

    /// The log's name.
    ///
    /// # Errors
    /// If the keys are no log's keys.
    pub fn origin(&self) -> Result<Origin, ClosedError> {
        Origin::new(self.keys[0].name().as_str()).map_err(|error| wrong(&self.layout.journal, error))
    }

    /// Opens the log, which follows others with `base` entries, and which `next` must follow.
    ///
    /// # Errors
    /// Any [`ClosedError`].
    pub fn open(&self, fs: &Arc<dyn FileSystem>, base: u64, next: &NextLog) -> Result<ReadLog, ClosedError> {
        let wrong = |problem: String| wrong(&self.layout.journal, problem);
        let tail = self.tail(&**fs)?;
        let last = tail
            .back()
            .ok_or_else(|| wrong("its journal holds no batch".to_owned()))?;
        let (checkpoint, time) = self.check_note(&last.note, last.end)?;
        let published = last.end / TILE * TILE;
        let size = LogSize::new(published).map_err(|error| wrong(error.to_string()))?;
        let head = Head {
            size: checkpoint.size,
            root: checkpoint.root,
            note: last.note.as_str().into(),
            time,
        };
        let view = LogView::open(Arc::clone(fs), self.layout.clone(), published, head.clone())?;
        let edge = edge_at(&view, size)?;
        let root = if published == last.end {
            edge.root()
        } else {
            let batch = self.batch(&tail, edge, checkpoint.clone(), time)?;
            let root = batch.tree.root();
            view.append(Arc::new(Sealed {
                batch,
                note: Arc::clone(&head.note),
            }));
            root
        };
        if root != checkpoint.root {
            return Err(wrong(
                "its entries do not give the root of its last checkpoint".to_owned(),
            ));
        }
        self.check_close(&view, next)?;
        Ok(ReadLog {
            origin: checkpoint.origin,
            base,
            view: Arc::new(view),
            cose: self.cose.clone(),
            kept: Some(KeptOfClosed::read(fs, &self.layout)?),
        })
    }

    /// The last frames of the journal: those with entries behind the last full tile.
    fn tail(&self, fs: &dyn FileSystem) -> Result<VecDeque<Frame>, ClosedError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut tail: VecDeque<Frame> = VecDeque::new();
            let scanned = journal::scan(fs, &self.layout.journal, &mut |header, payload| {
                tail.push_back(Frame::read(header, payload)?);
                let published = header.end_index() / TILE * TILE;
                while tail.len() > 1 && tail.front().is_some_and(|frame| frame.end <= published) {
                    tail.pop_front();
                }
                Ok(())
            });
            match scanned {
                Ok(()) => return Ok(tail),
                Err(JournalError::Released { .. }) if attempt < ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The last checkpoint, signed by both keys, and when.
    fn check_note(&self, note: &str, size: u64) -> Result<(Checkpoint, Instant), ClosedError> {
        let wrong = |problem: String| wrong(&self.layout.journal, format!("its last checkpoint: {problem}"));
        let note = SignedNote::parse(note).map_err(|error| wrong(error.to_string()))?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| wrong(error.to_string()))?;
        let verified = note
            .verify(&self.keys)
            .map_err(|error| wrong(error.to_string()))?;
        let time_s = verified.iter().find_map(|line| line.time_s);
        match time_s.and_then(|time_s| i64::try_from(time_s).ok()) {
            Some(time_s)
                if verified.len() == 2
                    && checkpoint.origin == self.origin()?
                    && checkpoint.size.get() == size =>
            {
                Ok((checkpoint, Instant::from_millis(time_s.saturating_mul(1_000))))
            }
            _ => Err(wrong(
                "it is not signed by both keys for this log and size".to_owned(),
            )),
        }
    }

    /// The entries behind the last full tile as one batch.
    fn batch(
        &self,
        tail: &VecDeque<Frame>,
        edge: trialseal_core::merkle::compact_range::CompactRange,
        checkpoint: Checkpoint,
        time: Instant,
    ) -> Result<Batch, ClosedError> {
        let wrong = |problem: String| wrong(&self.layout.journal, problem);
        let first = edge.size().get();
        let mut builder = BatchBuilder::default();
        let (mut entries, mut leaves) = (Vec::new(), Vec::new());
        let mut next = first;
        for frame in tail {
            for (index, bytes) in (frame.first..).zip(frame.stored.iter()) {
                if index != next {
                    continue;
                }
                let entry = StoredEntry::decode(&bytes).map_err(|error| wrong(error.to_string()))?;
                builder.push(&entry).map_err(|error| wrong(error.to_string()))?;
                let (public, leaf) = public_entry(&entry);
                entries.push(public);
                leaves.push(leaf);
                next += 1;
            }
        }
        if next != checkpoint.size.get() {
            return Err(wrong(format!(
                "its journal does not hold the entries from {next} on, and no file does"
            )));
        }
        let tree = RangeTree::at_end(&edge, leaves).map_err(|error| wrong(error.to_string()))?;
        Ok(Batch {
            first: LogIndex::new(first).map_err(|error| wrong(error.to_string()))?,
            stored: builder.finish(),
            entries,
            tree,
            tile_roots: Vec::new(),
            pages: Vec::new(),
            generations: Vec::new(),
            erasures: Vec::new(),
            checkpoint,
            time,
            stated: None,
        })
    }

    fn check_close(&self, view: &LogView, next: &NextLog) -> Result<(), ClosedError> {
        let last = view.head().size.last_index();
        let last = last.map(|index| view.stored(index)).transpose()?.flatten();
        let found = match last {
            Some(StoredEntry::Statement(json)) => Statement::parse(&json).ok(),
            _ => None,
        };
        match found {
            Some(Statement::Close { keys, next: origin }) if origin == next.origin && keys == next.keys => {
                Ok(())
            }
            Some(Statement::Close { next: origin, .. }) => Err(wrong(
                &self.layout.journal,
                format!(
                    "it was closed for {origin}, with keys of its own, and not for this log of {}",
                    next.origin
                ),
            )),
            _ => Err(wrong(
                &self.layout.journal,
                "it is not closed; `previous` names a log that was rotated to this one",
            )),
        }
    }
}

fn wrong(directory: &Path, problem: impl ToString) -> ClosedError {
    ClosedError::Wrong {
        directory: directory.to_owned(),
        problem: problem.to_string(),
    }
}

/// A frame of the journal that is kept.
struct Frame {
    first: u64,
    end: u64,
    stored: StoredBatch,
    note: String,
}

impl Frame {
    fn read(header: &FrameHeader, payload: &[u8]) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let count = usize::try_from(header.count).unwrap_or(usize::MAX);
        let (stored, note) = StoredBatch::parse(Bytes::copy_from_slice(payload), count)?;
        Ok(Self {
            first: header.first_index,
            end: header.end_index(),
            stored,
            note,
        })
    }
}
