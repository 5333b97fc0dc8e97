//! From what was shown to a verdict with its sentences.

use serde_json::json;
use trialseal::WithheldWhy;
use trialseal::core::register_chain::{Chain, StatedHead};

use super::remembered::Remembered;
use super::shown::{Record, Shown};
use crate::outcome::{Answer, Exit, count};

/// How it stands with a register.
pub(super) struct Judged {
    /// Of what was shown now, and what was remembered.
    pub(super) chain: Chain,
    /// The latest statement that the chain bears out.
    pub(super) covered: Option<StatedHead>,
    /// Places that were shown once and are not any more.
    gone: Vec<u64>,
}

impl Judged {
    pub(super) fn of(shown: &Shown, before: Option<&Remembered>) -> Self {
        let mut receipts: Vec<_> = shown.records.iter().map(|record| record.placed.clone()).collect();
        let mut statements: Vec<StatedHead> = shown
            .statements
            .iter()
            .filter_map(|stated| stated.head())
            .collect();
        let is_shown = |place: u64| shown.records.iter().any(|one| one.placed.sequence.get() == place);
        let mut gone = Vec::new();
        if let Some(before) = before {
            for remembered in &before.receipts {
                let place = remembered.placed.sequence.get();
                if !is_shown(place) {
                    gone.push(place);
                }
                receipts.push(remembered.placed.clone());
            }
            statements.extend(before.statement.as_ref().and_then(|stated| stated.head()));
        }
        let chain = Chain::of(receipts, &statements);
        let covered = chain.covered_by(&statements).cloned();
        Self { chain, covered, gone }
    }

    pub(super) fn answer(&self, shown: &Shown, before: Option<&Remembered>) -> Answer {
        let answer = self.verdict(shown);
        let answer = self
            .history(shown, before)
            .into_iter()
            .fold(answer, Answer::because);
        let answer = not_shown(&shown.records)
            .into_iter()
            .fold(answer, Answer::because);
        let answer = self.time(shown).into_iter().fold(answer, Answer::because);
        let answer = match shown.rivals.as_slice() {
            [] => answer,
            rivals => answer.because(format!(
                "Another register claims the same trial: {}. What is on record there is not counted here.",
                rivals.join(", ")
            )),
        };
        let contradictions: Vec<_> = self
            .chain
            .contradictions
            .iter()
            .map(|one| json!({"flaw": one.flaw.as_str(), "between": one.between, "sentence": one.sentence}))
            .collect();
        answer
            .with("register", shown.register.as_str())
            .with("unbroken_to", self.chain.unbroken_to)
            .with("last_known", self.chain.last_known)
            .with("stated", self.covered.as_ref().map(|stated| stated.size))
            .with(
                "stated_at",
                self.covered.as_ref().map(|stated| stated.at.to_string()),
            )
            .with(
                "log_size",
                self.covered.as_ref().map(|stated| stated.log_size.get()),
            )
            .with("missing", self.chain.missing.clone())
            .with("refused", shown.refused.clone())
            .with("contradictions", contradictions)
            .with("hidden", hidden_json(&shown.records))
    }

    fn verdict(&self, shown: &Shown) -> Answer {
        let (register, chain) = (&shown.register, &self.chain);
        if let Some(first) = chain.contradictions.first() {
            let flaw = first.flaw;
            let sentence = format!("{register} was {flaw}: the notary contradicts itself about it.");
            let answer = Answer::new(Exit::Disproven, "DISPROVEN", sentence);
            let sentences = chain.contradictions.iter().map(|one| one.sentence.clone());
            return sentences.take(5).fold(answer, Answer::because);
        }
        if !self.gone.is_empty() {
            let sentence = format!(
                "{} of {register} {} shown to you before, and {} not shown now.",
                capitalised(&places(&self.gone)),
                if self.gone.len() == 1 { "was" } else { "were" },
                if self.gone.len() == 1 { "is" } else { "are" },
            );
            return Answer::new(Exit::Disproven, "DISPROVEN", sentence)
                .because("Ask for it; a register does not get shorter.");
        }
        if !shown.refused.is_empty() {
            let sentence = format!(
                "{register} is not shown whole: {} not verify.",
                match shown.refused.len() {
                    1 => "one of its texts does".to_owned(),
                    many => format!("{many} of its texts do"),
                }
            );
            return Answer::new(Exit::Disproven, "REFUSED", sentence);
        }
        if !chain.missing.is_empty() {
            let sentence = format!(
                "{} of {register} {} not shown; it has {} at least.",
                capitalised(&places(&chain.missing)),
                if chain.missing.len() == 1 { "is" } else { "are" },
                count(chain.last_known as usize, "record"),
            );
            return Answer::new(Exit::Disproven, "MISSING", sentence)
                .next("Ask whoever gave you this, or the notary, for what is missing.");
        }
        let Some(stated) = &self.covered else {
            let sentence = format!(
                "{register} is unbroken from record 1 to {}, but nothing says that record {} is its last.",
                chain.unbroken_to, chain.unbroken_to
            );
            let answer = Answer::new(Exit::NotProvable, "NOT PROVABLE", sentence);
            let why = shown.no_statement.clone();
            let why =
                why.unwrap_or_else(|| "There is no register statement that counts these records.".to_owned());
            return answer
                .because(why)
                .next("Ask again in a minute: the notary states a register on demand.");
        };
        let sentence = format!(
            "{register} is whole from record 1 to {}: each names the one before, and record {} is the last that the \
             notary stated at {} (log size {}).",
            stated.size,
            stated.size,
            stated.at,
            stated.log_size.get()
        );
        let answer = Answer::new(Exit::Done, "PROVEN", sentence);
        match chain.unbroken_to.checked_sub(stated.size) {
            None | Some(0) => answer,
            Some(_) => {
                let newer: Vec<u64> = (stated.size + 1..=chain.unbroken_to).collect();
                let answer = answer.because(format!(
                    "{} came after that statement: unbroken, but whether more followed is not stated yet.",
                    capitalised(&places(&newer))
                ));
                match shown.fresh_from {
                    Some(from) => answer.next(format!(
                        "A newer statement can be had from {from} on: add --fresh."
                    )),
                    None => answer,
                }
            }
        }
    }

    /// Against what was verified before.
    fn history(&self, shown: &Shown, before: Option<&Remembered>) -> Option<String> {
        let before = before?;
        let head = before
            .receipts
            .iter()
            .map(|one| one.placed.sequence.get())
            .max()?;
        if !self.chain.contradictions.is_empty() || !self.gone.is_empty() || shown.records.is_empty() {
            return Some(format!(
                "You verified it to record {head} at {}.",
                before.verified_at
            ));
        }
        Some(format!(
            "It is the register that you verified to record {head} at {}.",
            before.verified_at
        ))
    }

    /// What bounds the statement in time.
    fn time(&self, shown: &Shown) -> Option<String> {
        let stated = self.covered.as_ref()?;
        let of_statement = shown.statements.iter().find(|one| one.name == stated.name)?;
        Some(match of_statement.report.independent_time {
            Some(time) => format!(
                "The statement existed no later than {time}; the notary states {} by its own clock.",
                stated.at
            ),
            None => format!(
                "The notary states {} by its own clock; there is no independent time over the statement.",
                stated.at
            ),
        })
    }
}

/// How many records are not shown whole, and why.
fn not_shown(records: &[Record]) -> Vec<String> {
    let of = |why: &[WithheldWhy]| -> Vec<u64> {
        let hidden = records
            .iter()
            .filter(|one| one.hidden().is_some_and(|own| why.contains(&own)));
        hidden.map(|one| one.placed.sequence.get()).collect()
    };
    let full = records
        .iter()
        .filter(|one| one.hidden().is_none() && !one.is_erased())
        .count();
    let mut sentences = vec![format!(
        "{full} of {} shown to you in full.",
        count(records.len(), "record")
    )];
    for (why, means) in [
        (&[WithheldWhy::Sealed][..], "sealed, and your grants are blinded"),
        (
            &[WithheldWhy::Scope],
            "about sites or countries that your grants do not cover",
        ),
        (&[WithheldWhy::Role], "not open to your role"),
        (&[WithheldWhy::Other], "withheld; nobody says why"),
    ] {
        let hidden = of(why);
        if !hidden.is_empty() {
            let shown = if hidden.len() == 1 { "is" } else { "are" };
            sentences.push(format!(
                "Only the place of {} {shown} shown: {means}.",
                places(&hidden)
            ));
        }
    }
    let erased: Vec<u64> = records
        .iter()
        .filter(|one| one.is_erased())
        .map(|one| one.placed.sequence.get())
        .collect();
    if !erased.is_empty() {
        sentences.push(format!(
            "Parts of {} were erased; a tombstone on record says which.",
            places(&erased)
        ));
    }
    sentences
}

fn hidden_json(records: &[Record]) -> Vec<serde_json::Value> {
    let hidden = records.iter().filter_map(|one| {
        let why = match one.hidden() {
            Some(WithheldWhy::Sealed) => "sealed",
            Some(WithheldWhy::Scope) => "scope",
            Some(WithheldWhy::Role) => "role",
            Some(WithheldWhy::Erased) => "erased",
            Some(WithheldWhy::Other) => "unknown",
            None if one.is_erased() => "erased",
            None => return None,
        };
        Some(json!({"sequence": one.placed.sequence.get(), "why": why}))
    });
    hidden.collect()
}

/// `record 4`, `records 4, 7 to 9`.
pub(super) fn places(places: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for place in places {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == *place => *end = *place,
            _ => ranges.push((*place, *place)),
        }
    }
    let more = ranges.len().saturating_sub(20);
    let words: Vec<String> = ranges
        .iter()
        .take(20)
        .map(|(from, to)| match to - from {
            0 => from.to_string(),
            1 => format!("{from}, {to}"),
            _ => format!("{from} to {to}"),
        })
        .collect();
    let word = if places.len() == 1 { "record" } else { "records" };
    let more = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more ranges")
    };
    format!("{word} {}{more}", words.join(", "))
}

fn capitalised(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_in_ranges() {
        assert_eq!(places(&[4]), "record 4");
        assert_eq!(places(&[4, 7, 8, 9, 11, 12]), "records 4, 7 to 9, 11, 12");
        let odd: Vec<u64> = (0..30).map(|place| place * 2 + 1).collect();
        assert!(places(&odd).ends_with("39 and 10 more ranges"));
    }
}
