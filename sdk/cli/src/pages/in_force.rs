//! The in-force page: which documents applied at a site on a day.

use maud::html;

use super::frame::{self, Fold};
use super::sheet::{cut, fitting, left, lines};
use crate::findings::Verdict;
use crate::words::{clipped, isolated};

/// One class of document.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) class: String,
    /// The version in force, where one is proven.
    pub(crate) version: Option<String>,
    pub(crate) verdict: Verdict,
    pub(crate) sentence: String,
    /// As known on the day, and as known now.
    pub(crate) because: Vec<String>,
}

/// The page.
#[derive(Clone, Debug)]
pub(crate) struct InForce {
    pub(crate) fold: Fold,
    pub(crate) documents: Vec<Document>,
}

impl InForce {
    pub(crate) fn html(&self) -> String {
        let said = |one: &Document| -> Vec<String> {
            std::iter::once(&one.sentence)
                .chain(&one.because)
                .map(|one| clipped(one, 300))
                .collect()
        };
        let documents = fitting(&self.documents, left(&self.fold), |one| {
            said(one).iter().map(|sentence| lines(sentence, 58)).sum()
        });
        let body = html! {
            h2 { "Documents" }
            table.fixed {
                thead { tr { th.w20 { "Class" } th.w8 { "In force" } th.w14 { "Verdict" } th { "Because" } } }
                @for one in documents.rows {
                    tr {
                        td { (isolated(&clipped(&one.class, 60))) }
                        td { (isolated(one.version.as_deref().unwrap_or("-"))) }
                        td.v { (one.verdict.as_str()) }
                        td { @for sentence in said(one) { p { (isolated(&sentence)) } } }
                    }
                }
            }
            @if self.documents.is_empty() { p { "No document was ever activated in what is shown here." } }
            (cut(documents.hidden, self.documents.len()))
        };
        frame::page(&self.fold, &body)
    }
}
