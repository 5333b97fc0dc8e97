//! Every question that can be asked, with each of the three answers.

use std::collections::BTreeSet;

use trialseal_core::assertion::Verdict;
use trialseal_tests::story::questions::Inspection;

use super::{papers, tale};

#[test]
fn every_question_has_a_case_of_each_answer() {
    let asked = Inspection::of(tale(), papers());
    let mut wrong = Vec::new();
    for question in &asked {
        eprintln!("{} ({})\n{}", question.asks, question.about, question.answer);
        if question.answer.verdict != question.expected {
            wrong.push(format!(
                "{} ({}) is not {}: {}",
                question.asks, question.about, question.expected, question.answer
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let names: BTreeSet<&str> = asked.iter().map(|question| question.asks).collect();
    for name in names {
        let verdicts: BTreeSet<Verdict> = asked
            .iter()
            .filter(|question| question.asks == name)
            .map(|question| question.expected)
            .collect();
        assert_eq!(verdicts.len(), 3, "{name} has cases of {verdicts:?} only");
    }
}
