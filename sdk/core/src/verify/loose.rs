//! Reading single keys of a part, each by the step that needs it.

use crate::hash::Hash;
use crate::index::LogIndex;
use crate::json::{Object, Value};
use crate::time::Instant;

/// A string.
pub(super) fn text<'a>(part: &'static str, object: &'a Object, key: &str) -> Result<&'a str, String> {
    match object.get(key) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("{part}.{key} is not a string.")),
        None => Err(format!("{part}.{key} is missing.")),
    }
}

/// 32 bytes in hex, where the key is there.
pub(super) fn maybe_hash(part: &'static str, object: &Object, key: &str) -> Result<Option<Hash>, String> {
    if !object.contains_key(key) {
        return Ok(None);
    }
    Hash::from_hex(text(part, object, key)?)
        .map(Some)
        .map_err(|_| format!("{part}.{key} is not 32 bytes in lower-case hex."))
}

/// An instant.
pub(super) fn instant(part: &'static str, object: &Object, key: &str) -> Result<Instant, String> {
    Instant::parse(text(part, object, key)?).map_err(|error| format!("{part}.{key} is no instant: {error}."))
}

/// A log index.
pub(super) fn log_index(part: &'static str, object: &Object, key: &str) -> Result<LogIndex, String> {
    object
        .get(key)
        .and_then(Value::as_unsigned)
        .and_then(|index| LogIndex::new(index).ok())
        .ok_or_else(|| format!("{part}.{key} is not a log index."))
}
