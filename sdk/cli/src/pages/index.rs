//! The first page of an inspection bundle: every record, and where its receipt lies.

use maud::{Markup, html};

use super::frame::{self, Fold};
use crate::table::Row;
use crate::words::{clipped, isolated};

/// A file of the bundle.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// Below the bundle, of a form that was checked.
    pub(crate) path: String,
    pub(crate) title: String,
}

/// One record.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) row: Row,
    /// The receipt below the bundle.
    pub(crate) receipt: String,
    /// Whether it verified, and how much it rests on.
    pub(crate) proof: String,
    pub(crate) is_proven: bool,
}

/// The page.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) fold: Fold,
    pub(crate) pages: Vec<Link>,
    pub(crate) files: Vec<Link>,
    pub(crate) entries: Vec<Entry>,
}

impl Index {
    pub(crate) fn html(&self) -> String {
        let body = html! {
            h2 { "Pages" }
            (links(&self.pages))
            h2 { "Files" }
            (links(&self.files))
            h2 { "Records, in the order of the register" }
            p {
                "Sorted or filtered by who, what, when and why: open records.csv, or "
                code { "trialseal list --in . --sort who --csv" } "."
            }
            table {
                thead {
                    tr {
                        th { "No." } th { "What" } th { "Who" } th { "When" } th { "Why" } th { "State" } th { "Shown" }
                        th { "Proof" }
                    }
                }
                @for entry in &self.entries { (row(entry)) }
            }
        };
        frame::page(&self.fold, &body)
    }
}

fn links(links: &[Link]) -> Markup {
    html! {
        ul {
            @for link in links {
                li { a href=(link.path) { (isolated(&clipped(&link.title, 160))) } }
            }
        }
    }
}

fn row(entry: &Entry) -> Markup {
    let row = &entry.row;
    let extra: Vec<&str> = [&row.purpose, &row.decision, &row.scope]
        .into_iter()
        .filter(|text| !text.is_empty())
        .map(String::as_str)
        .collect();
    html! {
        tr {
            td { a href=(entry.receipt) { (row.sequence) } }
            td {
                (isolated(&clipped(&row.subject(), 120)))
                @if !extra.is_empty() { "; " (isolated(&clipped(&extra.join(", "), 120))) }
                @if row.sealed { "; sealed" }
            }
            td { (isolated(&clipped(&row.signer(), 160))) }
            td {
                @if row.no_later_than.is_empty() { "no independent time" } @else { "no later than " (row.no_later_than) }
                "; the notary states " (row.received_at)
                @if !row.declared_at.is_empty() { "; stated by the signer: " (isolated(&row.declared_at)) }
            }
            td {
                (isolated(&clipped(&row.reason, 300)))
                @if !row.remark.is_empty() { " (" (isolated(&clipped(&row.remark, 200))) ")" }
            }
            td { (isolated(&clipped(&row.state, 160))) }
            td { (isolated(&clipped(&row.shown, 160))) }
            td.v { (isolated(&clipped(&entry.proof, 120))) }
        }
    }
}
