//! Roots and paths out of stored nodes.

use super::{EMPTY_ROOT, PROOF_HASHES_MAX, node_hash};
use crate::hash::Hash;
use crate::index::{LogIndex, LogSize};

/// Where the nodes of a tree are stored, such as its tiles.
pub trait NodeSource {
    /// Why a node cannot be read.
    type Error;

    /// The root of the complete subtree over the leaves `index * 2^level .. (index + 1) * 2^level`,
    /// all of which are in the tree. At level 0 it is a leaf hash.
    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// The root of the tree with `size` leaves.
pub fn root<S: NodeSource>(size: LogSize, source: &S) -> Result<Hash, S::Error> {
    if size.is_empty() {
        Ok(EMPTY_ROOT)
    } else {
        ragged(0, size.get(), source)
    }
}

/// The audit path of the leaf at `index` in the tree with `size` leaves, from its sibling upwards.
/// Empty where the tree has no such leaf.
pub fn inclusion_path<S: NodeSource>(
    index: LogIndex,
    size: LogSize,
    source: &S,
) -> Result<Vec<Hash>, S::Error> {
    if !size.contains(index) {
        return Ok(Vec::new());
    }
    let mut path = Vec::with_capacity(PROOF_HASHES_MAX);
    path_from(0, index.get(), size.get(), source, &mut path)?;
    Ok(path)
}

/// The proof that the tree with `old` leaves is a prefix of the one with `new` leaves. Empty where
/// there is nothing to prove: `old` is empty, equal to `new`, or larger.
pub fn consistency_path<S: NodeSource>(
    old: LogSize,
    new: LogSize,
    source: &S,
) -> Result<Vec<Hash>, S::Error> {
    if old.is_empty() || old >= new {
        return Ok(Vec::new());
    }
    let mut path = Vec::with_capacity(PROOF_HASHES_MAX + 1);
    // Below 64, as `old` is not 0.
    let level = old.get().trailing_zeros() as u8;
    let node = (old.get() >> level) - 1;
    if !old.get().is_power_of_two() {
        path.push(source.node(level, node)?);
    }
    path_from(level, node, new.get(), source, &mut path)?;
    Ok(path)
}

/// Appends the siblings of a node and of those above it, from `level` upwards.
fn path_from<S: NodeSource>(
    level: u8,
    node: u64,
    size: u64,
    source: &S,
    path: &mut Vec<Hash>,
) -> Result<(), S::Error> {
    let (mut level, mut node, mut last) = (level, node, (size - 1) >> level);
    while last > 0 {
        if node % 2 == 1 {
            path.push(source.node(level, node - 1)?);
        } else if node < last {
            path.push(node_at(level, node + 1, size, source)?);
        }
        level += 1;
        node /= 2;
        last /= 2;
    }
    Ok(())
}

/// A node of the tree with `size` leaves: stored where it is complete, else folded.
pub(super) fn node_at<S: NodeSource>(level: u8, node: u64, size: u64, source: &S) -> Result<Hash, S::Error> {
    let start = node << level;
    if size - start >= 1 << level {
        source.node(level, node)
    } else {
        ragged(start, size, source)
    }
}

/// The root over the leaves `start .. size`, where the subtree at `start` is not complete: the
/// complete subtrees that it falls into, folded from the right.
fn ragged<S: NodeSource>(start: u64, size: u64, source: &S) -> Result<Hash, S::Error> {
    let mut count = size - start;
    let mut end = size;
    let mut folded: Option<Hash> = None;
    while count > 0 {
        let level = count.trailing_zeros() as u8;
        end -= 1 << level;
        let left = source.node(level, end >> level)?;
        folded = Some(folded.map_or(left, |right| node_hash(&left, &right)));
        count &= count - 1;
    }
    Ok(folded.unwrap_or(EMPTY_ROOT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::naive::{self, Stored, index, size};
    use proptest::prelude::*;

    #[test]
    fn every_root_and_path_of_every_small_tree() {
        let stored = Stored(naive::leaves(130));
        for count in 0..=130 {
            let leaves = &stored.0[..count];
            assert_eq!(root(size(count), &stored), Ok(naive::root(leaves)));
            for place in 0..count {
                let path = inclusion_path(index(place), size(count), &stored);
                assert_eq!(path, Ok(naive::path(place, leaves)), "leaf {place} of {count}");
            }
            assert_eq!(inclusion_path(index(count), size(count), &stored), Ok(vec![]));
        }
    }

    #[test]
    fn every_consistency_proof_of_every_small_tree() {
        let stored = Stored(naive::leaves(90));
        for new in 1..=90 {
            for old in 1..=new {
                let proof = consistency_path(size(old), size(new), &stored);
                assert_eq!(
                    proof,
                    Ok(naive::consistency(old, &stored.0[..new])),
                    "{old} in {new}"
                );
            }
            assert_eq!(consistency_path(size(0), size(new), &stored), Ok(vec![]));
            assert_eq!(consistency_path(size(new + 1), size(new), &stored), Ok(vec![]));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn larger_trees(count in 131_usize..3_000, place in any::<prop::sample::Index>()) {
            let stored = Stored(naive::leaves(count as u64));
            let place = place.index(count);
            let path = inclusion_path(index(place), size(count), &stored);
            prop_assert_eq!(path, Ok(naive::path(place, &stored.0)));
            let proof = consistency_path(size(place), size(count), &stored);
            let expected = if place == 0 { vec![] } else { naive::consistency(place, &stored.0) };
            prop_assert_eq!(proof, Ok(expected));
            prop_assert_eq!(root(size(count), &stored), Ok(naive::root(&stored.0)));
        }
    }
}
