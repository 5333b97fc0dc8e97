//! Changing a receipt without touching what is hashed: more evidence, a manifest, less to see.

use crate::manifest::{Manifest, ManifestError, Opening};
use crate::note::SignatureLine;
use crate::record::Part;
use crate::submission;
use crate::tlog_proof::TlogProof;

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

impl Evidence {
    /// Takes in what is new in another element, if that is the same proof; tells whether anything was.
    fn take(&mut self, other: &Self) -> Option<bool> {
        let keys_agree = self.unknown.is_empty() || other.unknown.is_empty() || self.unknown == other.unknown;
        let proof = widest(&self.proof, &other.proof).filter(|_| keys_agree)?;
        let mut changed = proof != self.proof;
        self.proof = proof.to_owned();
        for timestamp in &other.timestamps {
            if !self.timestamps.contains(timestamp) && self.timestamps.len() < MAX_TIMESTAMPS {
                self.timestamps.push(timestamp.clone());
                changed = true;
            }
        }
        if self.unknown.is_empty() && !other.unknown.is_empty() {
            self.unknown = other.unknown.clone();
            changed = true;
        }
        Some(changed)
    }

    /// Whether somebody else than the log has signed the checkpoint.
    fn has_cosignature(&self) -> bool {
        let Ok(proof) = TlogProof::parse(&self.proof) else {
            return false;
        };
        let origin = proof.checkpoint.text().split('\n').next().unwrap_or_default();
        let lines = proof.checkpoint.lines();
        lines.iter().any(|line| line.name().as_str() != origin)
    }
}

/// Of two proofs with the same path to the same checkpoint the one that has all signature lines of
/// the other.
fn widest<'a>(own: &'a str, other: &'a str) -> Option<&'a str> {
    if own == other {
        return Some(own);
    }
    let (one, two) = (TlogProof::parse(own).ok()?, TlogProof::parse(other).ok()?);
    let same = one.extra == two.extra
        && one.index == two.index
        && one.path == two.path
        && one.checkpoint.text() == two.checkpoint.text();
    if !same {
        return None;
    }
    let (one, two) = (one.checkpoint.lines(), two.checkpoint.lines());
    let contains = |all: &[SignatureLine], some: &[SignatureLine]| some.iter().all(|line| all.contains(line));
    if contains(two, one) {
        Some(other)
    } else if contains(one, two) {
        Some(own)
    } else {
        None
    }
}

impl Receipt {
    /// Appends evidence, so that what was there first is never lost, and tells whether the receipt
    /// changed. Evidence that is there already takes new timestamps, and new cosignatures over the
    /// same checkpoint.
    ///
    /// Beyond 16 elements the oldest goes that is neither the first of all, nor the first with a
    /// timestamp, nor the first with a cosignature. The newest always stays.
    pub fn append_evidence(&mut self, evidence: Evidence) -> bool {
        for own in &mut self.evidence {
            if let Some(changed) = own.take(&evidence) {
                return changed;
            }
        }
        if self.evidence.len() >= MAX_EVIDENCE {
            let first = |has: fn(&Evidence) -> bool| self.evidence.iter().position(has);
            let kept = [
                Some(0),
                first(|own| !own.timestamps.is_empty()),
                first(Evidence::has_cosignature),
            ];
            // Of 16 elements at most three are kept, so there is always one to drop.
            if let Some(drop) = (0..self.evidence.len()).find(|place| !kept.contains(&Some(*place))) {
                self.evidence.remove(drop);
            }
        }
        self.evidence.push(evidence);
        true
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
