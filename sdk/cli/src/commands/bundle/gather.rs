//! What goes into a bundle: from the notary, and from receipts that lie here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use trialseal::core::checkpoint_chain;
use trialseal::core::identifiers::RegisterName;
use trialseal::core::index::LogIndex;
use trialseal::core::json::{self, Value};
use trialseal::core::receipt::{Evidence, Receipt};
use trialseal::core::register_statement;
use trialseal::{Client, ClientError, ReadRange, Wait, WithheldPart};

use crate::args::Bundle;
use crate::commands::block_on;
use crate::commands::files::Files;
use crate::commands::receipt_file::Parts;
use crate::config::Place;
use crate::errors::{self, Ended, bad_input};
use crate::outcome::Printer;
use crate::table::withheld_because;

/// Everything that was found.
pub(super) struct Gathered {
    pub(super) register: RegisterName,
    /// By their places in the register.
    pub(super) receipts: BTreeMap<u64, Found>,
    /// Receipts of the registers of accounts, by file name without ending.
    pub(super) accounts: BTreeMap<String, Receipt>,
    pub(super) statement: Option<String>,
    pub(super) checkpoints: Option<String>,
    pub(super) trust: PathBuf,
}

/// One record.
pub(super) struct Found {
    pub(super) receipt: Receipt,
    /// What is not shown and why, where the notary said so.
    pub(super) withheld: Option<String>,
}

pub(super) fn gather(command: &Bundle, config: Option<&Path>, printer: &Printer) -> Result<Gathered, Ended> {
    let own = Files::read(&command.with)?;
    let mut gathered = Gathered {
        register: command.register.clone(),
        receipts: BTreeMap::new(),
        accounts: BTreeMap::new(),
        statement: None,
        checkpoints: None,
        trust: PathBuf::new(),
    };
    if command.offline {
        gathered.trust = own.standard(command.trust.as_deref(), config, printer)?.path;
    } else {
        let config = Place::new(config)?.read()?;
        gathered.trust = config.trust.clone();
        block_on(async {
            let client = config.connect(command.deadline).await?;
            online(&client, &mut gathered, printer).await
        })?;
    }
    for one in &own.refused {
        printer.message(&format!("  REFUSED  {}: {}", one.name, one.sentence));
    }
    for (_, bytes) in own.files {
        gathered.take_file(&bytes);
    }
    if gathered.receipts.is_empty() {
        return Err(bad_input(format!("There is no record of {}.", gathered.register)));
    }
    Ok(gathered)
}

/// The statement first, so that it covers nothing that is not read after it.
async fn online(client: &Client, gathered: &mut Gathered, printer: &Printer) -> Result<(), Ended> {
    let register = gathered.register.clone();
    // What the trust file asks for is worth a moment: a statement that was just made has no cosignature yet.
    let wait = Wait {
        level: client.trust().require(),
        up_to: Duration::from_secs(20),
    };
    match client.register_statement_until(&register, true, wait).await {
        Ok(stated) => gathered.statement = Some(stated.statement.to_json()),
        // A register that was opened this minute has no statement yet; the rest is worth having.
        Err(error @ (ClientError::RetryLater { .. } | ClientError::NoAnswer { .. })) => {
            printer.message(&format!(
                "  NOTE     There is no statement of {register} yet: {error}."
            ));
        }
        Err(error) => return Err(errors::client_without_a_record(error)),
    }
    let everything = ReadRange {
        accounts: true,
        ..ReadRange::default()
    };
    let mut reader = client
        .read_register(&register, everything)
        .await
        .map_err(errors::client_without_a_record)?;
    while let Some(read) = reader.next().await.map_err(errors::client_without_a_record)? {
        if read.account {
            gathered.take_account(read.receipt);
        } else {
            gathered.take(read.receipt, withheld(&read.withheld));
        }
    }
    openings(client, gathered, printer).await;
    let elements = gathered.receipts.values().map(|found| &found.receipt);
    let elements: Vec<&Evidence> = elements
        .chain(gathered.accounts.values())
        .flat_map(Receipt::evidence)
        .collect();
    let chain = client
        .checkpoint_chain(elements)
        .await
        .map_err(errors::client_without_a_record)?;
    if !chain.checkpoints.is_empty() {
        gathered.checkpoints = Some(chain.to_json());
    }
    Ok(())
}

/// The manifests that were opened to the reader.
async fn openings(client: &Client, gathered: &mut Gathered, printer: &Printer) {
    let opened = |found: &&mut Found| {
        let what = Parts::of(&found.receipt).what;
        let commits = what.as_ref().is_some_and(|what| what.get("manifest").is_some());
        commits && found.receipt.manifest().is_none()
    };
    let marked = gathered
        .receipts
        .values()
        .any(|found| Parts::of(&found.receipt).when("event") == "opened");
    if !marked {
        return;
    }
    for found in gathered.receipts.values_mut().filter(opened) {
        let parts = Parts::of(&found.receipt);
        let Some(index) = parts
            .when("index")
            .parse()
            .ok()
            .and_then(|index| LogIndex::new(index).ok())
        else {
            continue;
        };
        match client.opening((&index, Some(&parts.when("log")))).await {
            Ok((_, manifest)) => found.receipt = found.receipt.clone().with_manifest(&manifest),
            // Most manifests are not opened.
            Err(ClientError::NotFound { .. }) => {}
            Err(error) => printer.message(&format!("  NOTE     The opening of record {index}: {error}.")),
        }
    }
}

impl Gathered {
    fn take_file(&mut self, bytes: &[u8]) {
        if let Ok(receipt) = Receipt::parse(bytes) {
            let register = Parts::of(&receipt).when("register");
            if register == self.register.as_str() {
                self.take(receipt, None);
            } else if register.starts_with("org:") {
                self.take_account(receipt);
            }
            return;
        }
        let Ok(top) = json::parse(bytes) else { return };
        let text = || String::from_utf8(bytes.to_vec()).ok();
        match top.get("format").and_then(Value::as_str) {
            Some(register_statement::FORMAT) if self.statement.is_none() => {
                let register = top.get("register").and_then(Value::as_str);
                if register == Some(self.register.as_str()) {
                    self.statement = text();
                }
            }
            Some(checkpoint_chain::FORMAT) if self.checkpoints.is_none() => self.checkpoints = text(),
            _ => {}
        }
    }

    /// Takes a receipt in; of two of one record, what one has more than the other.
    fn take(&mut self, receipt: Receipt, withheld: Option<String>) {
        let Ok(sequence) = Parts::of(&receipt).when("sequence").parse::<u64>() else {
            return;
        };
        let Some(known) = self.receipts.get_mut(&sequence) else {
            self.receipts.insert(sequence, Found { receipt, withheld });
            return;
        };
        if known.receipt.record().leaves() != receipt.record().leaves() {
            // Two records at one place: the notary's is kept, and the statement decides.
            return;
        }
        let (mut wider, other) = match (known.receipt.manifest(), receipt.manifest()) {
            (None, Some(_)) => (receipt, known.receipt.clone()),
            _ => (known.receipt.clone(), receipt),
        };
        for element in other.evidence() {
            wider.append_evidence(element.clone());
        }
        known.receipt = wider;
    }

    fn take_account(&mut self, receipt: Receipt) {
        let parts = Parts::of(&receipt);
        let register = parts.when("register");
        let Ok(sequence) = parts.when("sequence").parse::<u64>() else {
            return;
        };
        if let Some(organization) = register.strip_prefix("org:").filter(|text| is_plain(text)) {
            self.accounts
                .entry(format!("{organization}-{sequence:06}"))
                .or_insert(receipt);
        }
    }
}

/// It becomes part of a file's name.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
}

/// `without what, who: sealed`.
fn withheld(parts: &[WithheldPart]) -> Option<String> {
    let first = parts.first()?;
    let names: Vec<&str> = parts.iter().map(|part| part.part.as_str()).collect();
    Some(format!(
        "without {}: {}",
        names.join(", "),
        withheld_because(first.why)
    ))
}
