//! Progress on a terminal, and nothing anywhere else.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use trialseal::{FileToHash, HashOptions, HashProgress, HashedFile, hash_files};

use crate::errors::{Ended, hashing};

/// Hashes files and shows how far it has come.
pub(crate) fn hash(files: &[FileToHash], quiet: bool) -> Result<Vec<HashedFile>, Ended> {
    let bar = if quiet { ProgressBar::hidden() } else { bar() };
    let progress = |at: HashProgress| {
        bar.set_length(at.bytes_total);
        bar.set_position(at.bytes_done);
        bar.set_message(format!("{}/{} files", at.files_done, at.files_total));
    };
    let hashed = hash_files(
        files,
        &HashOptions {
            threads: None,
            progress: Some(&progress),
        },
    );
    bar.finish_and_clear();
    hashed.map_err(hashing)
}

/// Counts receipts.
pub(crate) fn counted(number: usize, quiet: bool) -> ProgressBar {
    if quiet || number < 2 {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(number as u64), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("  {bar:30} {pos}/{len} receipts") {
        bar.set_style(style);
    }
    bar
}

/// Counts records that come without anybody knowing how many.
pub(crate) fn reading(quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("  {spinner} {pos} records verified") {
        bar.set_style(style);
    }
    bar
}

/// Draws on standard error, and only where that is a terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = "  hashing {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {msg}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}
