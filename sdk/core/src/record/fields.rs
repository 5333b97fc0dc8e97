//! Reading the fields of a JSON object, and naming each that is wrong.

use std::fmt;

use crate::hash::RecordId;
use crate::index::LogIndex;
use crate::json::{Object, Value};

use super::FieldViolation;

/// How the problem of a key begins that nobody knows.
const UNKNOWN_KEY: &str = "is not a known key; known are: ";

/// Whether all that is wrong is that a key is not known.
pub(super) fn is_unknown_key(violation: &FieldViolation) -> bool {
    violation.problem.starts_with(UNKNOWN_KEY)
}

/// Where a value stands. Written out only when something is wrong there.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Root(&'static str),
    Key(&'a Place<'a>, &'a str),
    Element(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => formatter.write_str(name),
            Self::Key(parent, key) => write!(formatter, "{parent}.{key}"),
            Self::Element(parent, index) => write!(formatter, "{parent}[{index}]"),
        }
    }
}

/// The fields of one object.
pub(super) struct Fields<'a> {
    object: &'a Object,
    place: Place<'a>,
    violations: &'a mut Vec<FieldViolation>,
}

impl<'a> Fields<'a> {
    /// Starts reading; keys that are neither known nor `x-...` are violations.
    pub(super) fn new(
        object: &'a Object,
        place: Place<'a>,
        known: &[&str],
        violations: &'a mut Vec<FieldViolation>,
    ) -> Self {
        for (key, _) in object.iter() {
            if !known.contains(&key) && !key.starts_with("x-") {
                let key: String = key.chars().take(64).collect();
                let problem = format!("{UNKNOWN_KEY}{}", known.join(" "));
                violations.push(FieldViolation::new(format!("{place}.{key}"), problem));
            }
        }
        Self {
            object,
            place,
            violations,
        }
    }

    /// Reads a value that may be absent. `read` returns what is wrong.
    pub(super) fn optional<T, E: fmt::Display>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value) -> Result<T, E>,
    ) -> Option<T> {
        match read(self.object.get(key)?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(key, error.to_string());
                None
            }
        }
    }

    /// Reads a value that has to be there.
    pub(super) fn required<T, E: fmt::Display>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value) -> Result<T, E>,
    ) -> Option<T> {
        if self.object.get(key).is_none() {
            self.refuse(key, "is missing".to_owned());
        }
        self.optional(key, read)
    }

    /// Reads an object below this one.
    pub(super) fn object<T>(
        &mut self,
        key: &'static str,
        known: &[&str],
        read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        match self.object.get(key)? {
            Value::Object(object) => {
                let place = Place::Key(&self.place, key);
                read(&mut Fields::new(object, place, known, self.violations))
            }
            _ => {
                self.refuse(key, "is not an object".to_owned());
                None
            }
        }
    }

    /// Reads a list of objects below this one.
    pub(super) fn objects<T>(
        &mut self,
        key: &'static str,
        most: usize,
        known: &[&str],
        mut read: impl FnMut(&mut Fields<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(values) = self.values(key, most) else {
            return Vec::new();
        };
        let list = Place::Key(&self.place, key);
        let mut found = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let place = Place::Element(&list, index);
            match value {
                Value::Object(object) => {
                    found.extend(read(&mut Fields::new(object, place, known, self.violations)));
                }
                _ => self
                    .violations
                    .push(FieldViolation::new(place.to_string(), "is not an object")),
            }
        }
        found
    }

    /// Reads a list of strings below this one.
    pub(super) fn strings<T, E: fmt::Display>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&str) -> Result<T, E>,
    ) -> Vec<T> {
        // A list is bounded by the text that holds it.
        let Some(values) = self.values(key, usize::MAX) else {
            return Vec::new();
        };
        let list = Place::Key(&self.place, key);
        let mut found = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            match string(value)
                .map_err(str::to_owned)
                .and_then(|text| read(text).map_err(|e| e.to_string()))
            {
                Ok(value) => found.push(value),
                Err(problem) => {
                    let place = Place::Element(&list, index).to_string();
                    self.violations.push(FieldViolation::new(place, problem));
                }
            }
        }
        found
    }

    fn values(&mut self, key: &'static str, most: usize) -> Option<&'a [Value]> {
        match self.object.get(key)? {
            Value::Array(values) if values.len() <= most => Some(values),
            Value::Array(values) => {
                self.refuse(
                    key,
                    format!("has {} elements; at most {most} are allowed", values.len()),
                );
                None
            }
            _ => {
                self.refuse(key, "is not a list".to_owned());
                None
            }
        }
    }

    /// Notes that a field is wrong.
    pub(super) fn refuse(&mut self, key: &str, problem: String) {
        self.violations.push(FieldViolation::new(
            Place::Key(&self.place, key).to_string(),
            problem,
        ));
    }

    /// Refuses a key that does not belong here.
    pub(super) fn absent<T>(&mut self, key: &'static str, problem: &str) -> Option<T> {
        if self.has(key) {
            self.refuse(key, problem.to_owned());
        }
        None
    }

    /// Whether the key is there with a value of which this holds.
    pub(super) fn is(&self, key: &str, test: impl FnOnce(&Value) -> bool) -> bool {
        self.object.get(key).is_some_and(test)
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.object.get(key).is_some()
    }
}

/// The string that a value is.
pub(super) fn string(value: &Value) -> Result<&str, &'static str> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err("is not a string"),
    }
}

/// A value read from a string.
pub(super) fn text<T, E: fmt::Display>(
    read: impl FnOnce(&str) -> Result<T, E>,
) -> impl FnOnce(&Value) -> Result<T, String> {
    move |value| read(string(value)?).map_err(|error| error.to_string())
}

/// A value read with its `FromStr`.
pub(super) fn parsed<T>(value: &Value) -> Result<T, String>
where
    T: std::str::FromStr,
    T::Err: fmt::Display,
{
    string(value)?.parse().map_err(|error: T::Err| error.to_string())
}

/// True or false.
pub(super) fn boolean(value: &Value) -> Result<bool, &'static str> {
    match value {
        Value::Bool(value) => Ok(*value),
        _ => Err("is neither true nor false"),
    }
}

/// An integer of at least zero.
pub(super) fn count(value: &Value) -> Result<u64, &'static str> {
    match value {
        Value::Integer(value) => u64::try_from(*value).map_err(|_| "is negative"),
        _ => Err("is not an integer"),
    }
}

/// A log index.
pub(super) fn log_index(value: &Value) -> Result<LogIndex, String> {
    LogIndex::new(count(value)?).map_err(|error| error.to_string())
}

/// A record's id in hex.
pub(super) fn record_id(value: &Value) -> Result<RecordId, String> {
    RecordId::from_hex(string(value)?).map_err(|error| error.to_string())
}
