//! Rotating a log to its next origin: close the one, open the other, never half of it.
//!
//! 1. The keys of the next log are durable, and its configuration (both before this module
//!    is called; nothing depends on them yet).
//! 2. The statement `close` is committed as the last entry of the old log, with a statement
//!    of its registers before it if they changed. It names the next log and its keys, so
//!    from here on there is one way to go on.
//! 3. The old log's full tiles and bundles are written, and the signer's memory: what the
//!    next log quotes is public.
//! 4. The carried state is written into the next log's folder.
//! 5. The statement `open`, which quotes the old log's final checkpoint, is committed as
//!    entry 0 of the next log.
//!
//! Each step is durable before the next one begins, and each finds out whether it was done
//! before. After a crash the same call goes on.

use std::sync::Arc;

use trialseal_core::{
    checkpoint::{Checkpoint, Origin},
    entry::LogKeys,
};

use crate::{
    durable::DurableError,
    fs::{FileError, FileSystem},
    journal::{self, JournalError, JournalId},
    keys::LogSigner,
    layout::Layout,
    publish::{GENERATION, PublishError, Task},
    recover::{self, CarriedState, OpenError, OpenOptions, Opened, SNAPSHOT_BYTES_MAX},
    seal::Sealer,
    sequence::Committer,
    signer_state::SignerState,
    state::NextLog,
    view::Sealed,
};

/// A clock that is further behind the last record stops a rotation.
const STEP_BACK_MS: i64 = 1_000;

/// What is rotated to what.
pub struct RotateOptions {
    /// The log that ends; its notary is stopped.
    pub old: OpenOptions,
    /// The log that continues it: new keys under a new origin, in a folder of its own.
    pub next: OpenOptions,
}

/// A rotation that is complete.
#[derive(Debug)]
pub struct Rotated {
    /// The final checkpoint of the log that ended, with its two log lines.
    pub note: String,
    /// The same, read.
    pub checkpoint: Checkpoint,
    /// Whether the log was closed by an earlier call.
    pub was_closed: bool,
}

/// Why a rotation is not complete. The same call again goes on.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The old log cannot be opened.
    #[error("the log to close: {0}")]
    Old(#[source] OpenError),
    /// The next log cannot be created.
    #[error("the next log: {0}")]
    Next(#[source] OpenError),
    /// The next origin cannot follow.
    #[error("{next} cannot follow {old}: {problem}")]
    Origin {
        /// The old log.
        old: Origin,
        /// The next log.
        next: Origin,
        /// Why not.
        problem: &'static str,
    },
    /// The log was closed for another one.
    #[error(
        "{old} was closed for {next} with the keys\n{}\n{}\nand goes on there alone; give that origin, and the folder \
         that holds these keys", keys.ed25519(), keys.mldsa()
    )]
    ClosedForAnother {
        /// The old log.
        old: Origin,
        /// The log that it was closed for.
        next: Origin,
        /// That log's keys.
        keys: Box<LogKeys>,
    },
    /// The folder for the next log holds a log.
    #[error("{directory} holds a log already; choose another folder for the next log")]
    Taken {
        /// The next log's journal.
        directory: String,
    },
    /// The clock stepped back.
    #[error("the clock is {behind_ms} ms behind the log's last record; set it right first")]
    Clock {
        /// How far.
        behind_ms: i64,
    },
    /// The statement `close` could not be committed. Whether it was is found out by the next call.
    #[error("the log could not be closed: {0}")]
    Close(String),
    /// Files of the old log cannot be written.
    #[error("the log is closed, and its files could not be written: {0}")]
    Publish(#[from] PublishError),
    /// A file cannot be written or read back.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The next log's journal cannot be read.
    #[error("the next log: {0}")]
    Journal(#[from] JournalError),
}

/// The path of an origin below its host: what tells logs on one HTTP port apart.
#[must_use]
pub fn path_of(origin: &Origin) -> &str {
    origin.as_str().split_once('/').map_or("", |(_, path)| path)
}

/// Rotates, or completes an earlier rotation.
///
/// # Errors
/// Any [`RotateError`].
pub fn rotate(options: RotateOptions, identity: JournalId) -> Result<Rotated, RotateError> {
    let RotateOptions { old, next } = options;
    let following = next_log(&next.signer).map_err(RotateError::Next)?;
    let (fs, layout, clock) = (Arc::clone(&old.fs), old.layout.clone(), Arc::clone(&old.clock));
    let signer = Arc::clone(&old.signer);
    let Opened {
        mut sealer,
        mut committer,
        mut publisher,
        view,
        chain,
        ..
    } = recover::open(old).map_err(RotateError::Old)?;
    for log in chain.closed().iter().chain([chain.present()]) {
        check_origin(&log.origin, &following.origin)?;
    }
    let was_closed = check_closed(sealer.state().closed(), signer.origin(), &following)?;
    if !was_closed {
        check_empty(&*next.fs, &next.layout)?;
        let behind_ms = sealer.state().last_time().as_millis() - clock.now().as_millis();
        if behind_ms > STEP_BACK_MS {
            return Err(RotateError::Clock { behind_ms });
        }
        let sealed = close(&mut sealer, &mut committer, clock.now(), &following)?;
        view.append(Arc::clone(&sealed));
        publisher.take(Task::Batch(sealed));
    }
    // The final checkpoint is durable, and goes out with the next log's first entry. Before that
    // the signer remembers it, and all but the last entries are in files.
    publisher.round()?;
    let head = view.head();
    let checkpoint = Checkpoint {
        origin: signer.origin().clone(),
        size: head.size,
        root: head.root,
    };
    let memory = SignerState {
        checkpoint: checkpoint.clone(),
        time: clock.now(),
    };
    memory.write(&*fs, &layout.signer_state)?;
    let state = sealer.into_state();
    let generations = read_generations(&*fs, &layout, &state.complete_generations())?;
    let from = CarriedState {
        note: head.note.to_string(),
        state: state.carried(),
        generations,
    };
    recover::create_next(&next, identity, from).map_err(RotateError::Next)?;
    // Only now may another process open the old log.
    drop(committer);
    Ok(Rotated {
        note: head.note.to_string(),
        checkpoint,
        was_closed,
    })
}

fn next_log(signer: &LogSigner) -> Result<NextLog, OpenError> {
    let [ed25519, mldsa] = signer.verifiers();
    let keys =
        LogKeys::new(ed25519.clone(), mldsa.clone()).map_err(|error| OpenError::Create(error.to_string()))?;
    Ok(NextLog {
        origin: signer.origin().clone(),
        keys,
    })
}

/// Whether the one origin may follow the other.
///
/// # Errors
/// [`RotateError::Origin`].
pub fn check_origin(old: &Origin, next: &Origin) -> Result<(), RotateError> {
    let refused = |problem| {
        Err(RotateError::Origin {
            old: old.clone(),
            next: next.clone(),
            problem,
        })
    };
    if old == next {
        return refused("an origin never gets new keys");
    }
    if path_of(old) == path_of(next) {
        return refused("both would be served under the same path; give the next log another path");
    }
    Ok(())
}

/// Whether the log is closed already: then only for this very next log.
fn check_closed(closed: Option<&NextLog>, old: &Origin, next: &NextLog) -> Result<bool, RotateError> {
    match closed {
        None => Ok(false),
        Some(closed) if closed == next => Ok(true),
        Some(NextLog { origin, keys }) => Err(RotateError::ClosedForAnother {
            old: old.clone(),
            next: origin.clone(),
            keys: Box::new(keys.clone()),
        }),
    }
}

/// Nothing was ever committed in the next log's folder.
fn check_empty(fs: &dyn FileSystem, layout: &Layout) -> Result<(), RotateError> {
    if journal::identity(fs, &layout.journal)?.is_none() {
        return Ok(());
    }
    let mut frames = 0;
    journal::scan(fs, &layout.journal, &mut |_, _| {
        frames += 1;
        Ok(())
    })?;
    if frames == 0 {
        return Ok(());
    }
    Err(RotateError::Taken {
        directory: layout.journal.display().to_string(),
    })
}

fn close(
    sealer: &mut Sealer,
    committer: &mut Committer,
    now: trialseal_core::time::Instant,
    next: &NextLog,
) -> Result<Arc<Sealed>, RotateError> {
    let mut open = sealer.begin(now);
    open.close(next)
        .map_err(|error| RotateError::Close(error.to_string()))?;
    let batch = open
        .finish()
        .map_err(|error| RotateError::Close(error.to_string()))?;
    committer
        .commit(batch)
        .map_err(|error| RotateError::Close(error.to_string()))
}

/// The files of complete generations, checked.
fn read_generations(
    fs: &dyn FileSystem,
    layout: &Layout,
    numbers: &[u64],
) -> Result<Vec<(u64, Vec<u8>)>, RotateError> {
    let mut files = Vec::with_capacity(numbers.len());
    for &number in numbers {
        let path = layout.generation(number);
        let file = fs.read(&path, SNAPSHOT_BYTES_MAX)?;
        GENERATION.open(&path, &file)?;
        files.push((number, file));
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
