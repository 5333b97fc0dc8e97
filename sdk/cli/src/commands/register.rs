//! `trialseal register`: a register from first to last, against what the notary publicly states of it.

mod evidence;
mod remembered;
mod save;
mod shown;
mod source;
mod verdict;

use std::path::Path;

use serde_json::json;
use trialseal::core::identifiers::{RegisterName, TrialId};
use trialseal::core::time::Instant;
use trialseal::{ListFilter, Trust, now};

use super::block_on;
use crate::args::Register;
use crate::config::{self, Place};
use crate::errors::{self, Ended, bad_input};
use crate::outcome::{Answer, Exit, Printer};
use shown::Shown;

/// Seconds to wait for the notary.
const DEADLINE_S: u64 = 90;

/// By whose standard, and when.
struct Standard {
    trust: Trust,
    at: Instant,
}

impl Standard {
    fn of(command: &Register, config: Option<&Path>) -> Result<Self, Ended> {
        let trust = match &command.trust {
            Some(path) => config::read_trust(path)?,
            None => Place::new(config)?.read()?.trust()?,
        };
        Ok(Self {
            // Whether nobody's signature is enough is for whoever judges a record, not for its place.
            trust: trust.with_drafts_allowed(),
            at: command.at.unwrap_or_else(now),
        })
    }
}

pub(crate) fn run(command: &Register, config: Option<&Path>, printer: &Printer) -> Result<Answer, Ended> {
    if let Some(folder) = &command.evidence {
        return evidence::check(folder, &Standard::of(command, config)?, printer);
    }
    let register = command
        .register
        .as_ref()
        .ok_or_else(|| bad_input("Name the register."))?;
    if !command.verify {
        return overview(register, &Place::new(config)?, printer);
    }
    let standard = Standard::of(command, config)?;
    if !printer.is_json() {
        printer.message(&format!(
            "  Judged at {}, by the trust file {}.",
            standard.at,
            standard.trust.fingerprint()
        ));
    }
    // A folder may be older than what was verified last: that it shows less is no fault, and it is not remembered.
    let memory = match command.from {
        Some(_) => None,
        None => Some(remembered::Memory::beside(Place::new(config)?.path(), register)),
    };
    let shown = match &command.from {
        Some(folder) => source::folder(folder, register, &standard)?,
        None => {
            let config = Place::new(config)?.read()?;
            source::notary(command, &config, register, &standard, printer)?
        }
    };
    if let Some(folder) = &command.save {
        save::all(folder, &shown)?;
    }
    judge(&shown, memory.as_ref(), &standard, printer)
}

/// The verdict; what was verified is remembered, what contradicts is saved.
fn judge(
    shown: &Shown,
    memory: Option<&remembered::Memory>,
    standard: &Standard,
    printer: &Printer,
) -> Result<Answer, Ended> {
    let before = match memory {
        Some(memory) => memory.recall(standard)?,
        None => None,
    };
    let judged = verdict::Judged::of(shown, before.as_ref());
    let mut answer = judged.answer(shown, before.as_ref());
    for refused in &shown.refused {
        printer.verdict("REFUSED", refused, Exit::Disproven);
    }
    if !judged.chain.contradictions.is_empty() {
        let folder = evidence::save(Path::new(""), shown, before.as_ref(), &judged)?;
        answer = answer
            .because(format!(
                "Both texts of each contradiction are signed by the notary's keys; they are saved in {}.",
                folder.display()
            ))
            .next(format!(
                "Keep that folder and show it: trialseal register --evidence {} --trust TRUST-FILE",
                folder.display()
            ))
            .with("evidence", folder.display().to_string());
    } else if let Some(memory) = memory.filter(|_| answer.exit == Exit::Done) {
        memory.keep(shown, &judged, standard)?;
    }
    Ok(answer)
}

/// What the notary says about a register. It is its word.
fn overview(register: &RegisterName, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    let (claims, page) = block_on(async {
        let client = config.connect(DEADLINE_S).await?;
        let claims = match TrialId::of_register(register) {
            Some(id) => client.trial(&id).await.map_err(errors::client_without_a_record)?,
            None => Vec::new(),
        };
        let filter = ListFilter {
            descending: true,
            ..ListFilter::default()
        };
        let page = client.list(register, &filter, None).await;
        Ok((claims, page.map_err(errors::client_without_a_record)?))
    })?;
    for claim in claims.iter().filter(|_| !printer.is_json()) {
        let how = if claim.canonical {
            "by its name"
        } else {
            "as an alias"
        };
        printer.result(&format!(
            "  {}  claims the trial {how}; opened by {} with record {}",
            claim.register,
            claim.organization,
            claim.first.index.get()
        ));
        for alias in &claim.aliases {
            printer.result(&format!("    also known as {alias}"));
        }
    }
    let last = page
        .records
        .iter()
        .map(|one| one.sequence.get())
        .max()
        .unwrap_or_default();
    let sentence = format!(
        "{register} has {last} records, as of log size {}; not verified.",
        page.log_size.get()
    );
    let answer = Answer::new(Exit::Done, "LISTED", sentence)
        .next(format!("Verify it: trialseal register {register} --verify"));
    let answer = if claims.len() > 1 {
        answer.because(format!("{} registers claim this trial.", claims.len()))
    } else {
        answer
    };
    let claims: Vec<_> = claims.iter().map(|claim| json!(claim.register)).collect();
    Ok(answer.with("records", last).with("claims", claims))
}

#[cfg(test)]
mod tests;
