//! The sequence certificate, or the page of another pack.

use std::collections::BTreeSet;

use trialseal::core::dossier::Fact;
use trialseal::core::hash::RecordId;
use trialseal::core::pack::{Pack, PackReport};
use trialseal::{Class, Event};

use super::{Page, fold};
use crate::commands::check;
use crate::commands::question::Asked;
use crate::errors::sentence;
use crate::findings::{Severity, Verdict};
use crate::pages::{Moment, Sequence};
use crate::table::Row;
use crate::words::quoted;

/// The page of a pack.
pub(crate) fn page(asked: &Asked, pack: &Pack, name: &str) -> Page {
    let report = pack.check(&asked.dossier, &asked.register);
    let findings = check::findings(asked, &report);
    let title = if name == "ich-e9" {
        "Sequence certificate"
    } else {
        "Certificate"
    };
    let commands = vec![asked.command(&format!("check --pack {}", quoted(name)))];
    let mut fold = fold(title, asked.register.to_string(), &findings, asked, commands);
    let decides = |verdict| {
        let rules = findings
            .findings
            .iter()
            .filter(|rule| rule.severity == Severity::Fail);
        rules
            .filter(|rule| rule.verdict == verdict)
            .map(|rule| rule.id.clone())
            .collect::<Vec<_>>()
    };
    fold.because = [
        (Verdict::Disproven, "disproven"),
        (Verdict::NotProvable, "not provable"),
    ]
    .into_iter()
    .filter(|(verdict, _)| !decides(*verdict).is_empty())
    .map(|(verdict, word)| format!("{word}: {}.", decides(verdict).join(", ")))
    .collect();
    let proven = decides(Verdict::Proven);
    if !proven.is_empty() {
        fold.proven = vec![format!("{}: see the rules below.", proven.join(", "))];
    }
    fold.times = times(asked, &report);
    fold.pack = Some(if report.title.is_empty() {
        name.to_owned()
    } else {
        report.title.clone()
    });
    let sequence = Sequence {
        fold,
        rules: findings.findings.clone(),
        moments: moments(asked, &report),
    };
    Page {
        html: sequence.html(),
        findings,
    }
}

/// When the records that the rules are about existed.
fn times(asked: &Asked, report: &PackReport) -> Vec<String> {
    let subjects = report.subjects.iter();
    let known = subjects.filter_map(|(name, record)| Some((name, asked.dossier.fact(record)?)));
    known
        .map(|(name, fact)| sentence(&format!("{name}: {} {}", fact.label(), fact.existed())))
        .collect()
}

/// The records that the rules are about, and every turn that a trial takes.
fn moments(asked: &Asked, report: &PackReport) -> Vec<Moment> {
    let subjects: BTreeSet<RecordId> = report.subjects.iter().map(|(_, record)| *record).collect();
    let facts = asked.facts().iter();
    facts
        .filter(|fact| subjects.contains(&fact.record) || is_turn(fact))
        .map(moment)
        .collect()
}

fn is_turn(fact: &Fact) -> bool {
    let plan = matches!(
        fact.class(),
        Class::StatisticalAnalysisPlan | Class::RandomisationList
    ) && matches!(fact.event(), Event::Finalised | Event::Withdrawn);
    plan || matches!(
        fact.event(),
        Event::FirstParticipantIn
            | Event::LastParticipantLastVisit
            | Event::HardLock
            | Event::Unlock
            | Event::UnblindingAuthorised
            | Event::Unblinded
            | Event::CodeBroken
    )
}

fn moment(fact: &Fact) -> Moment {
    let row = Row::of_fact(fact);
    Moment {
        sequence: row.sequence,
        what: match row.state.split([':', ';']).next() {
            Some(state @ ("PENDING" | "not allowed")) => format!("{} ({state})", row.subject()),
            _ => row.subject(),
        },
        who: row.signer(),
        declared: if row.declared_at.is_empty() {
            "-".to_owned()
        } else {
            row.declared_at
        },
        no_later_than: (!row.no_later_than.is_empty()).then_some(row.no_later_than),
        stated: row.received_at,
    }
}
