//! What a checkpoint's note is worth: the log's two lines, the witnesses' lines, the tokens over it.
//!
//! Many receipts lead to the same note. A [`Verifier`] checks each note once: signatures cost far more
//! than all else.

use std::rc::Rc;

use crate::checkpoint::Checkpoint;
use crate::hash::{Hash, sha256_of};
use crate::note::{SignedNote, VerifierKey};
use crate::receipt::Timestamp;
use crate::time::Instant;
use crate::trust::{Trust, TrustedLog};

use super::report::{Judgement, StepResult};
use super::{Verifier, timestamps};

/// A note with all that does not depend on the record.
#[derive(Debug)]
pub(super) struct CheckedNote {
    /// When the log signed, as it states; or the sentence that says why its two lines do not hold.
    pub(super) signed_at: Result<Instant, String>,
    pub(super) witnesses: Judgement,
    pub(super) timestamps: Judgement,
    /// The independent times over it.
    pub(super) times: Vec<Instant>,
}

impl Verifier<'_> {
    /// Checks a note with the tokens over it, for a log; or remembers what came of it.
    pub(super) fn check_note(
        &self,
        note: &SignedNote,
        stamps: &[Timestamp],
        origin: Option<&str>,
    ) -> Rc<CheckedNote> {
        let key = key_of(note, stamps, origin);
        if let Some(known) = self.notes.borrow().get(&key) {
            return Rc::clone(known);
        }
        let checked = Rc::new(self.check_new(note, stamps, origin.and_then(|origin| self.trust.log(origin))));
        self.notes.borrow_mut().insert(key, Rc::clone(&checked));
        checked
    }

    /// Judges a checkpoint's note by itself, with the tokens over it: both keys of its log have to count. Returns
    /// the checkpoint and the earliest independent time over it.
    ///
    /// # Errors
    ///
    /// One sentence.
    pub(crate) fn checkpoint(
        &self,
        note: &str,
        stamps: &[Timestamp],
    ) -> Result<(Checkpoint, Option<Instant>), String> {
        let note = SignedNote::parse(note).map_err(|error| format!("The note is malformed: {error}."))?;
        let checkpoint =
            Checkpoint::parse(note.text()).map_err(|error| format!("The note is no checkpoint: {error}."))?;
        let origin = checkpoint.origin.as_str();
        let Some(log) = self.trust.log(origin) else {
            return Err(format!("The trust file names no keys for the log {origin}."));
        };
        let checked = self.check_note(&note, stamps, Some(origin));
        checked.signed_at.clone()?;
        let keys = checked.judge_keys(log, self.at);
        if keys.result != StepResult::Passed {
            return Err(keys.sentence);
        }
        let others = [&checked.witnesses, &checked.timestamps];
        match others.iter().find(|judged| judged.result == StepResult::Failed) {
            Some(failed) => Err(failed.sentence.clone()),
            None => Ok((checkpoint, checked.times.iter().min().copied())),
        }
    }

    fn check_new(&self, note: &SignedNote, stamps: &[Timestamp], log: Option<&TrustedLog>) -> CheckedNote {
        let (witnesses, quorum_time) = judge_witnesses(self.trust, self.at, note);
        let (timestamps, mut times) = timestamps::judge(self.trust, self.at, stamps, note, log);
        times.extend(quorum_time);
        CheckedNote {
            signed_at: match log {
                Some(log) => check_lines(note, log),
                None => Err("The trust file names no keys for the log.".to_owned()),
            },
            witnesses,
            timestamps,
            times,
        }
    }
}

/// What a check depends on, beside trust and time.
fn key_of(note: &SignedNote, stamps: &[Timestamp], origin: Option<&str>) -> Hash {
    let mut parts = vec![origin.unwrap_or_default().to_owned(), note.to_string()];
    // What is no token is passed over by the check too.
    let tokens = stamps.iter().filter_map(|stamp| stamp.0.get("token")?.as_str());
    parts.extend(tokens.map(str::to_owned));
    // No origin, note or base64 holds a NUL.
    let separated: Vec<&[u8]> = parts.iter().flat_map(|part| [part.as_bytes(), b"\0"]).collect();
    sha256_of(&separated)
}

fn check_lines(note: &SignedNote, log: &TrustedLog) -> Result<Instant, String> {
    only_line(note, &log.ed25519, "Ed25519")?;
    let time_s = only_line(note, &log.mldsa, "ML-DSA-44")?.unwrap_or_default();
    Ok(instant(time_s))
}

impl CheckedNote {
    /// Whether keys that verify count, given the times at which the signatures are known to have existed: one
    /// inside the keys' validity and before their compromise is enough.
    pub(super) fn judge_keys(&self, log: &TrustedLog, at: Instant) -> Judgement {
        let origin = &log.origin;
        let independent = self.times.as_slice();
        let (times, known) = match independent {
            [] => (&[at][..], "no independent evidence, so judged"),
            times => (times, "independent evidence"),
        };
        let earliest = times.iter().min().copied().unwrap_or(at);
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
fn judge_witnesses(trust: &Trust, at: Instant, note: &SignedNote) -> (Judgement, Option<Instant>) {
    let quorum = trust.quorum();
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
                if time > at {
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
            at
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
