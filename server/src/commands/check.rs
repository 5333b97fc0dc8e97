//! `audit` and `backup`: beside a running notary, without its help.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use trialseal_server::{
    audit::{AuditOptions, AuditReport, Erased, audit},
    backup::{BackupOptions, BackupProgress, backup},
    closed::ClosedLog,
    config::{Config, ServeFlags},
    fs::RealFileSystem,
    keys::read_log_pub,
    layout::Layout,
};

use super::{CommandError, say};

/// A line of progress on a terminal this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Read every stored byte again and rebuild everything from the entries; the first thing wrong is named.
///
/// Needs no passphrase, changes nothing, and runs beside a serving notary. A log that continues others is compared
/// with them; they are audited first.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// The notary's folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Threads that read and check.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Only this log, not those that it continues.
    #[arg(long)]
    without_previous: bool,
}

/// Copy the log into a folder, beside a serving notary, and audit the copy.
///
/// Keys and configuration are not copied: keep them, and the passphrase, apart. A folder that holds an older backup
/// of the same log is brought up to date.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The notary's folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The folder of the backup.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Threads that check the copy.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl Audit {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let config = Config::load(&ServeFlags::of_folder(&self.dir))?;
        let of = |layout, keys, previous| AuditOptions {
            fs: Arc::new(RealFileSystem),
            layout,
            keys,
            with_signer_state: true,
            previous,
            threads: threads(self.threads),
        };
        let before = if self.without_previous {
            Vec::new()
        } else {
            ClosedLog::before(&config)?
        };
        let previous = before.into_iter().fold(None, |previous, log| {
            Some(Box::new(of(log.layout, log.keys, previous)))
        });
        let options = of(
            Layout::from(&config.directories),
            read_log_pub(&config.directories.keys)?,
            previous,
        );
        let mut line = ProgressLine::new();
        let report = audit(&options, &mut |at| {
            line.show(|| format!("audited {} of {} entries", at.entries, at.of));
        });
        line.end();
        let report = report.map_err(|error| CommandError::Failed(format!("AUDIT FAILED: {error}")))?;
        say(&clean(&report))
    }
}

impl Backup {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let config = Config::load(&ServeFlags::of_folder(&self.dir))?;
        let target = std::path::absolute(&self.to).map_err(|error| CommandError::File {
            path: self.to.clone(),
            error,
        })?;
        let options = BackupOptions {
            fs: Arc::new(RealFileSystem),
            layout: Layout::from(&config.directories),
            keys: read_log_pub(&config.directories.keys)?,
            target,
            threads: threads(self.threads),
        };
        let mut line = ProgressLine::new();
        let report = backup(&options, &mut |at| {
            line.show(|| match at {
                BackupProgress::Copying { entries, of } => format!("copied {entries} of {of} entries"),
                BackupProgress::Auditing(at) => format!("audited {} of {} entries", at.entries, at.of),
            });
        });
        line.end();
        let report = report.map_err(|error| CommandError::Failed(format!("BACKUP FAILED: {error}")))?;
        say(&format!(
            "BACKUP   {}: {} files copied, {} kept, {} bytes",
            report.target.display(),
            report.copied,
            report.kept,
            report.bytes
        ))?;
        say(&clean(&report.audit))?;
        say(&format!(
            "RESTORE  copy the folders back into data/, then: trialseal-server serve --accept-head {} {}",
            report.size,
            report.root.to_base64()
        ))
    }
}

fn clean(report: &AuditReport) -> String {
    let before = report.previous.as_deref();
    let before = before.map_or_else(String::new, |before| clean(before) + "\n");
    format!(
        "{before}CLEAN    {}: {} entries ({} records, {} statements) in {} registers, root {}\n         \
         {} tiles and bundles, {} batches in the journal, {} reads on record, {} openings, {} bytes read in {:.1} s{}",
        report.origin,
        report.size,
        report.records,
        report.statements,
        report.registers,
        report.root.to_base64(),
        report.tiles,
        report.frames,
        report.reads,
        report.openings,
        report.bytes,
        report.took.as_secs_f64(),
        erased(&report.erased)
    )
}

/// A line of its own, where something was erased or is to be.
fn erased(erased: &Erased) -> String {
    if *erased == Erased::default() {
        return String::new();
    }
    format!(
        "\n         erased: {} parts, by {} tombstones ({} of them still to be carried out), and {} parts by a later log; \
         lost: none",
        erased.parts, erased.tombstones, erased.pending, erased.by_later_logs
    )
}

fn threads(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
}

/// One line on a terminal, written over; nothing elsewhere.
struct ProgressLine {
    terminal: bool,
    shown: Option<Instant>,
}

impl ProgressLine {
    fn new() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            shown: None,
        }
    }

    fn show(&mut self, text: impl FnOnce() -> String) {
        if self.terminal && self.shown.is_none_or(|shown| shown.elapsed() >= PROGRESS_EVERY) {
            // Progress is a courtesy: nothing is lost where it cannot be shown.
            let _ = write!(io::stderr(), "\r\x1b[K{}", text());
            self.shown = Some(Instant::now());
        }
    }

    fn end(&self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
