//! CSV for spreadsheets (RFC 4180): a header, one record a line, UTF-8.
//!
//! It is for people: invisible characters are made visible, and a text that a spreadsheet would take for a
//! formula gets an apostrophe before it. The exact texts are in the JSON.

use super::Row;
use crate::words::shown;

type Column = (&'static str, fn(&Row) -> String);

const COLUMNS: [Column; 26] = [
    ("register", |row| row.register.clone()),
    ("sequence", |row| row.sequence.to_string()),
    ("received_at", |row| row.received_at.clone()),
    ("no_later_than", |row| row.no_later_than.clone()),
    ("declared_at", |row| row.declared_at.clone()),
    ("class", |row| row.class.clone()),
    ("version", |row| row.version.clone()),
    ("event", |row| row.event.clone()),
    ("purpose", |row| row.purpose.clone()),
    ("decision", |row| row.decision.clone()),
    ("scope", |row| row.scope.clone()),
    ("sealed", |row| row.sealed.to_string()),
    ("organization", |row| row.organization.clone()),
    ("member", |row| row.member.clone()),
    ("name", |row| row.name.clone()),
    ("role", |row| row.role.clone()),
    ("meaning", |row| row.meaning.clone()),
    ("signed", |row| {
        row.signed.map(|signed| signed.to_string()).unwrap_or_default()
    }),
    ("reason", |row| row.reason.clone()),
    ("remark", |row| row.remark.clone()),
    ("state", |row| row.state.clone()),
    ("shown", |row| row.shown.clone()),
    ("level", |row| row.level.clone()),
    ("log", |row| row.log.clone()),
    ("index", |row| row.index.to_string()),
    ("record", |row| row.record.clone()),
];

/// The header line.
pub(crate) fn header() -> String {
    line(COLUMNS.iter().map(|(name, _)| (*name).to_owned()))
}

/// The line of one record.
pub(crate) fn record(row: &Row) -> String {
    line(COLUMNS.iter().map(|(_, value)| value(row)))
}

/// The whole list.
pub(crate) fn csv(rows: &[Row]) -> String {
    std::iter::once(header()).chain(rows.iter().map(record)).collect()
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let mut text = cells.map(|text| cell(&text)).collect::<Vec<_>>().join(",");
    text.push_str("\r\n");
    text
}

fn cell(text: &str) -> String {
    let mut text = shown(text);
    if text.starts_with(['=', '+', '-', '@']) {
        text.insert(0, '\'');
    }
    if text.contains([',', '"']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}
