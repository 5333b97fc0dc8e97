//! Erasing in a log that was closed, by a tombstone in the one that continues it.

use super::*;

#[test]
fn a_record_of_a_closed_log_is_erased_there() {
    let filled = Filled::new(26);
    let Filled {
        fs,
        log,
        team,
        steps,
        records,
    } = filled;
    drop(steps);
    let next = log.next(2027);
    log.rotate(&next).unwrap();
    let mut steps = next.steps().unwrap();
    let last = records.len() - 1;
    let closed = log.signer.origin().clone();
    for (number, position) in [(950_000, 5), (950_001, last)] {
        let of = records[position];
        let mut what = What::new(what(0).register, Class::Erasure, Event::Erased);
        what.erased = Some(Erased {
            record: of.1,
            index: of.0,
            parts: vec![WHO, WHY],
            class: None,
            event: None,
        });
        what.links = vec![Link {
            log: Some(closed.clone()),
            ..link(Rel::Erases, of)
        }];
        let saying = by(Role::Sponsor, what, Some("because".to_owned()));
        let tombstone = steps.admit_saying(&team.sponsor, number, &saying).unwrap();
        let tombstone = places(&steps.seal_new(vec![tombstone]).unwrap())[0];
        let signature = team.countersign(&steps, number + 100, tombstone);
        steps.seal_new(vec![signature.unwrap()]).unwrap();
        steps.publish().unwrap();
        for part in ["who", "why"] {
            let text = planted(part, position as u64 + 1);
            assert_eq!(files_with(&fs, Path::new("/"), &text), Vec::<PathBuf>::new());
        }
    }
    assert!(!steps.publisher.has_erasures());
    steps.announce().unwrap();
    drop(steps);
    // The closed log alone cannot know of the tombstones.
    let report = log.audit().unwrap();
    assert_eq!((report.erased.parts, report.erased.by_later_logs), (0, 4));
    let mut options = next.audit_options();
    options.previous = Some(Box::new(log.audit_options()));
    let report = crate::audit::audit(&options, &mut |_| {}).unwrap();
    assert_eq!((report.erased.parts, report.erased.by_later_logs), (4, 0));
    // It opens again, and the closed log's records still verify.
    let steps = next.steps().unwrap();
    let view = &steps.chain.closed()[0].view;
    for position in [5, last] {
        let Some(StoredEntry::Record(record)) = view.stored(records[position].0).unwrap() else {
            panic!("a statement")
        };
        assert!(record.has_erased());
        assert_eq!(record.leaves().root(), records[position].1);
    }
}
