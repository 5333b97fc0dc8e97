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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::naive;

    #[test]
    fn trees_have_the_shape_of_rfc_6962() {
        let all = naive::leaves(300);
        assert_eq!(root_of(&[]), EMPTY_ROOT);
        for count in 1..=300 {
            let tree = Tree::new(&all[..count]);
            assert_eq!(tree.root(), naive::root(&all[..count]), "{count} leaves");
            assert_eq!(tree.len(), count);
            assert_eq!(tree.path(count), None);
            for index in (0..count).filter(|index| count <= 66 || index % 17 == 0 || index + 2 > count) {
                let expected = naive::path(index, &all[..count]);
                assert_eq!(tree.path(index), Some(expected), "leaf {index} of {count}");
            }
        }
    }

    #[test]
    fn an_empty_tree_has_no_path() {
        let tree = Tree::new(&[]);
        assert!(tree.is_empty());
        assert_eq!(tree.path(0), None);
    }

    #[test]
    fn roots_of_the_golden_log() {
        let words = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten";
        let leaves: Vec<Hash> = words.split(' ').map(|word| leaf_hash(word.as_bytes())).collect();
        let mut range = crate::merkle::compact_range::CompactRange::new();
        for (count, expected) in [
            (1, "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek="),
            (2, "T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4="),
            (3, "Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk="),
            (8, "bC+VwvrJbalNVjfkdI8kUgs7mJoXrqiXCE7bgnD28pY="),
            (15, "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs="),
        ] {
            while range.size().get() < count {
                range.append(leaves[range.size().get() as usize]).unwrap();
            }
            assert_eq!(root_of(&leaves[..count as usize]).to_base64(), expected);
            assert_eq!(range.root().to_base64(), expected);
        }
    }
}
