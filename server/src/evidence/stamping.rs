//! Timestamps: now and then a witnessed checkpoint is stamped by all authorities at once.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::{Instant as Monotonic, sleep_until, timeout_at},
};
use trialseal_core::{
    hash::Hash,
    note::{SignedNote, VerifierKey},
    time::Instant,
    timestamp::imprint,
    trust::Level,
};

use super::{
    Evidence, Evidenced, Kind,
    asking::{Asking, Backoff},
    authority::AuthorityClient,
    party::PartyKind,
};
use crate::{clock::Clock, notary::Notary};

/// How long those who had to answer wait for the others.
const LINGER: Duration = Duration::from_secs(1);
/// How often the log's size is looked at where nobody cosigns it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The loop, and what it needs.
pub(crate) struct Stamping {
    notary: Arc<Notary>,
    stopped: watch::Receiver<bool>,
    authorities: Vec<Arc<AuthorityClient>>,
    keys: [VerifierKey; 2],
    probe: Arc<Notify>,
    every: Duration,
}

impl Stamping {
    /// The loop; none where there is no authority.
    pub(crate) fn new(
        notary: &Arc<Notary>,
        stopped: watch::Receiver<bool>,
        clock: &Arc<dyn Clock>,
        asking: Option<&Asking>,
    ) -> Option<Self> {
        let (policy, asking) = (notary.evidence.policy.as_ref()?, asking?);
        let parties = notary.evidence.parties_of(PartyKind::Authority);
        let authorities = policy.authorities.iter().zip(parties).map(|(place, party)| {
            Arc::new(AuthorityClient {
                place: place.clone(),
                party: Arc::clone(party),
                outbound: asking.outbound.clone(),
                timeout: policy.request_timeout,
                bound: policy.clock_bound,
                clock: Arc::clone(clock),
            })
        });
        let authorities: Vec<_> = authorities.collect();
        (!authorities.is_empty()).then(|| Self {
            notary: Arc::clone(notary),
            stopped,
            authorities,
            keys: asking.keys.clone(),
            probe: Arc::clone(&asking.probe),
            every: policy.timestamp_every,
        })
    }

    /// Runs until the notary stops.
    pub(crate) async fn run(self) {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => {}
            () = self.keep_stamping() => {}
        }
    }

    async fn keep_stamping(&self) {
        let evidence = &self.notary.evidence;
        let mut due = Monotonic::now();
        let mut backoff = Backoff::default();
        loop {
            let last = evidence.kept(Kind::Timestamped).newest_size();
            tokio::select! {
                () = async { sleep_until(due).await; self.grown_above(last).await } => {}
                () = self.probe.notified() => {
                    self.probe_clocks().await;
                    continue;
                }
            }
            let Some(checkpoint) = self.newest() else { continue };
            due = Monotonic::now();
            if self.stamp(&checkpoint).await {
                due += self.every;
                backoff = Backoff::default();
            } else {
                due += backoff.next().min(self.every);
            }
        }
    }

    /// Returns when there is something to be stamped above `size`.
    async fn grown_above(&self, size: u64) {
        if self
            .notary
            .evidence
            .parties_of(PartyKind::Witness)
            .next()
            .is_some()
        {
            return self.notary.evidence.levels.witnessed_above(size).await;
        }
        while self.notary.published().head.size.get() <= size {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What is stamped next: what was witnessed last, or where nobody is asked to, what is out.
    fn newest(&self) -> Option<Evidenced> {
        let evidence = &self.notary.evidence;
        if evidence.parties_of(PartyKind::Witness).next().is_some() {
            return Some((*evidence.kept(Kind::Witnessed).newest()?).clone());
        }
        let published = self.notary.published();
        Some(Evidenced {
            checkpoint: self.notary.checkpoint_of(&published.head),
            note: Arc::clone(&published.note),
            tokens: Vec::new(),
            cose: published.cose.clone(),
        })
    }

    /// Has a checkpoint stamped and keeps it. False if not all who must have answered.
    async fn stamp(&self, checkpoint: &Evidenced) -> bool {
        let size = checkpoint.checkpoint.size.get();
        let Some((imprint, signed)) = self.imprint(&checkpoint.note) else {
            tracing::error!(size, "a checkpoint of this log does not have the log's two lines");
            return false;
        };
        let tokens = self.ask_all(imprint, signed, size).await;
        if !self.is_enough(&tokens) {
            return false;
        }
        let stamped = Evidenced {
            tokens: tokens.into_iter().flatten().collect(),
            ..checkpoint.clone()
        };
        let evidence: Arc<Evidence> = Arc::clone(&self.notary.evidence);
        let keep = move || evidence.kept(Kind::Timestamped).append(Arc::new(stamped));
        match tokio::task::spawn_blocking(keep).await {
            Ok(Ok(())) => {
                self.notary.evidence.levels.reached(Level::Timestamped, size);
                true
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "timestamps could not be kept; it is tried again");
                false
            }
            Err(error) => {
                tracing::error!(%error, "keeping timestamps ended badly");
                false
            }
        }
    }

    /// The tokens in the policy's order, of those who answered in time.
    async fn ask_all(&self, imprint: Hash, signed: Instant, size: u64) -> Vec<Option<Bytes>> {
        let mut asked = JoinSet::new();
        for (number, authority) in self.authorities.iter().enumerate() {
            let (authority, notary) = (Arc::clone(authority), Arc::clone(&self.notary));
            asked.spawn(async move {
                let started = Monotonic::now();
                let stamped = authority.stamp(imprint, signed).await;
                match &stamped {
                    Ok(_) => {
                        authority.party.succeeded(size);
                        notary.metrics.party_answered(&authority.party, started.elapsed());
                    }
                    Err(kind) => notary.party_failed(&authority.party, *kind),
                }
                (number, stamped.ok())
            });
        }
        let mut tokens = vec![None; self.authorities.len()];
        let mut until: Option<Monotonic> = None;
        loop {
            let next = match until {
                Some(until) => timeout_at(until, asked.join_next()).await.unwrap_or(None),
                None => asked.join_next().await,
            };
            match next {
                Some(Ok((number, token))) => {
                    if let Some(place) = tokens.get_mut(number) {
                        *place = token;
                    }
                    if until.is_none() && self.is_enough(&tokens) {
                        until = Some(Monotonic::now() + LINGER);
                    }
                }
                Some(Err(error)) => tracing::error!(%error, "asking an authority ended badly"),
                None => return tokens,
            }
        }
    }

    /// Whether all who must have answered; any one, where nobody is named.
    fn is_enough(&self, tokens: &[Option<Bytes>]) -> bool {
        let must = self
            .notary
            .evidence
            .policy
            .iter()
            .flat_map(|policy| &policy.must_answer);
        let answered = |name: &String| {
            self.authorities
                .iter()
                .zip(tokens)
                .any(|(authority, token)| authority.party.name == *name && token.is_some())
        };
        tokens.iter().any(Option::is_some) && must.into_iter().all(answered)
    }

    /// What is stamped, and when the log signed it.
    fn imprint(&self, note: &str) -> Option<(Hash, Instant)> {
        let note = SignedNote::parse(note).ok()?;
        let [ed25519, mldsa] = &self.keys;
        let imprint = imprint(&note, ed25519, mldsa)?;
        let line = note.lines().iter().find(|line| mldsa.matches(line))?;
        let time_s = mldsa.verify(note.text(), line).ok()??;
        Some((imprint, Instant::from_seconds(i64::try_from(time_s).ok()?)))
    }

    /// Asks for the time alone: the tokens are for what is stamped already, and are not kept.
    async fn probe_clocks(&self) {
        if let Some(checkpoint) = self.newest()
            && let Some((imprint, signed)) = self.imprint(&checkpoint.note)
        {
            let size = checkpoint.checkpoint.size.get();
            let _not_kept = self.ask_all(imprint, signed, size).await;
        }
    }
}
