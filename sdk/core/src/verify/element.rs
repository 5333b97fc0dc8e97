//! The steps that are judged for each evidence element: `inclusion`, `log`, `witnesses`,
//! `timestamps`.

use crate::checkpoint::Checkpoint;
use crate::entry::record_leaf_hash;
use crate::hash::Hash;
use crate::index::LogIndex;
use crate::merkle::inclusion::verify_inclusion;
use crate::receipt::Evidence;
use crate::time::Instant;
use crate::tlog_proof::TlogProof;
use crate::trust::Level;

use super::note::CheckedNote;
use super::report::{Judgement, Step, StepResult, Steps};
use super::{Subject, Verifier, loose};

/// By how many milliseconds the time at which the notary received a record may exceed that of its
/// signature: its clock may step back so far.
pub const CLOCK_STEP_MILLIS_MAX: i64 = 1_000;

/// What evidence must be about.
pub(super) struct Claim<'a> {
    /// What sentences call it: `record` or `statement`.
    pub(super) noun: &'static str,
    /// Who says which entry of which log it is.
    pub(super) said_by: &'static str,
    /// What the notary says that it did at `claimed_at`.
    pub(super) done: &'static str,
    /// The log leaf.
    pub(super) leaf: Hash,
    /// The log.
    pub(super) origin: Result<&'a str, String>,
    /// The log index.
    pub(super) index: Result<LogIndex, String>,
    /// The notary's own time.
    pub(super) claimed_at: Result<Instant, String>,
    /// Who judges it.
    pub(super) verifier: &'a Verifier<'a>,
}

/// What one evidence element is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// The checkpoint that it leads to, where it could be read.
    pub checkpoint: Option<Checkpoint>,
    /// Whether the record stands in the checkpoint's tree.
    pub inclusion: StepResult,
    /// Whether the log signed the checkpoint.
    pub log: StepResult,
    /// Whether the quorum cosigned it.
    pub witnesses: StepResult,
    /// Whether an authority stamped it.
    pub timestamps: StepResult,
    /// The earliest independent time over it; none unless the record is in it and the log signed it.
    pub time: Option<Instant>,
}

impl Element {
    /// The level that the element reaches by itself.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        if self.inclusion != StepResult::Passed || self.log != StepResult::Passed {
            return None;
        }
        Some(match (self.witnesses, self.timestamps) {
            (StepResult::Passed, StepResult::Passed) => Level::Timestamped,
            (StepResult::Passed, _) => Level::Witnessed,
            _ => Level::Sealed,
        })
    }

    /// Whether it shows the record's place, with all the evidence that is asked for.
    #[must_use]
    pub fn meets(&self, require: Level) -> bool {
        self.inclusion == StepResult::Passed
            && self.log == StepResult::Passed
            && (require < Level::Witnessed || self.witnesses == StepResult::Passed)
            && (require < Level::Timestamped || self.timestamps == StepResult::Passed)
    }
}

/// Picks the judgement of one step.
type Column = fn(&Judgements) -> &Judgement;

/// The four judgements of an element, and its independent time.
struct Judgements {
    checkpoint: Option<Checkpoint>,
    inclusion: Judgement,
    log: Judgement,
    witnesses: Judgement,
    timestamps: Judgement,
    time: Option<Instant>,
}

/// Judges the evidence of a receipt.
pub(super) fn check(subject: &Subject<'_>, steps: &mut Steps) -> Vec<Element> {
    let when = &subject.parts.when;
    let claim = Claim {
        noun: "record",
        said_by: "when",
        done: "it received the record",
        leaf: record_leaf_hash(&subject.record),
        origin: loose::text("when", when, "log"),
        index: loose::log_index("when", when, "index"),
        claimed_at: loose::instant("when", when, "received_at"),
        verifier: subject.verifier,
    };
    check_claim(&claim, subject.receipt.evidence(), steps)
}

/// Judges evidence for whatever entry of a log.
pub(super) fn check_claim(claim: &Claim<'_>, evidence: &[Evidence], steps: &mut Steps) -> Vec<Element> {
    let judged: Vec<Judgements> = evidence.iter().map(|evidence| judge(claim, evidence)).collect();
    let columns: [(Step, Column); 4] = [
        (Step::Inclusion, |judgements| &judgements.inclusion),
        (Step::Log, |judgements| &judgements.log),
        (Step::Witnesses, |judgements| &judgements.witnesses),
        (Step::Timestamps, |judgements| &judgements.timestamps),
    ];
    for (step, column) in columns {
        for (index, judgements) in judged.iter().enumerate() {
            steps.add_for(step, index, column(judgements));
        }
    }
    judged
        .into_iter()
        .map(|judgements| Element {
            checkpoint: judgements.checkpoint,
            inclusion: judgements.inclusion.result,
            log: judgements.log.result,
            witnesses: judgements.witnesses.result,
            timestamps: judgements.timestamps.result,
            // A time counts only over a checkpoint that includes the record and that the log signed.
            time: judgements.time.filter(|_| {
                judgements.inclusion.result == StepResult::Passed
                    && judgements.log.result == StepResult::Passed
            }),
        })
        .collect()
}

fn judge(claim: &Claim<'_>, evidence: &Evidence) -> Judgements {
    let read = TlogProof::parse(&evidence.proof)
        .map_err(|error| error.to_string())
        .and_then(|proof| {
            let checkpoint = Checkpoint::parse(proof.checkpoint.text()).map_err(|error| error.to_string())?;
            Ok((proof, checkpoint))
        });
    let (proof, checkpoint) = match read {
        Ok(read) => read,
        Err(error) => {
            let unreadable = || Judgement::not_checked("The proof could not be read.");
            return Judgements {
                checkpoint: None,
                inclusion: Judgement::failed(format!("The proof is malformed: {error}.")),
                log: unreadable(),
                witnesses: unreadable(),
                timestamps: unreadable(),
                time: None,
            };
        }
    };
    let inclusion = judge_inclusion(claim, &proof, &checkpoint).unwrap_or_else(Judgement::failed);
    let origin = claim.origin.as_ref().ok().copied();
    let note = claim
        .verifier
        .check_note(&proof.checkpoint, &evidence.timestamps, origin);
    let log = judge_log(claim, &note, &checkpoint).unwrap_or_else(Judgement::failed);
    Judgements {
        checkpoint: Some(checkpoint),
        inclusion,
        log,
        witnesses: note.witnesses.clone(),
        timestamps: note.timestamps.clone(),
        time: note.times.iter().min().copied(),
    }
}

fn judge_inclusion(
    claim: &Claim<'_>,
    proof: &TlogProof,
    checkpoint: &Checkpoint,
) -> Result<Judgement, String> {
    let index = claim.index.clone()?;
    let (noun, said_by) = (claim.noun, claim.said_by);
    if proof.index != index {
        return Err(format!(
            "The proof is about entry {}; {said_by} says {index}.",
            proof.index
        ));
    }
    let (size, root) = (checkpoint.size, &checkpoint.root);
    verify_inclusion(claim.leaf, index, size, &proof.path, root)
        .map_err(|error| format!("The {noun} is not proven to stand in the log: {error}."))?;
    Ok(Judgement::passed(format!(
        "The {noun} is entry {index} of the log's tree of {size} entries."
    )))
}

fn judge_log(claim: &Claim<'_>, note: &CheckedNote, checkpoint: &Checkpoint) -> Result<Judgement, String> {
    let origin = claim.origin.clone()?;
    if checkpoint.origin.as_str() != origin {
        return Err(format!(
            "The checkpoint is of the log {}; {} says {origin}.",
            checkpoint.origin, claim.said_by
        ));
    }
    let Some(log) = claim.verifier.trust.log(origin) else {
        return Ok(Judgement::not_checked(format!(
            "The trust file names no keys for the log {origin}."
        )));
    };
    let signed_at = note.signed_at.clone()?;
    let claimed_at = claim.claimed_at.clone()?;
    if claimed_at > signed_at.plus_millis(CLOCK_STEP_MILLIS_MAX) {
        return Err(format!(
            "The notary says {} at {claimed_at}, after it had signed at {signed_at}.",
            claim.done
        ));
    }
    Ok(note.judge_keys(log, claim.verifier.at))
}
