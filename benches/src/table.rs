//! The figures, as a table or as JSON.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::harness::Syncs;

/// One figure.
struct Row {
    figure: String,
    measured: String,
    value: f64,
    target: String,
    met: Option<bool>,
    syncs: Option<Syncs>,
}

/// What a figure has to be.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    Below(f64),
    /// Printed beside the others.
    None,
}

/// All figures, and the machine that they are from.
pub(crate) struct Table {
    machine: Vec<(&'static str, String)>,
    rows: Vec<Row>,
}

impl Table {
    pub(crate) fn new(dir: &Path) -> Self {
        let machine = vec![
            ("processor", processor()),
            (
                "cores",
                std::thread::available_parallelism()
                    .map_or(0, usize::from)
                    .to_string(),
            ),
            ("kernel", said("uname", &["-sr"])),
            (
                "disk",
                said("df", &["--output=fstype,source", &dir.to_string_lossy()]),
            ),
            ("date", said("date", &["-u", "+%Y-%m-%dT%H:%MZ"])),
        ];
        Self {
            machine,
            rows: Vec::new(),
        }
    }

    /// Adds a figure, with the commits that were made for it.
    pub(crate) fn add(&mut self, figure: &str, value: f64, unit: &str, target: Target, syncs: Option<Syncs>) {
        let (target, met) = match target {
            Target::AtLeast(bound) => (format!(">= {}", number(bound, unit)), Some(value >= bound)),
            Target::Below(bound) => (format!("< {}", number(bound, unit)), Some(value < bound)),
            Target::None => (String::new(), None),
        };
        let row = Row {
            figure: figure.to_owned(),
            measured: number(value, unit),
            value,
            target,
            met,
            syncs,
        };
        crate::progress(&line(&row));
        self.rows.push(row);
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.machine {
            let _ = writeln!(text, "{name:<10} {value}");
        }
        let _ = writeln!(
            text,
            "\nA commit is one journal frame and one fdatasync. Tiles and bundles are synced beside it:\n\
             3 files for 256 records, and their folders once for up to 64 times 256 records.\n"
        );
        let _ = writeln!(
            text,
            "{:<62} {:>16} {:>14} {:<4} {:>9} {:>14}",
            "figure", "measured", "target", "met", "commits/s", "records/commit"
        );
        for row in &self.rows {
            let _ = writeln!(text, "{}", line(row));
        }
        text
    }

    pub(crate) fn json(&self) -> String {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "figure": row.figure, "value": row.value, "measured": row.measured,
                    "target": row.target, "met": row.met,
                    "fsyncs_per_second": row.syncs.map(Syncs::per_second),
                    "records_per_fsync": row.syncs.map(Syncs::records_each),
                })
            })
            .collect();
        let machine: serde_json::Map<_, _> = self
            .machine
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        format!("{:#}", json!({ "machine": machine, "figures": rows }))
    }
}

fn line(row: &Row) -> String {
    let met = match row.met {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "",
    };
    let (commits, records) = match row.syncs {
        Some(syncs) => (
            format!("{:.0}", syncs.per_second()),
            format!("{:.1}", syncs.records_each()),
        ),
        None => (String::new(), String::new()),
    };
    let line = format!(
        "{:<62} {:>16} {:>14} {met:<4} {commits:>9} {records:>14}",
        row.figure, row.measured, row.target
    );
    line.trim_end().to_owned()
}

fn number(value: f64, unit: &str) -> String {
    match unit {
        "%" => format!("{:.1} %", value * 100.0),
        "/s" => format!("{value:.0}/s"),
        "bytes" => format!("{value:.0} B"),
        "ms" | "MB" | "MB/s" | "s" | "GB/s" | "x" => format!("{value:.2} {unit}"),
        _ => format!("{value} {unit}"),
    }
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    line.map_or_else(String::new, |line| {
        line.trim_start_matches([' ', '\t', ':']).to_owned()
    })
}

/// The last line that a program prints; empty where there is no such program.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let last = text.trim().lines().last().unwrap_or_default();
    last.split_whitespace().collect::<Vec<_>>().join(" ")
}
