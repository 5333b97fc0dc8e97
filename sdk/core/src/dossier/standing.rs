//! What each record is worth by the table of acts: the register's records folded in their order.
//!
//! A record of which parts are withheld, or that is missing, may have changed who may do what; what comes after it
//! cannot be judged, and says why.

use std::collections::HashMap;

use crate::authority::{self, Act, Authority, Held, Standing};
use crate::hash::RecordId;
use crate::identifiers::OrganizationId;
use crate::record::{Account, Signer, What, Who};
use crate::vocabulary::{AccountType, Class, Event, IdentityGrade, OrganizationKind, SignerKind};

use super::{Fact, Signature};

/// What a record is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worth {
    /// The table of acts allows it, and says what it is.
    Stands(Standing),
    /// Whoever put it on record had no right to; it counts for nothing. One sentence says why.
    NotAllowed(String),
    /// It cannot be judged; one sentence says what is missing.
    Unknown(String),
}

/// What the enrolment of a signer's key shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Nobody signed, or who did is not shown.
    None,
    /// The enrolment is here and names this key.
    Enrolled,
    /// The enrolment is not here; one sentence says who has it.
    NotShown(String),
    /// The key could not sign this; one sentence says why.
    Wrong(String),
}

/// An organisation as it was enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// What it is.
    pub kind: Option<OrganizationKind>,
    /// How its identity was checked.
    pub grade: Option<IdentityGrade>,
}

/// The organisations whose enrolment is here.
pub(super) fn organizations(facts: &[Fact]) -> HashMap<OrganizationId, Enrolled> {
    let mut found = HashMap::new();
    for fact in facts {
        let Some(owner) = fact.register().accounts_of() else {
            continue;
        };
        let account = account(fact);
        if (fact.class(), fact.event()) == (Class::Organisation, Event::Registered)
            && let Some(account) = account
        {
            let kind = account.kind.as_ref().and_then(|kind| kind.as_str().parse().ok());
            found.insert(
                owner.clone(),
                Enrolled {
                    kind,
                    grade: account.grade,
                },
            );
        }
    }
    found
}

/// Judges the records of every register.
pub(super) fn judge(
    facts: &mut [Fact],
    organizations: &HashMap<OrganizationId, Enrolled>,
    allow_drafts: bool,
) {
    let keys: Vec<Key> = facts.iter().map(|fact| key(fact, facts)).collect();
    for (fact, key) in facts.iter_mut().zip(keys) {
        fact.key = key;
    }
    let kind_of = |organization: &OrganizationId| organizations.get(organization)?.kind;
    for register in facts.chunk_by_mut(|one, other| one.register() == other.register()) {
        if register
            .first()
            .is_some_and(|first| first.register().accounts_of().is_none())
        {
            judge_register(register, &kind_of);
            if !allow_drafts {
                refuse_drafts(register);
            }
        }
    }
}

fn judge_register(facts: &mut [Fact], kind_of: &dyn Fn(&OrganizationId) -> Option<OrganizationKind>) {
    let mut authority = Authority::default();
    let mut unknown: Option<String> = None;
    let mut before: Option<RecordId> = None;
    let mut completed: Vec<(RecordId, RecordId)> = Vec::new();
    for fact in facts.iter_mut() {
        if fact.when.previous != before && unknown.is_none() {
            unknown = Some(format!("The record before {} is not here.", fact.label()));
        }
        before = Some(fact.record);
        fact.worth = if let Some(sentence) = &unknown {
            Worth::Unknown(sentence.clone())
        } else {
            let worth = judge_fact(&mut authority, fact, kind_of);
            let hides = matches!(&worth, Worth::Unknown(_)) && changes_others(fact);
            if hides && let Worth::Unknown(sentence) = &worth {
                unknown = Some(sentence.clone());
            }
            worth
        };
        match &fact.worth {
            Worth::Stands(Standing::Effective { .. }) => fact.effective_at = Some(fact.record),
            Worth::Stands(Standing::Completes { act, .. }) => {
                fact.effective_at = Some(fact.record);
                completed.push((*act, fact.record));
            }
            Worth::Stands(Standing::Adds { .. } | Standing::Declines { .. }) => {
                fact.effective_at = Some(fact.record);
            }
            Worth::Stands(Standing::Pending { .. }) | Worth::NotAllowed(_) => {}
            // What the table does not name takes effect where it stands.
            Worth::Unknown(_) if !authority::changes(fact.class(), fact.event()) => {
                fact.effective_at = Some(fact.record);
            }
            Worth::Unknown(_) => {}
        }
    }
    for (act, by) in completed {
        if let Some(fact) = facts.iter_mut().find(|fact| fact.record == act) {
            fact.effective_at = Some(by);
        }
    }
}

/// Drafts are folded in, since the notary did; by themselves they count for nothing under this trust file.
fn refuse_drafts(facts: &mut [Fact]) {
    for fact in facts.iter_mut().filter(|fact| fact.signature == Signature::Draft) {
        if matches!(fact.worth, Worth::Stands(_)) {
            fact.worth = Worth::NotAllowed(format!(
                "{} counts for nothing: nobody signed it, and the trust file does not allow drafts.",
                super::fact::capital(&fact.label())
            ));
            fact.effective_at = None;
        }
    }
}

/// Whether what others may do afterwards depends on the record; all else only waits for signatures of its own.
const fn changes_others(fact: &Fact) -> bool {
    matches!(
        fact.class(),
        Class::Grant | Class::TrialSettings | Class::Agreement
    ) || matches!(
        fact.event(),
        Event::Unblinded | Event::CustodyOffered | Event::CustodyAccepted
    )
}

fn judge_fact(
    authority: &mut Authority,
    fact: &mut Fact,
    kind_of: &dyn Fn(&OrganizationId) -> Option<OrganizationKind>,
) -> Worth {
    let (Some(what), Some(who)) = (&fact.what, &fact.who) else {
        return Worth::Unknown(format!(
            "Of {} not all is shown ({}), so what it changed is not known.",
            fact.label(),
            fact.why_not_shown()
        ));
    };
    if let Key::Wrong(sentence) = &fact.key {
        return Worth::NotAllowed(sentence.clone());
    }
    if fact.signature == Signature::NotShown {
        return Worth::Unknown(format!("Who signed {} is not shown.", fact.label()));
    }
    let act = Act::of(what, who, fact.when.received_at);
    let placed = authority::Placed {
        record: fact.record,
        index: fact.when.index,
        sequence: fact.when.sequence,
    };
    let held = |authority: &Authority| -> Vec<Held> {
        authority
            .grants_of(&who.organization, &who.member, fact.when.received_at)
            .cloned()
            .collect()
    };
    let was_open = authority.is_open();
    let mut own = held(authority);
    let worth = match authority.replay(&act, placed, kind_of) {
        Ok(standing) => Worth::Stands(standing),
        Err(refused) => Worth::NotAllowed(format!(
            "{} counts for nothing: {refused}.",
            super::fact::capital(&fact.label())
        )),
    };
    if !was_open {
        // Whoever opens a register is its sponsor from then on.
        own = held(authority);
    }
    fact.held = own;
    worth
}

fn account(fact: &Fact) -> Option<&Account> {
    fact.what.as_ref().and_then(|what: &What| what.account.as_ref())
}

/// What the accounts that are here say of the key that signed.
fn key(fact: &Fact, facts: &[Fact]) -> Key {
    let (Signature::Signed, Some(who)) = (fact.signature, &fact.who) else {
        return Key::None;
    };
    let Some(signer) = &who.signer else {
        return Key::None;
    };
    let of_organization = accounts_of(facts, who);
    if let Some(sentence) = revoked(fact, who, signer, of_organization) {
        return Key::Wrong(sentence);
    }
    let enrolment = of_organization
        .iter()
        .find(|other| other.record == signer.enrolment.record);
    let Some(enrolment) = enrolment else {
        return Key::NotShown(format!(
            "The enrolment of the key that signed {} is not here; {} or the notary can supply its receipt.",
            fact.label(),
            who.organization
        ));
    };
    let names = account(enrolment).is_some_and(|account| {
        account.account_type == AccountType::Key
            && account.id == who.member
            && account.vkey.as_ref() == Some(&signer.key)
    });
    if !names || enrolment.event() != Event::Registered {
        return Key::Wrong(format!(
            "{} counts for nothing: {} of {} does not enrol the key that signed it.",
            super::fact::capital(&fact.label()),
            enrolment.label(),
            enrolment.register()
        ));
    }
    if enrolment.log() == fact.log() && enrolment.index() >= fact.index() {
        return Key::Wrong(format!(
            "{} counts for nothing: its key was enrolled only later, at index {}.",
            super::fact::capital(&fact.label()),
            enrolment.index()
        ));
    }
    if let Some(sentence) = is_other_kind(fact, who, signer, of_organization) {
        return Key::Wrong(sentence);
    }
    Key::Enrolled
}

fn accounts_of<'f>(facts: &'f [Fact], who: &Who) -> &'f [Fact] {
    let register = crate::identifiers::RegisterName::of_accounts(&who.organization);
    let first = facts.partition_point(|fact| *fact.register() < register);
    let end = facts.partition_point(|fact| *fact.register() <= register);
    facts.get(first..end).unwrap_or_default()
}

/// A revocation of the key, or of the member, that stands before the record.
fn revoked(fact: &Fact, who: &Who, signer: &Signer, accounts: &[Fact]) -> Option<String> {
    let revokes = |other: &&Fact| {
        other.event() == Event::Revoked
            && stands_before(other, fact)
            && account(other).is_some_and(|account| match account.account_type {
                AccountType::Key => account.vkey.as_ref() == Some(&signer.key),
                AccountType::Member => account.id == who.member,
                AccountType::Organisation => true,
                AccountType::Token => false,
            })
    };
    accounts.iter().find(revokes).map(|other| {
        format!(
            "{} counts for nothing: it stands at index {}, after the key or its member was revoked by record {} of \
             {} at index {}.",
            super::fact::capital(&fact.label()),
            fact.index(),
            other.sequence(),
            other.register(),
            other.index()
        )
    })
}

/// In one log by index; where the log was rotated between them, by the notary's own times.
fn stands_before(one: &Fact, other: &Fact) -> bool {
    if one.log() == other.log() {
        one.index() < other.index()
    } else {
        one.when.received_at < other.when.received_at
    }
}

/// A system that says that it is a person, or the other way round.
fn is_other_kind(fact: &Fact, who: &Who, signer: &Signer, accounts: &[Fact]) -> Option<String> {
    let kind: SignerKind = accounts
        .iter()
        .filter(|other| other.event() == Event::Registered)
        .filter_map(account)
        .filter(|account| account.account_type == AccountType::Member && account.id == who.member)
        .find_map(|account| account.kind.as_ref()?.as_str().parse().ok())?;
    (kind != signer.kind).then(|| {
        format!(
            "{} counts for nothing: {} was enrolled as a {kind}, and signed as a {}.",
            super::fact::capital(&fact.label()),
            who.key_name(),
            signer.kind
        )
    })
}
