//! Writing small files so that a crash leaves the old content or the new one, never a mixture.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone: mode 0600.
    Owner,
    /// Whoever the process's umask allows.
    Default,
}

/// Puts `bytes` in place of whatever is at `path`. When this returns they survive a power cut:
/// the bytes are synced, then the name, then the folder.
///
/// # Errors
///
/// The folder cannot be written or the disk is full; the old content is still there.
pub fn replace(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    let temporary = beside(path, ".new");
    // Left over from a crash, never read by anyone.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = create_new(&temporary, bytes, access).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_folder_of(path)
}

/// Writes a file that must not exist yet, and syncs it and its folder.
///
/// # Errors
///
/// `AlreadyExists`, or the folder cannot be written.
pub fn create(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    create_new(path, bytes, access)?;
    sync_folder_of(path)
}

/// Removes a file; when this returns it stays removed. One that is not there is fine.
///
/// # Errors
///
/// The folder cannot be written.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder_of(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether [`replace`] will be able to write at `path`: asked before something is sent, so that
/// its answer will have a place. Leaves nothing behind.
///
/// # Errors
///
/// What writing there would fail with.
pub fn check_writable(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::IsADirectory,
            "a folder is in its place",
        ));
    }
    let probe = beside(path, ".probe");
    let _ = fs::remove_file(&probe);
    create_new(&probe, &[], Access::Owner)?;
    fs::remove_file(&probe)
}

fn create_new(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(match access {
            Access::Owner => 0o600,
            Access::Default => 0o666,
        });
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the name of what lies at `path` durable.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipt.json");
        fs::write(folder.path().join(".receipt.json.new"), "left over").unwrap();
        replace(&path, b"one", Access::Default).unwrap();
        replace(&path, b"two", Access::Default).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn secrets_are_for_their_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create(&path, b"secret", Access::Owner).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            create(&path, b"x", Access::Owner).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        remove(&path).unwrap();
        remove(&path).unwrap();
    }

    #[test]
    fn a_place_that_cannot_be_written_is_told_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        check_writable(&folder.path().join("new.json")).unwrap();
        assert!(check_writable(folder.path()).is_err());
        assert!(check_writable(&folder.path().join("no/such/folder.json")).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
