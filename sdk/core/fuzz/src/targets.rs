//! One function per target. Each must survive any bytes, and what it accepts must keep its promises.

use trialseal_core::checkpoint::Checkpoint;
use trialseal_core::cose::{CoseReceipt, CoseSigningKey};
use trialseal_core::entry::Entry;
use trialseal_core::hash::sha256;
use trialseal_core::json;
use trialseal_core::manifest::{Item, ItemPath};
use trialseal_core::note::{SignedNote, VerifierKey};
use trialseal_core::receipt::Receipt;
use trialseal_core::record::What;
use trialseal_core::tile::{self, TilePath};
use trialseal_core::time::{Date, Instant};
use trialseal_core::timestamp::{Response, Token};
use trialseal_core::tlog_proof::TlogProof;
use trialseal_core::trust::Trust;
use trialseal_core::verify::{FileQuery, Outcome, verify};

/// A target: its name, which is that of its folder in `corpus/`, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("cose", cose),
    ("entry", entry),
    ("json", json),
    ("manifest", manifest),
    ("note", note),
    ("receipt", receipt),
    ("tile", tile),
    ("time", time),
    ("timestamp", timestamp),
    ("tlog_proof", tlog_proof),
    ("trust", trust),
    ("vkey", vkey),
    ("what", what),
];

/// The root of the tokens in `corpus/timestamp`, and what these stamp.
const ROOT: &str = include_str!("../../tests/timestamps/fixtures/root.pem");
const STAMPED: &[u8] = include_bytes!("../../tests/timestamps/fixtures/stamped.txt");

/// The key of `corpus/note`, so that some notes verify.
const KNOWN_KEY: &str = "notary.example/log1+fbc3fc6a+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";

/// What is accepted is written as it was read, and proves nothing that was never signed.
pub fn cose(bytes: &[u8]) {
    let Ok(receipt) = CoseReceipt::parse_any(bytes) else {
        assert!(CoseReceipt::parse(bytes).is_err());
        return;
    };
    assert_eq!(receipt.encode(), bytes);
    let stranger = CoseSigningKey::from_seed([7; 32]);
    assert!(receipt.verify(bytes, stranger.public()).is_err());
}

/// What is accepted is written canonically, and that reads back as itself.
pub fn json(bytes: &[u8]) {
    let Ok(object) = json::parse(bytes) else {
        assert!(json::parse_canonical(bytes).is_err());
        return;
    };
    let canonical = json::write(&object);
    let again = json::parse_canonical(canonical.as_bytes()).map(|object| json::write(&object));
    assert_eq!(again.as_ref(), Ok(&canonical));
    assert_eq!(
        json::parse_canonical(bytes).is_ok(),
        canonical.as_bytes() == bytes
    );
}

/// What is accepted is written as it was read.
pub fn note(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    let Ok(note) = SignedNote::parse(text) else { return };
    assert_eq!(note.to_string(), text);
    if let Ok(checkpoint) = Checkpoint::parse(note.text()) {
        assert_eq!(checkpoint.text(), note.text());
    }
    if let Ok(key) = VerifierKey::parse(KNOWN_KEY)
        && let Ok(lines) = note.verify([&key])
    {
        assert!(lines.len() <= note.lines().len());
    }
}

/// What is accepted is written as it was read.
pub fn tlog_proof(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    let Ok(proof) = TlogProof::parse(text) else { return };
    assert_eq!(proof.to_string(), text);
    // No proof leads from a leaf that was never logged.
    assert!(proof.verify(sha256(bytes)).is_err());
}

/// A path has one spelling, and so has a bundle of entries.
pub fn tile(bytes: &[u8]) {
    if let Ok(text) = core::str::from_utf8(bytes)
        && let Ok(path) = TilePath::parse(text)
    {
        assert_eq!(path.to_string(), text);
    }
    if let Ok(entries) = tile::parse_entries(bytes) {
        assert_eq!(tile::encode_entries(entries).as_deref(), Ok(bytes));
    }
}

/// A key has one spelling.
pub fn vkey(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
}

/// What is accepted can be encoded, and then reads back as itself.
pub fn entry(bytes: &[u8]) {
    let Ok(entry) = Entry::parse(bytes) else { return };
    let encoded = entry.encode();
    assert_eq!(encoded.as_deref().map(Entry::parse), Ok(Ok(entry)));
}

/// An instant has at most two spellings, a date one.
pub fn time(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(instant) = Instant::parse(text) {
        assert!(instant.to_string() == text || instant.to_millis_string() == text);
    }
    if let Ok(date) = Date::parse(text) {
        assert_eq!(date.to_string(), text);
    }
}

/// An item that is accepted is written canonically, and that reads back as itself.
pub fn manifest(bytes: &[u8]) {
    if let Ok(item) = Item::parse(bytes) {
        assert_eq!(Item::parse(item.to_json().as_bytes()), Ok(item));
    }
    if let Ok(text) = core::str::from_utf8(bytes)
        && let Ok(path) = ItemPath::new(text)
    {
        assert_eq!(path.as_str(), text);
    }
}

/// A receipt keeps everything when it is written, and nothing is proven without trust.
pub fn receipt(bytes: &[u8]) {
    let report = Trust::parse("").map(|trust| {
        verify(
            bytes,
            &trust,
            Instant::from_seconds(2_000_000_000),
            &FileQuery::None,
        )
    });
    assert!(report.is_ok_and(|report| report.outcome != Outcome::Passed));
    let Ok(receipt) = Receipt::parse(bytes) else {
        return;
    };
    let written = receipt.to_json_pretty();
    assert_eq!(Receipt::parse(written.as_bytes()).as_ref(), Ok(&receipt));
    if let Some(manifest) = receipt.manifest() {
        let _ = manifest.opening();
    }
}

/// An error in a trust file or a tlog-policy stands on one of its lines.
pub fn trust(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    if let Err(error) = Trust::parse_either(text) {
        assert!((1..=text.matches('\n').count() + 1).contains(&error.line));
    }
}

/// What is admitted is written as it was read, but for empty lists and `x-` keys below the top.
pub fn what(bytes: &[u8]) {
    if let Ok(what) = What::parse(bytes) {
        assert_eq!(What::parse(what.to_json().as_bytes()), Ok(what));
    }
}

/// A token that is accepted is written as it was read, and stamps nothing but what it was made for.
pub fn timestamp(bytes: &[u8]) {
    let tokens = [Token::parse(bytes).ok(), Response::parse(bytes).ok()];
    for token in tokens.into_iter().flatten() {
        assert_eq!(Token::parse(token.as_der()).as_ref(), Ok(&token));
        let trust = format!("[[authority]]\nname = \"tsa\"\nroots = [\"\"\"{ROOT}\"\"\"]\n");
        let trust = Trust::parse(&trust).ok();
        let authorities = trust.as_ref().map(Trust::authorities).unwrap_or_default();
        assert!(!authorities.is_empty());
        for authority in authorities {
            assert!(token.check(&sha256(bytes), None, authority).is_err());
            if let Ok(verified) = token.check(&sha256(STAMPED), None, authority) {
                assert!(verified.gen_time <= verified.time && verified.gen_time <= verified.signer_not_after);
            }
        }
    }
}
