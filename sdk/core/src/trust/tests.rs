use proptest::prelude::*;

use super::*;
use crate::note::{Ed25519SigningKey, KeyName, MlDsa44SigningKey};

mod policy;

const ORIGIN: &str = "notary.example.org/2026";

fn ed25519(name: &str, seed: u8) -> Ed25519SigningKey {
    Ed25519SigningKey::from_seed(KeyName::new(name).unwrap(), [seed; 32])
}

fn mldsa(name: &str, seed: u8) -> String {
    MlDsa44SigningKey::from_seed(KeyName::new(name).unwrap(), [seed; 32])
        .verifier()
        .to_string()
}

/// Lines 1 to 6, the last one empty.
fn log() -> String {
    format!(
        "[[log]]\norigin = \"{ORIGIN}\"\ned25519 = \"{}\"\nmldsa = \"{}\"\nfrom = \"2026-01-01T00:00:00Z\"\n\n",
        ed25519(ORIGIN, 1).verifier(),
        mldsa(ORIGIN, 2)
    )
}

/// Three lines a witness.
fn witness(name: &str, seed: u8) -> String {
    let vkey = ed25519(name, seed).cosignature_verifier().to_string();
    format!("[[witness]]\nname = \"{name}\"\nvkeys = [\"{vkey}\"]\n")
}

fn refused(text: &str) -> (usize, String, String) {
    let error = Trust::parse(text).unwrap_err();
    (error.line, error.key, error.problem)
}

#[track_caller]
fn check_refused(text: &str, line: usize, key: &str, problem: &str) {
    let found = refused(text);
    assert_eq!((found.0, found.1.as_str()), (line, key), "{}", found.2);
    assert!(found.2.contains(problem), "{}", found.2);
}

#[test]
fn a_whole_file_reads() {
    let group = "[[group]]\nname = \"independent\"\nof = 2\nmembers = [\"a\", \"b\", \"c\"]\n";
    let root = include_str!("../../tests/timestamps/fixtures/root.pem");
    let authority = &format!("[[authority]]\nname = \"tsa\"\nroots = [\"\"\"\n{root}\"\"\"]\n");
    let policy = "[policy]\nquorum = \"independent\"\nrequire = \"timestamped\"\nallow_drafts = true\n";
    let text = [
        &log(),
        &witness("a", 5),
        &witness("b", 6),
        &witness("c", 7),
        group,
        authority,
        policy,
    ]
    .concat();
    let trust = Trust::parse(&text).unwrap();
    assert_eq!(
        (trust.require(), trust.allow_drafts()),
        (Level::Timestamped, true)
    );
    assert_eq!(trust.quorum().name(), Some("independent"));
    assert_eq!(trust.authorities()[0].name, "tsa");
    assert_eq!(trust.fingerprint(), sha256(text.as_bytes()));
    assert!(trust.warnings().is_empty() && !trust.is_bundled());
    assert!(trust.log(ORIGIN).is_some() && trust.log("other").is_none());
}

#[test]
fn policy_is_optional_and_strict_by_default() {
    let trust = Trust::parse(&log()).unwrap();
    assert_eq!(
        (trust.require(), trust.allow_drafts(), trust.quorum().name()),
        (Level::Sealed, false, None)
    );
}

#[test]
fn errors_name_the_key_and_the_line() {
    let log = log();
    let drop = |line: usize| {
        let mut lines: Vec<&str> = log.lines().collect();
        lines.remove(line - 1);
        lines.join("\n")
    };
    check_refused(&drop(4), 1, "log", "mldsa");
    check_refused(&drop(3), 1, "log", "ed25519");
    check_refused(&log.replace("from =", "form ="), 5, "form", "unknown field");
    check_refused(&log.replace("01T00:00:00Z", "01"), 5, "log.from", "");
    check_refused(&log.replacen(ORIGIN, "https://x", 1), 2, "log.origin", "");
    check_refused(
        &log.replacen(ORIGIN, "other.example/1", 1),
        3,
        "log.ed25519",
        "is named",
    );
    check_refused(
        &format!("{log}[policy]\nrequire = \"signed\"\n"),
        8,
        "policy.require",
        "none of",
    );
    check_refused(
        &format!("{log}[policy]\nquorum = \"x\"\n"),
        8,
        "policy.quorum",
        "names no witness",
    );
    check_refused(
        &format!("{log}until = \"2026-01-01T00:00:00Z\"\n"),
        7,
        "log.until",
        "after from",
    );
    check_refused("[[log]\n", 1, "log", "");
    let (line, key, _) = refused(&format!("{log}[policy]\nallow_drafts = \"yes\"\n"));
    assert_eq!((line, key.as_str()), (8, "allow_drafts"));
}

#[test]
fn keys_of_another_type_or_that_stand_twice_are_refused() {
    let swapped = format!(
        "[[log]]\norigin = \"{ORIGIN}\"\ned25519 = \"{}\"\nmldsa = \"{}\"\nfrom = \"2026-01-01T00:00:00Z\"\n",
        mldsa(ORIGIN, 2),
        ed25519(ORIGIN, 1).verifier()
    );
    check_refused(&swapped, 3, "log.ed25519", "has type 0x06; expected is 0x01");
    let signer = format!(
        "{}[[witness]]\nname = \"w\"\nvkeys = [\"{}\"]\n",
        log(),
        ed25519("w", 5).verifier()
    );
    check_refused(&signer, 9, "witness.vkeys", "has type 0x01");
    let twice = format!("{}{}{}", log(), witness("a", 5), witness("b", 5));
    check_refused(&twice, 12, "witness.vkeys", "stands in the file already");
    // The log's own key under another type and name is the same key.
    check_refused(
        &format!("{}{}", log(), witness("a", 1)),
        9,
        "witness.vkeys",
        "stands in the file already",
    );
    check_refused(
        &format!("{}{}", log(), log()),
        9,
        "log.ed25519",
        "stands in the file already",
    );
    check_refused(
        &format!("{}[[witness]]\nname = \"w\"\nvkeys = []\n", log()),
        9,
        "witness.vkeys",
        "no key",
    );
}

#[test]
fn groups_need_known_members_a_possible_number_and_no_cycle() {
    let base = format!("{}{}{}", log(), witness("a", 5), witness("b", 6));
    let group = |name: &str, of: &str, members: &str| {
        format!("[[group]]\nname = \"{name}\"\nof = {of}\nmembers = {members}\n")
    };
    let refuse = |text: String| refused(&format!("{base}{text}"));
    assert_eq!(refuse(group("g", "3", "[\"a\", \"b\"]")).1, "group.of");
    assert_eq!(refuse(group("g", "0", "[\"a\", \"b\"]")).1, "group.of");
    assert_eq!(refuse(group("g", "\"most\"", "[\"a\", \"b\"]")).1, "group.of");
    assert_eq!(refuse(group("g", "\"all\"", "[]")).1, "group.of");
    assert_eq!(refuse(group("g", "1", "[\"a\", \"a\"]")).1, "group.members");
    assert_eq!(refuse(group("g", "1", "[\"x\"]")).1, "group.members");
    assert_eq!(refuse(group("g", "1", "[\"g\"]")).1, "group.members");
    assert_eq!(refuse(group("a", "1", "[\"b\"]")).1, "group.name");
    assert_eq!(refuse(group("none", "1", "[\"b\"]")).1, "group.name");
    let cycle = format!(
        "{}{}",
        group("g", "1", "[\"h\"]"),
        group("h", "1", "[\"a\", \"g\"]")
    );
    assert!(refuse(cycle).2.contains("contains itself"));
}

fn quorum(groups: &[(&str, &str, &[&str])]) -> Quorum {
    let mut text = log();
    for (index, name) in ["a", "b", "c", "d"].iter().enumerate() {
        text.push_str(&witness(name, 10 + index as u8));
    }
    for (name, of, members) in groups {
        text.push_str(&format!(
            "[[group]]\nname = \"{name}\"\nof = {of}\nmembers = {members:?}\n"
        ));
    }
    text.push_str("[policy]\nquorum = \"q\"\n");
    Trust::parse(&text).unwrap().quorum().clone()
}

fn at(seconds: i64) -> Option<Instant> {
    Some(Instant::from_seconds(seconds))
}

#[test]
fn a_quorums_time_is_the_smallest_that_satisfies_it() {
    let all = quorum(&[("q", "\"all\"", &["a", "b"])]);
    assert_eq!(all.time(&[at(1), at(9), at(2), None]), at(9));
    assert_eq!(all.time(&[at(1), None, at(2), at(3)]), None);
    let any = quorum(&[("q", "\"any\"", &["a", "b"])]);
    assert_eq!(any.time(&[at(5), at(3), at(1), None]), at(3));
    let nested = quorum(&[("q", "2", &["a", "inner"]), ("inner", "2", &["b", "c", "d"])]);
    assert_eq!(nested.time(&[at(1), at(5), at(7), at(3)]), at(5));
    assert_eq!(nested.time(&[None, at(5), at(7), at(3)]), None);
    assert_eq!(Quorum::default().time(&[]), None);
}

#[test]
fn a_quorum_that_two_disjoint_sets_satisfy_warns() {
    let warned = |groups: &[(&str, &str, &[&str])]| quorum(groups).warnings().len();
    assert_eq!(warned(&[("q", "2", &["a", "b", "c"])]), 0);
    assert_eq!(warned(&[("q", "2", &["a", "b", "c", "d"])]), 1);
    assert_eq!(warned(&[("q", "2", &["a", "x"]), ("x", "1", &["b", "c"])]), 1);
    // What does not decide does not warn.
    assert_eq!(warned(&[("q", "2", &["a", "b"]), ("x", "1", &["c", "d"])]), 0);
}

#[test]
fn groups_that_share_members_take_no_exponential_time() {
    let mut text = log() + &witness("w", 9);
    text.push_str("[[group]]\nname = \"g0\"\nof = 1\nmembers = [\"w\"]\n");
    text.push_str("[[group]]\nname = \"h0\"\nof = 1\nmembers = [\"w\"]\n");
    for index in 1..100 {
        let below = index - 1;
        for letter in ["g", "h"] {
            text.push_str(&format!(
                "[[group]]\nname = \"{letter}{index}\"\nof = 2\nmembers = [\"g{below}\", \"h{below}\"]\n"
            ));
        }
    }
    text.push_str("[policy]\nquorum = \"g99\"\n");
    let trust = Trust::parse(&text).unwrap();
    assert_eq!(trust.quorum().time(&[at(4)]), at(4));
    assert!(trust.warnings().is_empty());
}

#[test]
fn windows_are_inclusive_then_exclusive() {
    let text = log() + "until = \"2027-01-01T00:00:00Z\"\nmldsa_compromised_at = \"2026-06-01T00:00:00Z\"\n";
    let trust = Trust::parse(&text).unwrap();
    let log = &trust.logs()[0];
    let time = |text| Instant::parse(text).unwrap();
    assert!(log.is_valid_at(time("2026-01-01T00:00:00Z")));
    assert!(!log.is_valid_at(time("2025-12-31T23:59:59.999Z")));
    assert!(!log.is_valid_at(time("2027-01-01T00:00:00Z")));
    assert_eq!(log.counting_at(time("2026-05-31T23:59:59Z")), 2);
    assert_eq!(log.counting_at(time("2026-06-01T00:00:00Z")), 1);
}

#[test]
fn trust_comes_from_the_two_keys_of_a_log() {
    let from = Instant::parse("2026-01-01T00:00:00Z").unwrap();
    let keys = [ed25519(ORIGIN, 1).verifier().to_string(), mldsa(ORIGIN, 2)];
    let trust = Trust::from_log_pub(&(keys.join("\n") + "\n"), from, false).unwrap();
    assert_eq!(trust.logs()[0].origin.as_str(), ORIGIN);
    assert!(!trust.allow_drafts());
    assert!(Trust::from_log_pub(&keys[0], from, false).is_err());
    assert!(Trust::from_log_pub(&format!("{}\n{}\n", keys[1], keys[0]), from, false).is_err());
    assert!(Trust::from_log_pub("a\"\nb\n", from, false).is_err());
}

proptest! {
    #[test]
    fn the_quorums_time_is_that_of_a_naive_search(
        of in 1_usize..=4,
        times in prop::collection::vec(prop::option::of(0_i64..6), 4),
    ) {
        let quorum = quorum(&[("q", &of.to_string(), &["a", "b", "c", "d"])]);
        let times: Vec<Option<Instant>> = times.iter().map(|time| time.and_then(at)).collect();
        let satisfied = |until: i64| {
            times.iter().flatten().filter(|time| **time <= Instant::from_seconds(until)).count() >= of
        };
        let smallest = (0..6).find(|until| satisfied(*until)).and_then(at);
        prop_assert_eq!(quorum.time(&times), smallest);
    }
}

#[test]
fn authorities_need_names_certificates_and_possible_settings() {
    let root = include_str!("../../tests/timestamps/fixtures/root.pem");
    let authority = |name: &str, roots: &str, rest: &str| {
        format!("[[authority]]\nname = \"{name}\"\nroots = [{roots}]\n{rest}\n")
    };
    let pem = format!("\"\"\"{root}\"\"\"");
    let good = authority(
        "a",
        &pem,
        "policy_oids = [\"1.3.6.1.4.1.1\"]\ndefault_accuracy_seconds = 3",
    );
    let trust = Trust::parse(&good).unwrap();
    assert_eq!(trust.authorities()[0].default_accuracy_millis, 3_000);
    assert_eq!(
        Trust::parse(&authority("a", &pem, "")).unwrap().authorities()[0].default_accuracy_millis,
        1_000
    );
    check_refused(&authority("a", "", ""), 3, "authority.roots", "no certificate");
    check_refused(&authority("", &pem, ""), 2, "authority.name", "is empty");
    let broken = pem.replacen("MII", "NII", 1);
    for roots in [
        "\"-----BEGIN CERTIFICATE-----\"",
        "\"x\"",
        &broken,
        &pem.replace("CERTIFICATE", "PRIVATE KEY"),
    ] {
        check_refused(&authority("a", roots, ""), 3, "authority.roots", "certificate");
    }
    // The certificate that is wrong is named by its own line.
    check_refused(
        &authority("a", &format!("{pem},\n\"x\""), ""),
        3 + root.lines().count() + 1,
        "authority.roots",
        "",
    );
    let twice = authority("a", &pem, "") + &authority("a", &pem, "");
    assert_eq!(refused(&twice).1, "authority.name");
    assert_eq!(
        refused(&authority("a", &pem, "policy_oids = [\"x\"]")).1,
        "authority.policy_oids"
    );
    let slow = authority("a", &pem, "default_accuracy_seconds = 86401");
    assert_eq!(refused(&slow).1, "authority.default_accuracy_seconds");
    assert!(Trust::parse(&authority("a", &pem, "default_accuracy_seconds = -1")).is_err());
}
