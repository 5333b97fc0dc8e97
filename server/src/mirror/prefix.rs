//! Whether one tree is a prefix of another, out of the hash tiles that a log serves. The tiles are not trusted:
//! they only make a proof, which is verified against the root that the log signed.

use std::sync::Arc;

use trialseal_core::{
    checkpoint::Checkpoint,
    hash::Hash,
    index::LogSize,
    merkle::{consistency::verify_consistency, nodes},
    tile::{HeldTiles, MissingTile},
};

use super::{
    alarm::PrefixProof,
    upstream::{FetchError, Upstream},
};

/// More tiles are never needed for two paths in a tree of seven tile levels.
const TILES_MAX: usize = 64;

/// The signed tree that is being caught up with.
#[derive(Debug)]
pub(super) struct RemoteTree {
    upstream: Arc<Upstream>,
    size: LogSize,
    root: Hash,
    held: HeldTiles,
}

/// What the signed tree has as its prefix of some size.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    /// The root in question.
    Same,
    /// Another root: proven.
    Other(PrefixProof),
    /// The tiles that are served do not lead to the signed root.
    Unproven,
}

impl RemoteTree {
    pub(super) fn new(upstream: Arc<Upstream>, target: &Checkpoint) -> Self {
        Self {
            upstream,
            size: target.size,
            root: target.root,
            held: HeldTiles::new(target.size),
        }
    }

    /// Forgets the tiles, one of which may be damaged.
    pub(super) fn forget(&mut self) {
        self.held = HeldTiles::new(self.size);
    }

    /// Whether the tree with this root is proven to be a prefix.
    pub(super) async fn has_prefix(&mut self, size: LogSize, root: &Hash) -> Result<bool, FetchError> {
        let whole = self.size;
        let path = self
            .compute(|held| nodes::consistency_path(size, whole, held))
            .await?;
        Ok(verify_consistency(size, root, whole, &self.root, &path).is_ok())
    }

    /// What root the signed tree has at `size`, compared with `root`.
    pub(super) async fn prefix(&mut self, size: LogSize, root: &Hash) -> Result<Prefix, FetchError> {
        let whole = self.size;
        let found = self
            .compute(|held| {
                Ok((
                    nodes::root(size, held)?,
                    nodes::consistency_path(size, whole, held)?,
                ))
            })
            .await?;
        let (theirs, path) = found;
        Ok(
            match verify_consistency(size, &theirs, whole, &self.root, &path) {
                Err(_) => Prefix::Unproven,
                Ok(()) if theirs == *root => Prefix::Same,
                Ok(()) => Prefix::Other(PrefixProof {
                    size,
                    root: theirs,
                    path,
                }),
            },
        )
    }

    /// Computes something out of tiles, and fetches those that are missing.
    async fn compute<T>(
        &mut self,
        compute: impl Fn(&HeldTiles) -> Result<T, MissingTile>,
    ) -> Result<T, FetchError> {
        let mut fetched = 0;
        loop {
            let MissingTile(path) = match compute(&self.held) {
                Ok(computed) => return Ok(computed),
                Err(missing) => missing,
            };
            if fetched == TILES_MAX {
                return Err(FetchError::TooManyTiles);
            }
            fetched += 1;
            let bytes = self.upstream.hash_tile(path).await?;
            self.held.insert(path, &bytes)?;
        }
    }
}
