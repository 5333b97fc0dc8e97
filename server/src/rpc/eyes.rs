//! Views: what one caller may see of one register, and of each of its records.
//!
//! Every answer about a register goes through here. Whoever holds no role in it sees nothing, not
//! even that it exists. Of a record that is sealed from the caller, or about places that none of his
//! grants covers, he sees the part `when` and the hashes of the rest.

use trialseal_core::{
    hash::RecordId,
    identifiers::{Code, Country, RegisterName},
    record::{Scope, What, When},
    time::Instant,
    vocabulary::{Blind, Role},
};
use trialseal_proto::v1;

use crate::{
    admit::Caller,
    chain::Place,
    notary::Notary,
    openings::OpeningHead,
    reads::{Read, ReadKind},
    refusal::Refusal,
    state::{RegisterHead, read_lock},
    stored::StoredRecord,
};

/// What is shown of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All of it.
    Full,
    /// What was notarized and when; not who and why.
    What(v1::Withheld),
    /// The part `when` and nothing else.
    When(v1::Withheld),
}

impl Sight {
    /// Why something is withheld, if it is.
    pub(crate) fn withheld(self) -> Option<v1::Withheld> {
        match self {
            Self::Full => None,
            Self::What(why) | Self::When(why) => Some(why),
        }
    }

    /// Whether more than `when` is shown.
    pub(crate) fn is_on_record(self) -> bool {
        !matches!(self, Self::When(_))
    }
}

/// A role that the caller holds in the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) role: Role,
    pub(crate) unblinded: bool,
    pub(crate) scope: Scope,
}

impl Granted {
    /// Whether the role sees only what was opened to it.
    fn is_outside(&self) -> bool {
        matches!(self.role, Role::Public | Role::Participant)
    }
}

/// What one caller may see of one register.
#[derive(Debug, Clone)]
pub(crate) struct Eyes {
    pub(crate) register: RegisterName,
    pub(crate) head: RegisterHead,
    pub(crate) caller: Caller,
    pub(crate) granted: Vec<Granted>,
    /// It is the register of accounts of the caller's own organisation.
    own_accounts: bool,
}

impl Eyes {
    /// The caller's eyes.
    ///
    /// # Errors
    /// [`Refusal::RecordNotFound`] for a register that does not exist or in which the caller holds no role: the
    /// two look the same.
    pub(crate) fn open(notary: &Notary, caller: &Caller, register: &RegisterName) -> Result<Self, Refusal> {
        let head = read_lock(&notary.registers).head(register).cloned();
        let head = head.ok_or(Refusal::RecordNotFound)?;
        Self::of_head(register, head, caller, notary.now()).ok_or(Refusal::RecordNotFound)
    }

    /// As [`Self::open`], of a head at hand.
    pub(crate) fn of_head(
        register: &RegisterName,
        head: RegisterHead,
        caller: &Caller,
        now: Instant,
    ) -> Option<Self> {
        let own_accounts = register.accounts_of() == Some(&caller.organization);
        let granted = granted(&head, caller, now);
        (own_accounts || !granted.is_empty()).then(|| Self {
            register: register.clone(),
            head,
            caller: caller.clone(),
            granted,
            own_accounts,
        })
    }

    /// Whether the caller may look into a register at all.
    pub(crate) fn may_look(
        register: &RegisterName,
        head: &RegisterHead,
        caller: &Caller,
        now: Instant,
    ) -> bool {
        register.accounts_of() == Some(&caller.organization) || !granted(head, caller, now).is_empty()
    }

    /// Whether the record is an act that waits for signatures.
    pub(crate) fn is_pending(&self, record: &RecordId) -> bool {
        let mut pending = self.head.authority.pending().iter();
        pending.any(|act| act.placed.record == *record)
    }

    /// The roles that the caller holds, each once.
    pub(crate) fn roles(&self) -> Vec<Role> {
        let mut roles: Vec<Role> = self.granted.iter().map(|grant| grant.role).collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }

    /// Whether an opening is open to the caller: to a role of his, or to everybody. That his organisation opened
    /// it does not count, for colleagues may be blinded.
    pub(crate) fn may_open(&self, opening: &OpeningHead) -> bool {
        let to_a_role = |grant: &Granted| opening.opened_to.iter().any(|to| to == grant.role.as_str());
        opening.is_public() || self.granted.iter().any(to_a_role)
    }

    /// What the caller may see of a record of this register.
    pub(crate) fn sight(&self, notary: &Notary, place: Place, when: &When, what: Option<&What>) -> Sight {
        let scope = what.map(|what| what.scope.as_ref());
        let country = |site: &Code| self.head.authority.site(site).map(|site| site.country.clone());
        let sight = self.sight_by_grants(when.sealed, scope, country);
        if sight == Sight::Full {
            return sight;
        }
        // What its submitter opened to the caller's role is sealed from him no more.
        let opened = notary.openings.of(place);
        match opened.iter().any(|opening| self.may_open(opening)) {
            true if self.granted.iter().any(|grant| !grant.is_outside()) => Sight::Full,
            true => Sight::What(v1::Withheld::Role),
            false => sight,
        }
    }

    /// `scope` is none where `what` is not there any more, and so is where it applied.
    fn sight_by_grants(
        &self,
        sealed: bool,
        scope: Option<Option<&Scope>>,
        country: impl Fn(&Code) -> Option<Country>,
    ) -> Sight {
        if self.own_accounts {
            return Sight::Full;
        }
        let inside = || self.granted.iter().filter(|grant| !grant.is_outside());
        let covered = |grant: &&Granted| match scope {
            Some(scope) => overlap(&grant.scope, scope.unwrap_or(&Scope::All), &country),
            None => grant.scope == Scope::All,
        };
        if inside().filter(covered).any(|grant| !sealed || grant.unblinded) {
            Sight::Full
        } else if inside().any(|grant| covered(&grant)) {
            Sight::When(v1::Withheld::Sealed)
        } else if inside().next().is_some() {
            Sight::When(v1::Withheld::Scope)
        } else {
            Sight::When(v1::Withheld::Role)
        }
    }

    /// A read by the caller, to be put on record.
    pub(crate) fn read(&self, at: Instant, kind: ReadKind, sequences: (u64, u64), shown: u64) -> Read {
        Read {
            at,
            organization: self.caller.organization.clone(),
            member: self.caller.member.clone(),
            register: self.register.clone(),
            roles: self.roles().iter().map(|role| role.as_str().to_owned()).collect(),
            kind,
            from: sequences.0,
            until: sequences.1,
            shown,
        }
    }

    /// Whether the caller's organisation is a sponsor of the trial, who is told who reads.
    pub(crate) fn is_sponsor(&self, now: Instant) -> bool {
        self.head
            .authority
            .sponsors(now)
            .contains(&self.caller.organization)
    }
}

/// The grants of a caller that are in force.
fn granted(head: &RegisterHead, caller: &Caller, now: Instant) -> Vec<Granted> {
    head.authority
        .grants_of(&caller.organization, &caller.member, now)
        .map(|held| Granted {
            role: held.role,
            unblinded: held.blind == Blind::Unblinded,
            scope: held.scope.clone(),
        })
        .collect()
}

/// Whether a record that applies to `record` concerns somebody whose grant is for `grant`: they have a site or
/// a country in common. A site lies in its country.
fn overlap(grant: &Scope, record: &Scope, country: impl Fn(&Code) -> Option<Country>) -> bool {
    let (grant, record) = match (grant, record) {
        (Scope::Only(grant), Scope::Only(record)) => (grant, record),
        _ => return true,
    };
    let bounds_no_place = |sites: &[Code], countries: &[Country]| sites.is_empty() && countries.is_empty();
    if bounds_no_place(&grant.sites, &grant.countries) || bounds_no_place(&record.sites, &record.countries) {
        return true;
    }
    let lies_in = |sites: &[Code], countries: &[Country]| {
        let mut found = sites.iter().filter_map(&country);
        found.any(|country| countries.contains(&country))
    };
    grant.sites.iter().any(|site| record.sites.contains(site))
        || grant
            .countries
            .iter()
            .any(|country| record.countries.contains(country))
        || lies_in(&grant.sites, &record.countries)
        || lies_in(&record.sites, &grant.countries)
}

/// A record's parts as far as they are there, for whoever decides what to show of it.
pub(crate) struct Known {
    pub(crate) what: Option<What>,
    pub(crate) when: When,
}

impl Known {
    /// Reads the parts.
    pub(crate) fn of(record: &StoredRecord) -> Option<Self> {
        Some(Self {
            what: record
                .what
                .text()
                .map(|text| What::parse(text))
                .transpose()
                .ok()?,
            when: When::parse(&record.when.text).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trialseal_core::record::Scopes;

    fn scope(sites: &[&str], countries: &[&str]) -> Scope {
        Scope::Only(Box::new(Scopes {
            sites: sites.iter().map(|site| site.parse().unwrap()).collect(),
            countries: countries.iter().map(|country| country.parse().unwrap()).collect(),
            ..Scopes::default()
        }))
    }

    /// Sites that begin with the letters of their country.
    fn country(site: &Code) -> Option<Country> {
        site.as_str().get(..2)?.to_ascii_uppercase().parse().ok()
    }

    fn eyes(granted: Vec<Granted>) -> Eyes {
        let id = trialseal_core::hash::RecordId::from_hash(trialseal_core::hash::sha256(b""));
        let mut registers = crate::state::Registers::default();
        let register: RegisterName = "trial:NCT04573309".parse().unwrap();
        let row = crate::state::Row {
            place: Place::new(1),
            received_at: Instant::from_millis(0),
            class: trialseal_core::vocabulary::Class::Trial,
            event: trialseal_core::vocabulary::Event::Registered,
        };
        let first = trialseal_core::index::Sequence::FIRST;
        registers.append(&register, &"acme".parse().unwrap(), first, id, row);
        Eyes {
            head: registers.head(&register).unwrap().clone(),
            register,
            caller: Caller {
                organization: "acme".parse().unwrap(),
                member: "m-1".parse().unwrap(),
            },
            granted,
            own_accounts: false,
        }
    }

    fn grant(role: Role, unblinded: bool, scope: Scope) -> Granted {
        Granted {
            role,
            unblinded,
            scope,
        }
    }

    #[test]
    fn places_overlap_where_one_lies_in_the_other() {
        let cases = [
            (Scope::All, scope(&["de-1"], &[]), true),
            (scope(&["de-1"], &[]), Scope::All, true),
            (scope(&["de-1"], &[]), scope(&["de-1", "de-2"], &[]), true),
            (scope(&["de-1"], &[]), scope(&["de-2"], &[]), false),
            (scope(&[], &["DE"]), scope(&["de-2"], &[]), true),
            (scope(&["de-1"], &[]), scope(&[], &["DE"]), true),
            (scope(&["fr-1"], &[]), scope(&[], &["DE"]), false),
            (scope(&[], &["FR"]), scope(&["de-1"], &["DE"]), false),
            (scope(&[], &["FR", "DE"]), scope(&["xx"], &["DE"]), true),
            (scope(&[], &[]), scope(&["de-1"], &[]), true),
            (scope(&["de-1"], &[]), scope(&[], &[]), true),
        ];
        for (grant, record, expected) in cases {
            assert_eq!(
                overlap(&grant, &record, country),
                expected,
                "{grant:?} {record:?}"
            );
        }
    }

    #[test]
    fn only_an_unblinded_grant_for_that_place_sees_what_is_sealed() {
        use v1::Withheld::{Role as ByRole, Scope as ByScope, Sealed};
        let (de, fr) = (scope(&["de-1"], &[]), scope(&["fr-1"], &[]));
        let all = || Scope::All;
        let cases = [
            (
                vec![grant(Role::Auditor, false, all())],
                false,
                Some(None),
                Sight::Full,
            ),
            (
                vec![grant(Role::Auditor, false, all())],
                true,
                Some(None),
                Sight::When(Sealed),
            ),
            (
                vec![grant(Role::Inspector, true, all())],
                true,
                Some(None),
                Sight::Full,
            ),
            (
                vec![grant(Role::Investigator, true, fr.clone())],
                true,
                Some(Some(&de)),
                Sight::When(ByScope),
            ),
            // Unblinded somewhere else, blinded here.
            (
                vec![
                    grant(Role::Monitor, true, fr.clone()),
                    grant(Role::Monitor, false, de.clone()),
                ],
                true,
                Some(Some(&de)),
                Sight::When(Sealed),
            ),
            (
                vec![grant(Role::Monitor, false, fr.clone())],
                false,
                Some(Some(&de)),
                Sight::When(ByScope),
            ),
            (
                vec![grant(Role::Public, false, all())],
                false,
                Some(None),
                Sight::When(ByRole),
            ),
            (
                vec![grant(Role::Participant, true, all())],
                true,
                Some(None),
                Sight::When(ByRole),
            ),
            // Where the record applied was erased with `what`.
            (
                vec![grant(Role::Monitor, false, de.clone())],
                false,
                None,
                Sight::When(ByScope),
            ),
            (vec![grant(Role::Monitor, false, all())], false, None, Sight::Full),
        ];
        for (granted, sealed, record, expected) in cases {
            let seen = eyes(granted.clone()).sight_by_grants(sealed, record, country);
            assert_eq!(seen, expected, "{granted:?}, sealed {sealed}, {record:?}");
        }
    }
}
