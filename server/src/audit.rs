//! The audit: reads every stored byte again and rebuilds everything from the entries.
//!
//! Nothing is locked or changed, so it runs beside a serving notary: it takes the
//! signer's memory first, then an inventory of the files, then the head of the journal,
//! and audits the log up to there. What was in the inventory can therefore not lie beyond
//! the head, and what appears later is not looked at. Segments that are released
//! meanwhile are in record bundles by then; the audit goes on with those.
//!
//! Entries are read a bundle at a time, several bundles at once, and folded in order.
//! What is held in memory is the state that a notary holds, and one line a frame of the
//! journal.

mod beside;
mod continued;
mod entry;
mod evidence;
mod finding;
mod frames;
mod inventory;
mod rebuild;
mod snapshots;
mod struck;
mod tiles;

#[cfg(test)]
mod tests;

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use trialseal_core::{
    checkpoint::Origin,
    hash::Hash,
    index::LogSize,
    note::{KeyType, VerifierKey},
};

use self::{
    continued::{Before, Began},
    entry::Sound,
    evidence::KeptEvidence,
    finding::{CONTRADICTION, RESTORE},
    inventory::Inventory,
    rebuild::{From, Rebuild, Totals, Witnesses},
};
pub use self::{
    finding::{AuditError, Finding, Place},
    struck::Erased,
};
use crate::{
    bundle,
    evidence::Kind,
    fs::FileSystem,
    journal::FrameHeader,
    layout::{Layout, TILE},
    publish,
    signer_state::{SignerState, SignerStateError},
};

/// How often the beginning is read again because a live notary went on meanwhile.
const ATTEMPTS: usize = 100;

/// What is audited.
pub struct AuditOptions {
    /// The file system.
    pub fs: Arc<dyn FileSystem>,
    /// Where everything lies.
    pub layout: Layout,
    /// The log's keys, as in `log.pub`: Ed25519, then ML-DSA-44. Their name is the origin.
    pub keys: [VerifierKey; 2],
    /// Whether the signer's memory is there to be compared; it is none of a backup's files.
    pub with_signer_state: bool,
    /// The log before this one, where it is at hand: it is audited first, and this one must continue
    /// it exactly.
    pub previous: Option<Box<AuditOptions>>,
    /// Threads that read and check bundles; 1 or more.
    pub threads: usize,
}

/// How far an audit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditProgress {
    /// Entries checked.
    pub entries: u64,
    /// Entries in all.
    pub of: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// A log without a fault.
#[derive(Debug, Clone)]
pub struct AuditReport {
    /// The log.
    pub origin: Origin,
    /// Its size.
    pub size: LogSize,
    /// Its root.
    pub root: Hash,
    /// Records in it.
    pub records: u64,
    /// Public statements in it.
    pub statements: u64,
    /// What of its records was erased.
    pub erased: Erased,
    /// Registers in it.
    pub registers: u64,
    /// Files of tiles and bundles that were compared.
    pub tiles: u64,
    /// Frames of the journal, each with a checkpoint signed by both keys.
    pub frames: u64,
    /// Reads on record, in an unbroken chain.
    pub reads: u64,
    /// Openings, each led to its root.
    pub openings: u64,
    /// Bytes read.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
    /// The log before this one, if it was audited.
    pub previous: Option<Box<AuditReport>>,
}

/// Audits a log.
///
/// # Errors
/// The first thing that is wrong: which file, where, what, and what to do.
pub fn audit(
    options: &AuditOptions,
    progress: &mut dyn FnMut(AuditProgress),
) -> Result<AuditReport, AuditError> {
    audit_log(options, progress).map(|(report, _)| report)
}

/// Audits a log and those before it, and gives what the next log begins with.
fn audit_log(
    options: &AuditOptions,
    progress: &mut dyn FnMut(AuditProgress),
) -> Result<(AuditReport, Before), AuditError> {
    let before = match &options.previous {
        Some(previous) => Some(audit_log(previous, progress)?),
        None => None,
    };
    let started = Instant::now();
    let AuditOptions {
        fs,
        layout,
        keys,
        with_signer_state,
        threads,
        ..
    } = options;
    let source = Source {
        fs: &**fs,
        layout,
        with_signer_state: *with_signer_state,
        bytes: AtomicU64::new(0),
    };
    // Before anything else is read: what was done by now is gone from all that is read later.
    let done = publish::erasures_done(source.fs, layout)?;
    let origin = origin_of(keys, layout)?;
    let mut began = Began::read(&source)?;
    began.check(&source, keys, before.as_ref().map(|(_, before)| before))?;
    if let Some((_, before)) = &before {
        began.struck = before.struck.clone();
    }
    let (witnesses, first) = begin(&source, &origin, keys, began.base())?;
    let frames = witnesses.frames.len() as u64;
    let end = witnesses
        .frames
        .last()
        .map_or(0, |frame| frame.header.end_index());
    let mut reading = Reading {
        source: &source,
        origin: &origin,
        keys,
        threads: (*threads).max(1),
        end,
        rebuild: Rebuild::new(&source, witnesses, began, done),
        progress,
    };
    reading.bundles(first.div_ceil(TILE))?;
    reading.journal()?;
    let Totals {
        size,
        root,
        records,
        statements,
        erased,
        registers,
        tiles,
        after,
    } = reading.rebuild.finish(&origin, keys)?;
    let beside = beside::check(&source, &origin)?;
    let bytes = source.bytes.load(Ordering::Relaxed);
    let took = started.elapsed();
    let report = AuditReport {
        origin,
        size,
        root,
        records,
        statements,
        erased,
        registers,
        tiles,
        frames,
        reads: beside.reads,
        openings: beside.openings,
        bytes,
        took,
        previous: before.map(|(report, _)| Box::new(report)),
    };
    Ok((report, after))
}

fn origin_of(keys: &[VerifierKey; 2], layout: &Layout) -> Result<Origin, AuditError> {
    let wrong = |problem: String| {
        let remedy = "Give the two keys in log.pub";
        AuditError::wrong(&layout.journal, Place::File, problem, remedy)
    };
    let types = (keys[0].key_type(), keys[1].key_type());
    if types != (KeyType::Ed25519, KeyType::MlDsa44) || keys[0].name() != keys[1].name() {
        return Err(wrong("the keys given are not the two keys of one log".to_owned()));
    }
    Origin::new(keys[0].name().as_str()).map_err(|error| wrong(error.to_string()))
}

/// Reads what the entries must agree with, and the first index that the journal holds.
fn begin(
    source: &Source<'_>,
    origin: &Origin,
    keys: &[VerifierKey; 2],
    base: u64,
) -> Result<(Witnesses, u64), AuditError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let signer = if source.with_signer_state {
            Some(read_signer(source, origin)?)
        } else {
            None
        };
        let inventory = Inventory::take(source)?;
        let kept = Kind::ALL.map(|kind| KeptEvidence::take(source, kind, keys));
        let [witnessed, timestamped] = kept;
        let kept = [witnessed?, timestamped?];
        let snapshots = snapshots::read(source, &inventory.snapshots, base)?;
        let frames = frames::read(source, keys)?;
        let first = frames.first().map_or(0, |frame| frame.header.first_index);
        let newest = snapshots.last().map_or(0, |snapshot| snapshot.size);
        if newest < first {
            // A live notary writes a newer snapshot before it releases a segment.
            if attempt < ATTEMPTS
                && Inventory::take(source)?
                    .snapshots
                    .last()
                    .is_some_and(|size| *size >= first)
            {
                continue;
            }
            let problem =
                format!("the newest snapshot is of size {newest}, and the journal begins at index {first}");
            return Err(AuditError::wrong(
                &source.layout.snapshots(),
                Place::File,
                problem,
                RESTORE,
            ));
        }
        let size = frames.last().map_or(0, |frame| frame.header.end_index());
        inventory.check_nothing_beyond(source, base, size)?;
        for kept in &kept {
            kept.check_nothing_beyond(size)?;
        }
        if let Some(SignerState { checkpoint, time }) = signer
            .as_ref()
            .filter(|signer| signer.checkpoint.size.get() > size)
        {
            let problem = format!(
                "a checkpoint of {} entries went out at {time}, and the log holds {size}: this is an old copy of the log, \
                 or batches are lost",
                checkpoint.size
            );
            let path = &source.layout.signer_state;
            return Err(AuditError::wrong(
                path,
                Place::File,
                problem,
                "Restore the newest copy of the log",
            ));
        }
        return Ok((
            Witnesses {
                frames,
                snapshots,
                signer,
                kept,
            },
            first,
        ));
    }
}

fn read_signer(source: &Source<'_>, origin: &Origin) -> Result<SignerState, AuditError> {
    let path = &source.layout.signer_state;
    let wrong = |problem: &str, remedy| AuditError::wrong(path, Place::File, problem, remedy);
    match SignerState::read(source.fs, path) {
        Ok(Some(state)) if state.checkpoint.origin == *origin => Ok(state),
        Ok(Some(_)) => Err(wrong("it is the memory of another log's signer", RESTORE)),
        Ok(None) => Err(wrong(
            "the signer's memory is missing: whether this is the newest copy of the log cannot be told",
            "Start the notary with --accept-head once you know that it is",
        )),
        Err(SignerStateError::File(error)) => Err(error.into()),
        Err(SignerStateError::Durable(error)) => Err(error.into()),
        Err(other) => Err(wrong(&other.to_string(), CONTRADICTION)),
    }
}

/// The files that are read.
pub(crate) struct Source<'a> {
    fs: &'a dyn FileSystem,
    layout: &'a Layout,
    with_signer_state: bool,
    bytes: AtomicU64,
}

impl Source<'_> {
    fn count(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, AuditError> {
        let contents = self.fs.read(path, bytes_max)?;
        self.count(contents.len());
        Ok(contents)
    }

    fn read_if_there(&self, path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, AuditError> {
        match self.fs.read(path, bytes_max) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => {
                let contents = read?;
                self.count(contents.len());
                Ok(Some(contents))
            }
        }
    }

    fn is_there(&self, path: &Path) -> bool {
        self.fs.metadata(path).is_ok_and(|metadata| metadata.is_some())
    }
}

/// The entries of one bundle, sound by themselves.
type Bundle = Result<Vec<(Bytes, Sound)>, AuditError>;

/// Reads all entries in order.
struct Reading<'a, 'p> {
    source: &'a Source<'a>,
    origin: &'a Origin,
    keys: &'a [VerifierKey; 2],
    threads: usize,
    /// Size of the log.
    end: u64,
    rebuild: Rebuild<'a>,
    progress: &'p mut dyn FnMut(AuditProgress),
}

impl Reading<'_, '_> {
    /// Adds the entries of all record bundles below `tiles`, which must be there, up to the
    /// end. A live notary may have filled the tile that the end is in.
    fn bundles(&mut self, tiles: u64) -> Result<(), AuditError> {
        let tiles = tiles.min(self.end.div_ceil(TILE));
        self.rebuild.require(tiles);
        while self.rebuild.next() < self.end.min(tiles * TILE) {
            let from = self.rebuild.next() / TILE;
            let to = tiles.min(from + 4 * self.threads as u64);
            for (number, bundle) in (from..to).zip(self.read_bundles(from, to)) {
                self.bundle(number, bundle?)?;
                self.tell();
            }
        }
        Ok(())
    }

    fn bundle(&mut self, number: u64, entries: Vec<(Bytes, Sound)>) -> Result<(), AuditError> {
        let path = self.source.layout.records(number);
        let leaves: Vec<Hash> = entries.iter().map(|(_, sound)| sound.leaf).collect();
        for (index, (stored, sound)) in (number * TILE..self.end).zip(entries) {
            if index < self.rebuild.next() {
                continue;
            }
            let added = self.rebuild.add(
                From {
                    file: &path,
                    bundled: true,
                },
                &stored,
                sound,
            );
            if let Err(error) = added {
                // A changed record shows first in those that follow it: name the record itself.
                tiles::blame_records(self.source, number, &leaves)?;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Reads and checks bundles, several at once; what comes back is in order.
    fn read_bundles(&self, from: u64, to: u64) -> Vec<Bundle> {
        let check = |number| check_bundle(self.source, self.origin, self.keys, number);
        if self.threads == 1 {
            return (from..to).map(check).collect();
        }
        let next = AtomicU64::new(from);
        let mut bundles: Vec<(u64, Bundle)> = thread::scope(|scope| {
            let work = || {
                let mut done = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= to {
                        return done;
                    }
                    done.push((number, check(number)));
                }
            };
            let workers: Vec<_> = (0..self.threads).map(|_| scope.spawn(work)).collect();
            let done = workers.into_iter().flat_map(|worker| match worker.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            done.collect()
        });
        bundles.sort_unstable_by_key(|(number, _)| *number);
        bundles.into_iter().map(|(_, bundle)| bundle).collect()
    }

    /// Adds the entries that are only in the journal.
    fn journal(&mut self) -> Result<(), AuditError> {
        let mut idle = 0;
        while self.rebuild.next() < self.end {
            let before = self.rebuild.next();
            let mut failed = None;
            let mut released_to = None;
            let source = self.source;
            let mut visit = |header: &FrameHeader, payload: &[u8]| {
                if self.rebuild.next() >= self.end || header.end_index() <= self.rebuild.next() {
                    return Ok(());
                }
                if header.first_index > self.rebuild.next() {
                    released_to = Some(header.first_index);
                    return Err("released".into());
                }
                self.frame(header, payload).map_err(|error| {
                    failed = Some(error);
                    "refused".into()
                })
            };
            let scanned = frames::scan(source, &mut visit);
            match (failed, released_to) {
                (Some(error), _) => return Err(error),
                // What the journal no longer holds is in record bundles by now.
                (None, Some(first)) => self.bundles(first.div_ceil(TILE))?,
                (None, None) => {
                    scanned?;
                }
            }
            idle = if self.rebuild.next() == before {
                idle + 1
            } else {
                0
            };
            if idle == ATTEMPTS {
                let problem = format!(
                    "entries from {before} on are neither in the journal any more nor in record bundles"
                );
                return Err(AuditError::wrong(
                    &source.layout.journal,
                    Place::File,
                    problem,
                    CONTRADICTION,
                ));
            }
        }
        Ok(())
    }

    fn frame(&mut self, header: &FrameHeader, payload: &[u8]) -> Result<(), AuditError> {
        let path = header.position.file(&self.source.layout.journal);
        let (stored, _) = frames::entries(header, payload).map_err(|problem| {
            AuditError::wrong(
                &path,
                Place::Offset(header.position.offset),
                problem,
                CONTRADICTION,
            )
        })?;
        for (index, stored) in (header.first_index..).zip(stored.iter()) {
            if index == self.rebuild.next() {
                let sound = entry::check(&stored, self.origin, self.keys)
                    .map_err(|problem| AuditError::entry(&path, index, problem))?;
                self.rebuild.add(
                    From {
                        file: &path,
                        bundled: false,
                    },
                    &stored,
                    sound,
                )?;
            }
        }
        self.tell();
        Ok(())
    }

    fn tell(&mut self) {
        let bytes = self.source.bytes.load(Ordering::Relaxed);
        (self.progress)(AuditProgress {
            entries: self.rebuild.next(),
            of: self.end,
            bytes,
        });
    }
}

fn check_bundle(source: &Source<'_>, origin: &Origin, keys: &[VerifierKey; 2], number: u64) -> Bundle {
    let path = source.layout.records(number);
    let file = source.read(&path, bundle::BUNDLE_BYTES_MAX)?;
    let entries = bundle::decode(&path, file, number * TILE)?;
    let check = |(index, stored): (u64, Bytes)| {
        let sound = entry::check(&stored, origin, keys)
            .map_err(|problem| AuditError::entry(&path, index, problem))?;
        Ok((stored, sound))
    };
    (number * TILE..).zip(entries).map(check).collect()
}
