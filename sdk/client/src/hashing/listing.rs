//! Which files a folder holds, and under which paths they stand in a manifest.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use trialseal_core::manifest::ItemPath;
use unicode_normalization::UnicodeNormalization as _;

use super::HashError;

/// A file that is to be hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileToHash {
    /// Path in the manifest: NFC, relative, `/`-separated.
    pub path: ItemPath,
    /// Where to read it.
    pub source: PathBuf,
    /// Bytes when it was listed; for progress only.
    pub size: u64,
}

/// What [`list_folder`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The regular files, strictly increasing by the bytes of their manifest paths unless two
    /// names are equal in NFC (then they stand side by side and no manifest can hold both).
    pub files: Vec<FileToHash>,
    /// Symbolic links and special files: not followed, not in `files`.
    pub others: Vec<PathBuf>,
}

impl FileToHash {
    /// A single file, under its own name.
    ///
    /// # Errors
    ///
    /// It is missing, not a regular file, or its name cannot stand in a manifest.
    pub fn single(source: impl Into<PathBuf>) -> Result<Self, HashError> {
        let source = source.into();
        let name = match source.file_name() {
            Some(name) => PathBuf::from(name),
            None => return Err(HashError::NotAFile { path: source }),
        };
        Self::named(source, &name)
    }

    /// A single file, under `relative` in the manifest.
    ///
    /// # Errors
    ///
    /// It is missing, not a regular file, or the path cannot stand in a manifest.
    pub fn named(source: impl Into<PathBuf>, relative: &Path) -> Result<Self, HashError> {
        let source = source.into();
        let metadata = fs::symlink_metadata(&source).map_err(|error| unreadable(&source, error))?;
        if !metadata.is_file() {
            return Err(HashError::NotAFile { path: source });
        }
        let path = item_path(&source, relative)?;
        Ok(Self {
            path,
            source,
            size: metadata.len(),
        })
    }
}

/// Every regular file below `folder`, with its path relative to it. Symbolic links are listed
/// apart and never followed.
///
/// # Errors
///
/// The folder or one below it cannot be read, or a name cannot stand in a manifest.
pub fn list_folder(folder: impl AsRef<Path>) -> Result<Listing, HashError> {
    let root = folder.as_ref();
    let metadata = fs::symlink_metadata(root).map_err(|error| unreadable(root, error))?;
    if !metadata.is_dir() {
        return Err(HashError::NotAFile {
            path: root.to_owned(),
        });
    }
    let mut listing = Listing::default();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))? {
            let entry = entry.map_err(|error| unreadable(&folder, error))?;
            let path = entry.path();
            // Of the entry itself, not of what it may point to.
            let kind = entry.file_type().map_err(|error| unreadable(&path, error))?;
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_file() {
                let relative = path.strip_prefix(root).unwrap_or(&path).to_owned();
                listing.files.push(FileToHash::named(path, &relative)?);
            } else {
                listing.others.push(path);
            }
        }
    }
    listing
        .files
        .sort_by(|one, other| one.path.as_str().cmp(other.path.as_str()));
    listing.others.sort();
    Ok(listing)
}

fn unreadable(path: &Path, source: std::io::Error) -> HashError {
    match source.kind() {
        ErrorKind::NotFound => HashError::Missing {
            path: path.to_owned(),
        },
        _ => HashError::Read {
            path: path.to_owned(),
            source,
        },
    }
}

/// The manifest path of `relative`: its segments in NFC, joined by `/`.
fn item_path(source: &Path, relative: &Path) -> Result<ItemPath, HashError> {
    let wrong = |problem: String| HashError::Name {
        path: source.to_owned(),
        problem,
    };
    let mut text = String::new();
    for segment in relative.components() {
        let std::path::Component::Normal(segment) = segment else {
            return Err(wrong("it is not relative to the folder given".to_owned()));
        };
        let segment = segment
            .to_str()
            .ok_or_else(|| wrong("it is not UTF-8".to_owned()))?;
        if !text.is_empty() {
            text.push('/');
        }
        text.extend(segment.nfc());
    }
    ItemPath::new(&text).map_err(|error| wrong(error.to_string()))
}
