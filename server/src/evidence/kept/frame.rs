//! One frame of a file of kept evidence.
//!
//! | offset | bytes | what |
//! | ---: | ---: | --- |
//! | 0 | 8 | magic `TSEVIDNC` |
//! | 8 | 2 | format version: 1 |
//! | 10 | 1 | 1: evidence; 2: index |
//! | 11 | 1 | zero |
//! | 12 | 8 | log size of the checkpoint; in an index the number of its rows |
//! | 20 | 4 | length of the contents |
//! | 24 | 4 | CRC-32C of bytes 0 to 23 and the contents |
//! | 28 | | contents |
//!
//! Numbers are big endian, as in all objects of [`crate::codec`].

use std::sync::Arc;

use bytes::Bytes;
use trialseal_core::{checkpoint::Checkpoint, note::NOTE_BYTES_MAX, note::SignedNote};

use crate::{
    codec::{Malformed, Reader, Writer},
    evidence::{CoseSignature, Evidenced},
};

/// Length of a frame's header.
pub(super) const HEADER_BYTES: usize = 28;
/// The first bytes of every frame.
pub(super) const MAGIC: [u8; 8] = *b"TSEVIDNC";
const VERSION: u16 = 1;
const EVIDENCE: u8 = 1;
const INDEX: u8 = 2;

/// Tokens of one checkpoint: as many as an evidence element of a receipt holds.
pub(super) const TOKENS_MAX: usize = 16;
/// One token: as large as a receipt may hold.
pub(super) const TOKEN_BYTES_MAX: usize = 64 << 10;
const COSE_BYTES_MAX: usize = 4 << 10;
/// The longest contents: a note, all tokens, a COSE signature, lengths.
const CONTENTS_BYTES_MAX: usize =
    NOTE_BYTES_MAX + TOKENS_MAX * (TOKEN_BYTES_MAX + 4) + 2 * COSE_BYTES_MAX + 64;
/// The longest frame.
pub(super) const FRAME_BYTES_MAX: usize = HEADER_BYTES + CONTENTS_BYTES_MAX;

/// Rows of a file that is closed. Tests fill files sooner.
pub(super) const ROWS: usize = if cfg!(test) { 32 } else { 1_024 };
const ROW_BYTES: usize = 16;
/// Length of the index frame at the end of a file that is closed.
pub(super) const INDEX_BYTES: usize = HEADER_BYTES + ROWS * ROW_BYTES;

/// Where the newest evidence for a checkpoint lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// Log size of the checkpoint.
    pub(super) size: u64,
    /// Of the frame in the file.
    pub(super) offset: u32,
    /// Of the frame, header and contents.
    pub(super) length: u32,
}

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Evidence,
    Index,
}

/// A frame's header, and nothing checked but its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: FrameKind,
    pub(super) size: u64,
    pub(super) contents: usize,
    crc: u32,
    checked: [u8; HEADER_BYTES - 4],
}

impl Header {
    /// None if these bytes are no header of a frame of this version.
    pub(super) fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let read = || -> Result<Option<Self>, Malformed> {
            if reader.array()? != MAGIC || reader.u16()? != VERSION {
                return Ok(None);
            }
            let kind = match (reader.u8()?, reader.u8()?) {
                (EVIDENCE, 0) => FrameKind::Evidence,
                (INDEX, 0) => FrameKind::Index,
                _ => return Ok(None),
            };
            let (size, contents, crc) = (reader.u64()?, reader.u32()? as usize, reader.u32()?);
            let fits = match kind {
                FrameKind::Evidence => contents <= CONTENTS_BYTES_MAX,
                FrameKind::Index => contents == ROWS * ROW_BYTES,
            };
            let (checked, _) = bytes.split_first_chunk().ok_or(Malformed)?;
            Ok(fits.then_some(Self {
                kind,
                size,
                contents,
                crc,
                checked: *checked,
            }))
        };
        let mut read = read;
        read().ok().flatten()
    }

    /// The version, where the magic is ours.
    pub(super) fn version(bytes: &[u8; HEADER_BYTES]) -> Option<u16> {
        let (magic, rest) = bytes.split_at(MAGIC.len());
        (magic == MAGIC).then(|| u16::from_be_bytes([rest[0], rest[1]]))
    }

    /// Length of the frame.
    pub(super) const fn frame_bytes(&self) -> usize {
        HEADER_BYTES + self.contents
    }

    /// Whether these contents are the frame's.
    pub(super) fn is_sound(&self, contents: &[u8]) -> bool {
        contents.len() == self.contents
            && self.crc == crc32c::crc32c_append(crc32c::crc32c(&self.checked), contents)
    }
}

fn frame(kind: u8, size: u64, contents: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.raw(&MAGIC);
    writer.u16(VERSION);
    writer.u8(kind);
    writer.u8(0);
    writer.u64(size);
    writer.count(contents.len());
    let mut bytes = writer.finish();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes), contents);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes.extend_from_slice(contents);
    bytes
}

/// The frame of a checkpoint with its evidence; none if it holds more than a receipt may.
pub(super) fn encode(evidenced: &Evidenced) -> Option<Vec<u8>> {
    let Evidenced {
        checkpoint,
        note,
        tokens,
        cose,
    } = evidenced;
    let bounded = note.len() <= NOTE_BYTES_MAX
        && tokens.len() <= TOKENS_MAX
        && tokens.iter().all(|token| token.len() <= TOKEN_BYTES_MAX)
        && cose
            .iter()
            .all(|cose| cose.protected.len() <= COSE_BYTES_MAX && cose.signature.len() <= COSE_BYTES_MAX);
    if !bounded {
        return None;
    }
    let mut writer = Writer::default();
    writer.text(note);
    writer.count(tokens.len());
    for token in tokens {
        blob(&mut writer, token);
    }
    writer.u8(u8::from(cose.is_some()));
    if let Some(cose) = cose {
        blob(&mut writer, &cose.protected);
        blob(&mut writer, &cose.signature);
    }
    Some(frame(EVIDENCE, checkpoint.size.get(), &writer.finish()))
}

/// What a frame of evidence holds. That it is sound was looked at before.
pub(super) fn decode(header: &Header, contents: &[u8]) -> Result<Evidenced, Malformed> {
    let mut reader = Reader::new(contents);
    let note = reader.text()?;
    let text = SignedNote::parse(note).map_err(|_| Malformed)?;
    let checkpoint = Checkpoint::parse(text.text()).map_err(|_| Malformed)?;
    if checkpoint.size.get() != header.size {
        return Err(Malformed);
    }
    let count = reader.count()?;
    if count > TOKENS_MAX {
        return Err(Malformed);
    }
    let tokens = (0..count).map(|_| take(&mut reader)).collect::<Result<_, _>>()?;
    let cose = match reader.u8()? {
        0 => None,
        1 => Some(CoseSignature {
            protected: take(&mut reader)?,
            signature: take(&mut reader)?,
        }),
        _ => return Err(Malformed),
    };
    reader.end()?;
    Ok(Evidenced {
        checkpoint,
        note: Arc::from(note),
        tokens,
        cose,
    })
}

/// The frame that closes a file.
pub(super) fn encode_index(rows: &[Row]) -> Vec<u8> {
    let mut writer = Writer::default();
    for row in rows {
        writer.u64(row.size);
        writer.u32(row.offset);
        writer.u32(row.length);
    }
    frame(INDEX, rows.len() as u64, &writer.finish())
}

/// The rows of a frame that closes a file.
pub(super) fn decode_index(contents: &[u8]) -> Result<Vec<Row>, Malformed> {
    let mut reader = Reader::new(contents);
    let rows = (0..ROWS).map(|_| {
        Ok(Row {
            size: reader.u64()?,
            offset: reader.u32()?,
            length: reader.u32()?,
        })
    });
    let rows = rows.collect::<Result<_, _>>()?;
    reader.end()?;
    Ok(rows)
}

fn blob(writer: &mut Writer, bytes: &[u8]) {
    writer.count(bytes.len());
    writer.raw(bytes);
}

fn take(reader: &mut Reader<'_>) -> Result<Bytes, Malformed> {
    let length = reader.count()?;
    reader.raw(length).map(Bytes::copy_from_slice)
}
