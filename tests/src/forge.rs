//! Signed submissions of any bytes: what the SDK would never make.

use bytes::Bytes;
use trialseal::Signatory;
use trialseal_core::checkpoint::Origin;
use trialseal_core::hash::{Hash, Salt};
use trialseal_core::json::{self, Object, Value};
use trialseal_core::note::Ed25519SigningKey;
use trialseal_core::record::{Signer, Who};
use trialseal_core::salted::{Tag, salted_leaf};
use trialseal_core::submission::{IdempotencyKey, SubmissionText};
use trialseal_core::time::Instant;
use trialseal_core::vocabulary::{Meaning, Role};
use trialseal_proto::v1;

use crate::caller::REGISTER;
use crate::notary::ORIGIN;

/// A signed submission whose every byte can be changed before and after it is signed.
#[derive(Clone)]
pub struct Forgery {
    /// Text of `what`.
    pub what: Vec<u8>,
    /// Text of `who`.
    pub who: Vec<u8>,
    /// Text of `why`.
    pub why: Vec<u8>,
    /// The log that it is signed for.
    pub log: String,
    /// Until when it may be recorded.
    pub not_after: Instant,
    /// Its idempotency key.
    pub idempotency_key: [u8; 32],
}

impl Forgery {
    /// A submission that would be accepted, signed by `signatory` at `now`.
    #[must_use]
    pub fn good(signatory: &Signatory, now: Instant) -> Self {
        let who = Who {
            organization: signatory.key.organization().clone(),
            member: signatory.key.member().clone(),
            signer: Some(Signer {
                name: signatory.name.clone(),
                role: Role::Sponsor,
                meaning: Meaning::Responsibility,
                kind: signatory.kind,
                key: signatory.key.verifier().clone(),
                signed_at: now,
                enrolment: signatory.enrolment,
            }),
        };
        let what = format!(r#"{{"class":"trial","event":"enrolment-opened","register":"{REGISTER}"}}"#);
        Self {
            what: what.into_bytes(),
            who: who.to_json().into_bytes(),
            why: br#"{"reason":"Letter of 4 May"}"#.to_vec(),
            log: ORIGIN.to_owned(),
            not_after: now.plus_millis(3_600_000),
            idempotency_key: rand::random(),
        }
    }

    /// With another text of `what`.
    #[must_use]
    pub fn what(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.what = text.into();
        self
    }

    /// With a key of `what` set; the result is JCS.
    #[must_use]
    pub fn what_with(mut self, key: &str, value: Value) -> Self {
        self.what = set(&self.what, key, value);
        self
    }

    /// With a key of `who` set; the result is JCS.
    #[must_use]
    pub fn who_with(mut self, key: &str, value: Value) -> Self {
        self.who = set(&self.who, key, value);
        self
    }

    /// With another text of `why`.
    #[must_use]
    pub fn why(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.why = text.into();
        self
    }

    /// With another `not after`.
    #[must_use]
    pub fn not_after(mut self, not_after: Instant) -> Self {
        self.not_after = not_after;
        self
    }

    /// Signs it, whatever it is.
    #[must_use]
    pub fn sign(&self, key: &Ed25519SigningKey) -> v1::Prepared {
        let [what, who, why] = [&self.what, &self.who, &self.why].map(|text| (rand::random(), text.clone()));
        let leaf = |tag, (salt, text): &([u8; 32], Vec<u8>)| salted_leaf(tag, &Salt::from_bytes(*salt), text);
        let note = self.note(
            leaf(Tag::What, &what),
            leaf(Tag::Who, &who),
            leaf(Tag::Why, &why),
            key,
        );
        let part = |(salt, text): ([u8; 32], Vec<u8>)| {
            Some(v1::PreparedPart {
                salt: Bytes::copy_from_slice(&salt),
                text: Bytes::from(text),
            })
        };
        v1::Prepared {
            what: part(what),
            who: part(who),
            why: part(why),
            note,
        }
    }

    fn note(&self, what: Hash, who: Hash, why: Hash, key: &Ed25519SigningKey) -> String {
        let text = SubmissionText {
            log: Origin::new(&self.log).unwrap(),
            not_after: self.not_after,
            idempotency_key: IdempotencyKey::from_bytes(self.idempotency_key),
            what,
            who,
            why,
        };
        text.sign(key)
    }
}

/// The request for it.
#[must_use]
pub fn of(prepared: v1::Prepared) -> v1::SubmitRequest {
    v1::SubmitRequest {
        submission: Some(v1::submit_request::Submission::Prepared(prepared)),
        level: 0,
        wait: None,
    }
}

/// A JSON string.
#[must_use]
pub fn string(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn set(text: &[u8], key: &str, value: Value) -> Vec<u8> {
    let object = json::parse(text).unwrap();
    let mut changed = Object::new();
    let kept = object.iter().filter(|(own, _)| *own != key);
    for (own, old) in kept {
        changed.insert(own, old.clone());
    }
    changed.insert(key, value);
    json::write(&changed).into_bytes()
}
