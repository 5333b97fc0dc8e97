//! Who may do what in a trial's register, and what an act there is worth.
//!
//! [`Authority`] is a fold of one register's records in their order: grants in force, acts that
//! still need signatures, and the little else that the table of acts asks about. It is the same
//! whether the notary folds its log or a verifier folds receipts. [`Authority::judge`] says what a
//! submission would be worth at its place, or why it is not allowed; [`Authority::apply`] folds in
//! what was judged. The rules are data, in `authority.toml`.
//!
//! Authority and form are refused. Sequence never is: what is out of order stands and is flagged.

mod acts;
mod effect;
mod grants;
mod held;
mod refused;
mod snapshot;
mod standing;
mod table;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::hash::RecordId;
use crate::identifiers::{Code, Country, MemberId, MemberName, OrganizationId};
use crate::index::{LogIndex, Sequence};
use crate::record::{Scope, SiteSettings, What, Who};
use crate::time::{Date, Instant};
use crate::vocabulary::{Blind, Blinding, Class, Event, OrganizationKind, Role, SignerKind};

pub use held::Held;
pub use refused::NotAllowed;
pub use snapshot::Malformed;
pub use standing::{Capacity, Flag, Need, Provided, Standing};
pub use table::{changes, may, roles_for};

/// Most acts of a register that are pending at once.
pub const PENDING_MAX: usize = 1_000;
/// Most grants of a register that are in force at once.
pub const GRANTS_MAX: usize = 10_000;
/// Most records of one kind (agreements, decided documents, locks, sites) that a fold remembers.
pub const REMEMBERED_MAX: usize = 10_000;

/// A submission, as authority sees it.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// What is put on record.
    pub what: &'a What,
    /// Who does so.
    pub who: &'a Who,
    /// When, by the notary: `received_at`.
    pub at: Instant,
}

impl<'a> Act<'a> {
    /// Puts the parts together.
    #[must_use]
    pub const fn of(what: &'a What, who: &'a Who, at: Instant) -> Self {
        Self { what, who, at }
    }

    /// Who acts.
    #[must_use]
    pub fn member(&self) -> MemberName {
        MemberName::new(self.who.organization.clone(), self.who.member.clone())
    }

    fn role(&self) -> Option<Role> {
        self.who.signer.as_ref().map(|signer| signer.role)
    }

    fn kind(&self) -> Option<SignerKind> {
        self.who.signer.as_ref().map(|signer| signer.kind)
    }

    /// The first record that it links to in this way.
    fn linked(&self, rel: crate::vocabulary::Rel) -> Option<RecordId> {
        let mut links = self.what.links.iter();
        links.find(|link| link.rel == rel).map(|link| link.record)
    }
}

/// The place of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its id.
    pub record: RecordId,
    /// Its index in its log.
    pub index: LogIndex,
    /// Its sequence in the register.
    pub sequence: Sequence,
}

impl Placed {
    /// No place: of a grant that only its record will give.
    const NOWHERE: Self = Self {
        record: RecordId::from_hash(crate::hash::Hash::from_bytes([0; 32])),
        index: LogIndex::FIRST,
        sequence: Sequence::FIRST,
    };
}

/// An act that needs more signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingAct {
    /// Its place.
    pub placed: Placed,
    /// Since when.
    pub since: Instant,
    /// Its class.
    pub class: Class,
    /// Its event.
    pub event: Event,
    /// Where it applies.
    pub scope: Option<Scope>,
    /// What it refers to: the lock that it unlocks.
    pub about: Option<RecordId>,
    /// Who signed, the first signer first.
    pub signers: Vec<MemberName>,
    /// What is still missing.
    pub needs: Vec<Need>,
    /// Who declined.
    pub declined: Vec<MemberName>,
}

/// What a board or an authority said of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decided {
    class: Class,
    by: OrganizationId,
    positive: bool,
    reported: bool,
    until: Option<Date>,
}

/// An offer of custody that is still open.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Offer {
    record: RecordId,
    from: OrganizationId,
    to: Option<(MemberName, Blind)>,
}

/// A member of the register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Member {
    held: Vec<Held>,
    /// It has, or had, an unblinded grant: what was seen stays seen.
    unblinded: bool,
}

/// The authority of everybody in one register, after some of its records. Empty: no record yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    opened: bool,
    unblinded: bool,
    blinding: Option<Blinding>,
    members: HashMap<OrganizationId, HashMap<MemberId, Member>>,
    pending: Vec<PendingAct>,
    countries: BTreeMap<Country, Vec<Class>>,
    sites: BTreeMap<Code, SiteSettings>,
    agreements: HashSet<RecordId>,
    decided: HashMap<RecordId, Vec<Decided>>,
    /// Authorisations to unblind that are in effect.
    authorised: HashSet<RecordId>,
    /// Hard locks that are in effect.
    locks: HashSet<RecordId>,
    offers: Vec<Offer>,
}

impl Authority {
    /// Says what the act would be worth if it were the register's next record.
    ///
    /// `kind_of` says of what kind an organisation was enrolled. The notary always knows and says
    /// `Some`; a verifier that was not shown the enrolment says `None`, which is flagged.
    ///
    /// # Errors
    ///
    /// Why the signer may not do that, and who may.
    pub fn judge(
        &self,
        act: &Act<'_>,
        kind_of: impl Fn(&OrganizationId) -> Option<OrganizationKind>,
    ) -> Result<Standing, NotAllowed> {
        self.judge_act(act, &kind_of)
    }

    /// Folds in an act that was judged here, at its place.
    pub fn apply(&mut self, act: &Act<'_>, placed: Placed, standing: &Standing) {
        self.fold_in(act, placed, standing);
    }

    /// Judges and folds in: the way of whoever replays records. What is not allowed changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// As [`Authority::judge`].
    pub fn replay(
        &mut self,
        act: &Act<'_>,
        placed: Placed,
        kind_of: impl Fn(&OrganizationId) -> Option<OrganizationKind>,
    ) -> Result<Standing, NotAllowed> {
        let standing = self.judge(act, kind_of)?;
        self.apply(act, placed, &standing);
        Ok(standing)
    }

    /// Whether the register has a record.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.opened
    }

    /// The grants of a member that are in force at this time.
    pub fn grants_of<'a>(
        &'a self,
        organization: &OrganizationId,
        member: &MemberId,
        at: Instant,
    ) -> impl Iterator<Item = &'a Held> + use<'a> {
        let member = self.member(organization, member);
        let held = member.map_or(&[][..], |member| member.held.as_slice());
        held.iter().filter(move |held| held.in_force(at))
    }

    /// The roles of a member that are in force at this time.
    pub fn roles<'a>(&'a self, member: &MemberName, at: Instant) -> impl Iterator<Item = Role> + use<'a> {
        self.grants_of(&member.organization, &member.member, at)
            .map(|held| held.role)
    }

    /// Every grant that is in force at this time, in the order of members and then of grants.
    #[must_use]
    pub fn grants(&self, at: Instant) -> Vec<(MemberName, &Held)> {
        let mut all: Vec<_> = self
            .every_member()
            .flat_map(|(name, member)| member.held.iter().map(move |held| (name.clone(), held)))
            .filter(|(_, held)| held.in_force(at))
            .collect();
        all.sort_unstable_by(|(a, x), (b, y)| (a, x.placed.sequence).cmp(&(b, y.placed.sequence)));
        all
    }

    /// Whether the member has, or ever had, an unblinded grant in this register.
    #[must_use]
    pub fn was_unblinded(&self, member: &MemberName) -> bool {
        self.member(&member.organization, &member.member)
            .is_some_and(|member| member.unblinded)
    }

    /// The organisations that hold a sponsor's role at this time, sorted.
    #[must_use]
    pub fn sponsors(&self, at: Instant) -> Vec<OrganizationId> {
        let sponsors = |members: &HashMap<MemberId, Member>| {
            let mut held = members.values().flat_map(|member| &member.held);
            held.any(|held| held.role == Role::Sponsor && held.in_force(at))
        };
        let mut all: Vec<_> = self
            .members
            .iter()
            .filter(|(_, members)| sponsors(members))
            .map(|(organization, _)| organization.clone())
            .collect();
        all.sort_unstable();
        all
    }

    /// The acts that need more signatures, in their order.
    #[must_use]
    pub fn pending(&self) -> &[PendingAct] {
        &self.pending
    }

    /// From whom the treatment is hidden, as the trial's settings say.
    #[must_use]
    pub const fn blinding(&self) -> Option<Blinding> {
        self.blinding
    }

    /// Whether an unblinding is in effect.
    #[must_use]
    pub const fn is_unblinded(&self) -> bool {
        self.unblinded
    }

    /// Whether all that `wanted` applies to lies within `granted`. A site lies in its country, as
    /// the trial's settings say.
    #[must_use]
    pub fn covers(&self, granted: &Scope, wanted: &Scope) -> bool {
        held::covers(granted, wanted, &self.sites)
    }

    /// A site, as the trial's settings say.
    #[must_use]
    pub fn site(&self, site: &Code) -> Option<&SiteSettings> {
        self.sites.get(site)
    }

    fn member(&self, organization: &OrganizationId, member: &MemberId) -> Option<&Member> {
        self.members.get(organization)?.get(member)
    }

    fn every_member(&self) -> impl Iterator<Item = (MemberName, &Member)> {
        self.members.iter().flat_map(|(organization, members)| {
            let name = |member: &MemberId| MemberName::new(organization.clone(), member.clone());
            members.iter().map(move |(id, member)| (name(id), member))
        })
    }
}
