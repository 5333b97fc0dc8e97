//! Proofs of records, each checked by the notary before it leaves.

use std::sync::Arc;

use trialseal_core::{
    checkpoint::Checkpoint,
    entry::record_leaf_hash,
    hash::Hash,
    index::{LogIndex, LogSize},
    merkle::{inclusion::root_from_path, nodes},
};

use super::Notary;
use crate::{
    refusal::Refusal,
    stored::{StoredEntry, StoredRecord},
    view::Sealed,
};

/// A record with the proof that it is in the log; verified by the notary itself.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The record as stored.
    pub record: StoredRecord,
    /// Its log index.
    pub index: LogIndex,
    /// Its audit path.
    pub path: Vec<Hash>,
    /// The checkpoint that the path leads to.
    pub note: Arc<str>,
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
        self.verify(&record, index, &path, &batch.checkpoint)?;
        Ok(Proven {
            record,
            index,
            path,
            note: Arc::clone(&sealed.note),
        })
    }

    /// A fresh proof of a record against the newest checkpoint. Blocks on the disk.
    ///
    /// # Errors
    /// [`Refusal::RecordNotFound`], or [`Refusal::Internal`].
    pub fn prove(&self, index: LogIndex) -> Result<Proven, Refusal> {
        let Some(StoredEntry::Record(record)) = self.read(index)? else {
            return Err(Refusal::RecordNotFound);
        };
        let head = self.view.head();
        let path =
            nodes::inclusion_path(index, head.size, &*self.view).map_err(|error| self.internal(&error))?;
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: head.size,
            root: head.root,
        };
        self.verify(&record, index, &path, &checkpoint)?;
        Ok(Proven {
            record,
            index,
            path,
            note: head.note,
        })
    }

    /// Every proof is checked before it leaves; failures "should always be zero".
    fn verify(
        &self,
        record: &StoredRecord,
        index: LogIndex,
        path: &[Hash],
        checkpoint: &Checkpoint,
    ) -> Result<(), Refusal> {
        let leaf = record_leaf_hash(&record.leaves().root());
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
