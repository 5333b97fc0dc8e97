//! The whole engine on a machine that fails, is killed, or loses power within any call.
//!
//! A script makes a log, enrols two people, seals some hundreds of records in batches
//! (several tiles, segments and snapshots), revokes one, and publishes and announces in
//! between. After every crash the log is opened again and must hold everything that was
//! acknowledged, be consistent with every checkpoint that was, pass its audit, answer a
//! repeated submission with its record, and go on.
//!
//! `TRIALSEAL_CRASH_MATRIX=all` tries everything at every call. Otherwise a part is
//! tried; which one rotates with the process id and is printed with every failure, and
//! `TRIALSEAL_CRASH_MATRIX=<number>` tries that part again.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use rustix::io::Errno;
use trialseal_core::{
    entry::record_leaf_hash,
    hash::{Hash, RecordId},
    index::{LogIndex, LogSize},
    merkle::{inclusion::root_from_path, nodes},
};

use super::OpenError;
use crate::{
    fs::{Fault, FileSystem, SimulatedFileSystem},
    journal::JournalError,
    seal::{Outcome, PublicEntry},
    signer_state::{AcceptedHead, SignerStateError},
    state::AccountChange,
    stored::StoredEntry,
    testing::{Person, Steps, TestLog, Watched},
    view::Sealed,
};

const BATCHES: u64 = 23;
const EACH: u64 = 24;

/// Which part of everything is tried.
#[derive(Debug, Clone, Copy)]
enum Part {
    All,
    Rotating(u64),
}

impl Part {
    fn of_this_run(test: &str) -> Self {
        let part = match std::env::var("TRIALSEAL_CRASH_MATRIX") {
            Ok(all) if all == "all" => Self::All,
            Ok(number) => Self::Rotating(number.parse().unwrap()),
            Err(_) => Self::Rotating(u64::from(std::process::id())),
        };
        println!("{test}: {part:?} (set TRIALSEAL_CRASH_MATRIX to the number to try it again, or to all)");
        part
    }

    /// Whether to try variant `variant` of `variants` at `call`: one for each call.
    fn variant(self, call: u64, variant: u64, variants: u64) -> bool {
        match self {
            Self::All => true,
            Self::Rotating(offset) => (call + offset) % variants == variant,
        }
    }

    /// Whether to try every `step`-th.
    fn every(self, call: u64, step: u64) -> bool {
        match self {
            Self::All => true,
            Self::Rotating(offset) => (call + offset).is_multiple_of(step),
        }
    }
}

/// What was acknowledged.
#[derive(Debug, Clone, Default)]
struct Known {
    created: bool,
    enrolled: bool,
    records: Vec<(LogIndex, RecordId)>,
    /// The submissions among them.
    submissions: Vec<(LogIndex, u64)>,
    checkpoints: Vec<(LogSize, Hash)>,
    /// Submissions that may or may not be on record.
    in_flight: Vec<u64>,
}

impl Known {
    fn acknowledge(&mut self, sealed: &Sealed) {
        let batch = &sealed.batch;
        for (index, entry) in (batch.first.get()..).zip(&batch.entries) {
            let PublicEntry::Record(record) = entry else {
                continue;
            };
            self.records.push((LogIndex::new(index).unwrap(), *record));
        }
        let first = batch.first.get();
        for (index, number) in (first..).zip(std::mem::take(&mut self.in_flight)) {
            self.submissions.push((LogIndex::new(index).unwrap(), number));
        }
        self.checkpoints
            .push((batch.checkpoint.size, batch.checkpoint.root));
    }
}

fn people() -> (Person, Person) {
    (
        Person::new("acme", "m-4k2v9", 1),
        Person::new("bolt", "m-77777", 2),
    )
}

fn known_to(known: &Mutex<Known>) -> std::sync::MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs until the end or the first failure that ends a process.
fn script(log: &TestLog, known: &Mutex<Known>) -> Result<(), String> {
    log.create().map_err(|error| error.to_string())?;
    known_to(known).created = true;
    let mut steps = log.steps().map_err(|error| error.to_string())?;
    let (person, other) = people();
    for person in [&person, &other] {
        for change in crate::testing::account_changes(person, trialseal_core::time::Instant::from_millis(0)) {
            let admitted = steps.admit_account(change);
            let sealed = steps.seal_new(vec![admitted])?;
            known_to(known).acknowledge(&sealed);
        }
    }
    known_to(known).enrolled = true;
    for batch in 0..BATCHES {
        let numbers: Vec<u64> = (batch * EACH..(batch + 1) * EACH).collect();
        let admitted = numbers
            .iter()
            .map(|number| admit(&steps, &person, *number))
            .collect();
        known_to(known).in_flight = numbers;
        let sealed = steps.seal_new(admitted)?;
        known_to(known).acknowledge(&sealed);
        if let Err(error) = steps.publish() {
            // The program goes on after a failed round, unless files contradict the log.
            assert!(!error.to_string().contains("other contents"), "{error}");
        }
        if batch % 3 == 2 {
            // Without it no newer checkpoint goes out; the program goes on.
            let _ = steps.announce();
        }
        if batch == BATCHES / 2 {
            let (organization, member) = (other.organization.clone(), other.member.clone());
            let admitted = steps.admit_account(AccountChange::MemberRevoked { organization, member });
            let sealed = steps.seal_new(vec![admitted])?;
            known_to(known).acknowledge(&sealed);
        }
    }
    Ok(())
}

fn admit(steps: &Steps, person: &Person, number: u64) -> crate::seal::Admitted {
    if number.is_multiple_of(3) {
        steps.admit_signed(person, number)
    } else {
        steps.admit_draft(person, number)
    }
}

/// Opens the log after a crash; none where it was never created.
fn reopen(log: &TestLog, known: &Known) -> Option<Steps> {
    let error = match log.steps() {
        Ok(steps) => return Some(steps),
        Err(error) => error,
    };
    assert!(!known.created, "{error}");
    match error {
        OpenError::Journal(JournalError::NoJournal { .. }) | OpenError::Empty => None,
        // The first batch is there and the memory is not: the words say how to go on.
        OpenError::Signer(SignerStateError::Missing { size, root, .. }) => {
            let head = AcceptedHead {
                size,
                root: Hash::from_base64(&root).unwrap(),
            };
            let steps = log.steps_accepting(Some(head)).unwrap();
            steps.announce().unwrap();
            Some(steps)
        }
        error => panic!("{error}"),
    }
}

/// Everything that must hold after a crash. `go_on` seals more, and looks again.
fn check(log: &TestLog, machine: &SimulatedFileSystem, known: &Known, go_on: bool) {
    let log = log.moved(Arc::new(machine.clone()), log.layout.clone());
    let Some(mut steps) = reopen(&log, known) else {
        assert!(known.records.is_empty());
        return;
    };
    includes(&steps, known);
    log.audit().unwrap();
    if !go_on || !known.enrolled {
        return;
    }
    let (person, _) = people();
    // A repeated submission is found; one that was in flight is found or sealed now.
    let repeated = known
        .submissions
        .iter()
        .step_by(7)
        .chain(known.submissions.last());
    for (index, number) in repeated {
        let candidates = steps
            .sealer
            .state()
            .remembered()
            .candidates(admit(&steps, &person, *number).fingerprint);
        assert!(
            candidates.contains(&crate::chain::Place::new(index.get())),
            "submission {number} is forgotten"
        );
    }
    let admitted = known
        .in_flight
        .iter()
        .map(|number| admit(&steps, &person, *number));
    let admitted = admitted.chain([admit(&steps, &person, 1_000_000)]).collect();
    let (_, outcomes) = steps.seal(admitted).unwrap();
    let sealed = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Outcome::Sealed(_)))
        .count();
    assert!(
        sealed == 1 || sealed == 1 + known.in_flight.len(),
        "a batch is on record as a whole or not at all"
    );
    steps.fill(&person, 2_000_000, 6, 20).unwrap();
    includes(&steps, known);
    drop(steps);
    machine.kill();
    includes(&log.steps().unwrap(), known);
    log.audit().unwrap();
}

/// The audit compares every record with the tree, and the roots below are of the tree that
/// was acknowledged: of the records themselves, the newest and some others are enough.
fn includes(steps: &Steps, known: &Known) {
    let view = &steps.view;
    let head = view.head();
    let newest = known.records.iter().rev().take(EACH as usize);
    for (index, record) in known.records.iter().step_by(29).chain(newest) {
        let Some(StoredEntry::Record(stored)) = view.stored(*index).unwrap() else {
            panic!("record {index} is lost")
        };
        assert_eq!(stored.leaves().root(), *record, "record {index} is another");
    }
    for (size, root) in &known.checkpoints {
        assert_eq!(
            nodes::root(*size, &**view).unwrap(),
            *root,
            "the checkpoint of size {size}"
        );
    }
    for (index, record) in known.records.iter().step_by(97).chain(known.records.last()) {
        let path = nodes::inclusion_path(*index, head.size, &**view).unwrap();
        assert_eq!(
            root_from_path(record_leaf_hash(record), *index, head.size, &path),
            Ok(head.root)
        );
    }
}

/// How a machine ends: killed, or without power (by seed).
fn end(machine: &SimulatedFileSystem, variant: u64) {
    match variant {
        0 => machine.kill(),
        seed => machine.power_cut(seed - 1),
    }
}
const ENDS: u64 = 5;

/// Crashes copies of the machine within every change that the script makes.
fn crash_everywhere(
    test: &str,
    then: impl Fn(&TestLog, &SimulatedFileSystem, &Known, u64) + Send + Sync + 'static,
) {
    let part = Part::of_this_run(test);
    let known = Arc::new(Mutex::new(Known::default()));
    let machine = SimulatedFileSystem::new();
    let log = Arc::new(TestLog::on(Arc::new(machine.clone())));
    let changes = Arc::new(AtomicU64::new(0));
    let tried = Arc::new(AtomicU64::new(0));
    let watcher = {
        let (known, log, changes, tried) = (
            Arc::clone(&known),
            Arc::clone(&log),
            Arc::clone(&changes),
            Arc::clone(&tried),
        );
        move |machine: &SimulatedFileSystem, change: &crate::testing::Change| {
            let call = changes.fetch_add(1, Ordering::Relaxed);
            for variant in (0..ENDS).filter(|variant| part.variant(call, *variant, ENDS)) {
                let copy = machine.fork();
                change.crash_within(&copy);
                end(&copy, variant);
                let known = known_to(&known).clone();
                then(&log, &copy, &known, call);
                tried.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let watched = Watched {
        machine,
        watcher: Arc::new(watcher),
    };
    let running = log.moved(Arc::new(watched), log.layout.clone());
    script(&running, &known).unwrap();
    let size = known_to(&known).checkpoints.last().unwrap().0;
    let (changes, tried) = (changes.load(Ordering::Relaxed), tried.load(Ordering::Relaxed));
    println!("{test}: {tried} crashes within {changes} changes, on the way to {size} entries");
    assert!(changes > 200 && tried >= changes);
}

#[test]
fn a_crash_within_any_change_loses_nothing() {
    let part = Part::of_this_run("going on after a crash");
    crash_everywhere("a crash within any change", move |log, machine, known, call| {
        check(log, machine, known, part.every(call, 5));
    });
}

#[test]
fn a_crash_during_recovery_loses_nothing() {
    let part = Part::of_this_run("recovering from a crash");
    let tried = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&tried);
    crash_everywhere("a crash during recovery", move |log, machine, known, call| {
        if !part.every(call, 9) || !known.created {
            return;
        }
        let recovering = machine.fork();
        drop(
            log.moved(Arc::new(recovering.clone()), log.layout.clone())
                .steps()
                .unwrap(),
        );
        let calls = recovering.calls();
        for (round, again) in (0..calls)
            .filter(|again| part.every(*again + call, 23))
            .enumerate()
        {
            let twice = machine.fork();
            twice.plant(again, Fault::Crash);
            let opened = log.moved(Arc::new(twice.clone()), log.layout.clone()).steps();
            drop(opened);
            end(&twice, (round as u64 + call) % ENDS);
            check(log, &twice, known, false);
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    println!("{} crashes during recovery", tried.load(Ordering::Relaxed));
    assert!(tried.load(Ordering::Relaxed) > 20);
}

#[test]
fn a_failure_of_any_call_loses_nothing() {
    const FAULTS: [Fault; 4] = [
        Fault::Fails(Errno::IO),
        Fault::FailsButStored(Errno::IO),
        Fault::FailsPartly(Errno::NOSPC),
        Fault::Fails(Errno::NOSPC),
    ];
    let part = Part::of_this_run("a failure of any call");
    let machine = SimulatedFileSystem::new();
    script(&TestLog::on(Arc::new(machine.clone())), &Mutex::default()).unwrap();
    let calls = machine.call_log();
    let mut tried = 0;
    let mut ended = 0;
    for call in calls.iter().filter(|call| part.every(call.number, 6)) {
        for (variant, fault) in (0..)
            .zip(FAULTS)
            .filter(|(variant, _)| part.variant(call.number / 6, *variant, 4))
        {
            let machine = SimulatedFileSystem::new();
            machine.plant(call.number, fault);
            let log = TestLog::on(Arc::new(machine.clone()));
            let known = Mutex::default();
            ended += u64::from(script(&log, &known).is_err());
            end(&machine, (call.number + variant) % ENDS);
            let known = known.into_inner().unwrap();
            check(&log, &machine, &known, tried % 5 == 0);
            tried += 1;
        }
    }
    println!(
        "{tried} failures of {} calls, of which {ended} ended the process",
        calls.len()
    );
    assert!(ended > 0 && tried > 50);
    assert!(machine.free_bytes(std::path::Path::new("/")).is_ok());
}
