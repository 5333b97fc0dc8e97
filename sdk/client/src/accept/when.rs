//! The part `when` of an answer, read as a verifier reads it: unknown keys are ignored.

use trialseal_core::checkpoint::Origin;
use trialseal_core::hash::Hash;
use trialseal_core::index::{LogIndex, Sequence};
use trialseal_core::json::{self, Object, Value};
use trialseal_core::receipt::ShownPart;
use trialseal_core::time::Instant;

use super::Subject;

/// What an answer is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WhenFacts {
    pub(super) index: LogIndex,
    pub(super) sequence: Sequence,
    pub(super) received_at: Instant,
    pub(super) submission: Option<Hash>,
}

/// Reads `when`; it must belong to this log and agree with the `what` that was sent.
pub(super) fn read(when: &ShownPart, subject: &Subject, log: &Origin) -> Result<WhenFacts, String> {
    let object = json::parse(when.text.as_bytes()).map_err(|error| format!("parse: when: {error}"))?;
    for (key, expected) in [
        ("log", log.as_str()),
        ("register", subject.register.as_str()),
        ("class", subject.class.as_str()),
        ("event", subject.event.as_str()),
    ] {
        if object.get(key).and_then(Value::as_str) != Some(expected) {
            return Err(format!("record: when.{key} is not {expected}"));
        }
    }
    let wrong = |key: &str| format!("record: when.{key} is malformed");
    let number = |key: &str| {
        object
            .get(key)
            .and_then(Value::as_unsigned)
            .ok_or_else(|| wrong(key))
    };
    let index = LogIndex::new(number("index")?).map_err(|_| wrong("index"))?;
    let sequence = Sequence::new(number("sequence")?).map_err(|_| wrong("sequence"))?;
    let received_at = text(&object, "received_at").and_then(|text| Instant::parse(text).ok());
    let received_at = received_at.ok_or_else(|| wrong("received_at"))?;
    let submission = match object.get("submission") {
        None => None,
        Some(value) => {
            let hash = value.as_str().and_then(|text| Hash::from_hex(text).ok());
            Some(hash.ok_or_else(|| wrong("submission"))?)
        }
    };
    Ok(WhenFacts {
        index,
        sequence,
        received_at,
        submission,
    })
}

fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}
