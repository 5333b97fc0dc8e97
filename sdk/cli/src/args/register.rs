//! The arguments of the commands that read a register.

use std::path::PathBuf;

use clap::Args;
use trialseal::core::identifiers::RegisterName;
use trialseal::core::time::Instant;

use super::{parse, register};

/// Check a register from first to last
///
/// Every receipt is verified, each record has to name the one before, and the whole has to agree with what the
/// notary publicly states of the register. The last verified record is remembered: a register that was cut,
/// forked, spliced or put in another order since is caught, and the two signed texts that contradict each other
/// are saved. Whoever trusts the notary's keys can check these with --evidence, offline.
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal register NCT04573309 --verify
  trialseal register NCT04573309 --verify --save NCT04573309/
  trialseal register NCT04573309 --verify --from NCT04573309/ --trust trust.toml    (offline)
  trialseal register --evidence trial_NCT04573309-contradiction/ --trust trust.toml    (offline)")]
pub(crate) struct Register {
    /// The register, e.g. NCT04573309
    #[arg(value_parser = register, required_unless_present = "evidence")]
    pub(crate) register: Option<RegisterName>,
    /// Verify it; without this you see what the notary says about it
    #[arg(long, requires = "register")]
    pub(crate) verify: bool,
    /// Save every receipt, the enrolments of those who signed, and the statement, for a check without network
    #[arg(long, value_name = "DIR", requires = "verify", conflicts_with = "from")]
    pub(crate) save: Option<PathBuf>,
    /// Verify what lies in this folder instead of asking the notary: no socket is opened
    #[arg(long, value_name = "DIR", requires = "verify")]
    pub(crate) from: Option<PathBuf>,
    /// Wait, for up to about a minute, for a statement that covers every record
    #[arg(long, requires = "verify", conflicts_with = "from")]
    pub(crate) fresh: bool,
    /// Check whether what lies in this folder contradicts itself: no socket is opened
    #[arg(long, value_name = "DIR", conflicts_with_all = ["register", "verify"])]
    pub(crate) evidence: Option<PathBuf>,
    /// The trust file; by default the one given at login
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// Judge at this instant instead of now
    #[arg(long, value_name = "INSTANT", value_parser = parse::<Instant>)]
    pub(crate) at: Option<Instant>,
}

/// Who holds which role in a register
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal roles NCT04573309")]
pub(crate) struct Roles {
    /// The register, e.g. NCT04573309
    #[arg(value_parser = register)]
    pub(crate) register: RegisterName,
}

/// Which acts wait for signatures, and for whose
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal pending NCT04573309")]
pub(crate) struct Pending {
    /// The register, e.g. NCT04573309
    #[arg(value_parser = register)]
    pub(crate) register: RegisterName,
}

/// Who read a register
///
/// Reads by ethics boards, authorities, inspectors and data safety boards are shown in full to their own
/// organisation, and to the sponsor as counts.
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal reads NCT04573309")]
pub(crate) struct Reads {
    /// The register, e.g. NCT04573309
    #[arg(value_parser = register)]
    pub(crate) register: RegisterName,
}

/// Find a file in the opened manifests of a register
///
/// The file is hashed here; only its SHA-256 is sent. What nobody opened to you is not found.
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal find NCT04573309 sap-v2.0.pdf")]
pub(crate) struct Find {
    /// The register, e.g. NCT04573309
    #[arg(value_parser = register)]
    pub(crate) register: RegisterName,
    /// The file
    pub(crate) file: PathBuf,
}
