//! The notary as one value: what the services of [`crate::rpc`] and [`crate::http`] call.

mod background;
mod prove;
mod repeat;

use std::{
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc as sync_mpsc,
    },
    thread,
};

use arc_swap::ArcSwap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use trialseal_core::{
    checkpoint::{Checkpoint, Origin},
    cose::CoseSigningKey,
    hash::RecordId,
    index::LogIndex,
    time::Instant,
};

pub use self::{
    background::Running,
    prove::{Proof, Proven},
};
use crate::{
    admit::{Admission, Caller, authenticate},
    chain::{Chain, Place, ReadLog},
    clock::Clock,
    config::{self, Limits},
    evidence::{Asking, Evidence, Published, Publishing, Stamping},
    fs::FileSystem,
    layout::Layout,
    limits::OrganizationGate,
    listing::Listing,
    openings::Openings,
    publish::Progress,
    reads::{Read, Reads},
    recover::Opened,
    refusal::Refusal,
    seal::{Admitted, Outcome},
    sequence::{Reply, Sequencer, Shared, Work},
    state::{Accounts, Registers, Stated},
    stored::StoredEntry,
    telemetry::Metrics,
    view::{Head, LogView, Sealed},
};

/// Messages in the queue; their records and bytes are bounded as well.
const QUEUE_MESSAGES: usize = 16_384;
/// Bytes are counted in the queue's bound by this unit, so that they fit a semaphore.
const ROOM_BYTES: u64 = 256;
/// Committed entries that may wait in memory for their files.
const WAITING_BYTES_MAX: u64 = 24 << 20;

/// What became of one submission.
#[derive(Debug)]
pub enum Answer {
    /// It is entry `position` of the batch.
    Sealed {
        /// The batch.
        sealed: Arc<Sealed>,
        /// Position in it, from 0.
        position: usize,
    },
    /// It was on record already, at this place.
    Repeated(Place),
    /// It was refused; nothing is stored.
    Refused(Refusal),
}

/// The running notary. Shared by all services.
pub struct Notary {
    /// This log.
    pub origin: Origin,
    /// The committed log.
    pub view: Arc<LogView>,
    /// It and the closed logs that it continues.
    pub chain: Chain,
    /// The log that follows, if this one is closed: then nothing is taken any more.
    pub next: Option<Origin>,
    /// The listing of registers.
    pub listing: Arc<Listing>,
    /// Register heads; look only at records below the head's size.
    pub registers: Arc<RwLock<Registers>>,
    /// Accounts and failures.
    pub shared: Arc<Shared>,
    /// How far files are written.
    pub progress: Arc<Progress>,
    /// Counters and gauges.
    pub metrics: Arc<Metrics>,
    /// Limits of one organisation.
    pub gate: OrganizationGate,
    /// The key of COSE receipts.
    pub cose: Arc<CoseSigningKey>,
    /// Evidence of witnesses and authorities, and who waits for it.
    pub evidence: Arc<Evidence>,
    /// Who read what.
    pub reads: Reads,
    /// Manifests that submitters opened.
    pub openings: Arc<Openings>,
    clock: Arc<dyn Clock>,
    limits: ArcSwap<Limits>,
    queue: RwLock<Option<mpsc::Sender<Work>>>,
    records_room: Arc<Semaphore>,
    bytes_room: Arc<Semaphore>,
    published: ArcSwap<Published>,
    free_bytes: AtomicU64,
    stopping: AtomicBool,
}

/// What starting needs besides the open log.
pub struct StartOptions {
    /// This log.
    pub origin: Origin,
    /// The file system.
    pub fs: Arc<dyn FileSystem>,
    /// Where everything lies.
    pub layout: Layout,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The key of COSE receipts.
    pub cose: Arc<CoseSigningKey>,
    /// Limits.
    pub limits: Limits,
    /// Whom to ask for evidence; none asks nobody.
    pub evidence: Option<config::Evidence>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

impl Notary {
    /// Starts the sequencer, the publisher and what watches them. Needs a tokio runtime.
    ///
    /// # Errors
    /// If no thread can be started, the signer's memory cannot be written, or kept evidence is damaged.
    pub fn start(opened: Opened, options: StartOptions) -> Result<(Arc<Self>, Running), std::io::Error> {
        let Opened {
            sealer,
            committer,
            mut publisher,
            view,
            chain,
            listing,
        } = opened;
        let StartOptions {
            origin,
            fs,
            layout,
            clock,
            cose,
            limits,
            evidence,
            metrics,
        } = options;
        let evidence = Evidence::open(&fs, &layout, evidence).map_err(std::io::Error::other)?;
        let asking = evidence
            .policy
            .is_some()
            .then(|| Asking::new(committer.signer.verifiers().map(Clone::clone)));
        let asking = asking.transpose().map_err(std::io::Error::other)?;
        let reads = Reads::open(Arc::clone(&fs), &layout, &origin).map_err(std::io::Error::other)?;
        let closed = chain.closed().iter().map(|log| log.view.folder());
        let openings = Openings::open(Arc::clone(&fs), &layout, closed).map_err(std::io::Error::other)?;
        let openings = Arc::new(openings);
        publisher.forget_in(Arc::clone(&openings));
        metrics.watch_parties(&evidence.parties, &clock);
        let shared = Arc::new(Shared::default());
        let (queue, queued) = mpsc::channel(QUEUE_MESSAGES);
        let (tasks, published_tasks) = sync_mpsc::channel();
        let progress = publisher.progress();
        let bytes_room =
            usize::try_from(limits.queue_bytes.get() / ROOM_BYTES).unwrap_or(Semaphore::MAX_PERMITS);
        let head = view.head();
        let free_bytes = fs.free_bytes(&layout.journal).map_err(std::io::Error::other)?;
        let notary = Arc::new(Self {
            origin: origin.clone(),
            view: Arc::clone(&view),
            chain,
            next: sealer.state().closed().map(|next| next.origin.clone()),
            listing,
            registers: Arc::clone(sealer.state().registers()),
            shared: Arc::clone(&shared),
            progress,
            metrics: Arc::clone(&metrics),
            gate: OrganizationGate::new(&limits.organization),
            cose,
            evidence: Arc::new(evidence),
            reads,
            openings,
            clock: Arc::clone(&clock),
            queue: RwLock::new(Some(queue)),
            records_room: Arc::new(Semaphore::new(limits.queue_records.get() as usize)),
            bytes_room: Arc::new(Semaphore::new(bytes_room.min(Semaphore::MAX_PERMITS))),
            limits: ArcSwap::from_pointee(limits),
            published: ArcSwap::from_pointee(Published::unsigned(head)),
            free_bytes: AtomicU64::new(free_bytes),
            stopping: AtomicBool::new(false),
        });
        shared.accounts.store(Arc::clone(sealer.state().accounts()));
        shared.stated.store(sealer.state().last_stated().map(Arc::new));
        metrics.set_checkpoint(notary.view.head().size.get(), std::time::SystemTime::now());
        notary.announce(&*fs, &layout)?;
        let sequencer = Sequencer {
            sealer,
            committer,
            clock: Arc::clone(&clock),
            view,
            publisher: tasks,
            shared: Arc::clone(&shared),
            metrics,
        };
        let publisher_shared = Arc::clone(&shared);
        let publisher = thread::Builder::new()
            .name("publisher".to_owned())
            .spawn(move || publisher.run(&published_tasks, &publisher_shared))?;
        let (stop, stopped) = watch::channel(false);
        let publishing = Publishing::start(
            &notary,
            Arc::clone(&fs),
            layout.clone(),
            stopped.clone(),
            &clock,
            asking.as_ref(),
        );
        let stamping = Stamping::new(&notary, stopped.clone(), &clock, asking.as_ref());
        let running = Running {
            stamper: stamping.map(|stamping| tokio::spawn(stamping.run())),
            sequencer: tokio::spawn(sequencer.run(queued)),
            publisher,
            announcer: tokio::spawn(publishing.run()),
            watcher: tokio::spawn(Arc::clone(&notary).watch(fs, layout, asking, stopped)),
            stop,
        };
        Ok((notary, running))
    }

    /// The time by the notary's clock.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The accounts in force.
    #[must_use]
    pub fn accounts(&self) -> Arc<Accounts> {
        self.shared.accounts.load_full()
    }

    /// Limits in force.
    #[must_use]
    pub fn limits(&self) -> Arc<Limits> {
        self.limits.load_full()
    }

    /// Puts new limits in force; the sizes of queue and journal change at the next start.
    pub fn reload(&self, limits: Limits) {
        self.gate.reload(&limits.organization);
        self.limits.store(Arc::new(limits));
    }

    /// The member that a token speaks for.
    ///
    /// # Errors
    /// See [`authenticate`].
    pub fn authenticate(&self, token: &[u8; 32]) -> Result<Caller, Refusal> {
        authenticate(&self.shared.accounts.load(), token, self.now())
    }

    /// What admission judges by, now.
    #[must_use]
    pub fn admission<'a>(&'a self, accounts: &'a Accounts) -> Admission<'a> {
        Admission {
            chain: &self.chain,
            accounts,
            now: self.now(),
        }
    }

    /// Refuses early what could not be sealed.
    ///
    /// # Errors
    /// Why nothing is accepted now.
    pub fn ready(&self) -> Result<(), Refusal> {
        let limits = self.limits.load();
        if let Some(refusal) = self.shared.evidence_against() {
            return Err(refusal);
        }
        if self.stopping.load(Ordering::Acquire) || self.shared.failed.load(Ordering::Acquire) {
            return Err(Refusal::Stopping);
        }
        if self.free_bytes.load(Ordering::Acquire) < limits.free_bytes_min {
            return Err(Refusal::DiskFull);
        }
        if self.progress.waiting_bytes.load(Ordering::Acquire) > WAITING_BYTES_MAX
            || self.progress.no_segment.load(Ordering::Acquire)
        {
            return Err(Refusal::JournalFull);
        }
        Ok(())
    }

    /// Room in the queue for a unary call, or a refusal at once.
    ///
    /// # Errors
    /// [`Refusal::QueueFull`].
    pub fn room(&self, records: u32, bytes: u64) -> Result<Vec<OwnedSemaphorePermit>, Refusal> {
        let records = Arc::clone(&self.records_room).try_acquire_many_owned(records);
        let bytes = Arc::clone(&self.bytes_room).try_acquire_many_owned(room_units(bytes));
        match (records, bytes) {
            (Ok(records), Ok(bytes)) => Ok(vec![records, bytes]),
            _ => Err(Refusal::QueueFull),
        }
    }

    /// Room in the queue for a message of a stream, which may wait: the caller's own flow
    /// control then holds it back.
    ///
    /// # Errors
    /// [`Refusal::Stopping`] when the notary goes down.
    pub async fn room_for_stream(
        &self,
        records: u32,
        bytes: u64,
    ) -> Result<Vec<OwnedSemaphorePermit>, Refusal> {
        let records = Arc::clone(&self.records_room).acquire_many_owned(records).await;
        let bytes = Arc::clone(&self.bytes_room)
            .acquire_many_owned(room_units(bytes))
            .await;
        match (records, bytes) {
            (Ok(records), Ok(bytes)) => Ok(vec![records, bytes]),
            _ => Err(Refusal::Stopping),
        }
    }

    /// Has submissions sealed, and returns what became of each when that is durable.
    ///
    /// # Errors
    /// [`Refusal::OutcomeUnknown`] after a failed commit, [`Refusal::Stopping`] if nothing
    /// was taken.
    pub async fn submit(
        &self,
        items: Vec<Result<Admitted, Refusal>>,
        room: Vec<OwnedSemaphorePermit>,
    ) -> Result<Vec<Answer>, Refusal> {
        let reply = self.enqueue(items, room)?;
        self.await_answers(reply).await
    }

    /// Puts a message in the queue; its place among other messages is settled when this
    /// returns.
    ///
    /// # Errors
    /// [`Refusal::Stopping`] or [`Refusal::QueueFull`].
    pub fn enqueue(
        &self,
        items: Vec<Result<Admitted, Refusal>>,
        room: Vec<OwnedSemaphorePermit>,
    ) -> Result<oneshot::Receiver<Result<Reply, Refusal>>, Refusal> {
        let (reply, answer) = oneshot::channel();
        let queue = crate::state::read_lock(&self.queue);
        let queue = queue.as_ref().ok_or(Refusal::Stopping)?;
        match queue.try_send(Work { items, reply, room }) {
            Ok(()) => Ok(answer),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Refusal::QueueFull),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Refusal::Stopping),
        }
    }

    /// Waits for the answers to a message.
    ///
    /// # Errors
    /// [`Refusal::OutcomeUnknown`] after a failed commit.
    pub async fn await_answers(
        &self,
        reply: oneshot::Receiver<Result<Reply, Refusal>>,
    ) -> Result<Vec<Answer>, Refusal> {
        // The sequencer answers everything that it takes; if it is gone, the message may
        // have been in a batch that it was committing.
        let Reply { sealed, outcomes } = reply.await.map_err(|_| Refusal::OutcomeUnknown)??;
        let mut answers = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            answers.push(match (outcome, &sealed) {
                (Outcome::Sealed(position), Some(sealed)) => Answer::Sealed {
                    sealed: Arc::clone(sealed),
                    position,
                },
                (Outcome::Sealed(_), None) => Answer::Refused(Refusal::Internal),
                (Outcome::Refused(refusal), _) => Answer::Refused(refusal),
                (Outcome::PerhapsOnRecord(admitted, candidates), _) => {
                    Box::pin(self.settle(*admitted, candidates)).await
                }
            });
        }
        Ok(answers)
    }

    /// An entry of a committed log. Blocks on the disk.
    ///
    /// # Errors
    /// [`Refusal::Internal`] if it cannot be read.
    pub fn read(&self, log: &ReadLog, index: LogIndex) -> Result<Option<StoredEntry>, Refusal> {
        log.view.stored(index).map_err(|error| self.internal(&error))
    }

    /// The log that holds a place, and the index there.
    ///
    /// # Errors
    /// [`Refusal::Internal`] for a place that no log can have.
    pub fn locate(&self, place: Place) -> Result<(&Arc<ReadLog>, LogIndex), Refusal> {
        self.chain.locate(place).ok_or(Refusal::Internal)
    }

    /// Logs what only the operator should know; the caller is told that something failed.
    pub fn internal(&self, error: &dyn std::fmt::Display) -> Refusal {
        tracing::error!(%error, "a request failed inside the notary");
        Refusal::Internal
    }

    /// The checkpoint that is out in public: at most a second old while the log grows.
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        self.published.load_full()
    }

    /// The checkpoint of this log that a head stands for.
    #[must_use]
    pub fn checkpoint_of(&self, head: &Head) -> Checkpoint {
        Checkpoint {
            origin: self.origin.clone(),
            size: head.size,
            root: head.root,
        }
    }

    /// The record's id at an index of a committed log.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn record_id(&self, log: &ReadLog, index: LogIndex) -> Result<Option<RecordId>, Refusal> {
        Ok(match self.read(log, index)? {
            Some(StoredEntry::Record(record)) => Some(record.leaves().root()),
            _ => None,
        })
    }

    /// The newest statement of the registers whose lines are known.
    #[must_use]
    pub fn stated(&self) -> Option<Arc<Stated>> {
        self.shared.stated.load_full()
    }

    /// Has the registers stated anew, if that may be, and returns when the statement is durable.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn state_registers(&self) -> Result<(), Refusal> {
        self.shared.statement_asked.store(true, Ordering::Release);
        // A message without submissions wakes the sequencer, and is answered behind its batch.
        self.submit(Vec::new(), Vec::new()).await.map(drop)
    }

    /// Puts a read on record; nothing may be shown before this returns. Blocks on the disk.
    ///
    /// # Errors
    /// [`Refusal::Internal`] if it cannot be put on record.
    pub fn record_read(&self, read: &Read) -> Result<(), Refusal> {
        self.reads.record(read).map_err(|error| self.internal(&error))
    }

    /// Takes no more submissions; what was accepted is sealed.
    pub fn close(&self) {
        self.stopping.store(true, Ordering::Release);
        *crate::state::write_lock(&self.queue) = None;
    }

    /// True while the clock is too far behind the last record.
    #[must_use]
    pub fn clock_stepped_back(&self) -> bool {
        self.shared.clock_stepped_back.load(Ordering::Acquire)
    }

    /// True once a commit failed and the process must recover by starting again.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire)
    }
}

fn room_units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(ROOM_BYTES)).unwrap_or(u32::MAX)
}
