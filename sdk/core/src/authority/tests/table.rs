//! The table of acts, row by row.

use crate::authority::Flag;
use crate::authority::PENDING_MAX;
use crate::vocabulary::Blind::{Blinded, Unblinded};
use crate::vocabulary::{Basis, Decision};

use super::*;

/// A trial with everybody in it.
fn trial() -> Register {
    let mut register = Register::open();
    register.set_up();
    for (who, role, blind) in [
        ("acme/bob", Role::Sponsor, Blinded),
        ("acme/stan", Role::Statistician, Blinded),
        ("acme/ulf", Role::Statistician, Unblinded),
        ("acme/dan", Role::DataManager, Blinded),
        ("acme/arch", Role::Archivist, Blinded),
        ("irt/rita", Role::RandomisationProvider, Unblinded),
        ("board/b", Role::EthicsBoard, Blinded),
        ("agency/a", Role::Authority, Blinded),
    ] {
        register.grant(who, role, blind);
    }
    register.must(grant("clinic/ina", Role::Investigator, Blinded).scope(sites(&["101"])));
    register.must(grant("clinic-2/ian", Role::Investigator, Blinded).scope(sites(&["102", "201"])));
    let agreement = register.must(say("acme/ann", Role::Sponsor, Class::Agreement, Event::Finalised));
    for who in ["cro/dora", "cro/dirk"] {
        register.must(grant(who, Role::DataManager, Blinded).link(Rel::Under, agreement));
    }
    register
}

fn plan(who: &str) -> Say {
    say(
        who,
        Role::Statistician,
        Class::StatisticalAnalysisPlan,
        Event::Finalised,
    )
}

fn lock(who: &str, role: Role) -> Say {
    say(who, role, Class::Dataset, Event::HardLock)
}

fn locked(register: &mut Register) -> RecordId {
    let lock = register.must(lock("acme/ann", Role::Sponsor));
    register
        .countersign("acme/dan", Role::DataManager, Class::Dataset, lock)
        .unwrap();
    lock
}

fn unblinded(register: &mut Register) {
    let authorised = register.must(say(
        "acme/ann",
        Role::Sponsor,
        Class::Trial,
        Event::UnblindingAuthorised,
    ));
    register
        .countersign("acme/stan", Role::Statistician, Class::Trial, authorised)
        .unwrap();
    let broken = say(
        "irt/rita",
        Role::RandomisationProvider,
        Class::Trial,
        Event::Unblinded,
    );
    register.must(broken.link(Rel::AuthorisedBy, authorised));
}

#[test]
fn a_plan_is_finalised_by_a_blinded_statistician_and_a_sponsor() {
    let mut register = trial();
    let refused = register.judge(&plan("acme/ulf")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the first signature under plan finalised is that of a blinded statistician"
    );
    let as_sponsor = say(
        "acme/ann",
        Role::Sponsor,
        Class::StatisticalAnalysisPlan,
        Event::Finalised,
    );
    assert!(matches!(
        register.judge(&as_sponsor),
        Err(NotAllowed::MayNot { .. })
    ));
    let standing = register.put(plan("acme/stan"));
    assert_eq!(needs(&standing), ["a sponsor"]);
    let plan = register.last();
    assert_eq!(
        register.countersign(
            "acme/stan",
            Role::Statistician,
            Class::StatisticalAnalysisPlan,
            plan
        ),
        Err(NotAllowed::SamePerson(name("acme/stan")))
    );
    assert_eq!(
        register.countersign("acme/ann", Role::Sponsor, Class::StatisticalAnalysisPlan, plan),
        Ok(Standing::Completes {
            act: plan,
            flags: vec![]
        })
    );
    assert!(register.authority.pending().is_empty());
}

#[test]
fn one_person_with_two_roles_is_one_person() {
    let mut register = trial();
    register.grant("acme/stan", Role::Sponsor, Blinded);
    let plan = register.must(plan("acme/stan"));
    assert_eq!(
        register.countersign("acme/stan", Role::Sponsor, Class::StatisticalAnalysisPlan, plan),
        Err(NotAllowed::SamePerson(name("acme/stan")))
    );
}

#[test]
fn a_plan_after_the_unblinding_stands_and_is_flagged() {
    let mut register = trial();
    locked(&mut register);
    unblinded(&mut register);
    let standing = register.put(plan("acme/ulf")).unwrap();
    assert_eq!(standing.flags(), [Flag::AfterUnblinding, Flag::SignedUnblinded]);
    assert_eq!(
        register.put(plan("acme/stan")).unwrap().flags(),
        [Flag::AfterUnblinding]
    );
}

#[test]
fn a_hard_lock_has_two_persons_one_of_them_sponsor_or_cro_under_a_grant() {
    let mut register = trial();
    let anyone = ["a sponsor or a data-manager or a statistician"];
    let either = ["a sponsor or a data-manager under a written agreement"];
    assert_eq!(needs(&register.judge(&lock("acme/ann", Role::Sponsor))), anyone);
    assert_eq!(
        needs(&register.judge(&lock("cro/dora", Role::DataManager))),
        anyone
    );
    assert_eq!(
        needs(&register.judge(&lock("acme/dan", Role::DataManager))),
        either
    );
    assert!(register.judge(&lock("acme/stan", Role::Statistician)).is_err());
    assert!(matches!(
        register.judge(&lock("cro/dora", Role::DataManager).draft()),
        Err(NotAllowed::NeedsSignature { .. })
    ));
    assert!(matches!(
        register.judge(&lock("cro/dora", Role::DataManager).system()),
        Err(NotAllowed::NotBySystem { .. })
    ));
    // By the CRO alone, under the written transfer.
    let by_cro = register.must(lock("cro/dora", Role::DataManager));
    let second = register.countersign("cro/dirk", Role::DataManager, Class::Dataset, by_cro);
    assert!(matches!(second, Ok(Standing::Completes { .. })));
    // By the sponsor's own data managers alone, it stays pending.
    register.grant("acme/dee", Role::DataManager, Blinded);
    let own = register.must(lock("acme/dan", Role::DataManager));
    assert_eq!(
        register
            .countersign("acme/dee", Role::DataManager, Class::Dataset, own)
            .unwrap()
            .flags(),
        [Flag::NotNeeded]
    );
    assert_eq!(register.authority.pending()[0].placed.record, own);
    assert!(
        register
            .countersign("cro/dora", Role::DataManager, Class::Dataset, own)
            .is_ok()
    );
    assert!(register.authority.pending().is_empty());
}

#[test]
fn an_unlock_needs_more_after_the_unblinding() {
    let mut register = trial();
    let locked = locked(&mut register);
    let unlock = |scope: Option<Scope>| {
        let unlock =
            say("acme/dan", Role::DataManager, Class::Dataset, Event::Unlock).link(Rel::Unlocks, locked);
        scope.map_or(unlock.clone(), |scope| unlock.scope(scope))
    };
    let before = ["a sponsor or a statistician"];
    assert_eq!(needs(&register.judge(&unlock(Some(sites(&["101"]))))), before);
    let no_link = say("acme/dan", Role::DataManager, Class::Dataset, Event::Unlock);
    assert!(matches!(
        register.judge(&no_link),
        Err(NotAllowed::NeedsLink { .. })
    ));
    unblinded(&mut register);
    assert_eq!(
        needs(&register.judge(&unlock(Some(sites(&["101", "102"]))))),
        [
            before[0],
            "the investigator of site 101",
            "the investigator of site 102"
        ]
    );
    let german = needs(&register.judge(&unlock(Some(countries(&["DE"])))));
    assert_eq!(
        german[1..],
        ["the investigator of site 101", "the investigator of site 102"]
    );
    assert_eq!(needs(&register.judge(&unlock(None))).len(), 4, "all three sites");
    let act = register.must(unlock(Some(sites(&["101", "102", "201"]))));
    let mut sign = |who, role| register.countersign(who, role, Class::Dataset, act);
    assert_eq!(
        needs(&sign("clinic-2/ian", Role::Investigator)),
        [before[0], "the investigator of site 101"],
        "one person is the investigator of two sites"
    );
    assert_eq!(
        needs(&sign("acme/bob", Role::Sponsor)),
        ["the investigator of site 101"]
    );
    assert!(matches!(
        sign("clinic-2/ian", Role::Investigator),
        Err(NotAllowed::SamePerson(_))
    ));
    assert_eq!(
        sign("acme/ann", Role::Sponsor).unwrap().flags(),
        [Flag::NotNeeded],
        "a second sponsor adds nothing"
    );
    assert!(matches!(
        sign("clinic/ina", Role::Investigator),
        Ok(Standing::Completes { .. })
    ));
    assert_eq!(
        register.judge(&unlock(None)).unwrap().flags(),
        [Flag::NothingToUnlock],
        "it is unlocked now"
    );
}

#[test]
fn the_blind_is_broken_under_an_authorisation_that_is_in_effect() {
    let mut register = trial();
    let authorise = say(
        "acme/ann",
        Role::Sponsor,
        Class::Trial,
        Event::UnblindingAuthorised,
    );
    let authorised = register.must(authorise);
    assert_eq!(
        needs(
            &Ok(register.authority.pending()[0].needs.clone()).map(|needs| Standing::Adds {
                act: authorised,
                still: needs
            })
        ),
        ["a statistician"]
    );
    let broken = |who, role| say(who, role, Class::TreatmentAssignment, Event::Unblinded);
    let by_rita = broken("irt/rita", Role::RandomisationProvider);
    assert!(matches!(
        register.judge(&by_rita),
        Err(NotAllowed::NeedsLink { .. })
    ));
    assert!(matches!(
        register.judge(&broken("acme/stan", Role::Statistician).link(Rel::AuthorisedBy, authorised)),
        Err(NotAllowed::NotInThisCapacity { .. })
    ));
    assert!(
        register
            .judge(&broken("acme/ulf", Role::Statistician).link(Rel::AuthorisedBy, authorised))
            .is_ok()
    );
    let by_rita = by_rita.link(Rel::AuthorisedBy, authorised);
    assert_eq!(
        register.judge(&by_rita).unwrap().flags(),
        [Flag::NotAuthorised, Flag::NotLocked],
        "the authorisation is pending and nothing is locked"
    );
    assert!(
        register.judge(&by_rita.clone().system()).is_ok(),
        "by the system that randomises"
    );
    register
        .countersign("acme/stan", Role::Statistician, Class::Trial, authorised)
        .unwrap();
    locked(&mut register);
    assert!(register.put(by_rita).unwrap().flags().is_empty());
    assert!(register.authority.is_unblinded());
}

#[test]
fn a_code_break_waits_for_nobody() {
    let register = trial();
    for (who, role) in [
        ("clinic/ina", Role::Investigator),
        ("irt/rita", Role::RandomisationProvider),
    ] {
        let broken = say(who, role, Class::TreatmentAssignment, Event::CodeBroken);
        assert_eq!(register.judge(&broken), Ok(Standing::Effective { flags: vec![] }));
    }
    let by_sponsor = say(
        "acme/ann",
        Role::Sponsor,
        Class::TreatmentAssignment,
        Event::CodeBroken,
    );
    assert!(matches!(
        register.judge(&by_sponsor),
        Err(NotAllowed::MayNot { .. })
    ));
}

#[test]
fn boards_decide_and_others_report() {
    let register = trial();
    let protocol = record_id(3);
    let decided = |who, role, class| say(who, role, class, Event::Decided).link(Rel::DecidesOn, protocol);
    assert!(
        register
            .judge(&decided("board/b", Role::EthicsBoard, Class::Opinion))
            .is_ok()
    );
    assert!(
        register
            .judge(&decided("agency/a", Role::Authority, Class::AuthorityDecision))
            .is_ok()
    );
    assert!(
        register
            .judge(&decided("agency/a", Role::Authority, Class::Opinion))
            .is_err()
    );
    assert!(
        register
            .judge(&decided("board/b", Role::EthicsBoard, Class::AuthorityDecision))
            .is_err()
    );
    assert!(
        register
            .judge(&decided("acme/ann", Role::Sponsor, Class::Opinion))
            .is_err()
    );
    assert!(matches!(
        register.judge(&decided("board/b", Role::EthicsBoard, Class::Opinion).system()),
        Err(NotAllowed::NotBySystem { .. })
    ));
    let reported = say("acme/ann", Role::Sponsor, Class::Opinion, Event::Reported);
    assert!(register.judge(&reported).is_ok());
}

/// Activates at these sites what was finalised as `protocol`.
fn activate(register: &Register, at: &[&str], protocol: RecordId) -> Vec<Flag> {
    let active = say("acme/ann", Role::Sponsor, Class::Protocol, Event::Activated)
        .scope(sites(at))
        .link(Rel::Activates, protocol);
    register.judge(&active).unwrap().flags().to_vec()
}

#[test]
fn an_activation_without_the_decisions_that_its_country_asks_for_is_flagged() {
    let mut register = trial();
    let protocol = register.must(say("acme/ann", Role::Sponsor, Class::Protocol, Event::Finalised));
    let decide = |who, role, class, event, decision| {
        let mut say = say(who, role, class, event).link(Rel::DecidesOn, protocol);
        say.what.decision = Some(decision);
        say
    };
    assert_eq!(
        activate(&register, &["201"], protocol),
        [Flag::NoPositiveDecision]
    );
    register.must(decide(
        "acme/ann",
        Role::Sponsor,
        Class::Opinion,
        Event::Reported,
        Decision::Approved,
    ));
    assert_eq!(
        activate(&register, &["201"], protocol),
        [Flag::DecisionOnlyReported]
    );
    let opinion = |decision| {
        decide(
            "board/b",
            Role::EthicsBoard,
            Class::Opinion,
            Event::Decided,
            decision,
        )
    };
    register.must(opinion(Decision::ApprovedWithConditions));
    assert_eq!(activate(&register, &["201"], protocol), []);
    assert_eq!(
        activate(&register, &["101"], protocol),
        [Flag::NoPositiveDecision],
        "Germany asks for both"
    );
    assert_eq!(
        activate(&register, &["101", "201"], protocol),
        [Flag::NoPositiveDecision]
    );
    register.must(decide(
        "agency/a",
        Role::Authority,
        Class::AuthorityDecision,
        Event::Decided,
        Decision::Approved,
    ));
    assert_eq!(activate(&register, &["101", "201"], protocol), []);
    assert_eq!(
        activate(&register, &["201"], record_id(1)),
        [Flag::NoPositiveDecision],
        "another document"
    );
    // The latest word of a board counts; what a letter said does not outweigh its silence.
    register.must(opinion(Decision::Suspended));
    assert_eq!(
        activate(&register, &["201"], protocol),
        [Flag::DecisionOnlyReported]
    );
    let mut short = opinion(Decision::Approved);
    short.what.valid_until = Some("2026-01-01".parse().unwrap());
    let mut trial = trial_without_reports();
    let protocol = trial.1;
    short.what.links[0].record = protocol;
    trial.0.must(short);
    assert_eq!(activate(&trial.0, &["201"], protocol), [Flag::DecisionExpired]);
    let mut urgent = say(
        "clinic-2/ian",
        Role::Investigator,
        Class::Protocol,
        Event::Activated,
    )
    .scope(sites(&["201"]))
    .link(Rel::Activates, protocol);
    urgent.what.basis = Some(Basis::UrgentSafetyMeasure);
    assert_eq!(trial.0.judge(&urgent), Ok(Standing::Effective { flags: vec![] }));
    urgent.what.scope = None;
    assert!(matches!(
        trial.0.judge(&urgent),
        Err(NotAllowed::OutOfScope { .. })
    ));
}

fn trial_without_reports() -> (Register, RecordId) {
    let mut register = trial();
    let protocol = register.must(say("acme/ann", Role::Sponsor, Class::Protocol, Event::Finalised));
    (register, protocol)
}

#[test]
fn an_erasure_takes_sponsor_and_archivist() {
    let mut register = trial();
    let erased = |who, role| say(who, role, Class::Erasure, Event::Erased);
    assert!(register.judge(&erased("acme/arch", Role::Archivist)).is_err());
    assert_eq!(
        needs(&register.put(erased("acme/ann", Role::Sponsor))),
        ["an archivist"]
    );
    let act = register.last();
    assert!(matches!(
        register.countersign("acme/arch", Role::Archivist, Class::Erasure, act),
        Ok(Standing::Completes { .. })
    ));
}

#[test]
fn a_declined_countersignature_leaves_the_act_pending_and_is_told_later() {
    let mut register = trial();
    let plan = register.must(plan("acme/stan"));
    let decline = |who, role| {
        say(who, role, Class::StatisticalAnalysisPlan, Event::Declined).link(Rel::Countersigns, plan)
    };
    assert_eq!(
        register.put(decline("acme/bob", Role::Sponsor)),
        Ok(Standing::Declines { act: plan })
    );
    assert_eq!(
        register
            .put(decline("acme/dan", Role::DataManager))
            .unwrap()
            .flags(),
        [Flag::NotNeeded]
    );
    assert_eq!(register.authority.pending()[0].declined, [name("acme/bob")]);
    assert_eq!(
        register.countersign("acme/ann", Role::Sponsor, Class::StatisticalAnalysisPlan, plan),
        Ok(Standing::Completes {
            act: plan,
            flags: vec![Flag::DeclinedBefore]
        })
    );
}

#[test]
fn countersignatures_are_by_persons_one_act_each() {
    let mut register = trial();
    let plan = register.must(plan("acme/stan"));
    let sign = say(
        "acme/ann",
        Role::Sponsor,
        Class::StatisticalAnalysisPlan,
        Event::Countersigned,
    )
    .link(Rel::Countersigns, plan);
    assert!(matches!(
        register.judge(&sign.clone().draft()),
        Err(NotAllowed::NeedsSignature { .. })
    ));
    assert!(matches!(
        register.judge(&sign.clone().system()),
        Err(NotAllowed::NotBySystem { .. })
    ));
    let twice = sign.clone().link(Rel::Countersigns, record_id(1));
    assert_eq!(register.judge(&twice), Err(NotAllowed::OneAtATime));
    let other = say("acme/ann", Role::Sponsor, Class::Protocol, Event::Countersigned)
        .link(Rel::Countersigns, record_id(1));
    assert_eq!(
        register.judge(&other),
        Ok(Standing::Effective { flags: vec![] }),
        "of what needs none"
    );
    register.must(revoke("acme/bob", Role::Sponsor, "acme/ann", Role::Sponsor));
    assert_eq!(
        register.judge(&sign),
        Err(NotAllowed::NoRole(name("acme/ann"))),
        "no longer in force"
    );
}

#[test]
fn whoever_signed_first_or_a_sponsor_takes_a_pending_act_back() {
    let mut register = trial();
    let withdraw = |who, role, act| {
        say(who, role, Class::StatisticalAnalysisPlan, Event::Withdrawn).link(Rel::Withdraws, act)
    };
    for (who, role, taken_back) in [
        ("acme/dan", Role::DataManager, false),
        ("acme/stan", Role::Statistician, true),
        ("acme/ann", Role::Sponsor, true),
    ] {
        let act = register.must(plan("acme/stan"));
        register.must(withdraw(who, role, act));
        assert_eq!(register.authority.pending().is_empty(), taken_back, "{who}");
        register.must(withdraw("acme/ann", Role::Sponsor, act));
    }
}

#[test]
fn acts_that_wait_are_bounded() {
    let mut register = trial();
    for _ in 0..PENDING_MAX {
        register.must(plan("acme/stan"));
    }
    let refused = register.put(plan("acme/stan")).unwrap_err();
    assert_eq!(refused.reason(), "TOO_MANY");
    assert!(
        register
            .judge(&say("acme/ann", Role::Sponsor, Class::Dataset, Event::DataCut))
            .is_ok()
    );
}
