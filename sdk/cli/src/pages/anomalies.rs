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
        let remarks = fitting(&self.remarks, left(&self.fold), |one| {
            lines(&clipped(&one.sentence, 300), 70).max(lines(&one.kind, 22))
        });
        let body = html! {
            h2 { "To ask about" }
            table.fixed {
                thead { tr { th.w22 { "Kind" } th.w8 { "Record" } th { "What" } } }
                @for one in remarks.rows {
                    tr {
                        td.v { (isolated(&clipped(&one.kind, 60))) }
                        td { (isolated(&clipped(&one.record, 40))) }
                        td { (isolated(&clipped(&one.sentence, 300))) }
                    }
                }
            }
            @if self.remarks.is_empty() { p { "None was found in what is shown here." } }
            (cut(remarks.hidden, self.remarks.len()))
        };
        frame::page(&self.fold, &body)
    }
}
