//! What each act of the story is worth, folded from its receipts alone: in effect, pending, or odd.

use trialseal_core::authority::{Act, Authority, Placed, Standing};
use trialseal_core::record::{What, When, Who};
use trialseal_tests::story::{REGISTER, Tale, kind_of};

use super::tale;

/// What the story means to be out of the ordinary; everything else is in effect at once, unflagged.
const EXPECTED: &[(&str, &str)] = &[
    ("plan 1.0", "needs a sponsor"),
    ("plan 1.0 approved", "completes"),
    ("protocol 1.0 at FR-01", "decision-only-reported"),
    ("plan 2.0", "needs a sponsor"),
    ("plan 2.0 approved", "completes"),
    ("hard lock", "needs a sponsor or a data-manager or a statistician"),
    ("hard lock approved", "completes"),
    ("unlock", "needs a sponsor or a statistician"),
    ("unlock approved", "completes"),
    ("relock", "needs a sponsor or a data-manager or a statistician"),
    ("relock approved", "completes"),
    ("unblinding authorised", "needs a statistician"),
    ("unblinding authorised by two", "completes"),
    ("plan 3.0", "needs a sponsor, after-unblinding"),
    ("plan 3.0 approved", "completes"),
    (
        "second unlock",
        "needs a sponsor or a statistician, needs the investigator of site DE-01",
    ),
    (
        "second unlock approved",
        "adds, needs the investigator of site DE-01",
    ),
    ("second unlock declined", "declines"),
    (
        "third unlock",
        "needs a sponsor or a statistician, needs the investigator of site DE-01",
    ),
    (
        "third unlock approved",
        "adds, needs the investigator of site DE-01",
    ),
    ("third unlock signed at DE-01", "completes"),
    ("erasure", "needs an archivist"),
    ("erasure approved", "completes"),
];

/// Every standing that is not plainly in effect, in the order of the story.
fn standings(tale: &Tale) -> Vec<(String, String)> {
    let (mut authority, mut found) = (Authority::default(), Vec::new());
    for (name, told) in tale.records() {
        let record = told.recorded.receipt.record();
        let part = |part: &trialseal_core::receipt::ReceiptPart| part.shown().unwrap().text.clone();
        let what = What::parse(part(&record.what).as_bytes()).unwrap();
        if what.register.to_string() != REGISTER {
            continue;
        }
        let who = Who::parse(part(&record.who).as_bytes()).unwrap();
        let when = When::parse(record.when.text.as_bytes()).unwrap();
        let placed = Placed {
            record: told.recorded.record,
            index: when.index,
            sequence: when.sequence,
        };
        let standing = authority
            .replay(&Act::of(&what, &who, when.received_at), placed, kind_of)
            .unwrap_or_else(|refused| panic!("{name}: {refused}"));
        let said = said(&standing);
        if !said.is_empty() {
            found.push((name.to_owned(), said));
        }
    }
    let pending: Vec<_> = authority.pending().iter().map(|act| act.placed.record).collect();
    assert_eq!(
        pending,
        [tale.told("second unlock").recorded.record],
        "only what was declined is pending at the end"
    );
    found
}

fn said(standing: &Standing) -> String {
    let mut words = Vec::new();
    match standing {
        Standing::Completes { .. } => words.push("completes".to_owned()),
        Standing::Adds { .. } => words.push("adds".to_owned()),
        Standing::Declines { .. } => words.push("declines".to_owned()),
        Standing::Effective { .. } | Standing::Pending { .. } => {}
    }
    words.extend(standing.needs().iter().map(|need| format!("needs {need}")));
    words.extend(standing.flags().iter().map(ToString::to_string));
    words.join(", ")
}

#[test]
fn every_act_has_the_standing_that_the_story_means() {
    let expected: Vec<_> = EXPECTED
        .iter()
        .map(|(name, said)| ((*name).to_owned(), (*said).to_owned()))
        .collect();
    assert_eq!(standings(tale()), expected);
}
