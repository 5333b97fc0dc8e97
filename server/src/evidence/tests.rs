//! The notary with witnesses that do what they should, and with those that do not.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{body::Body, http::Request};
use http_body_util::BodyExt as _;
use tokio::time::Instant as Monotonic;
use tower::ServiceExt as _;
use trialseal_core::{
    checkpoint::Checkpoint, hash::sha256, index::LogIndex, index::LogSize, note::SignedNote, trust::Level,
    trust::Trust,
};

use super::*;
use crate::{
    backup::{BackupOptions, backup, layout_of},
    clock::Clock as _,
    config,
    fs::SimulatedFileSystem,
    notary::Proven,
    refusal::Refusal,
    testing::{Does, Person, ScriptedWitness, Served, TestLog},
};

const LONG: Duration = Duration::from_secs(20);

async fn witnesses(log: &TestLog, does: &[Does]) -> Vec<ScriptedWitness> {
    let mut witnesses = Vec::new();
    for (number, does) in does.iter().enumerate() {
        let name = format!("w{number}");
        witnesses.push(ScriptedWitness::start(&name, &log.clock, does.clone()).await);
    }
    witnesses
}

/// A policy of `of` of all witnesses.
fn policy(witnesses: &[ScriptedWitness], of: usize) -> config::Evidence {
    let names: Vec<String> = witnesses
        .iter()
        .map(|witness| format!("{:?}", witness.name))
        .collect();
    let entries: String = witnesses.iter().map(ScriptedWitness::trust).collect();
    let trust = format!(
        "{entries}[[group]]\nname = \"quorum\"\nof = {of}\nmembers = [{}]\n[policy]\nquorum = \"quorum\"\n",
        names.join(", ")
    );
    config::Evidence {
        trust_file: PathBuf::new(),
        trust: Arc::new(Trust::parse(&trust).unwrap()),
        witnesses: witnesses
            .iter()
            .enumerate()
            .map(|(place, witness)| witness.place(place))
            .collect(),
        authorities: Vec::new(),
        timestamp_every: Duration::from_secs(60),
        must_answer: Vec::new(),
        clock_bound: Duration::from_secs(10),
        request_timeout: Duration::from_secs(10),
    }
}

struct Scene {
    log: TestLog,
    witnesses: Vec<ScriptedWitness>,
    of: usize,
    served: Served,
    person: Person,
}

impl Scene {
    /// A new log with witnesses of which `of` are the quorum, and somebody enrolled.
    async fn new(of: usize, does: &[Does]) -> Self {
        let log = TestLog::on(Arc::new(SimulatedFileSystem::new()));
        log.create().unwrap();
        let witnesses = witnesses(&log, does).await;
        let served = log.serve_asking(Some(policy(&witnesses, of)));
        let person = Person::new("acme", "alice", 1);
        served.enrol(&person).await;
        Self {
            log,
            witnesses,
            of,
            served,
            person,
        }
    }

    async fn restart(self) -> Self {
        let Self {
            log,
            witnesses,
            of,
            served,
            person,
        } = self;
        served.stop().await;
        log.audit().unwrap();
        let served = log.serve_asking(Some(policy(&witnesses, of)));
        Self {
            log,
            witnesses,
            of,
            served,
            person,
        }
    }

    async fn draft(&self, number: u64) -> LogIndex {
        self.served.draft(&self.person, number).await.unwrap()
    }

    /// Waits for a level, and returns what the receipt would hold.
    async fn wait(&self, index: LogIndex, within: Duration) -> Proven {
        let notary = &self.served.notary;
        notary.evidence.levels.wait(index, Level::Witnessed, within).await;
        notary.prove(notary.chain.present(), index).unwrap()
    }

    async fn witnessed(&self, index: LogIndex) -> Proven {
        let proven = self.wait(index, LONG).await;
        assert_eq!(proven.level, Level::Witnessed);
        proven
    }

    fn known(&self, witness: usize) -> Known {
        self.served.notary.evidence.parties[witness].known()
    }

    /// Waits until a witness is known to fail in a way.
    async fn fails(&self, witness: usize, kind: FailureKind) {
        let give_up = Monotonic::now() + LONG;
        while self.known(witness).failing != Some(kind) {
            assert!(Monotonic::now() < give_up, "{:?}", self.known(witness));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until sealing is refused, or no longer.
    async fn refuses(&self, expected: Option<&Refusal>) {
        let give_up = Monotonic::now() + LONG;
        while self.served.notary.ready().err().as_ref() != expected {
            assert!(Monotonic::now() < give_up, "{:?}", self.served.notary.ready());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let router = crate::http::router(Arc::clone(&self.served.notary));
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = router.oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

/// Names of the witnesses that cosigned a note, once for each line.
fn cosigners(note: &str) -> Vec<String> {
    let note = SignedNote::parse(note).unwrap();
    let names = note.lines().iter().map(|line| line.name().as_str().to_owned());
    names
        .filter_map(|name| name.strip_prefix("witness.example/").map(str::to_owned))
        .collect()
}

fn notes(proven: &Proven) -> Vec<Arc<str>> {
    proven
        .proofs
        .iter()
        .map(|proof| Arc::clone(&proof.evidenced.note))
        .collect()
}

#[tokio::test]
async fn a_witness_that_hangs_delays_nothing_and_early_evidence_stays() {
    let scene = Scene::new(2, &[Does::Cosigns, Does::Hangs, Does::Cosigns]).await;
    let first = scene.draft(1).await;
    let proven = scene.witnessed(first).await;
    let early = Arc::clone(&proven.proofs[0].evidenced.note);
    assert_eq!(cosigners(&early), ["w0", "w0", "w2", "w2"]);
    assert!(proven.proofs[0].evidenced.cose.is_some());
    // Later checkpoints come beside it, not in its place; the newest that is out comes last.
    for number in 2..5 {
        scene.witnessed(scene.draft(number).await).await;
    }
    let later = scene
        .served
        .notary
        .prove(scene.served.notary.chain.present(), first)
        .unwrap();
    assert_eq!((later.proofs.len(), &notes(&later)[0]), (2, &early));
    let published = scene.served.notary.published();
    assert_eq!(later.proofs[1].evidenced.note, published.note);
    assert_eq!(
        scene.get("/2026/checkpoint").await,
        (200, published.note.to_string())
    );
    let (status, health) = scene.get("/healthz").await;
    assert!(status == 200 && health.contains("witness w0 ok at "), "{health}");
    let scene = scene.restart().await;
    assert_eq!(
        notes(
            &scene
                .served
                .notary
                .prove(scene.served.notary.chain.present(), first)
                .unwrap()
        )[0],
        early
    );
    // What was cosigned before the restart is what is shown after it.
    let shown = scene.get("/2026/checkpoint").await.1;
    assert!(cosigners(&shown).contains(&"w0".to_owned()), "{shown}");
    scene.witnessed(scene.draft(9).await).await;
    scene.served.stop().await;
    scene.log.audit().unwrap();
}

#[tokio::test]
async fn one_of_three_may_go_half_way_and_come_back() {
    let scene = Scene::new(2, &[Does::Cosigns, Does::Cosigns, Does::Cosigns]).await;
    scene.witnessed(scene.draft(1).await).await;
    scene.witnesses[1].does(Does::Answers(503, "text/plain", "gone".to_owned()));
    let proven = scene.witnessed(scene.draft(2).await).await;
    assert_eq!(cosigners(&notes(&proven)[0]), ["w0", "w0", "w2", "w2"]);
    scene.fails(1, FailureKind::Status).await;
    let (status, health) = scene.get("/healthz").await;
    assert!(
        status == 200 && health.contains("witness w1 late at "),
        "{health}"
    );
    assert!(health.contains(", status\n"), "{health}");
    scene.witnesses[1].does(Does::Cosigns);
    scene.witnesses[0].does(Does::Hangs);
    // It is behind by a checkpoint that it never saw, and catches up.
    let proven = scene.witnessed(scene.draft(3).await).await;
    assert!(cosigners(&notes(&proven)[0]).contains(&"w1".to_owned()));
    scene.served.stop().await;
}

#[tokio::test]
async fn where_a_witness_stands_is_learned_from_itself() {
    let scene = Scene::new(1, &[Does::Cosigns]).await;
    scene.witnessed(scene.draft(1).await).await;
    let Scene {
        log,
        witnesses,
        of,
        served,
        person,
    } = scene;
    served.stop().await;
    let cosigned = log.layout.cosigned();
    assert!(log.fs.metadata(&cosigned).unwrap().is_some());
    // What it cosigned is forgotten, and so is what was kept: it knows itself.
    log.fs.remove_file(&cosigned).unwrap();
    let asked = witnesses[0].script().asked;
    let served = log.serve_asking(Some(policy(&witnesses, of)));
    let scene = Scene {
        log,
        witnesses,
        of,
        served,
        person,
    };
    scene.witnessed(scene.draft(2).await).await;
    assert_eq!(
        scene.witnesses[0].script().asked,
        asked + 2,
        "a conflict, then the answer"
    );
    scene.served.stop().await;
}

#[tokio::test]
async fn what_cannot_be_is_dropped_and_counted() {
    let answers = |status, kind, text: &str| Does::Answers(status, kind, text.to_owned());
    let cases = [
        (Does::CosignsOther, FailureKind::Signature),
        (Does::CosignsAhead(-3_600), FailureKind::Time),
        (Does::CosignsAhead(3_600), FailureKind::Time),
        (
            answers(200, "text/plain", "\u{2014} witness.example/w0 AAAA\n"),
            FailureKind::Garbage,
        ),
        (answers(200, "text/plain", ""), FailureKind::Garbage),
        (
            answers(200, "text/plain", &"x".repeat(300 << 10)),
            FailureKind::TooLarge,
        ),
        (answers(409, "text/plain", "7\n"), FailureKind::Garbage),
        (answers(409, "text/x.tlog.size", "-7\n"), FailureKind::Garbage),
        (answers(409, "text/x.tlog.size", "3"), FailureKind::Garbage),
        (answers(409, "text/x.tlog.size", "1\n"), FailureKind::Conflict),
        (
            answers(409, "text/x.tlog.size", "9007199254740991\n"),
            FailureKind::Ahead,
        ),
        (
            answers(409, "text/x.tlog.size", "18446744073709551616\n"),
            FailureKind::Garbage,
        ),
        (answers(400, "text/plain", ""), FailureKind::Malformed),
        (answers(403, "text/plain", ""), FailureKind::UnknownKey),
        (answers(404, "text/plain", ""), FailureKind::UnknownOrigin),
        (answers(422, "text/plain", ""), FailureKind::Inconsistent),
        (answers(302, "text/plain", ""), FailureKind::Status),
    ];
    for (does, kind) in cases {
        let scene = Scene::new(2, &[does.clone(), Does::CosignsAmongGarbage, Does::Cosigns]).await;
        let proven = scene.witnessed(scene.draft(1).await).await;
        let cosigned = cosigners(&notes(&proven)[0]);
        assert_eq!(cosigned, ["w1", "w1", "w2", "w2"], "{does:?}");
        scene.fails(0, kind).await;
        scene.refuses(None).await;
        let metrics = scene.served.notary.metrics.encode();
        let line = format!("problem=\"{}\"", kind.as_str());
        assert!(
            metrics.contains(&line) && metrics.contains("name=\"w0\""),
            "{does:?}: {metrics}"
        );
        scene.served.stop().await;
    }
}

#[tokio::test]
async fn what_is_not_reached_in_time_is_told_and_comes_later() {
    let scene = Scene::new(2, &[Does::Cosigns, Does::Hangs]).await;
    let index = scene.draft(1).await;
    let proven = scene.wait(index, Duration::from_millis(50)).await;
    assert_eq!((proven.level, proven.proofs.len()), (Level::Sealed, 1));
    let Scene {
        log,
        witnesses,
        of,
        served,
        person,
    } = scene;
    served.stop().await;
    witnesses[1].does(Does::Cosigns);
    let served = log.serve_asking(Some(policy(&witnesses, of)));
    let scene = Scene {
        log,
        witnesses,
        of,
        served,
        person,
    };
    scene.witnessed(index).await;
    scene.served.stop().await;
}

#[tokio::test]
async fn a_larger_checkpoint_of_our_own_stops_sealing_and_a_claim_does_not() {
    let huge = Does::Answers(409, "text/x.tlog.size", "5000\n".to_owned());
    let scene = Scene::new(2, &[huge.clone(), Does::Cosigns, Does::Cosigns]).await;
    scene.fails(0, FailureKind::Ahead).await;
    // Somebody else's signature proves nothing.
    let checkpoint = Checkpoint {
        origin: scene.log.signer.origin().clone(),
        size: LogSize::new(5_000).unwrap(),
        root: sha256(b"later"),
    };
    let forger = TestLog::on(Arc::new(SimulatedFileSystem::new()));
    let at = u64::try_from(scene.log.clock.now().seconds()).unwrap();
    scene.witnesses[0].script().shows = Some(forger.signer.sign_checkpoint(&checkpoint, at).unwrap());
    scene.witnessed(scene.draft(1).await).await;
    scene.refuses(None).await;
    scene.witnesses[0].script().shows = Some(scene.log.signer.sign_checkpoint(&checkpoint, at).unwrap());
    scene.witnessed(scene.draft(2).await).await;
    scene.refuses(Some(&Refusal::RolledBack)).await;
    assert_eq!(
        scene.served.draft(&scene.person, 3).await,
        Err(Refusal::RolledBack)
    );
    let (status, health) = scene.get("/healthz").await;
    assert!(status == 503 && health.contains("reason ROLLED_BACK"), "{health}");
    // What is on record can be read as before.
    scene
        .served
        .notary
        .prove(scene.served.notary.chain.present(), LogIndex::new(2).unwrap())
        .unwrap();
    scene.served.stop().await;
}

#[tokio::test]
async fn a_majority_that_says_so_stops_sealing_without_proof() {
    let huge = Does::Answers(409, "text/x.tlog.size", "5000\n".to_owned());
    let scene = Scene::new(2, &[Does::Cosigns, Does::Cosigns, Does::Cosigns]).await;
    scene.witnesses[0].does(huge.clone());
    scene.witnessed(scene.draft(1).await).await;
    scene.fails(0, FailureKind::Ahead).await;
    scene.refuses(None).await;
    scene.witnesses[2].does(huge);
    scene.draft(2).await;
    scene.refuses(Some(&Refusal::RolledBack)).await;
    scene.served.stop().await;
}

#[tokio::test]
async fn another_log_under_our_name_is_found_by_its_checkpoint() {
    let refuses = Does::Answers(422, "text/plain", String::new());
    let scene = Scene::new(2, &[Does::Cosigns, Does::Cosigns, refuses]).await;
    scene.fails(2, FailureKind::Inconsistent).await;
    let checkpoint = Checkpoint {
        origin: scene.log.signer.origin().clone(),
        size: LogSize::new(1).unwrap(),
        root: sha256(b"another first entry"),
    };
    let at = u64::try_from(scene.log.clock.now().seconds()).unwrap();
    scene.witnesses[2].script().shows = Some(scene.log.signer.sign_checkpoint(&checkpoint, at).unwrap());
    scene.refuses(Some(&Refusal::RolledBack)).await;
    scene.served.stop().await;
}

#[tokio::test]
async fn a_clock_that_most_contradict_stops_sealing_until_it_is_right() {
    let ahead = Does::CosignsAhead(3_600);
    let scene = Scene::new(1, &[Does::Cosigns, ahead.clone(), Does::Cosigns]).await;
    scene.witnessed(scene.draft(1).await).await;
    scene.fails(1, FailureKind::Time).await;
    scene.refuses(None).await;
    scene.witnesses[0].does(ahead);
    scene.draft(2).await;
    scene.refuses(Some(&Refusal::ClockOutOfBounds)).await;
    let (status, health) = scene.get("/healthz").await;
    assert!(
        status == 503 && health.contains("reason CLOCK_OUT_OF_BOUNDS"),
        "{health}"
    );
    // Somebody mends the clock: nobody need be asked.
    scene.log.clock.set(scene.log.clock.now().plus_millis(3_600_000));
    scene.witnesses[1].does(Does::Cosigns);
    scene.witnesses[0].does(Does::Cosigns);
    scene.refuses(None).await;
    scene.witnessed(scene.draft(3).await).await;
    // It steps while nothing happens at all.
    scene.log.clock.set(scene.log.clock.now().plus_millis(60_000));
    scene.refuses(Some(&Refusal::ClockOutOfBounds)).await;
    scene.served.stop().await;
}

#[tokio::test]
async fn without_witnesses_everything_is_sealed_and_nobody_waits() {
    let log = TestLog::on(Arc::new(SimulatedFileSystem::new()));
    log.create().unwrap();
    let served = log.serve();
    let person = Person::new("acme", "alice", 1);
    served.enrol(&person).await;
    let index = served.draft(&person, 1).await.unwrap();
    let before = Monotonic::now();
    served
        .notary
        .evidence
        .levels
        .wait(index, Level::Witnessed, LONG)
        .await;
    assert!(before.elapsed() < LONG / 2);
    assert_eq!(
        served
            .notary
            .prove(served.notary.chain.present(), index)
            .unwrap()
            .level,
        Level::Sealed
    );
    served.stop().await;
    log.audit().unwrap();
}

#[tokio::test]
async fn kept_evidence_is_in_backups_and_an_audit_finds_what_is_wrong_with_it() {
    let scene = Scene::new(1, &[Does::Cosigns]).await;
    for number in 1..4 {
        scene.witnessed(scene.draft(number).await).await;
    }
    let Scene { log, served, .. } = scene;
    served.stop().await;
    let target = Path::new("/backup");
    let options = BackupOptions {
        fs: Arc::clone(&log.fs),
        layout: log.layout.clone(),
        keys: log.keys(),
        target: target.to_owned(),
        threads: 1,
    };
    backup(&options, &mut |_| {}).unwrap();
    let (here, there) = [&log.layout, &layout_of(target)]
        .map(|layout| layout.evidence(Kind::Witnessed))
        .into();
    let files = sizes_of_files(&*log.fs, &here).unwrap();
    assert_eq!(sizes_of_files(&*log.fs, &there).unwrap(), files);
    let path = here.join(format!("{:016}", files[0]));
    let whole = log.fs.read(&path, 1 << 20).unwrap();
    assert_eq!(
        log.fs
            .read(&there.join(format!("{:016}", files[0])), 1 << 20)
            .unwrap(),
        whole
    );
    let replace = |contents: &[u8]| {
        crate::durable::replace(&*log.fs, &path, contents, crate::fs::PRIVATE_FILE).unwrap();
    };
    // A flipped bit.
    let mut damaged = whole.clone();
    damaged[100] ^= 1;
    replace(&damaged);
    assert_eq!(log.audit().unwrap_err().file(), Some(&*path));
    // A sound frame with a checkpoint that this log's keys signed, and that is not this log's.
    replace(&whole);
    let kept = Kept::open(Arc::clone(&log.fs), &log.layout, Kind::Witnessed).unwrap();
    let newest = kept.newest().unwrap();
    let checkpoint = Checkpoint {
        root: sha256(b"another log"),
        ..newest.checkpoint.clone()
    };
    let note = log.signer.sign_checkpoint(&checkpoint, 1_800_000_000).unwrap();
    let forged = |checkpoint: Checkpoint, note: &str| {
        let evidenced = Evidenced {
            checkpoint,
            note: note.into(),
            tokens: Vec::new(),
            cose: None,
        };
        kept.append(Arc::new(evidenced)).unwrap();
    };
    forged(checkpoint.clone(), &note);
    let problem = log.audit().unwrap_err().to_string();
    assert!(problem.contains("but the entries give"), "{problem}");
    // A larger one than the log.
    let larger = Checkpoint {
        size: LogSize::new(5_000).unwrap(),
        ..checkpoint
    };
    let note = log.signer.sign_checkpoint(&larger, 1_800_000_000).unwrap();
    forged(larger, &note);
    let problem = log.audit().unwrap_err().to_string();
    assert!(problem.contains("the journal ends at"), "{problem}");
}
