//! An opening: the items of a manifest that a receipt shows, led to the committed root.

use crate::hash::{Hash, Salt};
use crate::index::{LogIndex, LogSize};
use crate::merkle::{builder, inclusion};
use crate::record::ManifestCommitment;

use super::item::{Item, ItemError};
use super::path::ItemPath;
use super::{MAX_ITEMS, SaltedItem, leaf};

/// What is wrong with an opening.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// An item is malformed.
    #[error("item {number} of the manifest: {error}")]
    Item {
        /// Its number, from 1.
        number: u64,
        /// What is wrong.
        error: ItemError,
    },
    /// The items are not strictly increasing by path.
    #[error(
        "the items of the manifest are not in strictly increasing order: {0} does not come after the item before"
    )]
    Order(ItemPath),
    /// The number of items is not the one on record.
    #[error("the manifest has {found} items; the record says {committed}")]
    Count {
        /// In the opening.
        found: u64,
        /// On record.
        committed: u64,
    },
    /// The items do not lead to the root on record.
    #[error("the manifest does not lead to the root that is on record")]
    Root,
    /// The record is about no file.
    #[error("the record is about no file, and yet a manifest is given")]
    NoManifest,
}

/// One item of a manifest, with the audit path that leads to its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedItem {
    /// The item.
    pub item: SaltedItem,
    /// Its number, from 0.
    pub index: u64,
    /// How many items there are.
    pub count: u64,
    /// Sibling hashes, the leaf's first.
    pub path: Vec<Hash>,
}

/// The items that are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// All of them.
    All(Vec<SaltedItem>),
    /// One of several.
    One(Box<OpenedItem>),
}

impl Opening {
    /// All items, as texts with their salts.
    ///
    /// # Errors
    ///
    /// An item is malformed, or they are not in order.
    pub fn all(texts: impl IntoIterator<Item = (Salt, String)>) -> Result<Self, OpeningError> {
        let mut items: Vec<SaltedItem> = Vec::new();
        for (salt, text) in texts {
            let item = read_item(salt, text, items.len() as u64)?;
            if items
                .last()
                .is_some_and(|before| before.item.path >= item.item.path)
            {
                return Err(OpeningError::Order(item.item.path));
            }
            items.push(item);
        }
        Ok(Self::All(items))
    }

    /// One item, as text with its salt.
    ///
    /// # Errors
    ///
    /// The item is malformed.
    pub fn one(
        salt: Salt,
        text: String,
        index: u64,
        count: u64,
        path: Vec<Hash>,
    ) -> Result<Self, OpeningError> {
        let item = read_item(salt, text, index)?;
        Ok(Self::One(Box::new(OpenedItem {
            item,
            index,
            count,
            path,
        })))
    }

    /// Leads the items to the commitment that is on record.
    ///
    /// # Errors
    ///
    /// Their number or their root is another.
    pub fn verify(&self, commitment: &ManifestCommitment) -> Result<(), OpeningError> {
        let committed = u64::from(commitment.items);
        let found = self.count();
        if found != committed || found > MAX_ITEMS as u64 {
            return Err(OpeningError::Count { found, committed });
        }
        let root = match self {
            Self::All(items) => {
                let leaves: Vec<Hash> = items.iter().map(SaltedItem::leaf).collect();
                builder::root_of(&leaves)
            }
            Self::One(one) => {
                let leaf = leaf(&one.item.salt, one.item.text.as_bytes());
                let index = LogIndex::new(one.index).map_err(|_| OpeningError::Root)?;
                let size = LogSize::new(one.count).map_err(|_| OpeningError::Root)?;
                inclusion::root_from_path(leaf, index, size, &one.path).map_err(|_| OpeningError::Root)?
            }
        };
        if root == commitment.root {
            Ok(())
        } else {
            Err(OpeningError::Root)
        }
    }

    /// How many items the manifest has, by this opening.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::All(items) => items.len() as u64,
            Self::One(one) => one.count,
        }
    }

    /// The items that are shown.
    #[must_use]
    pub fn items(&self) -> &[SaltedItem] {
        match self {
            Self::All(items) => items,
            Self::One(one) => std::slice::from_ref(&one.item),
        }
    }
}

fn read_item(salt: Salt, text: String, index: u64) -> Result<SaltedItem, OpeningError> {
    let item = Item::parse(text.as_bytes()).map_err(|error| OpeningError::Item {
        number: index.saturating_add(1),
        error,
    })?;
    Ok(SaltedItem { salt, item, text })
}
