//! The part `when`: what the notary adds. It is never withheld and never erased.

use crate::checkpoint::Origin;
use crate::hash::{Hash, RecordId};
use crate::identifiers::RegisterName;
use crate::index::{LogIndex, Sequence};
use crate::json;
use crate::time::Instant;
use crate::vocabulary::{Class, Event};

use super::fields::{Fields, Place, boolean, count, log_index, parsed, record_id, text};
use super::{FieldViolation, Part, Reader};

const KEYS: &[&str] = &[
    "class",
    "event",
    "index",
    "log",
    "previous",
    "received_at",
    "register",
    "sealed",
    "sequence",
    "submission",
];

/// Where and when the notary put a record in its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// The log's origin.
    pub log: Origin,
    /// Index in the log.
    pub index: LogIndex,
    /// The notary's own clock: a claim, not evidence.
    pub received_at: Instant,
    /// Copied from `what`.
    pub register: RegisterName,
    /// Counts the register's records from 1.
    pub sequence: Sequence,
    /// Id of the register's record before; absent in the first.
    pub previous: Option<RecordId>,
    /// Copied from `what`.
    pub class: Class,
    /// Copied from `what`.
    pub event: Event,
    /// True where blinded eyes may know only that the record exists.
    pub sealed: bool,
    /// SHA-256 of the submission note; absent exactly in a draft.
    pub submission: Option<Hash>,
}

impl When {
    /// The part's text, RFC 8785. Written by hand in the order of the keys, since the notary makes
    /// one for every record.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = String::with_capacity(512);
        text.push_str("{\"class\":\"");
        text.push_str(self.class.as_str());
        text.push_str("\",\"event\":\"");
        text.push_str(self.event.as_str());
        text.push_str("\",\"index\":");
        text.push_str(&self.index.get().to_string());
        text.push_str(",\"log\":");
        json::write_string(&mut text, self.log.as_str());
        if let Some(previous) = &self.previous {
            text.push_str(",\"previous\":\"");
            text.push_str(&previous.to_hex());
            text.push('"');
        }
        text.push_str(",\"received_at\":\"");
        text.push_str(&self.received_at.to_millis_string());
        text.push_str("\",\"register\":");
        json::write_string(&mut text, self.register.as_str());
        text.push_str(if self.sealed {
            ",\"sealed\":true"
        } else {
            ",\"sealed\":false"
        });
        text.push_str(",\"sequence\":");
        text.push_str(&self.sequence.get().to_string());
        if let Some(submission) = &self.submission {
            text.push_str(",\"submission\":\"");
            text.push_str(&submission.to_hex());
            text.push('"');
        }
        text.push('}');
        text
    }

    /// Reads the part strictly, as one that the notary wrote.
    ///
    /// # Errors
    ///
    /// Each field that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<FieldViolation>> {
        Self::read_for(Reader::Admission, bytes)
    }

    /// Reads the part as a verifier does: any strict JSON, and keys that are not known are passed over.
    ///
    /// # Errors
    ///
    /// Each field that is wrong; codes of a later version are.
    pub fn read(bytes: &[u8]) -> Result<Self, Vec<FieldViolation>> {
        Self::read_for(Reader::Verifier, bytes)
    }

    fn read_for(reader: Reader, bytes: &[u8]) -> Result<Self, Vec<FieldViolation>> {
        let object = reader.parse(Part::When, bytes)?;
        let mut violations = Vec::new();
        let mut fields = Fields::new(&object, Place::Root("when"), KEYS, &mut violations);
        let found = read(&mut fields);
        let violations = reader.settle(violations);
        match found {
            Some(when) if violations.is_empty() => Ok(when),
            _ => Err(violations),
        }
    }
}

fn read(fields: &mut Fields<'_>) -> Option<When> {
    let log = fields.required("log", parsed::<Origin>);
    let index = fields.required("index", log_index);
    let received_at = fields.required("received_at", text(Instant::parse));
    let register = fields.required("register", parsed::<RegisterName>);
    let sequence = fields.required("sequence", |value| {
        count(value)
            .map_err(str::to_owned)
            .and_then(|number| Sequence::new(number).map_err(|error| error.to_string()))
    });
    let previous = fields.optional("previous", record_id);
    let class = fields.required("class", parsed::<Class>);
    let event = fields.required("event", parsed::<Event>);
    let sealed = fields.required("sealed", boolean);
    let submission = fields.optional("submission", text(Hash::from_hex));
    Some(When {
        log: log?,
        index: index?,
        received_at: received_at?,
        register: register?,
        sequence: sequence?,
        previous,
        class: class?,
        event: event?,
        sealed: sealed?,
        submission,
    })
}
