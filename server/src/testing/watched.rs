//! A file system that shows every change, before it is made, to somebody who watches:
//! who can then crash a copy of the machine within it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::fs::{Access, Fault, File, FileError, FileSystem, Lock, Metadata, SimulatedFileSystem};

/// A call that changes what is visible or durable.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    CreateDirectory(PathBuf, u32),
    Create(PathBuf, u32),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDirectory(PathBuf),
    Write(PathBuf, u64, Vec<u8>),
    Sync(PathBuf),
}

impl Change {
    /// Makes the change on `machine`, which goes down within it: none of it, a part, or all is done.
    pub(crate) fn crash_within(&self, machine: &SimulatedFileSystem) {
        let plant = |ahead: u64| machine.plant(machine.calls() + ahead, Fault::Crash);
        // All of these fail, as they should.
        let failed = match self {
            Self::CreateDirectory(path, mode) => {
                // Looking, looking above, creating: in the middle of the three.
                plant(2);
                machine.create_dir_all(path, *mode).is_err()
            }
            Self::Create(path, mode) => {
                plant(0);
                machine.create_new(path, *mode).is_err()
            }
            Self::Rename(from, to) => {
                plant(0);
                machine.rename(from, to).is_err()
            }
            Self::Remove(path) => {
                plant(0);
                machine.remove_file(path).is_err()
            }
            Self::SyncDirectory(path) => {
                plant(0);
                machine.sync_dir(path).is_err()
            }
            Self::Write(path, offset, bytes) => {
                let file = machine.open(path, Access::ReadWrite).unwrap();
                plant(0);
                file.write_at(*offset, &[bytes]).is_err()
            }
            Self::Sync(path) => {
                let file = machine.open(path, Access::ReadWrite).unwrap();
                plant(0);
                file.sync_data().is_err()
            }
        };
        // A directory that is there is only looked for.
        assert!(failed || matches!(self, Self::CreateDirectory(..)), "{self:?}");
    }
}

type Watcher = dyn Fn(&SimulatedFileSystem, &Change) + Send + Sync;

/// The file system that is watched.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) machine: SimulatedFileSystem,
    pub(crate) watcher: Arc<Watcher>,
}

impl Watched {
    fn show(&self, change: Change) {
        (self.watcher)(&self.machine, &change);
    }
}

impl FileSystem for Watched {
    fn create_dir_all(&self, path: &Path, mode: u32) -> Result<(), FileError> {
        self.show(Change::CreateDirectory(path.to_owned(), mode));
        self.machine.create_dir_all(path, mode)
    }

    fn create_new(&self, path: &Path, mode: u32) -> Result<Box<dyn File>, FileError> {
        self.show(Change::Create(path.to_owned(), mode));
        Ok(self.file(path, self.machine.create_new(path, mode)?))
    }

    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn File>, FileError> {
        Ok(self.file(path, self.machine.open(path, access)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        self.show(Change::Rename(from.to_owned(), to.to_owned()));
        self.machine.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> Result<(), FileError> {
        self.show(Change::Remove(path.to_owned()));
        self.machine.remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> Result<(), FileError> {
        self.show(Change::SyncDirectory(path.to_owned()));
        self.machine.sync_dir(path)
    }

    fn list(&self, path: &Path) -> Result<Vec<String>, FileError> {
        self.machine.list(path)
    }

    fn metadata(&self, path: &Path) -> Result<Option<Metadata>, FileError> {
        self.machine.metadata(path)
    }

    fn free_bytes(&self, path: &Path) -> Result<u64, FileError> {
        self.machine.free_bytes(path)
    }

    fn lock(&self, path: &Path, mode: u32) -> Result<Box<dyn Lock>, FileError> {
        self.machine.lock(path, mode)
    }
}

impl Watched {
    fn file(&self, path: &Path, file: Box<dyn File>) -> Box<dyn File> {
        Box::new(WatchedFile {
            system: self.clone(),
            path: path.to_owned(),
            file,
        })
    }
}

struct WatchedFile {
    system: Watched,
    path: PathBuf,
    file: Box<dyn File>,
}

impl File for WatchedFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FileError> {
        self.file.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, pieces: &[&[u8]]) -> Result<(), FileError> {
        self.system
            .show(Change::Write(self.path.clone(), offset, pieces.concat()));
        self.file.write_at(offset, pieces)
    }

    fn length(&self) -> Result<u64, FileError> {
        self.file.length()
    }

    fn sync_data(&self) -> Result<(), FileError> {
        self.system.show(Change::Sync(self.path.clone()));
        self.file.sync_data()
    }

    fn sync_all(&self) -> Result<(), FileError> {
        self.system.show(Change::Sync(self.path.clone()));
        self.file.sync_all()
    }
}
