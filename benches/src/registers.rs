//! Many registers: what a page of one costs when there are 20,000 of them.

use std::time::{Duration, Instant};

use rand::RngExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::Request;
use trialseal_proto::v1;
use trialseal_proto::v1::notary_client::NotaryClient;

use crate::harness::{Notary, Outcome};
use crate::load::{draft_in, median, percentile};
use crate::streams::{BATCH, one_stream};
use crate::table::{Table, Target};
use crate::{ORGANIZATIONS, Settings};

/// Registers in all.
const REGISTERS: u64 = 20_000;
/// Records of a page.
const PAGE: u32 = 100;
/// Pages that are asked for.
const PAGES: u64 = 2_000;
/// Messages made ahead of a stream.
const AHEAD: usize = 2;
/// How long the listing may take to have every record.
const LISTING_MAX: Duration = Duration::from_secs(600);

pub(crate) async fn run(settings: &Settings, table: &mut Table) -> Outcome {
    let notary = Notary::start(settings, ORGANIZATIONS)?;
    crate::progress(&format!(
        "streaming {} records into {REGISTERS} registers",
        settings.records
    ));
    fill(&notary, settings.records).await?;
    await_listing(&notary).await?;
    let mut times = Vec::new();
    let mut stub = notary.stub().await?;
    for _ in 0..PAGES {
        let (account, number) = (
            rand::rng().random_range(0..ORGANIZATIONS),
            rand::rng().random_range(0..REGISTERS / ORGANIZATIONS as u64),
        );
        let took = page(&notary, &mut stub, account, number, settings.records).await?;
        times.push(took.as_secs_f64() * 1e3);
    }
    let figure = format!(
        "page of {PAGE} records, {REGISTERS} registers, {} records, median",
        settings.records
    );
    table.add(&figure, median(&times), "ms", Target::Below(20.0), None);
    table.add("  p99", percentile(&times, 99.0), "ms", Target::Below(20.0), None);
    let resident = notary.rss_bytes()? as f64 / 1e6;
    table.add("  RSS with these registers", resident, "MB", Target::None, None);
    Ok(())
}

/// The register of an account with this number.
fn register(account: usize, number: u64) -> String {
    format!("trial:NCT{:08}", account as u64 * REGISTERS + number)
}

/// One stream an organisation, round and round through its registers.
async fn fill(notary: &Notary, records: u64) -> Outcome {
    let own = REGISTERS / ORGANIZATIONS as u64;
    let messages = records.div_ceil(ORGANIZATIONS as u64 * BATCH);
    let mut streams = JoinSet::new();
    for (number, account) in notary.accounts.iter().enumerate() {
        let (stub, bearer) = (notary.stub().await?, account.bearer.clone());
        let (to, from) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            for message in 0..messages {
                let at = |place| register(number, (message * BATCH + place) % own);
                let submissions = (0..BATCH).map(|place| draft_in(at(place))).collect();
                if to.send(v1::SubmitStreamRequest { submissions }).await.is_err() {
                    return;
                }
            }
        });
        streams.spawn(one_stream(stub, bearer, from));
    }
    while let Some(ended) = streams.join_next().await {
        ended??;
    }
    Ok(())
}

/// The listing is derived behind the log; until it is whole a page is not what is measured.
async fn await_listing(notary: &Notary) -> Outcome {
    let until = Instant::now() + LISTING_MAX;
    while notary.metric("trialseal_follower_lag_records")? > 0.0 {
        if Instant::now() > until {
            return Err("the listing does not have every record".into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// A page from the middle of a register, on the token of a page before it.
async fn page(
    notary: &Notary,
    stub: &mut NotaryClient<tonic::transport::Channel>,
    account: usize,
    number: u64,
    records: u64,
) -> Outcome<Duration> {
    let bearer = &notary
        .accounts
        .get(account)
        .ok_or("there is no such account")?
        .bearer;
    let mut request = v1::ListRecordsRequest {
        register: register(account, number),
        page_size: PAGE,
        ..v1::ListRecordsRequest::default()
    };
    let mut ask = async |message: &v1::ListRecordsRequest| -> Outcome<(v1::ListRecordsResponse, Duration)> {
        let mut request = Request::new(message.clone());
        request.metadata_mut().insert("authorization", bearer.clone());
        let started = Instant::now();
        let answer = stub.list_records(request).await?.into_inner();
        Ok((answer, started.elapsed()))
    };
    let (first, mut took) = ask(&request).await?;
    let (mut rows, each) = (first.records.len(), records / REGISTERS);
    if each >= 2 * u64::from(PAGE) {
        request.page_token = first.next_page_token;
        let (second, again) = ask(&request).await?;
        (rows, took) = (second.records.len(), again);
    }
    let expected = each.min(u64::from(PAGE)) as usize;
    if rows < expected {
        return Err(format!("a page has {rows} records, not {expected}").into());
    }
    Ok(took)
}
