//! What has to hold for an activated version to be in force: the decisions that the country asks for, and that
//! nothing was suspended, halted or closed.

use std::collections::BTreeSet;

use crate::assertion::decision::{Tone, Weight, is_valid_on, tone, weight};
use crate::assertion::{Answer, capital};
use crate::dossier::{Fact, Worth};
use crate::hash::RecordId;
use crate::identifiers::OrganizationId;
use crate::manifest::{Opening, SaltedItem};
use crate::vocabulary::{Class, Decision, Event, Rel};

use super::{Place, When};

impl Place<'_> {
    /// Whether a decision of this class covers the version and is valid on the day.
    pub(super) fn decided(&self, version: &Fact, class: Class, known: &[&Fact]) -> Answer {
        let day = self.day;
        let mut decisions: Vec<&Fact> = Vec::new();
        let mut unknown = None;
        let mut excluded = None;
        for fact in self.of_class(class, known) {
            if !self.is_about(fact, version) {
                continue;
            }
            match weight(self.dossier, fact) {
                Weight::Counts => decisions.push(fact),
                Weight::DoesNot(sentence) => excluded = excluded.or(Some(sentence)),
                Weight::Unknown(sentence) => unknown = unknown.or(Some(sentence)),
            }
        }
        decisions.sort_by_key(|fact| (self.dec(fact).first, fact.sequence()));
        let label = version.label();
        if let Some(within) = decisions
            .iter()
            .find(|fact| self.place_of(self.dec(fact)) == When::Within)
        {
            let before = decisions
                .iter()
                .rev()
                .find(|fact| self.place_of(self.dec(fact)) == When::Before);
            let before = before.map_or_else(|| "no decision".to_owned(), |fact| fact.label());
            return Answer::not_provable(format!(
                "A decision was made on {day} itself: {before} before, {} from some time of that day on.",
                within.label()
            ));
        }
        decisions.retain(|fact| self.place_of(self.dec(fact)) == When::Before);
        match self.standing_decision(&decisions) {
            Ok(Some(fact)) => return Answer::proven(self.valid(fact)),
            Ok(None) => {}
            Err(negative) => {
                let decision = negative.what.as_ref().and_then(|what| what.decision);
                let decision = decision.map_or("withdrawn", Decision::as_str);
                return Answer::disproven(format!(
                    "The decision that then stood on {label}, {}, says {decision}.",
                    negative.label()
                ));
            }
        }
        if let Some(expired) = decisions.iter().rev().find(|fact| is_positive(fact)) {
            let what = expired.what.as_ref();
            return Answer::disproven(match what.and_then(|what| what.valid_until) {
                Some(until) if until < day => {
                    format!(
                        "The {class} on {label} had expired: {} was valid until {until}.",
                        expired.label()
                    )
                }
                _ => format!("The {class} on {label}, {}, was not valid yet.", expired.label()),
            });
        }
        self.no_decision(version, class, known, unknown, excluded)
    }

    fn no_decision(
        &self,
        version: &Fact,
        class: Class,
        known: &[&Fact],
        unknown: Option<String>,
        excluded: Option<String>,
    ) -> Answer {
        let (label, country) = (version.label(), &self.site.country);
        if let Some(sentence) = unknown {
            return Answer::not_provable(format!("The {class} on {label} cannot be judged. {sentence}"));
        }
        let letter = known.iter().find(|fact| {
            fact.class() == class && fact.event() == Event::Reported && self.is_about(fact, version)
        });
        if let Some(letter) = letter {
            return Answer::not_provable(format!(
                "Of the {class} on {label} only a letter is on record: {}, put there by {}.",
                letter.label(),
                letter.signer()
            ))
            .next("The board can enrol and sign its own decision.");
        }
        if let Some(hidden) = known
            .iter()
            .find(|fact| fact.class() == class && fact.what.is_none())
        {
            return Answer::not_provable(format!("What {} decided is not shown.", hidden.label()));
        }
        let answer = Answer::disproven(format!(
            "{country} asks for a decision of class {class}, and none covers {label} by then."
        ));
        match excluded {
            Some(sentence) => answer.because(sentence),
            None => answer,
        }
    }

    /// Whether nothing had stopped the trial, its approval, or the site.
    pub(super) fn not_stopped(&self, known: &[&Fact]) -> Answer {
        let day = self.day;
        let mut stops: Vec<&Fact> = known
            .iter()
            .copied()
            .filter(|fact| self.is_about_stopping(fact))
            .collect();
        stops.sort_by_key(|fact| (self.dec(fact).first, fact.sequence()));
        let mut stopped_by: Option<&Fact> = None;
        let mut suspended: BTreeSet<&OrganizationId> = BTreeSet::new();
        for fact in stops {
            match self.place_of(self.dec(fact)) {
                When::After => {}
                When::Within => {
                    let before = stopped_by.map_or_else(|| "nothing stopped".to_owned(), Fact::label);
                    return Answer::not_provable(format!(
                        "Something changed on {day} itself: {before} before, {} from some time of that day on.",
                        fact.label()
                    ));
                }
                When::Before => self.stop(fact, &mut stopped_by, &mut suspended),
            }
        }
        match stopped_by {
            Some(fact) => Answer::disproven(format!(
                "{} had stopped it: {} states {}.",
                capital(&fact.label()),
                fact.signer(),
                fact.dec_text()
            )),
            None => Answer::proven(format!(
                "Nothing on record had suspended, halted or closed it by {}.",
                self.first()
            )),
        }
    }

    /// What a record before the day changes.
    fn stop<'f>(
        &self,
        fact: &'f Fact,
        stopped_by: &mut Option<&'f Fact>,
        suspended: &mut BTreeSet<&'f OrganizationId>,
    ) {
        let decision = fact.what.as_ref().and_then(|what| what.decision);
        let by = fact.who.as_ref().map(|who| &who.organization);
        match (fact.event(), decision) {
            (Event::Decided, Some(Decision::SuspensionLifted)) => {
                if let Some(by) = by {
                    suspended.remove(by);
                }
                let same = stopped_by
                    .and_then(|stop| stop.who.as_ref())
                    .map(|who| &who.organization)
                    == by;
                if same && suspended.is_empty() {
                    *stopped_by = None;
                }
            }
            (Event::Decided, Some(Decision::Suspended)) => {
                suspended.extend(by);
                *stopped_by = Some(fact);
            }
            (Event::Resumed, _) if suspended.is_empty() => *stopped_by = None,
            (Event::SiteActivated, _) => {
                if stopped_by.is_some_and(|stop| stop.event() == Event::SiteClosed) {
                    *stopped_by = None;
                }
            }
            (Event::Resumed, _) => {}
            _ => *stopped_by = Some(fact),
        }
    }

    fn is_about_stopping(&self, fact: &Fact) -> bool {
        let Some(what) = &fact.what else { return false };
        if matches!(fact.worth, Worth::NotAllowed(_)) || !self.covers(what.scope.as_ref()) {
            return false;
        }
        match (fact.class(), fact.event()) {
            (Class::Trial, Event::Halted | Event::Resumed | Event::Terminated | Event::Ended) => true,
            // A site is closed where its record names it.
            (Class::Trial, Event::SiteClosed | Event::SiteActivated) => what.scope.is_some(),
            (class @ (Class::Opinion | Class::AuthorityDecision), Event::Decided) => {
                let suspends = matches!(
                    what.decision,
                    Some(Decision::Suspended | Decision::SuspensionLifted | Decision::Terminated)
                );
                suspends && self.has_say(fact, class) && matches!(weight(self.dossier, fact), Weight::Counts)
            }
            _ => false,
        }
    }

    /// Decisions of this class by a board that has a say here.
    fn of_class<'f>(&self, class: Class, known: &[&'f Fact]) -> Vec<&'f Fact> {
        let is_one = |fact: &&Fact| {
            fact.class() == class
                && fact.event() == Event::Decided
                && fact
                    .what
                    .as_ref()
                    .is_some_and(|what| self.covers(what.scope.as_ref()))
                && self.has_say(fact, class)
        };
        known.iter().copied().filter(is_one).collect()
    }

    /// Whether a decision is about a version: about its record, about what that activates, or about a record of
    /// exactly the same files.
    fn is_about(&self, decision: &Fact, version: &Fact) -> bool {
        let documents = documents(version);
        decision.linked(Rel::DecidesOn).any(|record| {
            documents.contains(&record)
                || self
                    .dossier
                    .fact(&record)
                    .is_some_and(|other| has_files_of(other, version))
        })
    }

    /// Where the settings name a board, no other board's opinion counts at the site.
    fn has_say(&self, fact: &Fact, class: Class) -> bool {
        match (&self.site.board, class, &fact.who) {
            (Some(board), Class::Opinion, Some(who)) => who.organization == *board,
            _ => true,
        }
    }

    /// The positive decision that stands on the day, if any; or the negative one. In order, oldest first.
    fn standing_decision<'f>(&self, decisions: &[&'f Fact]) -> Result<Option<&'f Fact>, &'f Fact> {
        let mut positive: Vec<&Fact> = Vec::new();
        let mut negative: Option<&Fact> = None;
        for fact in decisions {
            match fact.what.as_ref().and_then(|what| what.decision).map(tone) {
                Some(Tone::Positive) => {
                    positive.push(fact);
                    negative = None;
                }
                Some(Tone::Negative) => negative = Some(fact),
                Some(Tone::Lifted) => negative = None,
                Some(Tone::Open) | None => {}
            }
        }
        match negative {
            Some(fact) => Err(fact),
            None => Ok(positive
                .into_iter()
                .rev()
                .find(|fact| is_valid_on(fact, self.day))),
        }
    }

    fn valid(&self, fact: &Fact) -> String {
        let until = fact.what.as_ref().and_then(|what| what.valid_until);
        let until = until.map_or_else(|| "without an end".to_owned(), |until| format!("until {until}"));
        format!(
            "{} covers it, valid {until}; {} signed it.",
            capital(&fact.label()),
            fact.signer()
        )
    }
}

/// The records that a decision on a version may be about: what it activates, or itself.
fn documents(version: &Fact) -> Vec<RecordId> {
    std::iter::once(version.record)
        .chain(version.linked(Rel::Activates))
        .collect()
}

/// Whether one record holds every file of the other, byte for byte.
fn has_files_of(one: &Fact, other: &Fact) -> bool {
    let (Some(held), Some(Opening::All(asked))) = (&one.items, &other.items) else {
        return false;
    };
    asked.iter().all(|asked| {
        let same = |own: &SaltedItem| {
            (own.item.sha256, own.item.sha512, own.item.size)
                == (asked.item.sha256, asked.item.sha512, asked.item.size)
        };
        held.items().iter().any(same)
    })
}

fn is_positive(fact: &Fact) -> bool {
    fact.what.as_ref().and_then(|what| what.decision).map(tone) == Some(Tone::Positive)
}
