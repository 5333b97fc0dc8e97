//! Hash tiles that were fetched, as the nodes of a tree.

use std::collections::HashMap;

use super::{TILE_HEIGHT, TILE_WIDTH, TilePath, TileWidth, full_tiles, partial_width};
use crate::hash::Hash;
use crate::index::LogSize;
use crate::merkle::builder;
use crate::merkle::nodes::NodeSource;

/// Bytes of a full hash tile.
pub const HASH_TILE_BYTES: usize = TILE_WIDTH as usize * 32;

/// The hash tiles at hand of the tree of one size. Nothing in them is verified: what they yield is worth as
/// much as the proof that it becomes part of.
///
/// A proof is made by asking, fetching the tile that is missing, and asking again; for one proof in the
/// largest log that is below 30 tiles.
#[derive(Debug, Clone)]
pub struct HeldTiles {
    size: LogSize,
    tiles: HashMap<(u8, u64), Vec<Hash>>,
}

/// A tile is needed that is not at hand: its path, as wide as the tree has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is needed")]
pub struct MissingTile(pub TilePath);

/// A file that is not the hash tile that its path says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{path} has {found} bytes instead of {expected}")]
pub struct TileLengthError {
    /// The tile.
    pub path: TilePath,
    /// Bytes that it should have.
    pub expected: usize,
    /// Bytes that it has.
    pub found: usize,
}

impl HeldTiles {
    /// No tiles yet, of the tree with `size` leaves.
    #[must_use]
    pub fn new(size: LogSize) -> Self {
        let tiles = HashMap::new();
        Self { size, tiles }
    }

    /// The size of the tree.
    #[must_use]
    pub const fn size(&self) -> LogSize {
        self.size
    }

    /// How many tiles are at hand.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tiles.len()
    }

    /// Whether no tile is at hand.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tiles.is_empty()
    }

    /// Takes the bytes of a hash tile.
    ///
    /// # Errors
    ///
    /// They are not as many hashes as the path says, or it is no path of a hash tile.
    pub fn insert(&mut self, path: TilePath, bytes: &[u8]) -> Result<(), TileLengthError> {
        let found = bytes.len();
        let wrong = |expected| TileLengthError {
            path,
            expected,
            found,
        };
        let TilePath::Hashes { level, index, width } = path else {
            return Err(wrong(0));
        };
        let expected = usize::from(width.get()) * 32;
        if found != expected {
            return Err(wrong(expected));
        }
        let (hashes, _) = bytes.as_chunks::<32>();
        let hashes = hashes.iter().map(|bytes| Hash::from_bytes(*bytes)).collect();
        self.tiles.insert((level, index), hashes);
        Ok(())
    }

    /// The hash tile with this number, as wide as the tree has it; full where the tree has none.
    #[must_use]
    pub fn path(&self, level: u8, index: u64) -> TilePath {
        let full = full_tiles(level, self.size);
        let width = if index == full {
            partial_width(level, self.size)
        } else {
            None
        };
        let width = width.unwrap_or(TileWidth::FULL);
        TilePath::Hashes { level, index, width }
    }
}

impl NodeSource for HeldTiles {
    type Error = MissingTile;

    /// A complete subtree lies within one tile: its root follows from at most 256 hashes.
    fn node(&self, level: u8, index: u64) -> Result<Hash, MissingTile> {
        let (tile_level, within) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
        let width = u64::from(TILE_WIDTH);
        let first = index.saturating_mul(1 << within);
        let tile = first / width;
        // Below 256, so it fits.
        let offset = (first % width) as usize;
        self.tiles
            .get(&(tile_level, tile))
            .and_then(|hashes| hashes.get(offset..offset + (1 << within)))
            .map(builder::root_of)
            .ok_or_else(|| MissingTile(self.path(tile_level, tile)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::inclusion::verify_inclusion;
    use crate::merkle::naive::{Stored, index, leaves, root, size};
    use crate::merkle::nodes;

    /// Asks until nothing is missing; gives the answer and the tiles that it took.
    fn fetched<T>(
        stored: &Stored,
        held: &mut HeldTiles,
        ask: impl Fn(&HeldTiles) -> Result<T, MissingTile>,
    ) -> (T, usize) {
        for count in 0..30 {
            let MissingTile(path) = match ask(held) {
                Ok(answer) => return (answer, count),
                Err(missing) => missing,
            };
            let TilePath::Hashes { level, index, width } = path else {
                unreachable!("only hash tiles are asked for");
            };
            let first = index * 256;
            let bytes: Vec<u8> = (first..first + u64::from(width.get()))
                .flat_map(|node| *stored.node(level * 8, node).unwrap().as_bytes())
                .collect();
            held.insert(path, &bytes).unwrap();
        }
        unreachable!("a tile is asked for again and again");
    }

    #[test]
    fn proofs_out_of_tiles() {
        let stored = Stored(leaves(1_000));
        for count in [1_u64, 2, 255, 256, 257, 511, 512, 700, 1_000] {
            let (size, of) = (size(count as usize), &stored.0[..count as usize]);
            for place in [0, 1, 254, 255, 256, 300, 511, 699, 999] {
                if place >= count {
                    continue;
                }
                let mut held = HeldTiles::new(size);
                let place = index(place as usize);
                let (path, tiles) = fetched(&stored, &mut held, |held| {
                    nodes::inclusion_path(place, size, held)
                });
                let leaf = stored.0[place.get() as usize];
                verify_inclusion(leaf, place, size, &path, &root(of)).unwrap();
                assert!(tiles <= 3, "{tiles} tiles for a path in a tree of {count}");
                let (whole, _) = fetched(&stored, &mut held, |held| nodes::root(size, held));
                assert_eq!(whole, root(of));
            }
        }
    }

    #[test]
    fn a_tile_has_as_many_hashes_as_its_path_says() {
        let mut held = HeldTiles::new(size(300));
        let path = held.path(0, 1);
        assert_eq!(path.to_string(), "tile/0/001.p/44");
        for bytes in [0, 43 * 32, 44 * 32 - 1, 44 * 32 + 1, HASH_TILE_BYTES] {
            let wrong = TileLengthError {
                path,
                expected: 44 * 32,
                found: bytes,
            };
            assert_eq!(held.insert(path, &vec![0; bytes]), Err(wrong));
        }
        held.insert(path, &[0; 44 * 32]).unwrap();
        held.insert(TilePath::Checkpoint, &[]).unwrap_err();
        assert_eq!(held.path(0, 0).to_string(), "tile/0/000");
        assert_eq!(held.path(1, 0).to_string(), "tile/1/000.p/1");
    }
}
