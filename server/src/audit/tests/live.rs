//! Logs that are whole: at every size, after restarts, and while a notary serves them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::super::{AuditProgress, audit};
use crate::{
    fs::SimulatedFileSystem,
    state::GENERATION,
    testing::{Person, TestLog, filled},
};

#[test]
fn a_log_is_clean_at_every_size_and_after_restarts() {
    let fs = SimulatedFileSystem::new();
    let log = TestLog::on(Arc::new(fs.clone()));
    log.create().unwrap();
    assert_eq!(log.audit().unwrap().size.get(), 1);
    let person = Person::new("acme", "m-4k2v9", 1);
    let mut steps = log.steps().unwrap();
    steps.enrol(&person).unwrap();
    let mut number = 0;
    for round in 0..24 {
        let each = 1 + 13 * (round % 5);
        steps.fill(&person, number, 1, each).unwrap();
        number += each;
        let report = log.audit().unwrap();
        assert_eq!((report.size.get(), report.records), (5 + number, 4 + number));
        assert_eq!(report.root, steps.view.head().root);
        assert_eq!(report.statements, 1);
        if round % 6 == 5 {
            drop(steps);
            fs.kill();
            steps = log.steps().unwrap();
            assert_eq!(log.audit().unwrap().root, report.root);
        }
    }
}

#[test]
fn several_threads_give_the_same_report() {
    let log = TestLog::on(Arc::new(SimulatedFileSystem::new()));
    filled(&log, 60);
    let one = log.audit().unwrap();
    let mut options = log.audit_options();
    options.threads = 3;
    let mut last = None;
    let many = audit(&options, &mut |progress| last = Some(progress)).unwrap();
    assert_eq!(
        (one.root, one.tiles, one.bytes),
        (many.root, many.tiles, many.bytes)
    );
    let AuditProgress { entries, of, bytes } = last.unwrap();
    assert_eq!(
        (entries, of, bytes),
        (many.size.get(), many.size.get(), many.bytes)
    );
    // Three files for each complete tile that is in files.
    assert_eq!(many.tiles % 3, 0);
    assert!(many.tiles >= 6, "{many:?}");
}

#[test]
fn an_audit_beside_a_writer_finds_nothing() {
    let log = TestLog::on(Arc::new(SimulatedFileSystem::new()));
    let person = filled(&log, 10);
    let done = AtomicBool::new(false);
    let audits = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut steps = log.steps().unwrap();
            steps.fill(&person, 1_000, 150, 16).unwrap();
            done.store(true, Ordering::Release);
        });
        let mut audits = 0;
        let mut size = 0;
        while !done.load(Ordering::Acquire) {
            let report = log.audit().unwrap();
            assert!(report.size.get() >= size);
            size = report.size.get();
            audits += 1;
        }
        audits
    });
    println!("{audits} audits beside the writer");
    assert_eq!(log.audit().unwrap().size.get(), 5 + 160 + 2_400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_audit_beside_a_serving_notary_finds_nothing() {
    let log = TestLog::real();
    log.create().unwrap();
    let person = Person::new("acme", "m-4k2v9", 1);
    let served = log.serve();
    served.enrol(&person).await;
    let auditing = {
        let options = log.audit_options();
        let done = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&done);
        let task = tokio::task::spawn_blocking(move || {
            let mut audits = 0;
            while !until.load(Ordering::Acquire) {
                audit(&options, &mut |_| {}).unwrap();
                audits += 1;
            }
            audits
        });
        (task, done)
    };
    for round in 0..30 {
        let calls = (0..40).map(|number| {
            let (served, person) = (&served, &person);
            async move {
                let number = round * 40 + number;
                match number % 4 {
                    0 => served.signed(person, number).await.unwrap(),
                    _ => served.draft(person, number).await.unwrap(),
                }
            }
        });
        futures::future::join_all(calls).await;
    }
    auditing.1.store(true, Ordering::Release);
    println!("{} audits beside the notary", auditing.0.await.unwrap());
    served.stop().await;
    let report = log.audit().unwrap();
    assert_eq!(report.size.get(), 5 + 1_200);
    assert!(report.tiles >= 12, "{report:?}");
}

#[test]
fn a_complete_generation_is_compared_with_its_object() {
    use crate::fs::FileSystem as _;

    let fs = SimulatedFileSystem::new();
    let mut log = TestLog::on(Arc::new(fs.clone()));
    log.journal.segment_bytes = 8 << 20;
    log.journal.limit_bytes = 64 << 20;
    log.journal.payload_bytes_max = 6 << 20;
    let person = Person::new("acme", "m-4k2v9", 1);
    log.create().unwrap();
    let mut steps = log.steps().unwrap();
    steps.enrol(&person).unwrap();
    let mut number = 0;
    while number <= GENERATION + 9_000 {
        let batch = (number..number + 4_096)
            .map(|number| steps.admit_draft(&person, number))
            .collect();
        steps.seal_new(batch).unwrap();
        steps.publish().unwrap();
        number += 4_096;
    }
    steps.announce().unwrap();
    drop(steps);
    let report = log.audit().unwrap();
    assert_eq!(report.size.get(), 5 + number);
    // Level 1 has one complete tile: 256 times 256 entries.
    let object = log.layout.generation(0);
    assert!(fs.metadata(&object).unwrap().is_some());
    for damage in ["flip", "cut", "absence"] {
        let damaged = fs.fork();
        match damage {
            "flip" => damaged.flip(&object, 1_000, 4).unwrap(),
            "cut" => damaged.truncate(&object, 1_000).unwrap(),
            _ => damaged.remove_file(&object).unwrap(),
        }
        let error = log
            .moved(Arc::new(damaged), log.layout.clone())
            .audit()
            .unwrap_err();
        assert_eq!(error.file(), Some(&*object), "{damage}: {error}");
    }
    let level_1 = log.layout.public.join("tile/1/000");
    fs.flip(&level_1, 77, 1).unwrap();
    assert_eq!(log.audit().unwrap_err().file(), Some(&*level_1));
}
