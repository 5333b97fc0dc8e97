//! The step `submission`: who signed what, or that nobody did.

use crate::json::Object;
use crate::note::{KeyType, VerifierKey};
use crate::receipt::ReceiptSubmission;
use crate::submission::{self, SubmissionText};

use super::report::{Judgement, Step, Steps};
use super::{Subject, loose};

pub(super) fn check(subject: &Subject<'_>, steps: &mut Steps) {
    let judged = judge(subject).unwrap_or_else(Judgement::failed);
    steps.add(Step::Submission, judged.result, judged.sentence);
}

/// An error is the sentence of a failure.
fn judge(subject: &Subject<'_>) -> Result<Judgement, String> {
    let on_record = loose::maybe_hash("when", &subject.parts.when, "submission")?;
    let (submission, on_record) = match (subject.receipt.submission(), on_record) {
        (None, None) => return judge_draft(subject),
        (None, Some(_)) => {
            return Err("The record was signed, and the submission note is missing.".to_owned());
        }
        (Some(_), None) => return Err("A submission is given for a record that was a draft.".to_owned()),
        (Some(submission), Some(on_record)) => (submission, on_record),
    };
    match submission {
        ReceiptSubmission::Withheld(digest) if *digest == on_record => Ok(Judgement::not_checked(
            "The submission note is withheld; its hash is the one on record, who signed is not shown.",
        )),
        ReceiptSubmission::Note(note) if submission::digest(note) == on_record => judge_note(subject, note),
        ReceiptSubmission::Withheld(_) | ReceiptSubmission::Note(_) => {
            Err("The submission is not the one that is on record.".to_owned())
        }
    }
}

fn judge_draft(subject: &Subject<'_>) -> Result<Judgement, String> {
    if let Some(who) = &subject.parts.who {
        let organization = loose::text("who", who, "organization")?;
        let member = loose::text("who", who, "member")?;
        if who.len() != 2 {
            return Err(
                "The record is a draft, and who says more than the organisation and the member.".to_owned(),
            );
        }
        if subject.verifier.trust.allow_drafts() {
            return Ok(Judgement::passed(format!(
                "Recorded through the access of {organization}/{member}; not signed."
            )));
        }
    }
    if subject.verifier.trust.allow_drafts() {
        return Ok(Judgement::passed(
            "Recorded through an account's access; not signed.",
        ));
    }
    Err("The record is a draft that nobody signed, and the trust file does not allow drafts.".to_owned())
}

fn judge_note(subject: &Subject<'_>, note: &str) -> Result<Judgement, String> {
    let Some(who) = &subject.parts.who else {
        // The step parse refuses a note beside a withheld `who`.
        return Err("The submission note is shown although who is withheld.".to_owned());
    };
    let (name, key) = signer(who)?;
    let verified = submission::verify(note, &key).map_err(|error| format!("{}.", capitalized(&error)))?;
    check_text(subject, &verified.text)?;
    Ok(Judgement::passed(format!(
        "{name} signed exactly these parts for this log."
    )))
}

/// The signer's key, named after the account.
fn signer(who: &Object) -> Result<(String, VerifierKey), String> {
    let name = format!(
        "{}/{}",
        loose::text("who", who, "organization")?,
        loose::text("who", who, "member")?
    );
    let key = VerifierKey::parse(loose::text("who", who, "key")?)
        .map_err(|error| format!("who.key is refused: {error}."))?;
    if key.key_type() != KeyType::Ed25519 {
        return Err("who.key cannot sign submissions; that takes type 0x01.".to_owned());
    }
    if key.name().as_str() != name {
        return Err(format!("who.key is the key of {}, not of {name}.", key.name()));
    }
    Ok((name, key))
}

fn check_text(subject: &Subject<'_>, text: &SubmissionText) -> Result<(), String> {
    let when = &subject.parts.when;
    let log = loose::text("when", when, "log")?;
    if text.log.as_str() != log {
        return Err(format!(
            "What was signed is for the log {}, not for {log}.",
            text.log
        ));
    }
    let leaves = subject.receipt.record().leaves();
    let lines = [
        ("what", text.what, leaves.what),
        ("who", text.who, leaves.who),
        ("why", text.why, leaves.why),
    ];
    for (part, signed, shown) in lines {
        if signed != shown {
            return Err(format!(
                "What was signed is another {part} than the one in the receipt."
            ));
        }
    }
    let received_at = loose::instant("when", when, "received_at")?;
    if received_at > text.not_after {
        return Err(format!(
            "The notary received the submission at {received_at}, after {}, when it had ended.",
            text.not_after
        ));
    }
    Ok(())
}

/// The message as a sentence begins.
fn capitalized(message: &impl ToString) -> String {
    let message = message.to_string();
    let mut characters = message.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => message,
    }
}
