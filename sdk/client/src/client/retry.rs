//! Trying again: only what is safe, with full jitter, until a deadline.

use std::future::Future;
use std::time::Duration;

use rand::RngExt as _;
use tokio::time::Instant;
use tonic::Status;

use super::status::{Failure, failure};
use crate::error::ClientError;

/// How long and how often to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// No attempt starts later than this after the first.
    pub deadline: Duration,
    /// An attempt that has no answer by then is given up, and its outcome is unknown.
    pub attempt_timeout: Duration,
    /// The pause before the second attempt is random between zero and this; it doubles with each.
    pub first_pause: Duration,
    /// No pause is longer, unless the notary asks for it.
    pub longest_pause: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(120),
            attempt_timeout: Duration::from_secs(30),
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(20),
        }
    }
}

/// Runs `attempt` until it succeeds, cannot succeed, or the deadline passes. `attempt` must send
/// the same bytes each time.
pub(crate) async fn retry<T, F, A>(
    policy: RetryPolicy,
    endpoint: &str,
    mut attempt: A,
) -> Result<T, ClientError>
where
    A: FnMut() -> F,
    F: Future<Output = Result<T, Status>>,
{
    let start = Instant::now();
    // Once true, only an answer can make it false: an attempt that was turned away says nothing
    // about the one before whose answer was lost.
    let mut may_be_recorded = false;
    let mut tries = 0_u32;
    loop {
        tries += 1;
        let failed = match tokio::time::timeout(policy.attempt_timeout, attempt()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(status)) => failure(&status),
            Err(_) => Failure::Unknown {
                cause: format!("no answer for {} s", policy.attempt_timeout.as_secs()),
            },
        };
        let (after, error) = match failed {
            Failure::Final(error) => return Err(settled(may_be_recorded, error)),
            Failure::Unknown { cause } => {
                may_be_recorded = true;
                (None, ClientError::OutcomeUnknown { cause })
            }
            Failure::NotTaken { cause, after, .. } if may_be_recorded => {
                (after, ClientError::OutcomeUnknown { cause })
            }
            Failure::NotTaken {
                after,
                limit: Some(limit),
                ..
            } => (
                after,
                ClientError::RetryLater {
                    reason: limit.reason,
                    after,
                    message: limit.message,
                },
            ),
            Failure::NotTaken {
                cause,
                after,
                limit: None,
            } => {
                let (endpoint, waited) = (endpoint.to_owned(), start.elapsed());
                (
                    after,
                    ClientError::NotSent {
                        endpoint,
                        tries,
                        waited,
                        cause,
                    },
                )
            }
        };
        let pause = pause(policy, tries, after);
        if start.elapsed() + pause > policy.deadline {
            return Err(error);
        }
        tracing::debug!(tries, pause_ms = pause.as_millis(), %error, "trying again");
        tokio::time::sleep(pause).await;
    }
}

/// A refusal after an attempt whose answer was lost does not say what became of that attempt.
fn settled(may_be_recorded: bool, error: ClientError) -> ClientError {
    match error {
        ClientError::NotAllowed { message, .. } | ClientError::Expired { message } if may_be_recorded => {
            ClientError::OutcomeUnknown { cause: message }
        }
        other => other,
    }
}

/// Full jitter: random between zero and a bound that doubles, so that many callers that failed
/// together do not come back together. What the notary asks for comes on top.
pub(super) fn pause(policy: RetryPolicy, tries: u32, after: Option<Duration>) -> Duration {
    let doubled = policy
        .first_pause
        .saturating_mul(1 << tries.saturating_sub(1).min(20));
    let bound = doubled.min(policy.longest_pause).max(Duration::from_millis(1));
    let jitter = rand::rng().random_range(Duration::ZERO..=bound);
    after.unwrap_or_default() + jitter
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tonic::Code;
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    fn policy(deadline_ms: u64) -> RetryPolicy {
        RetryPolicy {
            deadline: Duration::from_millis(deadline_ms),
            attempt_timeout: Duration::from_millis(50),
            first_pause: Duration::from_millis(10),
            longest_pause: Duration::from_millis(10),
        }
    }

    fn reason(code: Code, reason: &str) -> Status {
        let details = ErrorDetails::with_error_info(reason, "trialseal", HashMap::new());
        Status::with_error_details(code, reason, details)
    }

    /// Runs with paused time, answering with `answers` in turn, the last one for ever.
    async fn run(deadline_ms: u64, answers: &[fn() -> Result<u8, Status>]) -> (Result<u8, ClientError>, u32) {
        let tries = AtomicU32::new(0);
        let result = retry(policy(deadline_ms), "notary", || {
            let at = tries.fetch_add(1, Ordering::Relaxed) as usize;
            let answer = answers[at.min(answers.len() - 1)];
            async move { answer() }
        })
        .await;
        (result, tries.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_turned_away_is_tried_again() {
        let answers: [fn() -> _; 3] = [
            || Err(reason(Code::ResourceExhausted, "QUEUE_FULL")),
            || Err(reason(Code::Unavailable, "STOPPING")),
            || Ok(7),
        ];
        let (result, tries) = run(1000, &answers).await;
        assert_eq!((result.unwrap(), tries), (7, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_not_tried_again() {
        let (result, tries) = run(1000, &[|| Err(reason(Code::Unauthenticated, "TOKEN_REVOKED"))]).await;
        assert!(matches!(result, Err(ClientError::NotAllowed { .. })));
        assert_eq!(tries, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_ends_it() {
        let (result, tries) = run(100, &[|| Err(reason(Code::ResourceExhausted, "RATE_LIMIT"))]).await;
        assert!(matches!(result, Err(ClientError::RetryLater { reason, .. }) if reason == "RATE_LIMIT"));
        assert!(tries > 1);
        let (result, _) = run(100, &[|| Err(reason(Code::Unavailable, "STOPPING"))]).await;
        assert!(matches!(result, Err(ClientError::NotSent { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_stays_unknown_until_there_is_one() {
        let lost: fn() -> Result<u8, Status> = || Err(Status::unavailable("broken pipe"));
        let (result, _) = run(100, &[lost, || Err(reason(Code::Unavailable, "STOPPING"))]).await;
        assert!(matches!(result, Err(ClientError::OutcomeUnknown { .. })));
        let (result, _) = run(
            100,
            &[lost, || Err(reason(Code::Unauthenticated, "TOKEN_EXPIRED"))],
        )
        .await;
        assert!(matches!(result, Err(ClientError::OutcomeUnknown { .. })));
        let (result, _) = run(100, &[lost, || Ok(1)]).await;
        assert_eq!(result.unwrap(), 1);
        let (result, _) = run(
            100,
            &[lost, || Err(reason(Code::AlreadyExists, "IDEMPOTENCY_CONFLICT"))],
        )
        .await;
        assert!(matches!(result, Err(ClientError::Conflict { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn no_answer_is_an_unknown_outcome() {
        let result: Result<(), _> = retry(policy(200), "notary", std::future::pending).await;
        assert!(matches!(result, Err(ClientError::OutcomeUnknown { .. })));
    }

    #[test]
    fn pauses_grow_and_are_bounded() {
        let policy = RetryPolicy::default();
        for tries in 1..60 {
            assert!(pause(policy, tries, None) <= policy.longest_pause);
        }
        assert!(pause(policy, 1, None) <= policy.first_pause);
        let asked = Duration::from_secs(60);
        assert!(pause(policy, 1, Some(asked)) >= asked);
    }
}
