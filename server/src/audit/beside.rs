//! What is kept beside the log and follows from nothing else: the log of reads, and openings.

use trialseal_core::checkpoint::Origin;

use super::{
    Source,
    finding::{AuditError, Place, RESTORE},
};
use crate::{
    openings::{self, OpeningsError},
    reads::{self, ReadsError},
};

/// How much there is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beside {
    /// Reads on record.
    pub(super) reads: u64,
    /// Openings.
    pub(super) openings: u64,
}

/// Looks at every read, and leads every opening to the root that it repeats.
pub(super) fn check(source: &Source<'_>, origin: &Origin) -> Result<Beside, AuditError> {
    let audited = reads::audit(source.fs, source.layout, origin)?;
    let mut openings = 0;
    for place in openings::places(source.fs, source.layout)? {
        match openings::check(source.fs, source.layout, place) {
            Ok(_) => openings += 1,
            // Erased since it was listed, by a live notary.
            Err(_) if source.fs.metadata(&source.layout.opening(place))?.is_none() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Beside {
        reads: audited.reads,
        openings,
    })
}

impl From<ReadsError> for AuditError {
    fn from(error: ReadsError) -> Self {
        match error {
            ReadsError::File(error) => error.into(),
            ReadsError::Durable(error) => error.into(),
            ReadsError::Damaged {
                path,
                offset,
                problem,
            } => Self::wrong(&path, Place::Offset(offset), problem, RESTORE),
            ReadsError::Newer { path, found } => {
                let problem = format!("it has format version {found}, and this program reads version 1");
                Self::wrong(&path, Place::File, problem, "Use the newer program")
            }
        }
    }
}

impl From<OpeningsError> for AuditError {
    fn from(error: OpeningsError) -> Self {
        match error {
            OpeningsError::File(error) => error.into(),
            OpeningsError::Durable(error) => error.into(),
            OpeningsError::Damaged { path, problem } => Self::wrong(
                &path,
                Place::File,
                problem,
                "Restore it from a backup, or have the opening uploaded again",
            ),
        }
    }
}
