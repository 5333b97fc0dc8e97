//! What the journal's handles have in common.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::keeper::Upkeep;
use super::segment::Segment;
use super::{FrameHeader, JournalId, JournalOptions, Refusal};
use crate::fs::{FileSystem, Lock};

/// What the journal's handles share. The lock on the directory is given up with the last of them.
pub(super) struct Shared {
    pub(super) fs: Arc<dyn FileSystem>,
    pub(super) directory: PathBuf,
    pub(super) identity: JournalId,
    pub(super) options: JournalOptions,
    pub(super) _lock: Box<dyn Lock>,
    /// Held for moments only, never during I/O.
    state: Mutex<State>,
    /// Held during maintenance. Taken behind `turn` and before `state`.
    upkeep: Mutex<Upkeep>,
    /// Held while a frame is appended, and while the segment that takes the frames is copied. Taken before the others.
    turn: Mutex<Turn>,
}

/// Whose turn it is with the segment that takes the frames.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Whether that segment's name stands for the old file or for its copy is not known: nothing may be appended to
    /// either, until the journal is opened again.
    pub(super) in_doubt: bool,
}

/// The segments of the journal.
#[derive(Default)]
pub(super) struct State {
    /// Segments with frames, by number.
    pub(super) used: BTreeMap<u64, Used>,
    /// Formatted and durable segments that follow the last one in use.
    pub(super) prepared: VecDeque<Segment>,
}

/// A segment with frames, all of them durable, in order.
pub(super) struct Used {
    pub(super) segment: Segment,
    pub(super) frames: Vec<FrameHeader>,
}

impl State {
    /// Bytes of all segments that have a number.
    pub(super) fn held_bytes(&self) -> u64 {
        let used = self.used.values().map(|used| used.segment.length);
        used.chain(self.prepared.iter().map(|segment| segment.length))
            .sum()
    }
}

impl Shared {
    pub(super) fn new(
        fs: Arc<dyn FileSystem>,
        directory: PathBuf,
        identity: JournalId,
        options: JournalOptions,
        lock: Box<dyn Lock>,
        state: State,
        upkeep: Upkeep,
    ) -> Self {
        let (state, upkeep, turn) = (Mutex::new(state), Mutex::new(upkeep), Mutex::default());
        Self {
            fs,
            directory,
            identity,
            options,
            _lock: lock,
            state,
            upkeep,
            turn,
        }
    }

    /// The segments. Every change is made in one step that cannot panic, so a poisoned lock is no worse than another.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn upkeep(&self) -> MutexGuard<'_, Upkeep> {
        self.upkeep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A segment with frames, by its number.
    pub(super) fn used(&self, number: u64) -> Option<Segment> {
        self.state().used.get(&number).map(|used| used.segment.clone())
    }

    /// The segment that a frame begins which does not fit into the last one. It stays among the prepared ones until
    /// the frame is durable.
    pub(super) fn next_segment(&self) -> Result<Segment, Refusal> {
        loop {
            if let Some(segment) = self.state().prepared.front() {
                return Ok(segment.clone());
            }
            super::keeper::prepare(self).map_err(Refusal::NoSegment)?;
        }
    }

    /// Lets readers see a frame that is durable.
    pub(super) fn publish(&self, segment: &Segment, frame: FrameHeader) {
        let mut state = self.state();
        if state
            .prepared
            .front()
            .is_some_and(|prepared| prepared.number == segment.number)
        {
            state.prepared.pop_front();
        }
        let used = state.used.entry(segment.number);
        used.or_insert_with(|| Used {
            segment: segment.clone(),
            frames: Vec::new(),
        })
        .frames
        .push(frame);
    }
}
