//! What was shown of a register, however it came.

use trialseal::core::identifiers::RegisterName;
use trialseal::core::receipt::Receipt;
use trialseal::core::record::Part;
use trialseal::core::register_chain::{Placed, StatedHead};
use trialseal::core::register_statement::RegisterStatement;
use trialseal::core::time::Instant;
use trialseal::core::verify::StatementReport;
use trialseal::{WithheldPart, WithheldWhy};

/// One record as it was shown.
pub(super) struct Record {
    pub(super) placed: Placed,
    pub(super) receipt: Receipt,
    /// What the notary says of the parts that it does not show; empty where nobody was asked.
    pub(super) withheld: Vec<WithheldPart>,
}

/// A statement, judged.
pub(super) struct Stated {
    pub(super) name: String,
    pub(super) statement: RegisterStatement,
    pub(super) report: StatementReport,
}

impl Stated {
    pub(super) fn head(&self) -> Option<StatedHead> {
        self.report.stated_head(&self.name)
    }
}

/// Everything that was shown.
pub(super) struct Shown {
    pub(super) register: RegisterName,
    pub(super) records: Vec<Record>,
    /// Receipts of other registers: the enrolments of those who signed.
    pub(super) accounts: Vec<Receipt>,
    pub(super) statements: Vec<Stated>,
    /// What does not verify, in sentences.
    pub(super) refused: Vec<String>,
    /// Why there is no statement, where there is none.
    pub(super) no_statement: Option<String>,
    /// From when on a statement about the newest records can be had.
    pub(super) fresh_from: Option<Instant>,
    /// Other registers that claim the same trial.
    pub(super) rivals: Vec<String>,
}

impl Shown {
    pub(super) fn new(register: &RegisterName) -> Self {
        Self {
            register: register.clone(),
            records: Vec::new(),
            accounts: Vec::new(),
            statements: Vec::new(),
            refused: Vec::new(),
            no_statement: None,
            fresh_from: None,
            rivals: Vec::new(),
        }
    }
}

impl Record {
    /// Why a record is shown only with its `when`; none where more is shown.
    pub(super) fn hidden(&self) -> Option<WithheldWhy> {
        if !self.placed.withheld.what {
            return None;
        }
        let of_what = self.withheld.iter().find(|part| part.part == "what");
        Some(match of_what {
            Some(part) => part.why,
            None if self.placed.sealed => WithheldWhy::Sealed,
            None => WithheldWhy::Other,
        })
    }

    /// Whether parts of it were erased.
    pub(super) fn is_erased(&self) -> bool {
        self.withheld.iter().any(|part| part.why == WithheldWhy::Erased)
    }
}

/// The receipt as far as its place needs it: whatever was written by people is withheld.
pub(super) fn only_when(receipt: &Receipt) -> Receipt {
    [Part::What, Part::Who, Part::Why]
        .into_iter()
        .fold(receipt.clone().without_manifest(), Receipt::withholding)
}
