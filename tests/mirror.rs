//! A mirror of a live notary: under load, through kills, against a forked log, and without the notary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests are tests too"
)]

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use trialseal::core::verify::{FileQuery, verify};
use trialseal_core::checkpoint::SignedCheckpoint;
use trialseal_core::hash::Hash;
use trialseal_core::merkle::consistency::verify_consistency;
use trialseal_core::note::SignedNote;
use trialseal_core::tile::{TilePath, TileWidth, full_tiles, partial_width};
use trialseal_tests::caller::{Stubs, client, draft, event, of_draft, signatory};
use trialseal_tests::log::{LogKeys, WholeLog, below_origin};
use trialseal_tests::mirror::{MirrorFolder, Proxy};
use trialseal_tests::notary::{Folder, Server, await_until, copy_folder};
use trialseal_tests::{http, programs};

async fn submit(stubs: &Stubs, name: &str, records: u64) {
    let drafts = (0..records).map(|number| of_draft(draft(&format!("{name} {number}"))));
    let answer = stubs.submit_message(drafts.collect()).await.unwrap();
    assert_eq!(answer.outcomes.len() as u64, records);
}

/// Waits until the notary's newest checkpoint is public, and gives its size.
async fn await_published(server: &Server, stubs: &Stubs) -> u64 {
    let size = stubs.log_size().await;
    await_until("the checkpoint is published", || published(server.http) == size);
    size
}

fn published(address: SocketAddr) -> u64 {
    let note = http::get(address, &below_origin(&TilePath::Checkpoint));
    note.text().lines().nth(1).unwrap().parse().unwrap()
}

/// Every file of the log, full and growing, is the same from both.
fn assert_same_files(notary: SocketAddr, mirror: SocketAddr, keys: &LogKeys) {
    let whole = WholeLog::fetch(mirror, keys);
    assert_eq!(whole.entries, WholeLog::fetch(notary, keys).entries);
    let size = whole.checkpoint.size;
    for level in 0..3 {
        let full = full_tiles(level, size);
        let growing = partial_width(level, size).map(|width| (full, width));
        for (index, width) in (0..full).map(|index| (index, TileWidth::FULL)).chain(growing) {
            let paths = [
                Some(TilePath::Hashes { level, index, width }),
                (level == 0).then_some(TilePath::Entries { index, width }),
            ];
            for path in paths.into_iter().flatten().map(|path| below_origin(&path)) {
                let (own, theirs) = (http::get(mirror, &path), http::get(notary, &path));
                assert_eq!((own.status, theirs.status), (200, 200), "{path}");
                assert!(own.body == theirs.body, "{path}");
                assert_eq!(own.field("cache-control"), theirs.field("cache-control"));
                assert_eq!(own.field("content-type"), theirs.field("content-type"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_follows_a_notary_under_load_through_kills_and_restarts() {
    let (folder, proxy) = (Folder::new(), Proxy::start());
    let mut server = folder.start();
    let keys = LogKeys::of(&folder);
    proxy.lead_to(Some(server.http));
    let mirror_folder = MirrorFolder::of(&folder, proxy.address);
    let mut mirror = mirror_folder.start();
    let mut last = 0;
    for round in 0..3 {
        let stubs = Stubs::connect(&server, folder.token()).await;
        let caller = stubs.clone();
        let load = tokio::spawn(async move {
            for message in 0..20 {
                submit(&caller, &format!("round {round} message {message}"), 200).await;
            }
        });
        while !load.is_finished() {
            let size = mirror.size();
            assert!(size >= last, "a mirror never goes back: {size} after {last}");
            last = size;
            mirror.kill();
            mirror = mirror_folder.start();
            await_until("the mirror catches up", || {
                mirror.size() > last || load.is_finished()
            });
        }
        load.await.unwrap();
        let size = await_published(&server, &stubs).await;
        await_until("the mirror has it", || mirror.size() == size);
        assert_same_files(server.http, mirror.http, &keys);
        // The notary goes, by SIGKILL; meanwhile the mirror serves.
        proxy.lead_to(None);
        server.kill();
        assert_eq!(mirror.size(), size);
        assert_eq!(http::get(mirror.http, "/healthz").status, 200);
        server = folder.start();
        proxy.lead_to(Some(server.http));
        last = size;
    }
    assert!(mirror_folder.alarms().is_empty());
    let metrics = http::get(mirror.http, "/metrics");
    assert!(
        metrics
            .text()
            .contains(&format!("trialseal_mirror_size {last}\n"))
    );
}

/// Two notaries of one log, with its keys, from a common beginning: what must never be.
struct Forked {
    folder: Folder,
    _copy: tempfile::TempDir,
    other: Folder,
}

fn fork(folder: Folder) -> Forked {
    let copy = tempfile::tempdir().unwrap();
    let parent = folder.dir().parent().unwrap();
    copy_folder(parent, copy.path());
    let other = folder.moved_to(&copy.path().join("notary"));
    Forked {
        folder,
        _copy: copy,
        other,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forked_notary_is_exposed_with_both_checkpoints() {
    // The fork is larger than what is mirrored, of the same size, or smaller.
    for (own, others) in [(400, 700), (500, 500), (700, 300)] {
        let folder = Folder::new();
        let server = folder.start();
        let stubs = Stubs::connect(&server, folder.token()).await;
        submit(&stubs, "common", 100).await;
        await_published(&server, &stubs).await;
        server.terminate();
        let Forked { folder, other, _copy } = fork(folder);
        let (honest, forked) = (folder.start(), other.start());
        let stubs = Stubs::connect(&honest, folder.token()).await;
        submit(&stubs, "history", own).await;
        let size = await_published(&honest, &stubs).await;
        let other_stubs = Stubs::connect(&forked, folder.token()).await;
        submit(&other_stubs, "another history", others).await;
        let other_size = await_published(&forked, &other_stubs).await;

        let proxy = Proxy::start();
        proxy.lead_to(Some(honest.http));
        let mirror_folder = MirrorFolder::of(&folder, proxy.address);
        let mirror = mirror_folder.start();
        await_until("the mirror has it", || mirror.size() == size);
        assert_eq!(http::get(mirror.http, "/healthz").status, 200);

        proxy.lead_to(Some(forked.http));
        await_until("the alarm", || http::get(mirror.http, "/healthz").status == 503);
        check_evidence(&mirror_folder, &folder, size, other_size);
        let keys = LogKeys::of(&folder);
        assert_same_files(honest.http, mirror.http, &keys);
        let metrics = http::get(mirror.http, "/metrics");
        assert!(
            metrics
                .text()
                .contains("trialseal_mirror_alarms{kind=\"fork\"} 1\n")
        );

        // It goes on with the history that it has; the alarm stays, also through a restart.
        proxy.lead_to(Some(honest.http));
        submit(&stubs, "more", 10).await;
        await_until("the mirror follows", || mirror.size() == size + 10);
        assert_eq!(http::get(mirror.http, "/healthz").status, 503);
        mirror.kill();
        let once = mirror_folder.once();
        assert!(once.status.success(), "{once:?}");
        proxy.lead_to(Some(forked.http));
        let once = mirror_folder.once();
        assert_eq!(once.status.code(), Some(70), "{once:?}");
        assert!(
            String::from_utf8_lossy(&once.stderr).contains("two histories"),
            "{once:?}"
        );
        let mirror = mirror_folder.start();
        assert_eq!(http::get(mirror.http, "/healthz").status, 503);
        assert_eq!(mirror.size(), size + 10);
    }
}

/// Anybody with the log's public keys can check it.
fn check_evidence(mirror: &MirrorFolder, folder: &Folder, own: u64, others: u64) {
    let alarms = mirror.alarms();
    let [alarm] = &alarms[..] else {
        panic!("one alarm: {alarms:?}");
    };
    let trust = folder.trust();
    let log = &trust.logs()[0];
    let read = |name: &str| {
        let note = SignedNote::parse(&fs::read_to_string(alarm.join(name)).unwrap()).unwrap();
        SignedCheckpoint::verify(note, log).unwrap().checkpoint
    };
    let (ours, theirs) = (read("ours.checkpoint"), read("theirs.checkpoint"));
    assert_eq!((ours.size.get(), theirs.size.get()), (own, others));
    if own == others {
        assert_ne!(ours.root, theirs.root);
        return;
    }
    let (smaller, larger) = if own < others {
        (ours, theirs)
    } else {
        (theirs, ours)
    };
    let proof = fs::read_to_string(alarm.join("proof.txt")).unwrap();
    let mut lines = proof.lines();
    assert_eq!(lines.next().unwrap(), smaller.size.to_string());
    let hashes: Vec<Hash> = lines.map(|line| Hash::from_base64(line).unwrap()).collect();
    assert_ne!(hashes[0], smaller.root);
    verify_consistency(smaller.size, &hashes[0], larger.size, &larger.root, &hashes[1..]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_are_refreshed_when_the_notary_is_gone() {
    let folder = Folder::new();
    let server = folder.start();
    let sdk = client(&folder, &server).await;
    let signatory = signatory(&sdk, folder.key()).await;
    let sent = event("early")
        .sign(&signatory, sdk.log(), trialseal::now())
        .unwrap();
    let receipt = sdk.submit(&sent).await.unwrap().receipt;
    let stubs = Stubs::connect(&server, folder.token()).await;
    submit(&stubs, "later", 700).await;
    let size = await_published(&server, &stubs).await;
    let mirror_folder = MirrorFolder::of(&folder, server.http);
    let once = mirror_folder.once();
    assert!(once.status.success(), "{once:?}");
    assert!(String::from_utf8_lossy(&once.stdout).starts_with(&format!("MIRRORED size={size} ")));
    server.kill();
    let once = mirror_folder.once();
    assert_eq!(
        once.status.code(),
        Some(69),
        "the notary does not answer: {once:?}"
    );

    let mirror = mirror_folder.start();
    let fresh = trialseal::mirror::refresh(&receipt, &mirror.url(), &folder.trust())
        .await
        .unwrap();
    assert_eq!(fresh.evidence().len(), receipt.evidence().len() + 1);
    let report = verify(
        fresh.to_json_pretty().as_bytes(),
        &folder.trust(),
        trialseal::now(),
        &FileQuery::None,
    );
    assert!(report.first_failure().is_none(), "{:?}", report.first_failure());
    let newest = &fresh.evidence().last().unwrap().proof;
    assert!(newest.contains(&format!("\n{size}\n")), "{newest}");

    // The same by the command line, without an account.
    let file = mirror_folder.dir().join("early.receipt.json");
    fs::write(&file, receipt.to_json_pretty()).unwrap();
    let trust = folder.dir().join("trust.toml");
    let run = |arguments: &[&str], url: Option<&str>| {
        let mut command = Command::new(programs::command_line());
        command.args(arguments).arg("--trust").arg(&trust).arg(&file);
        url.map(|url| command.args(["--mirror", url]));
        programs::run(&mut command)
    };
    let said = run(&["upgrade"], Some(&mirror.url()));
    assert!(said.status.success(), "{said:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), fresh.to_json_pretty());
    let said = run(&["verify"], None);
    assert!(said.status.success(), "{said:?}");
    mirror.kill();
    let said = run(&["upgrade"], Some("http://127.0.0.1:1/2026"));
    assert_eq!(said.status.code(), Some(75), "{said:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), fresh.to_json_pretty());
}
