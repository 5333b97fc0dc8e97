//! Why the notary does not do what it was asked. Everything a caller can be told is
//! one of these; what only the operator should know goes to the log.

use std::time::Duration;

use trialseal_core::{
    authority::NotAllowed, checkpoint::Origin, hash::RecordId, identifiers::RegisterName, index::LogIndex,
    record::FieldViolation, time::Instant,
};

use crate::{limits, state::AccountError};

/// A refusal. Nothing was stored, except possibly after [`Refusal::OutcomeUnknown`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No bearer token, or not one of ours.
    #[error("the token is missing or unknown; log in with the token that you were given")]
    TokenUnknown,
    /// The token's time is over.
    #[error("the token expired at {0}; ask an administrator of your organisation for a new one")]
    TokenExpired(Instant),
    /// The token, or its member, was revoked.
    #[error("the token was revoked; ask an administrator of your organisation for a new one")]
    TokenRevoked,
    /// The submitter may not do that in this register.
    #[error("{0}; nothing is on record")]
    NotAllowed(Box<NotAllowed>),
    /// Accounts are changed by the operator and by signed records of the organisation's administrators.
    #[error(
        "register {0} holds accounts, which the organisation's administrators and the notary's operator keep: \
         only signed enrolments, confirmations and revocations stand there; use a trial's register"
    )]
    AccountsRegister(RegisterName),
    /// The signer is not who the account says, or its key is not enrolled.
    #[error("{0}")]
    KeyNotEnrolled(String),
    /// The submission is malformed or incomplete.
    #[error("the submission was refused: {}", list(.0))]
    Invalid(Vec<FieldViolation>),
    /// `not after` has passed.
    #[error("the submission expired at {0} (its \"not after\"); sign it again")]
    SubmissionExpired(Instant),
    /// The idempotency key is on record with other content.
    #[error(
        "this idempotency key is already record {index} with other content; use a new key for new content"
    )]
    IdempotencyConflict {
        /// Log index of the record made with the key.
        index: LogIndex,
        /// The log that holds it.
        log: Origin,
        /// Its id.
        record: RecordId,
    },
    /// A change does not fit the accounts in force, or is not for who made it.
    #[error("{0}")]
    Account(#[from] AccountError),
    /// The organisation sends more than it may.
    #[error(transparent)]
    Limit(#[from] limits::Refusal),
    /// The log is closed; submissions are signed for the next one.
    #[error("this log is closed and nothing is on record; sign the submission for its next log, {next}")]
    LogClosed {
        /// The log to sign for.
        next: Origin,
    },
    /// The queue is full.
    #[error("the notary is busy; its queue is full")]
    QueueFull,
    /// No room to remember another submission.
    #[error("the notary remembers as many recent submissions of your organisation as it may")]
    RememberedFull,
    /// The log has as many registers as it may.
    #[error("this log has as many registers as it may; open the register in another log")]
    RegistersFull,
    /// Tiles or listings lag too far behind.
    #[error("the notary's journal is full until its files are written")]
    JournalFull,
    /// Too little free disk.
    #[error("the notary's disk is nearly full; its operator must free space")]
    DiskFull,
    /// The notary is going down.
    #[error("the notary is stopping; nothing is on record")]
    Stopping,
    /// The notary's clock stepped back.
    #[error("the notary's clock stepped back; nothing is sealed until it is right again")]
    ClockSteppedBack,
    /// Independent clocks disagree with the notary's.
    #[error("the notary's clock differs too much from independent time; nothing is sealed until it is right")]
    ClockOutOfBounds,
    /// Witnesses have seen a larger log than this.
    #[error(
        "witnesses have cosigned what this log does not hold; nothing is sealed until its operator has looked"
    )]
    RolledBack,
    /// A commit failed.
    #[error("it is not known whether the submission is on record; send the same bytes again to learn it")]
    OutcomeUnknown,
    /// No such record, or not for this caller.
    #[error("there is no such record in a register that you may read")]
    RecordNotFound,
    /// No statement of the registers covers this one yet.
    #[error("no public statement covers this register yet; the next one can be made in {}", seconds(*.0))]
    NotStatedYet(Duration),
    /// An opening that is not the one on record.
    #[error("the opening is refused: {0}")]
    OpeningRefused(String),
    /// The listing is being made anew.
    #[error("the listing is being made anew and reaches log size {0}; try again later")]
    ListingBehind(u64),
    /// An index or size beyond the log.
    #[error("{0}")]
    OutOfRange(String),
    /// A request that is none, apart from submissions.
    #[error("{0}")]
    BadRequest(String),
    /// Something failed inside; the log says what.
    #[error("the notary failed to answer; its log says why")]
    Internal,
}

fn seconds(wait: Duration) -> String {
    match wait.as_secs().max(1) {
        1 => "1 second".to_owned(),
        seconds => format!("{seconds} seconds"),
    }
}

fn list(violations: &[FieldViolation]) -> String {
    let all: Vec<_> = violations.iter().map(ToString::to_string).collect();
    all.join("; ")
}

impl From<NotAllowed> for Refusal {
    fn from(not_allowed: NotAllowed) -> Self {
        Self::NotAllowed(Box::new(not_allowed))
    }
}

impl Refusal {
    /// A single wrong field.
    #[must_use]
    pub fn field(field: &str, problem: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldViolation {
            field: field.to_owned(),
            problem: problem.into(),
        }])
    }

    /// The stable name that programs act on, and the label of the metric.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TokenUnknown => "TOKEN_UNKNOWN",
            Self::TokenExpired(_) => "TOKEN_EXPIRED",
            Self::TokenRevoked => "TOKEN_REVOKED",
            Self::NotAllowed(not_allowed) => not_allowed.reason(),
            Self::AccountsRegister(_) => "OPERATORS_REGISTER",
            Self::KeyNotEnrolled(_) => "KEY_NOT_ENROLLED",
            Self::Invalid(_) => "INVALID_SUBMISSION",
            Self::SubmissionExpired(_) => "SUBMISSION_EXPIRED",
            Self::IdempotencyConflict { .. } => "IDEMPOTENCY_CONFLICT",
            Self::Account(AccountError::KeyUnconfirmed(..)) => "KEY_UNCONFIRMED",
            Self::Account(AccountError::NotAdministrator(..) | AccountError::OperatorsAlone) => {
                "NOT_ADMINISTRATOR"
            }
            Self::Account(AccountError::KeepsItsOwn(_)) => "KEEPS_ITS_OWN_ACCOUNTS",
            Self::Account(_) => "ACCOUNT",
            Self::Limit(limits::Refusal::TooLarge { .. } | limits::Refusal::TooMany { .. }) => "TOO_LARGE",
            Self::Limit(limits::Refusal::Rate { .. }) => "RATE_LIMIT",
            Self::Limit(limits::Refusal::InFlight { .. }) => "IN_FLIGHT",
            Self::LogClosed { .. } => "LOG_CLOSED",
            Self::QueueFull => "QUEUE_FULL",
            Self::RememberedFull => "REMEMBERED_FULL",
            Self::RegistersFull => "REGISTERS_FULL",
            Self::JournalFull => "JOURNAL_FULL",
            Self::DiskFull => "DISK_FULL",
            Self::Stopping => "STOPPING",
            Self::ClockSteppedBack => "CLOCK_STEPPED_BACK",
            Self::ClockOutOfBounds => "CLOCK_OUT_OF_BOUNDS",
            Self::RolledBack => "ROLLED_BACK",
            Self::OutcomeUnknown => "OUTCOME_UNKNOWN",
            Self::RecordNotFound => "RECORD_NOT_FOUND",
            Self::NotStatedYet(_) => "NOT_STATED_YET",
            Self::OpeningRefused(_) => "OPENING_REFUSED",
            Self::ListingBehind(_) => "LISTING_BEHIND",
            Self::OutOfRange(_) => "OUT_OF_RANGE",
            Self::BadRequest(_) => "BAD_REQUEST",
            Self::Internal => "INTERNAL",
        }
    }

    /// When a retry may succeed, where one makes sense.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Limit(limit) => limit.retry_after(),
            Self::NotStatedYet(wait) => Some(*wait),
            Self::QueueFull => Some(Duration::from_millis(200)),
            Self::JournalFull | Self::OutcomeUnknown | Self::Stopping | Self::ListingBehind(_) => {
                Some(Duration::from_secs(2))
            }
            Self::DiskFull | Self::ClockSteppedBack | Self::ClockOutOfBounds => Some(Duration::from_secs(30)),
            Self::RememberedFull => Some(Duration::from_secs(600)),
            _ => None,
        }
    }
}
