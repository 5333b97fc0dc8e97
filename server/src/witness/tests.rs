//! Tests of the witness: its rules, its memory through crashes, its edge.

mod crash;
mod edge;

use std::path::Path;

use trialseal_core::merkle::nodes::{NodeSource, consistency_path, root};
use trialseal_core::merkle::{builder::root_of, leaf_hash};
use trialseal_core::note::{Ed25519SigningKey, MlDsa44SigningKey};
use trialseal_core::time::Instant;

use super::*;
use crate::clock::ManualClock;
use crate::fs::{FileSystem, SimulatedFileSystem};
use crate::keys::LogKeys;

const NOW_S: u64 = 1_780_000_000;
const DATA: &str = "/data";

/// A log with the keys of its name, and a future of its own from one index on.
struct TestLog {
    ed25519: Ed25519SigningKey,
    mldsa: MlDsa44SigningKey,
    origin: Origin,
    leaves: Vec<Hash>,
}

impl NodeSource for TestLog {
    type Error = std::convert::Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        let width = 1_usize << level;
        let first = index as usize * width;
        Ok(root_of(&self.leaves[first..first + width]))
    }
}

fn size(size: u64) -> LogSize {
    LogSize::new(size).unwrap()
}

impl TestLog {
    fn new(origin: &str) -> Self {
        Self::forked(origin, u64::MAX, "")
    }

    fn forked(origin: &str, at: u64, future: &str) -> Self {
        let origin = Origin::new(origin).unwrap();
        let seed = *trialseal_core::hash::sha256(origin.as_str().as_bytes()).as_bytes();
        let leaves = (0..200).map(|index| match index < at {
            true => leaf_hash(format!("{index}").as_bytes()),
            false => leaf_hash(format!("{future} {index}").as_bytes()),
        });
        Self {
            ed25519: Ed25519SigningKey::from_seed(origin.key_name().clone(), seed),
            mldsa: MlDsa44SigningKey::from_seed(origin.key_name().clone(), seed),
            leaves: leaves.collect(),
            origin,
        }
    }

    fn watched(&self) -> WatchedLog {
        let vkeys = vec![self.ed25519.verifier().clone(), self.mldsa.verifier().clone()];
        WatchedLog::new(self.origin.clone(), vkeys).unwrap()
    }

    fn checkpoint(&self, new: u64) -> Checkpoint {
        Checkpoint {
            origin: self.origin.clone(),
            size: size(new),
            root: root(size(new), self).unwrap(),
        }
    }

    fn lines(&self, checkpoint: &Checkpoint) -> Vec<SignatureLine> {
        vec![
            self.ed25519.sign(&checkpoint.text()),
            self.mldsa.cosign_checkpoint(checkpoint, NOW_S).unwrap(),
        ]
    }

    fn body(&self, old: u64, new: u64) -> String {
        let checkpoint = self.checkpoint(new);
        let proof = consistency_path(size(old), size(new), self).unwrap();
        body(old, &proof, &checkpoint, self.lines(&checkpoint))
    }
}

fn body(old: u64, proof: &[Hash], checkpoint: &Checkpoint, lines: Vec<SignatureLine>) -> String {
    let proof: String = proof
        .iter()
        .map(|hash| format!("{}\n", hash.to_base64()))
        .collect();
    let note = SignedNote::new(checkpoint.text(), lines).unwrap();
    format!("old {old}\n{proof}\n{note}")
}

/// A witness on a simulated machine.
struct Bench {
    fs: SimulatedFileSystem,
    clock: Arc<ManualClock>,
    keys: LogKeys,
    logs: Vec<WatchedLog>,
}

impl Bench {
    fn new(logs: &[&TestLog]) -> Self {
        let fs = SimulatedFileSystem::new();
        let logs: Vec<WatchedLog> = logs.iter().map(|log| log.watched()).collect();
        for log in &logs {
            Store::begin(&fs, Path::new(DATA), &log.origin).unwrap();
        }
        Self {
            fs,
            clock: Arc::new(ManualClock::new(Instant::from_millis(NOW_S as i64 * 1_000))),
            keys: LogKeys::generate().unwrap(),
            logs,
        }
    }

    fn set_time(&self, seconds: u64) {
        self.clock.set(Instant::from_millis(seconds as i64 * 1_000));
    }

    fn signer(&self) -> WitnessSigner {
        WitnessSigner::new(&config::parse_name("witness.example/w1").unwrap(), &self.keys).unwrap()
    }

    fn open_on(&self, fs: &SimulatedFileSystem) -> Result<Witness, StoreError> {
        let store = Store::open(Arc::new(fs.clone()), Path::new(DATA))?;
        let metrics = WitnessMetrics::new().unwrap();
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        Witness::open(self.signer(), store, clock, metrics, &self.logs)
    }

    fn open(&self) -> Witness {
        self.open_on(&self.fs).unwrap()
    }

    fn kept(&self, log: &TestLog) -> Vec<String> {
        let name = trialseal_core::encoding::hex_encode(store::origin_sha256(&log.origin).as_bytes());
        let folder = Path::new(DATA).join("refused").join(name);
        match self.fs.metadata(&folder).unwrap() {
            Some(_) => self.fs.list(&folder).unwrap(),
            None => Vec::new(),
        }
    }
}

fn newest(witness: &Witness, log: &TestLog) -> Option<(u64, u64)> {
    let cosigned = witness.newest(&store::origin_sha256(&log.origin))?;
    Some((cosigned.checkpoint.size.get(), cosigned.time_s))
}

/// The time of both cosignatures, which must verify over the checkpoint.
fn cosigned(witness: &Witness, log: &TestLog, old: u64, new: u64) -> u64 {
    let answer = witness.add_checkpoint(log.body(old, new).as_bytes());
    let Answer::Cosigned(lines) = answer else {
        panic!("{old} to {new}: {answer:?}")
    };
    let note = format!("{}\n{lines}", log.checkpoint(new).text());
    let note = SignedNote::parse(&note).unwrap();
    let verified = note.verify(witness.signer().verifiers()).unwrap();
    let [ed25519, mldsa] = verified[..] else {
        panic!("{lines}")
    };
    assert_eq!([ed25519.key, mldsa.key], witness.signer().verifiers());
    assert_eq!(ed25519.time_s, mldsa.time_s);
    ed25519.time_s.unwrap()
}

fn conflict(witness: &Witness, body: &str) -> u64 {
    match witness.add_checkpoint(body.as_bytes()) {
        Answer::Conflict(size) => size.get(),
        other => panic!("{other:?}"),
    }
}

fn refusal(witness: &Witness, body: &str) -> Refusal {
    match witness.add_checkpoint(body.as_bytes()) {
        Answer::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_step_of_a_growing_log_is_cosigned() {
    let log = TestLog::new("log.example/1");
    let bench = Bench::new(&[&log]);
    let witness = bench.open();
    assert_eq!(newest(&witness, &log), None);
    let steps = [0, 0, 1, 1, 2, 3, 4, 7, 8, 9, 64, 65, 127, 128, 200, 200];
    for pair in [0].iter().chain(&steps).copied().collect::<Vec<u64>>().windows(2) {
        assert_eq!(cosigned(&witness, &log, pair[0], pair[1]), NOW_S);
        assert_eq!(newest(&witness, &log), Some((pair[1], NOW_S)));
    }
    // What is on record has the log's two lines and our own, and opens again.
    drop(witness);
    let witness = bench.open();
    let note = witness
        .newest(&store::origin_sha256(&log.origin))
        .unwrap()
        .note
        .clone();
    assert_eq!(note.lines().len(), 4);
    assert_eq!(note.verify(&log.watched().vkeys).unwrap().len(), 2);
    assert_eq!(cosigned(&witness, &log, 200, 200), NOW_S);
}

#[test]
fn a_first_checkpoint_may_have_any_size_and_needs_old_zero() {
    let log = TestLog::new("log.example/1");
    let witness = Bench::new(&[&log]).open();
    assert_eq!(conflict(&witness, &log.body(5, 9)), 0);
    cosigned(&witness, &log, 0, 77);
    assert_eq!(conflict(&witness, &log.body(0, 90)), 77);
}

#[test]
fn a_wrong_old_size_is_told_the_right_one() {
    let log = TestLog::new("log.example/1");
    let witness = Bench::new(&[&log]).open();
    cosigned(&witness, &log, 0, 20);
    for (old, new) in [(0, 20), (0, 30), (19, 30), (21, 30), (10, 15), (19, 20)] {
        assert_eq!(conflict(&witness, &log.body(old, new)), 20, "{old} to {new}");
    }
    let above = log.body(30, 25);
    assert!(matches!(
        refusal(&witness, &above),
        Refusal::Malformed(Malformed::OldAboveNew)
    ));
    assert_eq!(newest(&witness, &log), Some((20, NOW_S)));
}

#[test]
fn two_roots_of_one_size_are_refused_and_both_kept() {
    let (log, fork) = (
        TestLog::new("log.example/1"),
        TestLog::forked("log.example/1", 15, "other"),
    );
    let bench = Bench::new(&[&log]);
    let witness = bench.open();
    cosigned(&witness, &log, 0, 20);
    // Whatever old size is named.
    for old in [20, 10, 0] {
        assert_eq!(conflict(&witness, &fork.body(old, 20)), 20);
    }
    let kept = bench.kept(&log);
    assert_eq!(kept.len(), 2, "{kept:?}");
    let folder = store::origin_sha256(&log.origin);
    let folder = Path::new(DATA)
        .join("refused")
        .join(trialseal_core::encoding::hex_encode(folder.as_bytes()));
    let checkpoints = kept.iter().map(|name| {
        let text = bench.fs.read(&folder.join(name), 1 << 20).unwrap();
        let note = SignedNote::parse(str::from_utf8(&text).unwrap()).unwrap();
        assert_eq!(note.verify(&log.watched().vkeys).unwrap().len(), 2, "{name}");
        Checkpoint::parse(note.text()).unwrap()
    });
    assert_eq!(
        checkpoints.collect::<Vec<_>>(),
        [log.checkpoint(20), fork.checkpoint(20)]
    );
    assert!(
        witness
            .metrics()
            .encode()
            .contains("trialseal_witness_forks_total 3")
    );
    // The log that was cosigned goes on.
    cosigned(&witness, &log, 20, 21);
}

#[test]
fn an_empty_tree_has_one_root() {
    let log = TestLog::new("log.example/1");
    let bench = Bench::new(&[&log]);
    let witness = bench.open();
    let wrong = Checkpoint {
        root: log.checkpoint(1).root,
        ..log.checkpoint(0)
    };
    assert_eq!(conflict(&witness, &body(0, &[], &wrong, log.lines(&wrong))), 0);
    assert_eq!(newest(&witness, &log), None);
    assert_eq!(bench.kept(&log).len(), 1);
    cosigned(&witness, &log, 0, 0);
}

#[test]
fn a_proof_that_does_not_verify_is_refused_and_the_checkpoint_kept() {
    let (log, fork) = (
        TestLog::new("log.example/1"),
        TestLog::forked("log.example/1", 15, "other"),
    );
    let bench = Bench::new(&[&log]);
    let witness = bench.open();
    let new = log.checkpoint(9);
    let proof = [new.root];
    let too_much = body(0, &proof, &new, log.lines(&new));
    assert!(
        matches!(refusal(&witness, &too_much), Refusal::Unproven(_)),
        "from an empty tree"
    );
    cosigned(&witness, &log, 0, 20);
    let same = log.checkpoint(20);
    let not_empty = body(20, &proof, &same, log.lines(&same));
    assert!(
        matches!(refusal(&witness, &not_empty), Refusal::Unproven(_)),
        "to the same tree"
    );
    assert!(matches!(
        refusal(&witness, &fork.body(20, 33)),
        Refusal::Unproven(_)
    ));
    let none = log.checkpoint(33);
    let none = body(20, &[], &none, log.lines(&none));
    assert!(matches!(refusal(&witness, &none), Refusal::Unproven(_)));
    let refused = |names: Vec<String>| names.iter().filter(|name| name.ends_with(".refused")).count();
    assert_eq!(refused(bench.kept(&log)), 4);
    assert_eq!(newest(&witness, &log), Some((20, NOW_S)));
    for new in 40..140 {
        let _unproven = refusal(&witness, &fork.body(20, new));
    }
    assert_eq!(refused(bench.kept(&log)), 64, "bounded");
    cosigned(&witness, &log, 20, 33);
}

#[test]
fn only_the_logs_own_signatures_count() {
    let (log, other) = (TestLog::new("log.example/1"), TestLog::new("log.example/2"));
    let bench = Bench::new(&[&log]);
    let witness = bench.open();
    assert!(matches!(
        refusal(&witness, &other.body(0, 3)),
        Refusal::UnknownLog
    ));
    let new = log.checkpoint(3);
    let not_signed = |lines: Vec<SignatureLine>| {
        let refused = refusal(&witness, &body(0, &[], &new, lines));
        assert!(matches!(refused, Refusal::NotSigned(_)), "{refused:?}");
    };
    not_signed(other.lines(&new));
    // A line under our name and id that does not verify, beside one that does.
    let of_another = log.lines(&log.checkpoint(4));
    let mut lines = log.lines(&new);
    lines.push(of_another[0].clone());
    not_signed(lines);
    not_signed(vec![log.lines(&new)[0].clone(), of_another[1].clone()]);
    assert_eq!(newest(&witness, &log), None);
    // C2SP: one good line is enough. Lines of strangers are ignored, and not put on record.
    let mut lines = vec![log.lines(&new)[0].clone()];
    lines.extend(other.lines(&new));
    let answer = witness.add_checkpoint(body(0, &[], &new, lines).as_bytes());
    assert!(matches!(answer, Answer::Cosigned(_)), "{answer:?}");
    let note = witness
        .newest(&store::origin_sha256(&log.origin))
        .unwrap()
        .note
        .clone();
    assert_eq!(note.lines().len(), 3);
}

#[test]
fn times_never_go_back_and_are_never_zero() {
    let log = TestLog::new("log.example/1");
    let bench = Bench::new(&[&log]);
    bench.set_time(0);
    let witness = bench.open();
    assert!(matches!(refusal(&witness, &log.body(0, 1)), Refusal::Clock));
    bench.clock.set(Instant::from_millis(-5_000));
    assert!(matches!(refusal(&witness, &log.body(0, 1)), Refusal::Clock));
    assert!(witness.trouble().is_some());
    bench.set_time(NOW_S);
    assert_eq!(cosigned(&witness, &log, 0, 1), NOW_S);
    assert_eq!(witness.trouble(), None);
    bench.set_time(NOW_S - 1);
    assert_eq!(cosigned(&witness, &log, 1, 2), NOW_S, "held");
    bench.set_time(NOW_S - 2);
    assert!(matches!(refusal(&witness, &log.body(2, 3)), Refusal::Clock));
    drop(witness);
    let witness = bench.open();
    assert!(
        matches!(refusal(&witness, &log.body(2, 3)), Refusal::Clock),
        "after a restart too"
    );
    bench.set_time(NOW_S + 9);
    assert_eq!(cosigned(&witness, &log, 2, 3), NOW_S + 9);
}

#[test]
fn one_log_has_one_future_however_many_ask_at_once() {
    let futures: Vec<TestLog> = (0..8)
        .map(|number| TestLog::forked("log.example/1", 10, &format!("future {number}")))
        .collect();
    let bench = Bench::new(&[&futures[0]]);
    let witness = bench.open();
    cosigned(&witness, &futures[0], 0, 10);
    let cosigned: Vec<(usize, u64)> = std::thread::scope(|scope| {
        let asked: Vec<_> = futures
            .iter()
            .enumerate()
            .map(|(number, log)| {
                let witness = &witness;
                scope.spawn(move || {
                    let steps = [(10, 11), (10, 12), (11, 12), (10, 11), (12, 20), (11, 20)];
                    let granted = steps.into_iter().filter(|(old, new)| {
                        let answer = witness.add_checkpoint(log.body(*old, *new).as_bytes());
                        matches!(answer, Answer::Cosigned(_))
                    });
                    granted.map(|(_, new)| (number, new)).collect::<Vec<_>>()
                })
            })
            .collect();
        asked
            .into_iter()
            .flat_map(|asked| asked.join().unwrap())
            .collect()
    });
    let (first, _) = cosigned[0];
    assert!(
        cosigned.iter().all(|(number, _)| *number == first),
        "{cosigned:?}"
    );
    let (newest, _) = newest(&witness, &futures[0]).unwrap();
    assert_eq!(Some(newest), cosigned.iter().map(|(_, new)| *new).max());
}

#[test]
fn logs_are_watched_apart_and_come_back_with_their_memory() {
    let (one, two) = (TestLog::new("log.example/1"), TestLog::new("log.example/2"));
    let bench = Bench::new(&[&one, &two]);
    let witness = bench.open();
    cosigned(&witness, &one, 0, 5);
    cosigned(&witness, &two, 0, 7);
    witness.watch(&[two.watched()]).unwrap();
    assert_eq!(witness.watched(), 1);
    assert!(matches!(refusal(&witness, &one.body(5, 6)), Refusal::UnknownLog));
    assert_eq!(newest(&witness, &one), None);
    witness.watch(&[one.watched(), two.watched()]).unwrap();
    assert_eq!(conflict(&witness, &one.body(0, 6)), 5);
    cosigned(&witness, &one, 5, 6);
    cosigned(&witness, &two, 7, 8);
}

#[test]
fn a_missing_damaged_or_foreign_memory_is_refused() {
    let (log, other) = (TestLog::new("log.example/1"), TestLog::new("log.example/2"));
    let bench = Bench::new(&[&log, &other]);
    let witness = bench.open();
    let locked = bench.open_on(&bench.fs).unwrap_err();
    assert!(matches!(locked, StoreError::Locked { .. }), "{locked}");
    cosigned(&witness, &log, 0, 5);
    cosigned(&witness, &other, 0, 5);
    drop(witness);
    let path = |log: &TestLog| {
        let name = trialseal_core::encoding::hex_encode(store::origin_sha256(&log.origin).as_bytes());
        Path::new(DATA).join("logs").join(name)
    };
    let refused = |damage: &dyn Fn(&SimulatedFileSystem)| {
        let fs = bench.fs.fork();
        fs.kill();
        damage(&fs);
        let error = bench.open_on(&fs).unwrap_err();
        assert!(error.to_string().contains("log.example/1"), "{error}");
        error
    };
    let missing = refused(&|fs| fs.remove_file(&path(&log)).unwrap());
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
    assert!(missing.to_string().contains("add-log"));
    for offset in [0, 30, 200, 4_000] {
        let damaged = refused(&|fs| fs.flip(&path(&log), offset, 1).unwrap());
        assert!(
            matches!(damaged, StoreError::Damaged { .. }),
            "{offset}: {damaged}"
        );
    }
    for length in [1, 100, 3_600] {
        let damaged = refused(&|fs| fs.truncate(&path(&log), length).unwrap());
        assert!(
            matches!(damaged, StoreError::Damaged { .. }),
            "{length}: {damaged}"
        );
    }
    let foreign = refused(&|fs| {
        let text = fs.read(&path(&other), 1 << 20).unwrap();
        crate::durable::replace(fs, &path(&log), &text, 0o644).unwrap();
    });
    assert!(matches!(foreign, StoreError::Damaged { .. }), "{foreign}");
    // Without our own cosignatures it is just a checkpoint that somebody put there.
    let stripped = refused(&|fs| {
        let new = log.checkpoint(9);
        let note = SignedNote::new(new.text(), log.lines(&new)).unwrap().to_string();
        crate::durable::replace(fs, &path(&log), note.as_bytes(), 0o644).unwrap();
    });
    assert!(
        stripped.to_string().contains("own two cosignatures"),
        "{stripped}"
    );
    // Beginning a memory again leaves what is there alone.
    Store::begin(&bench.fs, Path::new(DATA), &log.origin).unwrap();
    assert_eq!(newest(&bench.open(), &log), Some((5, NOW_S)));
}
