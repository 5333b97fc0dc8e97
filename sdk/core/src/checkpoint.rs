//! Checkpoints (C2SP tlog-checkpoint): what a log signs.

use core::fmt;
use core::str::FromStr;

use crate::encoding::{self, EncodingError};
use crate::hash::Hash;
use crate::index::{IndexError, LogSize};
use crate::note::KeyName;

/// Why an origin or a checkpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The origin is no key name, or no URL prefix without scheme.
    #[error("an origin is a host and a path without scheme and outer slashes, at most 255 bytes")]
    Origin,
    /// Not exactly three lines.
    #[error("a checkpoint has exactly three lines, each ending with a newline")]
    Lines,
    /// The tree size is not one.
    #[error("tree size: {0}")]
    Size(#[from] IndexError),
    /// The root is not a hash.
    #[error("root hash: {0}")]
    Root(#[from] EncodingError),
}

/// The name of a log: the URL prefix of its tiles without scheme, and the name of its keys. For
/// example `notary.example.org/2026`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(KeyName);

/// The state of a log: its size and the root of its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log.
    pub origin: Origin,
    /// Number of its entries.
    pub size: LogSize,
    /// RFC 6962 root over them.
    pub root: Hash,
}

impl Origin {
    /// Checks and takes an origin.
    pub fn new(origin: &str) -> Result<Self, CheckpointError> {
        let name = KeyName::new(origin).map_err(|_| CheckpointError::Origin)?;
        let plain = origin.bytes().all(|byte| is_url_byte(byte) || byte == b'/');
        let segments = origin
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | ".."));
        if plain && segments {
            Ok(Self(name))
        } else {
            Err(CheckpointError::Origin)
        }
    }

    /// The origin.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name of the log's keys, which is the origin.
    pub const fn key_name(&self) -> &KeyName {
        &self.0
    }
}

/// What may stand in a host with port or in a path segment (RFC 3986), but `+`, which no key name has.
fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:@!$&'()*,;=%[]".contains(&byte)
}

impl Checkpoint {
    /// The text that is signed: origin, size in decimal, root in base64, each with its newline.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.origin.as_str().len() + 72);
        text.push_str(self.origin.as_str());
        text.push('\n');
        encoding::write_decimal(&mut text, self.size.get());
        text.push('\n');
        encoding::base64_encode_into(&mut text, self.root.as_bytes());
        text.push('\n');
        text
    }

    /// Reads a checkpoint's text. Extension lines are refused.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let body = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Lines);
        };
        Ok(Self {
            origin: Origin::new(origin)?,
            size: size.parse()?,
            root: Hash::from_base64(root)?,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Origin {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        Self::new(text)
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        Self::parse(text)
    }
}
