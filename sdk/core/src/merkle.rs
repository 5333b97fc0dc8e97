//! Merkle trees of RFC 6962 / RFC 9162 over SHA-256.
//!
//! | to | use |
//! | --- | --- |
//! | build a tree whose leaves are all at hand | [`builder`] |
//! | follow the right edge of a growing log | [`compact_range`] |
//! | read paths out of stored nodes | [`nodes`] |
//! | prove a batch of neighbouring leaves at once | [`range_proof`] |
//! | verify | [`inclusion`], [`consistency`], [`range_proof`] |
//!
//! Verification consumes every hash that it is given and refuses any left over.

use sha2::{Digest as _, Sha256};

use crate::hash::{Hash, sha256_of};
use crate::index::IndexError;

pub mod builder;
pub mod compact_range;
pub mod consistency;
pub mod inclusion;
pub mod nodes;
pub mod range_proof;

#[cfg(test)]
pub(crate) mod naive;

/// The most hashes in the proof of one leaf: a tree of 2^53 - 1 leaves is lower than that, the formats
/// allow 63.
pub const PROOF_HASHES_MAX: usize = 63;

/// The root of the tree without leaves: SHA-256 of the empty string.
pub const EMPTY_ROOT: Hash = Hash::from_bytes([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// Why a proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf, or the range of leaves, lies beyond the tree.
    #[error("leaf {index} lies beyond a tree of size {size}")]
    IndexBeyondSize {
        /// Index of the last leaf in question.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// An index or size above 2^53 - 1.
    #[error("{0}")]
    Index(#[from] IndexError),
    /// A range proof about no leaf at all.
    #[error("a range of leaves cannot be empty")]
    EmptyRange,
    /// The old tree is larger than the new one.
    #[error("the old tree (size {old}) is larger than the new one (size {new})")]
    OldLargerThanNew {
        /// Size of the old tree.
        old: u64,
        /// Size of the new tree.
        new: u64,
    },
    /// The proof ends too early.
    #[error("the proof has {found} hashes, {expected} are needed")]
    Missing {
        /// Hashes that the shape of the tree asks for.
        expected: usize,
        /// Hashes in the proof.
        found: usize,
    },
    /// The proof has hashes left over.
    #[error("the proof has {found} hashes, only {expected} are needed")]
    LeftOver {
        /// Hashes that the shape of the tree asks for.
        expected: usize,
        /// Hashes in the proof.
        found: usize,
    },
    /// The proof leads to another root than the old tree's.
    #[error("the proof does not lead to the root of the old tree")]
    OldRootDiffers,
    /// The proof leads to another root.
    #[error("the proof does not lead to the root of the tree")]
    RootDiffers,
}

/// `SHA-256(0x00 || data)`
pub fn leaf_hash(data: &[u8]) -> Hash {
    sha256_of(&[&[0x00], data])
}

/// `SHA-256(0x01 || left || right)`
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut input = [0x01; 65];
    input[1..33].copy_from_slice(left.as_bytes());
    input[33..].copy_from_slice(right.as_bytes());
    Hash::from_bytes(Sha256::digest(input).into())
}

/// Checks the number of hashes in a proof.
fn check_length(expected: usize, found: usize) -> Result<(), ProofError> {
    match found.cmp(&expected) {
        core::cmp::Ordering::Less => Err(ProofError::Missing { expected, found }),
        core::cmp::Ordering::Equal => Ok(()),
        core::cmp::Ordering::Greater => Err(ProofError::LeftOver { expected, found }),
    }
}

/// The shape of an audit path: for each hash from the leaf upwards, whether it stands to the left.
///
/// At each level the node has a sibling, but for the last node of the level where its number is even:
/// that one moves up unchanged.
fn path_sides(index: u64, size: u64) -> impl Iterator<Item = Side> {
    let (mut node, mut last) = (index, size.saturating_sub(1));
    core::iter::from_fn(move || {
        while last > 0 {
            let side = if node % 2 == 1 {
                Some(Side::Left)
            } else if node < last {
                Some(Side::Right)
            } else {
                None
            };
            node /= 2;
            last /= 2;
            if side.is_some() {
                return side;
            }
        }
        None
    })
}

/// Where a sibling stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_keep_leaves_and_nodes_apart() {
        assert_eq!(EMPTY_ROOT, crate::hash::sha256(b""));
        assert_eq!(leaf_hash(b"x"), crate::hash::sha256(b"\0x"));
        let (left, right) = (leaf_hash(b"l"), leaf_hash(b"r"));
        let input = [&[1][..], left.as_ref(), right.as_ref()].concat();
        assert_eq!(node_hash(&left, &right), crate::hash::sha256(&input));
    }
}
