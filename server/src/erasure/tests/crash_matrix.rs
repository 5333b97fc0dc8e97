//! Erasing on a machine that fails, is killed, or loses power within any call.
//!
//! After every crash the log opens, passes its audit, and goes on; when it has come to rest, what
//! a countersigned tombstone names is in no file, not even of what the disk alone would hold.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use super::*;
use crate::{
    fs::Fault,
    testing::{Change, Watched},
};

/// How many ends of a machine there are: killed, or one of three power cuts.
const ENDS: u64 = 4;
/// Of the changes outside of erasures, so many are one that is tried.
const STEP: u64 = 9;

/// What is known to be on record.
#[derive(Clone, Default)]
struct Known {
    records: Vec<(LogIndex, RecordId)>,
    /// Positions of records whose tombstone is known to be in effect.
    erased: Vec<usize>,
    /// From when on crashes are tried.
    watching: bool,
    /// Whether erasures are being carried out.
    erasing: bool,
}

const BATCHES: u64 = 23;

fn erased(records: usize) -> [(usize, &'static [ErasablePart]); 3] {
    [
        (5, &[WHO, WHY]),
        (records - 20, &[WHAT, WHO, WHY]),
        (records - 1, &[WHY]),
    ]
}

/// Runs until the end or the first failure that ends a process.
fn script(log: &TestLog, known: &Mutex<Known>) -> Result<(), String> {
    let team = Team::new();
    log.create().map_err(|error| error.to_string())?;
    let mut steps = log.steps().map_err(|error| error.to_string())?;
    team.begin(&mut steps)?;
    for batch in 0..BATCHES {
        let numbers = batch * EACH + 1..(batch + 1) * EACH + 1;
        let admitted = numbers.map(|number| team.planted(&steps, number)).collect();
        let sealed = steps.seal_new(admitted)?;
        known.lock().unwrap().records.extend(places(&sealed));
        let _ = steps.publish();
        steps.announce()?;
    }
    known.lock().unwrap().watching = true;
    let records = known.lock().unwrap().records.clone();
    for (number, (position, parts)) in (950_000..).zip(erased(records.len())) {
        let failed = |error: Refusal| error.to_string();
        // A read that fails is not the matter here.
        let tombstone = team.tombstone(&steps, number, records[position], parts);
        let sealed = steps.seal_new(vec![tombstone.map_err(failed)?])?;
        let signature = team.countersign(&steps, number + 100, places(&sealed)[0]);
        let signature = signature.map_err(failed)?;
        steps.seal_new(vec![signature])?;
        known.lock().unwrap().erased.push(position);
        known.lock().unwrap().erasing = true;
        let _ = steps.publish();
        known.lock().unwrap().erasing = false;
        // The next frame goes to what the journal's newest segment is by now.
        let admitted = (0..6).map(|n| team.planted(&steps, number * 10 + n)).collect();
        let sealed = steps.seal_new(admitted)?;
        known.lock().unwrap().records.extend(places(&sealed));
        let _ = steps.publish();
        steps.announce()?;
    }
    Ok(())
}

/// Everything that must hold after a crash.
fn check(log: &TestLog, machine: &SimulatedFileSystem, known: &Known) {
    let log = log.moved(Arc::new(machine.clone()), log.layout.clone());
    let mut steps = log.steps().unwrap();
    log.audit().unwrap();
    steps.publish().unwrap();
    assert!(!steps.publisher.has_erasures());
    let audited = log.audit().unwrap();
    assert_eq!(audited.erased.pending, 0);
    for of in known.records.iter().step_by(37).chain(known.records.last()) {
        still_verifies(&steps, *of);
    }
    // What is visible, and what the disk alone would hold.
    let cut = machine.fork();
    cut.power_cut(0);
    let parts = erased(usize::try_from(BATCHES * EACH).unwrap());
    for position in &known.erased {
        let (_, gone) = parts.iter().find(|(of, _)| of == position).unwrap();
        for part in *gone {
            let text = planted(part.as_str(), *position as u64 + 1);
            for fs in [machine, &cut] {
                assert_eq!(files_with(fs, Path::new("/log"), &text), Vec::<PathBuf>::new());
            }
        }
        still_verifies(&steps, known.records[*position]);
    }
    // Life goes on.
    let admitted = vec![Team::new().planted(&steps, 20_000)];
    steps.seal_new(admitted).unwrap();
    drop(steps);
    machine.kill();
    drop(log.steps().unwrap());
    log.audit().unwrap();
}

#[test]
fn a_crash_within_any_change_of_an_erasure_is_made_good() {
    let known = Arc::new(Mutex::new(Known::default()));
    let machine = SimulatedFileSystem::new();
    let log = Arc::new(TestLog::on(Arc::new(machine.clone())));
    let (changes, tried) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let offset = u64::from(std::process::id());
    let watcher = {
        let (known, log) = (Arc::clone(&known), Arc::clone(&log));
        let (changes, tried) = (Arc::clone(&changes), Arc::clone(&tried));
        move |machine: &SimulatedFileSystem, change: &Change| {
            let known = known.lock().unwrap().clone();
            if !known.watching {
                return;
            }
            let number = changes.fetch_add(1, Ordering::Relaxed);
            if !known.erasing && !(number + offset).is_multiple_of(STEP) {
                return;
            }
            let copy = machine.fork();
            change.crash_within(&copy);
            match (number + offset) % ENDS {
                0 => copy.kill(),
                seed => copy.power_cut(seed - 1),
            }
            check(&log, &copy, &known);
            tried.fetch_add(1, Ordering::Relaxed);
        }
    };
    let watched = Watched {
        machine,
        watcher: Arc::new(watcher),
    };
    let running = log.moved(Arc::new(watched), log.layout.clone());
    println!("erasing: process {offset} decides which ends are tried");
    script(&running, &known).unwrap();
    let (changes, tried) = (changes.load(Ordering::Relaxed), tried.load(Ordering::Relaxed));
    println!("{tried} crashes within {changes} changes");
    assert!(tried > 30, "{tried}");
}

#[test]
fn a_failure_of_any_call_of_an_erasure_is_made_good() {
    let machine = SimulatedFileSystem::new();
    let known = Mutex::default();
    script(&TestLog::on(Arc::new(machine.clone())), &known).unwrap();
    let calls = machine.call_log();
    // Behind the last record of the first part of the script.
    let begin = calls.len() as u64 / 3;
    let faults = [
        Fault::Fails(rustix::io::Errno::IO),
        Fault::FailsButStored(rustix::io::Errno::IO),
        Fault::FailsPartly(rustix::io::Errno::NOSPC),
    ];
    let offset = u64::from(std::process::id());
    let mut tried = 0;
    for call in (begin..calls.len() as u64).filter(|call| (call + offset).is_multiple_of(29)) {
        let machine = SimulatedFileSystem::new();
        machine.plant(call, faults[usize::try_from((call + offset) / 29 % 3).unwrap()]);
        let log = TestLog::on(Arc::new(machine.clone()));
        let known = Mutex::default();
        let _ = script(&log, &known);
        match (call + offset) % ENDS {
            0 => machine.kill(),
            seed => machine.power_cut(seed - 1),
        }
        check(&log, &machine, &known.into_inner().unwrap());
        tried += 1;
    }
    println!("{tried} failures of {} calls", calls.len());
    assert!(tried > 10);
}
