//! One function per target. Each must survive any bytes, and what it accepts must keep its promises.

use trialseal_core::checkpoint::Checkpoint;
use trialseal_core::entry::Entry;
use trialseal_core::hash::sha256;
use trialseal_core::json;
use trialseal_core::note::{SignedNote, VerifierKey};
use trialseal_core::tile::{self, TilePath};
use trialseal_core::time::{Date, Instant};
use trialseal_core::tlog_proof::TlogProof;

/// A target: its name, which is that of its folder in `corpus/`, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("entry", entry),
    ("json", json),
    ("note", note),
    ("tile", tile),
    ("time", time),
    ("tlog_proof", tlog_proof),
    ("vkey", vkey),
];

/// The key of `corpus/note`, so that some notes verify.
const KNOWN_KEY: &str = "notary.example/log1+fbc3fc6a+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";

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
