//! What a tombstone may not ask for.

use trialseal_core::{record::FieldViolation, time::Date};

use super::*;

fn refused(filled: &Filled, what: What) -> FieldViolation {
    let saying = by(Role::Sponsor, what, Some("because".to_owned()));
    match filled.steps.admit_saying(&filled.team.sponsor, 980_000, &saying) {
        Err(Refusal::Invalid(mut violations)) => violations.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_tombstone_names_a_record_of_its_register() {
    let filled = Filled::new(2);
    let of = filled.records[4];
    let good = tombstone(&filled.steps, of, &[WHY]).unwrap();
    let with = |change: &dyn Fn(&mut What)| {
        let mut what = good.clone();
        change(&mut what);
        refused(&filled, what)
    };
    let found = with(&|what| what.register = crate::testing::what(1).register);
    assert_eq!(found.field, "what.register");
    let found = with(&|what| what.erased.as_mut().unwrap().index = filled.records[5].0);
    assert_eq!(found.field, "what.erased.record");
    let found = with(&|what| what.erased.as_mut().unwrap().index = LogIndex::new(9_999).unwrap());
    assert_eq!(found.field, "what.erased.index");
    let found = with(&|what| what.erased.as_mut().unwrap().index = LogIndex::FIRST);
    assert!(found.problem.contains("no record"), "{}", found.problem);
}

#[test]
fn what_needs_its_tombstone_to_restate_it() {
    let filled = Filled::new(2);
    let good = tombstone(&filled.steps, filled.records[4], &[WHAT]).unwrap();
    for (field, change) in [
        ("what.manifest", (|what| what.manifest = None) as fn(&mut What)),
        ("what.scope", |what| {
            what.scope = Some(trialseal_core::record::Scope::All)
        }),
        ("what.erased.class", |what| {
            what.erased.as_mut().unwrap().class = Some(Class::Define)
        }),
        ("what.erased.event", |what| {
            what.erased.as_mut().unwrap().event = Some(Event::Sent)
        }),
    ] {
        let mut what = good.clone();
        change(&mut what);
        assert_eq!(refused(&filled, what).field, field);
    }
    // The grant of the archivist: the register's rules rest on it.
    let grant = LogIndex::new(filled.records[0].0.get() - 1).unwrap();
    let record = record_at(&filled.steps, grant).leaves().root();
    let found = refused(
        &filled,
        tombstone(&filled.steps, (grant, record), &[WHAT]).unwrap(),
    );
    assert!(found.problem.contains("rest on it"), "{}", found.problem);
    // Its who may go.
    filled
        .team
        .tombstone(&filled.steps, 980_001, (grant, record), &[WHO])
        .unwrap();
}

#[test]
fn nothing_is_erased_before_its_time_or_twice() {
    let mut filled = Filled::new(2);
    let mut kept = saying(500, Role::Sponsor);
    kept.what.retain_until = Some(Date::parse("2026-03-01").unwrap());
    let kept = filled
        .steps
        .admit_saying(&filled.team.sponsor, 500, &kept)
        .unwrap();
    let kept = places(&filled.steps.seal_new(vec![kept]).unwrap())[0];
    let what = tombstone(&filled.steps, kept, &[WHY]).unwrap();
    let found = refused(&filled, what.clone());
    assert!(
        found.problem.contains("until the end of 2026-03-01"),
        "{}",
        found.problem
    );
    // The day after.
    let clock = &filled.log.clock;
    clock.set(filled.log.clock_now().plus_millis(24 * 3_600_000));
    let saying = by(Role::Sponsor, what, Some("because".to_owned()));
    filled
        .steps
        .admit_saying(&filled.team.sponsor, 980_002, &saying)
        .unwrap();
    filled.erase(&[(3, &[WHY])]);
    let found = refused(
        &filled,
        tombstone(&filled.steps, filled.records[3], &[WHY]).unwrap(),
    );
    assert!(found.problem.contains("any more"), "{}", found.problem);
}
