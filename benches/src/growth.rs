//! What millions of records cost in memory, on disk, at a restart and when the first is asked for.

use std::time::Instant;

use trialseal::core::receipt::Receipt;
use trialseal_core::tlog_proof::TlogProof;
use trialseal_core::verify::{FileQuery, verify};

use crate::Settings;
use crate::harness::{Notary, Outcome};
use crate::load::{median, percentile};
use crate::streams::{Grown, stream, wait_for_tiles};
use crate::table::{Table, Target};

const MB: f64 = 1e6;

pub(crate) async fn run(grown: Grown, settings: &Settings, table: &mut Table) -> Outcome {
    let Grown {
        mut notary,
        first,
        records,
        record_bytes,
    } = grown;
    let more = settings.records / 5;
    let resident = notary.rss_bytes()? as f64;
    table.add(
        &format!("RSS at {records} records"),
        resident / MB,
        "MB",
        Target::Below(300.0),
        None,
    );
    fetch_first(&notary, &first.receipt, table).await?;
    let journal = notary.metric("trialseal_journal_bytes")?;
    table.add(
        "journal",
        journal / MB,
        "MB",
        Target::Below(256.0 * 1.048_576 + 0.1),
        None,
    );
    table.add(
        "bytes of a record, as stored",
        record_bytes as f64 / records as f64,
        "bytes",
        Target::None,
        None,
    );
    let disk = notary.disk_bytes()? as f64;
    table.add("disk", disk / MB, "MB", Target::None, None);
    table.add(
        "  as a multiple of the records' bytes",
        disk / record_bytes as f64,
        "x",
        Target::Below(1.5),
        None,
    );
    stream(&notary, more).await?;
    wait_for_tiles(&notary).await?;
    let growth = notary.rss_bytes()? as f64 - resident;
    table.add(
        &format!("RSS growth with {more} more"),
        growth / MB,
        "MB",
        Target::Below(20.0),
        None,
    );
    let restart = notary.restart_after_kill()?;
    table.add(
        "restart after SIGKILL until ready",
        restart.as_secs_f64(),
        "s",
        Target::Below(2.0),
        None,
    );
    let resident = notary.rss_bytes()? as f64;
    table.add("  RSS after it", resident / MB, "MB", Target::None, None);
    fetch_first(&notary, &first.receipt, table).await
}

/// The first record again: against the newest checkpoint, appended to what its holder has.
async fn fetch_first(notary: &Notary, held: &Receipt, table: &mut Table) -> Outcome {
    let client = notary.client(0, 1).await?;
    let when = trialseal_core::json::parse(held.record().when.text.as_bytes())?;
    let index = when
        .get("index")
        .and_then(|value| value.as_unsigned())
        .ok_or("when has no index")?;
    let place = trialseal::RecordPlace::Index(trialseal_core::index::LogIndex::new(index)?);
    let mut times = Vec::new();
    let mut whole = held.clone();
    for _ in 0..200 {
        let started = Instant::now();
        let fresh = client.receipt(&place).await?;
        whole = held.clone();
        for element in fresh.evidence() {
            whole.append_evidence(element.clone());
        }
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let newest = client.checkpoint().await?.checkpoint.size.get();
    let evidence = whole.evidence();
    let last = evidence.last().ok_or("there is no evidence")?;
    let size =
        trialseal_core::checkpoint::Checkpoint::parse(TlogProof::parse(&last.proof)?.checkpoint.text())?.size;
    if evidence.len() < 2 || size.get() < newest {
        return Err("the receipt of the first record is not fresh".into());
    }
    let report = verify(
        whole.to_json_pretty().as_bytes(),
        &notary.trust,
        trialseal::now(),
        &FileQuery::None,
    );
    if let Some(failed) = report.first_failure() {
        return Err(format!(
            "the receipt of the first record does not verify: {}",
            failed.sentence
        )
        .into());
    }
    table.add(
        &format!("first record after {newest}, fresh, verified, median"),
        median(&times),
        "ms",
        Target::Below(10.0),
        None,
    );
    table.add("  p99", percentile(&times, 99.0), "ms", Target::Below(10.0), None);
    let bytes = whole.to_json_pretty().len() as f64;
    table.add(
        "  its receipt with both proofs (one is 6.3 kB)",
        bytes,
        "bytes",
        Target::None,
        None,
    );
    Ok(())
}
