//! The arguments of `grant` and `revoke`.

use clap::Args;
use trialseal::Role;
use trialseal::core::identifiers::{Code, Country, MemberName, RegisterName};
use trialseal::core::time::Instant;

use super::{Signing, parse, register};

/// Grant a member a role in a register
///
/// Roles: sponsor data-manager statistician programmer pipeline monitor safety randomisation-provider
/// laboratory vendor investigator site-staff ethics-board authority dsmb auditor inspector qualified-person
/// archivist participant public.
///
/// A sponsor grants any role. Any other member grants his own role to members of his own organisation, within
/// his own scope, blinding and expiry: then name your own grant with --under.
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal grant NCT04573309 acme/m-7 statistician
  trialseal grant NCT04573309 ec-berlin/m-1 ethics-board --country DE
  trialseal grant NCT04573309 data-co/m-2 data-manager --under agreement.pdf.receipt.json \\
      --expires 2027-12-31T00:00:00Z --reason 'Written transfer of 3 March'")]
pub(crate) struct Grant {
    /// The trial, e.g. NCT04573309
    #[arg(value_parser = register)]
    pub(crate) register: RegisterName,
    /// Who gets the role: ORGANISATION/MEMBER
    #[arg(value_parser = parse::<MemberName>)]
    pub(crate) member: MemberName,
    /// The role
    #[arg(value_name = "ROLE", value_parser = parse::<Role>)]
    pub(crate) granted: Role,
    #[command(flatten)]
    pub(crate) place: Where,
    /// May see treatment assignments and other sealed records
    #[arg(long)]
    pub(crate) unblinded: bool,
    /// Until when
    #[arg(long, value_name = "INSTANT", value_parser = parse::<Instant>)]
    pub(crate) expires: Option<Instant>,
    /// The agreement, or your own grant, that it rests on: its receipt or log index
    #[arg(long, value_name = "RECEIPT|INDEX")]
    pub(crate) under: Option<String>,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// Revoke a member's role
///
/// What the member signed before stays as it was. A sponsor, whoever granted it, or the member itself may.
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal revoke NCT04573309 acme/m-7 statistician --reason 'Left the project'")]
pub(crate) struct Revoke {
    /// The trial, e.g. NCT04573309
    #[arg(value_parser = register)]
    pub(crate) register: RegisterName,
    /// Who has the role: ORGANISATION/MEMBER
    #[arg(value_parser = parse::<MemberName>)]
    pub(crate) member: MemberName,
    /// The role
    #[arg(value_name = "ROLE", value_parser = parse::<Role>)]
    pub(crate) granted: Role,
    /// The grant is an unblinded one
    #[arg(long)]
    pub(crate) unblinded: bool,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// Where something applies: everywhere, unless codes are given.
#[derive(Args)]
pub(crate) struct Where {
    /// Only at this site
    #[arg(long, value_parser = parse::<Code>)]
    pub(crate) site: Vec<Code>,
    /// Only in this country, two letters
    #[arg(long, value_parser = parse::<Country>)]
    pub(crate) country: Vec<Country>,
}
