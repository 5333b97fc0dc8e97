//! A submission that the notary composes and nobody signs.

use trialseal_core::manifest::Manifest;
use trialseal_core::record::{What, Why};
use trialseal_core::submission::IdempotencyKey;

use super::prepared::Subject;

/// Typed fields, recorded through the account's access and not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    subject: Subject,
    what: What,
    why: Why,
    // Compared with what the notary composed.
    what_text: String,
    why_text: String,
    idempotency_key: IdempotencyKey,
    manifest: Option<Manifest>,
}

impl Draft {
    pub(super) fn new(
        what: What,
        why: Why,
        idempotency_key: IdempotencyKey,
        manifest: Option<Manifest>,
    ) -> Self {
        let (what_text, why_text) = (what.to_json(), why.to_json());
        Self {
            subject: Subject::of(&what),
            what,
            why,
            what_text,
            why_text,
            idempotency_key,
            manifest,
        }
    }

    /// From fields that were kept. None where the manifest is not the one that `what` commits to.
    #[must_use]
    pub fn from_parts(
        what: What,
        why: Why,
        idempotency_key: IdempotencyKey,
        manifest: Option<Manifest>,
    ) -> Option<Self> {
        let same = manifest.as_ref().map(Manifest::commitment) == what.manifest;
        same.then(|| Self::new(what, why, idempotency_key, manifest))
    }

    /// What is to be recorded.
    #[must_use]
    pub fn what(&self) -> &What {
        &self.what
    }

    /// The reason and the remark.
    #[must_use]
    pub fn why(&self) -> &Why {
        &self.why
    }

    /// The text that the notary has to compose for `what`.
    #[must_use]
    pub fn what_text(&self) -> &str {
        &self.what_text
    }

    /// The text that the notary has to compose for `why`.
    #[must_use]
    pub fn why_text(&self) -> &str {
        &self.why_text
    }

    /// The idempotency key.
    #[must_use]
    pub fn idempotency_key(&self) -> IdempotencyKey {
        self.idempotency_key
    }

    /// The files with their salts; it stays with the submitter.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }
}
