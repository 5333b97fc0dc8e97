//! Attacks on the evidence of a receipt, one by one: what a thief of keys, a lying witness or a lying
//! authority gains.

use trialseal_core::receipt::{Evidence, Receipt};
use trialseal_core::time::Instant;
use trialseal_core::verify::{FileQuery, Outcome, Report, Step, StepResult, verify};

use super::forge::{Stamp, authority};
use super::notary::{Case, imprint, instant, trust};
use super::stamps::{compromised, stamped, tsa};
use super::verdicts::{judge, result, witnessed};

const YEARS_LATER_S: i64 = 300_000_000;

fn failed_at(report: &Report, step: Step) -> bool {
    report.outcome == Outcome::Failed && report.first_failure().is_some_and(|failed| failed.step == step)
}

/// Judges the receipt's file after a change of its text.
fn judge_changed(receipt: &Receipt, rest: &str, change: impl Fn(&str) -> String) -> Report {
    let text = receipt.to_json_pretty();
    let changed = change(&text);
    assert_ne!(text, changed);
    verify(changed.as_bytes(), &trust(rest), instant(100), &FileQuery::None)
}

/// Takes the line of the proof that begins so away.
fn without_line(text: &str, start: &str) -> String {
    let from = text.find(start).unwrap();
    let until = from + text[from..].find("\\n").unwrap() + 2;
    format!("{}{}", &text[..from], &text[until..])
}

#[test]
fn a_log_line_that_is_stripped_fails_whatever_stamps_it() {
    let mut case = stamped();
    case.cosigned = vec![(1, 20), (2, 30)];
    let rest = format!("{}{}", witnessed(""), tsa(""));
    let line = "\u{2014} notary.example.org/2030 ";
    let report = judge_changed(&case.receipt(), &rest, |text| without_line(text, line));
    assert!(report.has_failed(Step::Log), "{:#?}", report.steps);
    assert_eq!((report.outcome, report.independent_time), (Outcome::Failed, None));
}

#[test]
fn a_line_of_a_known_key_that_is_broken_fails() {
    let mut case = stamped();
    case.cosigned = vec![(1, 20), (2, 30)];
    let rest = format!("{}{}", witnessed(""), tsa(""));
    let names = [
        ("\u{2014} notary.example.org/2030 ", Step::Log),
        ("\u{2014} witness.example/1 ", Step::Witnesses),
    ];
    for (start, step) in names {
        let report = judge_changed(&case.receipt(), &rest, |text| {
            // Behind the key id and, in a cosignature, the time.
            let place = text.find(start).unwrap() + start.len() + 30;
            let other = if &text[place..=place] == "A" { "B" } else { "A" };
            format!("{}{other}{}", &text[..place], &text[place + 1..])
        });
        assert!(failed_at(&report, step), "{start}: {:#?}", report.steps);
    }
}

/// The thief has both keys of the log, and states whatever time it likes in the log's own line.
#[test]
fn stolen_log_keys_gain_nothing_without_independent_time_before_the_theft() {
    let theft = 50_000;
    let at = instant(YEARS_LATER_S);
    let keys = compromised(theft, theft);
    let rest = format!("{keys}{}{}", witnessed(""), tsa(""));
    let forged = Case::new();
    assert_eq!(
        judge(&forged.receipt(), &rest, at).outcome,
        Outcome::Indeterminate
    );
    // Honest witnesses and authorities see it only after the theft.
    let mut late = Case::new();
    late.cosigned = vec![(1, 50_000), (2, 50_001)];
    late.stamped = vec![("p256", theft)];
    let report = judge(&late.receipt(), &rest, at);
    assert_eq!(report.outcome, Outcome::Indeterminate);
    assert_eq!(result(&report, Step::Log, 0), StepResult::Indeterminate);
    assert_eq!(report.independent_time, None);
    // One witness that helps the thief is no quorum's time.
    let mut backdated = late.clone();
    backdated.cosigned = vec![(1, 20), (2, 50_001)];
    assert_eq!(
        judge(&backdated.receipt(), &rest, at).outcome,
        Outcome::Indeterminate
    );
}

#[test]
fn what_was_stamped_or_cosigned_before_the_theft_outlives_it() {
    let rest = format!("{}{}{}", compromised(50_000, 50_000), witnessed(""), tsa(""));
    let at = instant(YEARS_LATER_S);
    let mut cosigned = Case::new();
    cosigned.cosigned = vec![(1, 20), (2, 30)];
    for case in [stamped(), cosigned] {
        let report = judge(&case.receipt(), &rest, at);
        assert_eq!(report.outcome, Outcome::Passed, "{:#?}", report.steps);
    }
}

#[test]
fn one_stolen_log_key_is_not_enough_to_forge_and_not_enough_to_disprove() {
    let at = instant(YEARS_LATER_S);
    let one = format!("mldsa_compromised_at = \"{}\"\n", instant(5));
    assert_eq!(judge(&Case::new().receipt(), &one, at).outcome, Outcome::Passed);
    // The other key's line cannot be left out, though.
    let report = judge_changed(&Case::new().receipt(), &one, |text| {
        without_line(text, "\u{2014} notary.example.org/2030 ")
    });
    assert!(report.has_failed(Step::Log));
}

/// The thief of an authority's key mints tokens with times before the theft, for a log whose keys it has.
#[test]
fn a_stolen_authority_key_mints_old_tokens_that_do_not_count() {
    let at = instant(YEARS_LATER_S);
    let stolen = tsa(&format!("compromised_at = \"{}\"", instant(60_000)));
    let log = compromised(50_000, 50_000);
    let report = judge(&stamped().receipt(), &format!("{log}{stolen}"), at);
    assert_eq!(report.outcome, Outcome::Indeterminate);
    assert_eq!(result(&report, Step::Timestamps, 0), StepResult::Indeterminate);
    assert_eq!((report.independent_time, report.level), (None, None));
    // With the log's keys in good hands it adds no time, and takes none away.
    let report = judge(&stamped().receipt(), &stolen, at);
    assert_eq!((report.outcome, report.independent_time), (Outcome::Passed, None));
    // A quorum's or another authority's time counts beside it, and only that.
    let mut case = stamped();
    case.stamped.push(("other", 40));
    case.cosigned = vec![(1, 45), (2, 50)];
    let rest = format!(
        "{log}{}{stolen}{}",
        witnessed(""),
        authority("second", "other-root.pem", "")
    );
    let report = judge(&case.receipt(), &rest, at);
    assert_eq!(
        (report.outcome, report.independent_time),
        (Outcome::Passed, Some(instant(41)))
    );
    // Judged before the theft became known, it was good.
    let report = judge(&stamped().receipt(), &stolen, instant(59_999));
    assert_eq!(report.independent_time, Some(instant(21)));
}

#[test]
fn a_witness_that_signs_garbage_or_an_early_time_gains_nothing() {
    let rest = witnessed("require = \"witnessed\"");
    let mut early = Case::new();
    early.cosigned = vec![(1, 1), (2, 500), (3, 600)];
    let report = judge(&early.receipt(), &rest, instant(1_000));
    assert_eq!(
        (report.outcome, report.independent_time),
        (Outcome::Passed, Some(instant(500)))
    );
    early.cosigned = vec![(1, 1)];
    let report = judge(&early.receipt(), &rest, instant(1_000));
    assert_eq!(
        (report.outcome, report.independent_time),
        (Outcome::Indeterminate, None)
    );
}

#[test]
fn a_token_over_another_checkpoint_fails() {
    let case = Case::new();
    let mut newer = case.clone();
    newer.size = 9;
    let record = case.receipt().record().leaves().root();
    let token = Stamp::at("p256", instant(20)).token(&imprint(&newer.proof(record)));
    let mut receipt = case.receipt();
    let mut other = case.clone();
    other.size = 7;
    receipt.append_evidence(Evidence::with_tokens(other.proof(record), [token.as_slice()]));
    let report = judge(&receipt, &tsa(""), instant(100));
    assert!(failed_at(&report, Step::Timestamps), "{:#?}", report.steps);
}

/// Cosignatures may come later, so no token covers them; the log's lines it does cover.
#[test]
fn a_token_covers_the_logs_lines_and_no_others() {
    let mut case = stamped();
    case.cosigned = vec![(1, 20), (2, 30)];
    let rest = format!("{}{}", witnessed(""), tsa(""));
    let report = judge_changed(&case.receipt(), &rest, |text| {
        without_line(text, "\u{2014} witness.example/2 ")
    });
    assert_eq!(result(&report, Step::Timestamps, 0), StepResult::Passed);
    // Another, equally good 0x06 line under the same token.
    let mut signed_again = case.clone();
    signed_again.signed_after_s = 12;
    let tokens: Vec<Vec<u8>> = case.receipt().evidence()[0]
        .timestamps
        .iter()
        .filter_map(|stamp| stamp.token())
        .collect();
    let mut receipt = Case::new().receipt();
    let proof = signed_again.proof(receipt.record().leaves().root());
    receipt.append_evidence(Evidence::with_tokens(proof, tokens.iter().map(Vec::as_slice)));
    assert!(failed_at(&judge(&receipt, &rest, instant(100)), Step::Timestamps));
}

#[test]
fn no_bad_token_ever_gives_a_time() {
    let case = Case::new();
    let record = case.receipt().record().leaves().root();
    let mut other = case.clone();
    other.size = 7;
    let proof = other.proof(record);
    let good = Stamp::at("p256", instant(20)).token(&imprint(&proof));
    let at = Instant::parse("2031-01-01T00:00:00Z").unwrap();
    let trust = tsa("");
    for place in (0..good.len()).step_by(3) {
        let mut token = good.clone();
        token[place] ^= 0x11;
        let mut receipt = case.receipt();
        receipt.append_evidence(Evidence::with_tokens(proof.clone(), [token.as_slice()]));
        let report = judge(&receipt, &trust, at);
        let time = report.independent_time;
        assert!(
            time.is_none() || time == Some(instant(21)),
            "byte {place}: {time:?}"
        );
    }
}
