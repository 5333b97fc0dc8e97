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
            .filter(|step| step.first % 2 == 1)
            .map(|step| (step.level, step.first - 1))
    }

    /// Level and number of each node to the right that the range needs, from the leaves upwards.
    fn right(self) -> impl Iterator<Item = (u8, u64)> {
        let needed = |step: &Step| step.last % 2 == 0 && step.last < step.end;
        self.levels()
            .filter(needed)
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
            if first % 2 == 1
                && let Some(sibling) = left.next()
            {
                nodes.insert(0, *sibling);
                first -= 1;
            }
            if step.last % 2 == 0
                && step.last < step.end
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
