//! One frame: the bytes of one batch.
//!
//! | offset | bytes | what |
//! | ---: | ---: | --- |
//! | 0 | 8 | magic `TSLFRAME` |
//! | 8 | 2 | format version: 1; 2 where the frame was rewritten |
//! | 10 | 2 | zero |
//! | 12 | 4 | chain: the frame CRC of the frame before; for the first frame, the CRC-32C of the journal's identity |
//! | 16 | 16 | identity of the journal |
//! | 32 | 8 | number of the segment |
//! | 40 | 8 | batch number: 1 for the first frame, one more for each |
//! | 48 | 8 | first log index of the batch |
//! | 56 | 4 | count of log entries in the batch |
//! | 60 | 4 | length of the payload in bytes |
//! | 64 | 4 | header CRC: CRC-32C of bytes 0 to 63 |
//! | 68 | 4 | frame CRC: CRC-32C of bytes 0 to 67 and the payload |
//! | 72 | | payload, then zeros to the next multiple of 4,096 |
//!
//! Numbers are little endian. Frames begin at multiples of 4,096, for two reasons. An append then never rewrites a
//! block that holds a frame already acknowledged, so no torn write can reach back into it. And recovery has to look
//! for later frames only where one can begin.
//!
//! A frame that was *rewritten*, because something in it was erased, keeps its place, its length field, which says how
//! many blocks it takes, and its frame CRC, which the next frame chains to. Behind the header stand, as two u32, the
//! length of the new payload and a CRC-32C of bytes 0 to 75 and that payload; then the payload, and zeros. It is made
//! in a copy of its segment, so nothing is ever half rewritten.
//!
//! The header has a checksum of its own: an intact header behind a bad frame proves that the bad one was once
//! durable (a frame is written only when the one before it is), even where the later frame is itself torn.

use super::{JournalError, JournalId};
use crate::fs::File;

/// Frames begin at multiples of this.
pub(super) const BLOCK: u64 = 4096;
const BLOCK_BYTES: usize = 4096;
/// Length of a frame's header.
pub(super) const HEADER_BYTES: usize = 72;
const WRITTEN: u16 = 1;
const REWRITTEN: u16 = 2;
/// Length and checksum of a payload that was rewritten.
const REWRITTEN_BYTES: usize = 8;

const MAGIC: [u8; 8] = *b"TSLFRAME";
const HEADER_CRC_AT: usize = 64;
const FRAME_CRC_AT: usize = 68;

/// What a frame says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) chain: u32,
    pub(super) journal: JournalId,
    pub(super) segment: u64,
    pub(super) batch: u64,
    pub(super) first_index: u64,
    pub(super) count: u32,
    /// Length of the payload when the frame was appended.
    pub(super) length: u32,
    /// Whether there is another payload in its place now.
    pub(super) rewritten: bool,
}

impl Header {
    /// The header's bytes for this payload, and the frame CRC in them.
    pub(super) fn encode(&self, payload: &[&[u8]]) -> ([u8; HEADER_BYTES], u32) {
        let mut bytes = self.encode_head(WRITTEN);
        let checked = crc32c::crc32c(&bytes[..FRAME_CRC_AT]);
        let crc = payload
            .iter()
            .fold(checked, |crc, piece| crc32c::crc32c_append(crc, piece));
        bytes[FRAME_CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        (bytes, crc)
    }

    /// All bytes of the frame with another payload: `None` if it does not fit into its place. `crc` is the frame CRC,
    /// which stays.
    pub(super) fn rewrite(&self, crc: u32, payload: &[u8]) -> Option<Vec<u8>> {
        let whole = usize::try_from(frame_bytes(u64::from(self.length))?).ok()?;
        let length = u32::try_from(payload.len()).ok()?;
        let start = HEADER_BYTES + REWRITTEN_BYTES;
        let mut bytes = vec![0; whole];
        bytes
            .get_mut(start..start + payload.len())?
            .copy_from_slice(payload);
        bytes[..HEADER_BYTES].copy_from_slice(&self.encode_head(REWRITTEN));
        bytes[FRAME_CRC_AT..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
        bytes[HEADER_BYTES..HEADER_BYTES + 4].copy_from_slice(&length.to_le_bytes());
        let own = rewritten_crc(&bytes, payload);
        bytes[HEADER_BYTES + 4..start].copy_from_slice(&own.to_le_bytes());
        Some(bytes)
    }

    /// The header without the frame CRC.
    fn encode_head(&self, version: u16) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&version.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.chain.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.journal.0);
        bytes[32..40].copy_from_slice(&self.segment.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.batch.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.first_index.to_le_bytes());
        bytes[56..60].copy_from_slice(&self.count.to_le_bytes());
        bytes[60..64].copy_from_slice(&self.length.to_le_bytes());
        let header_crc = crc32c::crc32c(&bytes[..HEADER_CRC_AT]);
        bytes[HEADER_CRC_AT..FRAME_CRC_AT].copy_from_slice(&header_crc.to_le_bytes());
        bytes
    }

    /// The header at the beginning of `bytes`, with its version, if its checksum is right.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, u16)> {
        let bytes = bytes.first_chunk::<HEADER_BYTES>()?;
        if bytes[..8] != MAGIC {
            return None;
        }
        if crc32c::crc32c(&bytes[..HEADER_CRC_AT]) != number_at(bytes, HEADER_CRC_AT) {
            return None;
        }
        let mut journal = [0; 16];
        journal.copy_from_slice(&bytes[16..32]);
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        let header = Self {
            chain: number_at(bytes, 12),
            journal: JournalId(journal),
            segment: long_number_at(bytes, 32),
            batch: long_number_at(bytes, 40),
            first_index: long_number_at(bytes, 48),
            count: number_at(bytes, 56),
            length: number_at(bytes, 60),
            rewritten: version == REWRITTEN,
        };
        Some((header, version))
    }

    /// Whether a frame in this segment of this journal can have this header. A recycled segment has another number
    /// than the frames that were once in it, and no number is ever used twice.
    pub(super) fn belongs_to(&self, journal: JournalId, segment: u64) -> bool {
        self.journal == journal && self.segment == segment
    }
}

/// Bytes that a frame with this payload takes, or `None` where that is more than any segment has.
pub(super) fn frame_bytes(payload_bytes: u64) -> Option<u64> {
    payload_bytes
        .checked_add(HEADER_BYTES as u64)?
        .checked_next_multiple_of(BLOCK)
}

/// The checksum of a payload that was rewritten, over the frame's beginning as well.
fn rewritten_crc(bytes: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..HEADER_BYTES + 4]), payload)
}

/// A frame in memory, whole: header, payload and the zeros behind it.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// Where the payload begins.
    start: usize,
    length: usize,
}

impl Buffer {
    pub(super) fn payload(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.length]
    }

    /// All bytes of the frame.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads the frame that begins at `offset` of a segment that ends at `end`. `None`: there is no intact frame of
    /// this segment. Gives the header and the frame CRC.
    pub(super) fn read(
        &mut self,
        file: &dyn File,
        place: &Place<'_>,
        offset: u64,
    ) -> Result<Option<(Header, u32)>, JournalError> {
        if offset.checked_add(BLOCK).is_none_or(|end| end > place.end) {
            return Ok(None);
        }
        self.bytes.resize(BLOCK_BYTES, 0);
        file.read_at(offset, &mut self.bytes)?;
        let Some(header) = place.header(&self.bytes, offset)? else {
            return Ok(None);
        };
        let whole = frame_bytes(u64::from(header.length)).filter(|whole| *whole <= place.end - offset);
        let Some(whole) = whole.and_then(|whole| usize::try_from(whole).ok()) else {
            return Ok(None);
        };
        self.bytes.resize(whole, 0);
        if whole > BLOCK_BYTES {
            file.read_at(offset + BLOCK, &mut self.bytes[BLOCK_BYTES..])?;
        }
        (self.start, self.length) = if header.rewritten {
            let length = number_at(&self.bytes, HEADER_BYTES) as usize;
            (HEADER_BYTES + REWRITTEN_BYTES, length)
        } else {
            (HEADER_BYTES, header.length as usize)
        };
        if self.length > whole - self.start {
            return Ok(None);
        }
        let crc = number_at(&self.bytes, FRAME_CRC_AT);
        let sound = if header.rewritten {
            rewritten_crc(&self.bytes, self.payload()) == number_at(&self.bytes, HEADER_BYTES + 4)
        } else {
            crc32c::crc32c_append(crc32c::crc32c(&self.bytes[..FRAME_CRC_AT]), self.payload()) == crc
        };
        let intact =
            sound && self.bytes[10..12] == [0; 2] && is_zero(&self.bytes[self.start + self.length..]);
        Ok(intact.then_some((header, crc)))
    }
}

/// Where a frame is looked for: what must be in its header, and how far it may reach.
pub(super) struct Place<'a> {
    pub(super) journal: JournalId,
    pub(super) segment: u64,
    pub(super) path: &'a std::path::Path,
    pub(super) end: u64,
}

impl Place<'_> {
    /// The header at the beginning of a block, if it is intact and of this place; an error if it is of a version
    /// that this program does not know.
    pub(super) fn header(&self, block: &[u8], offset: u64) -> Result<Option<Header>, JournalError> {
        match Header::decode(block) {
            Some((header, version)) if header.belongs_to(self.journal, self.segment) => {
                if version != WRITTEN && version != REWRITTEN {
                    return Err(JournalError::Newer {
                        file: self.path.to_owned(),
                        offset,
                        found: version,
                    });
                }
                Ok(Some(header))
            }
            _ => Ok(None),
        }
    }
}

pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

pub(super) fn number_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

pub(super) fn long_number_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}
