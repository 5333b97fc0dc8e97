//! Grants in force, and what they cover.

use std::collections::BTreeMap;

use crate::hash::RecordId;
use crate::identifiers::{Code, MemberName};
use crate::record::{Scope, Scopes, SiteSettings};
use crate::time::Instant;
use crate::vocabulary::{Blind, Role};

use super::Placed;

/// A role that a member holds in a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The record that gave it: a grant, the opening of the register, or the acceptance of its
    /// custody.
    pub placed: Placed,
    /// The role.
    pub role: Role,
    /// Whether the member may see treatment assignments.
    pub blind: Blind,
    /// What it covers.
    pub scope: Scope,
    /// When it ends; a delegation at the latest when the grant that it is under ends.
    pub expires: Option<Instant>,
    /// Who gave it; the member itself where it opened the register or accepted its custody.
    pub by: MemberName,
    /// The delegator's own grant, in a delegation: with it, this one ends.
    pub delegated: Option<RecordId>,
    /// The written agreement that it is under.
    pub agreement: Option<RecordId>,
}

impl Held {
    /// Whether it is in force at this time.
    #[must_use]
    pub fn in_force(&self, at: Instant) -> bool {
        self.expires.is_none_or(|expires| at < expires)
    }
}

/// Whether all that `wanted` applies to lies within `granted`. A site lies in its country, as the
/// trial's settings say.
pub(super) fn covers(granted: &Scope, wanted: &Scope, sites: &BTreeMap<Code, SiteSettings>) -> bool {
    let (granted, wanted) = match (granted, wanted) {
        (Scope::All, _) => return true,
        (_, Scope::All) => return false,
        (Scope::Only(granted), Scope::Only(wanted)) => (granted, wanted),
    };
    within(&granted.sites, &wanted.sites)
        && covers_countries(granted, wanted, sites)
        && within(&granted.visits, &wanted.visits)
        && within(&granted.forms, &wanted.forms)
        && within(&granted.datasets, &wanted.datasets)
}

/// An empty list bounds nothing, so what is bounded has to name what it wants.
fn within<T: PartialEq>(granted: &[T], wanted: &[T]) -> bool {
    granted.is_empty() || (!wanted.is_empty() && wanted.iter().all(|one| granted.contains(one)))
}

fn covers_countries(granted: &Scopes, wanted: &Scopes, sites: &BTreeMap<Code, SiteSettings>) -> bool {
    if granted.countries.is_empty() || within(&granted.countries, &wanted.countries) {
        return true;
    }
    let in_country = |site: &Code| {
        sites
            .get(site)
            .is_some_and(|settings| granted.countries.contains(&settings.country))
    };
    wanted.countries.is_empty() && !wanted.sites.is_empty() && wanted.sites.iter().all(in_country)
}
