//! Sending what is pending, and saving the receipts.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trialseal::core::checkpoint::Origin;
use trialseal::core::receipt::Receipt;
use trialseal::{
    Client, ClientError, Level, Outgoing, Pending, PendingFolder, Recorded, Submission, Wait, now,
};

use super::{Manner, Waiting};
use crate::commands::evidence::{self, State};
use crate::commands::{block_on, receipt_file};
use crate::config::Config;
use crate::errors::{self, Ended};
use crate::outcome::{Answer, Exit, Printer, count};

/// Seconds to wait where only a question is asked.
pub(super) const CONNECT_S: u64 = 30;

/// A record whose receipt is saved.
struct Saved {
    recorded: Recorded,
    has_manifest: bool,
    path: PathBuf,
    state: State,
}

/// What became of one submission.
type Sent = (Pending, Result<Recorded, ClientError>);

/// Sends all, saves what was recorded, and says how it ended: the first error, should there be one.
pub(super) fn all(
    manner: Manner<'_>,
    config: &Config,
    waiting: Vec<Waiting>,
    folder: &PendingFolder,
    printer: &Printer,
) -> Result<Answer, Ended> {
    let several = waiting.len() > 1;
    let judged = !several || manner.level > Level::Sealed;
    let trust = config.trust()?;
    let mut saved = Vec::new();
    let mut ended: Option<Ended> = None;
    for (pending, result) in transmit(manner, config, waiting, folder, printer)? {
        let done = result.map_err(|error| failed(error, &pending, folder));
        match done.and_then(|recorded| Ok((save(&recorded, &pending, folder)?, recorded))) {
            Ok(((path, receipt), recorded)) => saved.push(Saved {
                state: if judged {
                    State::of(&receipt, &trust)
                } else {
                    State {
                        level: recorded.reached,
                        independent_time: None,
                    }
                },
                has_manifest: pending.submission.manifest().is_some(),
                recorded,
                path,
            }),
            Err(error) => ended = ended.or(Some(error)),
        }
    }
    if several {
        for one in &saved {
            let sentence = format!("record {}: {}", one.recorded.index.get(), one.path.display());
            printer.verdict(evidence::verdict(one.state.level), &sentence, Exit::Done);
        }
    }
    let records: Vec<Value> = saved.iter().map(record).collect();
    let Some(mut error) = ended else {
        return Ok(answer(manner.level, &saved, printer).with("records", records));
    };
    if several {
        let sentence = format!(
            "{} with a saved receipt {} on record.",
            count(saved.len(), "submission"),
            if saved.len() == 1 { "is" } else { "are" }
        );
        error.because.push(sentence);
    }
    Err(Box::new(error.with("records", records)))
}

/// Sends everything. What was signed for a log that has ended meanwhile is signed again for the next.
fn transmit(
    manner: Manner<'_>,
    config: &Config,
    waiting: Vec<Waiting>,
    folder: &PendingFolder,
    printer: &Printer,
) -> Result<Vec<Sent>, Ended> {
    let until = Instant::now() + Duration::from_secs(manner.deadline);
    let (mut pending, submissions): (Vec<Pending>, Vec<Submission>) = waiting
        .into_iter()
        .map(|one| (one.pending, one.submission))
        .unzip();
    block_on(async {
        let client = config.connect(manner.deadline).await.map_err(not_sent)?;
        let mut results = send(&client, &pending, manner.level, until).await;
        let next_of = |result: &Result<Recorded, ClientError>| {
            result.as_ref().err().and_then(|error| client.next_log(error))
        };
        let closed: Vec<(usize, Origin)> = results
            .iter()
            .enumerate()
            .filter_map(|(place, result)| Some((place, next_of(result)?)))
            .collect();
        if let Some((first, next)) = closed.first() {
            printer.message(&format!(
                "  CLOSED   The log has ended; it is signed again for {next}."
            ));
            let statement = submissions[*first].statement();
            let signatory = super::signatory(manner, config, &statement, closed.len(), printer)?;
            for (place, next) in &closed {
                let signed = submissions[*place].sign(&signatory, next, now());
                let signed = signed.map_err(errors::prepare)?;
                replace(&mut pending[*place], signed.into(), folder)?;
            }
            let again: Vec<Pending> = closed.iter().map(|(place, _)| pending[*place].clone()).collect();
            let resent = send(&client, &again, manner.level, until).await;
            for ((place, _), result) in closed.iter().zip(resent) {
                results[*place] = result;
            }
        }
        Ok(pending.into_iter().zip(results).collect())
    })
}

/// The new bytes are kept before the old ones are forgotten, of which nothing is on record.
fn replace(kept: &mut Pending, submission: Outgoing, folder: &PendingFolder) -> Result<(), Ended> {
    let old = kept.submission.idempotency_key();
    kept.submission = submission;
    folder.write(kept).map_err(errors::pending)?;
    if kept.submission.idempotency_key() != old {
        folder.remove(&old).map_err(errors::pending)?;
    }
    Ok(())
}

async fn send(
    client: &Client,
    waiting: &[Pending],
    level: Level,
    until: Instant,
) -> Vec<Result<Recorded, ClientError>> {
    let wait = || Wait {
        level,
        up_to: until.saturating_duration_since(Instant::now()),
    };
    if let [one] = waiting {
        return vec![client.submit_until(&one.submission, wait()).await];
    }
    let all: Vec<Outgoing> = waiting.iter().map(|one| one.submission.clone()).collect();
    let mut results = client.submit_many(all).await;
    // A stream seals; the level is fetched afterwards, and mostly there when the first has it.
    for recorded in results.iter_mut().flatten() {
        if recorded.reached >= level {
            continue;
        }
        match client.upgrade(&recorded.receipt, wait()).await {
            Ok(upgraded) => {
                recorded.receipt = upgraded.receipt;
                recorded.reached = upgraded.reached;
                recorded.shortfall = upgraded.shortfall;
            }
            // It is on record, whatever becomes of its evidence.
            Err(error) => recorded.shortfall = Some(error.to_string()),
        }
    }
    results
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
/// Returns where it was saved, and what.
fn save(recorded: &Recorded, pending: &Pending, folder: &PendingFolder) -> Result<(PathBuf, Receipt), Ended> {
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
    Ok((path, receipt))
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

fn answer(level: Level, saved: &[Saved], printer: &Printer) -> Answer {
    let lowest = saved.iter().min_by_key(|one| one.state.level);
    let reached = lowest.map_or(Level::Sealed, |one| one.state.level);
    let late = lowest.filter(|_| reached < level);
    if printer.is_json() {
        let sentence = format!("{} on record, with saved receipts.", saved.len());
        return match late {
            Some(one) => pending(level, saved, one),
            None => Answer::new(Exit::Done, evidence::verdict(reached), sentence),
        };
    }
    let [one] = saved else {
        return match late {
            Some(one) => pending(level, saved, one),
            None => {
                let receipts = count(saved.len(), "receipt");
                let keep = "Keep each with its file: without it nobody can check the file.";
                Answer::new(Exit::Done, "SAVED", format!("{receipts}. {keep}"))
            }
        };
    };
    let since = if one.recorded.repeated {
        " It was on record already."
    } else {
        ""
    };
    let (index, received_at) = (one.recorded.index.get(), one.recorded.received_at);
    let stated = one.state.sentence(&received_at.to_string());
    let sentence = format!("record {index}. {stated}{since}");
    printer.verdict(evidence::verdict(one.state.level), &sentence, Exit::Done);
    let keep = match one.has_manifest {
        true => "Keep it with the file: without it nobody can check the file.",
        false => "Keep it: it proves the record.",
    };
    let sentence = format!("{}. {keep}", one.path.display());
    match late {
        Some(late) => {
            printer.verdict("SAVED", &sentence, Exit::Done);
            pending(level, saved, late)
        }
        None => Answer::new(Exit::Done, "SAVED", sentence),
    }
}

/// Everything is on record and saved, but not everything has the level.
fn pending(level: Level, saved: &[Saved], late: &Saved) -> Answer {
    let open = saved.iter().filter(|one| one.state.level < level).count();
    let what = match saved {
        [one] => format!("Record {}", one.recorded.index.get()),
        _ => format!("{open} of {}", count(saved.len(), "record")),
    };
    let path = match saved {
        [one] => one.path.display().to_string(),
        _ => "FOLDER".to_owned(),
    };
    let why = late.recorded.shortfall.as_deref();
    evidence::pending(&what, late.state.level, level, why, &path)
}

fn record(saved: &Saved) -> Value {
    let recorded = &saved.recorded;
    json!({
        "index": recorded.index.get(),
        "record": recorded.record.to_hex(),
        "sequence": recorded.sequence.get(),
        "received_at": recorded.received_at.to_millis_string(),
        "repeated": recorded.repeated,
        "level": saved.state.level.as_str(),
        "receipt": saved.path.display().to_string(),
    })
}
