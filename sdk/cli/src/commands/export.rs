//! `trialseal export`: a receipt's evidence in the formats of other tools. Opens no socket.

mod bundle;
mod element;
mod guide;

use std::fs;
use std::path::Path;

use trialseal::core::receipt::Receipt;
use trialseal::core::trust::Trust;
use trialseal::core::verify::{FileQuery, Outcome, verify};
use trialseal::durable::{self, Access};
use trialseal::now;

use super::receipt_file;
use crate::args::{Export, ExportFormat};
use crate::config;
use crate::errors::Ended;
use crate::outcome::{Answer, Exit, Printer};
use element::Chosen;

/// What is exported from.
struct Source {
    receipt: Receipt,
    /// The file's exact bytes.
    bytes: Vec<u8>,
    trust: Option<TrustFile>,
}

/// A trust file and its exact text.
struct TrustFile {
    text: String,
    trust: Trust,
}

pub(crate) fn run(command: &Export, printer: &Printer) -> Result<Answer, Ended> {
    let bytes = receipt_file::read_bytes(&command.receipt)?;
    let trust = command.trust.as_deref().map(trust_file).transpose()?;
    let source = Source {
        receipt: receipt_file::read(&command.receipt)?,
        bytes,
        trust,
    };
    if let Some(file) = &source.trust {
        check(&source, &file.trust, &command.receipt)?;
    }
    let chosen = Chosen::of(&source.receipt, command)?;
    let (what, contents) = match command.format {
        ExportFormat::TlogProof => ("the C2SP proof", chosen.element.proof.clone().into_bytes()),
        ExportFormat::Tst => ("the timestamp token", chosen.token()),
        ExportFormat::Cose => {
            printer.message("  NOTE     A COSE receipt is signed with Ed25519 only.");
            ("the COSE receipt", chosen.cose()?)
        }
        ExportFormat::Bundle => return bundle::write(&source, &chosen, &command.out),
    };
    create(&command.out, &contents)?;
    let sentence = format!(
        "{}: {what} of record {}, evidence element {}.",
        command.out.display(),
        chosen.proof.index.get(),
        chosen.number
    );
    let answer = Answer::new(Exit::Done, "EXPORTED", sentence);
    let answer = match (command.format, chosen.stamped()) {
        (ExportFormat::Tst, Some(stamped)) => answer.because(format!(
            "It covers SHA-256 {}: the checkpoint and the log's two signature lines, which a bundle holds.",
            trialseal::core::hash::sha256(&stamped).to_hex()
        )),
        _ => answer,
    };
    Ok(answer
        .with("out", command.out.display().to_string())
        .with("element", chosen.number))
}

fn trust_file(path: &Path) -> Result<TrustFile, Ended> {
    let trust = config::read_trust(path)?;
    let text = fs::read_to_string(path).map_err(|error| {
        let sentence = format!("The trust file {}: {error}.", path.display());
        Box::new(Answer::new(Exit::Configuration, "CONFIGURATION", sentence))
    })?;
    Ok(TrustFile { text, trust })
}

/// Nothing is exported from a receipt that this trust file refuses.
fn check(source: &Source, trust: &Trust, path: &Path) -> Result<(), Ended> {
    let report = verify(
        &source.bytes,
        &trust.with_drafts_allowed(),
        now(),
        &FileQuery::None,
    );
    let Some(failure) = report
        .first_failure()
        .filter(|_| report.outcome == Outcome::Failed)
    else {
        return Ok(());
    };
    let sentence = format!("{} does not verify; nothing was exported.", path.display());
    let answer = Answer::new(Exit::Disproven, "REFUSED", sentence);
    Err(Box::new(
        answer.because(format!("{}: {}", failure.step, failure.sentence)),
    ))
}

/// Writes a new file; one that is there is left alone.
fn create(path: &Path, contents: &[u8]) -> Result<(), Ended> {
    let failed = |problem: String| {
        let sentence = format!("{} {problem}. Nothing was written.", path.display());
        Box::new(Answer::new(Exit::CannotWrite, "NOT EXPORTED", sentence))
    };
    if path.symlink_metadata().is_ok() {
        return Err(failed("is there already and is not written over".to_owned()));
    }
    durable::replace(path, contents, Access::Default)
        .map_err(|error| failed(format!("cannot be written: {error}")))
}
