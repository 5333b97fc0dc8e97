//! `trialseal verify`. Opens no socket: the receipt, the file and the trust file are all it needs.

mod judge;
mod report;

use std::path::{Path, PathBuf};

use serde_json::Value;
use trialseal::Trust;
use trialseal::core::time::Instant;
use trialseal::now;

use super::receipt_file;
use crate::args::Verify;
use crate::config::{self, Place};
use crate::errors::Ended;
use crate::outcome::{Answer, Exit, Printer};

/// By what standard everything is judged.
struct Standard<'a> {
    command: &'a Verify,
    trust: Trust,
    at: Instant,
}

pub(crate) fn run(command: &Verify, config: Option<&Path>, printer: &Printer) -> Result<Answer, Ended> {
    let trust = match &command.trust {
        Some(path) => config::read_trust(path)?,
        None => Place::new(config)?.read()?.trust()?,
    };
    let at = command.at.unwrap_or_else(now);
    let warnings = trust.warnings();
    for warning in &warnings {
        printer.message(&format!("  WARNING  {warning}"));
    }
    if !printer.is_json() {
        printer.message(&format!(
            "  Judged at {at}, by the trust file {}.",
            trust.fingerprint()
        ));
    }
    let standard = Standard { command, trust, at };
    let judged = match command.paths.as_slice() {
        [path] => one(&standard, path, printer),
        _ => several(&standard, printer),
    };
    let warned = |mut answer: Answer| {
        let own = answer.data.remove("warnings");
        let own = own.and_then(|own| own.as_array().cloned()).unwrap_or_default();
        let all: Vec<Value> = warnings.into_iter().map(Value::from).chain(own).collect();
        answer.with("warnings", all)
    };
    match judged {
        Ok(answer) => Ok(warned(answer)),
        Err(ended) => Err(Box::new(warned(*ended))),
    }
}

/// Each path with its own receipt; the whole is as good as the worst.
fn several(standard: &Standard<'_>, printer: &Printer) -> Result<Answer, Ended> {
    let mut worst = Exit::Done;
    let mut proven = 0;
    let mut documents = Vec::new();
    for path in &standard.command.paths {
        let answer = one(standard, path, printer).unwrap_or_else(|ended| *ended);
        if printer.is_json() {
            documents.push(answer.to_json())
        } else {
            printer.answer(&answer)
        }
        match answer.exit {
            Exit::Done => proven += 1,
            // What is disproven weighs more than what could not be judged.
            exit if worst == Exit::Done || exit == Exit::Disproven => worst = exit,
            _ => {}
        }
    }
    let count = standard.command.paths.len();
    let verdict = match worst {
        Exit::Done => "PROVEN",
        Exit::Disproven => "DISPROVEN",
        _ => "NOT PROVABLE",
    };
    let answer = Answer::new(worst, verdict, format!("{proven} of {count} are proven."));
    Ok(if printer.is_json() {
        answer.with("paths", Value::Array(documents))
    } else {
        answer
    })
}

fn one(standard: &Standard<'_>, path: &Path, printer: &Printer) -> Result<Answer, Ended> {
    let missing = |error: std::io::Error| {
        Box::new(Answer::new(
            Exit::Missing,
            "MISSING",
            format!("{} cannot be read: {error}.", path.display()),
        ))
    };
    let metadata = path.symlink_metadata().map_err(missing)?;
    if receipt_file::is_receipt(path) && standard.command.receipt.is_none() {
        return judge::receipt(standard, path);
    }
    let receipt: PathBuf = match &standard.command.receipt {
        Some(receipt) => receipt.clone(),
        None => receipt_file::beside(path),
    };
    if metadata.is_dir() {
        judge::folder(standard, path, &receipt, printer)
    } else {
        judge::file(standard, path, &receipt, printer)
    }
}
