//! Callers: the SDK, and generated stubs as anybody would use them.

use std::time::Duration;

use bytes::Bytes;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status};
use trialseal::{
    Class, Client, ClientError, ClientOptions, Draft, Enrolment, Event, ListFilter, Meaning, MemberKey,
    Prepared, RecordPlace, RetryPolicy, Role, Signatory, SignerKind, Submission, Token, records,
};
use trialseal_core::hash::sha256;
use trialseal_core::record::What;
use trialseal_core::vocabulary::Blind;
use trialseal_proto::v1::{self, log_client::LogClient, notary_client::NotaryClient};

use crate::notary::{Folder, Server};

/// The register that most tests write to.
pub const REGISTER: &str = "trial:NCT04573309";

/// A message of a stream's answer may hold 1,000 records.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// A policy that tries once: what a retry would hide is to be seen.
#[must_use]
pub fn one_try() -> RetryPolicy {
    RetryPolicy {
        deadline: Duration::ZERO,
        ..RetryPolicy::default()
    }
}

/// Connects the SDK, which tries every call once.
///
/// # Errors
/// As [`Client::connect_with`].
pub async fn connect(folder: &Folder, server: &Server, token: &Token) -> Result<Client, ClientError> {
    let options = ClientOptions {
        retry: one_try(),
        ..ClientOptions::default()
    };
    Client::connect_with(&server.endpoint(), token, folder.trust(), options).await
}

/// Connects the SDK with the first member's token.
///
/// # Panics
/// If it cannot.
pub async fn client(folder: &Folder, server: &Server) -> Client {
    connect(folder, server, folder.token())
        .await
        .expect("the SDK connects")
}

/// Who signs with `key`, whose enrolment is looked up.
///
/// # Panics
/// If the key is not enrolled.
pub async fn signatory(client: &Client, key: MemberKey) -> Signatory {
    let enrolment = enrolment(client, &key).await.expect("the key is enrolled");
    Signatory {
        key,
        name: "Jane Doe".to_owned(),
        kind: SignerKind::Person,
        enrolment,
    }
}

async fn enrolment(client: &Client, key: &MemberKey) -> Option<Enrolment> {
    let register = format!("org:{}", key.organization()).parse().unwrap();
    let page = client
        .list(&register, &ListFilter::default(), None)
        .await
        .expect("the accounts can be listed");
    for summary in page.records {
        let receipt = client.receipt(&RecordPlace::Index(summary.index)).await.unwrap();
        let what = receipt
            .record()
            .what
            .shown()
            .map(|part| What::parse(part.text.as_bytes()).unwrap());
        let vkey = what
            .and_then(|what| what.account)
            .and_then(|account| account.vkey);
        if vkey.as_ref() == Some(key.verifier()) {
            return Some(Enrolment {
                index: summary.index,
                record: receipt.record().leaves().root(),
            });
        }
    }
    None
}

/// A submission of the register [`REGISTER`] that can be signed or left a draft.
#[must_use]
pub fn event(reason: &str) -> Submission {
    Submission::new(REGISTER.parse().unwrap(), Class::Trial, Event::EnrolmentOpened)
        .signed_as(Role::Sponsor, Meaning::Responsibility)
        .reason(reason)
}

/// The request for a submission of the SDK that is signed in a role, with the meaning that is usual.
///
/// # Panics
/// If it cannot be signed.
#[must_use]
pub fn signed(
    client: &Client,
    signatory: &Signatory,
    role: Role,
    submission: Submission,
) -> v1::SubmitRequest {
    let submission = submission.signed_usually(role);
    of_prepared(
        &submission
            .sign(signatory, client.log(), trialseal::now())
            .unwrap(),
    )
}

/// The grant of a role to a member, `<organisation>/<member>`, everywhere in [`REGISTER`].
///
/// # Panics
/// If the name is none.
#[must_use]
pub fn grant(to: &str, role: Role) -> Submission {
    let grant = records::grant_of(&to.parse().unwrap(), role, Blind::Blinded);
    records::grant(REGISTER.parse().unwrap(), grant, None, None)
}

/// The stubs that tonic generates, with a bearer token.
#[derive(Clone)]
pub struct Stubs {
    /// The connection.
    pub channel: Channel,
    token: Option<Token>,
}

impl Stubs {
    /// Connects.
    ///
    /// # Panics
    /// If nobody answers.
    pub async fn connect(server: &Server, token: &Token) -> Self {
        let channel = Channel::from_shared(server.endpoint())
            .unwrap()
            .connect()
            .await
            .expect("the notary answers");
        Self {
            channel,
            token: Some(token.clone()),
        }
    }

    /// The same connection for another account, or for nobody.
    #[must_use]
    pub fn as_if(&self, token: Option<&Token>) -> Self {
        Self {
            channel: self.channel.clone(),
            token: token.cloned(),
        }
    }

    /// Service `Notary`.
    #[must_use]
    pub fn notary(&self) -> NotaryClient<Channel> {
        NotaryClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Service `Log`.
    #[must_use]
    pub fn log(&self) -> LogClient<Channel> {
        LogClient::new(self.channel.clone())
    }

    /// A request with the token.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            let header = format!("Bearer {}", *token.to_text());
            request
                .metadata_mut()
                .insert("authorization", MetadataValue::try_from(header).unwrap());
        }
        request
    }

    /// Submits one.
    ///
    /// # Errors
    /// The notary's status.
    pub async fn submit(&self, request: v1::SubmitRequest) -> Result<v1::SubmitResponse, Status> {
        Ok(self.notary().submit(self.request(request)).await?.into_inner())
    }

    /// Submits one message of a stream.
    ///
    /// # Errors
    /// The status that ends the stream.
    pub async fn submit_message(
        &self,
        submissions: Vec<v1::SubmitRequest>,
    ) -> Result<v1::SubmitStreamResponse, Status> {
        let message = tokio_stream::iter([v1::SubmitStreamRequest { submissions }]);
        let mut answers = self
            .notary()
            .submit_stream(self.request(message))
            .await?
            .into_inner();
        let answer = answers.message().await?;
        answer.ok_or_else(|| Status::unavailable("the stream ended without an answer"))
    }

    /// The size of the log.
    ///
    /// # Panics
    /// If the notary does not say.
    pub async fn log_size(&self) -> u64 {
        let answer = self
            .log()
            .get_checkpoint(v1::GetCheckpointRequest {})
            .await
            .expect("a checkpoint");
        answer
            .into_inner()
            .checkpoint
            .lines()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    }
}

/// A draft as a caller without an SDK fills it in; `name` makes its idempotency key.
#[must_use]
pub fn draft(name: &str) -> v1::Draft {
    v1::Draft {
        idempotency_key: Bytes::copy_from_slice(sha256(name.as_bytes()).as_bytes()),
        register: REGISTER.to_owned(),
        class: "trial".to_owned(),
        event: "site-activated".to_owned(),
        reason: name.to_owned(),
        ..v1::Draft::default()
    }
}

/// The request for a draft.
#[must_use]
pub fn of_draft(draft: v1::Draft) -> v1::SubmitRequest {
    v1::SubmitRequest {
        submission: Some(v1::submit_request::Submission::Draft(draft)),
        level: 0,
        wait: None,
    }
}

/// The request for a signed submission of the SDK.
#[must_use]
pub fn of_prepared(prepared: &Prepared) -> v1::SubmitRequest {
    let part = |part: &trialseal_core::receipt::ShownPart| {
        let salt = Bytes::copy_from_slice(part.salt.as_bytes());
        Some(v1::PreparedPart {
            salt,
            text: Bytes::copy_from_slice(part.text.as_bytes()),
        })
    };
    let prepared = v1::Prepared {
        what: part(prepared.what()),
        who: part(prepared.who()),
        why: part(prepared.why()),
        note: prepared.note().to_owned(),
    };
    v1::SubmitRequest {
        submission: Some(v1::submit_request::Submission::Prepared(prepared)),
        level: 0,
        wait: None,
    }
}

/// The request for a simple draft of the SDK, whose fields are those of [`event`].
#[must_use]
pub fn of_event_draft(sent: &Draft) -> v1::SubmitRequest {
    of_draft(v1::Draft {
        idempotency_key: Bytes::copy_from_slice(sent.idempotency_key().as_bytes()),
        register: sent.what().register.to_string(),
        class: sent.what().class.to_string(),
        event: sent.what().event.to_string(),
        reason: sent.why().reason.clone().unwrap_or_default(),
        ..v1::Draft::default()
    })
}
