//! Signed submissions, against strict Ed25519 verification of the very same notes alone.

use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use tokio::sync::mpsc;
use trialseal::{BatchOutcome, Client, Outgoing, Prepared};
use trialseal_core::note::SignedNote;
use trialseal_proto::v1;

use crate::harness::{Account, Notary, Outcome, Syncs};
use crate::load::{median, on_all_processors, signed, wire};
use crate::streams::{BATCH, one_stream};
use crate::table::{Table, Target};
use crate::unary::{CONNECTIONS, stubs};
use crate::{ORGANIZATIONS, Settings};

/// Submissions of a slice by streams, per organisation, and by unary calls.
const STREAMED: usize = 6_000;
const UNARY: usize = 10_000;
const CALLERS: usize = 256;

pub(crate) async fn run(settings: &Settings, table: &mut Table) -> Outcome {
    let notary = Notary::start(settings, ORGANIZATIONS)?;
    let client = notary.client(0, CONNECTIONS).await?;
    let mut figures = [(); 4].map(|()| (Vec::new(), Vec::new(), Syncs::default()));
    let mut verified = Vec::new();
    for slice in 0..=settings.slices {
        for (kind, (rates, ratios, syncs)) in figures.iter_mut().enumerate() {
            let made = prepare(&notary, &client, kind)?;
            let alone = verification_alone(&notary.accounts, &made)?;
            let count: usize = made.iter().map(Vec::len).sum();
            let (before, rate) = match kind {
                0 => (notary.commits()?, stream_stubs(&notary, &made).await?),
                1 => (notary.commits()?, unary_stubs(&notary, &made).await?),
                2 => (notary.commits()?, stream_sdk(&notary, made).await?),
                _ => (notary.commits()?, unary_sdk(&client, made).await?),
            };
            let rate = count as f64 / rate;
            if slice > 0 {
                syncs.add(before, notary.commits()?);
                rates.push(rate);
                ratios.push(rate / alone);
                verified.push(alone);
            }
        }
    }
    let [stream, unary, stream_sdk, unary_sdk] = figures;
    table.add(
        "strict Ed25519 verification alone, all cores",
        median(&verified),
        "/s",
        Target::None,
        None,
    );
    table.add(
        "signed, SubmitStream, stubs",
        median(&stream.0),
        "/s",
        Target::None,
        Some(stream.2),
    );
    table.add(
        "  as part of verification alone",
        median(&stream.1),
        "%",
        Target::AtLeast(0.70),
        Some(stream.2),
    );
    table.add(
        "  the SDK, every record verified",
        median(&stream_sdk.0),
        "/s",
        Target::None,
        Some(stream_sdk.2),
    );
    table.add(
        "signed, Submit, 256 callers, stubs",
        median(&unary.0),
        "/s",
        Target::None,
        Some(unary.2),
    );
    table.add(
        "  as part of verification alone",
        median(&unary.1),
        "%",
        Target::AtLeast(0.18),
        Some(unary.2),
    );
    table.add(
        "  the SDK, every receipt verified",
        median(&unary_sdk.0),
        "/s",
        Target::None,
        Some(unary_sdk.2),
    );
    Ok(())
}

/// Signed before the clock starts: for streams by every organisation, else by the first.
fn prepare(notary: &Notary, client: &Client, kind: usize) -> Outcome<Vec<Vec<Prepared>>> {
    let (accounts, count) = if kind.is_multiple_of(2) {
        (ORGANIZATIONS, STREAMED)
    } else {
        (1, UNARY)
    };
    let accounts = notary.accounts.iter().take(accounts).enumerate();
    accounts
        .map(|(number, account)| signed(account, number, client.log(), count))
        .collect()
}

/// Notes a second that all processors verify, and do nothing else.
fn verification_alone(accounts: &[Account], made: &[Vec<Prepared>]) -> Outcome<f64> {
    let mut notes = Vec::new();
    for (account, made) in accounts.iter().zip(made) {
        let key = account.signatory.key.verifier().public_key();
        let key = ed25519_dalek::VerifyingKey::from_bytes(&key.as_slice().try_into()?)?;
        for one in made {
            let note = SignedNote::parse(one.note())?;
            let line = note.lines().first().ok_or("a note is not signed")?;
            notes.push((
                key,
                note.text().to_owned(),
                ed25519_dalek::Signature::from_slice(line.blob())?,
            ));
        }
    }
    let started = Instant::now();
    on_all_processors(notes.len(), |from, to| {
        for (key, text, signature) in notes.get(from..to).unwrap_or_default() {
            key.verify_strict(text.as_bytes(), signature)?;
        }
        Ok(())
    })?;
    Ok(notes.len() as f64 / started.elapsed().as_secs_f64())
}

async fn stream_stubs(notary: &Notary, made: &[Vec<Prepared>]) -> Outcome<f64> {
    let mut ready = Vec::new();
    for (account, made) in notary.accounts.iter().zip(made) {
        let (to, from) = mpsc::channel(made.len().div_ceil(BATCH as usize));
        for batch in made.chunks(BATCH as usize) {
            to.try_send(v1::SubmitStreamRequest {
                submissions: batch.iter().map(wire).collect(),
            })?;
        }
        ready.push((notary.stub().await?, account.bearer.clone(), from));
    }
    let started = Instant::now();
    let mut streams = tokio::task::JoinSet::new();
    for (stub, bearer, from) in ready {
        streams.spawn(one_stream(stub, bearer, from));
    }
    while let Some(ended) = streams.join_next().await {
        ended??;
    }
    Ok(started.elapsed().as_secs_f64())
}

async fn stream_sdk(notary: &Notary, made: Vec<Vec<Prepared>>) -> Outcome<f64> {
    let mut ready = Vec::new();
    for (number, made) in made.into_iter().enumerate() {
        let mut made = made
            .into_iter()
            .map(|one| Outgoing::Prepared(Box::new(one)))
            .peekable();
        let mut batches: Vec<Vec<Outgoing>> = Vec::new();
        while made.peek().is_some() {
            batches.push(made.by_ref().take(BATCH as usize).collect());
        }
        ready.push((notary.client(number, 1).await?, batches));
    }
    let started = Instant::now();
    let mut streams = tokio::task::JoinSet::new();
    for (client, batches) in ready {
        streams.spawn(async move {
            let mut answers = client.submit_stream(futures::stream::iter(batches));
            while let Some(answer) = answers.next().await {
                if answer?
                    .iter()
                    .any(|outcome| !matches!(outcome, BatchOutcome::Sealed(_)))
                {
                    return Err("a submission was not sealed".into());
                }
            }
            Outcome::Ok(())
        });
    }
    while let Some(ended) = streams.join_next().await {
        ended??;
    }
    Ok(started.elapsed().as_secs_f64())
}

/// Has 256 callers make one call for each of some submissions.
async fn call_each<T, F, Fut>(all: Vec<T>, call: F) -> Outcome<f64>
where
    T: Send + 'static,
    F: Fn(usize, T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send,
{
    let call = Arc::new(call);
    let mut shares: Vec<Vec<T>> = (0..CALLERS).map(|_| Vec::new()).collect();
    for (number, one) in all.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(number % CALLERS) {
            share.push(one);
        }
    }
    let started = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for (caller, share) in shares.into_iter().enumerate() {
        let call = Arc::clone(&call);
        callers.spawn(async move {
            for one in share {
                call(caller, one).await?;
            }
            Outcome::Ok(())
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok(started.elapsed().as_secs_f64())
}

async fn unary_stubs(notary: &Notary, made: &[Vec<Prepared>]) -> Outcome<f64> {
    let bearer = notary
        .accounts
        .first()
        .ok_or("there is no account")?
        .bearer
        .clone();
    let stubs = stubs(&notary.grpc).await?;
    let requests = made.iter().flatten().map(wire).collect();
    call_each(requests, move |caller, request| {
        let mut request = tonic::Request::new(request);
        request.metadata_mut().insert("authorization", bearer.clone());
        let stub = stubs.get(caller % CONNECTIONS).cloned();
        async move {
            stub.ok_or("there is no stub")?.submit(request).await?;
            Ok(())
        }
    })
    .await
}

async fn unary_sdk(client: &Client, made: Vec<Vec<Prepared>>) -> Outcome<f64> {
    let client = client.clone();
    call_each(made.into_iter().flatten().collect(), move |_, one: Prepared| {
        let client = client.clone();
        async move {
            client.submit(&one).await?;
            Ok(())
        }
    })
    .await
}
