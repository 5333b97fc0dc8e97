//! The text form of a signed note, and which of its lines verify.

use core::fmt;
use core::str::FromStr;

use super::key::{KeyError, KeyId, KeyName, SignatureError, VerifierKey};
use crate::encoding::{self, EncodingError};

/// The largest note, in bytes.
pub const NOTE_BYTES_MAX: usize = 256 * 1024;
/// The most signature lines in a note.
pub const SIGNATURE_LINES_MAX: usize = 64;
/// The longest signature line, in bytes, without its newline.
pub const SIGNATURE_LINE_BYTES_MAX: usize = 8_192;

/// U+2014 and a space, before the key name.
const LINE_START: &str = "\u{2014} ";

/// Why a note is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Above 256 KiB.
    #[error("a note has at most 262144 bytes, this one has {0}")]
    TooLarge(usize),
    /// A control character below U+0020 other than a newline.
    #[error("byte {0}: a note holds no control character but newline")]
    ControlCharacter(usize),
    /// The text of a note must end with a newline.
    #[error("the text of a note ends with a newline")]
    TextEnd,
    /// There is no empty line between text and signatures.
    #[error("no empty line between the text and the signature lines")]
    NoEmptyLine,
    /// The last line does not end with a newline.
    #[error("the last signature line must end with a newline")]
    Truncated,
    /// More than 64 signature lines, or none.
    #[error("a note has 1 to 64 signature lines, this one has {0}")]
    LineCount(usize),
    /// A signature line that is not of its form.
    #[error("signature line {line}: {problem}")]
    Line {
        /// The line, counted from 1 after the empty line.
        line: usize,
        /// What is wrong with it.
        problem: LineProblem,
    },
    /// A line by a known key does not verify.
    #[error("signature line {line} by {name}: {problem}")]
    Signature {
        /// The line, counted from 1 after the empty line.
        line: usize,
        /// The name of the key.
        name: KeyName,
        /// Why it does not verify.
        problem: SignatureError,
    },
    /// Two known keys have the same name and id.
    #[error("signature line {line}: two known keys have the name {name} and its id")]
    Ambiguous {
        /// The line, counted from 1 after the empty line.
        line: usize,
        /// The name of the keys.
        name: KeyName,
    },
}

/// Why a signature line is not of its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// Above 8,192 bytes.
    #[error("longer than 8192 bytes")]
    TooLong,
    /// Not em dash, space, name, space, base64.
    #[error("does not read <em dash> <name> <base64>")]
    Form,
    /// The name is refused.
    #[error("{0}")]
    Name(#[from] KeyError),
    /// The base64 is refused.
    #[error("{0}")]
    Encoding(#[from] EncodingError),
    /// Fewer than five bytes: no signature after the key id.
    #[error("no signature after the key id")]
    NoSignature,
}

/// One signature line: `<em dash> <name> <base64(key id || blob)>`. `Display` writes no newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    name: KeyName,
    key_id: KeyId,
    blob: Vec<u8>,
}

/// A text with its signature lines. `Display` writes exactly the bytes that were parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    lines: Vec<SignatureLine>,
}

/// A line that verified, by a known key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedLine<'k> {
    /// The key that it verified with.
    pub key: &'k VerifierKey,
    /// Its place among the note's lines, counted from 0.
    pub line: usize,
    /// The time in seconds that a timestamped cosignature states.
    pub time_s: Option<u64>,
}

impl SignatureLine {
    /// From a key's name and id and what follows the id: the time, where the type has one, and the
    /// signature.
    pub fn new(name: KeyName, key_id: KeyId, blob: Vec<u8>) -> Self {
        Self { name, key_id, blob }
    }

    /// A line of a type that states a time (`0x04`, `0x06`), from the raw signature.
    pub fn timestamped(key: &VerifierKey, time_s: u64, signature: &[u8]) -> Self {
        let mut blob = Vec::with_capacity(8 + signature.len());
        blob.extend_from_slice(&time_s.to_be_bytes());
        blob.extend_from_slice(signature);
        Self::new(key.name().clone(), key.id(), blob)
    }

    /// Reads one line, without its newline.
    pub fn parse(line: &str) -> Result<Self, LineProblem> {
        if line.len() > SIGNATURE_LINE_BYTES_MAX {
            return Err(LineProblem::TooLong);
        }
        let rest = line.strip_prefix(LINE_START).ok_or(LineProblem::Form)?;
        let (name, signature) = rest.split_once(' ').ok_or(LineProblem::Form)?;
        let name = KeyName::new(name)?;
        let bytes = encoding::base64_decode(signature)?;
        match bytes.split_first_chunk::<4>() {
            Some((key_id, blob)) if !blob.is_empty() => {
                Ok(Self::new(name, KeyId::from_bytes(*key_id), blob.to_vec()))
            }
            _ => Err(LineProblem::NoSignature),
        }
    }

    /// The name of the key.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of the key.
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// What follows the key id.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    fn write(&self, text: &mut String) {
        let mut bytes = Vec::with_capacity(4 + self.blob.len());
        bytes.extend_from_slice(self.key_id.as_bytes());
        bytes.extend_from_slice(&self.blob);
        text.push_str(LINE_START);
        text.push_str(self.name.as_str());
        text.push(' ');
        encoding::base64_encode_into(text, &bytes);
    }
}

impl SignedNote {
    /// Puts a note together. The text must be one that a note can hold.
    pub fn new(text: String, lines: Vec<SignatureLine>) -> Result<Self, NoteError> {
        check_characters(&text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::TextEnd);
        }
        check_line_count(lines.len())?;
        let note = Self { text, lines };
        let length = note.to_string().len();
        if length > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge(length));
        }
        Ok(note)
    }

    /// Reads a note. The text is split from the signature lines at the last empty line.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge(note.len()));
        }
        check_characters(note)?;
        let text_end = note.rfind("\n\n").ok_or(NoteError::NoEmptyLine)? + 1;
        let (text, signatures) = (&note[..text_end], &note[text_end + 1..]);
        let count = signatures.bytes().filter(|byte| *byte == b'\n').count();
        let signatures = match signatures.strip_suffix('\n') {
            Some(signatures) => signatures,
            None if signatures.is_empty() => return Err(NoteError::LineCount(0)),
            None => return Err(NoteError::Truncated),
        };
        check_line_count(count)?;
        let mut lines = Vec::with_capacity(count);
        for (position, line) in signatures.split('\n').enumerate() {
            let line = SignatureLine::parse(line).map_err(|problem| NoteError::Line {
                line: position + 1,
                problem,
            })?;
            lines.push(line);
        }
        Ok(Self {
            text: text.to_owned(),
            lines,
        })
    }

    /// The text, with the newline at its end.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, in order.
    pub fn lines(&self) -> &[SignatureLine] {
        &self.lines
    }

    /// Verifies the note with the known keys: lines by unknown keys are ignored, every line whose name
    /// and id match a known key must verify. Returns those lines, in order; there may be none.
    pub fn verify<'k>(
        &self,
        known: impl IntoIterator<Item = &'k VerifierKey>,
    ) -> Result<Vec<VerifiedLine<'k>>, NoteError> {
        let known: Vec<&VerifierKey> = known.into_iter().collect();
        let mut verified = Vec::new();
        for (position, line) in self.lines.iter().enumerate() {
            let mut matching = known.iter().copied().filter(|key| key.matches(line));
            let Some(key) = matching.next() else { continue };
            let name = || line.name.clone();
            if matching.any(|other| other != key) {
                return Err(NoteError::Ambiguous {
                    line: position + 1,
                    name: name(),
                });
            }
            let time_s = key
                .verify(&self.text, line)
                .map_err(|problem| NoteError::Signature {
                    line: position + 1,
                    name: name(),
                    problem,
                })?;
            verified.push(VerifiedLine {
                key,
                line: position,
                time_s,
            });
        }
        Ok(verified)
    }
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    match text.bytes().position(|byte| byte < 0x20 && byte != b'\n') {
        Some(at) => Err(NoteError::ControlCharacter(at)),
        None => Ok(()),
    }
}

fn check_line_count(count: usize) -> Result<(), NoteError> {
    if (1..=SIGNATURE_LINES_MAX).contains(&count) {
        Ok(())
    } else {
        Err(NoteError::LineCount(count))
    }
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text);
        out.write_str(&text)
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blobs: usize = self.lines.iter().map(|line| line.blob.len() * 4 / 3 + 300).sum();
        let mut text = String::with_capacity(self.text.len() + 1 + blobs);
        text.push_str(&self.text);
        text.push('\n');
        for line in &self.lines {
            line.write(&mut text);
            text.push('\n');
        }
        out.write_str(&text)
    }
}

impl FromStr for SignedNote {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        Self::parse(note)
    }
}
