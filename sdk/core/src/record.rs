//! A record: what, who, why and when.
//!
//! Each part is a JSON text, salted on its own, so that each can be shown, withheld or erased
//! while the proof of the rest holds. The types here are for those who compose parts and for
//! admission, which is strict: canonical JSON, known keys, known codes. A verifier reads parts
//! loosely instead (see [`crate::verify`]), over the exact bytes it was given.

mod fields;
pub mod form;
mod what;
mod when;
mod who;
mod why;

use std::fmt;

use crate::hash::{Hash, RecordId, Salt};
use crate::json::{self, Object, Value};
use crate::merkle::node_hash;
use crate::salted::{Tag, salted_leaf};

pub(crate) use what::integer;
pub use what::{
    Account, Consent, CountrySettings, Declared, Erased, Grant, IdentityGrade, Link, ManifestCommitment,
    Scope, Scopes, Seen, SiteSettings, Source, Transfer, Trial, TrialSettings, What,
};
pub use when::When;
pub use who::{Enrolment, Signer, Who};
pub use why::Why;

/// Most bytes in the text of a part or an item.
pub const MAX_TEXT_BYTES: usize = 4_000;
/// Most bytes in one string inside such a text.
pub const MAX_STRING_BYTES: usize = 1_024;
/// Most links in a record.
pub const MAX_LINKS: usize = 64;

/// What is wrong with one field of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// The field, e.g. `what.links[3].record`.
    pub field: String,
    /// What is wrong and what is expected.
    pub problem: String,
}

impl FieldViolation {
    /// Names a field and its problem.
    #[must_use]
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for FieldViolation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.problem)
    }
}

/// One of the four parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What was notarized.
    What,
    /// Who vouches.
    Who,
    /// Why.
    Why,
    /// When, by the notary.
    When,
}

impl Part {
    /// The parts in the order of the record tree.
    pub const ALL: [Self; 4] = [Self::What, Self::Who, Self::Why, Self::When];

    /// The part's key in a receipt.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::What => "what",
            Self::Who => "who",
            Self::Why => "why",
            Self::When => "when",
        }
    }

    /// The tag of the part's salted leaf.
    #[must_use]
    pub const fn tag(self) -> Tag {
        match self {
            Self::What => Tag::What,
            Self::Who => Tag::Who,
            Self::Why => Tag::Why,
            Self::When => Tag::When,
        }
    }

    /// The salted leaf of this part's exact bytes.
    #[must_use]
    pub fn leaf(self, salt: &Salt, text: &[u8]) -> Hash {
        salted_leaf(self.tag(), salt, text)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The salted leaves of the four parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordLeaves {
    /// Leaf of `what`.
    pub what: Hash,
    /// Leaf of `who`.
    pub who: Hash,
    /// Leaf of `why`.
    pub why: Hash,
    /// Leaf of `when`.
    pub when: Hash,
}

impl RecordLeaves {
    /// The record root, whose hex is the record's id.
    #[must_use]
    pub fn root(&self) -> RecordId {
        let upper = node_hash(&self.what, &self.who);
        let lower = node_hash(&self.why, &self.when);
        RecordId::from_hash(node_hash(&upper, &lower))
    }
}

/// Parses the text of a part as admission does: within the limits and canonical.
fn parse_part(part: Part, text: &[u8]) -> Result<Object, Vec<FieldViolation>> {
    let refuse = |problem: String| vec![FieldViolation::new(part.as_str(), problem)];
    if text.len() > MAX_TEXT_BYTES {
        return Err(refuse(format!(
            "has {} bytes; at most {MAX_TEXT_BYTES} are allowed",
            text.len()
        )));
    }
    let object = json::parse_canonical(text).map_err(|error| refuse(error.to_string()))?;
    match long_string(&object) {
        Some(length) => Err(refuse(format!(
            "holds a string of {length} bytes; at most {MAX_STRING_BYTES} are allowed"
        ))),
        None => Ok(object),
    }
}

/// For whom a part is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// Admission, which takes canonical JSON and known keys only.
    Admission,
    /// A verifier, which takes what a later version may write: keys that are not known are passed over.
    Verifier,
}

impl Reader {
    fn parse(self, part: Part, text: &[u8]) -> Result<Object, Vec<FieldViolation>> {
        match self {
            Self::Admission => parse_part(part, text),
            Self::Verifier => {
                json::parse(text).map_err(|error| vec![FieldViolation::new(part.as_str(), error.to_string())])
            }
        }
    }

    /// What is left to refuse.
    fn settle(self, mut violations: Vec<FieldViolation>) -> Vec<FieldViolation> {
        if self == Self::Verifier {
            violations.retain(|violation| !fields::is_unknown_key(violation));
        }
        violations
    }
}

/// The length of the first string or key that is longer than a string may be.
pub(crate) fn long_string(object: &Object) -> Option<usize> {
    fn in_value(value: &Value) -> Option<usize> {
        match value {
            Value::String(text) => (text.len() > MAX_STRING_BYTES).then_some(text.len()),
            Value::Array(values) => values.iter().find_map(in_value),
            Value::Object(object) => long_string(object),
            Value::Null | Value::Bool(_) | Value::Integer(_) => None,
        }
    }
    object.iter().find_map(|(key, value)| {
        if key.len() > MAX_STRING_BYTES {
            Some(key.len())
        } else {
            in_value(value)
        }
    })
}

#[cfg(test)]
mod tests;
