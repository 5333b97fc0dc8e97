//! RFC 6962, section 2.1, word for word: slow, and obviously right.

use super::{EMPTY_ROOT, leaf_hash, node_hash};
use crate::hash::Hash;
use crate::index::{LogIndex, LogSize};

pub(crate) fn size(size: usize) -> LogSize {
    LogSize::new(size as u64).unwrap()
}

pub(crate) fn index(index: usize) -> LogIndex {
    LogIndex::new(index as u64).unwrap()
}

/// `count` different leaf hashes.
pub(crate) fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect()
}

/// The largest power of two below `size`.
fn split(size: usize) -> usize {
    1 << (usize::BITS - 1 - (size - 1).leading_zeros())
}

/// MTH(D[n])
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// PATH(m, D[n])
pub(crate) fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut below, sibling) = if index < left.len() {
        (path(index, left), root(right))
    } else {
        (path(index - left.len(), right), root(left))
    };
    below.push(sibling);
    below
}

/// PROOF(m, D[n])
pub(crate) fn consistency(old: usize, leaves: &[Hash]) -> Vec<Hash> {
    sub_proof(old, leaves, true)
}

fn sub_proof(old: usize, leaves: &[Hash], complete: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if complete { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut below, sibling) = if old <= left.len() {
        (sub_proof(old, left, complete), root(right))
    } else {
        (sub_proof(old - left.len(), right, false), root(left))
    };
    below.push(sibling);
    below
}

/// Stored nodes that are computed from the leaves; asking for a subtree that is not complete fails.
pub(crate) struct Stored(pub(crate) Vec<Hash>);

impl super::nodes::NodeSource for Stored {
    type Error = core::convert::Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        let start = usize::try_from(index << level).unwrap();
        Ok(root(&self.0[start..start + (1 << level)]))
    }
}

/// Every way to spoil a proof a little: a hash left out, doubled, changed, swapped, or added.
pub(crate) fn spoiled(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let stranger = leaf_hash(b"stranger");
    let mut spoiled = Vec::new();
    for place in 0..=proof.len() {
        let mut longer = proof.to_vec();
        longer.insert(place, stranger);
        spoiled.push(longer);
    }
    for place in 0..proof.len() {
        let mut shorter = proof.to_vec();
        shorter.remove(place);
        spoiled.push(shorter);
        let mut doubled = proof.to_vec();
        doubled.insert(place, proof[place]);
        spoiled.push(doubled);
        let mut bytes = *proof[place].as_bytes();
        bytes[place % 32] ^= 1 << (place % 8);
        let mut changed = proof.to_vec();
        changed[place] = Hash::from_bytes(bytes);
        spoiled.push(changed);
        let mut swapped = proof.to_vec();
        swapped.swap(0, place);
        spoiled.push(swapped);
    }
    spoiled.retain(|other| other != proof);
    spoiled
}
