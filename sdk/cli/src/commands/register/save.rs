//! Saving what was shown, so that it can be checked without the notary.

use std::fs;
use std::path::Path;

use trialseal::core::receipt::Receipt;
use trialseal::records::Target;

use super::shown::Shown;
use crate::commands::receipt_file::{self, ENDING};
use crate::errors::Ended;
use crate::outcome::{Answer, Exit};

/// `receipts/`, `accounts/` and `statement.json`. A receipt that is there keeps its evidence and its manifest.
pub(super) fn all(folder: &Path, shown: &Shown) -> Result<(), Ended> {
    let failed = |error: std::io::Error| {
        let sentence = format!("{} cannot be written: {error}.", folder.display());
        Box::new(Answer::new(Exit::CannotWrite, "NOT SAVED", sentence))
    };
    let (receipts, accounts) = (folder.join("receipts"), folder.join("accounts"));
    for path in [&receipts, &accounts] {
        fs::create_dir_all(path).map_err(failed)?;
    }
    for record in &shown.records {
        let path = receipts.join(format!("{:06}{ENDING}", record.placed.sequence.get()));
        save(&path, &record.receipt).map_err(failed)?;
    }
    for receipt in &shown.accounts {
        let Ok(target) = Target::of(receipt) else { continue };
        let register = target.register.as_str().replace([':', '/'], "-");
        let path = accounts.join(format!("{register}-{}{ENDING}", target.index.get()));
        save(&path, receipt).map_err(failed)?;
    }
    for stated in &shown.statements {
        let path = folder.join("statement.json");
        let json = stated.statement.to_json();
        trialseal::durable::replace(&path, json.as_bytes(), trialseal::durable::Access::Default)
            .map_err(failed)?;
    }
    Ok(())
}

fn save(path: &Path, fresh: &Receipt) -> Result<(), std::io::Error> {
    let receipt = match path.exists().then(|| receipt_file::read(path)) {
        // The more is shown the better; one of another record is written over, since the place is its name.
        Some(Ok(mut own)) if own.record() == fresh.record() => {
            for element in fresh.evidence() {
                own.append_evidence(element.clone());
            }
            own
        }
        _ => fresh.clone(),
    };
    receipt_file::save(path, &receipt)
}
