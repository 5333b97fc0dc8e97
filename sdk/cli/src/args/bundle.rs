//! The arguments of `bundle`.

use std::path::PathBuf;

use clap::Args;
use trialseal::core::identifiers::RegisterName;
use trialseal::core::time::Instant;

use super::{parse, register};

/// Write everything about a register into one folder, for an inspector without a network
///
/// The folder holds a receipt of every record that you may see, the enrolments of those who signed, the
/// notary's statement of the register, checkpoints, the pages, records.csv and records.json, index.html, and
/// VERIFY.md: how to repeat every check. Reading the register is on record. Manifests stay with whoever
/// submitted: --with adds those in receipts that lie here.
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal bundle trial:NCT04573309 --out inspection
  trialseal bundle trial:NCT04573309 --with receipts/ --out inspection
  trialseal bundle trial:NCT04573309 --with receipts/ --offline --trust trust.toml --out inspection")]
pub(crate) struct Bundle {
    /// The register
    #[arg(value_parser = register)]
    pub(crate) register: RegisterName,
    /// The folder to write; it must be new or empty
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Add what receipts in this folder hold besides: manifests, evidence
    #[arg(long, value_name = "PATH")]
    pub(crate) with: Vec<PathBuf>,
    /// Ask no notary: only what --with names
    #[arg(long, requires = "with")]
    pub(crate) offline: bool,
    /// The trust file; by default the one given at login
    #[arg(long, value_name = "FILE", requires = "offline")]
    pub(crate) trust: Option<PathBuf>,
    /// Judge the pages at this instant instead of now
    #[arg(long, value_name = "INSTANT", value_parser = parse::<Instant>)]
    pub(crate) at: Option<Instant>,
    /// Stop waiting for the notary after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) deadline: u64,
}
