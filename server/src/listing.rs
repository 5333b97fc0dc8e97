//! The listing of registers in sled: full pages of 256 rows, filled by the publisher.
//!
//! Everything here follows from the log and can be deleted at any time: it is then made
//! anew in the background while sealing goes on. sled is never the only copy of
//! anything, is never read by admission or sequencing, and its errors never stop the
//! notary: they set the database aside and start a rebuild.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use trialseal_core::{
    hash::sha256_of,
    index::LogIndex,
    vocabulary::{Class, Event},
};

use crate::{
    chain::{Chain, ReadLog},
    facts::facts_of,
    state::{FullPage, ROW_BYTES, Registers, Row, read_lock, write_lock},
    stored::StoredEntry,
    view::ViewError,
};

const PAGES: &str = "pages/1";
const DIGESTS: &str = "digests/1";
const META: &str = "meta";
const FOLLOWED: &str = "followed";
const VOCABULARY: &str = "vocabulary";
/// sled keeps its default of 1 GiB otherwise; pages are read seldom.
const CACHE_BYTES: u64 = 8 << 20;

/// The database failed; it will be made anew.
#[derive(Debug, thiserror::Error)]
enum ListingError {
    #[error("the listing's database failed: {0}")]
    Sled(#[from] sled::Error),
    #[error(transparent)]
    View(#[from] ViewError),
    #[error("record {0} cannot be read back")]
    Record(u64),
}

/// A page that cannot be had now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// The entries, of all logs, that the listing has reached.
    pub reached: u64,
}

#[derive(Debug)]
struct Database {
    // Dropping the database releases its files; the trees only refer to it.
    db: sled::Db,
    pages: sled::Tree,
    digests: sled::Tree,
    meta: sled::Tree,
}

/// The listing. Shared by the publisher, which writes, and readers.
#[derive(Debug)]
pub struct Listing {
    directory: PathBuf,
    database: RwLock<Option<Database>>,
    /// Entries, of all logs of the notary, up to which every full page is there.
    followed: AtomicU64,
    rebuilding: AtomicBool,
    stopping: AtomicBool,
}

impl Listing {
    /// Opens the listing. It is whole up to the size that [`Self::followed`] gives; the
    /// caller starts [`Self::rebuild`] if that is less than it needs.
    #[must_use]
    pub fn open(directory: &Path) -> Self {
        let listing = Self {
            directory: directory.to_owned(),
            database: RwLock::new(None),
            followed: AtomicU64::new(0),
            rebuilding: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        };
        match open_database(directory) {
            Ok((database, followed)) => {
                *write_lock(&listing.database) = Some(database);
                listing.followed.store(followed, Ordering::Release);
            }
            Err(error) => listing.set_aside(&error),
        }
        listing
    }

    /// The entries, of all logs of the notary, that the listing reflects.
    #[must_use]
    pub fn followed(&self) -> u64 {
        self.followed.load(Ordering::Acquire)
    }

    /// Whether the listing is being made anew.
    #[must_use]
    pub fn rebuilding(&self) -> bool {
        self.rebuilding.load(Ordering::Acquire)
    }

    /// A full page of a register.
    ///
    /// # Errors
    /// [`Behind`] if it is not there (yet).
    pub fn page(&self, register: u32, page: u64) -> Result<Vec<Row>, Behind> {
        let behind = Behind {
            reached: self.followed(),
        };
        let database = read_lock(&self.database);
        let found = database
            .as_ref()
            .map(|database| database.pages.get(page_key(register, page)));
        match found {
            Some(Ok(Some(bytes))) => unpack(&bytes).ok_or(behind),
            Some(Ok(None)) | None => Err(behind),
            Some(Err(error)) => {
                drop(database);
                self.set_aside(&error.into());
                Err(behind)
            }
        }
    }

    /// A page of the digests in an opening; none if it is not there (any more): it is made anew from the
    /// opening's file.
    #[must_use]
    pub fn digests(&self, opened: u64, page: u32) -> Option<Vec<u8>> {
        let database = read_lock(&self.database);
        let found = database.as_ref()?.digests.get(digest_key(opened, page));
        match found {
            Ok(found) => found.map(|bytes| bytes.to_vec()),
            Err(error) => {
                drop(database);
                self.set_aside(&error.into());
                None
            }
        }
    }

    /// Keeps the pages of the digests in an opening.
    pub fn keep_digests(&self, opened: u64, pages: &[Vec<u8>]) {
        let kept = read_lock(&self.database).as_ref().map(|database| {
            (0..).zip(pages).try_for_each(|(page, bytes)| {
                let kept = database
                    .digests
                    .insert(digest_key(opened, page), bytes.as_slice());
                kept.map(drop)
            })
        });
        if let Some(Err(error)) = kept {
            self.set_aside(&error.into());
        }
    }

    /// Forgets the digests in an opening that is no more.
    pub fn forget_digests(&self, opened: u64) {
        let forgotten = read_lock(&self.database).as_ref().map(|database| {
            let keys = database.digests.scan_prefix(opened.to_be_bytes()).keys();
            keys.collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .try_for_each(|key| database.digests.remove(key).map(drop))
        });
        if let Some(Err(error)) = forgotten {
            let error: sled::Error = error;
            self.set_aside(&error.into());
        }
    }

    /// Adds the pages that the log filled on its way to the place `end`.
    pub fn follow(&self, pages: &[FullPage], end: u64) {
        let mut failed = None;
        if let Some(database) = read_lock(&self.database).as_ref() {
            for page in pages {
                if let Err(error) = database.insert(page) {
                    failed = Some(error);
                    break;
                }
            }
        }
        match failed {
            Some(error) => self.set_aside(&error),
            None if self.rebuilding() || read_lock(&self.database).is_none() => {}
            None => self.followed.store(end, Ordering::Release),
        }
    }

    /// Writes down how far the listing has come. Called before a snapshot is taken, so
    /// that the pages which replay can no longer produce are in the database.
    pub fn flush(&self) -> bool {
        let flushed = match read_lock(&self.database).as_ref() {
            Some(database) if !self.rebuilding() => database.flush(self.followed()),
            _ => return false,
        };
        match flushed {
            Ok(()) => true,
            Err(error) => {
                self.set_aside(&error);
                false
            }
        }
    }

    /// The database lacks pages that replay cannot produce: the publisher starts a
    /// rebuild.
    pub fn mark_incomplete(&self) {
        *write_lock(&self.database) = None;
        self.followed.store(0, Ordering::Release);
    }

    /// True if the database failed or was missing, and a rebuild must be started.
    #[must_use]
    pub fn needs_rebuild(&self) -> bool {
        read_lock(&self.database).is_none() && !self.rebuilding()
    }

    /// Makes the listing anew from all committed logs, up to the head at the start; the
    /// publisher adds what comes later. Blocks; runs on a thread of its own.
    pub fn rebuild(&self, chain: &Chain) {
        if self.rebuilding.swap(true, Ordering::AcqRel) {
            return;
        }
        self.followed.store(0, Ordering::Release);
        let result = self.start_anew().and_then(|()| self.refill(chain));
        self.rebuilding.store(false, Ordering::Release);
        match result {
            Ok(size) => {
                self.followed.store(size, Ordering::Release);
                tracing::info!(size, "the listing is whole again");
            }
            Err(error) => self.set_aside(&error),
        }
    }

    /// Ends a rebuild early.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    fn start_anew(&self) -> Result<(), ListingError> {
        let mut database = write_lock(&self.database);
        *database = None;
        if self.directory.exists() {
            move_aside(&self.directory);
        }
        let (new, _) = open_database(&self.directory)?;
        *database = Some(new);
        Ok(())
    }

    fn refill(&self, chain: &Chain) -> Result<u64, ListingError> {
        let mut registers = Registers::default();
        for log in chain.closed().iter().chain([chain.present()]) {
            self.refill_from(log, &mut registers)?;
        }
        Ok(self.followed())
    }

    fn refill_from(&self, log: &ReadLog, registers: &mut Registers) -> Result<(), ListingError> {
        let mut index = 0;
        // The head moves on meanwhile; the last entries are caught up with as well.
        while index < log.size().get() && !self.stopping.load(Ordering::Acquire) {
            let at = LogIndex::new(index).map_err(|_| ListingError::Record(index))?;
            if let Some(StoredEntry::Record(record)) = log.view.stored(at)? {
                let facts = facts_of(&record).map_err(|_| ListingError::Record(index))?;
                let owner = facts.owner().clone();
                let row = facts.row(log.place(facts.index));
                let page = registers.append(&facts.register, &owner, facts.sequence, facts.record, row);
                if let (Some(page), Some(database)) = (page, read_lock(&self.database).as_ref()) {
                    database.insert(&page)?;
                }
            }
            index += 1;
            self.followed.store(log.base + index, Ordering::Release);
        }
        Ok(())
    }

    fn set_aside(&self, error: &ListingError) {
        tracing::error!(%error, "the listing is set aside and made anew; sealing goes on");
        *write_lock(&self.database) = None;
        self.followed.store(0, Ordering::Release);
        move_aside(&self.directory);
    }
}

impl Database {
    fn insert(&self, page: &FullPage) -> Result<(), ListingError> {
        let rows: Vec<u8> = page.rows.concat();
        self.pages.insert(page_key(page.register, page.page), rows)?;
        Ok(())
    }

    fn flush(&self, followed: u64) -> Result<(), ListingError> {
        self.pages.flush()?;
        self.meta.insert(FOLLOWED, &followed.to_be_bytes())?;
        self.db.flush()?;
        Ok(())
    }
}

fn open_database(directory: &Path) -> Result<(Database, u64), ListingError> {
    let db = sled::Config::new()
        .path(directory)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None)
        .mode(sled::Mode::LowSpace)
        .open()?;
    let database = Database {
        pages: db.open_tree(PAGES)?,
        digests: db.open_tree(DIGESTS)?,
        meta: db.open_tree(META)?,
        db,
    };
    // Rows hold positions in the lists of classes and events: other lists, other rows.
    let vocabulary = vocabulary_hash();
    let known = database.meta.get(VOCABULARY)?;
    if known.as_deref() != Some(vocabulary.as_slice()) {
        database.pages.clear()?;
        database.meta.remove(FOLLOWED)?;
        database.meta.insert(VOCABULARY, vocabulary.as_slice())?;
    }
    let followed = database.meta.get(FOLLOWED)?;
    let followed = followed.and_then(|bytes| <[u8; 8]>::try_from(bytes.as_ref()).ok());
    Ok((database, followed.map_or(0, u64::from_be_bytes)))
}

fn vocabulary_hash() -> [u8; 32] {
    let mut codes = String::new();
    for code in Class::ALL
        .iter()
        .map(|class| class.as_str())
        .chain(Event::ALL.iter().map(|e| e.as_str()))
    {
        codes.push_str(code);
        codes.push('\n');
    }
    *sha256_of(&[codes.as_bytes()]).as_bytes()
}

fn page_key(register: u32, page: u64) -> [u8; 12] {
    let mut key = [0; 12];
    let (head, tail) = key.split_at_mut(4);
    head.copy_from_slice(&register.to_be_bytes());
    tail.copy_from_slice(&page.to_be_bytes());
    key
}

fn digest_key(opened: u64, page: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (head, tail) = key.split_at_mut(8);
    head.copy_from_slice(&opened.to_be_bytes());
    tail.copy_from_slice(&page.to_be_bytes());
    key
}

fn unpack(bytes: &[u8]) -> Option<Vec<Row>> {
    let (rows, rest) = bytes.as_chunks::<ROW_BYTES>();
    if !rest.is_empty() {
        return None;
    }
    rows.iter().map(|row| Row::unpack(*row).ok()).collect()
}

/// Keeps one broken copy for whoever wants to look; it is derived data.
fn move_aside(directory: &Path) {
    let aside = directory.with_extension("broken");
    let removed = fs::remove_dir_all(&aside).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    });
    let result = removed.and_then(|()| match fs::rename(directory, &aside) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    });
    if let Err(error) = result {
        tracing::error!(%error, directory = %directory.display(), "cannot set the listing aside; remove it by hand");
    }
}
