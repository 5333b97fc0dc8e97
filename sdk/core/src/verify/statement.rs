//! Judging a register statement: that the notary made it, and that the lines shown stand in it.

use crate::checkpoint::{Checkpoint, Origin};
use crate::entry::Statement;
use crate::hash::{Hash, RecordId};
use crate::index::{LogIndex, LogSize, Sequence};
use crate::merkle::inclusion::verify_inclusion;
use crate::merkle::leaf_hash;
use crate::register_chain::StatedHead;
use crate::register_statement::{RegisterStatement, ShownLine};
use crate::time::Instant;
use crate::tlog_proof::TlogProof;
use crate::trust::Level;

use super::Verifier;
use super::element::{self, Claim, Element};
use super::report::{Outcome, Step, StepReport, StepResult, Steps};

/// What a statement says of one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterLine {
    /// Id of its first record, by which a register is named there.
    pub id: RecordId,
    /// How many records it has.
    pub size: Sequence,
    /// Id of its last record.
    pub head: RecordId,
}

/// What the verification of a register statement says.
#[derive(Clone, Debug)]
pub struct StatementReport {
    /// The steps in order; those of evidence elements once for each.
    pub steps: Vec<StepReport>,
    /// The whole.
    pub outcome: Outcome,
    /// The log that holds the statement, where its evidence could be read.
    pub log: Option<Origin>,
    /// The statement's index there.
    pub index: Option<LogIndex>,
    /// The log size that it covers.
    pub log_size: LogSize,
    /// When the notary says that it made it.
    pub at: Instant,
    /// How many registers there were.
    pub count: u64,
    /// The register's own line; none where the neighbours prove that it was not among them.
    pub line: Option<RegisterLine>,
    /// The highest level that an evidence element has.
    pub level: Option<Level>,
    /// The earliest independent time over the statement; none where it rests on the notary alone.
    pub independent_time: Option<Instant>,
    /// What each evidence element is worth.
    pub elements: Vec<Element>,
    /// The verdict as one plain sentence.
    pub sentence: String,
}

impl StatementReport {
    /// What the statement says of the register, to hold records against; none unless the statement is by the
    /// notary and holds the register's line. `name` is what the statement is called.
    #[must_use]
    pub fn stated_head(&self, name: &str) -> Option<StatedHead> {
        let line = self.line.filter(|_| self.level.is_some())?;
        if self.outcome == Outcome::Failed {
            return None;
        }
        Some(StatedHead {
            name: name.to_owned(),
            log: self.log.clone()?,
            log_size: self.log_size,
            at: self.at,
            first: line.id,
            size: line.size.get(),
            head: line.head,
        })
    }
}

/// Judges a register statement.
pub(super) fn verify(verifier: &Verifier<'_>, statement: &RegisterStatement) -> StatementReport {
    let trust = verifier.trust;
    let mut steps = Steps::default();
    let form = "The file has the form of a register statement.".to_owned();
    steps.add(Step::Parse, StepResult::Passed, form);
    let line = match check_lines(statement) {
        Ok((line, sentence)) => {
            steps.add(Step::Lines, StepResult::Passed, sentence);
            line
        }
        Err(sentence) => {
            steps.add(Step::Lines, StepResult::Failed, sentence);
            None
        }
    };
    let first = statement
        .evidence()
        .first()
        .and_then(|first| TlogProof::parse(&first.proof).ok());
    let log = first
        .as_ref()
        .and_then(|proof| Checkpoint::parse(proof.checkpoint.text()).ok())
        .map(|checkpoint| checkpoint.origin);
    let index = first.as_ref().map(|proof| proof.index);
    let unreadable = || "The first proof could not be read.".to_owned();
    let claim = Claim {
        noun: "statement",
        said_by: "the first proof",
        done: "it made the statement",
        leaf: statement.leaf(),
        origin: log.as_ref().map(Origin::as_str).ok_or_else(unreadable),
        index: index
            .ok_or_else(unreadable)
            .and_then(|index| covers(statement, index)),
        claimed_at: Ok(statement.at()),
        verifier,
    };
    let elements = element::check_claim(&claim, statement.evidence(), &mut steps);
    let outcome = if steps.any(StepResult::Failed) {
        Outcome::Failed
    } else if elements.iter().any(|element| element.meets(trust.require())) && !trust.is_bundled() {
        Outcome::Passed
    } else {
        Outcome::Indeterminate
    };
    let independent_time = elements.iter().filter_map(|element| element.time).min();
    let mut report = StatementReport {
        steps: steps.into_vec(),
        outcome,
        index,
        log_size: statement.size(),
        at: statement.at(),
        count: statement.count(),
        line,
        level: elements.iter().filter_map(Element::level).max(),
        independent_time,
        elements,
        sentence: String::new(),
        log,
    };
    report.sentence = sentence(&report, statement.register());
    report
}

/// A statement speaks of entries before its own.
fn covers(statement: &RegisterStatement, index: LogIndex) -> Result<LogIndex, String> {
    if statement.size().get() <= index.get() {
        return Ok(index);
    }
    Err(format!(
        "The statement is entry {index} and says that it covers {} entries, its own and later ones among them.",
        statement.size()
    ))
}

/// Checks that the lines stand in the statement side by side, with nothing between them, and finds the
/// register's own, or that it has none.
fn check_lines(statement: &RegisterStatement) -> Result<(Option<RegisterLine>, String), String> {
    let Statement::Registers { count, root, .. } = statement.statement() else {
        return Err("This statement of the notary is not about registers.".to_owned());
    };
    let size =
        LogSize::new(*count).map_err(|error| format!("The number of registers is refused: {error}."))?;
    let lines = statement.lines();
    for line in lines {
        check_line(line, size, root)?;
    }
    for (before, after) in lines.iter().zip(lines.iter().skip(1)) {
        if before.position.checked_add(1) != Some(after.position) {
            return Err(format!(
                "Lines {} and {} do not stand side by side.",
                before.position, after.position
            ));
        }
        // Equal ids would be two lines for one register.
        if before.line.id.as_bytes() >= after.line.id.as_bytes() {
            return Err(format!(
                "Line {} does not come before line {} in order: the notary's statement is malformed.",
                before.position, after.position
            ));
        }
    }
    let id = statement.id();
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        return Err("No line is shown.".to_owned());
    };
    if let Some(own) = lines.iter().find(|line| line.line.id == *id) {
        let before = own.position == 0 || first.position < own.position;
        let after = own.position + 1 == *count || last.position > own.position;
        if before && after {
            let sentence = format!(
                "Line {} of {count} is this register's: {} records. Both sides are shown.",
                own.position, own.line.size
            );
            return Ok((Some(own.line), sentence));
        }
        return Err(
            "A line beside the register's own is missing: a second line of it could be hidden.".to_owned(),
        );
    }
    let fits_before = first.position == 0 || first.line.id.as_bytes() < id.as_bytes();
    let fits_after = last.position + 1 == *count || id.as_bytes() < last.line.id.as_bytes();
    let between = first.line.id.as_bytes() < id.as_bytes() || last.line.id.as_bytes() > id.as_bytes();
    if fits_before && fits_after && between {
        let sentence = format!("The register is not among the {count} that are stated.");
        return Ok((None, sentence));
    }
    Err("The register's own line is not shown.".to_owned())
}

fn check_line(line: &ShownLine, count: LogSize, root: &Hash) -> Result<(), String> {
    let problem = |error: &dyn std::fmt::Display| {
        format!("Line {} does not stand in the statement: {error}.", line.position)
    };
    let index = LogIndex::new(line.position).map_err(|error| problem(&error))?;
    verify_inclusion(leaf_hash(line.text.as_bytes()), index, count, &line.path, root)
        .map_err(|error| problem(&error))
}

fn sentence(report: &StatementReport, register: &str) -> String {
    let (at, size) = (report.at, report.log_size);
    if report.outcome == Outcome::Failed {
        let failed = report.steps.iter().find(|step| step.result == StepResult::Failed);
        let why = failed.map_or("", |step| step.sentence.as_str());
        return format!("This register statement proves nothing about {register}: {why}");
    }
    let time = match report.independent_time {
        Some(time) => format!("the statement existed no later than {time}"),
        None => "nothing independent says when".to_owned(),
    };
    let says = match report.line {
        Some(line) => format!("{register} has {} records, the last one {}", line.size, line.head),
        None => format!("{register} is not among its {} registers", report.count),
    };
    let log = report.log.as_ref().map_or("unknown", Origin::as_str);
    format!(
        "The notary states, at {at} by its own clock, that after {size} entries of the log {log} {says}; {time}."
    )
}
