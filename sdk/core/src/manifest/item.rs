//! One file of a submission.

use crate::encoding::{hex_decode, hex_encode};
use crate::json::{self, JsonError, Object, Value};
use crate::record::{MAX_TEXT_BYTES, long_string};
use crate::vocabulary::ItemUse;

use super::path::{ItemPath, PathError};

/// The digests of a file's bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct FileDigests {
    /// SHA-256.
    pub sha256: [u8; 32],
    /// SHA-512.
    pub sha512: [u8; 64],
    /// Number of bytes.
    pub size: u64,
}

impl std::fmt::Debug for FileDigests {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "FileDigests({}, {} bytes)",
            hex_encode(&self.sha256),
            self.size
        )
    }
}

/// A format-aware digest: the submitter's claim about what the file means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentDigest {
    /// The digest, as the method writes it.
    pub digest: String,
    /// The method, e.g. `xpt5/v1`.
    pub method: String,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where it stands in the submission.
    pub path: ItemPath,
    /// What it is to the record (`as` in JSON).
    pub used_as: Option<ItemUse>,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// SHA-512 of its bytes, there by default: a second digest cannot be added once SHA-256 weakens.
    pub sha512: Option<[u8; 64]>,
    /// Number of bytes.
    pub size: u64,
    /// A format-aware digest.
    pub content: Option<ContentDigest>,
}

/// What is wrong with an item's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// The text, or a string in it, is too long.
    #[error("the item has more than 4000 bytes of text, or a string of more than 1024")]
    TooLong,
    /// It is not strict JSON.
    #[error("the item is not strict JSON: {0}")]
    Json(JsonError),
    /// A key is missing or has a value of another form.
    #[error("the item's {key} {problem}")]
    Key {
        /// The key.
        key: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// The path breaks the rules.
    #[error(transparent)]
    Path(PathError),
}

impl Item {
    /// An item with its byte digests.
    #[must_use]
    pub const fn new(path: ItemPath, digests: &FileDigests) -> Self {
        Self {
            path,
            used_as: None,
            sha256: digests.sha256,
            sha512: Some(digests.sha512),
            size: digests.size,
            content: None,
        }
    }

    /// Reads an item as a verifier does: strict JSON, unknown keys ignored.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, ItemError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(ItemError::TooLong);
        }
        let object = json::parse(text).map_err(ItemError::Json)?;
        if long_string(&object).is_some() {
            return Err(ItemError::TooLong);
        }
        let path = ItemPath::new(string(&object, "path")?).map_err(ItemError::Path)?;
        let sha512 = match object.get("sha512") {
            Some(_) => Some(digest(&object, "sha512")?),
            None => None,
        };
        Ok(Self {
            path,
            used_as: used_as(&object)?,
            sha256: digest(&object, "sha256")?,
            sha512,
            size: size(&object)?,
            content: content(&object)?,
        })
    }

    /// The item's text, RFC 8785.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut object = Object::new();
        if let Some(used_as) = self.used_as {
            object.insert("as", used_as.as_str());
        }
        if let Some(content) = &self.content {
            let mut inner = Object::new();
            inner.insert("digest", content.digest.as_str());
            inner.insert("method", content.method.as_str());
            object.insert("content", inner);
        }
        object.insert("path", self.path.as_str());
        object.insert("sha256", hex_encode(&self.sha256));
        if let Some(sha512) = &self.sha512 {
            object.insert("sha512", hex_encode(sha512));
        }
        // No file has 2^53 bytes; a size beyond is held there rather than written as a number that
        // the strict JSON here cannot say.
        let size = i64::try_from(self.size).unwrap_or(i64::MAX).min((1 << 53) - 1);
        object.insert("size", size);
        json::write(&object)
    }

    /// Whether every byte digest that is present, and the size, are those of the file.
    #[must_use]
    pub fn matches(&self, file: &FileDigests) -> bool {
        self.sha256 == file.sha256
            && self.size == file.size
            && self.sha512.is_none_or(|sha512| sha512 == file.sha512)
    }
}

const fn wrong(key: &'static str, problem: &'static str) -> ItemError {
    ItemError::Key { key, problem }
}

fn string<'a>(object: &'a Object, key: &'static str) -> Result<&'a str, ItemError> {
    match object.get(key) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(wrong(key, "is not a string")),
        None => Err(wrong(key, "is missing")),
    }
}

fn digest<const N: usize>(object: &Object, key: &'static str) -> Result<[u8; N], ItemError> {
    hex_decode(string(object, key)?).map_err(|_| wrong(key, "is not a digest in lower-case hex"))
}

fn size(object: &Object) -> Result<u64, ItemError> {
    let size = object.get("size").ok_or(wrong("size", "is missing"))?;
    size.as_unsigned()
        .ok_or(wrong("size", "is not a number of bytes"))
}

fn used_as(object: &Object) -> Result<Option<ItemUse>, ItemError> {
    match object.get("as") {
        Some(_) => string(object, "as")?
            .parse()
            .map(Some)
            .map_err(|_| wrong("as", "is not a known use")),
        None => Ok(None),
    }
}

fn content(object: &Object) -> Result<Option<ContentDigest>, ItemError> {
    match object.get("content") {
        Some(Value::Object(inner)) => {
            let digest = string(inner, "digest")?.to_owned();
            Ok(Some(ContentDigest {
                digest,
                method: string(inner, "method")?.to_owned(),
            }))
        }
        Some(_) => Err(wrong("content", "is not an object")),
        None => Ok(None),
    }
}
