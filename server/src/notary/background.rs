//! What runs beside the services: publishing checkpoints, watching disk and gauges, and
//! stopping in order.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::watch, task::JoinHandle};
use trialseal_core::cose::protected_header;

use super::{Notary, ROOM_BYTES};
use crate::{
    evidence::{Asking, CoseSignature, Difference, FailureKind, Party, Published, is_out_of_bounds},
    fs::FileSystem,
    layout::Layout,
    signer_state::SignerState,
    view::Head,
};

/// Pause between two looks at disk and gauges.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// What runs beside the services, to be awaited at the end.
pub struct Running {
    pub(super) sequencer: JoinHandle<()>,
    pub(super) publisher: thread::JoinHandle<()>,
    pub(super) announcer: JoinHandle<()>,
    pub(super) stamper: Option<JoinHandle<()>>,
    pub(super) watcher: JoinHandle<()>,
    pub(super) stop: watch::Sender<bool>,
}

impl Notary {
    /// Remembers the newest checkpoint durably, then lets the public see it.
    pub(crate) fn announce(&self, fs: &dyn FileSystem, layout: &Layout) -> Result<(), std::io::Error> {
        let head = self.view.head();
        let state = SignerState {
            checkpoint: self.checkpoint_of(&head),
            time: self.now(),
        };
        state
            .write(fs, &layout.signer_state)
            .map_err(std::io::Error::other)?;
        let published = self.published();
        if published.cose.is_some() && published.head.size == head.size {
            // It is out already, perhaps with cosignatures.
            return Ok(());
        }
        let cose = self.cose.sign_checkpoint(&state.checkpoint);
        let cose = cose.map_err(std::io::Error::other)?;
        let protected = protected_header(self.cose.public(), &self.origin, head.size);
        // From here on a restart will insist that the log contains this checkpoint.
        self.published.store(Arc::new(Published {
            note: Arc::clone(&head.note),
            head,
            cose: Some(CoseSignature {
                protected: protected.into(),
                signature: Bytes::copy_from_slice(&cose),
            }),
        }));
        Ok(())
    }

    /// Shows a published checkpoint with more cosignatures, unless a newer one is out. For the
    /// publishing loop alone.
    pub(crate) fn publish_note(&self, head: &Head, note: Arc<str>) {
        let published = self.published();
        if published.head.size == head.size {
            self.published.store(Arc::new(Published {
                note,
                ..(*published).clone()
            }));
        }
    }

    /// A witness or an authority gave no evidence. Told when it begins, counted each time.
    pub(crate) fn party_failed(&self, party: &Party, kind: FailureKind) {
        let (name, what) = (party.name.as_str(), party.kind.as_str());
        let new = party.known().failing != Some(kind);
        party.failed(kind);
        self.metrics.party_failed(party, kind);
        if new && kind.is_alarm() {
            tracing::error!(
                name,
                problem = kind.as_str(),
                "the {what} answered what cannot be; its answer is dropped"
            );
        } else if new {
            tracing::warn!(
                name,
                problem = kind.as_str(),
                "the {what} gives no evidence; levels may be late"
            );
        }
    }

    /// A witness has cosigned a larger log: this one is an old copy. Nothing is sealed any more.
    pub(crate) fn roll_back_found(&self, witness: &str, proven: bool) {
        if self.shared.rolled_back.swap(true, Ordering::AcqRel) {
            return;
        }
        tracing::error!(
            witness,
            proven,
            "witnesses have cosigned what this log does not hold: it is an old copy, or it was changed; sealing stops"
        );
    }

    /// Compares the clock with what witnesses and authorities told. Nothing is sealed while it is
    /// wrong for certain.
    fn judge_clock(&self) {
        let Some(policy) = &self.evidence.policy else {
            return;
        };
        let now = self.now();
        let differences = self.evidence.parties.iter();
        let differences: Vec<_> = differences
            .filter_map(|party| party.known().sample?.difference(now))
            .collect();
        let wrong = is_out_of_bounds(&differences, policy.clock_bound);
        if self.shared.clock_out_of_bounds.swap(wrong, Ordering::AcqRel) != wrong {
            let differences: Vec<i64> = differences.iter().map(Difference::nearest_ms).collect();
            tracing::error!(
                stopped = wrong,
                ?differences,
                "the clock differs too much from witnesses and authorities, or is right again"
            );
        }
    }

    pub(super) async fn watch(
        self: Arc<Self>,
        fs: Arc<dyn FileSystem>,
        layout: Layout,
        asking: Option<Asking>,
        mut stopped: watch::Receiver<bool>,
    ) {
        while !*stopped.borrow() {
            match fs.free_bytes(&layout.journal) {
                Ok(free) => self.free_bytes.store(free, Ordering::Release),
                Err(error) => tracing::warn!(%error, "free disk space is unknown"),
            }
            self.gauges();
            self.judge_clock();
            if let Some(asking) = &asking
                && self.shared.clock_out_of_bounds.load(Ordering::Acquire)
            {
                // The log does not grow: ask for the time all the same.
                asking.probe.notify_waiters();
            }
            tokio::select! {
                () = tokio::time::sleep(WATCH_EVERY) => {}
                _ = stopped.changed() => {}
            }
        }
    }

    /// Brings the gauges up to date.
    pub fn gauges(&self) {
        let limits = self.limits.load();
        let records = limits.queue_records.get() as usize;
        let records = records.saturating_sub(self.records_room.available_permits());
        let bytes = limits.queue_bytes.get() / ROOM_BYTES;
        let bytes = bytes.saturating_sub(self.bytes_room.available_permits() as u64) * ROOM_BYTES;
        self.metrics.set_queue(records as u64, bytes);
        self.metrics
            .set_journal_bytes(self.progress.journal_bytes.load(Ordering::Acquire));
        self.metrics
            .set_follower_lag(self.chain.present().end().saturating_sub(self.listing.followed()));
        self.metrics
            .set_remembered_keys(self.shared.remembered.load(Ordering::Acquire));
        self.metrics
            .set_free_bytes(self.free_bytes.load(Ordering::Acquire));
    }
}

impl Running {
    /// Stops in order: the sequencer seals what was accepted, the publisher writes what
    /// it can, the last checkpoint is announced.
    pub async fn stop(self, notary: &Notary) {
        notary.close();
        if let Err(error) = self.sequencer.await {
            tracing::error!(%error, "the sequencer ended badly");
        }
        notary.listing.stop();
        let publisher = self.publisher;
        let joined = tokio::task::spawn_blocking(move || publisher.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the publisher ended badly");
        }
        // Whoever listens is told to look once more, and then to end.
        self.stop.send_replace(true);
        for task in [self.announcer, self.watcher].into_iter().chain(self.stamper) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task ended badly");
            }
        }
    }
}
