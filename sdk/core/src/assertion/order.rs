//! What came before what: of records, and of an event in the world.

use crate::authority::Standing;
use crate::dossier::{Dossier, Fact, Worth};
use crate::hash::RecordId;
use crate::index::LogIndex;
use crate::time::Instant;

use super::time::{contradiction, judge};
use super::{Answer, Verdict, acts, capital, duration, find};

/// Whether one record was put on record before another.
#[must_use]
pub fn before(dossier: &Dossier, a: &RecordId, b: &RecordId) -> Answer {
    match (find(dossier, a), find(dossier, b)) {
        (Ok(a), Ok(b)) => before_facts(dossier, a, b).under(dossier),
        (Err(answer), _) | (_, Err(answer)) => answer,
    }
}

pub(super) fn before_facts(dossier: &Dossier, a: &Fact, b: &Fact) -> Answer {
    let (one, other) = (a.label(), b.label());
    if a.record == b.record {
        return Answer::disproven(format!("Both are {one}."));
    }
    let apart = match (a.hi, b.hi) {
        (Some(a), Some(b)) => format!("; independently, {} apart", duration(gap(a, b))),
        _ => String::new(),
    };
    let order = if dossier.in_one_log(a, b) {
        let entries = distance(a.index(), b.index());
        Some((
            a.index() < b.index(),
            format!(
                "They stand at indexes {} and {} of {}, {entries} apart{apart}.",
                a.index(),
                b.index(),
                a.log()
            ),
        ))
    } else if dossier.in_one_chain(a, b) {
        Some((
            a.sequence() < b.sequence(),
            format!(
                "Each record of {} between them names the one before it, from {} to {}{apart}.",
                a.register(),
                a.sequence().min(b.sequence()),
                a.sequence().max(b.sequence())
            ),
        ))
    } else {
        None
    };
    match order {
        Some((true, because)) => {
            Answer::proven(format!("{} was put on record before {other}.", capital(&one))).because(because)
        }
        Some((false, because)) => {
            Answer::disproven(format!("{} was put on record after {other}.", capital(&one))).because(because)
        }
        None => by_time(a, b),
    }
}

/// Where nothing shows that two records stand in one log.
fn by_time(a: &Fact, b: &Fact) -> Answer {
    let (one, other) = (a.label(), b.label());
    if let Some(answer) = contradiction(a).or_else(|| contradiction(b)) {
        return answer;
    }
    let ordered = |first: &Fact, second: &Fact| {
        let (hi, lo) = (first.hi?, second.lo?);
        (hi < lo).then(|| {
            format!(
                "{} existed no later than {hi}, and at {lo} the log did not hold {} yet: {} apart.",
                capital(&first.label()),
                second.label(),
                duration(gap(hi, lo))
            )
        })
    };
    if let Some(because) = ordered(a, b) {
        return Answer::proven(format!("{} was put on record before {other}.", capital(&one)))
            .because(because);
    }
    if let Some(because) = ordered(b, a) {
        return Answer::disproven(format!("{} was put on record after {other}.", capital(&one)))
            .because(because);
    }
    Answer::not_provable(format!(
        "Nothing shows that {one} and {other} stand in one log, and their independent times do not tell them apart."
    ))
    .because(format!("{} {}.", capital(&one), a.existed()))
    .because(format!("{} {}.", capital(&other), b.existed()))
    .next("The notary can supply the checkpoints with their consistency proofs: trialseal bundle.")
}

/// Whether a record existed before something happened in the world, as another record states that it did.
#[must_use]
pub fn preceded(dossier: &Dossier, a: &RecordId, event: &RecordId) -> Answer {
    match (find(dossier, a), find(dossier, event)) {
        (Ok(a), Ok(b)) => preceded_acts(dossier, a, b).under(dossier),
        (Err(answer), _) | (_, Err(answer)) => answer,
    }
}

/// An act that needs several signatures counts from the last of them on; any other record from its own place on.
fn preceded_acts(dossier: &Dossier, a: &Fact, b: &Fact) -> Answer {
    if let Worth::NotAllowed(sentence) = &b.worth {
        return Answer::not_provable(sentence.clone()).next("Another record of the event would help.");
    }
    match a.standing() {
        Some(Standing::Pending { .. }) => acts::preceded(dossier, a, b),
        _ => preceded_facts((a, &a.label()), (b, &b.label())),
    }
}

/// As [`preceded`], of records under the names that the sentences give them.
pub(super) fn preceded_facts((a, one): (&Fact, &str), (b, other): (&Fact, &str)) -> Answer {
    let said = format!("{} states that {other} happened at {}.", b.signer(), b.dec_text());
    let (dec_a, dec_b) = (a.dec(), b.dec());
    if a.links_to(&b.record) {
        return Answer::disproven(format!(
            "{} did not precede {other}: it links to it, so it was made later.",
            capital(one)
        ))
        .because(said);
    }
    if let Some(answer) = contradiction(a).or_else(|| contradiction(b)) {
        return answer.because(said);
    }
    // A part that is withheld may hold a declared time.
    if a.what.is_some() && dec_a.first > dec_b.last {
        return Answer::disproven(format!(
            "{} did not precede {other}: it is of {}, {} later.",
            capital(one),
            a.dec_text(),
            duration(gap(dec_b.last, dec_a.first))
        ))
        .because(match a.declared() {
            Some(_) => format!("{} states {} for {one}.", a.signer(), a.dec_text()),
            None => format!(
                "No other time is declared for {one} than the notary's own, {}.",
                a.rec()
            ),
        })
        .because(said);
    }
    let contemporary = judge(b, None);
    let Some(hi) = a.hi else {
        return Answer::not_provable(format!("Nothing independent says when {one} existed."))
            .because(format!("The notary states {} by its own clock.", a.rec()))
            .because(said)
            .next("Fetch the receipt again: witnesses may have cosigned since.");
    };
    if hi >= dec_b.first {
        return Answer::not_provable(format!(
            "{} existed no later than {hi}, which is not before {}.",
            capital(one),
            b.dec_text()
        ))
        .because(said)
        .because(format!("{} {}.", capital(one), a.existed()));
    }
    let gap = duration(gap(hi, dec_b.first));
    if contemporary.verdict != Verdict::Proven {
        return Answer::not_provable(format!(
            "{} existed no later than {hi}, {gap} before the time declared for {other}; but that time is not shown \
             to be right.",
            capital(one)
        ))
        .because(contemporary.sentence)
        .because(said)
        .next("What was put on record late can say any time; other evidence of when it happened would help.");
    }
    Answer::proven(format!(
        "{} preceded {other}: it existed no later than {hi}, {gap} before.",
        capital(one)
    ))
    .because(said)
    .because(contemporary.sentence)
}

const fn distance(one: LogIndex, other: LogIndex) -> u64 {
    one.get().abs_diff(other.get())
}

fn gap(one: Instant, other: Instant) -> i64 {
    (other.as_millis() - one.as_millis()).abs()
}
