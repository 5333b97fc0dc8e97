//! What runs beside the services: publishing checkpoints, watching disk and gauges, and
//! stopping in order.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle};
use trialseal_core::checkpoint::Checkpoint;

use super::{Notary, ROOM_BYTES};
use crate::{fs::FileSystem, layout::Layout, signer_state::SignerState};

/// Pause between two published checkpoints.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);
/// Pause between two looks at disk and gauges.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// What runs beside the services, to be awaited at the end.
pub struct Running {
    pub(super) sequencer: JoinHandle<()>,
    pub(super) publisher: thread::JoinHandle<()>,
    pub(super) announcer: JoinHandle<()>,
    pub(super) watcher: JoinHandle<()>,
    pub(super) stop: watch::Sender<bool>,
}

impl Notary {
    /// Remembers the newest checkpoint durably, then lets the public see it.
    pub(super) fn announce(&self, fs: &dyn FileSystem, layout: &Layout) -> Result<(), std::io::Error> {
        let head = self.view.head();
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: head.size,
            root: head.root,
        };
        let state = SignerState {
            checkpoint,
            time: self.now(),
        };
        state
            .write(fs, &layout.signer_state)
            .map_err(std::io::Error::other)?;
        // From here on a restart will insist that the log contains this checkpoint.
        self.published.store(Arc::new(head));
        Ok(())
    }

    pub(super) async fn keep_announcing(
        self: Arc<Self>,
        fs: Arc<dyn FileSystem>,
        layout: Layout,
        mut stopped: watch::Receiver<bool>,
    ) {
        loop {
            let next = self.published().size.next_index();
            let stopping = tokio::select! {
                grown = self.view.committed(next) => !grown,
                // A stop that came while it slept below counts as well.
                _ = stopped.wait_for(|stopped| *stopped) => true,
            };
            let (notary, file_system, places) = (Arc::clone(&self), Arc::clone(&fs), layout.clone());
            let announced =
                tokio::task::spawn_blocking(move || notary.announce(&*file_system, &places)).await;
            if let Ok(Err(error)) = announced {
                tracing::error!(%error, "the signer's memory cannot be written; no newer checkpoint is published");
            }
            if stopping {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(PUBLISH_EVERY) => {}
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
        }
    }

    pub(super) async fn watch(
        self: Arc<Self>,
        fs: Arc<dyn FileSystem>,
        layout: Layout,
        mut stopped: watch::Receiver<bool>,
    ) {
        while !*stopped.borrow() {
            match fs.free_bytes(&layout.journal) {
                Ok(free) => self.free_bytes.store(free, Ordering::Release),
                Err(error) => tracing::warn!(%error, "free disk space is unknown"),
            }
            self.gauges();
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
        let size = self.view.head().size.get();
        self.metrics
            .set_follower_lag(size.saturating_sub(self.listing.followed()));
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
        for task in [self.announcer, self.watcher] {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task ended badly");
            }
        }
    }
}
