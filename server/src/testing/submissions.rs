//! People, and what they submit.

use bytes::Bytes;
use trialseal_core::{
    checkpoint::Origin,
    hash::{Hash, Salt, sha256, sha256_of},
    identifiers::{MemberId, OrganizationId, RegisterName, VersionCode},
    note::{Ed25519SigningKey, KeyName},
    record::{Enrolment, Grant, IdentityGrade, ManifestCommitment, Signer, What, Who, Why},
    salted::Tag,
    submission::{IdempotencyKey, SubmissionText},
    time::Instant,
    vocabulary::{Blind, Class, Event, Meaning, OrganizationKind, Role, SignerKind},
};

use crate::{
    admit::{Caller, Draft, Prepared},
    state::{AccountChange, Accounts, MemberKind},
    stored::SaltedText,
};

/// Somebody with an account.
pub(crate) struct Person {
    pub(crate) organization: OrganizationId,
    pub(crate) member: MemberId,
    pub(crate) key: Ed25519SigningKey,
    pub(crate) token: [u8; 32],
}

impl Person {
    /// Key and token follow from the seed.
    pub(crate) fn new(organization: &str, member: &str, seed: u8) -> Self {
        let name = KeyName::new(&format!("{organization}/{member}")).unwrap();
        Self {
            organization: OrganizationId::new(organization).unwrap(),
            member: MemberId::new(member).unwrap(),
            key: Ed25519SigningKey::from_seed(name, [seed; 32]),
            token: *sha256(&[seed]).as_bytes(),
        }
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller {
            organization: self.organization.clone(),
            member: self.member.clone(),
        }
    }
}

/// Who makes the records of accounts.
pub(crate) fn operator() -> Caller {
    Caller {
        organization: OrganizationId::new(OrganizationId::NOTARY).unwrap(),
        member: MemberId::new(MemberId::OPERATOR).unwrap(),
    }
}

/// The changes that enrol an organisation, a member, its key and its token.
pub(crate) fn account_changes(person: &Person, now: Instant) -> Vec<AccountChange> {
    let (organization, member) = (person.organization.clone(), person.member.clone());
    vec![
        AccountChange::OrganizationRegistered {
            organization: organization.clone(),
            kind: OrganizationKind::Other,
            grade: IdentityGrade::SelfAsserted,
            identifiers: Vec::new(),
        },
        AccountChange::MemberRegistered {
            organization: organization.clone(),
            member: member.clone(),
            kind: MemberKind::Person,
        },
        AccountChange::KeyRegistered {
            organization: organization.clone(),
            member: member.clone(),
            key: Box::new(person.key.verifier().clone()),
        },
        AccountChange::TokenRegistered {
            organization,
            member,
            token: sha256(&person.token),
            expires: now.plus_millis(365 * 24 * 3_600_000),
        },
    ]
}

fn numbered(what: &str, number: u64) -> Hash {
    sha256_of(&[what.as_bytes(), &number.to_be_bytes()])
}

/// The idempotency key of submission `number`.
pub(crate) fn idempotency_key(number: u64) -> [u8; 32] {
    *numbered("idempotency", number).as_bytes()
}

/// The part `what` of submission `number`: one of five registers.
pub(crate) fn what(number: u64) -> What {
    let register = RegisterName::parse(&format!("trial:NCT0457330{}", number % 5)).unwrap();
    let mut what = What::new(register, Class::Dataset, Event::Recorded);
    what.version = Some(VersionCode::new(&format!("v{number}")).unwrap());
    what.manifest = Some(ManifestCommitment {
        items: 1,
        root: numbered("manifest", number),
    });
    what
}

/// Submission `number` as a draft.
pub(crate) fn draft(_person: &Person, number: u64) -> Draft {
    Draft {
        what: what(number),
        why: Why::default(),
        idempotency_key: idempotency_key(number),
    }
}

/// What somebody says in a signed submission.
pub(crate) struct Saying {
    pub(crate) what: What,
    pub(crate) why: Why,
    pub(crate) name: String,
    pub(crate) role: Role,
}

impl Saying {
    /// This, without a reason.
    pub(crate) fn plainly(what: What, role: Role) -> Self {
        Self {
            what,
            why: Why::default(),
            name: "A. Person".to_owned(),
            role,
        }
    }
}

/// Submission `number`, signed.
pub(crate) fn signed(
    person: &Person,
    origin: &Origin,
    accounts: &Accounts,
    number: u64,
    now: Instant,
) -> Prepared {
    let signing = Signing {
        origin,
        accounts,
        now,
    };
    signing.sign(person, Role::Sponsor, &what(number), number)
}

/// A grant to somebody else of a role in the register of submission `number`, all of it.
pub(crate) fn granted(to: &Person, role: Role, number: u64) -> What {
    let mut what = What::new(what(number).register, Class::Grant, Event::Granted);
    what.grant = Some(Grant {
        organization: to.organization.clone(),
        member: to.member.clone(),
        role,
        blind: Blind::Blinded,
        expires: None,
    });
    what
}

/// By what something is signed.
#[derive(Clone, Copy)]
pub(crate) struct Signing<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) accounts: &'a Accounts,
    pub(crate) now: Instant,
}

impl Signing<'_> {
    /// `what` signed in a role; salts and idempotency key follow from the number.
    pub(crate) fn sign(&self, person: &Person, role: Role, what: &What, number: u64) -> Prepared {
        self.sign_saying(person, &Saying::plainly(what.clone(), role), number)
    }

    /// The same, with reason and name.
    pub(crate) fn sign_saying(&self, person: &Person, saying: &Saying, number: u64) -> Prepared {
        let enrolled = self
            .accounts
            .key(&person.organization, &person.member, person.key.verifier())
            .unwrap();
        let who = Who {
            organization: person.organization.clone(),
            member: person.member.clone(),
            signer: Some(Signer {
                name: saying.name.clone(),
                role: saying.role,
                meaning: Meaning::Authorship,
                kind: SignerKind::Person,
                key: person.key.verifier().clone(),
                signed_at: self.now,
                enrolment: Enrolment {
                    index: enrolled.index,
                    record: enrolled.record,
                },
            }),
        };
        let part = |part: &str, text: String| SaltedText {
            salt: Salt::from_bytes(*numbered(part, number).as_bytes()),
            text: Bytes::from(text),
        };
        let parts = (
            part("what", saying.what.to_json()),
            part("who", who.to_json()),
            part("why", saying.why.to_json()),
        );
        let text = SubmissionText {
            log: self.origin.clone(),
            not_after: self.now.plus_millis(24 * 3_600_000),
            idempotency_key: IdempotencyKey::from_bytes(idempotency_key(number)),
            what: parts.0.leaf(Tag::What),
            who: parts.1.leaf(Tag::Who),
            why: parts.2.leaf(Tag::Why),
        };
        let note = Bytes::from(text.sign(&person.key));
        Prepared {
            what: parts.0,
            who: parts.1,
            why: parts.2,
            note,
        }
    }
}
