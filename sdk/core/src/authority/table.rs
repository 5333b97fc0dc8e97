//! The rules (`authority.toml`), read once.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::vocabulary::{self, Class, Code, Event, Rel, Role};

use super::standing::{Capacity, Provided};

/// The roles that may put this event of this class on record, where nothing else stands against it.
/// Of an act of the table: those that may sign it first.
#[must_use]
pub fn roles_for(class: Class, event: Event) -> Vec<Role> {
    let rule = rule(class, event);
    Role::ALL.iter().copied().filter(|role| rule.may(*role)).collect()
}

/// Whether a role may put this event of this class on record at all: what this refuses, no grant can
/// allow.
#[must_use]
pub fn may(role: Role, class: Class, event: Event) -> bool {
    rule(class, event).may(role)
}

/// Whether a record of this class and event can change what others may do. Whoever replays a
/// register can pass over the rest, but for the record that opened it.
#[must_use]
pub fn changes(class: Class, event: Event) -> bool {
    rule(class, event).act.is_some()
        || matches!(
            class,
            Class::Grant
                | Class::TrialSettings
                | Class::Agreement
                | Class::Opinion
                | Class::AuthorityDecision
        )
        || matches!(event, Event::Countersigned | Event::Declined | Event::Withdrawn)
}

/// Who may do one thing.
#[derive(Clone, Copy, Default)]
pub(super) struct Rule {
    roles: u32,
    /// The act of the table that it is.
    pub(super) act: Option<&'static TableAct>,
}

impl Rule {
    pub(super) const fn may(self, role: Role) -> bool {
        self.roles & bit(role) != 0
    }
}

/// One row of the table of acts.
#[derive(Debug)]
pub(super) struct TableAct {
    pub(super) name: String,
    pub(super) first: Vec<Capacity>,
    pub(super) also: Vec<Vec<Capacity>>,
    pub(super) one_of: Vec<Capacity>,
    pub(super) each_site: Option<Role>,
    pub(super) link: Option<Rel>,
    pub(super) systems: bool,
    pub(super) scoped: bool,
}

/// The rule for this class and event, by two indexes and no search.
pub(super) fn rule(class: Class, event: Event) -> Rule {
    let place = class as usize * Event::ALL.len() + event as usize;
    TABLE.get(place).copied().unwrap_or_default()
}

const fn bit(role: Role) -> u32 {
    1 << role as u32
}

static FILE: LazyLock<File> = LazyLock::new(|| read(include_str!("../authority.toml")).unwrap_or_default());

/// A row, and what it is about.
type ActOf = (Vec<Class>, Vec<Event>, TableAct);

static ACTS: LazyLock<Vec<ActOf>> = LazyLock::new(|| {
    let row = |act: &ActEntry| {
        let capacities = |list: &[CapacityEntry]| list.iter().map(CapacityEntry::read).collect();
        let row = TableAct {
            name: act.name.clone(),
            first: capacities(&act.first),
            also: act.also.iter().map(|list| capacities(list)).collect(),
            one_of: capacities(&act.one_of),
            each_site: act.each_site.map(|role| role.0),
            link: act.link.map(|rel| rel.0),
            systems: act.systems,
            scoped: act.scoped,
        };
        (classes(act.classes.as_deref()), events(&act.events), row)
    };
    FILE.act.iter().map(row).collect()
});

// A data file that does not read would leave an empty table, which refuses everything; a test keeps
// that from being released.
static TABLE: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let mut rules: BTreeMap<(Class, Event), Rule> = BTreeMap::new();
    for entry in &FILE.may {
        let roles = entry.roles.iter().fold(0, |roles, role| roles | bit(role.0));
        for (class, event) in pairs(&classes(entry.classes.as_deref()), &events(&entry.events)) {
            rules.entry((class, event)).or_default().roles |= roles;
        }
    }
    for (classes, events, act) in ACTS.iter() {
        let roles = act.first.iter().fold(0, |roles, first| roles | bit(first.role));
        for pair in pairs(classes, events) {
            let act = Some(act);
            rules.insert(pair, Rule { roles, act });
        }
    }
    let every = Class::ALL
        .iter()
        .flat_map(|class| Event::ALL.iter().map(|event| (*class, *event)));
    every
        .map(|pair| rules.get(&pair).copied().unwrap_or_default())
        .collect()
});

fn read(text: &str) -> Result<File, toml::de::Error> {
    toml::from_str(text)
}

fn classes(listed: Option<&[Code<Class>]>) -> Vec<Class> {
    listed.map_or_else(
        || Class::ALL.to_vec(),
        |listed| listed.iter().map(|code| code.0).collect(),
    )
}

fn events(listed: &[Code<Event>]) -> Vec<Event> {
    listed.iter().map(|code| code.0).collect()
}

/// The pairs that the vocabulary allows.
fn pairs(classes: &[Class], events: &[Event]) -> impl Iterator<Item = (Class, Event)> {
    let every = classes
        .iter()
        .flat_map(|class| events.iter().map(|event| (*class, *event)));
    every
        .filter(|(class, event)| vocabulary::allowed(*class, *event))
        .collect::<Vec<_>>()
        .into_iter()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    act: Vec<ActEntry>,
    may: Vec<MayEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActEntry {
    name: String,
    classes: Option<Vec<Code<Class>>>,
    events: Vec<Code<Event>>,
    first: Vec<CapacityEntry>,
    #[serde(default)]
    also: Vec<Vec<CapacityEntry>>,
    #[serde(default)]
    one_of: Vec<CapacityEntry>,
    each_site: Option<Code<Role>>,
    link: Option<Code<Rel>>,
    #[serde(default)]
    systems: bool,
    #[serde(default)]
    scoped: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CapacityEntry {
    role: Code<Role>,
    #[serde(default)]
    provided: Provided,
}

impl CapacityEntry {
    const fn read(&self) -> Capacity {
        Capacity {
            role: self.role.0,
            provided: self.provided,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MayEntry {
    #[serde(rename = "name")]
    _name: String,
    classes: Option<Vec<Code<Class>>>,
    events: Vec<Code<Event>>,
    roles: Vec<Code<Role>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_file_reads_and_names_every_pair_of_the_vocabulary() {
        read(include_str!("../authority.toml")).unwrap();
        for class in Class::ALL {
            for event in vocabulary::events_of(*class) {
                let of_accounts = matches!(class, Class::Organisation | Class::Member);
                let own = !matches!(
                    event,
                    Event::Countersigned | Event::Declined | Event::Opened | Event::Recorded
                );
                let nobody = roles_for(*class, event).is_empty();
                assert_eq!(nobody, of_accounts && own, "{class} {event}");
            }
        }
    }

    #[test]
    fn what_stands_nowhere_is_refused_to_everybody() {
        for role in Role::ALL {
            assert!(!rule(Class::Dataset, Event::Decided).may(*role));
            assert!(!rule(Class::Member, Event::Registered).may(*role));
        }
        for (class, event) in Class::ALL
            .iter()
            .flat_map(|class| Event::ALL.iter().map(|event| (*class, *event)))
        {
            for role in [Role::Participant, Role::Public] {
                assert!(!rule(class, event).may(role), "{role}: {class} {event}");
            }
        }
    }
}
