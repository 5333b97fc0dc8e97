//! Proofs of records, each checked by the notary before it leaves.

use std::sync::Arc;

use trialseal_core::{
    checkpoint::Checkpoint,
    entry::record_leaf_hash,
    hash::Hash,
    index::{LogIndex, LogSize},
    merkle::{inclusion::root_from_path, nodes},
    trust::Level,
};

use super::Notary;
use crate::{
    chain::ReadLog,
    evidence::{Evidenced, earliest_for},
    refusal::Refusal,
    stored::{StoredEntry, StoredRecord},
    view::Sealed,
};

/// A record with the proofs that it is in the log; verified by the notary itself.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The record as stored.
    pub record: StoredRecord,
    /// Its log index.
    pub index: LogIndex,
    /// One for each checkpoint, by size.
    pub proofs: Vec<Proof>,
    /// What these proofs reach, by the notary's own policy.
    pub level: Level,
}

/// The way from a record to one checkpoint.
#[derive(Debug, Clone)]
pub struct Proof {
    /// Its audit path.
    pub path: Vec<Hash>,
    /// The checkpoint that the path leads to, with the evidence for it.
    pub evidenced: Arc<Evidenced>,
}

impl Notary {
    /// The proof of a record that was just sealed, from its own batch.
    ///
    /// # Errors
    /// [`Refusal::Internal`] if the notary's own check of the proof fails.
    pub fn prove_sealed(&self, sealed: &Sealed, position: usize) -> Result<Proven, Refusal> {
        let batch = &sealed.batch;
        let index = batch
            .first
            .checked_add(position as u64)
            .map_err(|error| self.internal(&error))?;
        let bytes = batch.stored.get(position).ok_or(Refusal::Internal)?;
        let StoredEntry::Record(record) =
            StoredEntry::decode(&bytes).map_err(|error| self.internal(&error))?
        else {
            return Err(Refusal::Internal);
        };
        let path = batch.tree.path(index).ok_or(Refusal::Internal)?;
        let leaf = record_leaf_hash(&record.leaves().root());
        self.verify(leaf, index, &path, &batch.checkpoint)?;
        let evidenced = Evidenced {
            checkpoint: batch.checkpoint.clone(),
            note: Arc::clone(&sealed.note),
            tokens: Vec::new(),
            cose: None,
        };
        Ok(Proven {
            record,
            index,
            proofs: vec![Proof {
                path,
                evidenced: Arc::new(evidenced),
            }],
            level: Level::Sealed,
        })
    }

    /// Fresh proofs of a record: against the earliest checkpoints that were witnessed and timestamped,
    /// and against the newest that is out. Blocks on the disk.
    ///
    /// # Errors
    /// [`Refusal::RecordNotFound`], or [`Refusal::Internal`].
    pub fn prove(&self, log: &ReadLog, index: LogIndex) -> Result<Proven, Refusal> {
        let Some(StoredEntry::Record(record)) = self.read(log, index)? else {
            return Err(Refusal::RecordNotFound);
        };
        let leaf = record_leaf_hash(&record.leaves().root());
        let (proofs, level) = self.prove_leaf(log, index, leaf)?;
        Ok(Proven {
            record,
            index,
            proofs,
            level,
        })
    }

    /// Fresh proofs of the entry with this leaf hash, as [`Self::prove`], and what they reach.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn prove_leaf(
        &self,
        log: &ReadLog,
        index: LogIndex,
        leaf: Hash,
    ) -> Result<(Vec<Proof>, Level), Refusal> {
        let (level, mut checkpoints, newest) = match &log.kept {
            Some(kept) => {
                let (level, checkpoints) = earliest_for(kept, index);
                (level, checkpoints, log.last_evidenced())
            }
            None => {
                let (level, checkpoints) = self.evidence.kept_for(index);
                (level, checkpoints, self.newest_with(index))
            }
        };
        match checkpoints.last_mut() {
            // The one that is out may have cosignatures that came since.
            Some(last) if last.checkpoint.size == newest.checkpoint.size => {
                *last = Arc::new(Evidenced {
                    tokens: last.tokens.clone(),
                    ..newest
                });
            }
            _ => checkpoints.push(Arc::new(newest)),
        }
        let mut proofs = Vec::with_capacity(checkpoints.len());
        for evidenced in checkpoints {
            let checkpoint = &evidenced.checkpoint;
            let path = nodes::inclusion_path(index, checkpoint.size, &*log.view)
                .map_err(|error| self.internal(&error))?;
            self.verify(leaf, index, &path, checkpoint)?;
            proofs.push(Proof { path, evidenced });
        }
        Ok((proofs, level))
    }

    /// The checkpoint that is out, if it includes the entry; else the log's newest.
    fn newest_with(&self, index: LogIndex) -> Evidenced {
        let published = self.published();
        if published.head.size.contains(index) {
            return Evidenced {
                checkpoint: self.checkpoint_of(&published.head),
                note: Arc::clone(&published.note),
                tokens: Vec::new(),
                cose: published.cose.clone(),
            };
        }
        let head = self.view.head();
        Evidenced {
            checkpoint: self.checkpoint_of(&head),
            note: head.note,
            tokens: Vec::new(),
            cose: None,
        }
    }

    /// Every proof is checked before it leaves; failures "should always be zero".
    fn verify(
        &self,
        leaf: Hash,
        index: LogIndex,
        path: &[Hash],
        checkpoint: &Checkpoint,
    ) -> Result<(), Refusal> {
        if root_from_path(leaf, index, checkpoint.size, path) == Ok(checkpoint.root) {
            return Ok(());
        }
        self.proof_failed(index, checkpoint.size);
        Err(Refusal::Internal)
    }

    /// Counts a proof that failed the notary's own check.
    pub fn proof_failed(&self, index: LogIndex, size: LogSize) {
        self.metrics.proof_failed();
        tracing::error!(%index, %size, "the notary's own check of an inclusion proof failed; the receipt was not returned");
    }
}
