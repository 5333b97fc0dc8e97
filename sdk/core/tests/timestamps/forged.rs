//! Tokens whose signature verifies and whose content is not what it must be.

use trialseal_core::time::Instant;
use trialseal_core::timestamp::TokenError;

use super::fixtures::{check, imprint};
use super::forge::{Stamp, pem, tlv};

fn stamp() -> Stamp {
    Stamp::at("p256", Instant::parse("2030-01-01T00:00:20Z").unwrap())
}

#[test]
fn an_authority_of_ours_makes_good_tokens() {
    let token = check(&stamp().token(&imprint())).unwrap();
    assert_eq!(token.gen_time, Instant::parse("2030-01-01T00:00:20Z").unwrap());
    assert_eq!(token.time, Instant::parse("2030-01-01T00:00:21Z").unwrap());
}

#[test]
fn gen_time_is_read_with_and_without_a_fraction() {
    for (gen_time, millis) in [
        ("20300101000020Z", Some(0)),
        ("20300101000020.5Z", Some(500)),
        ("20300101000020.123456Z", Some(124)),
        ("20300101000020.000Z", Some(0)),
        ("20300101000020.Z", None),
        ("20300101000020", None),
        ("20300101000020+0100", None),
        ("203001010000Z", None),
        ("20301301000020Z", None),
        ("20300101000060Z", None),
        ("", None),
    ] {
        let mut stamp = stamp();
        stamp.gen_time = gen_time.to_owned();
        let expected = millis.map(|millis| {
            Instant::parse("2030-01-01T00:00:20Z")
                .unwrap()
                .plus_millis(millis)
        });
        let found = check(&stamp.token(&imprint())).map(|token| token.gen_time);
        assert_eq!(found.ok(), expected, "{gen_time}");
    }
}

#[test]
fn a_chain_is_judged_at_gen_time_and_not_now() {
    for (gen_time, is_good) in [
        ("20191231235959Z", false),
        ("20200101000000Z", true),
        ("21200101000000Z", true),
        ("21200101000002Z", false),
        ("19600101000000Z", false),
    ] {
        let mut stamp = stamp();
        stamp.gen_time = gen_time.to_owned();
        let found = check(&stamp.token(&imprint()));
        assert_eq!(found.is_ok(), is_good, "{gen_time}: {found:?}");
    }
}

#[test]
fn extensions_and_fields_that_must_be_understood_are_not() {
    let extension = |critical: &[u8]| {
        let fields = [&tlv(0x06, &[0x2a, 3])[..], critical, &tlv(0x04, &[1])].concat();
        tlv(0xa1, &tlv(0x30, &fields))
    };
    let with = |rest: Vec<u8>| {
        let mut stamp = stamp();
        stamp.rest = rest;
        check(&stamp.token(&imprint()))
    };
    assert!(with(extension(&[])).is_ok());
    assert_eq!(
        with(extension(&[0x01, 1, 0xff])),
        Err(TokenError::CriticalExtension)
    );
    // ordering, nonce, the authority's name
    assert!(with([&[0x01, 1, 0xff, 0x02, 1, 5][..], &tlv(0xa0, &tlv(0x82, b"tsa"))].concat()).is_ok());
    assert!(with(vec![0x02, 1, 5, 0x02, 1, 5]).is_err());
    assert!(with(tlv(0xa2, b"")).is_err());
}

#[test]
fn the_signed_content_type_must_be_that_of_a_token() {
    let mut stamp = stamp();
    // id-data
    stamp.content_type = vec![0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    let found = check(&stamp.token(&imprint()));
    assert!(
        matches!(
            found,
            Err(TokenError::Attribute {
                name: "contentType",
                ..
            })
        ),
        "{found:?}"
    );
}

#[test]
fn what_is_signed_must_be_a_tst_info() {
    for content in [
        &b""[..],
        b"not DER",
        &[0x30, 0],
        &stamp().content(&imprint())[1..],
    ] {
        assert!(check(&stamp().token_of(content)).is_err());
    }
}

/// Certificates of one name and different keys: ways through them grow with their factorial.
#[test]
fn certificates_that_only_cost_time_are_not_followed() {
    let root = pem("root.pem");
    let key = root
        .windows(3)
        .position(|three| three == [0x42, 0, 0x04])
        .unwrap()
        + 3;
    let with = |count: u8| {
        let mut stamp = stamp();
        for number in 1..=count {
            let mut other = root.clone();
            other[key] ^= number;
            stamp.certificates.extend(other);
        }
        check(&stamp.token(&imprint()))
    };
    assert!(with(6).is_ok());
    assert_eq!(with(7), Err(TokenError::Certificates));
    assert_eq!(with(16), Err(TokenError::Certificates));
}
