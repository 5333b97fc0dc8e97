//! What can go wrong with a call, sorted by what the caller can do about it.

use std::time::Duration;

use trialseal_core::checkpoint::Origin;
use trialseal_core::hash::RecordId;
use trialseal_core::index::LogIndex;
use trialseal_core::record::FieldViolation;

/// A call that did not end with a verified answer.
///
/// Each variant says whether something may be on record. Sending the same bytes again is always
/// safe: one signed submission is logged once, ever.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The notary did not answer or turned the call away before it took anything. Nothing is on
    /// record.
    #[error("{endpoint} did not take the call within {} s ({tries} tries): {cause}", waited.as_secs())]
    NotSent {
        /// Where it was sent.
        endpoint: String,
        /// Attempts made.
        tries: u32,
        /// Time since the first.
        waited: Duration,
        /// Why the last one failed.
        cause: String,
    },
    /// The connection broke after sending. The submission may be on record; the same bytes again
    /// tell.
    #[error("the connection broke after sending, and the outcome is unknown: {cause}")]
    OutcomeUnknown {
        /// Why the last attempt failed.
        cause: String,
    },
    /// The token or the key may not do this. Nothing is on record.
    #[error("{message}")]
    NotAllowed {
        /// The notary's stable reason, e.g. `TOKEN_EXPIRED`; empty where it gave none.
        reason: String,
        /// The notary's words.
        message: String,
    },
    /// The idempotency key is on record already, with other content.
    #[error("{message}")]
    Conflict {
        /// Log index of the record that has the key.
        index: Option<LogIndex>,
        /// Its id.
        record: Option<RecordId>,
        /// The notary's words.
        message: String,
    },
    /// The submission is malformed. Nothing is on record.
    #[error("{message}{}", list(violations))]
    Invalid {
        /// Each field that is wrong.
        violations: Vec<FieldViolation>,
        /// The notary's words.
        message: String,
    },
    /// The submission's `not after` has passed; it cannot be recorded any more.
    #[error("{message}")]
    Expired {
        /// The notary's words.
        message: String,
    },
    /// A limit was reached and stayed so until the deadline. Nothing is on record.
    #[error("{message}")]
    RetryLater {
        /// The notary's stable reason, e.g. `RATE_LIMIT`.
        reason: String,
        /// When the notary says to try again.
        after: Option<Duration>,
        /// The notary's words.
        message: String,
    },
    /// The notary did not answer a question; nothing was asked to be recorded.
    #[error("{endpoint} did not answer: {cause}")]
    NoAnswer {
        /// Where it was sent.
        endpoint: String,
        /// Attempts made; 0 where the last one was cut off.
        tries: u32,
        /// Time since the first.
        waited: Duration,
        /// Why the last attempt failed.
        cause: String,
    },
    /// No such record, or it is not for this account to read.
    #[error("{message}")]
    NotFound {
        /// The notary's words.
        message: String,
    },
    /// The log of the submission has ended; the notary goes on in another one. Nothing is on record.
    #[error("{message}")]
    LogClosed {
        /// The log to sign for now; none where the notary named none.
        next: Option<Origin>,
        /// The notary's words.
        message: String,
    },
    /// The answer does not verify. What the notary recorded is unknown; keep what it sent.
    #[error("the notary's answer does not verify: {problem}")]
    Untrusted {
        /// The step that failed and why.
        problem: String,
    },
    /// The client cannot be set up like this.
    #[error("{0}")]
    Setup(#[from] SetupError),
}

/// A client that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The endpoint is no URL with a host.
    #[error("{endpoint}: not an endpoint; expected https://host:port (or http:// on this machine)")]
    Endpoint {
        /// What was given.
        endpoint: String,
    },
    /// A token would cross a network in clear.
    #[error("{endpoint}: without TLS only this machine is allowed (127.0.0.1, ::1, localhost); use https://")]
    Unencrypted {
        /// What was given.
        endpoint: String,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {problem}")]
    Tls {
        /// Why.
        problem: String,
    },
    /// The token holds bytes that no header can.
    #[error("the token cannot be sent")]
    Token,
}

impl ClientError {
    /// Whether the same bytes may be sent again with a chance of another outcome.
    #[must_use]
    pub const fn is_worth_retrying(&self) -> bool {
        matches!(
            self,
            Self::NotSent { .. }
                | Self::OutcomeUnknown { .. }
                | Self::RetryLater { .. }
                | Self::NoAnswer { .. }
        )
    }
}

impl ClientError {
    /// The same for a call that records nothing.
    pub(crate) fn of_a_question(self, endpoint: &str) -> Self {
        match self {
            Self::NotSent {
                cause, tries, waited, ..
            } => Self::NoAnswer {
                endpoint: endpoint.to_owned(),
                tries,
                waited,
                cause,
            },
            Self::OutcomeUnknown { cause } => Self::NoAnswer {
                endpoint: endpoint.to_owned(),
                tries: 0,
                waited: Duration::ZERO,
                cause,
            },
            other => other,
        }
    }
}

fn list(violations: &[FieldViolation]) -> String {
    violations
        .iter()
        .map(|violation| format!("\n  {violation}"))
        .collect()
}
