//! Checkpoints of a log over the years, each proven to be a beginning of the last: `trialseal-checkpoints/v1`.
//!
//! ```json
//! {"format": "trialseal-checkpoints/v1",
//!  "checkpoints": [{"note": "<checkpoint note>", "timestamps": [{"token": "..", "type": "rfc3161"}],
//!                   "consistency": ["<base64>"]}]}
//! ```
//!
//! A checkpoint that does not hold a record yet, with a time that witnesses or authorities state, shows that the
//! record came later; consistency shows that both speak of one log. The file may hold several logs: the proof of
//! each checkpoint leads to the last one of its own origin. The last has an empty proof.

use crate::hash::Hash;
use crate::json::{self, JsonError, Object, Value};
use crate::merkle::PROOF_HASHES_MAX;
use crate::receipt::{MAX_TIMESTAMPS, Timestamp};

/// The `format` of every such file.
pub const FORMAT: &str = "trialseal-checkpoints/v1";
/// Most bytes in such a file.
pub const MAX_BYTES: usize = 64 << 20;
/// Most checkpoints in such a file.
pub const MAX_CHECKPOINTS: usize = 10_000;

/// Why a file is no chain of checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Too many bytes or checkpoints.
    #[error("a chain has 1 to 10000 checkpoints and at most 64 MiB")]
    Size,
    /// Not strict JSON.
    #[error("the chain is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// Another format.
    #[error("the format is not {FORMAT}")]
    Format,
    /// A key is missing or of another type.
    #[error("checkpoints[{place}].{key} is missing or malformed")]
    Key {
        /// The checkpoint, from 0.
        place: usize,
        /// The key.
        key: &'static str,
    },
}

/// Checkpoints as they stand in the file. Nothing is verified yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointChain {
    /// The checkpoints; of one origin in the order of their sizes.
    pub checkpoints: Vec<ChainedCheckpoint>,
}

/// A checkpoint, and the proof that it is a beginning of the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedCheckpoint {
    /// The note with all its lines.
    pub note: String,
    /// Tokens over it.
    pub timestamps: Vec<Timestamp>,
    /// The consistency proof to the last checkpoint of its origin.
    pub consistency: Vec<Hash>,
}

impl CheckpointChain {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, ChainError> {
        if bytes.len() > MAX_BYTES {
            return Err(ChainError::Size);
        }
        let top = json::parse(bytes)?;
        if top.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(ChainError::Format);
        }
        let elements = top
            .get("checkpoints")
            .and_then(Value::as_array)
            .unwrap_or_default();
        if elements.is_empty() || elements.len() > MAX_CHECKPOINTS {
            return Err(ChainError::Size);
        }
        let checkpoints = elements
            .iter()
            .enumerate()
            .map(|(place, element)| read(element).map_err(|key| ChainError::Key { place, key }));
        Ok(Self {
            checkpoints: checkpoints.collect::<Result<_, _>>()?,
        })
    }

    /// The file's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let checkpoints = self.checkpoints.iter().map(|one| {
            let mut object = Object::new();
            object.insert("note", one.note.as_str());
            let stamps = one.timestamps.iter().map(|stamp| Value::Object(stamp.0.clone()));
            object.insert("timestamps", Value::Array(stamps.collect()));
            let proof = one.consistency.iter().map(|hash| Value::String(hash.to_base64()));
            object.insert("consistency", Value::Array(proof.collect()));
            Value::Object(object)
        });
        let mut top = Object::new();
        top.insert("format", FORMAT);
        top.insert("checkpoints", Value::Array(checkpoints.collect()));
        json::write(&top)
    }
}

/// An error is the key that is wrong.
fn read(element: &Value) -> Result<ChainedCheckpoint, &'static str> {
    let object = element.as_object().ok_or("note")?;
    let note = object.get("note").and_then(Value::as_str).ok_or("note")?;
    let timestamps = match object.get("timestamps") {
        None => Vec::new(),
        Some(value) => {
            let stamps = value.as_array().filter(|stamps| stamps.len() <= MAX_TIMESTAMPS);
            let stamps = stamps.ok_or("timestamps")?.iter();
            let stamps: Option<Vec<Timestamp>> = stamps
                .map(|stamp| stamp.as_object().cloned().map(Timestamp))
                .collect();
            stamps.ok_or("timestamps")?
        }
    };
    let proof = object.get("consistency").and_then(Value::as_array);
    let proof = proof
        .filter(|proof| proof.len() <= PROOF_HASHES_MAX + 1)
        .ok_or("consistency")?;
    let proof: Option<Vec<Hash>> = proof
        .iter()
        .map(|hash| Hash::from_base64(hash.as_str()?).ok())
        .collect();
    Ok(ChainedCheckpoint {
        note: note.to_owned(),
        timestamps,
        consistency: proof.ok_or("consistency")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;

    fn chain() -> CheckpointChain {
        let one = |note: &str, proof: &[&[u8]]| ChainedCheckpoint {
            note: note.to_owned(),
            timestamps: vec![Timestamp::rfc3161(b"token")],
            consistency: proof.iter().map(|text| sha256(text)).collect(),
        };
        CheckpointChain {
            checkpoints: vec![one("a\n1\n", &[b"x", b"y"]), one("a\n2\n", &[])],
        }
    }

    #[test]
    fn goes_round() {
        assert_eq!(CheckpointChain::parse(chain().to_json().as_bytes()), Ok(chain()));
    }

    #[test]
    fn what_is_none_is_refused() {
        let text = chain().to_json();
        let changed = |from: &str, to: &str| CheckpointChain::parse(text.replacen(from, to, 1).as_bytes());
        assert_eq!(changed("/v1", "/v2"), Err(ChainError::Format));
        assert!(matches!(changed("{", "["), Err(ChainError::Json(_))));
        assert_eq!(
            changed("\"note\"", "\"nota\""),
            Err(ChainError::Key {
                place: 0,
                key: "note"
            })
        );
        assert_eq!(
            changed("consistency\":[\"", "consistency\":[\"A"),
            Err(ChainError::Key {
                place: 0,
                key: "consistency"
            })
        );
        assert_eq!(
            CheckpointChain::parse(br#"{"checkpoints":[],"format":"trialseal-checkpoints/v1"}"#),
            Err(ChainError::Size)
        );
    }
}
