//! Publishing: from committed batches to immutable files, behind the sequencer's back.
//!
//! For every 256 entries a hash tile, an entry bundle and a record bundle; the tiles
//! above as they fill; objects of remembered submissions; snapshots. A journal segment
//! is released only when everything that follows from it was written and synced by this
//! very process. What fails for want of space is tried again; meanwhile the journal
//! keeps the entries, and admission refuses early when it fills.

mod erase;

use std::{
    collections::VecDeque,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use trialseal_core::{
    hash::Hash,
    merkle::{builder, nodes::NodeSource as _},
    tile::{TileError, TilePath, TileWidth, encode_entries},
};

pub use self::erase::{DONE, Pending as PendingErasure, done as erasures_done};
use crate::{
    bundle,
    chain::Chain,
    durable::{Batch as DurableBatch, DurableError, Envelope, write_new},
    erasure::StrikeError,
    fs::{FileError, FileSystem, PRIVATE_DIRECTORY, PRIVATE_FILE, PUBLIC_DIRECTORY, PUBLIC_FILE},
    journal::{JournalError, JournalKeeper},
    layout::{Layout, TILE},
    listing::Listing,
    openings::{Openings, OpeningsError},
    sequence::Shared,
    state::State,
    stored::StoredError,
    view::{LogView, Sealed, ViewError},
};

/// Snapshots of the state.
pub const SNAPSHOT: Envelope = Envelope {
    magic: *b"TSSTATE\0",
    version: 2,
};
/// Objects of remembered submissions.
pub const GENERATION: Envelope = Envelope {
    magic: *b"TSREMEMB",
    version: 1,
};
/// Bundles written between two syncs of their directories.
const ROUND: usize = 64;
/// Full tiles that are worth a round at once. Each round syncs the folders that it wrote to, and
/// every sync competes with the journal's.
const ROUND_WORTH: u64 = 16;
/// Bytes of waiting entries that are.
const ROUND_WORTH_BYTES: u64 = 8 << 20;
/// Fewer wait this long for more; so does a round that failed.
const ROUND_EVERY: Duration = Duration::from_millis(500);

/// What the publisher is told.
#[derive(Debug)]
pub enum Task {
    /// A batch is durable in the journal.
    Batch(Arc<Sealed>),
    /// The state after some entries, all durable in the journal.
    Snapshot(Snapshot),
}

/// A state to be written down.
#[derive(Debug)]
pub struct Snapshot {
    /// Log size.
    pub size: u64,
    /// The encoded state.
    pub bytes: Vec<u8>,
    /// The complete generations of remembered submissions that it relies on.
    pub generations: Vec<u64>,
}

impl Snapshot {
    /// Of a state.
    #[must_use]
    pub fn of(state: &State) -> Self {
        Self {
            size: state.size().get(),
            bytes: state.encode(),
            generations: state.complete_generations(),
        }
    }
}

/// Why a round failed.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A file could not be written, or stands there with other contents.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// A file could not be listed or removed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The committed log could not be read back.
    #[error(transparent)]
    View(#[from] ViewError),
    /// An entry is too long for a bundle.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// What is erased could not be taken out of the journal.
    #[error("what a tombstone names could not be erased in the journal: {0}")]
    Journal(#[from] JournalError),
    /// An opened manifest could not be erased.
    #[error("an opened manifest could not be erased: {0}")]
    Openings(#[from] OpeningsError),
    /// What is erased could not be taken out of an entry.
    #[error("what a tombstone names could not be erased: {0}")]
    Strike(#[from] StrikeError),
    /// A stored entry is damaged.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// Two computations of a tile's root disagree.
    #[error("tile {tile} has root {built} built as one tree and {folded} by the right edge")]
    RootsDiffer {
        /// Number of the tile at the lowest level.
        tile: u64,
        /// By `rs_merkle`.
        built: Hash,
        /// By the compact range.
        folded: Hash,
    },
}

impl PublishError {
    /// True where a retry can never help and the log must not go on.
    fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::RootsDiffer { .. } | Self::Durable(DurableError::Differs { .. })
        )
    }
}

/// How far publishing has come.
#[derive(Debug, Default)]
pub struct Progress {
    /// Entries whose files are durable, a multiple of 256.
    pub published: AtomicU64,
    /// Bytes of committed entries that are not in files yet.
    pub waiting_bytes: AtomicU64,
    /// Bytes that the journal holds.
    pub journal_bytes: AtomicU64,
    /// There is no next segment for the journal: what is accepted now might have to wait.
    pub no_segment: AtomicBool,
}

/// Writes the files.
pub struct Publisher {
    fs: Arc<dyn FileSystem>,
    layout: Layout,
    chain: Chain,
    view: Arc<LogView>,
    listing: Arc<Listing>,
    keeper: Option<JournalKeeper>,
    progress: Arc<Progress>,
    waiting: VecDeque<Arc<Sealed>>,
    /// Entries of the first waiting batch that are in files already.
    skip: usize,
    /// Size of the newest snapshot.
    snapshot: u64,
    pending_snapshot: Option<Snapshot>,
    generations: VecDeque<(u64, Vec<u8>)>,
    erasures: VecDeque<PendingErasure>,
    /// The openings that readers see; without them those in files are erased.
    openings: Option<Arc<Openings>>,
    /// Remember which directories are durable.
    files: Files,
    last_round: Instant,
}

/// The two roots that files are written below.
struct Files {
    public: DurableBatch,
    private: DurableBatch,
}

impl Files {
    fn new(fs: &Arc<dyn FileSystem>, layout: &Layout) -> Self {
        Self {
            public: DurableBatch::new(Arc::clone(fs), &layout.public, PUBLIC_DIRECTORY, PUBLIC_FILE),
            private: DurableBatch::new(Arc::clone(fs), &layout.private, PRIVATE_DIRECTORY, PRIVATE_FILE),
        }
    }
}

impl Publisher {
    /// Continues behind the entries that are in files; `snapshot` is the size of the newest
    /// snapshot.
    #[must_use]
    pub fn new(
        fs: Arc<dyn FileSystem>,
        layout: Layout,
        chain: Chain,
        listing: Arc<Listing>,
        published: u64,
        snapshot: u64,
    ) -> Self {
        let progress = Arc::new(Progress::default());
        progress.published.store(published, Ordering::Release);
        let files = Files::new(&fs, &layout);
        Self {
            fs,
            layout,
            view: Arc::clone(&chain.present().view),
            chain,
            listing,
            keeper: None,
            progress,
            waiting: VecDeque::new(),
            skip: 0,
            snapshot,
            pending_snapshot: None,
            generations: VecDeque::new(),
            erasures: VecDeque::new(),
            openings: None,
            files,
            last_round: Instant::now(),
        }
    }

    /// How far it has come, for others to watch.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// From now on, segments of this journal are prepared and released.
    pub fn keep(&mut self, keeper: JournalKeeper) {
        self.keeper = Some(keeper);
    }

    /// From now on, these openings forget what is erased.
    pub fn forget_in(&mut self, openings: Arc<Openings>) {
        self.openings = Some(openings);
    }

    /// Runs until the sequencer is gone and everything that it handed over is written,
    /// or cannot be.
    pub fn run(mut self, tasks: &Receiver<Task>, shared: &Shared) {
        loop {
            self.mend_listing();
            let first = match tasks.recv_timeout(self.patience()) {
                Ok(task) => Some(task),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            first.into_iter().for_each(|task| self.take(task));
            while let Ok(task) = tasks.try_recv() {
                self.take(task);
            }
            self.prepare_segment();
            if self.is_worth_a_round() && !self.round_or_log(shared) {
                return;
            }
        }
        self.round_or_log(shared);
        self.listing.flush();
    }

    /// How long to wait for the next task: none comes to say that it is time for a round.
    fn patience(&self) -> Duration {
        if self.has_work() {
            ROUND_EVERY
        } else {
            Duration::from_secs(3600)
        }
    }

    fn is_worth_a_round(&self) -> bool {
        let full = self.full_tiles() >= ROUND_WORTH
            || self.progress.waiting_bytes.load(Ordering::Acquire) >= ROUND_WORTH_BYTES;
        full || self.last_round.elapsed() >= ROUND_EVERY
    }

    fn round_or_log(&mut self, shared: &Shared) -> bool {
        let done = self.round();
        self.last_round = Instant::now();
        match done {
            Ok(()) => true,
            Err(error) if error.is_fatal() => {
                tracing::error!(%error, "the log's files contradict the log; sealing stops");
                shared.fail();
                false
            }
            Err(error) => {
                tracing::warn!(%error, "files could not be written; the journal keeps the entries meanwhile");
                true
            }
        }
    }

    /// Makes a lost or broken listing anew, on a thread of its own.
    fn mend_listing(&self) {
        if !self.listing.needs_rebuild() {
            return;
        }
        let (listing, chain) = (Arc::clone(&self.listing), self.chain.clone());
        let started = std::thread::Builder::new()
            .name("listing".to_owned())
            .spawn(move || listing.rebuild(&chain));
        if let Err(error) = started {
            tracing::error!(%error, "no thread for the listing; it is tried again");
        }
    }

    /// Takes a task without doing it yet.
    pub fn take(&mut self, task: Task) {
        match task {
            Task::Batch(sealed) => {
                let batch = &sealed.batch;
                let end = self.base().saturating_add(batch.checkpoint.size.get());
                self.listing.follow(&batch.pages, end);
                self.generations.extend(batch.generations.iter().cloned());
                let after = batch.checkpoint.size.get();
                let erasures = batch.erasures.iter().cloned();
                self.erasures
                    .extend(erasures.map(|(number, erasure)| PendingErasure {
                        number,
                        erasure,
                        after,
                    }));
                if batch.checkpoint.size.get() <= self.published() {
                    return;
                }
                if self.waiting.is_empty() {
                    let before = self.published().saturating_sub(batch.first.get());
                    self.skip = self.skip.max(usize::try_from(before).unwrap_or(0));
                }
                let bytes = batch.stored.payload().len() as u64;
                self.progress.waiting_bytes.fetch_add(bytes, Ordering::AcqRel);
                self.waiting.push_back(sealed);
            }
            Task::Snapshot(snapshot) => self.pending_snapshot = Some(snapshot),
        }
    }

    fn has_work(&self) -> bool {
        self.pending_snapshot.is_some()
            || !self.generations.is_empty()
            || self.has_erasures()
            || self.full_tiles() > 0
            || self.progress.no_segment.load(Ordering::Acquire)
    }

    /// Entries of the logs before this one.
    fn base(&self) -> u64 {
        self.chain.present().base
    }

    fn published(&self) -> u64 {
        self.progress.published.load(Ordering::Acquire)
    }

    fn full_tiles(&self) -> u64 {
        let end = self
            .waiting
            .back()
            .map_or(0, |sealed| sealed.batch.checkpoint.size.get());
        (end / TILE).saturating_sub(self.published() / TILE)
    }

    /// Writes all that can be written, and releases what need not be kept.
    ///
    /// # Errors
    /// What failed; everything not written stays to be tried again.
    pub fn round(&mut self) -> Result<(), PublishError> {
        self.prepare_segment();
        while self.full_tiles() > 0 {
            self.write_tiles()?;
            self.release();
            self.prepare_segment();
        }
        while let Some((number, bytes)) = self.generations.front() {
            let file = GENERATION.seal(bytes);
            let path = self.layout.generation(*number);
            self.create_parent(&path)?;
            write_new(&*self.fs, &path, &file, PRIVATE_FILE)?;
            self.generations.pop_front();
        }
        if let Some(snapshot) = &self.pending_snapshot {
            // Replay from the snapshot on will not fill these pages again; if the listing
            // loses them all the same, it finds out at the next start and is made anew.
            self.listing.flush();
            let path = self.layout.snapshot(snapshot.size);
            self.create_parent(&path)?;
            write_new(&*self.fs, &path, &SNAPSHOT.seal(&snapshot.bytes), PRIVATE_FILE)?;
            self.snapshot = snapshot.size;
            self.remove_superseded(snapshot)?;
            self.pending_snapshot = None;
        }
        self.release();
        self.prepare_segment();
        self.erase()
    }

    /// Writes the files of up to [`ROUND`] times 256 entries and makes them durable.
    fn write_tiles(&mut self) -> Result<(), PublishError> {
        let from = self.published() / TILE;
        let count = self.full_tiles().min(ROUND as u64);
        // After an error the next round starts with nothing half done.
        let mut files = std::mem::replace(&mut self.files, Files::new(&self.fs, &self.layout));
        let mut cursor = Cursor {
            waiting: &self.waiting,
            batch: 0,
            position: self.skip,
        };
        for number in from..from + count {
            let (entries, stored) = cursor.take_tile();
            let entries_path = TilePath::Entries {
                index: number,
                width: TileWidth::FULL,
            }
            .to_string();
            files
                .public
                .add(&entries_path, &encode_entries(entries.iter().map(Vec::as_slice))?)?;
            let path = self.layout.records(number);
            let contents = bundle::encode(number * TILE, &stored);
            // After a crash within an erasure one of the two may have more than the other.
            let contents = bundle::without_erased(&*self.fs, &path, number * TILE, contents)?;
            files
                .private
                .replace(&relative(&self.layout.private, &path), &contents)?;
            self.add_hash_tiles(&mut files.public, number)?;
        }
        let (batches, position) = (cursor.batch, cursor.position);
        files.public.commit()?;
        files.private.commit()?;
        self.files = files;
        // All of it is durable under its names: readers may use the files, and the
        // journal need not keep these entries for them.
        for sealed in self.waiting.drain(..batches) {
            let bytes = sealed.batch.stored.payload().len() as u64;
            self.progress.waiting_bytes.fetch_sub(bytes, Ordering::AcqRel);
        }
        self.skip = position;
        let published = (from + count) * TILE;
        self.progress.published.store(published, Ordering::Release);
        self.view.forget_below(published);
        Ok(())
    }

    /// The hash tile of 256 entries, and those above that it completes.
    fn add_hash_tiles(&self, public: &mut DurableBatch, number: u64) -> Result<(), PublishError> {
        let mut level = 0_u8;
        let mut index = number;
        loop {
            let path = TilePath::Hashes {
                level,
                index,
                width: TileWidth::FULL,
            };
            let missing = ViewError::Beyond { level, index };
            let bytes = self.view.tile(&path)?.ok_or(missing)?;
            if level == 0 {
                self.check_root(number, &bytes)?;
            }
            public.add(&path.to_string(), &bytes)?;
            if !(index + 1).is_multiple_of(TILE) || level >= 6 {
                return Ok(());
            }
            level += 1;
            index /= TILE;
        }
    }

    /// The tile built as one `rs_merkle` tree must have the root that the right edge has.
    fn check_root(&self, tile: u64, bytes: &[u8]) -> Result<(), PublishError> {
        let leaves: Vec<Hash> = bytes
            .chunks_exact(32)
            .filter_map(|hash| Hash::from_slice(hash).ok())
            .collect();
        let built = builder::root_of(&leaves);
        let folded = self.view.node(8, tile)?;
        if built == folded {
            Ok(())
        } else {
            Err(PublishError::RootsDiffer { tile, built, folded })
        }
    }

    fn create_parent(&self, path: &Path) -> Result<(), FileError> {
        match path.parent() {
            Some(parent) => self.fs.create_dir_all(parent, PRIVATE_DIRECTORY),
            None => Ok(()),
        }
    }

    /// Removes older snapshots, and the generations that the new one no longer needs.
    fn remove_superseded(&self, snapshot: &Snapshot) -> Result<(), PublishError> {
        let directory = self.layout.snapshots();
        for name in self.fs.list(&directory)? {
            if name.parse().is_ok_and(|size: u64| size < snapshot.size) {
                self.fs.remove_file(&directory.join(name))?;
            }
        }
        let directory = self.layout.remembered();
        if self.fs.metadata(&directory)?.is_none() {
            return Ok(());
        }
        for name in self.fs.list(&directory)? {
            let forgotten = name.parse().is_ok_and(|number: u64| {
                number < (self.base() + snapshot.size) / crate::state::GENERATION
                    && !snapshot.generations.contains(&number)
            });
            if forgotten {
                self.fs.remove_file(&directory.join(name))?;
            }
        }
        Ok(())
    }

    /// Makes the next journal segment ready, so that a commit never allocates. While that
    /// fails, admission refuses, and the segment in use takes what was accepted.
    fn prepare_segment(&self) {
        let Some(keeper) = self.keeper.as_ref().filter(|keeper| keeper.wants_preparing()) else {
            return;
        };
        let prepared = keeper.prepare();
        self.progress
            .no_segment
            .store(prepared.is_err(), Ordering::Release);
        if let Err(error) = prepared {
            tracing::warn!(%error, "the next journal segment could not be prepared; it is tried again");
        }
    }

    fn release(&self) {
        let Some(keeper) = &self.keeper else { return };
        let unwritten = self.generations.front().map_or(u64::MAX, |(number, _)| {
            (number * crate::state::GENERATION).saturating_sub(self.base())
        });
        let below = self.published().min(self.snapshot).min(unwritten);
        if let Err(error) = keeper.release(below) {
            tracing::warn!(%error, "journal segments could not be released; they are kept");
        }
        self.progress
            .journal_bytes
            .store(keeper.held_bytes(), Ordering::Release);
    }
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

/// Walks over the waiting batches, 256 entries at a time.
struct Cursor<'a> {
    waiting: &'a VecDeque<Arc<Sealed>>,
    batch: usize,
    position: usize,
}

impl Cursor<'_> {
    fn take_tile(&mut self) -> (Vec<Vec<u8>>, Vec<Bytes>) {
        let mut entries = Vec::with_capacity(256);
        let mut stored = Vec::with_capacity(256);
        while entries.len() < 256 {
            let Some(sealed) = self.waiting.get(self.batch) else {
                break;
            };
            let batch = &sealed.batch;
            let (Some(entry), Some(bytes)) =
                (batch.entries.get(self.position), batch.stored.get(self.position))
            else {
                self.batch += 1;
                self.position = 0;
                continue;
            };
            entries.push(entry.bytes());
            stored.push(bytes);
            self.position += 1;
        }
        (entries, stored)
    }
}
