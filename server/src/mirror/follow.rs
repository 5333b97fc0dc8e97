//! Following a log: its checkpoint is compared with what the mirror holds, its entries are hashed, and only what
//! leads to a root that both keys of the log signed is taken over.

use std::{cmp::Ordering, ops::Range, path::PathBuf, sync::Arc};

use trialseal_core::{
    checkpoint::{SignedCheckpoint, SignedCheckpointError},
    index::{IndexError, LogSize},
    merkle::{consistency::verify_consistency, nodes},
    tile::{TileError, parse_entries},
};

use super::{
    LogTrust,
    alarm::{AlarmKind, Alarms, Finding, PrefixProof},
    checkpoint::with_lines_of,
    entries::{EntryProblem, EntryRules},
    prefix::{Prefix, RemoteTree},
    store::{Head, Store, StoreError},
    tree::{TileFile, Tree},
    upstream::{FetchError, Fetched, Upstream},
};
use crate::{clock::Clock, layout::TILE};

/// Entries that are fetched, hashed, verified and made durable together: 256 bundles.
const ROUND: u64 = 256 * TILE;
/// How often entries that do not lead to the signed root are fetched again at once.
const TRIES: usize = 3;
/// After so many failures of one checkpoint an alarm is raised.
const UNPROVEN_MAX: usize = 5;

/// What a look at the log gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// The log is where the mirror is.
    Same,
    /// The mirror has caught up with a larger checkpoint.
    Advanced,
    /// The log shows an older checkpoint of the same history.
    Stale,
}

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// A file of the log cannot be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What is served as the checkpoint is none of the log's.
    #[error("the checkpoint: {0}")]
    Checkpoint(#[from] SignedCheckpointError),
    /// The mirror's own files fail.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is served does not lead to the signed root: damage or a lie on the way.
    #[error(
        "entries {} to {} do not lead to the root that the log signed for size {size}: damage or a lie on the way; \
         nothing is taken over, and they are fetched again",
        entries.start, entries.end.saturating_sub(1)
    )]
    Data {
        /// The entries that were fetched.
        entries: Range<u64>,
        /// Size of the checkpoint.
        size: LogSize,
    },
    /// The log signed what contradicts what the mirror holds, or what no log may have.
    #[error("ALARM ({}): {what}{}", kind.word(), evidence(folder.as_deref()))]
    Alarm {
        /// Which.
        kind: AlarmKind,
        /// One sentence.
        what: String,
        /// Where the evidence was written; none if it was before.
        folder: Option<PathBuf>,
    },
    /// A number is out of range.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A thread ended early.
    #[error("the mirror stops")]
    Stopping,
}

fn evidence(folder: Option<&std::path::Path>) -> String {
    folder.map_or_else(String::new, |folder| {
        format!("; evidence in {}", folder.display())
    })
}

/// What was verified and made durable, and waits for the rest of its checkpoint.
#[derive(Debug, Clone, Default)]
struct Progress {
    tree: Tree,
    closed: Option<u64>,
}

/// Follows one log.
pub struct Follower {
    upstream: Arc<Upstream>,
    store: Arc<Store>,
    trust: Arc<LogTrust>,
    clock: Arc<dyn Clock>,
    alarms: Alarms,
    /// The checkpoint that was being caught up with, if it is beyond the head.
    pending: Option<SignedCheckpoint>,
    /// The part of `pending` that is done.
    progress: Option<Progress>,
    /// A checkpoint that nothing served leads to, and how often.
    unproven: Option<(String, usize)>,
}

impl Follower {
    /// A follower of the log that `upstream` serves.
    ///
    /// # Errors
    /// If the mirror's own files cannot be read.
    pub(super) fn new(
        upstream: Upstream,
        store: Arc<Store>,
        trust: Arc<LogTrust>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let alarms = Alarms::open(store.fs(), store.root())?;
        let head = store.head().map_or(0, |head| head.tree.size());
        let pending = store.pending(&trust)?;
        Ok(Self {
            upstream: Arc::new(upstream),
            store,
            trust,
            clock,
            alarms,
            pending: pending.filter(|pending| pending.checkpoint.size.get() > head),
            progress: None,
            unproven: None,
        })
    }

    /// How many alarms of a kind there are.
    #[must_use]
    pub fn alarms(&self, kind: AlarmKind) -> usize {
        self.alarms.count(kind)
    }

    /// Looks at the log's checkpoint once, and catches up with it.
    ///
    /// # Errors
    /// Why nothing was taken over.
    pub async fn look(&mut self) -> Result<(Followed, SignedCheckpoint), FollowError> {
        let note = self.upstream.checkpoint().await?;
        let target = self.trust.verify(&note)?;
        let followed = self.follow(&target).await;
        if let Err(FollowError::Data { .. } | FollowError::Fetch(_)) = &followed {
            self.count_unproven(&target)?;
        } else {
            self.unproven = None;
        }
        Ok((followed?, target))
    }

    async fn follow(&mut self, target: &SignedCheckpoint) -> Result<Followed, FollowError> {
        let size = target.checkpoint.size;
        let Some(head) = self.store.head() else {
            return if size.is_empty() {
                Ok(Followed::Same)
            } else {
                self.catch_up(None, target).await
            };
        };
        match size.cmp(&head.signed.checkpoint.size) {
            Ordering::Equal if target.checkpoint.root == head.signed.checkpoint.root => {
                self.keep_cosignatures(&head, target).await?;
                Ok(Followed::Same)
            }
            Ordering::Equal => Err(self.fork(&head.signed, target, None)?),
            Ordering::Less => self.compare_older(&head, target).await,
            Ordering::Greater => self.catch_up(Some(&head), target).await,
        }
    }

    /// A checkpoint of the size that is held may have more cosignatures than before.
    async fn keep_cosignatures(&self, head: &Head, target: &SignedCheckpoint) -> Result<(), FollowError> {
        let merged = match with_lines_of(&head.signed.note, &target.note) {
            Ok(merged) if merged != head.signed.note => merged,
            // Nothing new, or no room for more.
            _ => return Ok(()),
        };
        let mut head = head.clone();
        if self.trust.is_witnessed(&merged) {
            head.witnessed = Some(merged.clone());
        }
        head.signed.note = merged;
        self.stored(move |store| store.commit(head)).await
    }

    /// Does what may wait for a disk off the threads that wait for the network.
    async fn stored<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, FollowError> {
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        Ok(done.map_err(|_| FollowError::Stopping)??)
    }

    /// An older checkpoint is a stale answer, if it is one of the history that is held.
    async fn compare_older(
        &mut self,
        head: &Head,
        target: &SignedCheckpoint,
    ) -> Result<Followed, FollowError> {
        let (size, newest) = (target.checkpoint.size, head.signed.checkpoint.size);
        let own = self.stored(move |store| {
            let path = nodes::consistency_path(size, newest, store)?;
            Ok((nodes::root(size, store)?, path))
        });
        let (root, path) = own.await?;
        let signed = &head.signed.checkpoint.root;
        if verify_consistency(size, &root, newest, signed, &path).is_err() {
            // Not the log, but a file of ours is to blame.
            return Err(FollowError::Store(StoreError::Root {
                size,
                found: root.to_base64(),
                signed: signed.to_base64(),
            }));
        }
        if root == target.checkpoint.root {
            return Ok(Followed::Stale);
        }
        let proof = PrefixProof { size, root, path };
        Err(self.fork(&head.signed, target, Some(proof))?)
    }

    async fn catch_up(
        &mut self,
        head: Option<&Head>,
        target: &SignedCheckpoint,
    ) -> Result<Followed, FollowError> {
        if self.is_behind_pending(target).await? {
            return Ok(Followed::Stale);
        }
        let from_head = || Progress {
            tree: head.map(|head| head.tree.clone()).unwrap_or_default(),
            closed: head.and_then(|head| head.closed),
        };
        let mut done = self.progress.take().unwrap_or_else(from_head);
        if let Err(error) = self.rounds(head, target, &mut done).await {
            let is_pending = |pending: &SignedCheckpoint| pending.checkpoint == target.checkpoint;
            self.progress = self.pending.as_ref().is_some_and(is_pending).then_some(done);
            return Err(error);
        }
        let cosigned = self.trust.is_witnessed(&target.note).then(|| target.note.clone());
        let head = Head {
            signed: target.clone(),
            witnessed: cosigned.or_else(|| head.and_then(|head| head.witnessed.clone())),
            tree: done.tree,
            closed: done.closed,
        };
        self.stored(move |store| store.commit(head)).await?;
        self.pending = None;
        Ok(Followed::Advanced)
    }

    /// Compares with the checkpoint that was being caught up with: true if the log shows one before it.
    async fn is_behind_pending(&mut self, target: &SignedCheckpoint) -> Result<bool, FollowError> {
        let Some(pending) = self.pending.clone() else {
            return Ok(false);
        };
        let (known, new) = (&pending.checkpoint, &target.checkpoint);
        if known == new {
            return Ok(false);
        }
        match new.size.cmp(&known.size) {
            Ordering::Less => Ok(true),
            Ordering::Equal => Err(self.fork(&pending, target, None)?),
            Ordering::Greater => {
                let mut remote = RemoteTree::new(Arc::clone(&self.upstream), new);
                match remote.prefix(known.size, &known.root).await? {
                    Prefix::Same => Ok(false),
                    Prefix::Other(proof) => Err(self.fork(&pending, target, Some(proof))?),
                    Prefix::Unproven => Err(FollowError::Data {
                        entries: 0..known.size.get(),
                        size: new.size,
                    }),
                }
            }
        }
    }

    /// Fetches, verifies and stores the entries up to the target, the next ones while the last are stored.
    async fn rounds(
        &mut self,
        head: Option<&Head>,
        target: &SignedCheckpoint,
        done: &mut Progress,
    ) -> Result<(), FollowError> {
        let end = target.checkpoint.size.get();
        let next = |from: u64| from..((from / ROUND + 1) * ROUND).min(end);
        let mut remote = RemoteTree::new(Arc::clone(&self.upstream), &target.checkpoint);
        let mut range = next(done.tree.size());
        let mut fetched = self.upstream.entries(range.clone()).await?;
        let mut tries = 0;
        loop {
            let extended = self.extend(done.clone(), fetched, range.end).await?;
            let verified = if range.end == end {
                extended.done.tree.root() == target.checkpoint.root
            } else {
                let size = extended.done.tree.log_size()?;
                remote.has_prefix(size, &extended.done.tree.root()).await?
            };
            if !verified {
                tries += 1;
                remote.forget();
                self.find_fork(head, target).await?;
                if tries == TRIES {
                    let size = target.checkpoint.size;
                    return Err(FollowError::Data { entries: range, size });
                }
                fetched = self.upstream.entries(range.clone()).await?;
                continue;
            }
            if let Some((index, problem)) = extended.problem {
                return Err(self.rule(head, target, index, &problem)?);
            }
            tries = 0;
            range = next(range.end);
            self.begin(target, &extended.files).await?;
            let stored = self.stored(move |store| store.write(&extended.files));
            let (stored, following) = tokio::join!(stored, self.upstream.entries(range.clone()));
            stored?;
            *done = extended.done;
            if done.tree.size() == end {
                return Ok(());
            }
            fetched = following?;
        }
    }

    /// Before the first file of a checkpoint is written, and when its first entries are verified: it is kept.
    async fn begin(&mut self, target: &SignedCheckpoint, files: &[TileFile]) -> Result<(), FollowError> {
        let is_pending = |pending: &SignedCheckpoint| pending.checkpoint == target.checkpoint;
        if files.is_empty() || self.pending.as_ref().is_some_and(is_pending) {
            return Ok(());
        }
        let note = target.note.clone();
        self.stored(move |store| store.begin(&note)).await?;
        self.pending = Some(target.clone());
        Ok(())
    }

    /// Hashes entries, off the threads that wait for the network.
    async fn extend(&self, done: Progress, fetched: Fetched, end: u64) -> Result<Extended, FollowError> {
        let trust = Arc::clone(&self.trust);
        let extended = tokio::task::spawn_blocking(move || extend(done, &fetched, end, &trust)).await;
        extended
            .map_err(|_| FollowError::Stopping)?
            .map_err(|error| FollowError::Store(StoreError::Tile(error)))
    }

    /// Asks whether the log signed another history than the one that is held.
    async fn find_fork(&mut self, head: Option<&Head>, target: &SignedCheckpoint) -> Result<(), FollowError> {
        let Some(head) = head else { return Ok(()) };
        let own = &head.signed.checkpoint;
        let mut remote = RemoteTree::new(Arc::clone(&self.upstream), &target.checkpoint);
        match remote.prefix(own.size, &own.root).await {
            Ok(Prefix::Other(proof)) => Err(self.fork(&head.signed, target, Some(proof))?),
            Ok(Prefix::Same | Prefix::Unproven) => Ok(()),
            Err(error) => {
                tracing::debug!(%error, "whether the log is forked cannot be seen from its tiles");
                Ok(())
            }
        }
    }

    /// The alarm that the log signed two histories.
    fn fork(
        &mut self,
        ours: &SignedCheckpoint,
        theirs: &SignedCheckpoint,
        proof: Option<PrefixProof>,
    ) -> Result<FollowError, FollowError> {
        let (own, new) = (&ours.checkpoint, &theirs.checkpoint);
        let what = format!(
            "the log {} signed two histories: size {} with root {}, and size {} with root {}",
            own.origin,
            own.size,
            own.root.to_base64(),
            new.size,
            new.root.to_base64()
        );
        self.raise(Finding {
            kind: AlarmKind::Fork,
            what,
            ours: Some(ours),
            theirs,
            proof,
        })
    }

    /// The alarm that the log signed an entry that no log may have.
    fn rule(
        &mut self,
        head: Option<&Head>,
        target: &SignedCheckpoint,
        index: u64,
        problem: &EntryProblem,
    ) -> Result<FollowError, FollowError> {
        let what = format!("the log signed an entry that no log may have: entry {index}: {problem}");
        self.raise(Finding {
            kind: AlarmKind::Rule,
            what,
            ours: head.map(|head| &head.signed),
            theirs: target,
            proof: None,
        })
    }

    /// Counts failures with one checkpoint; when there are too many, people should look.
    fn count_unproven(&mut self, target: &SignedCheckpoint) -> Result<(), FollowError> {
        let text = target.note.text();
        let count = match self.unproven.take() {
            Some((known, count)) if known == text => count + 1,
            _ => 1,
        };
        self.unproven = Some((text.to_owned(), count));
        if count < UNPROVEN_MAX {
            return Ok(());
        }
        let what = format!(
            "the log signed size {} with root {}, and nothing that it serves leads there",
            target.checkpoint.size,
            target.checkpoint.root.to_base64()
        );
        let head = self.store.head();
        let finding = Finding {
            kind: AlarmKind::Unproven,
            what,
            ours: head.as_deref().map(|head| &head.signed),
            theirs: target,
            proof: None,
        };
        let alarm = self.raise(finding)?;
        tracing::error!("{alarm}");
        Ok(())
    }

    fn raise(&mut self, finding: Finding<'_>) -> Result<FollowError, FollowError> {
        let folder = self
            .alarms
            .raise(self.store.fs(), self.clock.now(), &finding)
            .map_err(StoreError::from)?;
        let Finding { kind, what, .. } = finding;
        Ok(FollowError::Alarm { kind, what, folder })
    }
}

/// The tree with more entries, and the files that they complete.
struct Extended {
    done: Progress,
    files: Vec<TileFile>,
    /// The first entry that no log may have.
    problem: Option<(u64, EntryProblem)>,
}

/// Appends the fetched entries, from the first that the tree does not have to `end`.
fn extend(done: Progress, fetched: &Fetched, end: u64, trust: &LogTrust) -> Result<Extended, TileError> {
    let Progress { mut tree, closed } = done;
    let mut rules = EntryRules {
        log: trust.log(),
        trust: trust.trust(),
        closed,
    };
    let mut files = Vec::new();
    let mut problem = None;
    let mut index = fetched.first;
    for bundle in &fetched.bundles {
        for entry in parse_entries(bundle)? {
            if index >= tree.size() && index < end {
                if problem.is_none() {
                    problem = rules.check(index, entry).err().map(|problem| (index, problem));
                }
                tree.append(entry, &mut files)?;
            }
            index += 1;
        }
    }
    let closed = rules.closed;
    Ok(Extended {
        done: Progress { tree, closed },
        files,
        problem,
    })
}
