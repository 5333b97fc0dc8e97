//! Tiles (C2SP tlog-tiles): how a log is published as static files.
//!
//! A full tile holds 256 hashes of one level. An entry bundle holds the entries of a level 0 tile,
//! each with a big-endian 16-bit length before it.

use core::fmt;
use core::fmt::Write as _;
use core::num::NonZeroU16;
use core::str::FromStr;

use crate::index::{INTEGER_MAX, LogSize, parse_decimal};

mod held;

pub use held::{HASH_TILE_BYTES, HeldTiles, MissingTile, TileLengthError};

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// Levels of the tree that one tile spans: a tile's root is a leaf of the tile above.
pub const TILE_HEIGHT: u8 = 8;
/// The highest tile level that C2SP tlog-tiles names.
const LEVEL_MAX: u8 = 63;

/// Why a path, or the bytes of an entry bundle, are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not a path of C2SP tlog-tiles in its only spelling.
    #[error("not 'checkpoint', 'tile/<L>/<N>[.p/<W>]' or 'tile/entries/<N>[.p/<W>]'")]
    Path,
    /// An entry longer than 65,535 bytes.
    #[error("an entry has at most 65535 bytes, this one has {0}")]
    EntryTooLong(usize),
    /// The bundle ends inside an entry.
    #[error("byte {0}: the bundle ends inside an entry")]
    Truncated(usize),
    /// More entries than a full bundle has.
    #[error("a bundle has at most 256 entries")]
    TooManyEntries,
}

/// How many hashes or entries a tile holds: 1 to 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileWidth(NonZeroU16);

/// A file of the published log, below its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TilePath {
    /// `checkpoint`
    Checkpoint,
    /// `tile/<level>/<index>[.p/<width>]`
    Hashes {
        /// Level of the tile, 0 to 63; its hashes are nodes at eight times that level.
        level: u8,
        /// Number of the tile in its level, from the left.
        index: u64,
        /// Hashes in it.
        width: TileWidth,
    },
    /// `tile/entries/<index>[.p/<width>]`
    Entries {
        /// Number of the bundle, from the left.
        index: u64,
        /// Entries in it.
        width: TileWidth,
    },
}

impl TileWidth {
    /// 256: the tile never changes again.
    pub const FULL: Self = Self(match NonZeroU16::new(TILE_WIDTH) {
        Some(width) => width,
        None => NonZeroU16::MIN,
    });

    /// From 1 to 256.
    pub const fn new(width: u16) -> Option<Self> {
        match NonZeroU16::new(width) {
            Some(own) if width <= TILE_WIDTH => Some(Self(own)),
            _ => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// Whether the tile is full.
    pub const fn is_full(self) -> bool {
        self.get() == TILE_WIDTH
    }
}

/// Width of the growing tile at a tile level: `floor(size / 256^level) mod 256`. None where it would
/// be empty, since an empty tile is not served.
pub fn partial_width(level: u8, size: LogSize) -> Option<TileWidth> {
    let width = nodes_at(level, size) % u64::from(TILE_WIDTH);
    u16::try_from(width).ok().and_then(TileWidth::new)
}

/// Number of full tiles at a tile level.
pub fn full_tiles(level: u8, size: LogSize) -> u64 {
    nodes_at(level, size) / u64::from(TILE_WIDTH)
}

/// Number of hashes in all tiles of a tile level: `floor(size / 256^level)`.
fn nodes_at(level: u8, size: LogSize) -> u64 {
    let shift = u32::from(level) * u32::from(TILE_HEIGHT);
    size.get().checked_shr(shift).unwrap_or(0)
}

/// The bytes of an entry bundle: each entry with its length in two bytes before it.
pub fn encode_entries<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, TileError> {
    let mut bundle = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| TileError::EntryTooLong(entry.len()))?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Ok(bundle)
}

/// The entries in a bundle, of which there are at most 256.
pub fn parse_entries(bundle: &[u8]) -> Result<Vec<&[u8]>, TileError> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    while !rest.is_empty() {
        let truncated = TileError::Truncated(bundle.len() - rest.len());
        if entries.len() == usize::from(TILE_WIDTH) {
            return Err(TileError::TooManyEntries);
        }
        let (length, after) = rest.split_first_chunk::<2>().ok_or(truncated)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(truncated)?;
        entries.push(entry);
        rest = after;
    }
    Ok(entries)
}

impl TilePath {
    /// Reads a path below the origin, without a slash before it.
    pub fn parse(path: &str) -> Result<Self, TileError> {
        if path == "checkpoint" {
            return Ok(Self::Checkpoint);
        }
        let rest = path.strip_prefix("tile/").ok_or(TileError::Path)?;
        let (level, rest) = rest.split_once('/').ok_or(TileError::Path)?;
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, parse_width(width)?),
            None => (rest, TileWidth::FULL),
        };
        let index = parse_number(number)?;
        if level == "entries" {
            return Ok(Self::Entries { index, width });
        }
        let level = parse_decimal(level)
            .ok()
            .and_then(|level| u8::try_from(level).ok());
        match level {
            Some(level) if level <= LEVEL_MAX => Ok(Self::Hashes { level, index, width }),
            _ => Err(TileError::Path),
        }
    }
}

/// A partial width, 1 to 255: a full tile is never named as a partial one.
fn parse_width(text: &str) -> Result<TileWidth, TileError> {
    let width = parse_decimal(text)
        .ok()
        .and_then(|width| u16::try_from(width).ok());
    width
        .and_then(TileWidth::new)
        .filter(|width| !width.is_full())
        .ok_or(TileError::Path)
}

/// Groups of three digits, all but the last prefixed with `x`, without a group of zeros in front.
fn parse_number(text: &str) -> Result<u64, TileError> {
    let mut number: u64 = 0;
    let mut groups = text.split('/').peekable();
    let mut first = true;
    while let Some(group) = groups.next() {
        let digits = if groups.peek().is_some() {
            group.strip_prefix('x').ok_or(TileError::Path)?
        } else {
            group
        };
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(TileError::Path);
        }
        let value: u64 = digits.parse().map_err(|_| TileError::Path)?;
        if first && value == 0 && groups.peek().is_some() {
            return Err(TileError::Path);
        }
        first = false;
        number = number.saturating_mul(1_000).saturating_add(value);
        if number > INTEGER_MAX {
            return Err(TileError::Path);
        }
    }
    Ok(number)
}

fn write_number(out: &mut String, number: u64) -> fmt::Result {
    let mut divisor: u64 = 1;
    while number / divisor >= 1_000 {
        divisor *= 1_000;
    }
    while divisor > 1 {
        write!(out, "x{:03}/", number / divisor % 1_000)?;
        divisor /= 1_000;
    }
    write!(out, "{:03}", number % 1_000)
}

impl fmt::Display for TilePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut path = String::with_capacity(48);
        let (index, width) = match *self {
            Self::Checkpoint => return out.write_str("checkpoint"),
            Self::Hashes { level, index, width } => {
                write!(path, "tile/{level}/")?;
                (index, width)
            }
            Self::Entries { index, width } => {
                path.push_str("tile/entries/");
                (index, width)
            }
        };
        write_number(&mut path, index)?;
        if !width.is_full() {
            write!(path, ".p/{}", width.get())?;
        }
        out.write_str(&path)
    }
}

impl FromStr for TilePath {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        Self::parse(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn width(width: u16) -> TileWidth {
        TileWidth::new(width).unwrap()
    }

    #[test]
    fn known_paths() {
        let full = TileWidth::FULL;
        for (path, tile) in [
            ("checkpoint", TilePath::Checkpoint),
            (
                "tile/0/000",
                TilePath::Hashes {
                    level: 0,
                    index: 0,
                    width: full,
                },
            ),
            (
                "tile/3/x001/x234/067",
                TilePath::Hashes {
                    level: 3,
                    index: 1_234_067,
                    width: full,
                },
            ),
            (
                "tile/0/x001/000.p/1",
                TilePath::Hashes {
                    level: 0,
                    index: 1_000,
                    width: width(1),
                },
            ),
            (
                "tile/63/999.p/255",
                TilePath::Hashes {
                    level: 63,
                    index: 999,
                    width: width(255),
                },
            ),
            (
                "tile/entries/x001/x234/067.p/8",
                TilePath::Entries {
                    index: 1_234_067,
                    width: width(8),
                },
            ),
            (
                "tile/entries/x009/x007/x199/x254/x740/991",
                TilePath::Entries {
                    index: INTEGER_MAX,
                    width: full,
                },
            ),
        ] {
            assert_eq!(TilePath::parse(path), Ok(tile), "{path}");
            assert_eq!(tile.to_string(), path);
        }
    }

    #[test]
    fn a_path_has_one_spelling() {
        for path in [
            "",
            "/checkpoint",
            "checkpoint/",
            "tile",
            "tile/0",
            "tile/0/",
            "/tile/0/000",
            "tile/0/0",
            "tile/0/0000",
            "tile/00/000",
            "tile/64/000",
            "tile/256/000",
            "tile/-1/000",
            "tile/0/x000/001",
            "tile/0/x001",
            "tile/0/001/002",
            "tile/0/x1/002",
            "tile/0/x001/x002/",
            "tile/0/x001//002",
            "tile/0/+01",
            "tile/0/000.p",
            "tile/0/000.p/",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/1/",
            "tile/0/000.p/1.p/1",
            "tile/data/000",
            "tile/entries/x009/x007/x199/x254/x740/992",
            "tile/entries/x999/x999/x999/x999/x999/x999/x999/x999/x999/999",
            "tile/0/../000",
            "tile/0/\u{661}00",
        ] {
            assert_eq!(TilePath::parse(path), Err(TileError::Path), "{path:?}");
        }
    }

    #[test]
    fn widths() {
        let size = |size| LogSize::new(size).unwrap();
        assert_eq!(partial_width(0, size(0)), None);
        assert_eq!(partial_width(0, size(256)), None);
        assert_eq!(partial_width(0, size(70_000)), Some(width(112)));
        assert_eq!(partial_width(1, size(70_000)), Some(width(17)));
        assert_eq!(partial_width(2, size(70_000)), Some(width(1)));
        assert_eq!(partial_width(3, size(70_000)), None);
        assert_eq!(partial_width(255, size(INTEGER_MAX)), None);
        assert_eq!(full_tiles(0, size(70_000)), 273);
        assert_eq!(full_tiles(1, size(70_000)), 1);
        assert_eq!(full_tiles(6, size(INTEGER_MAX)), 0);
        assert_eq!((TileWidth::new(0), TileWidth::new(257)), (None, None));
    }

    #[test]
    fn bundles_are_read_whole_or_refused() {
        let bundle = encode_entries([&b"ab"[..], b"", b"c"]).unwrap();
        assert_eq!(bundle, b"\x00\x02ab\x00\x00\x00\x01c");
        assert_eq!(parse_entries(&bundle).unwrap(), [&b"ab"[..], b"", b"c"]);
        assert_eq!(parse_entries(b""), Ok(vec![]));
        assert_eq!(parse_entries(&bundle[..8]), Err(TileError::Truncated(6)));
        assert_eq!(parse_entries(&bundle[..7]), Err(TileError::Truncated(6)));
        assert_eq!(parse_entries(&bundle[..3]), Err(TileError::Truncated(0)));
        assert_eq!(parse_entries(&[0; 512]).map(|entries| entries.len()), Ok(256));
        assert_eq!(parse_entries(&[0; 514]), Err(TileError::TooManyEntries));
        let long = vec![0; 65_536];
        assert_eq!(encode_entries([&long[..]]), Err(TileError::EntryTooLong(65_536)));
        assert!(encode_entries([&long[1..]]).is_ok());
    }

    proptest! {
        #[test]
        fn paths_go_round_and_agree_with_another_implementation(
            level in 0_u8..=63, index in 0..=INTEGER_MAX, digits in 0_u32..16, tile_width in 1_u16..=256,
        ) {
            let index = index / 10_u64.pow(digits);
            let path = TilePath::Hashes { level, index, width: width(tile_width) };
            prop_assert_eq!(path.to_string().parse(), Ok(path));
            let theirs = tlog_tiles::Tile::new(8, level, index, tile_width.into(), false);
            // That crate puts the height of a tile into its path.
            prop_assert_eq!(path.to_string().replace("tile/", "tile/8/"), theirs.path());
        }

        #[test]
        fn what_is_accepted_has_one_spelling(path in "tile/(entries|[0-9]{1,2})/(x?[0-9]{3}/){0,3}[0-9]{2,3}(\\.p/[0-9]{1,3})?") {
            if let Ok(tile) = TilePath::parse(&path) {
                prop_assert_eq!(tile.to_string(), path);
            }
        }
    }
}
