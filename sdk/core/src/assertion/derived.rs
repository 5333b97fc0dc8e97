//! Whether an output was derived from what its record says.

use crate::dossier::{Dossier, Fact, Worth};
use crate::identifiers::RegisterName;
use crate::manifest::Opening;
use crate::vocabulary::{Class, Event, Rel};

use super::order::before_facts;
use super::{Answer, Given, Verdict, capital, complete};

const USES: [Rel; 3] = [Rel::UsesInput, Rel::UsesProgram, Rel::UsesEnvironment];

/// Whether an output is on record as executed from inputs, programs and environments that came earlier and are
/// readable, and of which the given files match.
#[must_use]
pub fn derived(dossier: &Dossier, register: &RegisterName, output: &Given, given: &[Given]) -> Answer {
    judge(dossier, register, output, given).under(dossier)
}

fn judge(dossier: &Dossier, register: &RegisterName, output: &Given, given: &[Given]) -> Answer {
    let executed: Vec<&Fact> = dossier
        .register(register)
        .iter()
        .filter(|fact| fact.event() == Event::Executed)
        .collect();
    let answers: Vec<Answer> = executed
        .iter()
        .filter(|fact| output.is_in(fact))
        .map(|fact| of_record(dossier, fact, output, given))
        .collect();
    // The same output may have been made several times; the best of the runs answers.
    if let Some(best) = answers.into_iter().min_by_key(|answer| answer.verdict) {
        return best;
    }
    let altered = executed.iter().find_map(|fact| {
        let item = output.item_named(fact.items.as_ref()?)?;
        Some((fact, item))
    });
    if let Some((fact, item)) = altered {
        return Answer::disproven(format!(
            "{} is not the output of {}: {} bytes now, {} bytes on record.",
            output.name,
            fact.label(),
            output.digests.size,
            item.size
        ));
    }
    let unopened = executed.iter().find(|fact| fact.items.is_none());
    match unopened {
        Some(fact) => Answer::not_provable(format!(
            "No record that is opened holds {}; of {} no manifest is here.",
            output.name,
            fact.label()
        ))
        .next(format!(
            "{} can supply the receipt with its manifest.",
            fact.signer()
        )),
        None => match complete(dossier, register) {
            Ok(k) => Answer::not_provable(format!(
                "No record says how {} was made, {}.",
                output.name,
                k.phrase()
            )),
            Err(answer) => answer.because(format!("No record that holds {} is here.", output.name)),
        },
    }
}

fn of_record(dossier: &Dossier, fact: &Fact, output: &Given, given: &[Given]) -> Answer {
    let label = fact.label();
    if !fact.is_placed {
        return Answer::not_provable(format!(
            "The evidence for {label} is not what the trust file asks for."
        ));
    }
    if let Worth::NotAllowed(sentence) = &fact.worth {
        return Answer::not_provable(sentence.clone());
    }
    let links: Vec<_> = fact
        .links()
        .iter()
        .filter(|link| USES.contains(&link.rel))
        .collect();
    if links.is_empty() {
        return Answer::not_provable(format!(
            "{} does not say what {} was made from.",
            capital(&label),
            output.name
        ))
        .next(format!(
            "{} can put the run on record with what it used.",
            fact.signer()
        ));
    }
    let mut sources = Vec::new();
    for link in &links {
        let Some(source) = dossier.fact(&link.record) else {
            return Answer::not_provable(format!(
                "{} {} a record at index {}, which is not here.",
                capital(&label),
                verb(link.rel),
                link.index
            ))
            .next("A member of the register can supply its receipt.");
        };
        if source.what.is_none() {
            return Answer::not_provable(format!(
                "{} {} {}, which cannot be read here.",
                capital(&label),
                verb(link.rel),
                source.label()
            ))
            .next("Somebody who may see it can supply it.");
        }
        let order = before_facts(dossier, source, fact);
        match order.verdict {
            Verdict::Proven => sources.push(source),
            Verdict::Disproven => {
                return Answer::disproven(format!(
                    "{} {} {}, which was put on record only later.",
                    capital(&label),
                    verb(link.rel),
                    source.label()
                ));
            }
            Verdict::NotProvable => return order,
        }
    }
    match files(&label, &sources, given) {
        Some(answer) => answer,
        None => stated(dossier, fact, output, &sources, given),
    }
}

/// What speaks against the files that are given.
fn files(label: &str, sources: &[&Fact], given: &[Given]) -> Option<Answer> {
    for file in given {
        if sources.iter().any(|source| file.is_in(source)) {
            continue;
        }
        let altered = sources.iter().find_map(|source| {
            let opening: &Opening = source.items.as_ref()?;
            file.item_named(opening).map(|item| (source, item))
        });
        return Some(match altered {
            Some((source, item)) => Answer::disproven(format!(
                "{} is not {} of {}, which {label} used: {} bytes now, {} bytes on record.",
                file.name,
                item.path,
                source.label(),
                file.digests.size,
                item.size
            )),
            None => Answer::not_provable(format!(
                "{} is not shown to be an item of anything that {label} used.",
                file.name
            ))
            .next("Receipts with manifests of what was used would tell."),
        });
    }
    None
}

fn stated(dossier: &Dossier, fact: &Fact, output: &Given, sources: &[&Fact], given: &[Given]) -> Answer {
    let label = fact.label();
    let mut answer = Answer::proven(format!(
        "{} stated that {} was made from {} on record before: {label}.",
        fact.signer(),
        output.name,
        if sources.len() == 1 {
            "1 record".to_owned()
        } else {
            format!("{} records", sources.len())
        }
    ));
    for source in sources {
        answer = answer.because(format!("It used {}.", source.label()));
    }
    if !given.is_empty() {
        answer = answer.because(format!("Files that were given and match: {}.", given.len()));
    }
    let key = |fact: &Fact| {
        fact.who
            .as_ref()?
            .signer
            .as_ref()
            .map(|signer| signer.key.clone())
    };
    let reproduced = dossier.register(fact.register()).iter().find(|other| {
        other.event() == Event::Reproduced
            && other.class() == Class::AnalysisOutput
            && other.linked(Rel::Reproduces).any(|record| record == fact.record)
            && key(other).is_some_and(|own| key(fact).is_some_and(|first| first != own))
    });
    match reproduced {
        Some(other) => answer.because(format!(
            "{} stated, by another key, that it came out the same: {}.",
            other.signer(),
            other.label()
        )),
        None => answer.because("Nobody else has put on record that it came out the same."),
    }
}

const fn verb(rel: Rel) -> &'static str {
    match rel {
        Rel::UsesProgram => "used as program",
        Rel::UsesEnvironment => "used as environment",
        _ => "used as input",
    }
}
