//! Sending what is pending, and saving the receipts.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trialseal::core::receipt::Receipt;
use trialseal::{ClientError, Outgoing, Pending, PendingFolder, Recorded};

use crate::args::Submit;
use crate::commands::{block_on, receipt_file};
use crate::config::Config;
use crate::errors::{self, Ended};
use crate::outcome::{Answer, Exit, Printer};

/// Seconds to wait where only a question is asked.
pub(super) const CONNECT_S: u64 = 30;

/// A record whose receipt is saved.
struct Saved<'a> {
    recorded: Recorded,
    pending: &'a Pending,
    path: PathBuf,
}

/// Sends all, saves what was recorded, and says how it ended: the first error, should there be one.
pub(super) fn all(
    command: &Submit,
    config: &Config,
    waiting: Vec<Pending>,
    folder: &PendingFolder,
    printer: &Printer,
) -> Result<Answer, Ended> {
    let results = transmit(command.deadline, config, &waiting)?;
    let mut saved = Vec::new();
    let mut ended: Option<Ended> = None;
    for (pending, result) in waiting.iter().zip(results) {
        let done = result.map_err(|error| failed(error, pending, folder));
        match done.and_then(|recorded| Ok((save(&recorded, pending, folder)?, recorded))) {
            Ok((path, recorded)) => saved.push(Saved {
                recorded,
                pending,
                path,
            }),
            Err(error) => ended = ended.or(Some(error)),
        }
    }
    if waiting.len() > 1 {
        for one in &saved {
            let sentence = format!("record {}: {}", one.recorded.index.get(), one.path.display());
            printer.verdict("SEALED", &sentence, Exit::Done);
        }
    }
    let records: Vec<Value> = saved.iter().map(record).collect();
    let Some(mut error) = ended else {
        return Ok(answer(&saved, printer).with("records", records));
    };
    if waiting.len() > 1 {
        let sentence = format!(
            "{} of {} are on record with a saved receipt.",
            saved.len(),
            waiting.len()
        );
        error.because.push(sentence);
    }
    Err(Box::new(error.with("records", records)))
}

fn transmit(
    deadline: u64,
    config: &Config,
    waiting: &[Pending],
) -> Result<Vec<Result<Recorded, ClientError>>, Ended> {
    block_on(async {
        let client = config.connect(deadline).await.map_err(not_sent)?;
        match waiting {
            [one] => Ok(vec![client.submit(&one.submission).await]),
            many => Ok(client
                .submit_many(
                    many.iter()
                        .map(|one| one.submission.clone())
                        .collect::<Vec<Outgoing>>(),
                )
                .await),
        }
    })
}

/// Nobody answered before anything was sent.
fn not_sent(mut answer: Ended) -> Ended {
    if answer.verdict == "NO ANSWER" {
        answer.verdict = "NOT SENT";
        answer.sentence.push_str(" Nothing is on record.");
        answer.next = Some(errors::AGAIN.to_owned());
    }
    answer
}

/// What was refused for good is forgotten; everything else stays to be sent again.
fn failed(error: ClientError, pending: &Pending, folder: &PendingFolder) -> Ended {
    if matches!(error, ClientError::Invalid { .. } | ClientError::Conflict { .. }) {
        let key = pending.submission.idempotency_key();
        if let Err(error) = folder.remove(&key) {
            return errors::pending(error);
        }
    }
    let expired = matches!(error, ClientError::Expired { .. });
    let mut answer = errors::client(error);
    if expired {
        let file = folder
            .path()
            .join(format!("{}.json", pending.submission.idempotency_key()));
        answer.because.push(format!(
            "It is kept in {}; remove that file to submit anew.",
            file.display()
        ));
    }
    answer
}

/// Saves the receipt, then forgets what was pending: in this order, so that nothing is lost.
/// Returns where it was saved.
fn save(recorded: &Recorded, pending: &Pending, folder: &PendingFolder) -> Result<PathBuf, Ended> {
    let index = recorded.index.get();
    let (path, receipt) = merged(recorded, &pending.receipt);
    receipt_file::save(&path, &receipt).map_err(|error| {
        let place = path.display();
        let sentence =
            format!("Record {index} is on record, but its receipt cannot be written to {place}: {error}.");
        let next = "Make the place writable and run the same command again: it fetches the receipt.";
        Box::new(Answer::new(Exit::CannotWrite, "NOT SAVED", sentence).next(next))
    })?;
    folder
        .remove(&pending.submission.idempotency_key())
        .map_err(errors::pending)?;
    Ok(path)
}

/// A receipt of the same record that is there keeps its evidence; one of another record keeps
/// its place, and the new one goes beside it.
fn merged(recorded: &Recorded, path: &Path) -> (PathBuf, Receipt) {
    let fresh = recorded.receipt.clone();
    if !path.exists() {
        return (path.to_owned(), fresh);
    }
    match receipt_file::read(path) {
        Ok(mut own) if own.record().leaves() == fresh.record().leaves() && own.manifest().is_some() => {
            for element in fresh.evidence() {
                own.append_evidence(element.clone());
            }
            (path.to_owned(), own)
        }
        Ok(own) if own.record().leaves() == fresh.record().leaves() => (path.to_owned(), fresh),
        _ => {
            let name = path.to_string_lossy();
            let stem = name.strip_suffix(receipt_file::ENDING).unwrap_or(&name);
            let index = recorded.index.get();
            (
                PathBuf::from(format!("{stem}.record-{index}{}", receipt_file::ENDING)),
                fresh,
            )
        }
    }
}

fn answer(saved: &[Saved<'_>], printer: &Printer) -> Answer {
    if printer.is_json() {
        return Answer::new(
            Exit::Done,
            "SEALED",
            format!("{} on record, with saved receipts.", saved.len()),
        );
    }
    let [
        Saved {
            recorded,
            pending,
            path,
        },
    ] = saved
    else {
        let count = saved.len();
        let sentence =
            format!("{count} receipts. Keep each with its file: without it nobody can check the file.");
        return Answer::new(Exit::Done, "SAVED", sentence);
    };
    let since = if recorded.repeated {
        " It was on record already."
    } else {
        ""
    };
    let (index, received_at) = (recorded.index.get(), recorded.received_at);
    let sealed = format!(
        "record {index}. The notary states {received_at} by its own clock; independent time pending.{since}"
    );
    printer.verdict("SEALED", &sealed, Exit::Done);
    let keep = match pending.submission.manifest() {
        Some(_) => "Keep it with the file: without it nobody can check the file.",
        None => "Keep it: it proves the record.",
    };
    Answer::new(Exit::Done, "SAVED", format!("{}. {keep}", path.display()))
}

fn record(saved: &Saved<'_>) -> Value {
    let recorded = &saved.recorded;
    json!({
        "index": recorded.index.get(),
        "record": recorded.record.to_hex(),
        "sequence": recorded.sequence.get(),
        "received_at": recorded.received_at.to_millis_string(),
        "repeated": recorded.repeated,
        "receipt": saved.path.display().to_string(),
    })
}
