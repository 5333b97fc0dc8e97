//! Every kind of damage is found, and nothing that a notary leaves is called damage.

mod damage;
mod forged;
mod live;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use trialseal_core::tile::{TilePath, TileWidth};

use super::{AuditError, AuditReport};
use crate::{
    durable::replace,
    fs::{FileSystem as _, PRIVATE_FILE, SimulatedFileSystem},
    layout::Layout,
    testing::{TestLog, filled},
};

/// A stopped log of 645 entries on a simulated machine that tests fork and damage.
struct Victim {
    fs: SimulatedFileSystem,
    log: TestLog,
}

impl Victim {
    fn new() -> Self {
        let fs = SimulatedFileSystem::new();
        let log = TestLog::on(Arc::new(fs.clone()));
        filled(&log, 40);
        Self { fs, log }
    }

    /// Audits a copy of the machine after `damage`.
    fn audit_after(
        &self,
        damage: impl FnOnce(&SimulatedFileSystem, &Layout),
    ) -> Result<AuditReport, AuditError> {
        let fs = self.fs.fork();
        damage(&fs, &self.log.layout);
        self.log.moved(Arc::new(fs), self.log.layout.clone()).audit()
    }

    /// Requires that `damage` is found, in this file.
    fn must_name(
        &self,
        file: &Path,
        what: &str,
        damage: impl FnOnce(&SimulatedFileSystem, &Layout),
    ) -> String {
        match self.audit_after(damage) {
            Ok(_) => panic!("{what} of {} was not found", file.display()),
            Err(error) => {
                assert_eq!(error.file(), Some(file), "{what}: {error}");
                assert!(
                    error.to_string().contains(&*file.to_string_lossy()),
                    "{what}: {error}"
                );
                error.to_string()
            }
        }
    }

    fn hash_tile(&self, index: u64) -> PathBuf {
        self.log.layout.public_tile(&TilePath::Hashes {
            level: 0,
            index,
            width: TileWidth::FULL,
        })
    }

    fn entries(&self, index: u64) -> PathBuf {
        self.log.layout.public_tile(&TilePath::Entries {
            index,
            width: TileWidth::FULL,
        })
    }

    fn snapshot(&self) -> PathBuf {
        let directory = self.log.layout.snapshots();
        let names = self.fs.list(&directory).unwrap();
        directory.join(names.last().unwrap())
    }

    /// Segments with frames, oldest first; then those without.
    fn segments(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let mut used = Vec::new();
        crate::journal::scan(&self.fs, &self.log.layout.journal, &mut |frame, _| {
            let file = frame.position.file(&self.log.layout.journal);
            if used.last() != Some(&file) {
                used.push(file);
            }
            Ok(())
        })
        .unwrap();
        let names = self.fs.list(&self.log.layout.journal).unwrap();
        let all = names.iter().filter(|name| name.ends_with(".segment"));
        let all = all.map(|name| self.log.layout.journal.join(name));
        let empty = all.filter(|file| !used.contains(file)).collect();
        (used, empty)
    }

    fn read(&self, path: &Path) -> Vec<u8> {
        self.fs.read(path, u64::MAX).unwrap()
    }
}

fn put(fs: &SimulatedFileSystem, path: &Path, contents: &[u8]) {
    fs.create_dir_all(path.parent().unwrap(), 0o700).unwrap();
    replace(fs, path, contents, PRIVATE_FILE).unwrap();
}
