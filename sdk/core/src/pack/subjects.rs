//! Which records the subjects of a pack are.

use std::collections::BTreeMap;

use crate::assertion::{Answer, Verdict, acts};
use crate::dossier::{Dossier, Fact, Worth};
use crate::identifiers::RegisterName;
use crate::record::Scope;
use crate::vocabulary::{Blinding, Class, Event, TransferMode};

use super::file::{Code, File, Pick, Subject};

/// The records that the subjects are, by name.
pub(super) struct Subjects<'d> {
    pub(super) dossier: &'d Dossier,
    pub(super) register: &'d RegisterName,
    pub(super) is_open_label: bool,
    found: BTreeMap<String, Found<'d>>,
}

/// What was found of one subject.
pub(super) struct Found<'d> {
    pub(super) words: String,
    /// Whether there may be none, or many.
    pub(super) is_many: bool,
    /// What is in effect, in the order of the register.
    pub(super) facts: Vec<&'d Fact>,
    /// Why others do not count, a sentence each.
    pub(super) excluded: Vec<String>,
    /// What was in effect and had ended, a sentence each.
    pub(super) ended: Vec<String>,
    /// Why others cannot be judged, a sentence each.
    pub(super) unknown: Vec<String>,
}

impl<'d> Subjects<'d> {
    pub(super) fn of(file: &File, dossier: &'d Dossier, register: &'d RegisterName) -> Self {
        let mut subjects = Self {
            dossier,
            register,
            is_open_label: is_open_label(dossier, register),
            found: BTreeMap::new(),
        };
        for subject in &file.subjects {
            let found = subjects.find(subject);
            subjects.found.insert(subject.name.clone(), found);
        }
        subjects
    }

    pub(super) fn get(&self, name: &str) -> Option<&Found<'d>> {
        self.found.get(name)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &Found<'d>)> {
        self.found.iter()
    }

    fn find(&self, subject: &Subject) -> Found<'d> {
        let stand = subject.open_label.as_ref().filter(|_| self.is_open_label);
        let words = stand.map_or(&subject.words, |stand| &stand.words).clone();
        let (classes, events, purposes) = match stand {
            Some(stand) => (&stand.classes, &stand.events, &stand.purposes),
            None => (&subject.classes, &subject.events, &subject.purposes),
        };
        let of = |fact: &&Fact| {
            (classes.is_empty() || classes.contains(&Code(fact.class())))
                && events.contains(&Code(fact.event()))
        };
        let all: Vec<&Fact> = self.dossier.register(self.register).iter().filter(of).collect();
        let mut found = Found {
            words,
            is_many: subject.pick == Pick::All,
            facts: Vec::new(),
            excluded: Vec::new(),
            ended: Vec::new(),
            unknown: Vec::new(),
        };
        for fact in all {
            self.sort(fact, subject, purposes, &mut found);
        }
        if subject.prefer {
            let first = classes
                .iter()
                .find(|class| found.facts.iter().any(|fact| Code(fact.class()) == **class));
            if let Some(Code(class)) = first {
                found.facts.retain(|fact| fact.class() == *class);
            }
        }
        self.pick(subject, &mut found);
        found
    }

    /// Takes a record in, or says why not.
    fn sort(
        &self,
        fact: &'d Fact,
        subject: &Subject,
        purposes: &[Code<crate::vocabulary::Purpose>],
        found: &mut Found<'d>,
    ) {
        let what = fact.what.as_ref();
        if !purposes.is_empty() {
            match what {
                Some(what)
                    if what
                        .purpose
                        .is_some_and(|purpose| purposes.contains(&Code(purpose))) => {}
                Some(what) => {
                    if what.purpose.is_none() {
                        found
                            .excluded
                            .push(format!("{} does not say what it is for.", acts::name(fact)));
                    }
                    return;
                }
                None => {
                    return found
                        .unknown
                        .push(format!("What {} is for is not shown.", fact.label()));
                }
            }
        }
        if subject.full && !what.is_some_and(is_full) {
            return found
                .excluded
                .push(format!("{} is of a part only.", acts::name(fact)));
        }
        if let Some(after) = subject
            .after
            .as_ref()
            .and_then(|name| self.get(name))
            .and_then(|found| found.facts.first())
            && (fact.record == after.record || fact.sequence() < after.sequence())
        {
            return;
        }
        // A pending act stays among what is asked about: it is the answer that says so.
        match &fact.worth {
            Worth::NotAllowed(sentence) => found.excluded.push(sentence.clone()),
            Worth::Unknown(sentence) if fact.effective_at.is_none() => found.unknown.push(sentence.clone()),
            Worth::Stands(_) | Worth::Unknown(_) => found.facts.push(fact),
        }
    }

    fn pick(&self, subject: &Subject, found: &mut Found<'d>) {
        let event = subject
            .preceding
            .as_ref()
            .and_then(|name| self.get(name))
            .and_then(|found| found.facts.first());
        if let (Some(undone_by), Some(event)) = (&subject.undone_by, event) {
            self.drop_undone(undone_by.0, event, found);
        }
        let chosen = match subject.pick {
            Pick::All => return,
            Pick::First => found.facts.first().copied(),
            Pick::Last => {
                let precedes = |fact: &&&Fact| {
                    event.is_some_and(|event| {
                        acts::preceded(self.dossier, fact, event).verdict == Verdict::Proven
                    })
                };
                found
                    .facts
                    .iter()
                    .rev()
                    .find(precedes)
                    .or(found.facts.last())
                    .copied()
            }
        };
        found.facts = chosen.into_iter().collect();
    }

    /// What was ended before the event is not in force at it.
    fn drop_undone(&self, undone_by: Event, event: &Fact, found: &mut Found<'d>) {
        let register = self.dossier.register(self.register);
        let undone = |fact: &Fact| {
            register.iter().find(|other| {
                let by = other.effective_at.and_then(|by| self.dossier.fact(&by));
                other.event() == undone_by
                    && other.links_to(&fact.record)
                    && by.is_some_and(|by| by.sequence() < event.sequence())
            })
        };
        let mut kept = Vec::new();
        for fact in std::mem::take(&mut found.facts) {
            match undone(fact) {
                Some(other) => {
                    found
                        .ended
                        .push(format!("{} was ended by {}.", acts::name(fact), other.label()))
                }
                None => kept.push(fact),
            }
        }
        found.facts = kept;
    }

    /// The answer where a rule has nothing to judge.
    pub(super) fn none(&self, found: &Found<'_>) -> Answer {
        let (words, register) = (&found.words, self.register);
        if let Some(sentence) = found.unknown.first() {
            return Answer::not_provable(format!(
                "Whether there is {} cannot be judged. {sentence}",
                article(words)
            ));
        }
        let k = self.dossier.completeness(register).complete_to;
        let until = k.map_or_else(|| "among what is here".to_owned(), |k| k.phrase());
        let sentence = format!("No {words} is on record in {register}, {until}.");
        let answer = match found.ended.first() {
            Some(ended) => Answer::disproven(format!("{ended} {sentence}")),
            None => Answer::not_provable(sentence),
        };
        found
            .excluded
            .iter()
            .fold(answer, |answer, sentence| answer.because(sentence.clone()))
    }
}

fn article(words: &str) -> String {
    let article = if words.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {words}")
}

fn is_full(what: &crate::record::What) -> bool {
    matches!(what.scope, None | Some(Scope::All))
        && what
            .transfer
            .as_ref()
            .is_none_or(|transfer| transfer.mode != Some(TransferMode::Incremental))
}

/// As the latest settings say.
fn is_open_label(dossier: &Dossier, register: &RegisterName) -> bool {
    let of = |fact: &Fact| {
        let counts = fact.class() == Class::TrialSettings && !matches!(fact.worth, Worth::NotAllowed(_));
        let what = fact.what.as_ref().filter(|_| counts)?;
        what.settings.as_ref()?.blinding
    };
    dossier.register(register).iter().rev().find_map(of) == Some(Blinding::OpenLabel)
}
