//! Who may do what, judged at the exact place of a record, and what stays of it.

use std::sync::Arc;

use trialseal_core::{
    record::{IdentityGrade, Trial, What},
    vocabulary::{Class, Event, OrganizationKind, Role},
};

use super::{Admitted, Outcome};
use crate::{
    fs::SimulatedFileSystem,
    refusal::Refusal,
    state::{AccountChange, KeyState, MemberKind, read_lock},
    testing::{Person, Steps, TestLog, granted, what},
};

struct Engine {
    log: TestLog,
    steps: Steps,
    sponsor: Person,
    other: Person,
}

/// Acme's sponsor, and somebody of another organisation.
fn engine() -> Engine {
    let log = TestLog::on(Arc::new(SimulatedFileSystem::new()));
    log.create().unwrap();
    let mut steps = log.steps().unwrap();
    let (sponsor, other) = (Person::new("acme", "alice", 1), Person::new("bolt", "bob", 2));
    steps.enrol(&sponsor).unwrap();
    steps.enrol(&other).unwrap();
    Engine {
        log,
        steps,
        sponsor,
        other,
    }
}

/// What became of each, as the reason of its refusal or `sealed`.
fn seal(steps: &mut Steps, mut batch: Vec<Admitted>) -> Vec<&'static str> {
    // No batch is empty, though all may be refused: somebody is enrolled besides.
    let name = format!("other-{}", steps.sealer.state().size());
    batch.push(steps.admit_account(AccountChange::OrganizationRegistered {
        organization: name.parse().unwrap(),
        kind: OrganizationKind::Other,
        grade: IdentityGrade::SelfAsserted,
        identifiers: Vec::new(),
    }));
    let (_, mut outcomes) = steps.seal(batch).unwrap();
    assert!(matches!(outcomes.pop(), Some(Outcome::Sealed(_))));
    let became = |outcome: &Outcome| match outcome {
        Outcome::Sealed(_) => "sealed",
        Outcome::Refused(refusal) => refusal.reason(),
        Outcome::PerhapsOnRecord(..) => "perhaps on record",
    };
    outcomes.iter().map(became).collect()
}

fn revoked(grant: &What) -> What {
    What {
        event: Event::Revoked,
        ..grant.clone()
    }
}

#[test]
fn a_grant_counts_from_its_index_and_a_revocation_from_its_own() {
    let Engine {
        mut steps,
        sponsor,
        other,
        ..
    } = engine();
    let grant = granted(&other, Role::DataManager, 0);
    let sign = |steps: &Steps, person: &Person, role: Role, what: &What, number: u64| {
        steps.admit(person, role, what, number).unwrap()
    };
    // One batch: nothing of it is durable when its later records are judged by its earlier ones.
    let batch = vec![
        sign(&steps, &sponsor, Role::Sponsor, &what(0), 100),
        sign(&steps, &other, Role::DataManager, &what(0), 101),
        steps.admit_draft(&other, 5),
        sign(&steps, &sponsor, Role::Sponsor, &grant, 102),
        sign(&steps, &other, Role::DataManager, &what(0), 103),
        steps.admit_draft(&other, 10),
        sign(&steps, &other, Role::Monitor, &what(0), 104),
        sign(&steps, &sponsor, Role::Sponsor, &revoked(&grant), 105),
        sign(&steps, &other, Role::DataManager, &what(0), 106),
        steps.admit_draft(&other, 15),
    ];
    assert_eq!(
        seal(&mut steps, batch),
        [
            "sealed", "NO_ROLE", "NO_ROLE", "sealed", "sealed", "sealed", "NO_ROLE", "sealed", "NO_ROLE",
            "NO_ROLE"
        ]
    );
    // What was put on record under the grant is found again, though its submitter may do nothing now.
    let again = vec![
        sign(&steps, &other, Role::DataManager, &what(0), 103),
        sign(&steps, &other, Role::DataManager, &what(0), 106),
    ];
    assert_eq!(seal(&mut steps, again), ["perhaps on record", "NO_ROLE"]);
}

#[test]
fn what_no_grant_could_allow_is_refused_before_it_queues() {
    let Engine { steps, other, .. } = engine();
    let plan = What::new(what(0).register, Class::TrialSettings, Event::Set);
    let refused = steps.admit(&other, Role::Vendor, &what(0), 1).map(drop);
    refused.unwrap();
    let settings = What {
        settings: Some(trialseal_core::record::TrialSettings {
            blinding: Some(trialseal_core::vocabulary::Blinding::DoubleBlind),
            ..Default::default()
        }),
        ..plan
    };
    let refusal = steps.admit(&other, Role::Vendor, &settings, 2).unwrap_err();
    assert_eq!(refusal.reason(), "ROLE_MAY_NOT");
    let said = refusal.to_string();
    assert!(
        said.contains("a vendor may not") && said.contains("a sponsor may"),
        "{said}"
    );
}

#[test]
fn grants_outlive_a_restart_and_a_rotation() {
    let Engine {
        log,
        mut steps,
        sponsor,
        other,
    } = engine();
    let register = what(0).register;
    let grant = granted(&other, Role::DataManager, 0);
    let opened = steps.admit_draft(&sponsor, 0);
    let granted = steps.admit(&sponsor, Role::Sponsor, &grant, 1).unwrap();
    steps.seal_new(vec![opened, granted]).unwrap();
    let before = steps.sealer.state().authority(&register).unwrap();
    assert_eq!(before.grants(log.clock_now()).len(), 2);
    let state = steps.sealer.state().encode();
    drop(steps);
    let mut steps = log.steps().unwrap();
    assert_eq!(steps.sealer.state().encode(), state);
    assert_eq!(steps.sealer.state().authority(&register).unwrap(), before);
    // So much that snapshots are taken and the journal begins behind the grant.
    for first in 0..40 {
        let batch = (0..16).map(|number| steps.admit_draft(&sponsor, 5 * (1_000 + first * 16 + number)));
        let batch = batch.collect();
        steps.seal_new(batch).unwrap();
        steps.publish().unwrap();
    }
    steps.announce().unwrap();
    drop(steps);
    log.audit().unwrap();
    let steps = log.steps().unwrap();
    assert_eq!(steps.sealer.state().authority(&register).unwrap(), before);
    drop(steps);
    let next = log.next(2027);
    log.rotate(&next).unwrap();
    let mut steps = next.steps().unwrap();
    assert_eq!(steps.sealer.state().authority(&register).unwrap(), before);
    let batch = vec![
        steps.admit(&other, Role::DataManager, &what(0), 7).unwrap(),
        steps.admit(&other, Role::Monitor, &what(0), 8).unwrap(),
    ];
    assert_eq!(seal(&mut steps, batch), ["sealed", "NO_ROLE"]);
}

#[test]
fn a_second_register_for_one_trial_is_taken_and_seen_from_both() {
    let Engine {
        mut steps,
        sponsor,
        other,
        ..
    } = engine();
    let registration = |number: u64, aliases: &[&str]| {
        let mut what = What::new(what(number).register, Class::Trial, Event::Registered);
        what.trial = Some(Trial {
            aliases: aliases.iter().map(|id| id.parse().unwrap()).collect(),
        });
        what
    };
    let (first, second) = (
        registration(0, &["2023-501234-12"]),
        registration(1, &["2023-501234-12"]),
    );
    let batch = vec![
        steps.admit(&sponsor, Role::Sponsor, &first, 1).unwrap(),
        steps.admit(&other, Role::Sponsor, &second, 2).unwrap(),
    ];
    assert_eq!(seal(&mut steps, batch), ["sealed", "sealed"]);
    let registers = read_lock(steps.sealer.state().registers());
    assert_eq!(registers.rivals(&first.register), [&second.register]);
    assert_eq!(registers.rivals(&second.register), [&first.register]);
    drop(registers);
    let many: Vec<String> = (0..40).map(|number| format!("NCT{number:08}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let too_many = steps
        .admit(&sponsor, Role::Sponsor, &registration(0, &many), 3)
        .unwrap();
    assert_eq!(seal(&mut steps, vec![too_many]), ["INVALID_SUBMISSION"]);
}

#[test]
fn administrators_enrol_and_a_new_key_signs_once_it_has_confirmed_itself() {
    let Engine {
        mut steps,
        sponsor,
        other,
        ..
    } = engine();
    let carol = Person::new("acme", "carol", 3);
    let (organization, member) = (carol.organization.clone(), carol.member.clone());
    let of = |change: &AccountChange| crate::account_record::what_of(change).unwrap();
    let enrols = of(&AccountChange::MemberRegistered {
        organization: organization.clone(),
        member: member.clone(),
        kind: MemberKind::Person,
    });
    let key = of(&AccountChange::KeyRegistered {
        organization: organization.clone(),
        member: member.clone(),
        key: Box::new(carol.key.verifier().clone()),
    });
    let batch = vec![
        steps.admit(&sponsor, Role::Sponsor, &enrols, 1).unwrap(),
        steps.admit(&sponsor, Role::Sponsor, &key, 2).unwrap(),
    ];
    assert_eq!(seal(&mut steps, batch), ["sealed", "sealed"]);
    // Not another organisation's administrator, and the operator no more.
    let foreign = steps
        .admit(&other, Role::Sponsor, &enrols, 3)
        .map(drop)
        .unwrap_err();
    assert_eq!(foreign.reason(), "OPERATORS_REGISTER");
    let dora = AccountChange::MemberRegistered {
        organization: organization.clone(),
        member: "dora".parse().unwrap(),
        kind: MemberKind::Person,
    };
    let by_operator = steps.admit_account(dora);
    assert_eq!(seal(&mut steps, vec![by_operator]), ["KEEPS_ITS_OWN_ACCOUNTS"]);
    // Before its confirmation the key signs nothing else.
    let early = steps
        .admit(&carol, Role::Sponsor, &what(0), 4)
        .map(drop)
        .unwrap_err();
    assert_eq!(early.reason(), "KEY_UNCONFIRMED");
    let accounts = steps.accounts();
    let enrolled = accounts
        .key(&organization, &member, carol.key.verifier())
        .unwrap();
    assert_eq!(enrolled.state, KeyState::Pending);
    let confirms = of(&AccountChange::KeyConfirmed {
        organization: organization.clone(),
        member: member.clone(),
        key: Box::new(carol.key.verifier().clone()),
        enrolment: trialseal_core::record::Enrolment {
            index: enrolled.index,
            record: enrolled.record,
        },
    });
    let confirmation = steps.admit(&carol, Role::Sponsor, &confirms, 5).unwrap();
    assert_eq!(seal(&mut steps, vec![confirmation]), ["sealed"]);
    let opened = steps.admit(&carol, Role::Sponsor, &what(0), 6).unwrap();
    assert_eq!(seal(&mut steps, vec![opened]), ["sealed"]);
    let none = steps.admit(
        &carol,
        Role::Sponsor,
        &of(&AccountChange::MemberRevoked {
            organization,
            member: sponsor.member.clone(),
        }),
        7,
    );
    assert_eq!(seal(&mut steps, vec![none.unwrap()]), ["NOT_ADMINISTRATOR"]);
    let nothing = What::new(enrols.register.clone(), Class::Member, Event::Recorded);
    let refused = steps.admit(&sponsor, Role::Sponsor, &nothing, 8);
    assert!(matches!(refused, Err(Refusal::AccountsRegister(_))));
}
