//! Rewriting frames of which something was erased.
//!
//! The segment is copied to a spare with the frames changed, the copy is synced, takes the segment's name, and the
//! directory is synced. A crash finds the old segment or the new one, whole. A rewritten frame keeps its place and its
//! frame CRC, so all other frames, in this segment and behind it, stay as they are.
//!
//! While the segment that takes the frames is copied, appends wait. Should it then be unknown which file has the name,
//! nothing may be appended to either: the journal has to be opened again.

use std::error::Error;
use std::io;
use std::path::Path;

use super::frame::{Buffer, Place};
use super::recover::{lock, open_segments};
use super::segment::{Listing, Segment, header, spare_name};
use super::shared::Shared;
use super::walk::Walk;
use super::{FrameHeader, JournalError, JournalId};
use crate::fs::{Access, File, FileSystem, PRIVATE_FILE};

const CHUNK_BYTES: usize = 1 << 20;

/// What is given each frame that may have to be rewritten, with its payload: another payload, or `None` if it may stay
/// as it is. The new payload must fit into the blocks of the old one with 8 bytes more.
pub type Rewrite<'a> =
    dyn FnMut(&FrameHeader, &[u8]) -> Result<Option<Vec<u8>>, Box<dyn Error + Send + Sync>> + 'a;

/// Rewrites the frames of an open journal that hold one of these log indexes; says how many segments were copied.
pub(super) fn rewrite(
    shared: &Shared,
    indexes: &[u64],
    change: &mut Rewrite<'_>,
) -> Result<usize, JournalError> {
    let mut copied = 0;
    for number in segments_with(shared, indexes) {
        let last = shared.state().used.keys().next_back().copied();
        // A segment behind which there is another takes no more frames.
        let mut turn = (last == Some(number)).then(|| shared.turn());
        let _upkeep = shared.upkeep();
        let (segment, frames) = match shared.state().used.get(&number) {
            Some(used) => (used.segment.clone(), used.frames.clone()),
            // Released meanwhile.
            None => continue,
        };
        let frames = frames.iter().filter(|frame| holds(frame, indexes));
        let Some(copy) = Copy::make(
            &*shared.fs,
            &shared.directory,
            shared.identity,
            &segment,
            frames,
            change,
        )?
        else {
            continue;
        };
        let named = copy.take_name(&*shared.fs, &shared.directory, &segment);
        if let (Err(_), Some(turn)) = (&named, &mut turn) {
            turn.in_doubt = true;
        }
        if let Some(used) = shared.state().used.get_mut(&number) {
            used.segment = named?;
        }
        copied += 1;
    }
    Ok(copied)
}

/// Rewrites the frames of a journal that nobody has open, because its log is closed. When this returns, no spare holds
/// what was there before. [`JournalError::Locked`] if somebody has it open after all.
pub fn rewrite_closed(
    fs: &dyn FileSystem,
    directory: &Path,
    indexes: &[u64],
    change: &mut Rewrite<'_>,
) -> Result<usize, JournalError> {
    let _lock = lock(fs, directory)?;
    fs.sync_dir(directory)?;
    let listing = Listing::read(fs, directory)?;
    listing.check_unbroken(directory)?;
    let (segments, identity) = open_segments(fs, directory, &listing.segments, Access::ReadWrite)?;
    let no_journal = || JournalError::NoJournal {
        directory: directory.to_owned(),
    };
    let identity = identity.ok_or_else(no_journal)?;
    let mut walk = Walk::new(identity, segments);
    let mut found: Vec<(usize, FrameHeader)> = Vec::new();
    while let Some(step) = walk.step()? {
        let frame = FrameHeader::new(&step.header, step.position);
        if holds(&frame, indexes) {
            found.push((walk.at, frame));
        }
    }
    let mut copied = 0;
    for (at, segment) in walk.segments.iter().enumerate() {
        let frames = found.iter().filter(|(of, _)| *of == at).map(|(_, frame)| frame);
        if let Some(copy) = Copy::make(fs, directory, identity, segment, frames, change)? {
            copy.take_name(fs, directory, segment)?;
            copied += 1;
        }
    }
    for spare in Listing::read(fs, directory)?.spares {
        fs.remove_file(&directory.join(spare_name(spare)))?;
    }
    fs.sync_dir(directory)?;
    Ok(copied)
}

fn segments_with(shared: &Shared, indexes: &[u64]) -> Vec<u64> {
    let state = shared.state();
    let with = state
        .used
        .iter()
        .filter(|(_, used)| used.frames.iter().any(|frame| holds(frame, indexes)));
    with.map(|(number, _)| *number).collect()
}

fn holds(frame: &FrameHeader, indexes: &[u64]) -> bool {
    let frame = frame.first_index..frame.end_index();
    indexes.iter().any(|index| frame.contains(index))
}

/// A copy of a segment, durable, under a spare's name.
struct Copy {
    number: u64,
}

impl Copy {
    /// Copies a segment with changed frames; none if no frame changes.
    fn make<'a>(
        fs: &dyn FileSystem,
        directory: &Path,
        journal: JournalId,
        segment: &Segment,
        frames: impl Iterator<Item = &'a FrameHeader>,
        change: &mut Rewrite<'_>,
    ) -> Result<Option<Self>, JournalError> {
        let place = Place {
            journal,
            segment: segment.number,
            path: &segment.path,
            end: segment.length,
        };
        let corrupt = |frame: &FrameHeader, problem: &str| JournalError::Corrupt {
            file: segment.path.clone(),
            offset: frame.position.offset,
            problem: problem.to_owned(),
        };
        let mut changed = Vec::new();
        let mut buffer = Buffer::default();
        for frame in frames {
            let read = buffer.read(&*segment.file, &place, frame.position.offset)?;
            let (found, crc) = read.ok_or_else(|| corrupt(frame, "the frame cannot be read back"))?;
            let payload = change(frame, buffer.payload()).map_err(|source| JournalError::Rejected {
                file: segment.path.clone(),
                offset: frame.position.offset,
                source,
            })?;
            let Some(payload) = payload else { continue };
            let bytes = found.rewrite(crc, &payload);
            let bytes = bytes.ok_or_else(|| corrupt(frame, "its new payload does not fit into its place"))?;
            changed.push((frame.position.offset, bytes));
        }
        if changed.is_empty() {
            return Ok(None);
        }
        let spare = directory.join(spare_name(segment.number));
        let copy = match fs.create_new(&spare, PRIVATE_FILE) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs.remove_file(&spare)?;
                fs.create_new(&spare, PRIVATE_FILE)?
            }
            created => created?,
        };
        let head = header(
            journal,
            segment.number,
            segment.length,
            segment.copies.saturating_add(1),
        );
        let written = copy_bytes(&*segment.file, &*copy, segment.length).and_then(|()| {
            copy.write_at(0, &[&head])?;
            for (offset, bytes) in &changed {
                copy.write_at(*offset, &[bytes])?;
            }
            Ok(copy.sync_all()?)
        });
        if let Err(error) = written {
            // A half-grown file must not keep the space that a full disk lacks.
            let _ = fs.remove_file(&spare);
            return Err(error);
        }
        Ok(Some(Self {
            number: segment.number,
        }))
    }

    /// Puts the copy in the segment's place. An error leaves open which of the two has the name.
    fn take_name(
        self,
        fs: &dyn FileSystem,
        directory: &Path,
        segment: &Segment,
    ) -> Result<Segment, JournalError> {
        fs.rename(&directory.join(spare_name(self.number)), &segment.path)?;
        fs.sync_dir(directory)?;
        // A crash from here on finds the copy.
        let (segment, _) = Segment::open(fs, directory, self.number, Access::ReadWrite)?;
        Ok(segment)
    }
}

/// Copies the beginning of a segment.
pub(super) fn copy_bytes(source: &dyn File, copy: &dyn File, end: u64) -> Result<(), JournalError> {
    let mut chunk = Vec::new();
    let mut offset = 0;
    while offset < end {
        let count = usize::try_from(end - offset)
            .unwrap_or(usize::MAX)
            .min(CHUNK_BYTES);
        chunk.resize(count, 0);
        source.read_at(offset, &mut chunk)?;
        copy.write_at(offset, &[&chunk])?;
        offset += count as u64;
    }
    Ok(())
}
