//! Messages that are no messages, and those that are too large.

use prost::Message as _;
use tonic::Code;
use trialseal_proto::v1;
use trialseal_tests::caller::{draft, of_draft};
use trialseal_tests::raw;

use crate::{REQUEST_BYTES, Scene};

const SUBMIT: &str = "/trialseal.v1.Notary/Submit";

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_none() {
    let scene = Scene::new().await;
    let before = scene.stubs.log_size().await;
    let good = of_draft(draft("cut short")).encode_to_vec();
    for (name, bytes) in [
        ("cut short", &good[..good.len() - 1]),
        ("an endless length", &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f][..]),
        ("a wrong wire type", &[0x08, 0x01]),
        ("text that is not UTF-8", &[0x12, 0x04, 0x12, 0x02, 0xff, 0xfe]),
        ("noise", &[0xde, 0xad, 0xbe, 0xef]),
    ] {
        let status = raw::call(&scene.stubs, SUBMIT, bytes).await.expect_err(name);
        // What cannot be decoded never reaches the service; gRPC says INTERNAL by convention.
        assert!(
            matches!(status.code(), Code::Internal | Code::InvalidArgument),
            "{name}: {status:?}"
        );
    }
    raw::call(&scene.stubs, SUBMIT, &good)
        .await
        .expect("the same, whole, is taken");
    let before_oversize = before + 1;
    let large = of_draft(v1::Draft {
        affects: vec!["code".to_owned(); REQUEST_BYTES / 4],
        ..draft("large")
    });
    let status = scene.stubs.submit(large.clone()).await.unwrap_err();
    assert!(
        matches!(status.code(), Code::OutOfRange | Code::InvalidArgument),
        "{status:?}"
    );
    assert!(status.message().contains("large"), "{status:?}");
    // In a stream the message that cannot be read ends it, and the caller is told.
    let status = scene.stubs.submit_message(vec![large]).await.unwrap_err();
    assert!(
        matches!(status.code(), Code::OutOfRange | Code::InvalidArgument),
        "{status:?}"
    );
    for submissions in [Vec::new(), vec![of_draft(draft("many")); 1_001]] {
        let status = scene.stubs.submit_message(submissions).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    }
    assert_eq!(
        scene.stubs.log_size().await,
        before_oversize,
        "something was stored"
    );
}
