//! What a verification says.

use std::fmt;

use crate::hash::{Hash, RecordId};
use crate::manifest::Opening;
use crate::receipt::Receipt;
use crate::time::Instant;
use crate::trust::{Level, Trust};

use super::element::Element;
use super::file::FileVerdict;

/// A step of the verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The receipt and its shown parts are strict JSON of the right form.
    Parse,
    /// The record root, and `what` agrees with `when`.
    Record,
    /// The submitter's signature.
    Submission,
    /// The record stands in the tree of the checkpoint.
    Inclusion,
    /// The log signed the checkpoint.
    Log,
    /// The witness quorum cosigned it.
    Witnesses,
    /// Authorities timestamped it.
    Timestamps,
    /// The manifest, and the file that is given.
    File,
    /// In a register statement only: the lines shown lead to the stated root.
    Lines,
}

impl Step {
    /// The steps of a receipt in their order.
    pub const ALL: [Self; 8] = [
        Self::Parse,
        Self::Record,
        Self::Submission,
        Self::Inclusion,
        Self::Log,
        Self::Witnesses,
        Self::Timestamps,
        Self::File,
    ];

    /// The step's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Record => "record",
            Self::Submission => "submission",
            Self::Inclusion => "inclusion",
            Self::Log => "log",
            Self::Witnesses => "witnesses",
            Self::Timestamps => "timestamps",
            Self::File => "file",
            Self::Lines => "lines",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepResult {
    /// It holds.
    Passed,
    /// It does not hold.
    Failed,
    /// What is there does not decide it.
    Indeterminate,
    /// It could not be done: something is withheld or was not supplied.
    NotChecked,
}

impl StepResult {
    /// The result in capitals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Failed => "FAILED",
            Self::Indeterminate => "INDETERMINATE",
            Self::NotChecked => "NOT CHECKED",
        }
    }
}

impl fmt::Display for StepResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// The result of a step, with one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// The evidence element, from 0, for the steps that are judged for each.
    pub element: Option<usize>,
    /// The result.
    pub result: StepResult,
    /// One plain sentence.
    pub sentence: String,
}

/// The result of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Everything that was asked for holds.
    Passed,
    /// Something does not hold.
    Failed,
    /// Something that was asked for could not be decided.
    Indeterminate,
}

impl Outcome {
    /// The outcome in capitals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Failed => "FAILED",
            Self::Indeterminate => "INDETERMINATE",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What a verification says.
#[derive(Clone, Debug)]
pub struct Report {
    /// The steps in order; those of evidence elements once for each.
    pub steps: Vec<StepReport>,
    /// The whole.
    pub outcome: Outcome,
    /// The time at which it was judged.
    pub at: Instant,
    /// SHA-256 of the trust file.
    pub trust_fingerprint: Hash,
    /// The highest level that an evidence element has.
    pub level: Option<Level>,
    /// The earliest independent time over the record; none where it rests on the notary alone.
    pub independent_time: Option<Instant>,
    /// What one should know beside the verdict, a sentence each; what the trust file allows unwisely is in
    /// [`Trust::warnings`].
    pub warnings: Vec<String>,
    /// What became of the file, where one was given.
    pub file: Option<FileVerdict>,
    /// The items that the receipt opens, where they lead to the root on record.
    pub opening: Option<Opening>,
    /// What each evidence element is worth, in the order of the receipt.
    pub elements: Vec<Element>,
    /// The record's id, where the receipt could be read.
    pub record: Option<RecordId>,
    /// The receipt, where it could be read.
    pub receipt: Option<Receipt>,
}

impl Report {
    pub(super) fn unreadable(steps: Steps, at: Instant, trust: &Trust) -> Self {
        Self {
            steps: steps.into_vec(),
            outcome: Outcome::Failed,
            at,
            trust_fingerprint: trust.fingerprint(),
            level: None,
            independent_time: None,
            warnings: Vec::new(),
            file: None,
            opening: None,
            elements: Vec::new(),
            record: None,
            receipt: None,
        }
    }

    /// The first step that failed.
    #[must_use]
    pub fn first_failure(&self) -> Option<&StepReport> {
        self.steps
            .iter()
            .find(|report| report.result == StepResult::Failed)
    }

    /// Whether the step failed, for any evidence element.
    #[must_use]
    pub fn has_failed(&self, step: Step) -> bool {
        self.steps
            .iter()
            .any(|report| report.step == step && report.result == StepResult::Failed)
    }
}

/// The steps as they are done.
#[derive(Debug, Default)]
pub(super) struct Steps(Vec<StepReport>);

impl Steps {
    pub(super) fn add(&mut self, step: Step, result: StepResult, sentence: String) {
        self.0.push(StepReport {
            step,
            element: None,
            result,
            sentence,
        });
    }

    pub(super) fn add_for(&mut self, step: Step, element: usize, judged: &Judgement) {
        let (result, sentence) = (judged.result, judged.sentence.clone());
        self.0.push(StepReport {
            step,
            element: Some(element),
            result,
            sentence,
        });
    }

    pub(super) fn any(&self, result: StepResult) -> bool {
        self.0.iter().any(|report| report.result == result)
    }

    pub(super) fn result_of(&self, step: Step) -> Option<StepResult> {
        self.0
            .iter()
            .find(|report| report.step == step)
            .map(|report| report.result)
    }

    pub(super) fn into_vec(self) -> Vec<StepReport> {
        self.0
    }
}

/// A result with its sentence.
#[derive(Clone, Debug)]
pub(super) struct Judgement {
    pub(super) result: StepResult,
    pub(super) sentence: String,
}

impl Judgement {
    pub(super) fn passed(sentence: impl Into<String>) -> Self {
        Self {
            result: StepResult::Passed,
            sentence: sentence.into(),
        }
    }

    pub(super) fn failed(sentence: impl Into<String>) -> Self {
        Self {
            result: StepResult::Failed,
            sentence: sentence.into(),
        }
    }

    pub(super) fn indeterminate(sentence: impl Into<String>) -> Self {
        Self {
            result: StepResult::Indeterminate,
            sentence: sentence.into(),
        }
    }

    pub(super) fn not_checked(sentence: impl Into<String>) -> Self {
        Self {
            result: StepResult::NotChecked,
            sentence: sentence.into(),
        }
    }
}
