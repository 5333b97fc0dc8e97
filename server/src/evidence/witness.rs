//! Asking one witness for its cosignature (C2SP tlog-witness).

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use tokio::time::Instant as Monotonic;
use trialseal_core::{
    checkpoint::{Checkpoint, Origin},
    hash::sha256,
    index::LogSize,
    merkle::nodes,
    note::{KeyType, SignatureLine, SignedNote, VerifierKey},
    time::Instant,
};

use super::{
    Published,
    clock::Sample,
    party::{FailureKind, Party},
};
use crate::{
    clock::Clock,
    config::WitnessPlace,
    outbound::{Outbound, OutboundError, Response},
    view::LogView,
};

/// An answer: as many lines as a note has, each far below its bound.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// How often in a row a witness may say that it stands elsewhere.
const ATTEMPTS: usize = 3;
const SIZE_TYPE: &str = "text/x.tlog.size";
/// Hashes of a consistency proof, at most.
const PROOF_HASHES_MAX: usize = 63;

/// What a checkpoint of a round is asked for with.
#[derive(Debug)]
pub(super) struct Target {
    /// The checkpoint as it was published.
    pub(super) published: Arc<Published>,
    /// Its text.
    pub(super) text: String,
    /// Places of the witnesses whose cosignatures are there already.
    pub(super) cosigned: Vec<usize>,
}

/// What a witness answered.
#[derive(Debug)]
pub(super) struct Cosigned {
    /// Lines by its keys, each verified.
    pub(super) lines: Vec<SignatureLine>,
    /// The earliest time in them.
    pub(super) time: Instant,
}

/// Why there is no cosignature.
#[derive(Debug)]
pub(super) enum Failed {
    /// To be tried again.
    For(FailureKind),
    /// It has cosigned more than this checkpoint, and a later one can be cosigned.
    NotThisOne,
    /// It says, or proves, that it has cosigned what this log does not hold.
    LargerLog {
        /// Whether a checkpoint signed by this log's keys shows it.
        proven: bool,
    },
}

impl From<OutboundError> for Failed {
    fn from(error: OutboundError) -> Self {
        Self::For(kind_of(&error))
    }
}

/// How a request that was not answered is counted.
pub(super) fn kind_of(error: &OutboundError) -> FailureKind {
    match error {
        OutboundError::Timeout { .. } => FailureKind::Timeout,
        OutboundError::TooLarge { .. } => FailureKind::TooLarge,
        OutboundError::Failed { .. } => FailureKind::Unreachable,
    }
}

/// One witness, and what asking it takes.
pub(super) struct WitnessClient {
    pub(super) place: WitnessPlace,
    pub(super) party: Arc<Party>,
    pub(super) outbound: Outbound,
    pub(super) timeout: Duration,
    pub(super) bound: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) view: Arc<LogView>,
    pub(super) origin: Origin,
    /// The log's own keys.
    pub(super) keys: [VerifierKey; 2],
}

impl WitnessClient {
    /// Has a checkpoint cosigned, from what the witness cosigned last on.
    pub(super) async fn cosign(&self, target: &Target) -> Result<Cosigned, Failed> {
        let size = target.published.head.size.get();
        let mut old = self.party.size().min(size);
        for _ in 0..ATTEMPTS {
            let url = self
                .place
                .url
                .join("add-checkpoint")
                .map_err(|_| Failed::For(FailureKind::Internal))?;
            let body = self.request(target, old).await?;
            let asked = Monotonic::now();
            let answer = self
                .outbound
                .post(
                    &url,
                    "text/plain; charset=utf-8",
                    body,
                    ANSWER_BYTES_MAX,
                    self.timeout,
                )
                .await?;
            match answer.status {
                StatusCode::OK => return self.read(target, old, asked, &answer),
                StatusCode::CONFLICT => old = self.stands_at(size, &answer).await?,
                StatusCode::UNPROCESSABLE_ENTITY => {
                    // Consistent with what it has cosigned? A checkpoint of ours tells.
                    return Err(match self.proof_of_larger_log().await {
                        true => Failed::LargerLog { proven: true },
                        false => Failed::For(FailureKind::Inconsistent),
                    });
                }
                status => return Err(Failed::For(kind_of_status(status))),
            }
        }
        Err(Failed::For(FailureKind::Conflict))
    }

    /// The request: what was cosigned last, the proof from there, the checkpoint as the log signed it.
    async fn request(&self, target: &Target, old: u64) -> Result<String, Failed> {
        let internal = || Failed::For(FailureKind::Internal);
        let (new, view) = (target.published.head.size, Arc::clone(&self.view));
        let from = LogSize::new(old).map_err(|_| internal())?;
        let proof = tokio::task::spawn_blocking(move || nodes::consistency_path(from, new, &*view)).await;
        let proof = match proof {
            Ok(Ok(proof)) if proof.len() <= PROOF_HASHES_MAX => proof,
            Ok(Ok(_)) | Err(_) => return Err(internal()),
            Ok(Err(error)) => {
                tracing::error!(%error, "a consistency proof for a witness could not be made");
                return Err(internal());
            }
        };
        let mut body = format!("old {old}\n");
        for hash in proof {
            body.push_str(&hash.to_base64());
            body.push('\n');
        }
        body.push('\n');
        body.push_str(&target.published.head.note);
        Ok(body)
    }

    /// What a 409 says that the witness has cosigned last, if a proof from there can be made.
    async fn stands_at(&self, size: u64, answer: &Response) -> Result<u64, Failed> {
        let garbage = || Failed::For(FailureKind::Garbage);
        if !answer.is_of_type(SIZE_TYPE) {
            return Err(garbage());
        }
        let text = std::str::from_utf8(&answer.body).map_err(|_| garbage())?;
        let text = text.strip_suffix('\n').ok_or_else(garbage)?;
        let stands: LogSize = text.parse().map_err(|_| garbage())?;
        let head = self.view.head().size;
        if stands > head {
            let proven = self.proof_of_larger_log().await;
            return Err(Failed::LargerLog { proven });
        }
        self.party.says_size(stands.get());
        if stands.get() > size {
            return Err(Failed::NotThisOne);
        }
        Ok(stands.get())
    }

    /// Whether the witness shows a checkpoint that is signed by this log's keys and that this log does
    /// not hold: a larger one, or another root at its size.
    async fn proof_of_larger_log(&self) -> bool {
        let folder = sha256(self.origin.as_str().as_bytes()).to_hex();
        let Ok(url) = self.place.monitoring_url.join(&format!("{folder}/checkpoint")) else {
            return false;
        };
        let answer = match self.outbound.get(&url, ANSWER_BYTES_MAX, self.timeout).await {
            Ok(answer) if answer.status == StatusCode::OK => answer,
            _ => return false,
        };
        let Some(shown) = self.own_checkpoint(&answer.body) else {
            return false;
        };
        let view = Arc::clone(&self.view);
        let contradicts = tokio::task::spawn_blocking(move || {
            shown.size > view.head().size
                || nodes::root(shown.size, &*view).is_ok_and(|root| root != shown.root)
        });
        contradicts.await.unwrap_or(false)
    }

    /// A checkpoint that both of the log's keys signed.
    fn own_checkpoint(&self, note: &[u8]) -> Option<Checkpoint> {
        let note = SignedNote::parse(std::str::from_utf8(note).ok()?).ok()?;
        let checkpoint = Checkpoint::parse(note.text()).ok()?;
        let lines = note.verify(&self.keys).ok()?;
        let by = |kind: KeyType| lines.iter().any(|line| line.key.key_type() == kind);
        let ours = checkpoint.origin == self.origin && by(KeyType::Ed25519) && by(KeyType::MlDsa44);
        ours.then_some(checkpoint)
    }

    /// Takes the lines by this witness's keys, each verified; everything else is dropped and counted.
    fn read(
        &self,
        target: &Target,
        old: u64,
        asked: Monotonic,
        answer: &Response,
    ) -> Result<Cosigned, Failed> {
        let mut wrong = None;
        let (mut lines, mut times): (Vec<SignatureLine>, Vec<Instant>) = (Vec::new(), Vec::new());
        let text = std::str::from_utf8(&answer.body).map_err(|_| Failed::For(FailureKind::Garbage))?;
        for line in text.split_terminator('\n') {
            match self.line(target, line) {
                Ok((line, time)) => {
                    // A cosignature made earlier, of this very checkpoint, tells nothing about now.
                    if old < target.published.head.size.get() || !self.is_early(time) {
                        self.party.told_time(Sample::new(time, 0, asked));
                    }
                    if let Some(problem) = self.wrong_time(target, time) {
                        wrong = Some(problem);
                    } else if !lines.iter().any(|taken| same_key(taken, &line)) {
                        lines.push(line);
                        times.push(time);
                    }
                }
                Err(kind) => {
                    // What is worst is told.
                    if wrong != Some(FailureKind::Signature) {
                        wrong = Some(kind);
                    }
                }
            }
        }
        match times.into_iter().min() {
            Some(time) => Ok(Cosigned { lines, time }),
            None => Err(Failed::For(wrong.unwrap_or(FailureKind::Garbage))),
        }
    }

    fn line(&self, target: &Target, line: &str) -> Result<(SignatureLine, Instant), FailureKind> {
        let line = SignatureLine::parse(line).map_err(|_| FailureKind::Garbage)?;
        let key = self.place.witness.vkeys.iter().find(|key| key.matches(&line));
        let key = key.ok_or(FailureKind::Garbage)?;
        match key.verify(&target.text, &line) {
            Ok(Some(time_s)) => {
                let time_s = i64::try_from(time_s).map_err(|_| FailureKind::Time)?;
                Ok((line, Instant::from_seconds(time_s)))
            }
            // A trust file has no other keys under a witness.
            Ok(None) => Err(FailureKind::Garbage),
            Err(_) => Err(FailureKind::Signature),
        }
    }

    fn bound_ms(&self) -> i64 {
        i64::try_from(self.bound.as_millis()).unwrap_or(i64::MAX)
    }

    /// Whether a time lies in the past by more than the bound.
    fn is_early(&self, time: Instant) -> bool {
        time.plus_millis(self.bound_ms()) < self.clock.now()
    }

    /// A cosignature cannot be older than the checkpoint, nor come from the future.
    fn wrong_time(&self, target: &Target, time: Instant) -> Option<FailureKind> {
        let signed = Instant::from_seconds(target.published.head.time.seconds());
        let early = time.plus_millis(self.bound_ms()) < signed;
        let late = time > self.clock.now().plus_millis(self.bound_ms());
        (early || late).then_some(FailureKind::Time)
    }
}

fn same_key(one: &SignatureLine, other: &SignatureLine) -> bool {
    one.key_id() == other.key_id() && one.name() == other.name()
}

fn kind_of_status(status: StatusCode) -> FailureKind {
    match status {
        StatusCode::BAD_REQUEST => FailureKind::Malformed,
        StatusCode::FORBIDDEN => FailureKind::UnknownKey,
        StatusCode::NOT_FOUND => FailureKind::UnknownOrigin,
        _ => FailureKind::Status,
    }
}
