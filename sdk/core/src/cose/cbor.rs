//! The little CBOR (RFC 8949) that COSE receipts and key sets need: written in its deterministic
//! form, and read so strictly that what is accepted can be written in no other way but by the order
//! of map keys.

use super::{CborProblem, CoseError};

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const NIL: u8 = 0xf6;

pub(super) fn write_integer(out: &mut Vec<u8>, value: i64) {
    // -1 - n is written for a negative number n.
    match u64::try_from(value) {
        Ok(value) => write_head(out, UNSIGNED, value),
        Err(_) => write_head(out, NEGATIVE, value.unsigned_abs() - 1),
    }
}

pub(super) fn write_unsigned(out: &mut Vec<u8>, value: u64) {
    write_head(out, UNSIGNED, value);
}

pub(super) fn write_bytes(out: &mut Vec<u8>, value: &[u8]) {
    write_head(out, BYTES, value.len() as u64);
    out.extend_from_slice(value);
}

pub(super) fn write_text(out: &mut Vec<u8>, value: &str) {
    write_head(out, TEXT, value.len() as u64);
    out.extend_from_slice(value.as_bytes());
}

pub(super) fn write_array(out: &mut Vec<u8>, length: usize) {
    write_head(out, ARRAY, length as u64);
}

pub(super) fn write_map(out: &mut Vec<u8>, pairs: usize) {
    write_head(out, MAP, pairs as u64);
}

pub(super) fn write_tag(out: &mut Vec<u8>, tag: u64) {
    write_head(out, TAG, tag);
}

pub(super) fn write_nil(out: &mut Vec<u8>) {
    out.push(NIL);
}

fn write_head(out: &mut Vec<u8>, major: u8, value: u64) {
    let major = major << 5;
    let bytes = value.to_be_bytes();
    match value {
        0..=23 => out.push(major | bytes[7]),
        24..=0xff => out.extend_from_slice(&[major | 24, bytes[7]]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&bytes[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&bytes[4..]);
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&bytes);
        }
    }
}

/// Reads one encoding from its start to its end.
pub(super) struct Reader<'a> {
    place: &'static str,
    bytes: &'a [u8],
    at: usize,
}

/// A key of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label<'a> {
    Integer(i64),
    Text(&'a str),
}

impl<'a> Reader<'a> {
    pub(super) const fn new(place: &'static str, bytes: &'a [u8]) -> Self {
        Self { place, bytes, at: 0 }
    }

    pub(super) fn error(&self, problem: CborProblem) -> CoseError {
        CoseError::Cbor {
            place: self.place,
            at: self.at,
            problem,
        }
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), CoseError> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(self.error(CborProblem::TrailingBytes))
        }
    }

    pub(super) fn array(&mut self, what: &'static str) -> Result<u64, CoseError> {
        self.expect(ARRAY, what)
    }

    pub(super) fn array_of(&mut self, length: u64, what: &'static str) -> Result<(), CoseError> {
        self.exactly(ARRAY, length, what)
    }

    pub(super) fn map(&mut self, what: &'static str) -> Result<u64, CoseError> {
        self.expect(MAP, what)
    }

    pub(super) fn map_of(&mut self, pairs: u64, what: &'static str) -> Result<(), CoseError> {
        self.exactly(MAP, pairs, what)
    }

    pub(super) fn tag(&mut self, tag: u64, what: &'static str) -> Result<(), CoseError> {
        self.exactly(TAG, tag, what)
    }

    pub(super) fn unsigned(&mut self, what: &'static str) -> Result<u64, CoseError> {
        self.expect(UNSIGNED, what)
    }

    /// Exactly this number.
    pub(super) fn integer(&mut self, value: i64, what: &'static str) -> Result<(), CoseError> {
        let start = self.at;
        if self.label()? == Label::Integer(value) {
            return Ok(());
        }
        self.at = start;
        Err(self.error(CborProblem::Expected(what)))
    }

    pub(super) fn bytes(&mut self, what: &'static str) -> Result<&'a [u8], CoseError> {
        let length = self.expect(BYTES, what)?;
        self.take(length)
    }

    pub(super) fn text(&mut self, what: &'static str) -> Result<&'a str, CoseError> {
        let length = self.expect(TEXT, what)?;
        let bytes = self.take(length)?;
        core::str::from_utf8(bytes).map_err(|_| self.error(CborProblem::Utf8))
    }

    pub(super) fn nil(&mut self, what: &'static str) -> Result<(), CoseError> {
        match self.take(1)? {
            [NIL] => Ok(()),
            _ => {
                self.at -= 1;
                Err(self.error(CborProblem::Expected(what)))
            }
        }
    }

    /// A key of a map: a number or a text.
    pub(super) fn label(&mut self) -> Result<Label<'a>, CoseError> {
        let start = self.at;
        let (major, value) = self.head()?;
        let number = i64::try_from(value).map_err(|_| self.error(CborProblem::Expected("a small number")));
        match major {
            UNSIGNED => Ok(Label::Integer(number?)),
            NEGATIVE => Ok(Label::Integer(-1 - number?)),
            TEXT => {
                self.at = start;
                self.text("a label").map(Label::Text)
            }
            _ => {
                self.at = start;
                Err(self.error(CborProblem::Expected("a number or a text as label")))
            }
        }
    }

    fn exactly(&mut self, major: u8, wanted: u64, what: &'static str) -> Result<(), CoseError> {
        let start = self.at;
        if self.expect(major, what)? == wanted {
            return Ok(());
        }
        self.at = start;
        Err(self.error(CborProblem::Expected(what)))
    }

    fn expect(&mut self, wanted: u8, what: &'static str) -> Result<u64, CoseError> {
        let start = self.at;
        let (major, value) = self.head()?;
        if major == wanted {
            return Ok(value);
        }
        self.at = start;
        Err(self.error(CborProblem::Expected(what)))
    }

    /// Major type and argument, the latter in its shortest form.
    fn head(&mut self) -> Result<(u8, u64), CoseError> {
        let start = self.at;
        let first = self.take(1)?.first().copied().unwrap_or_default();
        let (major, information) = (first >> 5, first & 31);
        let (length, least) = match information {
            0..=23 => return Ok((major, u64::from(information))),
            24 => (1, 24),
            25 => (2, 0x100),
            26 => (4, 0x1_0000),
            27 => (8, 0x1_0000_0000),
            28..=30 => return Err(self.error(CborProblem::Reserved)),
            _ => return Err(self.error(CborProblem::Indefinite)),
        };
        let value = self
            .take(length)?
            .iter()
            .fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
        if value >= least {
            return Ok((major, value));
        }
        self.at = start;
        Err(self.error(CborProblem::NotShortest))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], CoseError> {
        let end = usize::try_from(length)
            .ok()
            .and_then(|length| self.at.checked_add(length));
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.error(CborProblem::Truncated))?;
        self.at += taken.len();
        Ok(taken)
    }
}
