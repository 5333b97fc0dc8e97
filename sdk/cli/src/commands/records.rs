//! Naming a record, fetching it, and showing what it says.

use std::path::Path;

use trialseal::core::index::{LogIndex, Sequence};
use trialseal::core::json::Object;
use trialseal::core::receipt::Receipt;
use trialseal::core::verify::{FileQuery, Outcome, verify};
use trialseal::records::Target;
use trialseal::{Client, RecordPlace, Trust, now};

use super::receipt_file::{self, Parts, text};
use crate::args::RecordChoice;
use crate::errors::{self, Ended, bad_input};
use crate::outcome::{Answer, Exit, Printer};

/// A record that was fetched or read, and verified.
pub(crate) struct Chosen {
    pub(crate) receipt: Receipt,
    pub(crate) target: Target,
}

impl Chosen {
    /// Verifies nothing: it was.
    pub(crate) fn of(receipt: Receipt) -> Result<Self, Ended> {
        let target = Target::of(&receipt).map_err(|error| bad_input(errors::sentence(&error.to_string())))?;
        Ok(Self { receipt, target })
    }

    /// What a person sees of it before signing.
    pub(crate) fn show(&self, printer: &Printer) {
        let parts = Parts::of(&self.receipt);
        printer.message(&format!(
            "  RECORD   {} of {}, place {}: {}. Verified.",
            parts.when("index"),
            parts.when("register"),
            parts.when("sequence"),
            parts.subject()
        ));
        let line = |name: &str, value: String| printer.message(&format!("    {name:<12} {value}"));
        line("id", self.target.record.to_hex());
        line(
            "received",
            format!("{} by the notary's own clock", parts.when("received_at")),
        );
        line("signed by", signer(&parts));
        for (name, part, key) in [
            ("reason", &parts.why, "reason"),
            ("remark", &parts.why, "remark"),
            ("declared", &parts.what, "declared_at"),
            ("purpose", &parts.what, "purpose"),
            ("decision", &parts.what, "decision"),
        ] {
            if let Some(value) = text(part.as_ref(), key) {
                line(name, value);
            }
        }
        let manifest = parts
            .what
            .as_ref()
            .and_then(|what| what.get("manifest")?.as_object());
        if let Some(manifest) = manifest {
            line("files", commitment(manifest));
        }
    }
}

/// Who signed, in one line.
pub(crate) fn signer(parts: &Parts) -> String {
    let who = |key: &str| text(parts.who.as_ref(), key);
    let account = match (who("organization"), who("member")) {
        (Some(organization), Some(member)) => format!("{organization}/{member}"),
        _ => return "withheld".to_owned(),
    };
    match (who("name"), who("role"), who("meaning")) {
        (Some(name), Some(role), Some(meaning)) => {
            format!("{name} ({account}) as {role}; meaning: {meaning}")
        }
        _ => format!("nobody: recorded through the access of {account}"),
    }
}

fn commitment(manifest: &Object) -> String {
    let items = text(Some(manifest), "items").unwrap_or_default();
    let root = text(Some(manifest), "root").unwrap_or_default();
    format!("{items}, committed to by {root}")
}

/// The place that was named; none where it is a receipt.
pub(crate) fn place(choice: &RecordChoice) -> Result<Option<RecordPlace>, Ended> {
    let wrong = |error: &dyn std::fmt::Display| bad_input(errors::sentence(&error.to_string()));
    if let Some(sequence) = choice.sequence {
        let register = crate::args::register(&choice.record).map_err(|error| wrong(&error))?;
        let sequence = Sequence::new(sequence).map_err(|error| wrong(&error))?;
        return Ok(Some(RecordPlace::Position(register, sequence)));
    }
    let Ok(index) = choice.record.parse() else {
        let path = Path::new(&choice.record);
        return if path.exists() || receipt_file::is_receipt(path) {
            Ok(None)
        } else {
            Err(bad_input(
                "Name a record by its log index, by its receipt, or by its register and its place in it.",
            ))
        };
    };
    let index = LogIndex::new(index).map_err(|error| wrong(&error))?;
    Ok(Some(match &choice.log {
        Some(log) => RecordPlace::InLog(log.clone(), index),
        None => RecordPlace::Index(index),
    }))
}

/// The record that was named, fetched from the notary or read from its receipt, and verified.
pub(crate) async fn choose(choice: &RecordChoice, client: &Client) -> Result<Chosen, Ended> {
    match place(choice)? {
        Some(place) => {
            let receipt = client.receipt(&place).await;
            Chosen::of(receipt.map_err(errors::client_without_a_record)?)
        }
        None => read(Path::new(&choice.record), client.trust()),
    }
}

/// The record of a receipt file, verified.
pub(crate) fn read(path: &Path, trust: &Trust) -> Result<Chosen, Ended> {
    let bytes = receipt_file::read_bytes(path)?;
    let report = verify(&bytes, &trust.with_drafts_allowed(), now(), &FileQuery::None);
    if let Some(failure) = report
        .first_failure()
        .filter(|_| report.outcome == Outcome::Failed)
    {
        let sentence = format!("{} does not verify; nothing was signed.", path.display());
        let answer = Answer::new(Exit::Disproven, "REFUSED", sentence);
        return Err(Box::new(
            answer.because(format!("{}: {}", failure.step, failure.sentence)),
        ));
    }
    Chosen::of(receipt_file::read(path)?)
}

/// The record that a grant is under: a receipt, or a log index.
pub(crate) async fn under(text: &str, client: &Client) -> Result<Target, Ended> {
    let choice = RecordChoice {
        record: text.to_owned(),
        sequence: None,
        log: None,
    };
    Ok(choose(&choice, client).await?.target)
}
