//! Logs for tests: created, filled, stopped and opened again, on the simulated file
//! system or a real one.
//!
//! [`TestLog`] is a place with a log's keys, clock and options. [`Steps`] runs the engine
//! on it in one thread, one call after the other, so that a test decides what happens
//! when and every file system call has the same number in every run. [`Served`] runs it
//! as the program does.

mod submissions;
mod watched;
mod witness;

use std::{path::Path, sync::Arc, time::Duration};

use rand::{SeedableRng as _, rngs::StdRng};
use tempfile::TempDir;
use trialseal_core::{
    checkpoint::Origin, cose::CoseSigningKey, index::LogIndex, note::VerifierKey, record::What,
    time::Instant, vocabulary::Role,
};

pub(crate) use self::{
    submissions::{Person, Saying, Signing, account_changes, draft, granted, operator, signed, what},
    watched::{Change, Watched},
    witness::{Does, ScriptedWitness},
};
use crate::{
    account_record::what_of,
    admit::{Admission, Prepared},
    audit::{AuditError, AuditOptions, AuditReport, audit},
    chain::Chain,
    clock::{Clock, ManualClock},
    closed::ClosedLog,
    config::Limits,
    fs::{FileSystem, RealFileSystem},
    journal::{JournalId, JournalOptions},
    keys::{LogKeys, LogSigner},
    layout::Layout,
    notary::{Answer, Notary, Running, StartOptions},
    publish::{PublishError, Publisher, Snapshot, Task},
    recover::{self, OpenError, OpenOptions, Opened},
    refusal::Refusal,
    rotate::{RotateError, RotateOptions, Rotated, rotate},
    seal::{Admitted, Outcome, Sealer},
    sequence::Committer,
    signer_state::{AcceptedHead, SignerState},
    state::{AccountChange, Accounts, RememberedLimits},
    telemetry::Metrics,
    view::{LogView, Sealed},
};

/// The origin of all logs here.
pub(crate) const ORIGIN: &str = "notary.example/2026";
/// When all clocks start.
pub(crate) const START: &str = "2026-03-01T08:00:00Z";

/// Segments of 64 KiB: a log of a few hundred records rolls often.
pub(crate) const SMALL: JournalOptions = JournalOptions {
    segment_bytes: 64 << 10,
    limit_bytes: 1 << 20,
    payload_bytes_max: 56 << 10,
};

/// The key of COSE receipts of all logs here.
fn cose_key() -> Arc<CoseSigningKey> {
    Arc::new(CoseSigningKey::from_seed([3; 32]))
}

/// A place for one log.
pub(crate) struct TestLog {
    pub(crate) fs: Arc<dyn FileSystem>,
    pub(crate) layout: Layout,
    pub(crate) signer: Arc<LogSigner>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) journal: JournalOptions,
    /// The closed logs that it continues.
    pub(crate) previous: Vec<ClosedLog>,
    /// Kept until the log is dropped.
    _folder: Option<TempDir>,
}

/// The folders below one root.
pub(crate) fn layout(root: &Path) -> Layout {
    Layout {
        public: root.join("data/public"),
        private: root.join("data/private"),
        journal: root.join("data/journal"),
        index: root.join("data/index"),
        signer_state: root.join("signer/signer.state"),
    }
}

impl TestLog {
    /// A log below `/log` of a file system. There is no listing: sled would need files of
    /// the operating system.
    pub(crate) fn on(fs: Arc<dyn FileSystem>) -> Self {
        let mut layout = layout(Path::new("/log"));
        layout.index = Path::new("/dev/null/index").to_owned();
        Self::new(fs, layout, None)
    }

    /// A log in a temporary folder of the operating system.
    pub(crate) fn real() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::new(Arc::new(RealFileSystem), layout(folder.path()), Some(folder))
    }

    fn new(fs: Arc<dyn FileSystem>, layout: Layout, folder: Option<TempDir>) -> Self {
        let signer = LogSigner::new(&Origin::new(ORIGIN).unwrap(), &LogKeys::generate().unwrap()).unwrap();
        Self {
            fs,
            layout,
            signer: Arc::new(signer),
            clock: Arc::new(ManualClock::new(Instant::parse(START).unwrap())),
            journal: SMALL,
            previous: Vec::new(),
            _folder: folder,
        }
    }

    /// The same log, with its keys and clock, on another file system or in another place.
    pub(crate) fn moved(&self, fs: Arc<dyn FileSystem>, layout: Layout) -> Self {
        let (signer, clock) = (Arc::clone(&self.signer), Arc::clone(&self.clock));
        Self {
            fs,
            layout,
            signer,
            clock,
            journal: self.journal,
            previous: self.previous.clone(),
            _folder: None,
        }
    }

    /// The log that continues this one, in a folder of its own on the same file system.
    pub(crate) fn next(&self, year: u32) -> Self {
        let origin = Origin::new(&format!("notary.example/{year}")).unwrap();
        let root = format!("/log-{year}");
        let mut layout = layout(Path::new(&root));
        layout.index = Path::new("/dev/null/index").to_owned();
        let mut previous = self.previous.clone();
        previous.push(ClosedLog {
            layout: self.layout.clone(),
            keys: self.keys(),
            cose: None,
        });
        Self {
            fs: Arc::clone(&self.fs),
            layout,
            signer: Arc::new(LogSigner::new(&origin, &LogKeys::generate().unwrap()).unwrap()),
            clock: Arc::clone(&self.clock),
            journal: self.journal,
            previous,
            _folder: None,
        }
    }

    /// The same place and keys, with other logs before.
    pub(crate) fn continuing(&self, previous: Vec<ClosedLog>) -> Self {
        Self {
            previous,
            ..self.moved(Arc::clone(&self.fs), self.layout.clone())
        }
    }

    pub(crate) fn clock_now(&self) -> Instant {
        self.clock.now()
    }

    /// Sets the clock back.
    pub(crate) fn clock_back(&self, millis: i64) {
        self.clock.set(self.clock.now().plus_millis(-millis));
    }

    /// Rotates this log to `next`.
    pub(crate) fn rotate(&self, next: &Self) -> Result<Rotated, RotateError> {
        let options = RotateOptions {
            old: self.options(None),
            next: next.options(None),
        };
        rotate(options, JournalId([0xa5; 16]))
    }

    pub(crate) fn keys(&self) -> [VerifierKey; 2] {
        self.signer.verifiers().map(Clone::clone)
    }

    pub(crate) fn options(&self, accept_head: Option<AcceptedHead>) -> OpenOptions {
        OpenOptions {
            fs: Arc::clone(&self.fs),
            layout: self.layout.clone(),
            signer: Arc::clone(&self.signer),
            cose: cose_key(),
            clock: Arc::<ManualClock>::clone(&self.clock),
            journal: self.journal,
            remembered: RememberedLimits {
                total: 1_000_000,
                per_organization: 1_000_000,
            },
            salts: StdRng::seed_from_u64(7),
            previous: self.previous.clone(),
            accept_head,
        }
    }

    pub(crate) fn create(&self) -> Result<(), OpenError> {
        recover::create(&self.options(None), JournalId([0x5a; 16]))
    }

    /// Opens the log to be run step by step.
    pub(crate) fn steps(&self) -> Result<Steps, OpenError> {
        self.steps_accepting(None)
    }

    pub(crate) fn steps_accepting(&self, head: Option<AcceptedHead>) -> Result<Steps, OpenError> {
        let Opened {
            sealer,
            committer,
            publisher,
            view,
            chain,
            ..
        } = recover::open(self.options(head))?;
        Ok(Steps {
            fs: Arc::clone(&self.fs),
            layout: self.layout.clone(),
            clock: Arc::clone(&self.clock),
            snapshot_segment: committer.segment,
            sealer,
            committer,
            publisher,
            view,
            chain,
        })
    }

    /// Starts the log as the program does. Needs a tokio runtime of several threads.
    pub(crate) fn serve(&self) -> Served {
        self.serve_asking(None)
    }

    /// The same, asking witnesses and authorities.
    pub(crate) fn serve_asking(&self, evidence: Option<crate::config::Evidence>) -> Served {
        let opened = recover::open(self.options(None)).unwrap();
        let options = StartOptions {
            origin: self.signer.origin().clone(),
            fs: Arc::clone(&self.fs),
            layout: self.layout.clone(),
            clock: Arc::<ManualClock>::clone(&self.clock),
            cose: cose_key(),
            limits: Limits {
                free_bytes_min: 0,
                ..Limits::default()
            },
            evidence,
            metrics: Arc::new(Metrics::for_prometheus().unwrap()),
        };
        let (notary, running) = Notary::start(opened, options).unwrap();
        Served { notary, running }
    }

    pub(crate) fn audit_options(&self) -> AuditOptions {
        AuditOptions {
            fs: Arc::clone(&self.fs),
            layout: self.layout.clone(),
            keys: self.keys(),
            with_signer_state: true,
            previous: None,
            threads: 1,
        }
    }

    pub(crate) fn audit(&self) -> Result<AuditReport, AuditError> {
        audit(&self.audit_options(), &mut |_| {})
    }
}

/// The engine, run step by step in one thread.
pub(crate) struct Steps {
    fs: Arc<dyn FileSystem>,
    layout: Layout,
    clock: Arc<ManualClock>,
    pub(crate) sealer: Sealer,
    pub(crate) committer: Committer,
    pub(crate) publisher: Publisher,
    pub(crate) view: Arc<LogView>,
    pub(crate) chain: Chain,
    snapshot_segment: u64,
}

impl Steps {
    pub(crate) fn accounts(&self) -> Arc<Accounts> {
        Arc::clone(self.sealer.state().accounts())
    }

    pub(crate) fn admission<'a>(&'a self, accounts: &'a Accounts) -> Admission<'a> {
        Admission {
            chain: &self.chain,
            accounts,
            now: self.clock.now(),
        }
    }

    pub(crate) fn admit_draft(&self, person: &Person, number: u64) -> Admitted {
        let accounts = self.accounts();
        self.admission(&accounts)
            .draft(&person.caller(), draft(person, number))
            .unwrap()
    }

    pub(crate) fn admit_signed(&self, person: &Person, number: u64) -> Admitted {
        let accounts = self.accounts();
        let origin = &self.chain.present().origin;
        let prepared: Prepared = signed(person, origin, &accounts, number, self.clock.now());
        self.admission(&accounts)
            .prepared(&person.caller(), prepared)
            .unwrap()
    }

    /// Something signed in a role.
    pub(crate) fn admit(
        &self,
        person: &Person,
        role: Role,
        what: &What,
        number: u64,
    ) -> Result<Admitted, Refusal> {
        self.admit_saying(person, number, &Saying::plainly(what.clone(), role))
    }

    /// Submission `number` of a person, saying this.
    pub(crate) fn admit_saying(
        &self,
        person: &Person,
        number: u64,
        saying: &Saying,
    ) -> Result<Admitted, Refusal> {
        let accounts = self.accounts();
        let signing = Signing {
            origin: &self.chain.present().origin,
            accounts: &accounts,
            now: self.clock.now(),
        };
        let prepared = signing.sign_saying(person, saying, number);
        self.admission(&accounts).prepared(&person.caller(), prepared)
    }

    pub(crate) fn admit_account(&self, change: AccountChange) -> Admitted {
        let accounts = self.accounts();
        let what = what_of(&change).unwrap();
        self.admission(&accounts)
            .account(&operator(), what, change)
            .unwrap()
    }

    /// Seals one batch and makes it durable. An error is a failed commit: nothing may go
    /// on with this value.
    pub(crate) fn seal(&mut self, batch: Vec<Admitted>) -> Result<(Arc<Sealed>, Vec<Outcome>), String> {
        // A minute between batches, so that times differ.
        self.clock.set(self.clock.now().plus_millis(60_000));
        let mut open = self.sealer.begin(self.clock.now());
        let outcomes = batch.into_iter().map(|admitted| open.submit(admitted)).collect();
        let batch = open.finish().map_err(|error| error.to_string())?;
        let due = self.committer.segment != self.snapshot_segment || !batch.erasures.is_empty();
        let snapshot = due.then(|| Snapshot::of(self.sealer.state()));
        self.snapshot_segment = self.committer.segment;
        let sealed = self.committer.commit(batch).map_err(|error| error.to_string())?;
        self.view.append(Arc::clone(&sealed));
        self.publisher.take(Task::Batch(Arc::clone(&sealed)));
        if let Some(snapshot) = snapshot {
            self.publisher.take(Task::Snapshot(snapshot));
        }
        Ok((sealed, outcomes))
    }

    /// Seals one batch, of which everything must be new.
    pub(crate) fn seal_new(&mut self, batch: Vec<Admitted>) -> Result<Arc<Sealed>, String> {
        let (sealed, outcomes) = self.seal(batch)?;
        for outcome in outcomes {
            assert!(matches!(outcome, Outcome::Sealed(_)), "{outcome:?}");
        }
        Ok(sealed)
    }

    /// Writes the files that can be written, and releases what need not be kept.
    pub(crate) fn publish(&mut self) -> Result<(), PublishError> {
        self.publisher.round()
    }

    /// Replaces the signer's memory, as before a checkpoint goes out.
    pub(crate) fn announce(&self) -> Result<(), String> {
        let head = self.view.head();
        let checkpoint = trialseal_core::checkpoint::Checkpoint {
            origin: self.chain.present().origin.clone(),
            size: head.size,
            root: head.root,
        };
        let state = SignerState {
            checkpoint,
            time: self.clock.now(),
        };
        state
            .write(&*self.fs, &self.layout.signer_state)
            .map_err(|error| error.to_string())
    }

    /// Enrols somebody, each change in a batch of its own.
    pub(crate) fn enrol(&mut self, person: &Person) -> Result<(), String> {
        for change in account_changes(person, self.clock.now()) {
            let admitted = self.admit_account(change);
            self.seal_new(vec![admitted])?;
        }
        Ok(())
    }

    /// Seals `batches` batches of `each` drafts with numbers from `from` on, of which every
    /// third is signed, and publishes and announces after each.
    pub(crate) fn fill(&mut self, person: &Person, from: u64, batches: u64, each: u64) -> Result<(), String> {
        for batch in 0..batches {
            let first = from + batch * each;
            let admitted = (first..first + each).map(|number| match number % 3 {
                0 => self.admit_signed(person, number),
                _ => self.admit_draft(person, number),
            });
            let admitted = admitted.collect();
            self.seal_new(admitted)?;
            self.publish().map_err(|error| error.to_string())?;
            self.announce()?;
        }
        Ok(())
    }
}

/// A log with somebody enrolled and `batches` batches of 16 records, stopped.
pub(crate) fn filled(log: &TestLog, batches: u64) -> Person {
    let person = Person::new("acme", "m-4k2v9", 1);
    log.create().unwrap();
    let mut steps = log.steps().unwrap();
    steps.enrol(&person).unwrap();
    steps.fill(&person, 0, batches, 16).unwrap();
    person
}

/// A running notary.
pub(crate) struct Served {
    pub(crate) notary: Arc<Notary>,
    running: Running,
}

impl Served {
    pub(crate) async fn enrol(&self, person: &Person) {
        for change in account_changes(person, self.notary.now()) {
            let accounts = self.notary.accounts();
            let what = what_of(&change).unwrap();
            let admitted = self
                .notary
                .admission(&accounts)
                .account(&operator(), what, change)
                .unwrap();
            self.submit(admitted).await.unwrap();
        }
    }

    /// Submits a draft; its place in the log.
    pub(crate) async fn draft(&self, person: &Person, number: u64) -> Result<LogIndex, Refusal> {
        let accounts = self.notary.accounts();
        let admitted = self
            .notary
            .admission(&accounts)
            .draft(&person.caller(), draft(person, number))?;
        self.submit(admitted).await
    }

    /// Submits a signed record; its place in the log.
    pub(crate) async fn signed(&self, person: &Person, number: u64) -> Result<LogIndex, Refusal> {
        let accounts = self.notary.accounts();
        let prepared = signed(person, &self.notary.origin, &accounts, number, self.notary.now());
        let admitted = self
            .notary
            .admission(&accounts)
            .prepared(&person.caller(), prepared)?;
        self.submit(admitted).await
    }

    async fn submit(&self, admitted: Admitted) -> Result<LogIndex, Refusal> {
        let room = self.notary.room(1, admitted.bytes() as u64)?;
        match self.notary.submit(vec![Ok(admitted)], room).await?.pop().unwrap() {
            Answer::Sealed { sealed, position } => Ok(self.notary.prove_sealed(&sealed, position)?.index),
            Answer::Repeated(place) => Ok(self.notary.locate(place)?.1),
            Answer::Refused(refusal) => Err(refusal),
        }
    }

    pub(crate) async fn stop(self) {
        let stopping = self.running.stop(&self.notary);
        tokio::time::timeout(Duration::from_secs(60), stopping)
            .await
            .unwrap();
    }
}
