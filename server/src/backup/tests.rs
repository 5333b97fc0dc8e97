//! A backup can be started, whenever it was made; and nothing else can be taken for one.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{BackupError, BackupOptions, BackupReport, MARKER, backup, layout_of};
use crate::{
    fs::{Fault, FileSystem as _, SimulatedFileSystem},
    journal::JournalError,
    layout::Layout,
    recover::OpenError,
    signer_state::{AcceptedHead, SignerStateError},
    testing::{TestLog, filled},
};

const TARGET: &str = "/backup";

fn options(log: &TestLog, target: &Path) -> BackupOptions {
    BackupOptions {
        fs: Arc::clone(&log.fs),
        layout: log.layout.clone(),
        keys: log.keys(),
        target: target.to_owned(),
        threads: 1,
    }
}

fn back_up(log: &TestLog) -> Result<BackupReport, BackupError> {
    backup(&options(log, Path::new(TARGET)), &mut |_| {})
}

fn simulated(batches: u64) -> (SimulatedFileSystem, TestLog) {
    let fs = SimulatedFileSystem::new();
    let log = TestLog::on(Arc::new(fs.clone()));
    filled(&log, batches);
    (fs, log)
}

/// The copy as a log of its own, with a signer's memory of its own.
fn restored(log: &TestLog, fs: &SimulatedFileSystem, target: &Path) -> TestLog {
    let mut layout = layout_of(target);
    layout.index.clone_from(&log.layout.index);
    layout.signer_state = PathBuf::from("/restored/signer.state");
    fs.create_dir_all(Path::new("/restored"), 0o700).unwrap();
    log.moved(Arc::new(fs.clone()), layout)
}

/// Starts the copy on a fork of the machine, goes on with it, and audits it.
fn must_start(log: &TestLog, fs: &SimulatedFileSystem, report: &BackupReport) {
    let fs = fs.fork();
    fs.kill();
    let copy = restored(log, &fs, &report.target);
    let head = AcceptedHead {
        size: report.size,
        root: report.root,
    };
    let mut steps = copy.steps_accepting(Some(head)).unwrap();
    assert_eq!(steps.view.head().size, report.size);
    let person = crate::testing::Person::new("acme", "m-4k2v9", 1);
    steps.announce().unwrap();
    steps.fill(&person, 90_000, 20, 16).unwrap();
    drop(steps);
    assert_eq!(copy.audit().unwrap().size.get(), report.size.get() + 320);
}

#[test]
fn a_backup_starts_with_the_head_that_it_reports() {
    for batches in [0, 1, 15, 40] {
        let (fs, log) = simulated(batches);
        let report = back_up(&log).unwrap();
        assert_eq!(report.root, log.audit().unwrap().root);
        assert_eq!(report.size.get(), 5 + 16 * batches);
        must_start(&log, &fs, &report);
    }
}

#[test]
fn no_key_is_copied() {
    let (fs, log) = simulated(20);
    back_up(&log).unwrap();
    assert_eq!(
        fs.list(Path::new(TARGET)).unwrap(),
        ["journal", "lock", "private", "public"]
    );
}

#[test]
fn an_older_backup_is_brought_up_to_date() {
    let (fs, log) = simulated(40);
    let first = back_up(&log).unwrap();
    let again = back_up(&log).unwrap();
    assert_eq!((again.size, again.root), (first.size, first.root));
    assert!(again.kept >= 6 && again.copied < first.copied, "{again:?}");
    let mut steps = log.steps().unwrap();
    let person = crate::testing::Person::new("acme", "m-4k2v9", 1);
    for round in 1..6 {
        steps.fill(&person, round * 1_000, 17, 16).unwrap();
        let report = back_up(&log).unwrap();
        assert_eq!(report.size, steps.view.head().size);
        assert_eq!(report.root, steps.view.head().root);
        must_start(&log, &fs, &report);
    }
}

#[test]
fn a_damaged_older_backup_is_found() {
    let (fs, log) = simulated(40);
    back_up(&log).unwrap();
    let tile = layout_of(Path::new(TARGET)).public.join("tile/0/000");
    fs.flip(&tile, 100, 1).unwrap();
    let error = back_up(&log).unwrap_err();
    let BackupError::Audit(found) = &error else {
        panic!("{error}")
    };
    assert_eq!(found.file(), Some(&*tile));
    // The copy is marked; the next backup trusts nothing in it, and says what differs.
    assert!(fs.metadata(&Path::new(TARGET).join(MARKER)).unwrap().is_some());
    assert!(back_up(&log).unwrap_err().to_string().contains("tile/0/000"));
    fs.remove_file(&tile).unwrap();
    let report = back_up(&log).unwrap();
    assert_eq!(report.kept, 0);
    must_start(&log, &fs, &report);
}

#[test]
fn a_backup_that_fails_or_crashes_anywhere_is_completed_by_the_next() {
    let (fs, log) = simulated(40);
    let old = back_up(&log).unwrap();
    let mut steps = log.steps().unwrap();
    let person = crate::testing::Person::new("acme", "m-4k2v9", 1);
    steps.fill(&person, 1_000, 20, 16).unwrap();
    drop(steps);
    fs.kill();
    let trial = fs.fork();
    let copying = log.moved(Arc::new(trial.clone()), log.layout.clone());
    let whole = back_up(&copying).unwrap();
    assert!(whole.size > old.size);
    let calls = trial.call_log();
    // Up to the last call that changes anything: the audit behind it only reads.
    let mut tried = 0;
    for call in calls.iter().step_by(7) {
        for power_cut in [None, Some(0), Some(1), Some(3)] {
            let machine = fs.fork();
            machine.plant(call.number, Fault::Crash);
            let copying = log.moved(Arc::new(machine.clone()), log.layout.clone());
            let crashed = back_up(&copying).is_err();
            match power_cut {
                None => machine.kill(),
                Some(seed) => machine.power_cut(seed),
            }
            let marked = machine
                .metadata(&Path::new(TARGET).join(MARKER))
                .unwrap()
                .is_some();
            if crashed && !marked {
                // Before the marker nothing was changed, after it everything is whole.
                let target = layout_of(Path::new(TARGET));
                let mut options = log.audit_options();
                options.fs = Arc::new(machine.clone());
                options.layout = target;
                options.with_signer_state = false;
                let found = crate::audit::audit(&options, &mut |_| {}).unwrap();
                assert!([old.root, whole.root].contains(&found.root), "call {call:?}");
            }
            let report = back_up(&copying).unwrap();
            assert_eq!(report.root, whole.root, "call {call:?}");
            tried += 1;
        }
    }
    println!("{tried} interrupted backups of {} calls", calls.len());
}

#[test]
fn backups_beside_a_writer_start() {
    let (fs, log) = simulated(10);
    let person = crate::testing::Person::new("acme", "m-4k2v9", 1);
    let done = AtomicBool::new(false);
    let reports = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut steps = log.steps().unwrap();
            steps.fill(&person, 1_000, 200, 16).unwrap();
            done.store(true, Ordering::Release);
        });
        let mut reports = Vec::new();
        while !done.load(Ordering::Acquire) {
            match back_up(&log) {
                Ok(report) => {
                    must_start(&log, &fs, &report);
                    reports.push(report);
                }
                // Segments of 64 KiB on a machine without a disk: that may be.
                Err(BackupError::TooFast) => {}
                Err(error) => panic!("{error}"),
            }
        }
        reports
    });
    println!("{} backups beside the writer", reports.len());
    assert!(reports.windows(2).all(|pair| pair[0].size <= pair[1].size));
    must_start(&log, &fs, &back_up(&log).unwrap());
}

#[test]
fn a_target_of_another_log_or_inside_the_log_is_refused() {
    let (fs, log) = simulated(3);
    back_up(&log).unwrap();
    let mut other = log.moved(Arc::new(fs.clone()), crate::testing::layout(Path::new("/other")));
    other.layout.index.clone_from(&log.layout.index);
    // The same identity would be the same log: this one is created with another.
    crate::recover::create(&other.options(None), crate::journal::JournalId([1; 16])).unwrap();
    let error = back_up(&other).unwrap_err();
    assert!(matches!(error, BackupError::OtherLog { .. }), "{error}");
    back_up(&log).unwrap();
    for target in [
        log.layout.private.join("backup"),
        log.layout.public.clone(),
        PathBuf::from("/log/data"),
    ] {
        let error = backup(&options(&log, &target), &mut |_| {}).unwrap_err();
        assert!(matches!(error, BackupError::Overlaps { .. }), "{error}");
    }
    let held = fs.lock(&Path::new(TARGET).join("lock"), 0o600).unwrap();
    assert!(matches!(back_up(&log).unwrap_err(), BackupError::Busy { .. }));
    drop(held);
}

/// A machine on which the log went on after a backup, and the backup was then put in its
/// place: the signer's memory is newer than the log.
fn rolled_back() -> (SimulatedFileSystem, TestLog, BackupReport) {
    let (fs, log) = simulated(40);
    let report = back_up(&log).unwrap();
    let mut steps = log.steps().unwrap();
    let person = crate::testing::Person::new("acme", "m-4k2v9", 1);
    steps.fill(&person, 1_000, 1, 16).unwrap();
    drop(steps);
    fs.kill();
    let layout = Layout {
        index: log.layout.index.clone(),
        signer_state: log.layout.signer_state.clone(),
        ..layout_of(Path::new(TARGET))
    };
    let old = log.moved(Arc::new(fs.clone()), layout);
    (fs, old, report)
}

#[test]
fn a_restored_backup_is_refused_until_its_head_is_accepted() {
    let (fs, log, report) = rolled_back();
    let refused = log.steps().err().unwrap();
    assert!(
        matches!(refused, OpenError::Signer(SignerStateError::RolledBack { .. })),
        "{refused}"
    );
    let said = refused.to_string();
    for words in [
        "the log holds 645 entries",
        "a checkpoint of 661 entries went out",
        "old copy",
        "--accept-head 645",
    ] {
        assert!(said.contains(words), "{words:?} in {said:?}");
    }
    assert!(
        log.audit()
            .unwrap_err()
            .to_string()
            .contains("old copy of the log")
    );
    // A head that is not this log's is not accepted.
    let wrong = AcceptedHead {
        size: report.size,
        root: trialseal_core::hash::Hash::from_bytes([1; 32]),
    };
    let refused = log.steps_accepting(Some(wrong)).err().unwrap();
    assert!(
        matches!(refused, OpenError::Signer(SignerStateError::NotTheHead { .. })),
        "{refused}"
    );
    let steps = log
        .steps_accepting(Some(AcceptedHead {
            size: report.size,
            root: report.root,
        }))
        .unwrap();
    steps.announce().unwrap();
    drop(steps);
    fs.kill();
    // From then on it is the newest.
    drop(log.steps().unwrap());
    log.audit().unwrap();
}

#[test]
fn a_missing_memory_is_refused_with_the_words_to_go_on() {
    let (fs, log) = simulated(20);
    fs.remove_file(&log.layout.signer_state).unwrap();
    let refused = log.steps().err().unwrap();
    assert!(
        matches!(refused, OpenError::Signer(SignerStateError::Missing { .. })),
        "{refused}"
    );
    let root = crate::testing::TestLog::moved(&log, Arc::new(fs.clone()), log.layout.clone());
    let said = refused.to_string();
    let (size, accepted) = said
        .rsplit_once("--accept-head ")
        .unwrap()
        .1
        .split_once(' ')
        .unwrap();
    let head = AcceptedHead {
        size: size.parse().unwrap(),
        root: trialseal_core::hash::Hash::from_base64(accepted).unwrap(),
    };
    drop(root.steps_accepting(Some(head)).unwrap());
}

#[test]
fn damage_is_refused_at_the_start() {
    let (fs, log) = simulated(40);
    let mut frames = Vec::new();
    crate::journal::scan(&fs, &log.layout.journal, &mut |frame, _| {
        frames.push(frame.position);
        Ok(())
    })
    .unwrap();
    let middle = frames[frames.len() / 2];
    let on = |damage: &dyn Fn(&SimulatedFileSystem)| {
        let machine = fs.fork();
        machine.kill();
        damage(&machine);
        log.moved(Arc::new(machine), log.layout.clone()).steps().err()
    };
    for offset in [0, 50, 72, 1_000] {
        let refused = on(&|machine| {
            machine
                .flip(&middle.file(&log.layout.journal), middle.offset + offset, 1)
                .unwrap();
        });
        let refused = refused.unwrap();
        let OpenError::Journal(JournalError::Corrupt { file, offset: at, .. }) = &refused else {
            panic!("{refused}")
        };
        assert_eq!((file, *at), (&middle.file(&log.layout.journal), middle.offset));
    }
    let tile = log.layout.public.join("tile/0/000");
    let refused = on(&|machine| machine.truncate(&tile, 8_000).unwrap()).unwrap();
    assert!(refused.to_string().contains("tile/0/000"), "{refused}");
    let beyond = log.layout.public.join("tile/0/002");
    let contents = fs.read(&tile, 8_192).unwrap();
    let refused =
        on(&|machine| crate::durable::replace(machine, &beyond, &contents, 0o644).unwrap()).unwrap();
    assert!(matches!(refused, OpenError::TileBeyondHead { .. }), "{refused}");
    assert!(on(&|_| {}).is_none());
}
