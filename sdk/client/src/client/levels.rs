//! Levels of evidence: waiting for one, and fetching more for a receipt later.
//!
//! What a notary says it has reached is not believed: the level is judged from the receipt, by the
//! caller's own trust.

use std::time::Duration;

use tokio::time::Instant;
use trialseal_core::checkpoint::Origin;
use trialseal_core::index::LogIndex;
use trialseal_core::json::{self, Value};
use trialseal_core::receipt::Receipt;
use trialseal_core::trust::Level;

use super::{Client, RecordPlace, RetryPolicy, now};
use crate::accept::Recorded;
use crate::error::ClientError;
use crate::pending::OutgoingRef;
use crate::submission::{PrepareError, Signatory, Submission};

/// The first pause between two looks at what the notary has, where it does not wait itself; it
/// doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A level to wait for, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The level, by the caller's own trust.
    pub level: Level,
    /// How long, from the call on. Then what was reached is returned, which is no error.
    pub up_to: Duration,
}

/// A receipt with the evidence that there is by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgraded {
    /// The receipt. What it held before is in it still, beyond 16 elements with the exceptions that
    /// [`Receipt::append_evidence`] names.
    pub receipt: Receipt,
    /// What it reaches, judged by the caller's own trust.
    pub reached: Level,
    /// How many elements were appended, or took in something new.
    pub appended: usize,
    /// Why the level was not reached, where it was not.
    pub shortfall: Option<String>,
}

/// A submission that could not be signed, or not be put on record.
#[derive(Debug, thiserror::Error)]
pub enum SignAndSubmitError {
    /// It cannot be signed.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The call failed.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl Wait {
    /// Waits for nothing: a record is sealed when the notary answers.
    pub const SEALED: Self = Self {
        level: Level::Sealed,
        up_to: Duration::ZERO,
    };
}

impl Client {
    /// Puts one submission on record, and waits until its receipt reaches a level. From the moment
    /// on when the record is sealed this does not fail: [`Recorded::reached`] tells what was reached
    /// in time, [`Recorded::shortfall`] why not more, and [`Client::upgrade`] gets the rest later.
    ///
    /// # Errors
    ///
    /// As [`Client::submit`].
    pub async fn submit_until<'a>(
        &self,
        submission: impl Into<OutgoingRef<'a>>,
        wait: Wait,
    ) -> Result<Recorded, ClientError> {
        let until = Instant::now() + wait.up_to;
        let mut recorded = self.send(submission.into(), self.at_once(wait)).await?;
        if recorded.reached < wait.level {
            let left = until.saturating_duration_since(Instant::now());
            let wait = Wait { up_to: left, ..wait };
            let upgraded = self.follow(recorded.receipt, recorded.reached, wait).await;
            recorded.receipt = upgraded.receipt;
            recorded.reached = upgraded.reached;
            recorded.shortfall = upgraded.shortfall;
        }
        Ok(recorded)
    }

    /// Fetches what evidence there is for a receipt's record and appends it, waiting for a level where
    /// the receipt has not reached it. What is fetched is verified first, and must be of the same
    /// record, to the hash.
    ///
    /// # Errors
    ///
    /// Nobody answers, or the record is not for this account, or what comes does not verify. The
    /// caller's receipt is as good as before.
    pub async fn upgrade(&self, receipt: &Receipt, wait: Wait) -> Result<Upgraded, ClientError> {
        let until = Instant::now() + wait.up_to;
        let place = place_of(receipt, self.log())
            .ok_or_else(|| untrusted("the receipt's own part when names no log and index"))?;
        let fresh = self.fetch(&place, self.at_once(wait), self.shared.policy).await?;
        let mut receipt = receipt.clone();
        let appended = merge(&mut receipt, &fresh)?;
        let reached = self.judge().reached(&receipt);
        let left = until.saturating_duration_since(Instant::now());
        let wait = Wait { up_to: left, ..wait };
        let mut upgraded = self.follow(receipt, reached, wait).await;
        upgraded.appended += appended;
        Ok(upgraded)
    }

    /// A receipt by its record's place, waiting for a level.
    ///
    /// # Errors
    ///
    /// As [`Client::receipt`].
    pub async fn receipt_until(&self, place: &RecordPlace, wait: Wait) -> Result<Upgraded, ClientError> {
        let until = Instant::now() + wait.up_to;
        let receipt = self.fetch(place, self.at_once(wait), self.shared.policy).await?;
        let reached = self.judge().reached(&receipt);
        let left = until.saturating_duration_since(Instant::now());
        let elements = receipt.evidence().len();
        let mut upgraded = self.follow(receipt, reached, Wait { up_to: left, ..wait }).await;
        upgraded.appended += elements;
        Ok(upgraded)
    }

    /// Signs a submission for the notary's log and puts it on record. Where that log has ended, it is
    /// signed again for the one that the notary names, if the trust file names that too.
    ///
    /// Nothing of it outlives this process: what must survive a crash is signed by
    /// [`Submission::sign`] and kept in a [`crate::PendingFolder`].
    ///
    /// # Errors
    ///
    /// It cannot be signed; else as [`Client::submit`].
    pub async fn sign_and_submit(
        &self,
        submission: &Submission,
        signatory: &Signatory,
        wait: Wait,
    ) -> Result<Recorded, SignAndSubmitError> {
        let prepared = submission.sign(signatory, self.log(), now())?;
        let error = match self.submit_until(&prepared, wait).await {
            Ok(recorded) => return Ok(recorded),
            Err(error) => error,
        };
        let Some(next) = self.next_log(&error) else {
            return Err(error.into());
        };
        tracing::info!(%next, "the log is closed; signing for the next");
        let prepared = submission.sign(signatory, &next, now())?;
        Ok(self.submit_until(&prepared, wait).await?)
    }

    /// The log to sign for, where a call failed because its log is closed, and the trust file names
    /// the next and holds its keys valid now.
    #[must_use]
    pub fn next_log(&self, error: &ClientError) -> Option<Origin> {
        let ClientError::LogClosed { next: Some(next), .. } = error else {
            return None;
        };
        let log = self.trust().log(next.as_str())?;
        log.is_valid_at(now()).then(|| next.clone())
    }

    /// Asks again until the level is reached, time is up, or it makes no sense to go on. What the
    /// receipt has is never lost to an error.
    async fn follow(&self, mut receipt: Receipt, mut reached: Level, wait: Wait) -> Upgraded {
        let until = Instant::now() + wait.up_to;
        let (mut appended, mut pause) = (0, FIRST_PAUSE);
        let mut shortfall = None;
        let place = place_of(&receipt, self.log());
        while let Some(place) = place.as_ref().filter(|_| reached < wait.level) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                shortfall.get_or_insert_with(|| "the deadline has passed".to_owned());
                break;
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let left = until.saturating_duration_since(Instant::now());
            let wait = Wait { up_to: left, ..wait };
            let policy = RetryPolicy {
                deadline: left,
                ..self.shared.policy
            };
            let fresh = self.fetch(place, self.at_once(wait), policy).await;
            match fresh.and_then(|fresh| merge(&mut receipt, &fresh)) {
                Ok(count) => appended += count,
                Err(error) => {
                    shortfall = Some(error.to_string());
                    if !error.is_worth_retrying() {
                        break;
                    }
                }
            }
            reached = self.judge().reached(&receipt);
        }
        Upgraded {
            receipt,
            reached,
            appended,
            shortfall: shortfall.filter(|_| reached < wait.level),
        }
    }

    /// How long the notary may wait in one call: less than an attempt may take.
    fn at_once(&self, wait: Wait) -> Wait {
        let bound = self.shared.policy.attempt_timeout.mul_f32(0.6);
        Wait {
            up_to: wait.up_to.min(bound),
            ..wait
        }
    }
}

/// Where a receipt's record stands, for a notary that writes to `present`.
fn place_of(receipt: &Receipt, present: &Origin) -> Option<RecordPlace> {
    let when = json::parse(receipt.record().when.text.as_bytes()).ok()?;
    let index = LogIndex::new(when.get("index").and_then(Value::as_unsigned)?).ok()?;
    let log = Origin::new(when.get("log").and_then(Value::as_str)?).ok()?;
    Some(if log == *present {
        RecordPlace::Index(index)
    } else {
        RecordPlace::InLog(log, index)
    })
}

/// Appends what is new, and counts it.
fn merge(receipt: &mut Receipt, fresh: &Receipt) -> Result<usize, ClientError> {
    if receipt.record().leaves().root() != fresh.record().leaves().root() {
        return Err(untrusted("record: the notary sent the receipt of another record"));
    }
    let elements = fresh.evidence().iter().cloned();
    Ok(elements
        .map(|element| receipt.append_evidence(element))
        .filter(|changed| *changed)
        .count())
}

fn untrusted(problem: &str) -> ClientError {
    ClientError::Untrusted {
        problem: problem.to_owned(),
    }
}
