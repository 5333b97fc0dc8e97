//! Proof files (C2SP tlog-proof): one entry's place in a log, with the checkpoint that it leads to.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64>           optional, unauthenticated
//! index <n>
//! <base64 hash>            the leaf's sibling first
//!                          an empty line
//! <checkpoint note>
//! ```

use core::fmt;
use core::str::FromStr;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::encoding::{self, EncodingError};
use crate::hash::Hash;
use crate::index::{IndexError, LogIndex};
use crate::merkle::{self, PROOF_HASHES_MAX, ProofError};
use crate::note::{NOTE_BYTES_MAX, NoteError, SignedNote};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1\n";
/// What stands before the note, at most: `extra` may fill as much as a note.
const PROOF_BYTES_MAX: usize = 2 * NOTE_BYTES_MAX;

/// Why a proof is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Larger than any proof can be.
    #[error("a proof has at most 524288 bytes, this one has {0}")]
    TooLarge(usize),
    /// Another first line.
    #[error("the first line must be c2sp.org/tlog-proof@v1")]
    FirstLine,
    /// The text ends before the empty line.
    #[error("no empty line between the hashes and the checkpoint")]
    Truncated,
    /// The `extra` line is not base64.
    #[error("in the extra line: {0}")]
    Extra(EncodingError),
    /// No index line where it must stand.
    #[error("an index line is missing after the first line (and the extra line, where there is one)")]
    IndexLine,
    /// The index is not one.
    #[error("in the index line: {0}")]
    Index(#[from] IndexError),
    /// A line that is not a hash.
    #[error("hash {line}: {problem}")]
    Hash {
        /// The hash, counted from 1.
        line: usize,
        /// Why it is not one.
        problem: EncodingError,
    },
    /// More than 63 hashes.
    #[error("a proof has at most 63 hashes")]
    TooManyHashes,
    /// The checkpoint's note is refused.
    #[error("in the checkpoint: {0}")]
    Note(#[from] NoteError),
    /// The text of the note is no checkpoint.
    #[error("in the checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The hashes do not lead from the leaf to the checkpoint's root.
    #[error("{0}")]
    Path(#[from] ProofError),
}

/// An inclusion proof with its checkpoint. `Display` writes exactly the bytes that were parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Unauthenticated bytes that came along; never shown as fact.
    pub extra: Option<Vec<u8>>,
    /// The entry's index in the log.
    pub index: LogIndex,
    /// The audit path, the leaf's sibling first.
    pub path: Vec<Hash>,
    /// The checkpoint, with every signature line.
    pub checkpoint: SignedNote,
}

impl TlogProof {
    /// Reads a proof file. That it holds is for [`TlogProof::verify`] to say, and who signed the
    /// checkpoint for [`SignedNote::verify`].
    pub fn parse(proof: &str) -> Result<Self, TlogProofError> {
        if proof.len() > PROOF_BYTES_MAX {
            return Err(TlogProofError::TooLarge(proof.len()));
        }
        let rest = proof.strip_prefix(FIRST_LINE).ok_or(TlogProofError::FirstLine)?;
        let (mut line, mut rest) = next_line(rest)?;
        let mut extra = None;
        if let Some(text) = line.strip_prefix("extra ") {
            extra = Some(encoding::base64_decode(text).map_err(TlogProofError::Extra)?);
            (line, rest) = next_line(rest)?;
        }
        let index = line
            .strip_prefix("index ")
            .ok_or(TlogProofError::IndexLine)?
            .parse()?;
        let mut path = Vec::new();
        loop {
            (line, rest) = next_line(rest)?;
            if line.is_empty() {
                break;
            }
            if path.len() == PROOF_HASHES_MAX {
                return Err(TlogProofError::TooManyHashes);
            }
            let hash = Hash::from_base64(line);
            path.push(hash.map_err(|problem| TlogProofError::Hash {
                line: path.len() + 1,
                problem,
            })?);
        }
        Ok(Self {
            extra,
            index,
            path,
            checkpoint: SignedNote::parse(rest)?,
        })
    }

    /// Verifies that the path leads from `leaf` to the checkpoint's root, with no hash missing or left
    /// over, and returns the checkpoint. Its signatures are not looked at.
    pub fn verify(&self, leaf: Hash) -> Result<Checkpoint, TlogProofError> {
        let checkpoint = Checkpoint::parse(self.checkpoint.text())?;
        let (size, root) = (checkpoint.size, &checkpoint.root);
        merkle::inclusion::verify_inclusion(leaf, self.index, size, &self.path, root)?;
        Ok(checkpoint)
    }
}

fn next_line(text: &str) -> Result<(&str, &str), TlogProofError> {
    text.split_once('\n').ok_or(TlogProofError::Truncated)
}

/// Writes a proof without an `extra` line, with one allocation. `note` is the checkpoint's note, exact.
pub fn format_tlog_proof(index: LogIndex, path: &[Hash], note: &str) -> String {
    format_with(None, index, path, note)
}

fn format_with(extra: Option<&[u8]>, index: LogIndex, path: &[Hash], note: &str) -> String {
    // An index has at most 16 digits, a hash 44 characters and a newline.
    let fixed = FIRST_LINE.len() + 6 + 16 + 2;
    let extra_length = extra.map_or(0, |bytes| 7 + bytes.len().div_ceil(3) * 4);
    let mut text = String::with_capacity(fixed + extra_length + path.len() * 45 + note.len());
    text.push_str(FIRST_LINE);
    if let Some(bytes) = extra {
        text.push_str("extra ");
        encoding::base64_encode_into(&mut text, bytes);
        text.push('\n');
    }
    text.push_str("index ");
    encoding::write_decimal(&mut text, index.get());
    text.push('\n');
    for hash in path {
        encoding::base64_encode_into(&mut text, hash.as_bytes());
        text.push('\n');
    }
    text.push('\n');
    text.push_str(note);
    text
}

impl fmt::Display for TlogProof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let note = self.checkpoint.to_string();
        out.write_str(&format_with(self.extra.as_deref(), self.index, &self.path, &note))
    }
}

impl FromStr for TlogProof {
    type Err = TlogProofError;

    fn from_str(proof: &str) -> Result<Self, TlogProofError> {
        Self::parse(proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Origin;
    use crate::index::LogSize;
    use crate::merkle::{builder::Tree, leaf_hash};
    use crate::note::Ed25519SigningKey;

    fn tree() -> (Vec<Hash>, Tree) {
        let leaves: Vec<Hash> = (0..11_u8).map(|leaf| leaf_hash(&[leaf])).collect();
        let tree = Tree::new(&leaves);
        (leaves, tree)
    }

    fn note() -> String {
        let origin = Origin::new("notary.example/log1").unwrap();
        let key = Ed25519SigningKey::from_seed(origin.key_name().clone(), [7; 32]);
        let checkpoint = Checkpoint {
            origin,
            size: LogSize::new(11).unwrap(),
            root: tree().1.root(),
        };
        let text = checkpoint.text();
        let line = key.sign(&text);
        SignedNote::new(text, vec![line]).unwrap().to_string()
    }

    fn index(index: u64) -> LogIndex {
        LogIndex::new(index).unwrap()
    }

    fn proof(place: u64) -> String {
        format_tlog_proof(index(place), &tree().1.path(place as usize).unwrap(), &note())
    }

    #[test]
    fn every_leaf_goes_round_and_verifies() {
        let (leaves, tree) = tree();
        for (place, leaf) in leaves.iter().enumerate() {
            let text = proof(place as u64);
            let parsed = TlogProof::parse(&text).unwrap();
            assert_eq!(parsed.to_string(), text);
            assert_eq!((parsed.index.get(), &parsed.extra), (place as u64, &None));
            assert_eq!(Some(&parsed.path), tree.path(place).as_ref());
            assert_eq!(
                parsed.verify(*leaf).map(|checkpoint| checkpoint.root),
                Ok(tree.root())
            );
            let other = parsed.verify(leaves[(place + 1) % 11]);
            assert_eq!(other, Err(TlogProofError::Path(ProofError::RootDiffers)));
        }
    }

    #[test]
    fn the_text_is_that_of_the_specification() {
        let hash = leaf_hash(b"x");
        let expected = format!("c2sp.org/tlog-proof@v1\nindex 17\n{}\n\nNOTE", hash.to_base64());
        let text = format_tlog_proof(index(17), &[hash], "NOTE");
        assert_eq!(text, expected);
        assert_eq!(
            format_tlog_proof(index(0), &[], ""),
            "c2sp.org/tlog-proof@v1\nindex 0\n\n"
        );
    }

    #[test]
    fn formatting_allocates_once() {
        let text = format_tlog_proof(index(crate::index::INTEGER_MAX), &[leaf_hash(b""); 63], "NOTE");
        // The capacity was asked for up front and fits exactly; a second allocation would double it.
        assert!(
            text.capacity() < text.len() + 8,
            "{} of {}",
            text.len(),
            text.capacity()
        );
    }

    #[test]
    fn an_extra_line_stands_second_only() {
        let with_extra = proof(3).replace("@v1\n", "@v1\nextra AQID\n");
        let parsed = TlogProof::parse(&with_extra).unwrap();
        assert_eq!(parsed.extra.as_deref(), Some(&[1, 2, 3][..]));
        assert_eq!(parsed.to_string(), with_extra);
        let late = proof(3).replace("index 3\n", "index 3\nextra AQID\n");
        assert!(matches!(
            TlogProof::parse(&late),
            Err(TlogProofError::Hash { line: 1, .. })
        ));
        let twice = with_extra.replace("extra AQID\n", "extra AQID\nextra AQID\n");
        assert_eq!(TlogProof::parse(&twice), Err(TlogProofError::IndexLine));
        let wrong = proof(3).replace("@v1\n", "@v1\nextra AQJ=\n");
        assert!(matches!(TlogProof::parse(&wrong), Err(TlogProofError::Extra(_))));
    }

    #[test]
    fn what_is_refused() {
        let text = proof(3);
        let replaced = |from: &str, to: &str| TlogProof::parse(&text.replacen(from, to, 1)).unwrap_err();
        assert_eq!(replaced("@v1", "@v2"), TlogProofError::FirstLine);
        assert_eq!(replaced("@v1\n", "@v1\r\n"), TlogProofError::FirstLine);
        assert_eq!(replaced("index 3\n", ""), TlogProofError::IndexLine);
        assert_eq!(replaced("index 3", "Index 3"), TlogProofError::IndexLine);
        assert_eq!(
            replaced("index 3", "index 03"),
            TlogProofError::Index(IndexError::NotDecimal)
        );
        assert_eq!(
            replaced("index 3", "index  3"),
            TlogProofError::Index(IndexError::NotDecimal)
        );
        let too_large = replaced("index 3", "index 9007199254740992");
        assert_eq!(too_large, TlogProofError::Index(IndexError::TooLarge(1 << 53)));
        assert!(matches!(
            replaced("=\n\nnotary", "=\nnotary"),
            TlogProofError::Hash { line: 5, .. }
        ));
        assert_eq!(
            TlogProof::parse("c2sp.org/tlog-proof@v1\nindex 3\n"),
            Err(TlogProofError::Truncated)
        );
        // A second empty line belongs to the note, whose text is then no checkpoint.
        let parsed = TlogProof::parse(&text.replacen("\n\nnotary", "\n\n\nnotary", 1)).unwrap();
        let refused = parsed.verify(tree().0[3]);
        assert_eq!(refused, Err(TlogProofError::Checkpoint(CheckpointError::Lines)));
        let hash = leaf_hash(b"").to_base64();
        let many = |count: usize| {
            format!(
                "c2sp.org/tlog-proof@v1\nindex 3\n{}\n{}",
                format!("{hash}\n").repeat(count),
                note()
            )
        };
        assert!(TlogProof::parse(&many(63)).is_ok());
        assert_eq!(TlogProof::parse(&many(64)), Err(TlogProofError::TooManyHashes));
        let large = format!("c2sp.org/tlog-proof@v1\nextra {}", "A".repeat(PROOF_BYTES_MAX));
        assert!(matches!(
            TlogProof::parse(&large),
            Err(TlogProofError::TooLarge(_))
        ));
    }
}
