//! Copying a journal while its server may be running.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::frame::{BLOCK, frame_bytes};
use super::scan::scan;
use super::segment::{Listing, Segment, segment_name, spare_name, write_zeros};
use super::{FrameHeader, JournalError, Visit};
use crate::fs::{Access, FileSystem, PRIVATE_FILE};

/// Copies the journal in `from` to the folder `to`, which exists, in place of one that may be there, and gives every
/// frame that is copied to `visit`. When this returns the copy is durable, and [`super::Journal::open`] accepts it.
///
/// The copy ends with the last frame that `visit` was given, and holds zeros behind it, whatever a live server wrote
/// there meanwhile. [`JournalError::Released`] if the server released a segment before it could be copied: begin again.
/// After an error, `to` holds no journal that can be used.
pub fn copy(fs: &dyn FileSystem, from: &Path, to: &Path, visit: &mut Visit<'_>) -> Result<(), JournalError> {
    let mut ends = BTreeMap::new();
    scan(fs, from, &mut |frame: &FrameHeader, payload: &[u8]| {
        let bytes = frame_bytes(u64::from(frame.position.length)).unwrap_or(BLOCK);
        ends.insert(frame.position.segment, frame.position.offset + bytes);
        visit(frame, payload)
    })?;
    for (number, end) in &ends {
        copy_segment(fs, from, to, *number, *end)?;
    }
    let listing = Listing::read(fs, to)?;
    let old = listing
        .segments
        .iter()
        .filter(|number| !ends.contains_key(number));
    let old = old.map(|number| segment_name(*number));
    for name in old.chain(listing.spares.iter().map(|number| spare_name(*number))) {
        fs.remove_file(&to.join(name))?;
    }
    Ok(fs.sync_dir(to)?)
}

/// The identity of the journal in a directory, as its oldest segment has it; `None` without segments.
pub fn identity(fs: &dyn FileSystem, directory: &Path) -> Result<Option<super::JournalId>, JournalError> {
    if fs.metadata(directory)?.is_none() {
        return Ok(None);
    }
    let Some(oldest) = Listing::read(fs, directory)?.segments.first().copied() else {
        return Ok(None);
    };
    let (_, identity) = Segment::open(fs, directory, oldest, Access::Read)?;
    Ok(Some(identity))
}

fn copy_segment(
    fs: &dyn FileSystem,
    from: &Path,
    to: &Path,
    number: u64,
    end: u64,
) -> Result<(), JournalError> {
    let released = JournalError::Released { segment: number };
    let source = match Segment::open(fs, from, number, Access::Read) {
        Err(_) if fs.metadata(&from.join(segment_name(number)))?.is_none() => return Err(released),
        opened => opened?.0,
    };
    let spare = to.join(spare_name(number));
    let copy = match fs.create_new(&spare, PRIVATE_FILE) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs.remove_file(&spare)?;
            fs.create_new(&spare, PRIVATE_FILE)?
        }
        created => created?,
    };
    super::rewrite::copy_bytes(&*source.file, &*copy, end)?;
    write_zeros(&*copy, end, source.length)?;
    copy.sync_all()?;
    // A file is overwritten only after it lost its segment's name: what was read from it was the segment's.
    if fs.metadata(&source.path)?.is_none() {
        return Err(released);
    }
    Ok(fs.rename(&spare, &to.join(segment_name(number)))?)
}
