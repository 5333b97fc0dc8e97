//! Packs: rules about the order of things in a trial, as data, checked together.
//!
//! A pack names subjects (which records it is about) and rules (what is asked of them). Which record is the first or
//! the last of its kind can only be told where the register is complete, so that is part of every rule that judges.
//! Two packs are built in; others are files of the same form.

mod check;
mod file;
mod subjects;

use crate::assertion::{Answer, Verdict, complete};
use crate::dossier::{Completeness, Dossier, Refused};
use crate::hash::{Hash, RecordId, sha256};
use crate::identifiers::RegisterName;
use crate::time::Instant;

use subjects::Subjects;

/// What a rule that does not hold means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The pack takes its verdict.
    Fail,
    /// It is shown beside the verdict.
    Warn,
    /// It lists, and judges nothing.
    List,
}

impl Severity {
    /// The severity as it stands in a pack.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::List => "list",
        }
    }
}

/// Why a text is no pack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pack: {0}")]
pub struct PackError(pub(crate) String);

/// Rules under a title.
#[derive(Clone, Debug)]
pub struct Pack {
    file: file::File,
    sha256: Hash,
}

/// How one rule came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleResult {
    /// Its id, e.g. `R1`.
    pub id: String,
    /// What it means if it does not hold.
    pub severity: Severity,
    /// What it asks, one line.
    pub title: String,
    /// The answer.
    pub answer: Answer,
}

/// How a pack came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackReport {
    /// The pack's name.
    pub pack: String,
    /// SHA-256 of the pack's text.
    pub pack_sha256: Hash,
    /// SHA-256 of the trust file.
    pub trust_sha256: Hash,
    /// The title; it says so where the trial is open-label.
    pub title: String,
    /// Whether the trial is open-label, as its settings say.
    pub is_open_label: bool,
    /// The register.
    pub register: RegisterName,
    /// The time of evaluation.
    pub at: Instant,
    /// The worst of the rules that can fail.
    pub verdict: Verdict,
    /// One plain sentence.
    pub sentence: String,
    /// Up to where the register is complete.
    pub completeness: Completeness,
    /// What proves nothing; to be said first.
    pub refused: Vec<Refused>,
    /// The records that the rules are about, by the names of the pack, e.g. `plan`.
    pub subjects: Vec<(String, RecordId)>,
    /// The rules.
    pub rules: Vec<RuleResult>,
    /// What the notary proves, and does not: above the fold.
    pub limits: String,
}

/// The packs that are built in, by name.
const BUILTIN: [(&str, &str); 2] = [
    ("ich-e9", include_str!("pack/ich-e9.toml")),
    ("prospective", include_str!("pack/prospective.toml")),
];

/// What stands above the fold of every certificate.
pub const LIMITS: &str = "The notary shows that these bytes existed no later than a time, in which order they were put \
    on record, and who vouched for them. It does not show that what they say is true, when something happened in the \
    world, or that something did not exist before.";

impl Pack {
    /// The names of the packs that are built in.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// The text of a pack that is built in, to start one's own from.
    #[must_use]
    pub fn builtin_text(name: &str) -> Option<&'static str> {
        BUILTIN
            .iter()
            .find(|(own, _)| *own == name)
            .map(|(_, text)| *text)
    }

    /// A pack that is built in: `ich-e9` or `prospective`.
    #[must_use]
    pub fn builtin(name: &str) -> Option<Self> {
        Self::parse(Self::builtin_text(name)?).ok()
    }

    /// Reads a pack.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PackError> {
        Ok(Self {
            file: file::read(text)?,
            sha256: sha256(text.as_bytes()),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// SHA-256 of its text.
    #[must_use]
    pub const fn sha256(&self) -> Hash {
        self.sha256
    }

    /// Checks a register.
    #[must_use]
    pub fn check(&self, dossier: &Dossier, register: &RegisterName) -> PackReport {
        let subjects = Subjects::of(&self.file, dossier, register);
        let completeness = dossier.completeness(register);
        // Which is the first or the last of its kind can only be told where none is missing.
        let whole = complete(dossier, register).err();
        let results = self.file.rules.iter().map(|rule| {
            let severity = rule.severity.0;
            let answer = check::rule(rule, &subjects);
            let answer = match &whole {
                Some(incomplete) if severity != Severity::List => {
                    Answer::all([answer.clone(), incomplete.clone()]).unwrap_or(answer)
                }
                _ => answer,
            };
            RuleResult {
                id: rule.id.clone(),
                severity,
                title: rule.title.clone(),
                answer: answer.under(dossier),
            }
        });
        let rules: Vec<RuleResult> = results.collect();
        let can_fail = || rules.iter().filter(|rule| rule.severity == Severity::Fail);
        let verdict = check::verdict(can_fail().map(|rule| &rule.answer));
        let sentence = match can_fail().find(|rule| rule.answer.verdict == verdict) {
            Some(rule) if verdict != Verdict::Proven => {
                format!("{} is {verdict}: {}", rule.id, rule.answer.sentence)
            }
            _ => {
                let until = completeness
                    .complete_to
                    .as_ref()
                    .map_or_else(String::new, |k| format!(" {}", k.phrase()));
                format!(
                    "All {} rules that can fail hold for {register}{until}.",
                    can_fail().count()
                )
            }
        };
        let of_subject = |(name, found): (&String, &subjects::Found<'_>)| -> Vec<(String, RecordId)> {
            found
                .facts
                .iter()
                .map(|fact| (name.clone(), fact.record))
                .collect()
        };
        PackReport {
            pack: self.file.name.clone(),
            pack_sha256: self.sha256,
            trust_sha256: dossier.trust_fingerprint(),
            title: match &self.file.open_label {
                Some(said) if subjects.is_open_label => format!("{} {said}", self.file.title),
                _ => self.file.title.clone(),
            },
            is_open_label: subjects.is_open_label,
            register: register.clone(),
            at: dossier.at(),
            verdict,
            sentence,
            completeness,
            refused: dossier.refused().to_vec(),
            subjects: subjects.all().flat_map(of_subject).collect(),
            rules,
            limits: LIMITS.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packs_that_are_built_in_read() {
        for name in Pack::builtin_names() {
            let pack = Pack::parse(Pack::builtin_text(name).unwrap()).unwrap();
            assert_eq!(pack.name(), name);
        }
        assert!(Pack::builtin("ich-e10").is_none());
    }

    #[test]
    fn what_is_no_pack_is_refused_with_the_reason() {
        let text = Pack::builtin_text("prospective").unwrap();
        for (from, to, reason) in [
            ("pack/v1", "pack/v2", "its format is not trialseal-pack/v1"),
            ("\"first\"", "\"middle\"", "middle"),
            ("\"finalised\"", "\"locked\"", "is not a known event"),
            (
                "severity = \"fail\"",
                "severity = \"bad\"",
                "a severity is fail, warn or list",
            ),
            (
                "preceding = \"first-participant\"",
                "preceding = \"protocol\"",
                "does not stand above it",
            ),
            ("id = \"P2\"", "id = \"P1\"", "stands twice"),
            (
                "subject = \"protocol\"",
                "subject = \"plan\"",
                "which is no subject",
            ),
            ("check = \"preceded\"", "check = \"wished\"", "wished"),
            ("words = \"registry entry\"", "word = \"registry entry\"", "word"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            let error = Pack::parse(&changed).unwrap_err().to_string();
            assert!(error.contains(reason), "{from}: {error}");
        }
    }
}
