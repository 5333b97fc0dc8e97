//! The file system of the operating system.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Access, File, FileError, FileSystem, Lock, Metadata, Operation, directory_of};

/// `IOV_MAX` of Linux: more slices in one call are refused.
const SLICES_MAX: usize = 1024;
/// What of a mode is permissions and not the kind of file.
const PERMISSION_BITS: u32 = 0o7777;

/// From this many files on the whole file system is synced.
const SYNC_ALL_FROM: usize = 8;

/// The file system of the operating system. Every descriptor is closed on exec (the default of `std`).
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFileSystem;

impl FileSystem for RealFileSystem {
    fn create_dir_all(&self, path: &Path, mode: u32) -> Result<(), FileError> {
        let at = |path: &Path, source| FileError::new(Operation::CreateDirectory, path, source);
        let mut missing = Vec::new();
        let mut directory = path;
        loop {
            match fs::metadata(directory) {
                Ok(metadata) if metadata.is_dir() => break,
                Ok(_) => return Err(at(directory, io::Error::from(io::ErrorKind::NotADirectory))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(directory),
                Err(error) => return Err(at(directory, error)),
            }
            directory = match directory.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                // A relative path starts in the working directory, which exists.
                _ => break,
            };
        }
        for directory in missing.into_iter().rev() {
            match DirBuilder::new().mode(mode).create(directory) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(at(directory, error)),
            }
            self.sync_dir(directory_of(directory))?;
        }
        Ok(())
    }

    fn create_new(&self, path: &Path, mode: u32) -> Result<Box<dyn File>, FileError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path);
        open_file(path, Operation::Create, file)
    }

    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn File>, FileError> {
        let file = OpenOptions::new()
            .read(true)
            .write(access == Access::ReadWrite)
            .open(path);
        open_file(path, Operation::Open, file)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        fs::rename(from, to).map_err(|source| FileError::new(Operation::Rename, from, source))
    }

    fn remove_file(&self, path: &Path) -> Result<(), FileError> {
        fs::remove_file(path).map_err(|source| FileError::new(Operation::Remove, path, source))
    }

    fn sync_dir(&self, path: &Path) -> Result<(), FileError> {
        fs::File::open(path)
            .and_then(|directory| directory.sync_all())
            .map_err(|source| FileError::new(Operation::SyncDirectory, path, source))
    }

    /// Many small new files cost a wait each if they are synced one by one; the whole file system at once takes
    /// about as long as a few of them. Linux reports errors of the writeback here since 5.8.
    fn sync_files(&self, below: &Path, files: &[&dyn File]) -> Result<(), FileError> {
        if files.len() < SYNC_ALL_FROM {
            return files.iter().try_for_each(|file| file.sync_data());
        }
        fs::File::open(below)
            .and_then(|directory| Ok(rustix::fs::syncfs(&directory)?))
            .map_err(|source| FileError::new(Operation::Sync, below, source))
    }

    fn list(&self, path: &Path) -> Result<Vec<String>, FileError> {
        let at = |source| FileError::new(Operation::List, path, source);
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(at)? {
            let name = entry.map_err(at)?.file_name();
            let name = name.into_string().map_err(|name| {
                at(io::Error::new(
                    io::ErrorKind::InvalidFilename,
                    format!("the name {name:?} is not UTF-8"),
                ))
            })?;
            names.push(name);
        }
        names.sort_unstable();
        Ok(names)
    }

    fn metadata(&self, path: &Path) -> Result<Option<Metadata>, FileError> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Ok(Some(Metadata {
                is_directory: true,
                length: 0,
                mode: metadata.permissions().mode() & PERMISSION_BITS,
            })),
            Ok(metadata) => Ok(Some(Metadata {
                is_directory: false,
                length: metadata.len(),
                mode: metadata.permissions().mode() & PERMISSION_BITS,
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::new(Operation::Inspect, path, error)),
        }
    }

    fn free_bytes(&self, path: &Path) -> Result<u64, FileError> {
        let status = rustix::fs::statvfs(path)
            .map_err(|error| FileError::new(Operation::FreeBytes, path, error.into()))?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }

    fn lock(&self, path: &Path, mode: u32) -> Result<Box<dyn Lock>, FileError> {
        let at = |source| FileError::new(Operation::Lock, path, source);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(mode)
            .open(path)
            .map_err(at)?;
        file.try_lock().map_err(|error| at(error.into()))?;
        Ok(Box::new(RealLock { _file: file }))
    }
}

fn open_file(
    path: &Path,
    operation: Operation,
    file: io::Result<fs::File>,
) -> Result<Box<dyn File>, FileError> {
    match file {
        Ok(file) => Ok(Box::new(RealFile {
            path: path.to_owned(),
            file,
        })),
        Err(source) => Err(FileError::new(operation, path, source)),
    }
}

/// Holds the descriptor: the kernel gives the lock up when it is closed.
struct RealLock {
    _file: fs::File,
}

impl Lock for RealLock {}

struct RealFile {
    path: PathBuf,
    file: fs::File,
}

impl RealFile {
    fn at(&self, operation: Operation, source: io::Error) -> FileError {
        FileError::new(operation, &self.path, source)
    }
}

impl File for RealFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FileError> {
        self.file
            .read_exact_at(buffer, offset)
            .map_err(|source| self.at(Operation::Read, source))
    }

    fn write_at(&self, offset: u64, pieces: &[&[u8]]) -> Result<(), FileError> {
        write_all(&self.file, offset, pieces).map_err(|source| self.at(Operation::Write, source))
    }

    fn length(&self) -> Result<u64, FileError> {
        match self.file.metadata() {
            Ok(metadata) => Ok(metadata.len()),
            Err(source) => Err(self.at(Operation::Inspect, source)),
        }
    }

    fn sync_data(&self) -> Result<(), FileError> {
        self.file
            .sync_data()
            .map_err(|source| self.at(Operation::Sync, source))
    }

    fn sync_all(&self) -> Result<(), FileError> {
        self.file
            .sync_all()
            .map_err(|source| self.at(Operation::Sync, source))
    }
}

/// Writes all pieces with as few calls as the kernel allows, and without gathering them in memory first.
fn write_all(file: &fs::File, mut offset: u64, pieces: &[&[u8]]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces
        .iter()
        .filter(|piece| !piece.is_empty())
        .map(|piece| IoSlice::new(piece))
        .collect();
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        let count = rest.len().min(SLICES_MAX);
        let written = match rustix::io::pwritev(file, &rest[..count], offset) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero)),
            Ok(written) => written,
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        offset += written as u64;
        IoSlice::advance_slices(&mut rest, written);
    }
    Ok(())
}
