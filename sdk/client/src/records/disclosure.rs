//! Opening what was committed to, and erasing what must go.

use trialseal_core::identifiers::Code;
use trialseal_core::manifest::Manifest;
use trialseal_core::record::Erased;
use trialseal_core::vocabulary::{Class, ErasablePart, Event, Rel, Role};

use super::target::Target;
use crate::submission::Submission;

/// To whom a manifest is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// To everybody.
    Public,
    /// To those who hold one of these roles in the register.
    Roles(Vec<Role>),
}

/// Discloses the manifest of a record: the very one that it committed to, which the root in both records
/// shows.
#[must_use]
pub fn open(target: &Target, manifest: Manifest, to: &Audience) -> Submission {
    let roles = match to {
        Audience::Public => &[Role::Public][..],
        Audience::Roles(roles) => roles,
    };
    let submission = Submission::new(target.register.clone(), target.class, Event::Opened)
        .link(target.link(Rel::CertifiedCopyOf))
        .with(|what| what.affects = roles.iter().map(|role| Code::from(*role)).collect())
        .opening(manifest);
    match &target.version {
        Some(version) => submission.version(version.clone()),
        None => submission,
    }
}

/// Asks for parts of a record to be erased; an archivist countersigns. Say why in the reason. The proof of the
/// rest survives. Of a `what` it restates class, event, scope and manifest, as far as the target shows them.
#[must_use]
pub fn erase(target: &Target, parts: Vec<ErasablePart>) -> Submission {
    let of_what = parts.contains(&ErasablePart::What);
    let erased = Erased {
        record: target.record,
        index: target.index,
        parts,
        class: of_what.then_some(target.class),
        event: of_what.then_some(target.event),
    };
    Submission::new(target.register.clone(), Class::Erasure, Event::Erased)
        .link(target.link(Rel::Erases))
        .with(|what| {
            what.erased = Some(erased);
            if of_what {
                what.scope = target.scope.clone();
                what.manifest = target.manifest;
            }
        })
}
