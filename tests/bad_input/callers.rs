//! Who asks: tokens that are none, and records of others.

use tonic::{Code, Status};
use trialseal::Token;
use trialseal_proto::v1::{self, get_receipt_request::Record};
use trialseal_tests::caller::{self, draft, of_draft};
use trialseal_tests::notary::{MEMBER, ORGANIZATION};

use crate::{Scene, case, check};

#[tokio::test(flavor = "multi_thread")]
async fn tokens() {
    let scene = Scene::new().await;
    let folder = &scene.folder;
    let before = scene.stubs.log_size().await;
    let request = of_draft(draft("token"));
    let unknown = Token::generate().unwrap();
    let expired = folder.issue_token(ORGANIZATION, MEMBER, 0);
    let revoked = folder.issue_token(ORGANIZATION, MEMBER, 1);
    folder.must_operate(&[
        "token",
        "revoke",
        ORGANIZATION,
        "--sha256",
        &revoked.sha256().to_hex(),
    ]);
    let before = before + 3;
    for (name, token, reason) in [
        ("none", None, "TOKEN_UNKNOWN"),
        ("unknown", Some(&unknown), "TOKEN_UNKNOWN"),
        ("expired", Some(&expired), "TOKEN_EXPIRED"),
        ("revoked", Some(&revoked), "TOKEN_REVOKED"),
    ] {
        let stubs = scene.stubs.as_if(token);
        let refused = (Code::Unauthenticated, reason);
        scene
            .refuses(&stubs, &case(name, request.clone(), refused, "token"))
            .await;
        let asked = v1::GetReceiptRequest {
            record: Some(v1::get_receipt_request::Record::Index(scene.index)),
            level: 0,
            log: String::new(),
            wait: None,
        };
        let asked = stubs
            .notary()
            .get_receipt(stubs.request(asked))
            .await
            .unwrap_err();
        check(name, &asked, refused, "token");
        let listed = stubs
            .notary()
            .list_records(stubs.request(v1::ListRecordsRequest::default()))
            .await
            .unwrap_err();
        check(name, &listed, refused, "token");
    }
    let mut malformed = scene.stubs.as_if(None).request(request.clone());
    malformed
        .metadata_mut()
        .insert("authorization", "Bearer trialseal_xyz".parse().unwrap());
    let status = scene.stubs.notary().submit(malformed).await.unwrap_err();
    check(
        "malformed",
        &status,
        (Code::Unauthenticated, "TOKEN_UNKNOWN"),
        "token",
    );
    assert_eq!(scene.stubs.log_size().await, before, "something was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_others_are_not_there() {
    let scene = Scene::new().await;
    let zenith = scene.zenith();
    let not_found = |name: &str, status: Status| {
        check(
            name,
            &status,
            (Code::NotFound, "RECORD_NOT_FOUND"),
            "no such record",
        )
    };
    let position = |register: &str, sequence| {
        Record::Position(v1::RegisterPosition {
            register: register.to_owned(),
            sequence,
        })
    };
    // What exists and what does not look the same to whoever may not read it.
    for (name, record) in [
        ("another's record", Record::Index(scene.index)),
        ("another's accounts", Record::Index(1)),
        ("the statement", Record::Index(0)),
        ("beyond the log", Record::Index(1 << 30)),
        ("no index", Record::Index(u64::MAX)),
        ("another's place", position(caller::REGISTER, 1)),
        ("no such register", position("trial:NCT99999999", 1)),
        ("no such place", position("org:zenith", 1 << 30)),
        ("place 0", position("org:zenith", 0)),
    ] {
        let request = v1::GetReceiptRequest {
            record: Some(record),
            level: 0,
            log: String::new(),
            wait: None,
        };
        not_found(
            name,
            zenith
                .notary()
                .get_receipt(zenith.request(request))
                .await
                .unwrap_err(),
        );
    }
    for register in [caller::REGISTER, "trial:NCT99999999", "org:acme"] {
        let request = v1::ListRecordsRequest {
            register: register.to_owned(),
            ..v1::ListRecordsRequest::default()
        };
        not_found(
            register,
            zenith
                .notary()
                .list_records(zenith.request(request))
                .await
                .unwrap_err(),
        );
    }
    let own = zenith
        .notary()
        .list_records(zenith.request(v1::ListRecordsRequest::default()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        own.registers
            .iter()
            .map(|one| one.register.as_str())
            .collect::<Vec<_>>(),
        ["org:zenith"]
    );
}
