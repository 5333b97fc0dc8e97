//! The receipt: what a notary hands back, and what anyone can check offline.
//!
//! [`Receipt::parse`] is the step `parse` of the verification: size, strict JSON, the exact key
//! sets. What the parts and the proofs say is judged by the later steps, so a receipt that parses
//! may still be worth nothing. Keys that are not known here are kept, and never shown as evidence.

mod change;
mod manifest;
mod read;
mod write;

use crate::hash::{Hash, Salt};
use crate::json::{JsonError, Object, Value};
use crate::record::{Part, RecordLeaves};

pub use change::ChangeError;
pub use manifest::{ReceiptManifest, ShapeError};
pub(crate) use read::{PartObjects, evidence_list};
pub(crate) use write::{evidence as write_evidence, write_object};

/// The `format` of every receipt.
pub const FORMAT: &str = "trialseal-receipt/v1";
/// The media type of a receipt.
pub const MEDIA_TYPE: &str = "application/vnd.trialseal.receipt+json";
/// Most bytes in a receipt without manifest.
pub const MAX_BYTES: usize = 1 << 20;
/// Most bytes in a receipt with manifest.
pub const MAX_BYTES_WITH_MANIFEST: usize = 64 << 20;
/// Most evidence elements.
pub const MAX_EVIDENCE: usize = 16;
/// Most timestamps in an evidence element.
pub const MAX_TIMESTAMPS: usize = 16;
/// Most bytes in a timestamp's token.
pub const MAX_TOKEN_BYTES: usize = 64 << 10;

/// Why a file is not a receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Too many bytes.
    #[error("the receipt has {0} bytes; at most 1 MiB are allowed, 64 MiB with a manifest")]
    TooLarge(usize),
    /// Not strict JSON.
    #[error("the receipt is not strict JSON: {0}")]
    Json(JsonError),
    /// Another format.
    #[error("the format is not {FORMAT}")]
    Format,
    /// A key is missing, left over or of another type.
    #[error("{place} {problem}")]
    Shape {
        /// Where, e.g. `record.what.salt`.
        place: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The text of a shown part is not strict JSON.
    #[error("the text of {part} is not strict JSON: {error}")]
    PartJson {
        /// The part.
        part: Part,
        /// What is wrong.
        error: JsonError,
    },
    /// The text of a shown part, or a string in it, is too long.
    #[error("the text of {0} has more than 4000 bytes, or a string of more than 1024")]
    PartTooLong(Part),
    /// None, or too many.
    #[error("the receipt has {0} evidence elements; 1 to 16 are allowed")]
    EvidenceCount(usize),
    /// The note would show who signed.
    #[error("the submission note is shown although who is withheld")]
    NoteBesideWithheldWho,
}

/// A part, shown or withheld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptPart {
    /// Salt and exact bytes.
    Shown(ShownPart),
    /// The salted leaf alone.
    Withheld(Hash),
}

/// A part's salt and exact bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownPart {
    /// 32 bytes that hide the text.
    pub salt: Salt,
    /// The bytes that are hashed: strict JSON, or empty in `why`.
    pub text: String,
}

impl ReceiptPart {
    /// The part, if it is shown.
    #[must_use]
    pub const fn shown(&self) -> Option<&ShownPart> {
        match self {
            Self::Shown(shown) => Some(shown),
            Self::Withheld(_) => None,
        }
    }

    /// The salted leaf, as this part.
    #[must_use]
    pub fn leaf(&self, part: Part) -> Hash {
        match self {
            Self::Shown(shown) => shown.leaf(part),
            Self::Withheld(leaf) => *leaf,
        }
    }
}

impl ShownPart {
    /// The salted leaf, as this part.
    #[must_use]
    pub fn leaf(&self, part: Part) -> Hash {
        part.leaf(&self.salt, self.text.as_bytes())
    }
}

/// The four parts of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRecord {
    /// What was notarized.
    pub what: ReceiptPart,
    /// Who vouches.
    pub who: ReceiptPart,
    /// Why.
    pub why: ReceiptPart,
    /// When, by the notary; always shown.
    pub when: ShownPart,
    /// Keys that are not known.
    pub(crate) unknown: Object,
}

impl ReceiptRecord {
    /// Puts the four parts together.
    #[must_use]
    pub const fn new(what: ReceiptPart, who: ReceiptPart, why: ReceiptPart, when: ShownPart) -> Self {
        Self {
            what,
            who,
            why,
            when,
            unknown: Object::new(),
        }
    }

    /// The salted leaves.
    #[must_use]
    pub fn leaves(&self) -> RecordLeaves {
        RecordLeaves {
            what: self.what.leaf(Part::What),
            who: self.who.leaf(Part::Who),
            why: self.why.leaf(Part::Why),
            when: self.when.leaf(Part::When),
        }
    }
}

/// The submitter's signed note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptSubmission {
    /// Its exact bytes.
    Note(String),
    /// Its SHA-256.
    Withheld(Hash),
}

/// One proof that the record is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// A C2SP tlog-proof, with the checkpoint and all its signature lines.
    pub proof: String,
    /// Tokens over the checkpoint.
    pub timestamps: Vec<Timestamp>,
    /// `cose` and keys that are not known.
    pub(crate) unknown: Object,
}

impl Evidence {
    /// A proof without timestamps.
    #[must_use]
    pub const fn new(proof: String) -> Self {
        Self {
            proof,
            timestamps: Vec::new(),
            unknown: Object::new(),
        }
    }

    /// A proof with the tokens of RFC 3161 authorities, in DER.
    #[must_use]
    pub fn with_tokens<'a>(proof: String, tokens: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let timestamps = tokens.into_iter().map(Timestamp::rfc3161).collect();
        Self {
            proof,
            timestamps,
            unknown: Object::new(),
        }
    }

    /// The element with a COSE receipt ([`crate::cose`]) of the same entry and checkpoint.
    #[must_use]
    pub fn with_cose(mut self, receipt: &[u8]) -> Self {
        self.unknown
            .insert("cose", crate::encoding::base64_encode(receipt));
        self
    }

    /// The COSE receipt's bytes, if the element carries one in well-formed base64.
    #[must_use]
    pub fn cose_bytes(&self) -> Option<Vec<u8>> {
        crate::encoding::base64_decode(self.cose()?).ok()
    }

    /// The COSE receipt (base64) that the element carries, if any.
    #[must_use]
    pub fn cose(&self) -> Option<&str> {
        self.unknown.get("cose").and_then(Value::as_str)
    }
}

/// A timestamp of any type, kept as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp(pub(crate) Object);

impl Timestamp {
    /// A token of an RFC 3161 authority, in DER.
    #[must_use]
    pub fn rfc3161(token: &[u8]) -> Self {
        let mut object = Object::new();
        object.insert("token", crate::encoding::base64_encode(token));
        object.insert("type", "rfc3161");
        Self(object)
    }

    /// The type, e.g. `rfc3161`.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.0.get("type").and_then(Value::as_str)
    }

    /// The token in DER, where it is one of RFC 3161 and well-formed base64.
    #[must_use]
    pub fn token(&self) -> Option<Vec<u8>> {
        if self.kind() != Some("rfc3161") {
            return None;
        }
        let text = self.0.get("token")?.as_str()?;
        crate::encoding::base64_decode(text).ok()
    }
}

/// A receipt that has passed the step `parse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    record: ReceiptRecord,
    submission: Option<ReceiptSubmission>,
    evidence: Vec<Evidence>,
    manifest: Option<ReceiptManifest>,
    unknown: Object,
}

impl Receipt {
    /// Puts a receipt together.
    ///
    /// # Errors
    ///
    /// It would not pass the step `parse`.
    pub fn new(
        record: ReceiptRecord,
        submission: Option<ReceiptSubmission>,
        evidence: Vec<Evidence>,
    ) -> Result<Self, ReceiptError> {
        let receipt = Self {
            record,
            submission,
            evidence,
            manifest: None,
            unknown: Object::new(),
        };
        receipt.check()?;
        Ok(receipt)
    }

    /// Reads a receipt: the step `parse`.
    ///
    /// # Errors
    ///
    /// Why it is not one.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        Self::parse_with_parts(bytes).map(|(receipt, _)| receipt)
    }

    /// Reads a receipt, and returns the JSON of its shown parts too.
    pub(crate) fn parse_with_parts(bytes: &[u8]) -> Result<(Self, PartObjects), ReceiptError> {
        let receipt = read::receipt(bytes)?;
        let parts = receipt.check()?;
        Ok((receipt, parts))
    }

    /// What holds of every receipt, however it was made.
    fn check(&self) -> Result<PartObjects, ReceiptError> {
        if self.evidence.is_empty() || self.evidence.len() > MAX_EVIDENCE {
            return Err(ReceiptError::EvidenceCount(self.evidence.len()));
        }
        let who_is_withheld = self.record.who.shown().is_none();
        if who_is_withheld && matches!(self.submission, Some(ReceiptSubmission::Note(_))) {
            return Err(ReceiptError::NoteBesideWithheldWho);
        }
        PartObjects::read(&self.record)
    }

    /// The receipt as a file: pretty-printed, its keys in the order of the specification.
    #[must_use]
    pub fn to_json_pretty(&self) -> String {
        write::receipt(self)
    }

    /// The four parts.
    #[must_use]
    pub const fn record(&self) -> &ReceiptRecord {
        &self.record
    }

    /// The submission; none in a draft.
    #[must_use]
    pub const fn submission(&self) -> Option<&ReceiptSubmission> {
        self.submission.as_ref()
    }

    /// The evidence, 1 to 16 elements.
    #[must_use]
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// The manifest, as it came.
    #[must_use]
    pub const fn manifest(&self) -> Option<&ReceiptManifest> {
        self.manifest.as_ref()
    }
}

#[cfg(test)]
mod tests;
