//! What stands out in a register.

use std::fmt;

use crate::assertion::{Verdict, contemporaneous, duration, second_registers};
use crate::authority::Standing;
use crate::dossier::{Dossier, Fact, Worth, capital};
use crate::hash::RecordId;
use crate::identifiers::{RegisterName, TimeZoneName};
use crate::record::What;
use crate::time::Date;
use crate::vocabulary::{Class, Decision, Event, Rel};
use crate::zone::Span;

/// What kind of thing stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnomalyKind {
    /// Put on record too long after it happened.
    Late,
    /// Data were unlocked after the unblinding.
    UnlockedAfterUnblinding,
    /// An output is older than what it says that it was made from.
    OlderThanInput,
    /// An approval ended without a new one, or before it.
    ExpiredApproval,
    /// An act waits long for a signature.
    PendingLong,
    /// Another register claims the same trial.
    SecondRegister,
    /// A plan or a protocol is filed under another class.
    FiledAsOther,
}

impl AnomalyKind {
    /// The kind as a code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::UnlockedAfterUnblinding => "unlocked-after-unblinding",
            Self::OlderThanInput => "older-than-input",
            Self::ExpiredApproval => "expired-approval",
            Self::PendingLong => "pending-long",
            Self::SecondRegister => "second-register",
            Self::FiledAsOther => "filed-as-other",
        }
    }
}

impl fmt::Display for AnomalyKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Something that stands out. It is not judged, only named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// What kind.
    pub kind: AnomalyKind,
    /// The record.
    pub record: RecordId,
    /// One plain sentence.
    pub sentence: String,
}

/// How long an act may wait for a signature before it stands out.
const PENDING_MILLIS_MAX: i64 = 14 * 86_400_000;

/// Everything that stands out in a register, in its order.
#[must_use]
pub fn find(dossier: &Dossier, register: &RegisterName) -> Vec<Anomaly> {
    let facts = dossier.register(register);
    let mut found = Vec::new();
    for fact in facts {
        late(dossier, fact, &mut found);
        older_than_input(dossier, fact, &mut found);
        pending_long(dossier, fact, &mut found);
        filed_as_other(facts, fact, &mut found);
    }
    unlocked(facts, &mut found);
    expired(dossier, facts, &mut found);
    for second in second_registers(dossier, register) {
        let sentence = format!(
            "{} claims the same trial: {} opened it ({}).",
            second.register(),
            second.signer(),
            second.label()
        );
        found.push(anomaly(AnomalyKind::SecondRegister, second, sentence));
    }
    let place = |record: &RecordId| facts.iter().position(|fact| fact.record == *record);
    found.sort_by_key(|anomaly| (place(&anomaly.record).unwrap_or(usize::MAX), anomaly.kind));
    found
}

fn anomaly(kind: AnomalyKind, fact: &Fact, sentence: String) -> Anomaly {
    Anomaly {
        kind,
        record: fact.record,
        sentence,
    }
}

/// What says no time of its own cannot be late.
fn late(dossier: &Dossier, fact: &Fact, found: &mut Vec<Anomaly>) {
    if fact.declared().is_some() && fact.is_placed {
        let answer = contemporaneous(dossier, &fact.record, None);
        if answer.verdict == Verdict::Disproven {
            found.push(anomaly(AnomalyKind::Late, fact, answer.sentence));
        }
    }
}

fn older_than_input(dossier: &Dossier, fact: &Fact, found: &mut Vec<Anomaly>) {
    for link in fact.links() {
        if !matches!(link.rel, Rel::UsesInput | Rel::UsesProgram | Rel::UsesEnvironment) {
            continue;
        }
        let Some(source) = dossier.fact(&link.record) else {
            continue;
        };
        if fact.declared().is_some() && source.dec().first > fact.dec().last {
            let sentence = format!(
                "{} is of {}, and {}, which it used, is of {}: {} later.",
                capital(&fact.label()),
                fact.dec_text(),
                source.label(),
                source.dec_text(),
                duration(source.dec().first.as_millis() - fact.dec().last.as_millis())
            );
            found.push(anomaly(AnomalyKind::OlderThanInput, fact, sentence));
        }
    }
}

fn pending_long(dossier: &Dossier, fact: &Fact, found: &mut Vec<Anomaly>) {
    let Some(Standing::Pending { needs, .. }) = fact.standing() else {
        return;
    };
    let until = match fact.effective_at {
        Some(by) => dossier.fact(&by).map_or(dossier.at(), Fact::rec),
        None => dossier.at(),
    };
    let waited = until.as_millis() - fact.rec().as_millis();
    if waited <= PENDING_MILLIS_MAX {
        return;
    }
    let needs: Vec<String> = needs.iter().map(ToString::to_string).collect();
    let waits = if fact.effective_at.is_some() {
        "was PENDING for"
    } else {
        "has been PENDING for"
    };
    let sentence = format!(
        "{} {waits} {}: it needed the signature of {}.",
        capital(&fact.label()),
        duration(waited),
        needs.join(" and ")
    );
    found.push(anomaly(AnomalyKind::PendingLong, fact, sentence));
}

/// A record of class `other` that holds a file of a plan or a protocol, or changes one, or is named like one.
fn filed_as_other(facts: &[Fact], fact: &Fact, found: &mut Vec<Anomaly>) {
    if fact.class() != Class::Other {
        return;
    }
    let is_plan = |other: &&Fact| {
        matches!(
            other.class(),
            Class::StatisticalAnalysisPlan | Class::Protocol | Class::ProtocolAmendment
        )
    };
    let items = |fact: &Fact| {
        fact.items
            .as_ref()
            .map_or(Vec::new(), |opening| opening.items().to_vec())
    };
    let own = items(fact);
    let same = facts.iter().filter(is_plan).find(|plan| {
        items(plan)
            .iter()
            .any(|theirs| own.iter().any(|own| own.item.sha256 == theirs.item.sha256))
    });
    let changes = |rel: Rel| {
        matches!(
            rel,
            Rel::Amends | Rel::Supersedes | Rel::Corrects | Rel::TranslationOf | Rel::LocalVersionOf
        )
    };
    let linked = fact
        .links()
        .iter()
        .filter(|link| changes(link.rel))
        .find_map(|link| {
            facts
                .iter()
                .filter(is_plan)
                .find(|plan| plan.record == link.record)
        });
    let named = own.iter().find(|own| {
        let name = own.item.path.as_str().to_ascii_lowercase();
        let words: Vec<&str> = name
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .collect();
        words.contains(&"sap") || words.contains(&"protocol") || name.contains("analysis-plan")
    });
    let label = capital(&fact.label());
    let sentence = match (same, linked, named) {
        (Some(plan), _, _) => format!("{label} holds a file of {}.", plan.label()),
        (None, Some(plan), _) => format!("{label} changes {}.", plan.label()),
        (None, None, Some(item)) => format!(
            "{label} holds {}, which is named like a plan or a protocol.",
            item.item.path
        ),
        (None, None, None) => return,
    };
    found.push(anomaly(AnomalyKind::FiledAsOther, fact, sentence));
}

fn unlocked(facts: &[Fact], found: &mut Vec<Anomaly>) {
    let unblinded = facts
        .iter()
        .find(|fact| fact.event() == Event::Unblinded && fact.effective_at.is_some());
    let Some(unblinded) = unblinded else { return };
    for fact in facts.iter().filter(|fact| fact.event() == Event::Unlock) {
        if fact.sequence() < unblinded.sequence() || matches!(fact.worth, Worth::NotAllowed(_)) {
            continue;
        }
        let pending = if fact.effective_at.is_none() {
            " It is PENDING."
        } else {
            ""
        };
        let reason = fact.why.as_ref().and_then(|why| why.reason.as_ref());
        let reason = reason.map_or_else(|| "not shown".to_owned(), |reason| format!("\"{reason}\""));
        let sentence = format!(
            "{} was put on record after {}; the reason is {reason}.{pending}",
            capital(&fact.label()),
            unblinded.label()
        );
        found.push(anomaly(AnomalyKind::UnlockedAfterUnblinding, fact, sentence));
    }
}

/// Approvals that ended before the time of evaluation, and what the same board decided next on that document or
/// what changed it.
fn expired(dossier: &Dossier, facts: &[Fact], found: &mut Vec<Anomaly>) {
    let today = dossier.at().date();
    let decisions: Vec<(&Fact, &What)> = facts
        .iter()
        .filter(|fact| fact.event() == Event::Decided && !matches!(fact.worth, Worth::NotAllowed(_)))
        .filter_map(|fact| Some((fact, fact.what.as_ref()?)))
        .filter(|(_, what)| is_positive(what))
        .collect();
    for (fact, what) in &decisions {
        let Some(until) = what.valid_until.filter(|until| *until < today) else {
            continue;
        };
        let by = |fact: &Fact| fact.who.as_ref().map(|who| who.organization.clone());
        let renewal = decisions
            .iter()
            .filter(|(other, renewed)| {
                other.record != fact.record
                    && other.class() == fact.class()
                    && by(other) == by(fact)
                    && shares_document(facts, fact, other)
                    && renewed.valid_until.is_none_or(|end| end > until)
            })
            .min_by_key(|(other, renewed)| (starts(other, renewed), other.sequence()));
        let label = capital(&fact.label());
        let sentence = match renewal {
            None => format!("{label} was valid until {until}, and no decision renews it."),
            Some((other, renewed)) => match starts(other, renewed) {
                Some(from) if from > until && !follows(until, from) => {
                    format!(
                        "{label} was valid until {until}, and {} renews it only from {from} on.",
                        other.label()
                    )
                }
                _ => continue,
            },
        };
        found.push(anomaly(AnomalyKind::ExpiredApproval, fact, sentence));
    }
}

/// From which day on a decision holds.
fn starts(fact: &Fact, what: &What) -> Option<Date> {
    what.valid_from
        .or(what.decided_on)
        .or_else(|| Some(fact.rec().date()))
}

/// Whether one day is the next after another.
fn follows(until: Date, from: Date) -> bool {
    let day = |date: Date| Span::of(date, TimeZoneName::new("Etc/UTC").ok().as_ref());
    day(until).last.plus_millis(1) >= day(from).first
}

/// Whether two decisions are about the same document, or about versions of one.
fn shares_document(facts: &[Fact], one: &Fact, other: &Fact) -> bool {
    let class_of = |record: RecordId| facts.iter().find(|fact| fact.record == record).map(Fact::class);
    one.linked(Rel::DecidesOn).any(|document| {
        other.linked(Rel::DecidesOn).any(|theirs| {
            theirs == document || class_of(document).is_some_and(|class| class_of(theirs) == Some(class))
        })
    })
}

fn is_positive(what: &What) -> bool {
    matches!(
        what.decision,
        Some(Decision::Approved | Decision::ApprovedWithConditions | Decision::Acknowledged)
    )
}
