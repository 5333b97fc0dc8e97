//! The part `what`: what was notarized. It holds codes and dates, no free text.

mod read;
mod trial;
mod write;

use crate::checkpoint::Origin;
use crate::hash::{Hash, RecordId};
use crate::identifiers::{
    Code, Country, MemberId, OrganizationId, PublicIdentifier, Reference, RegisterName, TimeZoneName,
    VersionCode,
};
use crate::index::{LogIndex, Sequence};
use crate::json::Value;
use crate::note::VerifierKey;
use crate::time::{Date, Instant};
use crate::vocabulary::{
    AccountType, Basis, Blind, Class, Decision, ErasablePart, Event, Purpose, Rel, Role, TransferMode,
    sealed_by_default,
};

use super::{FieldViolation, Reader};

pub use crate::vocabulary::IdentityGrade;
pub use trial::{CountrySettings, SiteSettings, Trial, TrialSettings};
pub(crate) use write::integer;
pub(super) use write::put;

/// What was notarized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct What {
    /// The register that the record belongs to.
    pub register: RegisterName,
    /// What kind of thing it is about.
    pub class: Class,
    /// What happened to it.
    pub event: Event,
    /// Its version.
    pub version: Option<VersionCode>,
    /// The commitment to its files; absent where it is about no file.
    pub manifest: Option<ManifestCommitment>,
    /// Earlier records that it refers to, at most 64.
    pub links: Vec<Link>,
    /// Where it applies.
    pub scope: Option<Scope>,
    /// What data or outputs are for.
    pub purpose: Option<Purpose>,
    /// Whether blinded eyes may know only that it exists, where that differs from the class.
    pub sealed: Option<bool>,
    /// What was decided.
    pub decision: Option<Decision>,
    /// What is affected, as codes.
    pub affects: Vec<Code>,
    /// On what the record rests.
    pub basis: Option<Basis>,
    /// When it happened, as the submitter states.
    pub declared_at: Option<Declared>,
    /// The date on the document.
    pub document_date: Option<Date>,
    /// The date of the decision.
    pub decided_on: Option<Date>,
    /// First day of validity.
    pub valid_from: Option<Date>,
    /// Last day of validity, inclusive.
    pub valid_until: Option<Date>,
    /// The time zone of the dates.
    pub tz: Option<TimeZoneName>,
    /// Where a program or an output comes from.
    pub source: Option<Source>,
    /// Its place in a series of transfers.
    pub transfer: Option<Transfer>,
    /// What participants agreed to, in numbers.
    pub consent: Option<Consent>,
    /// Not to be erased before this day.
    pub retain_until: Option<Date>,
    /// The register head that the submitter verified last.
    pub seen: Option<Seen>,
    /// The account that is enrolled or revoked.
    pub account: Option<Account>,
    /// The role that is granted or revoked.
    pub grant: Option<Grant>,
    /// What was erased.
    pub erased: Option<Erased>,
    /// Under which other ids the trial is known; with its registration.
    pub trial: Option<Trial>,
    /// Settings of the trial.
    pub settings: Option<TrialSettings>,
    /// Keys `x-...` at the top, kept as they are.
    pub extensions: Vec<(String, Value)>,
}

/// What a submission commits to: never a file, never a file's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestCommitment {
    /// Number of items, 1 to 100,000.
    pub items: u32,
    /// RFC 6962 root over the salted item leaves.
    pub root: Hash,
}

/// A link to an earlier record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// How this record relates to it.
    pub rel: Rel,
    /// Its id.
    pub record: RecordId,
    /// Its log index.
    pub index: LogIndex,
    /// The log that holds it, if another one.
    pub log: Option<Origin>,
}

/// Where a record applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere.
    All,
    /// Where these codes say.
    Only(Box<Scopes>),
}

/// Codes that bound where a record applies; an empty list does not bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    /// Sites.
    pub sites: Vec<Code>,
    /// Countries.
    pub countries: Vec<Country>,
    /// Visits.
    pub visits: Vec<Code>,
    /// Forms.
    pub forms: Vec<Code>,
    /// Datasets.
    pub datasets: Vec<Code>,
}

/// A time that the submitter states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// To the second or millisecond.
    At(Instant),
    /// To the day, in the record's time zone.
    On(Date),
}

/// Where a program or an output comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The repository.
    pub repository: Option<Reference>,
    /// The commit.
    pub commit: Option<Reference>,
    /// Whether the working copy had changes.
    pub dirty: Option<bool>,
    /// The run of the pipeline.
    pub run: Option<Reference>,
}

/// A place in a series of transfers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transfer {
    /// The series.
    pub series: Option<Code>,
    /// The number in the series.
    pub number: Option<u64>,
    /// Everything, or what changed.
    pub mode: Option<TransferMode>,
    /// Whether it is a test.
    pub test: Option<bool>,
}

/// Consents in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// The kind of consent.
    pub kind: Option<Code>,
    /// How many.
    pub count: Option<u64>,
    /// From which day.
    pub from: Option<Date>,
}

/// A register's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Sequence of the last record.
    pub sequence: Sequence,
    /// Its id.
    pub record: RecordId,
    /// Its log index.
    pub index: LogIndex,
}

/// An account that a record enrols or revokes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What it is.
    pub account_type: AccountType,
    /// Id of the organisation, or of the member that it belongs to.
    pub id: MemberId,
    /// The member's verifier key; with type `key`.
    pub vkey: Option<VerifierKey>,
    /// SHA-256 of the token; with type `token`.
    pub token_sha256: Option<Hash>,
    /// When it ends.
    pub expires: Option<Instant>,
    /// Kind of organisation, or `person` or `system`.
    pub kind: Option<Code>,
    /// How the identity was checked.
    pub grade: Option<IdentityGrade>,
    /// Public identifiers of the organisation or the person.
    pub identifiers: Vec<PublicIdentifier>,
}

/// A role that a record grants or revokes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The organisation of the member.
    pub organization: OrganizationId,
    /// The member.
    pub member: MemberId,
    /// The role.
    pub role: Role,
    /// Whether the member may see treatment assignments.
    pub blind: Blind,
    /// When it ends.
    pub expires: Option<Instant>,
}

/// What a tombstone stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The record of which parts were erased.
    pub record: RecordId,
    /// Its log index.
    pub index: LogIndex,
    /// The parts, each once.
    pub parts: Vec<ErasablePart>,
    /// The record's class, restated where `what` is erased.
    pub class: Option<Class>,
    /// The record's event, restated where `what` is erased.
    pub event: Option<Event>,
}

impl What {
    /// A record with its three mandatory keys.
    #[must_use]
    pub const fn new(register: RegisterName, class: Class, event: Event) -> Self {
        Self {
            register,
            class,
            event,
            version: None,
            manifest: None,
            links: Vec::new(),
            scope: None,
            purpose: None,
            sealed: None,
            decision: None,
            affects: Vec::new(),
            basis: None,
            declared_at: None,
            document_date: None,
            decided_on: None,
            valid_from: None,
            valid_until: None,
            tz: None,
            source: None,
            transfer: None,
            consent: None,
            retain_until: None,
            seen: None,
            account: None,
            grant: None,
            erased: None,
            trial: None,
            settings: None,
            extensions: Vec::new(),
        }
    }

    /// Reads the part as admission does: canonical JSON, known keys and codes, all limits.
    ///
    /// # Errors
    ///
    /// Each field that is wrong.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<FieldViolation>> {
        read::what(text, Reader::Admission)
    }

    /// Reads the part as a verifier does: any strict JSON, and keys that are not known are passed over.
    ///
    /// # Errors
    ///
    /// Each field that is wrong; codes of a later version are.
    pub fn read(text: &[u8]) -> Result<Self, Vec<FieldViolation>> {
        read::what(text, Reader::Verifier)
    }

    /// The part's text, RFC 8785.
    #[must_use]
    pub fn to_json(&self) -> String {
        write::what(self)
    }

    /// Whether the notary marks the record as sealed: as the submitter says, else as the class is.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.sealed.unwrap_or_else(|| sealed_by_default(self.class))
    }

    /// Whether a key that some event requires is there.
    pub(super) fn has(&self, key: &str) -> bool {
        match key {
            "version" => self.version.is_some(),
            "manifest" => self.manifest.is_some(),
            "decision" => self.decision.is_some(),
            "decided_on" => self.decided_on.is_some(),
            "account" => self.account.is_some(),
            "grant" => self.grant.is_some(),
            "erased" => self.erased.is_some(),
            "settings" => self.settings.is_some(),
            "affects" => !self.affects.is_empty(),
            _ => false,
        }
    }
}
