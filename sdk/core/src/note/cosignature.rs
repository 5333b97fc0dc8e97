//! The messages that timestamped cosignatures sign, and the time at the head of their blobs.

use super::key::KeyName;
use crate::checkpoint::Origin;
use crate::hash::Hash;
use crate::index::LogSize;

/// The latest time that a cosignature may state, in seconds since 1970: 2^63 - 1.
pub const COSIGNATURE_TIME_MAX: u64 = i64::MAX as u64;

/// What a `0x04` line signs: `cosignature/v1\ntime <decimal seconds>\n` and the note's text.
pub fn cosignature_message(time_s: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time_s}\n{text}").into_bytes()
}

/// What a `0x06` line signs:
/// `"subtree/v1\n\0" || u8 len || cosigner || u64 time || u8 len || origin || u64 start || u64 end || root`,
/// integers big-endian. For a checkpoint `start` is empty and `end` is its size.
pub fn mldsa_message(
    cosigner: &KeyName,
    time_s: u64,
    origin: &Origin,
    start: LogSize,
    end: LogSize,
    root: &Hash,
) -> Vec<u8> {
    let (cosigner, origin) = (cosigner.as_str().as_bytes(), origin.as_str().as_bytes());
    let mut message = Vec::with_capacity(12 + 1 + cosigner.len() + 8 + 1 + origin.len() + 16 + 32);
    message.extend_from_slice(b"subtree/v1\n\0");
    // Both are key names, so at most 255 bytes long.
    message.push(cosigner.len() as u8);
    message.extend_from_slice(cosigner);
    message.extend_from_slice(&time_s.to_be_bytes());
    message.push(origin.len() as u8);
    message.extend_from_slice(origin);
    message.extend_from_slice(&start.get().to_be_bytes());
    message.extend_from_slice(&end.get().to_be_bytes());
    message.extend_from_slice(root.as_bytes());
    message
}

/// Whether a cosignature may state this time: 0 says nothing, and above 2^63 - 1 not every reader
/// holds it.
pub(super) fn is_time(time_s: u64) -> bool {
    (1..=COSIGNATURE_TIME_MAX).contains(&time_s)
}
