//! The part `who`: the account, and unless it is a draft the signer.

use crate::hash::RecordId;
use crate::identifiers::{MemberId, OrganizationId};
use crate::index::LogIndex;
use crate::json::{self, Object, Value};
use crate::note::VerifierKey;
use crate::time::Instant;
use crate::vocabulary::{Meaning, Role, SignerKind};

use super::fields::{Fields, Place, log_index, parsed, record_id, text};
use super::what::put;
use super::why::words;
use super::{FieldViolation, Part, Reader};

const SIGNER_KEYS: &[&str] = &["enrolment", "key", "kind", "meaning", "name", "role", "signed_at"];
const KEYS: &[&str] = &[
    "enrolment",
    "key",
    "kind",
    "meaning",
    "member",
    "name",
    "organization",
    "role",
    "signed_at",
];

/// Who put something on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The organisation.
    pub organization: OrganizationId,
    /// The member of the organisation.
    pub member: MemberId,
    /// What the signer says of itself; absent in a draft, which nobody signed.
    pub signer: Option<Signer>,
}

/// The signer of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Printed name of the person or system (21 CFR 11.50).
    pub name: String,
    /// In which role.
    pub role: Role,
    /// What the signature means.
    pub meaning: Meaning,
    /// A person or a machine.
    pub kind: SignerKind,
    /// The verifier key, named `<organization>/<member>`.
    pub key: VerifierKey,
    /// When, as the signer states.
    pub signed_at: Instant,
    /// The record that enrolled the key.
    pub enrolment: Enrolment,
}

/// The record that enrolled a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Its log index.
    pub index: LogIndex,
    /// Its id.
    pub record: RecordId,
}

impl Who {
    /// The `who` of a draft: the account and nothing else.
    #[must_use]
    pub const fn draft(organization: OrganizationId, member: MemberId) -> Self {
        Self {
            organization,
            member,
            signer: None,
        }
    }

    /// Reads the part as admission does. All of the signer's keys or none are there.
    ///
    /// # Errors
    ///
    /// Each field that is wrong.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<FieldViolation>> {
        Self::parse_with_keys(text, |_| None)
    }

    /// As [`Who::parse`], for whoever has seen the key before: reading one takes longer than
    /// everything else here. `known` finds a parsed key by its exact vkey text.
    ///
    /// # Errors
    ///
    /// Each field that is wrong.
    pub fn parse_with_keys(
        text: &[u8],
        known: impl Fn(&str) -> Option<VerifierKey>,
    ) -> Result<Self, Vec<FieldViolation>> {
        Self::read_for(Reader::Admission, text, known)
    }

    /// Reads the part as a verifier does: any strict JSON, and keys that are not known are passed over.
    ///
    /// # Errors
    ///
    /// Each field that is wrong; codes of a later version are.
    pub fn read(text: &[u8]) -> Result<Self, Vec<FieldViolation>> {
        Self::read_for(Reader::Verifier, text, |_| None)
    }

    fn read_for(
        reader: Reader,
        text: &[u8],
        known: impl Fn(&str) -> Option<VerifierKey>,
    ) -> Result<Self, Vec<FieldViolation>> {
        let object = reader.parse(Part::Who, text)?;
        let mut violations = Vec::new();
        let mut fields = Fields::new(&object, Place::Root("who"), KEYS, &mut violations);
        let organization = fields.required("organization", parsed::<OrganizationId>);
        let member = fields.required("member", parsed::<MemberId>);
        let signed = SIGNER_KEYS.iter().any(|key| fields.has(key));
        let signer = if signed {
            read_signer(&mut fields, known)
        } else {
            None
        };
        let violations = reader.settle(violations);
        match (organization, member) {
            (Some(organization), Some(member)) if violations.is_empty() => Ok(Self {
                organization,
                member,
                signer,
            }),
            _ => Err(violations),
        }
    }

    /// The part's text, RFC 8785.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut object = Object::new();
        put(&mut object, "organization", &self.organization);
        put(&mut object, "member", &self.member);
        if let Some(signer) = &self.signer {
            let mut enrolment = Object::new();
            enrolment.insert("index", super::what::integer(signer.enrolment.index.get()));
            put(&mut enrolment, "record", &signer.enrolment.record);
            object.insert("enrolment", Value::Object(enrolment));
            put(&mut object, "key", &signer.key);
            put(&mut object, "kind", &signer.kind);
            put(&mut object, "meaning", &signer.meaning);
            put(&mut object, "name", &signer.name);
            put(&mut object, "role", &signer.role);
            put(&mut object, "signed_at", &signer.signed_at);
        }
        json::write(&object)
    }

    /// The name that the signer's key has: `<organization>/<member>`.
    #[must_use]
    pub fn key_name(&self) -> String {
        format!("{}/{}", self.organization, self.member)
    }
}

fn read_signer(fields: &mut Fields<'_>, known: impl Fn(&str) -> Option<VerifierKey>) -> Option<Signer> {
    let name = fields.required("name", words);
    let role = fields.required("role", parsed::<Role>);
    let meaning = fields.required("meaning", parsed::<Meaning>);
    let kind = fields.required("kind", parsed::<SignerKind>);
    let key = fields.required(
        "key",
        text(|vkey| known(vkey).map_or_else(|| VerifierKey::parse(vkey), Ok)),
    );
    let signed_at = fields.required("signed_at", text(Instant::parse));
    if !fields.has("enrolment") {
        fields.refuse("enrolment", "is missing".to_owned());
    }
    let enrolment = fields.object("enrolment", &["index", "record"], |fields| {
        let index = fields.required("index", log_index);
        let record = fields.required("record", record_id);
        Some(Enrolment {
            index: index?,
            record: record?,
        })
    });
    Some(Signer {
        name: name?,
        role: role?,
        meaning: meaning?,
        kind: kind?,
        key: key?,
        signed_at: signed_at?,
        enrolment: enrolment?,
    })
}
