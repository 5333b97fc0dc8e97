//! The keys `trial` and `settings`: under which ids a trial is known, and how it is set up.

use crate::identifiers::{Code, Country, OrganizationId, TimeZoneName, TrialId};
use crate::json::{Object, Value};
use crate::record::fields::{Fields, parsed};
use crate::vocabulary::{Blinding, Class};

use super::write::{put, put_list, put_some};

/// Countries and sites that one record can set: its text is bounded before them.
const MAX_ENTRIES: usize = 256;

/// Under which other ids a trial is known; they share the register of its canonical id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// Ids beside the one that names the register.
    pub aliases: Vec<TrialId>,
}

/// Settings of a trial. They add up: a later record replaces what it names (the blinding, a country,
/// a site) and leaves the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrialSettings {
    /// From whom the treatment is hidden.
    pub blinding: Option<Blinding>,
    /// Countries in which it runs.
    pub countries: Vec<CountrySettings>,
    /// Sites at which it runs.
    pub sites: Vec<SiteSettings>,
}

/// What a country asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountrySettings {
    /// The country.
    pub country: Country,
    /// Decisions that a document needs before it may be used there: [`Class::Opinion`],
    /// [`Class::AuthorityDecision`].
    pub decisions: Vec<Class>,
}

/// Where a site is and who decides for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteSettings {
    /// The site.
    pub site: Code,
    /// Its country.
    pub country: Country,
    /// Its time zone, in which its days begin and end.
    pub tz: TimeZoneName,
    /// The board whose opinion counts there; any board's of the trial where absent.
    pub board: Option<OrganizationId>,
}

pub(super) fn read_trial(fields: &mut Fields<'_>) -> Option<Trial> {
    fields.object("trial", &["aliases"], |fields| {
        let aliases = fields.strings("aliases", TrialId::parse);
        Some(Trial { aliases })
    })
}

pub(super) fn read_settings(fields: &mut Fields<'_>) -> Option<TrialSettings> {
    fields.object("settings", &["blinding", "countries", "sites"], |fields| {
        let settings = TrialSettings {
            blinding: fields.optional("blinding", parsed::<Blinding>),
            countries: fields.objects("countries", MAX_ENTRIES, &["country", "decisions"], country),
            sites: fields.objects("sites", MAX_ENTRIES, &["board", "country", "site", "tz"], site),
        };
        if settings == TrialSettings::default() {
            fields.refuse(
                "sites",
                "are missing, and so is everything else that could be set".to_owned(),
            );
        }
        Some(settings)
    })
}

fn country(fields: &mut Fields<'_>) -> Option<CountrySettings> {
    let country = fields.required("country", parsed::<Country>);
    let decisions = fields.strings("decisions", |text| match text.parse() {
        Ok(class @ (Class::Opinion | Class::AuthorityDecision)) => Ok(class),
        _ => Err("is neither opinion nor authority-decision"),
    });
    Some(CountrySettings {
        country: country?,
        decisions,
    })
}

fn site(fields: &mut Fields<'_>) -> Option<SiteSettings> {
    let site = fields.required("site", parsed::<Code>);
    let country = fields.required("country", parsed::<Country>);
    let tz = fields.required("tz", parsed::<TimeZoneName>);
    let board = fields.optional("board", parsed::<OrganizationId>);
    Some(SiteSettings {
        site: site?,
        country: country?,
        tz: tz?,
        board,
    })
}

pub(super) fn write_trial(trial: &Trial) -> Value {
    let mut inner = Object::new();
    put_list(&mut inner, "aliases", &trial.aliases);
    Value::Object(inner)
}

pub(super) fn write_settings(settings: &TrialSettings) -> Value {
    let mut inner = Object::new();
    put_some(&mut inner, "blinding", settings.blinding.as_ref());
    if !settings.countries.is_empty() {
        let countries = settings.countries.iter().map(write_country).collect();
        inner.insert("countries", Value::Array(countries));
    }
    if !settings.sites.is_empty() {
        let sites = settings.sites.iter().map(write_site).collect();
        inner.insert("sites", Value::Array(sites));
    }
    Value::Object(inner)
}

fn write_country(settings: &CountrySettings) -> Value {
    let mut inner = Object::new();
    put(&mut inner, "country", &settings.country);
    put_list(&mut inner, "decisions", &settings.decisions);
    Value::Object(inner)
}

fn write_site(settings: &SiteSettings) -> Value {
    let mut inner = Object::new();
    put(&mut inner, "site", &settings.site);
    put(&mut inner, "country", &settings.country);
    put(&mut inner, "tz", &settings.tz);
    put_some(&mut inner, "board", settings.board.as_ref());
    Value::Object(inner)
}
