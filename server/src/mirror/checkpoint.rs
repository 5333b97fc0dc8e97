//! The checkpoints that a log shows: whose signatures count, and cosignatures that come later.

use trialseal_core::{
    checkpoint::{Origin, SignedCheckpoint, SignedCheckpointError},
    note::{NoteError, SignatureLine, SignedNote, VerifierKey},
    trust::{Trust, TrustedLog},
};

/// The log that is mirrored, and whom its readers trust.
#[derive(Debug, Clone)]
pub struct LogTrust {
    trust: Trust,
    log: TrustedLog,
}

impl LogTrust {
    /// The log with this origin; none if `trust` does not name it.
    #[must_use]
    pub fn new(trust: Trust, origin: &Origin) -> Option<Self> {
        let log = trust.log(origin.as_str())?.clone();
        Some(Self { trust, log })
    }

    /// The log's origin and keys.
    #[must_use]
    pub fn log(&self) -> &TrustedLog {
        &self.log
    }

    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Verifies a checkpoint by both keys of the log. Lines of witnesses that do not verify are left out: they
    /// would spoil what is good about the note.
    pub(super) fn verify(&self, note: &str) -> Result<SignedCheckpoint, SignedCheckpointError> {
        let mut signed = SignedCheckpoint::verify(SignedNote::parse(note)?, &self.log)?;
        let text = signed.note.text();
        let is_bad = |line: &SignatureLine| {
            self.witness_keys()
                .any(|key| key.matches(line) && key.verify(text, line).is_err())
        };
        let (bad, good): (Vec<_>, Vec<_>) = signed.note.lines().iter().cloned().partition(is_bad);
        if let Some(line) = bad.first() {
            tracing::warn!(witness = %line.name(), "a cosignature does not verify, and is left out");
            signed.note = SignedNote::new(text.to_owned(), good)?;
        }
        Ok(signed)
    }

    fn witness_keys(&self) -> impl Iterator<Item = &VerifierKey> {
        let witnesses = self.trust.quorum().witnesses().iter();
        witnesses.flat_map(|witness| &witness.vkeys)
    }

    /// Whether the quorum has cosigned. Never, where the trust file names no witnesses.
    pub(super) fn is_witnessed(&self, note: &SignedNote) -> bool {
        self.trust.quorum().has_cosigned(note)
    }
}

/// The note with the lines of `other`, a note of the same text, by keys that have none in it yet.
pub(super) fn with_lines_of(note: &SignedNote, other: &SignedNote) -> Result<SignedNote, NoteError> {
    let mut lines = note.lines().to_vec();
    for line in other.lines() {
        let is_there = |own: &SignatureLine| own.name() == line.name() && own.key_id() == line.key_id();
        if !lines.iter().any(is_there) {
            lines.push(line.clone());
        }
    }
    SignedNote::new(note.text().to_owned(), lines)
}
