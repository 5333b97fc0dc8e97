//! The arguments of `trial`.

use clap::{Args, Subcommand};
use trialseal::Class;
use trialseal::core::identifiers::{
    Code, Country, MemberName, OrganizationId, RegisterName, TimeZoneName, TrialId,
};
use trialseal::core::record::{CountrySettings, SiteSettings};
use trialseal::core::vocabulary::Blinding;

use super::{RecordChoice, Signing, parse, register};

/// Register a trial, set it up, hand it over
#[derive(Subcommand)]
pub(crate) enum Trial {
    Register(TrialRegister),
    Settings(TrialSettings),
    Offer(Offer),
    Accept(Accept),
}

/// Open the register of a trial
///
/// You are its sponsor from then on; everybody else needs a grant (`trialseal grant`).
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal trial register NCT04573309 --alias 2022-500001-12
  trialseal trial register acme:AC-301      (your own number, where there is no public one yet)")]
pub(crate) struct TrialRegister {
    /// The trial's canonical id: a registry's number, or <your organisation>:<your number>
    #[arg(value_name = "TRIAL", value_parser = register)]
    pub(crate) register: RegisterName,
    /// Another id of the same trial; it shares the register
    #[arg(long = "alias", value_name = "TRIAL", value_parser = alias)]
    pub(crate) aliases: Vec<TrialId>,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// Say how a trial is blinded, which decisions each country needs, and where its sites are
///
/// Settings add up: what is named here replaces what was set before, the rest stays.
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal trial settings NCT04573309 --blinding double-blind \\
      --country DE=opinion,authority-decision --country FR=opinion \\
      --at-site 101=DE,Europe/Berlin,ec-berlin --at-site 201=FR,Europe/Paris")]
pub(crate) struct TrialSettings {
    /// The trial, e.g. NCT04573309
    #[arg(value_name = "TRIAL", value_parser = register)]
    pub(crate) register: RegisterName,
    /// open-label, single-blind or double-blind
    #[arg(long, value_parser = parse::<Blinding>)]
    pub(crate) blinding: Option<Blinding>,
    /// The decisions that a document needs in a country: COUNTRY=opinion,authority-decision; COUNTRY= for none
    #[arg(long = "country", value_name = "COUNTRY=DECISIONS", value_parser = country)]
    pub(crate) countries: Vec<CountryRule>,
    /// A site: SITE=COUNTRY,ZONE or SITE=COUNTRY,ZONE,BOARD
    #[arg(long = "at-site", value_name = "SITE=COUNTRY,ZONE[,BOARD]", value_parser = site)]
    pub(crate) sites: Vec<SiteRule>,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// Offer the register to another sponsor
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal trial offer NCT04573309 newco/m-1 --reason 'Asset sale of 1 July'")]
pub(crate) struct Offer {
    /// The trial, e.g. NCT04573309
    #[arg(value_name = "TRIAL", value_parser = register)]
    pub(crate) register: RegisterName,
    /// Who is to accept it: ORGANISATION/MEMBER
    #[arg(value_parser = parse::<MemberName>)]
    pub(crate) to: MemberName,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// Accept a register that was offered to you
///
/// From then on your organisation is its sponsor, and the sponsor's grants of the one before end.
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal trial accept 57")]
pub(crate) struct Accept {
    #[command(flatten)]
    pub(crate) offer: RecordChoice,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// What a country needs.
#[derive(Clone, Debug)]
pub(crate) struct CountryRule(pub(crate) CountrySettings);

/// Where a site is.
#[derive(Clone, Debug)]
pub(crate) struct SiteRule(pub(crate) SiteSettings);

fn alias(text: &str) -> Result<TrialId, String> {
    let text = text.strip_prefix("trial:").unwrap_or(text);
    TrialId::canonical(text).map_err(|error| error.to_string())
}

fn country(text: &str) -> Result<CountryRule, String> {
    let (country, decisions) = text
        .split_once('=')
        .ok_or("expected COUNTRY=DECISIONS, e.g. DE=opinion,authority-decision")?;
    let decisions = decisions.split(',').filter(|decision| !decision.is_empty());
    Ok(CountryRule(CountrySettings {
        country: parse::<Country>(country)?,
        decisions: decisions.map(decision).collect::<Result<_, _>>()?,
    }))
}

fn decision(text: &str) -> Result<Class, String> {
    match parse::<Class>(text) {
        Ok(class @ (Class::Opinion | Class::AuthorityDecision)) => Ok(class),
        _ => Err(format!("{text:?} is neither opinion nor authority-decision")),
    }
}

fn site(text: &str) -> Result<SiteRule, String> {
    let wrong = "expected SITE=COUNTRY,ZONE or SITE=COUNTRY,ZONE,BOARD, e.g. 101=DE,Europe/Berlin,ec-berlin";
    let (site, rest) = text.split_once('=').ok_or(wrong)?;
    let mut rest = rest.split(',');
    let (Some(country), Some(tz), board, None) = (rest.next(), rest.next(), rest.next(), rest.next()) else {
        return Err(wrong.to_owned());
    };
    Ok(SiteRule(SiteSettings {
        site: parse::<Code>(site)?,
        country: parse::<Country>(country)?,
        tz: parse::<TimeZoneName>(tz)?,
        board: board.map(parse::<OrganizationId>).transpose()?,
    }))
}
