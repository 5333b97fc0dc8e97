//! Checking checkpoints against trust, each one once.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use trialseal_core::checkpoint::{Checkpoint, SignedCheckpoint};
use trialseal_core::hash::{Hash, sha256};
use trialseal_core::note::SignedNote;
use trialseal_core::time::Instant;
use trialseal_core::trust::Trust;

/// Notes whose signatures are remembered. Records of one batch share one note, and several
/// batches are answered at once.
const REMEMBERED: usize = 64;

/// A checkpoint that both keys of the log signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedCheckpoint {
    /// Origin, size and root.
    pub checkpoint: Checkpoint,
    /// The time that the log states in its ML-DSA-44 line.
    pub signed_at: Instant,
}

/// Verifies notes; an ML-DSA-44 verification costs as much as a hundred records.
#[derive(Debug)]
pub(crate) struct CheckpointChecker {
    trust: Trust,
    remembered: Mutex<VecDeque<(Hash, CheckedCheckpoint)>>,
}

impl CheckpointChecker {
    pub(crate) fn new(trust: Trust) -> Self {
        Self {
            trust,
            remembered: Mutex::new(VecDeque::with_capacity(REMEMBERED)),
        }
    }

    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Checks a checkpoint note: exactly one line of each of the log's keys, both verifying, and
    /// the keys valid at `at`. The error is a sentence.
    pub(crate) fn check(&self, note: &str, at: Instant) -> Result<CheckedCheckpoint, String> {
        // By the exact bytes, so that a remembered answer can stand for no other note.
        let digest = sha256(note.as_bytes());
        let found = {
            let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            remembered
                .iter()
                .find(|(known, _)| *known == digest)
                .map(|(_, checked)| checked.clone())
        };
        let checked = match found {
            Some(checked) => checked,
            None => self
                .verify(note)
                .inspect(|checked| self.remember(digest, checked.clone()))?,
        };
        self.check_validity(&checked.checkpoint, at)?;
        Ok(checked)
    }

    fn remember(&self, digest: Hash, checked: CheckedCheckpoint) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED {
            remembered.pop_back();
        }
        // Newest first: it is the one that is asked for next.
        remembered.push_front((digest, checked));
    }

    fn verify(&self, note: &str) -> Result<CheckedCheckpoint, String> {
        let note = SignedNote::parse(note).map_err(|error| error.to_string())?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
        let origin = checkpoint.origin.as_str();
        let log = self
            .trust
            .log(origin)
            .ok_or_else(|| format!("the trust file names no log {origin}"))?;
        let signed = SignedCheckpoint::verify(note, log).map_err(|error| error.to_string())?;
        Ok(CheckedCheckpoint {
            checkpoint: signed.checkpoint,
            signed_at: signed.signed_at,
        })
    }

    fn check_validity(&self, checkpoint: &Checkpoint, at: Instant) -> Result<(), String> {
        let origin = checkpoint.origin.as_str();
        match self.trust.log(origin) {
            Some(log) if !log.is_valid_at(at) => Err(format!(
                "the keys of {origin} are not valid at {at}, says the trust file"
            )),
            Some(log) if log.counting_at(at) == 0 => Err(format!(
                "both keys of {origin} are compromised, says the trust file"
            )),
            Some(_) => Ok(()),
            None => Err(format!("the trust file names no log {origin}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use trialseal_core::index::LogSize;

    use super::*;
    use crate::testing::{TestLog, now};

    #[test]
    fn both_lines_are_required_once() {
        let log = TestLog::new();
        let checker = CheckpointChecker::new(log.trust());
        let size = LogSize::new(7).unwrap();
        let note = log.checkpoint(size, sha256(b"root"));
        let checked = checker.check(&note, now()).unwrap();
        assert_eq!(
            (checked.checkpoint.size, checked.checkpoint.root),
            (size, sha256(b"root"))
        );
        assert_eq!(checked.signed_at, now());
        let lines: Vec<&str> = note.split_inclusive('\n').collect();
        let (text, ed25519, mldsa) = (lines[..4].concat(), lines[4], lines[5]);
        checker.check(&format!("{text}{mldsa}{ed25519}"), now()).unwrap();
        for bad in [
            format!("{text}{ed25519}"),
            format!("{text}{mldsa}"),
            format!("{text}{ed25519}{ed25519}{mldsa}"),
            note.replace("\n7\n", "\n8\n"),
        ] {
            assert!(checker.check(&bad, now()).is_err(), "{bad}");
        }
    }

    #[test]
    fn another_log_is_not_trusted() {
        let (one, other) = (TestLog::new(), TestLog::with_seed(9));
        let checker = CheckpointChecker::new(one.trust());
        let note = other.checkpoint(LogSize::new(7).unwrap(), sha256(b"root"));
        assert!(checker.check(&note, now()).is_err());
    }

    #[test]
    fn validity_is_judged_again_for_what_is_remembered() {
        let log = TestLog::new();
        let checker = CheckpointChecker::new(log.trust());
        let note = log.checkpoint(LogSize::new(7).unwrap(), sha256(b"root"));
        checker.check(&note, now()).unwrap();
        assert!(
            checker
                .check(&note, Instant::parse("2025-12-31T23:59:59Z").unwrap())
                .is_err()
        );
    }

    #[test]
    fn memory_is_bounded() {
        let log = TestLog::new();
        let checker = CheckpointChecker::new(log.trust());
        for size in 2..(REMEMBERED as u64 + 12) {
            checker
                .check(
                    &log.checkpoint(LogSize::new(size).unwrap(), sha256(b"root")),
                    now(),
                )
                .unwrap();
        }
        assert_eq!(checker.remembered.lock().unwrap().len(), REMEMBERED);
    }
}
