//! Erasure: parts of a record are removed everywhere, and its proof stays.
//!
//! A *tombstone* is a record of class `erasure` that names another record and its parts. When
//! it takes effect, [`crate::state::State`] holds it as an [`Erasure`]; what then happens to
//! files is in [`crate::publish`]. Of an erased part there remain its salted leaf, the place of
//! the tombstone, and its [`residue`].

use trialseal_core::{
    checkpoint::Origin,
    hash::RecordId,
    index::LogIndex,
    record::What,
    vocabulary::{Class, ErasablePart, Event, Rel},
};

mod parts;
pub mod residue;
mod strike;

pub use self::{
    parts::Parts,
    strike::{StrikeError, strike, strike_stored},
};
use crate::chain::Place;

/// What a tombstone asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// The log that holds the record.
    pub log: Origin,
    /// Its index there.
    pub index: LogIndex,
    /// Its id.
    pub record: RecordId,
    /// Its parts.
    pub parts: Parts,
}

/// A tombstone that took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// What is erased.
    pub of: Requested,
    /// Where the tombstone is.
    pub tombstone: Place,
}

impl Requested {
    /// What a record of a log asks for; none if it is no tombstone.
    #[must_use]
    pub fn of(what: &What, log: &Origin) -> Option<Self> {
        let erased = what.erased.as_ref()?;
        if what.class != Class::Erasure || what.event != Event::Erased {
            return None;
        }
        let link = what
            .links
            .iter()
            .find(|link| link.rel == Rel::Erases && link.record == erased.record);
        let elsewhere = link.and_then(|link| link.log.clone());
        Some(Self {
            log: elsewhere.unwrap_or_else(|| log.clone()),
            index: erased.index,
            record: erased.record,
            parts: erased.parts.iter().copied().collect(),
        })
    }
}

/// Whether `what` of such a record can never be erased: the register's own rules rest on it.
#[must_use]
pub fn rests_on_what(class: Class, event: Event) -> bool {
    let class = matches!(
        class,
        Class::Organisation
            | Class::Member
            | Class::Grant
            | Class::Trial
            | Class::TrialSettings
            | Class::Erasure
    );
    class || matches!(event, Event::Countersigned | Event::Declined)
}

#[cfg(test)]
mod tests;

/// All parts, for iteration.
pub(crate) const ALL_PARTS: [ErasablePart; 4] = [
    ErasablePart::What,
    ErasablePart::Who,
    ErasablePart::Why,
    ErasablePart::Manifest,
];
