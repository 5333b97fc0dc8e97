//! Reading a journal from outside, for an audit or a backup, while its server may be running.

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
    listing.check_unbroken(directory)?;
    let (segments, identity) = open_segments(fs, directory, &listing, Access::Read)?;
    let Some(identity) = identity else {
        return Err(JournalError::NoJournal {
            directory: directory.to_owned(),
        });
    };
    let mut walk = Walk::new(identity, segments);
    loop {
        while visit_next(&mut walk, visit)?.is_some() {}
        let Err(error) = walk.check_end() else {
            return Ok(());
        };
        // A later frame was seen. Had the one here been half written when it was read, it is whole now, since the later
        // one was begun after it was durable: what is bad on a second look is bad.
        if visit_next(&mut walk, visit)?.is_none() {
            return Err(error);
        }
    }
}
