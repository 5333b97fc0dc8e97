//! Writing a register statement file.

use crate::json::{Object, Value};
use crate::receipt::{write_evidence, write_object};

use super::{FORMAT, RegisterStatement, ShownLine};

pub(super) fn statement(statement: &RegisterStatement) -> String {
    let mut top = Object::new();
    top.insert("format", FORMAT);
    top.insert("register", statement.register.as_str());
    top.insert("id", statement.id.to_string());
    top.insert("statement", statement.text.as_str());
    let evidence = statement.evidence.iter().map(write_evidence);
    top.insert("evidence", Value::Array(evidence.collect()));
    top.insert("lines", Value::Array(statement.lines.iter().map(line).collect()));
    let mut text = String::new();
    write_object(&mut text, &top, 0);
    text.push('\n');
    text
}

fn line(line: &ShownLine) -> Value {
    let mut object = Object::new();
    // A position is below the count of a statement, at most 2^53 - 1.
    object.insert("position", i64::try_from(line.position).unwrap_or(i64::MAX));
    object.insert("text", line.text.as_str());
    let path = line.path.iter().map(|hash| Value::String(hash.to_base64()));
    object.insert("path", Value::Array(path.collect()));
    Value::Object(object)
}
