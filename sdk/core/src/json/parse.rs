//! Reading. Written here because no general reader refuses all that the formats refuse.

use super::{DEPTH_MAX, JsonError, JsonProblem, Object, Value, write};
use crate::index::INTEGER_MAX;

/// Up to this many keys a pairwise comparison is faster than sorting.
const PAIRWISE_KEYS_MAX: usize = 16;

/// Reads one JSON object of the strict subset. Time and memory are linear in the text (but for a sort
/// of an object's keys), depth is bounded, so hostile texts cost no more than honest ones.
pub fn parse(bytes: &[u8]) -> Result<Object, JsonError> {
    let text = core::str::from_utf8(bytes).map_err(|error| JsonError {
        at: error.valid_up_to(),
        problem: JsonProblem::NotUtf8,
    })?;
    if text.starts_with('\u{feff}') {
        return Err(JsonError {
            at: 0,
            problem: JsonProblem::ByteOrderMark,
        });
    }
    let mut parser = Parser { text, bytes, at: 0 };
    parser.skip_white_space();
    match parser.peek() {
        Some(b'{') => {}
        Some(_) => return parser.fail(JsonProblem::TopNotObject),
        None => return parser.fail(JsonProblem::Truncated),
    }
    let object = parser.object(1)?;
    parser.skip_white_space();
    if parser.at < bytes.len() {
        return parser.fail(JsonProblem::Trailing);
    }
    Ok(object)
}

/// Reads one JSON object and refuses it unless it is byte for byte what RFC 8785 (JCS) writes.
pub fn parse_canonical(bytes: &[u8]) -> Result<Object, JsonError> {
    let object = parse(bytes)?;
    let canonical = write(&object);
    if canonical.as_bytes() != bytes {
        let differs = canonical
            .bytes()
            .zip(bytes)
            .position(|(own, given)| own != *given);
        let at = differs.unwrap_or_else(|| canonical.len().min(bytes.len()));
        return Err(JsonError {
            at,
            problem: JsonProblem::NotCanonical,
        });
    }
    Ok(object)
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn fail<T>(&self, problem: JsonProblem) -> Result<T, JsonError> {
        Err(JsonError { at: self.at, problem })
    }

    /// Refuses what stands at the cursor, or that nothing does.
    fn unexpected<T>(&self) -> Result<T, JsonError> {
        let ended = self.at >= self.bytes.len();
        self.fail(if ended {
            JsonProblem::Truncated
        } else {
            JsonProblem::Unexpected
        })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_white_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() != Some(byte) {
            return self.unexpected();
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > DEPTH_MAX {
            return self.fail(JsonProblem::TooDeep);
        }
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'{') => self.object(depth).map(Value::Object),
            Some(b'[') => self.array(depth).map(Value::Array),
            Some(b'-' | b'0'..=b'9') => self.integer().map(Value::Integer),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => self.unexpected(),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        for byte in word.bytes() {
            self.expect(byte)?;
        }
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Object, JsonError> {
        let start = self.at;
        self.expect(b'{')?;
        let mut pairs = Vec::new();
        self.skip_white_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Object(pairs));
        }
        loop {
            self.skip_white_space();
            let key_at = self.at;
            let key = self.string()?;
            let few = pairs.len() < PAIRWISE_KEYS_MAX;
            if few && pairs.iter().any(|(own, _): &(String, Value)| *own == key) {
                return Err(JsonError {
                    at: key_at,
                    problem: JsonProblem::DuplicateKey,
                });
            }
            self.skip_white_space();
            self.expect(b':')?;
            self.skip_white_space();
            let value = self.value(depth + 1)?;
            pairs.push((key, value));
            self.skip_white_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return self.unexpected(),
            }
        }
        self.at += 1;
        if pairs.len() > PAIRWISE_KEYS_MAX && has_duplicate(&pairs) {
            return Err(JsonError {
                at: start,
                problem: JsonProblem::DuplicateKey,
            });
        }
        Ok(Object(pairs))
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value>, JsonError> {
        self.expect(b'[')?;
        let mut elements = Vec::new();
        self.skip_white_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(elements);
        }
        loop {
            self.skip_white_space();
            elements.push(self.value(depth + 1)?);
            self.skip_white_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return self.unexpected(),
            }
        }
        self.at += 1;
        Ok(elements)
    }

    /// Reads `0|-?[1-9][0-9]*` of at most 2^53 - 1 in size.
    fn integer(&mut self) -> Result<i64, JsonError> {
        let start = self.at;
        let refuse = |problem| Err(JsonError { at: start, problem });
        let negative = self.peek() == Some(b'-');
        if negative {
            self.at += 1;
        }
        let first_digit = self.at;
        let mut size: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            // Saturates, so any number of digits is read in one pass and refused below.
            size = size.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        let digits = self.at - first_digit;
        let leading_zero = digits > 1 && self.bytes[first_digit] == b'0';
        if digits == 0 && self.at >= self.bytes.len() {
            return self.fail(JsonProblem::Truncated);
        }
        let continues = matches!(self.peek(), Some(b'.' | b'e' | b'E' | b'+' | b'-'));
        if digits == 0 || leading_zero || continues || (negative && size == 0) {
            return refuse(JsonProblem::NotInteger);
        }
        match i64::try_from(size) {
            Ok(size) if size.unsigned_abs() <= INTEGER_MAX => Ok(if negative { -size } else { size }),
            _ => refuse(JsonProblem::IntegerTooLarge),
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.expect(b'"')?;
        let start = self.at;
        self.skip_plain();
        // Most strings have no escape: one copy, of exactly the right size.
        if self.peek() == Some(b'"') {
            let text = self.text[start..self.at].to_owned();
            self.at += 1;
            return Ok(text);
        }
        let mut text = String::with_capacity(self.at - start + 16);
        text.push_str(&self.text[start..self.at]);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(0x00..=0x1f) => return self.fail(JsonProblem::ControlCharacter),
                Some(_) => {
                    let start = self.at;
                    self.skip_plain();
                    text.push_str(&self.text[start..self.at]);
                }
                None => return self.fail(JsonProblem::Truncated),
            }
        }
    }

    /// Moves to the next quote, backslash, control character or the end; all are ASCII, so the cursor
    /// stays on a character boundary.
    fn skip_plain(&mut self) {
        let rest = &self.bytes[self.at..];
        let plain = rest
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0x00..=0x1f));
        self.at += plain.unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        let refuse = |problem| Err(JsonError { at: start, problem });
        self.expect(b'\\')?;
        let Some(kind) = self.peek() else {
            return self.fail(JsonProblem::Truncated);
        };
        self.at += 1;
        let plain = match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.hex_unit()?;
                if !(0xd800..=0xdfff).contains(&unit) {
                    return match char::from_u32(unit) {
                        Some('\0') => refuse(JsonProblem::Nul),
                        Some(character) => Ok(character),
                        None => refuse(JsonProblem::LoneSurrogate),
                    };
                }
                return match self.low_surrogate(unit)? {
                    Some(character) => Ok(character),
                    None => refuse(JsonProblem::LoneSurrogate),
                };
            }
            _ => return refuse(JsonProblem::Escape),
        };
        Ok(plain)
    }

    /// Completes the pair that `high` opens, or none where no low surrogate follows.
    fn low_surrogate(&mut self, high: u32) -> Result<Option<char>, JsonError> {
        if high >= 0xdc00 || !self.bytes[self.at..].starts_with(b"\\u") {
            return Ok(None);
        }
        self.at += 2;
        let low = self.hex_unit()?;
        if !(0xdc00..=0xdfff).contains(&low) {
            return Ok(None);
        }
        Ok(char::from_u32(
            0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00),
        ))
    }

    fn hex_unit(&mut self) -> Result<u32, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = match self.peek() {
                Some(byte) => char::from(byte).to_digit(16),
                None => return self.fail(JsonProblem::Truncated),
            };
            let Some(digit) = digit else {
                return self.fail(JsonProblem::Escape);
            };
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }
}

fn has_duplicate(pairs: &[(String, Value)]) -> bool {
    let mut keys: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys.windows(2).any(|two| two[0] == two[1])
}
