//! A witness (C2SP tlog-witness): cosigns the checkpoints of logs that it is told of, and sees to it
//! that each of them only grows.
//!
//! A regulator, a university or another sponsor runs one, apart from the notary. It remembers the newest
//! checkpoint that it cosigned of each log, and cosigns another one only with a proof that it continues
//! that one. What it cosigns is durable before it answers; so a log that has shown it one future can
//! never get its cosignature under another.
//!
//! What it does not do: fetch, keep or judge entries. It sees origins, sizes, roots and signatures.

pub mod config;
pub mod http;
mod metrics;
mod request;
pub mod serve;
mod store;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use trialseal_core::checkpoint::{Checkpoint, Origin};
use trialseal_core::hash::Hash;
use trialseal_core::index::LogSize;
use trialseal_core::merkle::{EMPTY_ROOT, consistency::verify_consistency};
use trialseal_core::note::{SignatureLine, SignedNote, VerifierKey};

use crate::clock::Clock;
use crate::durable::DurableError;
use crate::keys::{SignError, WitnessSigner};

pub use self::config::WatchedLog;
pub use self::metrics::WitnessMetrics;
pub use self::request::{AddCheckpoint, BODY_BYTES_MAX, Malformed, PROOF_HASHES_MAX};
pub use self::store::{Cosigned, Kept, Store, StoreError};

/// A clock that is behind the last cosignature by at most this is held there: clocks are corrected.
const CLOCK_HELD_SECONDS: u64 = 1;

/// A witness at work.
pub struct Witness {
    signer: WitnessSigner,
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: WitnessMetrics,
    logs: ArcSwap<HashMap<Origin, Log>>,
    /// Of every log that was ever watched by this process: a log that is taken out of the configuration
    /// and comes back must find the same memory, while requests of before may still be under way.
    memories: Mutex<HashMap<Origin, Arc<Memory>>>,
    /// What kept it from cosigning last, until it cosigns again.
    trouble: Mutex<Option<String>>,
}

/// A log that is watched.
#[derive(Clone)]
struct Log {
    origin_sha256: Hash,
    keys: Arc<[VerifierKey]>,
    memory: Arc<Memory>,
}

/// What was cosigned last, of one log.
#[derive(Default)]
struct Memory {
    /// Held from the comparison with `newest` until its successor is durable.
    turn: Mutex<()>,
    newest: ArcSwapOption<Cosigned>,
}

/// What a submission is answered.
#[derive(Debug)]
pub enum Answer {
    /// The cosignature lines, each with its newline. They are on record.
    Cosigned(String),
    /// The old size is not that of the newest checkpoint cosigned, which is this; or the checkpoint has
    /// that size and another root.
    Conflict(LogSize),
    /// Not cosigned.
    Refused(Refusal),
}

/// Why a checkpoint was not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The body is not of its form.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The log is not watched.
    #[error("this witness does not watch a log with this origin")]
    UnknownLog,
    /// No line by a key of the log, or one that does not verify.
    #[error("{0}")]
    NotSigned(String),
    /// The proof does not lead from the old checkpoint to the new one.
    #[error("the consistency proof does not verify: {0}")]
    Unproven(#[from] trialseal_core::merkle::ProofError),
    /// The clock is before the last cosignature: a cosignature would contradict it.
    #[error("this witness's clock is wrong: nothing is cosigned until it is right")]
    Clock,
    /// The keys do not work.
    #[error("this witness cannot sign")]
    Signing(#[from] SignError),
    /// The checkpoint could not be stored, so its cosignature was not handed out.
    #[error("this witness cannot store what it would cosign")]
    Storing(#[from] DurableError),
}

impl Refusal {
    /// Whether this witness is at fault, and not what it was sent.
    fn is_ours(&self) -> bool {
        matches!(self, Self::Clock | Self::Signing(_) | Self::Storing(_))
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Witness")
            .field("name", self.signer.name())
            .finish_non_exhaustive()
    }
}

impl Witness {
    /// A witness of these logs, which goes on from what its store remembers.
    ///
    /// # Errors
    /// If the memory of a log is missing or damaged: see [`StoreError`].
    pub fn open(
        signer: WitnessSigner,
        store: Store,
        clock: Arc<dyn Clock>,
        metrics: WitnessMetrics,
        logs: &[WatchedLog],
    ) -> Result<Self, StoreError> {
        let witness = Self {
            signer,
            store,
            clock,
            metrics,
            logs: ArcSwap::default(),
            memories: Mutex::default(),
            trouble: Mutex::default(),
        };
        witness.watch(logs)?;
        Ok(witness)
    }

    /// Watches these logs from now on, and no others. What is remembered of others stays on disk.
    ///
    /// # Errors
    /// If the memory of a log is missing or damaged; then nothing changes.
    pub fn watch(&self, logs: &[WatchedLog]) -> Result<(), StoreError> {
        let mut watched = HashMap::new();
        let mut memories = locked(&self.memories);
        for WatchedLog { origin, vkeys } in logs {
            let memory = match memories.get(origin) {
                Some(memory) => Arc::clone(memory),
                None => {
                    let newest = self.store.load(origin, &self.signer)?;
                    let memory = Arc::new(Memory::default());
                    memory.newest.store(newest.map(Arc::new));
                    memories.insert(origin.clone(), Arc::clone(&memory));
                    memory
                }
            };
            if let Some(newest) = memory.newest.load_full() {
                self.metrics.set_size(origin, newest.checkpoint.size);
            }
            let keys = vkeys.clone().into();
            let log = Log {
                origin_sha256: store::origin_sha256(origin),
                keys,
                memory,
            };
            watched.insert(origin.clone(), log);
        }
        self.logs.store(Arc::new(watched));
        Ok(())
    }

    /// The witness's keys.
    #[must_use]
    pub fn signer(&self) -> &WitnessSigner {
        &self.signer
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> &WitnessMetrics {
        &self.metrics
    }

    /// How many logs are watched.
    #[must_use]
    pub fn watched(&self) -> usize {
        self.logs.load().len()
    }

    /// The newest checkpoint cosigned of the log whose origin has this SHA-256, with the log's lines
    /// and our own; none if the log is not watched, or nothing was cosigned yet.
    #[must_use]
    pub fn newest(&self, origin_sha256: &Hash) -> Option<Arc<Cosigned>> {
        let logs = self.logs.load();
        let log = logs.values().find(|log| log.origin_sha256 == *origin_sha256)?;
        log.memory.newest.load_full()
    }

    /// Answers the body of one `add-checkpoint`. Blocks on the disk, and on other submissions of the
    /// same log.
    #[must_use]
    pub fn add_checkpoint(&self, body: &[u8]) -> Answer {
        let answer = self.judge(body).unwrap_or_else(Answer::Refused);
        match &answer {
            Answer::Cosigned(_) => *locked(&self.trouble) = None,
            Answer::Refused(refusal) if refusal.is_ours() => {
                *locked(&self.trouble) = Some(refusal.to_string());
            }
            _ => {}
        }
        answer
    }

    /// What kept this witness from cosigning, if that was its own fault and it has not cosigned since.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        locked(&self.trouble).clone()
    }

    fn judge(&self, body: &[u8]) -> Result<Answer, Refusal> {
        let request = AddCheckpoint::parse(body)?;
        let log = self.logs.load().get(&request.checkpoint.origin).cloned();
        let log = log.ok_or(Refusal::UnknownLog)?;
        let lines = signed_by(&log.keys, &request.note)?;
        if request.old > request.checkpoint.size {
            return Err(Malformed::OldAboveNew.into());
        }
        let _turn = locked(&log.memory.turn);
        self.cosign(&log.memory, &request, lines)
    }

    /// The rest of the rules, while nobody else has a turn with this log.
    fn cosign(
        &self,
        memory: &Memory,
        request: &AddCheckpoint,
        mut lines: Vec<SignatureLine>,
    ) -> Result<Answer, Refusal> {
        let new = &request.checkpoint;
        let newest = memory.newest.load_full();
        let (size, root) = newest.as_ref().map_or((LogSize::EMPTY, EMPTY_ROOT), |newest| {
            (newest.checkpoint.size, newest.checkpoint.root)
        });
        // Whatever old size is named: one size with two roots is a fork.
        if new.size == size && new.root != root {
            self.keep(Kept::Fork, newest.as_deref(), request, &lines);
            return Ok(Answer::Conflict(size));
        }
        if request.old != size {
            return Ok(Answer::Conflict(size));
        }
        verify_consistency(size, &root, new.size, &new.root, &request.proof)
            .inspect_err(|_| self.keep(Kept::Unproven, newest.as_deref(), request, &lines))?;

        let time_s = self.time(newest.map_or(0, |newest| newest.time_s))?;
        let own = self.signer.cosign(new, time_s)?;
        let answer: String = own.iter().map(|line| format!("{line}\n")).collect();
        lines.extend(own);
        let note = SignedNote::new(new.text(), lines).map_err(|_| SignError::Verification("note's"))?;
        let cosigned = Cosigned {
            checkpoint: new.clone(),
            time_s,
            note,
        };
        // Before it is handed out: what the world knows of, this witness must not forget.
        self.store.remember(&cosigned)?;
        memory.newest.store(Some(Arc::new(cosigned)));
        self.metrics.set_size(&new.origin, new.size);
        Ok(Answer::Cosigned(answer))
    }

    /// The time to state, in seconds since 1970: never 0, never before the last one for this log.
    fn time(&self, last_s: u64) -> Result<u64, Refusal> {
        let now_s = u64::try_from(self.clock.now().as_millis() / 1_000).unwrap_or(0);
        if now_s == 0 || now_s.saturating_add(CLOCK_HELD_SECONDS) < last_s {
            tracing::error!(
                now_s,
                last_s,
                "the clock is before the last cosignature: nothing is cosigned"
            );
            return Err(Refusal::Clock);
        }
        Ok(now_s.max(last_s))
    }

    /// Keeps what a log signed and should not have, beside what it signed before.
    fn keep(&self, kind: Kept, newest: Option<&Cosigned>, request: &AddCheckpoint, lines: &[SignatureLine]) {
        let Checkpoint { origin, size, root } = &request.checkpoint;
        if kind == Kept::Fork {
            self.metrics.forked();
        }
        let Ok(refused) = SignedNote::new(request.note.text().to_owned(), lines.to_vec()) else {
            return;
        };
        let root = root.to_base64();
        match self.store.keep(kind, newest, &request.checkpoint, &refused) {
            Ok(false) => tracing::debug!(%origin, %size, root, "refused once more"),
            Ok(true) if kind == Kept::Fork => tracing::error!(
                %origin, %size, root,
                "FORK: this log signed two checkpoints of one size; both are kept in the folder of what was refused"
            ),
            Ok(true) => tracing::warn!(
                %origin, %size, root,
                "a signed checkpoint came with a proof that does not verify; it was not cosigned, and is kept"
            ),
            Err(error) => tracing::error!(
                %origin, %size, root, %error,
                "a checkpoint that was refused could not be kept"
            ),
        }
    }
}

/// The lines by the log's keys, one a key; there must be one, and all must verify.
fn signed_by(keys: &[VerifierKey], note: &SignedNote) -> Result<Vec<SignatureLine>, Refusal> {
    let verified = note
        .verify(keys)
        .map_err(|error| Refusal::NotSigned(error.to_string()))?;
    let lines: Vec<SignatureLine> = keys
        .iter()
        .filter_map(|key| verified.iter().find(|line| line.key == key))
        .filter_map(|line| note.lines().get(line.line).cloned())
        .collect();
    if lines.is_empty() {
        let problem = "no signature line is by a key of this log that the witness knows";
        return Err(Refusal::NotSigned(problem.to_owned()));
    }
    Ok(lines)
}

/// Nothing that is done under these locks leaves what they guard half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
