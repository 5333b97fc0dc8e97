//! A server that damages, cuts, delays or makes up what it serves.

use super::{
    Log, Mirror, Server,
    log::{Fault, record},
};
use crate::mirror::{AlarmKind, FetchError, FollowError, Followed};

/// Nothing is taken over while the fault lasts, and all of it afterwards.
async fn check(path: &str, fault: Fault) -> FollowError {
    let mut log = Log::new(300);
    let server = Server::start(&log).await;
    let mut mirror = Mirror::new(&log, &server);
    mirror.look().await.unwrap();
    let old = log.clone();
    log.grow(70_000, "record");
    server.show(&log);
    server.plant(path, fault);
    let error = mirror.look().await.expect_err(path);
    mirror.assert_serves(&old);
    let again = mirror.look().await.expect_err(path);
    assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(&again));
    server.heal();
    assert_eq!(mirror.look().await.unwrap(), Followed::Advanced, "{path}");
    mirror.assert_serves(&log);
    assert!(mirror.alarms().is_empty(), "damage on the way is no fork");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_are_found() {
    // In an entry that is new, in one that is had, in the last bundle, in tiles that proofs are made of.
    for path in ["tile/entries/005", "tile/entries/270", "tile/entries/273.p/112"] {
        assert!(matches!(
            check(path, Fault::Flip(100)).await,
            FollowError::Data { .. }
        ));
    }
    for path in ["tile/1/001.p/17", "tile/0/273.p/112"] {
        assert!(matches!(
            check(path, Fault::Flip(7)).await,
            FollowError::Data { .. }
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_made_up_are_found() {
    let made_up: Vec<Vec<u8>> = (0..256)
        .map(|number| record(&format!("made up {number}")))
        .collect();
    let bundle = trialseal_core::tile::encode_entries(made_up.iter().map(Vec::as_slice)).unwrap();
    assert!(matches!(
        check("tile/entries/100", Fault::Body(bundle)).await,
        FollowError::Data { .. }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_wrong_form_are_refused() {
    for fault in [
        Fault::Short(1),
        Fault::Short(35),
        Fault::Body(Vec::new()),
        Fault::Body(b"<!DOCTYPE html>".to_vec()),
        Fault::Huge(600),
        Fault::Huge(20 << 20),
        Fault::Status(302),
        Fault::Status(404),
        Fault::Status(500),
        Fault::Hang,
    ] {
        let error = check("tile/entries/007", fault).await;
        assert!(matches!(error, FollowError::Fetch(_)), "{error}");
    }
    let error = check("tile/1/001.p/17", Fault::Short(1)).await;
    assert!(
        matches!(error, FollowError::Fetch(FetchError::Tile(_))),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_that_are_none_are_refused() {
    let log = Log::new(300);
    let note = log.note().to_string();
    for fault in [
        Fault::Short(1),
        Fault::Flip(30),
        Fault::Body(note.replace("\n300\n", "\n301\n").into_bytes()),
        Fault::Body(note.replace("2026", "2027").into_bytes()),
        Fault::Body(b"<!DOCTYPE html>".to_vec()),
        Fault::Body(vec![0xff; 100]),
        Fault::Huge(1 << 20),
        Fault::Hang,
        Fault::Status(503),
    ] {
        let server = Server::start(&log).await;
        let mut mirror = Mirror::new(&log, &server);
        server.plant("checkpoint", fault);
        let error = mirror.look().await.expect_err("no checkpoint");
        assert!(
            matches!(error, FollowError::Fetch(_) | FollowError::Checkpoint(_)),
            "{error}"
        );
        assert!(mirror.store.head().is_none());
        server.heal();
        assert_eq!(mirror.look().await.unwrap(), Followed::Advanced);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_nothing_leads_to_is_reported_in_the_end() {
    let log = Log::new(300);
    let server = Server::start(&log).await;
    let mut mirror = Mirror::new(&log, &server);
    mirror.look().await.unwrap();
    let mut longer = log.clone();
    longer.grow(600, "record");
    server.show(&longer);
    server.plant("tile/entries/001", Fault::Flip(5_000));
    for _ in 0..7 {
        assert!(matches!(mirror.look().await, Err(FollowError::Data { .. })));
    }
    let alarms = mirror.alarms();
    assert_eq!(alarms.len(), 1);
    assert!(
        mirror
            .alarm_file(&alarms[0], "ALARM.txt")
            .starts_with("kind: unproven\n")
    );
    assert_eq!(mirror.follower.alarms(AlarmKind::Unproven), 1);
    assert_eq!(mirror.follower.alarms(AlarmKind::Fork), 0);
    mirror.assert_serves(&log);
}
