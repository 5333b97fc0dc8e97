//! Drafts by streams, millions of them.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use trialseal::{BatchOutcome, Outgoing};
use trialseal_core::tile::{TilePath, TileWidth};
use trialseal_proto::v1;
use trialseal_proto::v1::notary_client::NotaryClient;
use trialseal_proto::v1::outcome::Outcome as Became;

use crate::harness::{Notary, Outcome, Syncs};
use crate::load::{draft, submission};
use crate::table::{Table, Target};
use crate::{ORGANIZATIONS, Settings};

pub(crate) const BATCH: u64 = 1_000;
/// Messages made ahead of a stream.
const AHEAD: usize = 2;

/// A notary with many records, and what was kept of them.
pub(crate) struct Grown {
    pub(crate) notary: Notary,
    /// The receipt of a signed record that came before all others, as its submitter got it.
    pub(crate) first: trialseal::Recorded,
    /// Records that were streamed.
    pub(crate) records: u64,
    /// Their bytes: the four texts and salts, and the note or key.
    pub(crate) record_bytes: u64,
}

/// The long run; only then the table gets its rate.
pub(crate) async fn run(settings: &Settings, table: &mut Table, report: bool) -> Outcome<Grown> {
    if report {
        sdk(settings, table).await?;
    }
    let notary = Notary::start(settings, ORGANIZATIONS)?;
    let client = notary.client(0, 1).await?;
    let account = notary.accounts.first().ok_or("there is no account")?;
    let first = submission(0, 0)?.sign(&account.signatory, client.log(), trialseal::now())?;
    let first = client.submit(&first).await?;
    crate::progress(&format!("streaming {} records", settings.records));
    let before = notary.commits()?;
    let started = Instant::now();
    let record_bytes = stream(&notary, settings.records).await?;
    wait_for_tiles(&notary).await?;
    let rate = settings.records as f64 / started.elapsed().as_secs_f64();
    let mut syncs = Syncs::default();
    syncs.add(before, notary.commits()?);
    if report {
        let figure = format!(
            "drafts, SubmitStream, {} records, stubs, tiles written",
            settings.records
        );
        table.add(&figure, rate, "/s", Target::AtLeast(80_000.0), Some(syncs));
    }
    Ok(Grown {
        notary,
        first,
        records: settings.records,
        record_bytes,
    })
}

/// The SDK, verifying, on a log of its own.
async fn sdk(settings: &Settings, table: &mut Table) -> Outcome {
    let notary = Notary::start(settings, ORGANIZATIONS)?;
    let batches = (settings.records / 10).div_ceil(ORGANIZATIONS as u64 * BATCH);
    let mut streams = tokio::task::JoinSet::new();
    let before = notary.commits()?;
    let started = Instant::now();
    for number in 0..ORGANIZATIONS {
        let client = notary.client(number, 1).await?;
        streams.spawn(async move {
            let (to, from) = mpsc::channel(AHEAD);
            let feeding = tokio::spawn(feed_drafts(number, batches, to));
            let mut answers = client.submit_stream(ReceiverStream::new(from));
            while let Some(answer) = answers.next().await {
                if answer?
                    .iter()
                    .any(|outcome| !matches!(outcome, BatchOutcome::Sealed(_)))
                {
                    return Err("a draft was not sealed".into());
                }
            }
            feeding.await?
        });
    }
    while let Some(ended) = streams.join_next().await {
        let ended: Outcome = ended?;
        ended?;
    }
    let rate = (batches * BATCH * ORGANIZATIONS as u64) as f64 / started.elapsed().as_secs_f64();
    let mut syncs = Syncs::default();
    syncs.add(before, notary.commits()?);
    table.add(
        "  the SDK, building, every record verified",
        rate,
        "/s",
        Target::None,
        Some(syncs),
    );
    Ok(())
}

async fn feed_drafts(account: usize, batches: u64, to: mpsc::Sender<Vec<Outgoing>>) -> Outcome {
    for batch in 0..batches {
        let drafts: Outcome<Vec<Outgoing>> = (0..BATCH)
            .map(|number| {
                Ok(Outgoing::Draft(Box::new(
                    submission(account, batch * BATCH + number)?.draft()?,
                )))
            })
            .collect();
        if to.send(drafts?).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Streams drafts over one stream an organisation; the bytes of the records that were made.
pub(crate) async fn stream(notary: &Notary, records: u64) -> Outcome<u64> {
    let messages = records.div_ceil(notary.accounts.len() as u64 * BATCH);
    let mut streams = tokio::task::JoinSet::new();
    for (number, account) in notary.accounts.iter().enumerate() {
        let (stub, bearer) = (notary.stub().await?, account.bearer.clone());
        let (to, from) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            for message in 0..messages {
                let submissions = (0..BATCH).map(|at| draft(number, message * BATCH + at)).collect();
                if to.send(v1::SubmitStreamRequest { submissions }).await.is_err() {
                    return;
                }
            }
        });
        streams.spawn(one_stream(stub, bearer, from));
    }
    let mut bytes = 0;
    while let Some(ended) = streams.join_next().await {
        bytes += ended??;
    }
    Ok(bytes)
}

/// Sends messages, and sees to it that every submission was sealed.
pub(crate) async fn one_stream(
    mut stub: NotaryClient<Channel>,
    bearer: MetadataValue<Ascii>,
    messages: mpsc::Receiver<v1::SubmitStreamRequest>,
) -> Outcome<u64> {
    let mut request = Request::new(ReceiverStream::new(messages));
    request.metadata_mut().insert("authorization", bearer);
    let mut answers = stub.submit_stream(request).await?.into_inner();
    let mut bytes = 0;
    while let Some(answer) = answers.message().await? {
        for outcome in answer.outcomes {
            match outcome.outcome {
                Some(Became::Sealed(sealed)) => bytes += stored_bytes(&sealed),
                other => return Err(format!("a submission was not sealed: {other:?}").into()),
            }
        }
    }
    Ok(bytes)
}

/// Salts, texts and idempotency key of a draft.
fn stored_bytes(sealed: &v1::Sealed) -> u64 {
    let part =
        |part: &Option<v1::PreparedPart>| part.as_ref().map_or(0, |part| part.salt.len() + part.text.len());
    let composed = sealed.composed.as_ref();
    let composed = composed.map_or(0, |parts| {
        32 + part(&parts.what) + part(&parts.who) + part(&parts.why)
    });
    (part(&sealed.when) + composed) as u64
}

/// Waits until the last full tile is in its file.
pub(crate) async fn wait_for_tiles(notary: &Notary) -> Outcome {
    let size = notary.metric("trialseal_log_size")? as u64;
    let Some(last) = (size / 256).checked_sub(1) else {
        return Ok(());
    };
    let tile = TilePath::Entries {
        index: last,
        width: TileWidth::FULL,
    }
    .to_string();
    let path = notary.dir().join("data/public").join(tile);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !path.exists() {
        if Instant::now() > deadline {
            return Err(format!("{} is not written", path.display()).into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
