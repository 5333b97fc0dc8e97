//! Errors of the SDK in words that say what happened and what to do.

use std::path::Path;
use std::time::Duration;

use trialseal::core::hash::RecordId;
use trialseal::core::index::LogIndex;
use trialseal::{ClientError, HashError, KeyError, MirrorError, PendingError, PrepareError};

use crate::outcome::{Answer, Exit};

pub(crate) const AGAIN: &str =
    "Run the same command again: it sends the same bytes and cannot be recorded twice.";

/// An answer that ends a command.
pub(crate) type Ended = Box<Answer>;

pub(crate) fn client(error: ClientError) -> Ended {
    Box::new(match error {
        ClientError::NotSent {
            endpoint,
            tries,
            waited,
            cause,
        } => {
            let sentence = format!("{} Nothing is on record.", silence(&endpoint, tries, waited));
            Answer::new(Exit::RetryIsSafe, "NOT SENT", sentence)
                .because(cause)
                .next(AGAIN)
        }
        ClientError::OutcomeUnknown { cause } => Answer::new(
            Exit::RetryIsSafe,
            "OUTCOME UNKNOWN",
            "The connection broke after sending.",
        )
        .because(cause)
        .next("Run the same command again to learn the outcome."),
        ClientError::NotAllowed { reason, message } => Answer::new(
            Exit::NotAllowed,
            "NOT ALLOWED",
            format!("{} Nothing is on record.", sentence(&message)),
        )
        .next("Ask the administrator of your organisation.")
        .with("reason", reason),
        ClientError::Conflict { index, record, .. } => conflict(index, record),
        ClientError::Invalid { violations, message } => {
            let answer = Answer::new(
                Exit::BadInput,
                "REFUSED",
                format!("{} Nothing is on record.", sentence(&message)),
            );
            violations
                .iter()
                .fold(answer, |answer, one| answer.because(one.to_string()))
        }
        ClientError::Expired { message } => Answer::new(Exit::BadInput, "REFUSED", sentence(&message))
            .next("Look with `trialseal list` whether it is on record; if not, submit it anew."),
        ClientError::RetryLater { reason, message, .. } => {
            let words = format!("{} Nothing is on record.", sentence(&message));
            Answer::new(Exit::RetryIsSafe, "NOT SENT", words)
                .next(AGAIN)
                .with("reason", reason)
        }
        ClientError::NoAnswer {
            endpoint,
            tries,
            waited,
            cause,
        } => Answer::new(Exit::RetryIsSafe, "NO ANSWER", silence(&endpoint, tries, waited))
            .because(cause)
            .next("Try again later."),
        ClientError::NotFound { message } => Answer::new(Exit::NotProvable, "UNKNOWN", sentence(&message)),
        ClientError::LogClosed { next, message } => {
            let answer = Answer::new(
                Exit::Configuration,
                "LOG CLOSED",
                format!("{} Nothing is on record.", sentence(&message)),
            );
            let next_origin = next.map(|next| next.to_string());
            match &next_origin {
                Some(next) => answer.next(format!(
                    "The trust file has to name the log {next}: ask the notary's operator for the new one, and compare its keys."
                )),
                None => answer,
            }
            .with("next_origin", next_origin)
        }
        ClientError::Untrusted { problem } => Answer::new(
            Exit::Disproven,
            "REFUSED",
            "What the notary answered does not verify.",
        )
        .because(problem)
        .next("Check the trust file. If it is right, keep everything and tell the operator of the notary."),
        ClientError::Setup(error) => configuration(error.to_string()),
    })
}

/// The same for a call that records nothing.
pub(crate) fn client_without_a_record(error: ClientError) -> Ended {
    let mut answer = client(error);
    answer.sentence = answer.sentence.replace(" Nothing is on record.", "");
    answer
}

/// Why a mirror gave no evidence. Nothing was changed.
pub(crate) fn mirror(error: MirrorError) -> Ended {
    let said = sentence(&error.to_string());
    Box::new(match error {
        MirrorError::Setup(_) | MirrorError::UnknownLog(_) => configuration(said),
        MirrorError::Http(_) => Answer::new(Exit::RetryIsSafe, "NO ANSWER", said),
        MirrorError::Behind { .. } => Answer::new(Exit::Pending, "PENDING", said),
        MirrorError::OtherLog { .. } | MirrorError::Receipt(_) | MirrorError::TooLarge(_) => {
            Answer::new(Exit::BadInput, "BAD INPUT", said)
        }
        MirrorError::Note(_)
        | MirrorError::Checkpoint(_)
        | MirrorError::Tile(_)
        | MirrorError::Proof(_)
        | MirrorError::TooManyTiles => Answer::new(Exit::Disproven, "REFUSED", said)
            .because("What the mirror serves does not verify; the receipt is as it was."),
    })
}

fn conflict(index: Option<LogIndex>, record: Option<RecordId>) -> Answer {
    let place = index.map_or_else(
        || "another record".to_owned(),
        |index| format!("record {}", index.get()),
    );
    let sentence = format!("This idempotency key is already {place} with other content.");
    Answer::new(Exit::BadInput, "REFUSED", sentence)
        .next("Use a new idempotency key.")
        .with("index", index.map(|index| index.get()))
        .with("record", record.map(|record| record.to_hex()))
}

fn silence(endpoint: &str, tries: u32, waited: Duration) -> String {
    let host = endpoint.split("://").last().unwrap_or(endpoint);
    match tries {
        0 => format!("{host} did not answer."),
        1 => format!("{host} did not answer for {} s (1 try).", waited.as_secs()),
        _ => format!(
            "{host} did not answer for {} s ({tries} tries).",
            waited.as_secs()
        ),
    }
}

/// The same where an earlier run sent these bytes and never learned what became of them.
pub(crate) fn after_an_earlier_run(mut answer: Ended) -> Ended {
    let certain = "Nothing is on record.";
    if answer.sentence.contains(certain) {
        answer.sentence = answer
            .sentence
            .replace(certain, "An earlier run may have put it on record.");
        if answer.verdict == "NOT SENT" {
            answer.verdict = "OUTCOME UNKNOWN";
        }
    }
    answer
}

pub(crate) fn configuration(problem: impl Into<String>) -> Answer {
    Answer::new(Exit::Configuration, "CONFIGURATION", problem.into())
}

pub(crate) fn bad_input(problem: impl Into<String>) -> Ended {
    Box::new(Answer::new(Exit::BadInput, "BAD INPUT", problem.into()))
}

pub(crate) fn hashing(error: HashError) -> Ended {
    let exit = match error {
        HashError::Missing { .. } | HashError::Read { .. } => Exit::Missing,
        HashError::NotAFile { .. } | HashError::Name { .. } => Exit::BadInput,
    };
    let verdict = if exit == Exit::Missing {
        "MISSING"
    } else {
        "BAD INPUT"
    };
    Box::new(Answer::new(exit, verdict, sentence(&error.to_string())))
}

pub(crate) fn key(error: KeyError) -> Ended {
    Box::new(match error {
        KeyError::File { .. } | KeyError::Exists { .. } => {
            Answer::new(Exit::CannotWrite, "NO KEY", sentence(&error.to_string()))
        }
        _ => configuration(sentence(&error.to_string())),
    })
}

/// A key that cannot be loaded is a matter of configuration, a missing file too.
pub(crate) fn key_to_load(error: KeyError) -> Ended {
    Box::new(configuration(sentence(&error.to_string())))
}

pub(crate) fn prepare(error: PrepareError) -> Ended {
    match error {
        PrepareError::Form(violations) => {
            let answer = Answer::new(Exit::BadInput, "BAD INPUT", "The fields do not make a record.");
            Box::new(
                violations
                    .iter()
                    .fold(answer, |answer, one| answer.because(one.to_string())),
            )
        }
        other => bad_input(sentence(&other.to_string())),
    }
}

pub(crate) fn pending(error: PendingError) -> Ended {
    Box::new(Answer::new(
        Exit::CannotWrite,
        "NOT SENT",
        sentence(&error.to_string()),
    ))
}

pub(crate) fn cannot_write(path: &Path, error: &std::io::Error) -> Ended {
    Box::new(Answer::new(
        Exit::CannotWrite,
        "NOT SENT",
        format!(
            "The receipt cannot be written to {}: {error}. Nothing was sent.",
            path.display()
        ),
    ))
}

/// A file that a command writes beside its answer.
pub(crate) fn cannot_write_output(path: &Path, error: &std::io::Error) -> Ended {
    let sentence = format!("{} cannot be written: {error}.", path.display());
    Box::new(Answer::new(Exit::CannotWrite, "NOT WRITTEN", sentence))
}

/// Starts with a capital letter and ends with a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut text = text.trim().to_owned();
    // A path or a code keeps its spelling.
    let first_word = text.split([' ', ':']).next().unwrap_or_default();
    if first_word.chars().all(|letter| letter.is_ascii_lowercase())
        && let Some(first) = text.get_mut(0..1)
    {
        first.make_ascii_uppercase();
    }
    if !text.ends_with(['.', '!', '?']) && !text.is_empty() {
        text.push('.');
    }
    text
}
