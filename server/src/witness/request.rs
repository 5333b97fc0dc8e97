//! The body of `add-checkpoint`: what a log sends to a witness.

use trialseal_core::checkpoint::{Checkpoint, CheckpointError};
use trialseal_core::encoding::EncodingError;
use trialseal_core::hash::Hash;
use trialseal_core::index::{IndexError, LogSize};
use trialseal_core::note::{NoteError, SignedNote};

/// The largest body that is read, in bytes: a proof, and a checkpoint with dozens of signature lines.
pub const BODY_BYTES_MAX: usize = 128 << 10;
/// The most hashes of a consistency proof.
pub const PROOF_HASHES_MAX: usize = 63;

/// A checkpoint that a log asks to be cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the proof starts from: of the checkpoint that this witness cosigned last.
    pub old: LogSize,
    /// The consistency proof (RFC 6962, section 2.1.2).
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub note: SignedNote,
    /// What the note's text says.
    pub checkpoint: Checkpoint,
}

/// Why a body is refused without a look at the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not UTF-8.
    #[error("the body is not UTF-8")]
    NotText,
    /// There is no empty line behind the proof.
    #[error("the body reads 'old <size>', a proof of one base64 hash a line, an empty line, the checkpoint")]
    Form,
    /// The old size is not one.
    #[error("old size: {0}")]
    Old(#[from] IndexError),
    /// A line of the proof is no hash.
    #[error("proof line {line}: {problem}")]
    Hash {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: EncodingError,
    },
    /// More than 63 hashes.
    #[error("a proof has at most 63 hashes")]
    TooManyHashes,
    /// The checkpoint is no signed note.
    #[error("checkpoint: {0}")]
    Note(#[from] NoteError),
    /// The note's text is no checkpoint of three lines.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A proof leads from a smaller tree to a larger one.
    #[error("the old size is above the checkpoint's size")]
    OldAboveNew,
}

impl AddCheckpoint {
    /// Reads a body. Sizes and signatures are not compared with anything.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let body = str::from_utf8(body).map_err(|_| Malformed::NotText)?;
        let (head, note) = body.split_once("\n\n").ok_or(Malformed::Form)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.ok_or(Malformed::Form)?.parse()?;
        let mut proof = Vec::new();
        for (position, line) in lines.enumerate() {
            if position == PROOF_HASHES_MAX {
                return Err(Malformed::TooManyHashes);
            }
            let hash = Hash::from_base64(line).map_err(|problem| Malformed::Hash {
                line: position + 1,
                problem,
            })?;
            proof.push(hash);
        }
        let note = SignedNote::parse(note)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(Self {
            old,
            proof,
            note,
            checkpoint,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "log.example/1\n70000\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n\n\u{2014} log.example/1 AAAAAAEC\n";
    const HASH: &str = "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=";

    fn parse(body: &str) -> Result<AddCheckpoint, Malformed> {
        AddCheckpoint::parse(body.as_bytes())
    }

    #[test]
    fn a_body_is_read_to_its_last_byte() {
        let read = parse(&format!("old 20852014\n{HASH}\n{HASH}\n\n{NOTE}")).unwrap();
        assert_eq!((read.old.get(), read.proof.len()), (20_852_014, 2));
        assert_eq!(read.note.to_string(), NOTE);
        assert_eq!(read.checkpoint.size.get(), 70_000);
        let read = parse(&format!("old 0\n\n{NOTE}")).unwrap();
        assert_eq!((read.old.get(), read.proof.len()), (0, 0));
        let most = format!("{HASH}\n").repeat(PROOF_HASHES_MAX);
        assert!(parse(&format!("old 1\n{most}\n{NOTE}")).is_ok());
    }

    #[test]
    fn what_is_malformed_is_refused() {
        use Malformed::{Form, TooManyHashes};
        for body in [
            String::new(),
            "old 0\n".to_owned(),
            NOTE.to_owned(),
            format!("old 0\n{HASH}\n"),
            format!("Old 0\n\n{NOTE}"),
            format!("\n\n{NOTE}"),
        ] {
            assert_eq!(parse(&body), Err(Form), "{body:?}");
        }
        let many = format!("{HASH}\n").repeat(PROOF_HASHES_MAX + 1);
        assert_eq!(parse(&format!("old 1\n{many}\n{NOTE}")), Err(TooManyHashes));
        for size in [
            "",
            " 1",
            "01",
            "-1",
            "+1",
            "1 ",
            "9007199254740992",
            "99999999999999999999",
        ] {
            let refused = parse(&format!("old {size}\n\n{NOTE}"));
            assert!(matches!(refused, Err(Malformed::Old(_))), "{size:?}: {refused:?}");
        }
        for hash in [
            "AA==",
            "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7J=",
            &format!("{HASH}\r"),
            &format!(" {HASH}"),
        ] {
            let refused = parse(&format!("old 1\n{HASH}\n{hash}\n\n{NOTE}"));
            assert!(
                matches!(refused, Err(Malformed::Hash { line: 2, .. })),
                "{hash:?}: {refused:?}"
            );
        }
        let cut = parse(&format!("old 0\n\n{}", NOTE.trim_end()));
        assert!(matches!(cut, Err(Malformed::Note(_))));
        let extended = NOTE.replace("7I=\n", "7I=\nextension\n");
        let refused = parse(&format!("old 0\n\n{extended}"));
        assert!(matches!(refused, Err(Malformed::Checkpoint(_))));
        assert_eq!(AddCheckpoint::parse(b"old 0\n\n\xff"), Err(Malformed::NotText));
    }
}
