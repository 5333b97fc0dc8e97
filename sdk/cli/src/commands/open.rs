//! `trialseal open` and `trialseal erase`: disclosing a manifest, and asking for parts to be erased.

use std::path::PathBuf;

use trialseal::core::manifest::{Manifest, Opening};
use trialseal::core::receipt::{Receipt, ReceiptManifest};
use trialseal::core::record::What;
use trialseal::records::{self, Audience, Target};
use trialseal::{Client, RecordRef, Role};

use super::records::{choose, read};
use super::{block_on, receipt_file, submit};
use crate::args::{Erase, Open};
use crate::config::Place;
use crate::errors::{self, Ended, bad_input};
use crate::outcome::{Answer, Exit, Printer, count};

/// Seconds to wait for the notary.
const CONNECT_S: u64 = 30;

pub(crate) fn run(command: &Open, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    let chosen = read(&command.source, &config.trust()?)?;
    let manifest = manifest(&chosen.receipt)?;
    chosen.show(printer);
    for item in manifest.items() {
        printer.message(&format!(
            "    opens        {:>12} bytes  {}",
            item.item.size, item.item.path
        ));
    }
    let audience = if command.to.contains(&Role::Public) {
        Audience::Public
    } else {
        Audience::Roles(command.to.clone())
    };
    let submission = records::open(&chosen.target, manifest.clone(), &audience);
    let name = format!(
        "record-{}-opened{}",
        chosen.target.index.get(),
        receipt_file::ENDING
    );
    let receipt = command
        .signing
        .receipt
        .clone()
        .unwrap_or_else(|| PathBuf::from(name));
    // A run that was cut off after the record was made hands in the manifest only.
    let answer = if receipt.exists() {
        Answer::new(
            Exit::Done,
            "RESUMED",
            format!("{} is on record already.", receipt.display()),
        )
    } else {
        let act = submit::Act {
            submission,
            receipt: receipt.clone(),
        };
        submit::act(&config, act, &command.signing, printer)?
    };
    let opened = Target::of(&receipt_file::read(&receipt)?)
        .map_err(|error| bad_input(errors::sentence(&error.to_string())))?;
    let to = block_on(async {
        let client = config.connect(CONNECT_S).await?;
        let opened = RecordRef {
            log: opened.log,
            index: opened.index,
            record: opened.record,
        };
        let put = client.put_opening(&opened, &manifest).await;
        put.map_err(errors::client_without_a_record)
    })
    .map_err(|mut ended| {
        ended.because.push(format!(
            "The opening is on record ({}), its manifest is not handed in.",
            receipt.display()
        ));
        ended.next = Some("Run the same command again: it hands in the manifest.".to_owned());
        ended
    })?;
    printer.answer(&answer);
    let sentence = format!(
        "{} of record {} can be read by: {}.",
        count(manifest.items().len(), "item"),
        chosen.target.index.get(),
        to.join(", ")
    );
    Ok(Answer::new(Exit::Done, "OPENED", sentence)
        .with("receipt", receipt.display().to_string())
        .with("opened_to", to))
}

pub(crate) fn erase(command: &Erase, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    if command.signing.reason.is_none() {
        return Err(bad_input(
            "Say why it is to be erased: --reason. It stays on record.",
        ));
    }
    let chosen = block_on(async {
        let client = config.connect(CONNECT_S).await?;
        choose(&command.choice, &client).await
    })?;
    chosen.show(printer);
    let index = chosen.target.index.get();
    let act = submit::Act {
        submission: records::erase(&chosen.target, command.parts.clone()),
        receipt: PathBuf::from(format!("record-{index}-erased{}", receipt_file::ENDING)),
    };
    let answer = submit::act(&config, act, &command.signing, printer)?;
    Ok(if answer.exit == Exit::Done {
        answer.next("It is erased when an archivist has countersigned: trialseal pending REGISTER")
    } else {
        answer
    })
}

/// The whole manifest of a receipt, which leads to the root on record.
fn manifest(receipt: &Receipt) -> Result<Manifest, Ended> {
    let no_salts = |sentence: &str| {
        let answer = Answer::new(Exit::NotProvable, "NO SALTS", sentence);
        Box::new(answer.next("Take the receipt that the submitter saved with the file."))
    };
    let opening = receipt.manifest().map(ReceiptManifest::opening);
    let Some(Ok(opening)) = opening else {
        return Err(no_salts(
            "This receipt has no manifest, so there is nothing to open.",
        ));
    };
    let Opening::All(items) = opening.clone() else {
        return Err(no_salts(
            "This receipt shows one item of several; only the whole manifest can be opened.",
        ));
    };
    let committed = receipt.record().what.shown();
    let committed = committed.and_then(|part| What::parse(part.text.as_bytes()).ok()?.manifest);
    let wrong = |problem: String| bad_input(format!("The manifest is not the one on record: {problem}."));
    let committed = committed.ok_or_else(|| wrong("the record commits to none".to_owned()))?;
    opening
        .verify(&committed)
        .map_err(|error| wrong(error.to_string()))?;
    Manifest::from_sorted(items).map_err(|error| wrong(error.to_string()))
}

/// The manifest that was opened of a record, put into its receipt: it has to lead to the root there.
pub(super) async fn with_opened(client: &Client, receipt: Receipt) -> Result<Receipt, Ended> {
    let target = Target::of(&receipt).map_err(|error| bad_input(errors::sentence(&error.to_string())))?;
    let log = (target.log != *client.log()).then(|| target.log.to_string());
    let opened = client.opening((&target.index, log.as_deref())).await;
    let (_, opened) = opened.map_err(errors::client_without_a_record)?;
    let receipt = receipt.with_manifest(&opened);
    manifest(&receipt).map(|_| receipt)
}
