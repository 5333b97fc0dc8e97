//! The backup: a copy of the log that can be started, made beside a running notary.
//!
//! The copy is a folder with `public`, `private` and `journal`, as below the notary's
//! `data`. It holds everything that was committed when the journal was read, and nothing
//! beyond that: no tile or bundle of a later entry, and no hole. It is fsynced and then
//! audited. **No keys are copied**, and neither configuration nor the signer's memory:
//! keep the encrypted keys and their passphrase apart, once.
//!
//! A target that holds an older backup of the same log is brought up to date; immutable
//! files of the same length are not copied again (the audit reads them all the same).
//! While a backup is under way, and after one that was interrupted, the target holds a
//! file `INCOMPLETE`; such a copy must not be restored, and is completed by backing up
//! again.
//!
//! To restore, stop the notary, put the copy in place of its `data` folder, and start it
//! with `--accept-head <size> <root>`, as the report gives them. What was committed after
//! the backup is lost: witnesses and users must be told.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use trialseal_core::{
    hash::Hash,
    index::LogSize,
    note::VerifierKey,
    tile::{TilePath, TileWidth},
};

use crate::{
    audit::{AuditError, AuditOptions, AuditProgress, AuditReport, audit},
    bundle::{BUNDLE_BYTES_MAX, without_erased},
    carried,
    durable::{Batch, DurableError, clean_leftovers, replace, write_new},
    evidence::{self, KeptError},
    fs::{FileError, FileSystem, PRIVATE_DIRECTORY, PRIVATE_FILE, PUBLIC_DIRECTORY, PUBLIC_FILE},
    journal::{self, FrameHeader, JournalError},
    layout::{Layout, TILE},
    openings::{self, OpeningsError},
    publish::SNAPSHOT,
    reads::{self, ReadsError},
    recover::SNAPSHOT_BYTES_MAX,
    state::State,
};

/// Stands in a target that is no whole backup.
const MARKER: &str = "INCOMPLETE";
const MARKER_TEXT: &str = "This backup is under way or was interrupted. Do not restore it; back up again.\n";
/// Held while a backup is under way.
const LOCK: &str = "lock";
/// How often the journal is copied again because the notary released a segment meanwhile.
const ATTEMPTS: usize = 100;
/// Tiles copied between two syncs of their directories.
const ROUND: u64 = 64;

/// What is backed up, and where to.
pub struct BackupOptions {
    /// The file system of both.
    pub fs: Arc<dyn FileSystem>,
    /// Where the log lies.
    pub layout: Layout,
    /// The log's keys, as in `log.pub`, for the audit of the copy.
    pub keys: [VerifierKey; 2],
    /// The folder of the copy; made with mode 0700 if it is missing.
    pub target: PathBuf,
    /// Threads of the audit; 1 or more.
    pub threads: usize,
}

/// How far a backup has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupProgress {
    /// Copying: entries whose files are done, and entries in all.
    Copying {
        /// Done.
        entries: u64,
        /// In all.
        of: u64,
    },
    /// Auditing the copy.
    Auditing(AuditProgress),
}

/// A backup that was audited.
#[derive(Debug, Clone)]
pub struct BackupReport {
    /// Where it is.
    pub target: PathBuf,
    /// Its size, for `--accept-head`.
    pub size: LogSize,
    /// Its root, for `--accept-head`.
    pub root: Hash,
    /// Files that were copied.
    pub copied: u64,
    /// Files that an older backup held already.
    pub kept: u64,
    /// Bytes that were copied.
    pub bytes: u64,
    /// The audit of the copy.
    pub audit: AuditReport,
    /// How long it took.
    pub took: Duration,
}

/// Why there is no backup. The log is untouched; the target may be incomplete.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Source and target overlap.
    #[error("{} and {} lie inside one another; choose another folder for the backup", target.display(), log.display())]
    Overlaps {
        /// The target.
        target: PathBuf,
        /// The folder of the log.
        log: PathBuf,
    },
    /// Another backup is under way.
    #[error("another backup into {} is under way", target.display())]
    Busy {
        /// The target.
        target: PathBuf,
    },
    /// The target is no folder of backups of this log.
    #[error("{} holds the backup of another log; choose another folder", target.display())]
    OtherLog {
        /// The target.
        target: PathBuf,
    },
    /// The notary was always faster.
    #[error(
        "the notary releases journal segments faster than they can be copied; back up when it is less busy, or to a \
         faster disk"
    )]
    TooFast,
    /// A snapshot of the log is damaged.
    #[error("{} is no snapshot of the state; run the audit on the log", path.display())]
    Snapshot {
        /// Which.
        path: PathBuf,
    },
    /// The journal cannot be read or copied.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Kept evidence cannot be read or copied.
    #[error(transparent)]
    Evidence(#[from] KeptError),
    /// The log of reads cannot be read or copied.
    #[error(transparent)]
    Reads(#[from] ReadsError),
    /// Openings cannot be listed.
    #[error(transparent)]
    Openings(#[from] OpeningsError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file cannot be written, or is damaged.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// The copy is not a whole log.
    #[error(
        "the copy is not whole: {0}. If the log itself passes its audit, remove the copy and back up again"
    )]
    Audit(#[from] AuditError),
}

/// Makes or renews a backup.
///
/// # Errors
/// Any [`BackupError`].
pub fn backup(
    options: &BackupOptions,
    progress: &mut dyn FnMut(BackupProgress),
) -> Result<BackupReport, BackupError> {
    let started = Instant::now();
    let BackupOptions {
        fs,
        layout,
        keys,
        target,
        threads,
    } = options;
    check_apart(layout, target)?;
    let copy = layout_of(target);
    fs.create_dir_all(target, PRIVATE_DIRECTORY)?;
    for (directory, mode) in [
        (&copy.public, PUBLIC_DIRECTORY),
        (&copy.private, PRIVATE_DIRECTORY),
        (&copy.journal, PRIVATE_DIRECTORY),
    ] {
        fs.create_dir_all(directory, mode)?;
    }
    let _lock = fs
        .lock(&target.join(LOCK), PRIVATE_FILE)
        .map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => BackupError::Busy {
                target: target.clone(),
            },
            _ => error.into(),
        })?;
    let found = journal::identity(&**fs, &copy.journal).ok().flatten();
    if found.is_some() && found != journal::identity(&**fs, &layout.journal)? {
        return Err(BackupError::OtherLog {
            target: target.clone(),
        });
    }
    let marker = target.join(MARKER);
    // What an interrupted backup left may be visible and not durable.
    let trusted = fs.metadata(&marker)?.is_none();
    replace(&**fs, &marker, MARKER_TEXT.as_bytes(), PRIVATE_FILE)?;
    let mut copying = Copying {
        fs,
        from: layout,
        to: &copy,
        trusted,
        copied: 0,
        kept: 0,
        bytes: 0,
    };
    // Before the journal: evidence is for what is committed, so none lies beyond the journal's copy.
    copying.evidence()?;
    copying.beside()?;
    copying.carried()?;
    let head = copying.journal_and_state()?;
    copying.immutable(&head, progress)?;
    let Copying {
        copied, kept, bytes, ..
    } = copying;
    let options = AuditOptions {
        fs: Arc::clone(fs),
        layout: copy.clone(),
        keys: keys.clone(),
        with_signer_state: false,
        // Each log has backups of its own.
        previous: None,
        threads: *threads,
    };
    let audit = audit(&options, &mut |done| progress(BackupProgress::Auditing(done)))?;
    fs.remove_file(&marker)?;
    fs.sync_dir(target)?;
    let (size, root) = (audit.size, audit.root);
    Ok(BackupReport {
        target: target.clone(),
        size,
        root,
        copied,
        kept,
        bytes,
        audit,
        took: started.elapsed(),
    })
}

/// The folders of a backup.
#[must_use]
pub fn layout_of(target: &Path) -> Layout {
    Layout {
        public: target.join("public"),
        private: target.join("private"),
        journal: target.join("journal"),
        index: target.join("index"),
        signer_state: target.join("signer.state"),
    }
}

fn check_apart(layout: &Layout, target: &Path) -> Result<(), BackupError> {
    for log in [&layout.public, &layout.private, &layout.journal, &layout.index] {
        if log.starts_with(target) || target.starts_with(log) {
            return Err(BackupError::Overlaps {
                target: target.to_owned(),
                log: log.clone(),
            });
        }
    }
    Ok(())
}

/// What the copied journal holds.
struct Head {
    /// Index of its first entry: everything before it is in immutable files.
    first: u64,
    /// Log size.
    size: u64,
}

/// Objects of remembered submissions by their numbers.
type Generations = Vec<(u64, Vec<u8>)>;

/// The newest snapshot, read as a whole: it may be replaced at any moment. A young log
/// has none.
#[derive(Default)]
struct Snapshot {
    size: u64,
    file: Option<Vec<u8>>,
    generations: Generations,
}

struct Copying<'a> {
    fs: &'a Arc<dyn FileSystem>,
    from: &'a Layout,
    to: &'a Layout,
    /// Whether files in the target that look right are durable.
    trusted: bool,
    copied: u64,
    kept: u64,
    bytes: u64,
}

impl Copying<'_> {
    fn evidence(&mut self) -> Result<(), BackupError> {
        for kind in evidence::Kind::ALL {
            let (from, to) = (self.from.evidence(kind), self.to.evidence(kind));
            let copied = evidence::copy(&**self.fs, &from, &to, self.trusted)?;
            self.copied += copied.files;
            self.kept += copied.left;
            self.bytes += copied.bytes;
        }
        Ok(())
    }

    /// The log of reads, and openings. What was erased here is not left in an older copy.
    fn beside(&mut self) -> Result<(), BackupError> {
        let fs = &**self.fs;
        let reads = reads::copy(fs, self.from, self.to)?;
        self.copied += reads.files;
        fs.create_dir_all(&self.to.openings(), PRIVATE_DIRECTORY)?;
        clean_leftovers(fs, &self.to.openings())?;
        let here = openings::places(fs, self.from)?;
        for place in openings::places(fs, self.to)? {
            if !here.contains(&place) {
                fs.remove_file(&self.to.opening(place))?;
            }
        }
        for place in here {
            let (from, to) = (self.from.opening(place), self.to.opening(place));
            if fs.metadata(&to)?.is_some() {
                self.kept += 1;
                continue;
            }
            // It may have been erased since it was listed.
            if let Some(bytes) = read(fs, &from, openings::FILE_BYTES_MAX)? {
                write_new(fs, &to, &bytes, PRIVATE_FILE)?;
                self.copied += 1;
                self.bytes += bytes.len() as u64;
            }
        }
        fs.sync_dir(&self.to.openings())?;
        Ok(())
    }

    /// Copies the journal, and the snapshot that it continues.
    fn journal_and_state(&mut self) -> Result<Head, BackupError> {
        for _ in 0..ATTEMPTS {
            // Before the journal: its entries are then in the journal's copy or before it.
            let Some(snapshot) = self.read_snapshot()? else {
                continue;
            };
            let head = match self.copy_journal() {
                Err(BackupError::Journal(JournalError::Released { .. })) => continue,
                copied => copied?,
            };
            if head.first <= snapshot.size && snapshot.size <= head.size {
                self.write_snapshot(snapshot)?;
                return Ok(head);
            }
        }
        Err(BackupError::TooFast)
    }

    fn copy_journal(&mut self) -> Result<Head, BackupError> {
        let mut head: Option<Head> = None;
        let (mut copied, mut bytes) = (0, 0);
        journal::copy(
            &**self.fs,
            &self.from.journal,
            &self.to.journal,
            &mut |frame: &FrameHeader, payload: &[u8]| {
                let first = head.as_ref().map_or(frame.first_index, |head| head.first);
                head = Some(Head {
                    first,
                    size: frame.end_index(),
                });
                copied += 1;
                bytes += payload.len() as u64;
                Ok(())
            },
        )?;
        self.copied += copied;
        self.bytes += bytes;
        Ok(head.unwrap_or(Head { first: 0, size: 0 }))
    }

    /// The newest snapshot with its generations; none if it was replaced while it was read.
    fn read_snapshot(&self) -> Result<Option<Snapshot>, BackupError> {
        let carried = carried::read(&**self.fs, self.from)?;
        let Some(size) = numbers(&**self.fs, &self.from.snapshots())?.into_iter().max() else {
            let needed = carried.map(|carried| carried.generations).unwrap_or_default();
            let generations = self.read_generations(needed)?;
            return Ok(generations.map(|generations| Snapshot {
                generations,
                ..Snapshot::default()
            }));
        };
        let path = self.from.snapshot(size);
        let Some(file) = read(&**self.fs, &path, SNAPSHOT_BYTES_MAX)? else {
            return Ok(None);
        };
        let (_, contents) = SNAPSHOT.open(&path, &file)?;
        let (_, needed) = State::decode(contents, carried.map_or(0, |carried| carried.base))
            .map_err(|_| BackupError::Snapshot { path })?;
        let generations = self.read_generations(needed)?;
        Ok(generations.map(|generations| Snapshot {
            size,
            file: Some(file),
            generations,
        }))
    }

    /// The objects of generations; none if one was replaced while they were read.
    fn read_generations(&self, needed: Vec<u64>) -> Result<Option<Generations>, BackupError> {
        let mut generations = Vec::with_capacity(needed.len());
        for number in needed {
            let Some(file) = read(&**self.fs, &self.from.generation(number), SNAPSHOT_BYTES_MAX)? else {
                return Ok(None);
            };
            generations.push((number, file));
        }
        Ok(Some(generations))
    }

    /// What the log began with, if it continues another.
    fn carried(&mut self) -> Result<(), BackupError> {
        let Some(file) = read(&**self.fs, &self.from.carried(), SNAPSHOT_BYTES_MAX)? else {
            return Ok(());
        };
        write_new(&**self.fs, &self.to.carried(), &file, PRIVATE_FILE)?;
        self.copied += 1;
        self.bytes += file.len() as u64;
        Ok(())
    }

    fn write_snapshot(&mut self, snapshot: Snapshot) -> Result<(), BackupError> {
        let (fs, to) = (&**self.fs, self.to);
        let mut keep = Vec::new();
        let Snapshot {
            size,
            file,
            generations,
        } = snapshot;
        let generations = generations
            .into_iter()
            .map(|(number, file)| (to.generation(number), file));
        for (path, file) in generations.chain(file.map(|file| (to.snapshot(size), file))) {
            if let Some(parent) = path.parent() {
                fs.create_dir_all(parent, PRIVATE_DIRECTORY)?;
            }
            write_new(fs, &path, &file, PRIVATE_FILE)?;
            self.copied += 1;
            self.bytes += file.len() as u64;
            keep.push(path);
        }
        for directory in [to.snapshots(), to.remembered()] {
            clean_leftovers(fs, &directory)?;
            for number in numbers(fs, &directory)? {
                let path = if directory == to.snapshots() {
                    to.snapshot(number)
                } else {
                    to.generation(number)
                };
                if !keep.contains(&path) {
                    fs.remove_file(&path)?;
                }
            }
        }
        Ok(())
    }

    /// Copies the tiles and bundles of the entries that the journal's copy does not hold.
    /// Those of later entries are not needed: the notary writes them again.
    fn immutable(
        &mut self,
        head: &Head,
        progress: &mut dyn FnMut(BackupProgress),
    ) -> Result<(), BackupError> {
        let tiles = head.first.div_ceil(TILE).min(head.size / TILE);
        let mut from = 0;
        while from < tiles {
            let to = tiles.min(from + ROUND);
            let mut public = Batch::new(
                Arc::clone(self.fs),
                &self.to.public,
                PUBLIC_DIRECTORY,
                PUBLIC_FILE,
            );
            let mut private = Batch::new(
                Arc::clone(self.fs),
                &self.to.private,
                PRIVATE_DIRECTORY,
                PRIVATE_FILE,
            );
            for number in from..to {
                let width = TileWidth::FULL;
                self.copy(&mut public, &self.to.public, None, |layout| {
                    layout.public_tile(&TilePath::Entries { index: number, width })
                })?;
                self.copy(&mut private, &self.to.private, Some(number), |layout| {
                    layout.records(number)
                })?;
                let (mut level, mut index) = (0, number);
                loop {
                    self.copy(&mut public, &self.to.public, None, |layout| {
                        layout.public_tile(&TilePath::Hashes { level, index, width })
                    })?;
                    if !(index + 1).is_multiple_of(TILE) {
                        break;
                    }
                    (level, index) = (level + 1, index / TILE);
                }
            }
            public.commit()?;
            private.commit()?;
            from = to;
            progress(BackupProgress::Copying {
                entries: from * TILE,
                of: tiles * TILE,
            });
        }
        Ok(())
    }

    /// Copies one immutable file, unless an older backup holds it. `bundle` is its number if it is a
    /// record bundle: from those parts may have been erased, which makes them shorter.
    fn copy(
        &mut self,
        batch: &mut Batch,
        root: &Path,
        bundle: Option<u64>,
        path_in: impl Fn(&Layout) -> PathBuf,
    ) -> Result<(), BackupError> {
        let (from, to) = (path_in(self.from), path_in(self.to));
        let length =
            |path: &Path| Ok::<_, FileError>(self.fs.metadata(path)?.map(|metadata| metadata.length));
        if self.trusted
            && length(&to)?.is_some_and(|there| length(&from).is_ok_and(|from| from == Some(there)))
        {
            self.kept += 1;
            return Ok(());
        }
        let contents = self.fs.read(&from, BUNDLE_BYTES_MAX)?;
        let contents = match bundle {
            // An older backup may hold what was erased since.
            Some(number) => without_erased(&**self.fs, &to, number * TILE, contents)?,
            None => contents,
        };
        let relative = to
            .strip_prefix(root)
            .unwrap_or(&to)
            .to_string_lossy()
            .into_owned();
        match bundle {
            Some(_) => batch.replace(&relative, &contents)?,
            None => batch.add(&relative, &contents)?,
        }
        self.copied += 1;
        self.bytes += contents.len() as u64;
        Ok(())
    }
}

fn numbers(fs: &dyn FileSystem, directory: &Path) -> Result<Vec<u64>, FileError> {
    if fs.metadata(directory)?.is_none() {
        return Ok(Vec::new());
    }
    Ok(fs
        .list(directory)?
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect())
}

fn read(fs: &dyn FileSystem, path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, FileError> {
    match fs.read(path, bytes_max) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

#[cfg(test)]
mod tests;
