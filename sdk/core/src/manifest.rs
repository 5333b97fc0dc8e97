//! The manifest: what a submission is about, file by file.
//!
//! It stays with the submitter; the notary gets its root and the number of items. Each item is
//! salted, so that one can be opened without the others.

mod item;
mod opening;
mod path;

use hkdf::Hkdf;
use sha2::Sha256;

use crate::hash::{Hash, Salt};
use crate::merkle;
use crate::record::ManifestCommitment;
use crate::salted::{Tag, salted_leaf};
use crate::submission::IdempotencyKey;

pub use item::{ContentDigest, FileDigests, Item, ItemError};
pub use opening::{OpenedItem, Opening, OpeningError};
pub use path::{ItemPath, PathError};

/// Most items in a manifest.
pub const MAX_ITEMS: usize = 100_000;

/// What is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// No items, or too many.
    #[error("a manifest holds 1 to 100000 items, this one {0}; leave it out where there is no file")]
    Count(usize),
    /// Two items have the same path.
    #[error("two items have the path {0}")]
    SamePath(ItemPath),
    /// An item's text is too long.
    #[error("the item {path} has {bytes} bytes of text; at most 4000 are allowed")]
    TooLong {
        /// Its path.
        path: ItemPath,
        /// Its length.
        bytes: usize,
    },
    /// There is no item of that number.
    #[error("there is no item {0}")]
    NoItem(usize),
}

/// An item with its salt and its exact text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaltedItem {
    /// 32 bytes that hide the item.
    pub salt: Salt,
    /// The item.
    pub item: Item,
    /// The bytes that are hashed.
    pub text: String,
}

impl SaltedItem {
    /// The salted leaf.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        leaf(&self.salt, self.text.as_bytes())
    }
}

/// All items of a submission, strictly increasing by the bytes of their paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    items: Vec<SaltedItem>,
}

impl Manifest {
    /// Orders the items and writes their texts.
    ///
    /// # Errors
    ///
    /// No items, too many, one too long, or one path twice.
    pub fn new(items: impl IntoIterator<Item = (Salt, Item)>) -> Result<Self, ManifestError> {
        let mut items: Vec<SaltedItem> = items
            .into_iter()
            .map(|(salt, item)| SaltedItem {
                salt,
                text: item.to_json(),
                item,
            })
            .collect();
        items.sort_by(|a, b| a.item.path.cmp(&b.item.path));
        Self::from_sorted(items)
    }

    /// Items with their texts to the byte, in the order in which an opening gives them.
    ///
    /// # Errors
    ///
    /// No items, too many, one too long, or one path twice.
    pub fn from_sorted(items: Vec<SaltedItem>) -> Result<Self, ManifestError> {
        if items.is_empty() || items.len() > MAX_ITEMS {
            return Err(ManifestError::Count(items.len()));
        }
        for pair in items.windows(2) {
            if pair[0].item.path == pair[1].item.path {
                return Err(ManifestError::SamePath(pair[0].item.path.clone()));
            }
        }
        match items
            .iter()
            .find(|item| item.text.len() > crate::record::MAX_TEXT_BYTES)
        {
            Some(item) => Err(ManifestError::TooLong {
                path: item.item.path.clone(),
                bytes: item.text.len(),
            }),
            None => Ok(Self { items }),
        }
    }

    /// The items in order.
    #[must_use]
    pub fn items(&self) -> &[SaltedItem] {
        &self.items
    }

    /// RFC 6962 root over the item leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        merkle::builder::root_of(&self.leaves())
    }

    /// What a record commits to.
    #[must_use]
    pub fn commitment(&self) -> ManifestCommitment {
        // At most 100,000 items, so the number fits.
        ManifestCommitment {
            items: self.items.len() as u32,
            root: self.root(),
        }
    }

    /// Opens one item, with the audit path that leads to the root.
    ///
    /// # Errors
    ///
    /// There is no item of that number.
    pub fn open_one(&self, index: usize) -> Result<OpenedItem, ManifestError> {
        let item = self.items.get(index).ok_or(ManifestError::NoItem(index))?;
        let tree = merkle::builder::Tree::new(&self.leaves());
        Ok(OpenedItem {
            item: item.clone(),
            index: index as u64,
            count: self.items.len() as u64,
            path: tree.path(index).ok_or(ManifestError::NoItem(index))?,
        })
    }

    fn leaves(&self) -> Vec<Hash> {
        self.items.iter().map(SaltedItem::leaf).collect()
    }
}

pub(crate) fn leaf(salt: &Salt, text: &[u8]) -> Hash {
    salted_leaf(Tag::Item, salt, text)
}

/// The salt of an item, derived from a seed that the submitter keeps, so that a repeated run makes
/// the same bytes: HKDF-SHA-256 (RFC 5869) without salt, with
/// `info = "trialseal/salt/v1" 0x00 idempotency key 0x00 path`.
#[must_use]
pub fn derive_salt(seed: &[u8; 32], key: &IdempotencyKey, path: &ItemPath) -> Salt {
    let info = [
        b"trialseal/salt/v1\0".as_slice(),
        key.as_bytes(),
        b"\0",
        path.as_str().as_bytes(),
    ];
    let mut salt = [0; 32];
    // 32 bytes are one block of SHA-256; HKDF fails only beyond 255 blocks.
    let expanded = Hkdf::<Sha256>::new(None, seed).expand_multi_info(&info, &mut salt);
    debug_assert!(expanded.is_ok());
    Salt::from_bytes(salt)
}

#[cfg(test)]
mod tests;
