//! A trial's register: opening it, setting it up, handing it over.

use trialseal_core::identifiers::{MemberName, RegisterName, TrialId};
use trialseal_core::record::{Trial, TrialSettings};
use trialseal_core::vocabulary::{Blind, Class, Event, Rel, Role};

use super::grants::grant_of;
use super::target::Target;
use crate::submission::Submission;

/// Opens a trial's register; the other ids of the trial share it. Whoever signs is its sponsor from then on.
#[must_use]
pub fn register_trial(register: RegisterName, aliases: Vec<TrialId>) -> Submission {
    Submission::new(register, Class::Trial, Event::Registered)
        .with(|what| what.trial = (!aliases.is_empty()).then_some(Trial { aliases }))
}

/// Sets up a trial. Settings add up: what is named here replaces what was set before, the rest stays.
#[must_use]
pub fn set_up_trial(register: RegisterName, settings: TrialSettings) -> Submission {
    Submission::new(register, Class::TrialSettings, Event::Set).with(|what| what.settings = Some(settings))
}

/// Offers the register to another sponsor, whose member accepts it.
#[must_use]
pub fn offer_custody(register: RegisterName, to: &MemberName) -> Submission {
    let grant = grant_of(to, Role::Sponsor, Blind::Blinded);
    Submission::new(register, Class::Trial, Event::CustodyOffered).with(|what| what.grant = Some(grant))
}

/// Accepts an offered register: from this record on the signer's organisation is its sponsor.
#[must_use]
pub fn accept_custody(offer: &Target) -> Submission {
    Submission::new(offer.register.clone(), Class::Trial, Event::CustodyAccepted)
        .link(offer.link(Rel::RespondsTo))
}
