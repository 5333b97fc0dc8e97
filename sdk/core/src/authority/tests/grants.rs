//! Granting, delegating, revoking.

use crate::authority::Flag;
use crate::vocabulary::Blind::{Blinded, Unblinded};

use super::*;

fn delegate(by: &str, role: Role, to: &str, own: RecordId) -> Say {
    say(by, role, Class::Grant, Event::Granted)
        .grants(to, role, Blinded)
        .link(Rel::Under, own)
}

#[test]
fn only_sponsors_grant_and_others_delegate_their_own_role_at_home() {
    let mut register = Register::open();
    register.set_up();
    let own = register.must(grant("clinic/ina", Role::Investigator, Blinded).scope(sites(&["101", "102"])));
    let by_ina = |to: &str, role| {
        say("clinic/ina", Role::Investigator, Class::Grant, Event::Granted).grants(to, role, Blinded)
    };
    assert_eq!(
        register.judge(&by_ina("clinic/sam", Role::SiteStaff)),
        Err(NotAllowed::OnlySponsorsGrant),
        "without the link to the own grant"
    );
    let staff = |to: &str| by_ina(to, Role::SiteStaff).link(Rel::Under, own);
    assert!(register.judge(&staff("clinic/sam")).is_ok());
    assert!(matches!(
        register.judge(&staff("clinic-2/sam")),
        Err(NotAllowed::DelegatesElsewhere(_))
    ));
    assert!(matches!(
        register.judge(&staff("clinic/ina")),
        Err(NotAllowed::DelegatesElsewhere(_))
    ));
    assert!(
        register
            .judge(&by_ina("clinic/eve", Role::Investigator).link(Rel::Under, own))
            .is_ok()
    );
    assert_eq!(
        register.judge(&by_ina("clinic/eve", Role::Monitor).link(Rel::Under, own)),
        Err(NotAllowed::DelegatesOtherRole {
            own: Role::Investigator,
            role: Role::Monitor
        })
    );
    assert!(
        register
            .judge(&staff("clinic/sam").scope(sites(&["102"])))
            .is_ok()
    );
    assert!(matches!(
        register.judge(&staff("clinic/sam").scope(sites(&["201"]))),
        Err(NotAllowed::OutOfScope { .. })
    ));
    // A second grant of the same role does not widen what is delegated under the first.
    register.must(grant("clinic/ina", Role::Investigator, Blinded).scope(sites(&["201"])));
    assert_eq!(
        register.judge(&staff("clinic/sam").scope(sites(&["201"]))),
        Err(NotAllowed::DelegatesTooMuch("scope"))
    );
    let mut unblinded = staff("clinic/sam");
    unblinded.what.grant.as_mut().unwrap().blind = Unblinded;
    assert!(matches!(
        register.judge(&unblinded),
        Err(NotAllowed::DelegatesTooMuch(_))
    ));
    // Somebody else's grant is nothing to delegate under.
    register.grant("cro/dora", Role::DataManager, Blinded);
    let stolen = delegate("cro/dora", Role::DataManager, "cro/dan", own);
    assert_eq!(register.judge(&stolen), Err(NotAllowed::OnlySponsorsGrant));
}

#[test]
fn a_delegation_inherits_and_ends_with_what_it_is_under() {
    let mut register = Register::open();
    register.set_up();
    let ends = register.now().plus_millis(100 * HOUR);
    let agreement = register.must(say("acme/ann", Role::Sponsor, Class::Agreement, Event::Finalised));
    let own = register.must(
        grant("cro/dora", Role::DataManager, Blinded)
            .scope(countries(&["DE"]))
            .link(Rel::Under, agreement)
            .until(ends),
    );
    let dan = register.must(delegate("cro/dora", Role::DataManager, "cro/dan", own));
    register.must(delegate("cro/dan", Role::DataManager, "cro/dee", dan));
    for who in ["cro/dan", "cro/dee"] {
        let grants = register.authority.grants(register.now());
        let (_, held) = grants.iter().find(|(member, _)| *member == name(who)).unwrap();
        assert_eq!(held.scope, countries(&["DE"]), "{who}");
        assert_eq!(
            (held.expires, held.agreement),
            (Some(ends), Some(agreement)),
            "{who}"
        );
    }
    let later = delegate("cro/dan", Role::DataManager, "cro/dee", dan);
    let mut later = later.until(ends.plus_millis(1));
    assert_eq!(
        register.judge(&later),
        Err(NotAllowed::DelegatesTooMuch("expiry"))
    );
    later = later.until(ends);
    assert!(register.judge(&later).is_ok());
    register.must(revoke("acme/ann", Role::Sponsor, "cro/dora", Role::DataManager));
    for who in ["cro/dora", "cro/dan", "cro/dee"] {
        assert!(register.roles(who).is_empty(), "{who}");
    }
}

#[test]
fn who_may_revoke() {
    let mut register = Register::open();
    let own = register.grant("cro/dora", Role::DataManager, Blinded);
    register.must(delegate("cro/dora", Role::DataManager, "cro/dan", own));
    register.grant("cro/mo", Role::Monitor, Blinded);
    let dan = |by: &str, role| revoke(by, role, "cro/dan", Role::DataManager);
    assert_eq!(
        register.judge(&dan("cro/mo", Role::Monitor)),
        Err(NotAllowed::NotYoursToRevoke)
    );
    for (by, role) in [
        ("acme/ann", Role::Sponsor),
        ("cro/dora", Role::DataManager),
        ("cro/dan", Role::DataManager),
    ] {
        assert!(register.judge(&dan(by, role)).is_ok(), "{by}");
    }
    // A grantor ends what it gave, not what others gave.
    register.grant("cro/dan", Role::DataManager, Blinded);
    register.must(dan("cro/dora", Role::DataManager));
    assert_eq!(register.roles("cro/dan"), [Role::DataManager]);
    register.must(dan("acme/ann", Role::Sponsor));
    assert!(register.roles("cro/dan").is_empty());
    assert_eq!(
        register.put(dan("acme/ann", Role::Sponsor)).unwrap().flags(),
        [Flag::NothingToRevoke]
    );
}

#[test]
fn a_trial_is_never_left_without_a_sponsor() {
    let mut register = Register::open();
    let leave = revoke("acme/ann", Role::Sponsor, "acme/ann", Role::Sponsor);
    assert_eq!(
        register.put(leave.clone()),
        Err(NotAllowed::LastSponsor(name("acme/ann")))
    );
    let soon = register.now().plus_millis(HOUR);
    register.must(grant("acme/bob", Role::Sponsor, Blinded).until(soon));
    assert_eq!(
        register.put(leave.clone()),
        Err(NotAllowed::LastSponsor(name("acme/ann"))),
        "the other one's grant is over"
    );
    register.grant("acme/bob", Role::Sponsor, Blinded);
    register.must(leave);
    assert_eq!(register.roles("acme/bob"), [Role::Sponsor]);
    assert!(register.roles("acme/ann").is_empty());
}

#[test]
fn what_was_seen_stays_seen() {
    let mut register = Register::open();
    register.grant("acme/stan", Role::Statistician, Unblinded);
    register.must(revoke("acme/ann", Role::Sponsor, "acme/stan", Role::Statistician));
    assert!(register.roles("acme/stan").is_empty());
    for role in [Role::Statistician, Role::Monitor] {
        assert_eq!(
            register.judge(&grant("acme/stan", role, Blinded)),
            Err(NotAllowed::UnblindedBefore(name("acme/stan")))
        );
        assert!(register.judge(&grant("acme/stan", role, Unblinded)).is_ok());
    }
    assert!(register.authority.was_unblinded(&name("acme/stan")));
}

#[test]
fn boards_and_authorities_are_of_their_kind_and_hold_no_other_role() {
    let mut register = Register::open();
    for (to, role) in [
        ("board/b", Role::EthicsBoard),
        ("agency/a", Role::Authority),
        ("agency/i", Role::Inspector),
        ("monitors/m", Role::Dsmb),
    ] {
        register.grant(to, role, Blinded);
        for front in ["acme/x", "cro/x", "clinic/x"] {
            let refused = register.judge(&grant(front, role, Blinded));
            if role == Role::Inspector {
                assert!(refused.is_ok());
            } else {
                assert!(
                    matches!(refused, Err(NotAllowed::KindOnly { .. })),
                    "{front} as {role}"
                );
            }
        }
    }
    for board in ["board/x", "agency/x", "monitors/x"] {
        for role in Role::ALL {
            let own = match board {
                "board/x" => *role == Role::EthicsBoard,
                "agency/x" => matches!(role, Role::Authority | Role::Inspector),
                _ => *role == Role::Dsmb,
            };
            assert_eq!(
                register.judge(&grant(board, *role, Blinded)).is_ok(),
                own,
                "{board} as {role}"
            );
        }
    }
    // Without the enrolment nobody can say: that is flagged, and one organisation still has one part.
    assert_eq!(
        register
            .put(grant("unknown/x", Role::EthicsBoard, Blinded))
            .unwrap()
            .flags(),
        [Flag::KindNotKnown]
    );
    assert!(matches!(
        register.judge(&grant("unknown/y", Role::Monitor, Blinded)),
        Err(NotAllowed::NoOtherRole { .. })
    ));
}

#[test]
fn a_role_that_is_over_is_no_other_role() {
    let mut register = Register::open();
    let ends = register.now().plus_millis(2 * HOUR);
    register.must(grant("unknown/x", Role::Monitor, Blinded).until(ends));
    let board = grant("unknown/y", Role::EthicsBoard, Blinded);
    assert!(matches!(
        register.judge(&board),
        Err(NotAllowed::NoOtherRole { .. })
    ));
    register.must(say("acme/ann", Role::Sponsor, Class::Dataset, Event::DataCut));
    assert!(register.judge(&board).is_ok());
}

#[test]
fn grants_are_signed_by_persons() {
    let mut register = Register::open();
    assert!(matches!(
        register.put(grant("acme/bob", Role::Monitor, Blinded).draft()),
        Err(NotAllowed::NeedsSignature { .. })
    ));
    assert!(matches!(
        register.put(grant("acme/bob", Role::Monitor, Blinded).system()),
        Err(NotAllowed::NotBySystem { .. })
    ));
}

#[test]
fn an_agreement_is_one_that_is_on_record_here() {
    let mut register = Register::open();
    let letter = register.must(say("acme/ann", Role::Sponsor, Class::Correspondence, Event::Sent));
    let under = |record| grant("cro/dora", Role::DataManager, Blinded).link(Rel::Under, record);
    assert_eq!(
        register.put(under(letter)).unwrap().flags(),
        [Flag::AgreementNotKnown]
    );
    let agreement = register.must(say("acme/ann", Role::Sponsor, Class::Agreement, Event::Finalised));
    assert!(register.put(under(agreement)).unwrap().flags().is_empty());
    let held: Vec<_> = register
        .authority
        .grants_of(
            &name("cro/dora").organization,
            &name("cro/dora").member,
            register.now(),
        )
        .map(|held| held.agreement)
        .collect();
    assert_eq!(held, [None, Some(agreement)]);
}

#[test]
fn a_sponsor_of_a_part_grants_in_that_part() {
    let mut register = Register::open();
    register.set_up();
    register.must(grant("cro/uwe", Role::Sponsor, Blinded).scope(countries(&["DE"])));
    let by_uwe = |to: &str| {
        say("cro/uwe", Role::Sponsor, Class::Grant, Event::Granted).grants(to, Role::Investigator, Blinded)
    };
    assert!(
        register
            .judge(&by_uwe("clinic/ina").scope(sites(&["101"])))
            .is_ok()
    );
    assert!(matches!(
        register.judge(&by_uwe("clinic/ina").scope(sites(&["201"]))),
        Err(NotAllowed::OutOfScope { .. })
    ));
    register.must(by_uwe("clinic/ina"));
    let grants = register.authority.grants(register.now());
    let (_, ina) = grants
        .iter()
        .find(|(member, _)| *member == name("clinic/ina"))
        .unwrap();
    assert_eq!(
        ina.scope,
        countries(&["DE"]),
        "what it does not say is not more than its own"
    );
}
