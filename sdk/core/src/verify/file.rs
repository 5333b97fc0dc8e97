//! The step `file`: the manifest, and the file that is given.

use crate::hash::Hash;
use crate::json::{Object, Value};
use crate::manifest::{FileDigests, Item, MAX_ITEMS, Opening, SaltedItem};
use crate::record::ManifestCommitment;

use super::report::{Judgement, Step, StepResult, Steps};
use super::{Subject, loose};

/// Which file to compare with the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FileQuery {
    /// None.
    #[default]
    None,
    /// A single file.
    One {
        /// The path of the item that it is said to be, if one was named.
        item: Option<String>,
        /// The file's own name.
        name: String,
        /// What its bytes are.
        digests: FileDigests,
    },
    /// A file of a folder.
    InFolder {
        /// Its path relative to the folder, with `/` between segments.
        path: String,
        /// What its bytes are.
        digests: FileDigests,
    },
}

impl FileQuery {
    const fn digests(&self) -> Option<&FileDigests> {
        match self {
            Self::None => None,
            Self::One { digests, .. } | Self::InFolder { digests, .. } => Some(digests),
        }
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileVerdict {
    /// All byte digests and the size are those on record.
    Match,
    /// The item is there and differs.
    Altered,
    /// No such item, or no opening to look in.
    Unknown,
}

impl FileVerdict {
    /// The verdict in capitals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Match => "MATCH",
            Self::Altered => "ALTERED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl std::fmt::Display for FileVerdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What the step found.
pub(super) struct Found {
    pub(super) was_asked_for: bool,
    pub(super) verdict: Option<FileVerdict>,
    pub(super) opening: Option<Opening>,
}

pub(super) fn check(subject: &Subject<'_>, query: &FileQuery, steps: &mut Steps) -> Found {
    let was_asked_for = *query != FileQuery::None;
    let unknown = was_asked_for.then_some(FileVerdict::Unknown);
    let (judged, verdict, opening) = match open(subject) {
        Ok(opening) => {
            let (judged, verdict) = compare(&opening, query);
            (judged, verdict, Some(opening))
        }
        Err(judged) => (judged, unknown, None),
    };
    let verdict = if judged.result == StepResult::Failed && verdict == unknown {
        None
    } else {
        verdict
    };
    steps.add(Step::File, judged.result, judged.sentence);
    Found {
        was_asked_for,
        verdict,
        opening,
    }
}

/// The items that lead to the root on record, or why there are none.
fn open(subject: &Subject<'_>) -> Result<Opening, Judgement> {
    let Some(manifest) = subject.receipt.manifest() else {
        return Err(Judgement::not_checked(
            "The receipt has no manifest: no file can be compared with it.",
        ));
    };
    let opening = manifest
        .opening()
        .map_err(|error| Judgement::failed(format!("The manifest is refused: {error}.")))?;
    let Some(what) = &subject.parts.what else {
        return Err(Judgement::not_checked(
            "What is withheld, so the manifest cannot be led to its root.",
        ));
    };
    let commitment = commitment(what).map_err(Judgement::failed)?;
    opening
        .verify(&commitment)
        .map_err(|error| Judgement::failed(format!("The manifest is refused: {error}.")))?;
    Ok(opening)
}

fn commitment(what: &Object) -> Result<ManifestCommitment, String> {
    let Some(manifest) = what.get("manifest") else {
        return Err("The record is about no file, and yet the receipt has a manifest.".to_owned());
    };
    let malformed = || "what.manifest is malformed.".to_owned();
    let manifest = manifest.as_object().ok_or_else(malformed)?;
    let items = manifest
        .get("items")
        .and_then(Value::as_unsigned)
        .filter(|items| (1..=MAX_ITEMS as u64).contains(items))
        .and_then(|items| u32::try_from(items).ok())
        .ok_or_else(malformed)?;
    let root = Hash::from_hex(loose::text("what.manifest", manifest, "root")?).map_err(|_| malformed())?;
    Ok(ManifestCommitment { items, root })
}

fn compare(opening: &Opening, query: &FileQuery) -> (Judgement, Option<FileVerdict>) {
    let others = match opening {
        Opening::All(_) => String::new(),
        Opening::One(one) => format!(
            " It is item {} of {}; the others were not shown, and that no other has this path is not proven.",
            one.index + 1,
            one.count
        ),
    };
    let Some(digests) = query.digests() else {
        return (
            Judgement::not_checked(format!(
                "The manifest leads to its root; no file was given.{others}"
            )),
            None,
        );
    };
    match select(opening, query) {
        None => {
            let judged =
                Judgement::not_checked(format!("The record has no such item that is shown.{others}"));
            (judged, Some(FileVerdict::Unknown))
        }
        Some(item) if item.matches(digests) => {
            let judged = Judgement::passed(format!(
                "The file is {} of the record, byte for byte.{others}",
                item.path
            ));
            (judged, Some(FileVerdict::Match))
        }
        Some(item) => {
            let judged = Judgement::failed(format!(
                "ALTERED: {} has {} bytes now, {} in the record, or other digests.{others}",
                item.path, digests.size, item.size
            ));
            (judged, Some(FileVerdict::Altered))
        }
    }
}

/// The file's item, in the order of the specification.
fn select<'a>(opening: &'a Opening, query: &FileQuery) -> Option<&'a Item> {
    let items = opening.items();
    let at = |path: &str| items.iter().map(item_of).find(|item| item.path.as_str() == path);
    match query {
        FileQuery::None => None,
        FileQuery::InFolder { path, .. } => at(path),
        FileQuery::One { item, name, digests } => item
            .as_deref()
            .and_then(at)
            .or_else(|| {
                let same = |item: &&Item| item.sha256 == digests.sha256 && item.size == digests.size;
                items.iter().map(item_of).find(same)
            })
            .or_else(|| items.first().map(item_of).filter(|_| opening.count() == 1))
            .or_else(|| {
                let mut named = items
                    .iter()
                    .map(item_of)
                    .filter(|item| item.path.file_name() == name);
                // Of several with this name none is the one.
                named.next().filter(|_| named.next().is_none())
            }),
    }
}

const fn item_of(item: &SaltedItem) -> &Item {
    &item.item
}
