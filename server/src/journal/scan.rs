//! Reading a journal from outside, for an audit or a backup, while its server may be running.

use std::io;
use std::path::Path;

use super::recover::{open_segments, visit_next};
use super::segment::Listing;
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
        return Err(JournalError::NoJournal { directory: directory.to_owned() });
    };
    loop {
        while visit_next(&mut walk, visit)?.is_some() {}
        let end = walk.check_end();
        // Asked after reading: a file is overwritten only after it lost its segment's name, so what was read from a
        // file that still has it was a segment's.
        let segment = &walk.segments[walk.at];
        if fs.metadata(&segment.path)?.is_none() {
            return Err(JournalError::Released { segment: segment.number });
        }
        if let Err(error) = end {
            // A later frame was seen. Had the one here been half written when it was read, it is whole now, since the
            // later one was begun after it was durable: what is bad on a second look is bad.
            if visit_next(&mut walk, visit)?.is_none() {
                return Err(error);
            }
        } else if !add_new_segments(fs, directory, &mut walk)? {
            return match walk.expected {
                Some(_) => Ok(()),
                None => Err(walk.corrupt("the oldest segment holds no intact frame".to_owned())),
            };
        }
    }
}

/// A walk over the segments listed; `None` if there are none.
fn begin(fs: &dyn FileSystem, directory: &Path, listing: &Listing) -> Result<Option<Walk>, JournalError> {
    listing.check_unbroken(directory)?;
    let opened = open_segments(fs, directory, &listing.segments, None, Access::Read);
    let (segments, identity) = match opened {
        Err(JournalError::File(error)) if error.kind() == io::ErrorKind::NotFound => {
            let segment = listing.segments.first().copied().unwrap_or(0);
            return Err(JournalError::Released { segment });
        }
        opened => opened?,
    };
    Ok(identity.map(|identity| Walk::new(identity, segments)))
}

/// Adds the segments that the server has begun since they were last listed, and says whether there are any.
fn add_new_segments(fs: &dyn FileSystem, directory: &Path, walk: &mut Walk) -> Result<bool, JournalError> {
    let known = walk.segments.last().map_or(0, |segment| segment.number);
    let mut numbers = Listing::read(fs, directory)?.segments;
    numbers.retain(|number| *number > known);
    let (segments, _) = open_segments(fs, directory, &numbers, Some(walk.journal), Access::Read)?;
    walk.segments.extend(segments);
    Ok(!numbers.is_empty())
}
