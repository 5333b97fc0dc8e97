//! The sequencer: one task that gives every submission its place.
//!
//! A batch is whatever has arrived while the last one was being made durable; there is
//! no timer. While batch N is being signed and synced, batch N + 1 takes what arrives.
//! It is signed and written only after the sync of batch N returned.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
    mpsc as sync_mpsc,
};
use std::time::{Duration, UNIX_EPOCH};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot},
    task::JoinHandle,
};
use trialseal_core::time::Instant;

use crate::{
    clock::Clock,
    journal::{self, AppendError, Journal},
    keys::LogSigner,
    publish::{Snapshot, Task},
    refusal::Refusal,
    seal::{Admitted, Batch, Outcome, Sealer},
    state::{Accounts, Stated},
    telemetry::Metrics,
    view::{LogView, Sealed},
};

/// A batch takes no more submissions beyond this many entries ...
const BATCH_ENTRIES: usize = 8_192;
/// ... or bytes. One message of a stream may go beyond it, far below a frame's limit.
const BATCH_BYTES: usize = 4 << 20;
/// Messages taken from the queue at a time.
const TAKE: usize = 256;
/// A clock that steps back by more stops sealing; by less, the last time is held.
const STEP_BACK_MS: i64 = 1_000;
/// How often an append that the journal refused for now is tried again.
const REFUSED_PAUSE: Duration = Duration::from_millis(2);
/// Pauses of an idle sequencer between two looks at what is due.
const IDLE_MIN: Duration = Duration::from_secs(1);
/// See [`IDLE_MIN`].
const IDLE_MAX: Duration = Duration::from_secs(3_600);
/// How often remembered submissions are forgotten.
const EXPIRE_EVERY_MS: i64 = 10_000;

/// One message in the queue: one submission, or a batch of a stream.
#[derive(Debug)]
pub struct Work {
    /// What was admitted, and what was refused already, in the caller's order.
    pub items: Vec<Result<Admitted, Refusal>>,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Reply, Refusal>>,
    /// The room that the message takes in the queue.
    pub room: Vec<OwnedSemaphorePermit>,
}

/// The answer to one message.
#[derive(Debug)]
pub struct Reply {
    /// The batch that holds what was newly sealed; none if nothing was.
    pub sealed: Option<Arc<Sealed>>,
    /// In the caller's order.
    pub outcomes: Vec<Outcome>,
}

/// What the sequencer shares with those who admit and watch.
#[derive(Debug, Default)]
pub struct Shared {
    /// The accounts in force.
    pub accounts: ArcSwap<Accounts>,
    /// A commit failed: nothing is sealed any more, and the process must recover.
    pub failed: AtomicBool,
    /// The clock stepped back too far.
    pub clock_stepped_back: AtomicBool,
    /// Most of those who told the time lately say that the clock is wrong.
    pub clock_out_of_bounds: AtomicBool,
    /// Witnesses have cosigned what this log does not hold.
    pub rolled_back: AtomicBool,
    /// Remembered submissions.
    pub remembered: AtomicU64,
    /// The newest durable statement of the registers, as far as its lines are known.
    pub stated: ArcSwapOption<Stated>,
    /// Somebody wants a newer one: the next batch holds it, if that may be.
    pub statement_asked: AtomicBool,
    failure: Notify,
}

impl Shared {
    /// Nothing is sealed from now on: the process must recover by starting again.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.failure.notify_one();
    }

    /// What others know that forbids sealing.
    #[must_use]
    pub fn evidence_against(&self) -> Option<Refusal> {
        if self.rolled_back.load(Ordering::Acquire) {
            Some(Refusal::RolledBack)
        } else if self.clock_out_of_bounds.load(Ordering::Acquire) {
            Some(Refusal::ClockOutOfBounds)
        } else {
            None
        }
    }

    /// Returns after [`Self::fail`]. For one caller.
    pub async fn failure(&self) {
        self.failure.notified().await;
    }
}

/// Everything that the sequencer owns.
pub struct Sequencer {
    /// Makes batches.
    pub sealer: Sealer,
    /// Makes them durable.
    pub committer: Committer,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where readers find what was committed.
    pub view: Arc<LogView>,
    /// Who writes files of it.
    pub publisher: sync_mpsc::Sender<Task>,
    /// What others see.
    pub shared: Arc<Shared>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// Signs batches and appends them to the journal.
pub struct Committer {
    /// The log's keys.
    pub signer: Arc<LogSigner>,
    /// The journal.
    pub journal: Journal,
    /// The segment of the last frame: a snapshot is due when it changes.
    pub segment: u64,
}

type Waiting = (
    oneshot::Sender<Result<Reply, Refusal>>,
    Vec<Outcome>,
    Vec<OwnedSemaphorePermit>,
);

/// What comes back from the disk: the committer, the batch, and how long it took.
type Landed = (Committer, Result<Arc<Sealed>, CommitFailed>, Duration);

/// A batch on its way to the disk.
struct Flight {
    commit: JoinHandle<Landed>,
    waiting: Vec<Waiting>,
    snapshot: Option<Snapshot>,
}

/// The outcome of a commit is unknown, or the batch could not be signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitFailed {
    #[error("the checkpoint could not be signed: {0}")]
    Sign(String),
    #[error(transparent)]
    Append(AppendError),
}

impl Committer {
    pub(crate) fn commit(&mut self, batch: Batch) -> Result<Arc<Sealed>, CommitFailed> {
        let time_s = u64::try_from(batch.time.seconds()).unwrap_or(0);
        let note = self
            .signer
            .sign_checkpoint(&batch.checkpoint, time_s)
            .map_err(|error| CommitFailed::Sign(error.to_string()))?;
        let count = u32::try_from(batch.entries.len()).unwrap_or(u32::MAX);
        let pieces = [batch.stored.payload().as_ref(), note.as_bytes()];
        let mut told = false;
        loop {
            match self.journal.append(batch.first.get(), count, &pieces) {
                Ok(position) => {
                    // Durable: from here on the batch may be told to anybody.
                    self.segment = position.segment;
                    return Ok(Arc::new(Sealed {
                        batch,
                        note: note.into(),
                    }));
                }
                Err(AppendError::Refused(refusal @ journal::Refusal::NoSegment(_))) => {
                    // Nothing was written. Admission refuses early on the same grounds, so
                    // this waits only for what was accepted before.
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(%refusal, "the journal has no room; sealing waits");
                    }
                    std::thread::sleep(REFUSED_PAUSE);
                }
                Err(error) => return Err(CommitFailed::Append(error)),
            }
        }
    }
}

impl Sequencer {
    /// Runs until the queue is closed and empty, or a commit fails.
    pub async fn run(self, queue: mpsc::Receiver<Work>) {
        let Self {
            mut sealer,
            committer,
            clock,
            view,
            publisher,
            shared,
            metrics,
        } = self;
        shared.accounts.store(Arc::clone(sealer.state().accounts()));
        let mut run = Run {
            snapshot_segment: committer.segment,
            idle: Some(committer),
            flight: None,
            carry: Vec::new(),
            queue,
            view,
            publisher,
            shared,
            metrics,
            clock,
            expired_at: Instant::from_millis(0),
        };
        while run.batch(&mut sealer).await {}
    }
}

/// The sequencer at work.
struct Run {
    /// The committer, while no batch is on its way.
    idle: Option<Committer>,
    flight: Option<Flight>,
    snapshot_segment: u64,
    /// Messages taken from the queue that the last batch had no room for.
    carry: Vec<Work>,
    queue: mpsc::Receiver<Work>,
    view: Arc<LogView>,
    publisher: sync_mpsc::Sender<Task>,
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    expired_at: Instant,
}

impl Run {
    /// Collects one batch, and starts to commit it as soon as the one before is durable.
    /// False when there will be no more.
    async fn batch(&mut self, sealer: &mut Sealer) -> bool {
        if self.carry.is_empty() && !self.wait_for_work(sealer).await {
            return false;
        }
        let Some(now) = self.time(sealer) else { return true };
        self.forget(sealer, now);
        let mut open = sealer.begin(now);
        if let Err(error) = open.state_registers_if_due() {
            tracing::error!(%error, "the registers could not be stated; it is tried again with the next batch");
        }
        if self.shared.statement_asked.swap(false, Ordering::AcqRel) {
            let known = self.shared.stated.load().is_some();
            if let Err(error) = open.state_registers_if_asked(known) {
                tracing::error!(%error, "the registers could not be stated, as somebody asked");
            }
        }
        let mut waiting = Vec::new();
        let mut last_call = true;
        loop {
            for work in std::mem::take(&mut self.carry) {
                if open.len() >= BATCH_ENTRIES || open.bytes() >= BATCH_BYTES {
                    self.carry.push(work);
                    continue;
                }
                let outcomes = work.items.into_iter().map(|item| match item {
                    Ok(admitted) => open.submit(admitted),
                    Err(refusal) => Outcome::Refused(refusal),
                });
                waiting.push((work.reply, outcomes.collect(), work.room));
            }
            let full = !self.carry.is_empty();
            match &mut self.flight {
                None if full || !std::mem::take(&mut last_call) => break,
                None => {
                    // Calls that are ready to run join this batch: each commit costs as much
                    // as the admission of many of them. An idle notary goes on at once.
                    tokio::task::yield_now().await;
                    while let Ok(work) = self.queue.try_recv() {
                        self.carry.push(work);
                    }
                }
                Some(flight) if full => {
                    let landed = (&mut flight.commit).await;
                    if !self.landed(landed) {
                        return self.fail(waiting);
                    }
                    break;
                }
                Some(flight) => tokio::select! {
                    landed = &mut flight.commit => {
                        if !self.landed(landed) {
                            return self.fail(waiting);
                        }
                    }
                    taken = self.queue.recv_many(&mut self.carry, TAKE) => {
                        if taken == 0 {
                            // The queue is closed: what is here is the last batch.
                            let landed = (&mut flight.commit).await;
                            if !self.landed(landed) {
                                return self.fail(waiting);
                            }
                            break;
                        }
                    }
                },
            }
        }
        if open.is_empty() {
            // Nothing new: everything that the answers rest on is durable by now.
            answer(waiting, None);
            return true;
        }
        match open.finish() {
            Ok(batch) => self.launch(sealer, batch, waiting),
            Err(error) => {
                tracing::error!(%error, "a batch could not be closed; sealing stops");
                self.fail(waiting)
            }
        }
    }

    /// Waits for a message, or for the next statement of the registers; lands the batch
    /// that is on its way meanwhile.
    async fn wait_for_work(&mut self, sealer: &Sealer) -> bool {
        loop {
            let Some(flight) = &mut self.flight else {
                let idle = self.idle_time(sealer);
                return tokio::select! {
                    taken = self.queue.recv_many(&mut self.carry, TAKE) => taken > 0,
                    () = tokio::time::sleep(idle) => true,
                };
            };
            tokio::select! {
                landed = &mut flight.commit => {
                    if !self.landed(landed) {
                        return self.fail(Vec::new());
                    }
                }
                taken = self.queue.recv_many(&mut self.carry, TAKE) => {
                    if taken > 0 {
                        return true;
                    }
                    let landed = (&mut flight.commit).await;
                    if !self.landed(landed) {
                        return self.fail(Vec::new());
                    }
                    return false;
                }
            }
        }
    }

    /// How long to wait for submissions at most: the registers are stated daily.
    fn idle_time(&self, sealer: &Sealer) -> Duration {
        let due = sealer.state().statement_due();
        let millis = due.map(|due| due.as_millis() - self.clock.now().as_millis());
        let millis = millis.and_then(|millis| u64::try_from(millis).ok());
        // The clock is set from outside: look again at least every hour.
        match (due, millis) {
            (None, _) => IDLE_MAX,
            (Some(_), millis) => Duration::from_millis(millis.unwrap_or(0)).clamp(IDLE_MIN, IDLE_MAX),
        }
    }

    /// The time of the next batch; none, with everything that waits refused, while the
    /// clock is more than a second behind the last record.
    fn time(&mut self, sealer: &Sealer) -> Option<Instant> {
        let now = self.clock.now();
        let behind_ms = sealer.state().last_time().as_millis() - now.as_millis();
        self.metrics.set_clock_offset_millis(-behind_ms.max(0));
        let stepped_back = behind_ms > STEP_BACK_MS;
        if self
            .shared
            .clock_stepped_back
            .swap(stepped_back, Ordering::AcqRel)
            != stepped_back
        {
            tracing::error!(
                behind_ms,
                stopped = stepped_back,
                "the clock stepped back, or is right again"
            );
        }
        if behind_ms > 0 {
            self.metrics.clock_stepped_back();
        }
        let against = stepped_back.then_some(Refusal::ClockSteppedBack);
        let Some(refusal) = against.or_else(|| self.shared.evidence_against()) else {
            return Some(now);
        };
        for work in self.carry.drain(..) {
            // The caller may have given up; nothing to do then.
            let _ = work.reply.send(Err(refusal.clone()));
        }
        None
    }

    fn forget(&mut self, sealer: &mut Sealer, now: Instant) {
        if now.as_millis() - self.expired_at.as_millis() < EXPIRE_EVERY_MS {
            return;
        }
        self.expired_at = now;
        sealer.state_mut().forget(now);
    }

    fn launch(&mut self, sealer: &Sealer, batch: Batch, waiting: Vec<Waiting>) -> bool {
        let Some(mut committer) = self.idle.take() else {
            tracing::error!("the committer is gone; sealing stops");
            return self.fail(waiting);
        };
        // The state is exactly what the log holds once this batch is durable.
        let due = committer.segment != self.snapshot_segment || !batch.erasures.is_empty();
        let snapshot = due.then(|| Snapshot::of(sealer.state()));
        self.snapshot_segment = committer.segment;
        self.shared.accounts.store(Arc::clone(sealer.state().accounts()));
        self.shared
            .remembered
            .store(sealer.state().remembered().live(), Ordering::Relaxed);
        let span = tracing::info_span!("batch", entries = batch.entries.len(), size = %batch.checkpoint.size);
        let commit = tokio::task::spawn_blocking(move || {
            let started = std::time::Instant::now();
            let sealed = span.in_scope(|| committer.commit(batch));
            (committer, sealed, started.elapsed())
        });
        self.flight = Some(Flight {
            commit,
            waiting,
            snapshot,
        });
        true
    }

    /// Tells everybody about a batch that is durable. False if it is not known to be.
    fn landed(&mut self, landed: Result<Landed, tokio::task::JoinError>) -> bool {
        let Some(flight) = self.flight.take() else {
            return false;
        };
        let sealed = match landed {
            Ok((committer, Ok(sealed), took)) => {
                self.idle = Some(committer);
                let batch = &sealed.batch;
                let at =
                    UNIX_EPOCH + Duration::from_millis(u64::try_from(batch.time.as_millis()).unwrap_or(0));
                self.metrics.batch_committed(
                    batch.entries.len() as u64,
                    took,
                    batch.checkpoint.size.get(),
                    at,
                );
                sealed
            }
            Ok((_, Err(error), _)) => {
                tracing::error!(%error, "a commit failed and its outcome is unknown; sealing stops until the notary has recovered");
                return self.fail(flight.waiting);
            }
            Err(error) => {
                tracing::error!(%error, "a commit did not end; sealing stops until the notary has recovered");
                return self.fail(flight.waiting);
            }
        };
        self.view.append(Arc::clone(&sealed));
        if let Some(stated) = &sealed.batch.stated {
            self.shared.stated.store(Some(Arc::clone(stated)));
        }
        answer(flight.waiting, Some(&sealed));
        // The publisher lives as long as the sequencer; see `Notary::stop`.
        let _ = self.publisher.send(Task::Batch(sealed));
        if let Some(snapshot) = flight.snapshot {
            let _ = self.publisher.send(Task::Snapshot(snapshot));
        }
        true
    }

    /// After a failed commit nobody can know what is on record: say so to all who wait,
    /// and stop. The process recovers by starting again.
    fn fail(&mut self, waiting: Vec<Waiting>) -> bool {
        self.shared.fail();
        self.queue.close();
        for (reply, ..) in waiting {
            let _ = reply.send(Err(Refusal::OutcomeUnknown));
        }
        for work in self.carry.drain(..) {
            let _ = work.reply.send(Err(Refusal::Stopping));
        }
        while let Ok(work) = self.queue.try_recv() {
            let _ = work.reply.send(Err(Refusal::Stopping));
        }
        false
    }
}

fn answer(waiting: Vec<Waiting>, sealed: Option<&Arc<Sealed>>) {
    for (reply, outcomes, room) in waiting {
        drop(room);
        let new = outcomes
            .iter()
            .any(|outcome| matches!(outcome, Outcome::Sealed(_)));
        let sealed = sealed.filter(|_| new).cloned();
        // A caller that has gone is no reason to stop.
        let _ = reply.send(Ok(Reply { sealed, outcomes }));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use trialseal_core::{entry::Statement, index::LogIndex};

    use crate::{
        clock::Clock as _,
        fs::SimulatedFileSystem,
        stored::StoredEntry,
        testing::{Person, Served, TestLog},
    };

    /// The statement at an index, if the entry there is one.
    fn statement(served: &Served, index: u64) -> Option<Statement> {
        match served.notary.view.stored(LogIndex::new(index).unwrap()).unwrap() {
            Some(StoredEntry::Statement(json)) => Some(Statement::parse(&json).unwrap()),
            _ => None,
        }
    }

    #[tokio::test]
    async fn registers_are_stated_once_a_day_while_they_change() {
        let log = TestLog::on(Arc::new(SimulatedFileSystem::new()));
        log.create().unwrap();
        let served = log.serve();
        let person = Person::new("acme", "alice", 1);
        served.enrol(&person).await;
        let before = served.notary.view.head().size.get();
        assert!(
            statement(&served, before - 1).is_none(),
            "nothing is due on the first day"
        );
        log.clock.set(log.clock.now().plus_millis(24 * 3_600_000));
        served.draft(&person, 1).await.unwrap();
        // The statement comes first in the batch, and covers what was there before it.
        match statement(&served, before) {
            Some(Statement::Registers { count, size, .. }) => assert_eq!((count, size.get()), (1, before)),
            other => panic!("{other:?}"),
        }
        served.draft(&person, 2).await.unwrap();
        assert!(
            statement(&served, before + 2).is_none(),
            "the next is due a day later"
        );
        served.stop().await;
        log.audit().unwrap();
    }
}
