//! What a report says in words, and for machines.

use serde_json::{Value, json};
use trialseal::Level;
use trialseal::core::json::Value as Part;
use trialseal::core::verify::{Report, Step, StepResult};

use crate::commands::receipt_file::{Parts, text};
use crate::outcome::Answer;

/// The record in words.
pub(super) struct Story {
    /// `record 64 (dataset 1.0, hard-lock; trial:NCT04573309)`.
    pub(super) record: String,
    /// `record 64`.
    pub(super) short: String,
    /// Who submitted it, or whoever gave the receipt.
    pub(super) organization: String,
    /// When and by whom.
    pub(super) because: Vec<String>,
    /// What was asked for and not decided.
    pub(super) open: Vec<String>,
}

impl Story {
    /// `require` is what the trust file asks for.
    pub(super) fn of(report: &Report, require: Level) -> Self {
        let open = open_questions(report, require);
        let Some(receipt) = &report.receipt else {
            let unknown = "a record that cannot be read".to_owned();
            return Self {
                record: unknown.clone(),
                short: unknown,
                organization: "whoever gave it".to_owned(),
                because: Vec::new(),
                open,
            };
        };
        let parts = Parts::of(receipt);
        let short = format!("record {}", parts.when("index"));
        let record = format!("{short} ({}; {})", parts.subject(), parts.when("register"));
        let organization =
            text(parts.who.as_ref(), "organization").unwrap_or_else(|| "whoever gave it".to_owned());
        let because = vec![level(report), time(report, &parts), signer(&parts)];
        Self {
            record,
            short,
            organization,
            because,
            open,
        }
    }
}

/// What the evidence rests on, and what one should know about it.
fn level(report: &Report) -> String {
    let level = report.level.map_or("none", Level::as_str);
    let warnings = report.warnings.iter().map(|warning| format!(" {warning}"));
    format!("Level: {level}.{}", warnings.collect::<String>())
}

/// The notary's clock is a claim; only independent evidence bounds time.
fn time(report: &Report, parts: &Parts) -> String {
    let stated = parts.when("received_at");
    match report.independent_time {
        Some(time) => format!("It existed no later than {time}; the notary states {stated}."),
        None => format!("The notary states {stated} by its own clock; there is no independent time."),
    }
}

fn signer(parts: &Parts) -> String {
    let who = |key| text(parts.who.as_ref(), key);
    let is_draft = parts
        .when
        .as_ref()
        .is_some_and(|when| when.get("submission").is_none());
    match (who("name"), who("organization"), who("member")) {
        (Some(name), Some(organization), Some(member)) => {
            let (role, meaning) = (
                who("role").unwrap_or_default(),
                who("meaning").unwrap_or_default(),
            );
            format!("Signed by {name} ({organization}/{member}) as {role}; meaning: {meaning}.")
        }
        (None, Some(organization), Some(member)) if is_draft => {
            format!("Recorded through this account's access ({organization}/{member}); not signed.")
        }
        _ => "Who submitted it is withheld.".to_owned(),
    }
}

/// What was asked for and not decided. Of steps that are judged for each evidence element, only those
/// that no element passed.
fn open_questions(report: &Report, require: Level) -> Vec<String> {
    let asked = |step| match step {
        Step::Witnesses => require >= Level::Witnessed,
        Step::Timestamps => require >= Level::Timestamped,
        // A receipt by itself has no file that could be compared.
        Step::File => report.file.is_some(),
        _ => true,
    };
    let passed = |step| {
        let mut steps = report.steps.iter();
        steps.any(|one| one.step == step && one.result == StepResult::Passed)
    };
    let undecided = |result| matches!(result, StepResult::Indeterminate | StepResult::NotChecked);
    let open = report
        .steps
        .iter()
        .filter(|one| undecided(one.result) && asked(one.step) && !passed(one.step));
    open.map(|step| format!("{}: {}", step.step, step.sentence))
        .collect()
}

pub(super) fn file(path: &str, verdict: &str) -> Value {
    json!({"path": path, "verdict": verdict})
}

/// The answer with everything that a machine may want.
pub(super) fn with_steps(answer: Answer, report: &Report) -> Answer {
    let steps = report.steps.iter().map(|step| {
        let mut object = json!({
            "step": step.step.as_str(),
            "result": step.result.as_str(),
            "sentence": step.sentence,
        });
        if let (Some(element), Some(object)) = (step.element, object.as_object_mut()) {
            object.insert("element".to_owned(), json!(element));
        }
        object
    });
    let answer = answer
        .with("steps", steps.collect::<Vec<_>>())
        .with("files", Vec::<Value>::new())
        .with("at", report.at.to_string())
        .with("trust_sha256", report.trust_fingerprint.to_hex())
        .with("level", report.level.map(|level| level.as_str()))
        .with("warnings", report.warnings.clone())
        .with(
            "independent_time",
            report.independent_time.map(|time| time.to_string()),
        )
        .with("record", report.record.map(|record| record.to_hex()));
    let when = report
        .receipt
        .as_ref()
        .map(Parts::of)
        .and_then(|parts| parts.when);
    let number = |key: &str| {
        when.as_ref()
            .and_then(|when| when.get(key))
            .and_then(Part::as_unsigned)
    };
    answer
        .with("log", text(when.as_ref(), "log"))
        .with("index", number("index"))
}
