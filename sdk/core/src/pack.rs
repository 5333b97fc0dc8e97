//! Packs: rules about the order of things in a trial, as data, checked together.

use crate::assertion::{Answer, Verdict};
use crate::dossier::{Completeness, Dossier, Refused};
use crate::hash::{Hash, RecordId, sha256};
use crate::identifiers::RegisterName;
use crate::time::Instant;

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
    name: String,
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
const BUILTIN: [(&str, &str); 0] = [];

impl Pack {
    /// A pack that is built in: `ich-e9` or `prospective`.
    #[must_use]
    pub fn builtin(name: &str) -> Option<Self> {
        let (_, text) = BUILTIN.iter().find(|(own, _)| *own == name)?;
        Self::parse(text).ok()
    }

    /// Reads a pack.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PackError> {
        let _: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| PackError(error.to_string()))?;
        Ok(Self {
            name: String::new(),
            sha256: sha256(text.as_bytes()),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of its text.
    #[must_use]
    pub const fn sha256(&self) -> Hash {
        self.sha256
    }

    /// Checks a register.
    #[must_use]
    pub fn check(&self, dossier: &Dossier, register: &RegisterName) -> PackReport {
        PackReport {
            pack: self.name.clone(),
            pack_sha256: self.sha256,
            trust_sha256: dossier.trust_fingerprint(),
            title: String::new(),
            register: register.clone(),
            at: dossier.at(),
            verdict: Verdict::NotProvable,
            sentence: "Nothing was judged.".to_owned(),
            completeness: dossier.completeness(register),
            refused: dossier.refused().to_vec(),
            subjects: Vec::new(),
            rules: Vec::new(),
            limits: String::new(),
        }
    }
}
