//! `trialseal status`.

use std::path::Path;

use serde_json::json;
use trialseal::PendingFolder;

use super::block_on;
use crate::args::Status;
use crate::config::Place;
use crate::errors::{self, Ended};
use crate::outcome::{Answer, Exit, Printer, count};

/// Seconds to wait for the notary.
const DEADLINE_S: u64 = 10;

pub(crate) fn run(_command: &Status, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    let pending = PendingFolder::below(Path::new(""))
        .list()
        .map_err(errors::pending)?;
    if !printer.is_json() {
        printer.result(&format!("  notary   {}", config.endpoint));
        printer.result(&format!("  trust    {}", config.trust.display()));
        match &config.signer {
            Some(signer) => printer.result(&format!(
                "  signer   {} with {}",
                signer.name,
                signer.key.display()
            )),
            None => printer.result("  signer   none: drafts only"),
        }
        for one in &pending {
            printer.result(&format!("  PENDING  {}", one.receipt.display()));
        }
    }
    let newest = block_on(async {
        config
            .connect(DEADLINE_S)
            .await?
            .checkpoint()
            .await
            .map_err(errors::client)
    })?;
    let (checkpoint, signed_at) = (newest.checkpoint, newest.signed_at);
    let sentence = format!(
        "{} has {} {}, signed at {signed_at}.",
        checkpoint.origin,
        checkpoint.size.get(),
        if checkpoint.size.get() == 1 {
            "entry"
        } else {
            "entries"
        }
    );
    let receipts: Vec<_> = pending
        .iter()
        .map(|one| json!(one.receipt.display().to_string()))
        .collect();
    let answer = if pending.is_empty() {
        Answer::new(Exit::Done, "ANSWERS", sentence)
    } else {
        Answer::new(
            Exit::Pending,
            "PENDING",
            format!(
                "{} without a saved receipt. {sentence}",
                count(pending.len(), "submission")
            ),
        )
        .next("Run the commands again that made them: they send the same bytes.")
    };
    Ok(answer
        .with("endpoint", config.endpoint)
        .with("log", checkpoint.origin.to_string())
        .with("size", checkpoint.size.get())
        .with("root", checkpoint.root.to_hex())
        .with("signed_at", signed_at.to_string())
        .with("pending", receipts))
}
