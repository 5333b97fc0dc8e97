//! What was found out about one register: verdicts with their sentences, for people and for machines.

mod junit;
mod summary;

use std::path::Path;

use serde_json::{Value, json};
use trialseal::durable::{self, Access};

use crate::errors::{self, Ended};
use crate::outcome::{Answer, Exit, count};

const BUNDLED: &str = "The trust file came together with the evidence and proves nothing by itself.";

const BUNDLED_NEXT: &str =
    "Get the trust file from somebody else than the bundle, compare its SHA-256, and give it with --trust.";

/// A verdict over one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Proven,
    Disproven,
    NotProvable,
}

impl Verdict {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "PROVEN",
            Self::Disproven => "DISPROVEN",
            Self::NotProvable => "NOT PROVABLE",
        }
    }

    pub(crate) const fn exit(self) -> Exit {
        match self {
            Self::Proven => Exit::Done,
            Self::Disproven => Exit::Disproven,
            Self::NotProvable => Exit::NotProvable,
        }
    }
}

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// It decides.
    Fail,
    /// It is said, and decides nothing.
    Warn,
    /// It is a list.
    List,
}

impl Severity {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::List => "list",
        }
    }
}

/// The answer to one question.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// `R1`, or the question.
    pub(crate) id: String,
    /// What was asked, in a few words.
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) verdict: Verdict,
    pub(crate) sentence: String,
    pub(crate) because: Vec<String>,
    pub(crate) next: Option<String>,
}

/// A file that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedFile {
    pub(crate) name: String,
    pub(crate) sentence: String,
}

/// By what standard everything was judged, and how to name it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Basis {
    /// The log's origins.
    pub(crate) origins: Vec<String>,
    /// The largest log index among the records.
    pub(crate) index: Option<u64>,
    /// The root of the newest checkpoint, base64.
    pub(crate) root: Option<String>,
    /// The lowest level among the records.
    pub(crate) level: Option<String>,
    pub(crate) at: String,
    pub(crate) trust_sha256: String,
    pub(crate) pack_sha256: Option<String>,
    /// The trust file came together with what was judged.
    pub(crate) is_bundled: bool,
}

impl Basis {
    /// Names and values, as JUnit and JSON have them.
    fn properties(&self) -> Vec<(&'static str, String)> {
        let mut properties = vec![
            ("origin", self.origins.join(" ")),
            (
                "index",
                self.index.map(|index| index.to_string()).unwrap_or_default(),
            ),
            ("root", self.root.clone().unwrap_or_default()),
            ("level", self.level.clone().unwrap_or_default()),
            ("at", self.at.clone()),
            ("trust_sha256", self.trust_sha256.clone()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        if let Some(pack) = &self.pack_sha256 {
            properties.push(("pack_sha256", pack.clone()));
        }
        properties
    }
}

/// Everything that a command found out.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    /// `check`, `ask before`.
    pub(crate) command: String,
    /// The register, where one was judged.
    pub(crate) register: Option<String>,
    /// The record in question, where there is one.
    pub(crate) record: Option<String>,
    pub(crate) verdict: Verdict,
    pub(crate) sentence: String,
    pub(crate) because: Vec<String>,
    pub(crate) next: Option<String>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) refused: Vec<RefusedFile>,
    pub(crate) basis: Basis,
}

impl Findings {
    /// Trust from inside a bundle decides nothing: what the core has not held back yet is held back here.
    #[must_use]
    pub(crate) fn judged(mut self) -> Self {
        if !self.basis.is_bundled {
            return self;
        }
        if matches!(self.verdict, Verdict::Proven | Verdict::Disproven) {
            let would_be = format!(
                "Under it this would be {}: {}",
                self.verdict.as_str(),
                self.sentence
            );
            self.because.insert(0, would_be);
            self.verdict = Verdict::NotProvable;
            self.sentence = BUNDLED.to_owned();
            self.next = Some(BUNDLED_NEXT.to_owned());
        }
        for finding in &mut self.findings {
            let decided = matches!(finding.verdict, Verdict::Proven | Verdict::Disproven);
            if decided && finding.severity != Severity::List {
                let would_be = format!(
                    "{BUNDLED} Under it: {}: {}",
                    finding.verdict.as_str(),
                    finding.sentence
                );
                (finding.verdict, finding.sentence) = (Verdict::NotProvable, would_be);
            }
        }
        self
    }

    /// The exit code: refused evidence is never passed over.
    pub(crate) fn exit(&self) -> Exit {
        if self.refused.is_empty() {
            self.verdict.exit()
        } else {
            Exit::Disproven
        }
    }

    /// The command's answer, with everything that a machine may want.
    pub(crate) fn answer(&self) -> Answer {
        let mut answer = Answer::new(self.exit(), self.verdict.as_str(), self.sentence.clone());
        if !self.refused.is_empty() {
            answer = answer.because(format!(
                "What is REFUSED proved nothing: {}.",
                count(self.refused.len(), "item")
            ));
        }
        answer.because.extend(self.because.iter().cloned());
        answer.next = self.next.clone();
        let findings = self.findings.iter().map(|one| {
            json!({
                "id": one.id,
                "title": one.title,
                "severity": one.severity.as_str(),
                "verdict": one.verdict.as_str(),
                "sentence": one.sentence,
                "because": one.because,
                "next": one.next,
            })
        });
        let refused = self
            .refused
            .iter()
            .map(|one| json!({"name": one.name, "sentence": one.sentence}));
        answer = answer
            .with("command", self.command.clone())
            .with("register", self.register.clone())
            .with("record", self.record.clone())
            .with("findings", findings.collect::<Vec<Value>>())
            .with("refused", refused.collect::<Vec<Value>>())
            .with("bundled_trust", self.basis.is_bundled);
        self.basis
            .properties()
            .into_iter()
            .fold(answer, |answer, (name, value)| answer.with(name, value))
    }

    /// Writes JUnit and the Markdown summary where they were asked for.
    pub(crate) fn write_reports(&self, junit: Option<&Path>, summary: Option<&Path>) -> Result<(), Ended> {
        if let Some(path) = junit {
            write(path, &junit::document(self))?;
        }
        if let Some(path) = summary {
            write(path, &summary::document(self))?;
        }
        Ok(())
    }

    /// `check trial:NCT04573309 record 3`: the name of the suite.
    fn suite(&self) -> String {
        let mut name = self.command.clone();
        for (before, part) in [("", &self.register), ("record ", &self.record)] {
            if let Some(part) = part {
                name.push(' ');
                name.push_str(before);
                name.push_str(part);
            }
        }
        name
    }
}

/// JUnit and summary for a command that ended before it could judge anything.
pub(crate) fn write_error(
    command: &str,
    ended: &Answer,
    junit: Option<&Path>,
    summary: Option<&Path>,
) -> Result<(), Ended> {
    if let Some(path) = junit {
        write(path, &junit::error_document(command, ended))?;
    }
    if let Some(path) = summary {
        write(path, &summary::error_document(command, ended))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Ended> {
    durable::replace(path, text.as_bytes(), Access::Default)
        .map_err(|error| errors::cannot_write_output(path, &error))
}

#[cfg(test)]
mod tests;
