//! Changing a receipt without touching what is hashed: more evidence, a manifest, less to see.

use crate::manifest::{Manifest, ManifestError, Opening};
use crate::record::Part;
use crate::submission;

use super::{
    Evidence, MAX_EVIDENCE, MAX_TIMESTAMPS, Receipt, ReceiptManifest, ReceiptPart, ReceiptSubmission,
    ShapeError,
};

/// Why a receipt cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no manifest to cut.
    #[error("the receipt has no manifest")]
    NoManifest,
    /// Only one item is opened already.
    #[error("the receipt shows one item only; another cannot be taken from it")]
    OneItemOnly,
    /// The manifest cannot be read.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// There is no such item.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// There is no item at this path.
    #[error("the manifest has no item {0:?}")]
    NoSuchPath(String),
}

impl Receipt {
    /// Appends evidence, so that what was there first is never lost. Evidence with the same proof
    /// takes the new timestamps. Beyond 16 elements the oldest goes that is neither the first nor
    /// the first with a timestamp.
    pub fn append_evidence(&mut self, evidence: Evidence) {
        let is_same = |own: &&mut Evidence| {
            let unknown =
                own.unknown.is_empty() || evidence.unknown.is_empty() || own.unknown == evidence.unknown;
            own.proof == evidence.proof && unknown
        };
        if let Some(same) = self.evidence.iter_mut().find(is_same) {
            for timestamp in evidence.timestamps {
                if !same.timestamps.contains(&timestamp) && same.timestamps.len() < MAX_TIMESTAMPS {
                    same.timestamps.push(timestamp);
                }
            }
            if same.unknown.is_empty() {
                same.unknown = evidence.unknown;
            }
            return;
        }
        if self.evidence.len() >= MAX_EVIDENCE {
            let first_stamped = self.evidence.iter().position(|own| !own.timestamps.is_empty());
            // Of 16 elements at most two are kept, so there is always one to drop.
            if let Some(drop) = (1..self.evidence.len()).find(|index| Some(*index) != first_stamped) {
                self.evidence.remove(drop);
            }
        }
        self.evidence.push(evidence);
    }

    /// The receipt with all items of its manifest.
    #[must_use]
    pub fn with_manifest(mut self, manifest: &Manifest) -> Self {
        self.manifest = Some(ReceiptManifest::of(manifest));
        self
    }

    /// The receipt without its manifest: no file can be compared with it.
    #[must_use]
    pub fn without_manifest(mut self) -> Self {
        self.manifest = None;
        self
    }

    /// The receipt with one item of its manifest, for those who may see only that one.
    ///
    /// # Errors
    ///
    /// There is no full manifest, or no item at this path.
    pub fn with_one_item(mut self, path: &str) -> Result<Self, ChangeError> {
        let items = match self.manifest.as_ref().ok_or(ChangeError::NoManifest)?.opening()? {
            Opening::All(items) => items,
            Opening::One(_) => return Err(ChangeError::OneItemOnly),
        };
        let index = items
            .iter()
            .position(|item| item.item.path.as_str() == path)
            .ok_or_else(|| ChangeError::NoSuchPath(path.to_owned()))?;
        let opened = Manifest::from_sorted(items)?.open_one(index)?;
        self.manifest = Some(ReceiptManifest::of_one(&opened));
        Ok(self)
    }

    /// The receipt with a part withheld. With `who` goes the submission note, which names it; with
    /// `what` the manifest, which could not be led to anything. `when` stays.
    #[must_use]
    pub fn withholding(mut self, part: Part) -> Self {
        let leaves = self.record.leaves();
        match part {
            Part::What => {
                self.record.what = ReceiptPart::Withheld(leaves.what);
                self.manifest = None;
            }
            Part::Who => {
                self.record.who = ReceiptPart::Withheld(leaves.who);
                self = self.withholding_submission();
            }
            Part::Why => self.record.why = ReceiptPart::Withheld(leaves.why),
            Part::When => {}
        }
        self
    }

    /// The receipt with its submission note withheld.
    #[must_use]
    pub fn withholding_submission(mut self) -> Self {
        if let Some(ReceiptSubmission::Note(note)) = &self.submission {
            self.submission = Some(ReceiptSubmission::Withheld(submission::digest(note)));
        }
        self
    }
}
