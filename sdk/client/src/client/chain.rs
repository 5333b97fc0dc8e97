//! Checkpoints of the notary's log, each proven to be a beginning of the last.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use trialseal_core::checkpoint::Checkpoint;
use trialseal_core::checkpoint_chain::{ChainedCheckpoint, CheckpointChain, MAX_CHECKPOINTS};
use trialseal_core::hash::Hash;
use trialseal_core::index::LogSize;
use trialseal_core::merkle::consistency::verify_consistency;
use trialseal_core::receipt::{Evidence, MAX_TIMESTAMPS};
use trialseal_core::tlog_proof::TlogProof;
use trialseal_proto::v1;

use super::Client;
use super::register::untrusted;
use super::retry::retry;
use crate::error::ClientError;

/// Proofs that are asked for at once.
const AT_ONCE: usize = 16;

/// One state of the log, with everything that is known to be signed over it.
struct State {
    checkpoint: Checkpoint,
    chained: ChainedCheckpoint,
    lines: usize,
}

impl Client {
    /// A chain of the checkpoints in this evidence that others than the log have signed or stamped, and of the
    /// newest, with a proof from each to the newest; every proof is verified. Only checkpoints of the log that the
    /// notary writes to are in it: it proves no other.
    ///
    /// # Errors
    ///
    /// The notary proves something else than it signed, or nobody answers.
    pub async fn checkpoint_chain<'e>(
        &self,
        evidence: impl IntoIterator<Item = &'e Evidence>,
    ) -> Result<CheckpointChain, ClientError> {
        let mut states = self.states(evidence);
        let Some((_, last)) = states.pop_last() else {
            return Ok(CheckpointChain::default());
        };
        // Two lines are the log's own: such a state says nothing about time.
        states.retain(|_, state| state.lines > 2 || !state.chained.timestamps.is_empty());
        while states.len() >= MAX_CHECKPOINTS {
            states.pop_first();
        }
        let (size, root) = (last.checkpoint.size, last.checkpoint.root);
        let proven = futures::stream::iter(states.into_values().map(|mut state| async move {
            let old = state.checkpoint.size;
            let proof = self.consistency(old, size).await?;
            verify_consistency(old, &state.checkpoint.root, size, &root, &proof)
                .map_err(|error| untrusted(format!("from size {} to {}: {error}", old.get(), size.get())))?;
            state.chained.consistency = proof;
            Ok::<_, ClientError>(state.chained)
        }));
        let mut checkpoints: Vec<ChainedCheckpoint> = proven.buffered(AT_ONCE).try_collect().await?;
        checkpoints.push(last.chained);
        Ok(CheckpointChain { checkpoints })
    }

    /// The states of the present log in this evidence, by size.
    fn states<'e>(&self, evidence: impl IntoIterator<Item = &'e Evidence>) -> BTreeMap<LogSize, State> {
        let mut states: BTreeMap<LogSize, State> = BTreeMap::new();
        for element in evidence {
            let Ok(proof) = TlogProof::parse(&element.proof) else {
                continue;
            };
            let Ok(checkpoint) = Checkpoint::parse(proof.checkpoint.text()) else {
                continue;
            };
            if checkpoint.origin != *self.log() {
                continue;
            }
            let lines = proof.checkpoint.lines().len();
            let state = states.entry(checkpoint.size).or_insert_with(|| State {
                checkpoint,
                chained: ChainedCheckpoint {
                    note: proof.checkpoint.to_string(),
                    timestamps: Vec::new(),
                    consistency: Vec::new(),
                },
                lines,
            });
            if lines > state.lines {
                (state.lines, state.chained.note) = (lines, proof.checkpoint.to_string());
            }
            for timestamp in &element.timestamps {
                let stamps = &mut state.chained.timestamps;
                if stamps.len() < MAX_TIMESTAMPS && !stamps.contains(timestamp) {
                    stamps.push(timestamp.clone());
                }
            }
        }
        states
    }

    async fn consistency(&self, old: LogSize, new: LogSize) -> Result<Vec<Hash>, ClientError> {
        let shared = &self.shared;
        let request = v1::GetConsistencyProofRequest {
            old_size: old.get(),
            new_size: new.get(),
        };
        let answer = retry(shared.policy, &shared.endpoint, || {
            let mut log = shared.connections.log();
            async move { log.get_consistency_proof(request).await }
        })
        .await
        .map_err(|error| error.of_a_question(&shared.endpoint))?;
        let hashes = answer.into_inner().hashes;
        let hashes = hashes
            .iter()
            .map(|hash| Hash::from_slice(hash).map_err(|error| untrusted(error.to_string())));
        hashes.collect()
    }
}
