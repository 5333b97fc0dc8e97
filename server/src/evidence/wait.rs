//! Levels that were reached, and those who wait for one. Whoever waits holds nothing but its place
//! here: no room in the queue, no thread.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::sync::{Notify, watch};
use trialseal_core::{index::LogIndex, trust::Level};

/// The longest time that a caller may wait.
pub const WAIT_MAX: Duration = Duration::from_secs(300);
/// Callers that may wait at the same time; those beyond are told at once what there is.
const WAITING_MAX: usize = 50_000;

/// The largest log sizes that reached a level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sizes {
    witnessed: u64,
    timestamped: u64,
    stopping: bool,
}

/// Which levels were reached.
#[derive(Debug)]
pub struct Levels {
    /// The highest level that the notary's policy can reach at all.
    reachable: Level,
    sizes: watch::Sender<Sizes>,
    waiting: AtomicUsize,
    waits: Notify,
}

/// One who waits.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Levels {
    /// With the sizes that are kept.
    #[must_use]
    pub fn new(reachable: Level, witnessed: u64, timestamped: u64) -> Self {
        Self {
            reachable,
            sizes: watch::Sender::new(Sizes {
                witnessed,
                timestamped,
                stopping: false,
            }),
            waiting: AtomicUsize::new(0),
            waits: Notify::new(),
        }
    }

    /// Returns when the entry at `index` has reached a level, or when it cannot: after `within`, at
    /// the notary's end, where the policy has no such level, and where too many wait.
    pub async fn wait(&self, index: LogIndex, level: Level, within: Duration) {
        if level == Level::Sealed || level > self.reachable || within.is_zero() {
            return;
        }
        let waiting = self.waiting.fetch_add(1, Ordering::AcqRel);
        let _place = Place(&self.waiting);
        if waiting >= WAITING_MAX {
            return;
        }
        self.waits.notify_one();
        let mut sizes = self.sizes.subscribe();
        let reached = sizes.wait_for(|sizes| sizes.stopping || sizes.of(level) > index.get());
        // Too late is an answer as well: what was reached is told.
        let _in_time = tokio::time::timeout(within.min(WAIT_MAX), reached).await;
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// The largest log size that reached a level, `Sealed` apart.
    #[must_use]
    pub fn size(&self, level: Level) -> u64 {
        self.sizes.borrow().of(level)
    }

    /// Everybody who waits is answered, and nobody waits any more.
    pub fn stop(&self) {
        self.sizes.send_modify(|sizes| sizes.stopping = true);
    }

    /// Returns when somebody has begun to wait since the last time.
    pub(super) async fn somebody_waits(&self) {
        self.waits.notified().await;
    }

    pub(super) fn reached(&self, level: Level, size: u64) {
        self.sizes.send_modify(|sizes| match level {
            Level::Sealed => {}
            Level::Witnessed => sizes.witnessed = sizes.witnessed.max(size),
            Level::Timestamped => sizes.timestamped = sizes.timestamped.max(size),
        });
    }

    /// Returns when the largest witnessed size is above `size`.
    pub(super) async fn witnessed_above(&self, size: u64) {
        // The sender is ours, and lives as long as we do.
        let _ = self
            .sizes
            .subscribe()
            .wait_for(|sizes| sizes.witnessed > size)
            .await;
    }
}

impl Sizes {
    fn of(&self, level: Level) -> u64 {
        match level {
            Level::Sealed => u64::MAX,
            Level::Witnessed => self.witnessed,
            Level::Timestamped => self.timestamped,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn index(index: u64) -> LogIndex {
        LogIndex::new(index).unwrap()
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_the_level_the_deadline_or_the_end() {
        let levels = Arc::new(Levels::new(Level::Timestamped, 5, 0));
        let wait = |at: u64, level, within| {
            let levels = Arc::clone(&levels);
            tokio::spawn(async move { levels.wait(index(at), level, within).await })
        };
        wait(4, Level::Witnessed, MINUTE).await.unwrap();
        assert_eq!(levels.waiting(), 0);
        let witnessed = wait(5, Level::Witnessed, MINUTE);
        let stamped = wait(5, Level::Timestamped, MINUTE);
        levels.somebody_waits().await;
        levels.reached(Level::Witnessed, 6);
        witnessed.await.unwrap();
        assert!(!stamped.is_finished());
        let short = Duration::from_millis(20);
        wait(5, Level::Timestamped, short).await.unwrap();
        levels.stop();
        stamped.await.unwrap();
        wait(9, Level::Witnessed, MINUTE).await.unwrap();
        assert_eq!(levels.waiting(), 0);
    }

    #[tokio::test]
    async fn nobody_waits_for_what_cannot_come() {
        let levels = Levels::new(Level::Witnessed, 0, 0);
        levels.wait(index(0), Level::Sealed, MINUTE).await;
        levels.wait(index(0), Level::Timestamped, MINUTE).await;
        levels.wait(index(0), Level::Witnessed, Duration::ZERO).await;
    }
}
