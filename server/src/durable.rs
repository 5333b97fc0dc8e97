//! Writing whole files so that after any crash they are there, complete, or not there at all.
//!
//! A file is written under a temporary name beside its own (`.name.tmp`), synced, renamed, and then its directory
//! is synced. The name therefore never stands for anything but complete, durable contents; what a crash can leave
//! behind is a temporary file, which the next write of the same name replaces and [`clean_leftovers`] removes.
//!
//! Two kinds of file are told apart: *immutable* ones ([`write_new`], [`Batch`]), which never change once they
//! exist, and *replaced* ones ([`replace`]).
//!
//! One writer per directory is assumed; readers may come and go.

mod batch;
mod envelope;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

pub use batch::Batch;
pub use envelope::{Envelope, HEADER_BYTES};

use crate::fs::{File, FileError, FileSystem, Operation, directory_of};

const TEMPORARY_PREFIX: &str = ".";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Why a file could not be written or read back.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// The file system failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// An immutable file exists with other contents.
    #[error("{} exists with other contents and must never change; nothing was written", path.display())]
    Differs {
        /// The immutable file.
        path: PathBuf,
    },
    /// The file is of a version that this program does not know.
    #[error(
        "{} has format version {found}, and this program reads up to version {supported}: use the newer program \
         that wrote it",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u16,
        /// The newest version that this program reads.
        supported: u16,
    },
    /// The file does not hold what was written.
    #[error("{} is damaged: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Writes an immutable file, and returns when it is durable.
///
/// If it exists with the same contents it is written again all the same: what an earlier process wrote may be
/// visible and yet not durable, and whoever deletes a journal segment must itself have synced what derives from it.
/// If it exists with other contents, nothing is written: [`DurableError::Differs`].
pub fn write_new(fs: &dyn FileSystem, path: &Path, contents: &[u8], mode: u32) -> Result<(), DurableError> {
    refuse_difference(fs, path, contents)?;
    replace(fs, path, contents, mode)
}

/// Writes a file, in place of an older one if there is one, and returns when it is durable. After a crash or an
/// error the name stands for the old contents or the new ones, never for a mixture.
pub fn replace(fs: &dyn FileSystem, path: &Path, contents: &[u8], mode: u32) -> Result<(), DurableError> {
    let temporary = temporary_path(path)?;
    let file = write_temporary(fs, &temporary, contents, mode)?;
    file.sync_data()?;
    // The contents are durable, under a name that nobody reads.
    fs.rename(&temporary, path)?;
    // A crash from here on finds the old contents or the new ones.
    fs.sync_dir(directory_of(path))?;
    // A crash from here on finds the new ones.
    Ok(())
}

/// Removes the temporary files that a crash left in one directory, not below it, and says how many there were.
/// To be called before the first write, by the one writer. A directory that does not exist has none.
pub fn clean_leftovers(fs: &dyn FileSystem, directory: &Path) -> Result<usize, DurableError> {
    if fs.metadata(directory)?.is_none() {
        return Ok(0);
    }
    let mut removed = 0;
    for name in fs.list(directory)? {
        if name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX) {
            fs.remove_file(&directory.join(name))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Refuses to go on where the immutable file `path` exists with other contents.
fn refuse_difference(fs: &dyn FileSystem, path: &Path, contents: &[u8]) -> Result<(), DurableError> {
    let Some(metadata) = fs.metadata(path)? else {
        return Ok(());
    };
    let same = metadata.length == contents.len() as u64 && fs.read(path, metadata.length)? == contents;
    if same {
        Ok(())
    } else {
        Err(DurableError::Differs {
            path: path.to_owned(),
        })
    }
}

/// Writes a temporary file, without syncing it. What a crash left under its name is removed first.
fn write_temporary(
    fs: &dyn FileSystem,
    temporary: &Path,
    contents: &[u8],
    mode: u32,
) -> Result<Box<dyn File>, DurableError> {
    let file = match fs.create_new(temporary, mode) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs.remove_file(temporary)?;
            fs.create_new(temporary, mode)?
        }
        created => created?,
    };
    file.write_at(0, &[contents])?;
    Ok(file)
}

/// The name under which a file is written before it is renamed.
pub(crate) fn temporary_path(path: &Path) -> Result<PathBuf, FileError> {
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) => Ok(path.with_file_name(format!("{TEMPORARY_PREFIX}{name}{TEMPORARY_SUFFIX}"))),
        None => Err(FileError::new(
            Operation::Create,
            path,
            io::Error::from(io::ErrorKind::InvalidFilename),
        )),
    }
}
