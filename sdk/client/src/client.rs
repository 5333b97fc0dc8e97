//! The client of a notary.

mod chain;
mod directory;
mod levels;
mod list;
mod opening;
mod register;
mod retry;
mod status;
mod stream;
mod transport;
mod wire;

use std::sync::Arc;
use std::time::SystemTime;

use trialseal_core::checkpoint::Origin;
use trialseal_core::identifiers::RegisterName;
use trialseal_core::index::{LogIndex, Sequence};
use trialseal_core::receipt::Receipt;
use trialseal_core::time::Instant;
use trialseal_core::trust::Trust;
use trialseal_proto::v1;

pub use directory::{EnrolledKey, EnrolledMember, Organization, OwnAccount, TrialClaim};
pub use levels::{SignAndSubmitError, Upgraded, Wait};
pub use list::{ListFilter, ListOrder, RecordPage, RecordSummary, RegisterPage, RegisterSummary};
pub use opening::{FoundFile, OpeningHead};
pub use register::{
    HeldRole, PendingAct, ReadCount, ReadRange, ReadRecord, ReadsPage, RecordRef, RegisterRead,
    RegisterReader, Roles, Stated, WithheldPart, WithheldWhy,
};
pub use retry::RetryPolicy;
pub use stream::{BATCH_MAX, StreamBroken};

use crate::accept::{Judge, Recorded};
use crate::checkpoints::{CheckedCheckpoint, CheckpointChecker};
use crate::error::ClientError;
use crate::pending::OutgoingRef;
use crate::token::Token;
use retry::retry;
use transport::Connections;
pub(crate) use transport::is_loopback;

/// A client of one notary. Cheap to clone; a clone shares the connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: String,
    connections: Connections,
    checker: CheckpointChecker,
    log: Origin,
    policy: RetryPolicy,
}

/// How to connect.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Connections to keep, at least 1; HTTP/2 holds one lock a connection.
    pub connections: usize,
    /// How long and how often to try.
    pub retry: RetryPolicy,
    /// The certificate authority to trust instead of the system's, PEM.
    pub ca_certificate_pem: Option<Vec<u8>>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connections: 2,
            retry: RetryPolicy::default(),
            ca_certificate_pem: None,
        }
    }
}

/// A record, by one of its two names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordPlace {
    /// By its index in the log that the notary writes to.
    Index(LogIndex),
    /// By its index in the log with this origin.
    InLog(Origin, LogIndex),
    /// By its place in a register.
    Position(RegisterName, Sequence),
}

impl Client {
    /// Connects with the defaults: two connections, tries for two minutes.
    ///
    /// # Errors
    ///
    /// As [`Client::connect_with`].
    pub async fn connect(endpoint: &str, token: &Token, trust: Trust) -> Result<Self, ClientError> {
        Self::connect_with(endpoint, token, trust, ClientOptions::default()).await
    }

    /// Connects, and checks the notary's newest checkpoint against `trust`. Without TLS
    /// (`http://`) only this machine is reached.
    ///
    /// # Errors
    ///
    /// The endpoint or TLS cannot be used, nobody answers, or what answers is not a log that
    /// `trust` names.
    pub async fn connect_with(
        endpoint: &str,
        token: &Token,
        trust: Trust,
        options: ClientOptions,
    ) -> Result<Self, ClientError> {
        let ca = options.ca_certificate_pem.as_deref();
        let connections = Connections::new(endpoint, token, ca, options.connections)?;
        let checker = CheckpointChecker::new(trust);
        let newest = newest(endpoint, &connections, &checker, options.retry).await?;
        let log = newest.checkpoint.origin;
        tracing::debug!(endpoint, %log, connections = connections.count(), "connected");
        let endpoint = endpoint.to_owned();
        let shared = Shared {
            endpoint,
            connections,
            checker,
            log,
            policy: options.retry,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The origin of the log that the notary wrote to when the client connected; a submission is
    /// signed for it.
    #[must_use]
    pub fn log(&self) -> &Origin {
        &self.shared.log
    }

    /// Where it is connected to.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.shared.endpoint
    }

    /// What it trusts.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        self.shared.checker.trust()
    }

    /// Puts one submission on record and returns its verified receipt. Tries again, with the same
    /// bytes, where that is safe.
    ///
    /// # Errors
    ///
    /// Each [`ClientError`] says whether something may be on record.
    pub async fn submit<'a>(&self, submission: impl Into<OutgoingRef<'a>>) -> Result<Recorded, ClientError> {
        self.send(submission.into(), Wait::SEALED).await
    }

    /// Sends one submission; the notary may wait for a level before it answers.
    async fn send(&self, sent: OutgoingRef<'_>, wait: Wait) -> Result<Recorded, ClientError> {
        let request = wire::submit_request(sent, wait);
        let shared = &self.shared;
        let answer = retry(shared.policy, &shared.endpoint, || {
            let mut notary = shared.connections.notary();
            let request = request.clone();
            async move { notary.submit(request).await }
        })
        .await?
        .into_inner();
        let receipt = wire::receipt(answer.receipt)
            .and_then(|receipt| self.judge().receipt(receipt, answer.repeated, sent));
        receipt.map_err(|problem| ClientError::Untrusted { problem })
    }

    /// A fresh receipt of a record, with the evidence that there is, verified. It has no manifest:
    /// that stays with the submitter.
    ///
    /// # Errors
    ///
    /// There is no such record, or it is not for this account, or the receipt does not verify.
    pub async fn receipt(&self, place: &RecordPlace) -> Result<Receipt, ClientError> {
        self.fetch(place, Wait::SEALED, self.shared.policy).await
    }

    async fn fetch(
        &self,
        place: &RecordPlace,
        wait: Wait,
        policy: RetryPolicy,
    ) -> Result<Receipt, ClientError> {
        let request = wire::receipt_request(place, wait);
        let shared = &self.shared;
        let answer = retry(policy, &shared.endpoint, || {
            let mut notary = shared.connections.notary();
            let request = request.clone();
            async move { notary.get_receipt(request).await }
        })
        .await
        .map_err(|error| error.of_a_question(&shared.endpoint))?;
        let receipt = wire::receipt(answer.into_inner().receipt).and_then(|receipt| {
            let receipt = self.judge().fetched(receipt)?;
            wire::check_place(&receipt, place)?;
            Ok(receipt)
        });
        receipt.map_err(|problem| ClientError::Untrusted { problem })
    }

    /// The newest checkpoint, with both signatures verified.
    ///
    /// # Errors
    ///
    /// Nobody answers, or the checkpoint does not verify.
    pub async fn checkpoint(&self) -> Result<CheckedCheckpoint, ClientError> {
        let shared = &self.shared;
        newest(
            &shared.endpoint,
            &shared.connections,
            &shared.checker,
            shared.policy,
        )
        .await
    }

    fn judge(&self) -> Judge<'_> {
        Judge {
            checker: &self.shared.checker,
            at: now(),
        }
    }
}

async fn newest(
    endpoint: &str,
    connections: &Connections,
    checker: &CheckpointChecker,
    policy: RetryPolicy,
) -> Result<CheckedCheckpoint, ClientError> {
    let answer = retry(policy, endpoint, || {
        let mut log = connections.log();
        async move { log.get_checkpoint(v1::GetCheckpointRequest {}).await }
    })
    .await
    .map_err(|error| error.of_a_question(endpoint))?;
    checker
        .check(&answer.into_inner().checkpoint, now())
        .map_err(|problem| ClientError::Untrusted {
            problem: format!("log: {problem}"),
        })
}

/// The time by this machine's clock.
#[must_use]
pub fn now() -> Instant {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Instant::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
