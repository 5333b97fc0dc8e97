//! Reading the committed log: what is in files, and what is not yet.
//!
//! The newest entries and the right edge of every tile level are in memory; everything
//! before them is in immutable files. An entry leaves memory only after its files are
//! durable, so a reader finds it in one place or the other, always.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, RwLock},
};

use bytes::Bytes;
use tokio::sync::watch;
use trialseal_core::{
    entry::Entry,
    hash::{Hash, RecordId},
    index::{LogIndex, LogSize},
    merkle::{EMPTY_ROOT, node_hash, nodes::NodeSource},
    tile::{TileError, TilePath, TileWidth, encode_entries, parse_entries},
};

use crate::{
    bundle,
    durable::DurableError,
    erasure::StrikeError,
    fs::{FileError, FileSystem},
    layout::{Layout, TILE},
    seal::{Batch, PublicEntry},
    state::{read_lock, write_lock},
    stored::{StoredEntry, StoredError},
};

/// A file of tiles is 256 hashes.
pub(crate) const TILE_BYTES: u64 = 256 * 32;
/// An entry bundle with 256 statements of the largest size.
pub(crate) const ENTRIES_BYTES_MAX: u64 = 256 * (2 + 65_535);

/// The log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is damaged.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// A stored entry is damaged.
    #[error("entry {index}: {error}")]
    Stored {
        /// Log index.
        index: u64,
        /// What is wrong.
        error: StoredError,
    },
    /// An entry is too long for a bundle.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// A tile has the wrong size.
    #[error("{0} does not hold 256 hashes")]
    TileSize(PathBuf),
    /// A hash was asked for that the committed log does not have.
    #[error("node {index} at level {level} is not in the log yet")]
    Beyond {
        /// Level of the node.
        level: u8,
        /// Its index there.
        index: u64,
    },
}

/// A batch that is durable, with the checkpoint that covers it.
#[derive(Debug)]
pub struct Sealed {
    /// The batch.
    pub batch: Batch,
    /// The checkpoint with the log's two signature lines.
    pub note: Arc<str>,
}

/// The newest committed checkpoint.
#[derive(Debug, Clone)]
pub struct Head {
    /// Entries.
    pub size: LogSize,
    /// Root over them.
    pub root: Hash,
    /// The signed checkpoint.
    pub note: Arc<str>,
    /// Time of the batch that it covers last.
    pub time: trialseal_core::time::Instant,
}

/// The hashes of one tile level from `start` on, a multiple of 256.
#[derive(Debug, Default)]
struct Edge {
    start: u64,
    hashes: VecDeque<Hash>,
}

impl Edge {
    /// Number of hashes at this level, those in files included.
    fn end(&self) -> u64 {
        self.start + self.hashes.len() as u64
    }
}

#[derive(Debug)]
struct Recent {
    head: Head,
    edges: Vec<Edge>,
    /// In log order; together they hold every entry from the first unpublished bundle on.
    batches: VecDeque<Arc<Sealed>>,
}

/// The committed log, for readers. Cheap to share; all methods may block on a disk.
pub struct LogView {
    fs: Arc<dyn FileSystem>,
    layout: Layout,
    recent: RwLock<Recent>,
    committed: watch::Sender<u64>,
}

impl LogView {
    /// A view of a log whose first `published` entries (a multiple of 256) are in files.
    ///
    /// # Errors
    /// If the tiles on the way to the right edge cannot be read.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        layout: Layout,
        published: u64,
        head: Head,
    ) -> Result<Self, ViewError> {
        let recent = Recent {
            head,
            edges: Vec::new(),
            batches: VecDeque::new(),
        };
        let view = Self {
            fs,
            layout,
            recent: RwLock::new(recent),
            committed: watch::Sender::new(published),
        };
        let mut edges = vec![Edge {
            start: published,
            hashes: VecDeque::new(),
        }];
        let mut tiles = published / TILE;
        while tiles > 0 {
            let level = u8::try_from(edges.len()).unwrap_or(u8::MAX);
            let start = tiles / TILE * TILE;
            let mut edge = Edge {
                start,
                hashes: VecDeque::new(),
            };
            for number in start..tiles {
                edge.hashes
                    .push_back(subtree_root(&view.read_tile(level - 1, number)?));
            }
            edges.push(edge);
            tiles /= TILE;
        }
        write_lock(&view.recent).edges = edges;
        Ok(view)
    }

    /// Where its files lie.
    #[must_use]
    pub fn folder(&self) -> (&Arc<dyn FileSystem>, &Layout) {
        (&self.fs, &self.layout)
    }

    /// The newest committed checkpoint.
    #[must_use]
    pub fn head(&self) -> Head {
        read_lock(&self.recent).head.clone()
    }

    /// Adds a batch that is durable now, and wakes who waits for it.
    pub fn append(&self, sealed: Arc<Sealed>) {
        let batch = &sealed.batch;
        let size = batch.checkpoint.size;
        let mut recent = write_lock(&self.recent);
        recent.head = Head {
            size,
            root: batch.checkpoint.root,
            note: Arc::clone(&sealed.note),
            time: batch.time,
        };
        let leaves = recent.edge(0);
        // At a start the first batches may lie in files already, in part or as a whole.
        let known = leaves.end().saturating_sub(batch.first.get());
        leaves.hashes.extend(
            batch
                .tree
                .leaves()
                .iter()
                .skip(usize::try_from(known).unwrap_or(usize::MAX)),
        );
        for root in &batch.tile_roots {
            let edge = recent.edge(usize::from(root.level));
            if root.index == edge.end() {
                edge.hashes.push_back(root.hash);
            }
        }
        if size.get() > recent.edge(0).start {
            recent.batches.push_back(Arc::clone(&sealed));
        }
        drop(recent);
        self.committed.send_replace(size.get());
    }

    /// Forgets what lies below `published` entries, all of it durable in files.
    pub fn forget_below(&self, published: u64) {
        let mut recent = write_lock(&self.recent);
        let mut keep = published;
        for edge in &mut recent.edges {
            keep = keep / TILE * TILE;
            let drop = usize::try_from(keep.saturating_sub(edge.start)).unwrap_or(usize::MAX);
            edge.hashes.drain(..drop.min(edge.hashes.len()));
            edge.start = edge.start.max(keep);
            keep /= TILE;
        }
        while recent
            .batches
            .front()
            .is_some_and(|sealed| sealed.batch.checkpoint.size.get() <= published)
        {
            recent.batches.pop_front();
        }
    }

    /// Where its files lie.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Whether an entry's bundle is in files.
    #[must_use]
    pub fn is_in_files(&self, index: LogIndex) -> bool {
        let recent = read_lock(&self.recent);
        recent.edges.first().is_some_and(|edge| index.get() < edge.start)
    }

    /// Puts what `strike` gives in the place of an entry that is in memory; the batch that holds it
    /// now, if it is.
    ///
    /// # Errors
    /// As `strike`.
    pub fn strike(
        &self,
        index: LogIndex,
        strike: impl FnOnce(&Bytes) -> Result<Option<Bytes>, StrikeError>,
    ) -> Result<Option<Arc<Sealed>>, StrikeError> {
        let mut recent = write_lock(&self.recent);
        let holds = |sealed: &&mut Arc<Sealed>| {
            let batch = &sealed.batch;
            batch.first <= index && index.get() < batch.checkpoint.size.get()
        };
        let Some(sealed) = recent.batches.iter_mut().find(holds) else {
            return Ok(None);
        };
        let position = usize::try_from(index.get() - sealed.batch.first.get()).unwrap_or(usize::MAX);
        let stored = sealed.batch.stored.get(position).ok_or(StoredError::Truncated)?;
        if let Some(struck) = strike(&stored)? {
            let mut batch = sealed.batch.clone();
            batch.stored = batch.stored.with(position, &struck)?;
            *sealed = Arc::new(Sealed {
                batch,
                note: Arc::clone(&sealed.note),
            });
        }
        Ok(Some(Arc::clone(sealed)))
    }

    /// Bytes of entries held in memory until their files are written.
    #[must_use]
    pub fn unpublished_bytes(&self) -> usize {
        read_lock(&self.recent)
            .batches
            .iter()
            .map(|sealed| sealed.batch.stored.payload().len())
            .sum()
    }

    /// Waits until the log has more than `index` entries; false if it closed before.
    pub async fn committed(&self, index: LogIndex) -> bool {
        self.committed
            .subscribe()
            .wait_for(|size| *size > index.get())
            .await
            .is_ok()
    }

    /// The stored bytes of an entry; none beyond the head.
    ///
    /// # Errors
    /// If a file is missing or damaged.
    pub fn stored_bytes(&self, index: LogIndex) -> Result<Option<Bytes>, ViewError> {
        let recent = read_lock(&self.recent);
        if index.get() >= recent.head.size.get() {
            return Ok(None);
        }
        let at = recent
            .batches
            .partition_point(|sealed| sealed.batch.checkpoint.size.get() <= index.get());
        if let Some(sealed) = recent.batches.get(at)
            && let Some(position) = index.get().checked_sub(sealed.batch.first.get())
        {
            return Ok(usize::try_from(position)
                .ok()
                .and_then(|position| sealed.batch.stored.get(position)));
        }
        drop(recent);
        let number = index.get() / TILE;
        let bundle = self.read_records(number)?;
        Ok(usize::try_from(index.get() % TILE)
            .ok()
            .and_then(|offset| bundle.into_iter().nth(offset)))
    }

    /// The id of the record at an index; none where there is a statement, and beyond the head.
    ///
    /// Read from the public entries, which are small: 35 bytes where the record has kilobytes, to be
    /// read and hashed.
    ///
    /// # Errors
    /// If a file is missing or damaged.
    pub fn record_id(&self, index: LogIndex) -> Result<Option<RecordId>, ViewError> {
        let recent = read_lock(&self.recent);
        if index.get() >= recent.head.size.get() {
            return Ok(None);
        }
        let at = recent
            .batches
            .partition_point(|sealed| sealed.batch.checkpoint.size.get() <= index.get());
        if let Some(sealed) = recent.batches.get(at)
            && let Some(position) = index.get().checked_sub(sealed.batch.first.get())
        {
            let entries = &sealed.batch.entries;
            let entry = usize::try_from(position)
                .ok()
                .and_then(|position| entries.get(position));
            return Ok(entry.and_then(PublicEntry::record));
        }
        drop(recent);
        let path = TilePath::Entries {
            index: index.get() / TILE,
            width: TileWidth::FULL,
        };
        let path = self.layout.public_tile(&path);
        let bytes = self.fs.read(&path, ENTRIES_BYTES_MAX)?;
        let entries = parse_entries(&bytes).map_err(|_| DurableError::Damaged {
            path,
            problem: "it is no entry bundle",
        })?;
        let entry = usize::try_from(index.get() % TILE)
            .ok()
            .and_then(|offset| entries.get(offset));
        Ok(match entry.map(|entry| Entry::parse(entry)) {
            Some(Ok(Entry::Record(record))) => Some(record),
            _ => None,
        })
    }

    /// An entry as stored; none beyond the head.
    ///
    /// # Errors
    /// If a file is missing or damaged.
    pub fn stored(&self, index: LogIndex) -> Result<Option<StoredEntry>, ViewError> {
        let Some(bytes) = self.stored_bytes(index)? else {
            return Ok(None);
        };
        StoredEntry::decode(&bytes)
            .map(Some)
            .map_err(|error| ViewError::Stored {
                index: index.get(),
                error,
            })
    }

    /// An entry as stored, checked against its leaf in the tree; none beyond the head. Reads no more of a bundle
    /// than the entry, so that a page of a list touches little of a hundred files.
    ///
    /// # Errors
    /// If a file is missing or damaged.
    pub fn stored_checked(&self, index: LogIndex) -> Result<Option<StoredEntry>, ViewError> {
        let number = index.get() / TILE;
        let published = read_lock(&self.recent).edges.first().map_or(0, |edge| edge.start);
        if (number + 1) * TILE > published {
            return self.stored(index);
        }
        let path = self.layout.records(number);
        let file = self.fs.open(&path, crate::fs::Access::Read)?;
        let position = usize::try_from(index.get() % TILE).unwrap_or(0);
        let bytes = bundle::read_one(&*file, &path, number * TILE, position)?;
        let entry = StoredEntry::decode(&bytes).map_err(|error| ViewError::Stored {
            index: index.get(),
            error,
        })?;
        let leaf = trialseal_core::merkle::leaf_hash(&entry.entry_bytes());
        if self.node(0, index.get())? == leaf {
            return Ok(Some(entry));
        }
        Err(DurableError::Damaged {
            path,
            problem: "an entry is not the one in the log's tree",
        }
        .into())
    }

    /// The 256 stored entries of a bundle that is in files.
    ///
    /// # Errors
    /// If the file is missing or damaged.
    pub fn read_records(&self, number: u64) -> Result<Vec<Bytes>, ViewError> {
        let path = self.layout.records(number);
        let file = self.fs.read(&path, bundle::BUNDLE_BYTES_MAX)?;
        Ok(bundle::decode(&path, file, number * TILE)?)
    }

    /// The bytes of a tile or an entry bundle of the committed log, full or partial;
    /// none if the log does not reach so far.
    ///
    /// # Errors
    /// If a file is missing or damaged.
    pub fn tile(&self, path: &TilePath) -> Result<Option<Vec<u8>>, ViewError> {
        match *path {
            TilePath::Checkpoint => Ok(Some(self.head().note.as_bytes().to_vec())),
            TilePath::Hashes { level, index, width } => self.hash_tile(level, index, width.get()),
            TilePath::Entries { index, width } => self.entry_bundle(index, width.get()),
        }
    }

    fn hash_tile(&self, level: u8, index: u64, width: u16) -> Result<Option<Vec<u8>>, ViewError> {
        let width = usize::from(width);
        let recent = read_lock(&self.recent);
        let Some(edge) = recent.edges.get(usize::from(level)) else {
            return Ok(None);
        };
        let start = index.saturating_mul(TILE);
        if start < edge.start {
            drop(recent);
            let mut hashes = self.read_tile(level, index)?;
            hashes.truncate(width);
            return Ok(Some(concatenated(hashes.iter())));
        }
        let skip = usize::try_from(start - edge.start).unwrap_or(usize::MAX);
        if skip.checked_add(width).is_none_or(|end| end > edge.hashes.len()) {
            return Ok(None);
        }
        Ok(Some(concatenated(edge.hashes.iter().skip(skip).take(width))))
    }

    fn entry_bundle(&self, number: u64, width: u16) -> Result<Option<Vec<u8>>, ViewError> {
        let first = number.saturating_mul(TILE);
        let recent = read_lock(&self.recent);
        if first.saturating_add(u64::from(width)) > recent.head.size.get() {
            return Ok(None);
        }
        if recent.edges.first().is_some_and(|edge| first < edge.start) {
            drop(recent);
            let full = TilePath::Entries {
                index: number,
                width: TileWidth::FULL,
            };
            let bytes = self.fs.read(&self.layout.public_tile(&full), ENTRIES_BYTES_MAX)?;
            if u64::from(width) == TILE {
                return Ok(Some(bytes));
            }
            // A client whose checkpoint is older than the tile asks for its first part.
            let entries = parse_entries(&bytes).map_err(|_| DurableError::Damaged {
                path: self.layout.public_tile(&full),
                problem: "it is no entry bundle",
            })?;
            return Ok(Some(encode_entries(
                entries.iter().take(usize::from(width)).copied(),
            )?));
        }
        let entries: Vec<Vec<u8>> = recent
            .batches
            .iter()
            .flat_map(|sealed| (sealed.batch.first.get()..).zip(&sealed.batch.entries))
            .skip_while(|(index, _)| *index < first)
            .take(usize::from(width))
            .map(|(_, entry)| PublicEntry::bytes(entry))
            .collect();
        Ok(Some(encode_entries(entries.iter().map(Vec::as_slice))?))
    }

    fn read_tile(&self, level: u8, index: u64) -> Result<Vec<Hash>, ViewError> {
        let path = TilePath::Hashes {
            level,
            index,
            width: TileWidth::FULL,
        };
        let path = self.layout.public_tile(&path);
        let bytes = self.fs.read(&path, TILE_BYTES)?;
        let hashes: Vec<Hash> = bytes
            .chunks_exact(32)
            .filter_map(|hash| Hash::from_slice(hash).ok())
            .collect();
        if hashes.len() == 256 && bytes.len() == 256 * 32 {
            Ok(hashes)
        } else {
            Err(ViewError::TileSize(path))
        }
    }
}

impl Recent {
    fn edge(&mut self, level: usize) -> &mut Edge {
        if self.edges.len() <= level {
            self.edges.resize_with(level + 1, Edge::default);
        }
        &mut self.edges[level]
    }
}

/// The root over the hashes of a complete subtree.
fn subtree_root(hashes: &[Hash]) -> Hash {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[left, right]| node_hash(left, right))
            .collect();
    }
    level.first().copied().unwrap_or(EMPTY_ROOT)
}

fn concatenated<'a>(hashes: impl Iterator<Item = &'a Hash>) -> Vec<u8> {
    hashes.flat_map(|hash| hash.as_bytes()).copied().collect()
}

impl NodeSource for LogView {
    type Error = ViewError;

    /// A complete subtree lies within one tile: its root follows from at most 256 hashes.
    fn node(&self, level: u8, index: u64) -> Result<Hash, ViewError> {
        let beyond = ViewError::Beyond { level, index };
        let (tile_level, shift) = (level / 8, level % 8);
        let (Some(first), count) = (index.checked_shl(u32::from(shift)), 1_usize << shift) else {
            return Err(beyond);
        };
        let recent = read_lock(&self.recent);
        let Some(edge) = recent.edges.get(usize::from(tile_level)) else {
            return Err(beyond);
        };
        if let Some(skip) = first.checked_sub(edge.start) {
            let skip = usize::try_from(skip).unwrap_or(usize::MAX);
            if skip.saturating_add(count) > edge.hashes.len() {
                return Err(beyond);
            }
            let hashes: Vec<Hash> = edge.hashes.iter().skip(skip).take(count).copied().collect();
            drop(recent);
            return Ok(subtree_root(&hashes));
        }
        drop(recent);
        let tile = self.read_tile(tile_level, first / TILE)?;
        let offset = usize::try_from(first % TILE).unwrap_or(0);
        tile.get(offset..offset + count).map(subtree_root).ok_or(beyond)
    }
}
