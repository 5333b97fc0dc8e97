//! Kept evidence: frames that are sound, in order, signed by the log, and of this very log.
//!
//! Whether a cosignature or a token verifies is for the verifier's policy to say; here they must be
//! of their form. One file of up to 1,024 checkpoints is held in memory at a time.

use std::{collections::VecDeque, path::PathBuf};

use trialseal_core::{
    checkpoint::Checkpoint,
    hash::Hash,
    note::{KeyType, SignedNote, VerifierKey},
    timestamp::Token,
};

use super::{
    Source,
    finding::{AuditError, CONTRADICTION, Place, RESTORE},
};
use crate::evidence::{Evidenced, KeptError, Kind, read_file, sizes_of_files};

/// The kept evidence of one kind, as far as it was there at the beginning.
pub(super) struct KeptEvidence {
    directory: PathBuf,
    /// First sizes of the files that were not read yet.
    files: VecDeque<u64>,
    /// What was read and not compared yet, ascending.
    checkpoints: VecDeque<Kept>,
    /// Size of the newest checkpoint; what a live notary keeps later is not looked at.
    newest: u64,
    /// Size of the last that was compared.
    last: u64,
    keys: [VerifierKey; 2],
}

struct Kept {
    path: PathBuf,
    offset: u64,
    size: u64,
    root: Hash,
}

impl KeptEvidence {
    /// What there is now, before the head of the journal is read: it cannot lie beyond it.
    pub(super) fn take(source: &Source<'_>, kind: Kind, keys: &[VerifierKey; 2]) -> Result<Self, AuditError> {
        let directory = source.layout.evidence(kind);
        let files = sizes_of_files(source.fs, &directory)?;
        let mut newest = 0;
        for first in files.iter().rev().take(2) {
            // The last file may be one that a live notary is just making.
            if newest == 0 {
                read_file::<AuditError>(source.fs, &directory, *first, true, &mut |_, _, evidenced| {
                    newest = evidenced.checkpoint.size.get();
                    Ok(())
                })?;
            }
        }
        Ok(Self {
            directory,
            files: files.into(),
            checkpoints: VecDeque::new(),
            newest,
            last: 0,
            keys: keys.clone(),
        })
    }

    /// Refuses evidence for a larger log than this one.
    pub(super) fn check_nothing_beyond(&self, size: u64) -> Result<(), AuditError> {
        if self.newest <= size {
            return Ok(());
        }
        let problem = format!(
            "it holds evidence for a log of {} entries, and the journal ends at {size}: a batch that was committed and \
             published is lost, or the file is of another log",
            self.newest
        );
        Err(AuditError::wrong(
            &self.directory,
            Place::File,
            problem,
            CONTRADICTION,
        ))
    }

    /// Compares what was kept for this size with the log's root there.
    pub(super) fn check(
        &mut self,
        source: &Source<'_>,
        size: u64,
        root: impl Fn() -> Hash,
    ) -> Result<(), AuditError> {
        if size > self.newest {
            return Ok(());
        }
        loop {
            while self.checkpoints.front().is_some_and(|kept| kept.size == size) {
                let Some(kept) = self.checkpoints.pop_front() else {
                    break;
                };
                if kept.root != root() {
                    let (signed, found) = (kept.root.to_base64(), root().to_base64());
                    let problem = format!(
                        "its checkpoint of size {size} has root {signed}, but the entries give {found}"
                    );
                    return Err(AuditError::wrong(
                        &kept.path,
                        Place::Offset(kept.offset),
                        problem,
                        CONTRADICTION,
                    ));
                }
            }
            if !self.checkpoints.is_empty() || self.files.front().is_none_or(|first| *first > size) {
                return Ok(());
            }
            self.read_next(source)?;
        }
    }

    fn read_next(&mut self, source: &Source<'_>) -> Result<(), AuditError> {
        let Some(first) = self.files.pop_front() else {
            return Ok(());
        };
        let last = self.files.is_empty();
        let (keys, newest) = (&self.keys, self.newest);
        let (checkpoints, before) = (&mut self.checkpoints, self.last);
        read_file(
            source.fs,
            &self.directory,
            first,
            last,
            &mut |path, offset, evidenced| {
                let wrong =
                    |problem: String| AuditError::wrong(path, Place::Offset(offset), problem, RESTORE);
                let size = evidenced.checkpoint.size.get();
                if size <= before {
                    return Err(wrong(format!("it holds size {size} after size {before}")));
                }
                if size > newest {
                    return Ok(());
                }
                source.count(evidenced.note.len());
                check_form(&evidenced, keys).map_err(wrong)?;
                checkpoints.push_back(Kept {
                    path: path.to_owned(),
                    offset,
                    size,
                    root: evidenced.checkpoint.root,
                });
                Ok(())
            },
        )?;
        self.last = self.checkpoints.back().map_or(before, |kept| kept.size);
        Ok(())
    }
}

fn check_form(evidenced: &Evidenced, keys: &[VerifierKey; 2]) -> Result<(), String> {
    let Checkpoint { origin, .. } = &evidenced.checkpoint;
    if origin.key_name() != keys[0].name() {
        return Err(format!("it is evidence for the log {origin}"));
    }
    let note = SignedNote::parse(&evidenced.note).map_err(|error| error.to_string())?;
    let verified = note
        .verify(keys)
        .map_err(|error| format!("its checkpoint is refused: {error}"))?;
    let by = |kind: KeyType| verified.iter().filter(|line| line.key.key_type() == kind).count();
    if (by(KeyType::Ed25519), by(KeyType::MlDsa44)) != (1, 1) {
        return Err("its checkpoint is not signed by both keys of the log, once each".to_owned());
    }
    for token in &evidenced.tokens {
        Token::parse(token).map_err(|error| format!("a timestamp is no token: {error}"))?;
    }
    Ok(())
}

impl From<KeptError> for AuditError {
    fn from(error: KeptError) -> Self {
        match error {
            KeptError::File(error) => error.into(),
            KeptError::Durable(error) => error.into(),
            KeptError::Damaged {
                path,
                offset,
                problem,
            } => Self::wrong(&path, Place::Offset(offset), problem, RESTORE),
            KeptError::Newer { path, found } => Self::Durable(crate::durable::DurableError::Newer {
                path,
                found,
                supported: 1,
            }),
            // Only who appends is told these.
            KeptError::TooLarge(_) | KeptError::Late { .. } => Self::wrong(
                std::path::Path::new("evidence"),
                Place::File,
                error.to_string(),
                CONTRADICTION,
            ),
        }
    }
}
