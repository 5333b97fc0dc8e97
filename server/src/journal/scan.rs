//! Reading a journal from outside, for an audit or a backup, while its server may be running.

use std::path::Path;

use super::recover::{open_segments, visit_next};
use super::segment::{Listing, Segment, segment_name};
use super::walk::Walk;
use super::{JournalError, Visit};
use crate::fs::{Access, FileSystem};

/// Gives every frame of the journal in `directory` to `visit`, oldest first, without locking or changing anything.
///
/// A live server may append meanwhile: a last frame half written ends the scan without an error, and whether frames
/// committed after the call are seen is open. It may also release segments: what is gone before it could be read is
/// [`JournalError::Released`], and the scan must begin again.
pub fn scan(fs: &dyn FileSystem, directory: &Path, visit: &mut Visit<'_>) -> Result<(), JournalError> {
    let listing = Listing::read(fs, directory)?;
    let Some(mut walk) = begin(fs, directory, &listing)? else {
        return Err(JournalError::NoJournal {
            directory: directory.to_owned(),
        });
    };
    loop {
        while visit_next(&mut walk, visit)?.is_some() {}
        let end = walk.check_end();
        // Asked after reading: a file is overwritten only after it lost its segment's name, so what was read from a
        // file that still has it was a segment's.
        let segment = &walk.segments[walk.at];
        if fs.metadata(&segment.path)?.is_none() {
            return Err(JournalError::Released {
                segment: segment.number,
            });
        }
        let Err(error) = end else {
            break;
        };
        // A later frame was seen. Had the one here been half written when it was read, it is whole now, since the
        // later one was begun after it was durable: what is bad on a second look is bad.
        if visit_next(&mut walk, visit)?.is_none() {
            // Or the segment was copied, because something in it was erased, and took more frames since.
            let segment = &walk.segments[walk.at];
            let (now, _) = Segment::open(fs, directory, segment.number, Access::Read)?;
            if now.copies != segment.copies {
                return Err(JournalError::Released {
                    segment: segment.number,
                });
            }
            return Err(error);
        }
    }
    match walk.expected {
        Some(_) => Ok(()),
        None => Err(walk.corrupt("the oldest segment holds no intact frame".to_owned())),
    }
}

/// A walk over the segments listed; `None` if there are none.
fn begin(fs: &dyn FileSystem, directory: &Path, listing: &Listing) -> Result<Option<Walk>, JournalError> {
    listing.check_unbroken(directory)?;
    let opened = open_segments(fs, directory, &listing.segments, Access::Read);
    if let (Err(_), Some(segment)) = (&opened, listing.segments.first()) {
        // Segments go oldest first, and a file is overwritten only after it lost its segment's name.
        if fs.metadata(&directory.join(segment_name(*segment)))?.is_none() {
            return Err(JournalError::Released { segment: *segment });
        }
    }
    let (segments, identity) = opened?;
    Ok(identity.map(|identity| Walk::new(identity, segments)))
}
