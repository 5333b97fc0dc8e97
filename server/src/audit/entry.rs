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
    vocabulary::ErasablePart,
};

use crate::{
    chain::Place,
    erasure::{ALL_PARTS, residue::read_what},
    facts::facts_of,
    state::RecordFacts,
    stored::{StoredEntry, StoredPart, StoredRecord, Submitted},
};

/// An entry that is sound by itself.
#[derive(Debug)]
pub(super) struct Sound {
    /// The public entry.
    pub(super) entry: Bytes,
    /// What it is, whether or not something in it was erased.
    pub(super) identity: Hash,
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
    /// What is left of it, where it was erased.
    pub(super) what: What,
    /// None where it was erased.
    pub(super) who: Option<Who>,
    /// Its erased parts, each with the place of its tombstone.
    pub(super) erased: Vec<(ErasablePart, Place)>,
}

/// Reads and checks a stored entry.
pub(super) fn check(stored: &Bytes, origin: &Origin, keys: &[VerifierKey; 2]) -> Result<Sound, String> {
    let decoded = StoredEntry::decode(stored).map_err(|error| error.to_string())?;
    let entry = decoded.entry_bytes();
    let identity = decoded.identity();
    match decoded {
        StoredEntry::Statement(json) => {
            let statement = Statement::parse(&json).map_err(|error| error.to_string())?;
            check_statement(&statement, origin, keys)?;
            Ok(Sound {
                leaf: leaf_hash(&entry),
                entry,
                identity,
                content: Content::Statement(statement),
            })
        }
        StoredEntry::Record(stored) => {
            let record = check_record(&stored, origin)?;
            let leaf = record_leaf_hash(&record.facts.record);
            Ok(Sound {
                entry,
                identity,
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
    fn part<T>(
        name: &str,
        part: &StoredPart,
        parse: impl Fn(&[u8]) -> Result<T, Vec<FieldViolation>>,
    ) -> Result<Option<T>, String> {
        let parsed = part.text().map(|text| parse(text)).transpose();
        parsed.map_err(|all| violations(name, &all))
    }
    let what = part("what", &stored.what, What::parse)?;
    let who = part("who", &stored.who, Who::parse)?;
    part("why", &stored.why, Why::parse)?;
    let when = When::parse(&stored.when.text).map_err(|all| violations("when", &all))?;
    if when.to_json().as_bytes() != stored.when.text.as_ref() {
        return Err("the part when is not written as the notary writes it".to_owned());
    }
    if when.log != *origin {
        return Err(format!("the part when names the log {}", when.log));
    }
    let what = match what {
        Some(what) => {
            check_copies(&when, &what)?;
            what
        }
        None => read_what(&stored.what, &when).map_err(|error| error.to_string())?,
    };
    if when.submission != stored.submitted.note_hash() {
        return Err("the part when names another submission than the one that is kept".to_owned());
    }
    check_submission(stored, who.as_ref(), &when)?;
    let facts = facts_of(stored).map_err(|error| error.to_string())?;
    let erased = ALL_PARTS.into_iter().zip(stored.erasable());
    let erased = erased.filter_map(|(part, kept)| Some((part, kept.erased()?.tombstone)));
    Ok(Record {
        facts,
        when,
        what,
        who,
        erased: erased.collect(),
    })
}

fn check_copies(when: &When, what: &What) -> Result<(), String> {
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
    Ok(())
}

fn check_submission(stored: &StoredRecord, who: Option<&Who>, when: &When) -> Result<(), String> {
    let signer = who.map(|who| (who, who.signer.as_ref()));
    let problem = match (&stored.submitted, signer) {
        (Submitted::Signed { note }, Some((who, Some(signer)))) => {
            return check_note(stored, note, signer, who, when);
        }
        // The note names the signer, so it goes with who.
        (Submitted::Draft { .. }, Some((_, None)) | None) | (Submitted::Erased { .. }, None) => return Ok(()),
        (Submitted::Signed { .. }, Some((_, None))) => "there is a submission note, and who names no key",
        (Submitted::Draft { .. }, Some((_, Some(_)))) => "who names a key, and there is no submission note",
        (Submitted::Signed { .. }, None) => "the part who was erased, and the submission note is still there",
        (Submitted::Erased { .. }, Some(_)) => {
            "the submission note was erased, and the part who is still there"
        }
    };
    Err(problem.to_owned())
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
