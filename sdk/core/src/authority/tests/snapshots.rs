//! The fold as bytes.

use crate::authority::Malformed;
use crate::vocabulary::Blind::{Blinded, Unblinded};
use crate::vocabulary::Decision;

use super::*;

/// A register in which everything that a fold remembers is there.
fn full() -> Register {
    let mut register = Register::open();
    register.set_up();
    let agreement = register.must(say("acme/ann", Role::Sponsor, Class::Agreement, Event::Finalised));
    let ends = register.now().plus_millis(1_000 * HOUR);
    let own = register.must(
        grant("cro/dora", Role::DataManager, Blinded)
            .scope(countries(&["DE"]))
            .link(Rel::Under, agreement)
            .until(ends),
    );
    register.must(
        say("cro/dora", Role::DataManager, Class::Grant, Event::Granted)
            .grants("cro/dan", Role::DataManager, Blinded)
            .link(Rel::Under, own),
    );
    register.grant("acme/stan", Role::Statistician, Blinded);
    register.grant("acme/ulf", Role::Statistician, Unblinded);
    register.grant("board/b", Role::EthicsBoard, Blinded);
    register.grant("clinic/ina", Role::Investigator, Blinded);
    let protocol = register.must(say("acme/ann", Role::Sponsor, Class::Protocol, Event::Finalised));
    let mut decided =
        say("board/b", Role::EthicsBoard, Class::Opinion, Event::Decided).link(Rel::DecidesOn, protocol);
    decided.what.decision = Some(Decision::Approved);
    decided.what.valid_until = Some("2027-01-01".parse().unwrap());
    register.must(decided);
    let lock = register.must(say("acme/ann", Role::Sponsor, Class::Dataset, Event::HardLock));
    register
        .countersign("acme/stan", Role::Statistician, Class::Dataset, lock)
        .unwrap();
    let authorised = register.must(say(
        "acme/ann",
        Role::Sponsor,
        Class::Trial,
        Event::UnblindingAuthorised,
    ));
    register
        .countersign("acme/stan", Role::Statistician, Class::Trial, authorised)
        .unwrap();
    register.must(
        say("acme/ulf", Role::Statistician, Class::Trial, Event::Unblinded)
            .link(Rel::AuthorisedBy, authorised),
    );
    register.must(
        say("cro/dora", Role::DataManager, Class::Dataset, Event::Unlock)
            .scope(sites(&["101"]))
            .link(Rel::Unlocks, lock),
    );
    let unlock = register.last();
    register.must(
        say("acme/ann", Role::Sponsor, Class::Dataset, Event::Declined).link(Rel::Countersigns, unlock),
    );
    register.must(
        say("acme/ann", Role::Sponsor, Class::Trial, Event::CustodyOffered).grants(
            "newco/nia",
            Role::Sponsor,
            Blinded,
        ),
    );
    register
}

#[test]
fn the_bytes_read_back_to_the_same_fold_and_are_the_same_bytes() {
    let register = full();
    let bytes = register.authority.to_bytes();
    let read = Authority::from_bytes(&bytes).unwrap();
    assert_eq!(read, register.authority);
    assert_eq!(read.to_bytes(), bytes);
    let empty = Authority::default();
    assert_eq!(Authority::from_bytes(&empty.to_bytes()), Ok(empty));
}

#[test]
fn bytes_that_are_cut_short_or_go_on_are_refused() {
    let bytes = full().authority.to_bytes();
    for length in 0..bytes.len() {
        assert_eq!(
            Authority::from_bytes(&bytes[..length]),
            Err(Malformed),
            "{length}"
        );
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Authority::from_bytes(&longer), Err(Malformed));
    let mut other = bytes;
    other[0] += 1;
    assert_eq!(Authority::from_bytes(&other), Err(Malformed));
}

#[test]
fn nothing_is_remembered_that_the_bytes_forget() {
    // One act after another, once in memory and once through bytes each time: the same verdicts.
    let script = |register: &mut Register, through: bool| {
        let mut standings = Vec::new();
        let mut put = |register: &mut Register, say: Say| {
            if through {
                register.authority = Authority::from_bytes(&register.authority.to_bytes()).unwrap();
            }
            standings.push(register.put(say));
        };
        let unlock = register.authority.pending()[0].placed.record;
        put(
            register,
            say(
                "clinic/ina",
                Role::Investigator,
                Class::Dataset,
                Event::Countersigned,
            )
            .link(Rel::Countersigns, unlock),
        );
        put(
            register,
            say(
                "acme/stan",
                Role::Statistician,
                Class::Dataset,
                Event::Countersigned,
            )
            .link(Rel::Countersigns, unlock),
        );
        put(
            register,
            say(
                "acme/ulf",
                Role::Statistician,
                Class::StatisticalAnalysisPlan,
                Event::Finalised,
            ),
        );
        put(
            register,
            say("acme/ann", Role::Sponsor, Class::Protocol, Event::Activated)
                .scope(sites(&["201"]))
                .link(Rel::Activates, record_id(9)),
        );
        put(register, grant("acme/ulf", Role::Monitor, Blinded));
        put(
            register,
            revoke("acme/ann", Role::Sponsor, "cro/dora", Role::DataManager),
        );
        put(
            register,
            say("newco/nia", Role::Sponsor, Class::Trial, Event::CustodyAccepted)
                .link(Rel::RespondsTo, register.last()),
        );
        standings
    };
    let (mut plain, mut through) = (full(), full());
    assert_eq!(script(&mut plain, false), script(&mut through, true));
    assert_eq!(plain.authority, through.authority);
}
