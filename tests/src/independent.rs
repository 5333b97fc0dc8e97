//! The independent verifier: Python, written from the formats alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs::{must, repository, target_folder};

/// The Python that has what the verifier needs: `$TRIALSEAL_PYTHON`, else the virtual environment
/// `venv` in the target folder.
#[must_use]
pub fn python() -> Option<PathBuf> {
    let named = std::env::var_os("TRIALSEAL_PYTHON").map(PathBuf::from);
    let path = named.unwrap_or_else(|| target_folder().join("venv/bin/python"));
    path.is_file().then_some(path)
}

/// Verifies every receipt below a folder, each against the file beside it; says so where it cannot
/// be done here.
///
/// # Panics
/// If the verifier does not accept one of them, or finds another number of receipts.
pub fn verify_folder(test: &str, log_pub: &Path, folder: &Path, receipts: usize) {
    run(test, receipts, log_pub, |command| {
        command.arg("--folder").arg(folder)
    });
}

/// Verifies receipts without files.
///
/// # Panics
/// If the verifier does not accept one of them.
pub fn verify_receipts(test: &str, log_pub: &Path, receipts: &[PathBuf]) {
    run(test, receipts.len(), log_pub, |command| command.args(receipts));
}

fn run(test: &str, cases: usize, log_pub: &Path, arguments: impl FnOnce(&mut Command) -> &mut Command) {
    let Some(python) = python() else {
        not_run(
            test,
            cases,
            "no Python with `cryptography` (TRIALSEAL_PYTHON, or `venv` in the target folder)",
        );
        return;
    };
    let mut command = Command::new(python);
    command
        .arg(repository("tests/independent/verify_receipt.py"))
        .arg("--log-pub")
        .arg(log_pub);
    let said = must(arguments(&mut command));
    assert_eq!(said.lines().count(), cases, "{said}");
    assert!(said.lines().all(|line| line.ends_with(": PASSED")), "{said}");
}

/// Says by name what could not be run here.
pub fn not_run(test: &str, cases: usize, why: &str) {
    eprintln!("NOT RUN: {test} ({cases} cases): {why}");
}
