//! `trialseal roles`, `pending`, `reads` and `find`: what the notary says about a register.

use serde_json::{Value, json};
use trialseal::core::hash::RecordId;
use trialseal::core::identifiers::RegisterName;
use trialseal::core::record::Scope;

use super::block_on;
use crate::args::{Find, Pending, Reads, Roles};
use crate::config::{Config, Place};
use crate::errors::{self, Ended, bad_input};
use crate::outcome::{Answer, Exit, Printer, count};
use crate::progress;

/// Seconds to wait for the notary.
const DEADLINE_S: u64 = 30;

pub(crate) fn roles(command: &Roles, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    let roles = block_on(async {
        let client = config.connect(DEADLINE_S).await?;
        let roles = client.roles(&command.register).await;
        roles.map_err(errors::client_without_a_record)
    })?;
    let mut found = Vec::new();
    for held in &roles.held {
        let (place, until) = (
            scope(held.scope.as_ref()),
            held.expires.map(|time| time.to_string()),
        );
        let by = if held.opened {
            "opened the register"
        } else {
            "granted"
        };
        let index = held.record.index.get();
        let under = held.under.as_ref().map(|under| under.index.get());
        if !printer.is_json() {
            let until = until
                .as_ref()
                .map_or_else(String::new, |until| format!(", until {until}"));
            let under = under.map_or_else(String::new, |under| format!(", under record {under}"));
            printer.result(&format!(
                "  {:<24} {:<22} {}, {place}{until}  ({by}: record {index}{under})",
                held.member.to_string(),
                held.role,
                held.blind
            ));
        }
        found.push(json!({
            "member": held.member.to_string(),
            "role": held.role,
            "blind": held.blind,
            "scope": place,
            "expires": until,
            "record": held.record.record.to_hex(),
            "index": index,
            "under": under,
            "opened": held.opened,
        }));
    }
    let sentence = format!(
        "{} in force in {} at {} by the notary's clock, as of log size {}.",
        count(found.len(), "grant"),
        command.register,
        roles.at,
        roles.log_size.get()
    );
    Ok(Answer::new(Exit::Done, "LISTED", sentence).with("roles", found))
}

pub(crate) fn pending(command: &Pending, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    let acts = block_on(async {
        let client = config.connect(DEADLINE_S).await?;
        let acts = client.pending_acts(&command.register).await;
        acts.map_err(errors::client_without_a_record)
    })?;
    let mut found = Vec::new();
    let mut yours = None;
    for act in &acts {
        let index = act.record.index.get();
        if act.yours {
            yours = yours.or(Some(index));
        }
        if !printer.is_json() {
            let mark = if act.yours { "  (you could)" } else { "" };
            printer.result(&format!(
                "  record {index:<8} {}, {} by {} since {}",
                act.class, act.event, act.signer, act.since
            ));
            for need in &act.needs {
                printer.result(&format!("    needs  {need}{mark}"));
            }
        }
        found.push(json!({
            "index": index,
            "record": act.record.record.to_hex(),
            "sequence": act.sequence.get(),
            "class": act.class,
            "event": act.event,
            "signer": act.signer,
            "since": act.since.to_string(),
            "needs": act.needs,
            "yours": act.yours,
        }));
    }
    let (exit, verdict) = if acts.is_empty() {
        (Exit::Done, "NONE")
    } else {
        (Exit::Pending, "PENDING")
    };
    let sentence = match acts.len() {
        0 => format!("No act in {} waits for a signature.", command.register),
        1 => format!(
            "One act in {} waits for signatures and has no effect yet.",
            command.register
        ),
        many => format!(
            "{many} acts in {} wait for signatures and have no effect yet.",
            command.register
        ),
    };
    let answer = Answer::new(exit, verdict, sentence).with("acts", found);
    Ok(match yours {
        Some(index) => answer.next(format!(
            "See what it says, and sign: trialseal countersign {index}"
        )),
        None => answer,
    })
}

/// What an act still needs; empty where it waits for nobody, none where the notary does not say.
pub(crate) fn still_needs(
    config: &Config,
    register: &RegisterName,
    record: &RecordId,
) -> Option<Vec<String>> {
    let acts = block_on(async {
        let client = config.connect(DEADLINE_S).await?;
        client
            .pending_acts(register)
            .await
            .map_err(errors::client_without_a_record)
    });
    let acts = acts.ok()?;
    let act = acts.into_iter().find(|act| act.record.record == *record);
    Some(act.map(|act| act.needs).unwrap_or_default())
}

/// Says what an act still needs, after it was put on record.
pub(crate) fn with_needs(answer: Answer, what: &str, needs: Option<Vec<String>>) -> Answer {
    match needs {
        None => answer,
        Some(needs) if needs.is_empty() => answer.because(format!("{what} waits for no other signature.")),
        Some(needs) => needs
            .iter()
            .fold(answer, |answer, need| {
                answer.because(format!("{what} is PENDING; it needs {need}."))
            })
            .with("needs", needs),
    }
}

pub(crate) fn reads(command: &Reads, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    let (mut reads, mut counts) = (
        Vec::new(),
        std::collections::BTreeMap::<(String, String), u64>::new(),
    );
    block_on(async {
        let client = config.connect(DEADLINE_S).await?;
        let mut page = None;
        loop {
            let read = client.reads(&command.register, page.as_deref()).await;
            let read = read.map_err(errors::client_without_a_record)?;
            reads.extend(read.reads);
            for one in read.counts {
                *counts.entry((one.day.to_string(), one.role)).or_default() += one.reads;
            }
            page = read.next;
            if page.is_none() {
                return Ok(());
            }
        }
    })?;
    let mut found: Vec<Value> = Vec::new();
    for read in &reads {
        let (from, until) = (
            read.from.map(|from| from.get()),
            read.until.map(|until| until.get()),
        );
        if !printer.is_json() {
            let range = match (from, until) {
                (Some(from), Some(until)) if from == until => format!("  record {from}"),
                (Some(from), Some(until)) => format!("  records {from} to {until}"),
                _ => String::new(),
            };
            printer.result(&format!(
                "  {}  {:<24} {:<10} as {}{range}",
                read.at.to_millis_string(),
                read.reader,
                read.kind,
                read.roles.join(", ")
            ));
        }
        found.push(json!({
            "at": read.at.to_millis_string(),
            "reader": read.reader,
            "roles": read.roles,
            "kind": read.kind,
            "from": from,
            "until": until,
            "shown": read.shown,
        }));
    }
    let mut numbers: Vec<Value> = Vec::new();
    for ((day, role), number) in &counts {
        if !printer.is_json() {
            printer.result(&format!("  {day}  {role}: {}", count(*number as usize, "read")));
        }
        numbers.push(json!({"day": day, "role": role, "reads": number}));
    }
    let sentence = format!(
        "{} of {} shown in full; reads by boards, authorities, inspectors and data safety boards of others are \
         counted.",
        count(reads.len(), "read"),
        command.register
    );
    Ok(Answer::new(Exit::Done, "LISTED", sentence)
        .with("reads", found)
        .with("counts", numbers))
}

pub(crate) fn find(command: &Find, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    let file = trialseal::FileToHash::single(&command.file).map_err(errors::hashing)?;
    let hashed = progress::hash(&[file], printer.is_json())?;
    let digests = hashed.into_iter().next().map(|file| file.digests);
    let digests = digests.ok_or_else(|| bad_input("The file cannot be hashed."))?;
    let found = block_on(async {
        let client = config.connect(DEADLINE_S).await?;
        let found = client.find_file(&command.register, &digests.sha256).await;
        found.map_err(errors::client_without_a_record)
    })?;
    let mut files: Vec<Value> = Vec::new();
    for one in &found {
        let index = one.head.record.index.get();
        if !printer.is_json() {
            printer.result(&format!(
                "  record {index:<8} place {} of {}: {}, {} bytes",
                one.sequence.get(),
                command.register,
                one.path,
                one.size
            ));
        }
        files.push(json!({
            "index": index,
            "record": one.head.record.record.to_hex(),
            "sequence": one.sequence.get(),
            "path": one.path,
            "size": one.size,
            "opened_by": one.head.opened.index.get(),
        }));
    }
    let name = command.file.display();
    let answer = if let Some(first) = found.first() {
        let sentence = format!("{name} stands in {}.", count(found.len(), "opened manifest"));
        Answer::new(Exit::Done, "FOUND", sentence).next(format!(
            "Prove it: trialseal get {} --opened --receipt {name}{}",
            first.head.record.index.get(),
            super::receipt_file::ENDING
        ))
    } else {
        let sentence = format!(
            "{name} stands in no manifest of {} that was opened to you.",
            command.register
        );
        Answer::new(Exit::NotProvable, "UNKNOWN", sentence)
            .because("That says nothing about manifests that were not opened.")
    };
    Ok(answer.with("files", files))
}

fn scope(scope: Option<&Scope>) -> String {
    match scope {
        None | Some(Scope::All) => "everywhere".to_owned(),
        Some(Scope::Only(only)) => {
            let sites = only.sites.iter().map(|site| format!("site {site}"));
            let countries = only.countries.iter().map(|country| format!("country {country}"));
            sites.chain(countries).collect::<Vec<_>>().join(", ")
        }
    }
}
