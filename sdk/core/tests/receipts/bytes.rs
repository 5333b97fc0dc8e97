//! No byte of what is hashed or signed in a good receipt can change.

use trialseal_core::verify::{FileQuery, Outcome, verify};

use super::common::{adsl, at, read_vector, trust};

/// Changes each byte of the receipt file that stands inside the value of one of these keys, and
/// expects a refusal. Changing the bytes of the file covers what reading them undoes, too.
fn check(name: &str, keys: &[&str], step: usize) {
    let trust = trust();
    let query = FileQuery::One {
        item: None,
        name: "adsl.xpt".to_owned(),
        digests: adsl(),
    };
    let receipt = read_vector(name);
    assert_eq!(verify(&receipt, &trust, at(), &query).outcome, Outcome::Passed);
    let places: Vec<usize> = keys.iter().flat_map(|key| values_of(&receipt, key)).collect();
    assert!(places.len() > 1_000, "{} bytes", places.len());
    let mut changed = receipt.clone();
    for place in places.into_iter().step_by(step) {
        let original = receipt[place];
        // Another character of the same kind first, since that is the change that looks innocent.
        for other in [original ^ 0x01, original ^ 0x20, b'"'] {
            if other == original {
                continue;
            }
            changed[place] = other;
            let report = verify(&changed, &trust, at(), &query);
            let around = String::from_utf8_lossy(&changed[place.saturating_sub(20)..place + 1]).into_owned();
            assert_eq!(
                report.outcome,
                Outcome::Failed,
                "{name}, byte {place}, {around:?} -> {other:#x}"
            );
        }
        changed[place] = original;
    }
}

/// The places of the bytes inside the string values of a key.
fn values_of(receipt: &[u8], key: &str) -> Vec<usize> {
    let text = std::str::from_utf8(receipt).unwrap();
    let start_of_value = format!("\"{key}\": \"");
    let mut places = Vec::new();
    for (found, _) in text.match_indices(&start_of_value) {
        let start = found + start_of_value.len();
        let bytes = &receipt[start..];
        let mut length = 0;
        while bytes[length] != b'"' {
            length += if bytes[length] == b'\\' { 2 } else { 1 };
        }
        places.extend(start..start + length);
    }
    places
}

#[test]
fn no_byte_of_a_part_a_salt_a_note_or_an_item_can_change() {
    check("folder.receipt.json", &["salt", "text", "note"], 1);
    check("one-of-three.receipt.json", &["salt", "text", "note"], 3);
    check("no-why.receipt.json", &["salt", "text", "note"], 3);
    check("draft.receipt.json", &["salt", "text"], 3);
}

#[test]
fn no_byte_of_a_proof_or_a_checkpoint_can_change() {
    check("folder.receipt.json", &["proof"], 1);
    check("two-evidence-elements.receipt.json", &["proof"], 7);
}

#[test]
fn no_byte_of_the_whole_file_can_change() {
    let trust = trust();
    let query = FileQuery::One {
        item: None,
        name: "adsl.xpt".to_owned(),
        digests: adsl(),
    };
    for name in [
        "folder.receipt.json",
        "one-of-three.receipt.json",
        "withheld.receipt.json",
    ] {
        let receipt = read_vector(name);
        let text = std::str::from_utf8(&receipt).unwrap();
        // Under another name these are keys that are not known: no timestamps, as before, and no
        // manifest to compare the file with.
        let key = |key: &str| text.find(key).map(|start| start..start + key.len()).unwrap();
        let (timestamps, manifest) = (key("\"timestamps\""), key("\"manifest\": {\n"));
        let mut changed = receipt.clone();
        for place in (0..receipt.len()).filter(|place| !timestamps.contains(place)) {
            changed[place] ^= 0x01;
            let is_blank = changed[place].is_ascii_whitespace() && receipt[place].is_ascii_whitespace();
            let outcome = verify(&changed, &trust, at(), &query).outcome;
            let refused = outcome == Outcome::Failed
                || (outcome == Outcome::Indeterminate && manifest.contains(&place));
            assert!(is_blank || refused, "{name}, byte {place}: {outcome}");
            changed[place] = receipt[place];
        }
    }
}
