//! Refusals as gRPC statuses with `google.rpc` details.

use std::collections::HashMap;

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{refusal::Refusal, state::AccountError};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "trialseal";
/// Field violations in one status: enough to mend a submission, and small.
const VIOLATIONS_MAX: usize = 20;
/// Length of a message in bytes: gRPC carries it in a header.
const MESSAGE_BYTES_MAX: usize = 1_024;

fn code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::TokenUnknown | Refusal::TokenExpired(_) | Refusal::TokenRevoked => Code::Unauthenticated,
        Refusal::NotAllowed(_)
        | Refusal::AccountsRegister(_)
        | Refusal::KeyNotEnrolled(_)
        | Refusal::Account(
            AccountError::KeyUnconfirmed(..)
            | AccountError::NotAdministrator(..)
            | AccountError::OperatorsAlone
            | AccountError::KeepsItsOwn(_),
        ) => Code::PermissionDenied,
        Refusal::Invalid(_) | Refusal::SubmissionExpired(_) | Refusal::BadRequest(_) => Code::InvalidArgument,
        Refusal::IdempotencyConflict { .. } => Code::AlreadyExists,
        Refusal::Account(_) | Refusal::LogClosed { .. } | Refusal::OpeningRefused(_) => {
            Code::FailedPrecondition
        }
        Refusal::Limit(limit) if limit.retry_after().is_none() => Code::InvalidArgument,
        Refusal::Limit(_)
        | Refusal::QueueFull
        | Refusal::RememberedFull
        | Refusal::RegistersFull
        | Refusal::JournalFull
        | Refusal::DiskFull => Code::ResourceExhausted,
        Refusal::Stopping
        | Refusal::ClockSteppedBack
        | Refusal::ClockOutOfBounds
        | Refusal::RolledBack
        | Refusal::OutcomeUnknown
        | Refusal::NotStatedYet(_)
        | Refusal::ListingBehind(_) => Code::Unavailable,
        Refusal::RecordNotFound => Code::NotFound,
        Refusal::OutOfRange(_) => Code::OutOfRange,
        Refusal::Internal => Code::Internal,
    }
}

/// The status that a caller sees.
#[must_use]
pub fn status(refusal: &Refusal) -> Status {
    let mut metadata = HashMap::new();
    if let Refusal::LogClosed { next } = refusal {
        metadata.insert("next_origin".to_owned(), next.to_string());
    }
    if let Refusal::IdempotencyConflict { index, log, record } = refusal {
        metadata.insert("log".to_owned(), log.to_string());
        metadata.insert("index".to_owned(), index.to_string());
        metadata.insert("record".to_owned(), record.to_string());
    }
    let mut details = ErrorDetails::new();
    details.set_error_info(refusal.reason(), DOMAIN, metadata);
    if let Refusal::Invalid(violations) = refusal {
        for violation in violations.iter().take(VIOLATIONS_MAX) {
            details.add_bad_request_violation(shortened(&violation.field), shortened(&violation.problem));
        }
    }
    if let Some(after) = refusal.retry_after() {
        details.set_retry_info(Some(after));
    }
    Status::with_error_details(code(refusal), shortened(&refusal.to_string()), details)
}

/// The same for one item of a batch.
#[must_use]
pub(crate) fn item_status(refusal: &Refusal) -> tonic_types::Status {
    let status = status(refusal);
    tonic_types::Status::decode(status.details()).unwrap_or_else(|_| tonic_types::Status {
        code: status.code() as i32,
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_BYTES_MAX / 4) {
        Some(_) if text.len() > MESSAGE_BYTES_MAX => {
            let end = (0..=MESSAGE_BYTES_MAX)
                .rev()
                .find(|&at| text.is_char_boundary(at))
                .unwrap_or(0);
            format!("{} ...", &text[..end])
        }
        _ => text.to_owned(),
    }
}
