//! Granting, delegating and revoking roles, and handing over custody.

use crate::hash::RecordId;
use crate::identifiers::MemberName;
use crate::record::Grant;
use crate::vocabulary::{Blind, OrganizationKind, Rel, Role};

use super::acts::{KindOf, check_person, check_row, is_board};
use super::held::covers;
use super::table::rule;
use super::{Act, Authority, Flag, GRANTS_MAX, Held, Member, NotAllowed, Offer, Placed, Standing};

impl Authority {
    pub(super) fn judge_grant(
        &self,
        act: &Act<'_>,
        member: &Member,
        kind_of: KindOf<'_>,
    ) -> Result<Standing, NotAllowed> {
        check_person(act)?;
        let Some(grant) = &act.what.grant else {
            return Err(NotAllowed::OnlySponsorsGrant);
        };
        self.capacity(act, member, rule(act.what.class, act.what.event))?;
        let giver = self.giver(act, member, grant)?;
        let mut flags = Vec::new();
        if self.kind_unknown(act, grant, kind_of)? {
            flags.push(Flag::KindNotKnown);
        }
        self.check_blind(grant)?;
        if let Some(over) = grant.expires.filter(|expires| *expires <= act.at) {
            return Err(NotAllowed::AlreadyOver(over));
        }
        if let Giver::Delegator(own) = giver {
            self.check_delegation(act, own, grant)?;
        }
        if self.agreement(act, giver).is_none() && matches!(giver, Giver::Sponsor(_)) && says_under(act) {
            flags.push(Flag::AgreementNotKnown);
        }
        let members = self.members.values().flat_map(|members| members.values());
        let held = members.flat_map(|member| &member.held);
        if held.filter(|held| held.in_force(act.at)).count() >= GRANTS_MAX {
            return Err(NotAllowed::TooMany {
                what: "grants",
                most: GRANTS_MAX,
            });
        }
        Ok(Standing::Effective { flags })
    }

    /// Under which of the signer's own grants the new one is given.
    fn giver<'a>(&self, act: &Act<'_>, member: &'a Member, grant: &Grant) -> Result<Giver<'a>, NotAllowed> {
        let under = |held: &&Held| {
            let mut links = act.what.links.iter();
            links.any(|link| link.rel == Rel::Under && link.record == held.placed.record)
        };
        let own = |held: &&Held| held.in_force(act.at) && act.role().is_some_and(|role| role == held.role);
        let delegator = member.held.iter().filter(own).find(under);
        if let Some(held) = delegator.filter(|held| held.role != Role::Sponsor || grant.role == Role::Sponsor)
        {
            return Ok(Giver::Delegator(held));
        }
        let mut sponsor = member
            .held
            .iter()
            .filter(own)
            .filter(|held| held.role == Role::Sponsor);
        let wanted = act.what.scope.as_ref();
        let first = sponsor.clone().next().ok_or(NotAllowed::OnlySponsorsGrant)?;
        sponsor
            .find(|held| wanted.is_none_or(|wanted| covers(&held.scope, wanted, &self.sites)))
            .map(Giver::Sponsor)
            .ok_or_else(|| NotAllowed::OutOfScope {
                role: first.role,
                granted: first.scope.clone(),
            })
    }

    fn check_delegation(&self, act: &Act<'_>, own: &Held, grant: &Grant) -> Result<(), NotAllowed> {
        let to_self = act.who.member == grant.member;
        if act.who.organization != grant.organization || to_self {
            return Err(NotAllowed::DelegatesElsewhere(act.who.organization.clone()));
        }
        let to_staff = own.role == Role::Investigator && grant.role == Role::SiteStaff;
        if own.role != grant.role && !to_staff {
            return Err(NotAllowed::DelegatesOtherRole {
                own: own.role,
                role: grant.role,
            });
        }
        let scope = act.what.scope.as_ref();
        if !scope.is_none_or(|scope| covers(&own.scope, scope, &self.sites)) {
            return Err(NotAllowed::DelegatesTooMuch("scope"));
        }
        if own.blind == Blind::Blinded && grant.blind == Blind::Unblinded {
            return Err(NotAllowed::DelegatesTooMuch("view of treatment assignments"));
        }
        match (own.expires, grant.expires) {
            (Some(own), Some(wanted)) if wanted > own => Err(NotAllowed::DelegatesTooMuch("expiry")),
            _ => Ok(()),
        }
    }

    /// Whether the role may go to the organisation; true where its kind is not known.
    fn kind_unknown(&self, act: &Act<'_>, grant: &Grant, kind_of: KindOf<'_>) -> Result<bool, NotAllowed> {
        let (organization, role) = (&grant.organization, grant.role);
        let kind = kind_of(organization);
        let other_role = || NotAllowed::NoOtherRole {
            organization: organization.clone(),
        };
        match (kind_of_role(role), kind) {
            (Some(wanted), Some(kind)) if kind != wanted => {
                return Err(NotAllowed::KindOnly { role, kind: wanted });
            }
            (None, Some(kind)) if is_board(kind) && !is_inspector_of(kind, role) => return Err(other_role()),
            _ => {}
        }
        let fits = |held: &Held| {
            !held.in_force(act.at)
                || kind_of_role(held.role) == kind_of_role(role)
                || matches!(
                    (held.role, role),
                    (Role::Inspector, Role::Authority) | (Role::Authority, Role::Inspector)
                )
        };
        let mut members = self.members.get(organization).into_iter().flatten();
        if members.any(|(_, member)| !member.held.iter().all(fits)) {
            return Err(other_role());
        }
        Ok(kind.is_none())
    }

    fn check_blind(&self, grant: &Grant) -> Result<(), NotAllowed> {
        let member = self.member(&grant.organization, &grant.member);
        if grant.blind == Blind::Blinded && member.is_some_and(|member| member.unblinded) {
            return Err(NotAllowed::UnblindedBefore(name(grant)));
        }
        Ok(())
    }

    /// The agreement that a grant is under: one that is on record here, or the delegator's.
    fn agreement(&self, act: &Act<'_>, giver: Giver<'_>) -> Option<RecordId> {
        let mut under = act.what.links.iter().filter(|link| link.rel == Rel::Under);
        let known = under.find(|link| self.agreements.contains(&link.record));
        known.map(|link| link.record).or(match giver {
            Giver::Delegator(own) => own.agreement,
            Giver::Sponsor(_) => None,
        })
    }

    pub(super) fn give(&mut self, act: &Act<'_>, placed: Placed) {
        let Some((name, held)) = self.given(act, placed) else {
            return;
        };
        for members in self.members.values_mut() {
            members.retain(|_, member| {
                member.held.retain(|held| held.in_force(act.at));
                member.unblinded || !member.held.is_empty()
            });
        }
        self.hold(name, held);
    }

    fn given(&self, act: &Act<'_>, placed: Placed) -> Option<(MemberName, Held)> {
        let grant = act.what.grant.as_ref()?;
        let member = self.member(&act.who.organization, &act.who.member)?;
        let giver = self.giver(act, member, grant).ok()?;
        let (Giver::Delegator(own) | Giver::Sponsor(own)) = giver;
        let scope = act.what.scope.clone().unwrap_or_else(|| own.scope.clone());
        let (delegated, expires) = match giver {
            Giver::Delegator(own) => (Some(own.placed.record), grant.expires.or(own.expires)),
            Giver::Sponsor(_) => (None, grant.expires),
        };
        let held = Held {
            placed,
            role: grant.role,
            blind: grant.blind,
            scope,
            expires,
            by: act.member(),
            delegated,
            agreement: self.agreement(act, giver),
        };
        Some((name(grant), held))
    }

    pub(super) fn hold(&mut self, name: MemberName, held: Held) {
        let members = self.members.entry(name.organization).or_default();
        let member = members.entry(name.member).or_default();
        member.unblinded |= held.blind == Blind::Unblinded;
        member.held.push(held);
    }

    pub(super) fn judge_revocation(&self, act: &Act<'_>, member: &Member) -> Result<Standing, NotAllowed> {
        check_person(act)?;
        self.capacity(act, member, rule(act.what.class, act.what.event))?;
        let ended = self.revoked(act).ok_or(NotAllowed::NotYoursToRevoke)?;
        let Some(grant) = act.what.grant.as_ref().filter(|_| !ended.is_empty()) else {
            let flags = vec![Flag::NothingToRevoke];
            return Ok(Standing::Effective { flags });
        };
        let ended = self.with_delegated(ended);
        let sponsor = |held: &Held| held.role == Role::Sponsor && held.in_force(act.at);
        let left = |held: &Held| sponsor(held) && !ended.contains(&held.placed.record);
        if grant.role == Role::Sponsor
            && !self
                .every_member()
                .any(|(_, member)| member.held.iter().any(left))
        {
            return Err(NotAllowed::LastSponsor(name(grant)));
        }
        Ok(Standing::Effective { flags: Vec::new() })
    }

    /// The grants that a revocation ends; none if the signer may end no such grant.
    pub(super) fn revoked(&self, act: &Act<'_>) -> Option<Vec<RecordId>> {
        let grant = act.what.grant.as_ref()?;
        let everything = act.role() == Some(Role::Sponsor) || act.is_by(&name(grant));
        let member = self.member(&grant.organization, &grant.member);
        let held = member.into_iter().flat_map(|member| &member.held);
        let of_role = held.filter(|held| held.role == grant.role && held.in_force(act.at));
        let ended: Vec<_> = of_role
            .filter(|held| everything || act.is_by(&held.by))
            .map(|held| held.placed.record)
            .collect();
        (everything || !ended.is_empty()).then_some(ended)
    }

    /// With all that was delegated under them.
    fn with_delegated(&self, mut ended: Vec<RecordId>) -> Vec<RecordId> {
        let mut next = 0;
        while let Some(parent) = ended.get(next).copied() {
            let under = |held: &&Held| held.delegated == Some(parent);
            let all = self.members.values().flat_map(|members| members.values());
            let records = all.flat_map(|member| &member.held).filter(under);
            ended.extend(records.map(|held| held.placed.record));
            next += 1;
        }
        ended
    }

    pub(super) fn end(&mut self, ended: Vec<RecordId>) {
        let ended = self.with_delegated(ended);
        for members in self.members.values_mut() {
            members.retain(|_, member| {
                member.held.retain(|held| !ended.contains(&held.placed.record));
                member.unblinded || !member.held.is_empty()
            });
        }
        self.members.retain(|_, members| !members.is_empty());
    }

    /// Whom an offer of custody may name.
    pub(super) fn check_offer(&self, act: &Act<'_>, kind_of: KindOf<'_>) -> Result<(), NotAllowed> {
        let Some(grant) = &act.what.grant else {
            return Ok(());
        };
        if grant.role != Role::Sponsor || grant.organization == act.who.organization {
            return Err(NotAllowed::OfferedToNobody);
        }
        self.kind_unknown(act, grant, kind_of)?;
        self.check_blind(grant)
    }

    /// The incoming sponsor's signature; the outgoing one's is the offer.
    pub(super) fn judge_acceptance(&self, act: &Act<'_>, member: &Member) -> Result<Standing, NotAllowed> {
        if let Some(row) = rule(act.what.class, act.what.event).act {
            check_row(act, row)?;
        }
        match act.role() {
            Some(Role::Sponsor) if self.accepted(act, member).is_some() => {
                Ok(Standing::Effective { flags: Vec::new() })
            }
            Some(Role::Sponsor) => Err(NotAllowed::NotOffered(act.member())),
            _ => Err(self
                .in_role(act, member)
                .err()
                .unwrap_or_else(|| NotAllowed::NotOffered(act.member()))),
        }
    }

    /// The offer that the act accepts: of an organisation that is sponsor still, it names the signer,
    /// or the signer is a sponsor already and it names nobody or somebody of the same organisation.
    pub(super) fn accepted(&self, act: &Act<'_>, member: &Member) -> Option<&Offer> {
        let record = act.linked(Rel::RespondsTo)?;
        let offer = self.offers.iter().find(|offer| offer.record == record)?;
        let sponsor = |held: &Held| held.role == Role::Sponsor && held.in_force(act.at);
        let mut outgoing = self.members.get(&offer.from).into_iter().flatten();
        if !outgoing.any(|(_, member)| member.held.iter().any(sponsor)) {
            return None;
        }
        let is_sponsor = member.held.iter().any(sponsor);
        let meant = match &offer.to {
            Some((name, _)) if act.is_by(name) => true,
            Some((name, _)) => is_sponsor && name.organization == act.who.organization,
            None => is_sponsor,
        };
        (meant && offer.from != act.who.organization).then_some(offer)
    }

    pub(super) fn offer(&mut self, act: &Act<'_>, placed: Placed) {
        // A later offer of an organisation stands in the place of its earlier ones.
        self.offers.retain(|offer| offer.from != act.who.organization);
        self.offers.push(Offer {
            record: placed.record,
            from: act.who.organization.clone(),
            to: act.what.grant.as_ref().map(|grant| (name(grant), grant.blind)),
        });
    }

    pub(super) fn hand_over(&mut self, act: &Act<'_>, placed: Placed) {
        let member = self.member(&act.who.organization, &act.who.member).cloned();
        let member = member.unwrap_or_default();
        let Some(offer) = self.accepted(act, &member).cloned() else {
            return;
        };
        self.offers.retain(|open| open.from != offer.from);
        let outgoing = self.members.get(&offer.from).into_iter().flatten();
        let ended = outgoing
            .flat_map(|(_, member)| &member.held)
            .filter(|held| held.role == Role::Sponsor)
            .map(|held| held.placed.record)
            .collect();
        self.end(ended);
        let sponsor = |held: &Held| held.role == Role::Sponsor && held.in_force(act.at);
        if !member.held.iter().any(sponsor) {
            let blind = offer.to.map_or(Blind::Blinded, |(_, blind)| blind);
            let held = Held {
                blind,
                ..super::acts::opening_grant(act, placed)
            };
            self.hold(act.member(), held);
        }
    }
}

/// Under what a grant is given.
#[derive(Clone, Copy)]
enum Giver<'a> {
    /// A sponsor's grant: any role, on its own feet.
    Sponsor(&'a Held),
    /// The signer's own grant: no more than it, and no longer.
    Delegator(&'a Held),
}

fn name(grant: &Grant) -> MemberName {
    MemberName::new(grant.organization.clone(), grant.member.clone())
}

fn says_under(act: &Act<'_>) -> bool {
    act.what.links.iter().any(|link| link.rel == Rel::Under)
}

/// The kind of organisation to which alone a role goes.
const fn kind_of_role(role: Role) -> Option<OrganizationKind> {
    match role {
        Role::EthicsBoard => Some(OrganizationKind::EthicsBoard),
        Role::Authority => Some(OrganizationKind::Authority),
        Role::Dsmb => Some(OrganizationKind::Dsmb),
        _ => None,
    }
}

/// An authority inspects as well.
fn is_inspector_of(kind: OrganizationKind, role: Role) -> bool {
    kind == OrganizationKind::Authority && role == Role::Inspector
}

impl Act<'_> {
    pub(super) fn is_by(&self, name: &MemberName) -> bool {
        self.who.organization == name.organization && self.who.member == name.member
    }
}
