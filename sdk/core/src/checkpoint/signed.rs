//! Checkpoints that both keys of a log signed.

use super::{Checkpoint, CheckpointError, Origin};
use crate::note::{KeyType, NoteError, SignedNote};
use crate::time::Instant;
use crate::trust::TrustedLog;

/// Why a note is no signed checkpoint of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedCheckpointError {
    /// Not a note, or a line by one of the keys does not verify.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint is another log's.
    #[error("the checkpoint is that of {found}, and not of {expected}")]
    OtherLog {
        /// Its origin.
        found: Origin,
        /// The log's.
        expected: Origin,
    },
    /// A line is missing, or there is more than one.
    #[error("the checkpoint of {0} does not have exactly one line of each of its two keys")]
    Lines(Origin),
    /// The log states a time that is none.
    #[error("the time that the log states is out of range")]
    Time,
}

/// A checkpoint with exactly one line of each of the log's two keys, both of which verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// Origin, size and root.
    pub checkpoint: Checkpoint,
    /// The note with all its lines, those of others too.
    pub note: SignedNote,
    /// The time that the log states in its ML-DSA-44 line.
    pub signed_at: Instant,
}

impl SignedCheckpoint {
    /// Verifies the note of a checkpoint. When the keys are trusted is not looked at.
    ///
    /// # Errors
    ///
    /// It is not one of this log, or not signed by both keys.
    pub fn verify(note: SignedNote, log: &TrustedLog) -> Result<Self, SignedCheckpointError> {
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin != log.origin {
            return Err(SignedCheckpointError::OtherLog {
                found: checkpoint.origin,
                expected: log.origin.clone(),
            });
        }
        let lines = note.verify([&log.ed25519, &log.mldsa])?;
        let of = |kind| lines.iter().filter(move |line| line.key.key_type() == kind);
        let mut stated = of(KeyType::MlDsa44).map(|line| line.time_s);
        let (Some(time_s), None, 1) = (stated.next(), stated.next(), of(KeyType::Ed25519).count()) else {
            return Err(SignedCheckpointError::Lines(checkpoint.origin));
        };
        let seconds = i64::try_from(time_s.unwrap_or_default()).map_err(|_| SignedCheckpointError::Time)?;
        Ok(Self {
            checkpoint,
            signed_at: Instant::from_seconds(seconds),
            note,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;
    use crate::index::LogSize;
    use crate::note::{Ed25519SigningKey, MlDsa44SigningKey};

    const TIME_S: u64 = 1_800_000_000;

    struct Log {
        origin: Origin,
        ed25519: Ed25519SigningKey,
        mldsa: MlDsa44SigningKey,
    }

    fn log(origin: &str, seed: u8) -> Log {
        let origin = Origin::new(origin).unwrap();
        let name = origin.key_name().clone();
        Log {
            ed25519: Ed25519SigningKey::from_seed(name.clone(), [seed; 32]),
            mldsa: MlDsa44SigningKey::from_seed(name, [seed; 32]),
            origin,
        }
    }

    impl Log {
        fn trusted(&self) -> TrustedLog {
            TrustedLog {
                origin: self.origin.clone(),
                ed25519: self.ed25519.verifier().clone(),
                mldsa: self.mldsa.verifier().clone(),
                from: Instant::from_seconds(0),
                until: None,
                ed25519_compromised_at: None,
                mldsa_compromised_at: None,
            }
        }

        fn note(&self) -> SignedNote {
            let checkpoint = Checkpoint {
                origin: self.origin.clone(),
                size: LogSize::new(7).unwrap(),
                root: sha256(b"root"),
            };
            let text = checkpoint.text();
            let lines = vec![
                self.ed25519.sign(&text),
                self.mldsa.cosign_checkpoint(&checkpoint, TIME_S).unwrap(),
            ];
            SignedNote::new(text, lines).unwrap()
        }
    }

    fn with_lines(note: &SignedNote, places: &[usize]) -> SignedNote {
        let lines = places.iter().map(|place| note.lines()[*place].clone());
        SignedNote::new(note.text().to_owned(), lines.collect()).unwrap()
    }

    #[test]
    fn both_lines_are_required_once() {
        let log = log("notary.example/log1", 1);
        let (note, trusted) = (log.note(), log.trusted());
        for places in [&[0, 1], &[1, 0]] {
            let signed = SignedCheckpoint::verify(with_lines(&note, places), &trusted).unwrap();
            assert_eq!(signed.checkpoint.size.get(), 7);
            assert_eq!(signed.signed_at, Instant::from_seconds(TIME_S as i64));
        }
        let lines = Err(SignedCheckpointError::Lines(log.origin));
        for places in [&[0][..], &[1], &[0, 0, 1], &[0, 1, 1]] {
            assert_eq!(
                SignedCheckpoint::verify(with_lines(&note, places), &trusted),
                lines
            );
        }
    }

    #[test]
    fn another_logs_checkpoint_is_none() {
        let (one, other) = (log("notary.example/log1", 1), log("notary.example/log2", 1));
        assert!(matches!(
            SignedCheckpoint::verify(other.note(), &one.trusted()),
            Err(SignedCheckpointError::OtherLog { .. })
        ));
        // Of the same name, by other keys: nothing of ours is on it.
        let foreign = log("notary.example/log1", 2).note();
        assert_eq!(
            SignedCheckpoint::verify(foreign, &one.trusted()),
            Err(SignedCheckpointError::Lines(one.origin.clone()))
        );
        let changed = one.note().to_string().replace("\n7\n", "\n8\n");
        assert!(matches!(
            SignedCheckpoint::verify(SignedNote::parse(&changed).unwrap(), &one.trusted()),
            Err(SignedCheckpointError::Note(NoteError::Signature { .. }))
        ));
    }
}
