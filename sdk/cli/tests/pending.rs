//! A pipeline at 3 a.m.: nobody answers, and nothing is lost or sent twice.

#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use trialseal::core::note::{Ed25519SigningKey, KeyName, MlDsa44SigningKey};
use trialseal::{MemberKey, Passphrase};

/// A folder with a file, a member's key, and a login at a notary that does not answer.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let name = KeyName::new("notary.example.org/2026").unwrap();
        let ed25519 = Ed25519SigningKey::from_seed(name.clone(), [1; 32]);
        let mldsa = MlDsa44SigningKey::from_seed(name, [1; 32]);
        let (ed25519, mldsa) = (ed25519.verifier(), mldsa.verifier());
        desk.write(
            "trust.toml",
            &format!(
                "[[log]]\norigin = \"notary.example.org/2026\"\ned25519 = \"{ed25519}\"\nmldsa = \"{mldsa}\"\n\
                 from = \"2020-01-01T00:00:00Z\"\n"
            ),
        );
        let key =
            MemberKey::from_seed("acme".parse().unwrap(), "m-4k2v9".parse().unwrap(), &[2; 32]).unwrap();
        key.save(
            &desk.path("member.key"),
            &Passphrase::new("correct horse".to_owned()),
        )
        .unwrap();
        desk.write("passphrase", "correct horse\n");
        desk.write("plan.pdf", "a plan");
        // A port that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        desk.write(
            "config.toml",
            &format!(
                "endpoint = \"http://127.0.0.1:{port}\"\ntoken = \"trialseal_{}\"\ntrust = \"trust.toml\"\n\
                 [signer]\nkey = \"member.key\"\nname = \"Jane Doe\"\nkind = \"person\"\nrole = \"statistician\"\n\
                 enrolment_index = 2\nenrolment_record = \"{}\"\n",
                "00".repeat(32),
                "0e".repeat(32)
            ),
        );
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn submit(&self, more: &[&str]) -> Output {
        let mut command = Command::cargo_bin("trialseal").unwrap();
        command.current_dir(self.folder.path()).args([
            "--config",
            "config.toml",
            "submit",
            "plan.pdf",
            "--register",
            "trial:NCT04573309",
            "--class",
            "statistical-analysis-plan",
            "--event",
            "finalised",
            "--version",
            "2.0",
            "--passphrase-file",
            "passphrase",
            "--deadline",
            "1",
        ]);
        command.args(more).output().unwrap()
    }

    /// The pending files and their bytes.
    fn pending(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let Ok(entries) = fs::read_dir(self.path(".trialseal/pending")) else {
            return Vec::new();
        };
        let read = |path: PathBuf| (path.clone(), fs::read(path).unwrap());
        entries.map(|entry| read(entry.unwrap().path())).collect()
    }
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_could_not_be_sent_is_kept_and_sent_again_byte_for_byte() {
    let desk = Desk::new();
    let output = desk.submit(&[]);
    assert_eq!(output.status.code(), Some(75), "{}", message(&output));
    let text = message(&output);
    assert!(text.contains("You sign: \"Statistical analysis plan 2.0, finalised; meaning: approval.\""));
    assert!(
        text.contains("NOT SENT") && text.contains("Nothing is on record."),
        "{text}"
    );
    let kept = desk.pending();
    assert_eq!(kept.len(), 1);
    // Again: the same bytes, and no passphrase is needed, since nothing is signed.
    fs::remove_file(desk.path("member.key")).unwrap();
    let output = desk.submit(&[]);
    assert_eq!(output.status.code(), Some(75), "{}", message(&output));
    assert!(message(&output).contains("RESUMED"));
    // The first run may have sent it after all, for all that this one knows.
    assert!(!message(&output).contains("Nothing is on record"));
    assert_eq!(desk.pending(), kept);
    assert!(!desk.path("plan.pdf.receipt.json").exists());
}

#[test]
fn another_request_is_another_submission() {
    let desk = Desk::new();
    desk.submit(&[]);
    desk.submit(&["--reason", "Blind review"]);
    assert_eq!(desk.pending().len(), 2);
    desk.write("plan.pdf", "another plan");
    desk.submit(&[]);
    assert_eq!(desk.pending().len(), 3);
}

#[test]
fn nothing_is_kept_or_sent_where_no_receipt_can_be_saved() {
    let desk = Desk::new();
    let output = desk.submit(&["--receipt", "no/such/folder/receipt.json"]);
    assert_eq!(output.status.code(), Some(73), "{}", message(&output));
    // A receipt is never written over: it may be the only one that opens its record.
    desk.write("plan.pdf.receipt.json", "{}");
    let output = desk.submit(&[]);
    assert_eq!(output.status.code(), Some(73), "{}", message(&output));
    assert_eq!(fs::read(desk.path("plan.pdf.receipt.json")).unwrap(), b"{}");
    assert_eq!(desk.pending(), []);
}

#[test]
fn a_mistake_is_told_before_anything_is_kept() {
    let desk = Desk::new();
    for (more, exit) in [
        (["--link", "amends=missing.receipt.json"].as_slice(), 66),
        (&["missing.pdf", "--receipt", "r.json"], 66),
        (&["--not-after", "2020-01-01T00:00:00Z"], 65),
        (&["--decision", "approved", "--basis", "novel"], 64),
    ] {
        let output = desk.submit(more);
        assert_eq!(output.status.code(), Some(exit), "{more:?}: {}", message(&output));
    }
    // A draft has no passphrase to ask for.
    let output = desk.submit(&["--draft"]);
    assert_eq!(output.status.code(), Some(64), "{}", message(&output));
    assert_eq!(desk.pending(), []);
}

#[test]
fn a_wrong_passphrase_keeps_nothing() {
    let desk = Desk::new();
    desk.write("passphrase", "wrong\n");
    let output = desk.submit(&[]);
    assert_eq!(output.status.code(), Some(78), "{}", message(&output));
    assert!(message(&output).contains("wrong passphrase"));
    assert_eq!(desk.pending(), []);
}

#[test]
fn a_damaged_pending_file_stops_everything() {
    let desk = Desk::new();
    desk.submit(&[]);
    let (path, bytes) = desk.pending().remove(0);
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let output = desk.submit(&[]);
    assert_eq!(output.status.code(), Some(73), "{}", message(&output));
    let name = Path::new(path.file_name().unwrap()).display().to_string();
    assert!(message(&output).contains(&name));
}
