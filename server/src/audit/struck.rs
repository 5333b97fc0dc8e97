//! Parts that are not there: erased, with a tombstone in effect, or lost.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use trialseal_core::{checkpoint::Origin, hash::RecordId, index::LogIndex, vocabulary::ErasablePart};

use super::{
    Source,
    entry::Record,
    finding::{AuditError, RESTORE},
    frames,
};
use crate::{chain, erasure::Erasure, journal::FrameHeader, state::State};

/// What of one record is not there.
#[derive(Debug, Clone)]
struct Missing {
    record: RecordId,
    /// Each part, with the place of the tombstone that the record names.
    parts: Vec<(ErasablePart, chain::Place)>,
    /// Where it was read.
    file: PathBuf,
}

/// Records of which parts are not there, of a log and those before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Struck {
    records: BTreeMap<(Origin, LogIndex), Missing>,
}

/// How much of a log was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Parts that are not there, each with a tombstone that is in effect.
    pub parts: u64,
    /// Tombstones in effect.
    pub tombstones: u64,
    /// Tombstones among them whose parts may still be there: the notary erases them when it
    /// runs.
    pub pending: u64,
    /// Parts that are not there, by tombstones of a later log, which is not at hand.
    pub by_later_logs: u64,
}

impl Struck {
    /// Notes what of a record is not there.
    pub(super) fn add(&mut self, record: &Record, file: &Path) {
        if record.erased.is_empty() {
            return;
        }
        let missing = Missing {
            record: record.facts.record,
            parts: record.erased.clone(),
            file: file.to_owned(),
        };
        let at = (record.when.log.clone(), record.when.index);
        self.records.insert(at, missing);
    }

    /// Compares what is not there with the tombstones in effect, of which `done` were carried out.
    pub(super) fn check(
        &self,
        source: &Source<'_>,
        state: &State,
        done: u64,
        origin: &Origin,
    ) -> Result<Erased, AuditError> {
        let effective = state.erasures().effective();
        let mut erased = Erased {
            tombstones: effective.len() as u64,
            pending: (effective.len() as u64).saturating_sub(done),
            ..Erased::default()
        };
        for ((log, index), missing) in &self.records {
            for (part, tombstone) in &missing.parts {
                let mut of = state.erasures().of(log, *index);
                if of.any(|one| names(one, missing.record, *part, *tombstone)) {
                    erased.parts += 1;
                } else if state.closed().is_some() && tombstone.get() >= state.end() {
                    erased.by_later_logs += 1;
                } else if has_grown(source, state.size().get())? {
                    // A live notary had it take effect behind the head that is audited.
                    erased.parts += 1;
                } else {
                    return Err(lost(missing, *index, *part));
                }
            }
        }
        for erasure in effective.iter().take(usize::try_from(done).unwrap_or(usize::MAX)) {
            self.check_done(source, erasure, origin)?;
        }
        Ok(erased)
    }

    /// What was erased must be gone.
    fn check_done(&self, source: &Source<'_>, erasure: &Erasure, origin: &Origin) -> Result<(), AuditError> {
        let of = &erasure.of;
        // Without the logs before, their records were not read.
        if of.log != *origin {
            return Ok(());
        }
        let missing = self.records.get(&(of.log.clone(), of.index));
        let is_gone = |part: ErasablePart| {
            part == ErasablePart::Manifest
                || missing.is_some_and(|missing| missing.parts.iter().any(|(gone, _)| *gone == part))
        };
        match of.parts.iter().find(|part| !is_gone(*part)) {
            None => Ok(()),
            Some(part) => Err(AuditError::entry(
                &source.layout.records(of.index.get() / crate::layout::TILE),
                of.index.get(),
                format!(
                    "the part {part} is there, although the tombstone at place {} was carried out",
                    erasure.tombstone
                ),
            )),
        }
    }
}

fn names(erasure: &Erasure, record: RecordId, part: ErasablePart, tombstone: chain::Place) -> bool {
    erasure.tombstone == tombstone && erasure.of.record == record && erasure.of.parts.has(part)
}

/// Whether the journal ends behind the size that is audited by now.
fn has_grown(source: &Source<'_>, size: u64) -> Result<bool, AuditError> {
    let mut end = 0;
    let mut visit = |header: &FrameHeader, _: &[u8]| {
        end = header.end_index();
        Ok(())
    };
    while !frames::scan(source, &mut visit)? {}
    Ok(end > size)
}

fn lost(missing: &Missing, index: LogIndex, part: ErasablePart) -> AuditError {
    let problem = format!(
        "the part {part} of record {} is LOST: it is not there, and no tombstone in effect says that it was erased",
        missing.record
    );
    AuditError::wrong(
        &missing.file,
        super::finding::Place::Entry(index.get()),
        problem,
        RESTORE,
    )
}
