//! `not after`, and what one idempotency key stands for.

use bytes::Bytes;
use tonic::Code;
use tonic_types::StatusExt as _;
use trialseal_core::time::Instant;
use trialseal_proto::v1::{self, outcome::Outcome};
use trialseal_tests::caller::{draft, of_draft};
use trialseal_tests::forge::string;

use crate::{INVALID, Scene, case, reason_of_item};

const DAY_MS: i64 = 24 * 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn times_and_repeats() {
    let scene = Scene::new().await;
    let now = trialseal::now();
    let good = scene.good();
    let last = Instant::parse("9999-12-31T23:59:59Z").unwrap();
    let expired = (Code::InvalidArgument, "SUBMISSION_EXPIRED");
    let at = |millis| scene.signed(&good.clone().not_after(now.plus_millis(millis)));
    scene
        .refuse_all([
            case("expired a second ago", at(-1_000), expired, "sign it again"),
            case("expired a year ago", at(-365 * DAY_MS), expired, "sign it again"),
            case(
                "more than 14 days ahead",
                at(14 * DAY_MS + 60_000),
                INVALID,
                "14 days",
            ),
            case(
                "in the year 9999",
                scene.signed(&good.clone().not_after(last)),
                INVALID,
                "14 days",
            ),
        ])
        .await;
    // Recorded once; the same bytes again are the same record, as long as they may be.
    let soon = scene.good().not_after(trialseal::now().plus_millis(3_000));
    let sent = scene.signed(&soon);
    let first = scene.stubs.submit(sent.clone()).await.unwrap();
    let size = scene.stubs.log_size().await;
    let again = scene.stubs.submit(sent.clone()).await.unwrap();
    assert!(!first.repeated && again.repeated);
    assert_eq!(record(&first), record(&again));
    let answer = scene.stubs.submit_message(vec![sent.clone()]).await.unwrap();
    assert!(
        matches!(&answer.outcomes[0].outcome, Some(Outcome::Repeated(_))),
        "{answer:?}"
    );
    assert_eq!(scene.stubs.log_size().await, size, "a repeat is no new record");
    let until = (soon.not_after.as_millis() - trialseal::now().as_millis()).max(0) + 5;
    tokio::time::sleep(std::time::Duration::from_millis(u64::try_from(until).unwrap())).await;
    scene
        .refuse_all([case("a replay after its end", sent, expired, "sign it again")])
        .await;
}

fn record(answer: &v1::SubmitResponse) -> v1::Record {
    answer.receipt.as_ref().unwrap().record.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_idempotency_key_is_one_record() {
    let scene = Scene::new().await;
    let signed = scene.good();
    let drafted = draft("the key of a draft");
    let first = scene.stubs.submit(scene.signed(&signed)).await.unwrap();
    let first_draft = scene.stubs.submit(of_draft(drafted.clone())).await.unwrap();
    let conflict = (Code::AlreadyExists, "IDEMPOTENCY_CONFLICT");
    let other_what = signed.clone().what_with("event", string("enrolment-closed"));
    let other_draft = v1::Draft {
        event: "site-closed".to_owned(),
        ..drafted.clone()
    };
    // The same fields signed anew have another salt, and so another L_what.
    let anew = scene.signed(&signed);
    for (name, request, holder) in [
        ("other content", scene.signed(&other_what), &first),
        ("the same content signed anew", anew, &first),
        ("another draft", of_draft(other_draft.clone()), &first_draft),
    ] {
        scene
            .refuses(
                &scene.stubs,
                &case(name, request.clone(), conflict, "is already record"),
            )
            .await;
        let status = scene.stubs.submit(request).await.unwrap_err();
        let info = status.get_details_error_info().unwrap();
        let when = record(holder).when.unwrap().text.unwrap();
        assert!(
            when.contains(&format!("\"index\":{},", info.metadata["index"])),
            "{when} {info:?}"
        );
        assert_eq!(info.metadata["record"].len(), 64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_idempotency_key_in_one_message() {
    let scene = Scene::new().await;
    // The second meets the first, which is not durable yet.
    let key = Bytes::from_static(&[42; 32]);
    let one = of_draft(v1::Draft {
        idempotency_key: key.clone(),
        ..draft("one key")
    });
    let two = of_draft(v1::Draft {
        idempotency_key: key.clone(),
        event: "site-closed".to_owned(),
        ..draft("one key")
    });
    let before = scene.stubs.log_size().await;
    let answer = scene
        .stubs
        .submit_message(vec![one.clone(), two, one])
        .await
        .unwrap();
    let outcomes: Vec<_> = answer
        .outcomes
        .iter()
        .map(|one| one.outcome.as_ref().unwrap())
        .collect();
    assert!(matches!(outcomes[0], Outcome::Sealed(_)), "{outcomes:?}");
    assert!(
        matches!(outcomes[1], Outcome::Refused(item) if reason_of_item(item) == "IDEMPOTENCY_CONFLICT"),
        "{outcomes:?}"
    );
    assert!(matches!(outcomes[2], Outcome::Repeated(_)), "{outcomes:?}");
    assert_eq!(scene.stubs.log_size().await, before + 1);
    // Another organisation may use the same key for its own.
    let zenith = scene.zenith();
    let theirs = v1::Draft {
        idempotency_key: key,
        register: "trial:NCT00000001".to_owned(),
        ..draft("one key")
    };
    assert!(!zenith.submit(of_draft(theirs)).await.unwrap().repeated);
}
