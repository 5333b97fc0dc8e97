//! Where everything lies in the notary's data directory.

use std::path::PathBuf;

use trialseal_core::tile::TilePath;

use crate::{config::Directories, evidence};

/// Log entries in one tile, entry bundle and record bundle.
pub const TILE: u64 = 256;

/// The folders of one notary.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Full tiles and entry bundles, as served over HTTP.
    pub public: PathBuf,
    /// Record bundles, snapshots and remembered keys; mode 0700.
    pub private: PathBuf,
    /// Journal segments; mode 0700.
    pub journal: PathBuf,
    /// The sled database; can be deleted at any time.
    pub index: PathBuf,
    /// The signer's memory, outside the data directory by default.
    pub signer_state: PathBuf,
}

impl From<&Directories> for Layout {
    fn from(directories: &Directories) -> Self {
        Self {
            public: directories.public.clone(),
            private: directories.private.clone(),
            journal: directories.journal.clone(),
            index: directories.index.clone(),
            signer_state: directories.signer_state.clone(),
        }
    }
}

impl Layout {
    /// A full tile or entry bundle.
    #[must_use]
    pub fn public_tile(&self, path: &TilePath) -> PathBuf {
        self.public.join(path.to_string())
    }

    /// The record bundle with entries `256 n` to `256 n + 255`.
    #[must_use]
    pub fn records(&self, number: u64) -> PathBuf {
        self.private.join("records").join(numbered(number))
    }

    /// The folder of remembered submissions.
    #[must_use]
    pub fn remembered(&self) -> PathBuf {
        self.private.join("remembered")
    }

    /// The object of one generation of remembered submissions.
    #[must_use]
    pub fn generation(&self, number: u64) -> PathBuf {
        self.remembered().join(format!("{number:010}"))
    }

    /// The folder of kept evidence.
    #[must_use]
    pub fn all_evidence(&self) -> PathBuf {
        self.private.join("evidence")
    }

    /// The folder of kept evidence of one kind.
    #[must_use]
    pub fn evidence(&self, kind: evidence::Kind) -> PathBuf {
        self.all_evidence().join(kind.as_str())
    }

    /// What each witness has cosigned last.
    #[must_use]
    pub fn cosigned(&self) -> PathBuf {
        self.all_evidence().join("cosigned")
    }

    /// The folder of the log of reads.
    #[must_use]
    pub fn reads(&self) -> PathBuf {
        self.private.join("reads")
    }

    /// The folder of openings.
    #[must_use]
    pub fn openings(&self) -> PathBuf {
        self.private.join("openings")
    }

    /// The opening that the `opened` record at this place announced.
    #[must_use]
    pub fn opening(&self, opened: u64) -> PathBuf {
        self.openings().join(format!("{opened:016}"))
    }

    /// The state that was carried from the log before; none in a first log.
    #[must_use]
    pub fn carried(&self) -> PathBuf {
        self.private.join("carried")
    }

    /// How many erasures are done.
    #[must_use]
    pub fn erased(&self) -> PathBuf {
        self.private.join("erased")
    }

    /// The folder of snapshots.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.private.join("snapshots")
    }

    /// The snapshot of the state after `size` entries.
    #[must_use]
    pub fn snapshot(&self, size: u64) -> PathBuf {
        self.snapshots().join(format!("{size:016}"))
    }
}

/// A number in folders of a thousand, as tlog-tiles writes it: `x001/x234/067`.
fn numbered(number: u64) -> PathBuf {
    let mut path = format!("{:03}", number % 1000);
    let mut rest = number / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    PathBuf::from(path)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn numbers_are_written_in_thousands() {
        assert_eq!(numbered(0), Path::new("000"));
        assert_eq!(numbered(1_234_067), Path::new("x001/x234/067"));
    }
}
