//! A notary whose receipts rest on witnesses, while witnesses are killed, hang and come back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use tempfile::TempDir;
use trialseal_core::checkpoint::Checkpoint;
use trialseal_core::note::SignedNote;
use trialseal_core::trust::{Level, Trust};
use trialseal_proto::v1;
use trialseal_tests::caller::Stubs;
use trialseal_tests::evidence::{Policy, await_level, judged, reached, seal};
use trialseal_tests::http;
use trialseal_tests::notary::{Folder, Server, await_until};
use trialseal_tests::witness::{Behaviour, ScriptedWitness, Witness, WitnessFolder};

/// A notary with real witnesses of which a quorum counts.
struct Watched {
    notary: Folder,
    trust: Trust,
    folders: Vec<WitnessFolder>,
    witnesses: Vec<Option<Witness>>,
    _parent: TempDir,
}

impl Watched {
    fn new(witnesses: usize, quorum: usize) -> Self {
        let (notary, parent) = (Folder::new(), TempDir::new().unwrap());
        let folders: Vec<WitnessFolder> = (0..witnesses)
            .map(|number| WitnessFolder::below(parent.path(), &format!("w{number}")))
            .collect();
        let mut policy = Policy::default();
        let mut running = Vec::new();
        for folder in &folders {
            folder.watch(&notary.log_pub());
            let witness = folder.start();
            policy = policy.witness(folder.name(), &folder.trust_entry(), &witness.url());
            running.push(Some(witness));
        }
        let trust = policy.install(&notary, quorum, Level::Witnessed);
        Self {
            notary,
            trust,
            folders,
            witnesses: running,
            _parent: parent,
        }
    }

    fn kill(&mut self, number: usize) {
        self.witnesses[number].take().unwrap().process.kill();
    }
}

async fn stubs(notary: &Folder, server: &Server) -> Stubs {
    Stubs::connect(server, notary.token()).await
}

#[tokio::test]
async fn two_of_three_witnesses_suffice_when_one_is_killed_half_way() {
    let mut watched = Watched::new(3, 2);
    let server = watched.notary.start();
    let calls = stubs(&watched.notary, &server).await;
    let mut sealed = Vec::new();
    for number in 0..6 {
        if number == 3 {
            watched.kill(1);
        }
        let index = seal(&calls, &format!("record {number}")).await;
        await_level(&calls, index, v1::Level::Witnessed).await;
        sealed.push(index);
    }
    for index in sealed {
        let level = judged(&watched.notary, &server, index, &watched.trust).await;
        assert_eq!(level, Level::Witnessed, "record {index}");
    }
    // What is published has the cosignatures, for whoever reads it.
    let note = http::get(server.http, "/2026/checkpoint");
    let note = SignedNote::parse(note.text()).unwrap();
    let keys: Vec<_> = watched.folders.iter().flat_map(WitnessFolder::keys).collect();
    assert!(note.verify(&keys).unwrap().len() >= 4, "{note}");

    // With two gone the level is out of reach, and sealing goes on; back again, it catches up.
    watched.kill(2);
    let index = seal(&calls, "without a quorum").await;
    assert_eq!(
        reached(&calls, index, v1::Level::Witnessed, 1).await,
        v1::Level::Sealed
    );
    watched.witnesses[2] = Some(watched.folders[2].start());
    await_level(&calls, index, v1::Level::Witnessed).await;
    server.terminate();
}

#[tokio::test]
async fn a_witness_that_hangs_delays_no_seal() {
    let notary = Folder::new();
    let hanging = ScriptedWitness::start("witness.example.edu/hangs", Behaviour::Hangs);
    let policy = Policy::default().witness(hanging.name(), &hanging.trust_entry(), &hanging.url());
    let trust = policy.install(&notary, 1, Level::Witnessed);
    let server = notary.start();
    let calls = stubs(&notary, &server).await;
    let first = seal(&calls, "asks the witness").await;
    hanging.await_asked(1);
    // All of these are sealed while it holds the request.
    for number in 0..200 {
        let index = seal(&calls, &format!("while it hangs {number}")).await;
        assert_eq!(index, first + 1 + number);
    }
    assert_eq!(
        reached(&calls, first, v1::Level::Witnessed, 0).await,
        v1::Level::Sealed
    );
    hanging.behave(Behaviour::Cosigns);
    await_level(&calls, first + 200, v1::Level::Witnessed).await;
    assert_eq!(judged(&notary, &server, first, &trust).await, Level::Witnessed);
    server.terminate();
}

#[tokio::test]
async fn evidence_outlives_a_kill_and_the_witnesses() {
    let mut watched = Watched::new(2, 2);
    let server = watched.notary.start();
    let calls = stubs(&watched.notary, &server).await;
    let index = seal(&calls, "witnessed before the kill").await;
    await_level(&calls, index, v1::Level::Witnessed).await;
    server.kill();
    watched.kill(0);
    watched.kill(1);
    let server = watched.notary.start();
    let calls = stubs(&watched.notary, &server).await;
    assert_eq!(
        reached(&calls, index, v1::Level::Witnessed, 0).await,
        v1::Level::Witnessed
    );
    assert_eq!(
        judged(&watched.notary, &server, index, &watched.trust).await,
        Level::Witnessed
    );
    let later = seal(&calls, "nobody watches").await;
    assert_eq!(
        reached(&calls, later, v1::Level::Witnessed, 1).await,
        v1::Level::Sealed
    );
    // Witnesses that come back go on from what they remember.
    for number in 0..2 {
        watched.witnesses[number] = Some(watched.folders[number].start());
    }
    await_level(&calls, later, v1::Level::Witnessed).await;
    let note = http::get(server.http, "/2026/checkpoint");
    let published = Checkpoint::parse(SignedNote::parse(note.text()).unwrap().text()).unwrap();
    for (folder, witness) in watched.folders.iter().zip(&watched.witnesses) {
        let witness = witness.as_ref().unwrap();
        await_until("each witness has the newest checkpoint", || {
            let newest = witness.newest(published.origin.as_str(), &folder.keys());
            newest.is_some_and(|newest| newest.size >= published.size)
        });
    }
    server.terminate();
}

#[tokio::test]
async fn what_is_sealed_right_before_a_stop_is_witnessed() {
    let mut watched = Watched::new(1, 1);
    let server = watched.notary.start();
    let calls = stubs(&watched.notary, &server).await;
    let mut last = 0;
    for number in 0..5 {
        last = seal(&calls, &format!("before the stop {number}")).await;
    }
    server.terminate();
    watched.kill(0);
    let server = watched.notary.start();
    let calls = stubs(&watched.notary, &server).await;
    assert_eq!(
        reached(&calls, last, v1::Level::Witnessed, 0).await,
        v1::Level::Witnessed
    );
    server.terminate();
}
