//! Building a submission: typed fields in, the exact bytes that are sent out.
//!
//! ```
//! use trialseal::{Meaning, Role, Submission};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let submission = Submission::new("trial:NCT04573309".parse()?, "opinion".parse()?, "reported".parse()?)
//!     .signed_as(Role::Sponsor, Meaning::Responsibility)
//!     .reason("Letter of 4 May");
//! assert_eq!(submission.statement(), "Opinion, reported; meaning: responsibility.");
//! # Ok(()) }
//! ```

mod draft;
mod prepared;
mod statement;

use rand::TryRng as _;
use rand::rngs::SysRng;
use trialseal_core::checkpoint::Origin;
use trialseal_core::hash::Salt;
use trialseal_core::identifiers::{RegisterName, VersionCode};
use trialseal_core::manifest::{Item, Manifest, ManifestError};
use trialseal_core::receipt::ShownPart;
use trialseal_core::record::form::check_form;
use trialseal_core::record::{Enrolment, FieldViolation, Link, Part, Signer, What, Who, Why};
use trialseal_core::submission::{IdempotencyKey, NOT_AFTER_MILLIS_MAX, SubmissionText};
use trialseal_core::time::Instant;
use trialseal_core::vocabulary::{Class, Event, ItemUse, Meaning, Purpose, Role, SignerKind};

pub use draft::Draft;
pub use prepared::{Prepared, PreparedError};
pub use statement::statement;

pub(crate) use prepared::Subject;

use crate::hashing::HashedFile;
use crate::keys::MemberKey;
use crate::records::usual_meaning;

/// How long a submission can be recorded, unless said otherwise: one day, in milliseconds.
const NOT_AFTER_MILLIS: i64 = 24 * 3_600 * 1_000;

/// Who signs: the key, and what stands beside it in `who`.
#[derive(Debug)]
pub struct Signatory {
    /// The member's key.
    pub key: MemberKey,
    /// The person's or the system's printed name.
    pub name: String,
    /// A person, or a machine (which may only mean `execution`).
    pub kind: SignerKind,
    /// The record that enrolled the key.
    pub enrolment: Enrolment,
}

/// A submission that is being put together.
#[derive(Clone, Debug)]
pub struct Submission {
    what: What,
    why: Why,
    items: Vec<Item>,
    opening: Option<Manifest>,
    signed_as: Option<(Role, Meaning)>,
    not_after: Option<Instant>,
    idempotency_key: Option<IdempotencyKey>,
}

/// A submission that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Fields are missing or do not fit together.
    #[error("the submission is not well-formed:{}", .0.iter().map(|one| format!("\n  {one}")).collect::<String>())]
    Form(Vec<FieldViolation>),
    /// The files cannot stand in one manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A signature needs to say as what and with which meaning.
    #[error("a signed submission needs a role and a meaning")]
    Unsigned,
    /// `not after` is in the past or too far ahead.
    #[error("not after {not_after} is not within 14 days from {now}")]
    NotAfter {
        /// What was asked for.
        not_after: Instant,
        /// The caller's clock.
        now: Instant,
    },
    /// The operating system gives no randomness.
    #[error("no randomness: {0}")]
    Random(String),
}

impl Submission {
    /// A submission with what every record has.
    #[must_use]
    pub fn new(register: RegisterName, class: Class, event: Event) -> Self {
        Self {
            what: What::new(register, class, event),
            why: Why::default(),
            items: Vec::new(),
            opening: None,
            signed_as: None,
            not_after: None,
            idempotency_key: None,
        }
    }

    /// The version.
    #[must_use]
    pub fn version(mut self, version: VersionCode) -> Self {
        self.what.version = Some(version);
        self
    }

    /// What data or outputs are for.
    #[must_use]
    pub fn purpose(mut self, purpose: Purpose) -> Self {
        self.what.purpose = Some(purpose);
        self
    }

    /// Another link to an earlier record.
    #[must_use]
    pub fn link(mut self, link: Link) -> Self {
        self.what.links.push(link);
        self
    }

    /// Any other field of `what`. The manifest is set from the files, whatever is done here; only a tombstone
    /// restates that of another record.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut What)) -> Self {
        change(&mut self.what);
        self
    }

    /// The reason.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.why.reason = Some(reason.into());
        self
    }

    /// A remark.
    #[must_use]
    pub fn remark(mut self, remark: impl Into<String>) -> Self {
        self.why.remark = Some(remark.into());
        self
    }

    /// More files, without a stated use.
    #[must_use]
    pub fn files(self, files: &[HashedFile]) -> Self {
        self.files_as(None, files)
    }

    /// More files, and what they are to the record.
    #[must_use]
    pub fn files_as(mut self, used_as: Option<ItemUse>, files: &[HashedFile]) -> Self {
        self.items.extend(files.iter().map(|file| {
            let mut item = Item::new(file.path.clone(), &file.digests);
            item.used_as = used_as;
            item
        }));
        self
    }

    /// The manifest of an earlier record, with its salts: this record repeats what that one committed to.
    #[must_use]
    pub fn opening(mut self, manifest: Manifest) -> Self {
        self.opening = Some(manifest);
        self
    }

    /// As what the submitter signs, with the meaning that such a record usually has.
    #[must_use]
    pub fn signed_usually(self, role: Role) -> Self {
        let meaning = usual_meaning(self.what.class, self.what.event);
        self.signed_as(role, meaning)
    }

    /// As what the submitter signs, and what the signature means.
    #[must_use]
    pub fn signed_as(mut self, role: Role, meaning: Meaning) -> Self {
        self.signed_as = Some((role, meaning));
        self
    }

    /// Until when it can be recorded; by default one day from the signature, at most 14.
    #[must_use]
    pub fn not_after(mut self, not_after: Instant) -> Self {
        self.not_after = Some(not_after);
        self
    }

    /// The idempotency key; random by default.
    #[must_use]
    pub fn idempotency_key(mut self, key: IdempotencyKey) -> Self {
        self.idempotency_key = Some(key);
        self
    }

    /// Whether it is said as what the submitter signs.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.signed_as.is_some()
    }

    /// What was put together for `what`; its manifest is still absent.
    #[must_use]
    pub fn what(&self) -> &What {
        &self.what
    }

    /// What was put together for `why`.
    #[must_use]
    pub fn why(&self) -> &Why {
        &self.why
    }

    /// The files, in the order they were given.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The sentence that a person sees before signing.
    #[must_use]
    pub fn statement(&self) -> String {
        statement(&self.what, self.signed_as.map(|(_, meaning)| meaning))
    }

    /// Signs it for `log` and fixes its bytes: fresh salts, and a fresh idempotency key unless one
    /// was given. `now` is the caller's clock.
    ///
    /// # Errors
    ///
    /// The fields do not fit together, or `not after` is out of range.
    pub fn sign(&self, signatory: &Signatory, log: &Origin, now: Instant) -> Result<Prepared, PrepareError> {
        let (role, meaning) = self.signed_as.ok_or(PrepareError::Unsigned)?;
        let (mut what, manifest) = self.complete()?;
        for link in &mut what.links {
            // A link names its log only where that is another one.
            link.log = link.log.take().filter(|other| other != log);
        }
        let who = Who {
            organization: signatory.key.organization().clone(),
            member: signatory.key.member().clone(),
            signer: Some(Signer {
                name: signatory.name.clone(),
                role,
                meaning,
                kind: signatory.kind,
                key: signatory.key.verifier().clone(),
                signed_at: now,
                enrolment: signatory.enrolment,
            }),
        };
        form(&what, Some(&who), &self.why)?;
        let subject = Subject::of(&what);
        let parts = [what.to_json(), who.to_json(), self.why.to_json()];
        let salted = parts.map(|text| {
            random().map(|salt| ShownPart {
                salt: Salt::from_bytes(salt),
                text,
            })
        });
        let [what, who, why] = salted;
        let (what, who, why) = (what?, who?, why?);
        let text = SubmissionText {
            log: log.clone(),
            not_after: self.checked_not_after(now)?,
            idempotency_key: self.chosen_key()?,
            what: what.leaf(Part::What),
            who: who.leaf(Part::Who),
            why: why.leaf(Part::Why),
        };
        let note = text.sign(signatory.key.signing());
        Ok(Prepared::new(subject, [what, who, why], text, note, manifest))
    }

    /// Leaves composing and recording to the notary: not signed, and every rendering says so.
    ///
    /// # Errors
    ///
    /// The fields do not fit together, or this may not be a draft.
    pub fn draft(&self) -> Result<Draft, PrepareError> {
        let (what, manifest) = self.complete()?;
        form(&what, None, &self.why)?;
        Ok(Draft::new(what, self.why.clone(), self.chosen_key()?, manifest))
    }

    /// `what` with its manifest, which gets fresh salts.
    fn complete(&self) -> Result<(What, Option<Manifest>), PrepareError> {
        let mut what = self.what.clone();
        if what.erased.is_none() {
            what.manifest = None;
        }
        if let Some(manifest) = &self.opening {
            what.manifest = Some(manifest.commitment());
            return Ok((what, Some(manifest.clone())));
        }
        if self.items.is_empty() {
            return Ok((what, None));
        }
        let mut salted = Vec::with_capacity(self.items.len());
        for item in &self.items {
            salted.push((Salt::from_bytes(random()?), item.clone()));
        }
        let manifest = Manifest::new(salted)?;
        what.manifest = Some(manifest.commitment());
        Ok((what, Some(manifest)))
    }

    fn checked_not_after(&self, now: Instant) -> Result<Instant, PrepareError> {
        // Whole seconds: shorter to read, and nobody needs more.
        let default = || Instant::from_seconds(now.plus_millis(NOT_AFTER_MILLIS).seconds());
        let not_after = self.not_after.unwrap_or_else(default);
        let latest = now.plus_millis(NOT_AFTER_MILLIS_MAX);
        if not_after < now || not_after > latest {
            return Err(PrepareError::NotAfter { not_after, now });
        }
        Ok(not_after)
    }

    fn chosen_key(&self) -> Result<IdempotencyKey, PrepareError> {
        match self.idempotency_key {
            Some(key) => Ok(key),
            None => random().map(IdempotencyKey::from_bytes),
        }
    }
}

fn form(what: &What, who: Option<&Who>, why: &Why) -> Result<(), PrepareError> {
    let violations = check_form(what, who, why, who.is_some());
    if violations.is_empty() {
        Ok(())
    } else {
        Err(PrepareError::Form(violations))
    }
}

/// 32 bytes from the operating system.
pub(crate) fn random() -> Result<[u8; 32], PrepareError> {
    let mut bytes = [0; 32];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| PrepareError::Random(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
