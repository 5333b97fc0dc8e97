//! A board's approvals: every decision that it signed, and those that others reported of it.

use maud::html;

use super::frame::{self, Fold};
use super::sheet::{cut, fitting, left, lines};
use crate::words::{clipped, isolated};

/// One decision.
#[derive(Clone, Debug)]
pub(crate) struct Approval {
    pub(crate) sequence: u64,
    /// On what: class and version of the records that it decides on.
    pub(crate) on: String,
    /// `approved-with-conditions`.
    pub(crate) decision: String,
    pub(crate) decided_on: String,
    /// First and last day of validity.
    pub(crate) valid: String,
    pub(crate) scope: String,
    /// Signed by whom, or reported by whom.
    pub(crate) by: String,
    pub(crate) stated: String,
    pub(crate) no_later_than: Option<String>,
    /// Whether it is current at the time of the page, in a few words.
    pub(crate) current: String,
}

/// The page.
#[derive(Clone, Debug)]
pub(crate) struct Approvals {
    pub(crate) fold: Fold,
    pub(crate) decisions: Vec<Approval>,
}

impl Approvals {
    pub(crate) fn html(&self) -> String {
        let (decisions, hidden) = fitting(&self.decisions, left(&self.fold), |one| {
            lines(&clipped(&one.on, 90), 15)
                .max(lines(&clipped(&one.by, 90), 14))
                .max(lines(&clipped(&one.decision, 40), 10))
                .max(lines(&clipped(&one.current, 60), 11))
                .max(lines(&clipped(&one.scope, 60), 8))
                .max(lines("2026-05-02T09:17:04.123Z 2026-05-02T09:17:04Z", 14))
        });
        let body = html! {
            h2 { "Decisions" }
            table {
                thead {
                    tr {
                        th { "No." } th { "On" } th { "Decision" } th { "Decided on" } th { "Valid" } th { "Scope" }
                        th { "By" } th { "Existed no later than; the notary states" } th { "At the time of this page" }
                    }
                }
                @for one in decisions {
                    tr {
                        td { (one.sequence) }
                        td { (isolated(&clipped(&one.on, 90))) }
                        td { (isolated(&clipped(&one.decision, 40))) }
                        td { (isolated(&one.decided_on)) }
                        td { (isolated(&one.valid)) }
                        td { (isolated(&clipped(&one.scope, 60))) }
                        td { (isolated(&clipped(&one.by, 90))) }
                        td { (one.no_later_than.as_deref().unwrap_or("no independent time")) "; " (one.stated) }
                        td.v { (isolated(&clipped(&one.current, 60))) }
                    }
                }
            }
            @if self.decisions.is_empty() { p { "No decision of this board is among the records shown here." } }
            (cut(hidden, self.decisions.len()))
        };
        frame::page(&self.fold, &body)
    }
}
