//! Whether all versions of something are shown.

use crate::dossier::{Dossier, Fact};
use crate::hash::RecordId;
use crate::identifiers::{RegisterName, TrialId};
use crate::vocabulary::{Class, Event};

use super::{Answer, complete};

/// Whether every record of a class is among those shown. Countersignatures, declined ones and openings are no
/// versions.
#[must_use]
pub fn only_versions(dossier: &Dossier, register: &RegisterName, class: Class, shown: &[RecordId]) -> Answer {
    let on_record: Vec<&Fact> = dossier
        .register(register)
        .iter()
        .filter(|fact| fact.class() == class && is_version(fact.event()))
        .collect();
    let hidden: Vec<&Fact> = on_record
        .iter()
        .copied()
        .filter(|fact| !shown.contains(&fact.record))
        .collect();
    let seen = on_record.len() - hidden.len();
    let answer = match (complete(dossier, register), hidden.is_empty()) {
        (_, false) => {
            let places: Vec<String> = hidden.iter().map(|fact| place(fact)).collect();
            Answer::disproven(format!(
                "{} of class {class} on record, {seen} shown; not shown: {}.",
                on_record.len(),
                places.join(", ")
            ))
        }
        (Ok(k), true) if seen == 0 => {
            Answer::proven(format!("None of class {class} is on record, {}.", k.phrase()))
        }
        (Ok(k), true) => Answer::proven(format!(
            "Everything of class {class} that is on record is shown ({seen}), {}.",
            k.phrase()
        )),
        (Err(answer), true) => answer.because(format!("{seen} of class {class} are shown.")),
    };
    qualify(answer, dossier, register, class).under(dossier)
}

/// What is never counted, always said.
fn qualify(mut answer: Answer, dossier: &Dossier, register: &RegisterName, class: Class) -> Answer {
    let others = dossier
        .register(register)
        .iter()
        .filter(|fact| fact.class() == Class::Other)
        .count();
    let here = if class == Class::Other {
        String::new()
    } else {
        format!(" (here: {others} of class other)")
    };
    answer = answer.because(format!(
        "What was never notarized, or elsewhere, or under another class{here}, is not counted."
    ));
    for second in second_registers(dossier, register) {
        answer = answer.because(format!(
            "Another register claims the same trial: {}, opened by {}; what is there is not counted.",
            second.register(),
            second.signer()
        ));
    }
    answer
}

/// Registrations of other registers that claim the same trial, by name or by another id.
pub(crate) fn second_registers<'d>(
    dossier: &'d Dossier,
    register: &'d RegisterName,
) -> impl Iterator<Item = &'d Fact> {
    let own: Vec<TrialId> = claimed(dossier, register);
    let mut registers: Vec<&RegisterName> = dossier.registers().filter(|other| *other != register).collect();
    registers.retain(|other| claimed(dossier, other).iter().any(|id| own.contains(id)));
    registers
        .into_iter()
        .filter_map(|other| dossier.register(other).first())
}

/// The ids under which a register's trial is known.
fn claimed(dossier: &Dossier, register: &RegisterName) -> Vec<TrialId> {
    let mut ids: Vec<TrialId> = TrialId::of_register(register).into_iter().collect();
    for fact in dossier.register(register) {
        if let Some(trial) = fact.what.as_ref().and_then(|what| what.trial.as_ref()) {
            ids.extend(trial.aliases.iter().cloned());
        }
    }
    ids
}

const fn is_version(event: Event) -> bool {
    !matches!(event, Event::Countersigned | Event::Declined | Event::Opened)
}

fn place(fact: &Fact) -> String {
    if fact.when.sealed {
        format!("{} (sealed)", fact.sequence())
    } else {
        fact.sequence().to_string()
    }
}
