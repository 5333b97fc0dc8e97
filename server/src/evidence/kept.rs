//! Kept evidence: every checkpoint that was witnessed, and every one that was timestamped.
//!
//! It cannot be derived from the log, so it is kept like the journal: frames appended to files and
//! made durable one by one. There are two directories, one for each [`Kind`]; a file is named by the
//! size of its first checkpoint and holds up to 1,024 checkpoints, then an index closes it. A frame
//! with the size of the one before takes its place: a witness answered late.

mod frame;
mod segment;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, RwLock},
};

use self::{
    frame::{ROWS, Row},
    segment::{Contents, damaged},
};
use super::Evidenced;
use crate::{
    durable::{DurableError, clean_leftovers},
    fs::{Access, File, FileError, FileSystem, PRIVATE_DIRECTORY, PRIVATE_FILE},
    layout::Layout,
    state::{read_lock, write_lock},
};

/// Checkpoints that are held in memory: those who wait ask for the newest.
const RECENT: usize = 16;
const NOT_NAMED: &str = "its first checkpoint is not the one in its name";

/// What a checkpoint is kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The quorum has cosigned it.
    Witnessed,
    /// Timestamp authorities have stamped it.
    Timestamped,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Witnessed, Self::Timestamped];

    /// The name of its directory.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Witnessed => "witnessed",
            Self::Timestamped => "timestamped",
        }
    }
}

/// Evidence could not be kept, or not be read back.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// The file system failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file could not be written whole.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// A file is damaged.
    #[error(
        "{} at offset {offset}: {problem}. Keep everything as it is, and restore this file from a backup; without one, \
         move it away: the evidence in it is lost, the log is not",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// A file is of a newer program.
    #[error("{} has format version {found}, and this program reads version 1: use the newer program", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u16,
    },
    /// There is more than a receipt may hold.
    #[error("the evidence for the checkpoint of size {0} is larger than a receipt may hold")]
    TooLarge(u64),
    /// An older checkpoint than the newest that is kept.
    #[error("evidence for size {given} comes after that for size {newest}")]
    Late {
        /// The size given.
        given: u64,
        /// The newest size that is kept.
        newest: u64,
    },
}

/// All kept evidence of one kind. Cheap to read beside one writer; all methods may block on a disk.
pub struct Kept {
    fs: Arc<dyn FileSystem>,
    directory: PathBuf,
    writer: Mutex<Writer>,
    found: RwLock<Found>,
}

/// Who appends.
#[derive(Default)]
struct Writer {
    /// The newest file, open; none before the first frame, and after a failure.
    file: Option<Box<dyn File>>,
    /// An append failed: what the newest file holds must be looked at before the next.
    failed: bool,
}

/// Where everything is.
#[derive(Default)]
struct Found {
    /// First sizes of all files, ascending.
    firsts: Vec<u64>,
    /// The newest file.
    newest: Contents,
    /// The newest checkpoints, ascending.
    recent: VecDeque<Arc<Evidenced>>,
}

impl Kept {
    /// Opens what is kept below `layout.private`; the one writer of the log calls this.
    ///
    /// # Errors
    /// If the newest file is damaged or cannot be read; what a crash left of its end is cut off.
    pub fn open(fs: Arc<dyn FileSystem>, layout: &Layout, kind: Kind) -> Result<Self, KeptError> {
        let directory = layout.evidence(kind);
        fs.create_dir_all(&directory, PRIVATE_DIRECTORY)?;
        // An earlier process may have made them and ended before they were durable.
        for made_in in [layout.all_evidence(), layout.private.clone()] {
            fs.sync_dir(&made_in)?;
        }
        clean_leftovers(&*fs, &directory)?;
        let kept = Self {
            fs,
            directory,
            writer: Mutex::new(Writer::default()),
            found: RwLock::new(Found::default()),
        };
        kept.recover()?;
        Ok(kept)
    }

    /// Finds what is kept of a log that nobody writes to any more, or nobody but another process;
    /// changes nothing. What comes later is not seen.
    ///
    /// # Errors
    /// If the newest file is damaged or cannot be read.
    pub fn read_only(fs: Arc<dyn FileSystem>, layout: &Layout, kind: Kind) -> Result<Self, KeptError> {
        let directory = layout.evidence(kind);
        let mut firsts = segment::list(&*fs, &directory)?;
        let mut found = Found::default();
        while let Some(first) = firsts.last().copied() {
            let path = segment::path(&directory, first);
            let file = fs.open(&path, Access::Read)?;
            let newest = scan_file::<KeptError>(&*file, &path, first, true, &mut |_, evidenced| {
                found.remember(Arc::new(evidenced));
                Ok(())
            })?;
            if !newest.rows.is_empty() {
                found.newest = newest;
                break;
            }
            // A crash left a file without its first frame.
            firsts.pop();
        }
        found.firsts = firsts;
        Ok(Self {
            fs,
            directory,
            writer: Mutex::new(Writer::default()),
            found: RwLock::new(found),
        })
    }

    /// The size of the newest checkpoint; 0 where there is none.
    #[must_use]
    pub fn newest_size(&self) -> u64 {
        read_lock(&self.found)
            .recent
            .back()
            .map_or(0, |newest| newest.checkpoint.size.get())
    }

    /// The newest checkpoint.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<Evidenced>> {
        read_lock(&self.found).recent.back().cloned()
    }

    /// The earliest checkpoint that includes the entry at `index`.
    ///
    /// # Errors
    /// If the file that holds it is damaged.
    pub fn earliest_with(&self, index: u64) -> Result<Option<Arc<Evidenced>>, KeptError> {
        let files = {
            let found = read_lock(&self.found);
            if let Some(recent) = found.in_recent(index) {
                return Ok(Some(recent));
            }
            found.firsts.partition_point(|first| *first <= index)
        };
        // It is in the last file that does not begin above the index, or the first of the next one.
        for place in files.saturating_sub(1)..=files {
            let (path, row) = {
                let found = read_lock(&self.found);
                let Some(first) = found.firsts.get(place) else {
                    break;
                };
                let newest = place + 1 == found.firsts.len();
                let row = newest.then(|| first_above(&found.newest.rows, index));
                (segment::path(&self.directory, *first), row)
            };
            let row = match row {
                Some(row) => row,
                None => first_above(&segment::read_index(&*self.fs, &path)?, index),
            };
            if let Some(row) = row {
                return segment::read_row(&*self.fs, &path, row).map(|evidenced| Some(Arc::new(evidenced)));
            }
        }
        Ok(None)
    }

    /// Keeps a checkpoint with its evidence, and returns when that is durable. In place of the newest
    /// that is kept, if it has the same size.
    ///
    /// # Errors
    /// If it could not be kept; a later call looks at what is there, and goes on.
    pub fn append(&self, evidenced: Arc<Evidenced>) -> Result<(), KeptError> {
        let mut writer = self
            .writer
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if writer.failed {
            writer.file = None;
            self.recover()?;
            writer.failed = false;
        }
        let (given, newest) = (evidenced.checkpoint.size.get(), self.newest_size());
        if given < newest {
            return Err(KeptError::Late { given, newest });
        }
        let bytes = frame::encode(&evidenced).ok_or(KeptError::TooLarge(given))?;
        let written = self.write(&mut writer, given, &bytes);
        writer.failed = written.is_err();
        let appended = written?;
        let mut found = write_lock(&self.found);
        match appended {
            Appended::Ignored => return Ok(()),
            Appended::New(first, contents) => {
                found.firsts.push(first);
                found.newest = contents;
            }
            Appended::Here => {}
        }
        found.newest.push(given, bytes.len());
        found.remember(evidenced);
        Ok(())
    }

    fn write(&self, writer: &mut Writer, size: u64, bytes: &[u8]) -> Result<Appended, KeptError> {
        let (first, end, closed, full, same) = {
            let found = read_lock(&self.found);
            let rows = &found.newest.rows;
            let same = rows.last().is_some_and(|last| last.size == size);
            (
                found.firsts.last().copied(),
                found.newest.end,
                found.newest.closed,
                rows.len() == ROWS,
                same,
            )
        };
        if closed && same {
            // The file was closed by a process that ended then: what is kept is good enough.
            return Ok(Appended::Ignored);
        }
        if let Some(first) = first.filter(|_| !closed && (same || !full)) {
            let file = self.open_newest(writer, first)?;
            file.write_at(end, &[bytes])?;
            file.sync_data()?;
            return Ok(Appended::Here);
        }
        if let Some(first) = first.filter(|_| !closed) {
            let index = frame::encode_index(&read_lock(&self.found).newest.rows);
            let file = self.open_newest(writer, first)?;
            file.write_at(end, &[&index])?;
            file.sync_data()?;
        }
        let file = self
            .fs
            .create_new(&segment::path(&self.directory, size), PRIVATE_FILE)?;
        file.write_at(0, &[bytes])?;
        file.sync_data()?;
        self.fs.sync_dir(&self.directory)?;
        writer.file = Some(file);
        Ok(Appended::New(size, Contents::default()))
    }

    fn open_newest<'w>(&self, writer: &'w mut Writer, first: u64) -> Result<&'w dyn File, KeptError> {
        let file = match writer.file.take() {
            Some(file) => file,
            None => self
                .fs
                .open(&segment::path(&self.directory, first), Access::ReadWrite)?,
        };
        Ok(&**writer.file.insert(file))
    }

    /// Looks at what is there, and mends the end of the newest file.
    fn recover(&self) -> Result<(), KeptError> {
        let mut firsts = segment::list(&*self.fs, &self.directory)?;
        let mut newest = Contents::default();
        while let Some(first) = firsts.last() {
            let path = segment::path(&self.directory, *first);
            match segment::recover(&*self.fs, &path)? {
                Some(contents) => {
                    if contents.rows.first().map(|row| row.size) != Some(*first) {
                        return Err(damaged(&path, 0, NOT_NAMED));
                    }
                    newest = contents;
                    break;
                }
                None => {
                    firsts.pop();
                }
            }
        }
        let mut recent = VecDeque::with_capacity(RECENT);
        if let Some(first) = firsts.last() {
            let path = segment::path(&self.directory, *first);
            for row in newest.rows.iter().skip(newest.rows.len().saturating_sub(RECENT)) {
                recent.push_back(Arc::new(segment::read_row(&*self.fs, &path, *row)?));
            }
        }
        *write_lock(&self.found) = Found {
            firsts,
            newest,
            recent,
        };
        Ok(())
    }
}

/// What an append did.
enum Appended {
    /// In the newest file.
    Here,
    /// In a new file.
    New(u64, Contents),
    /// Nothing: there is a frame for this size already, in a file that is closed.
    Ignored,
}

impl Contents {
    fn push(&mut self, size: u64, length: usize) {
        let row = Row {
            size,
            // A file of 1,024 frames is far below 4 GiB.
            offset: u32::try_from(self.end).unwrap_or(u32::MAX),
            length: u32::try_from(length).unwrap_or(u32::MAX),
        };
        match self.rows.last_mut() {
            Some(last) if last.size == size => *last = row,
            _ => self.rows.push(row),
        }
        self.end += length as u64;
    }
}

impl Found {
    /// The answer, where those in memory are enough to know it.
    fn in_recent(&self, index: u64) -> Option<Arc<Evidenced>> {
        let size = |evidenced: &Arc<Evidenced>| evidenced.checkpoint.size.get();
        // Below the oldest in memory there may be an earlier one.
        let known = self.recent.front().is_some_and(|oldest| size(oldest) <= index);
        let place = self.recent.partition_point(|evidenced| size(evidenced) <= index);
        self.recent.get(place).filter(|_| known).cloned()
    }

    fn remember(&mut self, evidenced: Arc<Evidenced>) {
        if self
            .recent
            .back()
            .is_some_and(|last| last.checkpoint.size == evidenced.checkpoint.size)
        {
            self.recent.pop_back();
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(evidenced);
    }
}

fn first_above(rows: &[Row], index: u64) -> Option<Row> {
    rows.get(rows.partition_point(|row| row.size <= index)).copied()
}

/// The sizes of the first checkpoints of all files in a directory, ascending, which name them.
///
/// # Errors
/// If the directory cannot be read.
pub fn sizes_of_files(fs: &dyn FileSystem, directory: &Path) -> Result<Vec<u64>, KeptError> {
    segment::list(fs, directory)
}

/// Reads every frame of the file whose first checkpoint has size `first`, in order. The end of the
/// `last` file may be what a live notary is writing just now; it is passed over.
///
/// # Errors
/// What is damaged, or what `visit` answers.
pub fn read_file<E: From<KeptError>>(
    fs: &dyn FileSystem,
    directory: &Path,
    first: u64,
    last: bool,
    visit: &mut dyn FnMut(&Path, u64, Evidenced) -> Result<(), E>,
) -> Result<(), E> {
    let path = segment::path(directory, first);
    let file = fs.open(&path, Access::Read).map_err(KeptError::from)?;
    scan_file(&*file, &path, first, last, &mut |offset, evidenced| {
        visit(&path, offset, evidenced)
    })?;
    Ok(())
}

fn scan_file<E: From<KeptError>>(
    file: &dyn File,
    path: &Path,
    first: u64,
    last: bool,
    visit: &mut dyn FnMut(u64, Evidenced) -> Result<(), E>,
) -> Result<Contents, E> {
    let length = file.length().map_err(KeptError::from)?;
    let contents = segment::walk(file, path, length, visit)?;
    if segment::damage(file, path, contents.end, length)? {
        return Err(damaged(path, contents.end, segment::DAMAGE).into());
    }
    let named = match contents.rows.first() {
        Some(row) => row.size == first,
        // A live notary may have made it just now.
        None => last,
    };
    if !named {
        return Err(damaged(path, 0, NOT_NAMED).into());
    }
    if !last && (!contents.closed || contents.end < length) {
        return Err(damaged(path, contents.end, "it does not end with an index").into());
    }
    Ok(contents)
}

/// Copies what is kept of a kind into another directory, in place of an older copy, durably. Files
/// that are closed and that an earlier copy holds are left alone where `trusted`. Returns how many
/// files and bytes were copied, and how many files were left alone.
///
/// # Errors
/// If a file is damaged, or cannot be read or written.
pub fn copy(fs: &dyn FileSystem, from: &Path, to: &Path, trusted: bool) -> Result<Copied, KeptError> {
    let mut copied = Copied::default();
    let firsts = segment::list(fs, from)?;
    fs.create_dir_all(to, PRIVATE_DIRECTORY)?;
    clean_leftovers(fs, to)?;
    for (place, first) in firsts.iter().enumerate() {
        let (source, target) = (segment::path(from, *first), segment::path(to, *first));
        let last = place + 1 == firsts.len();
        let file = fs.open(&source, Access::Read)?;
        let there = fs.metadata(&target)?.map(|metadata| metadata.length);
        if trusted && !last && there == Some(file.length()?) {
            copied.left += 1;
            continue;
        }
        let contents = scan_file::<KeptError>(&*file, &source, *first, last, &mut |_, _| Ok(()))?;
        if contents.end > 0 {
            segment::copy(fs, &*file, contents.end, &target)?;
            copied.files += 1;
            copied.bytes += contents.end;
        }
    }
    Ok(copied)
}

/// What [`copy`] did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Files that were copied.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were there already.
    pub left: u64,
}
