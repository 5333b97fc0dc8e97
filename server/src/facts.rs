//! From a stored record to what the fold needs to know of it: the way of recovery,
//! rebuilds and audits, which have the bytes and nothing else.

use trialseal_core::{
    identifiers::OrganizationId,
    note::SignedNote,
    record::{FieldViolation, When},
    submission::SubmissionText,
    time::Instant,
};

use crate::{
    account_record::account_record,
    erasure::{
        Requested,
        residue::{read_what, read_who},
    },
    state::{DRAFT_REMEMBERED_MS, Fingerprint, RecordFacts, Said},
    stored::{StoredRecord, Submitted},
};

/// A stored record that admission would never have let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored {part} of a record is not what the notary writes: {problem}")]
pub struct FactsError {
    part: &'static str,
    problem: String,
}

impl FactsError {
    fn violations(part: &'static str, violations: &[FieldViolation]) -> Self {
        let problem = violations.first().map_or_else(
            || "malformed".to_owned(),
            |first| format!("{}: {}", first.field, first.problem),
        );
        Self { part, problem }
    }
}

/// Reads the facts back.
///
/// # Errors
/// If a part is not what admission lets in.
pub fn facts_of(stored: &StoredRecord) -> Result<RecordFacts, FactsError> {
    let when = When::parse(&stored.when.text).map_err(|all| FactsError::violations("when", &all))?;
    let broken = |part, problem: String| FactsError { part, problem };
    let who = read_who(&stored.who).map_err(|error| broken("who", error.to_string()))?;
    // Reading `what` costs more than all the rest, and few records change anything by it.
    let matters = Said::matters(&when.register, when.class, when.event, when.sequence);
    let what = if matters || when.register.accounts_of().is_some() {
        let what = read_what(&stored.what, &when).map_err(|error| broken("what", error.to_string()))?;
        Some(what)
    } else {
        None
    };
    let account = what.as_ref().map_or(Ok(None), |what| account_record(what, &who));
    let account = account.map_err(|problem| FactsError {
        part: "what",
        problem,
    })?;
    let erasure = what.as_ref().and_then(|what| Requested::of(what, &when.log));
    let (key, not_after) = submission_of(stored, when.received_at)?;
    let organization = who.organization.clone();
    let said = what.filter(|_| matters).map(|what| Box::new(Said { what, who }));
    Ok(RecordFacts {
        record: stored.leaves().root(),
        sequence: when.sequence,
        index: when.index,
        received_at: when.received_at,
        class: when.class,
        event: when.event,
        register: when.register,
        fingerprint: Fingerprint::of(&organization, &key),
        organization,
        not_after,
        account,
        said,
        erasure,
    })
}

/// The idempotency key, and until when it is remembered.
///
/// # Errors
/// If the note is not one that admission lets in.
pub fn submission_of(stored: &StoredRecord, received_at: Instant) -> Result<([u8; 32], Instant), FactsError> {
    match &stored.submitted {
        Submitted::Draft { idempotency_key } => {
            Ok((*idempotency_key, received_at.plus_millis(DRAFT_REMEMBERED_MS)))
        }
        Submitted::Erased {
            idempotency_key,
            not_after,
            ..
        } => Ok((*idempotency_key, *not_after)),
        Submitted::Signed { note } => {
            let broken = |problem: String| FactsError {
                part: "submission note",
                problem,
            };
            let note = std::str::from_utf8(note).map_err(|error| broken(error.to_string()))?;
            let note = SignedNote::parse(note).map_err(|error| broken(error.to_string()))?;
            let text = SubmissionText::parse(note.text()).map_err(|error| broken(error.to_string()))?;
            Ok((*text.idempotency_key.as_bytes(), text.not_after))
        }
    }
}

impl RecordFacts {
    /// Who owns the record's register if this record opens it: an organisation's
    /// accounts are its own, whoever writes them.
    #[must_use]
    pub fn owner(&self) -> &OrganizationId {
        self.account
            .as_ref()
            .map_or(&self.organization, |account| account.change.organization())
    }
}
