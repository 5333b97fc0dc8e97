//! `trialseal countersign` and `trialseal decline`: the record is verified and shown before anyone signs.

use std::path::{Path, PathBuf};

use trialseal::core::verify::{FileQuery, FileVerdict, Outcome, verify};
use trialseal::{Submission, now, records};

use super::records::{Chosen, choose};
use super::{block_on, receipt_file, roles, submit};
use crate::args::{Countersign, Decline, RecordChoice, Signing};
use crate::config::{Config, Place};
use crate::errors::{Ended, bad_input};
use crate::outcome::{Answer, Exit, Printer};
use crate::progress;

/// Seconds to wait for the notary to answer at all.
const CONNECT_S: u64 = 30;

pub(crate) fn run(command: &Countersign, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    let chosen = fetch(&command.choice, &config)?;
    chosen.show(printer);
    if let Some(file) = &command.file {
        compare(&chosen, file, &config, printer)?;
    }
    let answer = act(
        &config,
        &chosen,
        "countersigned",
        records::countersign(&chosen.target),
        &command.signing,
        printer,
    )?;
    let target = &chosen.target;
    let needs = roles::still_needs(&config, &target.register, &target.record);
    Ok(roles::with_needs(
        answer,
        &format!("Record {}", target.index.get()),
        needs,
    ))
}

pub(crate) fn decline(command: &Decline, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    if command.signing.reason.is_none() {
        return Err(bad_input("Say why you decline: --reason."));
    }
    let chosen = fetch(&command.choice, &config)?;
    chosen.show(printer);
    act(
        &config,
        &chosen,
        "declined",
        records::decline(&chosen.target),
        &command.signing,
        printer,
    )
}

fn fetch(choice: &RecordChoice, config: &Config) -> Result<Chosen, Ended> {
    let chosen = block_on(async {
        let client = config.connect(CONNECT_S).await?;
        choose(choice, &client).await
    })?;
    if chosen.receipt.record().what.shown().is_none() {
        let index = chosen.target.index.get();
        let sentence = format!("You may not see what record {index} says, so you cannot sign it.");
        return Err(Box::new(Answer::new(Exit::NotAllowed, "NOT ALLOWED", sentence)));
    }
    Ok(chosen)
}

fn act(
    config: &Config,
    chosen: &Chosen,
    event: &str,
    submission: Submission,
    signing: &Signing,
    printer: &Printer,
) -> Result<Answer, Ended> {
    let name = format!(
        "record-{}-{event}{}",
        chosen.target.index.get(),
        receipt_file::ENDING
    );
    let act = submit::Act {
        submission,
        receipt: PathBuf::from(name),
    };
    submit::act(config, act, signing, printer)
}

/// The file has to be that of the record: by its own receipt, which opens the record.
fn compare(chosen: &Chosen, file: &Path, config: &Config, printer: &Printer) -> Result<(), Ended> {
    let path = receipt_file::beside(file);
    let bytes = receipt_file::read_bytes(&path)?;
    let to_hash = trialseal::FileToHash::single(file).map_err(crate::errors::hashing)?;
    let hashed = progress::hash(&[to_hash], printer.is_json())?;
    let hashed = hashed
        .into_iter()
        .next()
        .ok_or_else(|| bad_input("The file cannot be hashed."))?;
    let query = FileQuery::One {
        item: None,
        name: hashed.path.to_string(),
        digests: hashed.digests,
    };
    let report = verify(&bytes, &config.trust()?.with_drafts_allowed(), now(), &query);
    let same = report.record == Some(chosen.target.record);
    let matches = report.file == Some(FileVerdict::Match) && report.outcome != Outcome::Failed;
    if same && matches {
        printer.message(&format!(
            "    MATCH        {} is the file of this record.",
            file.display()
        ));
        return Ok(());
    }
    let (index, file) = (chosen.target.index.get(), file.display());
    let sentence = match same {
        true => format!("{file} is not the file of record {index}. Nothing was signed."),
        false => format!(
            "{} is the receipt of another record than {index}. Nothing was signed.",
            path.display()
        ),
    };
    let answer = Answer::new(Exit::Disproven, "ALTERED", sentence);
    Err(Box::new(match report.first_failure() {
        Some(failure) => answer.because(failure.sentence.clone()),
        None => answer,
    }))
}
