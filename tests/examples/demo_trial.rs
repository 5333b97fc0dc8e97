//! `make demo-trial`: tells the story of a trial to a notary of its own, asks what inspectors ask, and makes
//! their pages with the command line.
//!
//! `KEEP=DIR` keeps everything in that folder: the files, the receipts, trust.toml, the pages, the notary's own.
//! `TRIALSEAL_DATA=DIR` names the folder with the real files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a demonstration speaks on standard output, and fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use trialseal_core::record::When;
use trialseal_tests::programs;
use trialseal_tests::story::questions::{Inspection, Papers};
use trialseal_tests::story::{self, CROOKED, REGISTER, Tale};

/// Commands that judge the papers, without the notary.
const COMMANDS: &[&[&str]] = &[
    &["check", "papers", "--pack", "ich-e9"],
    &["check", "papers", "--pack", "prospective"],
    &[
        "ask",
        "in-force",
        "protocol",
        "--site",
        "DE-01",
        "--day",
        "2026-04-14",
        "papers",
    ],
    &["report", "sequence", "papers", "--out", "pages/sequence.html"],
    &[
        "report",
        "in-force",
        "papers",
        "--site",
        "DE-01",
        "--day",
        "2026-04-14",
        "--out",
        "pages/DE-01-2026-04-14.html",
    ],
    &[
        "report",
        "approvals",
        "papers",
        "--board",
        "ethics-berlin",
        "--out",
        "pages/ethics-berlin.html",
    ],
    &["report", "anomalies", "papers", "--out", "pages/anomalies.html"],
];

#[tokio::main]
async fn main() {
    let (folder, _temporary) = folder();
    println!("== A trial of fourteen organisations in three countries, January to October 2026\n");
    let mut tale = story::tell(&folder).await;
    show(&tale);
    let registers = [(REGISTER, "medtrust/m-ortega"), (CROOKED, "sham-pharma/m-crook")];
    let papers = tale.hand_in("papers", &registers).await;
    tale.world.stop().await;

    println!("\n== What inspectors ask, offline\n");
    let papers = Papers::of_folder(&papers, tale.world.trust());
    for question in Inspection::of(&tale, &papers) {
        println!("{} ({})\n{}", question.asks, question.about, question.answer);
    }
    println!("\n== The same by the command line, and pages to print\n");
    std::fs::create_dir(folder.join("pages")).unwrap();
    for arguments in COMMANDS {
        run(&folder, arguments);
    }
    println!("\n== In {}\n", folder.display());
    println!("files/       what was submitted");
    println!("receipts/    a receipt for each record");
    println!("papers/      what an inspector was given: receipts, accounts, statements, checkpoints");
    println!("pages/       certificate, in-force page, a board's approvals, what stands out");
    println!("trust.toml   whom the receipts are judged by");
}

/// The folder to work in, which is empty; kept if somebody named it.
fn folder() -> (PathBuf, Option<tempfile::TempDir>) {
    match std::env::var_os("KEEP").filter(|keep| !keep.is_empty()) {
        Some(keep) => {
            let folder = std::path::absolute(PathBuf::from(keep)).unwrap();
            std::fs::create_dir_all(&folder).unwrap();
            let mut inside = std::fs::read_dir(&folder).unwrap();
            assert!(inside.next().is_none(), "{} is not empty", folder.display());
            (folder, None)
        }
        None => {
            let temporary = tempfile::tempdir().unwrap();
            (temporary.path().to_owned(), Some(temporary))
        }
    }
}

fn show(tale: &Tale) {
    for (name, told) in tale.records() {
        let record = told.recorded.receipt.record();
        let when = When::parse(record.when.text.as_bytes()).unwrap();
        let (at, sequence, index) = (when.received_at, when.sequence, when.index);
        println!("{at}  {sequence:>4}  {index:>4} of {}  {name}", told.log);
    }
    let (real, made) = tale.files.count();
    println!(
        "\n{} records; {real} real files, {made} made up",
        tale.records().count()
    );
    for refused in tale.refusals() {
        // What is accepted in the end waits for another person, who did not sign.
        let verdict = if refused.sentence.starts_with(story::ACCEPTED) {
            "PENDING"
        } else {
            "REFUSED"
        };
        println!("{verdict}  {}: {}", refused.name, refused.sentence);
    }
}

/// Runs the command line in the folder, and shows what it says; a verdict is no failure of the demonstration.
fn run(folder: &Path, arguments: &[&str]) {
    println!(
        "$ trialseal {} --register {REGISTER} --trust trust.toml",
        arguments.join(" ")
    );
    let mut command = Command::new(programs::command_line());
    command
        .current_dir(folder)
        .args(arguments)
        .args(["--register", REGISTER, "--trust", "trust.toml"]);
    let output = programs::run(&mut command);
    print!("{}", String::from_utf8_lossy(&output.stdout));
    print!("{}", String::from_utf8_lossy(&output.stderr));
    println!();
}
