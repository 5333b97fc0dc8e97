//! The frames of the journal: their checkpoints, and what their entries must be.

use bytes::Bytes;
use trialseal_core::{
    checkpoint::Checkpoint,
    hash::{Hash, sha256},
    note::{KeyType, SignedNote, VerifierKey},
};

use super::{
    Source,
    finding::{AuditError, CONTRADICTION, Place},
};
use crate::{
    journal::{self, FrameHeader, JournalError, Visit},
    stored::{StoredBatch, StoredEntry, StoredError},
};

/// How often a scan is begun again because a live notary released a segment.
const ATTEMPTS: usize = 1_000;

/// One frame, whose checkpoint is signed by both keys.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) header: FrameHeader,
    /// SHA-256 of what its entries are, whether or not something in them was erased.
    pub(super) entries: Hash,
    pub(super) checkpoint: Checkpoint,
    /// When it was signed, in seconds since 1970.
    pub(super) signed_s: u64,
}

/// Why a frame is refused; the scan adds file and offset.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

fn refused(problem: impl ToString) -> Box<dyn std::error::Error + Send + Sync> {
    Box::new(Refused(problem.to_string()))
}

/// Reads all frames there are now.
pub(super) fn read(source: &Source<'_>, keys: &[VerifierKey; 2]) -> Result<Vec<Frame>, AuditError> {
    let mut frames = Vec::new();
    for _ in 0..ATTEMPTS {
        frames.clear();
        let mut visit = |header: &FrameHeader, payload: &[u8]| {
            source.count(payload.len());
            frames.push(check(header, payload, keys)?);
            Ok(())
        };
        if scan(source, &mut visit)? {
            break;
        }
    }
    match frames.last() {
        Some(_) => Ok(frames),
        None => Err(AuditError::wrong(
            &source.layout.journal,
            Place::File,
            "the journal holds no batch",
            "If the log was never completely created, remove its folder and create it again; otherwise restore the \
             journal from a backup",
        )),
    }
}

/// One scan; false if it must be begun again.
pub(super) fn scan(source: &Source<'_>, visit: &mut Visit<'_>) -> Result<bool, AuditError> {
    match journal::scan(source.fs, &source.layout.journal, visit) {
        Ok(()) => Ok(true),
        Err(JournalError::Released { .. }) => Ok(false),
        Err(JournalError::Rejected { file, offset, source }) => Err(AuditError::wrong(
            &file,
            Place::Offset(offset),
            source.to_string(),
            CONTRADICTION,
        )),
        Err(error) => Err(error.into()),
    }
}

/// The entries of a frame, as they are stored.
pub(super) fn entries(header: &FrameHeader, payload: &[u8]) -> Result<(StoredBatch, String), String> {
    let count = usize::try_from(header.count).unwrap_or(usize::MAX);
    StoredBatch::parse(Bytes::copy_from_slice(payload), count).map_err(|error| error.to_string())
}

fn identities(stored: impl Iterator<Item = Bytes>) -> Result<Hash, StoredError> {
    let mut identities = Vec::new();
    for stored in stored {
        identities.extend_from_slice(StoredEntry::decode(&stored)?.identity().as_bytes());
    }
    Ok(sha256(&identities))
}

fn check(
    header: &FrameHeader,
    payload: &[u8],
    keys: &[VerifierKey; 2],
) -> Result<Frame, Box<dyn std::error::Error + Send + Sync>> {
    let (stored, note) = entries(header, payload).map_err(refused)?;
    let note =
        SignedNote::parse(&note).map_err(|error| refused(format!("its checkpoint is no note: {error}")))?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(refused)?;
    if checkpoint.origin.key_name() != keys[0].name() {
        return Err(refused(format!(
            "its checkpoint is of the log {}",
            checkpoint.origin
        )));
    }
    if checkpoint.size.get() != header.end_index() {
        let (size, end) = (checkpoint.size, header.end_index());
        return Err(refused(format!(
            "its checkpoint is of size {size}, and its entries end at {end}"
        )));
    }
    let verified = note
        .verify(keys)
        .map_err(|error| refused(format!("its checkpoint is refused: {error}")))?;
    let by = |kind: KeyType| verified.iter().filter(move |line| line.key.key_type() == kind);
    let signed_s = by(KeyType::MlDsa44).find_map(|line| line.time_s);
    match (
        by(KeyType::Ed25519).count(),
        by(KeyType::MlDsa44).count(),
        signed_s,
    ) {
        (1, 1, Some(signed_s)) if note.lines().len() == 2 => Ok(Frame {
            header: *header,
            entries: identities(stored.iter()).map_err(refused)?,
            checkpoint,
            signed_s,
        }),
        _ => Err(refused(
            "its checkpoint is not signed by both keys of the log, once each",
        )),
    }
}
