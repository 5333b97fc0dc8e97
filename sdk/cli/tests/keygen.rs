//! Making a key, and what `openssl` thinks of it.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::path::Path;
use std::process;

use assert_cmd::Command;

fn keygen(folder: &Path) -> Command {
    fs::write(folder.join("passphrase"), "correct horse\n").unwrap();
    let mut command = Command::cargo_bin("trialseal").unwrap();
    command.current_dir(folder).args([
        "keygen",
        "member.key",
        "--organization",
        "acme",
        "--member",
        "m-4k2v9",
        "--passphrase-file",
        "passphrase",
        "--json",
    ]);
    command
}

#[test]
fn a_key_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let output = keygen(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let public = fs::read_to_string(folder.path().join("member.key.pub")).unwrap();
    assert_eq!(json["vkey"], public.trim());
    assert!(public.starts_with("acme/m-4k2v9+"));
    // A key is never overwritten.
    let before = fs::read(folder.path().join("member.key")).unwrap();
    keygen(folder.path()).assert().code(73);
    assert_eq!(fs::read(folder.path().join("member.key")).unwrap(), before);
}

#[test]
fn openssl_opens_it() {
    let folder = tempfile::tempdir().unwrap();
    keygen(folder.path()).assert().success();
    let openssl = process::Command::new("openssl")
        .current_dir(folder.path())
        .args([
            "pkey",
            "-in",
            "member.key",
            "-passin",
            "file:passphrase",
            "-noout",
            "-text",
        ])
        .output();
    match openssl {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                text.contains("ED25519 Private-Key"),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Err(_) => println!("NOT RUN: openssl_opens_it (1 case): there is no openssl"),
    }
}

#[test]
fn an_empty_passphrase_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = keygen(folder.path());
    fs::write(folder.path().join("passphrase"), "\n").unwrap();
    command.assert().code(78);
    assert!(!folder.path().join("member.key").exists());
}
