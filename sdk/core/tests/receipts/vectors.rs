//! Every receipt of `vectors/` gives the verdict of `expected.json`, at the step that it names.

use super::common::{adsl, at, expected, read_vector, trust};
use trialseal_core::verify::{FileQuery, Outcome, Report, Step, StepResult, verify};

/// A change of `what` or `why` is caught by the submitter's signature too, which comes first in the
/// order of the steps.
const SIGNATURE_FAILS_TOO: [&str; 2] = [
    "invalid/part-changed.receipt.json",
    "invalid/part-salt-changed.receipt.json",
];

fn check(name: &str, expected: &str, report: &Report) -> Result<(), String> {
    let steps: Vec<String> = report
        .steps
        .iter()
        .map(|step| {
            format!(
                "{} {:?} {}: {}",
                step.step, step.element, step.result, step.sentence
            )
        })
        .collect();
    let steps = steps.join("\n    ");
    let ok = match expected {
        "PASSED" => report.outcome == Outcome::Passed,
        "INDETERMINATE" => report.outcome == Outcome::Indeterminate,
        step => {
            let named = Step::ALL.iter().find(|known| known.as_str() == step).unwrap();
            let first = report.first_failure().map(|failed| failed.step);
            let is_first = first == Some(*named)
                || (SIGNATURE_FAILS_TOO.contains(&name) && first == Some(Step::Submission));
            report.outcome == Outcome::Failed && report.has_failed(*named) && is_first
        }
    };
    if ok {
        Ok(())
    } else {
        Err(format!(
            "{name}: expected {expected}, got {}\n    {steps}",
            report.outcome
        ))
    }
}

#[test]
fn every_receipt_gives_its_verdict() {
    let trust = trust();
    let expected = expected();
    assert_eq!(expected.len(), 82);
    // The file alone, and the file said to be a certain item, have to give the same.
    let queries = [None, Some("datasets/adsl.xpt".to_owned())].map(|item| FileQuery::One {
        item,
        name: "adsl.xpt".to_owned(),
        digests: adsl(),
    });
    let wrong: Vec<String> = expected
        .iter()
        .flat_map(|(name, verdict)| {
            let receipt = read_vector(name);
            let reports = queries
                .each_ref()
                .map(|query| verify(&receipt, &trust, at(), query));
            reports.map(|report| check(name, verdict, &report))
        })
        .filter_map(Result::err)
        .collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_vector_is_left_out() {
    let folder = std::path::Path::new(super::common::VECTORS);
    let mut found = 0;
    for folder in [folder.to_owned(), folder.join("invalid")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            found += usize::from(name.ends_with(".receipt.json"));
        }
    }
    assert_eq!(found, expected().len());
}

#[test]
fn what_was_not_asked_for_does_not_count() {
    // Without a file, a receipt without manifest passes, and says what it did not check.
    for name in ["no-manifest.receipt.json", "other-item-opened.receipt.json"] {
        let report = verify(&read_vector(name), &trust(), at(), &FileQuery::None);
        assert_eq!(report.outcome, Outcome::Passed, "{name}");
        let file = report.steps.iter().find(|step| step.step == Step::File).unwrap();
        assert_eq!(file.result, StepResult::NotChecked);
    }
}
