//! The strict JSON of records, statements and receipts.
//!
//! An object at the top; UTF-8 without byte-order mark; no duplicate keys, compared after unescaping;
//! no U+0000 and no lone surrogate; integers `0|-?[1-9][0-9]*` of at most 2^53 - 1 in size and no
//! other numbers; depth at most 8, where the top object is 1 and every value, scalars too, is one
//! deeper than its container. It is written by RFC 8785 (JCS) and hashed over its exact bytes.

mod parse;
#[cfg(test)]
mod tests;
mod write;

pub use parse::{parse, parse_canonical};
pub use write::{write, write_string};

/// How deep values may nest: the top object is 1, a scalar in it 2.
pub const DEPTH_MAX: usize = 8;

/// Any JSON value of the subset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer of at most 2^53 - 1 in size.
    Integer(i64),
    /// A string without U+0000.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object.
    Object(Object),
}

/// A JSON object: pairs in the order in which they were read or inserted, each key once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object(Vec<(String, Value)>);

/// What is wrong with a JSON text, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {problem}")]
pub struct JsonError {
    /// Offset of the offending byte in the text.
    pub at: usize,
    /// What is wrong there.
    pub problem: JsonProblem,
}

/// What is wrong with a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonProblem {
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// A byte-order mark.
    #[error("a byte-order mark is not allowed")]
    ByteOrderMark,
    /// The top value is not an object.
    #[error("the top value must be an object")]
    TopNotObject,
    /// The text ends inside a value.
    #[error("the text ends inside a value")]
    Truncated,
    /// A byte that no rule of JSON allows here.
    #[error("unexpected byte")]
    Unexpected,
    /// Something follows the top object.
    #[error("something follows the top object")]
    Trailing,
    /// A value nested deeper than 8.
    #[error("nested deeper than 8")]
    TooDeep,
    /// A number that is not an integer in its only spelling.
    #[error("not an integer in its only spelling (no fraction, exponent, leading zero or -0)")]
    NotInteger,
    /// An integer of more than 2^53 - 1 in size.
    #[error("integer above 2^53 - 1 in size")]
    IntegerTooLarge,
    /// A control character below U+0020 in a string, not escaped.
    #[error("control character in a string, not escaped")]
    ControlCharacter,
    /// An escape that JSON does not know.
    #[error("unknown escape")]
    Escape,
    /// U+0000, escaped.
    #[error("U+0000 is not allowed")]
    Nul,
    /// A surrogate without its partner.
    #[error("a surrogate without its partner")]
    LoneSurrogate,
    /// A key that the object has already, after unescaping.
    #[error("a key stands twice in this object")]
    DuplicateKey,
    /// Not byte for byte what RFC 8785 (JCS) writes.
    #[error("not canonical: write it as RFC 8785 (JCS) does")]
    NotCanonical,
}

impl Value {
    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// The integer as an unsigned number, if it is one and not negative.
    pub fn as_unsigned(&self) -> Option<u64> {
        self.as_integer().and_then(|integer| integer.try_into().ok())
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The object, if it is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Value {
    /// The caller keeps it within 2^53 - 1.
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<Vec<Value>> for Value {
    fn from(elements: Vec<Value>) -> Self {
        Self::Array(elements)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl Object {
    /// An object without keys.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(own, _)| own == key).map(|(_, value)| value)
    }

    /// Whether the object has `key`.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets `key`, in its old place if the object has it, and returns the value it had.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(own, _)| *own == key) {
            Some((_, old)) => Some(core::mem::replace(old, value)),
            None => {
                self.0.push((key, value));
                None
            }
        }
    }

    /// Appends the keys of `other`, which this object is known not to have: looking for each would take
    /// quadratic time in a hostile object.
    pub(crate) fn append_new(&mut self, other: &Object) {
        self.0.extend_from_slice(&other.0);
    }

    /// Removes `key` and returns the value it had; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let place = self.0.iter().position(|(own, _)| own == key)?;
        Some(self.0.remove(place).1)
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Object {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
