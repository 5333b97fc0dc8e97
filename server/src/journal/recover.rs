//! Creating a journal, and opening one after any kind of end.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::frame::BLOCK;
use super::keeper::{Upkeep, prepare};
use super::segment::{FIRST_SEGMENT, Listing, Segment, write_zeros};
use super::shared::{Shared, State, Used};
use super::walk::{Expected, Walk};
use super::{FrameHeader, Journal, JournalError, JournalId, JournalOptions, Visit};
use crate::fs::{Access, FileSystem, Lock, PRIVATE_DIRECTORY, PRIVATE_FILE};

const LOCK_NAME: &str = "lock";

pub(super) fn create(
    fs: Arc<dyn FileSystem>,
    directory: &Path,
    options: JournalOptions,
    identity: JournalId,
) -> Result<Journal, JournalError> {
    options.check()?;
    fs.create_dir_all(directory, PRIVATE_DIRECTORY)?;
    if let Some(parent) = directory.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        // Also where the directory was there: who created it may have been killed before this.
        fs.sync_dir(parent)?;
    }
    let lock = lock(&*fs, directory)?;
    let listing = Listing::read(&*fs, directory)?;
    if !listing.segments.is_empty() {
        return Err(JournalError::Exists {
            directory: directory.to_owned(),
        });
    }
    let upkeep = Upkeep {
        next_segment: FIRST_SEGMENT,
        spares: listing.spares,
    };
    let shared = Shared::new(
        fs,
        directory.to_owned(),
        identity,
        options,
        lock,
        State::default(),
        upkeep,
    );
    // The first segment's name is the last thing to become durable: before, there is no journal and creation can
    // begin again.
    prepare(&shared)?;
    Ok(Journal {
        shared: Arc::new(shared),
        head: None,
        offset: BLOCK,
        next: Expected::first(identity),
        poisoned: false,
    })
}

pub(super) fn open(
    fs: Arc<dyn FileSystem>,
    directory: &Path,
    options: JournalOptions,
    visit: &mut Visit<'_>,
) -> Result<Journal, JournalError> {
    options.check()?;
    let no_journal = || JournalError::NoJournal {
        directory: directory.to_owned(),
    };
    if fs.metadata(directory)?.is_none() {
        return Err(no_journal());
    }
    let lock = lock(&*fs, directory)?;
    // What the listing shows may be visible only, left by a process that was killed between a rename and the sync.
    // Make it durable before building on it.
    fs.sync_dir(directory)?;
    let listing = Listing::read(&*fs, directory)?;
    listing.check_unbroken(directory)?;
    let (segments, identity) = open_segments(&*fs, directory, &listing.segments, Access::ReadWrite)?;
    let Some(identity) = identity else {
        return Err(no_journal());
    };
    let mut walk = Walk::new(identity, segments);
    let mut frames: Vec<Vec<FrameHeader>> = vec![Vec::new(); walk.segments.len()];
    while let Some(frame) = visit_next(&mut walk, visit)? {
        frames[walk.at].push(frame);
    }
    let dirty = walk.check_end()?;
    let Some(next) = walk.expected else {
        return Err(walk.corrupt("the oldest segment holds no intact frame".to_owned()));
    };
    let last = frames[walk.at].last().copied();
    settle(&walk, last, &dirty)?;
    let head = last.map(|_| walk.segments[walk.at].clone());
    let next_segment = walk
        .segments
        .last()
        .map_or(FIRST_SEGMENT, |segment| segment.number.saturating_add(1));
    let upkeep = Upkeep {
        next_segment,
        spares: listing.spares,
    };
    let offset = walk.offset;
    let state = divide(walk, frames);
    let shared = Shared::new(fs, directory.to_owned(), identity, options, lock, state, upkeep);
    Ok(Journal {
        shared: Arc::new(shared),
        head,
        offset,
        next,
        poisoned: false,
    })
}

/// Takes one step and shows the frame to `visit`.
pub(super) fn visit_next(
    walk: &mut Walk,
    visit: &mut Visit<'_>,
) -> Result<Option<FrameHeader>, JournalError> {
    let Some(step) = walk.step()? else {
        return Ok(None);
    };
    let frame = FrameHeader::new(&step.header, step.position);
    visit(&frame, walk.last().payload()).map_err(|source| JournalError::Rejected {
        file: walk.segments[walk.at].path.clone(),
        offset: step.position.offset,
        source,
    })?;
    Ok(Some(frame))
}

/// Opens segments, and gives the identity of the first, which all must have.
pub(super) fn open_segments(
    fs: &dyn FileSystem,
    directory: &Path,
    numbers: &[u64],
    access: Access,
) -> Result<(Vec<Segment>, Option<JournalId>), JournalError> {
    let mut segments = Vec::with_capacity(numbers.len());
    let mut identity = None;
    for number in numbers {
        let (segment, found) = Segment::open(fs, directory, *number, access)?;
        let expected = *identity.get_or_insert(found);
        if found != expected {
            return Err(JournalError::OtherJournal {
                file: segment.path,
                found,
                expected,
            });
        }
        segments.push(segment);
    }
    Ok((segments, identity))
}

pub(super) fn lock(fs: &dyn FileSystem, directory: &Path) -> Result<Box<dyn Lock>, JournalError> {
    fs.lock(&directory.join(LOCK_NAME), PRIVATE_FILE)
        .map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => JournalError::Locked {
                directory: directory.to_owned(),
            },
            _ => error.into(),
        })
}

/// Leaves nothing in doubt: the last frame is durable, and behind it there are zeros, durably.
fn settle(walk: &Walk, last: Option<FrameHeader>, dirty: &[(usize, u64, u64)]) -> Result<(), JournalError> {
    // Behind the last frame lies at most a part of one frame that nobody was told of. It is cleared, so that no later
    // recovery meets it again. The blocks where such a frame can begin are zeroed even if they look it: after a failed
    // sync, what is read here need not be what the disk holds. Without its header a torn frame is nothing.
    for (index, segment) in walk.segments.iter().enumerate().skip(walk.at) {
        let start = if index == walk.at { walk.offset } else { BLOCK };
        let end = dirty
            .iter()
            .find(|extent| extent.0 == index)
            .map_or(start, |extent| extent.2);
        let end = end.max(start + BLOCK).min(segment.length);
        if start < end {
            write_zeros(&*segment.file, start, end)?;
        }
        if index != walk.at {
            segment.file.sync_data()?;
        }
    }
    // The last frame may be visible and not durable: its sync may have failed, or never begun. A second sync would not
    // help, since the kernel takes its pages for clean. Writing every byte of it again does, and changes nothing:
    // each sector holds these bytes before, during and after.
    let head = &walk.segments[walk.at];
    if let Some(last) = last {
        head.file.write_at(last.position.offset, &[walk.last().bytes()])?;
    }
    head.file.sync_data()?;
    // The last frame is durable now, and with it, by the order of writing, every frame before it.
    Ok(())
}

/// Segments up to the last frame are in use; those behind it are prepared.
fn divide(walk: Walk, frames: Vec<Vec<FrameHeader>>) -> State {
    let empty = frames.iter().all(Vec::is_empty);
    let mut state = State {
        prepared: VecDeque::new(),
        ..State::default()
    };
    for (index, (segment, frames)) in walk.segments.into_iter().zip(frames).enumerate() {
        if empty || index > walk.at {
            state.prepared.push_back(segment);
        } else {
            state.used.insert(segment.number, Used { segment, frames });
        }
    }
    state
}
