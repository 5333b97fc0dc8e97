//! The right edge of a growing tree: the roots of its complete subtrees, at most 53 hashes.

use super::{EMPTY_ROOT, ProofError, check_length, node_hash};
use crate::hash::Hash;
use crate::index::{IndexError, LogSize};

/// The complete subtrees that a tree falls into, from the largest (leftmost) to the smallest: one for
/// each bit that is set in its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactRange {
    size: LogSize,
    hashes: Vec<Hash>,
}

impl CompactRange {
    /// The empty tree.
    pub const fn new() -> Self {
        Self {
            size: LogSize::EMPTY,
            hashes: Vec::new(),
        }
    }

    /// From a size and the hashes of its complete subtrees, large to small.
    pub fn from_parts(size: LogSize, hashes: Vec<Hash>) -> Result<Self, ProofError> {
        check_length(size.get().count_ones() as usize, hashes.len())?;
        Ok(Self { size, hashes })
    }

    /// Appends one leaf hash.
    pub fn append(&mut self, leaf: Hash) -> Result<(), IndexError> {
        let size = self.size.checked_add(1)?;
        let mut node = leaf;
        // As a carry in binary addition: each subtree of the same size is completed to one twice as large.
        for _ in 0..self.size.get().trailing_ones() {
            if let Some(left) = self.hashes.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.hashes.push(node);
        self.size = size;
        Ok(())
    }

    /// Number of leaves.
    pub const fn size(&self) -> LogSize {
        self.size
    }

    /// The RFC 6962 root.
    pub fn root(&self) -> Hash {
        let fold = |right: Hash, left: &Hash| node_hash(left, &right);
        match self.hashes.split_last() {
            Some((smallest, larger)) => larger.iter().rev().fold(*smallest, fold),
            None => EMPTY_ROOT,
        }
    }

    /// The root of the complete subtree with 2^level leaves that is a part of this edge: there is one
    /// exactly where bit `level` of the size is set.
    pub fn node(&self, level: u8) -> Option<Hash> {
        let size = self.size.get();
        if level >= 64 || size >> level & 1 == 0 {
            return None;
        }
        let larger = (size >> level).count_ones() as usize;
        self.hashes.get(larger - 1).copied()
    }

    /// The hashes, large subtrees to small.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }
}

impl Default for CompactRange {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::naive::{Stored, leaves, root};
    use crate::merkle::nodes::NodeSource;

    #[test]
    fn the_edge_of_every_small_tree() {
        let stored = Stored(leaves(300));
        let mut range = CompactRange::new();
        assert_eq!(range.root(), EMPTY_ROOT);
        for count in 1..=300_u64 {
            range.append(stored.0[count as usize - 1]).unwrap();
            assert_eq!(range.size().get(), count);
            assert_eq!(range.root(), root(&stored.0[..count as usize]));
            for level in 0..70_u8 {
                let expected = (level < 10 && count >> level & 1 == 1)
                    .then(|| stored.node(level, (count >> level) - 1).unwrap());
                assert_eq!(range.node(level), expected, "level {level} of {count}");
            }
            let again = CompactRange::from_parts(range.size(), range.hashes().to_vec());
            assert_eq!(again, Ok(range.clone()));
        }
    }

    #[test]
    fn parts_must_fit_the_size() {
        let hashes = leaves(3);
        let size = LogSize::new(5).unwrap();
        let missing = Err(ProofError::Missing {
            expected: 2,
            found: 1,
        });
        assert_eq!(CompactRange::from_parts(size, hashes[..1].to_vec()), missing);
        let left_over = Err(ProofError::LeftOver {
            expected: 2,
            found: 3,
        });
        assert_eq!(CompactRange::from_parts(size, hashes), left_over);
    }

    #[test]
    fn the_largest_log_is_full() {
        let size = LogSize::new(crate::index::INTEGER_MAX).unwrap();
        let mut full = CompactRange::from_parts(size, leaves(53)).unwrap();
        let before = full.clone();
        assert!(full.append(leaves(1)[0]).is_err());
        assert_eq!(full, before);
    }
}
