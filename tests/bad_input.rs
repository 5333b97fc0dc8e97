//! Admission: every malformed submission is refused with a clear status, alone and in a stream,
//! and nothing of it is stored.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

#[path = "bad_input/callers.rs"]
mod callers;
#[path = "bad_input/drafts.rs"]
mod drafts;
#[path = "bad_input/messages.rs"]
mod messages;
#[path = "bad_input/repeats.rs"]
mod repeats;
#[path = "bad_input/signatures.rs"]
mod signatures;
#[path = "bad_input/texts.rs"]
mod texts;

use tonic::{Code, Status};
use tonic_types::{RpcStatusExt as _, StatusExt as _};
use trialseal::{MemberKey, Signatory, Token};
use trialseal_proto::v1::{self, outcome::Outcome};
use trialseal_tests::caller::{self, Stubs};
use trialseal_tests::forge::{Forgery, of};
use trialseal_tests::notary::{Folder, Server};

/// What the scene's notary takes in one request.
const REQUEST_BYTES: usize = 100_000;

/// A status: its code, and the stable reason beside it.
type Refused = (Code, &'static str);

const INVALID: Refused = (Code::InvalidArgument, "INVALID_SUBMISSION");
const NOT_ENROLLED: Refused = (Code::PermissionDenied, "KEY_NOT_ENROLLED");

/// A notary with a record in [`caller::REGISTER`], and a second organisation.
struct Scene {
    folder: Folder,
    /// Runs as long as the scene.
    _server: Server,
    stubs: Stubs,
    signatory: Signatory,
    /// The record in the register.
    index: u64,
    other: (MemberKey, Token),
}

/// What is sent, and what the notary must say.
struct Case {
    name: &'static str,
    request: v1::SubmitRequest,
    refused: Refused,
    /// Part of the message.
    says: &'static str,
}

fn case(name: &'static str, request: v1::SubmitRequest, refused: Refused, says: &'static str) -> Case {
    Case {
        name,
        request,
        refused,
        says,
    }
}

impl Scene {
    async fn new() -> Self {
        let folder = Folder::new();
        folder.set("limits.organization.request_bytes", &REQUEST_BYTES.to_string());
        let server = folder.start();
        let stubs = Stubs::connect(&server, folder.token()).await;
        let client = caller::client(&folder, &server).await;
        let signatory = caller::signatory(&client, folder.key()).await;
        let opened = client
            .submit(&caller::event("opens the register").draft().unwrap())
            .await
            .unwrap();
        let other = folder.enrol("zenith", "m-9");
        Self {
            folder,
            _server: server,
            stubs,
            signatory,
            index: opened.index.get(),
            other,
        }
    }

    /// A submission that would be taken.
    fn good(&self) -> Forgery {
        Forgery::good(&self.signatory, trialseal::now())
    }

    /// The request for it, signed by the member.
    fn signed(&self, forgery: &Forgery) -> v1::SubmitRequest {
        of(forgery.sign(self.signatory.key.signing()))
    }

    /// The second organisation's caller.
    fn zenith(&self) -> Stubs {
        self.stubs.as_if(Some(&self.other.1))
    }

    /// Refused by a unary call and in a stream, and the log is as it was.
    async fn refuses(&self, stubs: &Stubs, case: &Case) {
        let Case {
            name,
            request,
            refused,
            says,
        } = case;
        let before = self.stubs.log_size().await;
        let status = stubs.submit(request.clone()).await.expect_err(name);
        check(name, &status, *refused, says);
        match stubs.submit_message(vec![request.clone()]).await {
            Ok(answer) => {
                let Some(Outcome::Refused(item)) = &answer.outcomes[0].outcome else {
                    panic!("{name}: {answer:?}")
                };
                assert_eq!(
                    (Code::from_i32(item.code), reason_of_item(item).as_str()),
                    *refused,
                    "{name}"
                );
                assert!(item.message.contains(says), "{name}: {}", item.message);
            }
            // Who is not known gets no stream at all.
            Err(status) if refused.0 == Code::Unauthenticated => check(name, &status, *refused, says),
            Err(status) => panic!("{name}: {status:?}"),
        }
        assert_eq!(
            self.stubs.log_size().await,
            before,
            "{name}: something was stored"
        );
    }

    async fn refuse_all(&self, cases: impl IntoIterator<Item = Case>) {
        for case in cases {
            self.refuses(&self.stubs, &case).await;
        }
    }
}

fn check(name: &str, status: &Status, (code, reason): Refused, says: &str) {
    assert_eq!(status.code(), code, "{name}: {status:?}");
    let info = status.get_details_error_info();
    let info = info.unwrap_or_else(|| panic!("{name}: no ErrorInfo: {status:?}"));
    assert_eq!(
        (info.domain.as_str(), info.reason.as_str()),
        ("trialseal", reason),
        "{name}"
    );
    assert!(status.message().contains(says), "{name}: {}", status.message());
    if reason == INVALID.1 {
        let fields = status.get_details_bad_request().expect(name).field_violations;
        assert!(!fields.is_empty(), "{name}");
        assert!(
            fields
                .iter()
                .all(|one| !one.field.is_empty() && !one.description.is_empty()),
            "{name}"
        );
    }
}

fn reason_of_item(item: &tonic_types::Status) -> String {
    item.get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}
