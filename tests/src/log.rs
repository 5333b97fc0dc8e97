//! The public log as a stranger checks it: signatures, proofs, and the whole tree out of tiles.

use std::collections::HashMap;
use std::net::SocketAddr;

use tonic::Status;
use trialseal_core::checkpoint::Checkpoint;
use trialseal_core::hash::Hash;
use trialseal_core::index::{LogIndex, LogSize};
use trialseal_core::merkle::consistency::verify_consistency;
use trialseal_core::merkle::inclusion::verify_inclusion;
use trialseal_core::merkle::nodes::{self, NodeSource};
use trialseal_core::merkle::{compact_range::CompactRange, leaf_hash};
use trialseal_core::note::{SignedNote, VerifierKey};
use trialseal_core::tile::{TilePath, TileWidth, full_tiles, parse_entries, partial_width};
use trialseal_proto::v1;

use crate::caller::Stubs;
use crate::http;
use crate::notary::{Folder, ORIGIN};

/// The log's keys, as a verifier has them.
pub struct LogKeys(Vec<VerifierKey>);

impl LogKeys {
    /// Those of a notary's folder.
    #[must_use]
    pub fn of(folder: &Folder) -> Self {
        let text = std::fs::read_to_string(folder.log_pub()).unwrap();
        Self(
            text.lines()
                .map(|line| VerifierKey::parse(line).unwrap())
                .collect(),
        )
    }

    /// Reads a checkpoint that both keys must have signed.
    ///
    /// # Panics
    /// If they have not.
    #[must_use]
    pub fn checkpoint(&self, note: &str) -> Checkpoint {
        let signed = SignedNote::parse(note).expect("a signed note");
        let lines = signed
            .verify(&self.0)
            .expect("every line by a known key verifies");
        assert_eq!(lines.len(), 2, "both lines are there: {note}");
        let checkpoint = Checkpoint::parse(signed.text()).expect("a checkpoint");
        assert_eq!(checkpoint.origin.as_str(), ORIGIN);
        checkpoint
    }
}

/// The newest checkpoint that the notary tells callers.
///
/// # Panics
/// If it does not tell, or it does not verify.
pub async fn newest(stubs: &Stubs, keys: &LogKeys) -> Checkpoint {
    let answer = stubs
        .log()
        .get_checkpoint(v1::GetCheckpointRequest {})
        .await
        .expect("a checkpoint");
    keys.checkpoint(&answer.into_inner().checkpoint)
}

/// Checks that `old` is a prefix of `new`, by the notary's own proof.
///
/// # Panics
/// If it is not.
pub async fn check_consistent(stubs: &Stubs, old: &Checkpoint, new: &Checkpoint) {
    assert!(
        old.size <= new.size,
        "the log went back from {} to {}",
        old.size,
        new.size
    );
    let request = v1::GetConsistencyProofRequest {
        old_size: old.size.get(),
        new_size: new.size.get(),
    };
    let answer = stubs
        .log()
        .get_consistency_proof(request)
        .await
        .expect("a proof")
        .into_inner();
    let proof = hashes(&answer.hashes);
    verify_consistency(old.size, &old.root, new.size, &new.root, &proof)
        .unwrap_or_else(|error| panic!("sizes {} and {}: {error}", old.size, new.size));
}

/// Checks that the entry with this leaf is at `index` below `checkpoint`, by the notary's own proof.
///
/// # Errors
/// The notary's status.
///
/// # Panics
/// If it is not.
pub async fn check_included(
    stubs: &Stubs,
    leaf: &Hash,
    index: LogIndex,
    checkpoint: &Checkpoint,
) -> Result<(), Status> {
    let request = v1::GetInclusionProofRequest {
        index: index.get(),
        size: checkpoint.size.get(),
    };
    let answer = stubs.log().get_inclusion_proof(request).await?.into_inner();
    assert_eq!(
        answer.leaf_hash,
        leaf.as_bytes().as_slice(),
        "the leaf at index {index}"
    );
    verify_inclusion(
        *leaf,
        index,
        checkpoint.size,
        &hashes(&answer.hashes),
        &checkpoint.root,
    )
    .unwrap_or_else(|error| panic!("entry {index} below {}: {error}", checkpoint.size));
    Ok(())
}

fn hashes(wire: &[bytes::Bytes]) -> Vec<Hash> {
    wire.iter().map(|hash| Hash::from_slice(hash).unwrap()).collect()
}

/// The whole log of a checkpoint, fetched over HTTP and checked against its root twice: from the
/// entries, and from the hash tiles of every level.
pub struct WholeLog {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Every entry.
    pub entries: Vec<Vec<u8>>,
}

impl WholeLog {
    /// Fetches it.
    ///
    /// # Panics
    /// If a file is missing, or the roots differ.
    #[must_use]
    pub fn fetch(address: SocketAddr, keys: &LogKeys) -> Self {
        let checkpoint = keys.checkpoint(http::get(address, &below_origin(&TilePath::Checkpoint)).text());
        let size = checkpoint.size;
        let mut entries = Vec::new();
        for (index, width) in tiles(0, size) {
            let bundle = file(address, &TilePath::Entries { index, width });
            let found = parse_entries(&bundle).expect("an entry bundle");
            assert_eq!(found.len(), usize::from(width.get()));
            entries.extend(found.into_iter().map(<[u8]>::to_vec));
        }
        let mut range = CompactRange::new();
        for entry in &entries {
            range.append(leaf_hash(entry)).unwrap();
        }
        assert_eq!(range.size(), size);
        assert_eq!(
            range.root(),
            checkpoint.root,
            "the root over the entries of size {size}"
        );
        let from_tiles = nodes::root(size, &Tiles::fetch(address, size)).unwrap();
        assert_eq!(
            from_tiles, checkpoint.root,
            "the root over the tiles of size {size}"
        );
        Self { checkpoint, entries }
    }
}

/// Hash tiles of every level.
struct Tiles(HashMap<(u8, u64), Vec<Hash>>);

impl Tiles {
    fn fetch(address: SocketAddr, size: LogSize) -> Self {
        let mut found = HashMap::new();
        for level in 0..8 {
            for (index, width) in tiles(level, size) {
                let bytes = file(address, &TilePath::Hashes { level, index, width });
                assert_eq!(bytes.len(), 32 * usize::from(width.get()));
                let hashes = bytes
                    .chunks(32)
                    .map(|hash| Hash::from_slice(hash).unwrap())
                    .collect();
                found.insert((level, index), hashes);
            }
        }
        Self(found)
    }
}

impl NodeSource for Tiles {
    type Error = String;

    fn node(&self, level: u8, index: u64) -> Result<Hash, String> {
        if level.is_multiple_of(8) {
            let tile = self.0.get(&(level / 8, index / 256));
            let hash = tile.and_then(|tile| tile.get(usize::try_from(index % 256).unwrap()));
            if let Some(hash) = hash {
                return Ok(*hash);
            }
        }
        // Between the levels that tiles store, or above the last tile.
        let below = level.checked_sub(1).ok_or_else(|| format!("no leaf {index}"))?;
        Ok(trialseal_core::merkle::node_hash(
            &self.node(below, 2 * index)?,
            &self.node(below, 2 * index + 1)?,
        ))
    }
}

/// The tiles that a log of this size has at a tile level, the growing one last.
fn tiles(level: u8, size: LogSize) -> Vec<(u64, TileWidth)> {
    let full = full_tiles(level, size);
    let mut all: Vec<_> = (0..full).map(|index| (index, TileWidth::FULL)).collect();
    all.extend(partial_width(level, size).map(|width| (full, width)));
    all
}

/// The path of a file of the log below the origin.
#[must_use]
pub fn below_origin(path: &TilePath) -> String {
    let (_, prefix) = ORIGIN.split_once('/').unwrap();
    format!("/{prefix}/{path}")
}

fn file(address: SocketAddr, path: &TilePath) -> Vec<u8> {
    let answer = http::get(address, &below_origin(path));
    assert_eq!(answer.status, 200, "{path}");
    answer.body
}
