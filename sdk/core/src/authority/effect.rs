//! What an act changes for those that follow, and what is odd about one.

use std::collections::BTreeSet;

use crate::hash::RecordId;
use crate::identifiers::OrganizationId;
use crate::record::Scope;
use crate::vocabulary::{Basis, Blinding, Class, Decision, Event, Rel, Role, SignerKind};

use super::acts::opening_grant;
use super::{Act, Authority, Decided, Flag, Member, PendingAct, Placed, REMEMBERED_MAX, Standing};

impl Authority {
    pub(super) fn fold_in(&mut self, act: &Act<'_>, placed: Placed, standing: &Standing) {
        if !self.opened {
            self.opened = true;
            self.hold(act.member(), opening_grant(act, placed));
        }
        match standing {
            Standing::Effective { .. } => self.take_effect(act, placed),
            Standing::Pending { needs, .. } => self.pending.push(PendingAct {
                placed,
                since: act.at,
                class: act.what.class,
                event: act.what.event,
                scope: act.what.scope.clone(),
                about: act.linked(Rel::Unlocks),
                signers: vec![act.member()],
                needs: needs.clone(),
                declined: Vec::new(),
            }),
            Standing::Completes { act: signed, .. } => self.complete(*signed),
            Standing::Adds { act: signed, still } => {
                if let Some(pending) = self.pending_mut(*signed) {
                    pending.signers.push(act.member());
                    pending.needs.clone_from(still);
                }
            }
            Standing::Declines { act: signed } => {
                let member = act.member();
                if let Some(pending) = self.pending_mut(*signed)
                    && !pending.declined.contains(&member)
                {
                    pending.declined.push(member);
                }
            }
        }
    }

    fn pending_mut(&mut self, record: RecordId) -> Option<&mut PendingAct> {
        self.pending
            .iter_mut()
            .find(|pending| pending.placed.record == record)
    }

    /// The last signature is there.
    fn complete(&mut self, record: RecordId) {
        let Some(place) = self
            .pending
            .iter()
            .position(|pending| pending.placed.record == record)
        else {
            return;
        };
        let pending = self.pending.remove(place);
        match pending.event {
            Event::UnblindingAuthorised if self.authorised.len() < REMEMBERED_MAX => {
                self.authorised.insert(record);
            }
            Event::HardLock if self.locks.len() < REMEMBERED_MAX => {
                self.locks.insert(record);
            }
            Event::Unlock => {
                self.locks.retain(|lock| Some(*lock) != pending.about);
            }
            _ => {}
        }
    }

    fn take_effect(&mut self, act: &Act<'_>, placed: Placed) {
        match (act.what.class, act.what.event) {
            (Class::Grant, Event::Granted) => self.give(act, placed),
            (Class::Grant, Event::Revoked) => {
                if let Some(ended) = self.revoked(act) {
                    self.end(ended);
                }
            }
            (Class::TrialSettings, Event::Set) => self.set(act),
            (Class::Opinion | Class::AuthorityDecision, Event::Decided | Event::Reported) => self.decide(act),
            (_, Event::Unblinded) => self.unblinded = true,
            (_, Event::CustodyOffered) => self.offer(act, placed),
            (_, Event::CustodyAccepted) => self.hand_over(act, placed),
            (class, event) => {
                if class == Class::Agreement
                    && is_of_agreement(event)
                    && self.agreements.len() < REMEMBERED_MAX
                {
                    self.agreements.insert(placed.record);
                }
                if event == Event::Withdrawn {
                    self.withdraw(act);
                }
            }
        }
    }

    /// Settings add up: what is named is replaced, the rest stays.
    fn set(&mut self, act: &Act<'_>) {
        let Some(settings) = &act.what.settings else {
            return;
        };
        self.blinding = settings.blinding.or(self.blinding);
        for country in &settings.countries {
            self.countries
                .insert(country.country.clone(), country.decisions.clone());
        }
        for site in &settings.sites {
            if self.sites.len() < REMEMBERED_MAX || self.sites.contains_key(&site.site) {
                self.sites.insert(site.site.clone(), site.clone());
            }
        }
    }

    /// The latest word of an organisation on each document that it decides on.
    fn decide(&mut self, act: &Act<'_>) {
        let Some(decision) = act.what.decision else { return };
        let decided = Decided {
            class: act.what.class,
            by: act.who.organization.clone(),
            positive: is_positive(decision),
            reported: act.what.event == Event::Reported,
            until: act.what.valid_until,
        };
        for link in act.what.links.iter().filter(|link| link.rel == Rel::DecidesOn) {
            if self.decided.len() >= REMEMBERED_MAX && !self.decided.contains_key(&link.record) {
                continue;
            }
            let of_document = self.decided.entry(link.record).or_default();
            let same = |other: &Decided| (other.class, &other.by) == (decided.class, &decided.by);
            of_document.retain(|other| !same(other));
            of_document.push(decided.clone());
        }
    }

    /// Whoever signed a pending act first, or a sponsor, takes it back.
    fn withdraw(&mut self, act: &Act<'_>) {
        let (Some(SignerKind::Person), Some(record)) = (act.kind(), act.linked(Rel::Withdraws)) else {
            return;
        };
        let sponsor = act.role() == Some(Role::Sponsor);
        self.pending.retain(|pending| {
            let own = pending.signers.first().is_some_and(|first| act.is_by(first));
            pending.placed.record != record || !(own || sponsor)
        });
    }

    /// What is out of order.
    pub(super) fn flags(&self, act: &Act<'_>, member: &Member) -> Vec<Flag> {
        let mut flags = Vec::new();
        let mut flag = |flag: Flag, if_so: bool| {
            if if_so {
                flags.push(flag);
            }
        };
        match (act.what.class, act.what.event) {
            (Class::StatisticalAnalysisPlan, Event::Finalised) => {
                let blind = self.blinding != Some(Blinding::OpenLabel);
                flag(Flag::AfterUnblinding, self.unblinded);
                flag(Flag::SignedUnblinded, blind && member.unblinded);
            }
            (_, Event::Unblinded) => {
                let authorised = act.linked(Rel::AuthorisedBy);
                flag(
                    Flag::NotAuthorised,
                    !authorised.is_some_and(|record| self.authorised.contains(&record)),
                );
                flag(Flag::NotLocked, self.locks.is_empty());
            }
            (_, Event::Unlock) => {
                let lock = act.linked(Rel::Unlocks);
                flag(
                    Flag::NothingToUnlock,
                    !lock.is_some_and(|record| self.locks.contains(&record)),
                );
            }
            (class, Event::Activated) if is_decided_on(class) => flags.extend(self.without_decision(act)),
            _ => {}
        }
        flags
    }

    /// What the activation of a document lacks of the decisions that its places ask for.
    fn without_decision(&self, act: &Act<'_>) -> Option<Flag> {
        if act.what.basis == Some(Basis::UrgentSafetyMeasure) {
            return None;
        }
        let decided = act
            .linked(Rel::Activates)
            .and_then(|record| self.decided.get(&record));
        let Some(decided) = decided else {
            return Some(Flag::NoPositiveDecision);
        };
        let asked = self.asked(act.what.scope.as_ref());
        let lacks = |class: Option<Class>, board: Option<&OrganizationId>| {
            // Of a letter it is not on record whose it is.
            let counts = |one: &&Decided| board.is_none_or(|board| one.reported || one.by == *board);
            let positive = decided
                .iter()
                .filter(|one| one.positive && class.is_none_or(|class| class == one.class))
                .filter(counts);
            let valid = |one: &&Decided| one.until.is_none_or(|until| act.at.date() <= until);
            let (mut any, mut any_valid) = (false, false);
            for one in positive {
                any = true;
                any_valid |= valid(&one);
                if valid(&one) && !one.reported {
                    return None;
                }
            }
            Some(match (any, any_valid) {
                (false, _) => Flag::NoPositiveDecision,
                (true, false) => Flag::DecisionExpired,
                (true, true) => Flag::DecisionOnlyReported,
            })
        };
        if asked.is_empty() {
            lacks(None, None)
        } else {
            asked
                .into_iter()
                .find_map(|(class, board)| lacks(Some(class), board))
        }
    }

    /// The decisions that the countries in scope ask for, and the board whose opinion counts where a site
    /// has one; none known where they are not set.
    fn asked(&self, scope: Option<&Scope>) -> BTreeSet<(Class, Option<&OrganizationId>)> {
        let Some(Scope::Only(scopes)) = scope else {
            let all = self.countries.values().flatten();
            return all.map(|class| (*class, None)).collect();
        };
        let of_sites = scopes.sites.iter().filter_map(|site| self.sites.get(site));
        let of_sites = of_sites.map(|site| (&site.country, site.board.as_ref()));
        let of_countries = scopes.countries.iter().map(|country| (country, None));
        of_sites
            .chain(of_countries)
            .filter_map(|(country, board)| Some((self.countries.get(country)?, board)))
            .flat_map(|(classes, board)| {
                let board_for = move |class| board.filter(|_| class == Class::Opinion);
                classes.iter().map(move |class| (*class, board_for(*class)))
            })
            .collect()
    }
}

const fn is_of_agreement(event: Event) -> bool {
    matches!(
        event,
        Event::Finalised
            | Event::Activated
            | Event::Published
            | Event::Sent
            | Event::Received
            | Event::Recorded
    )
}

/// Documents of which boards and authorities decide.
fn is_decided_on(class: Class) -> bool {
    super::table::rule(class, Event::Activated).act.is_some()
}

const fn is_positive(decision: Decision) -> bool {
    matches!(
        decision,
        Decision::Approved
            | Decision::ApprovedWithConditions
            | Decision::Acknowledged
            | Decision::SuspensionLifted
            | Decision::NotRequired
    )
}
