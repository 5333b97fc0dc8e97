//! What a caller asked to see in a list.

use trialseal_core::{
    identifiers::{Code, Country, MemberId, OrganizationId, VersionCode},
    record::{Scope, What, Who, Why},
    time::Instant,
    vocabulary::{Class, Event, Role},
};
use trialseal_proto::v1;

use crate::{refusal::Refusal, state::Row};

/// The longest text that is looked for in reasons.
const WHY_BYTES_MAX: usize = 256;

/// A filter; what is none lets everything through.
pub(super) struct Filter {
    class: Option<Class>,
    event: Option<Event>,
    from: Option<Instant>,
    until: Option<Instant>,
    organization: Option<OrganizationId>,
    member: Option<MemberId>,
    role: Option<Role>,
    version: Option<VersionCode>,
    /// In lower case.
    why: Option<String>,
    site: Option<Code>,
    country: Option<Country>,
}

impl Filter {
    pub(super) fn parse(request: &v1::ListRecordsRequest) -> Result<Self, Refusal> {
        fn field<T, E: ToString>(
            name: &str,
            text: &str,
            parse: impl FnOnce(&str) -> Result<T, E>,
        ) -> Result<Option<T>, Refusal> {
            if text.is_empty() {
                return Ok(None);
            }
            parse(text)
                .map(Some)
                .map_err(|error| Refusal::field(name, error.to_string()))
        }
        let why = |text: &str| match text.len() {
            0..=WHY_BYTES_MAX => Ok(text.to_lowercase()),
            _ => Err("is longer than 256 bytes"),
        };
        Ok(Self {
            class: field("class", &request.class, str::parse)?,
            event: field("event", &request.event, str::parse)?,
            from: field("received_from", &request.received_from, Instant::parse)?,
            until: field("received_until", &request.received_until, Instant::parse)?,
            organization: field("organization", &request.organization, str::parse)?,
            member: field("member", &request.member, str::parse)?,
            role: field("role", &request.role, str::parse)?,
            version: field("version", &request.version, VersionCode::new)?,
            why: field("why", &request.why, why)?,
            site: field("site", &request.site, str::parse)?,
            country: field("country", &request.country, str::parse)?,
        })
    }

    /// By what the row of a register holds.
    pub(super) fn matches(&self, row: &Row) -> bool {
        self.class.is_none_or(|class| class == row.class)
            && self.event.is_none_or(|event| event == row.event)
            && self.from.is_none_or(|from| row.received_at >= from)
            && self.until.is_none_or(|until| row.received_at < until)
    }

    /// By what is shown of the record.
    pub(super) fn matches_parts(&self, what: Option<&What>, who: Option<&Who>, why: Option<&Why>) -> bool {
        let shown = |asked: bool, holds: Option<bool>| !asked || holds == Some(true);
        shown(
            self.version.is_some(),
            what.map(|what| what.version == self.version),
        ) && shown(self.site.is_some(), what.map(|what| self.is_about_site(what)))
            && shown(
                self.country.is_some(),
                what.map(|what| self.is_about_country(what)),
            )
            && shown(
                self.organization.is_some(),
                who.map(|who| Some(&who.organization) == self.organization.as_ref()),
            )
            && shown(
                self.member.is_some(),
                who.map(|who| Some(&who.member) == self.member.as_ref()),
            )
            && shown(
                self.role.is_some(),
                who.map(|who| who.signer.as_ref().map(|signer| signer.role) == self.role),
            )
            && shown(self.why.is_some(), why.map(|why| self.is_for_reason(why)))
    }

    fn is_about_site(&self, what: &What) -> bool {
        match &what.scope {
            Some(Scope::Only(scope)) if !scope.sites.is_empty() => {
                self.site.as_ref().is_some_and(|site| scope.sites.contains(site))
            }
            _ => true,
        }
    }

    fn is_about_country(&self, what: &What) -> bool {
        match &what.scope {
            Some(Scope::Only(scope)) if !scope.countries.is_empty() => self
                .country
                .as_ref()
                .is_some_and(|country| scope.countries.contains(country)),
            _ => true,
        }
    }

    fn is_for_reason(&self, why: &Why) -> bool {
        let Some(wanted) = &self.why else { return true };
        let mut texts = [&why.reason, &why.remark].into_iter().flatten();
        texts.any(|text| text.to_lowercase().contains(wanted.as_str()))
    }
}
