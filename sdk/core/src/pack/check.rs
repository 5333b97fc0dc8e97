//! Checking the rules of a pack.

use crate::assertion::{Answer, Verdict, acts, before, contemporaneous, countersigned};
use crate::dossier::{Fact, capital};
use crate::vocabulary::{Blind, Class, Event, Rel, Role};

use super::file::{Check, Code, Rule};
use super::subjects::{Found, Subjects};

/// Milliseconds in an hour.
const HOUR_MILLIS: i64 = 3_600_000;

/// The answer of a rule: the worst of what it checks.
pub(super) fn rule(rule: &Rule, subjects: &Subjects<'_>) -> Answer {
    let answers: Vec<Answer> = rule
        .all
        .iter()
        .flat_map(|check| of_check(check, subjects))
        .collect();
    if rule.all.iter().all(|check| matches!(check, Check::List { .. })) {
        return list(answers);
    }
    Answer::all(answers).unwrap_or_else(|| Answer::not_provable("The rule checks nothing."))
}

/// A list judges nothing.
fn list(answers: Vec<Answer>) -> Answer {
    let mut all = Answer::proven("For information only.");
    for answer in answers {
        all.because.push(answer.sentence);
        all.because.extend(answer.because);
    }
    all
}

fn of_check(check: &Check, subjects: &Subjects<'_>) -> Vec<Answer> {
    match check {
        Check::Preceded { subject, event } => with_two(subjects, subject, event, |fact, event| {
            acts::preceded(subjects.dossier, fact, event)
        }),
        Check::BlindedSigners { subject } => each(subjects, subject, |fact| blinded_signers(subjects, fact)),
        Check::Uses { subject, of } => with_two(subjects, subject, of, |fact, of| uses(subjects, fact, of)),
        Check::RecordedAfter { subject, of } => with_two(subjects, subject, of, |fact, of| {
            if fact.record == of.record {
                return Answer::proven(format!("{} itself stands for it.", acts::name(fact)));
            }
            match acts::effective(subjects.dossier, of) {
                Ok(of) => before(subjects.dossier, &of.record, &fact.record),
                Err(answer) => answer,
            }
        }),
        Check::OpenedMatches { subject, class } => {
            each(subjects, subject, |fact| opened(subjects, fact, class.0))
        }
        Check::Countersigned { subject, roles } => {
            let roles: Vec<Role> = roles.iter().map(|Code(role)| *role).collect();
            each(subjects, subject, |fact| {
                match acts::effective(subjects.dossier, fact) {
                    Ok(_) => countersigned(subjects.dossier, &fact.record, &roles),
                    Err(answer) => answer,
                }
            })
        }
        Check::LinkedFrom { subject, class } => {
            each(subjects, subject, |fact| linked_from(subjects, fact, class.0))
        }
        Check::Contemporaneous { subject, hours } => each(subjects, subject, |fact| {
            let bound = hours.map(|hours| i64::from(hours) * HOUR_MILLIS);
            contemporaneous(subjects.dossier, &fact.record, bound)
        }),
        Check::List { subject, words } => vec![listed(subjects, subject, words)],
    }
}

/// The answer for each record of a subject. Where a subject may be many and there is none, all of none hold.
fn each<'d>(subjects: &Subjects<'d>, name: &str, judge: impl Fn(&'d Fact) -> Answer) -> Vec<Answer> {
    let Some(found) = subjects.get(name) else {
        return Vec::new();
    };
    if found.facts.is_empty() {
        return vec![none_of(subjects, found)];
    }
    let unknown = found
        .unknown
        .iter()
        .map(|sentence| Answer::not_provable(format!("There may be another {}. {sentence}", found.words)));
    found
        .facts
        .iter()
        .map(|fact| judge(fact))
        .chain(unknown)
        .collect()
}

/// With nothing of a kind on record up to K, whatever is asked of each of that kind holds. Of what has to be there
/// that is no answer.
fn none_of(subjects: &Subjects<'_>, found: &Found<'_>) -> Answer {
    let completeness = subjects.dossier.completeness(subjects.register);
    match completeness.complete_to {
        Some(k) if found.is_many && found.unknown.is_empty() => {
            Answer::proven(format!("There are no {} on record, {}.", found.words, k.phrase()))
        }
        _ => subjects.none(found),
    }
}

/// The answer for each record of a subject and the one record of another.
fn with_two<'d>(
    subjects: &Subjects<'d>,
    subject: &str,
    other: &str,
    judge: impl Fn(&'d Fact, &'d Fact) -> Answer,
) -> Vec<Answer> {
    let of_many = subjects
        .get(subject)
        .is_some_and(|found| found.is_many && found.facts.is_empty());
    let Some(found) = subjects.get(other) else {
        return Vec::new();
    };
    match found.facts.first() {
        _ if of_many => each(subjects, subject, |fact| judge(fact, fact)),
        Some(other) => each(subjects, subject, |fact| judge(fact, other)),
        None => {
            // Both may be missing; what the rule is about speaks first.
            let own = subjects
                .get(subject)
                .filter(|own| own.facts.is_empty())
                .map(|own| subjects.none(own));
            own.into_iter()
                .chain(std::iter::once(subjects.none(found)))
                .collect()
        }
    }
}

fn blinded_signers(subjects: &Subjects<'_>, fact: &Fact) -> Answer {
    let dossier = subjects.dossier;
    let label = fact.label();
    let mut signers = Vec::new();
    for signature in acts::signatures(dossier, fact) {
        if let Err(answer) = acts::effective(dossier, signature) {
            if signature.record == fact.record {
                return answer;
            }
            continue;
        }
        let Some(person) = signature.person() else {
            return Answer::not_provable(format!("Who signed {} is not shown.", signature.label()))
                .next("Somebody who may see it can supply it.");
        };
        if signature.held.is_empty() {
            return Answer::not_provable(format!(
                "Which grants {person} held at {} cannot be judged.",
                signature.label()
            ));
        }
        if let Some(held) = signature.held.iter().find(|held| held.blind == Blind::Unblinded) {
            return Answer::disproven(format!(
                "{person} signed {label} and held an unblinded grant then: {} since record {}.",
                held.role, held.placed.sequence
            ));
        }
        signers.push(person.to_string());
    }
    Answer::proven(format!(
        "All who signed {label} held only blinded grants then: {}.",
        signers.join(", ")
    ))
}

/// Whether an output names the locked data as its input, itself or through what it was made from.
fn uses(subjects: &Subjects<'_>, fact: &Fact, lock: &Fact) -> Answer {
    let dossier = subjects.dossier;
    let label = fact.label();
    let mut open: Vec<&Fact> = vec![fact];
    let mut seen = std::collections::BTreeSet::new();
    let mut missing = None;
    while let Some(one) = open.pop() {
        if one.what.is_none() {
            missing = missing.or(Some(one.label()));
        }
        let inputs = one.linked(Rel::UsesInput).chain(one.linked(Rel::PartOf));
        for input in inputs {
            if input == lock.record {
                return Answer::proven(format!("{} uses {}.", acts::name(fact), lock.label()));
            }
            match dossier.fact(&input) {
                Some(input) if seen.insert(input.record) => open.push(input),
                Some(_) => {}
                None => missing = missing.or(Some("a record that is not here".to_owned())),
            }
        }
    }
    match missing {
        Some(missing) => Answer::not_provable(format!(
            "{} is not shown to use {}: it leads to {missing}.",
            acts::name(fact),
            lock.label()
        )),
        None => Answer::disproven(format!("{} does not use {}.", acts::name(fact), lock.label()))
            .because(format!("What {label} names as its inputs leads elsewhere.")),
    }
}

/// Whether what was opened of a sealed record is what was sealed.
fn opened(subjects: &Subjects<'_>, fact: &Fact, class: Class) -> Answer {
    let label = fact.label();
    if fact.class() != class {
        return Answer::proven(format!(
            "{} is not sealed, so there is nothing to open.",
            acts::name(fact)
        ));
    }
    let committed = fact.what.as_ref().and_then(|what| what.manifest);
    let opening = subjects.dossier.register(subjects.register).iter().find(|other| {
        other.event() == Event::Opened
            && other
                .linked(Rel::CertifiedCopyOf)
                .any(|record| record == fact.record)
    });
    let of_opening = opening
        .and_then(|opening| opening.what.as_ref())
        .and_then(|what| what.manifest);
    if let (Some(opening), Some(own), Some(sealed)) = (opening, of_opening, committed)
        && own != sealed
    {
        return Answer::disproven(format!(
            "{} opened something else than {label} sealed.",
            acts::name(opening)
        ));
    }
    // A manifest that does not lead to the committed root fails verification.
    match (&fact.items, opening) {
        (Some(items), opened) => {
            let by = opened.map_or_else(
                || "It was not opened by a record".to_owned(),
                |opened| format!("It was opened by {}", opened.label()),
            );
            Answer::proven(format!(
                "The list that is shown is the one that {label} sealed: {} items, byte for byte.",
                items.count()
            ))
            .because(format!("{by}."))
        }
        (None, Some(opened)) => Answer::not_provable(format!(
            "{} opened {label}, and the list is not here.",
            acts::name(opened)
        ))
        .next("Whoever it was opened to can supply the receipt with its manifest."),
        (None, None) => Answer::not_provable(format!("{} was not opened.", acts::name(fact)))
            .next("Whoever submitted it can open it: trialseal open."),
    }
}

fn linked_from(subjects: &Subjects<'_>, fact: &Fact, class: Class) -> Answer {
    let label = fact.label();
    let links = |other: &&Fact| other.class() == class && other.links_to(&fact.record);
    let register = subjects.dossier.register(subjects.register);
    if let Some(other) = register.iter().find(links) {
        return Answer::proven(format!("{} is about {label}.", acts::name(other)));
    }
    let hidden = register
        .iter()
        .any(|other| other.class() == class && other.what.is_none());
    let completeness = subjects.dossier.completeness(subjects.register);
    match completeness.complete_to.filter(|_| !hidden) {
        Some(k) => Answer::disproven(format!("No {class} links to {label}, {}.", k.phrase())),
        None => Answer::not_provable(format!("No {class} that is shown here links to {label}.")),
    }
}

fn listed(subjects: &Subjects<'_>, name: &str, words: &str) -> Answer {
    let facts = subjects.get(name).map_or(&[][..], |found| found.facts.as_slice());
    let of = subjects.get(name).map_or("", |found| found.words.as_str());
    let labels: Vec<String> = facts.iter().map(|fact| fact.label()).collect();
    if labels.is_empty() {
        return Answer::proven(format!("No {of}."));
    }
    Answer::proven(format!("{}: {} ({words}).", capital(of), labels.join(", ")))
}

/// The worst of what can fail.
pub(super) fn verdict<'a>(answers: impl Iterator<Item = &'a Answer>) -> Verdict {
    answers
        .map(|answer| answer.verdict)
        .max()
        .unwrap_or(Verdict::NotProvable)
}
