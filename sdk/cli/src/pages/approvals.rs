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
        let decisions = fitting(&self.decisions, left(&self.fold), |one| {
            lines(&clipped(&one.on, 90), 9)
                .max(lines(&clipped(&one.by, 90), 13))
                .max(lines(&clipped(&one.decision, 40), 11))
                .max(lines(&one.valid, 8))
                .max(lines(&clipped(&one.current, 60), 9))
                .max(lines(&clipped(&one.scope, 60), 7))
                .max(lines("2026-05-02T09:17:04.123Z; 2026-05-02T09:17:04.123Z", 17))
        });
        let body = html! {
            h2 { "Decisions" }
            table.fixed {
                thead {
                    tr {
                        th.w4 { "No." } th { "On" } th.w12 { "Decision" } th.w10 { "Decided on" } th.w10 { "Valid" }
                        th.w8 { "Scope" } th.w14 { "By" } th.w22 { "Existed no later than; the notary states" }
                        th.w10 { "At the time of this page" }
                    }
                }
                @for one in decisions.rows {
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
            (cut(decisions.hidden, self.decisions.len()))
        };
        frame::page(&self.fold, &body)
    }
}
