//! Admission: who is asking, is the submission well-formed, may they.
//!
//! Needs the accounts and the committed log, and changes nothing. What depends on the
//! record's exact place is decided again by [`crate::seal`].

mod erasure;

use rand::Rng as _;
use trialseal_core::{
    authority::{self, NotAllowed},
    hash::{Hash, RecordId, Salt, sha256},
    identifiers::{MemberId, OrganizationId},
    index::LogIndex,
    note::SignedNote,
    record::{FieldViolation, MAX_TEXT_BYTES, Signer, What, Who, Why, form::check_form},
    salted::Tag,
    submission::{self, NOT_AFTER_MILLIS_MAX, SubmissionText},
    time::Instant,
    vocabulary::Role,
};

use crate::{
    account_record::account_record,
    chain::{Chain, ReadLog},
    refusal::Refusal,
    seal::Admitted,
    state::{AccountChange, AccountError, AccountRecord, Accounts, Author, Fingerprint, Said},
    stored::{SaltedText, Submitted},
};

/// Who is asking: a member in force, known by a token or by the operator's socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Organisation.
    pub organization: OrganizationId,
    /// Member.
    pub member: MemberId,
}

/// The exact bytes of a signed submission.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Part `what`.
    pub what: SaltedText,
    /// Part `who`.
    pub who: SaltedText,
    /// Part `why`; empty text without a reason.
    pub why: SaltedText,
    /// The signed note.
    pub note: bytes::Bytes,
}

/// A submission that the notary composes.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What was notarized.
    pub what: What,
    /// Why.
    pub why: Why,
    /// The caller's key.
    pub idempotency_key: [u8; 32],
}

/// What admission judges by.
#[derive(Clone, Copy)]
pub struct Admission<'a> {
    /// This log and those before it, for links.
    pub chain: &'a Chain,
    /// The accounts in force.
    pub accounts: &'a Accounts,
    /// The time now.
    pub now: Instant,
}

/// Finds the member that a token speaks for.
///
/// The token's SHA-256 is looked up: the time that takes tells nothing about the token.
///
/// # Errors
/// [`Refusal::TokenUnknown`], [`Refusal::TokenRevoked`] or [`Refusal::TokenExpired`].
pub fn authenticate(accounts: &Accounts, token: &[u8; 32], now: Instant) -> Result<Caller, Refusal> {
    let token = accounts.token(&sha256(token)).ok_or(Refusal::TokenUnknown)?;
    if token.revoked || accounts.member(&token.organization, &token.member).is_none() {
        return Err(Refusal::TokenRevoked);
    }
    if token.expires <= now {
        return Err(Refusal::TokenExpired(token.expires));
    }
    Ok(Caller {
        organization: token.organization.clone(),
        member: token.member.clone(),
    })
}

impl Admission<'_> {
    /// Admits a signed submission.
    ///
    /// # Errors
    /// Everything that is wrong with its form at once, or the first lack of authority.
    pub fn prepared(&self, caller: &Caller, prepared: Prepared) -> Result<Admitted, Refusal> {
        let Prepared {
            what: what_text,
            who: who_text,
            why: why_text,
            note,
        } = prepared;
        let (what, who, why) = parse_parts(self.accounts, &what_text, &who_text, &why_text)?;
        let leaves = (
            what_text.leaf(Tag::What),
            who_text.leaf(Tag::Who),
            why_text.leaf(Tag::Why),
        );
        let (note_text, signed, text) = self.parse_note(&note, leaves)?;
        let violations = check_form(&what, Some(&who), &why, true);
        if !violations.is_empty() {
            return Err(Refusal::Invalid(violations));
        }
        let account = self.account_record(&what, &who)?;
        let signer = self.check_signer(caller, &who, account.as_ref())?;
        if account.is_none() {
            check_role(&what, signer.role)?;
        }
        self.check_not_after(text.not_after)?;
        let verified = submission::verify_parsed(note_text, &signed, text, &signer.key)
            .map_err(|error| Refusal::field("submission.note", error.to_string()))?;
        self.check_links(&what)?;
        let not_after = verified.text.not_after;
        let log = verified.text.log;
        let idempotency_key = *verified.text.idempotency_key.as_bytes();
        self.check_erasure(&what)?;
        Ok(Admitted {
            fingerprint: Fingerprint::of(&caller.organization, &idempotency_key),
            said: Box::new(Said { what, who }),
            what: (what_text, leaves.0),
            who: (who_text, leaves.1),
            why: (why_text, leaves.2),
            submission: Some(verified.digest),
            submitted: Submitted::Signed { note },
            idempotency_key,
            not_after: Some(not_after),
            accounts_version: self.accounts.version(),
            account,
            not_these: Vec::new(),
            closed_log: self.chain.is_closed(&log),
        })
    }

    /// Composes and admits a draft.
    ///
    /// # Errors
    /// Everything that is wrong with its form at once, or the first lack of authority.
    pub fn draft(&self, caller: &Caller, draft: Draft) -> Result<Admitted, Refusal> {
        let Draft {
            what,
            why,
            idempotency_key,
        } = draft;
        if what.register.accounts_of().is_some() {
            return Err(Refusal::AccountsRegister(what.register));
        }
        let admitted = self.compose(caller, what, &why, idempotency_key)?;
        self.check_links(&admitted.said.what)?;
        Ok(admitted)
    }

    /// The record of a change of the accounts, made by the operator.
    ///
    /// # Errors
    /// If the change has no form of its own.
    pub fn account(&self, operator: &Caller, what: What, change: AccountChange) -> Result<Admitted, Refusal> {
        let mut idempotency_key = [0; 32];
        rand::rng().fill_bytes(&mut idempotency_key);
        let mut admitted = self.compose(operator, what, &Why::default(), idempotency_key)?;
        admitted.account = Some(AccountRecord {
            change,
            by: Author::Operator,
        });
        Ok(admitted)
    }

    fn compose(
        &self,
        caller: &Caller,
        what: What,
        why: &Why,
        idempotency_key: [u8; 32],
    ) -> Result<Admitted, Refusal> {
        let who = Who::draft(caller.organization.clone(), caller.member.clone());
        let violations = check_form(&what, Some(&who), why, false);
        if !violations.is_empty() {
            return Err(Refusal::Invalid(violations));
        }
        let [what_text, who_text, why_text] = salted([what.to_json(), who.to_json(), why.to_json()]);
        for (part, text) in [("what", &what_text), ("why", &why_text)] {
            if text.text.len() > MAX_TEXT_BYTES {
                let problem = format!(
                    "has {} bytes; at most {MAX_TEXT_BYTES} are allowed",
                    text.text.len()
                );
                return Err(Refusal::field(part, problem));
            }
        }
        let leaves = (
            what_text.leaf(Tag::What),
            who_text.leaf(Tag::Who),
            why_text.leaf(Tag::Why),
        );
        self.check_erasure(&what)?;
        Ok(Admitted {
            fingerprint: Fingerprint::of(&caller.organization, &idempotency_key),
            said: Box::new(Said { what, who }),
            what: (what_text, leaves.0),
            who: (who_text, leaves.1),
            why: (why_text, leaves.2),
            submitted: Submitted::Draft { idempotency_key },
            submission: None,
            idempotency_key,
            not_after: None,
            accounts_version: self.accounts.version(),
            account: None,
            not_these: Vec::new(),
            closed_log: false,
        })
    }

    /// The note's text and what it says; it must speak of these very parts and this log.
    fn parse_note<'n>(
        &self,
        note: &'n [u8],
        (what, who, why): (Hash, Hash, Hash),
    ) -> Result<(&'n str, SignedNote, SubmissionText), Refusal> {
        let refused = |problem: String| Refusal::field("submission.note", problem);
        let note = std::str::from_utf8(note).map_err(|_| refused("is not UTF-8".to_owned()))?;
        let signed = SignedNote::parse(note).map_err(|error| refused(error.to_string()))?;
        if signed.lines().len() != 1 {
            let lines = signed.lines().len();
            return Err(refused(format!(
                "has {lines} signature lines; it must have exactly one"
            )));
        }
        let text = SubmissionText::parse(signed.text()).map_err(|error| refused(error.to_string()))?;
        let mut violations = Vec::new();
        if self.chain.by_origin(&text.log).is_none() {
            let origin = &self.chain.present().origin;
            let problem = format!("is signed for log {}; this log is {origin}", text.log);
            violations.push(FieldViolation::new("submission.note", problem));
        }
        for (part, signed, computed) in [
            ("what", text.what, what),
            ("who", text.who, who),
            ("why", text.why, why),
        ] {
            if signed != computed {
                let problem = "salt and text do not give the hash that was signed";
                violations.push(FieldViolation::new(part, problem));
            }
        }
        if violations.is_empty() {
            Ok((note, signed, text))
        } else {
            Err(Refusal::Invalid(violations))
        }
    }

    /// The change that a signed record of an organisation's accounts makes, which is its own.
    fn account_record(&self, what: &What, who: &Who) -> Result<Option<AccountRecord>, Refusal> {
        let Some(organization) = what.register.accounts_of() else {
            return Ok(None);
        };
        if *organization != who.organization {
            return Err(Refusal::AccountsRegister(what.register.clone()));
        }
        match account_record(what, who) {
            Ok(Some(record)) => Ok(Some(record)),
            Ok(None) => Err(Refusal::AccountsRegister(what.register.clone())),
            Err(problem) => Err(Refusal::field("what.account", problem)),
        }
    }

    /// The signer must be the account's member, with a key that is enrolled for it.
    fn check_signer<'w>(
        &self,
        caller: &Caller,
        who: &'w Who,
        account: Option<&AccountRecord>,
    ) -> Result<&'w Signer, Refusal> {
        let refused = |problem: String| Err(Refusal::KeyNotEnrolled(problem));
        let Some(signer) = &who.signer else {
            return Err(Refusal::field(
                "who",
                "a signed submission names its signer and key",
            ));
        };
        if who.organization != caller.organization || who.member != caller.member {
            let Caller { organization, member } = caller;
            return refused(format!(
                "the submission is signed as {}/{}, but the token is of {organization}/{member}",
                who.organization, who.member
            ));
        }
        let Some(member) = self.accounts.member(&who.organization, &who.member) else {
            return refused(format!(
                "member {}/{} is not in force",
                who.organization, who.member
            ));
        };
        let Some(enrolled) = self.accounts.key(&who.organization, &who.member, &signer.key) else {
            return refused(format!(
                "the key that signed is not enrolled for {}/{}; ask an administrator of {0} or the notary's operator \
                 to add it",
                who.organization, who.member
            ));
        };
        if signer.enrolment.index != enrolled.index || signer.enrolment.record != enrolled.record {
            let problem = format!(
                "the key was enrolled by record {} at index {}",
                enrolled.record, enrolled.index
            );
            return Err(Refusal::field("who.enrolment", problem));
        }
        let confirms = matches!(
            account,
            Some(AccountRecord {
                change: AccountChange::KeyConfirmed { .. },
                ..
            })
        );
        if !enrolled.state.is_usable() && !confirms {
            let (organization, member) = (who.organization.clone(), who.member.clone());
            return Err(AccountError::KeyUnconfirmed(organization, member).into());
        }
        if signer.kind.as_str() != member.kind.as_str() {
            let problem = format!("the member is enrolled as a {}", member.kind.as_str());
            return Err(Refusal::field("who.kind", problem));
        }
        Ok(signer)
    }

    fn check_not_after(&self, not_after: Instant) -> Result<(), Refusal> {
        if not_after < self.now {
            return Err(Refusal::SubmissionExpired(not_after));
        }
        if not_after.as_millis() - self.now.as_millis() > NOT_AFTER_MILLIS_MAX {
            let problem = format!("not after {not_after} lies more than 14 days ahead");
            return Err(Refusal::field("submission.note", problem));
        }
        Ok(())
    }

    /// Every link must name a record that is in its log, by id and index. Once that is so it
    /// stays so.
    fn check_links(&self, what: &What) -> Result<(), Refusal> {
        let mut violations = Vec::new();
        for (position, link) in what.links.iter().enumerate() {
            let field = format!("what.links[{position}]");
            let log = match &link.log {
                Some(origin) => self.chain.by_origin(origin),
                None => Some(self.chain.present()),
            };
            let Some(log) = log else {
                let problem = "is neither this log nor one that it continues, so the record cannot be found";
                violations.push(FieldViolation::new(format!("{field}.log"), problem));
                continue;
            };
            if record_at(log, link.index)? != Some(link.record) {
                let (record, index) = (link.record, link.index);
                let problem = format!("there is no record {record} at index {index} of {}", log.origin);
                violations.push(FieldViolation::new(field, problem));
            }
        }
        if let Some(seen) = what.seen
            && !self.holds(seen.record, seen.index)?
        {
            let problem = format!("there is no record {} at index {}", seen.record, seen.index);
            violations.push(FieldViolation::new("what.seen", problem));
        }
        if violations.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Invalid(violations))
        }
    }

    /// Whether this log or one before it has the record at the index: `seen` names no log.
    fn holds(&self, record: RecordId, index: LogIndex) -> Result<bool, Refusal> {
        for log in [self.chain.present()].into_iter().chain(self.chain.closed()) {
            if record_at(log, index)? == Some(record) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Refuses what no grant could allow: the rest is judged at the record's place.
fn check_role(what: &What, role: Role) -> Result<(), Refusal> {
    let (class, event) = (what.class, what.event);
    if authority::may(role, class, event) {
        return Ok(());
    }
    Err(Refusal::from(NotAllowed::MayNot {
        held: vec![role],
        class,
        event,
        could: authority::roles_for(class, event),
    }))
}

fn record_at(log: &ReadLog, index: LogIndex) -> Result<Option<RecordId>, Refusal> {
    log.view.record_id(index).map_err(|error| {
        tracing::error!(%error, %index, log = %log.origin, "a linked record cannot be read");
        Refusal::Internal
    })
}

fn parse_parts(
    accounts: &Accounts,
    what: &SaltedText,
    who: &SaltedText,
    why: &SaltedText,
) -> Result<(What, Who, Why), Refusal> {
    let known = |vkey: &str| accounts.parsed_key(vkey).cloned();
    match (
        What::parse(&what.text),
        Who::parse_with_keys(&who.text, known),
        Why::parse(&why.text),
    ) {
        (Ok(what), Ok(who), Ok(why)) => Ok((what, who, why)),
        (what, who, why) => {
            let mut violations = Vec::new();
            violations.extend(what.err().into_iter().flatten());
            violations.extend(who.err().into_iter().flatten());
            violations.extend(why.err().into_iter().flatten());
            Err(Refusal::Invalid(violations))
        }
    }
}

/// Fresh random salts from the thread's cryptographic generator.
fn salted<const N: usize>(texts: [String; N]) -> [SaltedText; N] {
    let mut rng = rand::rng();
    texts.map(|text| {
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        SaltedText {
            salt: Salt::from_bytes(salt),
            text: bytes::Bytes::from(text),
        }
    })
}
