//! Creating a log: a first one, or one that continues another.

use std::sync::Arc;

use trialseal_core::{
    checkpoint::Checkpoint,
    entry::{LogKeys, Statement},
    merkle::compact_range::CompactRange,
    note::SignedNote,
};

use super::{OpenError, OpenOptions};
use crate::{
    carried,
    durable::replace,
    fs::{PRIVATE_DIRECTORY, PRIVATE_FILE, PUBLIC_DIRECTORY},
    journal::{Journal, JournalError, JournalId},
    refusal::Refusal,
    seal::Sealer,
    sequence::Committer,
    signer_state::SignerState,
    state::State,
    stored::StoredBatch,
};

/// What a log that continues another begins with.
#[derive(Debug)]
pub struct CarriedState {
    /// The final checkpoint of the log before, with its two log lines.
    pub note: String,
    /// The state after it, as [`State::carried`] gives it.
    pub state: State,
    /// The files of the complete generations of remembered submissions that it relies on.
    pub generations: Vec<(u64, Vec<u8>)>,
}

/// Creates a log in an empty place: its folders, its journal and the `open` statement.
///
/// # Errors
/// If there is a journal already, or anything cannot be written.
pub fn create(options: &OpenOptions, identity: JournalId) -> Result<(), OpenError> {
    create_folders(options)?;
    let OpenOptions {
        fs, layout, journal, ..
    } = options;
    let journal = Journal::create(Arc::clone(fs), &layout.journal, *journal, identity)?;
    commit_open(options, journal, State::default(), None)
}

/// Creates a log that continues another. What an interrupted creation left is completed;
/// a log that was created from the same checkpoint is left alone.
///
/// # Errors
/// If there is another log already, or anything cannot be written.
pub fn create_next(options: &OpenOptions, identity: JournalId, from: CarriedState) -> Result<(), OpenError> {
    create_folders(options)?;
    let OpenOptions {
        fs,
        layout,
        journal: sizes,
        ..
    } = options;
    let journal = match Journal::create(Arc::clone(fs), &layout.journal, *sizes, identity) {
        Err(JournalError::Exists { .. }) => {
            let mut only = None;
            let journal = Journal::open(Arc::clone(fs), &layout.journal, *sizes, &mut |header, payload| {
                only = match header.end_index() {
                    1 => Some(checkpoint_of(payload)?),
                    _ => None,
                };
                Ok(())
            })?;
            if journal.next_index().is_some() {
                return complete(options, only, &from.note);
            }
            journal
        }
        created => created?,
    };
    // Nothing was ever committed here: what lies here is from an interrupted creation.
    let directory = layout.remembered();
    fs.create_dir_all(&directory, PRIVATE_DIRECTORY)?;
    for (number, file) in &from.generations {
        replace(&**fs, &layout.generation(*number), file, PRIVATE_FILE)?;
    }
    let object = carried::encode(&from.note, &from.state);
    replace(&**fs, &layout.carried(), &object, PRIVATE_FILE)?;
    commit_open(options, journal, from.state, Some(from.note))
}

fn create_folders(options: &OpenOptions) -> Result<(), OpenError> {
    let OpenOptions { fs, layout, .. } = options;
    for (directory, mode) in [
        (&layout.public, PUBLIC_DIRECTORY),
        (&layout.private, PRIVATE_DIRECTORY),
        (&layout.journal, PRIVATE_DIRECTORY),
    ] {
        fs.create_dir_all(directory, mode)?;
    }
    if let Some(parent) = layout.signer_state.parent() {
        fs.create_dir_all(parent, PRIVATE_DIRECTORY)?;
    }
    Ok(())
}

/// Commits the statement that opens the log, and writes the signer's memory.
fn commit_open(
    options: &OpenOptions,
    journal: Journal,
    state: State,
    previous: Option<String>,
) -> Result<(), OpenError> {
    let OpenOptions {
        fs, layout, signer, ..
    } = options;
    let broken = |problem: String| OpenError::Create(problem);
    let [ed25519, mldsa] = signer.verifiers();
    let keys = LogKeys::new(ed25519.clone(), mldsa.clone()).map_err(|error| broken(error.to_string()))?;
    let mut sealer = Sealer::new(
        signer.origin().clone(),
        state,
        CompactRange::new(),
        options.remembered,
        rand::make_rng(),
    );
    let mut open = sealer.begin(options.clock.now());
    let statement = Statement::Open {
        created_at: open.time(),
        keys,
        origin: signer.origin().clone(),
        previous,
    };
    open.state(&statement)
        .map_err(|error: Refusal| broken(error.to_string()))?;
    let batch = open.finish().map_err(|error| broken(error.to_string()))?;
    let remembered = SignerState {
        checkpoint: batch.checkpoint.clone(),
        time: batch.time,
    };
    let mut committer = Committer {
        signer: Arc::clone(signer),
        journal,
        segment: 0,
    };
    committer
        .commit(batch)
        .map_err(|error| broken(error.to_string()))?;
    remembered.write(&**fs, &layout.signer_state)?;
    Ok(())
}

/// The checkpoint of a log's first frame.
fn checkpoint_of(payload: &[u8]) -> Result<Checkpoint, Box<dyn std::error::Error + Send + Sync>> {
    let (_, note) = StoredBatch::parse(bytes::Bytes::copy_from_slice(payload), 1)?;
    Ok(Checkpoint::parse(SignedNote::parse(&note)?.text())?)
}

/// A log that is there must continue the same checkpoint. If nothing was done in it yet, the
/// signer's memory may be missing.
fn complete(options: &OpenOptions, only: Option<Checkpoint>, note: &str) -> Result<(), OpenError> {
    let OpenOptions { fs, layout, .. } = options;
    let carried = carried::read(&**fs, layout)?;
    if carried.is_none_or(|carried| carried.note != note) {
        return Err(OpenError::Carried(format!(
            "{} holds another log already; choose another folder",
            layout.journal.display()
        )));
    }
    match only {
        Some(checkpoint) if fs.metadata(&layout.signer_state)?.is_none() => {
            let time = options.clock.now();
            SignerState { checkpoint, time }.write(&**fs, &layout.signer_state)?;
            Ok(())
        }
        _ => Ok(()),
    }
}
