//! The files of complete tiles, compared with those that the entries give.

use std::path::Path;

use bytes::Bytes;
use trialseal_core::{
    hash::Hash,
    merkle::{builder, compact_range::CompactRange, leaf_hash},
    tile::{TilePath, TileWidth, encode_entries, parse_entries},
};

use super::{
    Source,
    finding::{AuditError, CONTRADICTION, Place},
    rebuild::{missing, same},
};
use crate::{
    bundle,
    layout::TILE,
    view::{ENTRIES_BYTES_MAX, TILE_BYTES},
};

/// The tiles that are still growing.
#[derive(Default)]
pub(super) struct Tiles {
    /// Hashes of the growing tile of each level.
    levels: Vec<Vec<Hash>>,
    /// Public entries of the growing tile.
    entries: Vec<Bytes>,
    /// Stored entries of the growing tile.
    stored: Vec<Bytes>,
    /// Whether some of them were not read from their record bundle.
    unbundled: bool,
    /// So many tiles of the lowest level must be in files.
    required: u64,
    compared: u64,
}

impl Tiles {
    pub(super) fn require(&mut self, tiles: u64) {
        self.required = self.required.max(tiles);
    }

    /// Files of tiles and bundles that were compared.
    pub(super) fn compared(&self) -> u64 {
        self.compared
    }

    /// Adds an entry; `bundled` if it was read from its record bundle.
    pub(super) fn add(&mut self, leaf: Hash, entry: Bytes, stored: Bytes, bundled: bool) {
        self.unbundled |= !bundled;
        self.level(0).push(leaf);
        self.entries.push(entry);
        self.stored.push(stored);
    }

    fn level(&mut self, level: usize) -> &mut Vec<Hash> {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        &mut self.levels[level]
    }

    /// Compares the files of tile `number`, which is complete. `file` is where its last
    /// entry was read.
    pub(super) fn finish(&mut self, source: &Source<'_>, number: u64, file: &Path) -> Result<(), AuditError> {
        let entries = std::mem::take(&mut self.entries);
        let stored = std::mem::take(&mut self.stored);
        let leaves = std::mem::take(self.level(0));
        let needed = number < self.required;
        let width = TileWidth::FULL;
        let tile_path = source.layout.public_tile(&TilePath::Hashes {
            level: 0,
            index: number,
            width,
        });
        let entries_path = source
            .layout
            .public_tile(&TilePath::Entries { index: number, width });
        let tile = read(source, &tile_path, TILE_BYTES, needed)?;
        let bundle = read(source, &entries_path, ENTRIES_BYTES_MAX, needed)?;
        let given = encode_entries(entries.iter().map(AsRef::as_ref));
        let given = given.map_err(|error| AuditError::entry(file, number * TILE, error.to_string()))?;
        self.compare(&entries_path, bundle.as_deref(), &given)?;
        self.compare(&tile_path, tile.as_deref(), &concatenated(&leaves))?;
        if std::mem::take(&mut self.unbundled) {
            let path = source.layout.records(number);
            let found = read(source, &path, bundle::BUNDLE_BYTES_MAX, needed)?;
            let given = bundle::encode(number * TILE, &stored);
            // The journal may hold what was just erased in the bundle, or the bundle in the journal.
            let given =
                bundle::without_erased(source.fs, &path, number * TILE, given.clone()).unwrap_or(given);
            self.compare(&path, found.as_deref(), &given)?;
        } else {
            self.compared += 1;
        }
        self.push_root(&tile_path, 1, &leaves)?;
        self.finish_above(source, number)
    }

    /// The tiles above that tile `number` completes.
    fn finish_above(&mut self, source: &Source<'_>, number: u64) -> Result<(), AuditError> {
        let mut complete = number + 1;
        for level in 1_u8.. {
            if !complete.is_multiple_of(TILE) {
                return Ok(());
            }
            complete /= TILE;
            let hashes = std::mem::take(self.level(usize::from(level)));
            let needed = self.required >> (8 * u32::from(level)) >= complete;
            let path = TilePath::Hashes {
                level,
                index: complete - 1,
                width: TileWidth::FULL,
            };
            let path = source.layout.public_tile(&path);
            let found = read(source, &path, TILE_BYTES, needed)?;
            self.compare(&path, found.as_deref(), &concatenated(&hashes))?;
            self.push_root(&path, level + 1, &hashes)?;
        }
        Ok(())
    }

    fn compare(&mut self, path: &Path, found: Option<&[u8]>, given: &[u8]) -> Result<(), AuditError> {
        let Some(found) = found else { return Ok(()) };
        self.compared += 1;
        same(path, found, given)
    }

    /// A tile's root by `rs_merkle`, which must be that of the compact range.
    fn push_root(&mut self, path: &Path, level: u8, hashes: &[Hash]) -> Result<(), AuditError> {
        let built = builder::root_of(hashes);
        let mut folded = CompactRange::new();
        let appended = hashes.iter().try_for_each(|hash| folded.append(*hash));
        if appended.is_err() || folded.root() != built {
            let problem =
                "two ways to compute its root disagree: this program or this machine computes wrongly";
            return Err(AuditError::wrong(path, Place::File, problem, CONTRADICTION));
        }
        self.level(usize::from(level)).push(built);
        Ok(())
    }

    /// The root of the log: that of a growing tile takes its place in the tile above.
    pub(super) fn root(&self) -> Hash {
        let mut below = None;
        for level in &self.levels {
            let mut hashes = level.clone();
            hashes.extend(below);
            below = (!hashes.is_empty()).then(|| builder::root_of(&hashes));
        }
        below.unwrap_or_else(|| builder::root_of(&[]))
    }
}

/// Where tile and entry bundle agree with each other about an entry and not with the
/// record, it is the record that was changed.
pub(super) fn blame_records(source: &Source<'_>, number: u64, leaves: &[Hash]) -> Result<(), AuditError> {
    let width = TileWidth::FULL;
    let tile = source.layout.public_tile(&TilePath::Hashes {
        level: 0,
        index: number,
        width,
    });
    let bundle = source
        .layout
        .public_tile(&TilePath::Entries { index: number, width });
    let tile = source.read_if_there(&tile, TILE_BYTES)?;
    let bundle = source.read_if_there(&bundle, ENTRIES_BYTES_MAX)?;
    let (Some(tile), Some(Ok(bundle))) = (tile, bundle.as_deref().map(parse_entries)) else {
        return Ok(());
    };
    for (index, ((leaf, hash), entry)) in
        (number * TILE..).zip(leaves.iter().zip(tile.chunks(32)).zip(bundle))
    {
        if hash != leaf.as_bytes() && hash == leaf_hash(entry).as_bytes() {
            let problem = "the parts of the record do not give its entry in the log";
            return Err(AuditError::entry(&source.layout.records(number), index, problem));
        }
    }
    Ok(())
}

fn read(
    source: &Source<'_>,
    path: &Path,
    bytes_max: u64,
    needed: bool,
) -> Result<Option<Vec<u8>>, AuditError> {
    match source.read_if_there(path, bytes_max)? {
        None if needed => Err(missing(path)),
        found => Ok(found),
    }
}

fn concatenated(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.as_bytes()).copied().collect()
}
