//! A dossier: receipts, a register statement and a chain of checkpoints, verified and put together, so that
//! questions can be asked of them.
//!
//! Files come as names and bytes; nothing here reads a disk. What fails verification proves nothing: it is
//! [`Refused`], said first, and everything else is computed without it. Several receipts of one record are
//! merged: what one withholds another may show, and all their evidence counts.
//!
//! A question about what is *not* on record needs the register unbroken from its first record to a place that
//! the notary has publicly stated: [`Dossier::completeness`].

mod fact;
mod load;
mod standing;
mod trees;

use std::collections::{BTreeMap, HashMap};

use crate::hash::{Hash, RecordId};
use crate::identifiers::{OrganizationId, RegisterName};
use crate::index::{LogSize, Sequence};
use crate::register_chain::{Chain, StatedHead};
use crate::time::Instant;
use crate::trust::{Level, Trust};

pub(crate) use fact::capital;
pub use fact::{Fact, Signature};
pub use standing::{Enrolled, Key, Worth};

/// Something that proves nothing, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The file, or the files, that it stands in.
    pub name: String,
    /// One plain sentence.
    pub sentence: String,
}

/// Up to where a register is known to be complete, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct K {
    /// The last record that the statement counts.
    pub sequence: Sequence,
    /// The log entries that the statement covers.
    pub log_size: LogSize,
    /// When the notary states that it made the statement.
    pub stated_at: Instant,
    /// The earliest independent time over the statement.
    pub independent_time: Option<Instant>,
}

impl K {
    /// As it is part of a sentence: `up to record 62, as stated on 2026-05-01T12:00:00Z`.
    #[must_use]
    pub fn phrase(&self) -> String {
        let time = match self.independent_time {
            Some(time) => format!("; the statement existed no later than {time}"),
            None => "; no independent time".to_owned(),
        };
        format!(
            "up to record {}, as the notary stated at {}{time}",
            self.sequence, self.stated_at
        )
    }
}

/// Whether a register is shown without a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// Up to where it is, if it is.
    pub complete_to: Option<K>,
    /// Places of which nothing was shown.
    pub missing: Vec<Sequence>,
    /// What contradicts what, or is not shown; a sentence each.
    pub problem: Option<String>,
}

/// Verified receipts and what belongs to them.
#[derive(Debug)]
pub struct Dossier {
    trust: Trust,
    at: Instant,
    facts: Vec<Fact>,
    places: HashMap<RecordId, usize>,
    organizations: HashMap<OrganizationId, Enrolled>,
    refused: Vec<Refused>,
    passed_over: Vec<String>,
    statements: Vec<(StatedHead, Option<Instant>)>,
    /// What statements say whose evidence is not what the trust file asks for.
    weak: Vec<String>,
    chains: BTreeMap<RegisterName, Chain>,
}

impl Dossier {
    /// Verifies files and puts them together. Each says by its `format` what it is; what has none of ours is
    /// passed over, unless it is named like a receipt.
    #[must_use]
    pub fn load(trust: &Trust, at: Instant, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        load::load(trust, at, files)
    }

    /// The records, by register and place.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// What proves nothing: to be said first.
    #[must_use]
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Files that are none of ours.
    #[must_use]
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// The trust file by which all was judged.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// SHA-256 of the trust file.
    #[must_use]
    pub const fn trust_fingerprint(&self) -> Hash {
        self.trust.fingerprint()
    }

    /// The time of evaluation.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// A record.
    #[must_use]
    pub fn fact(&self, record: &RecordId) -> Option<&Fact> {
        self.facts.get(*self.places.get(record)?)
    }

    /// The record at a place of a register.
    #[must_use]
    pub fn fact_at(&self, register: &RegisterName, sequence: Sequence) -> Option<&Fact> {
        self.register(register)
            .iter()
            .find(|fact| fact.sequence() == sequence)
    }

    /// The records of a register, in order.
    #[must_use]
    pub fn register(&self, register: &RegisterName) -> &[Fact] {
        let first = self.facts.partition_point(|fact| fact.register() < register);
        let end = self.facts.partition_point(|fact| fact.register() <= register);
        self.facts.get(first..end).unwrap_or_default()
    }

    /// The registers of which there are records.
    pub fn registers(&self) -> impl Iterator<Item = &RegisterName> {
        self.chains.keys()
    }

    /// An organisation as it was enrolled, where that is here.
    #[must_use]
    pub fn organization(&self, id: &OrganizationId) -> Option<Enrolled> {
        self.organizations.get(id).copied()
    }

    /// How a register hangs together.
    #[must_use]
    pub fn chain(&self, register: &RegisterName) -> Option<&Chain> {
        self.chains.get(register)
    }

    /// Up to where a register is complete, or what is missing.
    #[must_use]
    pub fn completeness(&self, register: &RegisterName) -> Completeness {
        let Some(chain) = self.chain(register) else {
            return Completeness {
                problem: Some(format!("There is no receipt of {register}.")),
                ..Completeness::default()
            };
        };
        let missing = chain
            .missing
            .iter()
            .filter_map(|place| Sequence::new(*place).ok())
            .collect();
        if let Some(contradiction) = chain.contradictions.first() {
            let [one, other] = &contradiction.between;
            return Completeness {
                complete_to: None,
                missing,
                problem: Some(format!(
                    "{} Keep {one} and {other}: together they prove it.",
                    contradiction.sentence
                )),
            };
        }
        let mut statements: Vec<&(StatedHead, Option<Instant>)> = self.statements.iter().collect();
        statements.retain(|(stated, _)| self.is_of(stated, register));
        let heads: Vec<StatedHead> = statements.iter().map(|(stated, _)| stated.clone()).collect();
        let covered = chain.covered_by(&heads).and_then(|stated| {
            let (_, time) = statements.iter().find(|(own, _)| own == stated)?;
            Some(K {
                sequence: Sequence::new(stated.size).ok()?,
                log_size: stated.log_size,
                stated_at: stated.at,
                independent_time: *time,
            })
        });
        let unplaced = covered.as_ref().and_then(|k| {
            let within = |fact: &&Fact| fact.sequence() <= k.sequence;
            self.register(register)
                .iter()
                .filter(within)
                .find(|fact| !fact.is_placed)
        });
        let problem = match (&covered, unplaced) {
            (_, Some(fact)) => Some(format!(
                "The evidence for {} is not what the trust file asks for ({}).",
                fact.label(),
                self.trust.require()
            )),
            (Some(_), None) => None,
            (None, None) => Some(self.why_incomplete(register, chain, &heads)),
        };
        Completeness {
            complete_to: covered.filter(|_| unplaced.is_none()),
            missing,
            problem,
        }
    }

    fn why_incomplete(&self, register: &RegisterName, chain: &Chain, heads: &[StatedHead]) -> String {
        if heads.is_empty() {
            let weak = self.weak.first();
            return match weak {
                Some(weak) => {
                    let require = self.trust.require();
                    format!(
                        "The evidence of the register statement is not what the trust file asks for ({require}): {weak}"
                    )
                }
                None => format!("No register statement about {register} is here."),
            };
        }
        match chain.missing.first() {
            Some(first) => format!("Record {first} of {register} is not here."),
            None => format!("The statement's last record of {register} is not here."),
        }
    }

    /// Whether a statement's line is about this register: a register is named by its first record.
    fn is_of(&self, stated: &StatedHead, register: &RegisterName) -> bool {
        let records = self.register(register);
        records.first().is_some_and(|first| {
            (first.sequence() == Sequence::FIRST && first.record == stated.first)
                || records.iter().any(|fact| fact.record == stated.head)
        })
    }

    /// Whether both are shown to stand in one log, so that their indexes tell their order.
    #[must_use]
    pub fn in_one_log(&self, one: &Fact, other: &Fact) -> bool {
        one.log() == other.log() && one.above.intersection(&other.above).next().is_some()
    }

    /// Whether each record of the register between the two names the one before, so that the later one could not
    /// have been made without the earlier.
    #[must_use]
    pub fn in_one_chain(&self, one: &Fact, other: &Fact) -> bool {
        if one.register() != other.register() {
            return false;
        }
        let (first, last) = (
            one.sequence().min(other.sequence()),
            one.sequence().max(other.sequence()),
        );
        let between = self.register(one.register());
        let between: Vec<&Fact> = between
            .iter()
            .filter(|fact| (first..=last).contains(&fact.sequence()))
            .collect();
        let follows = |pair: &[&Fact]| match pair {
            [before, after] => {
                after.when.previous == Some(before.record)
                    && before
                        .sequence()
                        .next()
                        .is_ok_and(|next| next == after.sequence())
            }
            _ => true,
        };
        between.windows(2).all(follows)
    }

    /// The lowest level that the trust file asks for.
    #[must_use]
    pub const fn require(&self) -> Level {
        self.trust.require()
    }
}
