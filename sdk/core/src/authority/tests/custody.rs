//! A trial goes to another sponsor.

use crate::vocabulary::Blind::{Blinded, Unblinded};

use super::*;

fn offer(to: Option<&str>) -> Say {
    let offer = say("acme/ann", Role::Sponsor, Class::Trial, Event::CustodyOffered);
    to.map_or(offer.clone(), |to| offer.grants(to, Role::Sponsor, Blinded))
}

fn accept(who: &str, offered: RecordId) -> Say {
    say(who, Role::Sponsor, Class::Trial, Event::CustodyAccepted).link(Rel::RespondsTo, offered)
}

#[test]
fn the_one_whom_the_offer_names_becomes_sponsor_and_the_outgoing_ones_end() {
    let mut register = Register::open();
    register.grant("acme/bob", Role::Sponsor, Blinded);
    register.grant("acme/dan", Role::DataManager, Blinded);
    let offered = register.must(offer(Some("newco/nia")));
    assert_eq!(
        register.judge(&accept("newco/max", offered)),
        Err(NotAllowed::NotOffered(name("newco/max")))
    );
    assert_eq!(
        register.judge(&accept("newco/nia", record_id(1))),
        Err(NotAllowed::NotOffered(name("newco/nia"))),
        "another record than the offer"
    );
    assert!(matches!(
        register.judge(&accept("newco/nia", offered).system()),
        Err(NotAllowed::NotBySystem { .. })
    ));
    register.must(accept("newco/nia", offered));
    assert_eq!(register.roles("newco/nia"), [Role::Sponsor]);
    assert!(register.roles("acme/ann").is_empty() && register.roles("acme/bob").is_empty());
    assert_eq!(
        register.roles("acme/dan"),
        [Role::DataManager],
        "only the sponsor's grants end"
    );
    assert_eq!(
        register.authority.sponsors(register.now()),
        [name("newco/nia").organization]
    );
    assert!(
        register.judge(&accept("newco/nia", offered)).is_err(),
        "an offer is accepted once"
    );
}

#[test]
fn one_who_is_sponsor_already_accepts_what_names_nobody() {
    let mut register = Register::open();
    let offered = register.must(offer(None));
    assert!(matches!(
        register.judge(&accept("newco/nia", offered)),
        Err(NotAllowed::NotOffered(_))
    ));
    register.grant("newco/nia", Role::Sponsor, Blinded);
    assert!(
        register.judge(&accept("acme/ann", offered)).is_err(),
        "not by the one who offers"
    );
    register.must(accept("newco/nia", offered));
    assert_eq!(register.roles("newco/nia"), [Role::Sponsor], "and not twice");
    assert!(register.roles("acme/ann").is_empty());
}

#[test]
fn an_offer_is_to_another_organisation_that_may_be_sponsor() {
    let mut register = Register::open();
    assert_eq!(
        register.judge(&offer(Some("acme/bob"))),
        Err(NotAllowed::OfferedToNobody)
    );
    assert!(matches!(
        register.judge(&offer(Some("board/b"))),
        Err(NotAllowed::NoOtherRole { .. })
    ));
    register.grant("newco/nia", Role::Statistician, Unblinded);
    assert_eq!(
        register.judge(&offer(Some("newco/nia"))),
        Err(NotAllowed::UnblindedBefore(name("newco/nia")))
    );
}

#[test]
fn an_offer_falls_with_its_sponsor_and_with_the_next_offer() {
    let mut register = Register::open();
    let first = register.must(offer(Some("newco/nia")));
    let second = register.must(offer(Some("newco/max")));
    assert!(register.judge(&accept("newco/nia", first)).is_err());
    assert!(register.judge(&accept("newco/max", second)).is_ok());
    register.grant("other/otto", Role::Sponsor, Blinded);
    register.must(revoke("other/otto", Role::Sponsor, "acme/ann", Role::Sponsor));
    assert!(register.judge(&accept("newco/max", second)).is_err());
}
