//! The anomaly report: what an inspector would ask about.

use maud::html;

use super::frame::{self, Fold};
use super::sheet::{cut, fitting, left, lines};
use crate::words::{clipped, isolated};

/// One thing to ask about.
#[derive(Clone, Debug)]
pub(crate) struct Remark {
    /// `late`, `expired-approval`.
    pub(crate) kind: String,
    /// The record's sequence, or its id.
    pub(crate) record: String,
    pub(crate) sentence: String,
}

/// The page.
#[derive(Clone, Debug)]
pub(crate) struct Anomalies {
    pub(crate) fold: Fold,
    pub(crate) remarks: Vec<Remark>,
}

impl Anomalies {
    pub(crate) fn html(&self) -> String {
        let (remarks, hidden) = fitting(&self.remarks, left(&self.fold), |one| {
            lines(&clipped(&one.sentence, 300), 64).max(lines(&one.kind, 20))
        });
        let body = html! {
            h2 { "To ask about" }
            table {
                thead { tr { th { "Kind" } th { "Record" } th { "What" } } }
                @for one in remarks {
                    tr {
                        td.v { (isolated(&clipped(&one.kind, 60))) }
                        td { (isolated(&clipped(&one.record, 40))) }
                        td { (isolated(&clipped(&one.sentence, 300))) }
                    }
                }
            }
            @if self.remarks.is_empty() { p { "None was found in what is shown here." } }
            (cut(hidden, self.remarks.len()))
        };
        frame::page(&self.fold, &body)
    }
}
