//! Reading frames back while the journal grows.

use std::sync::Arc;

use super::frame::{Buffer, Place};
use super::shared::Shared;
use super::{FrameHeader, JournalError, Position};

/// Reads frames that are durable. Cheap to clone, and usable from any thread while the journal grows.
#[derive(Clone)]
pub struct JournalReader {
    shared: Arc<Shared>,
}

impl JournalReader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The frame that holds the entry with this log index; `None` if it is not in the journal (any more, or yet).
    pub fn locate(&self, index: u64) -> Option<FrameHeader> {
        let state = self.shared.state();
        state.used.values().rev().find_map(|used| {
            let at = used.frames.partition_point(|frame| frame.end_index() <= index);
            used.frames
                .get(at)
                .filter(|frame| frame.first_index <= index && index < frame.end_index())
                .copied()
        })
    }

    /// The oldest frame in the journal.
    pub fn first(&self) -> Option<FrameHeader> {
        let state = self.shared.state();
        state.used.values().find_map(|used| used.frames.first().copied())
    }

    /// The newest frame in the journal.
    pub fn last(&self) -> Option<FrameHeader> {
        let state = self.shared.state();
        state
            .used
            .values()
            .rev()
            .find_map(|used| used.frames.last().copied())
    }

    /// Reads the frame at `position` and checks it again. [`JournalError::Released`] if its segment has been released,
    /// before or meanwhile.
    pub fn read(&self, position: Position) -> Result<(FrameHeader, Vec<u8>), JournalError> {
        let released = JournalError::Released {
            segment: position.segment,
        };
        let Some(segment) = self.segment(position.segment) else {
            return Err(released);
        };
        let mut buffer = Buffer::default();
        let place = Place {
            journal: self.shared.identity,
            segment: segment.number,
            path: &segment.path,
            end: segment.length,
        };
        match buffer.read(&*segment.file, &place, position.offset) {
            Ok(Some((header, _))) if header.length == position.length => {
                Ok((FrameHeader::new(&header, position), buffer.payload().to_vec()))
            }
            // The file may have been taken for a new segment under our hands.
            _ if self.segment(position.segment).is_none() => Err(released),
            Err(error) => Err(error),
            Ok(_) => Err(JournalError::Corrupt {
                file: segment.path,
                offset: position.offset,
                problem: "the frame read back is not the one that was written".to_owned(),
            }),
        }
    }

    fn segment(&self, number: u64) -> Option<super::segment::Segment> {
        self.shared
            .state()
            .used
            .get(&number)
            .map(|used| used.segment.clone())
    }
}
