//! The arguments, with examples in the help.

mod accounts;
mod bundle;
mod evidence;
mod grants;
mod list;
mod question;
mod register;
mod signing;
mod submit;
mod trial;

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use trialseal::core::checkpoint::Origin;
use trialseal::core::hash::RecordId;
use trialseal::core::identifiers::{MemberId, OrganizationId, RegisterName};
use trialseal::core::index::LogIndex;
use trialseal::core::time::Instant;
use trialseal::{Enrolment, Level, Role, SignerKind};

pub(crate) use accounts::{AddToken, Member};
pub(crate) use bundle::Bundle;
pub(crate) use evidence::{Export, ExportFormat, Upgrade, level};
pub(crate) use grants::{Grant, Revoke, Where};
pub(crate) use list::List;
pub(crate) use question::{Ask, Check, Evidence, Question, Report, ReportPage, Same, Versions};
pub(crate) use register::{Find, Pending, Reads, Register, Roles};
pub(crate) use signing::{Countersign, Decline, Erase, Open, RecordChoice, Signing};
pub(crate) use submit::{LinkTarget, Submit};
pub(crate) use trial::Trial;

/// Notarize clinical-trial files, and verify receipts.
///
/// What is sent are salted commitments, never a file. `verify` opens no socket.
#[derive(Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print one JSON object instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The configuration file; by default trialseal/config.toml in your configuration folder
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0 done, PROVEN   1 DISPROVEN, ALTERED, MISSING, REFUSED   2 NOT PROVABLE, UNKNOWN   3 PENDING
  64 usage   65 bad input or conflict   66 file missing   73 receipt cannot be written
  75 a retry is safe   77 not allowed   78 configuration or trust";

#[derive(Subcommand)]
pub(crate) enum Command {
    Keygen(Keygen),
    Login(Login),
    Submit(Box<Submit>),
    Countersign(Countersign),
    Decline(Decline),
    Verify(Verify),
    Check(Check),
    Ask(Box<Ask>),
    Report(Box<Report>),
    #[command(subcommand)]
    Trial(Trial),
    #[command(subcommand)]
    Member(Member),
    Grant(Grant),
    Revoke(Revoke),
    Register(Register),
    Roles(Roles),
    Pending(Pending),
    Reads(Reads),
    Find(Find),
    Open(Open),
    Erase(Erase),
    Bundle(Bundle),
    Show(Show),
    List(List),
    Get(Get),
    Upgrade(Upgrade),
    Export(Export),
    Status(Status),
}

/// Make a member's signing key, encrypted with a passphrase
///
/// Writes the private key to FILE and the public key to FILE.pub, and prints the public key:
/// send that to the operator of the notary, who enrols it.
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal keygen member.key --organization acme --member m-4k2v9")]
pub(crate) struct Keygen {
    /// Where to write the private key
    #[arg(value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Your organisation's id
    #[arg(long, value_parser = parse::<OrganizationId>)]
    pub(crate) organization: OrganizationId,
    /// Your member id, pseudonymous
    #[arg(long, value_parser = parse::<MemberId>)]
    pub(crate) member: MemberId,
    /// Read the passphrase from the first line of this file instead of the terminal
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// Remember a notary, its trust file, your token and your key
///
/// The token is read from the terminal, from --token-file, or from standard input; never from an
/// argument. It is stored in the configuration file, mode 0600.
///
/// A key is confirmed when it has signed its own enrolment. Where that is still to be done, it is done now:
/// you see the statement and are asked for the passphrase.
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal login https://notary.example.org --trust trust.toml --key member.key --name 'Jane Doe'
  trialseal login https://notary.example.org --trust trust.toml --token-file token   (drafts only)")]
pub(crate) struct Login {
    /// The notary, https://host:port
    pub(crate) endpoint: String,
    /// The trust file: which log keys you trust
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: PathBuf,
    /// Read the token from this file; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Your private key; without it you can only send drafts
    #[arg(long, value_name = "FILE", requires = "name")]
    pub(crate) key: Option<PathBuf>,
    /// Your printed name, as it stands in every record that you sign
    #[arg(long, requires = "key")]
    pub(crate) name: Option<String>,
    /// Whether a person or a system signs
    #[arg(long, default_value = "person", value_parser = parse::<SignerKind>)]
    pub(crate) kind: SignerKind,
    /// As what you usually sign
    #[arg(long, requires = "key", value_parser = parse::<Role>)]
    pub(crate) role: Option<Role>,
    /// The record that enrolled the key; by default it is looked up
    #[arg(long, requires = "key", value_name = "INDEX:RECORD", value_parser = enrolment)]
    pub(crate) enrolment: Option<Enrolment>,
    /// Trust this certificate authority instead of the system's, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_certificate: Option<PathBuf>,
    /// Read the passphrase of the key from the first line of this file, to confirm the key
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Leave the key unconfirmed for now
    #[arg(long, requires = "key", conflicts_with = "passphrase_file")]
    pub(crate) unconfirmed: bool,
}

/// Verify a file or a folder against its receipt, offline
///
/// The receipt is by default PATH.receipt.json. A PATH that ends in .receipt.json is verified by
/// itself.
///
/// The trust file is by default the one given at login. It is a trust.toml or a C2SP tlog-policy: the
/// latter if its first line, apart from empty lines and comments, begins with log, witness, group or
/// quorum. A policy needs an Ed25519 and an ML-DSA-44 key of each log, trusts them at all times, asks
/// for the witnesses of its quorum, and does not allow drafts.
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal verify sap-v2.0.pdf --trust trust.toml
  trialseal verify ./from-cro --receipt lock-1.1.receipt.json --trust trust.toml
  trialseal verify sap-v2.0.pdf.receipt.json --trust trust.toml --json")]
pub(crate) struct Verify {
    /// A file, a folder, or a receipt
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The receipt, where it does not lie beside the file
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
    /// The trust file: a trust.toml or a C2SP tlog-policy
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// The file's path in the manifest, where its name does not tell
    #[arg(long, value_name = "PATH")]
    pub(crate) item: Option<String>,
    /// Judge at this instant instead of now
    #[arg(long, value_name = "INSTANT", value_parser = parse::<Instant>)]
    pub(crate) at: Option<Instant>,
    /// A file in the folder that is not on record disproves
    #[arg(long)]
    pub(crate) exact: bool,
}

/// Show what a receipt says, without verifying it
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal show sap-v2.0.pdf.receipt.json")]
pub(crate) struct Show {
    /// The receipt
    pub(crate) receipt: PathBuf,
}

/// Fetch a fresh receipt of a record, and verify it
///
/// If FILE holds the receipt of the same record, the new evidence is appended and nothing in it
/// is lost.
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal get 42 --receipt sap-v2.0.pdf.receipt.json
  trialseal get trial:NCT04573309 3 --receipt record-3.receipt.json
  trialseal get 42 --level witnessed --deadline 60")]
pub(crate) struct Get {
    /// The record's log index, or its register
    #[arg(value_name = "INDEX|REGISTER")]
    pub(crate) record: String,
    /// The record's place in the register, from 1
    pub(crate) sequence: Option<u64>,
    /// Where to save the receipt; by default record-INDEX.receipt.json
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
    /// The log of an INDEX, where it is an earlier one of this notary
    #[arg(long, value_name = "ORIGIN", value_parser = parse::<Origin>, conflicts_with = "sequence")]
    pub(crate) log: Option<Origin>,
    /// Wait for this level: sealed, witnessed or timestamped
    #[arg(long, default_value = "sealed", value_parser = level)]
    pub(crate) level: Level,
    /// Stop waiting after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) deadline: u64,
    /// Also fetch the manifest, where its submitter opened it to you: then files can be compared with it
    #[arg(long)]
    pub(crate) opened: bool,
}

/// Show the notary's newest checkpoint, your account and what is pending
#[derive(Args)]
pub(crate) struct Status {}

/// Reads a value with its `FromStr`.
pub(crate) fn parse<T>(text: &str) -> Result<T, String>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A register as a person writes it: `NCT04573309` is `trial:NCT04573309`.
pub(crate) fn register(text: &str) -> Result<RegisterName, String> {
    let has_kind = ["trial:", "org:", "product:"]
        .iter()
        .any(|kind| text.starts_with(kind));
    let name = if has_kind {
        text.to_owned()
    } else {
        format!("trial:{text}")
    };
    RegisterName::canonical(&name).map_err(|error| error.to_string())
}

/// `INDEX:RECORD`.
pub(crate) fn enrolment(text: &str) -> Result<Enrolment, String> {
    let (index, record) = text
        .split_once(':')
        .ok_or("expected INDEX:RECORD, e.g. 2:0e0e...")?;
    let index = index
        .parse()
        .map_err(|_| "the index is not a number".to_owned())?;
    Ok(Enrolment {
        index: LogIndex::new(index).map_err(|error| error.to_string())?,
        record: RecordId::from_hex(record).map_err(|error| error.to_string())?,
    })
}
