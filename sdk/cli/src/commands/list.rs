//! `trialseal list`.

use serde_json::{Value, json};
use trialseal::core::identifiers::RegisterName;
use trialseal::{Client, ListFilter};

use super::block_on;
use crate::args::List;
use crate::config::Place;
use crate::errors::{self, Ended};
use crate::outcome::{Answer, Exit, Printer, count};

/// Seconds to wait for the notary.
const DEADLINE_S: u64 = 30;

pub(crate) fn run(command: &List, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    block_on(async {
        let client = config.connect(DEADLINE_S).await?;
        match &command.register {
            None => registers(&client, printer).await,
            Some(register) => records(command, register, &client, printer).await,
        }
    })
}

async fn registers(client: &Client, printer: &Printer) -> Result<Answer, Ended> {
    let (mut found, mut page) = (Vec::new(), None);
    let log_size = loop {
        let listed = client.registers(page.as_deref()).await.map_err(errors::client)?;
        for one in &listed.registers {
            if !printer.is_json() {
                printer.result(&format!("{:>8}  {}", one.size, one.register));
            }
            found.push(json!({"register": one.register, "size": one.size, "head": one.head.to_hex()}));
        }
        page = listed.next;
        if page.is_none() {
            break listed.log_size;
        }
    };
    Ok(listed("register", found, log_size.get()))
}

async fn records(
    command: &List,
    register: &RegisterName,
    client: &Client,
    printer: &Printer,
) -> Result<Answer, Ended> {
    let filter = ListFilter {
        class: command.class,
        event: command.event,
        received_from: command.from,
        received_until: command.until,
    };
    let (mut found, mut page) = (Vec::new(), None);
    let log_size = loop {
        let listed = client
            .list(register, &filter, page.as_deref())
            .await
            .map_err(errors::client)?;
        for one in &listed.records {
            let version = match one.version.as_str() {
                "" => String::new(),
                version => format!(" {version}"),
            };
            let signed = if one.signed { "signed" } else { "draft" };
            let log = if one.log == *client.log() {
                String::new()
            } else {
                format!("  in {}", one.log)
            };
            if !printer.is_json() {
                printer.result(&format!(
                    "{:>6}  record {:<9} {}  {}{version}, {}  {signed}  {}/{}{log}",
                    one.sequence.get(),
                    one.index.get(),
                    one.received_at,
                    one.class,
                    one.event,
                    one.organization,
                    one.member
                ));
            }
            found.push(json!({
                "sequence": one.sequence.get(),
                "log": one.log.to_string(),
                "index": one.index.get(),
                "record": one.record.to_hex(),
                "received_at": one.received_at.to_millis_string(),
                "class": one.class,
                "event": one.event,
                "version": one.version,
                "organization": one.organization,
                "member": one.member,
                "signed": one.signed,
                "sealed": one.sealed,
                "reason": one.reason,
            }));
        }
        page = listed.next;
        if page.is_none() {
            break listed.log_size;
        }
    };
    Ok(listed("record", found, log_size.get()))
}

fn listed(what: &str, found: Vec<Value>, log_size: u64) -> Answer {
    let sentence = format!(
        "{}, as of log size {log_size}. A list is the notary's word; a receipt is proof.",
        count(found.len(), what)
    );
    Answer::new(Exit::Done, "LISTED", sentence)
        .with(&format!("{what}s"), found)
        .with("log_size", log_size)
}
