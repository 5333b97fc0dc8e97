//! The questions that inspectors ask, answered from a [`Dossier`].
//!
//! PROVEN: every conjunct is shown. DISPROVEN: a fact contradicts one, and is named. Otherwise NOT PROVABLE: what
//! is missing is named, and who can supply it. A conjunction takes the worst. That something is *not* on record
//! needs the register complete up to a place that the notary has stated; that place and its time are part of the
//! sentence, and silence beyond it is no answer.

pub(crate) mod acts;
mod approval;
mod countersigned;
mod decision;
mod derived;
mod file;
mod in_force;
mod order;
mod time;
mod versions;

use crate::dossier::{Dossier, Fact, K, capital};
use crate::hash::RecordId;
use crate::identifiers::RegisterName;

pub use approval::approved_by;
pub use countersigned::countersigned;
pub use derived::derived;
pub use file::{Compared, FolderCompared, Given, Likeness, same, same_folder};
pub use in_force::{InForce, in_force};
pub use order::{before, preceded};
pub use time::{bound_of, contemporaneous};
pub use versions::only_versions;
pub(crate) use versions::second_registers;

/// How a question comes out. The worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Every conjunct is shown.
    Proven,
    /// Something is missing.
    NotProvable,
    /// A fact contradicts.
    Disproven,
}

impl Verdict {
    /// The verdict in capitals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "PROVEN",
            Self::NotProvable => "NOT PROVABLE",
            Self::Disproven => "DISPROVEN",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// An answer, as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The verdict.
    pub verdict: Verdict,
    /// One plain sentence.
    pub sentence: String,
    /// What it rests on, a sentence each.
    pub because: Vec<String>,
    /// What would help, and who can do it.
    pub next: Option<String>,
}

impl Answer {
    fn new(verdict: Verdict, sentence: impl Into<String>) -> Self {
        Self {
            verdict,
            sentence: sentence.into(),
            because: Vec::new(),
            next: None,
        }
    }

    /// Everything is shown.
    pub fn proven(sentence: impl Into<String>) -> Self {
        Self::new(Verdict::Proven, sentence)
    }

    /// A fact contradicts.
    pub fn disproven(sentence: impl Into<String>) -> Self {
        Self::new(Verdict::Disproven, sentence)
    }

    /// Something is missing.
    pub fn not_provable(sentence: impl Into<String>) -> Self {
        Self::new(Verdict::NotProvable, sentence)
    }

    /// With one more sentence of what it rests on.
    #[must_use]
    pub fn because(mut self, sentence: impl Into<String>) -> Self {
        self.because.push(sentence.into());
        self
    }

    /// With what would help.
    #[must_use]
    pub fn next(mut self, sentence: impl Into<String>) -> Self {
        self.next = Some(sentence.into());
        self
    }

    /// The conjunction of answers: the worst of them speaks (the first of those that are as bad), the others are
    /// what it rests on. None of no answer at all.
    #[must_use]
    pub fn all(answers: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut answers: Vec<Self> = answers.into_iter().collect();
        let worst = answers.iter().map(|answer| answer.verdict).max()?;
        let place = answers.iter().position(|answer| answer.verdict == worst)?;
        let mut speaks = answers.remove(place);
        for other in answers {
            let said =
                (other.sentence != speaks.sentence).then(|| format!("{}: {}", other.verdict, other.sentence));
            for because in said.into_iter().chain(other.because) {
                if !speaks.because.contains(&because) {
                    speaks.because.push(because);
                }
            }
        }
        Some(speaks)
    }

    /// What may be said where the trust came together with what it judges: nothing is proven by that.
    pub(crate) fn under(self, dossier: &Dossier) -> Self {
        if !dossier.trust().is_bundled() || self.verdict == Verdict::NotProvable {
            return self;
        }
        let mut answer = Self::not_provable(format!(
            "The trust file came together with the evidence and proves nothing by itself; under it this would be {}: {}",
            self.verdict, self.sentence
        ));
        answer.because = self.because;
        answer.next(format!(
            "Get the trust file from somebody else than the bundle, and compare its SHA-256 with {}.",
            dossier.trust_fingerprint().to_hex()
        ))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "{}  {}", self.verdict, self.sentence)?;
        for because in &self.because {
            writeln!(formatter, "  because {because}")?;
        }
        match &self.next {
            Some(next) => writeln!(formatter, "  next    {next}"),
            None => Ok(()),
        }
    }
}

/// The record, or the answer that it is not here.
fn find<'d>(dossier: &'d Dossier, record: &RecordId) -> Result<&'d Fact, Answer> {
    let short: String = record.to_hex().chars().take(12).collect();
    let fact = dossier.fact(record).ok_or_else(|| {
        Answer::not_provable(format!("No receipt of the record {short} is here."))
            .next("Whoever submitted it, or the notary, can supply its receipt.")
    })?;
    placed(dossier, fact)?;
    Ok(fact)
}

/// Nothing, or the answer that the evidence for a record is not what the trust file asks for.
fn placed(dossier: &Dossier, fact: &Fact) -> Result<(), Answer> {
    if fact.is_placed {
        return Ok(());
    }
    let level = fact.level.map_or("none", |level| level.as_str());
    Err(Answer::not_provable(format!(
        "The evidence for {} is {level}; the trust file asks for {}.",
        fact.label(),
        dossier.require()
    ))
    .next("Fetch the receipt again: new evidence is appended to it."))
}

/// Up to where the register is complete, or the answer that it is not.
pub(crate) fn complete(dossier: &Dossier, register: &RegisterName) -> Result<K, Answer> {
    let completeness = dossier.completeness(register);
    match completeness.complete_to {
        Some(k) => Ok(k),
        None => {
            let problem = completeness.problem.unwrap_or_default();
            Err(Answer::not_provable(format!(
                "That nothing else is on record cannot be shown: {register} is not shown without a gap. {problem}"
            ))
            .next(format!(
                "A member of {register} can supply the whole register with its statement: trialseal bundle."
            )))
        }
    }
}

/// A length of time as people say it, in its two largest units.
pub(crate) fn duration(millis: i64) -> String {
    const UNITS: [(&str, i64); 4] = [
        ("day", 86_400_000),
        ("hour", 3_600_000),
        ("minute", 60_000),
        ("second", 1_000),
    ];
    let mut rest = millis.saturating_abs();
    let mut parts = Vec::new();
    for (name, length) in UNITS {
        let count = rest / length;
        rest %= length;
        if count > 0 {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() {
        "less than a second".to_owned()
    } else {
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (millis, text) in [
            (0, "less than a second"),
            (999, "less than a second"),
            (1_000, "1 second"),
            (180_000, "3 minutes"),
            (-93_784_005, "1 day 2 hours"),
            (86_400_000 + 60_000, "1 day"),
            (19 * 86_400_000, "19 days"),
        ] {
            assert_eq!(duration(millis), text, "{millis}");
        }
    }

    #[test]
    fn a_conjunction_takes_the_worst() {
        let all = |verdicts: &[Verdict]| {
            Answer::all(verdicts.iter().map(|verdict| Answer::new(*verdict, ".")))
                .map(|answer| answer.verdict)
        };
        use Verdict::{Disproven, NotProvable, Proven};
        assert_eq!(all(&[Proven, Proven]), Some(Proven));
        assert_eq!(all(&[Proven, NotProvable]), Some(NotProvable));
        assert_eq!(all(&[NotProvable, Disproven, Proven]), Some(Disproven));
        assert_eq!(all(&[]), None);
    }
}
