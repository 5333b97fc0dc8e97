//! Service `Notary`: submissions, one or many.

use std::{sync::Arc, time::Duration};

use prost::Message as _;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use trialseal_core::{hash::Hash, index::LogIndex, trust::Level};
use trialseal_proto::v1;

use super::{
    levels::{self, Wanted},
    parse::{self, Submission},
    receipt::{prepared_part, receipt},
    status::{item_status, status},
};
use crate::{
    admit::Caller,
    chain::Place,
    limits::Permit,
    notary::{Answer, Notary},
    refusal::Refusal,
    seal::Admitted,
    sequence::Reply,
    stored::{StoredEntry, StoredPart, Submitted},
    view::Sealed,
};

/// Submissions in one message of a stream.
pub(crate) const MESSAGE_SUBMISSIONS_MAX: usize = 1_000;
/// Answers of one stream that may wait for their batch or for the caller.
const ANSWERS_WAITING: usize = 8;
/// How long a stream waits for files to be written before it is refused.
const CATCH_UP_MAX: Duration = Duration::from_secs(5);
/// How often it looks.
const CATCH_UP_PAUSE: Duration = Duration::from_millis(5);

/// Seals one submission, and waits for the level that its caller wants.
pub(crate) async fn submit(
    notary: &Arc<Notary>,
    caller: Caller,
    wanted: Wanted,
    request: v1::SubmitRequest,
) -> Result<v1::SubmitResponse, Refusal> {
    let sealing_max = Duration::from_secs(notary.limits().transport.call_seconds.get());
    let sealed = tokio::time::timeout(sealing_max, seal(notary, caller, request)).await;
    // From here on the call holds no room, and nothing that its organisation is counted for.
    let (place, repeated, receipt) = match sealed.unwrap_or(Err(Refusal::OutcomeUnknown))? {
        Answer::Sealed { sealed, position } => {
            let proven = notary.prove_sealed(&sealed, position)?;
            let place = notary.chain.present().place(proven.index);
            (place, false, Some(receipt(notary, &proven)?))
        }
        Answer::Repeated(place) => (place, true, None),
        Answer::Refused(refusal) => return Err(refusal),
    };
    if let Some(receipt) = receipt.filter(|_| wanted.level == Level::Sealed) {
        return Ok(v1::SubmitResponse {
            receipt: Some(receipt),
            repeated,
            reached: levels::wire(Level::Sealed),
        });
    }
    wanted.wait(notary, place).await;
    let (receipt, reached) = fresh_receipt(notary, place).await?;
    Ok(v1::SubmitResponse {
        receipt: Some(receipt),
        repeated,
        reached: levels::wire(reached),
    })
}

async fn seal(notary: &Arc<Notary>, caller: Caller, request: v1::SubmitRequest) -> Result<Answer, Refusal> {
    notary.ready()?;
    let bytes = request.encoded_len() as u64;
    let _permit = enter(notary, &caller, 1, bytes)?;
    let submission = parse::submission(request)?;
    let admitted = if reads_log(&submission) {
        let notary = Arc::clone(notary);
        let admitted = tokio::task::spawn_blocking(move || admit(&notary, &caller, submission)).await;
        admitted.map_err(|_| Refusal::Internal)??
    } else {
        admit(notary, &caller, submission)?
    };
    let room = notary.room(1, admitted.bytes() as u64)?;
    let answers = notary.submit(vec![Ok(admitted)], room).await?.pop();
    answers.ok_or(Refusal::Internal)
}

/// A fresh receipt for a record and the level that it has, read off the async threads.
pub(crate) async fn fresh_receipt(
    notary: &Arc<Notary>,
    place: Place,
) -> Result<(v1::Receipt, Level), Refusal> {
    let notary = Arc::clone(notary);
    let read = tokio::task::spawn_blocking(move || {
        let (log, index) = notary.locate(place)?;
        let proven = notary.prove(log, index)?;
        Ok((receipt(&notary, &proven)?, proven.level))
    });
    read.await.map_err(|_| Refusal::Internal)?
}

fn admit(notary: &Notary, caller: &Caller, submission: Submission) -> Result<Admitted, Refusal> {
    let accounts = notary.accounts();
    let admission = notary.admission(&accounts);
    match submission {
        Submission::Prepared(prepared) => admission.prepared(caller, *prepared),
        Submission::Draft(draft) => admission.draft(caller, *draft),
    }
}

/// Whether admission may have to read records from the disk, for links.
fn reads_log(submission: &Submission) -> bool {
    match submission {
        Submission::Draft(draft) => !draft.what.links.is_empty() || draft.what.seen.is_some(),
        Submission::Prepared(prepared) => {
            let text = &prepared.what.text;
            text.windows(7).any(|bytes| bytes == b"\"links\"")
                || text.windows(6).any(|bytes| bytes == b"\"seen\"")
        }
    }
}

/// Takes a message's share of what its organisation may have in flight.
fn enter(notary: &Notary, caller: &Caller, records: usize, bytes: u64) -> Result<Permit, Refusal> {
    let organization: Arc<str> = caller.organization.as_str().into();
    let records = u32::try_from(records).unwrap_or(u32::MAX);
    notary
        .gate
        .admit(&organization, records, bytes)
        .map_err(Refusal::from)
}

/// Answers a stream's messages in order. Messages are admitted one after the other, so
/// that they take their places in order; their answers are awaited while the next are
/// admitted.
pub(crate) fn submit_stream(
    notary: Arc<Notary>,
    caller: Caller,
    messages: Streaming<v1::SubmitStreamRequest>,
) -> ReceiverStream<Result<v1::SubmitStreamResponse, Status>> {
    let (waiting, queued) = mpsc::channel(ANSWERS_WAITING);
    let (answers, stream) = mpsc::channel(ANSWERS_WAITING);
    let answering = Arc::clone(&notary);
    tokio::spawn(take_messages(notary, caller, messages, waiting));
    tokio::spawn(give_answers(answering, queued, answers));
    ReceiverStream::new(stream)
}

/// A message on its way: its answer to come, or why the stream ends here.
type InFlight = Result<(oneshot::Receiver<Result<Reply, Refusal>>, Permit), Status>;

async fn take_messages(
    notary: Arc<Notary>,
    caller: Caller,
    mut messages: Streaming<v1::SubmitStreamRequest>,
    waiting: mpsc::Sender<InFlight>,
) {
    loop {
        let taken = match messages.message().await {
            Ok(Some(message)) => take_message(&notary, &caller, message).await,
            Ok(None) => return,
            Err(broken) => {
                tracing::debug!(%broken, "a stream broke");
                // The caller sent what is no message, and is told after the answers to what came
                // before; or it went away, and then nobody hears this.
                let _ = waiting.send(Err(broken)).await;
                return;
            }
        };
        let ends = taken.is_err();
        let taken = taken.map_err(|refusal| {
            notary.metrics.refused(refusal.reason());
            status(&refusal)
        });
        if waiting.send(taken).await.is_err() || ends {
            return;
        }
    }
}

/// While files are being written, a stream is held back by its own flow control, as it is by a
/// full queue; it is refused only where that does not help.
async fn ready_for_stream(notary: &Notary) -> Result<(), Refusal> {
    let deadline = tokio::time::Instant::now() + CATCH_UP_MAX;
    loop {
        match notary.ready() {
            Err(Refusal::JournalFull) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(CATCH_UP_PAUSE).await;
            }
            ready => return ready,
        }
    }
}

async fn take_message(
    notary: &Arc<Notary>,
    caller: &Caller,
    message: v1::SubmitStreamRequest,
) -> Result<(oneshot::Receiver<Result<Reply, Refusal>>, Permit), Refusal> {
    ready_for_stream(notary).await?;
    let count = message.submissions.len();
    if count == 0 || count > MESSAGE_SUBMISSIONS_MAX {
        let problem = format!("has {count} submissions; a message holds 1 to {MESSAGE_SUBMISSIONS_MAX}");
        return Err(Refusal::field("submissions", problem));
    }
    let permit = enter(notary, caller, count, message.encoded_len() as u64)?;
    let (admitting, by) = (Arc::clone(notary), caller.clone());
    let admitted = tokio::task::spawn_blocking(move || {
        let admit_one = |request: v1::SubmitRequest| {
            only_sealed(&request)?;
            admit(&admitting, &by, parse::submission(request)?)
        };
        message.submissions.into_iter().map(admit_one).collect::<Vec<_>>()
    });
    let admitted = admitted.await.map_err(|_| Refusal::Internal)?;
    let bytes: usize = admitted.iter().flatten().map(Admitted::bytes).sum();
    let records = u32::try_from(count).unwrap_or(u32::MAX);
    let room = notary.room_for_stream(records, bytes as u64).await?;
    Ok((notary.enqueue(admitted, room)?, permit))
}

/// A stream's answers come as its batches are sealed; nothing in it waits for more.
fn only_sealed(request: &v1::SubmitRequest) -> Result<(), Refusal> {
    match levels::read_level(request.level)? {
        Level::Sealed => Ok(()),
        level => Err(Refusal::field(
            "level",
            format!("a stream waits for no level above sealed; ask for {level} with GetReceipt"),
        )),
    }
}

async fn give_answers(
    notary: Arc<Notary>,
    mut queued: mpsc::Receiver<InFlight>,
    answers: mpsc::Sender<Result<v1::SubmitStreamResponse, Status>>,
) {
    while let Some(in_flight) = queued.recv().await {
        let answer = match in_flight {
            Ok((reply, permit)) => {
                let answer = answer_message(&notary, reply).await;
                drop(permit);
                answer.map_err(|refusal| {
                    notary.metrics.refused(refusal.reason());
                    status(&refusal)
                })
            }
            Err(status) => Err(status),
        };
        let ends = answer.is_err();
        if answers.send(answer).await.is_err() || ends {
            return;
        }
    }
}

async fn answer_message(
    notary: &Arc<Notary>,
    reply: oneshot::Receiver<Result<Reply, Refusal>>,
) -> Result<v1::SubmitStreamResponse, Refusal> {
    let answers = notary.await_answers(reply).await?;
    let batch = Contiguous::of(&answers);
    let mut outcomes = Vec::with_capacity(answers.len());
    for answer in answers {
        let outcome = match answer {
            Answer::Sealed { sealed, position } if batch.holds(&sealed, position) => {
                v1::outcome::Outcome::Sealed(sealed_part(notary, &sealed, position)?)
            }
            // Settled after its message: it has a batch and a proof of its own.
            Answer::Sealed { sealed, position } => {
                let proven = notary.prove_sealed(&sealed, position)?;
                v1::outcome::Outcome::Repeated(receipt(notary, &proven)?)
            }
            Answer::Repeated(place) => {
                let (receipt, _) = fresh_receipt(notary, place).await?;
                v1::outcome::Outcome::Repeated(receipt)
            }
            Answer::Refused(refusal) => {
                notary.metrics.refused(refusal.reason());
                v1::outcome::Outcome::Refused(item_status(&refusal))
            }
        };
        outcomes.push(v1::Outcome {
            outcome: Some(outcome),
        });
    }
    let Some((sealed, first, count)) = batch.range else {
        let checkpoint = notary.view.head().note.to_string();
        return Ok(v1::SubmitStreamResponse {
            first_index: 0,
            outcomes,
            range_proof: Vec::new(),
            checkpoint,
        });
    };
    let first = sealed
        .batch
        .first
        .checked_add(first as u64)
        .map_err(|error| notary.internal(&error))?;
    let proof = range_proof(notary, &sealed, first, count)?;
    Ok(v1::SubmitStreamResponse {
        first_index: first.get(),
        outcomes,
        range_proof: proof
            .iter()
            .map(|hash| prost::bytes::Bytes::copy_from_slice(hash.as_bytes()))
            .collect(),
        checkpoint: sealed.note.to_string(),
    })
}

/// The consecutive entries that a message's new records are.
struct Contiguous {
    range: Option<(Arc<Sealed>, usize, u64)>,
}

impl Contiguous {
    fn of(answers: &[Answer]) -> Self {
        let mut range: Option<(Arc<Sealed>, usize, u64)> = None;
        for answer in answers {
            let Answer::Sealed { sealed, position } = answer else {
                continue;
            };
            match &mut range {
                None => range = Some((Arc::clone(sealed), *position, 1)),
                Some((batch, first, count)) => {
                    if Arc::ptr_eq(batch, sealed) && *position as u64 == *first as u64 + *count {
                        *count += 1;
                    }
                }
            }
        }
        Self { range }
    }

    fn holds(&self, sealed: &Arc<Sealed>, position: usize) -> bool {
        self.range.as_ref().is_some_and(|(batch, first, count)| {
            Arc::ptr_eq(batch, sealed) && position >= *first && (position as u64) < *first as u64 + count
        })
    }
}

/// The range proof of a message, checked before it leaves.
fn range_proof(notary: &Notary, sealed: &Sealed, first: LogIndex, count: u64) -> Result<Vec<Hash>, Refusal> {
    let batch = &sealed.batch;
    let proof = batch
        .tree
        .sub_range_proof(first, count)
        .ok_or(Refusal::Internal)?;
    let skip = usize::try_from(first.get() - batch.first.get()).unwrap_or(usize::MAX);
    let take = usize::try_from(count).unwrap_or(usize::MAX);
    let leaves: Vec<Hash> = batch
        .tree
        .leaves()
        .iter()
        .skip(skip)
        .take(take)
        .copied()
        .collect();
    let (size, root) = (batch.checkpoint.size, &batch.checkpoint.root);
    let checked = trialseal_core::merkle::range_proof::RangeTree::verify(first, leaves, size, &proof, root);
    if checked.is_err() {
        notary.proof_failed(first, size);
        return Err(Refusal::Internal);
    }
    Ok(proof)
}

fn sealed_part(notary: &Notary, sealed: &Sealed, position: usize) -> Result<v1::Sealed, Refusal> {
    let bytes = sealed.batch.stored.get(position).ok_or(Refusal::Internal)?;
    let entry = StoredEntry::decode(&bytes).map_err(|error| notary.internal(&error))?;
    let StoredEntry::Record(record) = entry else {
        return Err(Refusal::Internal);
    };
    // It was sealed just now: nothing of it is erased.
    let part = |part: &StoredPart| part.kept().map(prepared_part);
    let composed = match record.submitted {
        Submitted::Signed { .. } | Submitted::Erased { .. } => None,
        Submitted::Draft { .. } => Some(v1::ComposedParts {
            what: part(&record.what),
            who: part(&record.who),
            why: part(&record.why),
        }),
    };
    Ok(v1::Sealed {
        when: Some(prepared_part(&record.when)),
        composed,
    })
}
