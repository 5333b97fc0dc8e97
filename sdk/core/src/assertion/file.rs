//! Whether a file is the one on record.

use crate::dossier::{Dossier, Fact};
use crate::hash::RecordId;
use crate::manifest::{ContentDigest, FileDigests, Item, Opening, SaltedItem};

use super::{Answer, capital, find};

/// A file that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its path in a folder, or its name.
    pub name: String,
    /// What its bytes are.
    pub digests: FileDigests,
    /// Format-aware digests, where its format is known.
    pub content: Vec<ContentDigest>,
}

/// What a file is to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Likeness {
    /// All digests and the size are equal.
    Match,
    /// Other bytes, the same content by the same method; the submitter's claim until the original is shown.
    SameContent,
    /// The item is there and differs.
    Altered,
    /// No such item, or no opening.
    Unknown,
    /// On record, and not given.
    Missing,
    /// Given, and not on record.
    Extra,
}

impl Likeness {
    /// The likeness in capitals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Match => "MATCH",
            Self::SameContent => "SAME CONTENT",
            Self::Altered => "ALTERED",
            Self::Unknown => "UNKNOWN",
            Self::Missing => "MISSING",
            Self::Extra => "EXTRA",
        }
    }
}

impl std::fmt::Display for Likeness {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The answer.
    pub answer: Answer,
    /// The likeness.
    pub likeness: Likeness,
    /// The item that it was compared with.
    pub item: Option<Item>,
}

/// What became of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderCompared {
    /// The answer.
    pub answer: Answer,
    /// Each path that is given or on record.
    pub paths: Vec<(String, Likeness)>,
}

impl Given {
    /// What the file is to this item.
    #[must_use]
    pub fn likeness(&self, item: &Item) -> Likeness {
        if item.matches(&self.digests) {
            return Likeness::Match;
        }
        match &item.content {
            Some(content) if self.content.contains(content) => Likeness::SameContent,
            _ => Likeness::Altered,
        }
    }

    /// The item that it is said to be: by path, by bytes, the only one, by name.
    pub(super) fn item<'i>(&self, opening: &'i Opening) -> Option<&'i Item> {
        let items = || opening.items().iter().map(|salted: &SaltedItem| &salted.item);
        items()
            .find(|item| item.path.as_str() == self.name)
            .or_else(|| items().find(|item| item.matches(&self.digests)))
            .or_else(|| items().next().filter(|_| opening.count() == 1))
            .or_else(|| {
                let mut named = items().filter(|item| item.path.file_name() == self.file_name());
                named.next().filter(|_| named.next().is_none())
            })
    }

    /// The item of the same path, or the only one of the same name.
    pub(super) fn item_named<'i>(&self, opening: &'i Opening) -> Option<&'i Item> {
        let items = || opening.items().iter().map(|salted: &SaltedItem| &salted.item);
        items().find(|item| item.path.as_str() == self.name).or_else(|| {
            let mut named = items().filter(|item| item.path.file_name() == self.file_name());
            named.next().filter(|_| named.next().is_none())
        })
    }

    /// Whether some item of the record is this file, byte for byte.
    pub(super) fn is_in(&self, fact: &Fact) -> bool {
        let items = fact.items.as_ref().map_or(&[][..], Opening::items);
        items.iter().any(|salted| salted.item.matches(&self.digests))
    }

    fn file_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// Whether a file is the one of a record.
#[must_use]
pub fn same(dossier: &Dossier, record: &RecordId, file: &Given) -> Compared {
    let unknown = |answer: Answer| Compared {
        answer: answer.under(dossier),
        likeness: Likeness::Unknown,
        item: None,
    };
    let fact = match find(dossier, record) {
        Ok(fact) => fact,
        Err(answer) => return unknown(answer),
    };
    let opening = match opening(fact) {
        Ok(opening) => opening,
        Err(answer) => return unknown(answer),
    };
    let label = fact.label();
    let Some(item) = file.item(opening) else {
        return unknown(
            Answer::not_provable(format!(
                "{} has no such item that is shown as {}.",
                capital(&label),
                file.name
            ))
            .because(others(opening)),
        );
    };
    let likeness = file.likeness(item);
    let sizes = format!("{} bytes now, {} bytes in {label}", file.digests.size, item.size);
    let answer = match likeness {
        Likeness::Match => Answer::proven(format!(
            "{} is {} of {label}, byte for byte.",
            file.name, item.path
        )),
        Likeness::SameContent => {
            let method = item
                .content
                .as_ref()
                .map_or("", |content| content.method.as_str());
            Answer::not_provable(format!(
                "{} has other bytes than {} of {label}, and the same content by {method}.",
                file.name, item.path
            ))
            .because(format!("{sizes}."))
            .because("The digest of the content is the submitter's claim until the original file is shown.")
            .next(format!("{} can show the original file.", fact.signer()))
        }
        _ => Answer::disproven(format!("{} is not {} of {label}: {sizes}.", file.name, item.path)),
    };
    Compared {
        answer: answer.under(dossier),
        likeness,
        item: Some(item.clone()),
    }
}

/// Whether the files of a folder are those of a record; with `exact`, and no others.
#[must_use]
pub fn same_folder(dossier: &Dossier, record: &RecordId, files: &[Given], exact: bool) -> FolderCompared {
    let nothing = |answer: Answer| FolderCompared {
        answer: answer.under(dossier),
        paths: Vec::new(),
    };
    let fact = match find(dossier, record) {
        Ok(fact) => fact,
        Err(answer) => return nothing(answer),
    };
    let opening = match opening(fact) {
        Ok(opening) => opening,
        Err(answer) => return nothing(answer),
    };
    let all_are_shown = matches!(opening, Opening::All(_)) || opening.count() == 1;
    let mut paths: Vec<(String, Likeness)> = Vec::new();
    for salted in opening.items() {
        let path = salted.item.path.as_str();
        let given = files.iter().find(|file| file.name == path);
        paths.push((
            path.to_owned(),
            given.map_or(Likeness::Missing, |file| file.likeness(&salted.item)),
        ));
    }
    for file in files {
        if !paths.iter().any(|(path, _)| *path == file.name) {
            let likeness = if all_are_shown {
                Likeness::Extra
            } else {
                Likeness::Unknown
            };
            paths.push((file.name.clone(), likeness));
        }
    }
    paths.sort();
    let answer = judge_folder(fact, opening, &paths, exact);
    FolderCompared {
        answer: answer.under(dossier),
        paths,
    }
}

fn judge_folder(fact: &Fact, opening: &Opening, paths: &[(String, Likeness)], exact: bool) -> Answer {
    let count = |likeness: Likeness| paths.iter().filter(|(_, own)| *own == likeness).count();
    let counts = [
        (Likeness::Match, "match"),
        (Likeness::SameContent, "same content"),
        (Likeness::Altered, "altered"),
        (Likeness::Missing, "missing"),
        (Likeness::Extra, "extra"),
        (Likeness::Unknown, "unknown"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(likeness, _)| count(*likeness) > 0)
        .map(|(likeness, word)| format!("{} {word}", count(likeness)))
        .collect();
    let counts = counts.join(", ");
    let label = fact.label();
    let differs =
        count(Likeness::Altered) + count(Likeness::Missing) > 0 || (exact && count(Likeness::Extra) > 0);
    let answer = if differs {
        Answer::disproven(format!("These are not the files of {label}: {counts}."))
    } else if count(Likeness::SameContent) + count(Likeness::Unknown) > 0 {
        Answer::not_provable(format!(
            "Not all of these are shown to be the files of {label}: {counts}."
        ))
    } else {
        Answer::proven(format!(
            "These are the files of {label}, byte for byte: {counts}."
        ))
    };
    match opening {
        Opening::All(_) => answer,
        Opening::One(_) => answer.because(others(opening)),
    }
}

/// The items that a record shows, or the answer that it shows none.
pub(super) fn opening(fact: &Fact) -> Result<&Opening, Answer> {
    fact.items.as_ref().ok_or_else(|| {
        Answer::not_provable(format!(
            "No manifest of {} is here, so no file can be compared with it.",
            fact.label()
        ))
        .next(match &fact.who {
            Some(who) => format!("{} can supply the receipt with its manifest.", who.organization),
            None => "Whoever submitted it can supply the receipt with its manifest.".to_owned(),
        })
    })
}

fn others(opening: &Opening) -> String {
    match opening {
        Opening::All(items) => format!("All {} items of the record are shown.", items.len()),
        Opening::One(one) => format!(
            "Item {} of {} is shown; that no other has this path is not proven.",
            one.index + 1,
            one.count
        ),
    }
}
