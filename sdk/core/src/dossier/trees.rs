//! The checkpoints that a dossier holds, which of them are shown to speak of one log, and their times.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::checkpoint::{Checkpoint, Origin};
use crate::hash::Hash;
use crate::index::{LogIndex, LogSize};
use crate::time::Instant;

/// A place in [`Trees`].
pub(super) type TreeId = usize;

/// One state of a log, which its keys signed.
#[derive(Clone, Debug)]
struct Tree {
    log: Origin,
    size: LogSize,
    root: Hash,
    /// The earliest independent time over it.
    time: Option<Instant>,
    /// Itself, and the later trees that it is shown to be a beginning of.
    beginning_of: BTreeSet<TreeId>,
}

/// All signed states of logs that the dossier holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Trees {
    trees: Vec<Tree>,
    known: HashMap<(Origin, LogSize, Hash), TreeId>,
    /// For each tree, those that are shown to be beginnings of it, with their times.
    below: BTreeMap<TreeId, Vec<TreeId>>,
}

impl Trees {
    /// Takes in a signed checkpoint, with the independent time over it.
    pub(super) fn add(&mut self, checkpoint: &Checkpoint, time: Option<Instant>) -> TreeId {
        let key = (checkpoint.origin.clone(), checkpoint.size, checkpoint.root);
        let next = self.trees.len();
        let id = *self.known.entry(key).or_insert(next);
        if id == next {
            self.trees.push(Tree {
                log: checkpoint.origin.clone(),
                size: checkpoint.size,
                root: checkpoint.root,
                time: None,
                beginning_of: BTreeSet::from([id]),
            });
        }
        let own = &mut self.trees[id].time;
        *own = match (*own, time) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        id
    }

    /// Notes that one tree was proven to be a beginning of another.
    pub(super) fn is_beginning(&mut self, old: TreeId, new: TreeId) {
        self.trees[old].beginning_of.insert(new);
    }

    /// Draws the conclusions; nothing is taken in after that.
    pub(super) fn settle(&mut self) {
        loop {
            let mut changed = false;
            for id in 0..self.trees.len() {
                let mut reached = self.trees[id].beginning_of.clone();
                for above in &self.trees[id].beginning_of {
                    reached.extend(&self.trees[*above].beginning_of);
                }
                changed |= reached.len() > self.trees[id].beginning_of.len();
                self.trees[id].beginning_of = reached;
            }
            if !changed {
                break;
            }
        }
        for (id, tree) in self.trees.iter().enumerate() {
            for above in &tree.beginning_of {
                self.below.entry(*above).or_default().push(id);
            }
        }
    }

    /// The trees that speak of one log with any of these.
    pub(super) fn above(&self, of: &BTreeSet<TreeId>) -> BTreeSet<TreeId> {
        of.iter()
            .flat_map(|id| self.trees[*id].beginning_of.iter().copied())
            .collect()
    }

    /// `lo` and `hi` of a record at this index, in the log that these trees (by [`Trees::above`]) speak of:
    /// the latest time over a tree that does not hold it yet, and the earliest over one that does.
    ///
    /// A tree without the record may have been stamped late, when the record was long there; that says nothing,
    /// so only what is no later than `hi` counts for `lo`.
    pub(super) fn bounds(
        &self,
        above: &BTreeSet<TreeId>,
        index: LogIndex,
    ) -> (Option<Instant>, Option<Instant>) {
        let members = || above.iter().filter_map(|top| self.below.get(top)).flatten();
        let timed = |holds: bool| {
            members()
                .map(|id| &self.trees[*id])
                .filter(move |tree| tree.size.contains(index) == holds)
                .filter_map(|tree| tree.time)
        };
        let hi = timed(true).min();
        let lo = timed(false).filter(|time| hi.is_none_or(|hi| *time <= hi)).max();
        (lo, hi)
    }

    /// Two different states of one size that one log signed, a sentence each.
    pub(super) fn forks(&self) -> Vec<String> {
        let mut first: BTreeMap<(&Origin, LogSize), Hash> = BTreeMap::new();
        let mut found = Vec::new();
        for tree in &self.trees {
            let root = *first.entry((&tree.log, tree.size)).or_insert(tree.root);
            if root != tree.root {
                found.push(format!(
                    "The log {} was signed with two different roots at size {}: it shows different people \
                     different logs.",
                    tree.log, tree.size
                ));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;

    fn checkpoint(size: u64) -> Checkpoint {
        Checkpoint {
            origin: Origin::new("notary.example/log1").unwrap(),
            size: LogSize::new(size).unwrap(),
            root: sha256(&size.to_be_bytes()),
        }
    }

    fn at(seconds: i64) -> Option<Instant> {
        Some(Instant::from_seconds(seconds))
    }

    #[test]
    fn what_is_shown_to_be_one_log_bounds_a_record() {
        let mut trees = Trees::default();
        let five = trees.add(&checkpoint(5), at(50));
        let seven = trees.add(&checkpoint(7), at(70));
        let nine = trees.add(&checkpoint(9), at(90));
        let alone = trees.add(&checkpoint(8), at(10));
        trees.is_beginning(five, seven);
        trees.is_beginning(seven, nine);
        trees.settle();
        let index = |index| LogIndex::new(index).unwrap();
        let above = trees.above(&BTreeSet::from([seven]));
        assert_eq!(above, BTreeSet::from([seven, nine]));
        assert_eq!(trees.bounds(&above, index(5)), (at(50), at(70)));
        assert_eq!(trees.bounds(&above, index(2)), (None, at(50)));
        assert_eq!(trees.bounds(&above, index(8)), (at(70), at(90)));
        // Another tree of which nothing shows that it is the same log bounds nothing here.
        let above = trees.above(&BTreeSet::from([alone]));
        assert_eq!(trees.bounds(&above, index(6)), (None, at(10)));
    }

    #[test]
    fn a_beginning_of_two_trees_does_not_make_them_one() {
        let mut trees = Trees::default();
        let small = trees.add(&checkpoint(3), None);
        let (one, other) = (
            trees.add(&checkpoint(6), at(60)),
            trees.add(&checkpoint(7), at(20)),
        );
        trees.is_beginning(small, one);
        trees.is_beginning(small, other);
        trees.settle();
        let above = trees.above(&BTreeSet::from([one]));
        assert_eq!(trees.bounds(&above, LogIndex::new(4).unwrap()), (None, at(60)));
    }

    #[test]
    fn a_tree_that_was_stamped_late_is_no_lower_bound() {
        let mut trees = Trees::default();
        let five = trees.add(&checkpoint(5), at(500));
        let seven = trees.add(&checkpoint(7), at(70));
        trees.is_beginning(five, seven);
        trees.settle();
        let above = trees.above(&BTreeSet::from([seven]));
        assert_eq!(trees.bounds(&above, LogIndex::new(6).unwrap()), (None, at(70)));
        // The earliest time over one state counts.
        trees.add(&checkpoint(5), at(50));
        assert_eq!(trees.bounds(&above, LogIndex::new(6).unwrap()), (at(50), at(70)));
    }

    #[test]
    fn two_states_of_one_size_are_a_fork() {
        let mut trees = Trees::default();
        trees.add(&checkpoint(5), None);
        trees.add(&checkpoint(5), None);
        assert!(trees.forks().is_empty());
        let other = Checkpoint {
            root: sha256(b"other"),
            ..checkpoint(5)
        };
        trees.add(&other, None);
        assert_eq!(trees.forks().len(), 1);
    }
}
