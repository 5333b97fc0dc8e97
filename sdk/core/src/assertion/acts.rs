//! Acts that take effect only with the last signature that they need.

use crate::authority::Standing;
use crate::dossier::{Dossier, Fact, Worth, capital};

use super::order::preceded_facts;
use super::{Answer, placed};

pub(crate) use super::countersigned::signatures;

/// The record at whose index an act took effect: its own, or the last signature that it needed.
pub(crate) fn effective<'d>(dossier: &'d Dossier, fact: &'d Fact) -> Result<&'d Fact, Answer> {
    let label = capital(&fact.label());
    placed(dossier, fact)?;
    if let Some(by) = fact.effective_at {
        let by = dossier.fact(&by).unwrap_or(fact);
        placed(dossier, by)?;
        return Ok(by);
    }
    Err(match &fact.worth {
        Worth::Stands(Standing::Pending { needs, .. }) => {
            let needs: Vec<String> = needs.iter().map(ToString::to_string).collect();
            let needs = needs.join(" and ");
            Answer::not_provable(format!(
                "{label} is PENDING: it still needs the signature of {needs}."
            ))
            .next(format!(
                "{} can countersign it: trialseal countersign.",
                capital(&needs)
            ))
        }
        Worth::Stands(_) => Answer::not_provable(format!("{label} is not in effect.")),
        Worth::NotAllowed(sentence) => Answer::disproven(sentence.clone()),
        Worth::Unknown(sentence) => Answer::not_provable(format!(
            "Whether {} is in effect cannot be judged. {sentence}",
            fact.label()
        ))
        .next("A member of the register can supply what is missing."),
    })
}

/// Whether an act was in effect before something happened.
pub(crate) fn preceded(dossier: &Dossier, fact: &Fact, event: &Fact) -> Answer {
    match (effective(dossier, fact), effective(dossier, event)) {
        (Ok(own), Ok(by)) => preceded_facts((own, &in_effect(fact, own)), (by, &in_effect(event, by))),
        (Err(answer), _) | (_, Err(answer)) => answer,
    }
}

/// An act, and with which signature it took effect: `record 12 (dataset 1.0, hard-lock; in effect with record 13)`.
fn in_effect(fact: &Fact, by: &Fact) -> String {
    let label = fact.label();
    match label.strip_suffix(')') {
        Some(open) if fact.record != by.record => {
            format!("{open}; in effect with record {})", by.sequence())
        }
        _ => label,
    }
}

/// The record as a sentence begins with it.
pub(crate) fn name(fact: &Fact) -> String {
    capital(&fact.label())
}
