//! Asking the witnesses: one task and one request at a time for each.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc, watch},
    time::{Instant as Monotonic, sleep},
};
use trialseal_core::{note::VerifierKey, time::Instant};

use super::{
    Evidence,
    party::{FailureKind, Party, PartyKind},
    witness::{Cosigned, Failed, Target, WitnessClient},
};
use crate::{clock::Clock, config, notary::Notary, outbound::Outbound};

/// Pauses before a witness that failed is asked again; jittered.
const BACKOFF_MIN: Duration = Duration::from_millis(200);
/// See [`BACKOFF_MIN`].
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// What a witness answered for a checkpoint.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its place in the policy's list.
    pub(super) witness: usize,
    /// Size of the checkpoint that it was asked for.
    pub(super) size: u64,
    /// Its cosignature, if it gave one.
    pub(super) cosigned: Option<Cosigned>,
}

/// What asking witnesses takes.
pub(crate) struct Asking {
    /// For all requests.
    pub(crate) outbound: Outbound,
    /// The log's own keys.
    pub(crate) keys: [VerifierKey; 2],
    /// Tells those who have nothing to do to ask all the same, for the time.
    pub(crate) probe: Arc<Notify>,
}

impl Asking {
    /// With connections of its own.
    pub(crate) fn new(keys: [VerifierKey; 2]) -> Result<Self, rustls::Error> {
        Ok(Self {
            outbound: Outbound::new()?,
            keys,
            probe: Arc::new(Notify::new()),
        })
    }
}

/// What asking one of the witnesses takes.
pub(super) fn client(
    notary: &Notary,
    clock: &Arc<dyn Clock>,
    policy: &config::Evidence,
    asking: &Asking,
    place: &config::WitnessPlace,
    party: &Arc<Party>,
) -> WitnessClient {
    WitnessClient {
        place: place.clone(),
        party: Arc::clone(party),
        outbound: asking.outbound.clone(),
        timeout: policy.request_timeout,
        bound: policy.clock_bound,
        clock: Arc::clone(clock),
        view: Arc::clone(&notary.view),
        origin: notary.origin.clone(),
        keys: asking.keys.clone(),
    }
}

/// Asks one witness, one request at a time.
pub(super) struct Worker {
    /// The witness's place in the policy's list.
    pub(super) number: usize,
    pub(super) client: WitnessClient,
    pub(super) notary: Arc<Notary>,
    /// What is to be cosigned.
    pub(super) targets: watch::Receiver<Option<Arc<Target>>>,
    pub(super) answers: mpsc::Sender<Answer>,
    /// Asks all the same when there is nothing to do.
    pub(super) probe: Arc<Notify>,
}

impl Worker {
    /// Asks until the loop ends.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::default();
        // Size of the last checkpoint that needs no asking any more.
        let mut done = 0;
        loop {
            let target = self.targets.borrow_and_update().clone();
            let due = target.clone().filter(|target| {
                target.published.head.size.get() > done && !target.cosigned.contains(&self.number)
            });
            let Some(target) = due else {
                tokio::select! {
                    changed = self.targets.changed() => if changed.is_err() { return },
                    () = self.probe.notified() => if let Some(target) = target {
                        // Only for the time that it tells.
                        let _ = self.client.cosign(&target).await;
                    },
                }
                continue;
            };
            let size = target.published.head.size.get();
            let asked = Monotonic::now();
            let outcome = self.client.cosign(&target).await;
            let pause = match &outcome {
                Ok(_) => {
                    done = size;
                    self.client.party.succeeded(size);
                    self.notary
                        .metrics
                        .party_answered(&self.client.party, asked.elapsed());
                    backoff = Backoff::default();
                    None
                }
                Err(Failed::NotThisOne) => {
                    done = size;
                    None
                }
                Err(failed) => {
                    self.failed(failed);
                    Some(backoff.next())
                }
            };
            let cosigned = outcome.ok();
            let witness = self.number;
            if self
                .answers
                .send(Answer {
                    witness,
                    size,
                    cosigned,
                })
                .await
                .is_err()
            {
                return;
            }
            if let Some(pause) = pause {
                sleep(pause).await;
            }
        }
    }

    fn failed(&self, failed: &Failed) {
        let kind = match failed {
            Failed::For(kind) => *kind,
            Failed::LargerLog { .. } => FailureKind::Ahead,
            Failed::NotThisOne => return,
        };
        self.notary.party_failed(&self.client.party, kind);
        if let Failed::LargerLog { proven } = failed {
            self.client.party.claims_larger_log();
            if *proven || self.notary.evidence.quorum_is_lost_to_claims() {
                self.notary.roll_back_found(&self.client.party.name, *proven);
            }
        }
    }
}

impl Evidence {
    /// Whether so many witnesses say that the log was larger that the others cannot make the quorum.
    fn quorum_is_lost_to_claims(&self) -> bool {
        let Some(policy) = &self.policy else { return false };
        let mut times = vec![None; policy.trust.quorum().witnesses().len()];
        for (place, party) in policy.witnesses.iter().zip(self.parties_of(PartyKind::Witness)) {
            if let Some(time) = times.get_mut(place.place) {
                *time = (!party.does_claim_larger_log()).then(|| Instant::from_millis(0));
            }
        }
        policy.trust.quorum().time(&times).is_none()
    }
}

/// Growing, jittered pauses.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(BACKOFF_MIN)
    }
}

impl Backoff {
    /// The next pause: between a half and one and a half of its length.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.0.mul_f64(rand::random_range(0.5..1.5));
        self.0 = (self.0 * 2).min(BACKOFF_MAX);
        pause
    }
}
