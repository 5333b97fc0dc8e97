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
