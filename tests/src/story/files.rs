//! The files of the story: real ones where they are, made-up ones elsewhere.

use std::fs;
use std::path::PathBuf;

use crate::programs::repository;

/// The folder with the files that the story submits.
pub struct Files {
    folder: PathBuf,
    real: usize,
    made: usize,
}

/// Where real files lie: `TRIALSEAL_DATA`, else beside the repository.
#[must_use]
pub fn data() -> PathBuf {
    std::env::var_os("TRIALSEAL_DATA").map_or_else(|| repository("../shared/data"), PathBuf::from)
}

impl Files {
    pub(super) fn new(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).unwrap();
        Self {
            folder,
            real: 0,
            made: 0,
        }
    }

    /// Where a file of the story is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// How many files are real, and how many made up.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        (self.real, self.made)
    }

    /// A file that was published; made up where it is not there.
    pub fn real(&mut self, name: &str, published: &str) {
        let bytes = match fs::read(data().join(published)) {
            Ok(bytes) => {
                self.real += 1;
                bytes
            }
            Err(_) => {
                self.made += 1;
                format!("In place of {published}, which is not here.\n").into_bytes()
            }
        };
        self.write(name, &bytes);
    }

    /// A later version of a file of the story: its bytes, and a line more.
    pub fn revised(&mut self, name: &str, from: &str, change: &str) {
        let mut bytes = fs::read(self.path(from)).unwrap();
        bytes.extend(format!("\n% {change}\n").as_bytes());
        self.made += 1;
        self.write(name, &bytes);
    }

    /// A file that is made up.
    pub fn made(&mut self, name: &str, text: &str) {
        self.made += 1;
        self.write(name, text.as_bytes());
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        assert!(!path.exists(), "{name} is a file of the story already");
        fs::write(path, bytes).unwrap();
    }
}
