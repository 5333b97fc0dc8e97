//! Many immutable files at once, with as few syncs as possible.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{DurableError, refuse_difference, temporary_path, write_temporary};
use crate::fs::{File, FileSystem, directory_of};

/// Immutable files that become durable together: all files are synced at once, and each directory once.
///
/// [`Batch::add`] writes; nothing has its name, and nothing is durable, before [`Batch::commit`] returns. A batch
/// may be used again after a commit, and remembers which directories it has made durable. After an error, drop it:
/// some of the files may exist, all of those complete.
pub struct Batch {
    fs: Arc<dyn FileSystem>,
    root: PathBuf,
    directory_mode: u32,
    file_mode: u32,
    written: Vec<Written>,
    /// Directories below the root whose names were made durable by this value.
    known: HashSet<PathBuf>,
}

struct Written {
    file: Box<dyn File>,
    temporary: PathBuf,
    path: PathBuf,
}

impl Batch {
    /// A batch of files below `root`. Files and missing directories get the permissions given.
    pub fn new(fs: Arc<dyn FileSystem>, root: &Path, directory_mode: u32, file_mode: u32) -> Self {
        let root = root.to_owned();
        Self {
            fs,
            root,
            directory_mode,
            file_mode,
            written: Vec::new(),
            known: HashSet::new(),
        }
    }

    /// Writes the immutable file `path`, given relative to the root, without making it durable. Its directories are
    /// created and made durable. Existing files are treated as by [`super::write_new`].
    pub fn add(&mut self, path: &str, contents: &[u8]) -> Result<(), DurableError> {
        refuse_difference(&*self.fs, &self.root.join(path), contents)?;
        self.replace(path, contents)
    }

    /// As [`Batch::add`], whatever the file may hold now: for what is immutable but for erasures.
    pub fn replace(&mut self, path: &str, contents: &[u8]) -> Result<(), DurableError> {
        let path = self.root.join(path);
        self.make_directory(directory_of(&path))?;
        let temporary = temporary_path(&path)?;
        let file = write_temporary(&*self.fs, &temporary, contents, self.file_mode)?;
        self.written.push(Written {
            file,
            temporary,
            path,
        });
        Ok(())
    }

    /// How many files wait for [`Batch::commit`].
    pub fn len(&self) -> usize {
        self.written.len()
    }

    /// Whether no file waits for [`Batch::commit`].
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Makes all files durable under their names.
    pub fn commit(&mut self) -> Result<(), DurableError> {
        let written = std::mem::take(&mut self.written);
        let files: Vec<&dyn File> = written.iter().map(|one| &*one.file).collect();
        self.fs.sync_files(&self.root, &files)?;
        // All contents are durable, under names that nobody reads.
        let mut directories = BTreeSet::new();
        for one in &written {
            self.fs.rename(&one.temporary, &one.path)?;
            directories.insert(directory_of(&one.path));
        }
        // A crash from here on finds some of the files, each of them complete.
        for directory in directories {
            self.fs.sync_dir(directory)?;
        }
        // A crash from here on finds all of them.
        Ok(())
    }

    /// Creates a directory below the root and makes its name durable, and those of all directories on the way to it.
    ///
    /// That it exists is not enough: a process that was killed before it synced the parent leaves a directory that
    /// is visible and that a power cut would take away, with everything in it.
    fn make_directory(&mut self, directory: &Path) -> Result<(), DurableError> {
        if self.known.contains(directory) {
            return Ok(());
        }
        self.fs.create_dir_all(directory, self.directory_mode)?;
        for child in directory.ancestors().take_while(|child| *child != self.root) {
            self.fs.sync_dir(directory_of(child))?;
        }
        self.known.insert(directory.to_owned());
        Ok(())
    }
}
