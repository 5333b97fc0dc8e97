//! The part `why`: a reason and a remark, free text.

use crate::json::{self, Object, Value};

use super::fields::{Fields, Place, string};
use super::{FieldViolation, MAX_STRING_BYTES, Part, Reader};

const KEYS: &[&str] = &["reason", "remark"];

/// Why something was put on record. Both absent: the part's text is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Why {
    /// Why; some events and relations require it.
    pub reason: Option<String>,
    /// Anything else.
    pub remark: Option<String>,
}

impl Why {
    /// Reads the part as admission does. The empty text is a part without reason.
    ///
    /// # Errors
    ///
    /// Each field that is wrong.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<FieldViolation>> {
        Self::read_for(Reader::Admission, text)
    }

    /// Reads the part as a verifier does: any strict JSON, and keys that are not known are passed over.
    ///
    /// # Errors
    ///
    /// Each field that is wrong.
    pub fn read(text: &[u8]) -> Result<Self, Vec<FieldViolation>> {
        Self::read_for(Reader::Verifier, text)
    }

    fn read_for(reader: Reader, text: &[u8]) -> Result<Self, Vec<FieldViolation>> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let object = reader.parse(Part::Why, text)?;
        let mut violations = Vec::new();
        let mut fields = Fields::new(&object, Place::Root("why"), KEYS, &mut violations);
        let reason = fields.optional("reason", words);
        let remark = fields.optional("remark", words);
        let violations = reader.settle(violations);
        if violations.is_empty() {
            Ok(Self { reason, remark })
        } else {
            Err(violations)
        }
    }

    /// The part's text: RFC 8785, or empty where there is neither reason nor remark.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut object = Object::new();
        if let Some(reason) = &self.reason {
            object.insert("reason", Value::String(reason.clone()));
        }
        if let Some(remark) = &self.remark {
            object.insert("remark", Value::String(remark.clone()));
        }
        if object.is_empty() {
            String::new()
        } else {
            json::write(&object)
        }
    }
}

/// Free text that says something.
pub(super) fn words(value: &Value) -> Result<String, String> {
    let text = string(value)?;
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    if text.len() > MAX_STRING_BYTES {
        return Err(format!(
            "has {} bytes; at most {MAX_STRING_BYTES} are allowed",
            text.len()
        ));
    }
    Ok(text.to_owned())
}
