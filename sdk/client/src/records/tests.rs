use trialseal_core::hash::{RecordId, sha256};
use trialseal_core::identifiers::{MemberName, TrialId};
use trialseal_core::index::LogIndex;
use trialseal_core::manifest::Opening;
use trialseal_core::record::{
    CountrySettings, ManifestCommitment, Scope, Scopes, SiteSettings, TrialSettings, What,
};
use trialseal_core::time::{Date, Instant};
use trialseal_core::vocabulary::{Blind, Blinding, Decision, ErasablePart, Role, SignerKind};

use super::*;
use crate::submission::{PrepareError, Submission};
use crate::testing::{log, now, plan, signatory};

fn target() -> Target {
    Target {
        record: RecordId::from_hash(sha256(b"plan")),
        index: LogIndex::new(12).unwrap(),
        log: log(),
        register: "trial:NCT04573309".parse().unwrap(),
        class: Class::StatisticalAnalysisPlan,
        event: Event::Finalised,
        version: Some("2.0".parse().unwrap()),
        scope: Some(Scope::All),
        manifest: Some(ManifestCommitment {
            items: 2,
            root: sha256(b"root"),
        }),
    }
}

fn member(name: &str) -> MemberName {
    name.parse().unwrap()
}

/// The statement, after the submission was signed and its `what` read back as admission reads it.
fn signed(submission: Submission, role: Role) -> (String, What) {
    let submission = submission.signed_usually(role);
    let prepared = submission.sign(&signatory(), &log(), now()).unwrap();
    (
        submission.statement(),
        What::parse(prepared.what().text.as_bytes()).unwrap(),
    )
}

#[test]
fn a_countersignature_names_its_record_and_has_its_class_and_version() {
    let id: String = target().record.to_hex().chars().take(12).collect();
    let (statement, what) = signed(countersign(&target()), Role::Sponsor);
    assert_eq!(
        statement,
        format!("Statistical analysis plan 2.0, countersigned: record 12 ({id}); meaning: approval.")
    );
    assert_eq!(what.register, target().register);
    // The log is that which is signed for, and is not repeated.
    assert_eq!(
        what.links,
        [trialseal_core::record::Link {
            log: None,
            ..target().link(Rel::Countersigns)
        }]
    );
    let (statement, _) = signed(decline(&target()).reason("Table 4 is wrong"), Role::Sponsor);
    assert!(
        statement.contains("declined: record 12") && statement.ends_with("meaning: review."),
        "{statement}"
    );
}

#[test]
fn a_link_into_another_log_names_it() {
    let mut target = target();
    target.log = trialseal_core::checkpoint::Origin::new("notary.example.org/2025").unwrap();
    let (_, what) = signed(countersign(&target), Role::Sponsor);
    assert_eq!(what.links[0].log.as_ref(), Some(&target.log));
}

#[test]
fn a_trial_and_its_settings() {
    let register = target().register;
    let alias = TrialId::parse("2022-500001-12").unwrap();
    let (statement, what) = signed(register_trial(register.clone(), vec![alias]), Role::Sponsor);
    assert_eq!(
        statement,
        "Trial, registered: also known as 2022-500001-12; meaning: responsibility."
    );
    assert_eq!(what.trial.unwrap().aliases.len(), 1);
    let (statement, what) = signed(register_trial(register.clone(), Vec::new()), Role::Sponsor);
    assert_eq!(
        (statement.as_str(), what.trial),
        ("Trial, registered; meaning: responsibility.", None)
    );
    let settings = TrialSettings {
        blinding: Some(Blinding::DoubleBlind),
        countries: vec![CountrySettings {
            country: "DE".parse().unwrap(),
            decisions: vec![Class::Opinion, Class::AuthorityDecision],
        }],
        sites: vec![SiteSettings {
            site: "101".parse().unwrap(),
            country: "DE".parse().unwrap(),
            tz: "Europe/Berlin".parse().unwrap(),
            board: Some("ec-berlin".parse().unwrap()),
        }],
    };
    let (statement, what) = signed(set_up_trial(register.clone(), settings.clone()), Role::Sponsor);
    assert_eq!(
        statement,
        "Trial settings, set: double-blind, DE needs opinion and authority-decision, site 101 (DE, \
         Europe/Berlin, board ec-berlin); meaning: responsibility."
    );
    assert_eq!(what.settings, Some(settings));
    let (statement, _) = signed(offer_custody(register, &member("newco/m-1")), Role::Sponsor);
    assert!(
        statement.starts_with("Trial, custody offered: newco/m-1 as sponsor"),
        "{statement}"
    );
    let (_, what) = signed(accept_custody(&target()), Role::Sponsor);
    assert_eq!(what.links[0].rel, Rel::RespondsTo);
}

#[test]
fn grants_say_who_gets_what_where_and_until_when() {
    let mut given = grant_of(&member("data-co/m-7"), Role::DataManager, Blind::Unblinded);
    given.expires = Some(Instant::parse("2027-01-01T00:00:00Z").unwrap());
    let scope = Scope::Only(Box::new(Scopes {
        sites: vec!["101".parse().unwrap()],
        ..Scopes::default()
    }));
    let submission = grant(target().register, given.clone(), Some(scope), Some(&target()));
    let (statement, what) = signed(submission, Role::Sponsor);
    let id: String = target().record.to_hex().chars().take(12).collect();
    assert_eq!(
        statement,
        format!(
            "Grant, granted: data-co/m-7 as data-manager, unblinded, until 2027-01-01T00:00:00Z, under record 12 \
             ({id}), site 101; meaning: authorisation."
        )
    );
    assert_eq!((what.grant, what.links[0].rel), (Some(given.clone()), Rel::Under));
    let (statement, _) = signed(revoke_grant(target().register, given), Role::Sponsor);
    assert!(
        statement.starts_with("Grant, revoked: data-co/m-7 as data-manager"),
        "{statement}"
    );
}

#[test]
fn accounts_belong_to_their_organisations_register() {
    let name = member("acme/m-8");
    let (statement, what) = signed(enrol_member(&name, SignerKind::Person, Vec::new()), Role::Sponsor);
    assert_eq!(
        statement,
        "Member, registered: member acme/m-8, a person; meaning: responsibility."
    );
    assert_eq!(what.register.as_str(), "org:acme");
    let key = signatory().key.verifier().clone();
    let (statement, what) = signed(enrol_key(key.clone()).unwrap(), Role::Sponsor);
    assert!(statement.contains(&format!("the key {key}")), "{statement}");
    assert_eq!(what.account.unwrap().id.as_str(), "m-4k2v9");
    let token = sha256(b"token");
    let expires = Instant::parse("2027-01-01T00:00:00Z").unwrap();
    for submission in [
        enrol_token(&name, token, expires),
        revoke_token(&name, token),
        revoke_member(&name),
    ] {
        let (statement, _) = signed(submission, Role::Sponsor);
        // The hash of a token is nobody's business on a screen.
        assert!(
            !statement.contains(&token.to_hex()) && statement.contains("acme/m-8"),
            "{statement}"
        );
    }
}

#[test]
fn acts_link_what_they_are_about() {
    let day = Date::parse("2026-04-01").unwrap();
    let (statement, what) = signed(
        decide(Class::Opinion, &[target(), target()], Decision::Approved, day).unwrap(),
        Role::EthicsBoard,
    );
    assert!(
        statement.starts_with("Opinion, decided: approved on 2026-04-01, on record 12"),
        "{statement}"
    );
    assert_eq!(what.links.len(), 2);
    assert!(decide(Class::Opinion, &[], Decision::Approved, day).is_none());
    let register = target().register;
    let (statement, _) = signed(authorise_unblinding(register.clone()), Role::Sponsor);
    assert_eq!(statement, "Trial, unblinding authorised; meaning: authorisation.");
    let (_, what) = signed(unblind(Class::Trial, &target()), Role::Statistician);
    assert_eq!(what.links[0].rel, Rel::AuthorisedBy);
    let (_, what) = signed(break_code(register.clone()), Role::Investigator);
    assert!(what.is_sealed());
    let (_, what) = signed(
        unlock(&target())
            .with(|what| what.class = Class::Dataset)
            .reason("Late query"),
        Role::DataManager,
    );
    assert_eq!(what.links[0].rel, Rel::Unlocks);
    // A lock and an activation are about files.
    let lock = hard_lock(register.clone(), Class::Dataset, "1.0".parse().unwrap());
    let error = lock
        .signed_usually(Role::Sponsor)
        .sign(&signatory(), &log(), now())
        .unwrap_err();
    assert!(matches!(error, PrepareError::Form(_)));
    let files = [crate::testing::file("adsl.xpt")];
    signed(
        hard_lock(register.clone(), Class::Dataset, "1.0".parse().unwrap()).files(&files),
        Role::Sponsor,
    );
    signed(
        soft_lock(register, Class::Dataset).files(&files),
        Role::DataManager,
    );
    let (statement, what) = signed(activate(&target(), Scope::All).files(&files), Role::Sponsor);
    assert!(
        statement.contains("2.0, activated: record 12") && statement.contains("everywhere"),
        "{statement}"
    );
    assert_eq!(what.links[0].rel, Rel::Activates);
}

#[test]
fn an_opening_repeats_the_manifest_that_was_committed_to() {
    let prepared = plan().sign(&signatory(), &log(), now()).unwrap();
    let manifest = prepared.manifest().unwrap().clone();
    let submission = open(&target(), manifest.clone(), &Audience::Public).signed_usually(Role::Sponsor);
    let opened = submission.sign(&signatory(), &log(), now()).unwrap();
    let what = What::parse(opened.what().text.as_bytes()).unwrap();
    assert_eq!(what.manifest, Some(manifest.commitment()));
    assert_eq!(opened.manifest(), Some(&manifest));
    assert_eq!(what.affects[0].as_str(), "public");
    Opening::All(manifest.items().to_vec())
        .verify(&what.manifest.unwrap())
        .unwrap();
    let roles = Audience::Roles(vec![Role::Inspector, Role::Auditor]);
    let statement = open(&target(), manifest, &roles).statement();
    assert!(
        statement.contains("opened: to inspector and auditor, record 12"),
        "{statement}"
    );
}

#[test]
fn an_erasure_names_the_parts_and_needs_a_reason() {
    let submission = || erase(&target(), vec![ErasablePart::Who, ErasablePart::Why]);
    let (statement, what) = signed(submission().reason("Data subject's request"), Role::Sponsor);
    assert!(
        statement.starts_with("Erasure, erased: who and why, of record 12"),
        "{statement}"
    );
    assert_eq!(what.erased.unwrap().record, target().record);
    assert_eq!((what.manifest, what.scope), (None, None));
    let submission_of_what = erase(&target(), vec![ErasablePart::What]).reason("A name in a version code");
    let (_, what) = signed(submission_of_what, Role::Sponsor);
    let erased = what.erased.unwrap();
    assert_eq!((what.manifest, what.scope), (target().manifest, target().scope));
    assert_eq!(
        (erased.class, erased.event),
        (Some(target().class), Some(target().event))
    );
    let error = submission()
        .signed_usually(Role::Sponsor)
        .sign(&signatory(), &log(), now())
        .unwrap_err();
    assert!(matches!(error, PrepareError::Form(_)));
}

#[test]
fn a_target_is_read_from_a_receipt() {
    const RECEIPT: &str = include_str!("../../../core/tests/vectors/folder.receipt.json");
    let receipt = trialseal_core::receipt::Receipt::parse(RECEIPT.as_bytes()).unwrap();
    let target = Target::of(&receipt).unwrap();
    assert_eq!(target.record, receipt.record().leaves().root());
    let when = trialseal_core::json::parse(receipt.record().when.text.as_bytes()).unwrap();
    assert_eq!(
        when.get("index").and_then(|value| value.as_unsigned()),
        Some(target.index.get())
    );
    assert_eq!(
        when.get("log").and_then(|value| value.as_str()),
        Some(target.log.as_str())
    );
    let withheld = receipt.withholding(trialseal_core::record::Part::What);
    assert_eq!(
        Target::of(&withheld).unwrap(),
        Target {
            version: None,
            scope: None,
            manifest: None,
            ..target
        }
    );
}
