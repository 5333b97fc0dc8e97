//! Opening a log: create it, or rebuild everything in memory from what is durable.
//!
//! Recovery goes the normal way: frames of the journal are folded into the state and
//! handed to the publisher like fresh batches, so what a crash left half done is simply
//! done again.

use std::sync::Arc;

use bytes::Bytes;
use rand::rngs::StdRng;
use trialseal_core::{
    checkpoint::{Checkpoint, Origin},
    cose::CoseSigningKey,
    entry::{Statement, record_leaf_hash},
    hash::Hash,
    index::{LogIndex, LogSize},
    merkle::{
        ProofError, compact_range::CompactRange, leaf_hash, nodes::NodeSource as _, range_proof::RangeTree,
    },
    note::SignedNote,
    tile::{TilePath, TileWidth},
    time::Instant,
};

use self::continued::{check_carried, check_opened, open_closed};
use crate::{
    carried::{self, Carried},
    chain::{Chain, ReadLog},
    clock::Clock,
    closed::{ClosedError, ClosedLog},
    durable::{DurableError, clean_leftovers},
    facts::facts_of,
    fs::{FileError, FileSystem, PRIVATE_DIRECTORY},
    journal::{FrameHeader, Journal, JournalError, JournalOptions},
    keys::LogSigner,
    layout::{Layout, TILE},
    listing::Listing,
    publish::{self, GENERATION, PendingErasure, PublishError, Publisher, SNAPSHOT, Snapshot, Task},
    seal::{Batch, PublicEntry, Sealer, completed_tiles},
    sequence::Committer,
    signer_state::{self, AcceptedHead, SignerState, SignerStateError},
    state::{Completed, NextLog, RememberedLimits, State},
    stored::{StoredBatch, StoredEntry, StoredError},
    view::{Head, LogView, Sealed, ViewError},
};

mod continued;
mod create;

pub use create::{CarriedState, create, create_next};

/// A snapshot of a million registers with half-full pages.
pub(crate) const SNAPSHOT_BYTES_MAX: u64 = 4 << 30;
/// Tiles beyond the head that are looked for: twice a round of the publisher.
const LOOK_BEYOND: u64 = 128;
/// Full tiles that recovery lets wait before it writes them.
const RECOVERY_ROUND_BYTES: u64 = 16 << 20;

/// Why a log cannot be opened. Nothing was signed or served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal is missing, damaged or in use.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is damaged.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// The files of the log cannot be read or contradict each other.
    #[error(transparent)]
    View(#[from] ViewError),
    /// Files could not be written again.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The log is not what was signed.
    #[error(transparent)]
    Signer(#[from] SignerStateError),
    /// The journal holds no frame.
    #[error(
        "the journal holds no batch; the log was never completely created: remove its folder and create it again"
    )]
    Empty,
    /// A batch contradicts what is before it.
    #[error("the journal's batch at index {first} contradicts the log: {problem}")]
    Batch {
        /// Its first index.
        first: u64,
        /// What is wrong.
        problem: String,
    },
    /// The journal begins behind what the files hold.
    #[error(
        "the journal begins at index {journal}, but the newest snapshot is of size {snapshot}: files are missing. \
         Restore them from a backup"
    )]
    Gap {
        /// First index of the journal.
        journal: u64,
        /// Size of the snapshot.
        snapshot: u64,
    },
    /// A published tile lies beyond the journal's head.
    #[error(
        "{tile} is published, but the journal ends at {size} entries: a batch that was committed is lost. Restore the \
         newest copy of the journal"
    )]
    TileBeyondHead {
        /// Path of the tile.
        tile: String,
        /// The log's size.
        size: u64,
    },
    /// The last checkpoint is not signed by our keys.
    #[error("the last checkpoint is not signed by the keys of this notary: {0}")]
    Checkpoint(String),
    /// The log before this one cannot be read, or is another.
    #[error(transparent)]
    Closed(#[from] ClosedError),
    /// What was carried from the log before does not fit.
    #[error("this log does not continue the logs before it: {0}")]
    Carried(String),
    /// The first batch could not be made.
    #[error("the log could not be created: {0}")]
    Create(String),
}

/// Everything that opening needs.
pub struct OpenOptions {
    /// The file system.
    pub fs: Arc<dyn FileSystem>,
    /// Where everything lies.
    pub layout: Layout,
    /// The log's keys, which know its origin.
    pub signer: Arc<LogSigner>,
    /// The key of COSE receipts.
    pub cose: Arc<CoseSigningKey>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Sizes of the journal.
    pub journal: JournalOptions,
    /// How many submissions are remembered.
    pub remembered: RememberedLimits,
    /// Randomness of the salts in `when`.
    pub salts: StdRng,
    /// The closed logs that this one continues, oldest first.
    pub previous: Vec<ClosedLog>,
    /// The head that the operator accepts, after restoring a backup.
    pub accept_head: Option<AcceptedHead>,
}

/// An open log, its parts not yet running.
pub struct Opened {
    /// Makes batches.
    pub sealer: Sealer,
    /// Makes them durable.
    pub committer: Committer,
    /// Writes files.
    pub publisher: Publisher,
    /// Reads the log.
    pub view: Arc<LogView>,
    /// Reads it and those before it.
    pub chain: Chain,
    /// Lists registers.
    pub listing: Arc<Listing>,
}

/// Opens an existing log.
///
/// # Errors
/// Any [`OpenError`]; the words say what to do.
pub fn open(options: OpenOptions) -> Result<Opened, OpenError> {
    let OpenOptions {
        fs,
        layout,
        signer,
        journal,
        remembered,
        salts,
        previous,
        accept_head,
        ..
    } = options;
    let closed = open_closed(&fs, &previous, &signer)?;
    let mut replay = Replay {
        fs: Arc::clone(&fs),
        layout: layout.clone(),
        origin: signer.origin().clone(),
        closed,
        snapshot: 0,
        state: State::default(),
        log: None,
        last: None,
        segment: 0,
    };
    let opened = Journal::open(
        Arc::clone(&fs),
        &layout.journal,
        journal,
        &mut |header, payload| replay.frame(header, payload).map_err(Into::into),
    );
    let journal = opened.map_err(unwrap_rejection)?;
    // The last frame is durable now, whatever the crash left of it: it may be published.
    replay.take_last();
    // The journal is locked: nobody else writes here.
    for directory in [layout.snapshots(), layout.remembered()] {
        clean_leftovers(&*fs, &directory)?;
    }
    let Replay {
        state, log, segment, ..
    } = replay;
    let Some(ReplayedLog {
        view,
        chain,
        carried,
        edge,
        mut publisher,
        listing,
    }) = log
    else {
        return Err(OpenError::Empty);
    };
    check_head(&view, &signer, &edge)?;
    if let Some(note) = &carried {
        check_opened(&view, note)?;
    }
    check_nothing_beyond(&*fs, &layout, edge.size())?;
    let memory = SignerState::read(&*fs, &layout.signer_state)?;
    signer_state::check(
        memory.as_ref(),
        accept_head,
        signer.origin(),
        &layout.signer_state,
        &view,
    )?;
    publisher.keep(journal.keeper());
    resume_erasures(&*fs, &layout, &state, &mut publisher)?;
    let sealer = Sealer::new(signer.origin().clone(), state, edge, remembered, salts);
    Ok(Opened {
        sealer,
        committer: Committer {
            signer,
            journal,
            segment,
        },
        publisher,
        view,
        chain,
        listing,
    })
}

/// Hands over the erasures of which it is not known that they are done, with the snapshot that
/// has to be there first.
fn resume_erasures(
    fs: &dyn FileSystem,
    layout: &Layout,
    state: &State,
    publisher: &mut Publisher,
) -> Result<(), OpenError> {
    let done = usize::try_from(publish::erasures_done(fs, layout)?).unwrap_or(usize::MAX);
    let after = state.size().get();
    let pending = (0..).zip(state.erasures().effective()).skip(done);
    let pending = pending.map(|(number, erasure)| PendingErasure {
        number,
        erasure: erasure.clone(),
        after,
    });
    publisher.resume_erasures(pending);
    if publisher.has_erasures() {
        publisher.take(Task::Snapshot(Snapshot::of(state)));
    }
    Ok(())
}

/// The journal hands back what the visitor refused; give the reason itself.
fn unwrap_rejection(error: JournalError) -> OpenError {
    match error {
        JournalError::Rejected { source, .. } => match source.downcast::<OpenError>() {
            Ok(own) => *own,
            Err(other) => OpenError::Batch {
                first: 0,
                problem: other.to_string(),
            },
        },
        other => OpenError::Journal(other),
    }
}

/// The newest snapshot of a log with `base` entries before it, or what it began with.
fn read_snapshot(
    fs: &dyn FileSystem,
    layout: &Layout,
    carried: Option<Carried>,
) -> Result<(State, u64), OpenError> {
    let base = carried.as_ref().map_or(0, |carried| carried.base);
    let directory = layout.snapshots();
    let names = if fs.metadata(&directory)?.is_some() {
        fs.list(&directory)?
    } else {
        Vec::new()
    };
    let Some(size) = names.iter().filter_map(|name| name.parse::<u64>().ok()).max() else {
        let (mut state, generations) = match carried {
            Some(carried) => (carried.state, carried.generations),
            None => (State::default(), Vec::new()),
        };
        load_generations(fs, layout, &mut state, &generations)?;
        return Ok((state, 0));
    };
    let path = layout.snapshot(size);
    let file = fs.read(&path, SNAPSHOT_BYTES_MAX)?;
    let damaged = || DurableError::Damaged {
        path: path.clone(),
        problem: "it is no snapshot of the state",
    };
    let (_, contents) = SNAPSHOT.open(&path, &file)?;
    let (mut state, generations) = State::decode(contents, base).map_err(|_| damaged())?;
    if state.size().get() != size {
        return Err(damaged().into());
    }
    load_generations(fs, layout, &mut state, &generations)?;
    Ok((state, size))
}

/// Loads the complete generations of remembered submissions that a state relies on.
fn load_generations(
    fs: &dyn FileSystem,
    layout: &Layout,
    state: &mut State,
    generations: &[u64],
) -> Result<(), OpenError> {
    state
        .remembered_mut()
        .reserve(generations.len() as u64 * crate::state::GENERATION);
    for &number in generations {
        let path = layout.generation(number);
        let file = fs.read(&path, SNAPSHOT_BYTES_MAX)?;
        let (_, contents) = GENERATION.open(&path, &file)?;
        let loaded = state.remembered_mut().load_generation(contents, false);
        if loaded != Ok(number) {
            let problem = "it does not hold remembered submissions";
            return Err(DurableError::Damaged { path, problem }.into());
        }
    }
    Ok(())
}

/// The log as replay builds it, once the first frame says where it begins.
struct ReplayedLog {
    view: Arc<LogView>,
    chain: Chain,
    /// The final checkpoint of the log before.
    carried: Option<String>,
    edge: CompactRange,
    publisher: Publisher,
    listing: Arc<Listing>,
}

/// Folds the journal's frames.
struct Replay {
    fs: Arc<dyn FileSystem>,
    layout: Layout,
    origin: Origin,
    closed: Vec<Arc<ReadLog>>,
    snapshot: u64,
    state: State,
    log: Option<ReplayedLog>,
    /// The newest frame, which is in doubt until the journal is open.
    last: Option<Arc<Sealed>>,
    segment: u64,
}

impl Replay {
    fn frame(&mut self, header: &FrameHeader, payload: &[u8]) -> Result<(), OpenError> {
        let refused = |problem: String| OpenError::Batch {
            first: header.first_index,
            problem,
        };
        let count = usize::try_from(header.count).unwrap_or(usize::MAX);
        let (stored, note) = StoredBatch::parse(Bytes::copy_from_slice(payload), count)
            .map_err(|error: StoredError| refused(error.to_string()))?;
        if self.log.is_none() {
            self.log = Some(self.begin(header.first_index)?);
        }
        self.take_last();
        self.publish_some()?;
        let sealed = Arc::new(self.seal(header, stored, note)?);
        if let Some(log) = &mut self.log {
            log.edge = sealed
                .batch
                .tree
                .compact_range()
                .ok_or_else(|| refused("it is empty".to_owned()))?;
            log.view.append(Arc::clone(&sealed));
        }
        self.last = Some(sealed);
        self.segment = header.position.segment;
        Ok(())
    }

    /// Everything before the first frame is in files: the right edge follows from them.
    ///
    /// Nothing but the journal is opened before its first frame comes, since only then is
    /// it locked: a second server must not touch what the first one uses.
    fn begin(&mut self, first: u64) -> Result<ReplayedLog, OpenError> {
        let carried = carried::read(&*self.fs, &self.layout)?;
        check_carried(carried.as_ref(), self.closed.last())?;
        let note = carried.as_ref().map(|carried| carried.note.clone());
        (self.state, self.snapshot) = read_snapshot(&*self.fs, &self.layout, carried)?;
        if first > self.snapshot {
            return Err(OpenError::Gap {
                journal: first,
                snapshot: self.snapshot,
            });
        }
        // The files of a bundle that the first frame continues are complete: its earlier
        // part was released only then.
        let published = first.div_ceil(TILE) * TILE;
        let size = LogSize::new(first).map_err(|_| OpenError::Empty)?;
        let head = Head {
            size,
            root: Hash::from_bytes([0; 32]),
            note: "".into(),
            time: Instant::from_millis(0),
        };
        let view = LogView::open(Arc::clone(&self.fs), self.layout.clone(), published, head)?;
        let edge = edge_at(&view, size)?;
        let view = Arc::new(view);
        let present = ReadLog {
            origin: self.origin.clone(),
            base: self.state.base(),
            view: Arc::clone(&view),
            cose: None,
            kept: None,
        };
        let chain = Chain::new(std::mem::take(&mut self.closed), Arc::new(present));
        let listing = self.open_listing()?;
        let publisher = Publisher::new(
            Arc::clone(&self.fs),
            self.layout.clone(),
            chain.clone(),
            Arc::clone(&listing),
            published,
            self.snapshot,
        );
        Ok(ReplayedLog {
            view,
            chain,
            carried: note,
            edge,
            publisher,
            listing,
        })
    }

    fn open_listing(&self) -> Result<Arc<Listing>, OpenError> {
        // sled makes its files readable by all; what it lists is private.
        self.fs.create_dir_all(&self.layout.index, PRIVATE_DIRECTORY)?;
        let listing = Listing::open(&self.layout.index);
        // Asked before replay, which begins at the snapshot and brings the listing up to
        // the head without the pages that were full before.
        if listing.followed() < self.state.base().saturating_add(self.snapshot) {
            listing.mark_incomplete();
        }
        Ok(Arc::new(listing))
    }

    fn seal(&mut self, header: &FrameHeader, stored: StoredBatch, note: String) -> Result<Sealed, OpenError> {
        let refused = |problem: String| OpenError::Batch {
            first: header.first_index,
            problem,
        };
        let first = LogIndex::new(header.first_index).map_err(|error| refused(error.to_string()))?;
        let edge = self.log.as_ref().map(|log| log.edge.clone()).unwrap_or_default();
        let mut entries = Vec::with_capacity(stored.len());
        let mut leaves = Vec::with_capacity(stored.len());
        let (mut pages, mut generations) = (Vec::new(), Vec::new());
        // Which erasures have to be done is known when all frames are read.
        let erasures = Vec::new();
        let mut time = Instant::from_millis(0);
        for (index, bytes) in (header.first_index..).zip(stored.iter()) {
            if self.state.closed().is_some() {
                return Err(refused("it stands behind the statement close".to_owned()));
            }
            let entry = StoredEntry::decode(&bytes).map_err(|error| refused(error.to_string()))?;
            let (public, leaf) = public_entry(&entry);
            entries.push(public);
            leaves.push(leaf);
            // A snapshot is taken between batches: a frame lies before it or behind it.
            if index >= self.snapshot {
                let completed = self.fold(index, &entry).map_err(&refused)?;
                pages.extend(completed.page);
                generations.extend(completed.generation);
                time = self.state.last_time();
            } else if let Some(next) = closing(&entry) {
                self.state.set_closed(next);
            }
        }
        let tree =
            RangeTree::at_end(&edge, leaves).map_err(|error: ProofError| refused(error.to_string()))?;
        let size = tree.size();
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size,
            root: tree.root(),
        };
        let signed = SignedNote::parse(&note).map_err(|error| refused(error.to_string()))?;
        if signed.text() != checkpoint.text() {
            return Err(refused(format!(
                "its checkpoint says\n{}but its entries and the tiles before them give\n{}",
                signed.text(),
                checkpoint.text()
            )));
        }
        let tile_roots = completed_tiles(&tree, first, size);
        let batch = Batch {
            first,
            stored,
            entries,
            tree,
            tile_roots,
            pages,
            generations,
            erasures,
            checkpoint,
            time,
            stated: None,
        };
        Ok(Sealed {
            batch,
            note: note.into(),
        })
    }

    fn fold(&mut self, index: u64, entry: &StoredEntry) -> Result<Completed, String> {
        match entry {
            StoredEntry::Statement(json) => {
                let index = LogIndex::new(index).map_err(|error| error.to_string())?;
                let statement = Statement::parse(json).map_err(|error| error.to_string())?;
                Ok(self.state.apply_statement(index, &statement))
            }
            StoredEntry::Record(record) => {
                let facts = facts_of(record).map_err(|error| error.to_string())?;
                Ok(self.state.apply(&facts))
            }
        }
    }

    fn take_last(&mut self) {
        if let (Some(log), Some(last)) = (&mut self.log, self.last.take()) {
            log.publisher.take(Task::Batch(last));
        }
    }

    /// Keeps memory bounded while a long journal is read. Only frames before the last one
    /// are with the publisher, and those are durable.
    fn publish_some(&mut self) -> Result<(), OpenError> {
        let Some(log) = &mut self.log else { return Ok(()) };
        if log
            .publisher
            .progress()
            .waiting_bytes
            .load(std::sync::atomic::Ordering::Acquire)
            > RECOVERY_ROUND_BYTES
        {
            log.publisher.round()?;
        }
        Ok(())
    }
}

pub(crate) fn public_entry(entry: &StoredEntry) -> (PublicEntry, Hash) {
    match entry {
        StoredEntry::Record(record) => {
            let record = record.leaves().root();
            (PublicEntry::Record(record), record_leaf_hash(&record))
        }
        StoredEntry::Statement(_) => {
            let bytes = entry.entry_bytes();
            let leaf = leaf_hash(&bytes);
            (PublicEntry::Statement(bytes), leaf)
        }
    }
}

/// The next log, if the entry is the statement that closes this one.
fn closing(entry: &StoredEntry) -> Option<NextLog> {
    let StoredEntry::Statement(json) = entry else {
        return None;
    };
    match Statement::parse(json) {
        Ok(Statement::Close { keys, next }) => Some(NextLog { origin: next, keys }),
        _ => None,
    }
}

/// The right edge of the tree over the first `size` entries.
pub(crate) fn edge_at(view: &LogView, size: LogSize) -> Result<CompactRange, ViewError> {
    let entries = size.get();
    let mut hashes = Vec::new();
    for level in (0..64_u8).rev().filter(|level| entries >> level & 1 == 1) {
        hashes.push(view.node(level, (entries >> level) - 1)?);
    }
    // One hash for each bit of the size: what a compact range is.
    CompactRange::from_parts(size, hashes).map_err(|_| ViewError::Beyond {
        level: 0,
        index: entries,
    })
}

/// The last checkpoint must be signed by our keys: a log of other keys is another log.
fn check_head(view: &LogView, signer: &LogSigner, edge: &CompactRange) -> Result<(), OpenError> {
    let head = view.head();
    let refused = |problem: String| OpenError::Checkpoint(problem);
    let note = SignedNote::parse(&head.note).map_err(|error| refused(error.to_string()))?;
    let verified = note
        .verify(signer.verifiers())
        .map_err(|error| refused(error.to_string()))?;
    if verified.len() != 2 {
        return Err(refused(format!(
            "{} of its 2 signature lines are there",
            verified.len()
        )));
    }
    if head.root != edge.root() {
        return Err(refused("its root is not that of the log".to_owned()));
    }
    Ok(())
}

/// A full tile is written only after its last entry is durable in the journal.
fn check_nothing_beyond(fs: &dyn FileSystem, layout: &Layout, size: LogSize) -> Result<(), OpenError> {
    let first = size.get() / TILE;
    for index in first..first + LOOK_BEYOND {
        let path = layout.public_tile(&TilePath::Hashes {
            level: 0,
            index,
            width: TileWidth::FULL,
        });
        if fs.metadata(&path)?.is_some() {
            return Err(OpenError::TileBeyondHead {
                tile: path.display().to_string(),
                size: size.get(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod crash_matrix;
