//! One receipt of a register: where its record stands, and what of it was shown.

use crate::checkpoint::Origin;
use crate::hash::{Hash, RecordId};
use crate::index::{LogIndex, Sequence};
use crate::json::{self, Object, Value};
use crate::receipt::Receipt;
use crate::time::Instant;
use crate::tlog_proof::TlogProof;
use crate::trust::{Level, Trust};
use crate::verify::{FileQuery, Report, Step, StepResult, verify};

/// Where a verified receipt says that its record stands. Signatures of both keys of the log hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// What the receipt is called: its file, or where it came from.
    pub name: String,
    /// The record's id.
    pub record: RecordId,
    /// The log that holds it.
    pub log: Origin,
    /// Its index there.
    pub index: LogIndex,
    /// The register.
    pub register: String,
    /// Its place in the register.
    pub sequence: Sequence,
    /// Id of the record before, as the notary says.
    pub previous: Option<RecordId>,
    /// When the notary says that it received it.
    pub received_at: Instant,
    /// Class; a newer notary may know more of them.
    pub class: String,
    /// Event.
    pub event: String,
    /// Whether blinded eyes may know only that it exists.
    pub sealed: bool,
    /// What was not shown.
    pub withheld: Withheld,
    /// The highest level of its evidence, by the trust that judged it.
    pub level: Level,
    /// The earliest independent time over it.
    pub independent_time: Option<Instant>,
    /// Size and root of each checkpoint in its evidence.
    pub(super) roots: Vec<(u64, Hash)>,
}

/// Which parts of a record were not shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Withheld {
    /// What was notarized.
    pub what: bool,
    /// By whom.
    pub who: bool,
    /// Why.
    pub why: bool,
}

/// A receipt that proves nothing, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {sentence}")]
pub struct RefusedReceipt {
    /// What it is called.
    pub name: String,
    /// The step that failed, and why.
    pub sentence: String,
}

impl Placed {
    /// Verifies a receipt and reads its place. Parts may be withheld, and a draft has no signature; whatever is
    /// there has to hold, and both keys of the log have to vouch for it.
    ///
    /// # Errors
    ///
    /// A step fails, or `inclusion` or `log` cannot be judged under this trust.
    pub fn judge(name: &str, receipt: &[u8], trust: &Trust, at: Instant) -> Result<Self, RefusedReceipt> {
        Self::of(
            name,
            &verify(receipt, &trust.with_drafts_allowed(), at, &FileQuery::None),
        )
    }

    /// Reads the place out of a receipt that was verified with drafts allowed.
    ///
    /// # Errors
    ///
    /// As [`Placed::judge`].
    pub fn of(name: &str, report: &Report) -> Result<Self, RefusedReceipt> {
        let refused = |sentence: String| RefusedReceipt {
            name: name.to_owned(),
            sentence,
        };
        holds(report).map_err(refused)?;
        let receipt = report
            .receipt
            .as_ref()
            .ok_or_else(|| refused("parse: this is not a receipt.".to_owned()))?;
        let when = json::parse(receipt.record().when.text.as_bytes())
            .map_err(|error| refused(format!("record: when: {error}.")))?;
        let mut placed =
            read(&when, receipt).map_err(|key| refused(format!("record: when.{key} is malformed.")))?;
        name.clone_into(&mut placed.name);
        placed.level = report.level.unwrap_or(Level::Sealed);
        placed.independent_time = report.independent_time;
        Ok(placed)
    }

    /// Whether anything but `when` was shown.
    #[must_use]
    pub const fn is_when_only(&self) -> bool {
        self.withheld.what && self.withheld.who && self.withheld.why
    }
}

/// Nothing failed, and what the place of a record rests on passed: for one element of evidence at least.
fn holds(report: &Report) -> Result<(), String> {
    let passed = |step: Step| {
        let mut of_step = report.steps.iter().filter(|one| one.step == step);
        of_step.any(|one| one.result == StepResult::Passed)
    };
    if let Some(failure) = report.first_failure() {
        return Err(format!("{}: {}", failure.step, failure.sentence));
    }
    for step in [Step::Parse, Step::Record, Step::Inclusion, Step::Log] {
        if !passed(step) {
            let said = report.steps.iter().find(|one| one.step == step);
            let sentence = said.map_or("it was not judged.", |one| one.sentence.as_str());
            return Err(format!("{step}: {sentence}"));
        }
    }
    Ok(())
}

fn read(when: &Object, receipt: &Receipt) -> Result<Placed, &'static str> {
    let text = |key: &'static str| when.get(key).and_then(Value::as_str).ok_or(key);
    let number = |key: &'static str| when.get(key).and_then(Value::as_unsigned).ok_or(key);
    let previous = match when.get("previous") {
        None => None,
        Some(value) => {
            let id = value.as_str().and_then(|text| RecordId::from_hex(text).ok());
            Some(id.ok_or("previous")?)
        }
    };
    let record = receipt.record();
    Ok(Placed {
        name: String::new(),
        record: record.leaves().root(),
        log: Origin::new(text("log")?).map_err(|_| "log")?,
        index: LogIndex::new(number("index")?).map_err(|_| "index")?,
        register: text("register")?.to_owned(),
        sequence: Sequence::new(number("sequence")?).map_err(|_| "sequence")?,
        previous,
        received_at: Instant::parse(text("received_at")?).map_err(|_| "received_at")?,
        class: text("class")?.to_owned(),
        event: text("event")?.to_owned(),
        sealed: when.get("sealed").and_then(Value::as_bool).ok_or("sealed")?,
        withheld: Withheld {
            what: record.what.shown().is_none(),
            who: record.who.shown().is_none(),
            why: record.why.shown().is_none(),
        },
        level: Level::Sealed,
        independent_time: None,
        roots: roots(receipt),
    })
}

fn roots(receipt: &Receipt) -> Vec<(u64, Hash)> {
    let leaf = crate::entry::record_leaf_hash(&receipt.record().leaves().root());
    let root_of = |proof: &str| {
        let checkpoint = TlogProof::parse(proof).ok()?.verify(leaf).ok()?;
        Some((checkpoint.size.get(), checkpoint.root))
    };
    let elements = receipt.evidence().iter();
    elements.filter_map(|element| root_of(&element.proof)).collect()
}
