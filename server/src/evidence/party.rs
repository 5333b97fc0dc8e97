//! Witnesses and authorities as they are known here: what they did last, and what went wrong.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant as Monotonic;

use super::clock::Sample;

/// What somebody who is asked for evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartyKind {
    /// Cosigns checkpoints.
    Witness,
    /// Stamps checkpoints (RFC 3161).
    Authority,
}

impl PartyKind {
    /// The word for it, in metrics and `/healthz`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Witness => "witness",
            Self::Authority => "authority",
        }
    }
}

/// Why a witness or an authority gave no evidence. The label of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No connection, or it broke.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// An answer that is longer than any can be.
    TooLarge,
    /// It says that the request is malformed (400).
    Malformed,
    /// It does not know the log's keys (403).
    UnknownKey,
    /// It does not know the log (404).
    UnknownOrigin,
    /// It has cosigned a larger checkpoint, and says so again and again (409).
    Conflict,
    /// It says that the log is not consistent with what it has cosigned (422).
    Inconsistent,
    /// Another status.
    Status,
    /// An answer that is none of the protocol's, or by a key that is not its own.
    Garbage,
    /// A signature or token of its own that does not verify.
    Signature,
    /// A time that cannot be: before the checkpoint, or in the future.
    Time,
    /// It says that it has cosigned a larger log than there is.
    Ahead,
    /// A token was refused by the authority.
    Refused,
    /// The notary could not read its own log.
    Internal,
}

impl FailureKind {
    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::UnknownOrigin => "unknown_origin",
            Self::Conflict => "conflict",
            Self::Inconsistent => "inconsistent",
            Self::Status => "status",
            Self::Garbage => "garbage",
            Self::Signature => "signature",
            Self::Time => "time",
            Self::Ahead => "ahead",
            Self::Refused => "refused",
            Self::Internal => "internal",
        }
    }

    /// Whether somebody lies or is broken, rather than gone or late: a person should look.
    #[must_use]
    pub const fn is_alarm(self) -> bool {
        matches!(
            self,
            Self::Inconsistent | Self::Garbage | Self::Signature | Self::Time | Self::Ahead
        )
    }
}

/// One witness or authority.
#[derive(Debug)]
pub struct Party {
    /// Its name in the trust file.
    pub name: String,
    /// What it is.
    pub kind: PartyKind,
    since: Monotonic,
    state: Mutex<State>,
}

#[derive(Debug, Default, Clone)]
struct State {
    succeeded_at: Option<Monotonic>,
    size: u64,
    failing: Option<FailureKind>,
    sample: Option<Sample>,
    claims_larger_log: bool,
}

/// What is known of a party at one moment.
#[derive(Debug, Clone)]
pub struct Known {
    /// Since it last gave evidence, or since the start if it never did.
    pub age: Duration,
    /// The largest log size that it gave evidence for.
    pub size: u64,
    /// What went wrong since.
    pub failing: Option<FailureKind>,
    /// What it told about the time.
    pub sample: Option<Sample>,
}

impl Party {
    /// A party that is known to have given evidence for a log of `size` entries.
    #[must_use]
    pub fn new(kind: PartyKind, name: &str, size: u64) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            since: Monotonic::now(),
            state: Mutex::new(State {
                size,
                ..State::default()
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of it.
    #[must_use]
    pub fn known(&self) -> Known {
        let state = self.state();
        Known {
            age: state.succeeded_at.unwrap_or(self.since).elapsed(),
            size: state.size,
            failing: state.failing,
            sample: state.sample,
        }
    }

    /// The largest log size that it gave evidence for, as far as is known.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.state().size
    }

    pub(super) fn succeeded(&self, size: u64) {
        let mut state = self.state();
        state.succeeded_at = Some(Monotonic::now());
        state.size = state.size.max(size);
        state.failing = None;
        state.claims_larger_log = false;
    }

    pub(crate) fn failed(&self, kind: FailureKind) {
        self.state().failing = Some(kind);
    }

    /// It says itself what it has cosigned last.
    pub(super) fn says_size(&self, size: u64) {
        self.state().size = size;
    }

    /// Takes what its clock showed. Whoever sets the notary's clock, in a test, sets this with it.
    pub fn told_time(&self, sample: Sample) {
        self.state().sample = Some(sample);
    }

    pub(super) fn claims_larger_log(&self) {
        self.state().claims_larger_log = true;
    }

    pub(super) fn does_claim_larger_log(&self) -> bool {
        self.state().claims_larger_log
    }
}
