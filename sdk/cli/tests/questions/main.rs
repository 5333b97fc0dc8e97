//! Questions, pages and bundles through the command, on a small register made here with fixed keys.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod story;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use assert_cmd::Command;
use serde_json::Value;
use story::{HOSTILE, Story};

const AT: &str = "2030-06-01T00:00:00Z";

struct Run {
    exit: i32,
    out: String,
    err: String,
}

impl Run {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    fn verdict(&self) -> String {
        self.json()["verdict"].as_str().unwrap().to_owned()
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Run {
    let output = Command::cargo_bin("trialseal")
        .unwrap()
        .current_dir(folder)
        .env("XDG_CONFIG_HOME", folder.join("no-config"))
        .args(arguments)
        .output()
        .unwrap();
    Run {
        exit: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The same with the trust file and the time of evaluation, as JSON.
fn judge(folder: &Path, arguments: &[&str]) -> Run {
    run(
        folder,
        &[arguments, &["--json", "--trust", "trust.toml", "--at", AT]].concat(),
    )
}

/// A folder with `receipts/`, `trust.toml` and the files that the receipts are about.
fn folder() -> (tempfile::TempDir, Story) {
    let folder = tempfile::tempdir().unwrap();
    let story = Story::new();
    story.write(folder.path());
    (folder, story)
}

/// The same with a bundle of it in `inspection/`.
fn bundled() -> (tempfile::TempDir, PathBuf) {
    let (folder, _) = folder();
    let run = run(
        folder.path(),
        &[
            "bundle",
            story::REGISTER,
            "--with",
            "receipts",
            "--offline",
            "--out",
            "inspection",
            "--trust",
            "trust.toml",
            "--at",
            AT,
            "--json",
        ],
    );
    assert_eq!(
        (run.exit, run.verdict().as_str()),
        (0, "SAVED"),
        "{}{}",
        run.out,
        run.err
    );
    let bundle = folder.path().join("inspection");
    (folder, bundle)
}

#[test]
fn one_question_after_the_other() {
    let (folder, _) = folder();
    let folder = folder.path();
    for (arguments, exit, verdict) in [
        (vec!["before", "2", "unblinded", "receipts"], 0, "PROVEN"),
        (vec!["before", "unblinded", "2", "receipts"], 1, "DISPROVEN"),
        (
            vec!["before", "statistical-analysis-plan/1.0", "dataset", "receipts"],
            0,
            "PROVEN",
        ),
        (
            vec!["before", "000002.receipt.json", "3", "receipts"],
            0,
            "PROVEN",
        ),
        (
            vec![
                "preceded",
                "statistical-analysis-plan/1.0",
                "first-participant-in",
                "receipts",
            ],
            0,
            "PROVEN",
        ),
        (
            vec![
                "preceded",
                "statistical-analysis-plan/3.0",
                "first-participant-in",
                "receipts",
            ],
            1,
            "DISPROVEN",
        ),
        (
            vec!["contemporaneous", "first-participant-in", "receipts"],
            0,
            "PROVEN",
        ),
        (
            vec![
                "contemporaneous",
                "first-participant-in",
                "receipts",
                "--bound",
                "1m",
            ],
            1,
            "DISPROVEN",
        ),
        (
            vec![
                "same",
                "plan-1.0.txt",
                "statistical-analysis-plan/1.0",
                "receipts",
            ],
            0,
            "PROVEN",
        ),
        (
            vec![
                "same",
                "plan-3.0.txt",
                "statistical-analysis-plan/1.0",
                "receipts",
            ],
            1,
            "DISPROVEN",
        ),
        (vec!["before", "2", "99", "receipts"], 2, "NOT PROVABLE"),
        (vec!["before", "2", "data-cut", "receipts"], 2, "NOT PROVABLE"),
        (
            vec!["before", "2", "statistical-analysis-plan", "receipts"],
            64,
            "WHICH ONE",
        ),
        (
            vec!["approved", "board-de", "plan-1.0.txt", "receipts"],
            1,
            "DISPROVEN",
        ),
        (vec!["before", "1", "2", "nothing-here"], 66, "MISSING"),
    ] {
        let run = judge(folder, &[&["ask"], arguments.as_slice()].concat());
        assert_eq!(
            (run.exit, run.verdict().as_str()),
            (exit, verdict),
            "{arguments:?}: {}{}",
            run.out,
            run.err
        );
        let json = run.json();
        assert!(!json["sentence"].as_str().unwrap().is_empty());
        if exit < 64 && !json["trust_sha256"].is_null() {
            assert_eq!(json["at"], AT);
            assert_eq!(json["trust_sha256"].as_str().unwrap().len(), 64);
        }
    }
}

#[test]
fn junit_and_summary_are_written_however_it_ends() {
    let (folder, _) = folder();
    let folder = folder.path();
    let reports = ["--junit", "out.xml", "--summary", "out.md"];
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    for (arguments, counts, exit) in [
        (
            vec!["ask", "before", "2", "3", "receipts"],
            "failures=\"0\" errors=\"0\"",
            0,
        ),
        (
            vec!["ask", "before", "3", "2", "receipts"],
            "failures=\"1\" errors=\"0\"",
            1,
        ),
        (
            vec!["ask", "before", "3", "99", "receipts"],
            "failures=\"0\" errors=\"1\"",
            2,
        ),
        (
            vec!["check", "receipts", "--pack", "no-such-pack"],
            "failures=\"0\" errors=\"1\"",
            66,
        ),
    ] {
        let run = judge(folder, &[arguments.as_slice(), &reports].concat());
        assert_eq!(run.exit, exit, "{arguments:?}: {}", run.out);
        let xml = read("out.xml");
        assert!(
            xml.contains(counts) && xml.contains("skipped=\"0\""),
            "{arguments:?}: {xml}"
        );
        assert!(read("out.md").contains(&run.verdict()), "{arguments:?}");
        fs::remove_file(folder.join("out.xml")).unwrap();
        fs::remove_file(folder.join("out.md")).unwrap();
    }
    let wrong = run(folder, &["check", "--nonsense", "--junit=out.xml"]);
    assert_eq!(wrong.exit, 64);
    assert!(read("out.xml").contains("errors=\"1\""));
}

#[test]
fn a_bundle_says_what_is_in_it_and_verifies_without_us() {
    let (_folder, bundle) = bundled();
    for name in [
        "bundle.json",
        "index.html",
        "VERIFY.md",
        "records.csv",
        "records.json",
        "statement.json",
        "trust.toml",
        "receipts/000001.receipt.json",
        "receipts/000007.receipt.json",
        "pages/anomalies.html",
    ] {
        assert!(bundle.join(name).is_file(), "{name}");
    }
    let index = fs::read_to_string(bundle.join("index.html")).unwrap();
    for text in [
        "K = 7",
        "receipts/000007.receipt.json",
        "pages/anomalies.html",
        "VERIFY.md",
        "sealed",
    ] {
        assert!(index.contains(text), "{text}");
    }
    for entry in fs::read_dir(bundle.join("pages"))
        .unwrap()
        .chain(fs::read_dir(&bundle).unwrap())
    {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "html") {
            let html = fs::read_to_string(&path).unwrap();
            assert!(
                !html.contains("<script") && !html.contains('\u{202e}'),
                "{}",
                path.display()
            );
        }
    }
    assert!(index.contains("&lt;script&gt;") && index.contains("[U+202E]"));
    let list: Value = serde_json::from_slice(&fs::read(bundle.join("bundle.json")).unwrap()).unwrap();
    assert_eq!(list["format"], "trialseal-bundle/v1");
    assert!(list["files"].as_object().unwrap().len() > 12);
}

/// The commands of the bundle's own VERIFY.md.
#[test]
fn the_guide_of_a_bundle_does_what_it_says() {
    let (_folder, bundle) = bundled();
    if Process::new("python3").arg("--version").output().is_err() {
        println!("NOT RUN: the_guide_of_a_bundle_does_what_it_says: there is no python3");
        return;
    }
    let guide = fs::read_to_string(bundle.join("VERIFY.md")).unwrap();
    let blocks: Vec<&str> = guide
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(blocks.len(), 3);
    let follow = || {
        let output = Process::new("sh")
            .arg("-c")
            .arg(blocks.join("\n"))
            .current_dir(&bundle)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (
            output.status.success(),
            text + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (fine, said) = follow();
    assert!(fine, "{said}");
    assert_eq!(said.matches("PASSED").count(), 3, "{said}");
    let receipt = bundle.join("receipts/000004.receipt.json");
    let bytes = fs::read(&receipt).unwrap();
    fs::remove_file(&receipt).unwrap();
    let (_, said) = follow();
    assert!(
        said.contains("GAP     before receipts/000005.receipt.json"),
        "{said}"
    );
    let changed = String::from_utf8(bytes)
        .unwrap()
        .replace("first-participant-in", "last-participant-in");
    fs::write(&receipt, changed).unwrap();
    let (_, said) = follow();
    assert!(
        said.contains("receipts/000004.receipt.json: FAILED") && said.contains("another root"),
        "{said}"
    );
}

#[test]
fn a_replaced_receipt_is_caught_and_everything_else_is_judged() {
    let (folder, bundle) = bundled();
    let ask = || judge(folder.path(), &["ask", "before", "2", "3", "inspection"]);
    assert_eq!(ask().exit, 0);
    // A genuine receipt, at the place of another.
    fs::copy(
        bundle.join("receipts/000005.receipt.json"),
        bundle.join("receipts/000006.receipt.json"),
    )
    .unwrap();
    let run = ask();
    let json = run.json();
    assert_eq!((run.exit, run.verdict().as_str()), (1, "PROVEN"));
    assert_eq!(json["refused"][0]["name"], "receipts/000006.receipt.json");
    assert!(
        json["refused"][0]["sentence"]
            .as_str()
            .unwrap()
            .contains("replaced or damaged")
    );
    // With the list changed as well the register has a gap, and the statement says so.
    let list = fs::read_to_string(bundle.join("bundle.json")).unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    let same = list["files"]["receipts/000005.receipt.json"].as_str().unwrap();
    let other = list["files"]["receipts/000006.receipt.json"].as_str().unwrap();
    fs::write(bundle.join("bundle.json"), list.to_string().replace(other, same)).unwrap();
    let run = judge(
        folder.path(),
        &["report", "anomalies", "inspection", "--out", "page.html"],
    );
    assert_ne!(run.exit, 0);
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(
        page.contains("Not known to be complete") && page.contains("Record 6"),
        "{page}"
    );
    // One that is gone, and one that was added.
    fs::write(bundle.join("bundle.json"), list.to_string()).unwrap();
    fs::rename(
        bundle.join("receipts/000006.receipt.json"),
        bundle.join("receipts/000009.receipt.json"),
    )
    .unwrap();
    let json = ask().json();
    let refused = json["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(
        refused[0]["sentence"]
            .as_str()
            .unwrap()
            .contains("cannot be read")
    );
    assert!(refused[1]["sentence"].as_str().unwrap().contains("added after"));
}

#[test]
fn trust_from_inside_a_bundle_proves_nothing_however_it_is_given() {
    let (folder, bundle) = bundled();
    let inside = bundle.join("trust.toml");
    for trust in [vec![], vec!["--trust", inside.to_str().unwrap()]] {
        for question in [["before", "2", "3"], ["before", "3", "2"]] {
            let arguments = [
                &["ask"],
                question.as_slice(),
                &["inspection", "--json", "--at", AT],
                &trust,
            ]
            .concat();
            let run = run(folder.path(), &arguments);
            assert_eq!(
                (run.exit, run.verdict().as_str()),
                (2, "NOT PROVABLE"),
                "{arguments:?}"
            );
            assert!(
                run.err.contains("trust file, SHA-256") && run.err.contains("key SHA-256"),
                "{}",
                run.err
            );
            assert_eq!(run.json()["bundled_trust"], true);
        }
    }
    // A copy of it from elsewhere is somebody's own decision.
    fs::copy(&inside, folder.path().join("copy.toml")).unwrap();
    let arguments = [
        "ask",
        "before",
        "2",
        "3",
        "inspection",
        "--json",
        "--at",
        AT,
        "--trust",
        "copy.toml",
    ];
    assert_eq!(run(folder.path(), &arguments).exit, 0);
    // A folder of receipts carries no trust at all.
    assert_eq!(
        run(folder.path(), &["ask", "before", "2", "3", "receipts"]).exit,
        78
    );
}

#[test]
fn pages_are_written_and_name_what_repeats_them() {
    let (folder, _) = folder();
    let folder = folder.path();
    for (arguments, title) in [
        (vec!["sequence"], "Sequence certificate"),
        (
            vec!["in-force", "--site", "DE-01", "--day", "2030-03-01"],
            "In force",
        ),
        (vec!["approvals", "--board", "board-de"], "Approvals of board-de"),
        (vec!["anomalies"], "Anomaly report"),
    ] {
        let arguments = [
            &["report"],
            arguments.as_slice(),
            &["receipts", "--out", "page.html"],
        ]
        .concat();
        let run = judge(folder, &arguments);
        assert!(run.exit < 3, "{arguments:?}: {}{}", run.out, run.err);
        let page = fs::read_to_string(folder.join("page.html")).unwrap();
        let json = run.json();
        for text in [
            title,
            "K = 7",
            AT,
            json["trust_sha256"].as_str().unwrap(),
            "receipts --trust trust.toml --at",
        ] {
            assert!(page.contains(text), "{arguments:?}: {text}");
        }
        assert!(page.contains(json["verdict"].as_str().unwrap()));
        assert!(!page.contains("<script"), "{arguments:?}");
    }
}

#[test]
fn receipts_are_listed_by_who_what_when_and_why() {
    let (folder, _) = folder();
    let folder = folder.path();
    let sequences = |more: &[&str]| -> Vec<u64> {
        let run = judge(folder, &[&["list", "--in", "receipts"], more].concat());
        assert_eq!(run.exit, 0, "{}{}", run.out, run.err);
        let json = run.json();
        json["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["sequence"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(sequences(&[]), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(sequences(&["--what", "statistical-analysis"]), [3, 7]);
    assert_eq!(
        sequences(&[
            "--class",
            "statistical-analysis-plan",
            "--sort",
            "when",
            "--reverse"
        ]),
        [7, 3]
    );
    assert_eq!(sequences(&["--why", "second look"]), [7]);
    assert_eq!(sequences(&["--who", "nobody"]), [0; 0]);
    assert_eq!(sequences(&["--sort", "what"])[0], 5);
    let csv = run(
        folder,
        &[
            "list",
            "--in",
            "receipts",
            "--csv",
            "--why",
            "second",
            "--trust",
            "trust.toml",
            "--at",
            AT,
        ],
    );
    assert_eq!(csv.exit, 0);
    let lines: Vec<&str> = csv.out.split("\r\n").collect();
    assert!(lines[0].starts_with("register,sequence,received_at,no_later_than,"));
    assert!(
        lines[1].starts_with("trial:NCT04573309,7,") && lines[1].contains("'=second look"),
        "{}",
        lines[1]
    );
    assert!(!csv.out.contains('\u{202e}') && HOSTILE.contains('\u{202e}'));
    let alone = run(folder, &["list", "--csv"]);
    assert_eq!(alone.exit, 64, "filters need a register or receipts");
}
