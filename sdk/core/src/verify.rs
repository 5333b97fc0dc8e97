//! Judging a receipt.
//!
//! The steps run in the order of the specification, each with a result and one sentence; all run,
//! but after a failed `parse`. The steps to `log` are always asked for, `witnesses` and `timestamps`
//! by the trust file's `require`, `file` by giving a file. Nothing here opens a socket, reads a file
//! or looks at a clock.
//!
//! `inclusion`, `log`, `witnesses` and `timestamps` are judged for each evidence element. A failure
//! in any of them fails the receipt. It passes where one element passes all that were asked for:
//! evidence is appended over the years, and what an early element lacks a later one supplies.

mod element;
mod file;
mod folder;
mod loose;
mod note;
mod parts;
mod report;
mod statement;
mod submission;
mod timestamps;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::hash::{Hash, RecordId};
use crate::receipt::{PartObjects, Receipt};
use crate::register_statement::RegisterStatement;
use crate::time::Instant;
use crate::trust::{Level, Trust};

pub use element::{CLOCK_STEP_MILLIS_MAX, Element};
pub use file::{FileQuery, FileVerdict};
pub use folder::{FolderEntry, FolderVerdict, compare_folder};
pub use report::{Outcome, Report, Step, StepReport, StepResult};
pub use statement::{RegisterLine, StatementReport};

use note::CheckedNote;
use report::Steps;

/// By how much honest clocks may differ before a warning says so.
pub const CLOCKS_APART_MILLIS: i64 = 60_000;

/// Judges a receipt under a trust file, at a time, and a file with it where one is given.
#[must_use]
pub fn verify(receipt: &[u8], trust: &Trust, at: Instant, file: &FileQuery) -> Report {
    Verifier::new(trust, at).verify(receipt, file)
}

/// Judges receipts under one trust file and at one time. Receipts of one log share checkpoints; the
/// signatures of each are checked once.
#[derive(Debug)]
pub struct Verifier<'t> {
    trust: &'t Trust,
    at: Instant,
    notes: RefCell<HashMap<Hash, Rc<CheckedNote>>>,
}

impl<'t> Verifier<'t> {
    /// Nothing is checked yet.
    #[must_use]
    pub fn new(trust: &'t Trust, at: Instant) -> Self {
        Self {
            trust,
            at,
            notes: RefCell::default(),
        }
    }

    /// Judges a receipt, and a file with it where one is given.
    #[must_use]
    pub fn verify(&self, receipt: &[u8], file: &FileQuery) -> Report {
        judge(self, receipt, file)
    }

    /// Judges a register statement.
    #[must_use]
    pub fn verify_statement(&self, statement: &RegisterStatement) -> StatementReport {
        statement::verify(self, statement)
    }
}

fn judge(verifier: &Verifier<'_>, receipt: &[u8], file: &FileQuery) -> Report {
    let (trust, at) = (verifier.trust, verifier.at);
    let mut steps = Steps::default();
    let (receipt, parts) = match Receipt::parse_with_parts(receipt) {
        Ok(parsed) => parsed,
        Err(error) => {
            steps.add(
                Step::Parse,
                StepResult::Failed,
                format!("This is not a receipt: {error}."),
            );
            return Report::unreadable(steps, at, trust);
        }
    };
    steps.add(
        Step::Parse,
        StepResult::Passed,
        "The file has the form of a receipt.".to_owned(),
    );
    let subject = Subject {
        record: receipt.record().leaves().root(),
        receipt: &receipt,
        parts: &parts,
        verifier,
    };
    parts::check(&subject, &mut steps);
    submission::check(&subject, &mut steps);
    let elements = element::check(&subject, &mut steps);
    let file = file::check(&subject, file, &mut steps);
    let outcome = outcome(&steps, &elements, trust, file.was_asked_for);
    let record = subject.record;
    let level = elements.iter().filter_map(Element::level).max();
    let independent_time = elements.iter().filter_map(|element| element.time).min();
    Report {
        steps: steps.into_vec(),
        outcome,
        at,
        trust_fingerprint: trust.fingerprint(),
        level,
        independent_time,
        warnings: warnings(&subject, level, independent_time),
        file: file.verdict,
        opening: file.opening,
        elements,
        record: Some(record),
        receipt: Some(receipt),
    }
}

/// What is judged, and by whose standard.
struct Subject<'a> {
    receipt: &'a Receipt,
    parts: &'a PartObjects,
    record: RecordId,
    verifier: &'a Verifier<'a>,
}

/// What the verdict does not say.
fn warnings(subject: &Subject<'_>, level: Option<Level>, independent_time: Option<Instant>) -> Vec<String> {
    let mut warnings = Vec::new();
    let Some(time) = independent_time else {
        if level.is_some() {
            warnings
                .push("No witness or authority says when: the receipt rests on the notary alone.".to_owned());
        }
        return warnings;
    };
    let received_at = loose::instant("when", &subject.parts.when, "received_at").ok();
    if let Some(received_at) =
        received_at.filter(|received_at| time.plus_millis(CLOCKS_APART_MILLIS) < *received_at)
    {
        warnings.push(format!(
            "Independent evidence of {time} is older than {received_at}, when the notary says that it received the \
             record: a clock was wrong, or a key was misused."
        ));
    }
    warnings
}

fn outcome(steps: &Steps, elements: &[Element], trust: &Trust, file_was_given: bool) -> Outcome {
    if steps.any(StepResult::Failed) {
        return Outcome::Failed;
    }
    let passed = |step: Step| steps.result_of(step) == Some(StepResult::Passed);
    let whole = passed(Step::Parse) && passed(Step::Record) && passed(Step::Submission);
    let evidence = elements.iter().any(|element| element.meets(trust.require()));
    let file = !file_was_given || passed(Step::File);
    // Trust that came together with what it judges proves nothing by itself.
    if whole && evidence && file && !trust.is_bundled() {
        Outcome::Passed
    } else {
        Outcome::Indeterminate
    }
}
