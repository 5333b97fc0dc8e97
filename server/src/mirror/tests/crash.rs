//! A mirror that is killed, or loses power, at every call to the file system.

use std::{path::Path, sync::Arc};

use super::{Log, Mirror, ROOT, Server, Store};
use crate::{
    fs::{Fault, FileSystem, SimulatedFileSystem},
    mirror::{Followed, StoreError},
};

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_after_a_crash_at_every_call() {
    let (small, mut large) = (Log::new(300), Log::new(300));
    large.grow(900, "record");
    let server = Server::start(&small).await;
    let begun = SimulatedFileSystem::new();
    Mirror::open(&begun, &small, &server).look().await.unwrap();
    begun.kill();
    server.show(&large);
    // Once without a fault, to count the calls.
    let whole = begun.fork();
    Mirror::open(&whole, &large, &server).look().await.unwrap();
    let calls = whole.calls();
    assert!(calls > 50, "{calls}");
    for call in 0..calls {
        for power_cut in [None, Some(0), Some(1), Some(call * 7 + 2)] {
            let fs = begun.fork();
            fs.plant(call, Fault::Crash);
            if let Ok(mut mirror) = Mirror::try_open(&fs, &large, &server) {
                mirror.look().await.expect_err("the fault is met");
            }
            match power_cut {
                None => fs.kill(),
                Some(seed) => fs.power_cut(seed),
            }
            let mut mirror = Mirror::open(&fs, &large, &server);
            let size = mirror.store.head().map_or(0, |head| head.tree.size());
            assert!(size == 300 || size == 900, "call {call}: {size}");
            let expected = if size == 900 {
                Followed::Same
            } else {
                Followed::Advanced
            };
            assert_eq!(mirror.look().await.unwrap(), expected, "call {call}");
            mirror.assert_serves(&large);
            assert!(mirror.alarms().is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_stops_nothing_for_good() {
    let (small, mut large) = (Log::new(300), Log::new(300));
    large.grow(900, "record");
    let server = Server::start(&small).await;
    let fs = SimulatedFileSystem::new();
    let mut mirror = Mirror::open(&fs, &small, &server);
    mirror.look().await.unwrap();
    server.show(&large);
    fs.set_free_bytes(10_000);
    mirror.look().await.expect_err("the disk is full");
    mirror.assert_serves(&small);
    fs.set_free_bytes(1 << 30);
    assert_eq!(mirror.look().await.unwrap(), Followed::Advanced);
    mirror.assert_serves(&large);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_files_are_refused_at_the_start() {
    let log = Log::new(70_000);
    let server = Server::start(&log).await;
    let fs = SimulatedFileSystem::new();
    Mirror::open(&fs, &log, &server).look().await.unwrap();
    fs.kill();
    let trust = log.trust();
    let open = |fs: &SimulatedFileSystem| {
        fs.kill();
        Store::open(Arc::new(fs.clone()), Path::new(ROOT), &trust)
    };
    for (file, refused) in [
        ("state/head", "head"),
        // On the right edge.
        ("public/tile/0/256", "root"),
        ("public/tile/1/000", "root"),
    ] {
        let damaged = fs.fork();
        damaged.flip(&Path::new(ROOT).join(file), 100, 4).unwrap();
        let error = open(&damaged).err().expect(file).to_string();
        assert!(error.contains(refused), "{file}: {error}");
    }
    let lost = fs.fork();
    lost.remove_file(&Path::new(ROOT).join("public/tile/1/000"))
        .unwrap();
    assert!(matches!(open(&lost), Err(StoreError::File(_))));
    // Another log's trust file.
    let store = Store::open(Arc::new(fs.fork()), Path::new(ROOT), &other_trust(&log));
    assert!(matches!(store, Err(StoreError::Checkpoint { .. })));
    // One process at a time.
    let first = open(&fs).unwrap();
    let second = Store::open(Arc::new(fs.clone()), Path::new(ROOT), &trust);
    assert!(matches!(second, Err(StoreError::File(_))));
    drop(first);
}

/// Trust in keys of the same name that are not the log's.
fn other_trust(log: &Log) -> crate::mirror::LogTrust {
    log.with_seed(8).trust()
}
