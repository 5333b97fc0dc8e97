//! A log that signs two histories.

use trialseal_core::{
    checkpoint::SignedCheckpoint, hash::Hash, merkle::consistency::verify_consistency, note::SignedNote,
};

use super::{Log, Mirror, Server};
use crate::mirror::{AlarmKind, FollowError, Followed};

/// Another history of the same log from `at` on.
fn forked(log: &Log, at: usize, size: usize) -> Log {
    let mut forked = Log::empty();
    for entry in &log.entries[..at] {
        forked.push(entry.clone());
    }
    forked.grow(size, "another");
    forked
}

#[track_caller]
fn assert_fork(result: Result<Followed, FollowError>) {
    match result {
        Err(FollowError::Alarm {
            kind: AlarmKind::Fork,
            ..
        }) => {}
        other => panic!("no alarm: {other:?}"),
    }
}

/// The evidence stands by itself: two checkpoints by the log's keys, and the proof that no log has both.
#[track_caller]
fn assert_evidence(mirror: &Mirror, log: &Log, ours: &Log, theirs: &Log) {
    let alarms = mirror.alarms();
    let [alarm] = &alarms[..] else {
        panic!("one alarm: {alarms:?}");
    };
    let read = |name: &str| {
        let note = SignedNote::parse(&mirror.alarm_file(alarm, name)).unwrap();
        SignedCheckpoint::verify(note, log.trust().log())
            .unwrap()
            .checkpoint
    };
    let (own, new) = (read("ours.checkpoint"), read("theirs.checkpoint"));
    assert_eq!((&own, &new), (&ours.checkpoint(), &theirs.checkpoint()));
    assert!(mirror.alarm_file(alarm, "ALARM.txt").starts_with("kind: fork\n"));
    if own.size == new.size {
        assert_ne!(own.root, new.root);
        return;
    }
    let (smaller, larger) = if own.size < new.size {
        (own, new)
    } else {
        (new, own)
    };
    let proof = mirror.alarm_file(alarm, "proof.txt");
    let mut lines = proof.lines();
    let size = lines.next().unwrap().parse().unwrap();
    let hashes: Vec<Hash> = lines.map(|line| Hash::from_base64(line).unwrap()).collect();
    let (root, path) = hashes.split_first().unwrap();
    assert_eq!(size, smaller.size);
    assert_ne!(*root, smaller.root);
    verify_consistency(size, root, larger.size, &larger.root, path).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_is_found_at_any_size_and_written_down_once() {
    for (size, at, other) in [
        (700, 650, 700),
        (700, 100, 700),
        (700, 300, 450),
        (700, 300, 1_500),
        (700, 699, 701),
        (768, 5, 70_000),
        (70_000, 1, 69_000),
        (140_000, 139_000, 200_000),
    ] {
        let log = Log::new(size);
        let server = Server::start(&log).await;
        let mut mirror = Mirror::new(&log, &server);
        mirror.look().await.unwrap();
        let forked = forked(&log, at, other);
        server.show(&forked);
        assert_fork(mirror.look().await);
        assert_evidence(&mirror, &log, &log, &forked);
        // Said again at each look, written once, also after a restart.
        assert_fork(mirror.look().await);
        mirror = mirror.again(&log, &server);
        assert_eq!(mirror.follower.alarms(AlarmKind::Fork), 1, "it stays");
        assert_fork(mirror.look().await);
        assert_evidence(&mirror, &log, &log, &forked);
        mirror.assert_serves(&log);
        // Back at the first history, it is followed again.
        let mut longer = log.clone();
        longer.grow(size + 300, "record");
        server.show(&longer);
        assert_eq!(mirror.look().await.unwrap(), Followed::Advanced);
        mirror.assert_serves(&longer);
        assert_eq!(mirror.alarms().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_being_caught_up_with_binds_the_log_too() {
    let log = Log::new(300);
    let server = Server::start(&log).await;
    let mut mirror = Mirror::new(&log, &server);
    mirror.look().await.unwrap();
    let mut target = log.clone();
    target.grow(140_000, "record");
    server.show(&target);
    // The second round never comes.
    server.plant("tile/entries/400", super::log::Fault::Status(500));
    assert!(matches!(mirror.look().await, Err(FollowError::Fetch(_))));
    mirror.assert_serves(&log);
    server.heal();
    mirror = mirror.again(&log, &server);
    // Another history from behind what the mirror serves, but before what it was shown.
    let other = forked(&log, 300, 150_000);
    server.show(&other);
    assert_fork(mirror.look().await);
    assert_evidence(&mirror, &log, &target, &other);
    mirror.assert_serves(&log);
    // One between the two is taken for old.
    let mut between = log.clone();
    between.grow(100_000, "record");
    server.show(&between);
    assert_eq!(mirror.look().await.unwrap(), Followed::Stale);
    target.grow(141_000, "record");
    server.show(&target);
    assert_eq!(mirror.look().await.unwrap(), Followed::Advanced);
    mirror.assert_serves(&target);
}
