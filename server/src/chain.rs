//! The logs of one notary, one after the other: the present one, and the closed ones
//! that it continues.

use std::sync::Arc;

use trialseal_core::{
    checkpoint::{Checkpoint, Origin},
    cose::CoseKey,
    index::{LogIndex, LogSize},
};

use crate::{
    evidence::{Evidenced, KeptOfClosed},
    view::LogView,
};

/// A place in all logs of a notary together: the number of entries of the logs before,
/// plus the log index. In a first log it is the log index.
///
/// Registers and remembered submissions go on when the log does; places let them refer
/// to a record in whichever log it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u64);

impl Place {
    /// The place behind `entries` entries.
    #[must_use]
    pub const fn new(entries: u64) -> Self {
        Self(entries)
    }

    /// The number of entries before it, in all logs.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(out)
    }
}

/// One log, for readers.
pub struct ReadLog {
    /// Its name.
    pub origin: Origin,
    /// The entries of the logs before it.
    pub base: u64,
    /// Its committed entries.
    pub view: Arc<LogView>,
    /// A closed log's key of COSE receipts, if it had one; the present log's is with the notary.
    pub cose: Option<CoseKey>,
    /// What is kept of a closed log's evidence; none for the present log, whose evidence grows.
    pub kept: Option<KeptOfClosed>,
}

impl ReadLog {
    /// The place of an index of this log.
    #[must_use]
    pub fn place(&self, index: LogIndex) -> Place {
        Place::new(self.base.saturating_add(index.get()))
    }

    /// Entries of this log and those before it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.base.saturating_add(self.view.head().size.get())
    }

    /// The last checkpoint with the evidence that is kept for it.
    #[must_use]
    pub fn last_evidenced(&self) -> Evidenced {
        let head = self.view.head();
        let kept = self.kept.iter().flat_map(KeptOfClosed::newest);
        if let Some(kept) = kept.into_iter().find(|kept| kept.checkpoint.size == head.size) {
            return Evidenced::clone(&kept);
        }
        Evidenced {
            checkpoint: Checkpoint {
                origin: self.origin.clone(),
                size: head.size,
                root: head.root,
            },
            note: head.note,
            tokens: Vec::new(),
            cose: None,
        }
    }

    /// Number of its entries.
    #[must_use]
    pub fn size(&self) -> LogSize {
        self.view.head().size
    }
}

/// All logs of a notary in their order; the last is the present one.
#[derive(Clone)]
pub struct Chain {
    closed: Vec<Arc<ReadLog>>,
    present: Arc<ReadLog>,
}

impl Chain {
    /// The closed logs, oldest first, and the present one.
    #[must_use]
    pub fn new(closed: Vec<Arc<ReadLog>>, present: Arc<ReadLog>) -> Self {
        Self { closed, present }
    }

    /// The log that is written to.
    #[must_use]
    pub fn present(&self) -> &Arc<ReadLog> {
        &self.present
    }

    /// The closed logs, oldest first.
    #[must_use]
    pub fn closed(&self) -> &[Arc<ReadLog>] {
        &self.closed
    }

    /// The log that holds a place, and the index there; the present log for places that
    /// are not committed yet.
    #[must_use]
    pub fn locate(&self, place: Place) -> Option<(&Arc<ReadLog>, LogIndex)> {
        let log = self.closed.iter().find(|log| place.get() < log.end());
        let log = log.unwrap_or(&self.present);
        let index = LogIndex::new(place.get().checked_sub(log.base)?).ok()?;
        Some((log, index))
    }

    /// The log with this name.
    #[must_use]
    pub fn by_origin(&self, origin: &Origin) -> Option<&Arc<ReadLog>> {
        let all = self.closed.iter().chain([&self.present]);
        all.into_iter().find(|log| log.origin == *origin)
    }

    /// Whether it is the name of a closed log of this notary.
    #[must_use]
    pub fn is_closed(&self, origin: &Origin) -> bool {
        self.closed.iter().any(|log| log.origin == *origin)
    }
}
