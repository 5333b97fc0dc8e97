//! Comparing a whole folder with the items that a receipt opens.

use std::collections::BTreeMap;

use crate::manifest::{FileDigests, Item, Opening};

/// What became of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FolderVerdict {
    /// All byte digests and the size are those on record.
    Match,
    /// The file is there and differs.
    Altered,
    /// On record, and not in the folder.
    Missing,
    /// In the folder, and not on record.
    Extra,
    /// In the folder; whether it is on record is not shown.
    Unknown,
}

impl FolderVerdict {
    /// The verdict in capitals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Match => "MATCH",
            Self::Altered => "ALTERED",
            Self::Missing => "MISSING",
            Self::Extra => "EXTRA",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl std::fmt::Display for FolderVerdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// One path of the folder, of the record, or of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderEntry {
    /// The path relative to the folder.
    pub path: String,
    /// What became of it.
    pub verdict: FolderVerdict,
    /// The item, where it is on record.
    pub item: Option<Item>,
    /// The file's size, where it is in the folder.
    pub size: Option<u64>,
}

/// Compares the files of a folder with the items that are shown, in the order of the paths. The
/// opening has to be one that leads to its root, as [`super::Report::opening`] does.
pub fn compare_folder(
    opening: &Opening,
    files: impl IntoIterator<Item = (String, FileDigests)>,
) -> Vec<FolderEntry> {
    let all_are_shown = match opening {
        Opening::All(_) => true,
        Opening::One(one) => one.count == 1,
    };
    let mut entries: BTreeMap<String, FolderEntry> = opening
        .items()
        .iter()
        .map(|item| {
            let path = item.item.path.to_string();
            let item = Some(item.item.clone());
            (
                path.clone(),
                FolderEntry {
                    path,
                    verdict: FolderVerdict::Missing,
                    item,
                    size: None,
                },
            )
        })
        .collect();
    for (path, digests) in files {
        let entry = entries.entry(path.clone()).or_insert(FolderEntry {
            path,
            verdict: FolderVerdict::Missing,
            item: None,
            size: None,
        });
        entry.size = Some(digests.size);
        entry.verdict = match &entry.item {
            Some(item) if item.matches(&digests) => FolderVerdict::Match,
            Some(_) => FolderVerdict::Altered,
            None if all_are_shown => FolderVerdict::Extra,
            None => FolderVerdict::Unknown,
        };
    }
    entries.into_values().collect()
}
