//! SIGKILL at random moments under load: what was acknowledged stays, and nothing is there twice.
//!
//! `TRIALSEAL_SEED` repeats the moments of a run, `TRIALSEAL_KILLS` asks for more of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use trialseal::{BatchOutcome, Client, ClientError, Outgoing, Signatory};
use trialseal_core::checkpoint::Checkpoint;
use trialseal_core::entry::record_leaf_hash;
use trialseal_core::hash::{Hash, RecordId};
use trialseal_core::index::LogIndex;
use trialseal_core::note::SignedNote;
use trialseal_core::tlog_proof::TlogProof;
use trialseal_proto::v1;
use trialseal_tests::caller::{self, Stubs};
use trialseal_tests::independent::not_run;
use trialseal_tests::log::{LogKeys, WholeLog, check_consistent, check_included, newest};
use trialseal_tests::notary::{Folder, Server};
use trialseal_tests::{http, programs};

const KILLS: u32 = 50;
/// Callers that wait for each answer, half of them with signed submissions.
const UNARY_CALLERS: u64 = 6;
/// Callers with nothing but stubs.
const STUB_CALLERS: u64 = 2;
const STREAMS: u64 = 2;
/// Submissions in a message of a stream.
const BATCH: u64 = 25;
/// Checks under way at a time.
const CHECKS: usize = 32;

/// What callers know, whatever happens to the notary.
#[derive(Default)]
struct Ledger {
    /// Every acknowledged record: index and leaf.
    acknowledged: Mutex<BTreeMap<LogIndex, Hash>>,
    /// Every checkpoint that anybody was shown.
    seen: Mutex<BTreeMap<u64, Checkpoint>>,
    /// What was sent and has no answer yet, for a caller of each kind to send again.
    in_doubt: Mutex<Vec<Outgoing>>,
    in_doubt_stubs: Mutex<Vec<v1::SubmitRequest>>,
    /// Makes reasons and keys distinct.
    made: AtomicU64,
    /// Answers that named a record made before a crash.
    repeated: AtomicU64,
}

impl Ledger {
    fn acknowledge(&self, index: LogIndex, record: RecordId, proof: &str, repeated: bool) {
        self.repeated.fetch_add(u64::from(repeated), Ordering::Relaxed);
        let leaf = record_leaf_hash(&record);
        let other = self.acknowledged.lock().unwrap().insert(index, leaf);
        assert_eq!(other, None, "two submissions were told index {index}");
        let proof: TlogProof = proof.parse().unwrap();
        self.see(Checkpoint::parse(proof.checkpoint.text()).unwrap());
    }

    fn see(&self, checkpoint: Checkpoint) {
        let mut seen = self.seen.lock().unwrap();
        let before = seen
            .entry(checkpoint.size.get())
            .or_insert_with(|| checkpoint.clone());
        assert_eq!(*before, checkpoint, "two checkpoints of one size");
    }

    fn next(&self) -> u64 {
        self.made.fetch_add(1, Ordering::Relaxed)
    }

    /// Something in doubt first, then something new; every other one signed.
    fn take(&self, client: &Client, signatory: &Signatory, signed: bool) -> Outgoing {
        if let Some(outgoing) = self.in_doubt.lock().unwrap().pop() {
            return outgoing;
        }
        let event = caller::event(&format!("event {}", self.next()));
        if signed {
            event
                .sign(signatory, client.log(), trialseal::now())
                .unwrap()
                .into()
        } else {
            event.draft().unwrap().into()
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_there_twice() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse().expect("a number"))
    };
    let seed = number("TRIALSEAL_SEED").unwrap_or_else(rand::random::<u64>);
    let kills = number("TRIALSEAL_KILLS").map_or(KILLS, |kills| u32::try_from(kills).unwrap());
    eprintln!("TRIALSEAL_SEED={seed} TRIALSEAL_KILLS={kills}");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run(seed, kills));
}

async fn run(seed: u64, kills: u32) {
    let mut random = StdRng::seed_from_u64(seed);
    let folder = Folder::new();
    let keys = Arc::new(LogKeys::of(&folder));
    let ledger = Arc::new(Ledger::default());
    let server = folder.start();
    let first_size = server.size;
    let mut running = Some(server);
    let (mut killed, mut busy) = (0, 0);
    while killed < kills {
        let server = running.take().unwrap_or_else(|| folder.start());
        let before = ledger.acknowledged.lock().unwrap().len();
        under_load(
            &folder,
            server,
            &keys,
            &ledger,
            Duration::from_micros(random.random_range(2_000..350_000)),
        )
        .await;
        killed += 1;
        busy += u32::from(ledger.acknowledged.lock().unwrap().len() > before);
        if random.random_range(0..5) == 0 && killed < kills {
            // Recovery is a moment like any other.
            let starting = folder.spawn(&[]);
            tokio::time::sleep(Duration::from_micros(random.random_range(0..150_000))).await;
            starting.kill();
            killed += 1;
        }
        let server = folder.start();
        check_after_restart(&folder, &server, &keys, &ledger, before).await;
        running = Some(server);
    }
    let server = running.unwrap();
    settle(&folder, &server, &ledger).await;
    check_everything(&folder, &server, &keys, &ledger, first_size).await;
    let acknowledged = ledger.acknowledged.lock().unwrap().len();
    let (repeated, seen) = (
        ledger.repeated.load(Ordering::Relaxed),
        ledger.seen.lock().unwrap().len(),
    );
    eprintln!(
        "{killed} kills, {busy} with answers; {acknowledged} records, {repeated} of them learned of later; {seen} checkpoints"
    );
    assert!(
        busy * 2 > kills,
        "only {busy} of {kills} kills came after an answer: the load is no load"
    );
    server.terminate();
    audit(&folder);
}

/// Loads a notary until it is killed.
async fn under_load(
    folder: &Folder,
    server: Server,
    keys: &Arc<LogKeys>,
    ledger: &Arc<Ledger>,
    life: Duration,
) {
    let client = caller::client(folder, &server).await;
    let signatory = Arc::new(caller::signatory(&client, folder.key()).await);
    let stubs = Stubs::connect(&server, folder.token()).await;
    let mut callers = JoinSet::new();
    for number in 0..UNARY_CALLERS {
        callers.spawn(call(
            client.clone(),
            Arc::clone(&signatory),
            Arc::clone(ledger),
            number % 2 == 0,
        ));
    }
    for _ in 0..STREAMS {
        callers.spawn(stream(client.clone(), Arc::clone(&signatory), Arc::clone(ledger)));
    }
    for _ in 0..STUB_CALLERS {
        callers.spawn(call_stubs(stubs.clone(), Arc::clone(ledger)));
    }
    let (watched, keys, watching) = (server.http, Arc::clone(keys), Arc::clone(ledger));
    callers.spawn_blocking(move || watch(watched, &keys, &watching));
    tokio::time::sleep(life).await;
    server.kill();
    while let Some(ended) = callers.join_next().await {
        ended.expect("a caller may lose its connection, and nothing else");
    }
}

/// What a caller may see of a notary that is killed.
fn is_lost_connection(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::NotSent { .. } | ClientError::OutcomeUnknown { .. }
    )
}

async fn call(client: Client, signatory: Arc<Signatory>, ledger: Arc<Ledger>, signed: bool) {
    loop {
        let outgoing = ledger.take(&client, &signatory, signed);
        match client.submit(&outgoing).await {
            Ok(recorded) => {
                let proof = &recorded.receipt.evidence()[0].proof;
                ledger.acknowledge(recorded.index, recorded.record, proof, recorded.repeated);
            }
            Err(error) => {
                assert!(is_lost_connection(&error), "{error}");
                return ledger.in_doubt.lock().unwrap().push(outgoing);
            }
        }
    }
}

async fn stream(client: Client, signatory: Arc<Signatory>, ledger: Arc<Ledger>) {
    let source = {
        let (client, signatory, ledger) = (client.clone(), Arc::clone(&signatory), Arc::clone(&ledger));
        // Endless: the stream reads no faster than the notary answers.
        tokio_stream::iter(std::iter::repeat_with(move || {
            (0..BATCH)
                .map(|number| ledger.take(&client, &signatory, number % 2 == 0))
                .collect::<Vec<_>>()
        }))
    };
    let mut answers = client.submit_stream(source);
    while let Some(answer) = answers.next().await {
        let outcomes = match answer {
            Ok(outcomes) => outcomes,
            Err(broken) => {
                assert!(is_lost_connection(&broken.error), "{}", broken.error);
                return ledger.in_doubt.lock().unwrap().extend(broken.unanswered);
            }
        };
        for outcome in outcomes {
            let recorded = match outcome {
                BatchOutcome::Sealed(sealed) => sealed.into_recorded().unwrap(),
                BatchOutcome::Repeated(recorded) => *recorded,
                BatchOutcome::Refused(error) => panic!("refused: {error}"),
            };
            let proof = &recorded.receipt.evidence()[0].proof;
            ledger.acknowledge(recorded.index, recorded.record, proof, recorded.repeated);
        }
    }
}

async fn call_stubs(stubs: Stubs, ledger: Arc<Ledger>) {
    loop {
        let waiting = ledger.in_doubt_stubs.lock().unwrap().pop();
        let request =
            waiting.unwrap_or_else(|| caller::of_draft(caller::draft(&format!("stub {}", ledger.next()))));
        match stubs.submit(request.clone()).await {
            Ok(answer) => acknowledge_message(&ledger, &answer),
            // Whatever the connection made of it.
            Err(_) => return ledger.in_doubt_stubs.lock().unwrap().push(request),
        }
    }
}

fn acknowledge_message(ledger: &Ledger, answer: &v1::SubmitResponse) {
    let json = trialseal_tests::json_mapping::receipt(answer.receipt.as_ref().unwrap());
    let receipt = trialseal_core::receipt::Receipt::parse(json.as_bytes()).unwrap();
    let proof = &receipt.evidence()[0].proof;
    let index = proof.parse::<TlogProof>().unwrap().index;
    ledger.acknowledge(index, receipt.record().leaves().root(), proof, answer.repeated);
}

/// Reads the public checkpoint as fast as it can: what went out binds the notary.
fn watch(address: std::net::SocketAddr, keys: &LogKeys, ledger: &Ledger) {
    while let Ok(answer) = http::try_get(address, "/2026/checkpoint") {
        ledger.see(keys.checkpoint(answer.text()));
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The new checkpoint contains what was acknowledged since, and extends every older one.
async fn check_after_restart(
    folder: &Folder,
    server: &Server,
    keys: &LogKeys,
    ledger: &Ledger,
    before: usize,
) {
    let stubs = Stubs::connect(server, folder.token()).await;
    let new = newest(&stubs, keys).await;
    let fresh: Vec<_> = {
        let acknowledged = ledger.acknowledged.lock().unwrap();
        // Those with the highest indexes are not exactly the last ones, and more than enough.
        let count = acknowledged.len() - before;
        acknowledged
            .iter()
            .rev()
            .take(count)
            .map(|(index, leaf)| (*index, *leaf))
            .collect()
    };
    included(&stubs, &fresh, &new).await;
    let old: Vec<_> = ledger.seen.lock().unwrap().values().cloned().collect();
    consistent(&stubs, &old, &new).await;
    ledger.see(new);
}

async fn included(stubs: &Stubs, records: &[(LogIndex, Hash)], checkpoint: &Checkpoint) {
    let mut checks = JoinSet::new();
    for part in records.chunks(records.len().div_ceil(CHECKS).max(1)) {
        let (stubs, part, checkpoint) = (stubs.clone(), part.to_vec(), checkpoint.clone());
        checks.spawn(async move {
            for (index, leaf) in part {
                check_included(&stubs, &leaf, index, &checkpoint).await.unwrap();
            }
        });
    }
    checks.join_all().await;
}

async fn consistent(stubs: &Stubs, old: &[Checkpoint], new: &Checkpoint) {
    let mut checks = JoinSet::new();
    for part in old.chunks(old.len().div_ceil(CHECKS).max(1)) {
        let (stubs, part, new) = (stubs.clone(), part.to_vec(), new.clone());
        checks.spawn(async move {
            for old in part {
                check_consistent(&stubs, &old, &new).await;
            }
        });
    }
    checks.join_all().await;
}

/// Sends everything that is in doubt once more: now there is an answer to each.
async fn settle(folder: &Folder, server: &Server, ledger: &Ledger) {
    let client = caller::client(folder, server).await;
    let in_doubt = std::mem::take(&mut *ledger.in_doubt.lock().unwrap());
    for recorded in client.submit_many(in_doubt).await {
        let recorded = recorded.unwrap();
        let proof = &recorded.receipt.evidence()[0].proof;
        ledger.acknowledge(recorded.index, recorded.record, proof, recorded.repeated);
    }
    let stubs = Stubs::connect(server, folder.token()).await;
    let in_doubt = std::mem::take(&mut *ledger.in_doubt_stubs.lock().unwrap());
    for request in in_doubt {
        acknowledge_message(ledger, &stubs.submit(request).await.unwrap());
    }
}

/// Every submission has been answered by now, so the log holds exactly what was acknowledged.
async fn check_everything(
    folder: &Folder,
    server: &Server,
    keys: &LogKeys,
    ledger: &Ledger,
    first_size: u64,
) {
    let stubs = Stubs::connect(server, folder.token()).await;
    let new = newest(&stubs, keys).await;
    let acknowledged = ledger.acknowledged.lock().unwrap().clone();
    let made = ledger.made.load(Ordering::Relaxed);
    assert_eq!(
        acknowledged.len() as u64,
        made,
        "every submission has an answer, and one record"
    );
    assert_eq!(
        new.size.get(),
        first_size + made,
        "the log holds what was acknowledged, once, and nothing else"
    );
    let records: Vec<_> = acknowledged.iter().map(|(index, leaf)| (*index, *leaf)).collect();
    included(&stubs, &records, &new).await;
    let seen: Vec<_> = ledger.seen.lock().unwrap().values().cloned().collect();
    consistent(&stubs, &seen, &new).await;
    // And once more without any proof of the notary's: out of the tiles.
    trialseal_tests::notary::await_until("the last checkpoint is published", || {
        let note = http::get(server.http, "/2026/checkpoint");
        SignedNote::parse(note.text()).is_ok_and(|note| note.text() == new.text())
    });
    let whole = WholeLog::fetch(server.http, keys);
    for (index, leaf) in acknowledged {
        let entry = &whole.entries[usize::try_from(index.get()).unwrap()];
        assert_eq!(trialseal_core::merkle::leaf_hash(entry), leaf, "entry {index}");
    }
}

/// The notary's own audit of every stored byte.
fn audit(folder: &Folder) {
    if !programs::run(Command::new(programs::server()).args(["help", "audit"]))
        .status
        .success()
    {
        return not_run("crash: audit", 1, "this trialseal-server has no command `audit`");
    }
    programs::must(
        Command::new(programs::server())
            .args(["audit", "--dir"])
            .arg(folder.dir()),
    );
}
