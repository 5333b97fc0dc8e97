//! A log that continues others: they must be what it says they are.

use std::sync::Arc;

use trialseal_core::{
    entry::{LogKeys, Statement},
    index::LogIndex,
};

use super::OpenError;
use crate::{
    carried::Carried, chain::ReadLog, closed::ClosedLog, fs::FileSystem, keys::LogSigner, state::NextLog,
    stored::StoredEntry, view::LogView,
};

/// Opens the logs before this one: each must have been closed for the one behind it.
pub(super) fn open_closed(
    fs: &Arc<dyn FileSystem>,
    previous: &[ClosedLog],
    signer: &LogSigner,
) -> Result<Vec<Arc<ReadLog>>, OpenError> {
    let mut opened: Vec<Arc<ReadLog>> = Vec::with_capacity(previous.len());
    for (position, log) in previous.iter().enumerate() {
        let (origin, [ed25519, mldsa]) = match previous.get(position + 1) {
            Some(next) => (next.origin()?, next.keys.each_ref()),
            None => (signer.origin().clone(), signer.verifiers()),
        };
        let keys = LogKeys::new(ed25519.clone(), mldsa.clone())
            .map_err(|error| OpenError::Carried(error.to_string()))?;
        let base = opened.last().map_or(0, |log| log.end());
        opened.push(Arc::new(log.open(fs, base, &NextLog { origin, keys })?));
    }
    Ok(opened)
}

/// What was carried must be from the log before, and from all of it.
pub(super) fn check_carried(
    carried: Option<&Carried>,
    before: Option<&Arc<ReadLog>>,
) -> Result<(), OpenError> {
    let refused = |problem: String| Err(OpenError::Carried(problem));
    match (carried, before) {
        (None, None) => Ok(()),
        (Some(carried), None) => refused(format!(
            "it continues {}; set `previous` in the configuration to that log's folder",
            carried.checkpoint.origin
        )),
        (None, Some(before)) => refused(format!(
            "`previous` names {}, but the state that was carried from it (private/carried) is missing. Restore it \
             from a backup",
            before.origin
        )),
        (Some(carried), Some(before)) => {
            let head = before.view.head();
            let same = (
                &carried.checkpoint.origin,
                carried.checkpoint.size,
                carried.checkpoint.root,
            ) == (&before.origin, head.size, head.root);
            if same && carried.base == before.end() {
                return Ok(());
            }
            refused(format!(
                "it continues {} at {} entries, and `previous` names {} with {}",
                carried.checkpoint.origin, carried.checkpoint.size, before.origin, head.size
            ))
        }
    }
}

/// The statement that opens the log must quote the checkpoint that the state was carried
/// from.
pub(super) fn check_opened(view: &LogView, note: &str) -> Result<(), OpenError> {
    let opened = match view.stored(LogIndex::FIRST)? {
        Some(StoredEntry::Statement(json)) => Statement::parse(&json).ok(),
        _ => None,
    };
    match opened {
        Some(Statement::Open { previous, .. }) if previous.as_deref() == Some(note) => Ok(()),
        Some(Statement::Open { .. }) => Err(OpenError::Carried(
            "its statement open quotes another checkpoint than the one that the state was carried from"
                .to_owned(),
        )),
        _ => Err(OpenError::Carried(
            "its first entry is no statement open".to_owned(),
        )),
    }
}
