//! Walking the frames of all segments in order, and telling a torn end from corruption.
//!
//! The rules, which recovery and the read-only scan share. `P` is where the next frame must begin: directly behind
//! the last one.
//!
//! 1. An intact frame at `P` is next. Its batch number, chain and first index must follow from the frame before; if
//!    not, the journal is corrupt.
//! 2. Otherwise, an intact frame that follows from the frame before and stands first in the next segment is next: a
//!    frame that does not fit into the rest of a segment begins the next one. That it chains proves that nothing
//!    between is missing, whatever lies there.
//! 3. Otherwise, one intact *header* of this journal anywhere behind `P` (in the rest of this segment, or in a later
//!    one) is proof of corruption: a frame is written only after the one before it is durable, so the frame missing
//!    at `P` was acknowledged. Exempt is a header that rule 2 would accept, with a torn payload: that is the frame
//!    that was being written, in its new segment.
//! 4. Otherwise the journal ends at `P`. What lies behind is the torn beginning of one frame that was never
//!    acknowledged.
//!
//! A payload cannot pose as a frame: it would have to contain the journal's identity, 16 random bytes that never
//! leave the notary, at the right place. A recycled segment cannot either: see [`Header::belongs_to`].
//!
//! The limit of these rules is the last frame: if it is damaged *after* it was acknowledged, it looks like a torn
//! one. That loss is found one level up, since the log is then shorter than what the signer remembers.

use super::frame::{BLOCK, Buffer, Header, Place, is_zero};
use super::segment::{FIRST_SEGMENT, Segment};
use super::{JournalError, JournalId, Position};

const SEARCH_BYTES: usize = 256 * 1024;
const BLOCK_BYTES: usize = 4096;

/// What the next frame must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) batch: u64,
    pub(super) chain: u32,
    /// The first index; `None` if any will do, in a journal without frames.
    pub(super) index: Option<u64>,
}

impl Expected {
    /// What the first frame of a new journal must be.
    pub(super) fn first(journal: JournalId) -> Self {
        Self {
            batch: 1,
            chain: crc32c::crc32c(&journal.0),
            index: None,
        }
    }

    pub(super) fn after(header: &Header, crc: u32) -> Self {
        let index = header.first_index.saturating_add(u64::from(header.count));
        Self {
            batch: header.batch.saturating_add(1),
            chain: crc,
            index: Some(index),
        }
    }

    fn mismatch(&self, header: &Header) -> Option<&'static str> {
        if header.batch != self.batch {
            Some("its batch number does not follow that of the frame before")
        } else if header.chain != self.chain {
            Some("its chain is not the checksum of the frame before")
        } else if self.index.is_some_and(|index| index != header.first_index) {
            Some("its first index does not follow the frame before")
        } else {
            None
        }
    }
}

/// One frame that was walked over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) header: Header,
    pub(super) position: Position,
}

/// A walk over segments in ascending order. Holds two frames in memory at most.
pub(super) struct Walk {
    journal: JournalId,
    pub(super) segments: Vec<Segment>,
    /// The segment walked on, as an index into `segments`.
    pub(super) at: usize,
    /// Where the next frame must begin in it.
    pub(super) offset: u64,
    /// `None` before the first frame of a journal whose oldest segments were released.
    pub(super) expected: Option<Expected>,
    current: Buffer,
    /// The last frame walked over.
    last: Buffer,
}

impl Walk {
    pub(super) fn new(journal: JournalId, segments: Vec<Segment>) -> Self {
        let first = segments.first().map(|segment| segment.number);
        let expected = (first == Some(FIRST_SEGMENT)).then(|| Expected::first(journal));
        let (current, last) = (Buffer::default(), Buffer::default());
        Self {
            journal,
            segments,
            at: 0,
            offset: BLOCK,
            expected,
            current,
            last,
        }
    }

    /// The last frame walked over.
    pub(super) fn last(&self) -> &Buffer {
        &self.last
    }

    /// The next frame, by rules 1 and 2; its bytes are then in [`Walk::last`].
    pub(super) fn step(&mut self) -> Result<Option<Step>, JournalError> {
        let Some(segment) = self.segments.get(self.at) else {
            return Ok(None);
        };
        if let Some((header, crc)) = self
            .current
            .read(&*segment.file, &self.place(segment), self.offset)?
        {
            if let Some(problem) = self.expected.and_then(|expected| expected.mismatch(&header)) {
                return Err(self.corrupt(problem.to_owned()));
            }
            return Ok(Some(self.accept(header, crc)));
        }
        let (Some(expected), Some(next)) = (self.expected, self.segments.get(self.at + 1)) else {
            return Ok(None);
        };
        match self.current.read(&*next.file, &self.place(next), BLOCK)? {
            Some((header, crc)) if expected.mismatch(&header).is_none() => {
                self.at += 1;
                self.offset = BLOCK;
                Ok(Some(self.accept(header, crc)))
            }
            _ => Ok(None),
        }
    }

    fn accept(&mut self, header: Header, crc: u32) -> Step {
        std::mem::swap(&mut self.current, &mut self.last);
        let segment = self.segments[self.at].number;
        let position = Position {
            segment,
            offset: self.offset,
            length: header.length,
        };
        self.offset += self.last.bytes().len() as u64;
        self.expected = Some(Expected::after(&header, crc));
        Step { header, position }
    }

    /// Looks at everything behind the end, by rules 3 and 4: an error if something proves that a frame is missing
    /// here, otherwise what is not zero there, one extent a segment, by index into `segments`.
    pub(super) fn check_end(&self) -> Result<Vec<(usize, u64, u64)>, JournalError> {
        let mut dirty = Vec::new();
        for (index, segment) in self.segments.iter().enumerate().skip(self.at) {
            let start = if index == self.at { self.offset } else { BLOCK };
            let mut end = start;
            let mut chunk = Vec::new();
            let mut offset = start;
            while offset < segment.length {
                let count = usize::try_from(segment.length - offset)
                    .unwrap_or(usize::MAX)
                    .min(SEARCH_BYTES);
                chunk.resize(count, 0);
                segment.file.read_at(offset, &mut chunk)?;
                for (number, block) in chunk.chunks(BLOCK_BYTES).enumerate() {
                    if is_zero(block) {
                        continue;
                    }
                    let at = offset + number as u64 * BLOCK;
                    end = at + BLOCK;
                    self.check_block(index, segment, at, block)?;
                }
                offset += count as u64;
            }
            if end > start {
                dirty.push((index, start, end));
            }
        }
        Ok(dirty)
    }

    fn check_block(
        &self,
        index: usize,
        segment: &Segment,
        at: u64,
        block: &[u8],
    ) -> Result<(), JournalError> {
        let Some(header) = self.place(segment).header(block, at)? else {
            return Ok(());
        };
        let follows = self
            .expected
            .is_some_and(|expected| expected.mismatch(&header).is_none());
        let torn_here = index == self.at && at == self.offset;
        let torn_in_next = index == self.at + 1 && at == BLOCK;
        if follows && (torn_here || torn_in_next) {
            return Ok(());
        }
        Err(self.corrupt(format!(
            "the frame there is damaged or missing, although a later one (batch {}) begins at {} offset {at}",
            header.batch,
            segment.path.display()
        )))
    }

    pub(super) fn corrupt(&self, problem: String) -> JournalError {
        match self.segments.get(self.at) {
            Some(segment) => JournalError::Corrupt {
                file: segment.path.clone(),
                offset: self.offset,
                problem,
            },
            None => JournalError::Options {
                problem: "a walk without segments",
            },
        }
    }

    fn place<'a>(&self, segment: &'a Segment) -> Place<'a> {
        let Segment {
            number, path, length, ..
        } = segment;
        Place {
            journal: self.journal,
            segment: *number,
            path,
            end: *length,
        }
    }
}
