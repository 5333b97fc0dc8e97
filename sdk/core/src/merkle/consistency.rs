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
