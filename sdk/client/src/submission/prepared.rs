//! A signed submission: the exact bytes that are sent, and sent again.

use trialseal_core::hash::Hash;
use trialseal_core::identifiers::RegisterName;
use trialseal_core::manifest::Manifest;
use trialseal_core::receipt::ShownPart;
use trialseal_core::record::{FieldViolation, Part, What, Who};
use trialseal_core::submission::{self, IdempotencyKey, SubmissionError, SubmissionText};
use trialseal_core::time::Instant;
use trialseal_core::vocabulary::{Class, Event};

/// A signed submission. Its bytes never change again: whoever sends it twice gets one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    subject: Subject,
    pub(crate) what: ShownPart,
    pub(crate) who: ShownPart,
    pub(crate) why: ShownPart,
    text: SubmissionText,
    pub(crate) note: String,
    digest: Hash,
    pub(crate) manifest: Option<Manifest>,
}

/// What the notary copies from `what` into `when`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) register: RegisterName,
    pub(crate) class: Class,
    pub(crate) event: Event,
}

/// Bytes that are no signed submission.
#[derive(Debug, thiserror::Error)]
pub enum PreparedError {
    /// A part does not read.
    #[error("{part}: {problem}")]
    Part {
        /// Which.
        part: Part,
        /// What is wrong.
        problem: String,
    },
    /// The note does not verify.
    #[error(transparent)]
    Note(#[from] SubmissionError),
    /// The note signs another part.
    #[error("the note signs another {0}")]
    OtherPart(Part),
    /// The draft has no signer.
    #[error("who names no signer")]
    Unsigned,
    /// The files are not those that `what` commits to.
    #[error("the manifest is not the one that what commits to")]
    OtherManifest,
}

impl Subject {
    pub(crate) fn of(what: &What) -> Self {
        Self {
            register: what.register.clone(),
            class: what.class,
            event: what.event,
        }
    }
}

impl Prepared {
    pub(super) fn new(
        subject: Subject,
        [what, who, why]: [ShownPart; 3],
        text: SubmissionText,
        note: String,
        manifest: Option<Manifest>,
    ) -> Self {
        let digest = submission::digest(&note);
        Self {
            subject,
            what,
            who,
            why,
            text,
            note,
            digest,
            manifest,
        }
    }

    /// From bytes that were kept: each part, the note and the manifest must belong together.
    ///
    /// # Errors
    ///
    /// What does not.
    pub fn from_parts(
        [what, who, why]: [ShownPart; 3],
        note: String,
        manifest: Option<Manifest>,
    ) -> Result<Self, PreparedError> {
        let problem = |part, found: Vec<FieldViolation>| PreparedError::Part {
            part,
            problem: found.first().map(ToString::to_string).unwrap_or_default(),
        };
        let typed = What::parse(what.text.as_bytes()).map_err(|found| problem(Part::What, found))?;
        let signer = Who::parse(who.text.as_bytes())
            .map_err(|found| problem(Part::Who, found))?
            .signer
            .ok_or(PreparedError::Unsigned)?;
        let text = submission::verify(&note, &signer.key)?.text;
        for (part, shown, signed) in [
            (Part::What, &what, text.what),
            (Part::Who, &who, text.who),
            (Part::Why, &why, text.why),
        ] {
            if shown.leaf(part) != signed {
                return Err(PreparedError::OtherPart(part));
            }
        }
        if manifest.as_ref().map(Manifest::commitment) != typed.manifest {
            return Err(PreparedError::OtherManifest);
        }
        Ok(Self::new(
            Subject::of(&typed),
            [what, who, why],
            text,
            note,
            manifest,
        ))
    }

    /// The part `what`.
    #[must_use]
    pub fn what(&self) -> &ShownPart {
        &self.what
    }

    /// The part `who`.
    #[must_use]
    pub fn who(&self) -> &ShownPart {
        &self.who
    }

    /// The part `why`.
    #[must_use]
    pub fn why(&self) -> &ShownPart {
        &self.why
    }

    /// The signed note.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// What the note says.
    #[must_use]
    pub fn text(&self) -> &SubmissionText {
        &self.text
    }

    /// SHA-256 of the note, as `when.submission` will hold it.
    #[must_use]
    pub fn digest(&self) -> Hash {
        self.digest
    }

    /// The idempotency key.
    #[must_use]
    pub fn idempotency_key(&self) -> IdempotencyKey {
        self.text.idempotency_key
    }

    /// Until when it can be recorded.
    #[must_use]
    pub fn not_after(&self) -> Instant {
        self.text.not_after
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
