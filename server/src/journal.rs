//! The journal: where a batch becomes durable.
//!
//! A directory of append-only segment files. A batch is one *frame*: one write, one `fdatasync`. What a frame's
//! payload means is not known here. Byte tables are in [`frame`] and [`segment`], the rules that tell a torn end from
//! corruption in [`walk`].
//!
//! - [`Journal`] appends. There is one, and it excludes any other by a lock.
//! - [`JournalReader`] reads a frame back while the journal grows.
//! - [`JournalKeeper`] prepares the next segment, so that an append allocates nothing, releases old ones, and rewrites
//!   frames of which something was erased.
//! - [`scan`] reads the journal of a live server without touching it; [`copy()`] copies it.
//!
//! The invariant that everything rests on: *frame N+1 is written only after the sync of frame N returned.* So at any
//! moment at most one frame is in doubt, the last one, and a hole before an intact frame can only be corruption.

mod copy;
mod error;
mod frame;
mod keeper;
mod reader;
mod recover;
mod rewrite;
mod scan;
mod segment;
mod shared;
mod walk;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use copy::{copy, identity};
pub use error::{AppendError, Failure, JournalError, Refusal};
pub use keeper::JournalKeeper;
pub use reader::JournalReader;
pub use rewrite::{Rewrite, rewrite_closed};
pub use scan::scan;

use self::frame::{BLOCK, HEADER_BYTES, Header, frame_bytes};
use self::segment::Segment;
use self::shared::Shared;
use self::walk::Expected;
use crate::fs::FileSystem;

/// The identity of a journal: 16 random bytes, chosen when it is created. They tell its frames from those of any
/// other journal, and are kept private, so that nothing submitted to the notary can pose as a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalId(pub [u8; 16]);

impl fmt::Display for JournalId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// Sizes of a journal. They may differ from one start to the next; segments that exist keep their length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalOptions {
    /// Length of a new segment in bytes, a multiple of 4,096. Default 64 MiB.
    pub segment_bytes: u64,
    /// The most that all segments together may take in bytes. Default 256 MiB.
    pub limit_bytes: u64,
    /// The longest payload in bytes. Default 16 MiB.
    pub payload_bytes_max: u32,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            limit_bytes: 256 << 20,
            payload_bytes_max: 16 << 20,
        }
    }
}

impl JournalOptions {
    fn check(&self) -> Result<(), JournalError> {
        let refused = |problem| Err(JournalError::Options { problem });
        if !self.segment_bytes.is_multiple_of(BLOCK) {
            return refused("a segment's length must be a multiple of 4,096");
        }
        if frame_bytes(u64::from(self.payload_bytes_max)).is_none_or(|most| self.segment_bytes < BLOCK + most)
        {
            return refused("the longest frame must fit into a segment");
        }
        if self.limit_bytes / 2 < self.segment_bytes {
            return refused("the limit must leave room for two segments: one in use, and the next");
        }
        Ok(())
    }
}

/// Where a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The number of its segment.
    pub segment: u64,
    /// Where it begins in the segment, in bytes.
    pub offset: u64,
    /// Length of its payload in bytes.
    pub length: u32,
}

impl Position {
    /// The segment's file in the journal's `directory`.
    pub fn file(&self, directory: &Path) -> PathBuf {
        directory.join(segment::segment_name(self.segment))
    }
}

/// What the journal knows of a frame besides its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The batch number: 1 for the first frame of a journal, one more for each.
    pub batch: u64,
    /// The log index of the batch's first entry.
    pub first_index: u64,
    /// How many log entries it has.
    pub count: u32,
    /// Where it is.
    pub position: Position,
}

impl FrameHeader {
    /// The log index behind the batch.
    pub fn end_index(&self) -> u64 {
        self.first_index.saturating_add(u64::from(self.count))
    }

    fn new(header: &Header, position: Position) -> Self {
        let Header {
            batch,
            first_index,
            count,
            ..
        } = *header;
        Self {
            batch,
            first_index,
            count,
            position,
        }
    }
}

/// What is given each frame in order, with its payload, at [`Journal::open`] and [`scan`]. An error ends the walk, as
/// [`JournalError::Rejected`].
pub type Visit<'a> =
    dyn FnMut(&FrameHeader, &[u8]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> + 'a;

/// The journal, open for appending.
pub struct Journal {
    shared: Arc<Shared>,
    /// The segment that the last frame is in; none before the first frame, and where the next one begins a new one.
    head: Option<Segment>,
    /// Where the next frame begins in it.
    offset: u64,
    /// What the next frame must be.
    next: Expected,
    /// Set when a frame is in doubt.
    poisoned: bool,
}

impl Journal {
    /// Creates a journal in `directory`, which is created if it is missing and must hold no journal. `identity` must
    /// be random. A creation that a crash interrupted is begun again. The name of `directory` becomes durable; that of
    /// the directory above it is the caller's matter, if it was there before.
    pub fn create(
        fs: Arc<dyn FileSystem>,
        directory: &Path,
        options: JournalOptions,
        identity: JournalId,
    ) -> Result<Self, JournalError> {
        recover::create(fs, directory, options, identity)
    }

    /// Opens the journal in `directory`, and gives every frame in it to `visit`, oldest first, one at a time.
    ///
    /// When this returns, all of these frames are durable, the last one included (it may have been in doubt), and
    /// what a crash left behind it is cleared. Until then nothing must be answered or signed that rests on them.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        directory: &Path,
        options: JournalOptions,
        visit: &mut Visit<'_>,
    ) -> Result<Self, JournalError> {
        recover::open(fs, directory, options, visit)
    }

    /// Appends a frame whose payload is `pieces`, one behind the other, and returns when it is durable.
    ///
    /// `first_index` must follow the last batch; in an empty journal any will do. This blocks for one write and one
    /// sync, and longer if the next segment is needed and [`JournalKeeper::prepare`] was not called in time.
    pub fn append(
        &mut self,
        first_index: u64,
        count: u32,
        pieces: &[&[u8]],
    ) -> Result<Position, AppendError> {
        let shared = Arc::clone(&self.shared);
        let turn = shared.turn();
        if self.poisoned || turn.in_doubt {
            return Err(AppendError::Unknown(Failure::Poisoned));
        }
        let (length, bytes) = self.check(first_index, pieces).map_err(AppendError::Refused)?;
        if let Some(head) = &mut self.head {
            // It may have been copied since, without what was erased.
            *head = shared.used(head.number).unwrap_or_else(|| head.clone());
        }
        let in_head = self
            .head
            .clone()
            .filter(|head| head.length - self.offset >= bytes);
        let (segment, offset) = match in_head {
            Some(head) => (head, self.offset),
            None => (self.shared.next_segment().map_err(AppendError::Refused)?, BLOCK),
        };
        let header = Header {
            chain: self.next.chain,
            journal: self.shared.identity,
            segment: segment.number,
            batch: self.next.batch,
            first_index,
            count,
            length,
            rewritten: false,
        };
        // From here on the frame is in doubt until the sync returns. Nothing of it lies in a block that holds an
        // earlier frame, so a crash can tear this one only.
        self.poisoned = true;
        let crc = write(&segment, offset, &header, pieces)
            .map_err(|error| AppendError::Unknown(Failure::File(error)))?;
        // The frame is durable: recovery will find it, and nothing before it is in doubt. Only now may the next one
        // be written, and only now may anybody be told.
        self.poisoned = false;
        let position = Position {
            segment: segment.number,
            offset,
            length,
        };
        self.shared.publish(&segment, FrameHeader::new(&header, position));
        self.next = Expected::after(&header, crc);
        self.offset = offset + bytes;
        self.head = Some(segment);
        Ok(position)
    }

    /// The payload's length and the frame's, if it may be written now.
    fn check(&self, first_index: u64, pieces: &[&[u8]]) -> Result<(u32, u64), Refusal> {
        if let Some(expected) = self.next.index
            && expected != first_index
        {
            return Err(Refusal::NotNext {
                given: first_index,
                expected,
            });
        }
        let bytes_max = self.shared.options.payload_bytes_max;
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        let too_large = Refusal::TooLarge { bytes, bytes_max };
        match (u32::try_from(bytes), frame_bytes(bytes)) {
            (Ok(length), Some(whole)) if length <= bytes_max => Ok((length, whole)),
            _ => Err(too_large),
        }
    }

    /// Lets the next frame begin a new segment, so that the one in use can be released once that frame is durable:
    /// for an erasure, after which no old segment may keep what was erased.
    pub fn close_segment(&mut self) {
        self.head = None;
    }

    /// The log index that the next batch must begin at; `None` in an empty journal.
    pub fn next_index(&self) -> Option<u64> {
        self.next.index
    }

    /// The batch number of the next frame.
    pub fn next_batch(&self) -> u64 {
        self.next.batch
    }

    /// The identity that the journal was created with.
    pub fn identity(&self) -> JournalId {
        self.shared.identity
    }

    /// Reads frames while this value appends.
    pub fn reader(&self) -> JournalReader {
        JournalReader::new(Arc::clone(&self.shared))
    }

    /// Prepares and releases segments while this value appends.
    pub fn keeper(&self) -> JournalKeeper {
        JournalKeeper::new(Arc::clone(&self.shared))
    }
}

static ZEROS: [u8; BLOCK as usize] = [0; BLOCK as usize];

/// Writes one frame and makes it durable; gives its CRC.
fn write(
    segment: &Segment,
    offset: u64,
    header: &Header,
    pieces: &[&[u8]],
) -> Result<u32, crate::fs::FileError> {
    let (bytes, crc) = header.encode(pieces);
    let padding = (HEADER_BYTES as u64 + u64::from(header.length)).next_multiple_of(BLOCK)
        - (HEADER_BYTES as u64 + u64::from(header.length));
    let mut whole = Vec::with_capacity(pieces.len() + 2);
    whole.push(&bytes[..]);
    whole.extend_from_slice(pieces);
    whole.push(&ZEROS[..usize::try_from(padding).unwrap_or(0)]);
    segment.file.write_at(offset, &whole)?;
    segment.file.sync_data()?;
    Ok(crc)
}
