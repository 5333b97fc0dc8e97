//! The field's records, ready to be signed: one function for each act that has a form of its own.
//!
//! Each gives a [`Submission`]; files, reason, dates and the signature are added to it as to any other.
//! Who may do what is for the notary to judge, and it says so where it refuses.
//!
//! ```
//! use trialseal::core::identifiers::MemberName;
//! use trialseal::core::vocabulary::Blind;
//! use trialseal::{Role, records};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let member: MemberName = "data-co/m-7".parse()?;
//! let grant = records::grant_of(&member, Role::DataManager, Blind::Blinded);
//! let submission = records::grant("trial:NCT04573309".parse()?, grant, None, None)
//!     .signed_usually(Role::Sponsor);
//! assert_eq!(
//!     submission.statement(),
//!     "Grant, granted: data-co/m-7 as data-manager, blinded, everywhere; meaning: authorisation."
//! );
//! # Ok(()) }
//! ```

mod accounts;
mod acts;
mod disclosure;
mod grants;
mod target;
mod trial;

pub use accounts::{
    confirm_key, enrol_key, enrol_member, enrol_token, revoke_key, revoke_member, revoke_token,
};
pub use acts::{activate, authorise_unblinding, break_code, decide, hard_lock, soft_lock, unblind, unlock};
pub use disclosure::{Audience, erase, open};
pub use grants::{grant, grant_of, revoke_grant};
pub use target::{Target, TargetError};
pub use trial::{accept_custody, offer_custody, register_trial, set_up_trial};

use trialseal_core::vocabulary::{Class, Event, Meaning, Rel};

use crate::submission::Submission;

/// Adds a signature to somebody's record: an act that needs two persons takes effect with it.
#[must_use]
pub fn countersign(target: &Target) -> Submission {
    answer(target, Event::Countersigned, Rel::Countersigns)
}

/// Declines to countersign a record. Say why in the reason.
#[must_use]
pub fn decline(target: &Target) -> Submission {
    answer(target, Event::Declined, Rel::Countersigns)
}

fn answer(target: &Target, event: Event, rel: Rel) -> Submission {
    let submission = Submission::new(target.register.clone(), target.class, event).link(target.link(rel));
    match &target.version {
        Some(version) => submission.version(version.clone()),
        None => submission,
    }
}

/// What a person's signature under such a record usually means. It is shown before signing.
#[must_use]
pub const fn usual_meaning(class: Class, event: Event) -> Meaning {
    match event {
        Event::Finalised | Event::Activated | Event::Published | Event::Countersigned => Meaning::Approval,
        Event::Drafted => Meaning::Authorship,
        Event::Decided => Meaning::Decision,
        Event::Endorsed => Meaning::Endorsement,
        Event::UnblindingAuthorised | Event::Granted | Event::Erased => Meaning::Authorisation,
        Event::Revoked if matches!(class, Class::Grant) => Meaning::Authorisation,
        Event::Received => Meaning::Receipt,
        Event::Reproduced => Meaning::Verification,
        Event::Declined => Meaning::Review,
        Event::Recorded if matches!(class, Class::Other) => Meaning::Witnessing,
        _ => Meaning::Responsibility,
    }
}

#[cfg(test)]
mod tests;
