//! `trialseal list`: registers, the records of one, or the records of receipts that lie here.

use std::io::Write as _;
use std::path::Path;

use serde_json::json;
use trialseal::core::dossier::Fact;
use trialseal::core::identifiers::RegisterName;
use trialseal::{Client, ListFilter, ListOrder};

use super::block_on;
use super::question::Asked;
use crate::args::List;
use crate::config::Place;
use crate::errors::{self, Ended, bad_input};
use crate::outcome::{Answer, Exit, Printer, count};
use crate::table::{self, Row, SortBy, Wanted};
use crate::words::shown;

/// Seconds to wait for the notary.
const DEADLINE_S: u64 = 30;
/// Most records that are held at once, to be sorted or for one JSON object.
const HELD_MAX: usize = 500_000;

pub(crate) fn run(command: &List, config: Option<&Path>, printer: &Printer) -> Result<Answer, Ended> {
    if let Some(evidence) = command.evidence() {
        return offline(command, &Asked::new(&evidence, config, printer)?, printer);
    }
    let config = Place::new(config)?.read()?;
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
    let sentence = claim(found.len(), "register", log_size.get());
    Ok(Answer::new(Exit::Done, "LISTED", sentence)
        .with("registers", found)
        .with("log_size", log_size.get()))
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
        order: match command.sort {
            None | Some(SortBy::When) => ListOrder::When,
            Some(SortBy::Who) => ListOrder::Who,
            Some(SortBy::What) => ListOrder::What,
            Some(SortBy::Why) => ListOrder::Why,
        },
        descending: command.reverse,
        ..ListFilter::default()
    };
    let wanted = command.wanted();
    // The notary sorts.
    let mut listing = Listing::new(command, printer, client.log().as_str(), None);
    let mut page = None;
    let log_size = loop {
        let listed = client
            .list(register, &filter, page.as_deref())
            .await
            .map_err(errors::client)?;
        for one in &listed.records {
            listing.take(Row::of_summary(register.as_str(), one), &wanted)?;
        }
        page = listed.next;
        if page.is_none() {
            break listed.log_size.get();
        }
    };
    let (number, rows) = listing.finish();
    let answer = Answer::new(Exit::Done, "LISTED", claim(number, "record", log_size));
    Ok(match rows {
        Some(rows) => answer.with("records", rows.iter().map(Row::to_json).collect::<Vec<_>>()),
        None => answer,
    }
    .with("log_size", log_size))
}

/// The records of receipts that verify.
fn offline(command: &List, asked: &Asked, printer: &Printer) -> Result<Answer, Ended> {
    let facts = asked.facts();
    let log = facts
        .last()
        .map(|fact| fact.log().to_string())
        .unwrap_or_default();
    let wanted = command.wanted();
    let is_wanted = |fact: &&Fact| {
        command.class.is_none_or(|class| fact.class() == class)
            && command.event.is_none_or(|event| fact.event() == event)
            && command.from.is_none_or(|from| from <= fact.rec())
            && command.until.is_none_or(|until| fact.rec() < until)
    };
    let mut listing = Listing::new(command, printer, &log, command.sort);
    for fact in facts.iter().filter(is_wanted) {
        listing.take(Row::of_fact(fact), &wanted)?;
    }
    let (number, rows) = listing.finish();
    let exit = if asked.refused.is_empty() {
        Exit::Done
    } else {
        Exit::Disproven
    };
    let sentence = format!(
        "{} of {} whose receipts verify.",
        count(number, "record"),
        asked.register
    );
    let answer = Answer::new(exit, "LISTED", sentence).because(asked.complete().sentence());
    Ok(match rows {
        Some(rows) => answer.with("records", rows.iter().map(Row::to_json).collect::<Vec<_>>()),
        None => answer,
    })
}

fn claim(number: usize, what: &str, log_size: u64) -> String {
    format!(
        "{}, as of log size {log_size}. A list is the notary's word; a receipt is proof.",
        count(number, what)
    )
}

/// Prints records as they come, or holds them until they can be sorted.
struct Listing<'a> {
    command: &'a List,
    printer: &'a Printer,
    /// The log that goes without saying.
    log: &'a str,
    sort: Option<SortBy>,
    held: Vec<Row>,
    number: usize,
}

impl<'a> Listing<'a> {
    /// `sort` where whoever gives the records does not.
    fn new(command: &'a List, printer: &'a Printer, log: &'a str, sort: Option<SortBy>) -> Self {
        if command.csv && !printer.is_json() {
            print(&table::header());
        }
        Self {
            command,
            printer,
            log,
            sort,
            held: Vec::new(),
            number: 0,
        }
    }

    fn take(&mut self, row: Row, wanted: &Wanted) -> Result<(), Ended> {
        if !wanted.matches(&row) {
            return Ok(());
        }
        self.number += 1;
        if self.is_printed_at_once() {
            self.print(&row);
            return Ok(());
        }
        if self.held.len() >= HELD_MAX {
            return Err(bad_input(format!(
                "More than {HELD_MAX} records cannot be sorted, or be one JSON object: narrow the list, or take --csv \
                 without --sort."
            )));
        }
        self.held.push(row);
        Ok(())
    }

    /// How many there were, and for `--json` the rows.
    fn finish(mut self) -> (usize, Option<Vec<Row>>) {
        let mut rows = std::mem::take(&mut self.held);
        if let Some(by) = self.sort {
            table::sort(&mut rows, by, self.command.reverse);
        }
        if self.printer.is_json() {
            return (self.number, Some(rows));
        }
        for row in &rows {
            self.print(row);
        }
        (self.number, None)
    }

    fn is_printed_at_once(&self) -> bool {
        self.sort.is_none() && !self.printer.is_json()
    }

    fn print(&self, row: &Row) {
        if self.command.csv {
            return print(&table::record(row));
        }
        let log = if row.log == self.log {
            String::new()
        } else {
            format!("  in {}", row.log)
        };
        let signed = match row.signed {
            Some(true) => "signed",
            Some(false) => "draft",
            None => "withheld",
        };
        let account = match row.signed {
            Some(_) => format!("{}/{}", row.organization, row.member),
            None => "-".to_owned(),
        };
        let state = match row.state.as_str() {
            "" | "in effect" => String::new(),
            state => format!("  {}", shown(state)),
        };
        self.printer.result(&format!(
            "{:>6}  record {:<9} {}  {}  {signed}  {account}{log}{state}",
            row.sequence,
            row.index,
            row.received_at,
            row.subject()
        ));
    }
}

/// CSV has its own line ends.
fn print(text: &str) {
    // Whoever reads may have stopped reading; there is nobody left to tell.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
