//! Writing by RFC 8785 (JCS).

use core::cmp::Ordering;

use super::{Object, Value};
use crate::encoding::write_decimal;

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Writes `object` as RFC 8785 does: no white space, keys sorted by their UTF-16 code units.
pub fn write(object: &Object) -> String {
    let mut text = String::with_capacity(256);
    write_object(&mut text, object);
    text
}

/// Appends `string` to `text` as a JSON string in its RFC 8785 spelling, with its quotes.
pub fn write_string(text: &mut String, string: &str) {
    text.push('"');
    let mut rest = string;
    while let Some(at) = rest
        .bytes()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0x00..=0x1f))
    {
        text.push_str(&rest[..at]);
        write_escape(text, rest.as_bytes()[at]);
        // What is escaped is ASCII, so the next byte starts a character.
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
    text.push('"');
}

fn write_escape(text: &mut String, byte: u8) {
    match byte {
        b'"' => text.push_str("\\\""),
        b'\\' => text.push_str("\\\\"),
        0x08 => text.push_str("\\b"),
        b'\t' => text.push_str("\\t"),
        b'\n' => text.push_str("\\n"),
        0x0c => text.push_str("\\f"),
        b'\r' => text.push_str("\\r"),
        _ => {
            text.push_str("\\u00");
            text.push(char::from(HEX_DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(HEX_DIGITS[usize::from(byte & 0x0f)]));
        }
    }
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Integer(integer) => write_integer(text, *integer),
        Value::String(string) => write_string(text, string),
        Value::Array(elements) => {
            text.push('[');
            for (position, element) in elements.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                write_value(text, element);
            }
            text.push(']');
        }
        Value::Object(object) => write_object(text, object),
    }
}

fn write_object(text: &mut String, object: &Object) {
    let pairs = &object.0;
    // What was read from canonical text is in order already: no copy then.
    if pairs.is_sorted_by(|one, two| utf16_order(&one.0, &two.0).is_lt()) {
        write_pairs(text, pairs.iter());
    } else {
        let mut sorted: Vec<&(String, Value)> = pairs.iter().collect();
        sorted.sort_by(|one, two| utf16_order(&one.0, &two.0));
        write_pairs(text, sorted.into_iter());
    }
}

fn write_pairs<'a>(text: &mut String, pairs: impl Iterator<Item = &'a (String, Value)>) {
    text.push('{');
    for (position, (key, value)) in pairs.enumerate() {
        if position > 0 {
            text.push(',');
        }
        write_string(text, key);
        text.push(':');
        write_value(text, value);
    }
    text.push('}');
}

fn write_integer(text: &mut String, integer: i64) {
    if integer < 0 {
        text.push('-');
    }
    write_decimal(text, integer.unsigned_abs());
}

/// Order by UTF-16 code units. It differs from the order of the UTF-8 bytes only where a character
/// above U+FFFF (a surrogate pair, from 0xD800) meets one of U+E000 to U+FFFF.
fn utf16_order(one: &str, two: &str) -> Ordering {
    if one.is_ascii() || two.is_ascii() {
        return one.as_bytes().cmp(two.as_bytes());
    }
    one.encode_utf16().cmp(two.encode_utf16())
}
