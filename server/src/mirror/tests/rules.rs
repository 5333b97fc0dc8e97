//! A log that signs what no log may have.

use super::{
    Log, Mirror, Server,
    log::{close, open, record},
};
use crate::mirror::{AlarmKind, FollowError, Followed};

/// The log is taken over up to `good` entries, and not with all of them.
async fn check(entries: Vec<Vec<u8>>, good: usize) {
    let mut log = Log::empty();
    let server = Server::start(&log).await;
    let mut mirror = Mirror::new(&log, &server);
    let mut entries = entries.into_iter();
    for entry in entries.by_ref().take(good) {
        log.push(entry);
    }
    if good > 0 {
        server.show(&log);
        assert_eq!(mirror.look().await.unwrap(), Followed::Advanced);
    }
    let mut bad = log.clone();
    entries.for_each(|entry| bad.push(entry));
    server.show(&bad);
    for _ in 0..2 {
        let error = mirror.look().await.expect_err("a rule is broken");
        assert!(
            matches!(
                error,
                FollowError::Alarm {
                    kind: AlarmKind::Rule,
                    ..
                }
            ),
            "{error}"
        );
    }
    assert_eq!(mirror.alarms().len(), 1);
    match good {
        0 => assert!(mirror.store.head().is_none()),
        _ => mirror.assert_serves(&log),
    }
}

fn own() -> Vec<u8> {
    open(Log::empty().seed(), None)
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_records_and_statements() {
    check(vec![own(), record("a"), vec![1; 32]], 2).await;
    check(vec![own(), record("a"), vec![1; 34]], 2).await;
    check(vec![own(), record("a"), vec![3; 33]], 2).await;
    check(vec![own(), record("a"), Vec::new(), record("b")], 2).await;
    check(vec![own(), b"\x02{}".to_vec()], 1).await;
    check(vec![own(), b"\x02{\"type\":\"x\"}".to_vec()], 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_begins_with_its_own_open_statement() {
    check(vec![record("a"), record("b")], 0).await;
    check(vec![close()], 0).await;
    check(vec![open(9, None)], 0).await;
    check(vec![own(), own()], 1).await;
    check(vec![open(7, Some("no note\n".to_owned()))], 0).await;
    // The log before is itself here, which the trust file names: its signatures must verify.
    let signed = Log::new(5).note().to_string();
    check(vec![open(7, Some(signed.replace("\n5\n", "\n6\n")))], 0).await;
    let mut log = Log::empty();
    log.push(open(7, Some(signed)));
    log.grow(3, "record");
    let server = Server::start(&log).await;
    let mut mirror = Mirror::new(&log, &server);
    assert_eq!(mirror.look().await.unwrap(), Followed::Advanced);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_follows_a_close_statement() {
    check(vec![own(), record("a"), close(), record("b")], 2).await;
    // Also where it was the end of what was mirrored before.
    check(vec![own(), record("a"), close(), record("b")], 3).await;
    check(vec![own(), record("a"), close(), close()], 3).await;
    let mut log = Log::new(3);
    log.push(close());
    let server = Server::start(&log).await;
    let mut mirror = Mirror::new(&log, &server);
    mirror.look().await.unwrap();
    mirror = mirror.again(&log, &server);
    assert_eq!(mirror.store.head().unwrap().closed, Some(3));
}
