//! Every token of `fixtures/` gives the verdict of `expected.json`. `tests/independent/test_timestamps.py`
//! compares the same file with two other verifiers.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use trialseal_core::hash::{Hash, sha256};
use trialseal_core::timestamp::{
    ObjectIdentifier, Query, Response, ResponseError, Token, TokenError, VerifiedToken,
};
use trialseal_core::trust::{Authority, Trust};

pub(crate) const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/timestamps/fixtures");
/// In every request of `make_fixtures.py`.
const NONCE: u64 = 0x0102_0304_0506_0708;

pub(crate) fn read(name: &str) -> Vec<u8> {
    fs::read(format!("{FIXTURES}/{name}")).unwrap()
}

pub(crate) fn imprint() -> Hash {
    sha256(&read("stamped.txt"))
}

pub(crate) fn authority(roots: &[&str]) -> Authority {
    let roots: Vec<String> = roots
        .iter()
        .map(|name| format!("\"\"\"{}\"\"\"", String::from_utf8(read(name)).unwrap()))
        .collect();
    let text = format!("[[authority]]\nname = \"test\"\nroots = [{}]\n", roots.join(", "));
    Trust::parse(&text).unwrap().authorities()[0].clone()
}

pub(crate) fn check(der: &[u8]) -> Result<VerifiedToken, TokenError> {
    Token::parse(der)?.check(&imprint(), None, &authority(&["root.pem"]))
}

fn expected() -> BTreeMap<String, Value> {
    serde_json::from_slice(&read("expected.json")).unwrap()
}

#[test]
fn every_token_gives_its_verdict() {
    let mut wrong = Vec::new();
    for (name, expected) in expected() {
        let roots: Vec<&str> = match expected.get("roots") {
            Some(roots) => roots
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect(),
            None => vec!["root.pem"],
        };
        let found =
            Token::parse(&read(&name)).and_then(|token| token.check(&imprint(), None, &authority(&roots)));
        let is_right = match (&found, expected["ours"].as_str().unwrap()) {
            (Ok(token), "valid") => {
                let after = token.time.as_millis() - token.gen_time.as_millis();
                expected
                    .get("time_after_gen_time_ms")
                    .is_none_or(|millis| *millis == after)
            }
            (Ok(_), _) | (Err(_), "valid") => false,
            (Err(error), problem) => error.to_string().contains(problem),
        };
        if !is_right {
            wrong.push(format!("{name}: {found:?}, expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_fixture_is_left_out() {
    let tokens = fs::read_dir(FIXTURES).unwrap();
    let tokens = tokens.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .path()
            .extension()
            .is_some_and(|end| end == "tst")
    });
    assert_eq!(tokens.count(), expected().len());
}

#[test]
fn a_certificate_that_the_token_does_not_bring_may_be_pinned() {
    let token = Token::parse(&read("no-certificates.tst")).unwrap();
    let check = |roots: &[&str]| token.check(&imprint(), None, &authority(roots));
    assert_eq!(check(&["root.pem"]), Err(TokenError::NoCertificate));
    assert!(check(&["root.pem", "p256.pem"]).is_ok());
    assert!(check(&["p256.pem"]).is_ok());
    // It is pinned as a signer: it does not issue certificates.
    let signed = Token::parse(&read("p384.tst")).unwrap();
    let other = signed.check(&imprint(), None, &authority(&["p256.pem"]));
    assert_eq!(other, Err(TokenError::OtherAuthority));
}

#[test]
fn the_nonce_is_compared_where_it_was_asked_for() {
    let token = Token::parse(&read("p256.tst")).unwrap();
    let authority = authority(&["root.pem"]);
    assert!(token.check(&imprint(), Some(NONCE), &authority).is_ok());
    let wrong = token.check(&imprint(), Some(NONCE + 1), &authority);
    assert_eq!(wrong, Err(TokenError::Nonce));
}

#[test]
fn policies_count_where_the_trust_file_names_some() {
    let token = Token::parse(&read("p256.tst")).unwrap();
    let mut authority = authority(&["root.pem"]);
    authority.policy_oids = vec![ObjectIdentifier::new("1.3.6.1.4.1.55555.2").unwrap()];
    let refused = token.check(&imprint(), None, &authority);
    assert!(matches!(refused, Err(TokenError::Policy(_))), "{refused:?}");
    authority
        .policy_oids
        .push(ObjectIdentifier::new("1.3.6.1.4.1.55555.1").unwrap());
    assert!(token.check(&imprint(), None, &authority).is_ok());
}

#[test]
fn an_authoritys_default_accuracy_counts_where_the_token_states_none() {
    let mut authority = authority(&["root.pem"]);
    authority.default_accuracy_millis = 7_000;
    let time = |name: &str| {
        let token = Token::parse(&read(name)).unwrap();
        token.check(&imprint(), None, &authority).unwrap().accuracy_millis
    };
    assert_eq!((time("p256.tst"), time("accuracy.tst")), (7_000, 2_006));
}

#[test]
fn answers_are_read() {
    let token = Response::parse(&read("granted.tsr")).unwrap();
    assert!(
        token
            .check(&imprint(), Some(NONCE), &authority(&["root.pem"]))
            .is_ok()
    );
    let refused = Response::parse(&read("rejected.tsr")).unwrap_err();
    assert!(
        matches!(
            refused,
            ResponseError::Refused {
                fail_info: Some("badAlg"),
                ..
            }
        ),
        "{refused}"
    );
    // Sigstore's authority leaves its intermediate certificate out of the token: it has to be pinned.
    let token = Response::parse(&read("sigstore.tsr")).unwrap();
    let other = token.check(&imprint(), None, &authority(&["sigstore-root.pem"]));
    assert_eq!(other, Err(TokenError::OtherAuthority));
    // A token alone is no answer.
    assert!(Response::parse(&read("p256.tst")).is_err());
}

#[test]
fn a_token_above_64_kib_is_not_read() {
    let mut long = read("p256.tst");
    long.resize((64 << 10) + 1, 0);
    assert_eq!(Token::parse(&long), Err(TokenError::TooLarge((64 << 10) + 1)));
}

/// `openssl ts -query` writes what we write, but for the nonce, which it chooses.
#[test]
fn a_query_is_what_openssl_reads() {
    let der = Query {
        imprint: imprint(),
        nonce: NONCE,
    }
    .to_der();
    let made = std::process::Command::new("openssl")
        .args([
            "ts",
            "-query",
            "-digest",
            &imprint().to_hex(),
            "-sha256",
            "-cert",
            "-no_nonce",
        ])
        .output();
    let Ok(made) = made else {
        println!("NOT RUN: a_query_is_what_openssl_reads: openssl is not installed");
        return;
    };
    let mut without_nonce = der.clone();
    // The nonce has a tag, a length and eight bytes before certReq.
    let start = der.len() - 13;
    without_nonce.drain(start..start + 10);
    without_nonce[1] -= 10;
    assert_eq!(
        made.stdout,
        without_nonce,
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}
