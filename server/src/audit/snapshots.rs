//! The snapshots of the state that there are.

use std::path::PathBuf;

use trialseal_core::hash::{Hash, sha256};

use super::{
    Source,
    finding::{AuditError, Place, RESTORE},
};
use crate::{publish::SNAPSHOT, recover::SNAPSHOT_BYTES_MAX, state::State};

/// A snapshot, by its digest: the state of a large log is large.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) path: PathBuf,
    /// Entries folded in.
    pub(super) size: u64,
    /// The complete generations of remembered submissions that it relies on.
    pub(super) generations: Vec<u64>,
    /// SHA-256 of its contents.
    pub(super) contents: Hash,
}

/// Reads the snapshots of these sizes, without those that a live notary has replaced by
/// now.
pub(super) fn read(source: &Source<'_>, sizes: &[u64], base: u64) -> Result<Vec<Snapshot>, AuditError> {
    let mut snapshots = Vec::with_capacity(sizes.len());
    for &size in sizes {
        let path = source.layout.snapshot(size);
        let Some(file) = source.read_if_there(&path, SNAPSHOT_BYTES_MAX)? else {
            continue;
        };
        let (_, contents) = SNAPSHOT.open(&path, &file)?;
        let wrong = |problem: &str| AuditError::wrong(&path, Place::File, problem, RESTORE);
        let (state, generations) =
            State::decode(contents, base).map_err(|_| wrong("it is no snapshot of the state"))?;
        if state.size().get() != size {
            return Err(wrong("it is a snapshot of another size than its name says"));
        }
        let contents = sha256(contents);
        snapshots.push(Snapshot {
            path,
            size,
            generations,
            contents,
        });
    }
    Ok(snapshots)
}
