//! The tree that a mirror computes by itself from the entries of a log: every hash of it, and the bytes of
//! every file that follows. Pure.

use trialseal_core::{
    hash::Hash,
    index::{IndexError, LogSize},
    merkle::{EMPTY_ROOT, builder, leaf_hash},
    tile::{TileError, TilePath, TileWidth, encode_entries, parse_entries},
};

use crate::layout::TILE;

/// A file that is complete and never changes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TileFile {
    pub(super) path: TilePath,
    pub(super) bytes: Vec<u8>,
}

/// The right edge of the tree: at each tile level the hashes of the growing tile, and the entries of the
/// growing bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tree {
    size: u64,
    levels: Vec<Vec<Hash>>,
    /// The growing bundle, encoded.
    bundle: Vec<u8>,
}

impl Tree {
    /// The tree of a size from the growing tiles of the levels above the leaves, and the growing bundle.
    /// None if they do not have as many hashes and entries as a tree of this size.
    pub(super) fn from_edge(
        size: LogSize,
        above: Vec<Vec<Hash>>,
        bundle: Vec<u8>,
    ) -> Result<Option<Self>, TileError> {
        let leaves = parse_entries(&bundle)?.into_iter().map(leaf_hash).collect();
        let levels: Vec<Vec<Hash>> = std::iter::once(leaves).chain(above).collect();
        let mut expected = size.get();
        for level in &levels {
            if level.len() as u64 != expected % TILE {
                return Ok(None);
            }
            expected /= TILE;
        }
        let size = size.get();
        let tree = Self { size, levels, bundle };
        Ok((expected == 0).then_some(tree))
    }

    /// Number of entries.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Number of entries, as the formats have it.
    pub(super) fn log_size(&self) -> Result<LogSize, IndexError> {
        LogSize::new(self.size)
    }

    /// The growing bundle, encoded; empty at a multiple of 256 entries.
    pub(super) fn bundle(&self) -> &[u8] {
        &self.bundle
    }

    /// The hashes of the growing tile at a level.
    pub(super) fn edge(&self, level: u8) -> &[Hash] {
        self.levels.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    /// Appends one entry; the files that it completes are added to `files`.
    pub(super) fn append(&mut self, entry: &[u8], files: &mut Vec<TileFile>) -> Result<(), TileError> {
        self.bundle.extend(encode_entries([entry])?);
        self.level(0).push(leaf_hash(entry));
        self.size += 1;
        if self.size.is_multiple_of(TILE) {
            let path = TilePath::Entries {
                index: self.size / TILE - 1,
                width: TileWidth::FULL,
            };
            let bytes = std::mem::take(&mut self.bundle);
            files.push(TileFile { path, bytes });
            self.complete_tiles(files);
        }
        Ok(())
    }

    /// The tiles that the last entry completed, one above the other.
    fn complete_tiles(&mut self, files: &mut Vec<TileFile>) {
        let mut nodes = self.size;
        for level in 0_u8.. {
            if !nodes.is_multiple_of(TILE) {
                return;
            }
            nodes /= TILE;
            let hashes = std::mem::take(self.level(level));
            let path = TilePath::Hashes {
                level,
                index: nodes - 1,
                width: TileWidth::FULL,
            };
            let bytes = concatenated(&hashes);
            files.push(TileFile { path, bytes });
            self.level(level + 1).push(builder::root_of(&hashes));
        }
    }

    /// The RFC 6962 root. That of a growing tile takes its place as the last hash of the tile above.
    pub(super) fn root(&self) -> Hash {
        let mut below = None;
        for level in &self.levels {
            let mut hashes = level.clone();
            hashes.extend(below);
            below = (!hashes.is_empty()).then(|| builder::root_of(&hashes));
        }
        below.unwrap_or(EMPTY_ROOT)
    }

    fn level(&mut self, level: u8) -> &mut Vec<Hash> {
        let level = usize::from(level);
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        &mut self.levels[level]
    }
}

/// The bytes of a hash tile.
pub(super) fn concatenated(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.as_bytes()).copied().collect()
}

#[cfg(test)]
mod tests {
    use trialseal_core::{merkle::compact_range::CompactRange, tile::full_tiles};

    use super::*;

    #[test]
    fn the_root_is_that_of_a_compact_range_and_files_are_whole() {
        let mut tree = Tree::default();
        let mut range = CompactRange::new();
        let mut files = Vec::new();
        assert_eq!(tree.root(), EMPTY_ROOT);
        for number in 0..66_000_u64 {
            let entry = number.to_be_bytes();
            tree.append(&entry, &mut files).unwrap();
            range.append(leaf_hash(&entry)).unwrap();
            if !(800..=65_300).contains(&number) || number % 997 == 0 {
                assert_eq!(tree.root(), range.root(), "{} entries", number + 1);
            }
            if number % 7_919 == 0 || number == 65_535 {
                let above = (1..tree.levels.len() as u8)
                    .map(|level| tree.edge(level).to_vec())
                    .collect();
                let again = Tree::from_edge(tree.log_size().unwrap(), above, tree.bundle().to_vec());
                assert_eq!(again.unwrap(), Some(tree.clone()), "{} entries", number + 1);
            }
        }
        let size = tree.log_size().unwrap();
        let count = |level: u8| {
            let of_level =
                |file: &&TileFile| matches!(file.path, TilePath::Hashes { level: own, .. } if own == level);
            files.iter().filter(of_level).count() as u64
        };
        assert_eq!(
            (count(0), count(1), count(2)),
            (full_tiles(0, size), full_tiles(1, size), 0)
        );
        assert_eq!((count(0), count(1)), (257, 1));
        assert_eq!(files.len(), 2 * 257 + 1);
        assert_eq!(parse_entries(&files[0].bytes).unwrap().len(), 256);
    }

    #[test]
    fn an_edge_of_another_size_is_refused() {
        let mut tree = Tree::default();
        let mut files = Vec::new();
        for number in 0..600_u64 {
            tree.append(&number.to_be_bytes(), &mut files).unwrap();
        }
        let (above, bundle) = (vec![tree.edge(1).to_vec()], tree.bundle().to_vec());
        let from = |size| Tree::from_edge(LogSize::new(size).unwrap(), above.clone(), bundle.clone());
        assert_eq!(from(600).unwrap(), Some(tree));
        for size in [0, 599, 601, 344, 856, 600 + 65_536] {
            assert_eq!(from(size).unwrap(), None, "{size}");
        }
        let size = LogSize::new(600).unwrap();
        Tree::from_edge(size, above, bundle[1..].to_vec()).unwrap_err();
    }
}
