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
