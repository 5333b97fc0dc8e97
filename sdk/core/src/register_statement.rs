//! Register statement files (`trialseal-statement/v1`): what the notary stated publicly of one register.
//!
//! At least daily, and on demand, the notary puts a statement of all registers into its log: the root of a tree
//! with one line for each. Whoever may see a register is given its line, the lines on both sides, and their paths.
//! The lines are in the order of their register ids and each id stands once, so with both neighbours shown there
//! is no second line for the same register, and a register that is not there is proven not to be.

mod write;

#[cfg(test)]
mod tests;

use crate::encoding::EncodingError;
use crate::entry::{EntryError, Statement};
use crate::hash::{Hash, RecordId};
use crate::index::{IndexError, LogSize};
use crate::json::{self, JsonError, Object, Value};
use crate::merkle::{PROOF_HASHES_MAX, leaf_hash};
use crate::receipt::{Evidence, ReceiptError, evidence_list};
use crate::time::Instant;
use crate::trust::Trust;
use crate::verify::{RegisterLine, StatementReport, Verifier};

/// The `format` of such a file.
pub const FORMAT: &str = "trialseal-statement/v1";

/// The longest file.
pub const MAX_BYTES: usize = 1 << 20;

/// The register's own line and its neighbours.
pub const MAX_LINES: usize = 3;

/// Why something is no register statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterStatementError {
    /// It is too long.
    #[error("it has {0} bytes; at most 1,048,576 are read")]
    TooLarge(usize),
    /// It is not strict JSON.
    #[error("it is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// It is something else.
    #[error("its format is not `trialseal-statement/v1`")]
    Format,
    /// A key is missing or holds something else.
    #[error("`{0}` is missing or holds something else than it should")]
    Key(&'static str),
    /// The statement inside cannot be read.
    #[error("the statement: {0}")]
    Statement(#[from] EntryError),
    /// The statement is about something else than registers.
    #[error("the notary's statement is not about registers")]
    OtherStatement,
    /// The evidence cannot be read.
    #[error("{0}")]
    Evidence(#[from] ReceiptError),
    /// There are no lines, or too many.
    #[error("it shows {0} lines; there are 1 to 3")]
    LineCount(usize),
    /// A line is not `<register id> <size> <head record id>` and a line feed.
    #[error("line {position}: it is not a register id, a size and a record id: {problem}")]
    Line {
        /// Its position, as it says.
        position: u64,
        /// What is wrong.
        problem: String,
    },
}

/// A line of the statement, with the proof that it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownLine {
    /// Its position among all lines, from 0.
    pub position: u64,
    /// The exact text, with its line feed.
    pub text: String,
    /// What the text says.
    pub line: RegisterLine,
    /// Its audit path to the statement's root, the sibling first.
    pub path: Vec<Hash>,
}

/// A statement of all registers, with evidence, and the lines around one register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterStatement {
    register: String,
    id: RecordId,
    text: String,
    statement: Statement,
    evidence: Vec<Evidence>,
    lines: Vec<ShownLine>,
}

impl ShownLine {
    /// Reads a line.
    ///
    /// # Errors
    /// [`RegisterStatementError::Line`].
    pub fn parse(position: u64, text: String, path: Vec<Hash>) -> Result<Self, RegisterStatementError> {
        let line = parse_line(&text).map_err(|problem| RegisterStatementError::Line { position, problem })?;
        Ok(Self {
            position,
            text,
            line,
            path,
        })
    }
}

/// The text of a register's line, as its leaf is hashed.
#[must_use]
pub fn line_text(line: &RegisterLine) -> String {
    format!("{} {} {}\n", line.id, line.size, line.head)
}

fn parse_line(text: &str) -> Result<RegisterLine, String> {
    let mut fields = text
        .strip_suffix('\n')
        .ok_or("it does not end with a line feed")?
        .split(' ');
    let (Some(id), Some(size), Some(head), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err("it does not have three fields".to_owned());
    };
    let record = |text: &str| Hash::from_hex(text).map(RecordId::from_hash);
    let line = RegisterLine {
        id: record(id).map_err(|error: EncodingError| error.to_string())?,
        size: size.parse().map_err(|error: IndexError| error.to_string())?,
        head: record(head).map_err(|error: EncodingError| error.to_string())?,
    };
    // What is hashed is the text: only one text says the same.
    if line_text(&line) == text {
        Ok(line)
    } else {
        Err("it is not written in its one form".to_owned())
    }
}

impl RegisterStatement {
    /// Puts a statement together: the register's name, the id of its first record, the exact JSON of the
    /// statement's log entry, evidence for that entry, and lines by position.
    ///
    /// # Errors
    /// Any [`RegisterStatementError`] but those of JSON.
    pub fn new(
        register: impl Into<String>,
        id: RecordId,
        text: impl Into<String>,
        evidence: Vec<Evidence>,
        lines: Vec<ShownLine>,
    ) -> Result<Self, RegisterStatementError> {
        let text = text.into();
        let statement = Statement::parse(text.as_bytes())?;
        if !matches!(statement, Statement::Registers { .. }) {
            return Err(RegisterStatementError::OtherStatement);
        }
        if evidence.is_empty() || evidence.len() > crate::receipt::MAX_EVIDENCE {
            return Err(ReceiptError::EvidenceCount(evidence.len()).into());
        }
        if lines.is_empty() || lines.len() > MAX_LINES {
            return Err(RegisterStatementError::LineCount(lines.len()));
        }
        Ok(Self {
            register: register.into(),
            id,
            text,
            statement,
            evidence,
            lines,
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Any [`RegisterStatementError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RegisterStatementError> {
        if bytes.len() > MAX_BYTES {
            return Err(RegisterStatementError::TooLarge(bytes.len()));
        }
        let mut top = json::parse(bytes)?;
        if top.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(RegisterStatementError::Format);
        }
        let text = |key: &'static str| {
            let value = top.get(key).and_then(Value::as_str);
            value.map(str::to_owned).ok_or(RegisterStatementError::Key(key))
        };
        let (register, statement) = (text("register")?, text("statement")?);
        let id = Hash::from_hex(&text("id")?).map_err(|_| RegisterStatementError::Key("id"))?;
        let evidence = match top.remove("evidence") {
            Some(Value::Array(elements)) => evidence_list(elements)?,
            _ => return Err(RegisterStatementError::Key("evidence")),
        };
        let lines = match top.remove("lines") {
            Some(Value::Array(lines)) if lines.len() > MAX_LINES => {
                return Err(RegisterStatementError::LineCount(lines.len()));
            }
            Some(Value::Array(lines)) => lines.iter().map(parse_shown).collect::<Result<_, _>>()?,
            _ => return Err(RegisterStatementError::Key("lines")),
        };
        Self::new(register, RecordId::from_hash(id), statement, evidence, lines)
    }

    /// The file, for people to read and to keep.
    #[must_use]
    pub fn to_json(&self) -> String {
        write::statement(self)
    }

    /// Judges it under a trust file, at a time.
    #[must_use]
    pub fn verify(&self, trust: &Trust, at: Instant) -> StatementReport {
        Verifier::new(trust, at).verify_statement(self)
    }

    /// The register, as whoever made the file says: a statement names it by [`Self::id`] only, so hold that
    /// against the register's first record.
    #[must_use]
    pub fn register(&self) -> &str {
        &self.register
    }

    /// The id of the register's first record.
    #[must_use]
    pub const fn id(&self) -> &RecordId {
        &self.id
    }

    /// The statement.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The exact JSON of the statement's log entry.
    #[must_use]
    pub fn statement_text(&self) -> &str {
        &self.text
    }

    /// Evidence for the statement's log entry.
    #[must_use]
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// The lines shown.
    #[must_use]
    pub fn lines(&self) -> &[ShownLine] {
        &self.lines
    }

    /// When the notary says that it made the statement.
    #[must_use]
    pub fn at(&self) -> Instant {
        match &self.statement {
            Statement::Registers { at, .. } => *at,
            _ => Instant::from_millis(0),
        }
    }

    /// The log size that the statement covers.
    #[must_use]
    pub fn size(&self) -> LogSize {
        match &self.statement {
            Statement::Registers { size, .. } => *size,
            _ => LogSize::EMPTY,
        }
    }

    /// The number of registers that it states.
    #[must_use]
    pub fn count(&self) -> u64 {
        match &self.statement {
            Statement::Registers { count, .. } => *count,
            _ => 0,
        }
    }

    /// The log leaf of the statement's entry: of its exact bytes.
    pub(crate) fn leaf(&self) -> Hash {
        let mut entry = Vec::with_capacity(1 + self.text.len());
        entry.push(crate::entry::STATEMENT);
        entry.extend_from_slice(self.text.as_bytes());
        leaf_hash(&entry)
    }
}

fn parse_shown(value: &Value) -> Result<ShownLine, RegisterStatementError> {
    let object: &Object = value.as_object().ok_or(RegisterStatementError::Key("lines"))?;
    let position = object.get("position").and_then(Value::as_unsigned);
    let position = position.ok_or(RegisterStatementError::Key("lines.position"))?;
    let text = object.get("text").and_then(Value::as_str);
    let text = text.ok_or(RegisterStatementError::Key("lines.text"))?;
    let path = object.get("path").and_then(Value::as_array);
    let path = path.filter(|path| path.len() <= PROOF_HASHES_MAX);
    let path = path.ok_or(RegisterStatementError::Key("lines.path"))?;
    let hash = |value: &Value| {
        let text = value.as_str().ok_or(RegisterStatementError::Key("lines.path"))?;
        Hash::from_base64(text).map_err(|_| RegisterStatementError::Key("lines.path"))
    };
    let path = path.iter().map(hash).collect::<Result<_, _>>()?;
    ShownLine::parse(position, text.to_owned(), path)
}
