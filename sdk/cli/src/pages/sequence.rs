//! The sequence certificate: in which order plan, lock and unblinding were put on record (ICH E9, 5.1),
//! and the page of any other pack.

use maud::{Markup, html};

use super::frame::{self, Fold};
use super::sheet::{cut, fitting, left, lines};
use crate::findings::{Finding, Severity, Verdict};
use crate::words::{clipped, isolated};

/// One record on the way.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) sequence: u64,
    /// `statistical-analysis-plan 2.0, finalised`.
    pub(crate) what: String,
    pub(crate) who: String,
    /// When it happened, as the signer states.
    pub(crate) declared: String,
    /// Earliest independent time.
    pub(crate) no_later_than: Option<String>,
    /// The notary's own time.
    pub(crate) stated: String,
}

/// The page.
#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    pub(crate) fold: Fold,
    pub(crate) rules: Vec<Finding>,
    pub(crate) moments: Vec<Moment>,
}

/// Characters of a rule's sentence that are shown.
const SENTENCE: usize = 260;
/// Characters of a rule's title that are shown.
const TITLE: usize = 120;

impl Sequence {
    pub(crate) fn html(&self) -> String {
        let rules = fitting(&self.rules, left(&self.fold), |rule| {
            lines(&clipped(&rule.sentence, SENTENCE), 57).max(lines(&clipped(&rule.title, TITLE), 21))
        });
        // Its heading and its head take three lines.
        let moments = fitting(&self.moments, rules.left.saturating_sub(4), moment_height);
        let body = html! {
            @if !rules.rows.is_empty() { h2 { "Rules" } table.fixed {
                thead {
                    tr { th.w6 { "Rule" } th.w22 { "Says" } th.w14 { "Verdict" } th { "Because" } }
                }
                @for rule in rules.rows { (row(rule)) }
            } }
            (cut(rules.hidden, self.rules.len()))
            @if !moments.rows.is_empty() {
                h2 { "In the order of the register" }
                table.fixed {
                    thead {
                        tr {
                            th.w4 { "No." } th { "What" } th.w20 { "Who" } th.w12 { "Stated by the signer" }
                            th.w18 { "Existed no later than" } th.w20 { "The notary states" }
                        }
                    }
                    @for moment in moments.rows { (moment_row(moment)) }
                }
            }
            (cut(moments.hidden, self.moments.len()))
        };
        frame::page(&self.fold, &body)
    }
}

fn row(rule: &Finding) -> Markup {
    let weight = match (rule.severity, rule.verdict) {
        (Severity::Warn, Verdict::Disproven | Verdict::NotProvable) => Some("warns:"),
        (Severity::List, _) => Some("list:"),
        _ => None,
    };
    html! {
        tr {
            td { (isolated(&clipped(&rule.id, 12))) }
            td { (isolated(&clipped(&rule.title, TITLE))) }
            td.v { @if let Some(weight) = weight { (weight) br; } (rule.verdict.as_str()) }
            td { (isolated(&clipped(&rule.sentence, SENTENCE))) }
        }
    }
}

fn moment_height(moment: &Moment) -> usize {
    lines(&clipped(&moment.what, 90), 26)
        .max(lines(&clipped(&moment.who, 90), 20))
        .max(lines(&clipped(&moment.declared, 40), 12))
}

fn moment_row(moment: &Moment) -> Markup {
    html! {
        tr {
            td { (moment.sequence) }
            td { (isolated(&clipped(&moment.what, 90))) }
            td { (isolated(&clipped(&moment.who, 90))) }
            td { (isolated(&clipped(&moment.declared, 40))) }
            td { (moment.no_later_than.as_deref().unwrap_or("no independent time")) }
            td { (moment.stated) }
        }
    }
}
