//! The file system, as far as the notary needs it, behind one seam.
//!
//! Everything that must survive a crash (journal, tiles, bundles, snapshots, the signer's memory) goes through
//! [`FileSystem`]. There are two of them: [`RealFileSystem`], and [`SimulatedFileSystem`], which keeps apart what
//! programs see from what a disk would hold after a power cut, so that tests can fail or cut every single call.
//!
//! Every error names the operation and the path.

mod real;
mod simulated;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use real::RealFileSystem;
pub use simulated::{Call, Fault, SimulatedFileSystem};

/// Permissions of a private file: the owner reads and writes.
pub const PRIVATE_FILE: u32 = 0o600;
/// Permissions of a private directory: the owner alone.
pub const PRIVATE_DIRECTORY: u32 = 0o700;
/// Permissions of a published file: everybody reads, so that a web server of another user can serve it.
pub const PUBLIC_FILE: u32 = 0o644;
/// Permissions of a published directory.
pub const PUBLIC_DIRECTORY: u32 = 0o755;

/// What the notary asks of a file system. Object safe: it is used as `Arc<dyn FileSystem>`.
///
/// Nothing here is durable before the matching sync: contents by [`File::sync_data`], names by
/// [`FileSystem::sync_dir`] of the directory that holds them.
pub trait FileSystem: Send + Sync + 'static {
    /// Creates `path` and every missing directory above it with permissions `mode`, and syncs the parent of each
    /// directory that it creates, deepest last. What is there already is left alone (and not synced).
    fn create_dir_all(&self, path: &Path, mode: u32) -> Result<(), FileError>;

    /// Creates a file for reading and writing; `AlreadyExists` if the name is taken.
    fn create_new(&self, path: &Path, mode: u32) -> Result<Box<dyn File>, FileError>;

    /// Opens an existing file.
    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn File>, FileError>;

    /// Renames a file within one directory, replacing what had the new name.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError>;

    /// Removes the name of a file.
    fn remove_file(&self, path: &Path) -> Result<(), FileError>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> Result<(), FileError>;

    /// Makes the contents of several files durable, all of them on the file system of the directory `below`. It may
    /// make more durable than that.
    fn sync_files(&self, _below: &Path, files: &[&dyn File]) -> Result<(), FileError> {
        files.iter().try_for_each(|file| file.sync_data())
    }

    /// The names in a directory, sorted by bytes. A name that is not UTF-8 is an error: we never write one.
    fn list(&self, path: &Path) -> Result<Vec<String>, FileError>;

    /// What is at `path`, or `None` if there is nothing.
    fn metadata(&self, path: &Path) -> Result<Option<Metadata>, FileError>;

    /// Bytes that an unprivileged process may still write to the file system that holds `path`.
    fn free_bytes(&self, path: &Path) -> Result<u64, FileError>;

    /// Takes an exclusive lock on the file `path`, created with `mode` if it is missing, and holds it until the
    /// returned value is dropped or the process ends. `WouldBlock` if somebody else holds it. The file is never
    /// removed: a lock on a removed file would exclude nobody.
    fn lock(&self, path: &Path, mode: u32) -> Result<Box<dyn Lock>, FileError>;

    /// The whole of a file of at most `bytes_max` bytes; `FileTooLarge` beyond.
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, FileError> {
        let file = self.open(path, Access::Read)?;
        let length = file.length()?;
        if length > bytes_max {
            return Err(FileError::new(
                Operation::Read,
                path,
                io::Error::from(io::ErrorKind::FileTooLarge),
            ));
        }
        let length = usize::try_from(length).map_err(|_| {
            FileError::new(
                Operation::Read,
                path,
                io::Error::from(io::ErrorKind::FileTooLarge),
            )
        })?;
        let mut contents = vec![0; length];
        file.read_at(0, &mut contents)?;
        Ok(contents)
    }
}

/// An open file. All methods take a position: there is no cursor, so one handle serves concurrent readers.
pub trait File: Send + Sync {
    /// Fills `buffer` from `offset` on; `UnexpectedEof` if the file ends before.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FileError>;

    /// Writes all `pieces`, one behind the other, from `offset` on. After an error any part may have been written.
    fn write_at(&self, offset: u64, pieces: &[&[u8]]) -> Result<(), FileError>;

    /// The file's length in bytes.
    fn length(&self) -> Result<u64, FileError>;

    /// Makes the contents durable, and the length where it changed. After an error the cache lies: what was
    /// written may be visible until the next power cut and gone after it, and a second sync does not help. Only
    /// writing again does.
    fn sync_data(&self) -> Result<(), FileError>;

    /// Like [`File::sync_data`], with all metadata.
    fn sync_all(&self) -> Result<(), FileError>;
}

/// An exclusive lock, held until it is dropped.
pub trait Lock: Send + Sync {}

/// How to open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    ReadWrite,
}

/// The directory that holds the name of a file or directory.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// What is known of a path without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Length in bytes; 0 for a directory.
    pub length: u64,
    /// The permission bits, without the kind.
    pub mode: u32,
}

/// The operations of the seam, as errors and call logs name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// [`FileSystem::create_dir_all`].
    CreateDirectory,
    /// [`FileSystem::create_new`].
    Create,
    /// [`FileSystem::open`].
    Open,
    /// [`FileSystem::rename`].
    Rename,
    /// [`FileSystem::remove_file`].
    Remove,
    /// [`FileSystem::sync_dir`].
    SyncDirectory,
    /// [`FileSystem::list`].
    List,
    /// [`FileSystem::metadata`] and [`File::length`].
    Inspect,
    /// [`FileSystem::free_bytes`].
    FreeBytes,
    /// [`FileSystem::lock`].
    Lock,
    /// [`File::read_at`] and [`FileSystem::read`].
    Read,
    /// [`File::write_at`].
    Write,
    /// [`File::sync_data`] and [`File::sync_all`].
    Sync,
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CreateDirectory => "create the directory",
            Self::Create => "create",
            Self::Open => "open",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::SyncDirectory => "sync the directory",
            Self::List => "list",
            Self::Inspect => "inspect",
            Self::FreeBytes => "ask for the free space at",
            Self::Lock => "lock",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
        })
    }
}

/// A file operation that failed: which, on what, why.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {}: {source}", path.display())]
pub struct FileError {
    /// What was tried.
    pub operation: Operation,
    /// On which path.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

impl FileError {
    pub(crate) fn new(operation: Operation, path: &Path, source: io::Error) -> Self {
        Self {
            operation,
            path: path.to_owned(),
            source,
        }
    }

    /// The kind of the operating system's error.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}
