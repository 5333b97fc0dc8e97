//! What was verified last: the receipts of the first and the last record, and the statement. They lie beside the
//! configuration, so that a register that is shown differently later is caught with the two texts in hand.
//!
//! Nothing in them was written by people: of each record only `when` is kept.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trialseal::core::hash::sha256;
use trialseal::core::identifiers::RegisterName;
use trialseal::core::receipt::Receipt;
use trialseal::core::register_chain::Placed;
use trialseal::core::register_statement::RegisterStatement;
use trialseal::core::verify::Outcome;
use trialseal::durable::{self, Access};

use super::Standard;
use super::shown::{Shown, Stated, only_when};
use super::verdict::Judged;
use crate::errors::Ended;
use crate::outcome::{Answer, Exit};

const FORMAT: &str = "trialseal-remembered/v1";

/// Where it lies.
pub(super) struct Memory {
    path: PathBuf,
    register: String,
}

/// A receipt that was kept, verified again.
pub(super) struct Kept {
    pub(super) placed: Placed,
    pub(super) receipt: Receipt,
}

/// What was kept.
pub(super) struct Remembered {
    /// When it was verified, by this machine's clock.
    pub(super) verified_at: String,
    pub(super) receipts: Vec<Kept>,
    pub(super) statement: Option<Stated>,
}

impl Memory {
    /// Of a register, beside a configuration file.
    pub(super) fn beside(config: &Path, register: &RegisterName) -> Self {
        let name: String = register
            .as_str()
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() || letter == '-' {
                    letter
                } else {
                    '_'
                }
            })
            .collect();
        // Two names may look the same with these letters only.
        let digest = sha256(register.as_str().as_bytes()).to_hex();
        Self {
            path: config
                .with_extension("registers")
                .join(format!("{name}-{}.json", &digest[..8])),
            register: register.to_string(),
        }
    }

    /// What was kept, where it still verifies.
    pub(super) fn recall(&self, standard: &Standard) -> Result<Option<Remembered>, Ended> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.unusable(&error.to_string())),
        };
        let damaged = || self.unusable("it is damaged");
        let document: Value = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let text = |key: &str| document.get(key).and_then(Value::as_str);
        if text("format") != Some(FORMAT) || text("register") != Some(&self.register) {
            return Err(damaged());
        }
        let kept = document
            .get("receipts")
            .and_then(Value::as_array)
            .ok_or_else(damaged)?;
        let mut receipts = Vec::new();
        for receipt in kept {
            let receipt = receipt.as_str().ok_or_else(damaged)?;
            let mut placed = Placed::judge("remembered", receipt.as_bytes(), &standard.trust, standard.at)
                .map_err(|refused| self.unusable(&refused.sentence))?;
            let place = placed.sequence.get();
            placed.name = format!("remembered-{place:06}");
            receipts.push(Kept {
                placed,
                receipt: Receipt::parse(receipt.as_bytes()).map_err(|_| damaged())?,
            });
        }
        let statement = match text("statement") {
            None => None,
            Some(text) => {
                let statement = RegisterStatement::parse(text.as_bytes()).map_err(|_| damaged())?;
                let report = statement.verify(&standard.trust, standard.at);
                (report.outcome != Outcome::Failed).then(|| Stated {
                    name: "remembered-statement".to_owned(),
                    statement,
                    report,
                })
            }
        };
        Ok(Some(Remembered {
            verified_at: text("verified_at").unwrap_or("an unknown time").to_owned(),
            receipts,
            statement,
        }))
    }

    /// Keeps what was verified now.
    pub(super) fn keep(&self, shown: &Shown, judged: &Judged, standard: &Standard) -> Result<(), Ended> {
        let last = judged.chain.unbroken_to;
        let wanted = |place: u64| {
            let mut records = shown.records.iter();
            records.find(|one| one.placed.sequence.get() == place)
        };
        let places = if last == 1 { vec![1] } else { vec![1, last] };
        let receipts: Vec<Value> = places
            .into_iter()
            .filter_map(wanted)
            .map(|record| json!(only_when(&record.receipt).to_json_pretty()))
            .collect();
        let covered = judged.covered.as_ref().map(|stated| stated.name.as_str());
        let statement = shown
            .statements
            .iter()
            .find(|one| Some(one.name.as_str()) == covered);
        let document = json!({
            "format": FORMAT,
            "register": self.register,
            "verified_at": standard.at.to_string(),
            "receipts": receipts,
            "statement": statement.map(|one| one.statement.to_json()),
        });
        let failed = |error: std::io::Error| self.unusable(&error.to_string());
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        durable::replace(&self.path, document.to_string().as_bytes(), Access::Owner).map_err(failed)
    }

    fn unusable(&self, problem: &str) -> Ended {
        let sentence = format!(
            "What was verified before cannot be used: {}: {problem}.",
            self.path.display()
        );
        Box::new(Answer::new(Exit::Configuration, "CONFIGURATION", sentence).next(
            "If you know why, move that file away: the register is then verified as for the first time.",
        ))
    }
}
