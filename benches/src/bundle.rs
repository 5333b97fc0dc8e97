//! The whole check of a bundle, offline: every receipt, the statement, both packs.

use std::time::Instant;

use trialseal::core::dossier::Dossier;
use trialseal::core::identifiers::RegisterName;
use trialseal::core::pack::Pack;
use trialseal::{Class, Event, Meaning, Outgoing, Purpose, Role, Submission};

use crate::Settings;
use crate::harness::{Notary, Outcome};
use crate::load::{file, median};
use crate::table::{Table, Target};

/// Records of the bundle.
const RECORDS: usize = 2_000;
/// Submissions of one call.
const AT_ONCE: usize = 1_000;
/// How often it is checked.
const RUNS: usize = 5;

pub(crate) async fn run(settings: &Settings, table: &mut Table) -> Outcome {
    let notary = Notary::start(settings, 1)?;
    let register: RegisterName = "trial:NCT04573309".parse()?;
    let mut files = receipts(&notary, &register).await?;
    let client = notary.client(0, 1).await?;
    let stated = client.register_statement(&register, true).await?;
    files.push((
        "statement.json".to_owned(),
        stated.statement.to_json().into_bytes(),
    ));
    let packs = ["ich-e9", "prospective"].map(Pack::builtin);
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let given = files.clone();
        let started = Instant::now();
        let dossier = Dossier::load(&notary.trust, trialseal::now(), given);
        let complete = dossier.completeness(&register).complete_to;
        for pack in packs.iter().flatten() {
            let _judged = pack.check(&dossier, &register);
        }
        times.push(started.elapsed().as_secs_f64());
        let shown = dossier.register(&register).len();
        if shown != RECORDS || complete.is_none() {
            return Err(format!("{shown} records are proven, complete: {complete:?}").into());
        }
    }
    let figure = format!("whole check of a bundle of {RECORDS} records, both packs, median");
    table.add(&figure, median(&times), "s", Target::Below(5.0), None);
    Ok(())
}

/// Signed records of one register, as their submitter keeps them.
async fn receipts(notary: &Notary, register: &RegisterName) -> Outcome<Vec<(String, Vec<u8>)>> {
    let client = notary.client(0, 1).await?;
    let account = notary.accounts.first().ok_or("there is no account")?;
    let mut files = Vec::with_capacity(RECORDS + 1);
    for first in (0..RECORDS).step_by(AT_ONCE) {
        let mut batch = Vec::with_capacity(AT_ONCE);
        for _ in first..RECORDS.min(first + AT_ONCE) {
            let submission = Submission::new(register.clone(), Class::Dataset, Event::DataCut)
                .version("1.0".parse()?)
                .purpose(Purpose::Interim)
                .files(&[file()?])
                .signed_as(Role::Sponsor, Meaning::Execution);
            let prepared = submission.sign(&account.signatory, client.log(), trialseal::now())?;
            batch.push(Outgoing::Prepared(Box::new(prepared)));
        }
        for recorded in client.submit_many(batch).await {
            let name = format!("receipts/{:06}.receipt.json", files.len());
            files.push((name, recorded?.receipt.to_json_pretty().into_bytes()));
        }
    }
    Ok(files)
}
