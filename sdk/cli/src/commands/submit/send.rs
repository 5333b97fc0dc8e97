//! Sending what is pending, and saving the receipts.

use serde_json::{Value, json};
use trialseal::{ClientError, Outgoing, Pending, PendingFolder, Recorded};

use crate::args::Submit;
use crate::commands::{block_on, receipt_file};
use crate::config::Config;
use crate::errors::{self, Ended};
use crate::outcome::{Answer, Exit, Printer};

/// Seconds to wait where only a question is asked.
pub(super) const CONNECT_S: u64 = 30;

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
        match result
            .map_err(|error| failed(error, pending, folder))
            .and_then(|one| save(&one, pending, folder).map(|()| one))
        {
            Ok(recorded) => {
                if waiting.len() > 1 {
                    printer.verdict(
                        "SEALED",
                        &format!("record {}: {}", recorded.index.get(), pending.receipt.display()),
                        Exit::Done,
                    );
                }
                saved.push((recorded, pending));
            }
            Err(error) => ended = ended.or(Some(error)),
        }
    }
    let records: Vec<Value> = saved
        .iter()
        .map(|(recorded, pending)| record(recorded, pending))
        .collect();
    if let Some(mut error) = ended {
        if waiting.len() > 1 {
            error.because.push(format!(
                "{} of {} are on record with a saved receipt.",
                saved.len(),
                waiting.len()
            ));
        }
        return Err(Box::new(error.with("records", records)));
    }
    Ok(answer(&saved, printer).with("records", records))
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
        answer.next = Some(
            "Run the same command again: it sends the same bytes and cannot be recorded twice.".to_owned(),
        );
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
fn save(recorded: &Recorded, pending: &Pending, folder: &PendingFolder) -> Result<(), Ended> {
    receipt_file::save(&pending.receipt, &recorded.receipt).map_err(|error| {
        let sentence = format!(
            "Record {} is on record, but its receipt cannot be written to {}: {error}.",
            recorded.index.get(),
            pending.receipt.display()
        );
        Box::new(
            Answer::new(Exit::CannotWrite, "NOT SAVED", sentence)
                .next("Make the place writable and run the same command again: it fetches the receipt."),
        )
    })?;
    folder
        .remove(&pending.submission.idempotency_key())
        .map_err(errors::pending)
}

fn answer(saved: &[(Recorded, &Pending)], printer: &Printer) -> Answer {
    if let [(recorded, pending)] = saved {
        let since = if recorded.repeated {
            " It was on record already."
        } else {
            ""
        };
        let sealed = format!(
            "record {}. The notary states {} by its own clock; independent time pending.{since}",
            recorded.index.get(),
            recorded.received_at
        );
        printer.verdict("SEALED", &sealed, Exit::Done);
        let keep = if pending.submission.manifest().is_some() {
            "Keep it with the file: without it nobody can check the file."
        } else {
            "Keep it: it proves the record."
        };
        return Answer::new(
            Exit::Done,
            "SAVED",
            format!("{}. {keep}", pending.receipt.display()),
        );
    }
    let sentence = format!(
        "{} receipts. Keep each with its file: without it nobody can check the file.",
        saved.len()
    );
    Answer::new(Exit::Done, "SAVED", sentence)
}

fn record(recorded: &Recorded, pending: &Pending) -> Value {
    json!({
        "index": recorded.index.get(),
        "record": recorded.record.to_hex(),
        "sequence": recorded.sequence.get(),
        "received_at": recorded.received_at.to_millis_string(),
        "repeated": recorded.repeated,
        "receipt": pending.receipt.display().to_string(),
    })
}
