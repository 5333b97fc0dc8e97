//! Single bytes of good tokens change, and random bytes arrive.

use proptest::prelude::*;
use trialseal_core::timestamp::{Response, Token};

use super::fixtures::{check, read};

/// Good tokens, of every kind of key, and with regions that nobody signed.
const GOOD: [&str; 6] = [
    "p256.tst",
    "p384-sha512.tst",
    "rsa3072.tst",
    "rsa3072-pss.tst",
    "unsigned-attributes.tst",
    "unsorted-certificates.tst",
];

/// Each byte, changed in one bit, in all, and in the bit that turns a field into the next.
#[test]
fn a_flipped_byte_is_refused_or_changes_nothing() {
    for name in GOOD {
        let good = read(name);
        let verdict = check(&good).unwrap();
        let mut survivors = 0;
        for place in 0..good.len() {
            for mask in [0x01, 0x20, 0xff] {
                let mut changed = good.clone();
                changed[place] ^= mask;
                if let Ok(found) = check(&changed) {
                    assert_eq!(found, verdict, "{name}, byte {place} ^ {mask:#x}");
                    survivors += 1;
                }
            }
        }
        // What nobody signed: versions, the list of digest algorithms, unsigned attributes, and a
        // certificate of the token that is not needed.
        assert!(
            10 * survivors < 3 * good.len(),
            "{name}: {survivors} of {} changes",
            3 * good.len()
        );
    }
}

#[test]
fn a_token_that_is_cut_short_is_refused() {
    let good = read("p256.tst");
    for length in 0..good.len() {
        assert!(Token::parse(&good[..length]).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn random_bytes_never_verify_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(check(&bytes).is_err());
        prop_assert!(Response::parse(&bytes).is_err());
    }

    #[test]
    fn pieces_of_tokens_never_say_something_else(
        from in 0_usize..2_000,
        length in 1_usize..200,
        to in 0_usize..2_000,
        names in (0..GOOD.len(), 0..GOOD.len()),
    ) {
        let (mut token, other) = (read(GOOD[names.0]), read(GOOD[names.1]));
        let verdict = check(&token).unwrap();
        let start = from % other.len();
        let piece = &other[start..(start + length).min(other.len())];
        let to = to % token.len();
        let end = (to + piece.len()).min(token.len());
        token.splice(to..end, piece.iter().copied());
        if let Ok(found) = check(&token) {
            prop_assert_eq!(found, verdict);
        }
    }
}
