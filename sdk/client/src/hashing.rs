//! Hashing files: SHA-256 and SHA-512 in one pass, several files at once, in constant memory.
//!
//! ```no_run
//! # fn main() -> Result<(), trialseal::HashError> {
//! let files = trialseal::list_folder("from-cro")?.files;
//! let hashed = trialseal::hash_files(&files, &trialseal::HashOptions::default())?;
//! # Ok(()) }
//! ```

mod digest;
mod listing;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

use trialseal_core::manifest::{FileDigests, ItemPath};

pub use listing::{FileToHash, Listing, list_folder};

/// Threads at most: beyond this a disk is what limits.
const THREADS_MAX: usize = 16;

/// A file with its path in the manifest and its digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashedFile {
    /// Path in the manifest: NFC, relative, `/`-separated.
    pub path: ItemPath,
    /// Where the file was read.
    pub source: PathBuf,
    /// SHA-256, SHA-512 and size in bytes of what was read.
    pub digests: FileDigests,
}

/// How far hashing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashProgress {
    /// Bytes hashed so far, over all files.
    pub bytes_done: u64,
    /// Bytes of all files when they were listed; a file that grows can exceed it.
    pub bytes_total: u64,
    /// Files finished so far.
    pub files_done: usize,
    /// Number of files.
    pub files_total: usize,
}

/// How to hash.
#[derive(Default)]
pub struct HashOptions<'a> {
    /// Threads to use; by default one a processor, at most 16.
    pub threads: Option<NonZeroUsize>,
    /// Called after every block, from any of the threads.
    pub progress: Option<&'a (dyn Fn(HashProgress) + Sync)>,
}

/// A file or folder that cannot be hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// It is not there.
    #[error("{}: no such file or folder", path.display())]
    Missing {
        /// Which.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is a symbolic link, a device, a socket or a pipe.
    #[error("{}: not a regular file (symbolic links are not followed: name the file itself)", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// Its name cannot stand in a manifest.
    #[error("{}: the name cannot stand in a manifest: {problem}", path.display())]
    Name {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// Hashes `files` in parallel. The result has their order.
///
/// Memory: 256 KiB a thread, whatever the sizes. Symbolic links are not followed.
///
/// # Errors
///
/// The first file that cannot be read; hashing of the others stops.
pub fn hash_files(files: &[FileToHash], options: &HashOptions<'_>) -> Result<Vec<HashedFile>, HashError> {
    let run = Run::new(files, options);
    let threads = options
        .threads
        .map_or_else(default_threads, NonZeroUsize::get)
        .min(files.len());
    if threads <= 1 {
        run.work();
    } else {
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| run.work());
            }
        });
    }
    run.finish()
}

fn default_threads() -> usize {
    thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(THREADS_MAX)
}

/// What the threads of one call share.
struct Run<'a> {
    files: &'a [FileToHash],
    options: &'a HashOptions<'a>,
    bytes_total: u64,
    next: AtomicUsize,
    bytes_done: AtomicU64,
    files_done: AtomicUsize,
    failed: AtomicBool,
    results: Mutex<Vec<(usize, Result<HashedFile, HashError>)>>,
}

impl<'a> Run<'a> {
    fn new(files: &'a [FileToHash], options: &'a HashOptions<'a>) -> Self {
        Self {
            files,
            options,
            bytes_total: files.iter().map(|file| file.size).fold(0, u64::saturating_add),
            next: AtomicUsize::new(0),
            bytes_done: AtomicU64::new(0),
            files_done: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            results: Mutex::new(Vec::with_capacity(files.len())),
        }
    }

    /// Takes the next file until there is none left or one failed.
    fn work(&self) {
        let mut buffer = digest::buffer();
        while !self.failed.load(Ordering::Relaxed) {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = self.files.get(place) else { return };
            let digests = digest::hash_file(&file.source, &mut buffer, |bytes| {
                self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
                self.report();
            });
            self.files_done.fetch_add(1, Ordering::Relaxed);
            self.report();
            self.failed.fetch_or(digests.is_err(), Ordering::Relaxed);
            let result = digests.map(|digests| HashedFile {
                path: file.path.clone(),
                source: file.source.clone(),
                digests,
            });
            // A poisoned lock means that the progress callback of another thread panicked; the
            // scope passes that panic on.
            self.results
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
                .push((place, result));
        }
    }

    fn report(&self) {
        if let Some(progress) = self.options.progress {
            progress(HashProgress {
                bytes_done: self.bytes_done.load(Ordering::Relaxed),
                bytes_total: self.bytes_total,
                files_done: self.files_done.load(Ordering::Relaxed),
                files_total: self.files.len(),
            });
        }
    }

    fn finish(self) -> Result<Vec<HashedFile>, HashError> {
        let mut results = self
            .results
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        results.sort_by_key(|(place, _)| *place);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

#[cfg(test)]
mod tests;
