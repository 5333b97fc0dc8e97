//! What an act is worth: in effect, pending, or a signature on another act; and what is odd about it.

use std::fmt;

use serde::Deserialize;

use crate::hash::RecordId;
use crate::identifiers::Code;
use crate::vocabulary::Role;

/// What becomes of an act that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It takes effect at its own index.
    Effective {
        /// What is out of order.
        flags: Vec<Flag>,
    },
    /// It takes effect at the index of the last signature that it needs.
    Pending {
        /// The signatures that it needs, each by another person.
        needs: Vec<Need>,
        /// What is out of order.
        flags: Vec<Flag>,
    },
    /// It is the last signature that a pending act needed: that act takes effect here.
    Completes {
        /// The act that takes effect.
        act: RecordId,
        /// What is out of order.
        flags: Vec<Flag>,
    },
    /// It is a signature that a pending act needed, and others are still missing.
    Adds {
        /// The act.
        act: RecordId,
        /// What is still missing.
        still: Vec<Need>,
    },
    /// One whose signature a pending act needs declines to give it; the act stays pending.
    Declines {
        /// The act.
        act: RecordId,
    },
}

impl Standing {
    /// What is out of order.
    #[must_use]
    pub fn flags(&self) -> &[Flag] {
        match self {
            Self::Effective { flags } | Self::Pending { flags, .. } | Self::Completes { flags, .. } => flags,
            Self::Adds { .. } | Self::Declines { .. } => &[],
        }
    }

    /// The signatures that this act, or the one that it signs, still needs.
    #[must_use]
    pub fn needs(&self) -> &[Need] {
        match self {
            Self::Pending { needs, .. } => needs,
            Self::Adds { still, .. } => still,
            Self::Effective { .. } | Self::Completes { .. } | Self::Declines { .. } => &[],
        }
    }

    /// Whether the act itself is not in effect yet.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        matches!(self, Self::Pending { .. })
    }
}

/// In which capacity somebody signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capacity {
    /// The role.
    pub role: Role,
    /// What must be so besides.
    pub provided: Provided,
}

/// What must be so of a role that signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provided {
    /// Nothing besides.
    #[default]
    Nothing,
    /// The member never had an unblinded grant.
    Blinded,
    /// The grant is unblinded.
    Unblinded,
    /// The grant is under a written agreement.
    Agreement,
}

impl Provided {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Nothing, Self::Blinded, Self::Unblinded, Self::Agreement];
}

impl fmt::Display for Capacity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self.role;
        match self.provided {
            Provided::Nothing => write!(out, "{} {role}", article(role)),
            Provided::Blinded => write!(out, "a blinded {role}"),
            Provided::Unblinded => write!(out, "an unblinded {role}"),
            Provided::Agreement => write!(out, "{} {role} under a written agreement", article(role)),
        }
    }
}

/// A signature that a pending act needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Whoever signs does so in one of these capacities.
    pub any_of: Vec<Capacity>,
    /// The site that the grant must cover, where one is asked of each site.
    pub site: Option<Code>,
}

impl fmt::Display for Need {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.site {
            Some(site) => {
                let roles: Vec<&str> = self.any_of.iter().map(|one| one.role.as_str()).collect();
                write!(out, "the {} of site {site}", roles.join(" or "))
            }
            None => out.write_str(&either(&self.any_of)),
        }
    }
}

/// Something that is out of order. The record stands: facts must not be driven off it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Flag {
    /// The register was opened by another record than the trial's registration.
    NotRegisteredFirst,
    /// A document is activated, and no positive decision that it needs is on record.
    NoPositiveDecision,
    /// The only positive decision on record was reported, not signed by the board.
    DecisionOnlyReported,
    /// The decision that allows it was no longer valid.
    DecisionExpired,
    /// The unblinding names no authorisation that is in effect.
    NotAuthorised,
    /// The unblinding came with no hard lock in effect.
    NotLocked,
    /// The plan was finalised after an unblinding.
    AfterUnblinding,
    /// The plan was signed by somebody who had been unblinded; the trial was already unblinded.
    SignedUnblinded,
    /// The unlock is of nothing that is locked.
    NothingToUnlock,
    /// The grant is said to be under a record that is no agreement in this register.
    AgreementNotKnown,
    /// The revocation found no such grant in force.
    NothingToRevoke,
    /// The countersignature, or its refusal, is of a pending act that does not need it.
    NotNeeded,
    /// Somebody whose signature would have done had declined before.
    DeclinedBefore,
    /// The kind of an organisation is not known here (only to a verifier without its enrolment).
    KindNotKnown,
}

impl Flag {
    /// All flags.
    pub const ALL: [Self; 14] = [
        Self::NotRegisteredFirst,
        Self::NoPositiveDecision,
        Self::DecisionOnlyReported,
        Self::DecisionExpired,
        Self::NotAuthorised,
        Self::NotLocked,
        Self::AfterUnblinding,
        Self::SignedUnblinded,
        Self::NothingToUnlock,
        Self::AgreementNotKnown,
        Self::NothingToRevoke,
        Self::NotNeeded,
        Self::DeclinedBefore,
        Self::KindNotKnown,
    ];

    /// The stable code, for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotRegisteredFirst => "not-registered-first",
            Self::NoPositiveDecision => "no-positive-decision",
            Self::DecisionOnlyReported => "decision-only-reported",
            Self::DecisionExpired => "decision-expired",
            Self::NotAuthorised => "not-authorised",
            Self::NotLocked => "not-locked",
            Self::AfterUnblinding => "after-unblinding",
            Self::SignedUnblinded => "signed-unblinded",
            Self::NothingToUnlock => "nothing-to-unlock",
            Self::AgreementNotKnown => "agreement-not-known",
            Self::NothingToRevoke => "nothing-to-revoke",
            Self::NotNeeded => "not-needed",
            Self::DeclinedBefore => "declined-before",
            Self::KindNotKnown => "kind-not-known",
        }
    }

    /// One sentence for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NotRegisteredFirst => {
                "The register was opened by another record than the trial's registration."
            }
            Self::NoPositiveDecision => "No positive decision that this activation needs was on record.",
            Self::DecisionOnlyReported => {
                "The decision behind this activation was only reported; the board had not signed one itself."
            }
            Self::DecisionExpired => "The decision behind this activation was no longer valid.",
            Self::NotAuthorised => "The authorisation that this unblinding names was not in effect.",
            Self::NotLocked => "No hard lock was in effect when the blind was broken.",
            Self::AfterUnblinding => "The plan was finalised after an unblinding: it is post hoc.",
            Self::SignedUnblinded => "The statistician who signed the plan had been unblinded.",
            Self::NothingToUnlock => "What this unlocks was not locked.",
            Self::AgreementNotKnown => {
                "The record that this grant is under is no agreement in this register."
            }
            Self::NothingToRevoke => "There was no such grant in force.",
            Self::NotNeeded => {
                "The act does not need a signature in this capacity; it is on record and counts for nothing."
            }
            Self::DeclinedBefore => "Somebody whose signature would have done had declined to give it.",
            Self::KindNotKnown => {
                "The enrolment of the organisation was not shown, so its kind is not known."
            }
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// `a sponsor or a blinded statistician`.
pub(super) fn either(capacities: &[Capacity]) -> String {
    let all: Vec<String> = capacities.iter().map(ToString::to_string).collect();
    all.join(" or ")
}

/// `a sponsor or an investigator`.
pub(super) fn either_role(roles: &[Role]) -> String {
    let all: Vec<String> = roles
        .iter()
        .map(|role| format!("{} {role}", article(*role)))
        .collect();
    all.join(" or ")
}

fn article(role: Role) -> &'static str {
    if role.as_str().starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}
