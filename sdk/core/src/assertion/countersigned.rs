//! Whether distinct persons signed a record in given roles.

use std::collections::BTreeMap;

use crate::authority::Standing;
use crate::dossier::{Dossier, Fact, Key, Worth};
use crate::hash::RecordId;
use crate::identifiers::MemberName;
use crate::vocabulary::{Event, Rel, Role};

use super::{Answer, capital, complete, find};

/// Whether for each role a distinct person signed the record, who held the role by a grant at that index.
///
/// Somebody who holds one of the roles and declined disproves it, unless that role was signed for after that.
#[must_use]
pub fn countersigned(dossier: &Dossier, record: &RecordId, roles: &[Role]) -> Answer {
    match find(dossier, record) {
        Ok(fact) => judge(dossier, fact, roles).under(dossier),
        Err(answer) => answer,
    }
}

/// A signature, and the roles that its person held.
struct Signing<'d> {
    fact: &'d Fact,
    roles: Vec<Role>,
}

/// All signatures under a record: its own, and those that countersign it.
pub(crate) fn signatures<'d>(dossier: &'d Dossier, fact: &'d Fact) -> Vec<&'d Fact> {
    let others = dossier.register(fact.register()).iter().filter(|other| {
        other.event() == Event::Countersigned
            && other
                .linked(Rel::Countersigns)
                .any(|record| record == fact.record)
    });
    std::iter::once(fact).chain(others).collect()
}

fn judge(dossier: &Dossier, fact: &Fact, roles: &[Role]) -> Answer {
    let label = fact.label();
    let mut by_person: BTreeMap<MemberName, Vec<Signing<'_>>> = BTreeMap::new();
    let mut passed_over = Vec::new();
    let mut unknown = Vec::new();
    for signature in signatures(dossier, fact) {
        match counts(signature) {
            Ok(person) => {
                let roles = signature.held.iter().map(|held| held.role).collect();
                by_person.entry(person).or_default().push(Signing {
                    fact: signature,
                    roles,
                });
            }
            Err(Uncounted::Never(sentence)) => passed_over.push(sentence),
            Err(Uncounted::Unknown(sentence)) => unknown.push(sentence),
        }
    }
    for (person, signings) in &by_person {
        if signings.len() > 1 {
            passed_over.push(format!(
                "{person} signed {} times: that is one person.",
                signings.len()
            ));
        }
    }
    let persons: Vec<(&MemberName, Vec<Role>)> = by_person
        .iter()
        .map(|(person, signings)| {
            (
                person,
                signings
                    .iter()
                    .flat_map(|one| one.roles.iter().copied())
                    .collect(),
            )
        })
        .collect();
    let mut taken = vec![None; roles.len()];
    let unfilled = assign(roles, &persons, &mut taken);
    let mut answer = match unfilled {
        None => {
            let mut answer = Answer::proven(format!("{} is signed by {}.", capital(&label), listed(roles)));
            for (role, person) in roles.iter().zip(&taken) {
                let Some((person, _)) = person.and_then(|person| persons.get(person)) else {
                    continue;
                };
                let at = by_person.get(*person).and_then(|signings| {
                    signings
                        .iter()
                        .find(|one| one.roles.contains(role))
                        .map(|one| one.fact)
                });
                if let Some(at) = at {
                    answer = answer.because(format!("{} signed as {role}: {}.", at.signer(), at.label()));
                }
            }
            answer
        }
        Some(role) => missing(dossier, fact, role, &unknown),
    };
    answer.because.extend(passed_over);
    answer
}

enum Uncounted {
    Never(String),
    Unknown(String),
}

/// The person, where the signature counts as one.
fn counts(fact: &Fact) -> Result<MemberName, Uncounted> {
    let label = fact.label();
    let person = fact.person().ok_or_else(|| {
        Uncounted::Never(if fact.is_signed() {
            format!(
                "{} is signed by a system, which can only mean that it executed something.",
                capital(&label)
            )
        } else {
            format!("{} is not signed by anybody who is shown.", capital(&label))
        })
    })?;
    match (&fact.worth, &fact.key) {
        (Worth::NotAllowed(sentence), _) => Err(Uncounted::Never(sentence.clone())),
        (Worth::Unknown(sentence), _) | (_, Key::NotShown(sentence)) => {
            Err(Uncounted::Unknown(sentence.clone()))
        }
        (Worth::Stands(_), _) => Ok(person),
    }
}

/// Gives each role to a person of its own; the first role for which there is none.
fn assign(roles: &[Role], persons: &[(&MemberName, Vec<Role>)], taken: &mut [Option<usize>]) -> Option<Role> {
    for place in 0..roles.len() {
        let mut tried = vec![false; persons.len()];
        if !find_person(place, roles, persons, taken, &mut tried) {
            return roles.get(place).copied();
        }
    }
    None
}

/// A person for the role at this place; whoever has one already may be moved to another role.
fn find_person(
    place: usize,
    roles: &[Role],
    persons: &[(&MemberName, Vec<Role>)],
    taken: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    for (person, (_, held)) in persons.iter().enumerate() {
        if tried[person] || !held.contains(&roles[place]) {
            continue;
        }
        tried[person] = true;
        let holder = taken.iter().position(|own| *own == Some(person));
        if holder.is_none_or(|holder| find_person(holder, roles, persons, taken, tried)) {
            taken[place] = Some(person);
            return true;
        }
    }
    false
}

fn missing(dossier: &Dossier, fact: &Fact, role: Role, unknown: &[String]) -> Answer {
    let label = fact.label();
    let declined = dossier.register(fact.register()).iter().find(|other| {
        other.event() == Event::Declined
            && other.links_to(&fact.record)
            && (other.held_role(role).is_some()
                || matches!(other.standing(), Some(Standing::Declines { .. })))
    });
    if let Some(declined) = declined {
        return Answer::disproven(format!(
            "{} declined to sign {label}: {}.",
            declined.signer(),
            declined.label()
        ));
    }
    if let Some(sentence) = unknown.first() {
        return Answer::not_provable(format!(
            "Whether {label} is signed by {} cannot be judged. {sentence}",
            one(role)
        ))
        .next("A member of the register can supply what is missing.");
    }
    let k = match complete(dossier, fact.register()) {
        Ok(k) => format!(", {}", k.phrase()),
        Err(_) => " among the receipts that are here".to_owned(),
    };
    Answer::not_provable(format!(
        "No signature of another person as {role} is under {label}{k}."
    ))
    .next(format!(
        "{} of the trial can countersign it.",
        capital(&one(role))
    ))
}

fn one(role: Role) -> String {
    let article = if role.as_str().starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {role}")
}

fn listed(roles: &[Role]) -> String {
    let all: Vec<String> = roles.iter().map(|role| one(*role)).collect();
    format!("{}, each another person", all.join(" and "))
}
