//! The files of a bundle.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use trialseal::Trust;
use trialseal::core::dossier::{Dossier, Fact};
use trialseal::core::pack::Pack;
use trialseal::core::time::Instant;
use trialseal::core::verify::Outcome;

use super::File;
use super::gather::Gathered;
use super::guide;
use crate::commands::files::BUNDLED_TRUST;
use crate::commands::question::Asked;
use crate::commands::report::{self, Page};
use crate::errors::{Ended, configuration};
use crate::findings::{RefusedFile, Verdict};
use crate::pages::{Complete, Entry, Fold, Index, Link};
use crate::table::{self, Row};

/// Pages for sites and boards, each kind at most.
const PAGES_MAX: usize = 200;
/// The packs whose pages are made.
const PACKS: [(&str, &str); 2] = [("ich-e9", "sequence"), ("prospective", "prospective")];

/// What is to be written, and what it comes to.
pub(super) struct Contents {
    pub(super) files: Vec<File>,
    pub(super) complete: Complete,
    pub(super) refused: Vec<RefusedFile>,
}

pub(super) fn of(gathered: &Gathered, trust: &Trust, at: Instant) -> Result<Contents, Ended> {
    let mut files = evidence(gathered);
    let dossier = Dossier::load(trust, at, files.clone());
    let refused: Vec<RefusedFile> = dossier
        .refused()
        .iter()
        .map(|one| RefusedFile {
            name: one.name.clone(),
            sentence: one.sentence.clone(),
        })
        .collect();
    let options = format!(". --trust YOUR-TRUST.toml --at {at}");
    let asked = Asked::of(dossier, gathered.register.clone(), refused.clone(), options);
    let trust_text = fs::read(&gathered.trust).map_err(|error| {
        Box::new(configuration(format!(
            "The trust file {}: {error}.",
            gathered.trust.display()
        )))
    })?;
    files.push((BUNDLED_TRUST.to_owned(), trust_text));
    let entries = entries(&asked, gathered);
    let rows: Vec<Row> = entries.iter().map(|entry| entry.row.clone()).collect();
    files.push(("records.csv".to_owned(), table::csv(&rows).into_bytes()));
    files.push((
        "records.json".to_owned(),
        records_json(&asked, &rows).into_bytes(),
    ));
    let packs = Pack::builtin_names().filter_map(|name| Some((name, Pack::builtin_text(name)?)));
    files.extend(packs.map(|(name, text)| (format!("packs/{name}.toml"), text.as_bytes().to_vec())));
    let (pages, links) = pages(&asked);
    files.extend(pages);
    files.push(("VERIFY.md".to_owned(), guide::text(&asked, gathered).into_bytes()));
    let index = Index {
        fold: fold(&asked, &entries),
        pages: links,
        files: file_links(gathered),
        entries,
    };
    files.push(("index.html".to_owned(), index.html().into_bytes()));
    Ok(Contents {
        files,
        complete: asked.complete(),
        refused,
    })
}

/// What proves: receipts, statement, checkpoints.
fn evidence(gathered: &Gathered) -> Vec<File> {
    let receipts = gathered.receipts.iter().map(|(sequence, found)| {
        (
            receipt_name(*sequence),
            found.receipt.to_json_pretty().into_bytes(),
        )
    });
    let accounts = gathered.accounts.iter().map(|(name, receipt)| {
        (
            format!("accounts/{name}.receipt.json"),
            receipt.to_json_pretty().into_bytes(),
        )
    });
    let statement = gathered
        .statement
        .iter()
        .map(|text| ("statement.json".to_owned(), text.clone().into_bytes()));
    let checkpoints = gathered
        .checkpoints
        .iter()
        .map(|text| ("checkpoints.json".to_owned(), text.clone().into_bytes()));
    receipts
        .chain(accounts)
        .chain(statement)
        .chain(checkpoints)
        .collect()
}

fn receipt_name(sequence: u64) -> String {
    format!("receipts/{sequence:06}.receipt.json")
}

/// One line a record: those that do not verify too.
fn entries(asked: &Asked, gathered: &Gathered) -> Vec<Entry> {
    let facts: BTreeMap<u64, &Fact> = asked
        .facts()
        .iter()
        .map(|fact| (fact.sequence().get(), fact))
        .collect();
    let entry = |(sequence, found): (&u64, &super::gather::Found)| {
        let fact = facts.get(sequence);
        let mut row = fact.map_or_else(
            || Row {
                sequence: *sequence,
                register: gathered.register.to_string(),
                ..Row::default()
            },
            |fact| Row::of_fact(fact),
        );
        if let Some(withheld) = &found.withheld {
            row.shown.clone_from(withheld);
        }
        let proof = match fact {
            None => "REFUSED".to_owned(),
            Some(fact) if !fact.is_placed => format!("{}: less than the trust file asks for", row.level),
            Some(fact) if fact.outcome == Outcome::Passed || row.shown != "all" => {
                format!("PROVEN, {}", row.level)
            }
            Some(_) => format!("NOT PROVABLE, {}", row.level),
        };
        Entry {
            is_proven: fact.is_some(),
            receipt: receipt_name(*sequence),
            row,
            proof,
        }
    };
    gathered.receipts.iter().map(entry).collect()
}

fn records_json(asked: &Asked, rows: &[Row]) -> String {
    let complete = asked.complete();
    let all = json!({
        "register": asked.register.to_string(),
        "at": asked.dossier.at().to_string(),
        "trust_sha256": asked.dossier.trust_fingerprint().to_hex(),
        "complete_to": complete.to,
        "complete": complete.sentence(),
        "records": rows.iter().map(Row::to_json).collect::<Vec<Value>>(),
    });
    format!("{all:#}\n")
}

/// The pages, and the links to them with their verdicts.
fn pages(asked: &Asked) -> (Vec<File>, Vec<Link>) {
    let (mut files, mut links) = (Vec::new(), Vec::new());
    let mut add = |name: String, title: String, page: Page| {
        let path = format!("pages/{name}.html");
        links.push(Link {
            path: path.clone(),
            title: format!(
                "{title}: {}. {}",
                page.findings.verdict.as_str(),
                page.findings.sentence
            ),
        });
        files.push((path, page.html.into_bytes()));
    };
    for (pack, name) in PACKS {
        if let Some(own) = Pack::builtin(pack) {
            add(
                name.to_owned(),
                format!("Pack {pack}"),
                report::sequence(asked, &own, pack),
            );
        }
    }
    let day = asked.dossier.at().date();
    for site in report::sites(asked).iter().take(PAGES_MAX) {
        let page = report::in_force(asked, site, day, &[]);
        add(
            format!("in-force-{site}"),
            format!("In force at {site} on {day}"),
            page,
        );
    }
    for board in report::boards(asked).iter().take(PAGES_MAX) {
        add(
            format!("approvals-{board}"),
            format!("Approvals of {board}"),
            report::approvals(asked, board),
        );
    }
    add(
        "anomalies".to_owned(),
        "Anomaly report".to_owned(),
        report::anomalies(asked),
    );
    (files, links)
}

fn file_links(gathered: &Gathered) -> Vec<Link> {
    let link = |path: &str, title: &str| Link {
        path: path.to_owned(),
        title: title.to_owned(),
    };
    let mut links = vec![
        link(
            "VERIFY.md",
            "VERIFY.md: how to repeat every check, with trialseal and without",
        ),
        link("records.csv", "records.csv: every record, for a spreadsheet"),
        link("records.json", "records.json: the same for programs"),
        link(
            "trust.toml",
            "trust.toml: for information; trust that comes in a bundle proves nothing",
        ),
    ];
    if gathered.statement.is_some() {
        links.push(link(
            "statement.json",
            "statement.json: what the notary stated of this register",
        ));
    }
    if gathered.checkpoints.is_some() {
        links.push(link(
            "checkpoints.json",
            "checkpoints.json: states of the log, each a beginning of the last",
        ));
    }
    links
}

/// What stands above the list of records.
fn fold(asked: &Asked, entries: &[Entry]) -> Fold {
    let complete = asked.complete();
    let proven = entries.iter().filter(|entry| entry.is_proven).count();
    let withheld = entries.iter().filter(|entry| entry.row.shown != "all").count();
    let bad = entries.len() - proven;
    let (verdict, sentence) = match (bad, complete.to) {
        (0, Some(to)) => (
            Verdict::Proven,
            format!(
                "All {} records verify, and nothing is missing from 1 to K = {to}.",
                entries.len()
            ),
        ),
        (0, None) => (
            Verdict::NotProvable,
            format!(
                "All {} records verify; that nothing is missing is not shown.",
                entries.len()
            ),
        ),
        (bad, _) => (
            Verdict::Disproven,
            format!("{bad} of {} records do not verify.", entries.len()),
        ),
    };
    let mut fold = Fold {
        title: "Inspection bundle".to_owned(),
        subject: asked.register.to_string(),
        verdict,
        sentence,
        because: Vec::new(),
        next: None,
        proven: vec![
            "That these records were put on record in this order, and who vouched, where it is shown."
                .to_owned(),
        ],
        times: Vec::new(),
        complete,
        basis: asked.basis(None),
        pack: None,
        refused: asked.refused.clone(),
        commands: vec![asked.command("check --pack ich-e9")],
    };
    if withheld > 0 {
        fold.because = vec![format!(
            "Of {withheld} records not all is shown; the list says why."
        )];
    }
    if let Some(last) = asked.facts().last() {
        fold.times = vec![crate::errors::sentence(&format!(
            "the last, {}, {}",
            last.label(),
            last.existed()
        ))];
    }
    fold
}
