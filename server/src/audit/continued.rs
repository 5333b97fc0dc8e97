//! A log that continues another: what it began with must be what the other ended with.

use std::collections::BTreeMap;

use trialseal_core::{
    checkpoint::Checkpoint,
    hash::{Hash, sha256},
    note::{SignedNote, VerifierKey},
};

use super::{
    Source,
    finding::{AuditError, CONTRADICTION, Place, RESTORE},
    rebuild::missing,
    struck::Struck,
};
use crate::{carried, publish::GENERATION, recover::SNAPSHOT_BYTES_MAX, state::State};

/// The end of a log that was audited.
pub(super) struct Before {
    /// Its last checkpoint.
    pub(super) checkpoint: Checkpoint,
    /// Its keys.
    pub(super) keys: [VerifierKey; 2],
    /// Its state.
    pub(super) state: State,
    /// The digests of the complete generations of remembered submissions, as far as known.
    pub(super) generations: BTreeMap<u64, Hash>,
    /// What of its records, and of those of the logs before it, is not there.
    pub(super) struck: Struck,
}

/// What a log begins with: nothing, or what was carried from the one before.
#[derive(Default)]
pub(super) struct Began {
    /// The final checkpoint of the log before.
    pub(super) note: Option<String>,
    /// The state.
    pub(super) state: State,
    /// The digests of the complete generations that it relies on and that are still there.
    pub(super) generations: BTreeMap<u64, Hash>,
    /// What of the records of the logs before it is not there, where those were audited.
    pub(super) struck: Struck,
}

impl Began {
    /// Reads what was carried, if anything was.
    pub(super) fn read(source: &Source<'_>) -> Result<Self, AuditError> {
        let path = source.layout.carried();
        let Some(file) = source.read_if_there(&path, SNAPSHOT_BYTES_MAX)? else {
            return Ok(Self::default());
        };
        let carried = carried::decode(path, &file)?;
        let mut began = Self {
            note: Some(carried.note),
            state: carried.state,
            generations: BTreeMap::new(),
            struck: Struck::default(),
        };
        for number in carried.generations {
            let path = source.layout.generation(number);
            match source.read_if_there(&path, SNAPSHOT_BYTES_MAX)? {
                Some(file) => {
                    let (_, contents) = GENERATION.open(&path, &file)?;
                    let loaded = began.state.remembered_mut().load_generation(contents, false);
                    if loaded != Ok(number) {
                        let problem = "it does not hold remembered submissions";
                        return Err(AuditError::wrong(&path, Place::File, problem, RESTORE));
                    }
                    began.generations.insert(number, sha256(contents));
                }
                // A snapshot does without it once it is forgotten.
                None if has_snapshot(source) => {}
                None => return Err(missing(&path)),
            }
        }
        Ok(began)
    }

    /// Entries of the logs before.
    pub(super) fn base(&self) -> u64 {
        self.state.base()
    }

    /// Compares it with the end of the log before, where that was audited.
    pub(super) fn check(
        &self,
        source: &Source<'_>,
        keys_of_this: &[VerifierKey; 2],
        before: Option<&Before>,
    ) -> Result<(), AuditError> {
        let path = source.layout.carried();
        let wrong = |problem: &str| Err(AuditError::wrong(&path, Place::File, problem, CONTRADICTION));
        let Some(Before {
            checkpoint,
            keys,
            state,
            generations,
            ..
        }) = before
        else {
            return Ok(());
        };
        let Some(note) = &self.note else {
            return Err(missing(&path));
        };
        let signed = SignedNote::parse(note).ok();
        let quoted = signed.filter(|note| note.verify(keys).is_ok_and(|lines| lines.len() == 2));
        if quoted.is_none_or(|note| note.text() != checkpoint.text()) {
            return wrong("it is from another checkpoint than the last one of the log before");
        }
        let [ed25519, mldsa] = keys_of_this;
        let for_this = state
            .closed()
            .is_some_and(|next| next.keys.ed25519() == ed25519 && next.keys.mldsa() == mldsa);
        if !for_this {
            return wrong("the log before was not closed for this one");
        }
        let found = self.generations.iter();
        if found
            .filter_map(|(number, digest)| Some((digest, generations.get(number)?)))
            .any(|(found, expected)| found != expected)
        {
            return wrong("it relies on other remembered submissions than those of the log before");
        }
        let relied_on: Vec<u64> = self.state.complete_generations();
        if self.state.encode_relying_on(&relied_on) != state.encode_as_carried(&relied_on) {
            return wrong("it is not the state that the log before ended with");
        }
        Ok(())
    }
}

fn has_snapshot(source: &Source<'_>) -> bool {
    source
        .fs
        .list(&source.layout.snapshots())
        .is_ok_and(|names| names.iter().any(|name| name.parse::<u64>().is_ok()))
}
