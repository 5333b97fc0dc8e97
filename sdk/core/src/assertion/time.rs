//! Whether something was put on record when it happened.

use crate::dossier::{Dossier, Fact};
use crate::hash::RecordId;
use crate::time::Instant;
use crate::verify::CLOCKS_APART_MILLIS;
use crate::vocabulary::Event;

use super::{Answer, capital, duration, find};

const HOUR_MILLIS: i64 = 3_600_000;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;

/// How soon after it happened an event should be on record, in milliseconds.
#[must_use]
pub const fn bound_of(event: Event) -> i64 {
    match event {
        Event::Unblinded | Event::CodeBroken => HOUR_MILLIS,
        Event::Decided => 10 * DAY_MILLIS,
        _ => DAY_MILLIS,
    }
}

/// Whether a record was made no later than a bound (in milliseconds; by default that of its event) after what it
/// says happened.
#[must_use]
pub fn contemporaneous(dossier: &Dossier, record: &RecordId, bound_millis: Option<i64>) -> Answer {
    match find(dossier, record) {
        Ok(fact) => judge(fact, bound_millis).under(dossier),
        Err(answer) => answer,
    }
}

/// As [`contemporaneous`], of a record that is here and placed.
pub(super) fn judge(fact: &Fact, bound_millis: Option<i64>) -> Answer {
    let bound = bound_millis.unwrap_or_else(|| bound_of(fact.event()));
    let dec = fact.dec();
    let label = fact.label();
    let said = format!(
        "{} states that it happened at {}.",
        fact.signer(),
        fact.dec_text()
    );
    if let Some(answer) = contradiction(fact) {
        return answer.because(said);
    }
    let since = |later: Instant, earlier: Instant| later.as_millis() - earlier.as_millis();
    let late_by_notary = since(fact.rec(), dec.last);
    if late_by_notary > bound {
        return Answer::disproven(format!(
            "{} was put on record {} after it happened; the bound is {}.",
            capital(&label),
            duration(late_by_notary),
            duration(bound)
        ))
        .because(said)
        .because(format!(
            "The notary states that it received it at {}.",
            fact.rec()
        ));
    }
    if let Some(lo) = fact.lo.filter(|lo| since(*lo, dec.last) > bound) {
        return Answer::disproven(format!(
            "{} was put on record more than {} after it happened; the bound is {}.",
            capital(&label),
            duration(since(lo, dec.last)),
            duration(bound)
        ))
        .because(said)
        .because(format!(
            "At {lo} the log did not hold it yet, by independent evidence."
        ));
    }
    let Some(hi) = fact.hi else {
        return Answer::not_provable(format!(
            "Nothing independent says when {label} was put on record; by the notary's clock alone: {}.",
            duration(since(fact.rec(), dec.first))
        ))
        .because(said)
        .next("Fetch the receipt again: witnesses may have cosigned since.");
    };
    let within = since(hi, dec.first);
    if within <= bound {
        let gap = if within <= 0 {
            "before it happened".to_owned()
        } else {
            format!("within {}", duration(within))
        };
        return Answer::proven(format!(
            "{} was put on record {gap}; the bound is {}.",
            capital(&label),
            duration(bound)
        ))
        .because(said)
        .because(format!("It existed no later than {hi}, by independent evidence."));
    }
    Answer::not_provable(format!(
        "{} existed no later than {hi}, {} after it happened; the bound is {}, and nothing shows that it came later.",
        capital(&label),
        duration(within),
        duration(bound)
    ))
    .because(said)
    .because(format!("The notary states that it received it at {}, by its own clock.", fact.rec()))
}

/// The answer to every question of time where the notary's clock cannot be right.
pub(super) fn contradiction(fact: &Fact) -> Option<Answer> {
    let rec = fact.rec();
    let evidence = match (fact.lo, fact.hi) {
        (_, Some(hi)) if rec > hi.plus_millis(CLOCKS_APART_MILLIS) => {
            format!("independent evidence shows that it existed by {hi}")
        }
        (Some(lo), _) if rec.plus_millis(CLOCKS_APART_MILLIS) < lo => {
            format!("independent evidence shows that the log did not hold it at {lo}")
        }
        _ => return None,
    };
    Some(
        Answer::not_provable(format!(
            "The notary's clock contradicts the evidence for {}: it states {rec}, and {evidence}.",
            fact.label()
        ))
        .next("Ask the notary what its clock showed; no time of this record can be relied on."),
    )
}
