//! What a tombstone does to files: everything that holds what is erased is written anew
//! without it.
//!
//! In this order, each step durable before the next: the entries in memory; the record
//! bundles; the journal's frames, and its spare files; the openings of manifests; then the
//! number of erasures that are done. It begins only when a snapshot is durable that knows of
//! the tombstone, and older snapshots are gone. A crash anywhere leaves erasures that are not
//! counted as done, and they are done again: each step finds out what is still there.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use bytes::Bytes;
use trialseal_core::{hash::RecordId, index::LogIndex, vocabulary::ErasablePart};

use super::{PublishError, Publisher};
use crate::{
    bundle::{self, BUNDLE_BYTES_MAX},
    chain::{Place, ReadLog},
    codec::{Malformed, Reader, Writer},
    durable::{DurableError, Envelope, replace},
    erasure::{Erasure, Parts, StrikeError, strike_stored},
    fs::{FileSystem, PRIVATE_FILE, directory_of},
    journal::{FrameHeader, rewrite_closed},
    layout::{Layout, TILE},
    openings::Openings,
    stored::{StoredBatch, StoredError},
};

/// The number of erasures that are done.
pub const DONE: Envelope = Envelope {
    magic: *b"TSERASED",
    version: 1,
};

/// An erasure that is to be done.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Its number among all that took effect, from 0.
    pub number: u64,
    /// What is erased.
    pub erasure: Erasure,
    /// A snapshot of at least this size knows of it.
    pub after: u64,
}

/// How many erasures are done; 0 where nothing says so.
///
/// # Errors
/// If the file is damaged.
pub fn done(fs: &dyn FileSystem, layout: &Layout) -> Result<u64, DurableError> {
    let path = layout.erased();
    if fs.metadata(&path)?.is_none() {
        return Ok(0);
    }
    let file = fs.read(&path, 1024)?;
    let (_, contents) = DONE.open(&path, &file)?;
    let mut reader = Reader::new(contents);
    let number = reader.u64().and_then(|number| reader.end().map(|()| number));
    number.map_err(|Malformed| DurableError::Damaged {
        path,
        problem: "it is no number of erasures",
    })
}

/// What is to be struck out of the records of one log, by index.
#[derive(Debug, Default)]
struct Strikes(BTreeMap<u64, Vec<(RecordId, Parts, Place)>>);

impl Strikes {
    fn add(&mut self, erasure: &Erasure) {
        let Erasure { of, tombstone } = erasure;
        let strikes = self.0.entry(of.index.get()).or_default();
        strikes.push((of.record, of.parts, *tombstone));
    }

    fn indexes(&self) -> Vec<u64> {
        self.0.keys().copied().collect()
    }

    /// The entry without what is erased; none if it may stay as it is.
    fn strike(&self, index: u64, stored: &Bytes) -> Result<Option<Bytes>, StrikeError> {
        let mut struck = None;
        for (record, parts, tombstone) in self.0.get(&index).into_iter().flatten() {
            let now = struck.as_ref().unwrap_or(stored);
            match strike_stored(now, *record, *parts, *tombstone) {
                Ok(Some(shorter)) => struck = Some(shorter),
                Ok(None) => {}
                // Admission rules it out. There is nothing to be erased then.
                Err(error @ StrikeError::Other { .. }) => {
                    tracing::error!(%error, index, "a tombstone names a record that is not there");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(struck)
    }

    /// A frame's payload without what is erased; none if it may stay as it is.
    fn frame(
        &self,
        header: &FrameHeader,
        payload: &[u8],
    ) -> Result<Option<Vec<u8>>, Box<dyn std::error::Error + Send + Sync>> {
        let count = usize::try_from(header.count).unwrap_or(usize::MAX);
        let (mut batch, note) = StoredBatch::parse(Bytes::copy_from_slice(payload), count)?;
        let mut changed = false;
        for index in self
            .0
            .range(header.first_index..header.end_index())
            .map(|(index, _)| *index)
        {
            let position = usize::try_from(index - header.first_index).unwrap_or(usize::MAX);
            let stored = batch.get(position).ok_or(StoredError::Truncated)?;
            if let Some(struck) = self.strike(index, &stored)? {
                batch = batch.with(position, &struck)?;
                changed = true;
            }
        }
        Ok(changed.then(|| [batch.payload(), note.as_bytes()].concat()))
    }
}

impl Publisher {
    /// Takes up the erasures of which it is not known that they are done.
    pub fn resume_erasures(&mut self, pending: impl IntoIterator<Item = Pending>) {
        self.erasures.extend(pending);
    }

    /// Whether an erasure waits.
    #[must_use]
    pub fn has_erasures(&self) -> bool {
        !self.erasures.is_empty()
    }

    /// Does the erasures that wait, as far as a snapshot knows of them.
    pub(super) fn erase(&mut self) -> Result<(), PublishError> {
        let known = |pending: &&Pending| pending.after <= self.snapshot;
        let due: Vec<Pending> = self.erasures.iter().take_while(known).cloned().collect();
        let (Some(last), Some(_)) = (due.last(), &self.keeper) else {
            return Ok(());
        };
        let done = last.number.saturating_add(1);
        // The snapshots that did not know of them.
        self.fs.sync_dir(&self.layout.snapshots())?;
        let chain = self.chain.clone();
        for log in chain.closed().iter().chain([chain.present()]) {
            let mut strikes = Strikes::default();
            for Pending { erasure, .. } in due.iter().filter(|due| due.erasure.of.log == log.origin) {
                strikes.add(erasure);
            }
            if strikes.0.is_empty() {
                continue;
            }
            self.strike_entries(log, &strikes)?;
            if Arc::ptr_eq(log, chain.present()) {
                self.strike_journal(&strikes)?;
            } else {
                let directory = &log.view.layout().journal;
                rewrite_closed(
                    &*self.fs,
                    directory,
                    &strikes.indexes(),
                    &mut |header, payload| strikes.frame(header, payload),
                )?;
            }
        }
        for Pending { erasure, .. } in &due {
            if erasure.of.parts.has(ErasablePart::Manifest) {
                self.erase_openings(erasure)?;
            }
        }
        let mut writer = Writer::default();
        writer.u64(done);
        replace(
            &*self.fs,
            &self.layout.erased(),
            &DONE.seal(&writer.finish()),
            PRIVATE_FILE,
        )?;
        self.erasures.drain(..due.len());
        tracing::info!(done, "what tombstones name is erased");
        Ok(())
    }

    /// In memory, and in the record bundles.
    fn strike_entries(&mut self, log: &ReadLog, strikes: &Strikes) -> Result<(), PublishError> {
        let mut bundles: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for index in strikes.indexes() {
            let at = LogIndex::new(index).map_err(|_| StoredError::Truncated)?;
            let in_memory = log.view.strike(at, |stored| strikes.strike(index, stored))?;
            // What waits for its bundle is the same entry.
            for waiting in &mut self.waiting {
                if let Some(sealed) = &in_memory
                    && sealed.batch.first == waiting.batch.first
                    && log.origin == self.chain.present().origin
                {
                    *waiting = Arc::clone(sealed);
                }
            }
            if log.view.is_in_files(at) {
                bundles.entry(index / TILE).or_default().push(index);
            }
        }
        for (number, indexes) in bundles {
            strike_bundle(
                &*self.fs,
                &log.view.layout().records(number),
                number,
                &indexes,
                strikes,
            )?;
        }
        Ok(())
    }

    /// In the journal.
    fn strike_journal(&self, strikes: &Strikes) -> Result<(), PublishError> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        keeper.rewrite(&strikes.indexes(), &mut |header, payload| {
            strikes.frame(header, payload)
        })?;
        Ok(keeper.remove_spares()?)
    }

    /// The opened manifests of a record, and the index of their digests.
    fn erase_openings(&self, erasure: &Erasure) -> Result<(), PublishError> {
        let Some(log) = self.chain.by_origin(&erasure.of.log) else {
            return Ok(());
        };
        let openings = match &self.openings {
            Some(openings) => Arc::clone(openings),
            None => {
                let closed = self.chain.closed().iter();
                let closed = closed.map(|log| log.view.folder());
                Arc::new(Openings::open(Arc::clone(&self.fs), &self.layout, closed)?)
            }
        };
        for opened in openings.erase(log.place(erasure.of.index))? {
            self.listing.forget_digests(opened.get());
        }
        Ok(())
    }
}

/// Writes a record bundle without what is erased, and in any case makes its name durable: an
/// earlier process may have come so far.
fn strike_bundle(
    fs: &dyn FileSystem,
    path: &Path,
    number: u64,
    indexes: &[u64],
    strikes: &Strikes,
) -> Result<(), PublishError> {
    let file = fs.read(path, BUNDLE_BYTES_MAX)?;
    let mut entries = bundle::decode(path, file, number * TILE)?;
    let mut changed = false;
    for index in indexes {
        let position = usize::try_from(index % TILE).unwrap_or(usize::MAX);
        if let Some(entry) = entries.get_mut(position)
            && let Some(struck) = strikes.strike(*index, entry)?
        {
            *entry = struck;
            changed = true;
        }
    }
    if changed {
        replace(fs, path, &bundle::encode(number * TILE, &entries), PRIVATE_FILE)?;
    }
    fs.sync_dir(directory_of(path))?;
    Ok(())
}
