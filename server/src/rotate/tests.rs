//! Rotation step by step on the simulated file system, and crashed within every change.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use trialseal_core::{
    checkpoint::Checkpoint,
    entry::Statement,
    index::{LogIndex, Sequence},
    record::{Enrolment, When},
    trust::Level,
    vocabulary::Role,
};

use super::RotateError;
use crate::{
    audit::{AuditError, AuditOptions, AuditReport, audit},
    chain::Place,
    fs::{Operation, SimulatedFileSystem},
    recover::OpenError,
    refusal::Refusal,
    seal::Outcome,
    state::{AccountChange, read_lock},
    stored::StoredEntry,
    testing::{Change, Person, Steps, TestLog, Watched, account_changes, filled, granted},
};

/// A log of a few hundred records, which has rolled: tiles, snapshots, released segments.
const BATCHES: u64 = 20;

/// A log that has rolled, and what it is rotated to.
fn logs(machine: &SimulatedFileSystem) -> (TestLog, TestLog, Person) {
    let log = TestLog::on(Arc::new(machine.clone()));
    let person = filled(&log, BATCHES);
    let next = log.next(2027);
    (log, next, person)
}

fn on(machine: &SimulatedFileSystem, log: &TestLog) -> TestLog {
    log.moved(Arc::new(machine.clone()), log.layout.clone())
}

fn audit_both(log: &TestLog, next: &TestLog) -> Result<AuditReport, AuditError> {
    let options = AuditOptions {
        previous: Some(Box::new(log.audit_options())),
        ..next.audit_options()
    };
    audit(&options, &mut |_| {})
}

fn statement(steps: &Steps, index: LogIndex) -> Statement {
    match steps.view.stored(index).unwrap() {
        Some(StoredEntry::Statement(json)) => Statement::parse(&json).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn when_at(steps: &Steps, place: Place) -> When {
    let (log, index) = steps.chain.locate(place).unwrap();
    match log.view.stored(index).unwrap() {
        Some(StoredEntry::Record(record)) => When::parse(&record.when.text).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_goes_on_under_its_next_origin() {
    let machine = SimulatedFileSystem::new();
    let (log, next, person) = logs(&machine);
    let (before, head, last_time) = {
        let steps = log.steps().unwrap();
        let registers = read_lock(steps.sealer.state().registers()).clone();
        let heads: Vec<_> = registers
            .iter()
            .map(|(name, head)| (name.clone(), head.clone()))
            .collect();
        (heads, steps.view.head(), steps.sealer.state().last_time())
    };
    let rotated = log.rotate(&next).unwrap();
    assert!(!rotated.was_closed);
    // The registers changed since the last statement: they are stated, then the log is closed.
    assert_eq!(rotated.checkpoint.size.get(), head.size.get() + 2);

    let mut steps = next.steps().unwrap();
    match statement(&steps, LogIndex::FIRST) {
        Statement::Open { previous, origin, .. } => assert_eq!(
            (previous.as_deref(), &origin),
            (Some(rotated.note.as_str()), next.signer.origin())
        ),
        other => panic!("{other:?}"),
    }
    let closed = Arc::clone(&steps.chain.closed()[0]);
    assert_eq!(*closed.view.head().note, *rotated.note);
    assert!(steps.sealer.state().last_time() >= last_time);
    // One submission goes on where each register was.
    let drafts = (0..5).map(|number| steps.admit_draft(&person, 10_000 + number));
    let drafts = drafts.collect();
    let sealed = steps.seal_new(drafts).unwrap();
    let base = steps.chain.present().base;
    for (position, _) in sealed.batch.entries.iter().enumerate() {
        let when = when_at(
            &steps,
            Place::new(base + sealed.batch.first.get() + position as u64),
        );
        let (_, old) = before.iter().find(|(name, _)| *name == when.register).unwrap();
        assert_eq!(when.sequence, old.sequence.next().unwrap());
        assert_eq!(when.previous, Some(old.last));
        assert_eq!(when.log, *next.signer.origin());
        assert!(when.received_at >= last_time);
    }
    // The signer's enrolment is in the old log, and still in force.
    let signed = steps.admit_signed(&person, 10_005);
    let accounts = steps.accounts();
    let key = accounts
        .key(&person.organization, &person.member, person.key.verifier())
        .unwrap();
    let enrolment = Enrolment {
        index: key.index,
        record: key.record,
    };
    assert!(closed.view.stored(enrolment.index).unwrap().is_some());
    steps.seal_new(vec![signed]).unwrap();
    steps.fill(&person, 20_000, 30, 16).unwrap();
    drop(steps);
    let report = audit_both(&log, &next).unwrap();
    assert_eq!(report.previous.unwrap().size, rotated.checkpoint.size);
    // It starts again from a snapshot of its own.
    let steps = next.steps().unwrap();
    assert_eq!(steps.sealer.state().base(), rotated.checkpoint.size.get());
}

#[test]
fn a_submission_of_the_old_log_is_found_or_refused_with_the_next_origin() {
    let machine = SimulatedFileSystem::new();
    let (log, next, person) = logs(&machine);
    // 3 is signed and on record; 999,999 is signed for the old log and never arrived.
    let (known, lost) = {
        let steps = log.steps().unwrap();
        (
            steps.admit_signed(&person, 3),
            steps.admit_signed(&person, 999_999),
        )
    };
    log.rotate(&next).unwrap();
    let closed_for = |outcome: &Outcome| match outcome {
        Outcome::Refused(Refusal::LogClosed { next }) => next.clone(),
        other => panic!("{other:?}"),
    };
    let mut steps = next.steps().unwrap();
    // The new log is asked to take it: admission lets it through as one that can only be a repeat.
    let accounts = steps.accounts();
    let again = crate::testing::signed(&person, log.signer.origin(), &accounts, 999_999, next.clock_now());
    let again = steps
        .admission(&accounts)
        .prepared(&person.caller(), again)
        .unwrap();
    assert!(again.closed_log && !lost.closed_log);
    let repeat = crate::testing::signed(&person, log.signer.origin(), &accounts, 3, next.clock_now());
    let repeat = steps
        .admission(&accounts)
        .prepared(&person.caller(), repeat)
        .unwrap();
    assert_eq!(repeat.fingerprint, known.fingerprint);
    let fresh = steps.admit_draft(&person, 70_000);
    let (_, outcomes) = steps.seal(vec![again, repeat, fresh]).unwrap();
    assert_eq!(closed_for(&outcomes[0]), *next.signer.origin());
    match &outcomes[1] {
        Outcome::PerhapsOnRecord(_, places) => {
            let (found, index) = steps.chain.locate(places[0]).unwrap();
            assert_eq!(found.origin, *log.signer.origin());
            assert!(matches!(
                found.view.stored(index).unwrap(),
                Some(StoredEntry::Record(_))
            ));
        }
        other => panic!("{other:?}"),
    }
    drop(steps);
    // The old log alone says the same, and takes nothing.
    let mut steps = log.steps().unwrap();
    let before = steps.view.head();
    let admitted = vec![
        steps.admit_signed(&person, 999_999),
        steps.admit_draft(&person, 80_000),
    ];
    let outcomes: Vec<_> = {
        let mut open = steps.sealer.begin(log.clock_now());
        let outcomes = admitted
            .into_iter()
            .map(|admitted| open.submit(admitted))
            .collect();
        assert!(open.state_registers_if_due().is_ok() && open.is_empty());
        outcomes
    };
    assert!(
        outcomes
            .iter()
            .all(|outcome| closed_for(outcome) == *next.signer.origin())
    );
    assert_eq!(steps.view.head().size, before.size);
}

#[test]
fn links_and_heads_of_the_old_log_are_found() {
    use trialseal_core::record::{Link, Seen, What};
    let machine = SimulatedFileSystem::new();
    let (log, next, person) = logs(&machine);
    log.rotate(&next).unwrap();
    let steps = next.steps().unwrap();
    let closed = Arc::clone(&steps.chain.closed()[0]);
    let index = LogIndex::new(10).unwrap();
    let Some(StoredEntry::Record(record)) = closed.view.stored(index).unwrap() else {
        panic!("there is a record");
    };
    let record = record.leaves().root();
    let accounts = steps.accounts();
    let admit = |change: &dyn Fn(&mut What)| {
        let mut draft = crate::testing::draft(&person, 5_000);
        change(&mut draft.what);
        steps
            .admission(&accounts)
            .draft(&person.caller(), draft)
            .map(drop)
    };
    let link = |log: Option<&str>| Link {
        rel: "amends".parse().unwrap(),
        record,
        index,
        log: log.map(|log| log.parse().unwrap()),
    };
    let violations = |refused: Result<(), Refusal>| match refused {
        Err(Refusal::Invalid(violations)) => violations[0].field.clone(),
        other => panic!("{other:?}"),
    };
    admit(&|what| what.links = vec![link(Some(log.signer.origin().as_str()))]).unwrap();
    admit(&|what| {
        what.seen = Some(Seen {
            sequence: Sequence::FIRST,
            record,
            index,
        });
    })
    .unwrap();
    let own = admit(&|what| what.links = vec![link(None)]);
    assert_eq!(violations(own), "what.links[0]");
    let other = admit(&|what| what.links = vec![link(Some("notary.example/2025"))]);
    assert_eq!(violations(other), "what.links[0].log");
}

#[test]
fn evidence_for_the_old_log_is_still_given() {
    use crate::evidence::{Evidenced, Kept, Kind, earliest_for};
    let machine = SimulatedFileSystem::new();
    let (log, next, _) = logs(&machine);
    let head = log.steps().unwrap().view.head();
    let witnessed = Evidenced {
        checkpoint: Checkpoint {
            origin: log.signer.origin().clone(),
            size: head.size,
            root: head.root,
        },
        note: Arc::clone(&head.note),
        tokens: Vec::new(),
        cose: None,
    };
    let kept = Kept::open(Arc::clone(&log.fs), &log.layout, Kind::Witnessed).unwrap();
    kept.append(Arc::new(witnessed.clone())).unwrap();
    drop(kept);
    log.rotate(&next).unwrap();
    let calls = machine.call_log().len();
    let steps = next.steps().unwrap();
    let closed = &steps.chain.closed()[0];
    let kept = closed.kept.as_ref().unwrap();
    let (level, found) = earliest_for(kept, LogIndex::FIRST);
    assert_eq!((level, &*found[0]), (Level::Witnessed, &witnessed));
    let (level, found) = earliest_for(kept, head.size.next_index());
    assert_eq!(
        (level, found.len()),
        (Level::Sealed, 0),
        "behind what was witnessed"
    );
    assert_eq!(*closed.last_evidenced().note, *closed.view.head().note);
    drop(steps);
    // Nothing in the closed log's folders was changed on the way.
    let root = log.layout.private.parent().unwrap();
    let changes = machine.call_log().split_off(calls);
    let changes = changes.iter().filter(|call| call.path.starts_with(root));
    for call in changes {
        assert!(
            matches!(
                call.operation,
                Operation::Open | Operation::Read | Operation::List | Operation::Inspect
            ),
            "{call:?}"
        );
    }
    audit_both(&log, &next).unwrap();
}

#[test]
fn there_is_one_way_to_go_on() {
    let machine = SimulatedFileSystem::new();
    let (log, next, person) = logs(&machine);
    // What cannot follow is refused before anything is closed.
    let same = log.moved(Arc::new(machine.clone()), next.layout.clone());
    assert!(matches!(log.rotate(&same), Err(RotateError::Origin { .. })));
    let taken = log.next(2030);
    taken.continuing(Vec::new()).create().unwrap();
    assert!(matches!(log.rotate(&taken), Err(RotateError::Taken { .. })));
    log.clock_back(2_000);
    assert!(matches!(log.rotate(&next), Err(RotateError::Clock { .. })));
    log.clock_back(-2_000);
    log.steps().unwrap().seal_new(vec![]).unwrap_err();

    log.rotate(&next).unwrap();
    assert!(log.rotate(&next).unwrap().was_closed);
    // Another origin, other keys for the same origin.
    for other in [log.next(2028), log.next(2027)] {
        match log.rotate(&other) {
            Err(RotateError::ClosedForAnother { next: found, .. }) => {
                assert_eq!(found, *next.signer.origin());
            }
            refused => panic!("{refused:?}"),
        }
    }
    let mut steps = next.steps().unwrap();
    steps.fill(&person, 30_000, 2, 8).unwrap();
    drop(steps);
    assert!(
        log.rotate(&next).unwrap().was_closed,
        "also when the next log has gone on"
    );
    next.steps().unwrap();
    audit_both(&log, &next).unwrap();
}

#[test]
fn a_log_is_rotated_twice() {
    let machine = SimulatedFileSystem::new();
    let (log, next, person) = logs(&machine);
    log.rotate(&next).unwrap();
    let mut steps = next.steps().unwrap();
    steps.fill(&person, 30_000, 5, 16).unwrap();
    // Enrolled in the second log.
    let other = Person::new("acme", "m-77777", 2);
    for change in account_changes(&other, next.clock_now()).into_iter().skip(1) {
        let admitted = steps.admit_account(change);
        steps.seal_new(vec![admitted]).unwrap();
    }
    drop(steps);
    let third = next.next(2028);
    next.rotate(&third).unwrap();
    let mut steps = third.steps().unwrap();
    assert_eq!(steps.chain.closed().len(), 2);
    for (number, origin) in [(3, log.signer.origin()), (30_000, next.signer.origin())] {
        let admitted = steps.admit_signed(&person, number);
        let places = steps.sealer.state().remembered().candidates(admitted.fingerprint);
        assert_eq!(steps.chain.locate(places[0]).unwrap().0.origin, *origin);
    }
    let accounts = steps.accounts();
    let old = crate::testing::signed(&person, log.signer.origin(), &accounts, 77_777, log.clock_now());
    let admitted = steps
        .admission(&accounts)
        .prepared(&person.caller(), old)
        .unwrap();
    // The register's sponsor is still who opened it in the first log.
    let grant = steps.admit(
        &person,
        Role::Sponsor,
        &granted(&other, Role::Sponsor, 40_001),
        40_000,
    );
    steps.seal_new(vec![grant.unwrap()]).unwrap();
    let signed = steps.admit_signed(&other, 40_001);
    let (_, outcomes) = steps.seal(vec![admitted, signed]).unwrap();
    assert!(
        matches!(&outcomes[0], Outcome::Refused(Refusal::LogClosed { next }) if next == third.signer.origin())
    );
    assert!(matches!(outcomes[1], Outcome::Sealed(_)));
    steps.fill(&person, 50_000, 3, 16).unwrap();
    drop(steps);
    let options = AuditOptions {
        previous: Some(Box::new(AuditOptions {
            previous: Some(Box::new(log.audit_options())),
            ..next.audit_options()
        })),
        ..third.audit_options()
    };
    audit(&options, &mut |_| {}).unwrap();
    // A change of the accounts admits nobody by what was judged before it.
    let mut steps = third.steps().unwrap();
    let pending = steps.admit_signed(&other, 60_000);
    let (organization, member) = (other.organization.clone(), other.member.clone());
    let revoke = steps.admit_account(AccountChange::MemberRevoked { organization, member });
    steps.seal_new(vec![revoke]).unwrap();
    let keep = steps.admit_draft(&person, 60_001);
    let (_, outcomes) = steps.seal(vec![pending, keep]).unwrap();
    assert!(matches!(outcomes[0], Outcome::Refused(Refusal::TokenRevoked)));
}

#[test]
fn damage_to_what_is_carried_is_found() {
    let machine = SimulatedFileSystem::new();
    let (log, next, _) = logs(&machine);
    log.rotate(&next).unwrap();
    let path = next.layout.carried();
    let good = next.fs.read(&path, 1 << 20).unwrap();
    // Missing.
    next.fs.remove_file(&path).unwrap();
    assert!(matches!(next.steps(), Err(OpenError::Carried(_))));
    audit_both(&log, &next).unwrap_err();
    audit(&next.audit_options(), &mut |_| {}).unwrap_err();
    // Another state under the same checkpoint: one head further back.
    let carried = crate::carried::decode(path.clone(), &good).unwrap();
    let forged = crate::carried::encode(&carried.note, &crate::state::State::default().carried());
    crate::durable::replace(&*next.fs, &path, &forged, 0o600).unwrap();
    assert!(matches!(
        next.steps(),
        Err(OpenError::Durable(_) | OpenError::Carried(_))
    ));
    audit_both(&log, &next).unwrap_err();
    crate::durable::replace(&*next.fs, &path, &good, 0o600).unwrap();
    audit_both(&log, &next).unwrap();
    // Without the closed log the present one does not start as if it were the first.
    let alone = next.continuing(Vec::new());
    assert!(matches!(alone.steps(), Err(OpenError::Carried(_))));
    // A log that is not closed for this one is none that it continues.
    let other = next.continuing(vec![crate::closed::ClosedLog {
        layout: next.layout.clone(),
        keys: next.keys(),
        cose: None,
    }]);
    assert!(matches!(other.steps(), Err(OpenError::Closed(_))));
}

#[test]
fn a_crash_within_any_change_is_gone_on_from() {
    let machine = SimulatedFileSystem::new();
    let (log, next, person) = logs(&machine);
    let (log, next) = (Arc::new(log), Arc::new(next));
    let head = log.steps().unwrap().view.head();
    let machine = {
        // What opening changed is not of interest here.
        machine.kill();
        machine
    };
    let tried = Arc::new(AtomicU64::new(0));
    let offset = u64::from(std::process::id());
    println!("offset {offset}");
    let watcher = {
        let (log, next, tried) = (Arc::clone(&log), Arc::clone(&next), Arc::clone(&tried));
        move |machine: &SimulatedFileSystem, change: &Change| {
            let call = tried.fetch_add(1, Ordering::Relaxed);
            for variant in [0, 1 + (call + offset) % 4] {
                let copy = machine.fork();
                change.crash_within(&copy);
                match variant {
                    0 => copy.kill(),
                    seed => copy.power_cut(seed),
                }
                let (log, next) = (on(&copy, &log), on(&copy, &next));
                // Half of the time the old log was served in between.
                if call % 2 == 0 {
                    drop(log.steps().unwrap());
                }
                log.rotate(&next).unwrap();
                let mut steps = next.steps().unwrap();
                assert!(steps.chain.closed()[0].size().get() == head.size.get() + 2);
                if call % 5 == 0 {
                    steps.fill(&person, 90_000, 2, 8).unwrap();
                }
                drop(steps);
                audit_both(&log, &next).unwrap();
            }
        }
    };
    let watched = Arc::new(Watched {
        machine: machine.clone(),
        watcher: Arc::new(watcher),
    });
    let running = log.moved(Arc::<Watched>::clone(&watched), log.layout.clone());
    let to = next.moved(watched, next.layout.clone());
    running.rotate(&to).unwrap();
    let tried = tried.load(Ordering::Relaxed);
    println!("{tried} crashes");
    assert!(tried > 30);
}
