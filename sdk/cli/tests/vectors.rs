//! Every shared receipt vector through the command, with its exit code.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");

/// The vectors, or none with a line that says so.
fn vectors(name: &str) -> Option<(PathBuf, BTreeMap<String, String>)> {
    let folder = Path::new(SHARED).join("vectors");
    match fs::read(folder.join("expected.json")) {
        Ok(bytes) => Some((folder, serde_json::from_slice(&bytes).unwrap())),
        Err(_) => {
            println!("NOT RUN: {name} (82 cases): {SHARED}/vectors is missing");
            None
        }
    }
}

/// A trust file made of `log.pub`, as the vectors' README says.
fn trust(vectors: &Path, folder: &Path) -> PathBuf {
    let keys = fs::read_to_string(vectors.join("log.pub")).unwrap();
    let (ed25519, mldsa) = keys.trim().split_once('\n').unwrap();
    let origin = ed25519.split('+').next().unwrap();
    let text = format!(
        "[[log]]\norigin = \"{origin}\"\ned25519 = \"{ed25519}\"\nmldsa = \"{mldsa}\"\n\
         from = \"2026-01-01T00:00:00Z\"\n\n[policy]\nallow_drafts = true\n"
    );
    let path = folder.join("trust.toml");
    fs::write(&path, text).unwrap();
    path
}

struct Run {
    exit: i32,
    json: Value,
}

impl Run {
    fn text(&self, key: &str) -> &str {
        self.json[key].as_str().unwrap()
    }
}

fn verify(path: &Path, receipt: Option<&Path>, trust: &Path, more: &[&str]) -> Run {
    let mut command = Command::cargo_bin("trialseal").unwrap();
    command
        .args(["verify", "--json", "--at", "2026-06-01T00:00:00Z", "--trust"])
        .arg(trust)
        .args(more)
        .arg(path);
    if let Some(receipt) = receipt {
        command.arg("--receipt").arg(receipt);
    }
    let output = command.output().unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stdout));
    });
    Run {
        exit: output.status.code().unwrap(),
        json,
    }
}

#[test]
fn every_vector_ends_with_its_exit_code() {
    let Some((vectors, expected)) = vectors("every_vector_ends_with_its_exit_code") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let trust = trust(&vectors, folder.path());
    let file = Path::new(SHARED).join("data/datasets/adsl.xpt");
    for (name, expected) in &expected {
        let run = verify(&file, Some(&vectors.join(name)), &trust, &[]);
        let failed = |step: &str| {
            let steps = run.json["steps"].as_array().unwrap();
            steps
                .iter()
                .any(|one| one["step"] == step && one["result"] == "FAILED")
        };
        let verdict = run.text("verdict");
        match expected.as_str() {
            "PASSED" => assert_eq!((run.exit, verdict), (0, "PROVEN"), "{name}"),
            "INDETERMINATE" => {
                assert_eq!(run.exit, 2, "{name}");
                assert!(
                    ["NOT PROVABLE", "UNKNOWN", "NO SALTS"].contains(&verdict),
                    "{name}: {verdict}"
                );
            }
            step => {
                assert_eq!(run.exit, 1, "{name}");
                assert!(["REFUSED", "ALTERED"].contains(&verdict), "{name}: {verdict}");
                assert!(failed(step), "{name}: {step} did not fail");
            }
        }
        assert_eq!(run.text("at"), "2026-06-01T00:00:00Z");
        assert_eq!(run.text("trust_sha256").len(), 64);
    }
    assert_eq!(expected.len(), 82);
}

#[test]
fn verdicts_of_a_file() {
    let Some((vectors, _)) = vectors("verdicts_of_a_file") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let trust = trust(&vectors, folder.path());
    let file = Path::new(SHARED).join("data/datasets/adsl.xpt");
    let on = |receipt: &str| verify(&file, Some(&vectors.join(receipt)), &trust, &[]);
    assert_eq!(on("no-manifest.receipt.json").text("verdict"), "NO SALTS");
    assert_eq!(on("other-item-opened.receipt.json").text("verdict"), "UNKNOWN");
    let altered = on("invalid/altered-file.receipt.json");
    assert_eq!(altered.text("verdict"), "ALTERED");
    assert!(
        altered
            .text("sentence")
            .contains("117840 bytes now, 73520 on record")
    );
    assert_eq!(on("invalid/item-changed.receipt.json").text("verdict"), "REFUSED");
    // The receipt beside the file, found by its name, and a copy with one byte changed.
    let copy = folder.path().join("adsl.xpt");
    let mut bytes = fs::read(&file).unwrap();
    fs::write(&copy, &bytes).unwrap();
    let receipt = folder.path().join("adsl.xpt.receipt.json");
    fs::copy(vectors.join("one-of-three.receipt.json"), &receipt).unwrap();
    assert_eq!(verify(&copy, None, &trust, &[]).text("verdict"), "PROVEN");
    bytes[1000] ^= 1;
    fs::write(&copy, &bytes).unwrap();
    let run = verify(&copy, None, &trust, &[]);
    assert_eq!((run.exit, run.text("verdict")), (1, "ALTERED"));
    assert_eq!(run.json["files"][0]["verdict"], "ALTERED");
    // A receipt by itself.
    let run = verify(&receipt, None, &trust, &[]);
    assert_eq!((run.exit, run.text("verdict")), (0, "PROVEN"));
    // Outside the keys' validity and with nothing independent inside it.
    let early = ["--at", "2025-01-01T00:00:00Z"];
    let mut command = Command::cargo_bin("trialseal").unwrap();
    command
        .args(["verify", "--trust"])
        .arg(&trust)
        .args(early)
        .arg(&receipt)
        .assert()
        .code(2);
}

#[test]
fn verdicts_of_a_folder() {
    let Some((vectors, _)) = vectors("verdicts_of_a_folder") else {
        return;
    };
    let base = tempfile::tempdir().unwrap();
    let trust = trust(&vectors, base.path());
    let receipt = vectors.join("folder.receipt.json");
    let folder = base.path().join("from-cro");
    fs::create_dir_all(folder.join("datasets")).unwrap();
    for name in ["adae.xpt", "adsl.xpt", "adtte.xpt"] {
        fs::copy(
            Path::new(SHARED).join("data/datasets").join(name),
            folder.join("datasets").join(name),
        )
        .unwrap();
    }
    let verdicts = |run: &Run| -> Vec<String> {
        let files = run.json["files"].as_array().unwrap();
        files
            .iter()
            .map(|one| one["verdict"].as_str().unwrap().to_owned())
            .collect()
    };
    let run = verify(&folder, Some(&receipt), &trust, &[]);
    assert_eq!((run.exit, run.text("verdict")), (0, "PROVEN"));
    assert_eq!(verdicts(&run), ["MATCH"; 3]);
    fs::write(folder.join("extra.txt"), "x").unwrap();
    assert_eq!(verify(&folder, Some(&receipt), &trust, &[]).exit, 0);
    let exact = verify(&folder, Some(&receipt), &trust, &["--exact"]);
    assert_eq!((exact.exit, exact.text("verdict")), (1, "DISPROVEN"));
    fs::remove_file(folder.join("datasets/adtte.xpt")).unwrap();
    fs::write(folder.join("datasets/adae.xpt"), "other").unwrap();
    let run = verify(&folder, Some(&receipt), &trust, &[]);
    assert_eq!((run.exit, run.text("verdict")), (1, "DISPROVEN"));
    assert_eq!(verdicts(&run), ["ALTERED", "MATCH", "MISSING", "EXTRA"]);
    assert!(
        run.text("sentence")
            .contains("1 match, 1 altered, 1 missing, 1 not on record")
    );
    let run = verify(
        &folder,
        Some(&vectors.join("no-manifest.receipt.json")),
        &trust,
        &[],
    );
    assert_eq!((run.exit, run.text("verdict")), (2, "NO SALTS"));
    let run = verify(
        &folder,
        Some(&vectors.join("one-of-three.receipt.json")),
        &trust,
        &[],
    );
    assert_eq!((run.exit, run.text("verdict")), (2, "NOT PROVABLE"));
    let run = verify(
        &folder,
        Some(&vectors.join("invalid/ed25519-bit.receipt.json")),
        &trust,
        &[],
    );
    assert_eq!((run.exit, run.text("verdict")), (1, "REFUSED"));
}

#[test]
fn several_are_as_good_as_the_worst() {
    let Some((vectors, _)) = vectors("several_are_as_good_as_the_worst") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let trust = trust(&vectors, folder.path());
    let run = |names: &[&str]| {
        let mut command = Command::cargo_bin("trialseal").unwrap();
        command
            .args(["verify", "--at", "2026-06-01T00:00:00Z", "--trust"])
            .arg(&trust);
        command
            .args(names.iter().map(|name| vectors.join(name)))
            .output()
            .unwrap()
            .status
            .code()
            .unwrap()
    };
    let (good, open, bad) = (
        "folder.receipt.json",
        "withheld.receipt.json",
        "invalid/ed25519-bit.receipt.json",
    );
    assert_eq!(run(&[good, "draft.receipt.json"]), 0);
    assert_eq!(run(&[good, open]), 2);
    assert_eq!(run(&[open, bad, good]), 1);
    assert_eq!(run(&[bad, open]), 1);
}

#[test]
fn show_says_what_a_receipt_says() {
    let Some((vectors, _)) = vectors("show_says_what_a_receipt_says") else {
        return;
    };
    let show = |name: &str| {
        let output = Command::cargo_bin("trialseal")
            .unwrap()
            .arg("show")
            .arg(vectors.join(name))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = show("folder.receipt.json");
    assert!(text.contains("trial:NCT04573309: dataset 1.0, hard-lock"));
    assert!(text.contains("datasets/adsl.xpt") && text.contains("Nothing here was verified"));
    assert!(show("draft.receipt.json").contains("recorded through this account's access; not signed"));
    assert!(show("withheld.receipt.json").contains("who: withheld"));
    assert!(show("one-of-three.receipt.json").contains("item 2 of 3; the others are not shown"));
}

#[test]
fn a_tlog_policy_is_a_trust_file_too() {
    let vectors = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../core/tests/vectors"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy");
    let keys = fs::read_to_string(vectors.join("log.pub")).unwrap();
    let logs = keys
        .lines()
        .map(|key| format!("log {key} https://notary.example.org/\n"));
    let policy = format!("# Who is trusted\n\n{}quorum none\n", logs.collect::<String>());
    fs::write(&path, &policy).unwrap();
    let on = |name: &str| verify(&vectors.join(name), None, &path, &[]);
    let good = on("folder.receipt.json");
    assert_eq!((good.exit, good.text("verdict")), (0, "PROVEN"));
    let draft = on("draft.receipt.json");
    assert_eq!((draft.exit, draft.text("verdict")), (1, "REFUSED"));
    assert!(draft.text("sentence").contains("does not allow drafts"));
    fs::write(&path, policy.replace("quorum none", "quorum some")).unwrap();
    let wrong = on("folder.receipt.json");
    assert_eq!(wrong.exit, 78);
    assert!(wrong.text("sentence").contains("line 5: quorum: \"some\""));
}
