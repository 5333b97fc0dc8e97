//! What a decision of a board or an authority is worth.

use crate::dossier::{Dossier, Fact, Key, Worth};
use crate::record::Scope;
use crate::time::Date;
use crate::vocabulary::{Class, Decision, IdentityGrade, Role};

use super::capital;

/// Whether a decision counts as its board's own.
pub(super) enum Weight {
    /// Signed by a member who held the role at its index.
    Counts,
    /// It does not; one sentence.
    DoesNot(String),
    /// Something is missing; one sentence.
    Unknown(String),
}

/// What a decision says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Positive,
    Negative,
    /// What was suspended holds again.
    Lifted,
    /// Neither: not yet decided.
    Open,
}

pub(super) const fn tone(decision: Decision) -> Tone {
    match decision {
        Decision::Approved
        | Decision::ApprovedWithConditions
        | Decision::Acknowledged
        | Decision::NotRequired => Tone::Positive,
        Decision::ModificationsRequired
        | Decision::Disapproved
        | Decision::Suspended
        | Decision::Terminated
        | Decision::Withdrawn => Tone::Negative,
        Decision::SuspensionLifted => Tone::Lifted,
        Decision::Deferred => Tone::Open,
    }
}

/// The role in which a decision of this class is signed.
pub(super) const fn role_of(class: Class) -> Role {
    match class {
        Class::AuthorityDecision => Role::Authority,
        _ => Role::EthicsBoard,
    }
}

pub(super) fn weight(dossier: &Dossier, fact: &Fact) -> Weight {
    let label = capital(&fact.label());
    let role = role_of(fact.class());
    if !fact.is_placed {
        return Weight::Unknown(format!(
            "The evidence for {} is not what the trust file asks for.",
            fact.label()
        ));
    }
    if !fact.is_signed() {
        return Weight::DoesNot(format!("{label} is not signed by the board."));
    }
    match (&fact.worth, &fact.key) {
        (Worth::NotAllowed(sentence), _) => Weight::DoesNot(sentence.clone()),
        (Worth::Unknown(sentence), _) | (_, Key::NotShown(sentence)) => Weight::Unknown(sentence.clone()),
        (Worth::Stands(_), _) if fact.held_role(role).is_none() => Weight::DoesNot(format!(
            "{label} was signed by a member who did not hold the role {role} at its index."
        )),
        (Worth::Stands(_), _) => match unknown_kind(dossier, fact) {
            Some(sentence) => Weight::Unknown(sentence),
            None => Weight::Counts,
        },
    }
}

/// The role goes only to organisations of its kind, so the kind has to be known.
fn unknown_kind(dossier: &Dossier, fact: &Fact) -> Option<String> {
    let organization = &fact.who.as_ref()?.organization;
    let known = dossier
        .organization(organization)
        .is_some_and(|enrolled| enrolled.kind.is_some());
    (!known).then(|| format!("The enrolment of {organization} is not here, so its kind is not known."))
}

/// The kind of the organisation and how its identity was checked, as a sentence.
pub(super) fn identity(dossier: &Dossier, fact: &Fact) -> Option<String> {
    let organization = &fact.who.as_ref()?.organization;
    let enrolled = dossier.organization(organization)?;
    let kind = enrolled.kind.map_or("of no stated kind", |kind| kind.as_str());
    Some(match enrolled.grade {
        Some(IdentityGrade::SelfAsserted) | None => {
            format!("{organization} is enrolled as {kind}; who it is, it says itself.")
        }
        Some(grade) => format!("{organization} is enrolled as {kind}; its identity is {grade}."),
    })
}

/// Whether a decision is valid on a day.
pub(super) fn is_valid_on(fact: &Fact, day: Date) -> bool {
    fact.what.as_ref().is_some_and(|what| {
        what.valid_from.is_none_or(|from| from <= day) && what.valid_until.is_none_or(|until| day <= until)
    })
}

/// Where something applies, in words.
pub(super) fn scope_text(scope: Option<&Scope>) -> String {
    let Some(Scope::Only(scopes)) = scope else {
        return "the whole trial".to_owned();
    };
    let mut parts = Vec::new();
    let mut add = |name: &str, codes: Vec<String>| {
        if !codes.is_empty() {
            parts.push(format!("{name} {}", codes.join(", ")));
        }
    };
    add("site", scopes.sites.iter().map(ToString::to_string).collect());
    add(
        "country",
        scopes.countries.iter().map(ToString::to_string).collect(),
    );
    add("visit", scopes.visits.iter().map(ToString::to_string).collect());
    add("form", scopes.forms.iter().map(ToString::to_string).collect());
    add(
        "dataset",
        scopes.datasets.iter().map(ToString::to_string).collect(),
    );
    parts.join("; ")
}
