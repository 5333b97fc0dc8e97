//! One part of a stored record: its salt and text, or what an erasure left of it.

use bytes::Bytes;
use trialseal_core::{
    hash::{Hash, Salt},
    salted::{Tag, salted_leaf},
};

use super::StoredError;
use crate::chain::Place;

/// A salt and the text it hides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaltedText {
    /// 32 random bytes.
    pub salt: Salt,
    /// UTF-8 JSON, or empty.
    pub text: Bytes,
}

impl SaltedText {
    /// The part's salted leaf.
    #[must_use]
    pub fn leaf(&self, tag: Tag) -> Hash {
        salted_leaf(tag, &self.salt, &self.text)
    }

    /// The text, or an error if it is not UTF-8.
    ///
    /// # Errors
    /// [`StoredError::NotText`].
    pub fn as_str(&self) -> Result<&str, StoredError> {
        std::str::from_utf8(&self.text).map_err(|_| StoredError::NotText)
    }
}

/// What is left of a part that was erased: neither salt nor text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedPart {
    /// The part's salted leaf, so that everything that rests on it still verifies.
    pub leaf: Hash,
    /// Where the tombstone is: the record by which the part was erased.
    pub tombstone: Place,
    /// What the fold of the log needs of it, see [`crate::erasure::residue`]; nobody is shown it.
    pub residue: Bytes,
}

/// A part that can be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredPart {
    /// It is there.
    Kept(SaltedText),
    /// It was erased.
    Erased(ErasedPart),
}

impl StoredPart {
    /// The part's salted leaf.
    #[must_use]
    pub fn leaf(&self, tag: Tag) -> Hash {
        match self {
            Self::Kept(kept) => kept.leaf(tag),
            Self::Erased(erased) => erased.leaf,
        }
    }

    /// Salt and text, unless the part was erased.
    #[must_use]
    pub fn kept(&self) -> Option<&SaltedText> {
        match self {
            Self::Kept(kept) => Some(kept),
            Self::Erased(_) => None,
        }
    }

    /// The text, unless the part was erased.
    #[must_use]
    pub fn text(&self) -> Option<&Bytes> {
        self.kept().map(|kept| &kept.text)
    }

    /// What is left of the part, if it was erased.
    #[must_use]
    pub fn erased(&self) -> Option<&ErasedPart> {
        match self {
            Self::Kept(_) => None,
            Self::Erased(erased) => Some(erased),
        }
    }
}

impl From<SaltedText> for StoredPart {
    fn from(kept: SaltedText) -> Self {
        Self::Kept(kept)
    }
}
