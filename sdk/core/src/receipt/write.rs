//! Writing a receipt, for people to read and to keep.

use crate::json::{Object, Value, write_string};

use super::{Evidence, FORMAT, Receipt, ReceiptPart, ReceiptRecord, ReceiptSubmission, ShownPart};

pub(super) fn receipt(receipt: &Receipt) -> String {
    let mut top = Object::new();
    top.insert("format", FORMAT);
    top.insert("record", record(&receipt.record));
    top.insert(
        "submission",
        match &receipt.submission {
            Some(ReceiptSubmission::Note(note)) => single("note", note.clone()),
            Some(ReceiptSubmission::Withheld(digest)) => single("withheld", digest.to_hex()),
            None => Value::Null,
        },
    );
    top.insert(
        "evidence",
        Value::Array(receipt.evidence.iter().map(evidence).collect()),
    );
    if let Some(manifest) = &receipt.manifest {
        top.insert("manifest", manifest.to_object());
    }
    // Unknown keys come after the known ones, in the order in which they came. Reading has taken the
    // known ones out of them.
    top.append_new(&receipt.unknown);
    let mut text = String::new();
    write_object(&mut text, &top, 0);
    text.push('\n');
    text
}

fn record(record: &ReceiptRecord) -> Object {
    let mut object = Object::new();
    object.insert("what", part(&record.what));
    object.insert("who", part(&record.who));
    object.insert("why", part(&record.why));
    object.insert("when", shown(&record.when));
    object.append_new(&record.unknown);
    object
}

fn part(part: &ReceiptPart) -> Value {
    match part {
        ReceiptPart::Shown(part) => shown(part),
        ReceiptPart::Withheld(leaf) => single("withheld", leaf.to_hex()),
    }
}

fn shown(part: &ShownPart) -> Value {
    let mut object = Object::new();
    object.insert("salt", part.salt.to_base64());
    object.insert("text", part.text.as_str());
    Value::Object(object)
}

pub(crate) fn evidence(evidence: &Evidence) -> Value {
    let mut object = Object::new();
    object.insert("proof", evidence.proof.as_str());
    let timestamps = evidence
        .timestamps
        .iter()
        .map(|timestamp| Value::Object(timestamp.0.clone()));
    object.insert("timestamps", Value::Array(timestamps.collect()));
    object.append_new(&evidence.unknown);
    Value::Object(object)
}

fn single(key: &str, text: String) -> Value {
    let mut object = Object::new();
    object.insert(key, text);
    Value::Object(object)
}

fn write_value(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Integer(value) => text.push_str(&value.to_string()),
        Value::String(value) => write_string(text, value),
        Value::Array(values) if values.is_empty() => text.push_str("[]"),
        Value::Array(values) => {
            text.push('[');
            for (index, value) in values.iter().enumerate() {
                new_line(text, index, depth + 1);
                write_value(text, value, depth + 1);
            }
            text.push('\n');
            indent(text, depth);
            text.push(']');
        }
        Value::Object(object) => write_object(text, object, depth),
    }
}

/// An object with two spaces for each level, for people to read.
pub(crate) fn write_object(text: &mut String, object: &Object, depth: usize) {
    if object.is_empty() {
        text.push_str("{}");
        return;
    }
    text.push('{');
    for (index, (key, value)) in object.iter().enumerate() {
        new_line(text, index, depth + 1);
        write_string(text, key);
        text.push_str(": ");
        write_value(text, value, depth + 1);
    }
    text.push('\n');
    indent(text, depth);
    text.push('}');
}

fn new_line(text: &mut String, index: usize, depth: usize) {
    text.push_str(if index == 0 { "\n" } else { ",\n" });
    indent(text, depth);
}

fn indent(text: &mut String, depth: usize) {
    for _ in 0..depth {
        text.push_str("  ");
    }
}
