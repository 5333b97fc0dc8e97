//! Consistency proofs (RFC 9162, section 2.1.4): the old tree is a prefix of the new one.

use super::{EMPTY_ROOT, ProofError, Side, check_length, node_hash, path_sides};
use crate::hash::Hash;
use crate::index::LogSize;

/// Verifies that the tree with `old_size` leaves and `old_root` is a prefix of the new one.
///
/// Two sizes need no hash and must be given none: an empty old tree, whose root must be the empty
/// root, and equal trees.
pub fn verify_consistency(
    old_size: LogSize,
    old_root: &Hash,
    new_size: LogSize,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    let (old, new) = (old_size.get(), new_size.get());
    if old > new {
        return Err(ProofError::OldLargerThanNew { old, new });
    }
    if old == 0 || old == new {
        check_length(0, proof.len())?;
        if old == 0 && *old_root != EMPTY_ROOT {
            return Err(ProofError::OldRootDiffers);
        }
        if (old == new && old_root != new_root) || (new == 0 && *new_root != EMPTY_ROOT) {
            return Err(ProofError::RootDiffers);
        }
        return Ok(());
    }
    // The proof is the path of the largest complete subtree that ends where the old tree does. Where
    // that subtree is the whole old tree its hash is known, else it heads the proof.
    let level = old.trailing_zeros();
    let node = (old >> level) - 1;
    let nodes_at_level = ((new - 1) >> level) + 1;
    let headed = !old.is_power_of_two();
    let sides = || path_sides(node, nodes_at_level);
    check_length(sides().count() + usize::from(headed), proof.len())?;
    let (start, path) = match proof.split_first() {
        Some((head, path)) if headed => (*head, path),
        _ => (*old_root, proof),
    };
    // What stands to the left is in both trees, what stands to the right only in the new one.
    let roots = sides()
        .zip(path)
        .fold((start, start), |(in_old, in_new), (side, sibling)| match side {
            Side::Left => (node_hash(sibling, &in_old), node_hash(sibling, &in_new)),
            Side::Right => (in_old, node_hash(&in_new, sibling)),
        });
    if roots.0 != *old_root {
        return Err(ProofError::OldRootDiffers);
    }
    if roots.1 != *new_root {
        return Err(ProofError::RootDiffers);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::naive::{consistency, leaves, root, size, spoiled};

    #[test]
    fn every_pair_of_small_trees() {
        let all = leaves(90);
        let roots: Vec<Hash> = (0..=all.len()).map(|count| root(&all[..count])).collect();
        for new in 1..=all.len() {
            for old in 1..=new {
                let proof = consistency(old, &all[..new]);
                let verify = |old_root, new_root, proof: &[Hash]| {
                    verify_consistency(size(old), old_root, size(new), new_root, proof)
                };
                assert_eq!(verify(&roots[old], &roots[new], &proof), Ok(()), "{old} in {new}");
                assert!(verify(&roots[old - 1], &roots[new], &proof).is_err());
                assert!(verify(&roots[old], &roots[new - 1], &proof).is_err());
            }
        }
    }

    #[test]
    fn spoiled_proofs_are_refused() {
        let all = leaves(36);
        for new in 1..=all.len() {
            for old in 1..=new {
                let (old_root, new_root) = (root(&all[..old]), root(&all[..new]));
                for spoiled in spoiled(&consistency(old, &all[..new])) {
                    let verified = verify_consistency(size(old), &old_root, size(new), &new_root, &spoiled);
                    assert!(verified.is_err(), "{old} in {new}: {spoiled:?}");
                }
            }
        }
    }

    #[test]
    fn a_proof_holds_for_one_old_size_only() {
        let all = leaves(23);
        let new_root = root(&all);
        for old in 1..all.len() {
            let proof = consistency(old, &all);
            for other in (1..all.len()).filter(|other| *other != old) {
                let old_root = root(&all[..other]);
                let verified = verify_consistency(size(other), &old_root, size(23), &new_root, &proof);
                assert!(verified.is_err(), "the proof of {old} passes for {other}");
            }
        }
    }

    #[test]
    fn sizes_that_need_no_hash() {
        let all = leaves(3);
        let (three, stranger) = (root(&all), root(&all[..2]));
        let empty = LogSize::EMPTY;
        assert_eq!(
            verify_consistency(empty, &EMPTY_ROOT, size(3), &three, &[]),
            Ok(())
        );
        assert_eq!(
            verify_consistency(empty, &EMPTY_ROOT, empty, &EMPTY_ROOT, &[]),
            Ok(())
        );
        assert_eq!(verify_consistency(size(3), &three, size(3), &three, &[]), Ok(()));
        let left_over = Err(ProofError::LeftOver {
            expected: 0,
            found: 1,
        });
        assert_eq!(
            verify_consistency(empty, &EMPTY_ROOT, size(3), &three, &[three]),
            left_over
        );
        assert_eq!(
            verify_consistency(size(3), &three, size(3), &three, &[three]),
            left_over
        );
        let differs = Err(ProofError::OldRootDiffers);
        assert_eq!(
            verify_consistency(empty, &stranger, size(3), &three, &[]),
            differs
        );
        assert_eq!(
            verify_consistency(empty, &stranger, empty, &stranger, &[]),
            differs
        );
        let differs = Err(ProofError::RootDiffers);
        assert_eq!(
            verify_consistency(size(3), &stranger, size(3), &three, &[]),
            differs
        );
        assert_eq!(
            verify_consistency(empty, &EMPTY_ROOT, empty, &three, &[]),
            differs
        );
        let larger = Err(ProofError::OldLargerThanNew { old: 3, new: 2 });
        assert_eq!(
            verify_consistency(size(3), &three, size(2), &stranger, &[]),
            larger
        );
    }
}
