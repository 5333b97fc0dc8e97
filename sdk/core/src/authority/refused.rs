//! Why an act is not allowed, in sentences that say who could do it.

use crate::identifiers::{MemberName, OrganizationId};
use crate::record::Scope;
use crate::time::Instant;
use crate::vocabulary::{Class, Event, OrganizationKind, Rel, Role};

use super::standing::{Capacity, either, either_role};

/// An act that the signer may not do in this register.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAllowed {
    /// The member holds no role here.
    #[error("{0} holds no role in this register; a sponsor of the trial can grant one")]
    NoRole(MemberName),
    /// The member signs in a role that it does not hold.
    #[error("{member} does not hold the role {role} in this register (it holds: {}); sign in a role that you hold, or ask a sponsor for a grant", held.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" "))]
    RoleNotHeld {
        /// Who signed.
        member: MemberName,
        /// In which role.
        role: Role,
        /// What it holds.
        held: Vec<Role>,
    },
    /// The grant is over.
    #[error("the grant of {role} to {member} ended at {ended}; ask a sponsor of the trial for a new one")]
    GrantOver {
        /// Who signed.
        member: MemberName,
        /// In which role.
        role: Role,
        /// When the grant ended.
        ended: Instant,
    },
    /// No role that the member signs in, or holds, may do this.
    #[error(
        "{} may not put {event} of class {class} on record; {} may",
        either_role(held),
        who_may(could)
    )]
    MayNot {
        /// The role signed in; in a draft, the roles held.
        held: Vec<Role>,
        /// The class.
        class: Class,
        /// The event.
        event: Event,
        /// The roles that may.
        could: Vec<Role>,
    },
    /// The first signature has to be given in another capacity.
    #[error("the first signature under {act} is that of {}", either(could))]
    NotInThisCapacity {
        /// The act, as the table names it.
        act: &'static str,
        /// Who may sign first.
        could: Vec<Capacity>,
    },
    /// It lies outside of what the grant covers.
    #[error("the grant of {role} covers {}; state a scope within it, or ask somebody whose grant covers more", scope_text(.granted))]
    OutOfScope {
        /// The role.
        role: Role,
        /// What the grant covers.
        granted: Scope,
    },
    /// A draft of what needs a signature.
    #[error("{event} of class {class} needs the signature of a person; it cannot be a draft")]
    NeedsSignature {
        /// The class.
        class: Class,
        /// The event.
        event: Event,
    },
    /// A system where a person has to sign.
    #[error("{member} is a system, which may only mean execution; {event} of class {class} needs a person")]
    NotBySystem {
        /// Who signed.
        member: MemberName,
        /// The class.
        class: Class,
        /// The event.
        event: Event,
    },
    /// A link is missing without which it cannot be judged.
    #[error("{event} needs a link {rel}")]
    NeedsLink {
        /// The event.
        event: Event,
        /// The relation.
        rel: Rel,
    },
    /// A second signature by the person who gave the first.
    #[error(
        "{0} has signed this act already; another person has to sign it, and two keys of one person are one person"
    )]
    SamePerson(MemberName),
    /// One record signs several acts.
    #[error("one record countersigns one act; send a countersignature for each")]
    OneAtATime,
    /// The register can only be opened in the role of sponsor.
    #[error("whoever opens a register is its sponsor; sign as sponsor, not as {0}")]
    OpensAsSponsor(Role),
    /// Boards and authorities open no registers.
    #[error("an organisation of kind {0} cannot open a trial's register; its sponsor has to")]
    CannotOpen(OrganizationKind),
    /// The role goes to organisations of another kind only.
    #[error("the role {role} goes only to organisations of kind {kind}")]
    KindOnly {
        /// The role.
        role: Role,
        /// The kind.
        kind: OrganizationKind,
    },
    /// Boards and authorities hold no other role.
    #[error(
        "{organization} is or acts as a board or an authority in this trial, which holds no other role in it"
    )]
    NoOtherRole {
        /// The organisation.
        organization: OrganizationId,
    },
    /// Who has seen treatment assignments cannot be blinded again.
    #[error(
        "{0} has had an unblinded grant in this register and cannot be blinded again; grant it unblinded"
    )]
    UnblindedBefore(MemberName),
    /// The grant would be over before it began.
    #[error("the grant would have ended at {0}, before it took effect")]
    AlreadyOver(Instant),
    /// Only a sponsor grants freely; others delegate.
    #[error(
        "only a sponsor grants roles; others can delegate their own role within their organisation, by a link under to their own grant"
    )]
    OnlySponsorsGrant,
    /// A delegation to another organisation, or to oneself.
    #[error("a delegation goes to another member of {0}")]
    DelegatesElsewhere(OrganizationId),
    /// A delegation of another role.
    #[error("{own} can delegate {own}{}, not {role}", if *own == Role::Investigator { " or site-staff" } else { "" })]
    DelegatesOtherRole {
        /// The delegator's role.
        own: Role,
        /// The role granted.
        role: Role,
    },
    /// A delegation beyond the delegator's own grant.
    #[error("a delegation reaches no further than the grant that it is under; its {0} does")]
    DelegatesTooMuch(&'static str),
    /// A revocation by somebody else.
    #[error("a grant is revoked by a sponsor, by whoever gave it, or by the member itself")]
    NotYoursToRevoke,
    /// The trial would be left without a sponsor.
    #[error("{0} is the only sponsor left in this register; grant the role to somebody else first")]
    LastSponsor(MemberName),
    /// An offer of custody to the own organisation, or of another role.
    #[error("custody is offered to a member of another organisation, with the role sponsor")]
    OfferedToNobody,
    /// No offer of custody to accept.
    #[error("there is no open offer of custody to {0} behind the link responds-to")]
    NotOffered(MemberName),
    /// A bound is reached.
    #[error("the register has {most} {what}, as many as it may")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
}

impl NotAllowed {
    /// The stable name that programs act on.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoRole(_) | Self::RoleNotHeld { .. } | Self::GrantOver { .. } => "NO_ROLE",
            Self::OutOfScope { .. } => "OUT_OF_SCOPE",
            Self::NeedsSignature { .. } => "NEEDS_SIGNATURE",
            Self::NotBySystem { .. } => "NOT_BY_SYSTEM",
            Self::SamePerson(_) => "SAME_PERSON",
            Self::UnblindedBefore(_) => "UNBLINDED_BEFORE",
            Self::TooMany { .. } => "TOO_MANY",
            _ => "ROLE_MAY_NOT",
        }
    }
}

fn who_may(could: &[Role]) -> String {
    if could.is_empty() {
        "nobody".to_owned()
    } else {
        either_role(could)
    }
}

fn scope_text(scope: &Scope) -> String {
    let Scope::Only(scopes) = scope else {
        return "everything".to_owned();
    };
    let mut parts = Vec::new();
    let mut add = |name: &str, codes: Vec<String>| {
        if !codes.is_empty() {
            parts.push(format!("{name} {}", codes.join(" ")));
        }
    };
    add("sites", scopes.sites.iter().map(ToString::to_string).collect());
    add(
        "countries",
        scopes.countries.iter().map(ToString::to_string).collect(),
    );
    add("visits", scopes.visits.iter().map(ToString::to_string).collect());
    add("forms", scopes.forms.iter().map(ToString::to_string).collect());
    add(
        "datasets",
        scopes.datasets.iter().map(ToString::to_string).collect(),
    );
    parts.join(", ")
}
