//! The arguments of `submit`: one for each field of `what` and `why`.

use std::path::PathBuf;

use clap::Args;
use trialseal::core::encoding::hex_decode;
use trialseal::core::identifiers::{Code, Country, Reference, RegisterName, TimeZoneName, VersionCode};
use trialseal::core::record::{Declared, Enrolment};
use trialseal::core::submission::IdempotencyKey;
use trialseal::core::time::{Date, Instant};
use trialseal::core::vocabulary::{Basis, Decision, ItemUse, Rel, TransferMode};
use trialseal::{Class, Event, Level, Meaning, Purpose, Role};

use super::{enrolment, level, parse, register};

/// Put files, a folder or an event on record, and save the receipt
///
/// All files given make one record, unless --each. A folder's files stand in the manifest under
/// their paths relative to it. Nothing but salted commitments is sent. The receipt is saved as
/// FILE.receipt.json: keep it with the file, without it nobody can check the file.
///
/// A record is sealed when the notary answers. With --level the command waits for more; if that is not
/// reached by the deadline the receipt is saved all the same, and the exit code is 3.
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal submit sap-v2.0.pdf --register trial:NCT04573309 --class statistical-analysis-plan \\
      --event finalised --version 2.0 --reason 'Blind review of 28 April' --level witnessed
  trialseal submit adam/ --register trial:NCT04573309 --class dataset --event hard-lock --version 1.0 \\
      --purpose final --role sponsor --reason 'Last query closed'
  trialseal submit 'tlf/*.rtf' --each --draft --register trial:NCT04573309 --class analysis-output \\
      --event drafted
  trialseal submit --register trial:NCT04573309 --class trial --event enrolment-opened --draft")]
pub(crate) struct Submit {
    /// Files, folders or patterns; none for an event without files
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The register, e.g. NCT04573309
    #[arg(long, value_parser = register)]
    pub(crate) register: RegisterName,
    /// What kind of thing it is
    #[arg(long, value_parser = parse::<Class>)]
    pub(crate) class: Class,
    /// What happened to it
    #[arg(long, value_parser = parse::<Event>)]
    pub(crate) event: Event,
    /// Its version
    #[arg(long, value_parser = parse::<VersionCode>)]
    pub(crate) version: Option<VersionCode>,
    /// Why
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// A remark
    #[arg(long)]
    pub(crate) remark: Option<String>,
    /// A link to an earlier record: its relation, and its receipt or INDEX:RECORD
    #[arg(long = "link", value_name = "REL=RECEIPT", value_parser = link)]
    pub(crate) links: Vec<(Rel, LinkTarget)>,
    /// As what you sign
    #[arg(long, value_parser = parse::<Role>)]
    pub(crate) role: Option<Role>,
    /// What your signature means; by default what the event suggests
    #[arg(long, value_parser = parse::<Meaning>)]
    pub(crate) meaning: Option<Meaning>,
    /// Do not sign: recorded through your account's access only
    #[arg(long, conflicts_with_all = ["role", "meaning", "passphrase_file"])]
    pub(crate) draft: bool,
    /// One record for each file, with its receipt beside it
    #[arg(long, requires = "files", conflicts_with_all = ["receipt", "idempotency_key", "base"])]
    pub(crate) each: bool,
    /// Where to save the receipt
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
    /// Paths in the manifest are relative to this folder
    #[arg(long, value_name = "DIR", requires = "files")]
    pub(crate) base: Option<PathBuf>,
    /// What the files are to the record
    #[arg(long = "as", value_name = "USE", requires = "files", value_parser = parse::<ItemUse>)]
    pub(crate) used_as: Option<ItemUse>,
    /// Read the passphrase from the first line of this file
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// 64 hex digits; the same key and content again yield the same record
    #[arg(long, value_name = "HEX", value_parser = key)]
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    /// Until when it may be recorded; by default one day from now, at most 14
    #[arg(long, value_name = "INSTANT", value_parser = parse::<Instant>)]
    pub(crate) not_after: Option<Instant>,
    /// Wait until the receipt reaches this level by your trust file: sealed, witnessed or timestamped
    #[arg(long, default_value = "sealed", value_parser = level)]
    pub(crate) level: Level,
    /// Give up trying, and waiting for the level, after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) deadline: u64,
    #[command(flatten)]
    pub(crate) more: More,
}

/// Fields that fewer records have.
#[derive(Args)]
#[command(next_help_heading = "More fields")]
pub(crate) struct More {
    /// What data or outputs are for
    #[arg(long, value_parser = parse::<Purpose>)]
    pub(crate) purpose: Option<Purpose>,
    /// Blinded eyes may know only that the record exists
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "true|false")]
    pub(crate) sealed: Option<bool>,
    /// What was decided
    #[arg(long, value_parser = parse::<Decision>)]
    pub(crate) decision: Option<Decision>,
    /// The date of the decision
    #[arg(long, value_name = "DATE", value_parser = parse::<Date>)]
    pub(crate) decided_on: Option<Date>,
    /// What is affected, a code
    #[arg(long, value_parser = parse::<Code>)]
    pub(crate) affects: Vec<Code>,
    /// On what the record rests
    #[arg(long, value_parser = parse::<Basis>)]
    pub(crate) basis: Option<Basis>,
    /// When it happened, an instant or a date
    #[arg(long, value_name = "TIME", value_parser = parse::<Declared>)]
    pub(crate) declared_at: Option<Declared>,
    /// The date on the document
    #[arg(long, value_name = "DATE", value_parser = parse::<Date>)]
    pub(crate) document_date: Option<Date>,
    /// First day of validity
    #[arg(long, value_name = "DATE", value_parser = parse::<Date>)]
    pub(crate) valid_from: Option<Date>,
    /// Last day of validity, inclusive
    #[arg(long, value_name = "DATE", value_parser = parse::<Date>)]
    pub(crate) valid_until: Option<Date>,
    /// Not to be erased before this day
    #[arg(long, value_name = "DATE", value_parser = parse::<Date>)]
    pub(crate) retain_until: Option<Date>,
    /// Time zone of the dates, e.g. Europe/Berlin
    #[arg(long, value_name = "ZONE", value_parser = parse::<TimeZoneName>)]
    pub(crate) tz: Option<TimeZoneName>,
    /// Applies to this site
    #[arg(long, value_parser = parse::<Code>)]
    pub(crate) site: Vec<Code>,
    /// Applies to this country, two letters
    #[arg(long, value_parser = parse::<Country>)]
    pub(crate) country: Vec<Country>,
    /// Applies everywhere
    #[arg(long, conflicts_with_all = ["site", "country"])]
    pub(crate) everywhere: bool,
    /// The repository of a program or an output
    #[arg(long, value_parser = parse::<Reference>)]
    pub(crate) repository: Option<Reference>,
    /// The commit
    #[arg(long, value_parser = parse::<Reference>)]
    pub(crate) commit: Option<Reference>,
    /// The working copy had changes
    #[arg(long)]
    pub(crate) dirty: bool,
    /// The run of the pipeline
    #[arg(long, value_parser = parse::<Reference>)]
    pub(crate) run: Option<Reference>,
    /// The series of transfers
    #[arg(long, value_parser = parse::<Code>)]
    pub(crate) transfer_series: Option<Code>,
    /// The number of the transfer
    #[arg(long)]
    pub(crate) transfer_number: Option<u64>,
    /// Everything, or what changed
    #[arg(long, value_parser = parse::<TransferMode>)]
    pub(crate) transfer_mode: Option<TransferMode>,
}

/// The record that a link names.
#[derive(Clone, Debug)]
pub(crate) enum LinkTarget {
    /// By its receipt.
    Receipt(PathBuf),
    /// By index and id.
    Record(Enrolment),
}

fn link(text: &str) -> Result<(Rel, LinkTarget), String> {
    let (rel, target) = text
        .split_once('=')
        .ok_or("expected REL=RECEIPT or REL=INDEX:RECORD")?;
    let rel = parse::<Rel>(rel)?;
    let target = match enrolment(target) {
        Ok(place) => LinkTarget::Record(place),
        Err(_) => LinkTarget::Receipt(PathBuf::from(target)),
    };
    Ok((rel, target))
}

fn key(text: &str) -> Result<IdempotencyKey, String> {
    hex_decode(text)
        .map(IdempotencyKey::from_bytes)
        .map_err(|error| error.to_string())
}
