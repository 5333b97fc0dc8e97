//! One proof for a batch of neighbouring leaves.
//!
//! The proof of the leaves `first .. first + count` holds the hashes that stand outside of the range
//! beside its edges: first those to the left, from the leaves upwards, then those to the right, from
//! the leaves upwards. All are complete subtrees but possibly the last to the right, the ragged edge
//! of the tree, folded as RFC 6962 does. The leaves and the proof yield every audit path in the range.

use super::compact_range::CompactRange;
use super::nodes::{NodeSource, node_at};
use super::{PROOF_HASHES_MAX, ProofError, check_length, node_hash};
use crate::hash::Hash;
use crate::index::{LogIndex, LogSize};

/// The proof of `count` leaves from `first` on, in the tree with `size` leaves. Empty where the range
/// is, or lies beyond the tree.
pub fn prove_range<S: NodeSource>(
    first: LogIndex,
    count: u64,
    size: LogSize,
    source: &S,
) -> Result<Vec<Hash>, S::Error> {
    match Range::new(first, count, size) {
        Ok(range) => range.proof(|level, node| node_at(level, node, size.get(), source)),
        Err(_) => Ok(Vec::new()),
    }
}

/// A range of leaves with all that is above and beside it: yields the audit path of each.
#[derive(Debug, Clone)]
pub struct RangeTree {
    range: Range,
    /// From the leaves up to the root. A level holds the nodes above the range, and at its ends the
    /// siblings that these need.
    levels: Vec<Level>,
}

#[derive(Debug, Clone)]
struct Level {
    /// Number of the first node that is held, counted from the left edge of the tree.
    first: u64,
    nodes: Vec<Hash>,
}

/// A range of leaves that is not empty and lies within the tree.
#[derive(Debug, Clone, Copy)]
struct Range {
    first: LogIndex,
    /// The last leaf of the range.
    last: LogIndex,
    size: LogSize,
}

impl Range {
    fn new(first: LogIndex, count: u64, size: LogSize) -> Result<Self, ProofError> {
        let before_end = count.checked_sub(1).ok_or(ProofError::EmptyRange)?;
        let last = first.checked_add(before_end)?;
        if !size.contains(last) {
            return Err(ProofError::IndexBeyondSize {
                index: last.get(),
                size: size.get(),
            });
        }
        Ok(Self { first, last, size })
    }

    /// Level and number of each node to the left that the range needs, from the leaves upwards.
    fn left(self) -> impl Iterator<Item = (u8, u64)> {
        self.levels()
            .filter(Step::left_sibling)
            .map(|step| (step.level, step.first - 1))
    }

    /// Level and number of each node to the right that the range needs, from the leaves upwards.
    fn right(self) -> impl Iterator<Item = (u8, u64)> {
        self.levels()
            .filter(Step::right_sibling)
            .map(|step| (step.level, step.last + 1))
    }

    /// The nodes above the range at each level below the root.
    fn levels(self) -> impl Iterator<Item = Step> {
        let (first, last) = (self.first.get(), self.last.get());
        // The range is not empty, so neither is the tree.
        let mut step = Step {
            level: 0,
            first,
            last,
            end: self.size.get() - 1,
        };
        core::iter::from_fn(move || {
            let own = step;
            step = Step {
                level: own.level + 1,
                first: own.first / 2,
                last: own.last / 2,
                end: own.end / 2,
            };
            (own.end > 0).then_some(own)
        })
    }

    fn proof<E>(self, node: impl Fn(u8, u64) -> Result<Hash, E>) -> Result<Vec<Hash>, E> {
        let mut proof = Vec::with_capacity(PROOF_HASHES_MAX);
        for (level, number) in self.left().chain(self.right()) {
            proof.push(node(level, number)?);
        }
        Ok(proof)
    }
}

/// A level of the tree: the nodes above the range, and the last node of the whole level.
#[derive(Clone, Copy)]
struct Step {
    level: u8,
    first: u64,
    last: u64,
    end: u64,
}

impl Step {
    /// Whether the first node is a right child: the proof holds its sibling.
    fn left_sibling(&self) -> bool {
        !self.first.is_multiple_of(2)
    }

    /// Whether the last node is a left child that has a sibling: the proof holds it.
    fn right_sibling(&self) -> bool {
        self.last.is_multiple_of(2) && self.last < self.end
    }
}

impl RangeTree {
    /// Verifies that `leaves` are the leaf hashes from `first` on in the tree with `size` leaves and
    /// this `root`. The proof has exactly as many hashes as the shape asks for.
    pub fn verify(
        first: LogIndex,
        leaves: Vec<Hash>,
        size: LogSize,
        proof: &[Hash],
        root: &Hash,
    ) -> Result<Self, ProofError> {
        let range = Range::new(first, leaves.len() as u64, size)?;
        let left = range.left().count();
        check_length(left + range.right().count(), proof.len())?;
        let (left, right) = proof.split_at(left);
        let tree = Self::build(range, leaves, left.iter(), right.iter());
        if tree.root() == *root {
            Ok(tree)
        } else {
            Err(ProofError::RootDiffers)
        }
    }

    /// The tree of a batch of leaf hashes that is appended to a log, in time linear in the batch. The
    /// batch must not be empty.
    pub fn at_end(before: &CompactRange, leaves: Vec<Hash>) -> Result<Self, ProofError> {
        let count = leaves.len() as u64;
        let size = before.size().checked_add(count)?;
        let range = Range::new(before.size().next_index(), count, size)?;
        // What stands to the left of the batch is the old right edge, and nothing stands to the right.
        Ok(Self::build(
            range,
            leaves,
            before.hashes().iter().rev(),
            core::iter::empty(),
        ))
    }

    fn build<'a>(
        range: Range,
        leaves: Vec<Hash>,
        mut left: impl Iterator<Item = &'a Hash>,
        mut right: impl Iterator<Item = &'a Hash>,
    ) -> Self {
        let mut levels = Vec::with_capacity(PROOF_HASHES_MAX);
        let mut nodes = leaves;
        for step in range.levels() {
            let mut first = step.first;
            if step.left_sibling()
                && let Some(sibling) = left.next()
            {
                nodes.insert(0, *sibling);
                first -= 1;
            }
            if step.right_sibling()
                && let Some(sibling) = right.next()
            {
                nodes.push(*sibling);
            }
            let above = nodes.chunks(2).map(pair_or_single).collect();
            levels.push(Level { first, nodes });
            nodes = above;
        }
        levels.push(Level { first: 0, nodes });
        Self { range, levels }
    }

    /// The RFC 6962 root of the whole tree.
    pub fn root(&self) -> Hash {
        // The last level is the root alone.
        self.levels
            .last()
            .and_then(|level| level.nodes.first())
            .copied()
            .unwrap_or(super::EMPTY_ROOT)
    }

    /// Number of leaves of the whole tree.
    pub fn size(&self) -> LogSize {
        self.range.size
    }

    /// Index of the range's first leaf.
    pub fn first(&self) -> LogIndex {
        self.range.first
    }

    /// Number of leaves in the range.
    pub fn count(&self) -> u64 {
        self.range.last.get() - self.range.first.get() + 1
    }

    /// The leaf hashes of the range.
    pub fn leaves(&self) -> &[Hash] {
        let level = self.levels.first();
        let skip = level
            .and_then(|level| usize::try_from(self.range.first.get() - level.first).ok())
            .unwrap_or(0);
        let count = usize::try_from(self.count()).unwrap_or(0);
        level
            .and_then(|level| level.nodes.get(skip..skip + count))
            .unwrap_or_default()
    }

    /// The audit path of the leaf at `index`, from its sibling upwards; none outside of the range.
    pub fn path(&self, index: LogIndex) -> Option<Vec<Hash>> {
        let mut path = Vec::with_capacity(PROOF_HASHES_MAX);
        self.path_into(index, &mut path).then_some(path)
    }

    /// Replaces `path` by the audit path of the leaf at `index`; false outside of the range.
    pub fn path_into(&self, index: LogIndex, path: &mut Vec<Hash>) -> bool {
        path.clear();
        if !(self.range.first..=self.range.last).contains(&index) {
            return false;
        }
        let index = index.get();
        let siblings = self.levels.iter().enumerate().filter_map(|(height, level)| {
            // The sibling's number differs in the last bit. Where none is held there is none.
            let sibling = (index >> height) ^ 1;
            level
                .nodes
                .get(usize::try_from(sibling.checked_sub(level.first)?).ok()?)
        });
        path.extend(siblings);
        true
    }

    /// The proof of a part of the range: the same as [`prove_range`] yields for it, without the log.
    /// None where it is empty or not a part of the range.
    pub fn sub_range_proof(&self, first: LogIndex, count: u64) -> Option<Vec<Hash>> {
        let part = Range::new(first, count, self.range.size).ok()?;
        if part.first < self.range.first || part.last > self.range.last {
            return None;
        }
        part.proof(|level, number| self.held(level, number).ok_or(()))
            .ok()
    }

    /// The root of the complete subtree `index` at `level`, where the tree holds it: above the range,
    /// or beside its edges.
    pub fn node(&self, level: u8, index: u64) -> Option<Hash> {
        let end = index
            .checked_add(1)?
            .checked_mul(1_u64.checked_shl(level.into())?)?;
        if end > self.range.size.get() {
            return None;
        }
        self.held(level, index)
    }

    /// The right edge of the whole tree. None where the range does not end the tree.
    pub fn compact_range(&self) -> Option<CompactRange> {
        if self.range.size.last_index() != Some(self.range.last) {
            return None;
        }
        let size = self.range.size.get();
        let mut hashes = Vec::with_capacity(size.count_ones() as usize);
        for level in (0..64_u8).rev().filter(|level| size >> level & 1 == 1) {
            hashes.push(self.held(level, (size >> level) - 1)?);
        }
        CompactRange::from_parts(self.range.size, hashes).ok()
    }

    fn held(&self, level: u8, index: u64) -> Option<Hash> {
        let level = self.levels.get(usize::from(level))?;
        level
            .nodes
            .get(usize::try_from(index.checked_sub(level.first)?).ok()?)
            .copied()
    }
}

/// Two nodes are hashed; the last of a level, alone, moves up unchanged.
fn pair_or_single(nodes: &[Hash]) -> Hash {
    match nodes {
        [left, right] => node_hash(left, right),
        [single, ..] => *single,
        [] => super::EMPTY_ROOT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::naive::{self, Stored, index, size};
    use proptest::prelude::*;

    fn range_before(stored: &Stored, count: usize) -> CompactRange {
        let mut range = CompactRange::new();
        for leaf in &stored.0[..count] {
            range.append(*leaf).unwrap();
        }
        range
    }

    #[test]
    fn every_range_of_every_small_tree_yields_every_path() {
        let stored = Stored(naive::leaves(24));
        for total in 1..=24 {
            let all = &stored.0[..total];
            let root = naive::root(all);
            let paths: Vec<Vec<Hash>> = (0..total).map(|place| naive::path(place, all)).collect();
            for first in 0..total {
                for last in first..total {
                    let count = (last - first + 1) as u64;
                    let leaves = all[first..=last].to_vec();
                    let proof = prove_range(index(first), count, size(total), &stored).unwrap();
                    let tree = RangeTree::verify(index(first), leaves.clone(), size(total), &proof, &root);
                    let tree = tree.unwrap();
                    assert_eq!(tree.leaves(), leaves);
                    assert_eq!(
                        (tree.root(), tree.size(), tree.count()),
                        (root, size(total), count)
                    );
                    for (place, path) in paths.iter().enumerate() {
                        let expected = (first..=last).contains(&place).then(|| path.clone());
                        assert_eq!(
                            tree.path(index(place)),
                            expected,
                            "{place} of {first}..={last} of {total}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_proof_of_one_leaf_is_its_path_with_the_left_hashes_first() {
        let stored = Stored(naive::leaves(33));
        for total in 1..=33 {
            for place in 0..total {
                let path = naive::path(place, &stored.0[..total]);
                let sides: Vec<_> = super::super::path_sides(place as u64, total as u64).collect();
                let on = |side| {
                    let sides = sides.iter().zip(&path).filter(move |(own, _)| **own == side);
                    sides.map(|(_, hash)| *hash).collect::<Vec<Hash>>()
                };
                let expected = [on(super::super::Side::Left), on(super::super::Side::Right)].concat();
                let proof = prove_range(index(place), 1, size(total), &stored);
                assert_eq!(proof, Ok(expected), "leaf {place} of {total}");
            }
        }
    }

    #[test]
    fn whatever_is_altered_is_refused() {
        let stored = Stored(naive::leaves(17));
        for total in 1..=17 {
            let root = naive::root(&stored.0[..total]);
            for first in 0..total {
                for last in first..total {
                    let leaves = stored.0[first..=last].to_vec();
                    let proof = prove_range(index(first), leaves.len() as u64, size(total), &stored).unwrap();
                    let verify = |leaves: Vec<Hash>, proof: &[Hash]| {
                        RangeTree::verify(index(first), leaves, size(total), proof, &root)
                            .map(|tree| tree.root())
                    };
                    for spoiled in naive::spoiled(&proof) {
                        assert!(
                            verify(leaves.clone(), &spoiled).is_err(),
                            "{first}..={last} of {total}"
                        );
                    }
                    for spoiled in naive::spoiled(&leaves) {
                        assert!(verify(spoiled, &proof).is_err(), "{first}..={last} of {total}");
                    }
                    for other in (0..total).filter(|other| *other != first) {
                        let moved =
                            RangeTree::verify(index(other), leaves.clone(), size(total), &proof, &root);
                        assert!(moved.is_err(), "{first}..={last} of {total} at {other}");
                    }
                }
            }
        }
    }

    #[test]
    fn ranges_that_are_none() {
        let stored = Stored(naive::leaves(5));
        let root = naive::root(&stored.0);
        let verify = |first, leaves: &[Hash]| {
            RangeTree::verify(index(first), leaves.to_vec(), size(5), &[], &root)
                .map(|tree| tree.root())
                .unwrap_err()
        };
        assert_eq!(verify(0, &[]), ProofError::EmptyRange);
        assert_eq!(
            verify(3, &stored.0[..3]),
            ProofError::IndexBeyondSize { index: 5, size: 5 }
        );
        assert_eq!(prove_range(index(0), 0, size(5), &stored), Ok(vec![]));
        assert_eq!(prove_range(index(3), 3, size(5), &stored), Ok(vec![]));
        assert_eq!(prove_range(index(3), u64::MAX, size(5), &stored), Ok(vec![]));
        let end = RangeTree::at_end(&CompactRange::new(), vec![]).map(|tree| tree.root());
        assert_eq!(end, Err(ProofError::EmptyRange));
        let full = LogSize::new(crate::index::INTEGER_MAX).unwrap();
        let full = CompactRange::from_parts(full, naive::leaves(53)).unwrap();
        assert!(matches!(
            RangeTree::at_end(&full, naive::leaves(1)),
            Err(ProofError::Index(_))
        ));
    }

    #[test]
    fn the_tree_of_a_batch_at_the_end() {
        let stored = Stored(naive::leaves(40));
        for before in 0..40 {
            for total in before + 1..=40 {
                let all = &stored.0[..total];
                let tree = RangeTree::at_end(&range_before(&stored, before), all[before..].to_vec()).unwrap();
                assert_eq!((tree.root(), tree.size()), (naive::root(all), size(total)));
                assert_eq!(
                    (tree.first(), tree.count()),
                    (index(before), (total - before) as u64)
                );
                assert_eq!(tree.compact_range(), Some(range_before(&stored, total)));
                for place in before..total {
                    assert_eq!(tree.path(index(place)), Some(naive::path(place, all)));
                }
                let part = (before + total) / 2;
                for (first, end) in [(before, total), (before, part), (part, total), (part, part + 1)] {
                    let count = (end - first) as u64;
                    let expected =
                        (count > 0).then(|| prove_range(index(first), count, size(total), &stored).unwrap());
                    assert_eq!(tree.sub_range_proof(index(first), count), expected);
                }
                assert_eq!(
                    tree.sub_range_proof(index(before), (total - before + 1) as u64),
                    None
                );
            }
        }
    }

    #[test]
    fn nodes_above_a_batch_are_complete_subtrees() {
        use crate::merkle::nodes::NodeSource as _;
        let stored = Stored(naive::leaves(37));
        let tree = RangeTree::at_end(&range_before(&stored, 9), stored.0[9..].to_vec()).unwrap();
        let mut held = 0;
        for level in 0..70_u8 {
            for node in 0..40_u64 {
                if let Some(hash) = tree.node(level, node) {
                    assert_eq!(Ok(hash), stored.node(level, node), "node {node} at level {level}");
                    held += 1;
                }
            }
        }
        // 29 leaves and one beside them, then 14 (13 complete pairs and one beside), 7, 4, 2, 1.
        assert!(held > 50, "{held}");
        assert_eq!(tree.node(0, 7), None);
        assert_eq!(tree.node(2, 9), None);
        assert_eq!(tree.node(6, 0), None);
        assert_eq!(tree.node(63, u64::MAX), None);
        let inner = RangeTree::verify(
            index(2),
            stored.0[2..4].to_vec(),
            size(37),
            &prove_range(index(2), 2, size(37), &stored).unwrap(),
            &naive::root(&stored.0),
        );
        assert_eq!(inner.unwrap().compact_range(), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn larger_trees(total in 25_usize..2_000, one in any::<prop::sample::Index>(), two in any::<prop::sample::Index>()) {
            let stored = Stored(naive::leaves(total as u64));
            let (one, two) = (one.index(total), two.index(total));
            let (first, last) = (one.min(two), one.max(two));
            let (leaves, root) = (stored.0[first..=last].to_vec(), naive::root(&stored.0));
            let proof = prove_range(index(first), leaves.len() as u64, size(total), &stored).unwrap();
            let tree = RangeTree::verify(index(first), leaves, size(total), &proof, &root).unwrap();
            for place in [first, (first + last) / 2, last] {
                prop_assert_eq!(tree.path(index(place)), Some(naive::path(place, &stored.0)));
            }
            let end = RangeTree::at_end(&range_before(&stored, first), stored.0[first..].to_vec()).unwrap();
            prop_assert_eq!(end.sub_range_proof(index(first), (last - first + 1) as u64), Some(proof));
        }
    }
}
