//! What one stored entry says by itself: everything that needs no other entry.

use bytes::Bytes;
use trialseal_core::{
    checkpoint::Origin,
    entry::{Statement, record_leaf_hash},
    hash::Hash,
    merkle::leaf_hash,
    note::VerifierKey,
    record::{FieldViolation, Signer, What, When, Who, Why},
    submission,
};

use crate::{
    facts::facts_of,
    state::RecordFacts,
    stored::{StoredEntry, StoredRecord, Submitted},
};

/// An entry that is sound by itself.
#[derive(Debug)]
pub(super) struct Sound {
    /// The public entry.
    pub(super) entry: Bytes,
    /// Its leaf in the log.
    pub(super) leaf: Hash,
    /// What it says.
    pub(super) content: Content,
}

/// What an entry says.
#[derive(Debug)]
pub(super) enum Content {
    Record(Box<Record>),
    Statement(Statement),
}

/// What a record says.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) facts: RecordFacts,
    pub(super) when: When,
    pub(super) who: Who,
    pub(super) what: What,
}

/// Reads and checks a stored entry.
pub(super) fn check(stored: &Bytes, origin: &Origin, keys: &[VerifierKey; 2]) -> Result<Sound, String> {
    let decoded = StoredEntry::decode(stored).map_err(|error| error.to_string())?;
    let entry = decoded.entry_bytes();
    match decoded {
        StoredEntry::Statement(json) => {
            let statement = Statement::parse(&json).map_err(|error| error.to_string())?;
            check_statement(&statement, origin, keys)?;
            Ok(Sound {
                leaf: leaf_hash(&entry),
                entry,
                content: Content::Statement(statement),
            })
        }
        StoredEntry::Record(stored) => {
            let record = check_record(&stored, origin)?;
            let leaf = record_leaf_hash(&record.facts.record);
            Ok(Sound {
                entry,
                leaf,
                content: Content::Record(Box::new(record)),
            })
        }
    }
}

fn check_statement(statement: &Statement, origin: &Origin, keys: &[VerifierKey; 2]) -> Result<(), String> {
    let Statement::Open {
        keys: opened,
        origin: of,
        ..
    } = statement
    else {
        return Ok(());
    };
    if of != origin {
        return Err(format!("the statement opens the log {of}, and this is {origin}"));
    }
    if opened.ed25519() != &keys[0] || opened.mldsa() != &keys[1] {
        return Err("the statement opens the log with other keys than those given".to_owned());
    }
    Ok(())
}

fn check_record(stored: &StoredRecord, origin: &Origin) -> Result<Record, String> {
    let what = What::parse(&stored.what.text).map_err(|all| violations("what", &all))?;
    let who = Who::parse(&stored.who.text).map_err(|all| violations("who", &all))?;
    Why::parse(&stored.why.text).map_err(|all| violations("why", &all))?;
    let when = When::parse(&stored.when.text).map_err(|all| violations("when", &all))?;
    if when.to_json().as_bytes() != stored.when.text.as_ref() {
        return Err("the part when is not written as the notary writes it".to_owned());
    }
    if when.log != *origin {
        return Err(format!("the part when names the log {}", when.log));
    }
    for (key, same) in [
        ("register", when.register == what.register),
        ("class", when.class == what.class),
        ("event", when.event == what.event),
        ("sealed", when.sealed == what.is_sealed()),
    ] {
        if !same {
            return Err(format!("the part when has another {key} than what"));
        }
    }
    if when.submission != stored.submitted.note_hash() {
        return Err("the part when names another submission than the one that is kept".to_owned());
    }
    match (&stored.submitted, &who.signer) {
        (Submitted::Signed { note }, Some(signer)) => check_note(stored, note, signer, &who, &when)?,
        (Submitted::Draft { .. }, None) => {}
        (Submitted::Signed { .. }, None) => {
            return Err("there is a submission note, and who names no key".to_owned());
        }
        (Submitted::Draft { .. }, Some(_)) => {
            return Err("who names a key, and there is no submission note".to_owned());
        }
    }
    let facts = facts_of(stored).map_err(|error| error.to_string())?;
    Ok(Record {
        facts,
        when,
        who,
        what,
    })
}

fn check_note(
    stored: &StoredRecord,
    note: &[u8],
    signer: &Signer,
    who: &Who,
    when: &When,
) -> Result<(), String> {
    let note = std::str::from_utf8(note).map_err(|_| "the submission note is not UTF-8".to_owned())?;
    let verified = submission::verify(note, &signer.key)
        .map_err(|error| error.to_string())?
        .text;
    if signer.key.name().as_str() != who.key_name() {
        return Err(format!(
            "the key that signed is named {}, and who is {}",
            signer.key.name(),
            who.key_name()
        ));
    }
    let leaves = stored.leaves();
    for (part, signed, kept) in [
        ("what", verified.what, leaves.what),
        ("who", verified.who, leaves.who),
        ("why", verified.why, leaves.why),
    ] {
        if signed != kept {
            return Err(format!("the submission note was signed for another part {part}"));
        }
    }
    if verified.log != when.log {
        return Err(format!(
            "the submission note was signed for the log {}",
            verified.log
        ));
    }
    if when.received_at > verified.not_after {
        return Err(format!(
            "it was received at {}, after its \"not after\" {}",
            when.received_at, verified.not_after
        ));
    }
    Ok(())
}

fn violations(part: &str, all: &[FieldViolation]) -> String {
    let first = all.first().map_or_else(
        || "malformed".to_owned(),
        |one| format!("{}: {}", one.field, one.problem),
    );
    format!("the part {part} is not what the notary lets in: {first}")
}
