//! The manifest of a receipt, added by the submitter's own SDK.

use crate::encoding::hex_encode;
use crate::hash::{Hash, Salt};
use crate::json::{Object, Value};
use crate::manifest::{Manifest, OpenedItem, Opening, OpeningError, SaltedItem};

/// The manifest of a receipt as it came: only its key set has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptManifest {
    /// `{items}`.
    All(Value),
    /// `{item, index, count, path}`.
    One(Object),
}

/// Why a receipt's manifest cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A value has another form.
    #[error("manifest.{0} is malformed")]
    Form(&'static str),
    /// An item breaks the rules.
    #[error(transparent)]
    Opening(#[from] OpeningError),
}

const ONE_KEYS: [&str; 4] = ["item", "index", "count", "path"];

impl ReceiptManifest {
    /// Takes an object that has exactly one of the two key sets.
    pub(super) fn from_object(mut object: Object) -> Option<Self> {
        if object.len() == 1 {
            return object.remove("items").map(Self::All);
        }
        let exact = object.len() == ONE_KEYS.len() && ONE_KEYS.iter().all(|key| object.contains_key(key));
        exact.then_some(Self::One(object))
    }

    /// All items.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        Self::All(Value::Array(manifest.items().iter().map(salted_item).collect()))
    }

    /// One item of several.
    #[must_use]
    pub fn of_one(opened: &OpenedItem) -> Self {
        let mut object = Object::new();
        object.insert("item", salted_item(&opened.item));
        object.insert("index", crate::record::integer(opened.index));
        object.insert("count", crate::record::integer(opened.count));
        let path = opened
            .path
            .iter()
            .map(|hash| Value::String(hex_encode(hash.as_bytes())))
            .collect();
        object.insert("path", Value::Array(path));
        Self::One(object)
    }

    /// Reads the items; what they lead to is not checked.
    ///
    /// # Errors
    ///
    /// They are malformed or not in order.
    pub fn opening(&self) -> Result<Opening, ShapeError> {
        match self {
            Self::All(Value::Array(items)) => {
                let items = items
                    .iter()
                    .map(read_salted_item)
                    .collect::<Option<Vec<_>>>()
                    .ok_or(ShapeError::Form("items"))?;
                Ok(Opening::all(items)?)
            }
            Self::All(_) => Err(ShapeError::Form("items")),
            Self::One(object) => {
                let (salt, text) = object
                    .get("item")
                    .and_then(read_salted_item)
                    .ok_or(ShapeError::Form("item"))?;
                let index = unsigned(object, "index")?;
                let count = unsigned(object, "count")?;
                let path = object
                    .get("path")
                    .and_then(read_path)
                    .ok_or(ShapeError::Form("path"))?;
                Ok(Opening::one(salt, text, index, count, path)?)
            }
        }
    }

    /// The object as it stands in the receipt.
    pub(super) fn to_object(&self) -> Object {
        match self {
            Self::All(items) => {
                let mut object = Object::new();
                object.insert("items", items.clone());
                object
            }
            Self::One(object) => object.clone(),
        }
    }
}

fn salted_item(item: &SaltedItem) -> Value {
    let mut object = Object::new();
    object.insert("salt", item.salt.to_base64());
    object.insert("text", item.text.as_str());
    Value::Object(object)
}

fn read_salted_item(value: &Value) -> Option<(Salt, String)> {
    let object = value.as_object().filter(|object| object.len() == 2)?;
    let salt = Salt::from_base64(object.get("salt")?.as_str()?).ok()?;
    Some((salt, object.get("text")?.as_str()?.to_owned()))
}

fn read_path(value: &Value) -> Option<Vec<Hash>> {
    let hashes = value.as_array().filter(|hashes| hashes.len() <= 63)?;
    hashes
        .iter()
        .map(|hash| Hash::from_hex(hash.as_str()?).ok())
        .collect()
}

fn unsigned(object: &Object, key: &'static str) -> Result<u64, ShapeError> {
    object
        .get(key)
        .and_then(Value::as_unsigned)
        .ok_or(ShapeError::Form(key))
}
