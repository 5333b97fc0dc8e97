//! A mirror against a log that grows, forks, breaks its rules, and a server that lies.

mod crash;
mod faults;
mod forks;
mod log;
mod rules;

use std::{path::Path, sync::Arc};

use trialseal_core::{
    index::LogSize,
    tile::{TilePath, TileWidth, full_tiles, partial_width},
    time::Instant,
};

use self::log::{Log, Server, cosigned};
pub(super) use self::log::{ORIGIN, trust_text};
use super::{FollowError, Followed, Follower, Store, StoreError};
use crate::{
    clock::ManualClock,
    fs::{FileSystem, SimulatedFileSystem},
};

const ROOT: &str = "/mirror";

/// A mirror that is told when to look.
struct Mirror {
    fs: SimulatedFileSystem,
    store: Arc<Store>,
    follower: Follower,
}

impl Mirror {
    fn open(fs: &SimulatedFileSystem, log: &Log, server: &Server) -> Self {
        Self::try_open(fs, log, server).unwrap()
    }

    fn try_open(fs: &SimulatedFileSystem, log: &Log, server: &Server) -> Result<Self, StoreError> {
        let trust = Arc::new(log.trust());
        let store = Arc::new(Store::open(Arc::new(fs.clone()), Path::new(ROOT), &trust)?);
        let clock = Arc::new(ManualClock::new(Instant::parse("2026-03-01T08:00:00Z").unwrap()));
        let follower = Follower::new(server.upstream(), Arc::clone(&store), trust, clock)?;
        Ok(Self {
            fs: fs.clone(),
            store,
            follower,
        })
    }

    fn new(log: &Log, server: &Server) -> Self {
        Self::open(&SimulatedFileSystem::new(), log, server)
    }

    /// The same after the process ended.
    fn again(self, log: &Log, server: &Server) -> Self {
        let fs = self.fs.clone();
        drop(self);
        fs.kill();
        Self::open(&fs, log, server)
    }

    async fn look(&mut self) -> Result<Followed, FollowError> {
        self.follower.look().await.map(|(followed, _)| followed)
    }

    /// The names below the folder of alarms.
    fn alarms(&self) -> Vec<String> {
        let folder = Path::new(ROOT).join("alarm");
        match self.fs.metadata(&folder).unwrap() {
            Some(_) => self.fs.list(&folder).unwrap(),
            None => Vec::new(),
        }
    }

    fn alarm_file(&self, alarm: &str, name: &str) -> String {
        let path = Path::new(ROOT).join("alarm").join(alarm).join(name);
        String::from_utf8(self.fs.read(&path, 1 << 20).unwrap()).unwrap()
    }

    /// Every file that a log of this size has is served, and is the log's.
    #[track_caller]
    fn assert_serves(&self, log: &Log) {
        let head = self.store.head().expect("something is mirrored");
        assert_eq!(head.signed.checkpoint, log.checkpoint());
        for path in files_of(log.size()) {
            assert_eq!(self.store.tile(&path).unwrap(), log.file(&path), "{path}");
        }
    }
}

/// Every tile and bundle of a log, full and growing, with a narrower one of each.
fn files_of(size: LogSize) -> Vec<TilePath> {
    let mut files = Vec::new();
    for level in 0..4 {
        let full = full_tiles(level, size);
        let growing = partial_width(level, size).map(|width| (full, width));
        let all = (0..full).map(|index| (index, TileWidth::FULL)).chain(growing);
        for (index, width) in all {
            let narrow = TileWidth::new(width.get().div_ceil(2)).unwrap();
            for width in [width, narrow] {
                files.push(TilePath::Hashes { level, index, width });
                if level == 0 {
                    files.push(TilePath::Entries { index, width });
                }
            }
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn it_follows_a_log_that_grows() {
    let mut log = Log::new(1);
    let server = Server::start(&log).await;
    let mut mirror = Mirror::new(&log, &server);
    for size in [1, 2, 255, 256, 257, 511, 700, 1_024, 3_000] {
        log.grow(size, "record");
        server.show(&log);
        assert_eq!(mirror.look().await.unwrap(), Followed::Advanced);
        assert_eq!(mirror.look().await.unwrap(), Followed::Same);
        mirror.assert_serves(&log);
        let beyond = TilePath::Hashes {
            level: 0,
            index: size as u64 / 256,
            width: TileWidth::FULL,
        };
        assert_eq!(
            mirror.store.tile(&beyond).unwrap(),
            None,
            "a growing tile is not a full one"
        );
        mirror = mirror.again(&log, &server);
        mirror.assert_serves(&log);
    }
    // Steady following needs no hash tiles of the log: the entries lead to its root.
    let asked = server.asked();
    assert!(
        asked
            .iter()
            .all(|path| path == "checkpoint" || path.starts_with("tile/entries/")),
        "{asked:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_catches_up_in_rounds() {
    let log = Log::new(140_000);
    let server = Server::start(&log).await;
    let mut mirror = Mirror::new(&log, &server);
    assert_eq!(mirror.look().await.unwrap(), Followed::Advanced);
    mirror.assert_serves(&log);
    mirror = mirror.again(&log, &server);
    mirror.assert_serves(&log);
    assert_eq!(mirror.look().await.unwrap(), Followed::Same);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_checkpoint_is_stale_and_changes_nothing() {
    let old = Log::new(300);
    let mut log = old.clone();
    log.grow(900, "record");
    let server = Server::start(&log).await;
    let mut mirror = Mirror::new(&log, &server);
    mirror.look().await.unwrap();
    server.show(&old);
    assert_eq!(mirror.look().await.unwrap(), Followed::Stale);
    mirror.assert_serves(&log);
    assert!(mirror.alarms().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_files_that_are_gone_are_cut_from_full_ones() {
    let (log, mut longer) = (Log::new(600), Log::new(600));
    longer.grow(1_000, "record");
    let server = Server::start(&longer).await;
    // As a log does that removes partial tiles when they fill.
    server.show_note(&log.note().to_string());
    for path in ["tile/entries/002.p/88", "tile/0/002.p/88"] {
        server.plant(path, log::Fault::Status(404));
    }
    let mut mirror = Mirror::new(&log, &server);
    assert_eq!(mirror.look().await.unwrap(), Followed::Advanced);
    mirror.assert_serves(&log);
}

#[tokio::test(flavor = "multi_thread")]
async fn cosignatures_that_come_later_are_added_and_kept() {
    let mut log = Log::new(300);
    let server = Server::start(&log).await;
    let mut mirror = Mirror::new(&log, &server);
    mirror.look().await.unwrap();
    let witnessed = |mirror: &Mirror| {
        let head = mirror.store.head().unwrap();
        head.witnessed.as_ref().map(ToString::to_string)
    };
    assert_eq!(witnessed(&mirror), None);
    let first = cosigned(&log.note(), 1_800_000_010);
    server.show_note(&first.to_string());
    assert_eq!(mirror.look().await.unwrap(), Followed::Same);
    let head = mirror.store.head().unwrap();
    assert_eq!(head.signed.note, first);
    // Cosigned once more, or shown without: what is there stays.
    for shown in [cosigned(&log.note(), 1_800_000_099), log.note()] {
        server.show_note(&shown.to_string());
        assert_eq!(mirror.look().await.unwrap(), Followed::Same);
        assert_eq!(mirror.store.head().unwrap().signed.note, first);
    }
    // The next checkpoint has none yet: the newest one that has is still there, after a restart too.
    log.grow(700, "record");
    server.show(&log);
    assert_eq!(mirror.look().await.unwrap(), Followed::Advanced);
    mirror = mirror.again(&log, &server);
    assert_eq!(mirror.store.head().unwrap().signed.note, log.note());
    assert_eq!(witnessed(&mirror), Some(first.to_string()));
    // A cosignature that does not verify is left out.
    let bad = {
        let other = cosigned(&Log::new(5).note(), 1_800_000_020);
        log::with_line(&log.note(), other.lines()[2].clone())
    };
    server.show_note(&bad.to_string());
    assert_eq!(mirror.look().await.unwrap(), Followed::Same);
    assert_eq!(mirror.store.head().unwrap().signed.note, log.note());
}
