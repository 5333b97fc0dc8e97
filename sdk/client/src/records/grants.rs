//! Granting and revoking roles.

use trialseal_core::identifiers::{MemberName, RegisterName};
use trialseal_core::record::{Grant, Scope};
use trialseal_core::vocabulary::{Blind, Class, Event, Rel, Role};

use super::target::Target;
use crate::submission::Submission;

/// What a grant gives; it ends when [`Grant::expires`] says, where that is set.
#[must_use]
pub fn grant_of(member: &MemberName, role: Role, blind: Blind) -> Grant {
    Grant {
        organization: member.organization.clone(),
        member: member.member.clone(),
        role,
        blind,
        expires: None,
    }
}

/// Grants a role, everywhere or in a scope. `under` is the agreement it rests on, or the grantor's own grant
/// where he delegates.
#[must_use]
pub fn grant(
    register: RegisterName,
    grant: Grant,
    scope: Option<Scope>,
    under: Option<&Target>,
) -> Submission {
    let submission = Submission::new(register, Class::Grant, Event::Granted).with(|what| {
        what.grant = Some(grant);
        what.scope = scope;
    });
    match under {
        Some(under) => submission.link(under.link(Rel::Under)),
        None => submission,
    }
}

/// Revokes a role. What was signed under it before stays as it was.
#[must_use]
pub fn revoke_grant(register: RegisterName, grant: Grant) -> Submission {
    Submission::new(register, Class::Grant, Event::Revoked).with(|what| what.grant = Some(grant))
}
