//! The decisions of a board.

use std::collections::BTreeSet;

use trialseal::core::dossier::Fact;
use trialseal::core::hash::RecordId;
use trialseal::core::identifiers::OrganizationId;
use trialseal::core::vocabulary::{Decision, Rel};
use trialseal::{Class, Event};

use super::{Page, fold};
use crate::commands::question::Asked;
use crate::findings::{Findings, Verdict};
use crate::outcome::count;
use crate::pages::{Approval, Approvals};
use crate::table::Row;

/// The page.
pub(crate) fn page(asked: &Asked, board: &OrganizationId) -> Page {
    let own: Vec<&Fact> = asked
        .facts()
        .iter()
        .filter(|fact| is_decision_of(fact, board))
        .collect();
    let reported: Vec<&Fact> = asked.facts().iter().filter(|fact| is_reported(fact)).collect();
    let mut decisions: Vec<Approval> = own.iter().map(|fact| approval(asked, fact, &own)).collect();
    decisions.extend(reported.iter().map(|fact| {
        let mut one = approval(asked, fact, &[]);
        one.current = "reported, not by the board".to_owned();
        one
    }));
    decisions.sort_by_key(|one| one.sequence);
    let findings = found(asked, board, own.len(), reported.len());
    let start = format!("report approvals --board {board} --out page.html");
    let subject = asked.register.to_string();
    let mut fold = fold(
        &format!("Approvals of {board}"),
        subject,
        &findings,
        asked,
        vec![asked.command(&start)],
    );
    if !own.is_empty() {
        fold.proven = vec![
            "That members of this organisation signed these decisions on these records; conditions and scope are \
             part of each."
                .to_owned(),
        ];
    }
    Page {
        html: Approvals { fold, decisions }.html(),
        findings,
    }
}

/// The organisations that signed decisions.
pub(crate) fn boards(asked: &Asked) -> BTreeSet<OrganizationId> {
    let decided = asked
        .facts()
        .iter()
        .filter(|fact| fact.event() == Event::Decided && fact.is_signed());
    decided
        .filter_map(|fact| Some(fact.who.as_ref()?.organization.clone()))
        .collect()
}

fn is_decision_of(fact: &Fact, board: &OrganizationId) -> bool {
    let by_board = fact.who.as_ref().is_some_and(|who| who.organization == *board);
    fact.event() == Event::Decided && fact.is_signed() && by_board
}

fn is_reported(fact: &Fact) -> bool {
    matches!(fact.class(), Class::Opinion | Class::AuthorityDecision) && fact.event() == Event::Reported
}

fn found(asked: &Asked, board: &OrganizationId, own: usize, reported: usize) -> Findings {
    let complete = asked.complete();
    let more = match reported {
        0 => String::new(),
        more => format!("; {} reported by others", count(more, "more letter")),
    };
    let (verdict, sentence) = match complete.to {
        Some(to) => (
            Verdict::Proven,
            format!("{board} signed {} up to K = {to}{more}.", count(own, "decision")),
        ),
        None => (
            Verdict::NotProvable,
            format!(
                "{} by {board} shown{more}; whether there are others is not known.",
                count(own, "decision")
            ),
        ),
    };
    Findings {
        command: "report approvals".to_owned(),
        register: Some(asked.register.to_string()),
        record: None,
        verdict,
        sentence,
        because: vec![complete.sentence()],
        next: None,
        findings: Vec::new(),
        refused: asked.refused.clone(),
        basis: asked.basis(None),
    }
    .judged()
}

fn approval(asked: &Asked, fact: &Fact, own: &[&Fact]) -> Approval {
    let row = Row::of_fact(fact);
    let what = fact.what.as_ref();
    let date = |date: Option<trialseal::core::time::Date>| date.map(|date| date.to_string());
    let from = date(what.and_then(|what| what.valid_from));
    let until = date(what.and_then(|what| what.valid_until));
    let on: Vec<String> = fact
        .linked(Rel::DecidesOn)
        .map(|record| subject(asked, &record))
        .collect();
    Approval {
        sequence: row.sequence,
        on: if on.is_empty() {
            "-".to_owned()
        } else {
            on.join("; ")
        },
        decision: if row.decision.is_empty() {
            "not shown".to_owned()
        } else {
            row.decision.clone()
        },
        decided_on: date(what.and_then(|what| what.decided_on)).unwrap_or_else(|| "-".to_owned()),
        valid: match (from, until) {
            (None, None) => "no end stated".to_owned(),
            (Some(from), None) => format!("from {from}"),
            (None, Some(until)) => format!("to {until}"),
            (Some(from), Some(until)) => format!("{from} to {until}"),
        },
        scope: if row.scope.is_empty() {
            "all".to_owned()
        } else {
            row.scope.clone()
        },
        by: row.signer(),
        stated: row.received_at.clone(),
        no_later_than: (!row.no_later_than.is_empty()).then_some(row.no_later_than.clone()),
        current: current(asked, fact, own),
    }
}

fn subject(asked: &Asked, record: &RecordId) -> String {
    match asked.dossier.fact(record) {
        Some(fact) => {
            let version = fact.what.as_ref().and_then(|what| what.version.as_ref());
            let version = version.map(|version| format!(" {version}")).unwrap_or_default();
            format!("{}{version} (record {})", fact.class(), fact.sequence())
        }
        None => format!("a record that is not shown ({})", &record.to_hex()[..12]),
    }
}

/// Whether the decision stands at the time of the page, in a few words.
fn current(asked: &Asked, fact: &Fact, own: &[&Fact]) -> String {
    let Some(what) = &fact.what else {
        return "not shown".to_owned();
    };
    let on: BTreeSet<RecordId> = fact.linked(Rel::DecidesOn).collect();
    let mut later = own.iter().filter(|other| other.sequence() > fact.sequence());
    let follows = |other: &&&Fact| other.linked(Rel::DecidesOn).any(|record| on.contains(&record));
    let withdrawn = asked
        .facts()
        .iter()
        .find(|other| other.linked(Rel::Withdraws).any(|own| own == fact.record));
    let today = asked.dossier.at().date();
    let approves = matches!(
        what.decision,
        Some(Decision::Approved | Decision::ApprovedWithConditions)
    );
    match (withdrawn, later.find(follows), what.valid_until, what.valid_from) {
        (Some(other), ..) => format!("withdrawn by record {}", other.sequence()),
        (None, Some(other), ..) => format!("followed by record {}", other.sequence()),
        (None, None, Some(until), _) if until < today => format!("ended on {until}"),
        (None, None, _, Some(from)) if from > today => format!("from {from} on"),
        _ if approves => "current".to_owned(),
        _ => "no approval".to_owned(),
    }
}
