use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use trialseal_core::trust::Level;
use trialseal_core::verify::{FileQuery, Outcome, verify};

use super::*;
use crate::accept::BatchOutcome;
use crate::pending::Outgoing;
use crate::submission::Prepared;
use crate::testing::notary::{FakeNotary, Fault};
use crate::testing::{self, plan, signatory};

fn options() -> ClientOptions {
    let retry = RetryPolicy {
        deadline: Duration::from_secs(20),
        attempt_timeout: Duration::from_secs(10),
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(1),
    };
    ClientOptions {
        retry,
        ..ClientOptions::default()
    }
}

async fn connect(faults: impl IntoIterator<Item = Fault>) -> (FakeNotary, Client) {
    let (notary, endpoint) = FakeNotary::start(faults).await;
    let token = Token::from_bytes([5; 32]);
    let client = Client::connect_with(&endpoint, &token, notary.trust(), options())
        .await
        .unwrap();
    (notary, client)
}

fn prepared(client: &Client) -> Prepared {
    plan().sign(&signatory(), client.log(), testing::now()).unwrap()
}

fn outgoing(client: &Client, count: usize) -> Vec<Outgoing> {
    (0..count).map(|_| prepared(client).into()).collect()
}

fn refuse(code: Code, reason: &str) -> Fault {
    let details = ErrorDetails::with_error_info(reason, "trialseal", HashMap::new());
    Fault::Refuse(Status::with_error_details(code, reason, details))
}

/// The receipt as anyone would check it, from its JSON.
fn assert_verifies(client: &Client, receipt: &Receipt) {
    let report = verify(
        receipt.to_json_pretty().as_bytes(),
        client.trust(),
        testing::now(),
        &FileQuery::None,
    );
    assert_eq!(report.outcome, Outcome::Passed, "{:?}", report.steps);
}

#[tokio::test]
async fn a_receipt_comes_back_verified_and_with_its_manifest() {
    let (notary, client) = connect([]).await;
    for index in 1..20 {
        let recorded = client.submit(&prepared(&client)).await.unwrap();
        assert_eq!((recorded.index.get(), recorded.repeated), (index, false));
        assert!(recorded.receipt.manifest().is_some());
        assert_verifies(&client, &recorded.receipt);
    }
    assert_eq!(notary.size(), 20);
    assert_eq!(client.checkpoint().await.unwrap().checkpoint.size.get(), 20);
}

#[tokio::test]
async fn what_does_not_verify_is_never_handed_over() {
    for (fault, step) in [
        (Fault::ChangeWhen, "inclusion"),
        (Fault::OtherTree, "inclusion"),
        (Fault::OtherKeys, "log"),
        (Fault::OtherRecord, "record"),
    ] {
        let (notary, client) = connect([]).await;
        client.submit(&prepared(&client)).await.unwrap();
        notary.next_does(fault.clone());
        let error = client.submit(&prepared(&client)).await.unwrap_err();
        let ClientError::Untrusted { problem } = error else {
            panic!("{fault:?}: {error:?}")
        };
        assert!(problem.starts_with(step), "{fault:?}: {problem}");
        // It is not asked for again: the notary would only repeat itself.
        assert_eq!(notary.calls(), 2);
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_recorded_once() {
    let (notary, client) = connect([Fault::LoseAnswer, refuse(Code::Unavailable, "STOPPING")]).await;
    let recorded = client.submit(&prepared(&client)).await.unwrap();
    assert!(recorded.repeated);
    assert_verifies(&client, &recorded.receipt);
    assert_eq!((notary.size(), notary.calls()), (2, 3));
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    let (notary, client) = connect([refuse(Code::Unauthenticated, "TOKEN_EXPIRED")]).await;
    let error = client.submit(&prepared(&client)).await.unwrap_err();
    assert!(matches!(error, ClientError::NotAllowed { reason, .. } if reason == "TOKEN_EXPIRED"));
    assert_eq!((notary.size(), notary.calls()), (1, 1));
}

#[tokio::test]
async fn nobody_there_means_nothing_is_on_record() {
    let (notary, client) = connect([]).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let mut options = options();
    options.retry.deadline = Duration::from_millis(20);
    let token = Token::from_bytes([5; 32]);
    let result = Client::connect_with(&endpoint, &token, notary.trust(), options.clone()).await;
    assert!(matches!(result, Err(ClientError::NoAnswer { .. })));
    // The same for a client that was connected before.
    let shared = Shared {
        endpoint: endpoint.clone(),
        connections: Connections::new(&endpoint, &token, None, 1).unwrap(),
        checker: CheckpointChecker::new(notary.trust()),
        log: client.log().clone(),
        policy: options.retry,
    };
    let unconnected = Client {
        shared: Arc::new(shared),
    };
    let error = unconnected.submit(&prepared(&client)).await.unwrap_err();
    assert!(matches!(error, ClientError::NotSent { .. }), "{error:?}");
    let results = unconnected.submit_many(outgoing(&client, 3)).await;
    assert_eq!(results.len(), 3);
    assert!(matches!(results[0], Err(ClientError::NotSent { .. })));
}

#[tokio::test]
async fn a_stream_answers_every_batch_in_order() {
    let (_, client) = connect([]).await;
    let batches: Vec<Vec<Outgoing>> = [1, 7, 2, 30]
        .iter()
        .map(|count| outgoing(&client, *count))
        .collect();
    let mut answers = client.submit_stream(futures::stream::iter(batches));
    let mut sizes = Vec::new();
    let mut next = 1;
    while let Some(answer) = answers.next().await {
        let outcomes = answer.unwrap();
        sizes.push(outcomes.len());
        for outcome in outcomes {
            let BatchOutcome::Sealed(sealed) = outcome else {
                panic!()
            };
            assert_eq!(sealed.index().get(), next);
            next += 1;
            let recorded = sealed.clone().into_recorded().unwrap();
            assert_eq!(recorded.record, sealed.record());
            assert_verifies(&client, &recorded.receipt);
        }
    }
    assert_eq!(sizes, [1, 7, 2, 30]);
}

#[tokio::test]
async fn many_are_recorded_once_whatever_breaks() {
    let faults = [
        Fault::LoseAnswer,
        refuse(Code::Unavailable, "STOPPING"),
        Fault::LoseAnswer,
    ];
    let (notary, client) = connect(faults).await;
    let results = client.submit_many(outgoing(&client, 2_500)).await;
    assert_eq!(results.len(), 2_500);
    let indexes: Vec<u64> = results
        .iter()
        .map(|one| one.as_ref().unwrap().index.get())
        .collect();
    assert_eq!(indexes, (1..=2_500).collect::<Vec<_>>());
    assert_eq!(notary.size(), 2_501);
    for recorded in results.iter().step_by(500) {
        assert_verifies(&client, &recorded.as_ref().unwrap().receipt);
    }
}

#[tokio::test]
async fn what_was_refused_for_now_is_sent_again_and_keeps_its_place() {
    let (notary, client) = connect([Fault::RefuseHalf, Fault::RefuseHalf]).await;
    let submissions = outgoing(&client, 7);
    let keys: Vec<_> = submissions.iter().map(Outgoing::idempotency_key).collect();
    let results = client.submit_many(submissions).await;
    assert_eq!((results.len(), notary.size()), (7, 8));
    for (key, result) in keys.iter().zip(&results) {
        let receipt = &result.as_ref().unwrap().receipt;
        let Some(trialseal_core::receipt::ReceiptSubmission::Note(note)) = receipt.submission() else {
            panic!()
        };
        assert!(note.contains(&key.to_string()));
    }
    assert_eq!(notary.calls(), 3);
}

#[tokio::test]
async fn a_batch_that_does_not_verify_ends_the_stream() {
    let (_, client) = connect([Fault::ChangeWhen]).await;
    let mut answers = client.submit_stream(futures::stream::iter([outgoing(&client, 3)]));
    let Some(Err(broken)) = answers.next().await else {
        panic!()
    };
    assert!(matches!(broken.error, ClientError::Untrusted { .. }));
    assert!(answers.next().await.is_none());
}

#[tokio::test]
async fn a_record_is_fetched_by_its_place() {
    let (_, client) = connect([]).await;
    let first = client.submit(&prepared(&client)).await.unwrap();
    client.submit(&prepared(&client)).await.unwrap();
    let receipt = client.receipt(&RecordPlace::Index(first.index)).await.unwrap();
    assert_eq!(receipt.record(), first.receipt.record());
    assert_ne!(receipt.evidence(), first.receipt.evidence());
    assert_verifies(&client, &receipt);
    let missing = RecordPlace::Index(LogIndex::new(9).unwrap());
    assert!(matches!(
        client.receipt(&missing).await,
        Err(ClientError::NotFound { .. })
    ));
}

#[tokio::test]
async fn another_record_than_the_one_asked_for_is_refused() {
    let (notary, client) = connect([]).await;
    let first = client.submit(&prepared(&client)).await.unwrap();
    client.submit(&prepared(&client)).await.unwrap();
    notary.next_does(Fault::OtherRecord);
    let error = client
        .receipt(&RecordPlace::Index(first.index))
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Untrusted { .. }));
}

/// A client that trusts a witness.
async fn connect_witnessed() -> (FakeNotary, Client) {
    let (notary, endpoint) = FakeNotary::start([]).await;
    let trust = format!("{}{}", notary.trust_entry(), testing::witness_entry());
    let trust = Trust::parse(&trust).unwrap();
    let token = Token::from_bytes([5; 32]);
    let client = Client::connect_with(&endpoint, &token, trust, options())
        .await
        .unwrap();
    (notary, client)
}

fn witnessed(milliseconds: u64) -> Wait {
    Wait {
        level: Level::Witnessed,
        up_to: Duration::from_millis(milliseconds),
    }
}

#[tokio::test]
async fn a_level_that_is_not_reached_delays_and_loses_nothing() {
    let (notary, client) = connect_witnessed().await;
    let recorded = client
        .submit_until(&prepared(&client), witnessed(50))
        .await
        .unwrap();
    assert_eq!(recorded.reached, Level::Sealed);
    assert!(recorded.shortfall.unwrap().contains("deadline"));
    // By that trust it is no proof yet, but nothing about it is wrong.
    let report = verify(
        recorded.receipt.to_json_pretty().as_bytes(),
        client.trust(),
        testing::now(),
        &FileQuery::None,
    );
    assert_eq!(report.outcome, Outcome::Indeterminate);

    notary.is_witnessed_by(0);
    let upgraded = client.upgrade(&recorded.receipt, witnessed(0)).await.unwrap();
    assert_eq!((upgraded.reached, upgraded.appended), (Level::Witnessed, 1));
    assert_eq!(upgraded.shortfall, None);
    assert_verifies(&client, &upgraded.receipt);
    // The same checkpoint with another line is no other element.
    assert_eq!(upgraded.receipt.evidence().len(), 1);
    assert!(upgraded.receipt.manifest().is_some());
    let again = client.upgrade(&upgraded.receipt, witnessed(0)).await.unwrap();
    assert_eq!((again.appended, again.receipt), (0, upgraded.receipt.clone()));

    client.submit(&prepared(&client)).await.unwrap();
    let grown = client.upgrade(&upgraded.receipt, Wait::SEALED).await.unwrap();
    assert_eq!((grown.appended, grown.receipt.evidence().len()), (1, 2));
    assert_eq!(grown.receipt.evidence()[0], upgraded.receipt.evidence()[0]);
    assert_verifies(&client, &grown.receipt);
}

#[tokio::test]
async fn the_notary_is_asked_to_wait_but_never_longer_than_a_call_may_take() {
    let (notary, client) = connect_witnessed().await;
    notary.is_witnessed_by(0);
    let sent = prepared(&client);
    for (asked, expected) in [(700, 700), (600_000, 6_000)] {
        let recorded = client.submit_until(&sent, witnessed(asked)).await.unwrap();
        assert_eq!(recorded.reached, Level::Witnessed);
        let (level, wait) = notary.asked();
        assert_eq!(level, 2);
        assert!((expected - 100..=expected).contains(&wait), "{wait}");
    }
    client.submit(&sent).await.unwrap();
    assert_eq!(notary.asked(), (1, 0));
}

#[tokio::test]
async fn what_the_notary_says_it_reached_is_not_believed() {
    let (notary, client) = connect_witnessed().await;
    // A witness that this trust does not name.
    notary.is_witnessed_by(1);
    let recorded = client
        .submit_until(&prepared(&client), witnessed(20))
        .await
        .unwrap();
    assert_eq!(recorded.reached, Level::Sealed);
    let upgraded = client.upgrade(&recorded.receipt, witnessed(20)).await.unwrap();
    assert_eq!(upgraded.reached, Level::Sealed);
    assert!(upgraded.shortfall.is_some());
}

#[tokio::test]
async fn evidence_of_another_record_is_never_appended() {
    let (notary, client) = connect_witnessed().await;
    let recorded = client.submit(&prepared(&client)).await.unwrap();
    client.submit(&prepared(&client)).await.unwrap();
    for fault in [
        Fault::OtherRecord,
        Fault::OtherKeys,
        Fault::OtherTree,
        Fault::ChangeWhen,
    ] {
        notary.next_does(fault.clone());
        let error = client.upgrade(&recorded.receipt, Wait::SEALED).await.unwrap_err();
        assert!(
            matches!(error, ClientError::Untrusted { .. }),
            "{fault:?}: {error}"
        );
    }
}

#[tokio::test]
async fn a_closed_log_is_signed_for_again_only_where_trust_names_the_next() {
    let (notary, client) = connect([]).await;
    let signed = prepared(&client);
    notary.close("notary.example.org/2027");
    let error = client.submit(&signed).await.unwrap_err();
    assert!(
        matches!(&error, ClientError::LogClosed { next: Some(_), .. }),
        "{error}"
    );
    assert_eq!(client.next_log(&error), None);
    let error = client
        .sign_and_submit(&plan(), &signatory(), Wait::SEALED)
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        SignAndSubmitError::Client(ClientError::LogClosed { .. })
    ));
    assert_eq!(notary.size(), 1);

    let (notary, endpoint) = FakeNotary::start([]).await;
    let old = notary.trust_entry();
    let next = "notary.example.org/2027";
    let later = testing::TestLog::of(Origin::new(next).unwrap(), 2).trust_entry();
    let trust = Trust::parse(&format!("{old}{later}")).unwrap();
    let token = Token::from_bytes([5; 32]);
    let client = Client::connect_with(&endpoint, &token, trust, options())
        .await
        .unwrap();
    notary.close(next);
    let recorded = client
        .sign_and_submit(&plan(), &signatory(), Wait::SEALED)
        .await
        .unwrap();
    assert_verifies(&client, &recorded.receipt);
    assert!(recorded.receipt.record().when.text.contains(next));
    assert_eq!(notary.size(), 2);
}
