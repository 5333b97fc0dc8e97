//! Segment files: names, header, zeroing.
//!
//! A segment is a file of fixed length. Its first block holds the header, frames fill the rest.
//!
//! | offset | bytes | what |
//! | ---: | ---: | --- |
//! | 0 | 8 | magic `TSLSEGMT` |
//! | 8 | 2 | format version: 1; 2 where it is a copy with rewritten frames |
//! | 10 | 4 | how often it was copied so; in version 1 zero |
//! | 14 | 2 | zero |
//! | 16 | 16 | identity of the journal |
//! | 32 | 8 | number of the segment, from 1 |
//! | 40 | 8 | length of the file in bytes |
//! | 48 | 4 | CRC-32C of bytes 0 to 47 |
//! | 52 | | zeros up to offset 4,096 |
//!
//! Names: `00000000000000000042.segment` by number, and `spare-7` for a file that waits to be used (again). Whatever
//! a spare holds is of no interest: it is zeroed before it becomes a segment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::frame::{BLOCK, is_zero, long_number_at, number_at};
use super::{JournalError, JournalId};
use crate::fs::{Access, File, FileError, FileSystem};

const MAGIC: [u8; 8] = *b"TSLSEGMT";
const FORMATTED: u16 = 1;
const COPIED: u16 = 2;
const CRC_AT: usize = 48;
const BLOCK_BYTES: usize = 4096;
const SUFFIX: &str = ".segment";
const SPARE_PREFIX: &str = "spare-";

/// The number of a journal's first segment.
pub(super) const FIRST_SEGMENT: u64 = 1;

static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

/// An open segment file.
#[derive(Clone)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    /// Length of the file in bytes.
    pub(super) length: u64,
    /// How often it was copied with rewritten frames.
    pub(super) copies: u32,
}

impl Segment {
    /// Opens a segment and checks its header.
    pub(super) fn open(
        fs: &dyn FileSystem,
        directory: &Path,
        number: u64,
        access: Access,
    ) -> Result<(Self, JournalId), JournalError> {
        let path = directory.join(segment_name(number));
        let file: Arc<dyn File> = Arc::from(fs.open(&path, access)?);
        let damaged = |problem| JournalError::Segment {
            file: path.clone(),
            problem,
        };
        let length = file.length()?;
        if length < 2 * BLOCK || length % BLOCK != 0 {
            return Err(damaged("its length is not that of a segment"));
        }
        let mut bytes = [0; BLOCK_BYTES];
        file.read_at(0, &mut bytes)?;
        if bytes[..8] != MAGIC {
            return Err(damaged("it does not begin with the magic bytes of a segment"));
        }
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        if version > COPIED {
            return Err(JournalError::Newer {
                file: path,
                offset: 0,
                found: version,
            });
        }
        if number_at(&bytes, CRC_AT) != crc32c::crc32c(&bytes[..CRC_AT]) {
            return Err(damaged("the checksum of its header does not match"));
        }
        let copies = number_at(&bytes, 10);
        let known = match version {
            FORMATTED => copies == 0,
            COPIED => copies > 0,
            _ => false,
        };
        if !known || !is_zero(&bytes[14..16]) || !is_zero(&bytes[CRC_AT + 4..]) {
            return Err(damaged("its header holds values that no version writes"));
        }
        if long_number_at(&bytes, 32) != number {
            return Err(damaged("it was written as a segment of another number"));
        }
        if long_number_at(&bytes, 40) != length {
            return Err(damaged("it is shorter or longer than its header says"));
        }
        let mut id = [0; 16];
        id.copy_from_slice(&bytes[16..32]);
        Ok((
            Self {
                number,
                path,
                file,
                length,
                copies,
            },
            JournalId(id),
        ))
    }

    /// Zeroes a file from the header on and makes zeros, header and length durable. It has no segment's name yet.
    pub(super) fn format(
        file: &dyn File,
        journal: JournalId,
        number: u64,
        length: u64,
    ) -> Result<(), FileError> {
        file.write_at(0, &[&header(journal, number, length, 0)])?;
        write_zeros(file, BLOCK, length)?;
        file.sync_all()
    }
}

/// The header of a segment that was copied so often.
pub(super) fn header(journal: JournalId, number: u64, length: u64, copies: u32) -> [u8; BLOCK_BYTES] {
    let version = if copies == 0 { FORMATTED } else { COPIED };
    let mut header = [0; BLOCK_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..10].copy_from_slice(&version.to_le_bytes());
    header[10..14].copy_from_slice(&copies.to_le_bytes());
    header[16..32].copy_from_slice(&journal.0);
    header[32..40].copy_from_slice(&number.to_le_bytes());
    header[40..48].copy_from_slice(&length.to_le_bytes());
    let crc = crc32c::crc32c(&header[..CRC_AT]);
    header[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Writes zeros from `start` to `end`.
pub(super) fn write_zeros(file: &dyn File, start: u64, end: u64) -> Result<(), FileError> {
    let mut offset = start;
    while offset < end {
        let count = usize::try_from(end - offset)
            .unwrap_or(usize::MAX)
            .min(ZEROS.len());
        file.write_at(offset, &[&ZEROS[..count]])?;
        offset += count as u64;
    }
    Ok(())
}

pub(super) fn segment_name(number: u64) -> String {
    format!("{number:020}{SUFFIX}")
}

pub(super) fn spare_name(number: u64) -> String {
    format!("{SPARE_PREFIX}{number}")
}

/// What the files of a journal's directory are, by their names; other names are not ours.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// Numbers of segments, ascending.
    pub(super) segments: Vec<u64>,
    /// Numbers of spares.
    pub(super) spares: Vec<u64>,
}

impl Listing {
    pub(super) fn read(fs: &dyn FileSystem, directory: &Path) -> Result<Self, JournalError> {
        let mut listing = Self::default();
        for name in fs.list(directory)? {
            let segment = name.strip_suffix(SUFFIX).and_then(|number| number.parse().ok());
            let spare = name
                .strip_prefix(SPARE_PREFIX)
                .and_then(|number| number.parse().ok());
            match (segment, spare) {
                (Some(number), _) if segment_name(number) == name => listing.segments.push(number),
                (_, Some(number)) if spare_name(number) == name => listing.spares.push(number),
                _ => {}
            }
        }
        listing.segments.sort_unstable();
        Ok(listing)
    }

    /// Refuses a journal with a hole: segments go out of use oldest first, so a missing one was lost.
    pub(super) fn check_unbroken(&self, directory: &Path) -> Result<(), JournalError> {
        for pair in self.segments.windows(2) {
            if pair[0] + 1 != pair[1] {
                return Err(JournalError::Missing {
                    file: directory.join(segment_name(pair[0] + 1)),
                });
            }
        }
        Ok(())
    }
}
