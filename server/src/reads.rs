//! The log of reads: who was shown what of a register, on record before the answer leaves.
//!
//! It cannot be derived from the log of records, so it is kept like the journal: frames appended to
//! files and made durable before anybody is answered. Each frame holds the hash of the one before,
//! so that none can be taken out of the middle or changed. Calls that come together share one sync.

mod frame;
mod segment;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use trialseal_core::{
    checkpoint::Origin,
    hash::{Hash, sha256_of},
    identifiers::{MemberId, OrganizationId, RegisterName},
    time::Instant,
};

use self::segment::Segment;
use crate::{
    durable::{DurableError, clean_leftovers},
    fs::{File, FileError, FileSystem, PRIVATE_DIRECTORY},
    layout::Layout,
};

pub use frame::ROLES_MAX;

/// Bytes of a file, about; a new one is begun behind it. Tests fill files sooner.
const SEGMENT_BYTES: u64 = if cfg!(test) { 2_048 } else { 1 << 20 };

/// A read could not be put on record, or the log of reads not be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadsError {
    /// The file system failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file could not be written whole.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// A file is damaged.
    #[error(
        "{} at offset {offset}: {problem}. Keep everything as it is, and restore this file from a backup; without one, \
         move it and all later ones away: which reads took place is lost, the log is not",
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
}

/// How something was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ReadKind {
    /// One receipt.
    Receipt = 1,
    /// A list.
    List = 2,
    /// Many records with their receipts.
    Register = 3,
    /// Roles in force.
    Roles = 4,
    /// Acts that are pending.
    Pending = 5,
    /// An opened manifest.
    Opening = 6,
    /// A file, looked up by its digest.
    Find = 7,
}

impl ReadKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Receipt,
        Self::List,
        Self::Register,
        Self::Roles,
        Self::Pending,
        Self::Opening,
        Self::Find,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::List => "list",
            Self::Register => "register",
            Self::Roles => "roles",
            Self::Pending => "pending",
            Self::Opening => "opening",
            Self::Find => "find",
        }
    }
}

/// One read: never what was shown, only of which records. Names are pseudonymous ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// When.
    pub at: Instant,
    /// The reader's organisation.
    pub organization: OrganizationId,
    /// The reader.
    pub member: MemberId,
    /// What was read.
    pub register: RegisterName,
    /// The roles by which it was, as codes.
    pub roles: Vec<String>,
    /// How.
    pub kind: ReadKind,
    /// The first sequence that was shown; 0 for none.
    pub from: u64,
    /// The last.
    pub until: u64,
    /// Records of which more than `when` was shown.
    pub shown: u64,
}

/// The log of reads. All methods may block on a disk.
pub struct Reads {
    fs: Arc<dyn FileSystem>,
    directory: PathBuf,
    waiting: Mutex<Waiting>,
    writer: Mutex<Writer>,
}

/// Frames that no writer has taken yet.
#[derive(Default)]
struct Waiting {
    contents: Vec<Vec<u8>>,
    /// Frames handed in since the start.
    handed_in: u64,
}

struct Writer {
    /// The newest file, open for writing; none after a failure.
    file: Option<Box<dyn File>>,
    /// What is durable in the newest file.
    segment: Segment,
    /// Frames handed in that were written, or failed, since the start.
    done: u64,
    /// Those whose write failed, as ranges of what was handed in; callers take them out.
    failed: Vec<(u64, u64)>,
}

impl Reads {
    /// Opens the log of reads of a log; the one writer of the log calls this.
    ///
    /// # Errors
    /// If the newest file is damaged; what a crash left of its end, which nobody was answered for, is cut off.
    pub fn open(fs: Arc<dyn FileSystem>, layout: &Layout, origin: &Origin) -> Result<Self, ReadsError> {
        let directory = layout.reads();
        fs.create_dir_all(&directory, PRIVATE_DIRECTORY)?;
        // An earlier process may have made it and ended before it was durable.
        fs.sync_dir(&layout.private)?;
        clean_leftovers(&*fs, &directory)?;
        let mut firsts = segment::list(&*fs, &directory)?;
        let segment = match firsts.pop() {
            Some(first) => segment::read(&*fs, &directory, first, true)?.0,
            None => Segment::begin(0, first_chain(origin)),
        };
        let writer = Writer {
            file: None,
            segment,
            done: 0,
            failed: Vec::new(),
        };
        let reads = Self {
            fs,
            directory,
            waiting: Mutex::default(),
            writer: Mutex::new(writer),
        };
        // What an earlier process wrote last may be visible and yet not durable.
        reads.reopen(&mut lock(&reads.writer))?;
        Ok(reads)
    }

    /// Puts a read on record, and returns when that is durable.
    ///
    /// # Errors
    /// If it could not be; nothing may be shown then.
    pub fn record(&self, read: &Read) -> Result<(), ReadsError> {
        let number = {
            let mut waiting = lock(&self.waiting);
            waiting.contents.push(frame::encode(read));
            waiting.handed_in += 1;
            waiting.handed_in
        };
        let mut writer = lock(&self.writer);
        if writer.done < number {
            // Whoever comes first writes for all who wait.
            let (contents, handed_in) = {
                let mut waiting = lock(&self.waiting);
                (std::mem::take(&mut waiting.contents), waiting.handed_in)
            };
            let from = writer.done;
            writer.done = handed_in;
            if let Err(error) = self.write(&mut writer, &contents) {
                writer.file = None;
                writer.failed.push((from, handed_in));
                writer.leave_failed();
                return Err(error);
            }
        }
        if writer
            .failed
            .iter()
            .any(|(from, to)| (*from..*to).contains(&(number - 1)))
        {
            return Err(FileError::new(
                crate::fs::Operation::Write,
                &self.directory,
                std::io::Error::other("the write that this read shared with others failed"),
            )
            .into());
        }
        Ok(())
    }

    /// The reads of one file, oldest first, and the number of the file before it: the file that begins
    /// with read `before` is the first that is not looked at, none looks at the newest.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn page(&self, before: Option<u64>) -> Result<(Vec<Read>, Option<u64>), ReadsError> {
        page(&*self.fs, &self.directory, before)
    }

    fn write(&self, writer: &mut Writer, contents: &[Vec<u8>]) -> Result<(), ReadsError> {
        if writer.file.is_none() {
            self.reopen(writer)?;
        }
        if writer.segment.bytes() >= SEGMENT_BYTES {
            let next = writer.segment.next();
            segment::rewrite(&*self.fs, &self.directory, &next, &next.header())?;
            writer.file = Some(segment::open(&*self.fs, &self.directory, &next)?);
            writer.segment = next;
        }
        let mut segment = writer.segment.clone();
        let mut bytes = Vec::new();
        for contents in contents {
            segment.append(contents, &mut bytes);
        }
        let Some(file) = &writer.file else { return Ok(()) };
        file.write_at(writer.segment.bytes(), &[&bytes])?;
        file.sync_data()?;
        // Durable: from here on whoever waits may be answered.
        writer.segment = segment;
        Ok(())
    }

    /// Writes the newest file anew, up to its last frame that counts: after a failed write nobody knows what
    /// the disk holds behind it, or whether what is visible is durable.
    fn reopen(&self, writer: &mut Writer) -> Result<(), ReadsError> {
        let segment = &writer.segment;
        let bytes = segment::good_bytes(&*self.fs, &self.directory, segment)?;
        segment::rewrite(&*self.fs, &self.directory, segment, &bytes)?;
        writer.file = Some(segment::open(&*self.fs, &self.directory, segment)?);
        Ok(())
    }
}

impl Writer {
    /// Failures are kept until those who shared them have looked; there are never more than calls in flight.
    fn leave_failed(&mut self) {
        const KEPT: usize = 1_024;
        let over = self.failed.len().saturating_sub(KEPT);
        self.failed.drain(..over);
    }
}

/// As [`Reads::page`], of a log that somebody else writes to, or nobody.
///
/// # Errors
/// If the file is damaged.
pub fn page(
    fs: &dyn FileSystem,
    directory: &Path,
    before: Option<u64>,
) -> Result<(Vec<Read>, Option<u64>), ReadsError> {
    let firsts = segment::list(fs, directory)?;
    let end = before.map_or(firsts.len(), |before| {
        firsts.partition_point(|first| *first < before)
    });
    let Some(place) = end.checked_sub(1) else {
        return Ok((Vec::new(), None));
    };
    let Some(first) = firsts.get(place) else {
        return Ok((Vec::new(), None));
    };
    let newest = place + 1 == firsts.len();
    let (_, reads) = segment::read(fs, directory, *first, newest)?;
    Ok((reads, (place > 0).then_some(*first)))
}

/// What an audit of the log of reads finds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Audited {
    /// Reads on record.
    pub reads: u64,
    /// Files.
    pub files: u64,
}

/// Looks at every frame of the log of reads: its form, its place, and that the chain is unbroken from the first
/// one on.
///
/// # Errors
/// If something is damaged, missing or out of place.
pub fn audit(fs: &dyn FileSystem, layout: &Layout, origin: &Origin) -> Result<Audited, ReadsError> {
    let directory = layout.reads();
    let firsts = segment::list(fs, &directory)?;
    let mut expected = Segment::begin(0, first_chain(origin));
    let mut audited = Audited::default();
    for (place, first) in firsts.iter().enumerate() {
        let last = place + 1 == firsts.len();
        let (segment, reads) = segment::read(fs, &directory, *first, last)?;
        if !segment.continues(&expected) {
            return Err(ReadsError::Damaged {
                path: segment::path(&directory, *first),
                offset: 0,
                problem: "it does not continue the file before it",
            });
        }
        audited.reads += reads.len() as u64;
        audited.files += 1;
        expected = segment.next();
    }
    Ok(audited)
}

/// Copies the log of reads, as far as it is durable.
///
/// # Errors
/// If a file is damaged, or cannot be written.
pub fn copy(fs: &dyn FileSystem, from: &Layout, to: &Layout) -> Result<Audited, ReadsError> {
    let (from, to) = (from.reads(), to.reads());
    fs.create_dir_all(&to, PRIVATE_DIRECTORY)?;
    clean_leftovers(fs, &to)?;
    let firsts = segment::list(fs, &from)?;
    let mut copied = Audited::default();
    for (place, first) in firsts.iter().enumerate() {
        let last = place + 1 == firsts.len();
        let there = fs
            .metadata(&segment::path(&to, *first))?
            .map(|there| there.length);
        let here = fs
            .metadata(&segment::path(&from, *first))?
            .map(|here| here.length);
        copied.files += 1;
        if !last && there == here {
            continue;
        }
        let (segment, reads) = segment::read(fs, &from, *first, last)?;
        let bytes = segment::good_bytes(fs, &from, &segment)?;
        segment::rewrite(fs, &to, &segment, &bytes)?;
        copied.reads += reads.len() as u64;
    }
    Ok(copied)
}

/// The hash before the first read of a log.
fn first_chain(origin: &Origin) -> Hash {
    sha256_of(&[b"trialseal/reads/v1\0", origin.as_str().as_bytes()])
}

/// Nobody panics while holding one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
