//! Drafts by unary calls, against a bare echo of the same bytes.

use std::sync::Arc;
use std::time::Duration;

use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use trialseal_proto::v1::notary_client::NotaryClient;

use crate::Settings;
use crate::echo::EchoProcess;
use crate::harness::{Notary, Outcome, Syncs, stub};
use crate::load::{closed_loop, draft, median, submission};
use crate::table::{Table, Target};

const CALLERS: usize = 256;
pub(crate) const CONNECTIONS: usize = 4;
const SLICE: Duration = Duration::from_millis(1_500);

pub(crate) async fn run(settings: &Settings, table: &mut Table) -> Outcome {
    let notary = Notary::start(settings, 1)?;
    let bearer = notary
        .accounts
        .first()
        .ok_or("there is no account")?
        .bearer
        .clone();
    let stubs = stubs(&notary.grpc).await?;
    let mut one = Request::new(draft(0, 0));
    one.metadata_mut().insert("authorization", bearer.clone());
    let response = stubs
        .first()
        .ok_or("there is no stub")?
        .clone()
        .submit(one)
        .await?
        .into_inner();
    let echo = EchoProcess::start(&response, &notary.dir())?;
    let echoes = self::stubs(&echo.endpoint).await?;
    let client = notary.client(0, CONNECTIONS).await?;
    let (mut ours, mut bare, mut sdk, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut syncs, mut sdk_syncs) = (Syncs::default(), Syncs::default());
    // The first slice warms everything up and does not count.
    for slice in 0..=settings.slices {
        let before = notary.commits()?;
        let rate = stub_slice(&stubs, &bearer, SLICE).await?;
        let between = notary.commits()?;
        let echoed = stub_slice(&echoes, &bearer, SLICE).await?;
        let sdk_before = notary.commits()?;
        let with_sdk = sdk_slice(&client).await?;
        if slice > 0 {
            syncs.add(before, between);
            sdk_syncs.add(sdk_before, notary.commits()?);
            ours.push(rate);
            bare.push(echoed);
            sdk.push(with_sdk);
            ratios.push(rate / echoed);
        }
    }
    table.add(
        "drafts, Submit, 256 callers, stubs",
        median(&ours),
        "/s",
        Target::None,
        Some(syncs),
    );
    table.add(
        "  bare tonic echo of the same bytes",
        median(&bare),
        "/s",
        Target::None,
        None,
    );
    table.add(
        "  Submit as part of the echo",
        median(&ratios),
        "%",
        Target::AtLeast(0.55),
        Some(syncs),
    );
    table.add(
        "  the SDK, building, every receipt verified",
        median(&sdk),
        "/s",
        Target::None,
        Some(sdk_syncs),
    );
    Ok(())
}

pub(crate) async fn stubs(endpoint: &str) -> Outcome<Arc<[NotaryClient<Channel>]>> {
    let mut stubs = Vec::new();
    for _ in 0..CONNECTIONS {
        stubs.push(stub(endpoint).await?);
    }
    Ok(stubs.into())
}

/// Drafts from 256 callers for some time.
pub(crate) async fn stub_slice(
    stubs: &Arc<[NotaryClient<Channel>]>,
    bearer: &MetadataValue<Ascii>,
    time: Duration,
) -> Outcome<f64> {
    let (stubs, bearer) = (Arc::clone(stubs), bearer.clone());
    closed_loop(CALLERS, time, move |caller, _| {
        let mut request = Request::new(draft(0, caller as u64));
        request.metadata_mut().insert("authorization", bearer.clone());
        let stub = stubs.get(caller % CONNECTIONS).cloned();
        async move {
            let answer = stub
                .ok_or("there is no stub")?
                .submit(request)
                .await?
                .into_inner();
            if answer.receipt.is_none() {
                Err("an answer has no receipt".into())
            } else {
                Ok(())
            }
        }
    })
    .await
}

async fn sdk_slice(client: &trialseal::Client) -> Outcome<f64> {
    let client = client.clone();
    closed_loop(CALLERS, SLICE, move |caller, _| {
        let (client, draft) = (client.clone(), submission(0, caller as u64));
        async move {
            client.submit(&draft?.draft()?).await?;
            Ok(())
        }
    })
    .await
}
