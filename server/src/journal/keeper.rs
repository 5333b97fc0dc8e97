//! Maintenance beside the appends: the next segment is made ready, old ones are released and used again.
//!
//! A file's life: `spare-N` (contents irrelevant) is zeroed, given a header and synced, renamed to the next segment's
//! name, and the directory synced; it takes frames; it is renamed to `spare-N` again, by its own number, and the
//! directory synced. So a segment's name always stands for a segment that was formatted durably, and a file is
//! overwritten only when it is durably no segment any more.

use std::io;
use std::sync::Arc;

use super::JournalError;
use super::segment::{Listing, Segment, segment_name, spare_name};
use super::shared::{Shared, State};
use crate::fs::{Access, File, PRIVATE_FILE};

/// More spares than this are removed; one is all that a steady journal needs.
const SPARES_MAX: usize = 2;

/// What maintenance remembers.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// The number of the segment to prepare next.
    pub(super) next_segment: u64,
    /// The numbers of the spares there are.
    pub(super) spares: Vec<u64>,
}

/// Prepares and releases segments. May be used from other threads than the one that appends, at any time.
#[derive(Clone)]
pub struct JournalKeeper {
    shared: Arc<Shared>,
}

impl JournalKeeper {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Whether [`JournalKeeper::prepare`] has something to do.
    pub fn wants_preparing(&self) -> bool {
        self.shared.state().prepared.is_empty()
    }

    /// Makes the next segment ready, if it is not: creates or takes a spare file, zeroes it, syncs it. To be called
    /// after appends, in the background. An error costs nothing: the append that needs the segment tries again.
    pub fn prepare(&self) -> Result<(), JournalError> {
        prepare(&self.shared)
    }

    /// Releases the segments that hold no frame at or behind the log index `below`, and says how many. To be called
    /// only when everything that derives from those frames is durable elsewhere. The segment with the last frame
    /// stays, whatever `below` is.
    pub fn release(&self, below: u64) -> Result<usize, JournalError> {
        release(&self.shared, below)
    }

    /// Rewrites the frames that hold one of these log indexes, crash-safely; says how many segments were copied. To be
    /// followed by [`JournalKeeper::remove_spares`], which also makes durable what an earlier process did.
    pub fn rewrite(&self, indexes: &[u64], change: &mut super::Rewrite<'_>) -> Result<usize, JournalError> {
        super::rewrite::rewrite(&self.shared, indexes, change)
    }

    /// Removes all spare files. They hold the bytes of released segments until they are zeroed for their next use;
    /// after an erasure they must not. Those in the directory are removed, not those remembered: after an error one
    /// may be there that is not.
    pub fn remove_spares(&self) -> Result<(), JournalError> {
        let shared = &*self.shared;
        let mut upkeep = shared.upkeep();
        for number in Listing::read(&*shared.fs, &shared.directory)?.spares {
            shared
                .fs
                .remove_file(&shared.directory.join(spare_name(number)))?;
        }
        upkeep.spares.clear();
        Ok(shared.fs.sync_dir(&shared.directory)?)
    }

    /// Bytes of all segments, the prepared one included.
    pub fn held_bytes(&self) -> u64 {
        self.shared.state().held_bytes()
    }

    /// The most that [`JournalKeeper::held_bytes`] may reach.
    pub fn limit_bytes(&self) -> u64 {
        self.shared.options.limit_bytes
    }
}

pub(super) fn prepare(shared: &Shared) -> Result<(), JournalError> {
    let mut upkeep = shared.upkeep();
    {
        let state = shared.state();
        if !state.prepared.is_empty() {
            return Ok(());
        }
        let (held_bytes, limit_bytes) = (state.held_bytes(), shared.options.limit_bytes);
        if held_bytes.saturating_add(shared.options.segment_bytes) > limit_bytes {
            return Err(JournalError::Full {
                held_bytes,
                limit_bytes,
            });
        }
    }
    let number = upkeep.next_segment;
    let path = shared.directory.join(segment_name(number));
    let (spare, file) = open_spare(shared, &mut upkeep)?;
    if let Err(error) = Segment::format(&*file, shared.identity, number, shared.options.segment_bytes) {
        // A half-grown file must not keep the space that a full disk lacks. If it cannot be removed it is found
        // at the next start.
        let _ = shared.fs.remove_file(&spare);
        return Err(error.into());
    }
    // Zeros and header are durable, under a name that means nothing. If an earlier attempt failed at or behind this
    // rename, its file, just as empty, loses the name here and is never written again.
    shared.fs.rename(&spare, &path)?;
    shared.fs.sync_dir(&shared.directory)?;
    // The segment is durable: a crash finds it empty, behind the last one in use.
    let (segment, _) = Segment::open(&*shared.fs, &shared.directory, number, Access::ReadWrite)?;
    upkeep.next_segment += 1;
    shared.state().prepared.push_back(segment);
    Ok(())
}

/// A file of the right length, or an empty one, that may be overwritten.
fn open_spare(
    shared: &Shared,
    upkeep: &mut Upkeep,
) -> Result<(std::path::PathBuf, Box<dyn File>), JournalError> {
    while let Some(number) = upkeep.spares.pop() {
        let path = shared.directory.join(spare_name(number));
        match shared.fs.open(&path, Access::ReadWrite) {
            Ok(file) if file.length()? == shared.options.segment_bytes => return Ok((path, file)),
            Ok(_) => shared.fs.remove_file(&path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    let path = shared.directory.join(spare_name(upkeep.next_segment));
    match shared.fs.create_new(&path, PRIVATE_FILE) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            shared.fs.remove_file(&path)?;
            let file = shared.fs.create_new(&path, PRIVATE_FILE)?;
            Ok((path, file))
        }
        created => Ok((path, created?)),
    }
}

fn release(shared: &Shared, below: u64) -> Result<usize, JournalError> {
    let mut upkeep = shared.upkeep();
    let mut released = 0;
    loop {
        // In a statement of its own: the lock must not be held while files are renamed.
        let oldest = oldest_below(&shared.state(), below);
        let Some(segment) = oldest else {
            return Ok(released);
        };
        let spare = shared.directory.join(spare_name(segment.number));
        // It has no name any more if an earlier attempt failed behind the rename.
        if shared.fs.metadata(&segment.path)?.is_some() {
            shared.fs.rename(&segment.path, &spare)?;
        }
        // One sync for each, oldest first: were two renames under way at once, a crash could keep only the later
        // one, and recovery would find a hole.
        shared.fs.sync_dir(&shared.directory)?;
        // It is durably no segment any more. Only now may its bytes be overwritten.
        let room = {
            let mut state = shared.state();
            state.used.remove(&segment.number);
            let files = state.used.len() + state.prepared.len() + upkeep.spares.len() + 1;
            upkeep.spares.len() < SPARES_MAX
                && (files as u64).saturating_mul(shared.options.segment_bytes) <= shared.options.limit_bytes
        };
        released += 1;
        if room {
            upkeep.spares.push(segment.number);
        } else {
            match shared.fs.remove_file(&spare) {
                // It went with all spares after an earlier attempt.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    upkeep.spares.push(segment.number);
                    return Err(error.into());
                }
                _ => {}
            }
        }
    }
}

/// The oldest segment, if it ends at or before `below` and does not hold the last frame: recovery needs that one to
/// know batch number, chain and next index.
fn oldest_below(state: &State, below: u64) -> Option<Segment> {
    let (oldest, _) = state.used.iter().next()?;
    let used = state.used.get(oldest).filter(|_| state.used.len() > 1)?;
    let wholly_below = used.frames.iter().all(|frame| frame.end_index() <= below);
    wholly_below.then(|| used.segment.clone())
}
