//! The path of an item.

use std::fmt;
use std::str::FromStr;

/// What is wrong with a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Empty or too long.
    #[error("a path has 1 to 1024 bytes, this one {0}")]
    Length(usize),
    /// Starts with `/`, ends with it, or has two in a row.
    #[error("the path {0:?} has an empty segment")]
    EmptySegment(String),
    /// A segment is `.` or `..`.
    #[error("the path {0:?} has a segment . or ..")]
    Dots(String),
    /// A segment is too long.
    #[error("a segment of the path {0:?} has more than 255 bytes")]
    LongSegment(String),
    /// A character that is not allowed.
    #[error("the path {path:?} has the character U+{:04X}, which is not allowed", u32::from(*.character))]
    Character {
        /// The path.
        path: String,
        /// The character.
        character: char,
    },
}

/// A relative path with `/` between its segments. Ordered by its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemPath(String);

impl ItemPath {
    /// Most bytes in a path.
    pub const MAX_BYTES: usize = 1_024;

    /// Checks a path. Whether it is in Unicode normalization form C is not tested.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, PathError> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(PathError::Length(text.len()));
        }
        if let Some(character) = text.chars().find(|character| is_forbidden(*character)) {
            return Err(PathError::Character {
                path: text.to_owned(),
                character,
            });
        }
        for segment in text.split('/') {
            match segment {
                "" => return Err(PathError::EmptySegment(text.to_owned())),
                "." | ".." => return Err(PathError::Dots(text.to_owned())),
                long if long.len() > 255 => return Err(PathError::LongSegment(text.to_owned())),
                _ => {}
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment: the file's name.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for ItemPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for ItemPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

/// Control characters, what other systems separate with, and what turns the direction of text.
const fn is_forbidden(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1F}'
            | '\u{7F}'..='\u{9F}'
            | '\\'
            | ':'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}'
    )
}
