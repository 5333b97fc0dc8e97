//! The log as its operator serves it over HTTP. Nothing that comes from here is believed.

use std::{ops::Range, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use tokio::sync::Semaphore;
use trialseal_core::{
    note::NOTE_BYTES_MAX,
    tile::{HASH_TILE_BYTES, TileError, TileLengthError, TilePath, TileWidth, parse_entries},
};

use crate::{
    layout::TILE,
    outbound::{Outbound, OutboundError, Url, UrlError},
    view::ENTRIES_BYTES_MAX,
};

/// A bundle of records has 9 kB; many of this size may be in memory at once.
const BUNDLE_BYTES_USUAL: usize = 128 << 10;
/// Larger bundles are fetched one at a time.
const BUNDLE_BYTES_MAX: usize = ENTRIES_BYTES_MAX as usize;
/// Entries that are fetched together have at most so many bytes; 65,536 records have 2 MB.
const ROUND_BYTES_MAX: usize = 128 << 20;

/// A file of the log cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer, or too much of one.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// Another status than 200.
    #[error("{url} answered with status {status}")]
    Status {
        /// What was asked for.
        url: Url,
        /// The status.
        status: StatusCode,
    },
    /// The path cannot be joined to the log's URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A hash tile of the wrong length.
    #[error(transparent)]
    Tile(#[from] TileLengthError),
    /// Not an entry bundle.
    #[error("{path}: {error}")]
    Bundle {
        /// What was asked for.
        path: TilePath,
        /// What is wrong.
        error: TileError,
    },
    /// An entry bundle with another number of entries.
    #[error("{path} holds {found} entries")]
    Entries {
        /// What was asked for.
        path: TilePath,
        /// Entries in it.
        found: usize,
    },
    /// More than is kept in memory at once.
    #[error("entries {} to {} have more than 128 MiB: they are no records", .0.start, .0.end.saturating_sub(1))]
    TooMuch(Range<u64>),
    /// The checkpoint is not text.
    #[error("the checkpoint is not UTF-8")]
    Text,
    /// A proof would take more tiles than any does.
    #[error("the log's hash tiles do not make a tree")]
    TooManyTiles,
    /// The request was given up, since this process ends.
    #[error("the mirror stops")]
    Stopping,
}

/// A log's URL, and how it is asked.
#[derive(Debug)]
pub(super) struct Upstream {
    outbound: Outbound,
    url: Url,
    /// Requests at once.
    parallel: usize,
    timeout: Duration,
    large: Semaphore,
}

/// Entries of neighbouring bundles, as they came.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// Index of the first entry in the first bundle.
    pub(super) first: u64,
    pub(super) bundles: Vec<Bytes>,
}

impl Upstream {
    pub(super) fn new(outbound: Outbound, url: Url, parallel: usize, timeout: Duration) -> Self {
        Self {
            outbound,
            url,
            parallel,
            timeout,
            large: Semaphore::new(1),
        }
    }

    /// The newest checkpoint.
    pub(super) async fn checkpoint(&self) -> Result<String, FetchError> {
        let body = self.get(&TilePath::Checkpoint, NOTE_BYTES_MAX).await?;
        String::from_utf8(body.into()).map_err(|_| FetchError::Text)
    }

    /// A hash tile. A log may have dropped a partial tile that has since filled: its first part is cut from
    /// the full one.
    pub(super) async fn hash_tile(&self, path: TilePath) -> Result<Bytes, FetchError> {
        let TilePath::Hashes { level, index, width } = path else {
            return self.get(&path, HASH_TILE_BYTES).await;
        };
        let bytes = match self.get(&path, HASH_TILE_BYTES).await {
            Err(FetchError::Status { status, .. }) if is_gone(status) && !width.is_full() => {
                let width = TileWidth::FULL;
                let full = TilePath::Hashes { level, index, width };
                self.get(&full, HASH_TILE_BYTES).await?
            }
            answered => return answered,
        };
        Ok(bytes.slice(..bytes.len().min(usize::from(width.get()) * 32)))
    }

    /// The bundles with these entries, each with exactly as many as it has to have, or more where a partial
    /// bundle is not there any more.
    pub(super) async fn entries(&self, range: Range<u64>) -> Result<Fetched, FetchError> {
        if range.is_empty() {
            return Ok(Fetched::default());
        }
        let (first, end) = (range.start / TILE, range.end);
        let mut fetched = stream::iter(first..end.div_ceil(TILE))
            .map(|index| {
                let entries = (end - index * TILE).min(TILE);
                let width = u16::try_from(entries).ok().and_then(TileWidth::new);
                self.bundle(index, width.unwrap_or(TileWidth::FULL))
            })
            .buffered(self.parallel);
        let (mut bundles, mut bytes) = (Vec::new(), 0);
        while let Some(bundle) = fetched.try_next().await? {
            bytes += bundle.len();
            if bytes > ROUND_BYTES_MAX {
                return Err(FetchError::TooMuch(range));
            }
            bundles.push(bundle);
        }
        Ok(Fetched {
            first: first * TILE,
            bundles,
        })
    }

    async fn bundle(&self, index: u64, width: TileWidth) -> Result<Bytes, FetchError> {
        let path = TilePath::Entries { index, width };
        let (path, width, bundle) = match self.sized_bundle(&path).await {
            Err(FetchError::Status { status, .. }) if is_gone(status) && !width.is_full() => {
                let width = TileWidth::FULL;
                let path = TilePath::Entries { index, width };
                (path, width, self.sized_bundle(&path).await?)
            }
            answered => (path, width, answered?),
        };
        let entries = parse_entries(&bundle).map_err(|error| FetchError::Bundle { path, error })?;
        let found = entries.len();
        if found != usize::from(width.get()) {
            return Err(FetchError::Entries { path, found });
        }
        Ok(bundle)
    }

    async fn sized_bundle(&self, path: &TilePath) -> Result<Bytes, FetchError> {
        match self.get(path, BUNDLE_BYTES_USUAL).await {
            Err(FetchError::Outbound(OutboundError::TooLarge { .. })) => {
                let _alone = self.large.acquire().await.map_err(|_| FetchError::Stopping)?;
                self.get(path, BUNDLE_BYTES_MAX).await
            }
            answered => answered,
        }
    }

    async fn get(&self, path: &TilePath, bytes_max: usize) -> Result<Bytes, FetchError> {
        let url = self.url.join(&path.to_string())?;
        let answer = self.outbound.get(&url, bytes_max, self.timeout).await?;
        match answer.status {
            StatusCode::OK => Ok(answer.body),
            status => Err(FetchError::Status { url, status }),
        }
    }
}

fn is_gone(status: StatusCode) -> bool {
    status == StatusCode::NOT_FOUND || status == StatusCode::GONE
}
