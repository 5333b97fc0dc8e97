//! The publishing loop: announce a checkpoint, have it cosigned, keep it, wake those who wait.
//!
//! One task holds the round; one task for each witness asks it, so that a witness that hangs holds up
//! nobody but itself. A round goes for one checkpoint until the quorum has cosigned it, until nobody
//! is being asked any more, or until a request would have timed out; announcing goes on meanwhile.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant as Monotonic, sleep_until},
};
use trialseal_core::{
    note::{SignatureLine, SignedNote},
    time::Instant,
    trust::Level,
};

use super::{
    Evidenced, Kind,
    asking::{Answer, Asking, Worker, client},
    cosigned,
    party::PartyKind,
    witness::{Cosigned, Target},
};
use crate::{clock::Clock, config, fs::FileSystem, layout::Layout, notary::Notary};

/// Time between two announcements while nobody waits.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(1);
/// Pause between two rounds while somebody waits.
const ROUND_PAUSE: Duration = Duration::from_millis(100);
/// How long a quorum waits for the rest: most answer at nearly the same time, and what is kept is
/// written once.
const LINGER: Duration = Duration::from_millis(20);
/// How long a notary that stops waits for its last checkpoint to be cosigned.
const LAST_ROUND_MAX: Duration = Duration::from_secs(2);
/// How often what witnesses cosigned last is written down.
const SAVE_EVERY: Duration = Duration::from_secs(10);
/// Answers that may wait to be taken.
const ANSWERS: usize = 64;

/// One checkpoint on its way to a quorum.
struct Round {
    target: Arc<Target>,
    /// Cosignature lines by the witness's place in the policy's list.
    lines: BTreeMap<usize, Vec<SignatureLine>>,
    /// Earliest times by the witness's place in the trust file.
    times: Vec<Option<Instant>>,
    /// Who has not answered yet.
    asked: Vec<bool>,
    started: Monotonic,
    /// When it is to be kept.
    keep_at: Option<Monotonic>,
    /// When the quorum was kept.
    kept_at: Option<Monotonic>,
}

/// What the loop acts on.
enum Event {
    Stop,
    Answer(Answer),
    Keep,
    SomebodyWaits,
    Announce,
}

/// The loop, and what it needs.
pub(crate) struct Publishing {
    notary: Arc<Notary>,
    fs: Arc<dyn FileSystem>,
    layout: Layout,
    stopped: watch::Receiver<bool>,
    targets: watch::Sender<Option<Arc<Target>>>,
    answers: mpsc::Receiver<Answer>,
    /// Held, so that there is always somebody who might answer.
    _answering: mpsc::Sender<Answer>,
    /// Ended when the loop ends.
    _witnesses: JoinSet<()>,
    round: Option<Round>,
    announced_at: Monotonic,
    saved_at: Monotonic,
}

impl Publishing {
    /// Starts to ask the witnesses. Needs a tokio runtime.
    pub(crate) fn start(
        notary: &Arc<Notary>,
        fs: Arc<dyn FileSystem>,
        layout: Layout,
        stopped: watch::Receiver<bool>,
        clock: &Arc<dyn Clock>,
        asking: Option<&Asking>,
    ) -> Self {
        let (answering, answers) = mpsc::channel(ANSWERS);
        let targets = watch::Sender::new(None);
        let mut witnesses = JoinSet::new();
        if let (Some(policy), Some(asking)) = (&notary.evidence.policy, asking) {
            let parties = notary.evidence.parties_of(PartyKind::Witness);
            for (number, (place, party)) in policy.witnesses.iter().zip(parties).enumerate() {
                let client = client(notary, clock, policy, asking, place, party);
                let worker = Worker {
                    number,
                    client,
                    notary: Arc::clone(notary),
                    targets: targets.subscribe(),
                    answers: answering.clone(),
                    probe: Arc::clone(&asking.probe),
                };
                witnesses.spawn(worker.run());
            }
        }
        let now = Monotonic::now();
        let mut publishing = Self {
            notary: Arc::clone(notary),
            fs,
            layout,
            stopped,
            targets,
            answers,
            _answering: answering,
            _witnesses: witnesses,
            round: None,
            announced_at: now,
            saved_at: now,
        };
        publishing.begin_round();
        publishing
    }

    /// Runs until the notary stops; the last checkpoint is announced then.
    pub(crate) async fn run(mut self) {
        loop {
            let next = self.notary.published().head.size.next_index();
            let (due, behind) = (self.due(), self.is_behind());
            let keep_at = self.round.as_ref().and_then(|round| round.keep_at);
            let evidence = Arc::clone(&self.notary.evidence);
            let view = Arc::clone(&self.notary.view);
            let event = tokio::select! {
                // A stop that came meanwhile counts as well.
                _ = self.stopped.wait_for(|stopped| *stopped) => Event::Stop,
                Some(answer) = self.answers.recv() => Event::Answer(answer),
                () = sleep_until(keep_at.unwrap_or(due)), if keep_at.is_some() => Event::Keep,
                () = evidence.levels.somebody_waits() => Event::SomebodyWaits,
                goes_on = async { sleep_until(due).await; behind || view.committed(next).await } => {
                    if goes_on { Event::Announce } else { Event::Stop }
                }
            };
            match event {
                Event::Stop => break,
                Event::Answer(answer) => self.take(answer),
                Event::Keep => self.keep().await,
                // The next announcement may be due earlier now.
                Event::SomebodyWaits => {}
                Event::Announce => {
                    self.announce().await;
                    if self.round_is_over() {
                        self.begin_round();
                    }
                }
            }
        }
        self.announce().await;
        self.last_round().await;
        self.save().await;
    }

    /// Takes the last checkpoint to the witnesses, for a short time: the log may be closed before it
    /// is served again, and what was sealed since the last round could never be witnessed then.
    async fn last_round(&mut self) {
        let deadline = Monotonic::now() + LAST_ROUND_MAX;
        let size = self.notary.published().head.size;
        let under_way = |round: &Round| round.target.published.head.size == size;
        if !self.round.as_ref().is_some_and(under_way) {
            self.begin_round();
        }
        while let Some(round) = &self.round {
            let keep_at = round.keep_at;
            let given_up = keep_at.is_none() && !round.asked.contains(&true);
            if round.kept_at.is_some() || given_up {
                return;
            }
            tokio::select! {
                Some(answer) = self.answers.recv() => self.take(answer),
                () = sleep_until(keep_at.unwrap_or(deadline)), if keep_at.is_some() => self.keep().await,
                () = sleep_until(deadline) => return,
            }
        }
    }

    /// When the next checkpoint may be announced.
    fn due(&self) -> Monotonic {
        let kept_at = self.round.as_ref().and_then(|round| round.kept_at);
        match kept_at {
            Some(kept_at) if self.notary.evidence.levels.waiting() > 0 => {
                // Announcing may have failed since.
                kept_at.max(self.announced_at) + ROUND_PAUSE
            }
            _ => self.announced_at + ANNOUNCE_EVERY,
        }
    }

    /// Whether a checkpoint is out that no round went for, since the one before took its time.
    fn is_behind(&self) -> bool {
        self.round.as_ref().is_some_and(|round| {
            round.target.published.head.size < self.notary.published().head.size && self.round_is_over()
        })
    }

    fn round_is_over(&self) -> bool {
        let timeout = self
            .policy()
            .map_or(Duration::ZERO, |policy| policy.request_timeout);
        self.round.as_ref().is_none_or(|round| {
            let answered = !round.asked.contains(&true) && round.keep_at.is_none();
            round.kept_at.is_some() || answered || round.started.elapsed() > timeout
        })
    }

    fn policy(&self) -> Option<&config::Evidence> {
        self.notary.evidence.policy.as_ref()
    }

    async fn announce(&mut self) {
        self.announced_at = Monotonic::now();
        let (notary, fs, layout) = (
            Arc::clone(&self.notary),
            Arc::clone(&self.fs),
            self.layout.clone(),
        );
        let announced = tokio::task::spawn_blocking(move || notary.announce(&*fs, &layout)).await;
        if let Ok(Err(error)) = announced {
            tracing::error!(%error, "the signer's memory cannot be written; no newer checkpoint is published");
        }
    }

    /// Goes for the checkpoint that is out.
    fn begin_round(&mut self) {
        let published = self.notary.published();
        let Some(policy) = self.policy().filter(|policy| !policy.witnesses.is_empty()) else {
            return;
        };
        let checkpoint = self.notary.checkpoint_of(&published.head);
        let mut round = Round {
            target: Arc::new(Target {
                text: checkpoint.text(),
                published: Arc::clone(&published),
                cosigned: Vec::new(),
            }),
            lines: BTreeMap::new(),
            times: vec![None; policy.trust.quorum().witnesses().len()],
            asked: vec![true; policy.witnesses.len()],
            started: Monotonic::now(),
            keep_at: None,
            kept_at: None,
        };
        let kept = self.notary.evidence.kept(Kind::Witnessed).newest();
        if let Some(kept) = kept.filter(|kept| kept.checkpoint == checkpoint) {
            // Cosigned before a restart: the early cosignatures are worth more than new ones.
            round.continue_from(policy, &kept);
            self.notary.publish_note(&published.head, Arc::clone(&kept.note));
        }
        self.targets.send_replace(Some(Arc::clone(&round.target)));
        self.round = Some(round);
    }

    fn take(&mut self, answer: Answer) {
        let evidence = Arc::clone(&self.notary.evidence);
        let Some(policy) = evidence.policy.as_ref() else {
            return;
        };
        let Some(round) = &mut self.round else { return };
        if answer.size != round.target.published.head.size.get() {
            // For a checkpoint that was given up meanwhile.
            return;
        }
        if let Some(asked) = round.asked.get_mut(answer.witness) {
            *asked = false;
        }
        let Some(Cosigned { lines, time }) = answer.cosigned else {
            return;
        };
        let Some(place) = policy.witnesses.get(answer.witness) else {
            return;
        };
        if let Some(known) = round.times.get_mut(place.place) {
            *known = Some(time);
        }
        round.lines.insert(answer.witness, lines);
        if let Some(note) = round.note() {
            self.notary.publish_note(&round.target.published.head, note);
        }
        let reached = policy.trust.quorum().time(&round.times).is_some();
        if reached && round.keep_at.is_none() {
            let wait = if round.asked.contains(&true) {
                LINGER
            } else {
                Duration::ZERO
            };
            round.keep_at = Some(Monotonic::now() + wait);
        } else if reached && !round.asked.contains(&true) {
            round.keep_at = Some(Monotonic::now());
        }
    }

    /// Keeps the round's checkpoint with every cosignature had so far, and wakes those who wait.
    async fn keep(&mut self) {
        let Some(round) = &mut self.round else { return };
        round.keep_at = None;
        let Some(note) = round.note() else { return };
        let published = &round.target.published;
        let evidenced = Arc::new(Evidenced {
            checkpoint: self.notary.checkpoint_of(&published.head),
            note,
            tokens: Vec::new(),
            cose: published.cose.clone(),
        });
        let (evidence, size) = (Arc::clone(&self.notary.evidence), published.head.size.get());
        let kept =
            tokio::task::spawn_blocking(move || evidence.kept(Kind::Witnessed).append(evidenced)).await;
        match kept {
            Ok(Ok(())) => {
                round.kept_at.get_or_insert(Monotonic::now());
                self.notary.evidence.levels.reached(Level::Witnessed, size);
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "cosignatures could not be kept; it is tried again");
                round.keep_at = Some(Monotonic::now() + ANNOUNCE_EVERY);
            }
            Err(error) => tracing::error!(%error, "keeping cosignatures ended badly"),
        }
        if self.saved_at.elapsed() > SAVE_EVERY {
            self.save().await;
        }
    }

    /// Writes down what witnesses cosigned last.
    async fn save(&mut self) {
        self.saved_at = Monotonic::now();
        if self.policy().is_none_or(|policy| policy.witnesses.is_empty()) {
            return;
        }
        let (evidence, fs) = (Arc::clone(&self.notary.evidence), Arc::clone(&self.fs));
        let path = self.layout.cosigned();
        let save = move || cosigned::write(&*fs, &path, evidence.parties_of(PartyKind::Witness));
        if let Ok(Err(error)) = tokio::task::spawn_blocking(save).await {
            tracing::warn!(%error, "what witnesses cosigned last was not written down; they will say it");
        }
    }
}

impl Round {
    /// The checkpoint's note with the log's lines and then the witnesses', in the policy's order.
    fn note(&self) -> Option<Arc<str>> {
        let note = SignedNote::parse(&self.target.published.head.note).ok()?;
        let lines = note.lines().iter().chain(self.lines.values().flatten()).cloned();
        let note = SignedNote::new(note.text().to_owned(), lines.collect());
        match note {
            Ok(note) => Some(note.to_string().into()),
            Err(error) => {
                tracing::error!(%error, "the cosignatures do not fit the checkpoint's note");
                None
            }
        }
    }

    /// Takes over what was kept for the same checkpoint.
    fn continue_from(&mut self, policy: &config::Evidence, kept: &Evidenced) {
        let Ok(note) = SignedNote::parse(&kept.note) else {
            return;
        };
        let mut cosigned = Vec::new();
        for (number, place) in policy.witnesses.iter().enumerate() {
            let (mut lines, mut times) = (Vec::new(), Vec::new());
            for line in note.lines() {
                let keys = place.witness.vkeys.iter().filter(|key| key.matches(line));
                for time_s in keys.filter_map(|key| key.verify(note.text(), line).ok().flatten()) {
                    times.push(Instant::from_seconds(i64::try_from(time_s).unwrap_or(i64::MAX)));
                    lines.push(line.clone());
                }
            }
            let Some(time) = times.into_iter().min() else {
                continue;
            };
            cosigned.push(number);
            self.lines.insert(number, lines);
            if let Some(known) = self.times.get_mut(place.place) {
                *known = Some(time);
            }
            if let Some(asked) = self.asked.get_mut(number) {
                *asked = false;
            }
        }
        self.target = Arc::new(Target {
            published: Arc::clone(&self.target.published),
            text: self.target.text.clone(),
            cosigned,
        });
        if policy.trust.quorum().time(&self.times).is_some() {
            self.kept_at = Some(Monotonic::now());
        }
    }
}
