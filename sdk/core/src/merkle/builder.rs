//! Trees whose leaves are all at hand, built by `rs_merkle`.
//!
//! With a hasher that passes an unpaired node up unchanged its trees have exactly the RFC 6962 shape.
//! It never verifies here: its verifier accepts forgeries that strict verification refuses.

use rs_merkle::{Hasher, MerkleTree};

use super::{EMPTY_ROOT, leaf_hash, node_hash};
use crate::hash::Hash;

#[derive(Clone)]
struct Rfc6962;

impl Hasher for Rfc6962 {
    type Hash = [u8; 32];

    fn hash(data: &[u8]) -> [u8; 32] {
        *leaf_hash(data).as_bytes()
    }

    fn concat_and_hash(left: &[u8; 32], right: Option<&[u8; 32]>) -> [u8; 32] {
        match right {
            Some(right) => *node_hash(&Hash::from_bytes(*left), &Hash::from_bytes(*right)).as_bytes(),
            None => *left,
        }
    }
}

/// A tree over leaf hashes that are all at hand.
#[derive(Clone)]
pub struct Tree {
    tree: MerkleTree<Rfc6962>,
    root: Hash,
}

impl Tree {
    /// Builds the tree over these leaf hashes; it may be empty.
    pub fn new(leaves: &[Hash]) -> Self {
        let leaves: Vec<[u8; 32]> = leaves.iter().map(|leaf| *leaf.as_bytes()).collect();
        let tree = MerkleTree::from_leaves(&leaves);
        let root = tree.root().map_or(EMPTY_ROOT, Hash::from_bytes);
        Self { tree, root }
    }

    /// The RFC 6962 root.
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// Number of leaves.
    pub fn len(&self) -> usize {
        self.tree.leaves_len()
    }

    /// Whether there are no leaves.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The audit path of the leaf at `index`, from its sibling upwards, or none beyond the last leaf.
    pub fn path(&self, index: usize) -> Option<Vec<Hash>> {
        if index >= self.len() {
            return None;
        }
        let proof = self.tree.proof(&[index]);
        Some(
            proof
                .proof_hashes()
                .iter()
                .map(|hash| Hash::from_bytes(*hash))
                .collect(),
        )
    }
}

impl core::fmt::Debug for Tree {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "Tree({} leaves, root {})", self.len(), self.root)
    }
}

/// The RFC 6962 root over these leaf hashes.
pub fn root_of(leaves: &[Hash]) -> Hash {
    Tree::new(leaves).root()
}
