//! Inclusion proofs (RFC 9162, section 2.1.3).

use super::{ProofError, Side, check_length, node_hash, path_sides};
use crate::hash::Hash;
use crate::index::{LogIndex, LogSize};

/// The root to which `path` leads from `leaf`, the leaf hash at `index` in a tree of `size` leaves.
/// The path starts with the leaf's sibling and has exactly as many hashes as the tree's shape asks for.
pub fn root_from_path(leaf: Hash, index: LogIndex, size: LogSize, path: &[Hash]) -> Result<Hash, ProofError> {
    if !size.contains(index) {
        return Err(ProofError::IndexBeyondSize {
            index: index.get(),
            size: size.get(),
        });
    }
    let sides = || path_sides(index.get(), size.get());
    check_length(sides().count(), path.len())?;
    let root = sides().zip(path).fold(leaf, |node, (side, sibling)| match side {
        Side::Left => node_hash(sibling, &node),
        Side::Right => node_hash(&node, sibling),
    });
    Ok(root)
}

/// Verifies that `leaf` is the leaf hash at `index` in the tree of `size` leaves with this `root`.
pub fn verify_inclusion(
    leaf: Hash,
    index: LogIndex,
    size: LogSize,
    path: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if root_from_path(leaf, index, size, path)? == *root {
        Ok(())
    } else {
        Err(ProofError::RootDiffers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::naive::{index, leaves, path, root, size, spoiled};
    use crate::merkle::{leaf_hash, nodes, nodes::NodeSource};

    #[test]
    fn every_leaf_of_every_small_tree() {
        let all = leaves(130);
        for count in 1..=all.len() {
            let tree = &all[..count];
            let root = root(tree);
            for place in 0..count {
                let path = path(place, tree);
                let verified = verify_inclusion(tree[place], index(place), size(count), &path, &root);
                assert_eq!(verified, Ok(()), "leaf {place} of {count}");
                let other = verify_inclusion(all[(place + 1) % 130], index(place), size(count), &path, &root);
                assert_eq!(other, Err(ProofError::RootDiffers));
            }
            let beyond = verify_inclusion(tree[count - 1], index(count), size(count), &[], &root);
            assert!(matches!(beyond, Err(ProofError::IndexBeyondSize { .. })));
        }
    }

    #[test]
    fn spoiled_paths_are_refused() {
        let all = leaves(40);
        for count in 1..=all.len() {
            let tree = &all[..count];
            let root = root(tree);
            for place in 0..count {
                for spoiled in spoiled(&path(place, tree)) {
                    let verified = verify_inclusion(tree[place], index(place), size(count), &spoiled, &root);
                    assert!(verified.is_err(), "leaf {place} of {count}: {spoiled:?}");
                }
            }
        }
    }

    #[test]
    fn a_path_proves_one_index_only() {
        let all = leaves(21);
        let root = root(&all);
        for place in 0..all.len() {
            let path = path(place, &all);
            for other in (0..all.len()).filter(|other| *other != place) {
                let verified = verify_inclusion(all[place], index(other), size(all.len()), &path, &root);
                assert!(verified.is_err(), "the path of {place} passes at {other}");
            }
        }
    }

    #[test]
    fn an_inner_node_is_no_leaf() {
        let all = leaves(4);
        let inner = node_hash(&all[0], &all[1]);
        let path = [node_hash(&all[2], &all[3])];
        // With the size that the attacker likes it holds: only the signed size says what is a leaf.
        assert_eq!(
            verify_inclusion(inner, index(0), size(2), &path, &root(&all)),
            Ok(())
        );
        assert!(verify_inclusion(inner, index(0), size(4), &path, &root(&all)).is_err());
    }

    #[test]
    fn the_largest_tree_takes_53_hashes() {
        let last = crate::index::INTEGER_MAX;
        let size = LogSize::new(last).unwrap();
        let path = vec![leaf_hash(b""); 53];
        assert!(root_from_path(leaf_hash(b""), LogIndex::FIRST, size, &path).is_ok());
        let missing = root_from_path(leaf_hash(b""), LogIndex::FIRST, size, &path[1..]);
        assert_eq!(
            missing,
            Err(ProofError::Missing {
                expected: 53,
                found: 52
            })
        );
        let left_over = root_from_path(leaf_hash(b""), index(0), LogSize::new(1).unwrap(), &path);
        assert_eq!(
            left_over,
            Err(ProofError::LeftOver {
                expected: 0,
                found: 53
            })
        );
        let empty = root_from_path(leaf_hash(b""), LogIndex::FIRST, LogSize::EMPTY, &[]);
        assert_eq!(empty, Err(ProofError::IndexBeyondSize { index: 0, size: 0 }));
    }

    struct Theirs(crate::merkle::naive::Stored);

    impl tlog_tiles::HashReader for Theirs {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
            let node = |stored: &u64| {
                let (level, index) = tlog_tiles::split_stored_hash_index(*stored);
                tlog_tiles::Hash(*self.0.node(level, index).unwrap().as_bytes())
            };
            Ok(indexes.iter().map(node).collect())
        }
    }

    #[test]
    fn another_implementation_makes_and_accepts_the_same_proofs() {
        let convert = |hash: &Hash| tlog_tiles::Hash(*hash.as_bytes());
        let theirs = Theirs(crate::merkle::naive::Stored(leaves(100)));
        for count in 1..=100_usize {
            let tree = &theirs.0.0[..count];
            let (root, total) = (convert(&root(tree)), count as u64);
            assert_eq!(tlog_tiles::tree_hash(total, &theirs).unwrap(), root);
            for (place, leaf) in tree.iter().enumerate() {
                let path = nodes::inclusion_path(index(place), size(count), &theirs.0).unwrap();
                let path: Vec<_> = path.iter().map(convert).collect();
                assert_eq!(
                    tlog_tiles::prove_record(total, place as u64, &theirs).unwrap(),
                    path
                );
                let leaf = convert(leaf);
                tlog_tiles::check_record(&path, total, root, place as u64, leaf).unwrap();
            }
            for old in 1..=count {
                let proof = nodes::consistency_path(size(old), size(count), &theirs.0).unwrap();
                let proof: Vec<_> = proof.iter().map(convert).collect();
                let old_root = convert(&crate::merkle::naive::root(&tree[..old]));
                tlog_tiles::check_tree(&proof, total, root, old as u64, old_root).unwrap();
            }
        }
    }
}
