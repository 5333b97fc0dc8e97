//! `trialseal bundle`: everything about a register in one folder that opens without a network.

mod contents;
mod gather;
mod guide;

use std::fs;
use std::path::Path;

use serde_json::json;
use trialseal::core::hash::sha256;
use trialseal::core::time::Instant;
use trialseal::durable::{self, Access};
use trialseal::now;

use super::files::{BUNDLE, BUNDLE_FORMAT};
use crate::args::Bundle;
use crate::config;
use crate::errors::Ended;
use crate::outcome::{Answer, Exit, Printer, count};
use gather::Gathered;

/// A file of the bundle: its path below the folder, and its bytes.
type File = (String, Vec<u8>);

pub(crate) fn run(command: &Bundle, config: Option<&Path>, printer: &Printer) -> Result<Answer, Ended> {
    check_folder(&command.out)?;
    let gathered = gather::gather(command, config, printer)?;
    let trust = config::read_trust(&gathered.trust)?;
    let at = command.at.unwrap_or_else(now);
    let written = contents::of(&gathered, &trust, at)?;
    write(&command.out, &gathered, &written.files, now())?;
    Ok(answer(command, &gathered, &written))
}

fn answer(command: &Bundle, gathered: &Gathered, written: &contents::Contents) -> Answer {
    let out = command.out.display();
    let records = count(gathered.receipts.len(), "record");
    let what = format!(
        "{out}: {records} of {}. Open {out}/index.html.",
        gathered.register
    );
    let answer = if !written.refused.is_empty() {
        let answer = Answer::new(
            Exit::Disproven,
            "REFUSED",
            format!("Not everything verifies. {what}"),
        );
        written.refused.iter().take(8).fold(answer, |answer, one| {
            answer.because(format!("{}: {}", one.name, one.sentence))
        })
    } else if written.complete.to.is_none() {
        Answer::new(
            Exit::Pending,
            "PENDING",
            format!("{what} It is not known to be complete."),
        )
        .next(
            "Make it again when the notary has stated the register; it does so daily, and when it is asked.",
        )
    } else {
        Answer::new(Exit::Done, "SAVED", what)
    };
    answer
        .because(written.complete.sentence())
        .with("out", command.out.display().to_string())
        .with("register", gathered.register.to_string())
        .with("records", gathered.receipts.len())
        .with("complete_to", written.complete.to)
        .with("files", written.files.len())
}

/// The folder has to be new or empty: a bundle is never mixed with another.
fn check_folder(folder: &Path) -> Result<(), Ended> {
    let failed = |problem: String| {
        let sentence = format!("{} {problem}. Nothing was written.", folder.display());
        Box::new(Answer::new(Exit::CannotWrite, "NOT WRITTEN", sentence))
    };
    fs::create_dir_all(folder).map_err(|error| failed(format!("cannot be made: {error}")))?;
    let mut entries = fs::read_dir(folder).map_err(|error| failed(format!("cannot be read: {error}")))?;
    match entries.next() {
        Some(_) => Err(failed("is not empty".to_owned())),
        None => Ok(()),
    }
}

/// Writes the files, and last the list of them: a bundle without its list is not whole.
fn write(folder: &Path, gathered: &Gathered, files: &[File], at: Instant) -> Result<(), Ended> {
    let mut listed = serde_json::Map::new();
    for (name, bytes) in files {
        put(&folder.join(name), bytes)?;
        listed.insert(name.clone(), json!(sha256(bytes).to_hex()));
    }
    let list = json!({
        "format": BUNDLE_FORMAT,
        "register": gathered.register.to_string(),
        "made_at": at.to_string(),
        "files": listed,
    });
    put(&folder.join(BUNDLE), format!("{list:#}\n").as_bytes())
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), Ended> {
    let failed = |error: std::io::Error| crate::errors::cannot_write_output(path, &error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    durable::replace(path, bytes, Access::Default).map_err(failed)
}
