//! Where a register comes from: the notary, or a folder.

use std::path::Path;
use std::time::Duration;

use trialseal::core::identifiers::{RegisterName, TrialId};
use trialseal::core::register_chain::Placed;
use trialseal::core::register_statement::{self, RegisterStatement};
use trialseal::core::verify::{FileQuery, Outcome, Verifier};
use trialseal::{Client, ClientError, ReadRange, Wait, now};

use super::shown::{Record, Shown, Stated};
use super::{DEADLINE_S, Standard};
use crate::args::Register;
use crate::commands::block_on;
use crate::commands::files::Files;
use crate::config::Config;
use crate::errors::{self, Ended};
use crate::outcome::Printer;
use crate::progress;

/// A statement about the newest records is waited for no longer than this.
const FRESH_WAIT: Duration = Duration::from_secs(75);
/// Cosignatures and timestamps over a statement that was just made are waited for no longer than this.
const LEVEL_WAIT: Duration = Duration::from_secs(20);
/// How the statement of this run is called.
const STATEMENT: &str = "statement";

/// Asks the notary for everything.
pub(super) fn notary(
    command: &Register,
    config: &Config,
    register: &RegisterName,
    standard: &Standard,
    printer: &Printer,
) -> Result<Shown, Ended> {
    block_on(async {
        let client = config.connect(DEADLINE_S).await?;
        let mut shown = Shown::new(register);
        // First what is stated, so that it counts nothing that is not read after it, and so that whoever
        // cosigned or stamped the statement has done so for all records before it.
        stated(command, &client, &mut shown, standard, printer).await?;
        read(&client, &mut shown, command.save.is_some(), standard, printer).await?;
        shown.rivals = rivals(&client, register).await;
        Ok(shown)
    })
}

async fn read(
    client: &Client,
    shown: &mut Shown,
    accounts: bool,
    standard: &Standard,
    printer: &Printer,
) -> Result<(), Ended> {
    let range = ReadRange {
        accounts,
        ..ReadRange::default()
    };
    let mut reader = client
        .read_register(&shown.register, range)
        .await
        .map_err(errors::client_without_a_record)?;
    let bar = progress::reading(printer.is_json());
    let verifier = Verifier::new(&standard.trust, standard.at);
    loop {
        let next = reader.next().await.map_err(errors::client_without_a_record);
        let Some(record) = next.inspect_err(|_| bar.finish_and_clear())? else {
            break;
        };
        bar.inc(1);
        if record.account {
            shown.accounts.push(record.receipt);
            continue;
        }
        let name = format!("record-{:06}", record.sequence.get());
        let report = verifier.verify(record.receipt.to_json_pretty().as_bytes(), &FileQuery::None);
        match Placed::of(&name, &report) {
            Ok(placed) => shown.records.push(Record {
                placed,
                receipt: record.receipt,
                withheld: record.withheld,
            }),
            Err(refused) => shown.refused.push(errors::sentence(&refused.to_string())),
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// What was stated, with the evidence that the trust file asks for.
async fn stated(
    command: &Register,
    client: &Client,
    shown: &mut Shown,
    standard: &Standard,
    printer: &Printer,
) -> Result<(), Ended> {
    let until = tokio::time::Instant::now() + FRESH_WAIT;
    let wait = Wait {
        level: standard.trust.require(),
        up_to: LEVEL_WAIT,
    };
    loop {
        let asked = client.register_statement_until(&shown.register, true, wait).await;
        let asked = match asked {
            Ok(asked) => asked,
            Err(error @ (ClientError::RetryLater { .. } | ClientError::NoAnswer { .. })) => {
                shown.no_statement = Some(errors::sentence(&error.to_string()));
                return Ok(());
            }
            Err(error) => return Err(errors::client_without_a_record(error)),
        };
        // There is something that it does not count, and from then on a newer one can be had.
        let pause = asked.fresh_from.map(|from| from.as_millis() - now().as_millis());
        let pause = pause.map(|millis| Duration::from_millis(millis.max(0) as u64 + 200));
        if let Some(pause) =
            pause.filter(|pause| command.fresh && tokio::time::Instant::now() + *pause < until)
        {
            printer.message(&format!(
                "  WAITING  The last statement does not count every record; a newer one in {} s.",
                pause.as_secs()
            ));
            tokio::time::sleep(pause).await;
            continue;
        }
        let report = asked.statement.verify(&standard.trust, standard.at.max(now()));
        shown.fresh_from = asked.fresh_from;
        take(shown, STATEMENT.to_owned(), asked.statement, report);
        return Ok(());
    }
}

fn take(
    shown: &mut Shown,
    name: String,
    statement: RegisterStatement,
    report: trialseal::core::verify::StatementReport,
) {
    if report.outcome == Outcome::Failed {
        shown.refused.push(format!("{name}: {}", report.sentence));
    } else {
        shown.statements.push(Stated {
            name,
            statement,
            report,
        });
    }
}

/// Other registers that claim the trial; not knowing them spoils nothing.
async fn rivals(client: &Client, register: &RegisterName) -> Vec<String> {
    let Some(id) = TrialId::of_register(register) else {
        return Vec::new();
    };
    let claims = client.trial(&id).await.unwrap_or_default();
    let names = claims.into_iter().map(|claim| claim.register);
    names.filter(|name| name != register.as_str()).collect()
}

/// Everything below a folder. Opens no socket.
pub(super) fn folder(folder: &Path, register: &RegisterName, standard: &Standard) -> Result<Shown, Ended> {
    let mut shown = Shown::new(register);
    for (placed, receipt) in receipts(folder, standard, &mut shown)? {
        if placed.register == register.as_str() {
            shown.records.push(Record {
                placed,
                receipt,
                withheld: Vec::new(),
            });
        } else {
            shown.accounts.push(receipt);
        }
    }
    shown
        .statements
        .retain(|stated| stated.statement.register() == register.as_str());
    if shown.statements.is_empty() {
        shown.no_statement = Some(format!(
            "There is no statement about {register} in {}.",
            folder.display()
        ));
    }
    Ok(shown)
}

/// The receipts of a folder; statements and what is refused go to `shown`.
pub(super) fn receipts(
    folder: &Path,
    standard: &Standard,
    shown: &mut Shown,
) -> Result<Vec<(Placed, trialseal::core::receipt::Receipt)>, Ended> {
    let files = Files::read(&[folder.to_owned()])?;
    for refused in &files.refused {
        shown
            .refused
            .push(format!("{}: {}", refused.name, refused.sentence));
    }
    let verifier = Verifier::new(&standard.trust, standard.at);
    let mut found = Vec::new();
    for (name, bytes) in files.files {
        if name.ends_with(crate::commands::receipt_file::ENDING) {
            let report = verifier.verify(&bytes, &FileQuery::None);
            let placed = Placed::of(&name, &report);
            match (placed, report.receipt) {
                (Ok(placed), Some(receipt)) => found.push((placed, receipt)),
                (Err(refused), _) => shown.refused.push(errors::sentence(&refused.to_string())),
                (Ok(_), None) => {}
            }
        } else if is_statement(&bytes) {
            match RegisterStatement::parse(&bytes) {
                Ok(statement) => {
                    let report = verifier.verify_statement(&statement);
                    take(shown, name, statement, report);
                }
                Err(error) => shown.refused.push(format!("{name}: {error}.")),
            }
        }
    }
    Ok(found)
}

/// Other JSON may lie beside; only what says that it is a statement is judged as one.
fn is_statement(bytes: &[u8]) -> bool {
    trialseal::core::json::parse(bytes).is_ok_and(|top| {
        top.get("format").and_then(trialseal::core::json::Value::as_str) == Some(register_statement::FORMAT)
    })
}
