//! `trialseal get`: a fresh receipt, appended to the one that is there.

use std::path::{Path, PathBuf};

use trialseal::RecordPlace;
use trialseal::core::index::{LogIndex, Sequence};
use trialseal::core::receipt::Receipt;
use trialseal::durable;

use super::block_on;
use super::evidence::{self, State};
use super::receipt_file::{self, Parts};
use crate::args::Get;
use crate::config::Place;
use crate::errors::{self, Ended, bad_input};
use crate::outcome::{Answer, Exit, count};

/// Seconds to wait for the notary to answer at all.
const CONNECT_S: u64 = 30;

pub(crate) fn run(command: &Get, place: &Place) -> Result<Answer, Ended> {
    let config = place.read()?;
    let wanted = wanted(command)?;
    if let Some(path) = &command.receipt {
        durable::check_writable(path).map_err(|error| errors::cannot_write(path, &error))?;
    }
    let fetched = block_on(async {
        let client = config.connect(CONNECT_S).await?;
        let mut fetched = client
            .receipt_until(&wanted, evidence::wait(command.level, command.deadline))
            .await
            .map_err(errors::client_without_a_record)?;
        if command.opened {
            fetched.receipt = super::open::with_opened(&client, fetched.receipt).await?;
        }
        Ok(fetched)
    })?;
    let fresh = fetched.receipt;
    let parts = Parts::of(&fresh);
    let path = match &command.receipt {
        Some(path) => path.clone(),
        None => PathBuf::from(format!("record-{}{}", parts.when("index"), receipt_file::ENDING)),
    };
    let (receipt, before) = merged(&path, fresh)?;
    receipt_file::save(&path, &receipt).map_err(|error| errors::cannot_write(&path, &error))?;
    let sentence = format!(
        "{}: record {} ({}; {}).",
        path.display(),
        parts.when("index"),
        parts.subject(),
        parts.when("register")
    );
    let state = State::of(&receipt, &config.trust()?);
    let answer = if state.level < command.level {
        let what = format!("Record {}", parts.when("index"));
        let why = fetched.shortfall.as_deref();
        evidence::pending(
            &what,
            state.level,
            command.level,
            why,
            &path.display().to_string(),
        )
    } else {
        Answer::new(Exit::Done, "SAVED", sentence)
    };
    let answer = answer.because(format!(
        "Level: {}. {}",
        state.level,
        state.sentence(&parts.when("received_at"))
    ));
    let answer = match before {
        Some(_) => answer.because(format!(
            "It now has {}; none was lost.",
            count(receipt.evidence().len(), "evidence element")
        )),
        None if receipt.manifest().is_some() => {
            answer.because("It has the manifest that was opened: files can be compared with it.")
        }
        None => answer.because("It has no manifest: that stays with whoever submitted it."),
    };
    Ok(answer
        .with("receipt", path.display().to_string())
        .with("record", receipt.record().leaves().root().to_hex())
        .with("level", state.level.as_str())
        .with("evidence", receipt.evidence().len()))
}

fn wanted(command: &Get) -> Result<RecordPlace, Ended> {
    let wrong = |error: &dyn std::fmt::Display| bad_input(errors::sentence(&error.to_string()));
    match command.sequence {
        None => {
            let index = command.record.parse().map_err(|_| {
                bad_input("Name a record by its log index, or by its register and its place in it.")
            })?;
            let index = LogIndex::new(index).map_err(|error| wrong(&error))?;
            Ok(match &command.log {
                Some(log) => RecordPlace::InLog(log.clone(), index),
                None => RecordPlace::Index(index),
            })
        }
        Some(sequence) => {
            let register = command
                .record
                .parse()
                .map_err(|error: trialseal::core::identifiers::RegisterError| wrong(&error))?;
            let sequence = Sequence::new(sequence).map_err(|error| wrong(&error))?;
            Ok(RecordPlace::Position(register, sequence))
        }
    }
}

/// The receipt that is there with the new evidence appended; else the fresh one.
fn merged(path: &Path, fresh: Receipt) -> Result<(Receipt, Option<usize>), Ended> {
    if !path.exists() {
        return Ok((fresh, None));
    }
    let mut own = receipt_file::read(path)?;
    if own.record().leaves() != fresh.record().leaves() {
        return Err(bad_input(format!(
            "{} is the receipt of another record; it was left as it is.",
            path.display()
        )));
    }
    let before = own.evidence().len();
    if own.manifest().is_none() && fresh.manifest().is_some() {
        let own_evidence = own.evidence().to_vec();
        let mut opened = fresh;
        for element in own_evidence {
            opened.append_evidence(element);
        }
        return Ok((opened, Some(before)));
    }
    for element in fresh.evidence() {
        own.append_evidence(element.clone());
    }
    Ok((own, Some(before)))
}
