//! Many submissions over one stream: batches go out while answers come in.

use std::collections::VecDeque;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use trialseal_proto::v1;

use super::status::{Failure, failure};
use super::{Client, Wait, wire};
use crate::accept::{BatchOutcome, Recorded, accept_batch};
use crate::error::ClientError;
use crate::pending::{Outgoing, OutgoingRef};

/// Submissions in one batch at most.
pub const BATCH_MAX: usize = 1_000;

/// Batches that are sent ahead of the answers.
const WINDOW: usize = 4;

/// A stream that ended before every batch was answered.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct StreamBroken {
    /// Why. Of the submissions that were sent, each may be on record.
    pub error: ClientError,
    /// What has no answer: send the same again. One signed submission is logged once, ever. Not
    /// here is the batch whose answer did not verify.
    pub unanswered: Vec<Outgoing>,
}

impl Client {
    /// Sends batches of 1 to 1,000 submissions as `batches` yields them. The answers come in
    /// the order of the batches; each is verified. After an error nothing more comes.
    ///
    /// The stream is read no faster than the notary answers.
    pub fn submit_stream<S>(
        &self,
        batches: S,
    ) -> impl Stream<Item = Result<Vec<BatchOutcome>, StreamBroken>> + Send + Unpin + use<S>
    where
        S: Stream<Item = Vec<Outgoing>> + Send + 'static,
    {
        let (answers, receiver) = mpsc::channel(WINDOW);
        tokio::spawn(run(self.clone(), batches, answers));
        ReceiverStream::new(receiver)
    }

    /// Puts many submissions on record, and tries again with the same bytes where that is safe.
    /// The results have the order of the submissions.
    pub async fn submit_many(&self, submissions: Vec<Outgoing>) -> Vec<Result<Recorded, ClientError>> {
        let policy = self.shared.policy;
        let mut round = Round::new(submissions);
        let (mut since, mut tries) = (tokio::time::Instant::now(), 0);
        loop {
            let before = round.open;
            let broken = self.send_round(&mut round).await;
            if round.open < before {
                // Progress: the deadline is for a notary that does not answer.
                (since, tries) = (tokio::time::Instant::now(), 0);
            }
            let Some(error) = broken.or_else(|| round.last_refusal.take()) else {
                break;
            };
            tries += 1;
            let pause = super::retry::pause(policy, tries, after(&error));
            if !error.is_worth_retrying() || since.elapsed() + pause > policy.deadline {
                round.give_up(error);
                break;
            }
            tokio::time::sleep(pause).await;
        }
        round.results.into_iter().flatten().collect()
    }

    /// Sends everything that waits once. The error is that of the stream.
    async fn send_round(&self, round: &mut Round) -> Option<ClientError> {
        let (mut slots, submissions): (VecDeque<usize>, Vec<Outgoing>) = round.waiting.drain(..).unzip();
        let mut answers = self.submit_stream(futures::stream::iter(split(submissions)));
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(outcomes) => {
                    for (slot, outcome) in slots.drain(..outcomes.len().min(slots.len())).zip(outcomes) {
                        round.take(slot, outcome);
                    }
                }
                Err(broken) => {
                    round.waiting.extend(slots.drain(..).zip(broken.unanswered));
                    return Some(broken.error);
                }
            }
        }
        None
    }
}

/// Where [`Client::submit_many`] stands.
struct Round {
    results: Vec<Option<Result<Recorded, ClientError>>>,
    /// What has no result yet, with its place in `results`.
    waiting: Vec<(usize, Outgoing)>,
    /// How many have none.
    open: usize,
    /// Why the last of them was turned away for now.
    last_refusal: Option<ClientError>,
}

impl Round {
    fn new(submissions: Vec<Outgoing>) -> Self {
        let open = submissions.len();
        Self {
            results: (0..open).map(|_| None).collect(),
            waiting: submissions.into_iter().enumerate().collect(),
            open,
            last_refusal: None,
        }
    }

    fn take(&mut self, slot: usize, outcome: BatchOutcome) {
        let result = match outcome {
            BatchOutcome::Sealed(sealed) => sealed.into_recorded().map_err(|error| ClientError::Untrusted {
                problem: format!("parse: {error}"),
            }),
            BatchOutcome::Repeated(recorded) => Ok(*recorded),
            BatchOutcome::Refused(refused) if refused.error.is_worth_retrying() => {
                self.waiting.push((slot, refused.submission));
                self.last_refusal = Some(refused.error);
                return;
            }
            BatchOutcome::Refused(refused) => Err(refused.error),
        };
        if let Some(place) = self.results.get_mut(slot) {
            *place = Some(result);
            self.open -= 1;
        }
    }

    /// The error for the first that has no result; of the others no more is known than that.
    fn give_up(&mut self, error: ClientError) {
        let cause = error.to_string();
        let mut error = Some(error);
        for place in self.results.iter_mut().filter(|place| place.is_none()) {
            let unknown = || ClientError::OutcomeUnknown { cause: cause.clone() };
            *place = Some(Err(error.take().unwrap_or_else(unknown)));
        }
    }
}

fn after(error: &ClientError) -> Option<Duration> {
    match error {
        ClientError::RetryLater { after, .. } => *after,
        _ => None,
    }
}

fn split(submissions: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let mut batches = Vec::with_capacity(submissions.len().div_ceil(BATCH_MAX));
    let mut rest = submissions.into_iter();
    loop {
        let batch: Vec<Outgoing> = rest.by_ref().take(BATCH_MAX).collect();
        if batch.is_empty() {
            return batches;
        }
        batches.push(batch);
    }
}

/// Feeds the batches in, judges the answers, and hands back what has none when the stream breaks.
async fn run<S>(client: Client, batches: S, answers: mpsc::Sender<Result<Vec<BatchOutcome>, StreamBroken>>)
where
    S: Stream<Item = Vec<Outgoing>> + Send + 'static,
{
    let (requests, outgoing) = mpsc::channel(WINDOW);
    let (sent, mut in_flight) = mpsc::channel::<Vec<Outgoing>>(WINDOW);
    let feeder = tokio::spawn(feed(batches, requests, sent));
    let Err((error, mut unanswered)) = receive(&client, outgoing, &mut in_flight, &answers).await else {
        return;
    };
    in_flight.close();
    while let Some(batch) = in_flight.recv().await {
        unanswered.extend(batch);
    }
    // Taken from the source, not yet in flight.
    if let Ok(Some(batch)) = feeder.await {
        unanswered.extend(batch);
    }
    let _ = answers.send(Err(StreamBroken { error, unanswered })).await;
}

/// Takes batches from the source until it ends or nobody listens. Returns the batch that could
/// not be passed on.
async fn feed<S>(
    batches: S,
    requests: mpsc::Sender<v1::SubmitStreamRequest>,
    sent: mpsc::Sender<Vec<Outgoing>>,
) -> Option<Vec<Outgoing>>
where
    S: Stream<Item = Vec<Outgoing>> + Send + 'static,
{
    let mut batches = std::pin::pin!(batches);
    loop {
        let batch = tokio::select! {
            biased;
            () = sent.closed() => return None,
            batch = batches.next() => batch?,
        };
        let submissions = batch
            .iter()
            .map(|one| wire::submit_request(OutgoingRef::from(one), Wait::SEALED))
            .collect();
        // In flight before it is sent, so that no answer can come for what is unknown.
        if let Err(mpsc::error::SendError(batch)) = sent.send(batch).await {
            return Some(batch);
        }
        if requests
            .send(v1::SubmitStreamRequest { submissions })
            .await
            .is_err()
        {
            // The batch is in flight and is handed back from there.
            return None;
        }
    }
}

/// Judges answers until the stream ends. The error comes with the batch it was about.
async fn receive(
    client: &Client,
    outgoing: mpsc::Receiver<v1::SubmitStreamRequest>,
    in_flight: &mut mpsc::Receiver<Vec<Outgoing>>,
    answers: &mpsc::Sender<Result<Vec<BatchOutcome>, StreamBroken>>,
) -> Result<(), (ClientError, Vec<Outgoing>)> {
    let mut notary = client.shared.connections.notary();
    let call = notary.submit_stream(ReceiverStream::new(outgoing)).await;
    let mut responses = call
        .map_err(|status| (broken(client, &status), Vec::new()))?
        .into_inner();
    loop {
        let message = responses
            .message()
            .await
            .map_err(|status| (broken(client, &status), Vec::new()))?;
        let Some(message) = message else {
            return match in_flight.recv().await {
                None => Ok(()),
                Some(batch) => {
                    let cause = "the notary ended the stream".to_owned();
                    Err((ClientError::OutcomeUnknown { cause }, batch))
                }
            };
        };
        let Some(batch) = in_flight.recv().await else {
            let problem = "an answer came for which nothing was sent".to_owned();
            return Err((ClientError::Untrusted { problem }, Vec::new()));
        };
        let accepted = wire::answer(message).and_then(|answer| accept_batch(client.judge(), batch, answer));
        let outcomes = accepted.map_err(|problem| (ClientError::Untrusted { problem }, Vec::new()))?;
        if answers.send(Ok(outcomes)).await.is_err() {
            return Ok(());
        }
    }
}

/// What a broken stream means for what was in flight.
fn broken(client: &Client, status: &tonic::Status) -> ClientError {
    match failure(status) {
        Failure::Final(error) => error,
        Failure::Unknown { cause } => ClientError::OutcomeUnknown { cause },
        Failure::NotTaken {
            after,
            limit: Some(limit),
            ..
        } => ClientError::RetryLater {
            reason: limit.reason,
            after,
            message: limit.message,
        },
        Failure::NotTaken { cause, .. } => {
            let endpoint = client.shared.endpoint.clone();
            ClientError::NotSent {
                endpoint,
                tries: 1,
                waited: Duration::ZERO,
                cause,
            }
        }
    }
}
