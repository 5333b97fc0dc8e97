//! Decisions, activations, locks, and the breaking of the blind.

use trialseal_core::identifiers::{RegisterName, VersionCode};
use trialseal_core::record::Scope;
use trialseal_core::time::Date;
use trialseal_core::vocabulary::{Class, Decision, Event, Rel};

use super::target::Target;
use crate::submission::Submission;

/// What a board or an authority decided on exact documents: `class` is [`Class::Opinion`] or
/// [`Class::AuthorityDecision`].
#[must_use]
pub fn decide(class: Class, on: &[Target], decision: Decision, decided_on: Date) -> Option<Submission> {
    let register = on.first()?.register.clone();
    let submission = Submission::new(register, class, Event::Decided).with(|what| {
        what.decision = Some(decision);
        what.decided_on = Some(decided_on);
    });
    Some(on.iter().fold(submission, |submission, one| {
        submission.link(one.link(Rel::DecidesOn))
    }))
}

/// Puts a finalised document into force, everywhere or in a scope. Its file is added to this record too.
#[must_use]
pub fn activate(document: &Target, scope: Scope) -> Submission {
    let submission = Submission::new(document.register.clone(), document.class, Event::Activated)
        .link(document.link(Rel::Activates))
        .with(|what| what.scope = Some(scope));
    match &document.version {
        Some(version) => submission.version(version.clone()),
        None => submission,
    }
}

/// Locks data softly: it can be changed again without ceremony.
#[must_use]
pub fn soft_lock(register: RegisterName, class: Class) -> Submission {
    Submission::new(register, class, Event::SoftLock)
}

/// Locks data. A second person countersigns; it takes effect then.
#[must_use]
pub fn hard_lock(register: RegisterName, class: Class, version: VersionCode) -> Submission {
    Submission::new(register, class, Event::HardLock).version(version)
}

/// Opens locked data again. Say why in the reason; others countersign.
#[must_use]
pub fn unlock(lock: &Target) -> Submission {
    Submission::new(lock.register.clone(), lock.class, Event::Unlock).link(lock.link(Rel::Unlocks))
}

/// Authorises the unblinding. A statistician countersigns.
#[must_use]
pub fn authorise_unblinding(register: RegisterName) -> Submission {
    Submission::new(register, Class::Trial, Event::UnblindingAuthorised)
}

/// The blind is broken, as it was authorised. `class` is [`Class::Trial`] or [`Class::TreatmentAssignment`].
#[must_use]
pub fn unblind(class: Class, authorised_by: &Target) -> Submission {
    Submission::new(authorised_by.register.clone(), class, Event::Unblinded)
        .link(authorised_by.link(Rel::AuthorisedBy))
}

/// A code is broken in an emergency: never delayed, nobody is asked.
#[must_use]
pub fn break_code(register: RegisterName) -> Submission {
    Submission::new(register, Class::TreatmentAssignment, Event::CodeBroken)
}
