//! A pack as it stands in its file.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::vocabulary::{Class, Event, Purpose, Role};

use super::{PackError, Severity};

/// The `format` of every pack.
pub(super) const FORMAT: &str = "trialseal-pack/v1";
/// Most bytes in a pack.
const BYTES_MAX: usize = 64 << 10;
/// Most subjects, and most rules.
const ENTRIES_MAX: usize = 64;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    format: String,
    pub(super) name: String,
    pub(super) title: String,
    /// What the title says besides where the trial is open-label.
    pub(super) open_label: Option<String>,
    #[serde(rename = "subject")]
    pub(super) subjects: Vec<Subject>,
    #[serde(rename = "rule")]
    pub(super) rules: Vec<Rule>,
}

/// Which records a rule is about.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subject {
    pub(super) name: String,
    /// What it is called in sentences.
    pub(super) words: String,
    #[serde(default)]
    pub(super) classes: Vec<Code<Class>>,
    pub(super) events: Vec<Code<Event>>,
    #[serde(default)]
    pub(super) purposes: Vec<Code<Purpose>>,
    /// Only what covers the whole trial, and all of the data.
    #[serde(default)]
    pub(super) full: bool,
    /// Only records of the first class of which there are any.
    #[serde(default)]
    pub(super) prefer: bool,
    pub(super) pick: Pick,
    /// Of several the last that is shown to precede this event.
    pub(super) preceding: Option<String>,
    /// Only what was put on record after this one.
    pub(super) after: Option<String>,
    /// An event that ends what it links to.
    pub(super) undone_by: Option<Code<Event>>,
    /// What stands for it in an open-label trial.
    pub(super) open_label: Option<Stand>,
}

/// What stands for a subject in an open-label trial.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stand {
    pub(super) words: String,
    pub(super) classes: Vec<Code<Class>>,
    pub(super) events: Vec<Code<Event>>,
    #[serde(default)]
    pub(super) purposes: Vec<Code<Purpose>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Pick {
    First,
    Last,
    All,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) severity: SeverityCode,
    pub(super) title: String,
    pub(super) all: Vec<Check>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "check", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Check {
    /// Each subject existed before the event happened.
    Preceded { subject: String, event: String },
    /// Everybody who signed the subject held only blinded grants then.
    BlindedSigners { subject: String },
    /// Each subject uses the other as input.
    Uses { subject: String, of: String },
    /// Each subject was put on record after the other.
    RecordedAfter { subject: String, of: String },
    /// What was opened of the subject is what was sealed; asked of this class only.
    OpenedMatches { subject: String, class: Code<Class> },
    /// Each subject is signed by distinct persons in these roles.
    Countersigned { subject: String, roles: Vec<Code<Role>> },
    /// A record of this class links to each subject.
    LinkedFrom { subject: String, class: Code<Class> },
    /// The subject was put on record in time.
    Contemporaneous { subject: String, hours: Option<u32> },
    /// The subjects, for information.
    List { subject: String, words: String },
}

impl Check {
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Preceded { subject, event } => vec![subject, event],
            Self::Uses { subject, of } | Self::RecordedAfter { subject, of } => vec![subject, of],
            Self::BlindedSigners { subject }
            | Self::OpenedMatches { subject, .. }
            | Self::Countersigned { subject, .. }
            | Self::LinkedFrom { subject, .. }
            | Self::Contemporaneous { subject, .. }
            | Self::List { subject, .. } => vec![subject],
        }
    }
}

/// A code of the vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code<T>(pub(super) T);

impl<'de, T> Deserialize<'de> for Code<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// A severity.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeverityCode(pub(super) Severity);

impl<'de> Deserialize<'de> for SeverityCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "fail" => Ok(Self(Severity::Fail)),
            "warn" => Ok(Self(Severity::Warn)),
            "list" => Ok(Self(Severity::List)),
            _ => Err(serde::de::Error::custom("a severity is fail, warn or list")),
        }
    }
}

pub(super) fn read(text: &str) -> Result<File, PackError> {
    let refuse = |problem: String| Err(PackError(problem));
    if text.len() > BYTES_MAX {
        return refuse(format!(
            "it has {} bytes; at most {BYTES_MAX} are allowed",
            text.len()
        ));
    }
    let file: File = toml::from_str(text).map_err(|error| PackError(error.to_string().trim().to_owned()))?;
    if file.format != FORMAT {
        return refuse(format!("its format is not {FORMAT}"));
    }
    if file.subjects.len() > ENTRIES_MAX || file.rules.len() > ENTRIES_MAX || file.rules.is_empty() {
        return refuse(format!(
            "it has to have 1 to {ENTRIES_MAX} rules, and at most as many subjects"
        ));
    }
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for subject in &file.subjects {
        for other in subject.preceding.iter().chain(&subject.after) {
            // What a subject refers to stands above it, so that nothing goes round in circles.
            if !known.contains(other.as_str()) {
                return refuse(format!(
                    "the subject {} refers to {other}, which does not stand above it",
                    subject.name
                ));
            }
        }
        if !known.insert(&subject.name) {
            return refuse(format!("the subject {} stands twice", subject.name));
        }
    }
    let mut ids = BTreeSet::new();
    for rule in &file.rules {
        if !ids.insert(&rule.id) || rule.all.is_empty() {
            return refuse(format!("the rule {} stands twice or checks nothing", rule.id));
        }
        for name in rule.all.iter().flat_map(Check::names) {
            if !known.contains(name) {
                return refuse(format!(
                    "the rule {} is about {name}, which is no subject",
                    rule.id
                ));
            }
        }
    }
    Ok(file)
}
