//! Two signed texts that cannot both be true.

use std::collections::BTreeMap;
use std::fmt;

use crate::hash::{Hash, RecordId};

use super::{Placed, StatedHead};

/// What was done to a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    /// Records at its end are denied.
    Cut,
    /// Two records stand at one place, or two logs under one name.
    Forked,
    /// A record names another one before it than the one that is there.
    Spliced,
    /// Its order is not the order of the log.
    Reordered,
}

impl Flaw {
    /// The flaw in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Forked => "forked",
            Self::Spliced => "spliced",
            Self::Reordered => "reordered",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Two texts, both signed by the log's keys, that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// What was done.
    pub flaw: Flaw,
    /// The names of the two receipts or statements.
    pub between: [String; 2],
    /// One plain sentence.
    pub sentence: String,
}

impl Contradiction {
    fn new(flaw: Flaw, one: &str, other: &str, sentence: String) -> Self {
        Self {
            flaw,
            between: [one.to_owned(), other.to_owned()],
            sentence,
        }
    }
}

/// Receipts against receipts; they are sorted by their place.
pub(super) fn among_receipts(receipts: &[Placed]) -> Vec<Contradiction> {
    let mut found = Vec::new();
    for pair in receipts.windows(2) {
        if let [one, other] = pair {
            found.extend(neighbours(one, other));
        }
    }
    let mut by_index: BTreeMap<(&str, u64), &Placed> = BTreeMap::new();
    let mut by_size: BTreeMap<(&str, u64), (&Placed, Hash)> = BTreeMap::new();
    for placed in receipts {
        let log = placed.log.as_str();
        let index = placed.index.get();
        match by_index.get(&(log, index)) {
            Some(other) if other.record != placed.record && other.sequence != placed.sequence => {
                let sentence = format!(
                    "Records {} and {} of the register both stand at index {index} of the log {log}.",
                    other.sequence.get(),
                    placed.sequence.get()
                );
                found.push(Contradiction::new(
                    Flaw::Forked,
                    &other.name,
                    &placed.name,
                    sentence,
                ));
            }
            Some(_) => {}
            None => drop(by_index.insert((log, index), placed)),
        }
        for (size, root) in &placed.roots {
            match by_size.get(&(log, *size)) {
                Some((other, known)) if known != root => {
                    let sentence = format!(
                        "The log {log} was signed with two different roots at size {size}: it shows different \
                         people different logs."
                    );
                    found.push(Contradiction::new(
                        Flaw::Forked,
                        &other.name,
                        &placed.name,
                        sentence,
                    ));
                }
                Some(_) => {}
                None => drop(by_size.insert((log, *size), (placed, *root))),
            }
        }
    }
    found
}

/// Two receipts that follow each other among those shown.
fn neighbours(one: &Placed, other: &Placed) -> Option<Contradiction> {
    let (before, place) = (one.sequence.get(), other.sequence.get());
    let between = |flaw, sentence| Some(Contradiction::new(flaw, &one.name, &other.name, sentence));
    if before == place && one.record == other.record {
        return None;
    }
    if before == place {
        let sentence = format!(
            "Two records stand at place {place} of the register: {} and {}.",
            short(&one.record),
            short(&other.record)
        );
        return between(Flaw::Forked, sentence);
    }
    if one.log == other.log && one.index >= other.index {
        let sentence = format!(
            "Record {place} of the register stands at index {} of the log, before record {before} at index {}.",
            other.index.get(),
            one.index.get()
        );
        return between(Flaw::Reordered, sentence);
    }
    if before + 1 == place && other.previous != Some(one.record) {
        let named = other.previous.as_ref().map_or_else(|| "none".to_owned(), short);
        let sentence = format!(
            "Record {place} of the register names {named} as the record before it, and record {before} is {}.",
            short(&one.record)
        );
        return between(Flaw::Spliced, sentence);
    }
    None
}

/// Receipts against a statement.
pub(super) fn with_statement(receipts: &[Placed], stated: &StatedHead) -> Vec<Contradiction> {
    let mut found = Vec::new();
    let says =
        |flaw, placed: &Placed, sentence| Contradiction::new(flaw, &placed.name, &stated.name, sentence);
    for placed in receipts {
        let (place, index) = (placed.sequence.get(), placed.index.get());
        let (size, log_size) = (stated.size, stated.log_size.get());
        if place == 1 && placed.record != stated.first {
            let sentence = format!(
                "The register begins with {}, and the statement of {} is about one that begins with {}.",
                short(&placed.record),
                stated.at,
                short(&stated.first)
            );
            found.push(says(Flaw::Forked, placed, sentence));
        } else if place == size && placed.record != stated.head {
            let sentence = format!(
                "Record {place} of the register is {}, and the statement of {} says that it is {}.",
                short(&placed.record),
                stated.at,
                short(&stated.head)
            );
            found.push(says(Flaw::Forked, placed, sentence));
        } else if place > size && is_covered(placed, receipts, stated) {
            let sentence = format!(
                "Record {place} of the register stands at index {index} of {}, and the statement of {}, which \
                 covers {log_size} entries of {}, says that the register has {size} records.",
                placed.log, stated.at, stated.log
            );
            found.push(says(Flaw::Cut, placed, sentence));
        } else if place <= size && placed.log == stated.log && index >= log_size {
            let sentence = format!(
                "The statement of {} counts {size} records in the first {log_size} entries of the log, and \
                 record {place} came only at index {index}.",
                stated.at
            );
            found.push(says(Flaw::Reordered, placed, sentence));
        }
    }
    found
}

/// Whether a record stands in the part of the log that a statement covers. Where the log went on in another
/// origin the order of the origins is that in which the register went through them; a register that has no record
/// in the statement's origin gives the notary's own times instead.
fn is_covered(placed: &Placed, receipts: &[Placed], stated: &StatedHead) -> bool {
    if placed.log == stated.log {
        return stated.log_size.contains(placed.index);
    }
    let place_of = |log: &crate::checkpoint::Origin| receipts.iter().position(|other| other.log == *log);
    match (place_of(&placed.log), place_of(&stated.log)) {
        (Some(record), Some(statement)) => record < statement,
        _ => placed.received_at <= stated.at,
    }
}

/// Statements against statements.
pub(super) fn among_statements(receipts: &[Placed], statements: &[StatedHead]) -> Vec<Contradiction> {
    let log_order = |stated: &StatedHead| receipts.iter().position(|other| other.log == stated.log);
    let mut sorted: Vec<&StatedHead> = statements.iter().collect();
    sorted.sort_by_key(|stated| {
        (
            log_order(stated).unwrap_or(usize::MAX),
            stated.log_size,
            stated.at,
        )
    });
    let mut found = Vec::new();
    for pair in sorted.windows(2) {
        let [one, other] = pair else { continue };
        let between = |flaw, sentence| Contradiction::new(flaw, &one.name, &other.name, sentence);
        if one.first != other.first {
            continue;
        }
        if other.size < one.size {
            found.push(between(
                Flaw::Cut,
                format!(
                    "The statement of {} says that the register has {} records, and the later one of {} says {}.",
                    one.at, one.size, other.at, other.size
                ),
            ));
        } else if other.size == one.size && other.head != one.head {
            found.push(between(
                Flaw::Forked,
                format!(
                    "The statements of {} and of {} name different last records of {}: {} and {}.",
                    one.at,
                    other.at,
                    one.size,
                    short(&one.head),
                    short(&other.head)
                ),
            ));
        } else if other.log == one.log && other.log_size == one.log_size && other.size != one.size {
            found.push(between(
                Flaw::Forked,
                format!(
                    "Two statements that cover {} entries of the log count {} and {} records.",
                    one.log_size.get(),
                    one.size,
                    other.size
                ),
            ));
        }
    }
    found
}

/// Enough of an id to tell two apart by eye.
fn short(record: &RecordId) -> String {
    record.to_hex().chars().take(12).collect()
}
