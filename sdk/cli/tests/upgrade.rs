//! `upgrade` where the notary does not answer: what is complete needs none, and one failure stops no
//! other.

#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/tests/vectors");

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    /// A login at a notary that does not answer, and two receipts in folders.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir_all(path.join("r/deep")).unwrap();
        for name in ["r/one.receipt.json", "r/deep/two.receipt.json"] {
            fs::copy(Path::new(VECTORS).join("folder.receipt.json"), path.join(name)).unwrap();
        }
        let keys = fs::read_to_string(Path::new(VECTORS).join("log.pub")).unwrap();
        let (ed25519, mldsa) = keys.trim().split_once('\n').unwrap();
        let origin = ed25519.split('+').next().unwrap();
        let trust = format!(
            "[[log]]\norigin = \"{origin}\"\ned25519 = \"{ed25519}\"\nmldsa = \"{mldsa}\"\nfrom = \"2026-01-01T00:00:00Z\"\n"
        );
        fs::write(path.join("trust.toml"), trust).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = format!(
            "endpoint = \"http://127.0.0.1:{port}\"\ntoken = \"trialseal_{}\"\ntrust = \"trust.toml\"\n",
            "00".repeat(32)
        );
        fs::write(path.join("config.toml"), config).unwrap();
        Self { folder }
    }

    fn upgrade(&self, more: &[&str]) -> Output {
        let mut command = Command::cargo_bin("trialseal").unwrap();
        command
            .current_dir(self.folder.path())
            .timeout(std::time::Duration::from_secs(100))
            .args(["--config", "config.toml", "upgrade", "--deadline", "1"])
            .args(more);
        command.output().unwrap()
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn nobody_there_leaves_every_receipt_as_it_was() {
    let desk = Desk::new();
    let path = desk.folder.path().join("r/one.receipt.json");
    let before = fs::read(&path).unwrap();
    let output = desk.upgrade(&["r/one.receipt.json", "--level", "witnessed"]);
    assert_eq!(output.status.code(), Some(75), "{}", text(&output));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn what_is_no_receipt_is_named() {
    let desk = Desk::new();
    let output = desk.upgrade(&["missing.receipt.json"]);
    assert_eq!(output.status.code(), Some(66), "{}", text(&output));
    fs::create_dir(desk.folder.path().join("empty")).unwrap();
    let output = desk.upgrade(&["empty"]);
    assert_eq!(output.status.code(), Some(66), "{}", text(&output));
    fs::write(desk.folder.path().join("bad.receipt.json"), "{}").unwrap();
    let output = desk.upgrade(&["bad.receipt.json"]);
    assert_eq!(output.status.code(), Some(65), "{}", text(&output));
    assert!(text(&output).contains("bad.receipt.json"));
    let output = desk.upgrade(&["r", "--level", "notarised"]);
    assert_eq!(output.status.code(), Some(64), "{}", text(&output));
}
