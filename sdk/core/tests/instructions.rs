//! What the checks of links and roles cost, in instructions: their number does not depend on how busy
//! the machine is. `callgrind` counts those of [`counted`] and nothing else, one process a measure.
//!
//! Counted is what the notary does in this crate with one signed submission. What it does besides
//! (queue, journal, snapshots) would only make the share of the checks smaller.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "the helpers of tests are tests too"
)]

use std::env;
use std::hint::black_box;
use std::process::Command;

use trialseal_core::authority::{self, Act, Authority, Placed};
use trialseal_core::checkpoint::Origin;
use trialseal_core::entry::{Entry, record_entry, record_leaf_hash};
use trialseal_core::hash::{RecordId, Salt, sha256};
use trialseal_core::identifiers::{MemberName, OrganizationId, RegisterName};
use trialseal_core::index::{LogIndex, Sequence};
use trialseal_core::note::{Ed25519SigningKey, KeyName, SignedNote};
use trialseal_core::record::form::check_form;
use trialseal_core::record::{
    Enrolment, Grant, Link, ManifestCommitment, Part, RecordLeaves, Signer, What, When, Who, Why,
};
use trialseal_core::submission::{IdempotencyKey, SubmissionText, verify_parsed};
use trialseal_core::tile::{encode_entries, parse_entries};
use trialseal_core::time::Instant;
use trialseal_core::vocabulary::{Blind, Class, Event, Meaning, OrganizationKind, Rel, Role, SignerKind};

/// How the process that is counted learns what it is to do, and how often.
const WORK: &str = "TRIALSEAL_COUNTED_WORK";
const TIMES: u32 = 16;
const MEMBERS: u64 = 50;

/// Everything in here is counted.
#[inline(never)]
fn counted<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

fn at() -> Instant {
    Instant::parse("2026-03-01T08:00:00Z").unwrap()
}

fn record(number: u64) -> RecordId {
    RecordId::from_hash(sha256(&number.to_be_bytes()))
}

fn member(number: u64) -> MemberName {
    format!("org-{}/m-{number}", number % 8).parse().unwrap()
}

fn key(member: &MemberName) -> Ed25519SigningKey {
    Ed25519SigningKey::from_seed(KeyName::new(&member.to_string()).unwrap(), [7; 32])
}

fn register() -> RegisterName {
    RegisterName::parse("trial:NCT04573309").unwrap()
}

fn who(member: &MemberName, role: Role) -> Who {
    Who {
        organization: member.organization.clone(),
        member: member.member.clone(),
        signer: Some(Signer {
            name: "Jane Doe".to_owned(),
            role,
            meaning: Meaning::Responsibility,
            kind: SignerKind::Person,
            key: key(member).verifier().clone(),
            signed_at: at(),
            enrolment: Enrolment {
                index: LogIndex::new(3).unwrap(),
                record: record(3),
            },
        }),
    }
}

fn kind_of(_: &OrganizationId) -> Option<OrganizationKind> {
    Some(OrganizationKind::Other)
}

/// A register with fifty members, each with a role.
fn authority() -> Authority {
    let mut authority = Authority::default();
    let sponsor = who(&member(0), Role::Sponsor);
    let mut put = |number: u64, what: &What| {
        let placed = Placed {
            record: record(number),
            index: LogIndex::new(number).unwrap(),
            sequence: Sequence::new(number).unwrap(),
        };
        authority
            .replay(&Act::of(what, &sponsor, at()), placed, kind_of)
            .unwrap();
    };
    put(1, &What::new(register(), Class::Trial, Event::Registered));
    for number in 1..MEMBERS {
        let mut what = What::new(register(), Class::Grant, Event::Granted);
        let to = member(number);
        what.grant = Some(Grant {
            organization: to.organization,
            member: to.member,
            role: Role::DataManager,
            blind: Blind::Blinded,
            expires: None,
        });
        put(number + 1, &what);
    }
    authority
}

/// A signed submission with two links, as it arrives.
struct Submission {
    parts: [String; 3],
    note: String,
    signer: Ed25519SigningKey,
}

fn salt() -> Salt {
    Salt::from_bytes([9; 32])
}

fn submission() -> Submission {
    let name = member(17);
    let mut what = What::new(register(), Class::Dataset, Event::DataCut);
    what.version = Some("2.0".parse().unwrap());
    what.manifest = Some(ManifestCommitment {
        items: 12,
        root: sha256(b"manifest"),
    });
    let link = |number| Link {
        rel: Rel::UsesInput,
        record: record(number),
        index: LogIndex::new(number).unwrap(),
        log: None,
    };
    what.links = vec![link(200), link(130)];
    let why = Why {
        reason: Some("Monthly transfer".to_owned()),
        ..Why::default()
    };
    let parts = [
        what.to_json(),
        who(&name, Role::DataManager).to_json(),
        why.to_json(),
    ];
    let signer = key(&name);
    let leaf = |part: Part, text: &String| part.leaf(&salt(), text.as_bytes());
    let text = SubmissionText {
        log: Origin::new("notary.example/2026").unwrap(),
        not_after: at(),
        idempotency_key: IdempotencyKey::from_bytes([5; 32]),
        what: leaf(Part::What, &parts[0]),
        who: leaf(Part::Who, &parts[1]),
        why: leaf(Part::Why, &parts[2]),
    };
    let note = text.sign(&signer);
    Submission { parts, note, signer }
}

/// Form, signature, leaves, `when`, record and log leaf.
fn admit_and_sequence(submission: &Submission) -> (What, Who) {
    let [what_text, who_text, why_text] = &submission.parts;
    let what = What::parse(what_text.as_bytes()).unwrap();
    let known = |_: &str| Some(submission.signer.verifier().clone());
    let who = Who::parse_with_keys(who_text.as_bytes(), known).unwrap();
    let why = Why::parse(why_text.as_bytes()).unwrap();
    let leaf = |part: Part, text: &str| part.leaf(&salt(), text.as_bytes());
    let leaves = [
        leaf(Part::What, what_text),
        leaf(Part::Who, who_text),
        leaf(Part::Why, why_text),
    ];
    let signed = SignedNote::parse(&submission.note).unwrap();
    let text = SubmissionText::parse(signed.text()).unwrap();
    assert_eq!([text.what, text.who, text.why], leaves);
    assert!(check_form(&what, Some(&who), &why, true).is_empty());
    let key = &who.signer.as_ref().unwrap().key;
    let verified = verify_parsed(&submission.note, &signed, text, key).unwrap();
    let when = When {
        log: verified.text.log.clone(),
        index: LogIndex::new(300).unwrap(),
        received_at: at(),
        register: what.register.clone(),
        sequence: Sequence::new(60).unwrap(),
        previous: Some(record(59)),
        class: what.class,
        event: what.event,
        sealed: what.is_sealed(),
        submission: Some(verified.digest),
    };
    let leaves = RecordLeaves {
        what: leaves[0],
        who: leaves[1],
        why: leaves[2],
        when: leaf(Part::When, &when.to_json()),
    };
    black_box(record_leaf_hash(&leaves.root()));
    (what, who)
}

/// Each link is looked for in a file of 256 entries, as if none were in memory; the role is judged
/// as at admission and again at the record's place.
fn check_links_and_role(what: &What, who: &Who, authority: &Authority, bundle: &[u8]) {
    for link in &what.links {
        let entries = parse_entries(bundle).unwrap();
        let entry = entries[(link.index.get() % 256) as usize];
        assert_eq!(Entry::parse(entry), Ok(Entry::Record(link.record)));
    }
    assert!(authority::may(
        who.signer.as_ref().unwrap().role,
        what.class,
        what.event
    ));
    let standing = authority.judge(&Act::of(what, who, at()), kind_of).unwrap();
    assert!(standing.flags().is_empty());
}

#[test]
#[ignore = "is run by the test below, under callgrind"]
fn work() {
    let Ok(work) = env::var(WORK) else { return };
    let (submission, authority) = (submission(), authority());
    let entries: Vec<_> = (0..256).map(|number| record_entry(&record(number))).collect();
    let bundle = encode_entries(entries.iter().map(|entry| entry.as_slice())).unwrap();
    // Once before, so that what is read only once is not counted.
    let (what, who) = admit_and_sequence(&submission);
    check_links_and_role(&what, &who, &authority, &bundle);
    for _ in 0..TIMES {
        match work.as_str() {
            "all" => {
                counted(|| admit_and_sequence(black_box(&submission)));
            }
            "checks" => counted(|| check_links_and_role(&what, &who, &authority, black_box(&bundle))),
            other => panic!("no such work: {other}"),
        }
    }
}

/// Instructions of one time.
fn instructions(work: &str) -> u64 {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--collect-atstart=no",
        ])
        .arg("--toggle-collect=*instructions*counted*")
        .arg(env::current_exe().unwrap())
        .args(["--exact", "work", "--ignored", "--test-threads=1"])
        .env(WORK, work)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let total: u64 = collected.unwrap().1.trim().parse().unwrap();
    assert!(total > 0, "nothing was counted: {said}");
    total / u64::from(TIMES)
}

#[test]
fn checks_of_links_and_roles_add_less_than_a_tenth() {
    let name = "checks_of_links_and_roles_add_less_than_a_tenth";
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("NOT RUN: {name}: valgrind is not installed");
        return;
    }
    let (all, checks) = (instructions("all"), instructions("checks"));
    println!("instructions of a submission: {all}, and of the checks of two links and its role: {checks}");
    assert!(checks * 10 < all, "{checks} on top of {all}");
}
