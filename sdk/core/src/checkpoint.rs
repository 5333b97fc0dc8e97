//! Checkpoints (C2SP tlog-checkpoint): what a log signs.

use core::fmt;
use core::str::FromStr;

use crate::encoding::{self, EncodingError};
use crate::hash::Hash;
use crate::index::{IndexError, LogSize};
use crate::note::KeyName;

mod signed;

pub use signed::{SignedCheckpoint, SignedCheckpointError};

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

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "notary.example/log1\n70000\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n";

    #[test]
    fn known_checkpoint() {
        let checkpoint = Checkpoint::parse(TEXT).unwrap();
        assert_eq!(checkpoint.origin.as_str(), "notary.example/log1");
        assert_eq!(checkpoint.size.get(), 70_000);
        assert_eq!(checkpoint.root, crate::hash::sha256(b"root"));
        assert_eq!(checkpoint.text(), TEXT);
        let theirs = tlog_tiles::Checkpoint::from_bytes(TEXT.as_bytes()).unwrap();
        assert_eq!((theirs.origin(), theirs.size()), ("notary.example/log1", 70_000));
    }

    #[test]
    fn exactly_three_lines() {
        for text in [
            "",
            "\n",
            "notary.example/log1\n70000\n",
            TEXT.trim_end(),
            &format!("{TEXT}\n"),
            &format!("{TEXT}extension\n"),
            &format!("\n{TEXT}"),
        ] {
            let lines = matches!(Checkpoint::parse(text), Err(CheckpointError::Lines));
            assert!(lines, "{text:?}");
        }
        let replaced = |from, to| Checkpoint::parse(&TEXT.replace(from, to)).unwrap_err();
        assert_eq!(replaced("notary.example/log1", ""), CheckpointError::Origin);
        assert_eq!(
            replaced("70000", "070000"),
            CheckpointError::Size(IndexError::NotDecimal)
        );
        assert_eq!(
            replaced("70000", "-1"),
            CheckpointError::Size(IndexError::NotDecimal)
        );
        assert_eq!(
            replaced("70000", "9007199254740992"),
            CheckpointError::Size(IndexError::TooLarge(1 << 53))
        );
        assert_eq!(
            replaced("7I=", "7J="),
            CheckpointError::Root(EncodingError::Base64NotCanonical)
        );
        assert!(matches!(replaced("7I=", "7I"), CheckpointError::Root(_)));
    }

    #[test]
    fn origins() {
        let long = format!("a/{}", "b".repeat(253));
        for origin in [
            "notary.example.org/2026",
            "example.com/log/testdata",
            "localhost:8080/a",
            "[::1]:80/a",
            &long,
        ] {
            assert_eq!(
                Origin::new(origin).map(|origin| origin.to_string()),
                Ok(origin.to_owned())
            );
        }
        for origin in [
            "",
            "/a",
            "a/",
            "a//b",
            "https://a/b",
            "a/../b",
            "a/./b",
            "a b",
            "a+b",
            "a?b",
            "a#b",
            "a\nb",
            "a\\b",
            "\u{e9}",
            &format!("{long}b"),
        ] {
            assert_eq!(Origin::new(origin), Err(CheckpointError::Origin), "{origin:?}");
        }
    }
}
