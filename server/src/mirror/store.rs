//! What a mirror keeps: full tiles and entry bundles as immutable files, and the *head*, one small file that is
//! replaced as a whole: the newest checkpoint and the entries behind the last full bundle.
//!
//! Replacing the head is the commit. Files beyond it are durable before, and nobody is served them; after a crash
//! they are written again with the same contents. Before the first of them is written the checkpoint that they
//! were verified against is kept as *pending*, so that a log that later shows another history is found out.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use trialseal_core::{
    checkpoint::{SignedCheckpoint, SignedCheckpointError},
    hash::Hash,
    index::LogSize,
    merkle::{builder, nodes::NodeSource},
    note::{NOTE_BYTES_MAX, NoteError, SignedNote},
    tile::{HASH_TILE_BYTES, TileError, TilePath, TileWidth, encode_entries, parse_entries},
};

use super::{
    LogTrust,
    tree::{TileFile, Tree, concatenated},
};
use crate::{
    codec::{Malformed, Reader, Writer},
    durable::{Batch, DurableError, Envelope, HEADER_BYTES, replace},
    fs::{FileError, FileSystem, Lock, PRIVATE_DIRECTORY, PRIVATE_FILE, PUBLIC_DIRECTORY, PUBLIC_FILE},
    layout::TILE,
    state::{read_lock, write_lock},
    view::ENTRIES_BYTES_MAX,
};

const HEAD: Envelope = Envelope {
    magic: *b"TSMIRROR",
    version: 1,
};
/// Two notes, a growing bundle, and what is around them.
const HEAD_BYTES_MAX: u64 = 2 * NOTE_BYTES_MAX as u64 + ENTRIES_BYTES_MAX + HEADER_BYTES as u64 + 64;

/// What is kept cannot be used, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system failed, or another process mirrors into the folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is damaged, or stands there with other contents.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// An entry is too long for a bundle.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// A file does not hold what its name says.
    #[error("{}: {problem}; keep a copy of the folder, and mirror anew into an empty one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The checkpoint is not signed by the keys of the trust file.
    #[error("{}: {error}; is the trust file that of another log?", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: SignedCheckpointError,
    },
    /// The files do not give the root that the log signed.
    #[error(
        "the mirror's files of size {size} do not lead to the root {signed} that the log signed (they give {found}): \
         a file was changed or lost; keep a copy of the folder, and mirror anew into an empty one"
    )]
    Root {
        /// Size of the tree.
        size: LogSize,
        /// What the files give, base64.
        found: String,
        /// What was signed, base64.
        signed: String,
    },
}

/// The newest checkpoint that was taken over, with the right edge of its tree.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) signed: SignedCheckpoint,
    /// The newest one that the quorum cosigned, not necessarily this one.
    pub(super) witnessed: Option<SignedNote>,
    pub(super) tree: Tree,
    /// Index of the `close` statement.
    pub(super) closed: Option<u64>,
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.text(&self.signed.note.to_string());
        writer.u8(u8::from(self.witnessed.is_some()));
        if let Some(note) = &self.witnessed {
            writer.text(&note.to_string());
        }
        writer.u8(u8::from(self.closed.is_some()));
        writer.u64(self.closed.unwrap_or_default());
        writer.raw(self.tree.bundle());
        HEAD.seal(&writer.finish())
    }
}

/// A head as it was read: its tree needs the tiles.
struct Read<'a> {
    note: &'a str,
    witnessed: Option<&'a str>,
    closed: Option<u64>,
    bundle: &'a [u8],
}

impl<'a> Read<'a> {
    fn decode(contents: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(contents);
        let note = reader.text()?;
        let witnessed = match reader.u8()? {
            0 => None,
            _ => Some(reader.text()?),
        };
        let is_closed = reader.u8()? != 0;
        let index = reader.u64()?;
        Ok(Self {
            note,
            witnessed,
            closed: is_closed.then_some(index),
            bundle: reader.rest(),
        })
    }
}

/// The folder of a mirror. One process at a time; cheap to share within it.
pub struct Store {
    fs: Arc<dyn FileSystem>,
    root: PathBuf,
    head: RwLock<Option<Arc<Head>>>,
    files: Mutex<Batch>,
    _lock: Box<dyn Lock>,
}

impl Store {
    /// Opens the folder, which may be empty, and checks that its tiles lead to the root of its checkpoint.
    ///
    /// # Errors
    /// Another process has it open, or what it holds is not what the log signed.
    pub fn open(fs: Arc<dyn FileSystem>, root: &Path, trust: &LogTrust) -> Result<Self, StoreError> {
        fs.create_dir_all(&root.join("state"), PRIVATE_DIRECTORY)?;
        fs.create_dir_all(&root.join("public"), PUBLIC_DIRECTORY)?;
        let lock = fs.lock(&root.join("state/lock"), PRIVATE_FILE)?;
        let files = new_batch(&fs, root);
        let store = Self {
            fs,
            root: root.to_owned(),
            head: RwLock::new(None),
            files: Mutex::new(files),
            _lock: lock,
        };
        let head = store.read_head(trust)?.map(Arc::new);
        *write_lock(&store.head) = head;
        Ok(store)
    }

    pub(super) fn fs(&self) -> &dyn FileSystem {
        &*self.fs
    }

    /// The mirror's folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn head_path(&self) -> PathBuf {
        self.root.join("state/head")
    }

    fn pending_path(&self) -> PathBuf {
        self.root.join("state/pending.checkpoint")
    }

    /// The newest checkpoint that was taken over, and its tree.
    pub(super) fn head(&self) -> Option<Arc<Head>> {
        read_lock(&self.head).clone()
    }

    fn read_head(&self, trust: &LogTrust) -> Result<Option<Head>, StoreError> {
        let path = self.head_path();
        let damaged = |problem: String| StoreError::Damaged {
            path: path.clone(),
            problem,
        };
        if self.fs.metadata(&path)?.is_none() {
            return Ok(None);
        }
        let bytes = self.fs.read(&path, HEAD_BYTES_MAX)?;
        let (_, contents) = HEAD.open(&path, &bytes)?;
        let read = Read::decode(contents).map_err(|error| damaged(error.to_string()))?;
        let signed = trust.verify(read.note).map_err(|error| StoreError::Checkpoint {
            path: path.clone(),
            error,
        })?;
        let size = signed.checkpoint.size;
        let mut above = Vec::new();
        let mut tiles = size.get() / TILE;
        while tiles > 0 {
            let level = u8::try_from(above.len()).unwrap_or(u8::MAX);
            let growing = tiles / TILE * TILE..tiles;
            let hashes = growing.map(|index| Ok(builder::root_of(&self.read_tile(level, index)?)));
            above.push(hashes.collect::<Result<Vec<Hash>, StoreError>>()?);
            tiles /= TILE;
        }
        let tree = Tree::from_edge(size, above, read.bundle.to_vec())
            .map_err(|error| damaged(error.to_string()))?
            .ok_or_else(|| {
                damaged(format!(
                    "its entries are not those behind the last full bundle of {size}"
                ))
            })?;
        if tree.root() != signed.checkpoint.root {
            return Err(StoreError::Root {
                size,
                found: tree.root().to_base64(),
                signed: signed.checkpoint.root.to_base64(),
            });
        }
        let witnessed = read.witnessed.map(SignedNote::parse).transpose();
        Ok(Some(Head {
            signed,
            witnessed: witnessed.map_err(|error: NoteError| damaged(error.to_string()))?,
            tree,
            closed: read.closed,
        }))
    }

    /// The checkpoint that was being caught up with, if any was.
    pub(super) fn pending(&self, trust: &LogTrust) -> Result<Option<SignedCheckpoint>, StoreError> {
        let path = self.pending_path();
        if self.fs.metadata(&path)?.is_none() {
            return Ok(None);
        }
        let bytes = self.fs.read(&path, NOTE_BYTES_MAX as u64)?;
        let note = str::from_utf8(&bytes).map_err(|error| StoreError::Damaged {
            path: path.clone(),
            problem: error.to_string(),
        })?;
        let signed = trust.verify(note);
        Ok(Some(
            signed.map_err(|error| StoreError::Checkpoint { path, error })?,
        ))
    }

    /// Keeps the checkpoint that files are verified against, before the first of them is written.
    pub(super) fn begin(&self, target: &SignedNote) -> Result<(), StoreError> {
        let note = target.to_string();
        Ok(replace(
            &*self.fs,
            &self.pending_path(),
            note.as_bytes(),
            PRIVATE_FILE,
        )?)
    }

    /// Makes files durable, which nobody is served yet.
    pub(super) fn write(&self, files: &[TileFile]) -> Result<(), StoreError> {
        if files.is_empty() {
            return Ok(());
        }
        let mut batch = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let mut write = || {
            for file in files {
                batch.add(&file.path.to_string(), &file.bytes)?;
            }
            batch.commit()
        };
        let written = write();
        if written.is_err() {
            *batch = new_batch(&self.fs, &self.root);
        }
        Ok(written?)
    }

    /// Replaces the head, and serves it when it is durable. Every file of its tree must be.
    pub(super) fn commit(&self, head: Head) -> Result<(), StoreError> {
        replace(&*self.fs, &self.head_path(), &head.encode(), PRIVATE_FILE)?;
        *write_lock(&self.head) = Some(Arc::new(head));
        Ok(())
    }

    /// The bytes of a tile or an entry bundle, full or partial; none beyond the head.
    pub(super) fn tile(&self, path: &TilePath) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(head) = self.head() else {
            return Ok(None);
        };
        match *path {
            TilePath::Checkpoint => Ok(Some(head.signed.note.to_string().into_bytes())),
            TilePath::Hashes { level, index, width } => self.hash_tile(&head, level, index, width),
            TilePath::Entries { index, width } => self.entry_bundle(&head, index, width),
        }
    }

    fn hash_tile(
        &self,
        head: &Head,
        level: u8,
        index: u64,
        width: TileWidth,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let width = usize::from(width.get());
        let full = trialseal_core::tile::full_tiles(level, head.signed.checkpoint.size);
        if index < full {
            let hashes = self.read_tile(level, index)?;
            return Ok(hashes.get(..width).map(concatenated));
        }
        let growing = head.tree.edge(level).get(..width).filter(|_| index == full);
        Ok(growing.map(concatenated))
    }

    fn entry_bundle(&self, head: &Head, index: u64, width: TileWidth) -> Result<Option<Vec<u8>>, StoreError> {
        let full = head.signed.checkpoint.size.get() / TILE;
        let width = usize::from(width.get());
        let cut = |bundle: &[u8]| -> Result<Option<Vec<u8>>, TileError> {
            match parse_entries(bundle)?.get(..width) {
                Some(entries) => encode_entries(entries.iter().copied()).map(Some),
                None => Ok(None),
            }
        };
        if index > full {
            return Ok(None);
        }
        let path = self.public(&TilePath::Entries {
            index,
            width: TileWidth::FULL,
        });
        let damaged = |error: TileError| StoreError::Damaged {
            path: path.clone(),
            problem: error.to_string(),
        };
        if index == full {
            return cut(head.tree.bundle()).map_err(damaged);
        }
        let bytes = self.fs.read(&path, ENTRIES_BYTES_MAX)?;
        if width == TILE as usize {
            return Ok(Some(bytes));
        }
        cut(&bytes).map_err(damaged)
    }

    fn public(&self, path: &TilePath) -> PathBuf {
        self.root.join("public").join(path.to_string())
    }

    /// The 256 hashes of a full tile.
    fn read_tile(&self, level: u8, index: u64) -> Result<Vec<Hash>, StoreError> {
        let width = TileWidth::FULL;
        let path = self.public(&TilePath::Hashes { level, index, width });
        let bytes = self.fs.read(&path, HASH_TILE_BYTES as u64)?;
        if bytes.len() != HASH_TILE_BYTES {
            let problem = "it does not hold 256 hashes".to_owned();
            return Err(StoreError::Damaged { path, problem });
        }
        let (hashes, _) = bytes.as_chunks::<32>();
        Ok(hashes.iter().map(|hash| Hash::from_bytes(*hash)).collect())
    }
}

/// The nodes of the tree of the head.
impl NodeSource for Store {
    type Error = StoreError;

    fn node(&self, level: u8, index: u64) -> Result<Hash, StoreError> {
        let (tile_level, within) = (level / 8, level % 8);
        let first = index << within;
        let (tile, count) = (first / TILE, 1_usize << within);
        let offset = usize::try_from(first % TILE).unwrap_or(usize::MAX);
        let head = self.head();
        let size = head
            .as_ref()
            .map_or(LogSize::EMPTY, |head| head.signed.checkpoint.size);
        let full = trialseal_core::tile::full_tiles(tile_level, size);
        let stored;
        let hashes = match &head {
            Some(head) if tile >= full => head.tree.edge(tile_level),
            _ => {
                stored = self.read_tile(tile_level, tile)?;
                &stored
            }
        };
        let node = hashes
            .get(offset..offset.saturating_add(count))
            .map(builder::root_of);
        node.ok_or_else(|| StoreError::Damaged {
            path: self.root.clone(),
            problem: format!("node {index} of level {level} is beyond the size {size}"),
        })
    }
}

fn new_batch(fs: &Arc<dyn FileSystem>, root: &Path) -> Batch {
    Batch::new(
        Arc::clone(fs),
        &root.join("public"),
        PUBLIC_DIRECTORY,
        PUBLIC_FILE,
    )
}
