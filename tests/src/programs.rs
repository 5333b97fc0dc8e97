//! The programs under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// `trialseal-server`.
#[must_use]
pub fn server() -> PathBuf {
    program("trialseal-server")
}

/// `trialseal`.
#[must_use]
pub fn command_line() -> PathBuf {
    program("trialseal")
}

/// The folder that everything is built into, above the profile's.
///
/// # Panics
/// If the test does not run from such a folder.
#[must_use]
pub fn target_folder() -> PathBuf {
    let folder = profile_folder();
    let target = folder
        .parent()
        .expect("the profile's folder lies in the target folder");
    target.to_owned()
}

/// A file of this repository, from its root.
#[must_use]
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Runs a program to its end; standard output and error are kept.
///
/// # Panics
/// If it cannot be started.
pub fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"))
}

/// Runs a program that must succeed, and gives its standard output.
///
/// # Panics
/// With everything that it said, if it fails.
pub fn must(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?} failed: {}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Exit status, standard output and error, for messages.
#[must_use]
pub fn said(output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    format!("{}\nstdout: {out}\nstderr: {err}", output.status)
}

fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().expect("the test knows its own path");
    let folder = test.ancestors().find(|folder| folder.join("deps").is_dir());
    folder
        .unwrap_or_else(|| panic!("{} does not lie in a target folder", test.display()))
        .to_owned()
}

fn program(name: &str) -> PathBuf {
    let path = profile_folder().join(name);
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build --workspace` (with --release if the tests run so) first",
        path.display()
    );
    path
}
