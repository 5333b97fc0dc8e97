//! The arguments of the commands about evidence: `upgrade` and `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use trialseal::Level;

/// Fetch more evidence for receipts, verify it and append it
///
/// A receipt grows: witnesses cosign and authorities timestamp after a record is sealed. Nothing that a
/// receipt holds is lost; each file is replaced in one step. A folder stands for every *.receipt.json
/// below it. Receipts that have reached the level are left alone. One that fails stops no other, and
/// the worst of them decides the exit code.
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal upgrade sap-v2.0.pdf.receipt.json
  trialseal upgrade receipts/ --level timestamped --deadline 300
  trialseal upgrade receipts/ --mirror https://mirror.example.org/2026 --trust trust.toml")]
pub(crate) struct Upgrade {
    /// Receipts, or folders with receipts
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The level to wait for: sealed, witnessed or timestamped; by default what the trust file requires
    #[arg(long, value_parser = level)]
    pub(crate) level: Option<Level>,
    /// Stop waiting after this many seconds, for all receipts together
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) deadline: u64,
    /// Ask a mirror of the log, or any server of its tiles, instead of the notary; no account is needed.
    /// It has no timestamps, and nothing is waited for
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    /// Verify by this trust file instead of the configured one
    #[arg(long, value_name = "FILE", requires = "mirror")]
    pub(crate) trust: Option<PathBuf>,
    /// The certificate authority of the mirror instead of the system's, PEM
    #[arg(long, value_name = "FILE", requires = "mirror")]
    pub(crate) ca_certificate: Option<PathBuf>,
}

/// Write a receipt's evidence in a format of other tools, offline
///
/// Without --element the best evidence is taken: timestamped before witnessed before sealed, and the
/// earliest of these.
#[derive(Args)]
#[command(after_help = "\
Formats:
  tlog-proof  C2SP tlog-proof: the audit path and the checkpoint with every signature line
  tst         the first RFC 3161 token, DER, for `openssl ts`
  cose        COSE receipt (RFC 9942), for SCITT tools; signed with Ed25519 only
  bundle      a folder with all of them, the record's parts, the keys of a trust file, and VERIFY.md:
              how to verify everything with sha256sum and openssl alone

Examples:
  trialseal export sap-v2.0.pdf.receipt.json --format tlog-proof -o sap-v2.0.tlog-proof
  trialseal export sap-v2.0.pdf.receipt.json --format bundle --trust trust.toml -o sap-v2.0-bundle")]
pub(crate) struct Export {
    /// The receipt
    pub(crate) receipt: PathBuf,
    /// What to write
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
    /// Where to write it: a file, or with bundle a folder; nothing is written over
    #[arg(short, long, value_name = "PATH")]
    pub(crate) out: PathBuf,
    /// The evidence element, from 0, as `verify --json` numbers them
    #[arg(long, value_name = "N")]
    pub(crate) element: Option<usize>,
    /// Verify the receipt by this trust file first, and copy it into a bundle
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
}

/// What `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    TlogProof,
    Tst,
    Cose,
    Bundle,
}

/// A level by its name.
pub(crate) fn level(text: &str) -> Result<Level, String> {
    [Level::Sealed, Level::Witnessed, Level::Timestamped]
        .into_iter()
        .find(|level| level.as_str() == text)
        .ok_or_else(|| format!("{text:?} is not a level; expected sealed, witnessed or timestamped"))
}
