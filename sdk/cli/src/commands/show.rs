//! `trialseal show`: what a receipt says. It verifies nothing, and says so.

use serde_json::{Map, Value as Json, json};
use trialseal::core::json::{Object, Value};
use trialseal::core::manifest::Opening;
use trialseal::core::receipt::{Receipt, ReceiptSubmission};

use super::receipt_file::{self, Parts};
use crate::args::Show;
use crate::errors::Ended;
use crate::outcome::{Answer, Exit, Printer, count};

pub(crate) fn run(command: &Show, printer: &Printer) -> Result<Answer, Ended> {
    let receipt = receipt_file::read(&command.receipt)?;
    let parts = Parts::of(&receipt);
    let record = receipt.record().leaves().root().to_hex();
    if !printer.is_json() {
        text(&receipt, &parts, &record, printer);
    }
    let sentence = format!(
        "Nothing here was verified; that does: trialseal verify {}",
        command.receipt.display()
    );
    let part = |object: &Option<Object>| object.as_ref().map_or(Json::Null, to_json);
    Ok(Answer::new(Exit::Done, "SHOWN", sentence)
        .with("record", record)
        .with("what", part(&parts.what))
        .with("who", part(&parts.who))
        .with("why", part(&parts.why))
        .with("when", part(&parts.when))
        .with("signed", receipt.submission().is_some())
        .with("evidence", receipt.evidence().len())
        .with("items", items(&receipt)))
}

fn text(receipt: &Receipt, parts: &Parts, record: &str, printer: &Printer) {
    printer.result(&format!("{}: {}", parts.when("register"), parts.subject()));
    printer.result(&format!("  record {} {record}", parts.when("index")));
    for (name, part) in [
        ("what", &parts.what),
        ("who", &parts.who),
        ("why", &parts.why),
        ("when", &parts.when),
    ] {
        match part {
            None => printer.result(&format!("  {name}: withheld")),
            Some(object) if object.is_empty() => {}
            Some(object) => {
                printer.result(&format!("  {name}"));
                for (key, value) in object.iter() {
                    printer.result(&format!("    {key:<14} {}", plain(value)));
                }
            }
        }
    }
    printer.result(match receipt.submission() {
        Some(ReceiptSubmission::Note(_)) => "  signed by the submitter",
        Some(ReceiptSubmission::Withheld(_)) => "  signed by the submitter; the signature is withheld",
        None => "  recorded through this account's access; not signed",
    });
    let stamps: usize = receipt
        .evidence()
        .iter()
        .map(|element| element.timestamps.len())
        .sum();
    printer.result(&format!(
        "  evidence: {}, {}",
        count(receipt.evidence().len(), "checkpoint"),
        count(stamps, "timestamp")
    ));
    match receipt
        .manifest()
        .map(trialseal::core::receipt::ReceiptManifest::opening)
    {
        None => printer.result("  no manifest: no file can be compared with it"),
        Some(Err(error)) => printer.result(&format!("  the manifest is malformed: {error}")),
        Some(Ok(opening)) => {
            if let Opening::One(one) = &opening {
                printer.result(&format!(
                    "  item {} of {}; the others are not shown",
                    one.index + 1,
                    one.count
                ));
            }
            for item in opening.items() {
                printer.result(&format!("    {:>12} bytes  {}", item.item.size, item.item.path));
            }
        }
    }
}

fn items(receipt: &Receipt) -> Json {
    match receipt
        .manifest()
        .map(trialseal::core::receipt::ReceiptManifest::opening)
    {
        Some(Ok(opening)) => {
            let item = |path: &str, size: u64| json!({"path": path, "size": size});
            opening
                .items()
                .iter()
                .map(|one| item(one.item.path.as_str(), one.item.size))
                .collect()
        }
        _ => Json::Null,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => json_of(other).to_string(),
    }
}

fn to_json(object: &Object) -> Json {
    Json::Object(
        object
            .iter()
            .map(|(key, value)| (key.to_owned(), json_of(value)))
            .collect::<Map<_, _>>(),
    )
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::String(text) => json!(text),
        Value::Array(values) => values.iter().map(json_of).collect(),
        Value::Object(object) => to_json(object),
    }
}
