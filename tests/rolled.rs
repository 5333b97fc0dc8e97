//! A log whose first journal segment is gone: it starts from a snapshot, the tiles at the right
//! edge, and what is left of the journal. Each of them is lost or damaged in turn.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tokio::runtime::Runtime;
use trialseal::RecordPlace;
use trialseal_core::checkpoint::Checkpoint;
use trialseal_core::index::{LogIndex, Sequence};
use trialseal_proto::v1;
use trialseal_tests::caller::{self, REGISTER, Stubs, draft, of_draft};
use trialseal_tests::log::{LogKeys, WholeLog, check_consistent, newest};
use trialseal_tests::notary::{Folder, Refused, Server, await_until, copy_folder};
use trialseal_tests::{http, programs};

/// Submissions in a message.
const MESSAGE: u64 = 1_000;
/// More messages than a segment holds, by far.
const MESSAGES_MAX: u64 = 200;

struct Rolled {
    folder: Folder,
    runtime: Runtime,
    head: Checkpoint,
}

impl Rolled {
    /// Fills a segment, waits until it is released, and kills the notary.
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let folder = Folder::new();
        let first = folder.dir().join("data/journal/00000000000000000001.segment");
        assert!(first.is_file(), "{}", first.display());
        let server = folder.start();
        let head = runtime.block_on(async {
            let stubs = Stubs::connect(&server, folder.token()).await;
            let mut messages = 0;
            while !folder.dir().join("data/private/snapshots").is_dir() {
                submit(&stubs, messages).await;
                messages += 1;
                assert!(messages < MESSAGES_MAX, "no snapshot was taken");
            }
            await_until("the first segment is released", || !first.exists());
            newest(&stubs, &LogKeys::of(&folder)).await
        });
        server.kill();
        Self {
            folder,
            runtime,
            head,
        }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.dir().join(below)
    }

    /// Starts, and finds the log whole: it goes on where it was.
    fn check_whole(&self) -> Server {
        let server = self.folder.start();
        self.runtime.block_on(async {
            let stubs = Stubs::connect(&server, self.folder.token()).await;
            let new = newest(&stubs, &LogKeys::of(&self.folder)).await;
            check_consistent(&stubs, &self.head, &new).await;
            let client = caller::client(&self.folder, &server).await;
            server.await_listing();
            for sequence in [1, 200, 300, self.head.size.get() - 10] {
                let place =
                    RecordPlace::Position(REGISTER.parse().unwrap(), Sequence::new(sequence).unwrap());
                client
                    .receipt(&place)
                    .await
                    .unwrap_or_else(|error| panic!("record {sequence}: {error}"));
            }
        });
        server
    }

    /// Damages one file, finds that starting is refused in these words, and mends it.
    fn refuses(&self, path: &Path, damage: &dyn Fn(&Path), says: &[&str]) {
        let good = fs::read(path).unwrap();
        damage(path);
        let Refused { status, said } = self
            .folder
            .start_with(&[])
            .err()
            .unwrap_or_else(|| panic!("{}: the start is not refused", path.display()));
        assert!(!status.success());
        for words in says {
            assert!(
                said.contains(words),
                "{}: {words:?} is not in: {said}",
                path.display()
            );
        }
        let audited = audit(&self.folder);
        assert!(
            !audited.status.success(),
            "{}: {}",
            path.display(),
            programs::said(&audited)
        );
        fs::write(path, good).unwrap();
    }
}

async fn submit(stubs: &Stubs, message: u64) {
    let drafts = (0..MESSAGE).map(|number| {
        let name = format!("{message} {number}");
        let (reason, remark) = (format!("{name} {}", "r".repeat(1_000)), "s".repeat(1_000));
        of_draft(v1::Draft {
            reason,
            remark,
            ..draft(&name)
        })
    });
    let answer = stubs.submit_message(drafts.collect()).await.unwrap();
    assert_eq!(answer.outcomes.len() as u64, MESSAGE);
}

fn audit(folder: &Folder) -> Output {
    programs::run(
        Command::new(programs::server())
            .args(["audit", "--dir"])
            .arg(folder.dir()),
    )
}

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

#[test]
fn a_log_is_opened_from_its_files_and_each_of_them_is_needed() {
    let rolled = Rolled::new();
    rolled.check_whole().terminate();
    let clean = audit(&rolled.folder);
    assert!(clean.status.success(), "{}", programs::said(&clean));

    // The listing is made anew from the bundles: the journal no longer has the records.
    fs::remove_dir_all(rolled.path("data/index")).unwrap();
    rolled.check_whole().kill();

    // Of these the journal has no longer what they were made of.
    let tile = rolled.path("data/public/tile/0/005");
    let name = tile.to_str().unwrap();
    rolled.refuses(&tile, &cut, &[name]);
    rolled.refuses(&tile, &remove, &[name]);
    rolled.refuses(&tile, &flip, &["checkpoint"]);
    let snapshot = rolled
        .folder
        .files_below("data/private/snapshots")
        .pop()
        .unwrap()
        .0;
    rolled.refuses(&snapshot, &cut, &[snapshot.to_str().unwrap(), "is damaged"]);
    rolled.refuses(&snapshot, &flip, &[snapshot.to_str().unwrap(), "is damaged"]);
    rolled.refuses(
        &snapshot,
        &remove,
        &["the journal begins at index", "Restore them from a backup"],
    );
    drop(rolled.check_whole());
}

#[test]
fn a_damaged_record_is_named_and_never_answered() {
    let rolled = Rolled::new();
    // Record 5 is in a bundle, and nowhere else any more.
    let bundle = rolled.path("data/private/records/000");
    let bytes = fs::read(&bundle).unwrap();
    flip(&bundle);
    let server = rolled.folder.start();
    rolled.runtime.block_on(async {
        let stubs = Stubs::connect(&server, rolled.folder.token()).await;
        let mut failed = 0;
        for index in 5..256 {
            let record = Some(v1::get_receipt_request::Record::Index(index));
            let answer = stubs
                .notary()
                .get_receipt(stubs.request(v1::GetReceiptRequest {
                    record,
                    level: 0,
                    log: String::new(),
                    wait: None,
                }))
                .await;
            match answer {
                // What is given is whole: each receipt proves itself.
                Ok(_) => {}
                Err(status) => {
                    failed += 1;
                    assert_eq!(status.code(), tonic::Code::Internal, "{status:?}");
                    assert!(status.message().contains("its log says why"), "{status:?}");
                }
            }
        }
        assert!(failed > 0, "the damage goes unnoticed");
    });
    server.await_said("is damaged");
    let audited = audit(&rolled.folder);
    assert!(
        !audited.status.success() && programs::said(&audited).contains("records/000"),
        "{}",
        programs::said(&audited)
    );
    fs::write(&bundle, bytes).unwrap();
    server.terminate();
    drop(rolled.check_whole());
}

#[test]
fn a_backup_made_beside_a_serving_notary_is_restored() {
    let rolled = Rolled::new();
    let server = rolled.folder.start();
    let backup = rolled.path("backup");
    let mut command = Command::new(programs::server());
    let said = programs::must(
        command
            .args(["backup", "--dir"])
            .arg(rolled.folder.dir())
            .arg("--to")
            .arg(&backup),
    );
    let restore = said.lines().find(|line| line.starts_with("RESTORE")).unwrap();
    let head: Vec<&str> = restore
        .split("--accept-head ")
        .nth(1)
        .unwrap()
        .split(' ')
        .collect();
    // The log goes on, and is lost.
    rolled.runtime.block_on(async {
        submit(
            &Stubs::connect(&server, rolled.folder.token()).await,
            MESSAGES_MAX,
        )
        .await;
    });
    let published = format!("\n{}\n", rolled.head.size.get() + MESSAGE);
    await_until("the newest checkpoint went out", || {
        http::get(server.http, "/2026/checkpoint")
            .text()
            .contains(&published)
    });
    server.kill();
    fs::remove_dir_all(rolled.path("data")).unwrap();
    copy_folder(&backup, &rolled.path("data"));
    let refused = rolled
        .folder
        .start_with(&[])
        .err()
        .expect("an old copy is refused");
    assert!(
        refused.said.contains("this is an old copy of the log"),
        "{}",
        refused.said
    );
    let server = rolled
        .folder
        .start_with(&["--accept-head", head[0], head[1]])
        .unwrap_or_else(|refused| panic!("{}", refused.said));
    assert_eq!(server.size, rolled.head.size.get());
    server.terminate();
    drop(rolled.check_whole());
    let server = rolled.folder.start();
    let whole = WholeLog::fetch(server.http, &LogKeys::of(&rolled.folder));
    assert!(whole.entries.len() as u64 >= LogIndex::new(rolled.head.size.get()).unwrap().get());
}
