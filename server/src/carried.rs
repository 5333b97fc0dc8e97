//! The state that a log begins with when it continues another: `private/carried`.
//!
//! Contents behind the common header: the closed log's final checkpoint with its two log
//! lines (text), the number of entries of all logs before (u64), then the state as in a
//! snapshot. Numbers are big-endian. The complete generations of remembered submissions
//! that it relies on lie beside it, as those of any snapshot do.

use std::path::PathBuf;

use trialseal_core::{checkpoint::Checkpoint, note::SignedNote};

use crate::{
    codec::{Malformed, Reader, Writer},
    durable::{DurableError, Envelope},
    fs::FileSystem,
    layout::Layout,
    recover::SNAPSHOT_BYTES_MAX,
    state::State,
};

/// The kind and version of the object.
pub const CARRIED: Envelope = Envelope {
    magic: *b"TSCARRY\0",
    version: 2,
};

/// What a log continues.
#[derive(Debug)]
pub struct Carried {
    /// The final checkpoint of the log before, with its two log lines.
    pub note: String,
    /// The same, read.
    pub checkpoint: Checkpoint,
    /// Entries of all logs before.
    pub base: u64,
    /// The state that this log begins with, without its complete generations.
    pub state: State,
    /// The complete generations that it relies on.
    pub generations: Vec<u64>,
}

/// The object's file for a state that begins a log, behind this final checkpoint.
#[must_use]
pub fn encode(note: &str, state: &State) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.text(note);
    writer.u64(state.base());
    writer.raw(&state.encode());
    CARRIED.seal(&writer.finish())
}

/// Reads the object; none in a first log.
///
/// # Errors
/// If it is damaged.
pub fn read(fs: &dyn FileSystem, layout: &Layout) -> Result<Option<Carried>, DurableError> {
    let path = layout.carried();
    if fs.metadata(&path)?.is_none() {
        return Ok(None);
    }
    let file = fs.read(&path, SNAPSHOT_BYTES_MAX)?;
    decode(path, &file).map(Some)
}

/// Reads the file of the object.
///
/// # Errors
/// If it is damaged.
pub fn decode(path: PathBuf, file: &[u8]) -> Result<Carried, DurableError> {
    let (_, contents) = CARRIED.open(&path, file)?;
    parse(contents).map_err(|Malformed| DurableError::Damaged {
        path,
        problem: "it is no state carried from another log",
    })
}

fn parse(contents: &[u8]) -> Result<Carried, Malformed> {
    let mut reader = Reader::new(contents);
    let note = reader.text()?.to_owned();
    let base = reader.u64()?;
    let (state, generations) = State::decode(reader.rest(), base)?;
    let signed = SignedNote::parse(&note).map_err(|_| Malformed)?;
    let checkpoint = Checkpoint::parse(signed.text()).map_err(|_| Malformed)?;
    if !state.size().is_empty() || checkpoint.size.get() > base {
        return Err(Malformed);
    }
    Ok(Carried {
        note,
        checkpoint,
        base,
        state,
        generations,
    })
}
