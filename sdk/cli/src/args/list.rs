//! The arguments of `list`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use trialseal::core::identifiers::RegisterName;
use trialseal::core::time::Instant;
use trialseal::{Class, Event};

use super::question::{Evidence, StandardOf};
use super::{parse, register};
use crate::table::{SortBy, Wanted};

/// List your registers, or the records of one; or those of receipts that lie here, offline
///
/// --who, --what and --why look for a text in the fields of that part, in any case; what is withheld
/// matches nothing. With --json every field is exact; --csv is for spreadsheets.
#[derive(Args)]
#[command(group(ArgGroup::new("of").args(["register", "inside"]).multiple(true)))]
#[command(after_help = "\
Examples:
  trialseal list
  trialseal list trial:NCT04573309 --class dataset
  trialseal list trial:NCT04573309 --who acme --why unlock --sort when --reverse
  trialseal list trial:NCT04573309 --sort who --csv > records.csv
  trialseal list --in inspection --trust trust.toml --sort why --csv")]
pub(crate) struct List {
    /// The register; without it the registers are listed
    #[arg(value_parser = register)]
    pub(crate) register: Option<RegisterName>,
    /// List the records of these receipts, or of this bundle, instead of asking the notary; each is verified
    #[arg(long = "in", value_name = "PATH")]
    pub(crate) inside: Vec<PathBuf>,
    /// With --in: the trust file; by default the one given at login
    #[arg(long, value_name = "FILE", requires = "inside")]
    pub(crate) trust: Option<PathBuf>,
    /// With --in: judge at this instant instead of now
    #[arg(long, value_name = "INSTANT", requires = "inside", value_parser = parse::<Instant>)]
    pub(crate) at: Option<Instant>,
    /// Only this class
    #[arg(long, requires = "of", value_parser = parse::<Class>)]
    pub(crate) class: Option<Class>,
    /// Only this event
    #[arg(long, requires = "of", value_parser = parse::<Event>)]
    pub(crate) event: Option<Event>,
    /// Only records received at or after this instant
    #[arg(long, requires = "of", value_name = "INSTANT", value_parser = parse::<Instant>)]
    pub(crate) from: Option<Instant>,
    /// Only records received before this instant
    #[arg(long, requires = "of", value_name = "INSTANT", value_parser = parse::<Instant>)]
    pub(crate) until: Option<Instant>,
    /// Only where organisation/member, name, role or meaning holds this text
    #[arg(long, requires = "of", value_name = "TEXT")]
    pub(crate) who: Option<String>,
    /// Only where class, event, version, decision, purpose or scope holds this text
    #[arg(long, requires = "of", value_name = "TEXT")]
    pub(crate) what: Option<String>,
    /// Only where reason or remark holds this text
    #[arg(long, requires = "of", value_name = "TEXT")]
    pub(crate) why: Option<String>,
    /// Sort by this part instead of the register's own order
    #[arg(long, requires = "of", value_enum)]
    pub(crate) sort: Option<SortBy>,
    /// The other way round
    #[arg(long, requires = "sort")]
    pub(crate) reverse: bool,
    /// Print CSV: a header and one record a line
    #[arg(long, requires = "of", conflicts_with = "json")]
    pub(crate) csv: bool,
}

impl List {
    /// With `--in`: what is judged, and by what standard.
    pub(crate) fn evidence(&self) -> Option<Evidence> {
        (!self.inside.is_empty()).then(|| Evidence {
            paths: self.inside.clone(),
            standard: StandardOf {
                trust: self.trust.clone(),
                at: self.at,
                register: self.register.clone(),
                junit: None,
                summary: None,
            },
        })
    }

    pub(crate) fn wanted(&self) -> Wanted {
        Wanted {
            who: self.who.clone(),
            what: self.what.clone(),
            why: self.why.clone(),
        }
    }
}
