//! Tokens over a checkpoint: which count, at which time, and what they are worth for the log's keys.

use trialseal_core::receipt::{Evidence, Receipt};
use trialseal_core::time::Instant;
use trialseal_core::trust::Level;
use trialseal_core::verify::{FileQuery, Outcome, Step, StepResult, verify};

use super::forge::authority;
use super::notary::{Case, instant, trust};
use super::verdicts::{judge, result, witnessed};

/// The authority whose signer is `p256`.
pub(crate) fn tsa(rest: &str) -> String {
    authority("tsa", "root.pem", rest)
}

/// Stamped at 20, so known to exist at 21.
pub(crate) fn stamped() -> Case {
    let mut case = Case::new();
    case.stamped = vec![("p256", 20)];
    case
}

#[test]
fn a_token_gives_the_independent_time() {
    let report = judge(&stamped().receipt(), &tsa(""), instant(100));
    assert_eq!(report.outcome, Outcome::Passed, "{:#?}", report.steps);
    assert_eq!(result(&report, Step::Timestamps, 0), StepResult::Passed);
    assert_eq!(report.independent_time, Some(instant(21)));
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    // The level asks for the quorum too.
    assert_eq!(report.level, Some(Level::Sealed));
}

#[test]
fn timestamped_needs_the_quorum_and_a_token_in_one_element() {
    let rest = format!("{}{}", witnessed("require = \"timestamped\""), tsa(""));
    let judge = |case: &Case| judge(&case.receipt(), &rest, instant(100));
    let mut case = stamped();
    assert_eq!(judge(&case).outcome, Outcome::Indeterminate);
    case.cosigned = vec![(1, 25), (2, 30)];
    let both = judge(&case);
    assert_eq!(
        (both.outcome, both.level),
        (Outcome::Passed, Some(Level::Timestamped))
    );
    // The earlier of quorum and token.
    assert_eq!(both.independent_time, Some(instant(21)));
    case.stamped = vec![("p256", 40)];
    assert_eq!(judge(&case).independent_time, Some(instant(30)));
    case.stamped.clear();
    let witnessed = judge(&case);
    assert_eq!(
        (witnessed.outcome, witnessed.level),
        (Outcome::Indeterminate, Some(Level::Witnessed))
    );
}

#[test]
fn a_receipt_that_is_only_sealed_says_that_it_rests_on_the_notary_alone() {
    let report = judge(&Case::new().receipt(), &tsa(""), instant(100));
    assert_eq!(report.warnings.len(), 1);
    assert!(
        report.warnings[0].contains("rests on the notary alone"),
        "{:?}",
        report.warnings
    );
    let log = report.steps.iter().find(|step| step.step == Step::Log).unwrap();
    assert!(
        log.sentence.contains("rests on the notary alone"),
        "{}",
        log.sentence
    );
}

#[test]
fn tokens_later_than_the_evaluation_do_not_count() {
    for (at, counts) in [(20, false), (21, true)] {
        let report = judge(&stamped().receipt(), &tsa(""), instant(at));
        assert_eq!(
            result(&report, Step::Timestamps, 0) == StepResult::Passed,
            counts,
            "{at}"
        );
        assert_eq!(report.independent_time.is_some(), counts);
        assert_ne!(report.outcome, Outcome::Failed);
    }
}

#[test]
fn a_token_keeps_the_receipt_alive_after_the_logs_keys_end_or_leak() {
    let at = instant(1_000_000);
    for (keys, passes) in [
        ("until = \"2030-01-01T00:00:22Z\"\n".to_owned(), true),
        // Exclusive: the token proves 21.
        ("until = \"2030-01-01T00:00:21Z\"\n".to_owned(), false),
        (compromised(22, 22), true),
        (compromised(21, 21), false),
        (compromised(21, 22), true),
    ] {
        let receipt = stamped().receipt();
        let report = judge(&receipt, &format!("{keys}{}", tsa("")), at);
        assert_eq!(
            report.outcome == Outcome::Passed,
            passes,
            "{keys}: {:#?}",
            report.steps
        );
        assert_ne!(report.outcome, Outcome::Failed);
        // Without the authority nothing shows when.
        assert_eq!(judge(&receipt, &keys, at).outcome, Outcome::Indeterminate);
    }
}

pub(crate) fn compromised(ed25519: i64, mldsa: i64) -> String {
    format!(
        "ed25519_compromised_at = \"{}\"\nmldsa_compromised_at = \"{}\"\n",
        instant(ed25519),
        instant(mldsa)
    )
}

/// One independent time inside the window is enough, wherever the others lie.
#[test]
fn any_time_inside_the_keys_validity_is_enough() {
    let mut case = stamped();
    case.stamped = vec![("p256", -100)];
    case.cosigned = vec![(1, 25), (2, 30)];
    let rest = format!("{}{}", witnessed(""), tsa(""));
    let report = judge(&case.receipt(), &rest, instant(1_000));
    assert_eq!(report.outcome, Outcome::Passed, "{:#?}", report.steps);
    // The token is older than the record: somebody's clock or key is wrong, and that is said.
    assert_eq!(report.independent_time, Some(instant(-99)));
    assert!(
        report.warnings[0].contains("a clock was wrong"),
        "{:?}",
        report.warnings
    );
    case.cosigned.clear();
    assert_eq!(
        judge(&case.receipt(), &rest, instant(1_000)).outcome,
        Outcome::Indeterminate
    );
}

#[test]
fn after_the_signers_certificate_ends_a_token_decides_nothing() {
    let rest = format!("{}{}", witnessed("require = \"timestamped\""), tsa(""));
    let mut case = stamped();
    case.cosigned = vec![(1, 25), (2, 30)];
    let receipt = case.receipt();
    let last = Instant::parse("2120-01-01T00:00:00Z").unwrap();
    assert_eq!(judge(&receipt, &rest, last).outcome, Outcome::Passed);
    let report = judge(&receipt, &rest, last.plus_millis(1_000));
    assert_eq!(report.outcome, Outcome::Indeterminate);
    assert_eq!(result(&report, Step::Timestamps, 0), StepResult::Indeterminate);
    // The quorum's time stays.
    assert_eq!(
        (report.independent_time, report.level),
        (Some(instant(30)), Some(Level::Witnessed))
    );
}

#[test]
fn a_token_of_nobody_that_the_trust_file_names_is_passed_over() {
    let mut case = Case::new();
    case.stamped = vec![("other", 20)];
    for rest in [tsa(""), String::new()] {
        let report = judge(&case.receipt(), &rest, instant(100));
        assert_eq!(report.outcome, Outcome::Passed);
        assert_eq!(result(&report, Step::Timestamps, 0), StepResult::NotChecked);
        assert_eq!(report.independent_time, None);
    }
    // Beside one that counts it changes nothing; with its own authority it counts.
    case.stamped.push(("p256", 30));
    let report = judge(&case.receipt(), &tsa(""), instant(100));
    assert_eq!(
        (report.outcome, report.independent_time),
        (Outcome::Passed, Some(instant(31)))
    );
    let both = format!("{}{}", tsa(""), authority("second", "other-root.pem", ""));
    let report = judge(&case.receipt(), &both, instant(100));
    assert_eq!(report.independent_time, Some(instant(21)));
}

#[test]
fn what_is_no_token_fails_where_authorities_are_known_and_is_kept_otherwise() {
    let case = Case::new();
    let record = case.receipt().record().leaves().root();
    let with = |token: &[u8]| {
        let mut receipt = case.receipt();
        receipt.append_evidence(Evidence::with_tokens(later(&case).proof(record), [token]));
        receipt
    };
    let receipt = with(b"not a token");
    let report = judge(&receipt, &tsa(""), instant(100));
    assert_eq!(report.outcome, Outcome::Failed);
    assert_eq!(report.first_failure().unwrap().step, Step::Timestamps);
    assert_eq!(judge(&receipt, "", instant(100)).outcome, Outcome::Passed);
}

fn later(case: &Case) -> Case {
    let mut later = case.clone();
    later.size = 9;
    later.signed_after_s = 50;
    later
}

#[test]
fn a_token_under_another_policy_decides_nothing() {
    for (policy, counts) in [("1.3.6.1.4.1.55555.1", true), ("1.3.6.1.4.1.55555.2", false)] {
        let rest = tsa(&format!("policy_oids = [\"{policy}\"]"));
        let report = judge(&stamped().receipt(), &rest, instant(100));
        assert_eq!(report.outcome, Outcome::Passed);
        assert_eq!(report.independent_time.is_some(), counts);
        let expected = if counts {
            StepResult::Passed
        } else {
            StepResult::Indeterminate
        };
        assert_eq!(result(&report, Step::Timestamps, 0), expected);
    }
}

#[test]
fn each_element_has_its_own_times() {
    let keys = format!("{}{}", compromised(40, 40), tsa(""));
    let first = stamped();
    let mut second = later(&first);
    second.stamped = vec![("p256", 60)];
    let mut receipt = first.receipt();
    receipt.append_evidence(second.evidence(receipt.record().leaves().root()));
    let report = judge(&receipt, &keys, instant(100));
    assert_eq!(report.outcome, Outcome::Passed, "{:#?}", report.steps);
    // The first token says nothing of the signatures that came after the compromise.
    assert_eq!(result(&report, Step::Log, 0), StepResult::Passed);
    assert_eq!(result(&report, Step::Log, 1), StepResult::Indeterminate);
    assert_eq!(report.independent_time, Some(instant(21)));
}

#[test]
fn tokens_of_other_types_are_kept_and_ignored() {
    let text = stamped().receipt().to_json_pretty();
    let changed = text.replace("\"rfc3161\"", "\"opentimestamps\"");
    assert_ne!(text, changed);
    let report = verify(
        changed.as_bytes(),
        &trust(&tsa("")),
        instant(100),
        &FileQuery::None,
    );
    assert_eq!((report.outcome, report.independent_time), (Outcome::Passed, None));
    assert_eq!(result(&report, Step::Timestamps, 0), StepResult::NotChecked);
    let kept = Receipt::parse(changed.as_bytes()).unwrap();
    assert_eq!(kept.to_json_pretty(), changed);
}
