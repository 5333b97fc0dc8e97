//! What the notary answered, held against what was sent. Nothing passes that does not verify:
//! the steps `record`, `submission`, `inclusion` and `log` of docs/formats.md, section 8.

mod batch;
mod when;

use trialseal_core::checkpoint::Origin;
use trialseal_core::cose::CoseReceipt;
use trialseal_core::entry::record_leaf_hash;
use trialseal_core::hash::RecordId;
use trialseal_core::index::{LogIndex, Sequence};
use trialseal_core::json::{self, Value};
use trialseal_core::receipt::{Evidence, Receipt, ReceiptRecord, ReceiptSubmission, ShownPart};
use trialseal_core::record::Who;
use trialseal_core::time::Instant;
use trialseal_core::tlog_proof::TlogProof;
use trialseal_core::trust::Level;
use trialseal_core::verify::{CLOCK_STEP_MILLIS_MAX, FileQuery, Step, StepResult, verify};

pub(crate) use batch::{Answer, Answered, ComposedParts, SealedParts, accept_batch};
pub use batch::{BatchOutcome, RefusedSubmission, SealedRecord};
use when::WhenFacts;

use crate::checkpoints::{CheckedCheckpoint, CheckpointChecker};
use crate::pending::OutgoingRef;
use crate::submission::{Draft, Prepared, Subject};

/// A record with its verified receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The receipt, with the manifest where there is one.
    pub receipt: Receipt,
    /// The record's id.
    pub record: RecordId,
    /// Its index in the log.
    pub index: LogIndex,
    /// Its place in its register.
    pub sequence: Sequence,
    /// When the notary says it received it: its own clock, a claim.
    pub received_at: Instant,
    /// Whether it was on record before this call.
    pub repeated: bool,
    /// What the receipt reaches, judged by the caller's own trust. Never less than `sealed`: both
    /// signatures of the log verify.
    pub reached: Level,
    /// Why not more, where more was asked for.
    pub shortfall: Option<String>,
}

/// By whose standard an answer is judged.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    pub(crate) checker: &'a CheckpointChecker,
    pub(crate) at: Instant,
}

impl Judge<'_> {
    /// Accepts the receipt of one submission, or says in a sentence why not.
    pub(crate) fn receipt(
        &self,
        receipt: Receipt,
        repeated: bool,
        sent: OutgoingRef<'_>,
    ) -> Result<Recorded, String> {
        let log = log_of(&receipt, sent)?;
        let facts = match sent {
            OutgoingRef::Prepared(prepared) => self.of_prepared(&receipt, repeated, prepared, &log)?,
            OutgoingRef::Draft(draft) => self.of_draft(&receipt, repeated, draft, &log)?,
        };
        let record = receipt.record().leaves().root();
        let leaf = record_leaf_hash(&record);
        if receipt.evidence().is_empty() {
            return Err("inclusion: the receipt has no evidence".to_owned());
        }
        for element in receipt.evidence() {
            let proof = TlogProof::parse(&element.proof).map_err(|error| format!("inclusion: {error}"))?;
            if proof.index != facts.index {
                return Err("inclusion: the proof is for another index".to_owned());
            }
            proof
                .verify(leaf)
                .map_err(|error| format!("inclusion: {error}"))?;
            let note = element
                .proof
                .split_once("\n\n")
                .map(|(_, note)| note)
                .unwrap_or_default();
            self.log_signed(note, facts.received_at, &log)?;
        }
        let reached = self.reached(&receipt);
        let receipt = match sent.manifest() {
            Some(manifest) => receipt.with_manifest(manifest),
            None => receipt,
        };
        let WhenFacts {
            index,
            sequence,
            received_at,
            ..
        } = facts;
        Ok(Recorded {
            receipt,
            record,
            index,
            sequence,
            received_at,
            repeated,
            reached,
            shortfall: None,
        })
    }

    /// What an accepted receipt reaches by this trust, at this time: what states a later one does not
    /// count yet, here as in any verification.
    pub(crate) fn reached(&self, receipt: &Receipt) -> Level {
        // Most receipts come fresh from the log alone; judging those again would cost as much as
        // everything else.
        if !receipt.evidence().iter().any(goes_beyond_the_log) {
            return Level::Sealed;
        }
        let trust = self.checker.trust().with_drafts_allowed();
        let json = receipt.clone().without_manifest().to_json_pretty();
        let report = verify(json.as_bytes(), &trust, self.at, &FileQuery::None);
        report.level.unwrap_or(Level::Sealed)
    }

    /// Accepts a receipt that was asked for by its place. The submission's signature may be
    /// withheld; everything else must pass.
    pub(crate) fn fetched(&self, receipt: Receipt) -> Result<Receipt, String> {
        // Whether a draft is good enough is for whoever judges the record later.
        let trust = self.checker.trust().with_drafts_allowed();
        let report = verify(
            receipt.to_json_pretty().as_bytes(),
            &trust,
            self.at,
            &FileQuery::None,
        );
        // A log whose keys are valid no more is still proven where evidence shows that it signed
        // while they were: by one element, and the others need not.
        let log_passed = report
            .steps
            .iter()
            .any(|step| step.step == Step::Log && step.result == StepResult::Passed);
        for step in report.steps {
            let must_pass = match step.step {
                Step::Parse | Step::Record | Step::Inclusion => true,
                Step::Log => !log_passed,
                _ => false,
            };
            if step.result == StepResult::Failed || must_pass && step.result != StepResult::Passed {
                return Err(format!("{}: {}", step.step, step.sentence));
            }
        }
        for element in receipt.evidence() {
            cose_fits(element, &receipt)?;
        }
        Ok(receipt)
    }

    fn of_prepared(
        &self,
        receipt: &Receipt,
        repeated: bool,
        sent: &Prepared,
        log: &Origin,
    ) -> Result<WhenFacts, String> {
        let record = receipt.record();
        if record.what.shown() != Some(sent.what()) {
            return Err("record: what is not what was sent".to_owned());
        }
        let facts = when::read(&record.when, sent.subject(), log)?;
        let note = match receipt.submission() {
            Some(ReceiptSubmission::Note(note)) => Some(note.as_str()),
            _ => None,
        };
        let own = record.who.shown() == Some(sent.who())
            && record.why.shown() == Some(sent.why())
            && note == Some(sent.note());
        if own {
            signed(&facts, sent)?;
        } else if repeated {
            // The same what was recorded under this key before, signed in another run.
            self.fetched(receipt.clone())?;
        } else {
            return Err("record: the receipt is for other bytes than were sent".to_owned());
        }
        Ok(facts)
    }

    fn of_draft(
        &self,
        receipt: &Receipt,
        repeated: bool,
        sent: &Draft,
        log: &Origin,
    ) -> Result<WhenFacts, String> {
        let record = receipt.record();
        if receipt.submission().is_some() {
            return Err("submission: the receipt of a draft has a signed note".to_owned());
        }
        let facts = when::read(&record.when, sent.subject(), log)?;
        composed(record, sent, repeated)?;
        unsigned(&facts)?;
        Ok(facts)
    }

    /// The step `log`.
    fn log_signed(
        &self,
        note: &str,
        received_at: Instant,
        log: &Origin,
    ) -> Result<CheckedCheckpoint, String> {
        let checked = self
            .checker
            .check(note, self.at)
            .map_err(|problem| format!("log: {problem}"))?;
        if checked.checkpoint.origin != *log {
            return Err(format!(
                "log: the checkpoint is that of {}",
                checked.checkpoint.origin
            ));
        }
        if received_at > checked.signed_at.plus_millis(CLOCK_STEP_MILLIS_MAX) {
            return Err("log: the checkpoint was signed before the record was received".to_owned());
        }
        Ok(checked)
    }
}

/// The log in which the record has to stand: the one that was signed for. A draft stands in the log
/// that the notary writes to, which must be one that trust names.
fn log_of(receipt: &Receipt, sent: OutgoingRef<'_>) -> Result<Origin, String> {
    if let OutgoingRef::Prepared(prepared) = sent {
        return Ok(prepared.text().log.clone());
    }
    let when = receipt.record().when.text.as_bytes();
    let when = json::parse(when).map_err(|error| format!("parse: when: {error}"))?;
    let log = when.get("log").and_then(Value::as_str).unwrap_or_default();
    Origin::new(log).map_err(|error| format!("record: when.log: {error}"))
}

/// Whether an element holds anything but the log's two signatures.
fn goes_beyond_the_log(element: &Evidence) -> bool {
    let lines = TlogProof::parse(&element.proof).map_or(0, |proof| proof.checkpoint.lines().len());
    lines > 2 || !element.timestamps.is_empty()
}

/// Whether a COSE receipt, where there is one, is about the same entry and tree. Its signature is for
/// its readers to verify: trust files do not name its key.
fn cose_fits(element: &Evidence, receipt: &Receipt) -> Result<(), String> {
    if element.cose().is_none() {
        return Ok(());
    }
    let bytes = element.cose_bytes().ok_or("cose: it is not base64")?;
    let cose = CoseReceipt::parse(&bytes).map_err(|error| format!("cose: {error}"))?;
    let leaf = record_leaf_hash(&receipt.record().leaves().root());
    let proof = TlogProof::parse(&element.proof).map_err(|error| format!("inclusion: {error}"))?;
    let checkpoint = proof
        .verify(leaf)
        .map_err(|error| format!("inclusion: {error}"))?;
    if cose.is_of(leaf, proof.index, &checkpoint) {
        Ok(())
    } else {
        Err("cose: it is about another entry or tree than the proof beside it".to_owned())
    }
}

/// The step `submission` for a note that this client signed itself.
fn signed(facts: &WhenFacts, sent: &Prepared) -> Result<(), String> {
    if facts.submission != Some(sent.digest()) {
        return Err("submission: when names another submission".to_owned());
    }
    if facts.received_at > sent.not_after() {
        return Err("submission: recorded after its not after".to_owned());
    }
    Ok(())
}

/// The step `submission` for a draft.
fn unsigned(facts: &WhenFacts) -> Result<(), String> {
    match facts.submission {
        None => Ok(()),
        Some(_) => Err("submission: when names a submission, and a draft was sent".to_owned()),
    }
}

/// Whether the notary composed what the draft says, and claims nobody's signature for it.
fn composed(record: &ReceiptRecord, sent: &Draft, repeated: bool) -> Result<(), String> {
    let text = |part: Option<&ShownPart>| part.map(|part| part.text.clone());
    if text(record.what.shown()).as_deref() != Some(sent.what_text()) {
        return Err("record: what is not what was sent".to_owned());
    }
    if !repeated && text(record.why.shown()).as_deref() != Some(sent.why_text()) {
        return Err("record: why is not what was sent".to_owned());
    }
    let who = text(record.who.shown()).unwrap_or_default();
    match Who::parse(who.as_bytes()) {
        Ok(who) if who.signer.is_none() => Ok(()),
        _ => Err("submission: the who of a draft has more than organization and member".to_owned()),
    }
}

#[cfg(test)]
mod tests;
