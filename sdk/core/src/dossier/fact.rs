//! A fact: what a verified receipt says, and when it can have been put on record.

use std::collections::BTreeSet;

use crate::authority::{Held, Standing};
use crate::checkpoint::Origin;
use crate::hash::RecordId;
use crate::identifiers::{MemberName, RegisterName};
use crate::index::{LogIndex, Sequence};
use crate::manifest::Opening;
use crate::record::{Declared, Link, What, When, Who, Why};
use crate::time::Instant;
use crate::trust::Level;
use crate::verify::Outcome;
use crate::vocabulary::{Class, ErasablePart, Event, Rel, Role, SignerKind};
use crate::zone::Span;

use super::standing::{Key, Worth};
use super::trees::TreeId;

/// Whether somebody signed a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signature {
    /// The submitter's signature verifies.
    Signed,
    /// A draft: recorded through an account's access; nobody signed.
    Draft,
    /// Who signed is withheld or erased.
    NotShown,
}

/// A record, as far as its receipts show it.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Its id.
    pub record: RecordId,
    /// Its place; never withheld.
    pub when: When,
    /// What was notarized; none where withheld, or written in codes of a later version.
    pub what: Option<What>,
    /// Who vouches; none where withheld.
    pub who: Option<Who>,
    /// Why; none where withheld.
    pub why: Option<Why>,
    /// The items that are opened, led to the root on record.
    pub items: Option<Opening>,
    /// Whether somebody signed it.
    pub signature: Signature,
    /// What the best of its receipts came to. A receipt of which parts are withheld is INDETERMINATE.
    pub outcome: Outcome,
    /// The level of the evidence.
    pub level: Option<Level>,
    /// Whether the evidence is what the trust file asks for.
    pub is_placed: bool,
    /// The earliest independent time over a checkpoint that includes it.
    pub hi: Option<Instant>,
    /// The latest independent time over a consistent checkpoint that does not include it.
    pub lo: Option<Instant>,
    /// What it is worth by the table of acts.
    pub worth: Worth,
    /// What the enrolment of the key that signed shows.
    pub key: Key,
    /// The grants of whoever put it on record that were in force at its index.
    pub held: Vec<Held>,
    /// The record at whose index it takes effect: itself, or the last signature that it needed.
    pub effective_at: Option<RecordId>,
    /// The tombstone that says which of its parts were erased.
    pub erased_by: Option<RecordId>,
    /// The parts that it says were erased.
    pub erased: Vec<ErasablePart>,
    /// The files that show it.
    pub files: Vec<String>,
    /// The logs, as trees, that its place is shown in.
    pub(super) trees: BTreeSet<TreeId>,
    pub(super) above: BTreeSet<TreeId>,
}

impl Fact {
    /// The log.
    #[must_use]
    pub const fn log(&self) -> &Origin {
        &self.when.log
    }

    /// Its index there.
    #[must_use]
    pub const fn index(&self) -> LogIndex {
        self.when.index
    }

    /// The register.
    #[must_use]
    pub const fn register(&self) -> &RegisterName {
        &self.when.register
    }

    /// Its place in the register.
    #[must_use]
    pub const fn sequence(&self) -> Sequence {
        self.when.sequence
    }

    /// Its class.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.when.class
    }

    /// Its event.
    #[must_use]
    pub const fn event(&self) -> Event {
        self.when.event
    }

    /// When the notary states that it received it, by its own clock.
    #[must_use]
    pub const fn rec(&self) -> Instant {
        self.when.received_at
    }

    /// When it happened, as its submitter states: the declared time, or the day of a decision.
    #[must_use]
    pub fn declared(&self) -> Option<Declared> {
        let what = self.what.as_ref()?;
        let decided = what.decided_on.filter(|_| what.event == Event::Decided);
        what.declared_at.or_else(|| decided.map(Declared::On))
    }

    /// When it happened: as declared, else when the notary received it. A date is a whole day.
    #[must_use]
    pub fn dec(&self) -> Span {
        let zone = self.what.as_ref().and_then(|what| what.tz.as_ref());
        match self.declared() {
            None => Span::at(self.rec()),
            Some(Declared::At(instant)) => Span::at(instant),
            Some(Declared::On(date)) => Span::of(date, zone),
        }
    }

    /// The declared time as it is written, else the notary's.
    #[must_use]
    pub fn dec_text(&self) -> String {
        self.declared()
            .map_or_else(|| self.rec().to_string(), |declared| declared.to_string())
    }

    /// Its links.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        self.what.as_ref().map_or(&[], |what| &what.links)
    }

    /// The records that it links so.
    pub fn linked(&self, rel: Rel) -> impl Iterator<Item = RecordId> + '_ {
        self.links()
            .iter()
            .filter(move |link| link.rel == rel)
            .map(|link| link.record)
    }

    /// Whether it links a record, however.
    #[must_use]
    pub fn links_to(&self, record: &RecordId) -> bool {
        self.links().iter().any(|link| link.record == *record)
    }

    /// Whether the submitter's signature is here and verifies.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.signature == Signature::Signed
    }

    /// What the table of acts says of it, where it could be judged and allows it.
    #[must_use]
    pub const fn standing(&self) -> Option<&Standing> {
        match &self.worth {
            Worth::Stands(standing) => Some(standing),
            Worth::NotAllowed(_) | Worth::Unknown(_) => None,
        }
    }

    /// The person who signed; none for systems and drafts.
    #[must_use]
    pub fn person(&self) -> Option<MemberName> {
        let who = self.who.as_ref().filter(|_| self.is_signed())?;
        let person = who.signer.as_ref()?.kind == SignerKind::Person;
        person.then(|| MemberName::new(who.organization.clone(), who.member.clone()))
    }

    /// The grant of a role that whoever put it on record held at its index.
    #[must_use]
    pub fn held_role(&self, role: Role) -> Option<&Held> {
        self.held.iter().find(|held| held.role == role)
    }

    /// The record as a sentence names it: `record 12 (statistical-analysis-plan 2.0, finalised)`.
    #[must_use]
    pub fn label(&self) -> String {
        let version = self.what.as_ref().and_then(|what| what.version.as_ref());
        let version = version.map_or_else(String::new, |version| format!(" {version}"));
        format!(
            "record {} ({}{version}, {})",
            self.sequence(),
            self.class(),
            self.event()
        )
    }

    /// Who vouches, as a sentence names them.
    #[must_use]
    pub fn signer(&self) -> String {
        match &self.who {
            None => "Somebody who is not shown".to_owned(),
            Some(who) => match &who.signer {
                Some(signer) => format!("{} ({}, {})", signer.name, who.key_name(), signer.role),
                None => format!("An account of {} (not signed)", who.key_name()),
            },
        }
    }

    /// Why not all of it is shown, as a sentence goes on: erased by a record, or withheld.
    #[must_use]
    pub fn why_not_shown(&self) -> String {
        let parts: Vec<&str> = self.erased.iter().map(|part| part.as_str()).collect();
        if parts.is_empty() {
            "it is withheld here, or in codes of a later version".to_owned()
        } else {
            format!("an erasure on record took away its {}", parts.join(" and "))
        }
    }

    /// The independent time over it, as a sentence says it.
    #[must_use]
    pub fn existed(&self) -> String {
        match self.hi {
            Some(hi) => format!("existed no later than {hi}; the notary states {}", self.rec()),
            None => format!(
                "has no independent time; the notary states {} by its own clock",
                self.rec()
            ),
        }
    }
}

/// As a sentence begins.
pub(crate) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
