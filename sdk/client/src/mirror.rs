//! Fresh evidence from a mirror of the log, when the notary is gone or not asked.
//!
//! A mirror, or any server of the log's C2SP tiles, is not trusted. It yields a checkpoint, whose signatures are
//! verified with the keys of the trust file, and hash tiles, out of which the proof of the receipt's own entry is
//! made and verified. No token is needed: tiles are public, and the mirror learns no more than which tiles were
//! asked for.

mod http;

use trialseal_core::checkpoint::{SignedCheckpoint, SignedCheckpointError};
use trialseal_core::entry::record_leaf_hash;
use trialseal_core::index::{LogIndex, LogSize};
use trialseal_core::json::{self, Value};
use trialseal_core::merkle::inclusion::verify_inclusion;
use trialseal_core::merkle::{ProofError, nodes};
use trialseal_core::note::{NOTE_BYTES_MAX, NoteError, SignedNote};
use trialseal_core::receipt::{Evidence, Receipt, ReceiptError};
use trialseal_core::tile::{HASH_TILE_BYTES, HeldTiles, MissingTile, TileLengthError, TilePath, TileWidth};
use trialseal_core::tlog_proof::format_tlog_proof;
use trialseal_core::trust::{Trust, TrustedLog};

use crate::error::SetupError;
use http::Http;
pub use http::HttpError;

/// The checkpoint with the newest cosignatures of a quorum, as this project's mirrors serve it beside the newest.
const WITNESSED: &str = "checkpoint/witnessed";
/// Tiles of one proof; there are never more in a tree of seven tile levels.
const TILES_OF_A_PROOF_MAX: usize = 32;
/// Tiles that are kept for the proofs of further receipts: 8 MiB.
const TILES_HELD_MAX: usize = 1_024;

/// How to reach a mirror.
#[derive(Clone, Debug, Default)]
pub struct MirrorOptions {
    /// The certificate authority to trust instead of the system's, PEM.
    pub ca_certificate_pem: Option<Vec<u8>>,
    /// Allows `http://` to other machines. What is read is public and verified; but who listens on the way sees
    /// which record is asked for.
    pub allow_unencrypted: bool,
}

/// Why a receipt gets no evidence from a mirror.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The URL or TLS cannot be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The mirror does not answer, or not with such a file.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// What is served as the checkpoint is no note.
    #[error("the mirror's checkpoint: {0}")]
    Note(#[from] NoteError),
    /// The checkpoint is not signed by the log.
    #[error("the mirror's checkpoint: {0}")]
    Checkpoint(#[from] SignedCheckpointError),
    /// The trust file does not name the log.
    #[error("the trust file names no log {0}")]
    UnknownLog(String),
    /// The mirror serves another log than the receipt's.
    #[error("the mirror serves the log {served}, and the receipt is of {receipt}")]
    OtherLog {
        /// The log of the receipt.
        receipt: String,
        /// The mirror's.
        served: String,
    },
    /// The receipt does not say which entry it is of.
    #[error("the receipt's part `when` names no log and index: {0}")]
    Receipt(&'static str),
    /// The mirror is not as far as the record.
    #[error("the mirror has {size} entries, and the record is entry {index}: it is behind")]
    Behind {
        /// The record's index.
        index: LogIndex,
        /// The mirror's size.
        size: LogSize,
    },
    /// A tile of the wrong length.
    #[error(transparent)]
    Tile(#[from] TileLengthError),
    /// The tiles do not lead from the record to the checkpoint's root.
    #[error("the mirror's tiles do not lead from the record to the root that the log signed: {0}")]
    Proof(#[from] ProofError),
    /// The mirror's tiles lead nowhere.
    #[error("the mirror's tiles do not make a tree")]
    TooManyTiles,
    /// With the evidence the receipt would be none.
    #[error("the evidence does not fit: {0}")]
    TooLarge(#[from] ReceiptError),
}

/// A mirror as it is now: its checkpoints, verified. Tiles are kept, so that many receipts of one log cost few
/// requests.
#[derive(Debug)]
pub struct Mirror {
    http: Http,
    log: TrustedLog,
    /// The best first: witnessed, then newest.
    trees: Vec<Tree>,
}

#[derive(Debug)]
struct Tree {
    signed: SignedCheckpoint,
    held: HeldTiles,
}

/// The receipt with one more evidence element, from a mirror at `url`: the prefix of the log's tiles, such as
/// `https://mirror.example.org/2026`. See [`Mirror`] for more than one.
///
/// # Errors
///
/// As [`Mirror::connect`] and [`Mirror::refresh`].
pub async fn refresh(receipt: &Receipt, url: &str, trust: &Trust) -> Result<Receipt, MirrorError> {
    let mut mirror = Mirror::connect(url, trust, &MirrorOptions::default()).await?;
    mirror.refresh(receipt).await
}

impl Mirror {
    /// Reads and verifies the mirror's newest checkpoint; where `trust` names witnesses and their quorum has not
    /// cosigned it, also the newest that they have.
    ///
    /// # Errors
    ///
    /// The URL cannot be used, nobody answers, or what is served is not a log that `trust` names.
    pub async fn connect(url: &str, trust: &Trust, options: &MirrorOptions) -> Result<Self, MirrorError> {
        let http = Http::new(url, options)?;
        let text = http.get("checkpoint", NOTE_BYTES_MAX).await?;
        let newest = SignedNote::parse(&String::from_utf8_lossy(&text))?;
        let origin = newest.text().lines().next().unwrap_or_default();
        let log = trust
            .log(origin)
            .ok_or_else(|| MirrorError::UnknownLog(origin.to_owned()))?
            .clone();
        let quorum = trust.quorum();
        let newest = verified(newest, &log, trust)?;
        let mut trees = Vec::new();
        if !quorum.witnesses().is_empty() && !quorum.has_cosigned(&newest.note) {
            // Other servers of tiles do not have it.
            if let Ok(text) = http.get(WITNESSED, NOTE_BYTES_MAX).await {
                let note = SignedNote::parse(&String::from_utf8_lossy(&text))?;
                let witnessed = verified(note, &log, trust)?;
                trees.extend(quorum.has_cosigned(&witnessed.note).then(|| Tree::new(witnessed)));
            }
        }
        trees.push(Tree::new(newest));
        Ok(Self { http, log, trees })
    }

    /// The receipt with one more evidence element: against the newest checkpoint that the quorum cosigned, if
    /// that has the record, else against the newest. Evidence that is there already is not appended again.
    ///
    /// # Errors
    ///
    /// The record is of another log or not mirrored yet, or what the mirror serves does not prove it.
    pub async fn refresh(&mut self, receipt: &Receipt) -> Result<Receipt, MirrorError> {
        let (origin, index) = place(receipt)?;
        let served = self.log.origin.as_str();
        if origin != served {
            return Err(MirrorError::OtherLog {
                receipt: origin,
                served: served.to_owned(),
            });
        }
        let size = self.trees.last().map_or(LogSize::EMPTY, |tree| tree.held.size());
        let tree = self
            .trees
            .iter_mut()
            .find(|tree| tree.held.size().contains(index));
        let tree = tree.ok_or(MirrorError::Behind { index, size })?;
        let leaf = record_leaf_hash(&receipt.record().leaves().root());
        let path = tree.inclusion_path(&self.http, index).await?;
        let checkpoint = &tree.signed.checkpoint;
        if let Err(error) = verify_inclusion(leaf, index, checkpoint.size, &path, &checkpoint.root) {
            // A tile may be damaged: the next receipt shall not meet it again.
            tree.forget();
            return Err(error.into());
        }
        let note = tree.signed.note.to_string();
        let mut fresh = receipt.clone();
        fresh.append_evidence(Evidence::new(format_tlog_proof(index, &path, &note)));
        Receipt::parse(fresh.to_json_pretty().as_bytes())?;
        Ok(fresh)
    }
}

/// Both keys of the log signed it, and no line by a witness of the trust file is bad: one such line would spoil
/// the receipt.
fn verified(note: SignedNote, log: &TrustedLog, trust: &Trust) -> Result<SignedCheckpoint, MirrorError> {
    let witnesses = trust.quorum().witnesses().iter();
    note.verify(witnesses.flat_map(|witness| &witness.vkeys))?;
    Ok(SignedCheckpoint::verify(note, log)?)
}

/// The log and the index of a receipt's record.
fn place(receipt: &Receipt) -> Result<(String, LogIndex), MirrorError> {
    let when =
        json::parse(receipt.record().when.text.as_bytes()).map_err(|_| MirrorError::Receipt("not JSON"))?;
    let log = when.get("log").and_then(Value::as_str);
    let index = when.get("index").and_then(Value::as_unsigned);
    let index = index.and_then(|index| LogIndex::new(index).ok());
    Ok((
        log.ok_or(MirrorError::Receipt("log"))?.to_owned(),
        index.ok_or(MirrorError::Receipt("index"))?,
    ))
}

impl Tree {
    fn new(signed: SignedCheckpoint) -> Self {
        let held = HeldTiles::new(signed.checkpoint.size);
        Self { signed, held }
    }

    fn forget(&mut self) {
        self.held = HeldTiles::new(self.signed.checkpoint.size);
    }

    /// Asks until no tile is missing.
    async fn inclusion_path(
        &mut self,
        http: &Http,
        index: LogIndex,
    ) -> Result<Vec<trialseal_core::hash::Hash>, MirrorError> {
        if self.held.len() >= TILES_HELD_MAX {
            self.forget();
        }
        let size = self.held.size();
        for _ in 0..TILES_OF_A_PROOF_MAX {
            let MissingTile(path) = match nodes::inclusion_path(index, size, &self.held) {
                Ok(found) => return Ok(found),
                Err(missing) => missing,
            };
            let bytes = tile(http, path).await?;
            self.held.insert(path, &bytes)?;
        }
        Err(MirrorError::TooManyTiles)
    }
}

/// A hash tile. A partial one that has since filled may be gone: its first part is cut from the full one.
async fn tile(http: &Http, path: TilePath) -> Result<Vec<u8>, MirrorError> {
    let TilePath::Hashes { level, index, width } = path else {
        return Err(MirrorError::TooManyTiles);
    };
    match http.get(&path.to_string(), HASH_TILE_BYTES).await {
        Err(HttpError::Status {
            status: 404 | 410, ..
        }) if !width.is_full() => {
            let full = TilePath::Hashes {
                level,
                index,
                width: TileWidth::FULL,
            };
            let mut bytes = http.get(&full.to_string(), HASH_TILE_BYTES).await?;
            bytes.truncate(usize::from(width.get()) * 32);
            Ok(bytes)
        }
        answered => Ok(answered?),
    }
}

#[cfg(test)]
mod tests;
