//! What stands out in a register.

use std::fmt;

use crate::dossier::Dossier;
use crate::hash::RecordId;
use crate::identifiers::RegisterName;

/// What kind of thing stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnomalyKind {
    /// Put on record too long after it happened.
    Late,
    /// Data were unlocked after the unblinding.
    UnlockedAfterUnblinding,
    /// An output is older than what it says that it was made from.
    OlderThanInput,
    /// An approval ended without a new one, or before it.
    ExpiredApproval,
    /// An act waits long for a signature.
    PendingLong,
    /// Another register claims the same trial.
    SecondRegister,
    /// A plan or a protocol is filed under another class.
    FiledAsOther,
}

impl AnomalyKind {
    /// The kind as a code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::UnlockedAfterUnblinding => "unlocked-after-unblinding",
            Self::OlderThanInput => "older-than-input",
            Self::ExpiredApproval => "expired-approval",
            Self::PendingLong => "pending-long",
            Self::SecondRegister => "second-register",
            Self::FiledAsOther => "filed-as-other",
        }
    }
}

impl fmt::Display for AnomalyKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Something that stands out. It is not judged, only named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// What kind.
    pub kind: AnomalyKind,
    /// The record.
    pub record: RecordId,
    /// One plain sentence.
    pub sentence: String,
}

/// Everything that stands out in a register, in its order.
#[must_use]
pub fn find(_dossier: &Dossier, _register: &RegisterName) -> Vec<Anomaly> {
    Vec::new()
}
