//! The class and event table (`vocabulary.toml`), read once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::{Class, Event, Rel};

/// What a record of a class and an event must hold besides `register`, `class`, `event`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Keys of `what`.
    pub keys: BTreeSet<String>,
    /// At least one link with one of these relations, where not empty.
    pub link: Vec<Rel>,
    /// A reason in `why`.
    pub reason: bool,
    /// A signature: it cannot be a draft.
    pub signed: bool,
}

/// Whether the event may stand with the class.
#[must_use]
pub fn allowed(class: Class, event: Event) -> bool {
    TABLE.any.contains(&event) || TABLE.pairs.contains(&(class, event))
}

/// The events that may stand with the class, in the order of the specification.
pub fn events_of(class: Class) -> impl Iterator<Item = Event> {
    Event::ALL
        .iter()
        .copied()
        .filter(move |event| allowed(class, *event))
}

/// What a record of this class and event must hold.
#[must_use]
pub fn needs(class: Class, event: Event) -> &'static Needs {
    TABLE
        .refined
        .get(&(class, event))
        .or_else(|| TABLE.events.get(&event))
        .unwrap_or(&TABLE.nothing)
}

/// Whether a record that uses this relation needs a reason.
#[must_use]
pub fn link_needs_reason(rel: Rel) -> bool {
    TABLE.reasons.contains(&rel)
}

/// Whether records of the class are sealed unless the submitter says otherwise.
#[must_use]
pub fn sealed_by_default(class: Class) -> bool {
    TABLE.sealed.contains(&class)
}

struct Table {
    any: BTreeSet<Event>,
    pairs: BTreeSet<(Class, Event)>,
    events: BTreeMap<Event, Needs>,
    refined: BTreeMap<(Class, Event), Needs>,
    reasons: BTreeSet<Rel>,
    sealed: BTreeSet<Class>,
    nothing: Needs,
}

// A data file that does not read would leave an empty table, which refuses every pair; the
// test below keeps that from being released.
static TABLE: LazyLock<Table> =
    LazyLock::new(|| read(include_str!("../vocabulary.toml")).unwrap_or_else(|_| build(File::default())));

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    any: EventList,
    pairs: Vec<Pairs>,
    events: BTreeMap<Code<Event>, NeedsEntry>,
    refined: Vec<Refined>,
    reasons: Relations,
    sealed: Classes,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventList {
    events: Vec<Code<Event>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pairs {
    #[serde(rename = "name")]
    _name: String,
    classes: Vec<Code<Class>>,
    events: Vec<Code<Event>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NeedsEntry {
    #[serde(default)]
    keys: BTreeSet<String>,
    #[serde(default)]
    link: Vec<Code<Rel>>,
    #[serde(default)]
    reason: bool,
    #[serde(default)]
    signed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refined {
    class: Code<Class>,
    event: Code<Event>,
    #[serde(default)]
    keys: BTreeSet<String>,
    #[serde(default)]
    signed: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Relations {
    relations: Vec<Code<Rel>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Classes {
    classes: Vec<Code<Class>>,
}

/// A code, read through its `FromStr`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String", bound = "T: std::str::FromStr<Err = super::UnknownCode>")]
pub(crate) struct Code<T>(pub(crate) T);

impl<T: std::str::FromStr<Err = super::UnknownCode>> TryFrom<String> for Code<T> {
    type Error = super::UnknownCode;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

fn read(text: &str) -> Result<Table, toml::de::Error> {
    toml::from_str(text).map(build)
}

fn build(file: File) -> Table {
    let events: BTreeMap<Event, Needs> = file
        .events
        .into_iter()
        .map(|(event, entry)| {
            let link = entry.link.iter().map(|rel| rel.0).collect();
            (
                event.0,
                Needs {
                    keys: entry.keys,
                    link,
                    reason: entry.reason,
                    signed: entry.signed,
                },
            )
        })
        .collect();
    let refined = file
        .refined
        .into_iter()
        .map(|entry| {
            let mut needs = events.get(&entry.event.0).cloned().unwrap_or_default();
            needs.keys.extend(entry.keys);
            needs.signed |= entry.signed;
            ((entry.class.0, entry.event.0), needs)
        })
        .collect();
    let pairs = file
        .pairs
        .iter()
        .flat_map(|pairs| {
            pairs
                .classes
                .iter()
                .flat_map(|class| pairs.events.iter().map(|event| (class.0, event.0)))
        })
        .collect();
    Table {
        any: file.any.events.iter().map(|event| event.0).collect(),
        pairs,
        events,
        refined,
        reasons: file.reasons.relations.iter().map(|rel| rel.0).collect(),
        sealed: file.sealed.classes.iter().map(|class| class.0).collect(),
        nothing: Needs::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_file_reads_and_uses_every_class_and_event() {
        read(include_str!("../vocabulary.toml")).unwrap();
        for class in Class::ALL {
            assert!(
                events_of(*class).count() > TABLE.any.len(),
                "{class} has no event of its own"
            );
        }
        for event in Event::ALL {
            assert!(
                Class::ALL.iter().any(|class| allowed(*class, *event)),
                "{event} stands with no class"
            );
        }
    }

    #[test]
    fn pairs_of_the_specification() {
        assert!(allowed(Class::Dataset, Event::HardLock));
        assert!(allowed(Class::StatisticalAnalysisPlan, Event::Finalised));
        assert!(allowed(Class::TreatmentAssignment, Event::CodeBroken));
        assert!(allowed(Class::Trial, Event::UnblindingAuthorised));
        assert!(allowed(Class::Consent, Event::Recorded));
        assert!(!allowed(Class::Dataset, Event::Decided));
        assert!(!allowed(Class::Protocol, Event::HardLock));
        assert!(!allowed(Class::RandomisationList, Event::Unblinded));
        assert!(!allowed(Class::Opinion, Event::Submitted));
        assert!(!allowed(Class::Grant, Event::Registered));
    }

    #[test]
    fn needs_of_the_specification() {
        let lock = needs(Class::Dataset, Event::HardLock);
        assert!(lock.signed && lock.keys.contains("version") && lock.keys.contains("manifest"));
        assert!(needs(Class::StatisticalAnalysisPlan, Event::Finalised).signed);
        assert!(!needs(Class::Protocol, Event::Finalised).signed);
        assert!(needs(Class::Protocol, Event::Finalised).keys.contains("version"));
        assert_eq!(needs(Class::Opinion, Event::Decided).link, [Rel::DecidesOn]);
        assert!(needs(Class::Grant, Event::Revoked).keys.contains("grant"));
        assert!(needs(Class::Member, Event::Revoked).keys.contains("account"));
        assert_eq!(needs(Class::Dataset, Event::DataCut), &Needs::default());
        assert!(sealed_by_default(Class::RandomisationList) && !sealed_by_default(Class::DsmbRecommendation));
        assert!(link_needs_reason(Rel::Supersedes) && !link_needs_reason(Rel::Amends));
    }
}
