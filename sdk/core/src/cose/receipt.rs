//! One COSE receipt: a signed root with the path that leads to it.

use crate::checkpoint::{Checkpoint, Origin};
use crate::encoding::hex_encode;
use crate::hash::Hash;
use crate::index::{LogIndex, LogSize};
use crate::merkle::{self, PROOF_HASHES_MAX};

use super::cbor::{self, Reader};
use super::{CborProblem, CoseError, CoseKey, MAX_BYTES, ProtectedHeader, protected_header, to_be_signed};

/// COSE_Sign1.
const SIGN1_TAG: u64 = 18;
/// Unprotected header parameter `vdp` (RFC 9942).
const PROOFS: i64 = 396;
/// Inclusion proofs, among the proofs.
const INCLUSION: i64 = -1;

/// A COSE receipt (RFC 9942). What [`CoseReceipt::encode`] writes is what was read, to the byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoseReceipt {
    protected: Vec<u8>,
    header: ProtectedHeader,
    size: LogSize,
    index: LogIndex,
    path: Vec<Hash>,
    signature: [u8; 64],
}

impl CoseReceipt {
    /// Puts a receipt together. `protected` is what [`protected_header`] made, `path` the audit path
    /// of the entry at `index`, the leaf's sibling first.
    ///
    /// # Errors
    ///
    /// [`CoseReceipt::parse`] would refuse it.
    pub fn new(
        protected: Vec<u8>,
        size: LogSize,
        index: LogIndex,
        path: Vec<Hash>,
        signature: [u8; 64],
    ) -> Result<Self, CoseError> {
        let header = ProtectedHeader::parse(&protected)?;
        let receipt = Self {
            protected,
            header,
            size,
            index,
            path,
            signature,
        };
        receipt.check_path_length()?;
        receipt.check_ours()?;
        Ok(receipt)
    }

    /// The receipt of one entry under a checkpoint whose signature the notary made once for all.
    ///
    /// # Errors
    ///
    /// A tree of one entry has no path.
    pub fn of_entry(
        key: &CoseKey,
        checkpoint: &Checkpoint,
        signature: [u8; 64],
        index: LogIndex,
        path: &[Hash],
    ) -> Result<Self, CoseError> {
        let protected = protected_header(key, &checkpoint.origin, checkpoint.size);
        Self::new(protected, checkpoint.size, index, path.to_vec(), signature)
    }

    /// Reads a receipt of a Trialseal notary: exactly its labels, in deterministic CBOR, issuer and
    /// subject one origin, signed tree size and that of the proof the same.
    ///
    /// # Errors
    ///
    /// What is wrong, and where.
    pub fn parse(bytes: &[u8]) -> Result<Self, CoseError> {
        let receipt = Self::parse_any(bytes)?;
        receipt.check_ours()?;
        Ok(receipt)
    }

    /// Reads a receipt of any issuer that follows RFC 9942 with EdDSA, RFC9162_SHA256 and one
    /// inclusion proof. A signed tree size may be missing, and is then not covered by anything.
    ///
    /// # Errors
    ///
    /// What is wrong, and where: trailing bytes, duplicate keys, indefinite lengths and numbers that
    /// are not in their shortest form among it.
    pub fn parse_any(bytes: &[u8]) -> Result<Self, CoseError> {
        if bytes.len() > MAX_BYTES {
            return Err(CoseError::TooLarge(bytes.len()));
        }
        let mut reader = Reader::new("receipt", bytes);
        reader.tag(SIGN1_TAG, "the tag 18 (COSE_Sign1)")?;
        reader.array_of(4, "a list of four")?;
        let protected = reader.bytes("a protected header")?.to_vec();
        reader.map_of(1, "an unprotected header with the label 396 alone")?;
        reader.integer(PROOFS, "the label 396 (vdp)")?;
        reader.map_of(1, "a map with inclusion proofs alone")?;
        reader.integer(INCLUSION, "the label -1 (inclusion proofs)")?;
        reader.array_of(1, "one inclusion proof")?;
        let proof = reader.bytes("an inclusion proof")?;
        reader.nil("nil: the payload is detached")?;
        let signature: [u8; 64] = reader
            .bytes("a signature")?
            .try_into()
            .map_err(|_| reader.error(CborProblem::Expected("a signature of 64 bytes")))?;
        reader.end()?;
        let (size, index, path) = read_proof(proof)?;
        let receipt = Self {
            header: ProtectedHeader::parse(&protected)?,
            protected,
            size,
            index,
            path,
            signature,
        };
        receipt.check_path_length()?;
        receipt.check_signed_size()?;
        Ok(receipt)
    }

    /// The receipt's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut proof = Vec::with_capacity(24 + 34 * self.path.len());
        cbor::write_array(&mut proof, 3);
        cbor::write_unsigned(&mut proof, self.size.get());
        cbor::write_unsigned(&mut proof, self.index.get());
        cbor::write_array(&mut proof, self.path.len());
        for hash in &self.path {
            cbor::write_bytes(&mut proof, hash.as_bytes());
        }
        let mut out = Vec::with_capacity(proof.len() + self.protected.len() + 96);
        cbor::write_tag(&mut out, SIGN1_TAG);
        cbor::write_array(&mut out, 4);
        cbor::write_bytes(&mut out, &self.protected);
        cbor::write_map(&mut out, 1);
        cbor::write_integer(&mut out, PROOFS);
        cbor::write_map(&mut out, 1);
        cbor::write_integer(&mut out, INCLUSION);
        cbor::write_array(&mut out, 1);
        cbor::write_bytes(&mut out, &proof);
        cbor::write_nil(&mut out);
        cbor::write_bytes(&mut out, &self.signature);
        out
    }

    /// Verifies that the entry, its exact bytes, stands in the tree whose root this key signed, and
    /// returns the root. A record's entry is [`crate::entry::record_entry`].
    ///
    /// # Errors
    ///
    /// It is not proven: another key, another entry, or a changed receipt.
    pub fn verify(&self, entry: &[u8], key: &CoseKey) -> Result<Hash, CoseError> {
        let thumbprint = key.thumbprint();
        // Other issuers may call their keys what they like.
        if self.header.tree_size.is_some() && self.header.key_id != thumbprint.as_bytes() {
            return Err(CoseError::OtherKey {
                expected: thumbprint,
                found: hex_encode(&self.header.key_id),
            });
        }
        let root = self.root(merkle::leaf_hash(entry))?;
        key.verify(&to_be_signed(&self.protected, &root), &self.signature)?;
        Ok(root)
    }

    /// The root to which the path leads from a leaf hash; no signature is looked at.
    ///
    /// # Errors
    ///
    /// The path does not fit index and size.
    pub fn root(&self, leaf: Hash) -> Result<Hash, CoseError> {
        Ok(merkle::inclusion::root_from_path(
            leaf, self.index, self.size, &self.path,
        )?)
    }

    /// Whether it is about this entry, given as its leaf hash, in the tree of this checkpoint. No
    /// signature is looked at.
    #[must_use]
    pub fn is_of(&self, leaf: Hash, index: LogIndex, checkpoint: &Checkpoint) -> bool {
        self.index == index
            && self.size == checkpoint.size
            && self.header.issuer == checkpoint.origin.as_str()
            && self.root(leaf).is_ok_and(|root| root == checkpoint.root)
    }

    /// What the protected header says.
    #[must_use]
    pub const fn header(&self) -> &ProtectedHeader {
        &self.header
    }

    /// The protected header's bytes, as they are signed.
    #[must_use]
    pub fn protected_bytes(&self) -> &[u8] {
        &self.protected
    }

    /// The size of the tree, as the proof says it.
    #[must_use]
    pub const fn size(&self) -> LogSize {
        self.size
    }

    /// The entry's index.
    #[must_use]
    pub const fn index(&self) -> LogIndex {
        self.index
    }

    fn check_path_length(&self) -> Result<(), CoseError> {
        if self.path.is_empty() || self.path.len() > PROOF_HASHES_MAX {
            return Err(CoseError::PathLength(self.path.len()));
        }
        Ok(())
    }

    /// The proof is not covered by the signature, so its size must be the one that is.
    fn check_signed_size(&self) -> Result<(), CoseError> {
        match self.header.tree_size {
            Some(signed) if signed != self.size => Err(CoseError::TreeSize {
                signed: signed.get(),
                proof: self.size.get(),
            }),
            _ => Ok(()),
        }
    }

    fn check_ours(&self) -> Result<Origin, CoseError> {
        self.check_signed_size()?;
        let (origin, _) = self.header.check_ours(&self.protected)?;
        Ok(origin)
    }
}

/// Size, index and path.
fn read_proof(bytes: &[u8]) -> Result<(LogSize, LogIndex, Vec<Hash>), CoseError> {
    let mut reader = Reader::new("proof", bytes);
    reader.array_of(3, "a list of tree size, leaf index and path")?;
    let size = LogSize::new(reader.unsigned("a tree size")?)?;
    let index = LogIndex::new(reader.unsigned("a leaf index")?)?;
    let count = reader.array("a path")?;
    let mut path = Vec::new();
    for _ in 0..count {
        if path.len() == PROOF_HASHES_MAX {
            return Err(CoseError::PathLength(PROOF_HASHES_MAX + 1));
        }
        let hash = reader.bytes("a hash")?;
        let hash = Hash::from_slice(hash);
        path.push(hash.map_err(|_| reader.error(CborProblem::Expected("a hash of 32 bytes")))?);
    }
    reader.end()?;
    Ok((size, index, path))
}
