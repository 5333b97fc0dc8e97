mod every_key;

use proptest::prelude::*;

use super::form::check_form;
use super::*;
use crate::checkpoint::Origin;
use crate::hash::sha256;
use crate::identifiers::{
    Code, Country, MemberId, OrganizationId, PublicIdentifier, Reference, RegisterName, TimeZoneName,
    TrialId, VersionCode,
};
use crate::index::{LogIndex, Sequence};
use crate::note::{Ed25519SigningKey, KeyName, VerifierKey};
use crate::time::{Date, Instant, TimeError};
use crate::vocabulary::{
    AccountType, Basis, Blind, Blinding, Class, Decision, ErasablePart, Event, Meaning, Purpose, Rel, Role,
    SignerKind, TransferMode,
};

use every_key::full;

fn vkey(name: &str) -> VerifierKey {
    Ed25519SigningKey::from_seed(KeyName::new(name).unwrap(), [7; 32])
        .verifier()
        .clone()
}

fn id(text: &str) -> RecordId {
    RecordId::from_hash(sha256(text.as_bytes()))
}

fn index(number: u64) -> LogIndex {
    LogIndex::new(number).unwrap()
}

fn date(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn what(register: &str, class: Class, event: Event) -> What {
    What::new(RegisterName::parse(register).unwrap(), class, event)
}

fn fields_of(violations: &[FieldViolation]) -> Vec<&str> {
    violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect()
}

#[test]
fn every_key_reads_back() {
    let what = full();
    let text = what.to_json();
    assert_eq!(What::parse(text.as_bytes()).unwrap(), what);
    assert!(text.len() < MAX_TEXT_BYTES);
    let mut all = what;
    all.scope = Some(Scope::All);
    all.declared_at = Some(Declared::On(date("2026-05-02")));
    assert_eq!(What::parse(all.to_json().as_bytes()).unwrap(), all);
}

#[test]
fn violations_name_the_field() {
    let text = full().to_json();
    for (from, to, field) in [
        ("\"rel\":\"under\"", "\"rel\":\"beyond\"", "what.links[1].rel"),
        ("\"index\":4", "\"index\":-4", "what.links[0].index"),
        (
            "\"sites\":[\"101\"]",
            "\"sites\":[\"site 101\"]",
            "what.scope.sites[0]",
        ),
        ("\"version\":\"2.0\"", "\"version\":\"two words\"", "what.version"),
        ("\"items\":3", "\"items\":0", "what.manifest.items"),
        ("\"items\":3", "\"items\":100001", "what.manifest.items"),
        ("\"class\":\"opinion\"", "\"class\":\"opinions\"", "what.class"),
        (
            "\"valid_until\":\"2027",
            "\"valid_until\":\"2025",
            "what.valid_until",
        ),
        (
            "\"decided_on\":\"2026-05-02\"",
            "\"decided_on\":\"2026-02-30\"",
            "what.decided_on",
        ),
        (
            "\"parts\":[\"who\",\"why\"]",
            "\"parts\":[\"who\",\"who\"]",
            "what.erased.parts",
        ),
        ("\"purpose\":\"final\"", "\"purpose\":true", "what.purpose"),
        ("\"dirty\":false", "\"dirty\":0", "what.source.dirty"),
        ("\"blind\":\"blinded\",", "", "what.grant.blind"),
        ("\"type\":\"key\"", "\"type\":\"token\"", "what.account.vkey"),
        (
            "\"sealed\":false",
            "\"sealed\":false,\"sealed2\":1",
            "what.sealed2",
        ),
        (
            "\"run\":\"8842\"",
            "\"run\":\"8842\",\"runner\":1",
            "what.source.runner",
        ),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let violations = What::parse(changed.as_bytes()).unwrap_err();
        assert!(fields_of(&violations).contains(&field), "{field}: {violations:?}");
        assert!(
            violations
                .iter()
                .all(|violation| violation.field.starts_with("what"))
        );
    }
}

#[test]
fn a_record_id_that_is_not_hex_is_named_by_its_link() {
    let mut what = full();
    what.links = (0..5)
        .map(|number| Link {
            rel: Rel::Amends,
            record: id("x"),
            index: index(number),
            log: None,
        })
        .collect();
    let text = what.to_json();
    let place = text.match_indices("\"record\":\"").nth(1 + 3).unwrap().0;
    // `erased` comes before `links`, so the fifth record is that of link 3.
    let mut changed = text.into_bytes();
    changed[place + 10] = b'Z';
    assert_eq!(
        fields_of(&What::parse(&changed).unwrap_err()),
        ["what.links[3].record"]
    );
}

#[test]
fn limits_and_canonical_form_are_kept() {
    let text = full().to_json();
    let spaced = text.replacen(':', ": ", 1);
    assert_eq!(fields_of(&What::parse(spaced.as_bytes()).unwrap_err()), ["what"]);
    let mut long = full();
    long.extensions = vec![("x-long".to_owned(), Value::String("y".repeat(1_025)))];
    assert!(
        What::parse(long.to_json().as_bytes()).unwrap_err()[0]
            .problem
            .contains("1024")
    );
    long.extensions = (0..4)
        .map(|key| (format!("x-{key}"), Value::String("y".repeat(1_000))))
        .collect();
    assert!(
        What::parse(long.to_json().as_bytes()).unwrap_err()[0]
            .problem
            .contains("4000")
    );
    let mut many = what("trial:NCT04573309", Class::Other, Event::Recorded);
    let links = |count| {
        let link = Link {
            rel: Rel::Under,
            record: RecordId::from_hash(sha256(b"")),
            index: index(0),
            log: None,
        };
        vec![link; count]
    };
    many.links = links(MAX_LINKS + 1);
    // 65 links do not fit into 4,000 bytes either; the limit of bytes comes first.
    assert!(What::parse(many.to_json().as_bytes()).is_err());
    many.links = links(30);
    assert_eq!(What::parse(many.to_json().as_bytes()).unwrap(), many);
}

#[test]
fn why_is_empty_or_says_something() {
    assert_eq!(Why::default().to_json(), "");
    assert_eq!(Why::parse(b"").unwrap(), Why::default());
    let why = Why {
        reason: Some("Blind review".to_owned()),
        remark: Some("\u{e9}\"\n".to_owned()),
    };
    assert_eq!(Why::parse(why.to_json().as_bytes()).unwrap(), why);
    for (text, field) in [
        (r#"{"reason":""}"#, "why.reason"),
        (r#"{"reason":" "}"#, "why.reason"),
        (r#"{"remark":1}"#, "why.remark"),
        (r#"{"because":"x"}"#, "why.because"),
        ("[]", "why"),
        (" ", "why"),
    ] {
        assert_eq!(
            fields_of(&Why::parse(text.as_bytes()).unwrap_err()),
            [field],
            "{text}"
        );
    }
}

fn signed_who() -> Who {
    let mut who = Who::draft(
        OrganizationId::new("acme").unwrap(),
        MemberId::new("m-1").unwrap(),
    );
    who.signer = Some(Signer {
        name: "Jan\u{e9} Doe".to_owned(),
        role: Role::DataManager,
        meaning: Meaning::Responsibility,
        kind: SignerKind::Person,
        key: vkey("acme/m-1"),
        signed_at: Instant::parse("2026-01-01T00:00:00Z").unwrap(),
        enrolment: Enrolment {
            index: index(2),
            record: id("e"),
        },
    });
    who
}

#[test]
fn who_has_all_of_a_signers_keys_or_none() {
    let who = signed_who();
    assert_eq!(Who::parse(who.to_json().as_bytes()).unwrap(), who);
    let draft = Who::draft(who.organization.clone(), who.member.clone());
    assert_eq!(draft.to_json(), r#"{"member":"m-1","organization":"acme"}"#);
    assert_eq!(Who::parse(draft.to_json().as_bytes()).unwrap(), draft);
    let partly = br#"{"member":"m-1","name":"Jane","organization":"acme"}"#;
    assert!(fields_of(&Who::parse(partly).unwrap_err()).contains(&"who.enrolment"));
}

#[test]
fn when_is_written_as_the_vectors_have_it() {
    let text = "{\"class\":\"dataset\",\"event\":\"hard-lock\",\"index\":5,\"log\":\"notary.example.org/2026\",\
                \"received_at\":\"2026-01-01T00:00:00.123Z\",\"register\":\"trial:NCT04573309\",\
                \"sealed\":false,\"sequence\":1,\
                \"submission\":\"d8819b80e74749944c819cee6ba8050b5ed3c9e7e913471d919251529d19fd20\"}";
    let when = When::parse(text.as_bytes()).unwrap();
    assert_eq!(when.to_json(), text);
    let mut second = when;
    second.previous = Some(id("p"));
    second.received_at = Instant::parse("2026-01-01T00:00:00Z").unwrap();
    second.submission = None;
    assert!(
        second
            .to_json()
            .contains("\"received_at\":\"2026-01-01T00:00:00.000Z\"")
    );
    assert_eq!(When::parse(second.to_json().as_bytes()).unwrap(), second);
}

#[test]
fn the_record_root_is_the_tree_of_the_four_leaves() {
    let leaf = |part: Part| part.leaf(&Salt::from_bytes([part as u8; 32]), b"{}");
    let leaves = RecordLeaves {
        what: leaf(Part::What),
        who: leaf(Part::Who),
        why: leaf(Part::Why),
        when: leaf(Part::When),
    };
    let all = [leaves.what, leaves.who, leaves.why, leaves.when];
    assert_eq!(leaves.root().hash(), crate::merkle::builder::root_of(&all));
    assert!(
        all.iter()
            .enumerate()
            .all(|(place, leaf)| !all[..place].contains(leaf))
    );
}

fn violations(what: &What, why: &Why, signed: bool) -> Vec<String> {
    let who = if signed {
        signed_who()
    } else {
        Who::draft(
            OrganizationId::new("acme").unwrap(),
            MemberId::new("m-1").unwrap(),
        )
    };
    check_form(what, Some(&who), why, signed)
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}

#[test]
fn form_follows_the_class_and_the_event() {
    let because = Why {
        reason: Some("because".to_owned()),
        remark: None,
    };
    let none = Why::default();
    let trial = "trial:NCT04573309";
    let check = |found: &What, why: &Why, signed: bool, expected: &[&str]| {
        assert_eq!(
            violations(found, why, signed),
            expected,
            "{} {}",
            found.class,
            found.event
        );
    };
    check(&what(trial, Class::Dataset, Event::DataCut), &none, false, &[]);
    check(
        &what(trial, Class::Dataset, Event::Decided),
        &none,
        true,
        &["what.event"],
    );
    let mut lock = what(trial, Class::Dataset, Event::HardLock);
    check(&lock, &none, true, &["what.manifest", "what.version"]);
    lock.version = Some(VersionCode::new("1").unwrap());
    lock.manifest = Some(ManifestCommitment {
        items: 1,
        root: sha256(b""),
    });
    check(&lock, &none, true, &[]);
    check(&lock, &none, false, &["who"]);
    let mut unlock = what(trial, Class::Dataset, Event::Unlock);
    check(&unlock, &none, true, &["what.links", "why.reason"]);
    unlock.links = vec![Link {
        rel: Rel::Unlocks,
        record: id("l"),
        index: index(1),
        log: None,
    }];
    check(&unlock, &because, true, &[]);
    let mut opinion = full();
    (opinion.account, opinion.grant, opinion.erased) = (None, None, None);
    (opinion.trial, opinion.settings) = (None, None);
    check(&opinion, &none, true, &[]);
    opinion.links.clear();
    opinion.decision = None;
    check(&opinion, &none, true, &["what.decision", "what.links"]);
    let mut corrected = what(trial, Class::Dataset, Event::DataCut);
    corrected.links = vec![Link {
        rel: Rel::Corrects,
        record: id("l"),
        index: index(1),
        log: None,
    }];
    check(&corrected, &none, true, &["why.reason"]);
    check(&corrected, &because, true, &[]);
    check(
        &what(trial, Class::Trial, Event::Halted),
        &none,
        true,
        &["why.reason"],
    );
    check(&what(trial, Class::Trial, Event::Halted), &because, false, &[]);
}

#[test]
fn what_the_authority_table_names_cannot_be_a_draft() {
    let trial = "trial:NCT04573309";
    for (class, event) in [
        (Class::StatisticalAnalysisPlan, Event::Finalised),
        (Class::Dataset, Event::HardLock),
        (Class::Dataset, Event::Unlock),
        (Class::Trial, Event::UnblindingAuthorised),
        (Class::TreatmentAssignment, Event::Unblinded),
        (Class::TreatmentAssignment, Event::CodeBroken),
        (Class::Opinion, Event::Decided),
        (Class::Protocol, Event::Activated),
        (Class::Trial, Event::CustodyAccepted),
        (Class::Erasure, Event::Erased),
        (Class::Protocol, Event::Countersigned),
    ] {
        let fields = violations(&what(trial, class, event), &Why::default(), false);
        assert!(fields.contains(&"who".to_owned()), "{class} {event}");
    }
    // Others may record a board's letter.
    assert!(
        violations(
            &what(trial, Class::Opinion, Event::Reported),
            &Why::default(),
            false
        )
        .is_empty()
    );
}

#[test]
fn a_time_that_is_stated_is_an_instant_or_a_date() {
    for text in ["2026-05-02", "2026-05-02T09:17:04Z", "2026-05-02T09:17:04.500Z"] {
        assert_eq!(text.parse::<Declared>().unwrap().to_string(), text);
    }
    for (text, error) in [
        ("2026-05", TimeError::DateForm),
        ("", TimeError::DateForm),
        ("2026-05-02T", TimeError::InstantForm),
        ("2026-05-02 09:17:04Z", TimeError::DateForm),
        ("2026-02-30", TimeError::NoSuchDay),
    ] {
        assert_eq!(text.parse::<Declared>(), Err(error), "{text:?}");
    }
}

#[test]
fn accounts_stand_only_in_their_organisations_register() {
    let account = |account_type, id: &str| Account {
        account_type,
        id: MemberId::new(id).unwrap(),
        vkey: (account_type == AccountType::Key).then(|| vkey("acme/m-1")),
        token_sha256: (account_type == AccountType::Token).then(|| sha256(b"token")),
        expires: None,
        kind: None,
        grade: None,
        identifiers: Vec::new(),
    };
    let check = |register: &str, class, account, expected: &[&str]| {
        let mut found = what(register, class, Event::Registered);
        found.account = account;
        let none = Why::default();
        let fields: Vec<String> = check_form(&found, None, &none, false)
            .into_iter()
            .map(|violation| violation.field)
            .collect();
        assert_eq!(fields, expected);
    };
    let (acme, trial) = ("org:acme", "trial:NCT04573309");
    let (organisation, member) = (Class::Organisation, Class::Member);
    check(
        acme,
        organisation,
        Some(account(AccountType::Organisation, "acme")),
        &[],
    );
    check(acme, member, Some(account(AccountType::Member, "m-1")), &[]);
    check(acme, member, Some(account(AccountType::Key, "m-1")), &[]);
    check(acme, member, Some(account(AccountType::Token, "m-1")), &[]);
    check(acme, member, None, &["what.account"]);
    let of_another = account(AccountType::Key, "m-2");
    check(acme, member, Some(of_another), &["what.account.vkey"]);
    let other = account(AccountType::Organisation, "other");
    check(acme, organisation, Some(other), &["what.account.id"]);
    let no_member = account(AccountType::Organisation, "acme");
    check(acme, member, Some(no_member), &["what.account"]);
    let elsewhere = account(AccountType::Member, "m-1");
    check(trial, member, Some(elsewhere), &["what.register"]);
    check(acme, Class::Trial, None, &["what.register"]);
}

#[test]
fn signers_are_who_they_say_and_nobody_is_the_notary() {
    let found = what("trial:NCT04573309", Class::Dataset, Event::DataCut);
    let check = |who: &Who, signed, expected: &[&str]| {
        let fields: Vec<String> = check_form(&found, Some(who), &Why::default(), signed)
            .into_iter()
            .map(|violation| violation.field)
            .collect();
        assert_eq!(fields, expected);
    };
    check(&signed_who(), true, &[]);
    check(&signed_who(), false, &["who"]);
    let mut who = signed_who();
    who.member = MemberId::new("m-2").unwrap();
    check(&who, true, &["who.key"]);
    let mut who = signed_who();
    who.organization = OrganizationId::new("notary").unwrap();
    check(&who, true, &["who.organization", "who.key"]);
    let mut who = signed_who();
    who.signer.as_mut().unwrap().kind = SignerKind::System;
    check(&who, true, &["who.meaning"]);
    who.signer.as_mut().unwrap().meaning = Meaning::Execution;
    check(&who, true, &[]);
    who.signer = None;
    check(&who, true, &["who.key"]);
    // Another organisation's own number is not for others.
    let own = what("trial:other:1", Class::Dataset, Event::DataCut);
    let fields = check_form(&own, Some(&signed_who()), &Why::default(), true);
    assert_eq!(fields_of(&fields), ["what.register"]);
}

#[test]
fn sealed_is_as_the_class_unless_the_submitter_says_otherwise() {
    let mut list = what("trial:NCT04573309", Class::RandomisationList, Event::Finalised);
    assert!(list.is_sealed());
    list.sealed = Some(false);
    assert!(!list.is_sealed());
    let mut data = what("trial:NCT04573309", Class::Dataset, Event::DataCut);
    assert!(!data.is_sealed());
    data.sealed = Some(true);
    assert!(data.is_sealed());
}

proptest! {
    #[test]
    fn hostile_parts_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), place in 0_usize..3_000, byte in any::<u8>()) {
        let _ = (What::parse(&bytes), Who::parse(&bytes), Why::parse(&bytes), When::parse(&bytes));
        let mut text = full().to_json().into_bytes();
        let place = place % text.len();
        text[place] = byte;
        if let Ok(what) = What::parse(&text) {
            // What is accepted is canonical, and says the same again.
            prop_assert_eq!(what.to_json().into_bytes(), text);
        }
    }
}
