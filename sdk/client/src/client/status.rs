//! From a `google.rpc` status to what the caller can do.
//!
//! The notary's contract: `ErrorInfo` with domain `trialseal` and a stable reason, `BadRequest`
//! with the fields, `RetryInfo` with a delay.

use std::collections::HashMap;
use std::error::Error as _;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use trialseal_core::checkpoint::Origin;
use trialseal_core::hash::RecordId;
use trialseal_core::index::LogIndex;
use trialseal_core::record::FieldViolation;

use crate::error::{ClientError, SetupError};

/// The domain of the notary's reasons.
const DOMAIN: &str = "trialseal";

/// How one attempt failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing was taken; another attempt may succeed.
    NotTaken {
        cause: String,
        after: Option<Duration>,
        limit: Option<Limit>,
    },
    /// It may have been taken; the same bytes again tell.
    Unknown { cause: String },
    /// No attempt with these bytes can succeed.
    Final(ClientError),
}

/// A limit that the notary named.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// Sorts a failed attempt.
pub(crate) fn failure(status: &Status) -> Failure {
    if is_connect_error(status) {
        let cause = cause(status);
        // Waiting does not make a certificate valid. The transport tells it in words only.
        if cause.contains("invalid peer certificate") {
            return Failure::Final(SetupError::Tls { problem: cause }.into());
        }
        return Failure::NotTaken {
            cause,
            after: None,
            limit: None,
        };
    }
    let details = status.get_error_details();
    let info = details.error_info().filter(|info| info.domain == DOMAIN);
    let reason = info.map(|info| info.reason.as_str()).unwrap_or_default();
    refusal(
        status.code(),
        status.message(),
        reason,
        info.map(|info| &info.metadata),
        &details,
    )
    .unwrap_or_else(|| Failure::Unknown { cause: cause(status) })
}

/// Sorts one refused submission of a batch; the others are not concerned.
pub(crate) fn refused(status: &tonic_types::Status) -> ClientError {
    use tonic_types::RpcStatusExt as _;
    let details = status.get_error_details();
    let info = details.error_info().filter(|info| info.domain == DOMAIN);
    let reason = info.map(|info| info.reason.as_str()).unwrap_or_default();
    let metadata = info.map(|info| &info.metadata);
    match refusal(
        Code::from_i32(status.code),
        &status.message,
        reason,
        metadata,
        &details,
    ) {
        Some(Failure::Final(error)) => error,
        Some(Failure::NotTaken { cause, after, limit }) => {
            let (reason, message) =
                limit.map_or((String::new(), cause), |limit| (limit.reason, limit.message));
            ClientError::RetryLater {
                reason,
                after,
                message,
            }
        }
        Some(Failure::Unknown { cause }) => ClientError::OutcomeUnknown { cause },
        None => ClientError::OutcomeUnknown {
            cause: status.message.clone(),
        },
    }
}

/// None where the status does not say what became of the submission.
fn refusal(
    code: Code,
    message: &str,
    reason: &str,
    metadata: Option<&HashMap<String, String>>,
    details: &ErrorDetails,
) -> Option<Failure> {
    let message = message.to_owned();
    let after = details.retry_info().and_then(|info| info.retry_delay);
    let error = match code {
        Code::Unauthenticated | Code::PermissionDenied => ClientError::NotAllowed {
            reason: reason.to_owned(),
            message,
        },
        Code::AlreadyExists => conflict(metadata, message),
        Code::InvalidArgument if reason == "SUBMISSION_EXPIRED" => ClientError::Expired { message },
        Code::FailedPrecondition if reason == "LOG_CLOSED" => ClientError::LogClosed {
            next: metadata
                .and_then(|metadata| metadata.get("next_origin"))
                .and_then(|origin| Origin::new(origin).ok()),
            message,
        },
        Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition | Code::Unimplemented => {
            ClientError::Invalid {
                violations: violations(details),
                message,
            }
        }
        Code::NotFound => ClientError::NotFound { message },
        Code::ResourceExhausted if !reason.is_empty() => {
            let limit = Limit {
                reason: reason.to_owned(),
                message: message.clone(),
            };
            return Some(Failure::NotTaken {
                cause: message,
                after,
                limit: Some(limit),
            });
        }
        // Without a reason it is a limit of the transport, such as the size of a message.
        Code::ResourceExhausted => ClientError::Invalid {
            violations: Vec::new(),
            message,
        },
        Code::Unavailable if reason == "STOPPING" || reason == "CLOCK_STEPPED_BACK" => {
            return Some(Failure::NotTaken {
                cause: message,
                after,
                limit: None,
            });
        }
        _ => return None,
    };
    Some(Failure::Final(error))
}

fn conflict(metadata: Option<&HashMap<String, String>>, message: String) -> ClientError {
    let field = |key| metadata.and_then(|metadata| metadata.get(key));
    let index = field("index")
        .and_then(|text| text.parse().ok())
        .and_then(|index| LogIndex::new(index).ok());
    let record = field("record").and_then(|text| RecordId::from_hex(text).ok());
    ClientError::Conflict {
        index,
        record,
        message,
    }
}

fn violations(details: &ErrorDetails) -> Vec<FieldViolation> {
    let fields = details
        .bad_request()
        .map(|request| request.field_violations.as_slice())
        .unwrap_or_default();
    fields
        .iter()
        .map(|one| FieldViolation::new(&one.field, &one.description))
        .collect()
}

/// Whether no connection came about, so that nothing was sent.
fn is_connect_error(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// The status in words, with the innermost cause, which names what really happened.
fn cause(status: &Status) -> String {
    let mut source = status.source();
    let mut innermost = None;
    while let Some(error) = source {
        innermost = Some(error.to_string());
        source = error.source();
    }
    match innermost {
        Some(inner) if !status.message().contains(&inner) => format!("{}: {inner}", status.message()),
        _ if status.message().is_empty() => status.code().to_string(),
        _ => status.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: Code, reason: &str, metadata: &[(&str, &str)]) -> Status {
        let metadata: HashMap<String, String> = metadata
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let mut details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
        details.set_retry_info(Some(Duration::from_millis(250)));
        details.add_bad_request_violation("what.class", "unknown");
        Status::with_error_details(code, "words", details)
    }

    #[test]
    fn refusals_are_final() {
        let error = failure(&status(Code::Unauthenticated, "TOKEN_EXPIRED", &[]));
        assert!(matches!(
            error,
            Failure::Final(ClientError::NotAllowed { reason, .. }) if reason == "TOKEN_EXPIRED"
        ));
        let error = failure(&status(Code::InvalidArgument, "INVALID_SUBMISSION", &[]));
        assert!(matches!(
            error,
            Failure::Final(ClientError::Invalid { violations, .. }) if violations[0].field == "what.class"
        ));
        assert!(matches!(
            failure(&status(Code::InvalidArgument, "SUBMISSION_EXPIRED", &[])),
            Failure::Final(ClientError::Expired { .. })
        ));
        assert!(matches!(
            failure(&status(Code::NotFound, "RECORD_NOT_FOUND", &[])),
            Failure::Final(_)
        ));
    }

    #[test]
    fn a_conflict_names_the_record() {
        let record = "ab".repeat(32);
        let error = failure(&status(
            Code::AlreadyExists,
            "IDEMPOTENCY_CONFLICT",
            &[("index", "78"), ("record", &record)],
        ));
        let Failure::Final(ClientError::Conflict {
            index, record: found, ..
        }) = error
        else {
            panic!()
        };
        assert_eq!((index.unwrap().get(), found.unwrap().to_hex()), (78, record));
    }

    #[test]
    fn a_closed_log_names_the_next() {
        let next = |metadata: &[(&str, &str)]| {
            let error = failure(&status(Code::FailedPrecondition, "LOG_CLOSED", metadata));
            let Failure::Final(ClientError::LogClosed { next, .. }) = error else {
                panic!()
            };
            next.map(|next| next.to_string())
        };
        let origin = "notary.example.org/2027";
        assert_eq!(next(&[("next_origin", origin)]).as_deref(), Some(origin));
        assert_eq!(next(&[("next_origin", "no origin")]), None);
        assert_eq!(next(&[]), None);
    }

    #[test]
    fn limits_can_be_retried_after_the_delay() {
        for reason in ["RATE_LIMIT", "QUEUE_FULL", "DISK_FULL"] {
            let error = failure(&status(Code::ResourceExhausted, reason, &[]));
            let Failure::NotTaken {
                after,
                limit: Some(limit),
                ..
            } = error
            else {
                panic!()
            };
            assert_eq!(
                (after, limit.reason.as_str()),
                (Some(Duration::from_millis(250)), reason)
            );
        }
        // What the transport itself refuses cannot be helped by waiting.
        let error = failure(&Status::resource_exhausted("message too large"));
        assert!(matches!(error, Failure::Final(ClientError::Invalid { .. })));
    }

    #[test]
    fn what_may_be_on_record_is_never_called_not_sent() {
        for code in [
            Code::Unavailable,
            Code::Unknown,
            Code::Internal,
            Code::DeadlineExceeded,
            Code::Cancelled,
        ] {
            assert!(
                matches!(failure(&Status::new(code, "broke")), Failure::Unknown { .. }),
                "{code:?}"
            );
        }
        let error = failure(&status(Code::Unavailable, "OUTCOME_UNKNOWN", &[]));
        assert!(matches!(error, Failure::Unknown { .. }));
        let error = failure(&status(Code::Unavailable, "STOPPING", &[]));
        assert!(matches!(error, Failure::NotTaken { limit: None, .. }));
    }

    #[test]
    fn another_domain_means_nothing() {
        let details = ErrorDetails::with_error_info("STOPPING", "proxy.example", HashMap::new());
        let status = Status::with_error_details(Code::Unavailable, "words", details);
        assert!(matches!(failure(&status), Failure::Unknown { .. }));
    }
}
