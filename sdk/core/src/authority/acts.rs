//! Judging an act: in which capacity it is done, and which signatures it still needs.

use crate::hash::RecordId;
use crate::identifiers::{Code, OrganizationId};
use crate::record::{Scope, Scopes};
use crate::vocabulary::{Blind, Blinding, Class, Event, OrganizationKind, Rel, Role, SignerKind};

use super::held::covers;
use super::table::{Rule, TableAct, rule};
use super::{
    Act, Authority, Capacity, Flag, Held, Member, Need, NotAllowed, PENDING_MAX, PendingAct, Placed,
    Provided, Standing,
};

/// Most sites of which an unlock can ask the investigators.
const SITES_MAX: usize = 256;

/// Of what kind an organisation was enrolled.
pub(super) type KindOf<'a> = &'a dyn Fn(&OrganizationId) -> Option<OrganizationKind>;

impl Authority {
    pub(super) fn judge_act(&self, act: &Act<'_>, kind_of: KindOf<'_>) -> Result<Standing, NotAllowed> {
        if self.opened {
            return match self.member(&act.who.organization, &act.who.member) {
                Some(member) => self.judge_as(act, member, kind_of),
                None if act.what.event == Event::CustodyAccepted => {
                    self.judge_as(act, &Member::default(), kind_of)
                }
                None => Err(NotAllowed::NoRole(act.member())),
            };
        }
        let mut opening = Vec::new();
        match kind_of(&act.who.organization) {
            Some(kind) if is_board(kind) => return Err(NotAllowed::CannotOpen(kind)),
            Some(_) => {}
            None => opening.push(Flag::KindNotKnown),
        }
        if let Some(role) = act.role().filter(|role| *role != Role::Sponsor) {
            return Err(NotAllowed::OpensAsSponsor(role));
        }
        if (act.what.class, act.what.event) != (Class::Trial, Event::Registered) {
            opening.push(Flag::NotRegisteredFirst);
        }
        let opener = Member {
            held: vec![opening_grant(act, Placed::NOWHERE)],
            unblinded: false,
        };
        let mut standing = self.judge_as(act, &opener, kind_of)?;
        if let Standing::Effective { flags } | Standing::Pending { flags, .. } = &mut standing {
            flags.splice(0..0, opening);
        }
        Ok(standing)
    }

    fn judge_as(&self, act: &Act<'_>, member: &Member, kind_of: KindOf<'_>) -> Result<Standing, NotAllowed> {
        match (act.what.class, act.what.event) {
            (_, Event::Countersigned | Event::Declined) => self.judge_signature(act, member),
            (Class::Grant, Event::Granted) => self.judge_grant(act, member, kind_of),
            (Class::Grant, Event::Revoked) => self.judge_revocation(act, member),
            (_, Event::CustodyAccepted) => self.judge_acceptance(act, member),
            (class, event) => {
                let rule = rule(class, event);
                if let Some(row) = rule.act {
                    check_row(act, row)?;
                }
                let held = self.capacity(act, member, rule)?;
                if event == Event::CustodyOffered {
                    self.check_offer(act, kind_of)?;
                }
                let flags = self.flags(act, member);
                self.standing(act, member, held, rule, flags)
            }
        }
    }

    /// The grant under which the act is done.
    pub(super) fn capacity<'a>(
        &self,
        act: &Act<'_>,
        member: &'a Member,
        rule: Rule,
    ) -> Result<&'a Held, NotAllowed> {
        let role = act.role();
        let found = member.held.iter().find(|held| {
            held.in_force(act.at)
                && role.is_none_or(|role| role == held.role)
                && rule.may(held.role)
                && self.signs_first(rule, held, member)
                && self.in_scope(act, held, rule)
        });
        found.ok_or_else(|| self.why_not(act, member, rule))
    }

    fn signs_first(&self, rule: Rule, held: &Held, member: &Member) -> bool {
        let one = |capacity: &Capacity| self.is_in(*capacity, held, member);
        rule.act.is_none_or(|row| row.first.iter().any(one))
    }

    /// What says nothing of its scope lies within a grant of a part of the trial only where the
    /// table does not ask for more.
    fn in_scope(&self, act: &Act<'_>, held: &Held, rule: Rule) -> bool {
        match &act.what.scope {
            Some(scope) => covers(&held.scope, scope, &self.sites),
            None => held.scope == Scope::All || !rule.act.is_some_and(|row| row.scoped),
        }
    }

    /// Whether a member that holds this grant can sign in the capacity.
    fn is_in(&self, capacity: Capacity, held: &Held, member: &Member) -> bool {
        let open = self.blinding == Some(Blinding::OpenLabel);
        capacity.role == held.role
            && match capacity.provided {
                Provided::Nothing => true,
                // Once the blind is broken for all, nobody is left to be blinded; it is flagged.
                Provided::Blinded => !member.unblinded || open || self.unblinded,
                Provided::Unblinded => held.blind == Blind::Unblinded || open,
                Provided::Agreement => held.agreement.is_some(),
            }
    }

    /// The reason why no grant of the member does.
    fn why_not(&self, act: &Act<'_>, member: &Member, rule: Rule) -> NotAllowed {
        let held = match self.in_role(act, member) {
            Ok(held) => held,
            Err(refused) => return refused,
        };
        let (class, event) = (act.what.class, act.what.event);
        let Some(may) = held.iter().find(|held| rule.may(held.role)) else {
            let mut roles: Vec<Role> = held.iter().map(|held| held.role).collect();
            roles.dedup();
            return NotAllowed::MayNot {
                held: roles,
                class,
                event,
                could: super::roles_for(class, event),
            };
        };
        if let Some(row) = rule.act
            && !held.iter().any(|held| self.signs_first(rule, held, member))
        {
            return NotAllowed::NotInThisCapacity {
                act: &row.name,
                could: row.first.clone(),
            };
        }
        NotAllowed::OutOfScope {
            role: may.role,
            granted: may.scope.clone(),
        }
    }

    /// The member's grants in force, in the role that is signed in; in a draft, all.
    pub(super) fn in_role<'a>(&self, act: &Act<'_>, member: &'a Member) -> Result<Vec<&'a Held>, NotAllowed> {
        let role = act.role();
        let of_role = |held: &&Held| role.is_none_or(|role| role == held.role);
        let found: Vec<_> = member
            .held
            .iter()
            .filter(of_role)
            .filter(|held| held.in_force(act.at))
            .collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let over = member
            .held
            .iter()
            .filter(of_role)
            .find_map(|held| Some((held.role, held.expires?)));
        Err(match (over, role) {
            (Some((role, ended)), _) => NotAllowed::GrantOver {
                member: act.member(),
                role,
                ended,
            },
            (None, Some(role)) if member.held.iter().any(|held| held.in_force(act.at)) => {
                let in_force = member.held.iter().filter(|held| held.in_force(act.at));
                NotAllowed::RoleNotHeld {
                    member: act.member(),
                    role,
                    held: in_force.map(|held| held.role).collect(),
                }
            }
            _ => NotAllowed::NoRole(act.member()),
        })
    }

    /// Which signatures are needed besides the first.
    fn standing(
        &self,
        act: &Act<'_>,
        member: &Member,
        held: &Held,
        rule: Rule,
        flags: Vec<Flag>,
    ) -> Result<Standing, NotAllowed> {
        let Some(row) = rule.act else {
            return Ok(Standing::Effective { flags });
        };
        let mut needs: Vec<Need> = row.also.iter().map(|any_of| any_of.clone().into()).collect();
        let one_of = |capacity: &Capacity| self.is_in(*capacity, held, member);
        if !row.one_of.is_empty() && !row.one_of.iter().any(one_of) {
            // The first signature is not the one that has to be there, so the other is.
            needs = vec![row.one_of.clone().into()];
        }
        if let Some(role) = row.each_site.filter(|_| self.unblinded) {
            needs.extend(self.sites_in(act.what.scope.as_ref(), role)?);
        }
        if needs.is_empty() {
            return Ok(Standing::Effective { flags });
        }
        if self.pending.len() >= PENDING_MAX {
            return Err(NotAllowed::TooMany {
                what: "acts that wait for signatures",
                most: PENDING_MAX,
            });
        }
        Ok(Standing::Pending { needs, flags })
    }

    /// One signature for each site in the scope; where no site is known, one.
    fn sites_in(&self, scope: Option<&Scope>, role: Role) -> Result<Vec<Need>, NotAllowed> {
        let of_trial = |countries: Option<&Scopes>| -> Vec<Code> {
            let within = |country| countries.is_none_or(|scopes| scopes.countries.contains(country));
            let sites = self.sites.values().filter(|settings| within(&settings.country));
            sites.map(|settings| settings.site.clone()).collect()
        };
        let sites = match scope {
            Some(Scope::Only(scopes)) if !scopes.sites.is_empty() => scopes.sites.clone(),
            Some(Scope::Only(scopes)) if !scopes.countries.is_empty() => of_trial(Some(scopes)),
            _ => of_trial(None),
        };
        if sites.len() > SITES_MAX {
            return Err(NotAllowed::TooMany {
                what: "sites in the scope, each of which has to sign (name those that are meant)",
                most: SITES_MAX,
            });
        }
        let any_of = vec![Capacity {
            role,
            provided: Provided::Nothing,
        }];
        if sites.is_empty() {
            return Ok(vec![any_of.into()]);
        }
        let need = |site| Need {
            any_of: any_of.clone(),
            site: Some(site),
        };
        Ok(sites.into_iter().map(need).collect())
    }

    fn judge_signature(&self, act: &Act<'_>, member: &Member) -> Result<Standing, NotAllowed> {
        let (class, event) = (act.what.class, act.what.event);
        match act.kind() {
            None if event == Event::Countersigned => return Err(NotAllowed::NeedsSignature { class, event }),
            Some(SignerKind::System) => return Err(by_system(act)),
            None | Some(SignerKind::Person) => {}
        }
        self.capacity(act, member, rule(class, event))?;
        let countersigns = act.what.links.iter().filter(|link| link.rel == Rel::Countersigns);
        if countersigns.count() > 1 {
            return Err(NotAllowed::OneAtATime);
        }
        let target = act
            .linked(Rel::Countersigns)
            .or_else(|| act.linked(Rel::RespondsTo));
        let Some(pending) = target.and_then(|target| self.pending_act(target)) else {
            return Ok(Standing::Effective { flags: Vec::new() });
        };
        let not_needed = Standing::Effective {
            flags: vec![Flag::NotNeeded],
        };
        let signed = pending.signers.iter().any(|signer| act.is_by(signer));
        if signed && event == Event::Countersigned {
            return Err(NotAllowed::SamePerson(act.member()));
        }
        let held = self.in_role(act, member)?;
        let still = self.still_needed(pending, &held, member);
        if signed || still.len() == pending.needs.len() {
            return Ok(not_needed);
        }
        let act = pending.placed.record;
        if event == Event::Declined {
            return Ok(Standing::Declines { act });
        }
        if !still.is_empty() {
            return Ok(Standing::Adds { act, still });
        }
        let declined = !pending.declined.is_empty();
        Ok(Standing::Completes {
            act,
            flags: declined.then_some(Flag::DeclinedBefore).into_iter().collect(),
        })
    }

    /// What is missing once a member with these grants has signed. One signature is one of the
    /// table's; only an investigator of several sites signs for all of them at once.
    fn still_needed(&self, pending: &PendingAct, held: &[&Held], member: &Member) -> Vec<Need> {
        let meets = |need: &Need| {
            held.iter().any(|held| {
                let capacity = need.any_of.iter().any(|one| self.is_in(*one, held, member));
                capacity && self.covers_need(need, pending, held)
            })
        };
        let Some(first) = pending.needs.iter().position(meets) else {
            return pending.needs.clone();
        };
        let of_sites = pending.needs[first].site.is_some();
        let missing = |(place, need): &(usize, &Need)| {
            *place != first && !(of_sites && need.site.is_some() && meets(need))
        };
        let still = pending.needs.iter().enumerate().filter(missing);
        still.map(|(_, need)| need.clone()).collect()
    }

    fn covers_need(&self, need: &Need, pending: &PendingAct, held: &Held) -> bool {
        match (&need.site, &pending.scope) {
            (Some(site), _) => {
                let scopes = Scopes {
                    sites: vec![site.clone()],
                    ..Scopes::default()
                };
                covers(&held.scope, &Scope::Only(Box::new(scopes)), &self.sites)
            }
            (None, Some(scope)) => covers(&held.scope, scope, &self.sites),
            (None, None) => held.scope == Scope::All,
        }
    }

    pub(super) fn pending_act(&self, record: RecordId) -> Option<&PendingAct> {
        self.pending
            .iter()
            .find(|pending| pending.placed.record == record)
    }
}

impl From<Vec<Capacity>> for Need {
    fn from(any_of: Vec<Capacity>) -> Self {
        Self { any_of, site: None }
    }
}

/// The grant of whoever opens a register.
pub(super) fn opening_grant(act: &Act<'_>, placed: Placed) -> Held {
    Held {
        placed,
        role: Role::Sponsor,
        blind: Blind::Blinded,
        scope: Scope::All,
        expires: None,
        by: act.member(),
        delegated: None,
        agreement: None,
    }
}

/// Boards and authorities hold no other role than their own.
pub(super) const fn is_board(kind: OrganizationKind) -> bool {
    matches!(
        kind,
        OrganizationKind::EthicsBoard | OrganizationKind::Authority | OrganizationKind::Dsmb
    )
}

pub(super) fn by_system(act: &Act<'_>) -> NotAllowed {
    NotAllowed::NotBySystem {
        member: act.member(),
        class: act.what.class,
        event: act.what.event,
    }
}

/// A person's signature, in a grant or a revocation.
pub(super) fn check_person(act: &Act<'_>) -> Result<(), NotAllowed> {
    match act.kind() {
        Some(SignerKind::Person) => Ok(()),
        Some(SignerKind::System) => Err(by_system(act)),
        None => Err(NotAllowed::NeedsSignature {
            class: act.what.class,
            event: act.what.event,
        }),
    }
}

pub(super) fn check_row(act: &Act<'_>, row: &TableAct) -> Result<(), NotAllowed> {
    if !(row.systems && act.kind() == Some(SignerKind::System)) {
        check_person(act)?;
    }
    match row.link.filter(|rel| act.linked(*rel).is_none()) {
        Some(rel) => Err(NotAllowed::NeedsLink {
            event: act.what.event,
            rel,
        }),
        None => Ok(()),
    }
}
