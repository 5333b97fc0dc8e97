//! The arguments of the acts on a record: countersigning, declining, opening, erasing; and what every signed act
//! has.

use std::path::PathBuf;

use clap::Args;
use trialseal::core::checkpoint::Origin;
use trialseal::core::vocabulary::ErasablePart;
use trialseal::{Level, Meaning, Role};

use super::{level, parse};

/// How an act is signed and sent.
#[derive(Args)]
#[command(next_help_heading = "Signature")]
pub(crate) struct Signing {
    /// As what you sign; by default as said at login
    #[arg(long, value_parser = parse::<Role>)]
    pub(crate) role: Option<Role>,
    /// What your signature means; by default what such a record usually means
    #[arg(long, value_parser = parse::<Meaning>)]
    pub(crate) meaning: Option<Meaning>,
    /// Why
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// A remark
    #[arg(long)]
    pub(crate) remark: Option<String>,
    /// Where to save the receipt
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
    /// Read the passphrase from the first line of this file instead of the terminal
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Wait until the receipt reaches this level: sealed, witnessed or timestamped
    #[arg(long, default_value = "sealed", value_parser = level)]
    pub(crate) level: Level,
    /// Give up trying, and waiting for the level, after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) deadline: u64,
}

/// Which record.
#[derive(Args)]
pub(crate) struct RecordChoice {
    /// The record: its log index, its receipt, or its register
    #[arg(value_name = "INDEX|RECEIPT|REGISTER")]
    pub(crate) record: String,
    /// Its place in the register, from 1
    pub(crate) sequence: Option<u64>,
    /// The log of an INDEX, where it is an earlier one of this notary
    #[arg(long, value_name = "ORIGIN", value_parser = parse::<Origin>, conflicts_with = "sequence")]
    pub(crate) log: Option<Origin>,
}

/// Add your signature to somebody's record
///
/// The record is fetched and verified first, and you see what it says before you sign. An act that needs
/// several people takes effect with the last of their signatures: see `trialseal pending`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal countersign 12
  trialseal countersign 12 --file sap-v2.0.pdf
  trialseal countersign NCT04573309 7 --role sponsor --meaning approval")]
pub(crate) struct Countersign {
    #[command(flatten)]
    pub(crate) choice: RecordChoice,
    /// Sign only if this file, with FILE.receipt.json beside it, is the file of the record
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// Decline to sign somebody's record, and say why
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal decline 12 --reason 'Table 4 is not the agreed one'")]
pub(crate) struct Decline {
    #[command(flatten)]
    pub(crate) choice: RecordChoice,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// Open a record's manifest to roles or to the public
///
/// What is opened are the items with their salts: paths, sizes and digests, never the files. It is verifiably
/// the manifest that the record committed to, and cannot be closed again.
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal open sap-v2.0.pdf.receipt.json --to inspector --to auditor
  trialseal open randomisation-list.csv.receipt.json --to public --reason 'Trial unblinded'")]
pub(crate) struct Open {
    /// The receipt, with its manifest
    #[arg(value_name = "RECEIPT")]
    pub(crate) source: PathBuf,
    /// To whom: a role in the register, or public
    #[arg(long, required = true, value_name = "ROLE", value_parser = parse::<Role>)]
    pub(crate) to: Vec<Role>,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// Ask for parts of a record to be erased
///
/// An archivist countersigns; then the data is gone, a tombstone says so, and every proof still verifies.
/// Nothing is erased before the day that the record is to be kept until.
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal erase 12 --part who --part why --reason 'Request of the data subject, 4 May'")]
pub(crate) struct Erase {
    #[command(flatten)]
    pub(crate) choice: RecordChoice,
    /// Which part: who, why, manifest (what was opened), or what (personal data included by mistake)
    #[arg(long = "part", required = true, value_name = "PART", value_parser = parse::<ErasablePart>)]
    pub(crate) parts: Vec<ErasablePart>,
    #[command(flatten)]
    pub(crate) signing: Signing,
}
