//! Which version was in force at a site on a day.
//!
//! A day is the site's own, by its time zone in the trial's settings. What is of the day itself cannot be told
//! apart from what was before it: NOT PROVABLE, naming both. What was recorded later than the day may say something
//! else than what was known then, so both are said.

mod conditions;

use crate::dossier::{Dossier, Fact, K, Worth};
use crate::hash::RecordId;
use crate::identifiers::{Code, Country, RegisterName};
use crate::record::{Scope, SiteSettings};
use crate::time::{Date, Instant};
use crate::vocabulary::{Basis, Class, Event, Rel};
use crate::zone::{Span, Zone};

use super::{Answer, Verdict, capital, complete};

/// What was in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The answer, as known now.
    pub answer: Answer,
    /// The `activated` record that was in force, as known now; where the answer is PROVEN.
    pub version: Option<RecordId>,
    /// One sentence, by what was on record at the end of that day.
    pub as_known_on_the_day: String,
    /// One sentence, by what is on record now.
    pub as_known_now: String,
}

/// Which version of a class was in force at a site on a local day.
#[must_use]
pub fn in_force(dossier: &Dossier, register: &RegisterName, class: Class, site: &Code, day: Date) -> InForce {
    let found = Place::of(dossier, register, site, day).map(|place| {
        let then = place.judge(class, |fact| fact.rec() <= place.span.last);
        let now = place.judge(class, |_| true);
        (then, now)
    });
    let ((then, _), (now, version)) = match found {
        Ok(found) => found,
        Err(answer) => {
            let sentence = answer.sentence.clone();
            return InForce {
                answer: answer.under(dossier),
                version: None,
                as_known_on_the_day: sentence.clone(),
                as_known_now: sentence,
            };
        }
    };
    let on_the_day = format!("As known on the day: {}", then.sentence);
    let as_known_now = format!("As known now: {}", now.sentence);
    let mut answer = match (complete_after(dossier, register, site, day), now.verdict) {
        (Ok(k), _) => now.because(format!("The register is complete {}.", k.phrase())),
        (Err(incomplete), Verdict::NotProvable) => now.because(incomplete.sentence),
        // That something was not in force rests on what is not on record, too.
        (Err(incomplete), _) => incomplete.because(now.sentence),
    };
    answer = answer.because(on_the_day.clone()).because(as_known_now.clone());
    let answer = answer.under(dossier);
    let proven = answer.verdict == Verdict::Proven;
    InForce {
        answer,
        version: version.filter(|_| proven),
        as_known_on_the_day: on_the_day,
        as_known_now,
    }
}

/// Up to where the register is complete, if that was stated after the day: silence beyond it is no answer.
fn complete_after(dossier: &Dossier, register: &RegisterName, site: &Code, day: Date) -> Result<K, Answer> {
    let k = complete(dossier, register)?;
    let ended = Place::of(dossier, register, site, day).is_ok_and(|place| place.span.last < k.stated_at);
    if ended {
        return Ok(k);
    }
    Err(Answer::not_provable(format!(
        "What was on record at the end of {day} at site {site} is not known: the register is complete only {}, and \
         silence beyond that is no answer.",
        k.phrase()
    ))
    .next("A newer register statement would tell: the notary makes one on demand."))
}

/// A site on a day.
pub(super) struct Place<'d> {
    pub(super) dossier: &'d Dossier,
    pub(super) facts: &'d [Fact],
    pub(super) site: SiteSettings,
    pub(super) decisions: Vec<Class>,
    pub(super) zone: Zone,
    pub(super) day: Date,
    pub(super) span: Span,
}

/// Where something stands to a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Before,
    Within,
    After,
}

impl<'d> Place<'d> {
    fn of(dossier: &'d Dossier, register: &RegisterName, site: &Code, day: Date) -> Result<Self, Answer> {
        let facts = dossier.register(register);
        let ask = |what: String| {
            Answer::not_provable(what)
                .next("A sponsor of the trial can put its settings on record: trialseal trial settings.")
        };
        let settings = site_settings(facts, site).ok_or_else(|| {
            ask(format!(
                "The settings of {register} that are here do not name the site {site}."
            ))
        })?;
        let decisions = country_decisions(facts, &settings.country).ok_or_else(|| {
            ask(format!(
                "The settings of {register} that are here do not say which decisions {} needs.",
                settings.country
            ))
        })?;
        let zone = Zone::named(&settings.tz);
        let span = zone.as_ref().and_then(|zone| zone.day(day));
        let (Some(zone), Some(span)) = (zone, span) else {
            return Err(ask(format!(
                "The time zone {} of the site {site} is not known here.",
                settings.tz
            )));
        };
        Ok(Self {
            dossier,
            facts,
            site: settings,
            decisions,
            zone,
            day,
            span,
        })
    }

    /// What was in force, by the records that are known.
    fn judge(&self, class: Class, is_known: impl Fn(&Fact) -> bool) -> (Answer, Option<RecordId>) {
        let known: Vec<&Fact> = self.facts.iter().filter(|fact| is_known(fact)).collect();
        let (site, day) = (&self.site.site, self.day);
        let hidden = known
            .iter()
            .find(|fact| fact.class() == class && fact.event() == Event::Activated && fact.what.is_none());
        if let Some(hidden) = hidden {
            let answer = Answer::not_provable(format!("What {} activated is not shown.", hidden.label()));
            return (answer.next("A member who may see it can supply it."), None);
        }
        let all: Vec<&Fact> = known
            .iter()
            .copied()
            .filter(|fact| self.is_activation(fact, class, &known))
            .collect();
        let relevant: Vec<(&Fact, When)> = all
            .iter()
            .map(|fact| (*fact, self.when(fact)))
            .filter(|(_, when)| *when != When::After)
            .collect();
        let most = relevant.iter().map(|(fact, _)| specificity(fact)).max();
        let Some(most) = most else {
            let sentence = format!("No version of {class} was in force at site {site} on {day}.");
            return (Answer::disproven(sentence), None);
        };
        let mut of_scope: Vec<&(&Fact, When)> = relevant
            .iter()
            .filter(|(fact, _)| specificity(fact) == most)
            .collect();
        of_scope.sort_by_key(|(fact, _)| (self.start(fact).first, fact.sequence()));
        let before = of_scope
            .iter()
            .rev()
            .find(|(_, when)| *when == When::Before)
            .map(|(fact, _)| *fact);
        let within = of_scope
            .iter()
            .find(|(_, when)| *when == When::Within)
            .map(|(fact, _)| *fact);
        match (before, within) {
            (before, Some(within)) => {
                let old = before.map_or_else(|| "nothing".to_owned(), Fact::label);
                let sentence = format!(
                    "It changed on {day} itself at site {site}: {old} before, {} from some time of that day on.",
                    within.label()
                );
                (Answer::not_provable(sentence), None)
            }
            (Some(fact), None) => self.is_in_force(fact, &known),
            (None, None) => (
                Answer::disproven(format!("Nothing was in force at site {site} on {day}.")),
                None,
            ),
        }
    }

    fn is_in_force(&self, fact: &Fact, known: &[&Fact]) -> (Answer, Option<RecordId>) {
        let (site, day) = (&self.site.site, self.day);
        let label = fact.label();
        if let Err(answer) = super::placed(self.dossier, fact) {
            return (answer, None);
        }
        if let Worth::Unknown(sentence) = &fact.worth {
            let answer = Answer::not_provable(format!(
                "Whether {label} took effect cannot be judged. {sentence}"
            ));
            return (answer, None);
        }
        let is_urgent = fact
            .what
            .as_ref()
            .is_some_and(|what| what.basis == Some(Basis::UrgentSafetyMeasure));
        let mut conditions = vec![self.not_stopped(known)];
        if is_urgent {
            conditions.push(Answer::proven(format!(
                "{} is an urgent safety measure.",
                capital(&label)
            )));
        } else {
            for class in &self.decisions {
                conditions.push(self.decided(fact, *class, known));
            }
        }
        let Some(worst) = Answer::all(conditions.clone()) else {
            return (
                Answer::not_provable(format!("Nothing says whether {label} was in force.")),
                None,
            );
        };
        if worst.verdict != Verdict::Proven {
            let mut answer = worst;
            let was = match answer.verdict {
                Verdict::Disproven => "was not",
                _ => "is not shown to have been",
            };
            answer.sentence = format!(
                "{} {was} in force at site {site} on {day}. {}",
                capital(&label),
                answer.sentence
            );
            return (answer, None);
        }
        let mut answer = Answer::proven(format!(
            "{} was in force at site {site} on {day} ({}).",
            capital(&label),
            self.site.tz
        ));
        answer.because = conditions
            .into_iter()
            .map(|condition| condition.sentence)
            .collect();
        (answer, Some(fact.record))
    }

    /// Whether it activates the class at this site, and was not withdrawn by the day.
    fn is_activation(&self, fact: &Fact, class: Class, known: &[&Fact]) -> bool {
        let allowed = !matches!(fact.worth, Worth::NotAllowed(_));
        let withdrawn = known.iter().any(|other| {
            other.event() == Event::Withdrawn
                && other.linked(Rel::Withdraws).any(|record| record == fact.record)
                && self.when(other) == When::Before
        });
        fact.class() == class
            && fact.event() == Event::Activated
            && allowed
            && !withdrawn
            && fact
                .what
                .as_ref()
                .is_some_and(|what| self.covers(what.scope.as_ref()))
    }

    /// Whether a scope covers the site.
    pub(super) fn covers(&self, scope: Option<&Scope>) -> bool {
        match scope {
            None | Some(Scope::All) => true,
            Some(Scope::Only(scopes)) if !scopes.sites.is_empty() => scopes.sites.contains(&self.site.site),
            Some(Scope::Only(scopes)) => {
                scopes.countries.is_empty() || scopes.countries.contains(&self.site.country)
            }
        }
    }

    /// From when on a record says that it holds: from the first day of its validity, else from when it happened.
    fn start(&self, fact: &Fact) -> Span {
        let from = fact.what.as_ref().and_then(|what| what.valid_from);
        match from.and_then(|from| self.zone.day(from)) {
            Some(day) => Span::at(day.first),
            None => self.dec(fact),
        }
    }

    /// When something happened; a date without a zone is one of this site.
    pub(super) fn dec(&self, fact: &Fact) -> Span {
        let has_zone = fact.what.as_ref().is_some_and(|what| what.tz.is_some());
        match fact.declared() {
            Some(crate::record::Declared::On(date)) if !has_zone => {
                self.zone.day(date).unwrap_or_else(|| fact.dec())
            }
            _ => fact.dec(),
        }
    }

    fn when(&self, fact: &Fact) -> When {
        if fact.what.as_ref().is_some_and(|what| what.valid_from.is_some()) {
            // A first day of validity is a whole day, so the day itself is within it.
            return if self.start(fact).first <= self.span.first {
                When::Before
            } else {
                When::After
            };
        }
        self.place_of(self.start(fact))
    }

    pub(super) fn place_of(&self, span: Span) -> When {
        if span.last < self.span.first {
            When::Before
        } else if span.first > self.span.last {
            When::After
        } else {
            When::Within
        }
    }

    /// The first instant of the day.
    pub(super) const fn first(&self) -> Instant {
        self.span.first
    }
}

/// Site before country before trial.
fn specificity(fact: &Fact) -> u8 {
    match fact.what.as_ref().and_then(|what| what.scope.as_ref()) {
        Some(Scope::Only(scopes)) if !scopes.sites.is_empty() => 2,
        Some(Scope::Only(scopes)) if !scopes.countries.is_empty() => 1,
        _ => 0,
    }
}

/// Settings add up: the latest that names the site.
fn site_settings(facts: &[Fact], site: &Code) -> Option<SiteSettings> {
    let of = |fact: &Fact| {
        let settings = counting_settings(fact)?.settings.as_ref()?;
        settings.sites.iter().find(|own| own.site == *site).cloned()
    };
    facts.iter().rev().find_map(of)
}

fn country_decisions(facts: &[Fact], country: &Country) -> Option<Vec<Class>> {
    let of = |fact: &Fact| {
        let settings = counting_settings(fact)?.settings.as_ref()?;
        settings
            .countries
            .iter()
            .find(|own| own.country == *country)
            .map(|own| own.decisions.clone())
    };
    facts.iter().rev().find_map(of)
}

fn counting_settings(fact: &Fact) -> Option<&crate::record::What> {
    let counts = fact.class() == Class::TrialSettings && !matches!(fact.worth, Worth::NotAllowed(_));
    fact.what.as_ref().filter(|_| counts)
}
