//! Files that only their owner may read.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::KeyError;

/// Who may be able to read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Nobody but the owner.
    Owner,
    /// The owner and the group.
    OwnerAndGroup,
}

/// Opens a file after checking, on the open file itself, that nobody else can read or change it.
pub(crate) fn open_private(path: &Path, readers: Readers) -> Result<File, KeyError> {
    let unreadable = |error| KeyError::Unreadable {
        path: path.to_path_buf(),
        error,
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(KeyError::NotAFile {
            path: path.to_path_buf(),
        });
    }
    let mode = metadata.mode() & 0o777;
    let allowed = match readers {
        Readers::Owner => 0o700,
        Readers::OwnerAndGroup => 0o750,
    };
    if mode & !allowed != 0 {
        return Err(KeyError::Permissions {
            path: path.to_path_buf(),
            mode,
        });
    }
    Ok(file)
}

/// Writes a new file with mode 0600 and syncs it; the caller syncs the directory.
pub(super) fn create_private(path: &Path, contents: &[u8]) -> Result<(), KeyError> {
    create(path, contents, 0o600)
}

/// Writes a new file that everybody may read.
pub(super) fn create_public(path: &Path, contents: &[u8]) -> Result<(), KeyError> {
    create(path, contents, 0o644)
}

fn create(path: &Path, contents: &[u8], mode: u32) -> Result<(), KeyError> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        // The process's mask may have taken away more than it should have, or the system added bits.
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        file.write_all(contents)?;
        file.sync_all()
    };
    write().map_err(|error| KeyError::Unwritable {
        path: path.to_path_buf(),
        error,
    })
}

/// Creates a directory that only its owner may enter, if it is not there.
pub(super) fn create_private_directory(path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| KeyError::Unwritable {
            path: path.to_path_buf(),
            error,
        })
}

/// Removes a file that may be there.
pub(super) fn remove_if_there(path: &Path) -> Result<(), KeyError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(KeyError::Unwritable {
            path: path.to_path_buf(),
            error,
        }),
        _ => Ok(()),
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<(), KeyError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| KeyError::Unwritable {
            path: path.to_path_buf(),
            error,
        })
}
