//! Forks, roll-backs, and parties that lie: each is found out, or delays its own level only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tonic_types::StatusExt as _;
use trialseal::now;
use trialseal_core::trust::Level;
use trialseal_proto::v1;
use trialseal_tests::authority::{self, Authority};
use trialseal_tests::caller::Stubs;
use trialseal_tests::evidence::{Policy, await_level, judged, reached, seal, try_seal};
use trialseal_tests::http;
use trialseal_tests::log::LogKeys;
use trialseal_tests::notary::{Folder, ORIGIN, Server, await_until, copy_folder};
use trialseal_tests::witness::{Behaviour, ScriptedWitness, Witness, WitnessFolder};

async fn stubs(notary: &Folder, server: &Server) -> Stubs {
    Stubs::connect(server, notary.token()).await
}

/// A running witness that watches the notary's log.
fn watching(notary: &Folder, parent: &Path, short: &str) -> (WitnessFolder, Witness) {
    let folder = WitnessFolder::below(parent, short);
    folder.watch(&notary.log_pub());
    let witness = folder.start();
    (folder, witness)
}

/// Waits until no more is sealed, for this reason; reading goes on.
async fn await_stop(server: &Server, calls: &Stubs, reason: &str) {
    await_until("the notary has stopped sealing", || {
        let health = http::get(server.http, "/healthz");
        health.status == 503 && health.text().contains(&format!("reason {reason}"))
    });
    let refused = try_seal(calls, "after the stop").await.unwrap_err();
    let details = refused.get_details_error_info().expect("a reason");
    assert_eq!(details.reason, reason, "{refused:?}");
    assert_eq!(http::get(server.http, "/2026/checkpoint").status, 200);
    calls.log_size().await;
}

/// The value of a counter of failures, all problems of a party together if none is named.
fn failures(server: &Server, name: &str, problem: &str) -> u64 {
    let metrics = http::get(server.http, "/metrics");
    let of_party = |line: &&str| {
        line.starts_with("trialseal_evidence_failures_total{")
            && line.contains(&format!("name=\"{name}\""))
            && line.contains(&format!("problem=\"{problem}\""))
    };
    let values = metrics.text().lines().filter(of_party);
    values
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

#[tokio::test]
async fn a_fork_is_refused_by_the_witness_and_stops_by_itself() {
    let (notary, parent) = (Folder::new(), TempDir::new().unwrap());
    let (folder, witness) = watching(&notary, parent.path(), "w1");
    let policy = Policy::default().witness(folder.name(), &folder.trust_entry(), &witness.url());
    let trust = policy.install(&notary, 1, Level::Witnessed);
    let server = notary.start();
    let calls = stubs(&notary, &server).await;
    let before = seal(&calls, "before the fork").await;
    await_level(&calls, before, v1::Level::Witnessed).await;
    server.terminate();

    let forked = parent.path().join("forked");
    copy_folder(notary.dir(), &forked);
    let forked = notary.moved_to(&forked);
    let server = notary.start();
    let calls = stubs(&notary, &server).await;
    let index = seal(&calls, "one future").await;
    await_level(&calls, index, v1::Level::Witnessed).await;

    // The same keys, the same size, another record.
    let other = forked.start();
    let other_calls = stubs(&forked, &other).await;
    let same = seal(&other_calls, "another future").await;
    assert_eq!(same, index);
    await_until("the witness has found the fork out", || {
        folder
            .refused(ORIGIN)
            .iter()
            .any(|(name, _)| name.starts_with("fork"))
    });
    witness.process.await_said("FORK");
    assert!(witness.metric("trialseal_witness_forks_total") > 0);
    let kept: Vec<_> = folder.refused(ORIGIN);
    let keys = LogKeys::of(&notary);
    let (cosigned, refused) = (&kept[0].1, &kept[1].1);
    let log_lines = |note: &trialseal_core::note::SignedNote| {
        let lines = note.lines()[..2].to_vec();
        let note = trialseal_core::note::SignedNote::new(note.text().to_owned(), lines).unwrap();
        keys.checkpoint(&note.to_string())
    };
    let (cosigned, refused) = (log_lines(cosigned), log_lines(refused));
    assert_eq!(cosigned.size, refused.size);
    assert_ne!(cosigned.root, refused.root);

    // The true log goes on, and the other finds its own keys on what it does not hold.
    let next = seal(&calls, "one future goes on").await;
    await_level(&calls, next, v1::Level::Witnessed).await;
    await_stop(&other, &other_calls, "ROLLED_BACK").await;
    assert_eq!(
        reached(&other_calls, same, v1::Level::Witnessed, 0).await,
        v1::Level::Sealed
    );
    for index in [before, index, next] {
        assert_eq!(judged(&notary, &server, index, &trust).await, Level::Witnessed);
    }
    drop(other);
    server.terminate();
}

#[tokio::test]
async fn a_notary_that_was_rolled_back_on_purpose_stops_by_itself() {
    let (notary, parent) = (Folder::new(), TempDir::new().unwrap());
    let (folder, witness) = watching(&notary, parent.path(), "w1");
    let policy = Policy::default().witness(folder.name(), &folder.trust_entry(), &witness.url());
    policy.install(&notary, 1, Level::Witnessed);
    let server = notary.start();
    let calls = stubs(&notary, &server).await;
    let early = seal(&calls, "in the backup").await;
    await_level(&calls, early, v1::Level::Witnessed).await;
    server.terminate();
    let backup = parent.path().join("backup");
    copy_folder(&notary.dir().join("data"), &backup);

    let server = notary.start();
    let calls = stubs(&notary, &server).await;
    for number in 0..3 {
        let index = seal(&calls, &format!("to be undone {number}")).await;
        await_level(&calls, index, v1::Level::Witnessed).await;
    }
    server.terminate();
    let said = witness.newest(ORIGIN, &folder.keys()).unwrap();

    // Everything on this machine that could remember is taken back.
    fs::remove_dir_all(notary.dir().join("data")).unwrap();
    copy_folder(&backup, &notary.dir().join("data"));
    fs::remove_file(notary.dir().join("signer/signer.state")).unwrap();
    let refused = notary
        .start_with(&[])
        .err()
        .expect("a start without memory is refused");
    let head: Vec<String> = {
        let (_, rest) = refused
            .said
            .rsplit_once("--accept-head ")
            .expect("it says the head");
        rest.split_whitespace().take(2).map(str::to_owned).collect()
    };
    let server = notary
        .start_with(&["--accept-head", &head[0], &head[1]])
        .unwrap_or_else(|refused| panic!("{}", refused.said));
    assert!(server.size < said.size.get());
    let calls = stubs(&notary, &server).await;
    // What it holds was cosigned once; what it adds never will be.
    let added = try_seal(&calls, "a second future").await;
    await_stop(&server, &calls, "ROLLED_BACK").await;
    if let Ok(index) = added {
        assert_eq!(
            reached(&calls, index, v1::Level::Witnessed, 0).await,
            v1::Level::Sealed
        );
    }
    assert_eq!(
        witness.newest(ORIGIN, &folder.keys()),
        Some(said),
        "the witness stands where it stood"
    );
}

#[tokio::test]
async fn a_witness_that_lies_delays_its_level_only() {
    let notary = Folder::new();
    let liar = ScriptedWitness::start("witness.example.edu/liar", Behaviour::Cosigns);
    // All three are needed, and two of them tell the right time.
    let honest = ["w1", "w2"].map(|short| {
        let name = format!("witness.example.edu/{short}");
        ScriptedWitness::start(&name, Behaviour::Cosigns)
    });
    let mut policy = Policy::default().witness(liar.name(), &liar.trust_entry(), &liar.url());
    for witness in &honest {
        policy = policy.witness(witness.name(), &witness.trust_entry(), &witness.url());
    }
    let trust = policy.install(&notary, 3, Level::Witnessed);
    let server = notary.start();
    let calls = stubs(&notary, &server).await;
    let hour_ago = u64::try_from(now().as_millis() / 1_000).unwrap() - 3_600;
    let lies = [
        ("garbage", Behaviour::Answers(b"\xff\x00 not a line".to_vec())),
        ("garbage", Behaviour::Answers(Vec::new())),
        ("too_large", Behaviour::Answers(vec![b'x'; 1 << 20])),
        ("garbage", Behaviour::UnknownKeys),
        ("signature", Behaviour::WrongSignatures),
        ("time", Behaviour::At(hour_ago)),
        ("time", Behaviour::At(2 * hour_ago)),
        ("status", Behaviour::Status(500)),
        ("unreachable", Behaviour::Closes),
    ];
    for (number, (problem, lie)) in lies.into_iter().enumerate() {
        let before = failures(&server, liar.name(), problem);
        liar.behave(lie.clone());
        let index = seal(&calls, &format!("{number} while it lies")).await;
        await_until(&format!("{lie:?} is counted as {problem}"), || {
            failures(&server, liar.name(), problem) > before
        });
        assert_eq!(
            reached(&calls, index, v1::Level::Witnessed, 0).await,
            v1::Level::Sealed,
            "{lie:?}"
        );
        seal(&calls, &format!("{number} sealing goes on")).await;
        liar.behave(Behaviour::Cosigns);
        await_level(&calls, index, v1::Level::Witnessed).await;
        assert_eq!(
            judged(&notary, &server, index, &trust).await,
            Level::Witnessed,
            "{lie:?}"
        );
    }
    server.terminate();
}

#[tokio::test]
async fn one_witness_that_claims_a_larger_log_stops_nothing() {
    let (notary, parent) = (Folder::new(), TempDir::new().unwrap());
    let liar = ScriptedWitness::start(
        "witness.example.edu/liar",
        Behaviour::Conflict("9007199254740991".to_owned()),
    );
    liar.show(Some("not a note".to_owned()));
    let mut policy = Policy::default().witness(liar.name(), &liar.trust_entry(), &liar.url());
    let real = ["w1", "w2"].map(|short| watching(&notary, parent.path(), short));
    for (folder, witness) in &real {
        policy = policy.witness(folder.name(), &folder.trust_entry(), &witness.url());
    }
    let trust = policy.install(&notary, 2, Level::Witnessed);
    let server = notary.start();
    let calls = stubs(&notary, &server).await;
    for number in 0..5 {
        let index = seal(&calls, &format!("record {number}")).await;
        await_level(&calls, index, v1::Level::Witnessed).await;
        assert_eq!(judged(&notary, &server, index, &trust).await, Level::Witnessed);
    }
    await_until("the claim is counted", || {
        failures(&server, liar.name(), "ahead") > 0
    });
    assert_eq!(http::get(server.http, "/healthz").status, 200);
    server.terminate();
}

#[tokio::test]
async fn an_authority_that_lies_delays_its_level_only() {
    let (notary, parent) = (Folder::new(), TempDir::new().unwrap());
    let (folder, witness) = watching(&notary, parent.path(), "w1");
    let authority = Authority::start(authority::Behaviour::Honest);
    let policy = Policy::default()
        .witness(folder.name(), &folder.trust_entry(), &witness.url())
        .authority("tsa", &authority.trust("tsa"), &authority.url())
        .setting("timestamp_every_seconds = 1");
    let trust = policy.install(&notary, 1, Level::Timestamped);
    let server = notary.start();
    let calls = stubs(&notary, &server).await;
    use authority::Behaviour as B;
    let lies = [
        ("signature", B::WrongImprint),
        ("signature", B::WrongNonce),
        ("signature", B::ExpiredCertificate),
        ("time", B::Clock(-7_200)),
        ("refused", B::Refuse),
        ("garbage", B::Garbage),
        ("status", B::Unavailable),
    ];
    for (number, (problem, lie)) in lies.into_iter().enumerate() {
        let before = failures(&server, "tsa", problem);
        authority.behave(lie);
        let index = seal(&calls, &format!("{number} while it lies")).await;
        await_level(&calls, index, v1::Level::Witnessed).await;
        await_until(&format!("{lie:?} is counted as {problem}"), || {
            failures(&server, "tsa", problem) > before
        });
        let level = reached(&calls, index, v1::Level::Timestamped, 0).await;
        assert_eq!(level, v1::Level::Witnessed, "{lie:?}");
        let honest = match number % 3 {
            0 => B::Honest,
            1 => B::Fractional,
            _ => B::UnsortedCertificates,
        };
        authority.behave(honest);
        await_level(&calls, index, v1::Level::Timestamped).await;
        assert_eq!(
            judged(&notary, &server, index, &trust).await,
            Level::Timestamped,
            "{honest:?}"
        );
    }
    server.terminate();
}
