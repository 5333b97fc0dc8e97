//! A notary in this process that can be told to misbehave.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status, Streaming};
use trialseal_core::checkpoint::Origin;
use trialseal_core::entry::record_leaf_hash;
use trialseal_core::hash::{Hash, Salt, sha256};
use trialseal_core::index::{LogIndex, LogSize, Sequence};
use trialseal_core::merkle::compact_range::CompactRange;
use trialseal_core::merkle::range_proof::RangeTree;
use trialseal_core::note::Ed25519SigningKey;
use trialseal_core::receipt::ShownPart;
use trialseal_core::record::{Part, RecordLeaves, What, When};
use trialseal_core::submission;
use trialseal_core::tlog_proof::format_tlog_proof;
use trialseal_proto::v1;

use super::{TestLog, now, witness};

/// What to do wrong with the next calls.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Answer with this before anything is taken.
    Refuse(Status),
    /// Record it, then lose the answer.
    LoseAnswer,
    /// Change a byte of `when` in the answer.
    ChangeWhen,
    /// Answer with an older checkpoint of another tree.
    OtherTree,
    /// Sign with keys that nobody trusts.
    OtherKeys,
    /// Answer with the receipt of the record before.
    OtherRecord,
    /// Refuse every second submission of a batch for now.
    RefuseHalf,
}

#[derive(Clone)]
pub(crate) struct FakeNotary {
    state: Arc<Mutex<State>>,
}

struct State {
    log: TestLog,
    leaves: Vec<Hash>,
    by_key: HashMap<[u8; 32], Stored>,
    last: Option<Stored>,
    faults: VecDeque<Fault>,
    calls: u32,
    /// Who cosigns every checkpoint in receipts.
    witness: Option<Ed25519SigningKey>,
    /// What the last call asked to wait for.
    asked: (i32, Option<prost_types::Duration>),
}

#[derive(Clone)]
struct Stored {
    prepared: v1::Prepared,
    when: v1::PreparedPart,
    index: u64,
}

impl FakeNotary {
    /// Serves on a port of its own; returns the endpoint.
    pub(crate) async fn start(faults: impl IntoIterator<Item = Fault>) -> (Self, String) {
        let state = State {
            log: TestLog::new(),
            leaves: vec![sha256(b"open")],
            by_key: HashMap::new(),
            last: None,
            faults: faults.into_iter().collect(),
            calls: 0,
            witness: None,
            asked: (0, None),
        };
        let notary = Self {
            state: Arc::new(Mutex::new(state)),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tonic::transport::Server::builder()
            .add_service(v1::notary_server::NotaryServer::new(notary.clone()))
            .add_service(v1::log_server::LogServer::new(notary.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        (notary, endpoint)
    }

    pub(crate) fn trust(&self) -> trialseal_core::trust::Trust {
        self.state.lock().unwrap().log.trust()
    }

    /// Entries in the log, the `open` statement among them.
    pub(crate) fn size(&self) -> usize {
        self.state.lock().unwrap().leaves.len()
    }

    pub(crate) fn next_does(&self, fault: Fault) {
        self.state.lock().unwrap().faults.push_back(fault);
    }

    /// From now on a witness cosigns: the trusted one has seed 0.
    pub(crate) fn is_witnessed_by(&self, seed: u8) {
        self.state.lock().unwrap().witness = Some(witness(seed));
    }

    /// Goes on in another log.
    pub(crate) fn close(&self, next: &str) {
        let mut state = self.state.lock().unwrap();
        state.log = TestLog::of(Origin::new(next).unwrap(), 2);
        state.leaves.truncate(1);
        state.by_key.clear();
    }

    /// The level and the wait of the last call, in milliseconds.
    pub(crate) fn asked(&self) -> (i32, i64) {
        let (level, wait) = self.state.lock().unwrap().asked;
        let millis = wait.map_or(0, |wait| wait.seconds * 1_000 + i64::from(wait.nanos) / 1_000_000);
        (level, millis)
    }

    /// The entry of its log in a trust file.
    pub(crate) fn trust_entry(&self) -> String {
        self.state.lock().unwrap().log.trust_entry()
    }

    pub(crate) fn calls(&self) -> u32 {
        self.state.lock().unwrap().calls
    }
}

impl State {
    fn fault(&mut self) -> Option<Fault> {
        self.calls += 1;
        self.faults.pop_front()
    }

    /// Puts it at the end of the log; the same key again is answered with what is there.
    fn record(&mut self, prepared: v1::Prepared) -> (Stored, bool) {
        let note = submission_note(&prepared);
        let key = *note.idempotency_key.as_bytes();
        if let Some(stored) = self.by_key.get(&key) {
            return (stored.clone(), true);
        }
        let what = What::parse(&prepared.what.as_ref().unwrap().text).unwrap();
        let index = self.leaves.len() as u64;
        let when = When {
            log: self.log.origin.clone(),
            index: LogIndex::new(index).unwrap(),
            received_at: now(),
            register: what.register.clone(),
            sequence: Sequence::new(index).unwrap(),
            previous: None,
            class: what.class,
            event: what.event,
            sealed: false,
            submission: Some(submission::digest(&prepared.note)),
        };
        let when = ShownPart {
            salt: Salt::from_bytes([3; 32]),
            text: when.to_json(),
        };
        let leaves = RecordLeaves {
            what: note.what,
            who: note.who,
            why: note.why,
            when: when.leaf(Part::When),
        };
        self.leaves.push(record_leaf_hash(&leaves.root()));
        let when = v1::PreparedPart {
            salt: Bytes::copy_from_slice(when.salt.as_bytes()),
            text: when.text.into_bytes().into(),
        };
        let stored = Stored {
            prepared,
            when,
            index,
        };
        self.by_key.insert(key, stored.clone());
        (stored, false)
    }

    fn tree(&self) -> RangeTree {
        RangeTree::at_end(&CompactRange::new(), self.leaves.clone()).unwrap()
    }

    fn checkpoint(&self) -> String {
        let tree = self.tree();
        self.log.checkpoint(tree.size(), tree.root())
    }

    fn receipt(&self, stored: &Stored, fault: Option<&Fault>) -> v1::Receipt {
        let shown = |part: &v1::PreparedPart| {
            let text = String::from_utf8(part.text.to_vec()).unwrap();
            Some(v1::Part {
                salt: Some(part.salt.clone()),
                text: Some(text),
                withheld: None,
            })
        };
        let part = |part: &Option<v1::PreparedPart>| shown(part.as_ref().unwrap());
        let index = LogIndex::new(stored.index).unwrap();
        let note = match fault {
            Some(Fault::OtherTree) => self.log.checkpoint(LogSize::new(9).unwrap(), sha256(b"other")),
            Some(Fault::OtherKeys) => {
                let tree = self.tree();
                TestLog::with_seed(9).checkpoint(tree.size(), tree.root())
            }
            _ => {
                let tree = self.tree();
                self.log
                    .cosigned_checkpoint(tree.size(), tree.root(), self.witness.as_ref())
            }
        };
        let proof = format_tlog_proof(index, &self.tree().path(index).unwrap(), &note);
        let mut when = stored.when.clone();
        if matches!(fault, Some(Fault::ChangeWhen)) {
            let text = String::from_utf8(when.text.to_vec()).unwrap();
            when.text = text
                .replace("\"sealed\":false", "\"sealed\":true")
                .into_bytes()
                .into();
        }
        v1::Receipt {
            format: "trialseal-receipt/v1".to_owned(),
            record: Some(v1::Record {
                what: part(&stored.prepared.what),
                who: part(&stored.prepared.who),
                why: part(&stored.prepared.why),
                when: shown(&when),
            }),
            submission: Some(v1::Submission {
                note: Some(stored.prepared.note.clone()),
                withheld: None,
            }),
            evidence: vec![v1::Evidence {
                proof,
                timestamps: Vec::new(),
                cose: None,
            }],
        }
    }
}

fn queue_full() -> tonic_types::Status {
    use tonic_types::StatusExt as _;
    let details = tonic_types::ErrorDetails::with_error_info("QUEUE_FULL", "trialseal", HashMap::new());
    let status = Status::with_error_details(Code::ResourceExhausted, "the queue is full", details);
    prost::Message::decode(status.details()).unwrap()
}

fn log_closed(next: &Origin) -> Status {
    let metadata = HashMap::from([("next_origin".to_owned(), next.to_string())]);
    let details = tonic_types::ErrorDetails::with_error_info("LOG_CLOSED", "trialseal", metadata);
    let words = "this log is closed";
    use tonic_types::StatusExt as _;
    Status::with_error_details(Code::FailedPrecondition, words, details)
}

fn submission_note(prepared: &v1::Prepared) -> submission::SubmissionText {
    let text = prepared.note.split_once("\n\n").unwrap().0;
    submission::SubmissionText::parse(&format!("{text}\n")).unwrap()
}

fn prepared(request: v1::SubmitRequest) -> v1::Prepared {
    match request.submission.unwrap() {
        v1::submit_request::Submission::Prepared(prepared) => prepared,
        v1::submit_request::Submission::Draft(_) => panic!("no drafts here"),
    }
}

#[tonic::async_trait]
impl v1::notary_server::Notary for FakeNotary {
    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitResponse>, Status> {
        let token = request.metadata().get("authorization").cloned();
        assert!(token.is_some_and(|token| token.as_bytes().starts_with(b"Bearer trialseal_")));
        let mut state = self.state.lock().unwrap();
        let fault = state.fault();
        if let Some(Fault::Refuse(status)) = fault {
            return Err(status);
        }
        let request = request.into_inner();
        state.asked = (request.level, request.wait);
        let prepared = prepared(request);
        if submission_note(&prepared).log != state.log.origin {
            return Err(log_closed(&state.log.origin));
        }
        let (stored, repeated) = state.record(prepared);
        if matches!(fault, Some(Fault::LoseAnswer)) {
            return Err(Status::new(Code::Unavailable, "the connection broke"));
        }
        let before = state.last.replace(stored.clone());
        let stored = if matches!(fault, Some(Fault::OtherRecord)) {
            before.unwrap()
        } else {
            stored
        };
        let receipt = state.receipt(&stored, fault.as_ref());
        Ok(Response::new(v1::SubmitResponse {
            receipt: Some(receipt),
            repeated,
            reached: 0,
        }))
    }

    type SubmitStreamStream = Pin<Box<dyn Stream<Item = Result<v1::SubmitStreamResponse, Status>> + Send>>;

    async fn submit_stream(
        &self,
        request: Request<Streaming<v1::SubmitStreamRequest>>,
    ) -> Result<Response<Self::SubmitStreamStream>, Status> {
        let state = Arc::clone(&self.state);
        let answers = request.into_inner().map(move |batch| {
            let mut state = state.lock().unwrap();
            let fault = state.fault();
            if let Some(Fault::Refuse(status)) = fault {
                return Err(status);
            }
            let first_index = state.leaves.len() as u64;
            let mut outcomes = Vec::new();
            for (place, request) in batch?.submissions.into_iter().enumerate() {
                let refused = matches!(fault, Some(Fault::RefuseHalf)) && place % 2 == 1;
                outcomes.push((!refused).then(|| state.record(prepared(request))));
            }
            if matches!(fault, Some(Fault::LoseAnswer)) {
                return Err(Status::new(Code::Unavailable, "the connection broke"));
            }
            let count = state.leaves.len() as u64 - first_index;
            let first = LogIndex::new(first_index).unwrap();
            let proof = state.tree().sub_range_proof(first, count).unwrap_or_default();
            let outcomes = outcomes.iter().map(|recorded| {
                let Some((stored, repeated)) = recorded else {
                    let refused = Some(v1::outcome::Outcome::Refused(queue_full()));
                    return v1::Outcome { outcome: refused };
                };
                let mut when = stored.when.clone();
                if matches!(fault, Some(Fault::ChangeWhen)) {
                    when.salt = Bytes::from_static(&[4; 32]);
                }
                let outcome = match repeated {
                    true => v1::outcome::Outcome::Repeated(state.receipt(stored, None)),
                    false => v1::outcome::Outcome::Sealed(v1::Sealed {
                        when: Some(when),
                        composed: None,
                    }),
                };
                v1::Outcome {
                    outcome: Some(outcome),
                }
            });
            Ok(v1::SubmitStreamResponse {
                first_index,
                outcomes: outcomes.collect(),
                range_proof: proof
                    .iter()
                    .map(|hash| Bytes::copy_from_slice(hash.as_bytes()))
                    .collect(),
                checkpoint: state.checkpoint(),
            })
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn get_receipt(
        &self,
        request: Request<v1::GetReceiptRequest>,
    ) -> Result<Response<v1::GetReceiptResponse>, Status> {
        let request = request.into_inner();
        let Some(v1::get_receipt_request::Record::Index(index)) = request.record else {
            return Err(Status::unimplemented("by index only"));
        };
        let mut state = self.state.lock().unwrap();
        state.asked = (request.level, request.wait);
        let fault = state.fault();
        let index = if matches!(fault, Some(Fault::OtherRecord)) {
            index + 1
        } else {
            index
        };
        let stored = state
            .by_key
            .values()
            .find(|stored| stored.index == index)
            .cloned();
        let stored = stored.ok_or_else(|| Status::not_found("no such record"))?;
        Ok(Response::new(v1::GetReceiptResponse {
            receipt: Some(state.receipt(&stored, fault.as_ref())),
            // Whoever believes this is wrong: see the tests.
            reached: v1::Level::Timestamped as i32,
            withheld: Vec::new(),
        }))
    }

    async fn list_records(
        &self,
        _request: Request<v1::ListRecordsRequest>,
    ) -> Result<Response<v1::ListRecordsResponse>, Status> {
        Err(Status::unavailable("not here"))
    }
}

#[tonic::async_trait]
impl v1::log_server::Log for FakeNotary {
    async fn get_checkpoint(
        &self,
        _request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        let checkpoint = self.state.lock().unwrap().checkpoint();
        Ok(Response::new(v1::GetCheckpointResponse { checkpoint }))
    }

    async fn get_inclusion_proof(
        &self,
        _request: Request<v1::GetInclusionProofRequest>,
    ) -> Result<Response<v1::GetInclusionProofResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn get_consistency_proof(
        &self,
        _request: Request<v1::GetConsistencyProofRequest>,
    ) -> Result<Response<v1::GetConsistencyProofResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }
}
