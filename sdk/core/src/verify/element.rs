//! The steps that are judged for each evidence element: `inclusion`, `log`, `witnesses`,
//! `timestamps`.

use crate::checkpoint::Checkpoint;
use crate::entry::record_leaf_hash;
use crate::note::{SignedNote, VerifierKey};
use crate::receipt::Evidence;
use crate::time::Instant;
use crate::tlog_proof::TlogProof;
use crate::trust::{Level, TrustedLog};

use super::report::{Judgement, Step, StepResult, Steps};
use super::{Subject, loose, timestamps};

/// By how many milliseconds the time at which the notary received a record may exceed that of its
/// signature: its clock may step back so far.
pub const CLOCK_STEP_MILLIS_MAX: i64 = 1_000;

/// The results of one element.
pub(super) struct Judged {
    pub(super) inclusion: StepResult,
    pub(super) log: StepResult,
    pub(super) witnesses: StepResult,
    pub(super) timestamps: StepResult,
    /// The independent time over it.
    pub(super) time: Option<Instant>,
}

impl Judged {
    pub(super) fn level(&self) -> Option<Level> {
        if self.inclusion != StepResult::Passed || self.log != StepResult::Passed {
            return None;
        }
        Some(match (self.witnesses, self.timestamps) {
            (StepResult::Passed, StepResult::Passed) => Level::Timestamped,
            (StepResult::Passed, _) => Level::Witnessed,
            _ => Level::Sealed,
        })
    }
}

/// Picks the judgement of one step.
type Column = fn(&Judgements) -> &Judgement;

/// The four judgements of an element, and its independent time.
struct Judgements {
    inclusion: Judgement,
    log: Judgement,
    witnesses: Judgement,
    timestamps: Judgement,
    time: Option<Instant>,
}

pub(super) fn check(subject: &Subject<'_>, steps: &mut Steps) -> Vec<Judged> {
    let judged: Vec<Judgements> = subject
        .receipt
        .evidence()
        .iter()
        .map(|evidence| judge(subject, evidence))
        .collect();
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
        .iter()
        .map(|judgements| Judged {
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

fn judge(subject: &Subject<'_>, evidence: &Evidence) -> Judgements {
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
                inclusion: Judgement::failed(format!("The proof is malformed: {error}.")),
                log: unreadable(),
                witnesses: unreadable(),
                timestamps: unreadable(),
                time: None,
            };
        }
    };
    let inclusion = judge_inclusion(subject, &proof, &checkpoint).unwrap_or_else(Judgement::failed);
    let (witnesses, quorum_time) = judge_witnesses(subject, &proof.checkpoint);
    let log = loose::text("when", &subject.parts.when, "log")
        .ok()
        .and_then(|origin| subject.trust.log(origin));
    let (timestamps, mut times) =
        timestamps::judge(subject.trust, subject.at, evidence, &proof.checkpoint, log);
    times.extend(quorum_time);
    let log = judge_log(subject, &proof.checkpoint, &checkpoint, &times).unwrap_or_else(Judgement::failed);
    Judgements {
        inclusion,
        log,
        witnesses,
        timestamps,
        time: times.into_iter().min(),
    }
}

fn judge_inclusion(
    subject: &Subject<'_>,
    proof: &TlogProof,
    checkpoint: &Checkpoint,
) -> Result<Judgement, String> {
    let index = loose::log_index("when", &subject.parts.when, "index")?;
    if proof.index != index {
        return Err(format!(
            "The proof is about entry {}; when says {index}.",
            proof.index
        ));
    }
    let leaf = record_leaf_hash(&subject.record);
    crate::merkle::inclusion::verify_inclusion(leaf, index, checkpoint.size, &proof.path, &checkpoint.root)
        .map_err(|error| format!("The record is not proven to stand in the log: {error}."))?;
    Ok(Judgement::passed(format!(
        "The record is entry {index} of the log's tree of {} entries.",
        checkpoint.size
    )))
}

fn judge_log(
    subject: &Subject<'_>,
    note: &SignedNote,
    checkpoint: &Checkpoint,
    independent: &[Instant],
) -> Result<Judgement, String> {
    let origin = loose::text("when", &subject.parts.when, "log")?;
    if checkpoint.origin.as_str() != origin {
        return Err(format!(
            "The checkpoint is of the log {}; when says {origin}.",
            checkpoint.origin
        ));
    }
    let Some(log) = subject.trust.log(origin) else {
        return Ok(Judgement::not_checked(format!(
            "The trust file names no keys for the log {origin}."
        )));
    };
    only_line(note, &log.ed25519, "Ed25519")?;
    let time_s = only_line(note, &log.mldsa, "ML-DSA-44")?.unwrap_or_default();
    let signed_at = instant(time_s);
    let received_at = loose::instant("when", &subject.parts.when, "received_at")?;
    if received_at > signed_at.plus_millis(CLOCK_STEP_MILLIS_MAX) {
        return Err(format!(
            "The notary says it received the record at {received_at}, after it had signed at {signed_at}."
        ));
    }
    Ok(judge_keys(subject, log, independent))
}

/// Whether keys that verify count, given the times at which the signatures are known to have existed: one
/// inside the keys' validity and before their compromise is enough.
fn judge_keys(subject: &Subject<'_>, log: &TrustedLog, independent: &[Instant]) -> Judgement {
    let origin = &log.origin;
    let (times, known) = match independent {
        [] => (&[subject.at][..], "no independent evidence, so judged"),
        times => (times, "independent evidence"),
    };
    let earliest = times.iter().min().copied().unwrap_or(subject.at);
    let valid = times.iter().filter(|time| log.is_valid_at(**time));
    let Some(counting) = valid.map(|time| log.counting_at(*time)).max() else {
        return Judgement::indeterminate(format!(
            "Both signatures of {origin} verify, but its keys are not trusted at {earliest} ({known})."
        ));
    };
    let alone = match independent {
        [] => " Nothing independent says when: this rests on the notary alone.",
        _ => "",
    };
    match counting {
        0 => Judgement::indeterminate(format!(
            "Both signatures of {origin} verify, but both keys were compromised before {earliest} ({known})."
        )),
        1 => Judgement::passed(format!(
            "Both signatures of {origin} verify; one counts, the other key is compromised.{alone}"
        )),
        _ => Judgement::passed(format!("Both signatures of {origin} verify.{alone}")),
    }
}

/// Verifies the only line by a key, and returns the time in seconds that it states, if any.
fn only_line(note: &SignedNote, key: &VerifierKey, algorithm: &str) -> Result<Option<u64>, String> {
    let mut lines = note.lines().iter().filter(|line| key.matches(line));
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err(format!(
            "The checkpoint does not have exactly one {algorithm} line of {}.",
            key.name()
        ));
    };
    key.verify(note.text(), line)
        .map_err(|error| format!("The {algorithm} line of {} is refused: {error}.", key.name()))
}

/// Judges the quorum, and returns its time: the smallest such that the cosignatures up to it alone
/// satisfy it. Times after the time of evaluation do not count.
fn judge_witnesses(subject: &Subject<'_>, note: &SignedNote) -> (Judgement, Option<Instant>) {
    let quorum = subject.trust.quorum();
    if quorum.witnesses().is_empty() {
        return (Judgement::not_checked("The trust file names no witnesses."), None);
    }
    let mut times = Vec::with_capacity(quorum.witnesses().len());
    let mut later = false;
    for witness in quorum.witnesses() {
        let mut earliest: Option<Instant> = None;
        for key in &witness.vkeys {
            for line in note.lines().iter().filter(|line| key.matches(line)) {
                // Keys of witnesses are of timestamped types, so there is a time.
                let time = match key.verify(note.text(), line) {
                    Ok(time_s) => instant(time_s.unwrap_or(u64::MAX)),
                    Err(error) => {
                        let sentence = format!("A cosignature of {} is refused: {error}.", witness.name);
                        return (Judgement::failed(sentence), None);
                    }
                };
                if time > subject.at {
                    later = true;
                } else {
                    earliest = Some(earliest.map_or(time, |known| known.min(time)));
                }
            }
        }
        times.push(earliest);
    }
    let count = times.iter().flatten().count();
    let judgement = match (quorum.time(&times), quorum.name()) {
        (Some(time), Some(name)) => Judgement::passed(format!(
            "The quorum {name} has cosigned, {count} witnesses, by {time}."
        )),
        (Some(time), None) => Judgement::passed(format!(
            "{count} witnesses have cosigned, the first at {time}; no quorum is asked for."
        )),
        (None, _) if later => Judgement::indeterminate(format!(
            "Cosignatures later than {} do not count, and {count} others are too few.",
            subject.at
        )),
        (None, _) if count == 0 => Judgement::not_checked("No witness of the trust file has cosigned."),
        (None, name) => Judgement::indeterminate(format!(
            "{count} witnesses have cosigned, too few for the quorum {}.",
            name.unwrap_or_default()
        )),
    };
    (judgement, quorum.time(&times))
}

/// Seconds since 1970, held at the last instant that can be written.
fn instant(time_s: u64) -> Instant {
    Instant::from_seconds(i64::try_from(time_s).unwrap_or(i64::MAX))
}
