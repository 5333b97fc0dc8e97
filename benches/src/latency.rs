//! How long one caller waits, how long many wait at half load, and how long a verification takes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tonic::Request;
use trialseal_core::manifest::FileDigests;
use trialseal_core::verify::{FileQuery, verify};

use crate::Settings;
use crate::harness::{Failure, Notary, Outcome, Syncs};
use crate::load::{draft, median, percentile, submission};
use crate::table::{Table, Target};
use crate::unary::{CONNECTIONS, stub_slice, stubs};

const CALLS: u64 = 1_000;
const HALF_LOAD: Duration = Duration::from_secs(10);

pub(crate) async fn run(settings: &Settings, table: &mut Table) -> Outcome {
    let notary = Notary::start(settings, 1)?;
    lone(&notary, table).await?;
    half_load(&notary, table).await?;
    offline(&notary, table).await
}

/// One caller, one call at a time; the SDK verifies each receipt.
async fn lone(notary: &Notary, table: &mut Table) -> Outcome {
    let client = notary.client(0, 1).await?;
    let account = notary.accounts.first().ok_or("there is no account")?;
    for signed in [true, false] {
        let mut times = Vec::new();
        let mut syncs = Syncs::default();
        let before = notary.commits()?;
        for number in 0..CALLS + 50 {
            let submission = submission(0, number)?;
            // Made before the clock starts, as a pipeline does that keeps what it sends.
            let (prepared, draft) = (
                submission.sign(&account.signatory, client.log(), trialseal::now())?,
                submission.draft()?,
            );
            let started = Instant::now();
            if signed {
                client.submit(&prepared).await?;
            } else {
                client.submit(&draft).await?;
            }
            if number >= 50 {
                times.push(started.elapsed().as_secs_f64() * 1e3);
            }
        }
        syncs.add(before, notary.commits()?);
        let kind = if signed { "signed" } else { "draft" };
        let figure = format!("lone caller, {kind}, receipt verified, median");
        table.add(&figure, median(&times), "ms", Target::Below(3.0), Some(syncs));
        table.add(
            "  p99",
            percentile(&times, 99.0),
            "ms",
            Target::Below(10.0),
            Some(syncs),
        );
    }
    Ok(())
}

/// Calls start by the clock, whatever became of those before; each is timed from when it was due.
async fn half_load(notary: &Notary, table: &mut Table) -> Outcome {
    let bearer = notary
        .accounts
        .first()
        .ok_or("there is no account")?
        .bearer
        .clone();
    let stubs = stubs(&notary.grpc).await?;
    stub_slice(&stubs, &bearer, Duration::from_secs(1)).await?;
    let maximum = stub_slice(&stubs, &bearer, Duration::from_secs(3)).await?;
    let rate = maximum / 2.0;
    let total = (rate * HALF_LOAD.as_secs_f64()) as u64;
    let times = Arc::new(Mutex::new(Vec::with_capacity(total as usize)));
    let mut calls = tokio::task::JoinSet::new();
    let before = notary.commits()?;
    let started = Instant::now();
    let mut number = 0;
    while number < total {
        let due_now = ((started.elapsed().as_secs_f64() * rate) as u64).min(total);
        for call in number..due_now {
            let due = started + Duration::from_secs_f64(call as f64 / rate);
            let mut request = Request::new(draft(0, call));
            request.metadata_mut().insert("authorization", bearer.clone());
            let mut stub = stubs
                .get(call as usize % CONNECTIONS)
                .cloned()
                .ok_or("there is no stub")?;
            let times = Arc::clone(&times);
            calls.spawn(async move {
                stub.submit(request).await?;
                let took = due.elapsed().as_secs_f64() * 1e3;
                times.lock().unwrap_or_else(PoisonError::into_inner).push(took);
                Result::<(), Failure>::Ok(())
            });
        }
        number = due_now;
        while let Some(ended) = calls.try_join_next() {
            ended??;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    while let Some(ended) = calls.join_next().await {
        ended??;
    }
    let mut syncs = Syncs::default();
    syncs.add(before, notary.commits()?);
    let times = times.lock().unwrap_or_else(PoisonError::into_inner);
    let figure = format!("half load ({rate:.0}/s, open loop), median");
    table.add(&figure, median(&times), "ms", Target::None, Some(syncs));
    table.add(
        "  p99",
        percentile(&times, 99.0),
        "ms",
        Target::Below(25.0),
        Some(syncs),
    );
    Ok(())
}

/// Every step of a signed receipt with one file.
async fn offline(notary: &Notary, table: &mut Table) -> Outcome {
    let client = notary.client(0, 1).await?;
    let account = notary.accounts.first().ok_or("there is no account")?;
    let submission = submission(0, 0)?;
    let digest = submission.items().first().ok_or("there is no file")?;
    let digests = FileDigests {
        sha256: digest.sha256,
        sha512: [7; 64],
        size: digest.size,
    };
    let signed = submission.sign(&account.signatory, client.log(), trialseal::now())?;
    let receipt = client.submit(&signed).await?.receipt.to_json_pretty();
    let query = FileQuery::One {
        item: None,
        name: "adsl.xpt".to_owned(),
        digests,
    };
    let mut times = Vec::new();
    for _ in 0..1_000 {
        let at = trialseal::now();
        let started = Instant::now();
        let report = verify(receipt.as_bytes(), &notary.trust, at, &query);
        times.push(started.elapsed().as_secs_f64() * 1e3);
        if let Some(failed) = report.first_failure() {
            return Err(format!("a receipt does not verify: {}", failed.sentence).into());
        }
    }
    table.add(
        "offline verification, one receipt, median",
        median(&times),
        "ms",
        Target::Below(1.0),
        None,
    );
    table.add(
        "receipt of one file",
        receipt.len() as f64,
        "bytes",
        Target::Below(10_000.0),
        None,
    );
    Ok(())
}
