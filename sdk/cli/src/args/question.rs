//! The arguments of the commands that judge receipts and bundles: `check`, `ask`, `report`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use trialseal::core::identifiers::{Code, OrganizationId, RegisterName};
use trialseal::core::time::{Date, Instant};
use trialseal::{Class, Role};

use super::{parse, register};

/// What is judged, and by what standard.
#[derive(Args)]
pub(crate) struct Evidence {
    /// Folders of receipts, receipts, or an inspection bundle
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) standard: StandardOf,
}

/// By what standard.
#[derive(Args)]
pub(crate) struct StandardOf {
    /// The trust file; by default the one given at login
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// Judge at this instant instead of now
    #[arg(long, value_name = "INSTANT", value_parser = parse::<Instant>)]
    pub(crate) at: Option<Instant>,
    /// The register, where the receipts are of several
    #[arg(long, value_parser = register)]
    pub(crate) register: Option<RegisterName>,
    /// Write JUnit XML to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write a summary in Markdown to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,
}

/// Check a trial against a pack of rules, offline
///
/// A pack is built in (ich-e9: plan, lock and unblinding in their order; prospective: registered before the
/// first participant), or a file. Rules that fail decide; rules that warn or list are only said. Receipts that
/// do not verify are REFUSED, said first, and everything is judged without them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal check ./inspection --pack ich-e9 --trust trust.toml
  trialseal check receipts/ --pack prospective --trust trust.toml --at 2026-11-22T12:00:00Z --junit check.xml")]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) evidence: Evidence,
    /// ich-e9, prospective, or a file
    #[arg(long, value_name = "PACK")]
    pub(crate) pack: String,
}

/// Ask one question of receipts, offline
///
/// A record is named by its place in the register, by its id (at least 8 hex digits), by its class and
/// version (statistical-analysis-plan/2.0), by an event that the register has once (unblinded), or by its
/// receipt's file.
#[derive(Args)]
pub(crate) struct Ask {
    #[command(subcommand)]
    pub(crate) question: Question,
}

#[derive(Subcommand)]
pub(crate) enum Question {
    Before(Before),
    Preceded(Preceded),
    Same(Same),
    Approved(Approved),
    InForce(AskInForce),
    Versions(Versions),
    Derived(Derived),
    Countersigned(Countersigned),
    Contemporaneous(Contemporaneous),
}

/// Was record A put on record before record B?
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal ask before statistical-analysis-plan/2.0 unblinded ./inspection --trust trust.toml")]
pub(crate) struct Before {
    #[arg(value_name = "A")]
    pub(crate) first: String,
    #[arg(value_name = "B")]
    pub(crate) second: String,
    #[command(flatten)]
    pub(crate) evidence: Evidence,
}

/// Did record A exist before something happened in the world?
///
/// What happened, and when, is what the signer of EVENT states.
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal ask preceded statistical-analysis-plan/2.0 first-participant-in ./inspection --trust trust.toml")]
pub(crate) struct Preceded {
    #[arg(value_name = "A")]
    pub(crate) record: String,
    #[arg(value_name = "EVENT")]
    pub(crate) event: String,
    #[command(flatten)]
    pub(crate) evidence: Evidence,
}

/// Is this file, or are the files of this folder, those of the record?
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal ask same sap-v2.0.pdf statistical-analysis-plan/2.0 ./inspection --trust trust.toml")]
pub(crate) struct Same {
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[arg(value_name = "RECORD")]
    pub(crate) record: String,
    #[command(flatten)]
    pub(crate) evidence: Evidence,
    /// A file in the folder that is not on record disproves
    #[arg(long)]
    pub(crate) exact: bool,
}

/// Did this board approve this file?
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal ask approved board-de protocol-v2.pdf ./inspection --trust trust.toml")]
pub(crate) struct Approved {
    /// The organisation id of the board or authority
    #[arg(value_name = "BOARD", value_parser = parse::<OrganizationId>)]
    pub(crate) board: OrganizationId,
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) evidence: Evidence,
}

/// Which version of a document was in force at a site on a day?
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal ask in-force informed-consent-form --site DE-01 --day 2026-04-14 ./inspection --trust trust.toml")]
pub(crate) struct AskInForce {
    #[arg(value_name = "CLASS", value_parser = parse::<Class>)]
    pub(crate) class: Class,
    #[command(flatten)]
    pub(crate) place: SiteAndDay,
    #[command(flatten)]
    pub(crate) evidence: Evidence,
}

/// Where and when.
#[derive(Args)]
pub(crate) struct SiteAndDay {
    /// The site's code
    #[arg(long, value_parser = parse::<Code>)]
    pub(crate) site: Code,
    /// The site's local day
    #[arg(long, value_name = "DATE", value_parser = parse::<Date>)]
    pub(crate) day: Date,
}

/// Are these all the versions there are?
///
/// By default those shown are all whose content the receipts show.
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal ask versions statistical-analysis-plan ./inspection --trust trust.toml")]
pub(crate) struct Versions {
    #[arg(value_name = "CLASS", value_parser = parse::<Class>)]
    pub(crate) class: Class,
    #[command(flatten)]
    pub(crate) evidence: Evidence,
    /// The records that you were shown, each named as with `before`
    #[arg(long, value_name = "RECORD", value_delimiter = ',')]
    pub(crate) shown: Vec<String>,
}

/// Was this output made from what its record says?
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal ask derived tlf/14-1.01.rtf ./inspection --given adam/adsl.xpt --given t-14-1.sas --trust trust.toml")]
pub(crate) struct Derived {
    #[arg(value_name = "OUTPUT")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) evidence: Evidence,
    /// A file that it was made from; it has to match
    #[arg(long, value_name = "FILE")]
    pub(crate) given: Vec<PathBuf>,
}

/// Did distinct persons in these roles sign the record?
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal ask countersigned statistical-analysis-plan/2.0 --role statistician --role sponsor ./inspection")]
pub(crate) struct Countersigned {
    #[arg(value_name = "RECORD")]
    pub(crate) record: String,
    #[command(flatten)]
    pub(crate) evidence: Evidence,
    /// A role; one distinct person for each
    #[arg(long = "role", required = true, value_parser = parse::<Role>)]
    pub(crate) roles: Vec<Role>,
}

/// Was the record made soon after what it says happened?
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal ask contemporaneous unblinded ./inspection --bound 1h --trust trust.toml")]
pub(crate) struct Contemporaneous {
    #[arg(value_name = "RECORD")]
    pub(crate) record: String,
    #[command(flatten)]
    pub(crate) evidence: Evidence,
    /// How soon, e.g. 30m, 24h, 10d; by default as the event asks for
    #[arg(long, value_name = "TIME", value_parser = bound)]
    pub(crate) bound: Option<i64>,
}

/// Write a page for one sheet of paper
#[derive(Args)]
pub(crate) struct Report {
    #[command(subcommand)]
    pub(crate) page: ReportPage,
}

#[derive(Subcommand)]
pub(crate) enum ReportPage {
    Sequence(ReportSequence),
    InForce(ReportInForce),
    Approvals(ReportApprovals),
    Anomalies(ReportAnomalies),
}

/// The sequence certificate: plan, lock and unblinding in their order
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal report sequence ./inspection --trust trust.toml --out sequence.html")]
pub(crate) struct ReportSequence {
    #[command(flatten)]
    pub(crate) evidence: Evidence,
    /// Another pack than ich-e9, or a file
    #[arg(long, value_name = "PACK", default_value = "ich-e9")]
    pub(crate) pack: String,
    /// Where to write the page
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// What was in force at a site on a day, of every class of document
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal report in-force ./inspection --site DE-01 --day 2026-04-14 --trust trust.toml --out de-01.html")]
pub(crate) struct ReportInForce {
    #[command(flatten)]
    pub(crate) evidence: Evidence,
    #[command(flatten)]
    pub(crate) place: SiteAndDay,
    /// Only these classes
    #[arg(long = "class", value_parser = parse::<Class>)]
    pub(crate) classes: Vec<Class>,
    /// Where to write the page
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// Every decision of a board or an authority
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal report approvals ./inspection --board board-de --trust trust.toml --out board-de.html")]
pub(crate) struct ReportApprovals {
    #[command(flatten)]
    pub(crate) evidence: Evidence,
    /// Its organisation id
    #[arg(long, value_parser = parse::<OrganizationId>)]
    pub(crate) board: OrganizationId,
    /// Where to write the page
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// What stands out: late, out of order, expired, pending
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal report anomalies ./inspection --trust trust.toml --out anomalies.html")]
pub(crate) struct ReportAnomalies {
    #[command(flatten)]
    pub(crate) evidence: Evidence,
    /// Where to write the page
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

impl Question {
    pub(crate) fn evidence(&self) -> &Evidence {
        match self {
            Self::Before(question) => &question.evidence,
            Self::Preceded(question) => &question.evidence,
            Self::Same(question) => &question.evidence,
            Self::Approved(question) => &question.evidence,
            Self::InForce(question) => &question.evidence,
            Self::Versions(question) => &question.evidence,
            Self::Derived(question) => &question.evidence,
            Self::Countersigned(question) => &question.evidence,
            Self::Contemporaneous(question) => &question.evidence,
        }
    }

    /// As it is typed.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Before(_) => "before",
            Self::Preceded(_) => "preceded",
            Self::Same(_) => "same",
            Self::Approved(_) => "approved",
            Self::InForce(_) => "in-force",
            Self::Versions(_) => "versions",
            Self::Derived(_) => "derived",
            Self::Countersigned(_) => "countersigned",
            Self::Contemporaneous(_) => "contemporaneous",
        }
    }
}

impl ReportPage {
    pub(crate) fn evidence(&self) -> &Evidence {
        match self {
            Self::Sequence(page) => &page.evidence,
            Self::InForce(page) => &page.evidence,
            Self::Approvals(page) => &page.evidence,
            Self::Anomalies(page) => &page.evidence,
        }
    }

    /// As it is typed.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Sequence(_) => "sequence",
            Self::InForce(_) => "in-force",
            Self::Approvals(_) => "approvals",
            Self::Anomalies(_) => "anomalies",
        }
    }
}

/// `30m`, `24h`, `10d`, in milliseconds.
fn bound(text: &str) -> Result<i64, String> {
    let unit = match text.chars().last() {
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        Some('d') => 86_400_000,
        _ => return Err("end it with m, h or d, e.g. 24h".to_owned()),
    };
    let number: i64 = text[..text.len() - 1]
        .parse()
        .map_err(|_| "not a number before the unit".to_owned())?;
    let millis = number.checked_mul(unit).filter(|millis| *millis >= 0);
    millis.ok_or_else(|| "too large, or negative".to_owned())
}
