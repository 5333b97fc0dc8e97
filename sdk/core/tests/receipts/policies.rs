//! A C2SP tlog-policy and the trust file that says the same give the same verdicts.

use proptest::prelude::*;
use trialseal_core::time::Instant;
use trialseal_core::trust::{Level, Trust};
use trialseal_core::verify::{FileQuery, Outcome, Report, verify};

use super::common::{adsl, at, expected, read_vector};
use super::notary::{Case, START_S, instant, log_key, log_mldsa_key, trust, witness_key, witness_mldsa_key};

fn check_same(of_policy: &Report, of_trust_file: &Report) {
    assert_eq!(of_policy.steps, of_trust_file.steps);
    let verdict = |report: &Report| (report.outcome, report.level, report.independent_time);
    assert_eq!(verdict(of_policy), verdict(of_trust_file));
}

#[test]
fn on_every_vector() {
    let log_pub = String::from_utf8(read_vector("log.pub")).unwrap();
    let [ed25519, mldsa] = log_pub.lines().collect::<Vec<_>>()[..] else {
        panic!("log.pub has not two lines");
    };
    let from = Instant::parse("2026-01-01T00:00:00Z").unwrap();
    let sealed_policy = format!("log {ed25519} https://notary.example.org\nlog {mldsa}\nquorum none\n");
    let sealed_file = Trust::from_log_pub(&log_pub, from, false).unwrap();
    // A witness that cosigned none of them.
    let witness = witness_key(1).cosignature_verifier().to_string();
    let witnessed_policy = sealed_policy.replace("quorum none", &format!("witness w {witness}\nquorum w"));
    let origin = ed25519.split('+').next().unwrap();
    let witnessed_file = Trust::parse(&format!(
        "[[log]]\norigin = \"{origin}\"\ned25519 = \"{ed25519}\"\nmldsa = \"{mldsa}\"\nfrom = \"{from}\"\n\
         [[witness]]\nname = \"w\"\nvkeys = [\"{witness}\"]\n[policy]\nquorum = \"w\"\nrequire = \"witnessed\"\n"
    ))
    .unwrap();
    let query = FileQuery::One {
        item: None,
        name: "adsl.xpt".to_owned(),
        digests: adsl(),
    };
    let mut passed = [0, 0];
    for (place, (policy, file)) in [(sealed_policy, sealed_file), (witnessed_policy, witnessed_file)]
        .into_iter()
        .enumerate()
    {
        let policy = Trust::parse_tlog_policy(&policy, from).unwrap();
        for name in expected().keys() {
            let receipt = read_vector(name);
            let report = verify(&receipt, &policy, at(), &query);
            check_same(&report, &verify(&receipt, &file, at(), &query));
            passed[place] += usize::from(report.outcome == Outcome::Passed);
        }
    }
    assert!(passed[0] > 0 && passed[1] == 0, "{passed:?}");
}

/// Two of three witnesses, the third with two keys.
fn two_of_three() -> (Trust, Trust) {
    let keys = [1, 2, 3].map(|number| witness_key(number).cosignature_verifier().to_string());
    let mldsa = witness_mldsa_key(3).verifier().to_string();
    let policy = format!(
        "log {}\nlog {}\nwitness a {}\nwitness b {}\nwitness c {}\nwitness c {mldsa}\n\
         group two 2 a b c\nquorum two\n",
        log_key().verifier(),
        log_mldsa_key().verifier(),
        keys[0],
        keys[1],
        keys[2],
    );
    let file = format!(
        "[[witness]]\nname = \"a\"\nvkeys = [\"{}\"]\n[[witness]]\nname = \"b\"\nvkeys = [\"{}\"]\n\
         [[witness]]\nname = \"c\"\nvkeys = [\"{}\", \"{mldsa}\"]\n\
         [[group]]\nname = \"two\"\nof = 2\nmembers = [\"a\", \"b\", \"c\"]\n\
         [policy]\nquorum = \"two\"\nrequire = \"witnessed\"\n",
        keys[0], keys[1], keys[2],
    );
    let policy = Trust::parse_tlog_policy(&policy, Instant::from_seconds(START_S as i64)).unwrap();
    (policy, trust(&file))
}

#[test]
fn a_witness_with_two_keys_counts_once() {
    let (policy, _) = two_of_three();
    let mut case = Case::new();
    case.cosigned = vec![(3, 20)];
    case.cosigned_mldsa = vec![(3, 30)];
    let judge = |case: &Case| {
        let receipt = case.receipt().to_json_pretty();
        verify(receipt.as_bytes(), &policy, instant(100), &FileQuery::None)
    };
    assert_eq!(judge(&case).outcome, Outcome::Indeterminate);
    case.cosigned.push((1, 40));
    let report = judge(&case);
    assert_eq!(report.outcome, Outcome::Passed, "{:#?}", report.steps);
    assert_eq!(
        (report.level, report.independent_time),
        (Some(Level::Witnessed), Some(instant(40)))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whoever_cosigned(
        cosigned in prop::collection::vec((1_u8..=4, 12_u64..120), 0..4),
        cosigned_mldsa in prop::collection::vec((1_u8..=4, 12_u64..120), 0..3),
        is_draft in any::<bool>(),
        at in -10_i64..150,
    ) {
        let (policy, file) = two_of_three();
        let case = Case { cosigned, cosigned_mldsa, is_draft, ..Case::new() };
        let receipt = case.receipt().to_json_pretty();
        let judge = |trust| verify(receipt.as_bytes(), trust, instant(at), &FileQuery::None);
        check_same(&judge(&policy), &judge(&file));
    }
}
