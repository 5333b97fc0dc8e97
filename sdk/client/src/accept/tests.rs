use trialseal_core::hash::{Salt, sha256};
use trialseal_core::index::LogSize;
use trialseal_core::merkle::compact_range::CompactRange;
use trialseal_core::merkle::range_proof::RangeTree;
use trialseal_core::record::{Part, RecordLeaves, When};
use trialseal_core::vocabulary::{Class, Event};

use super::*;
use crate::pending::Outgoing;
use crate::submission::Submission;
use crate::testing::{TestLog, file, log, now, plan, signatory};

fn prepared() -> Prepared {
    plan().sign(&signatory(), &log(), now()).unwrap()
}

fn draft() -> Draft {
    let register = "trial:NCT04573309".parse().unwrap();
    let draft = Submission::new(register, Class::Dataset, Event::DataCut).files(&[file("a.xpt")]);
    draft.reason("Monthly cut").draft().unwrap()
}

/// The `when` that an honest notary writes at `index`.
fn when(subject: &Subject, index: u64, submission: Option<trialseal_core::hash::Hash>) -> When {
    When {
        log: log(),
        index: LogIndex::new(index).unwrap(),
        received_at: now(),
        register: subject.register.clone(),
        sequence: Sequence::new(1).unwrap(),
        previous: None,
        class: subject.class,
        event: subject.event,
        sealed: false,
        submission,
    }
}

fn shown(text: String) -> ShownPart {
    ShownPart {
        salt: Salt::from_bytes([3; 32]),
        text,
    }
}

/// A batch of one draft and one signed submission, answered honestly.
fn batch(test_log: &TestLog) -> (Vec<Outgoing>, Answer) {
    let (draft, prepared) = (draft(), prepared());
    let composed = ComposedParts {
        what: shown(draft.what_text().to_owned()),
        who: shown("{\"member\":\"m-4k2v9\",\"organization\":\"acme\"}".to_owned()),
        why: shown(draft.why_text().to_owned()),
    };
    let when_draft = shown(when(draft.subject(), 1, None).to_json());
    let when_signed = shown(when(prepared.subject(), 2, Some(prepared.digest())).to_json());
    let roots = [
        RecordLeaves {
            what: composed.what.leaf(Part::What),
            who: composed.who.leaf(Part::Who),
            why: composed.why.leaf(Part::Why),
            when: when_draft.leaf(Part::When),
        },
        RecordLeaves {
            what: prepared.what().leaf(Part::What),
            who: prepared.who().leaf(Part::Who),
            why: prepared.why().leaf(Part::Why),
            when: when_signed.leaf(Part::When),
        },
    ];
    let mut leaves = vec![sha256(b"open")];
    leaves.extend(roots.iter().map(|leaves| record_leaf_hash(&leaves.root())));
    let tree = RangeTree::at_end(&CompactRange::new(), leaves).unwrap();
    let first_index = LogIndex::new(1).unwrap();
    let answer = Answer {
        first_index,
        outcomes: vec![
            Answered::Sealed(SealedParts {
                when: when_draft,
                composed: Some(composed),
            }),
            Answered::Sealed(SealedParts {
                when: when_signed,
                composed: None,
            }),
        ],
        range_proof: tree.sub_range_proof(first_index, 2).unwrap(),
        note: test_log.checkpoint(LogSize::new(3).unwrap(), tree.root()),
    };
    (vec![draft.into(), prepared.into()], answer)
}

fn accept(change: impl FnOnce(&mut Vec<Outgoing>, &mut Answer)) -> Result<Vec<BatchOutcome>, String> {
    let test_log = TestLog::new();
    let checker = CheckpointChecker::new(test_log.trust());
    let (mut sent, mut answer) = batch(&test_log);
    change(&mut sent, &mut answer);
    accept_batch(
        Judge {
            checker: &checker,
            at: now(),
        },
        sent,
        answer,
    )
}

fn sealed(answer: &mut Answer, at: usize) -> &mut SealedParts {
    match &mut answer.outcomes[at] {
        Answered::Sealed(sealed) => sealed,
        _ => panic!(),
    }
}

#[test]
fn an_honest_batch_gives_receipts_that_verify() {
    let outcomes = accept(|_, _| {}).unwrap();
    let trust = TestLog::new().trust();
    for (outcome, is_draft) in outcomes.into_iter().zip([true, false]) {
        let BatchOutcome::Sealed(sealed) = outcome else {
            panic!()
        };
        let recorded = sealed.into_recorded().unwrap();
        assert_eq!(recorded.receipt.submission().is_none(), is_draft);
        assert!(recorded.receipt.manifest().is_some());
        let report = verify(
            recorded.receipt.to_json_pretty().as_bytes(),
            &trust,
            now(),
            &FileQuery::None,
        );
        assert_eq!(
            report.outcome,
            trialseal_core::verify::Outcome::Passed,
            "{:?}",
            report.steps
        );
        assert_eq!(report.record, Some(recorded.record));
    }
}

#[test]
fn a_draft_must_be_what_was_sent() {
    type Change = fn(&mut ComposedParts);
    let changes: [(Change, &str); 5] = [
        (
            |parts| parts.what.text = parts.what.text.replace("data-cut", "hard-lock"),
            "record: what",
        ),
        (|parts| parts.why.text = String::new(), "record: why"),
        (
            |parts| parts.who.text = parts.who.text.replace("{", "{\"name\":\"Jane\","),
            "submission",
        ),
        (|parts| parts.who.text = "{}".to_owned(), "submission"),
        (
            |parts| parts.who.text = parts.who.text.replace("m-4k2v9", "m-other"),
            "inclusion",
        ),
    ];
    for (change, expected) in changes {
        let error = accept(|_, answer| change(sealed(answer, 0).composed.as_mut().unwrap())).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(accept(|_, answer| sealed(answer, 0).composed = None).is_err());
}

#[test]
fn a_signed_submission_must_be_the_one_that_when_names() {
    let other = prepared();
    let error = accept(|sent, _| sent[1] = other.into()).unwrap_err();
    assert!(error.starts_with("submission"), "{error}");
    let changes: [(&str, &str, &str); 7] = [
        ("\"index\":2", "\"index\":3", "inclusion: the indexes"),
        ("statistical-analysis-plan", "protocol", "record: when.class"),
        ("finalised", "drafted", "record: when.event"),
        ("NCT04573309", "NCT04573308", "record: when.register"),
        ("notary.example.org", "notary.example.net", "record: when.log"),
        ("2026-05-02T", "2026-06-02T", "submission: recorded after"),
        ("\"sealed\":false", "\"sealed\":true", "inclusion"),
    ];
    for (from, to, expected) in changes {
        let error = accept(|_, answer| {
            let text = &mut sealed(answer, 1).when.text;
            assert!(text.contains(from));
            *text = text.replace(from, to);
        });
        let error = error.unwrap_err();
        assert!(error.starts_with(expected), "{to}: {error}");
    }
}

#[test]
fn a_when_with_keys_of_a_later_version_is_read() {
    // It changes the leaf, so the proof fails, but not the reading.
    let error = accept(|_, answer| {
        let text = &mut sealed(answer, 1).when.text;
        *text = text.replace("\"sealed\"", "\"later\":1,\"sealed\"");
    });
    assert!(error.unwrap_err().starts_with("inclusion"));
}

#[test]
fn one_proof_stands_for_all() {
    assert!(
        accept(|_, answer| answer.range_proof.clear())
            .unwrap_err()
            .starts_with("inclusion")
    );
    let more = |_: &mut Vec<Outgoing>, answer: &mut Answer| answer.range_proof.push(sha256(b"more"));
    assert!(accept(more).unwrap_err().starts_with("inclusion"));
    assert!(accept(|_, answer| answer.outcomes.swap(0, 1)).is_err());
    assert!(accept(|_, answer| drop(answer.outcomes.pop())).is_err());
    let foreign = TestLog::with_seed(9).checkpoint(LogSize::new(3).unwrap(), sha256(b"root"));
    assert!(
        accept(|_, answer| answer.note = foreign)
            .unwrap_err()
            .starts_with("log")
    );
    assert!(
        accept(|_, answer| answer.note.clear())
            .unwrap_err()
            .starts_with("log")
    );
}

#[test]
fn a_refusal_holds_for_its_submission_alone() {
    let outcomes = accept(|sent, answer| {
        let error = crate::ClientError::Expired {
            message: "expired".to_owned(),
        };
        answer.outcomes.insert(1, Answered::Refused(error));
        sent.insert(1, prepared().into());
    });
    let outcomes = outcomes.unwrap();
    assert!(matches!(
        outcomes[..],
        [
            BatchOutcome::Sealed(_),
            BatchOutcome::Refused(_),
            BatchOutcome::Sealed(_)
        ]
    ));
}
