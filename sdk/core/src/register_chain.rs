//! Whether what was shown of a register is one register, whole from its first record on; and where it is not,
//! which two signed texts contradict each other.
//!
//! A register is a chain: each record's `when` counts it (`sequence`) and names the one before (`previous`), and
//! neither is ever withheld. The notary states publicly how long every register is and which record is its last.
//! So a register that was cut, forked, spliced or put in another order leaves two texts that its own keys signed
//! and that cannot both be true: whoever holds the two can convince anybody who trusts those keys.
//!
//! Nothing here reads a file or opens a socket.

mod contradiction;
mod placed;

use std::collections::BTreeMap;

use crate::checkpoint::Origin;
use crate::hash::RecordId;
use crate::index::{LogSize, Sequence};
use crate::time::Instant;

pub use contradiction::{Contradiction, Flaw};
pub use placed::{Placed, RefusedReceipt, Withheld};

/// What a verified register statement says about one register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedHead {
    /// What the statement is called: its file, or where it came from.
    pub name: String,
    /// The log that holds the statement.
    pub log: Origin,
    /// The log size that it covers.
    pub log_size: LogSize,
    /// When the notary says that it made it.
    pub at: Instant,
    /// Id of the register's first record, by which a register is named there.
    pub first: RecordId,
    /// How many records the register has.
    pub size: u64,
    /// Id of its last record.
    pub head: RecordId,
}

/// A register as far as it was shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// One receipt for each place that was shown, in the order of the places.
    pub records: Vec<Placed>,
    /// The places up to the last known one of which nothing was shown.
    pub missing: Vec<u64>,
    /// The last place that is known: shown, or counted by a statement.
    pub last_known: u64,
    /// Up to where nothing is missing and each record names the one before.
    pub unbroken_to: u64,
    /// Which texts contradict each other.
    pub contradictions: Vec<Contradiction>,
}

/// Most places that [`Chain::missing`] names; a statement may count more than anybody wants to read.
const MISSING_MAX: u64 = 10_000;

impl Chain {
    /// Holds receipts of one register against each other, and against statements about it. All of them are
    /// verified already, by [`Placed::judge`] and by the statement's own verification.
    #[must_use]
    pub fn of(mut receipts: Vec<Placed>, statements: &[StatedHead]) -> Self {
        receipts.sort_by(|one, other| {
            let order = |placed: &Placed| (placed.sequence, placed.log.as_str().to_owned(), placed.index);
            order(one).cmp(&order(other))
        });
        let mut contradictions = contradiction::among_receipts(&receipts);
        for stated in statements {
            contradictions.extend(contradiction::with_statement(&receipts, stated));
        }
        contradictions.extend(contradiction::among_statements(&receipts, statements));
        let mut by_place: BTreeMap<Sequence, Placed> = BTreeMap::new();
        for placed in receipts {
            by_place.entry(placed.sequence).or_insert(placed);
        }
        let shown = by_place.keys().next_back().map_or(0, |last| last.get());
        let stated = statements.iter().map(|stated| stated.size).max().unwrap_or(0);
        let last_known = shown.max(stated);
        let unbroken_to = unbroken(&by_place);
        let is_missing =
            |place: &u64| Sequence::new(*place).is_ok_and(|place| !by_place.contains_key(&place));
        let missing = (1..=last_known.min(unbroken_to.saturating_add(MISSING_MAX)))
            .filter(is_missing)
            .collect();
        Self {
            records: by_place.into_values().collect(),
            missing,
            last_known,
            unbroken_to,
            contradictions,
        }
    }

    /// The record at a place, where it was shown.
    #[must_use]
    pub fn at(&self, sequence: u64) -> Option<&Placed> {
        self.records
            .binary_search_by_key(&sequence, |placed| placed.sequence.get())
            .ok()
            .and_then(|found| self.records.get(found))
    }

    /// Whether nothing contradicts, and every record up to the last known one was shown.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.contradictions.is_empty() && self.unbroken_to == self.last_known && self.last_known > 0
    }

    /// The latest statement that the shown chain bears out: its head stands in the unbroken part.
    #[must_use]
    pub fn covered_by<'s>(&self, statements: &'s [StatedHead]) -> Option<&'s StatedHead> {
        let holds = |stated: &&StatedHead| {
            stated.size <= self.unbroken_to
                && self
                    .at(stated.size)
                    .is_some_and(|placed| placed.record == stated.head)
                && self.at(1).is_some_and(|placed| placed.record == stated.first)
        };
        statements
            .iter()
            .filter(holds)
            .max_by_key(|stated| (stated.size, stated.at))
    }
}

/// Up to which place the records follow each other from the first on.
fn unbroken(by_place: &BTreeMap<Sequence, Placed>) -> u64 {
    let mut before: Option<&Placed> = None;
    let mut to = 0;
    for placed in by_place.values() {
        let follows = placed.sequence.get() == to + 1
            && placed.previous == before.map(|before| before.record)
            && before.is_none_or(|before| before.log != placed.log || before.index < placed.index);
        if !follows {
            break;
        }
        to += 1;
        before = Some(placed);
    }
    to
}

#[cfg(test)]
mod tests;
