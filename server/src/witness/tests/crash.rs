//! What was answered is what is remembered: every file system call fails, or is the last one.

use rustix::io::Errno;

use super::*;
use crate::fs::Fault;

const FAULTS: [Fault; 4] = [
    Fault::Fails(Errno::IO),
    Fault::FailsButStored(Errno::IO),
    Fault::FailsPartly(Errno::NOSPC),
    Fault::Crash,
];

/// Two steps of the log; the sizes that were answered with cosignatures.
fn work(witness: &Witness, log: &TestLog) -> Vec<u64> {
    let steps = [(7, 9), (7, 12), (9, 12)];
    let answered = steps.into_iter().filter(|(old, new)| {
        let answer = witness.add_checkpoint(log.body(*old, *new).as_bytes());
        matches!(answer, Answer::Cosigned(_))
    });
    answered.map(|(_, new)| new).collect()
}

#[test]
fn no_cosignature_is_forgotten_at_whichever_call_the_machine_fails() {
    let log = TestLog::new("log.example/1");
    let fork = TestLog::forked("log.example/1", 7, "other");
    let bench = Bench::new(&[&log]);
    let witness = bench.open();
    cosigned(&witness, &log, 0, 7);
    drop(witness);
    bench.fs.power_cut(0);

    let counted = bench.fs.fork();
    let opened = bench.open_on(&counted).unwrap();
    let before = counted.calls();
    assert_eq!(work(&opened, &log), [9, 12]);
    let calls = counted.calls();
    assert!(calls >= before + 8, "two files are replaced");

    for number in before..=calls {
        for fault in FAULTS {
            // 5 stands for a killed process.
            for seed in [0, 1, 3, 5] {
                let fs = bench.fs.fork();
                let witness = bench.open_on(&fs).unwrap();
                fs.plant(number, fault);
                let answered = work(&witness, &log).last().copied().unwrap_or(7);
                let told = newest(&witness, &log).unwrap().0;
                assert_eq!(
                    told, answered,
                    "call {number}, {fault:?}: what it tells monitors was answered"
                );
                drop(witness);
                if seed == 5 {
                    fs.kill()
                } else {
                    fs.power_cut(seed)
                }

                let witness = bench
                    .open_on(&fs)
                    .unwrap_or_else(|error| panic!("call {number}, {fault:?}: {error}"));
                let remembered = newest(&witness, &log).unwrap().0;
                assert!(
                    remembered >= answered,
                    "call {number}, {fault:?}: {remembered} after {answered}"
                );
                // No other future than the one that was answered, and that one goes on.
                let other = witness.add_checkpoint(fork.body(remembered, 20).as_bytes());
                if remembered > 7 {
                    assert!(
                        matches!(other, Answer::Refused(Refusal::Unproven(_))),
                        "{other:?}"
                    );
                    cosigned(&witness, &log, remembered, 30);
                }
            }
        }
    }
}

#[test]
fn a_log_that_was_begun_stays_begun() {
    let log = TestLog::new("log.example/1");
    let begin = |fs: &SimulatedFileSystem| Store::begin(fs, Path::new(DATA), &log.origin);
    let counted = SimulatedFileSystem::new();
    begin(&counted).unwrap();
    for number in 0..counted.calls() {
        for fault in FAULTS {
            let bench = Bench {
                fs: SimulatedFileSystem::new(),
                ..Bench::new(&[&log])
            };
            bench.fs.plant(number, fault);
            let begun = begin(&bench.fs).is_ok();
            bench.fs.power_cut(0);
            match bench.open_on(&bench.fs) {
                Ok(witness) => assert_eq!(newest(&witness, &log), None),
                Err(error) => assert!(!begun && matches!(error, StoreError::Missing { .. }), "{error}"),
            }
            begin(&bench.fs).unwrap();
            bench.fs.power_cut(0);
            cosigned(&bench.open(), &log, 0, 3);
        }
    }
}

#[test]
fn trouble_with_the_disk_is_told_and_passes() {
    let log = TestLog::new("log.example/1");
    let bench = Bench::new(&[&log]);
    let witness = bench.open();
    bench.fs.plant(bench.fs.calls(), Fault::Fails(Errno::NOSPC));
    let refused = refusal(&witness, &log.body(0, 3));
    assert!(matches!(refused, Refusal::Storing(_)), "{refused:?}");
    assert!(!refused.to_string().contains(DATA), "{refused}");
    assert_eq!(
        (newest(&witness, &log), witness.trouble().is_some()),
        (None, true)
    );
    cosigned(&witness, &log, 0, 3);
    assert_eq!(witness.trouble(), None);
}
