//! Witnesses as processes: what one promises, through kills and forks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use tempfile::TempDir;
use trialseal_core::checkpoint::Checkpoint;
use trialseal_core::hash::Hash;
use trialseal_core::note::SignedNote;
use trialseal_proto::v1;
use trialseal_tests::caller::{Stubs, draft, of_draft};
use trialseal_tests::log::LogKeys;
use trialseal_tests::notary::{Folder, ORIGIN, Server, await_until, copy_folder};
use trialseal_tests::witness::{Witness, WitnessFolder};
use trialseal_tests::{http, programs};

/// A notary's log as somebody shows it to a witness: by what the notary tells everybody.
struct Shown {
    stubs: Stubs,
    keys: LogKeys,
}

impl Shown {
    async fn of(folder: &Folder, server: &Server) -> Self {
        Self {
            stubs: Stubs::connect(server, folder.token()).await,
            keys: LogKeys::of(folder),
        }
    }

    async fn seal(&self, name: &str) {
        self.stubs.submit(of_draft(draft(name))).await.unwrap();
    }

    /// The newest checkpoint.
    async fn newest(&self) -> (Checkpoint, String) {
        let answer = self
            .stubs
            .log()
            .get_checkpoint(v1::GetCheckpointRequest {})
            .await
            .unwrap();
        let note = answer.into_inner().checkpoint;
        (self.keys.checkpoint(&note), note)
    }

    async fn proof(&self, old: u64, new: u64) -> Vec<Hash> {
        if old == 0 {
            return Vec::new();
        }
        let request = v1::GetConsistencyProofRequest {
            old_size: old,
            new_size: new,
        };
        let answer = self
            .stubs
            .log()
            .get_consistency_proof(request)
            .await
            .unwrap()
            .into_inner();
        answer
            .hashes
            .iter()
            .map(|hash| Hash::from_slice(hash).unwrap())
            .collect()
    }

    /// Has the newest checkpoint cosigned, from `old` on.
    async fn cosigned(&self, witness: &Witness, folder: &WitnessFolder, old: u64) -> u64 {
        let (checkpoint, note) = self.newest().await;
        let size = checkpoint.size.get();
        let answer = witness.add_checkpoint(old, &self.proof(old, size).await, &note);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let with_cosignatures: SignedNote = format!("{note}{}", answer.text()).parse().unwrap();
        assert_eq!(with_cosignatures.verify(&folder.keys()).unwrap().len(), 2);
        assert_eq!(witness.newest(ORIGIN, &folder.keys()), Some(checkpoint));
        size
    }
}

#[tokio::test]
async fn a_witness_remembers_what_it_cosigned_through_kills() {
    let notary = Folder::new();
    let server = notary.start();
    let shown = Shown::of(&notary, &server).await;
    let parent = TempDir::new().unwrap();
    let folder = WitnessFolder::below(parent.path(), "w1");
    folder.watch(&notary.log_pub());
    let mut size = 0;
    for start in 0..3 {
        let witness = folder.start();
        for seal in 0..3 {
            shown.seal(&format!("{start} {seal}")).await;
            let (_, note) = shown.newest().await;
            if size > 0 {
                let forgot = witness.add_checkpoint(0, &[], &note);
                assert_eq!(
                    (forgot.status, forgot.text()),
                    (409, format!("{size}\n").as_str())
                );
                assert_eq!(forgot.field("content-type"), Some("text/x.tlog.size"));
            }
            size = shown.cosigned(&witness, &folder, size).await;
        }
        witness.process.kill();
    }
    let log = folder.dir().join("data/logs");
    let memory = fs::read_dir(&log).unwrap().next().unwrap().unwrap().path();
    let kept = fs::read(&memory).unwrap();
    fs::remove_file(&memory).unwrap();
    let refused = folder
        .try_start()
        .err()
        .expect("a witness that forgot must not start");
    assert!(refused.said.contains("is missing"), "{}", refused.said);
    fs::write(&memory, kept).unwrap();
    let witness = folder.start();
    assert_eq!(
        witness.metric(&format!("trialseal_witness_log_size{{log=\"{ORIGIN}\"}}")),
        size
    );
    witness.process.terminate();
}

#[tokio::test]
async fn logs_are_added_while_it_runs() {
    let notary = Folder::new();
    let server = notary.start();
    let shown = Shown::of(&notary, &server).await;
    let parent = TempDir::new().unwrap();
    let folder = WitnessFolder::below(parent.path(), "w1");
    let witness = folder.start();
    let (_, note) = shown.newest().await;
    assert_eq!(witness.add_checkpoint(0, &[], &note).status, 404);
    folder.watch(&notary.log_pub());
    witness.process.signal(Signal::HUP);
    await_until("the log is watched", || {
        http::get(witness.address, "/healthz").text().contains("logs 1")
    });
    shown.cosigned(&witness, &folder, 0).await;
    // Again changes nothing; other keys for the same origin are refused.
    folder.watch(&notary.log_pub());
    let other = Folder::new();
    let output = folder.add_log(&other.log_pub());
    assert_eq!(output.status.code(), Some(78), "{}", programs::said(&output));
    assert!(
        programs::said(&output).contains("never gets new"),
        "{}",
        programs::said(&output)
    );
    let second = folder.try_start().err().expect("one witness for one folder");
    assert!(second.said.contains("another witness"), "{}", second.said);
    witness.process.terminate();
}

/// Two notaries with the same keys and the same past.
fn fork(notary: &Folder, to: &Path) -> Folder {
    copy_folder(notary.dir(), to);
    notary.moved_to(to)
}

#[tokio::test]
async fn a_forked_notary_is_refused_and_the_proof_is_kept() {
    let notary = Folder::new();
    let parent = TempDir::new().unwrap();
    let server = notary.start();
    Shown::of(&notary, &server).await.seal("before the fork").await;
    server.terminate();
    let forked = fork(&notary, &parent.path().join("forked"));
    let (server, other_server) = (notary.start(), forked.start());
    let (shown, other) = (
        Shown::of(&notary, &server).await,
        Shown::of(&forked, &other_server).await,
    );
    let folder = WitnessFolder::below(parent.path(), "w1");
    folder.watch(&notary.log_pub());
    let witness = folder.start();
    let before = shown.cosigned(&witness, &folder, 0).await;
    shown.seal("one future").await;
    other.seal("another future").await;
    let size = shown.cosigned(&witness, &folder, before).await;
    let (fork, note) = other.newest().await;
    assert_eq!(fork.size.get(), size);
    let proof = other.proof(before, size).await;
    for (old, proof) in [(before, proof), (size, Vec::new())] {
        let answer = witness.add_checkpoint(old, &proof, &note);
        assert_eq!(
            (answer.status, answer.text()),
            (409, format!("{size}\n").as_str())
        );
    }
    other.seal("and on").await;
    let (next, note) = other.newest().await;
    let answer = witness.add_checkpoint(size, &other.proof(size, next.size.get()).await, &note);
    assert_eq!(answer.status, 422, "{}", answer.text());

    assert_eq!(witness.metric("trialseal_witness_forks_total"), 2);
    witness.process.await_said("FORK");
    let keys = LogKeys::of(&notary);
    let kept = folder.refused(ORIGIN);
    let of = |kind: &str| -> Vec<Checkpoint> {
        kept.iter()
            .filter(|(name, _)| name.starts_with(kind))
            .map(|(_, note)| {
                let log_lines = note.lines()[..2].to_vec();
                let log_note = SignedNote::new(note.text().to_owned(), log_lines).unwrap();
                keys.checkpoint(&log_note.to_string())
            })
            .collect()
    };
    let [cosigned, refused] = &of("fork")[..] else {
        panic!("{kept:?}")
    };
    assert_eq!(refused, &fork);
    assert_eq!(
        (cosigned.size, cosigned.root != refused.root),
        (refused.size, true)
    );
    assert!(of("unproven").contains(&next));
    // The log that the witness knows goes on.
    shown.seal("on").await;
    shown.cosigned(&witness, &folder, size).await;
}
