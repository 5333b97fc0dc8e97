//! Files whose own checksums are right: only the rest of the log contradicts them.

use bytes::{Bytes, BytesMut};

use super::{Victim, put};
use crate::{
    bundle,
    durable::HEADER_BYTES,
    publish::SNAPSHOT,
    signer_state::SignerState,
    stored::{SaltedText, StoredEntry, StoredPart, StoredRecord, Submitted},
};

/// The stored entries of bundle 0, changed and sealed again.
fn rewritten(victim: &Victim, change: impl FnOnce(&mut Vec<Bytes>)) -> Vec<u8> {
    let path = victim.log.layout.records(0);
    let mut entries = bundle::decode(&path, victim.read(&path), 0).unwrap();
    change(&mut entries);
    bundle::encode(0, &entries)
}

fn with_record(entries: &mut [Bytes], index: usize, change: impl FnOnce(&mut StoredRecord)) {
    let StoredEntry::Record(mut record) = StoredEntry::decode(&entries[index]).unwrap() else {
        panic!("a statement")
    };
    change(&mut record);
    let mut bytes = BytesMut::new();
    StoredEntry::Record(record).encode(&mut bytes).unwrap();
    entries[index] = bytes.freeze();
}

fn replaced(text: &Bytes, from: &str, to: &str) -> Bytes {
    let text = std::str::from_utf8(text).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    Bytes::from(text.replacen(from, to, 1))
}

fn kept(part: &mut StoredPart) -> &mut SaltedText {
    match part {
        StoredPart::Kept(kept) => kept,
        StoredPart::Erased(_) => panic!("an erased part"),
    }
}

fn change_text(part: &mut StoredPart, from: &str, to: &str) {
    let part = kept(part);
    part.text = replaced(&part.text, from, to);
}

#[test]
fn swapped_records_are_found() {
    let victim = Victim::new();
    let file = victim.log.layout.records(0);
    let contents = rewritten(&victim, |entries| entries.swap(100, 117));
    let said = victim.must_name(&file, "a swap of records", |fs, _| put(fs, &file, &contents));
    assert!(
        said.contains("entry 100: the parts of the record do not give its entry"),
        "{said}"
    );
}

#[test]
fn a_changed_record_is_found() {
    let victim = Victim::new();
    let file = victim.log.layout.records(0);
    let must_say = |index: usize, change: &dyn Fn(&mut StoredRecord), expected: &str| {
        let contents = rewritten(&victim, |entries| with_record(entries, index, change));
        let said = victim.must_name(&file, expected, |fs, _| put(fs, &file, &contents));
        assert!(
            said.contains(&format!("entry {index}: ")) && said.contains(expected),
            "{said}"
        );
    };
    // Entry 101 is submission 96, which is signed; 100 is a draft.
    let no_entry = "the parts of the record do not give its entry";
    must_say(
        100,
        &|record| change_text(&mut record.what, "\"v95\"", "\"v96\""),
        no_entry,
    );
    must_say(
        100,
        &|record| change_text(&mut record.who, "m-4k2v9", "m-4k2v8"),
        no_entry,
    );
    must_say(
        100,
        &|record| kept(&mut record.what).salt = kept(&mut record.who).salt,
        no_entry,
    );
    must_say(
        100,
        &|record| kept(&mut record.why).text = Bytes::from_static(b"{\"reason\":\"x\"}"),
        no_entry,
    );
    must_say(
        100,
        &|record| record.when.text = replaced(&record.when.text, "\"dataset\"", "\"define\""),
        "another class than what",
    );
    must_say(
        100,
        &|record| record.when.text = replaced(&record.when.text, "\"sealed\":false", "\"sealed\":true"),
        "another sealed than what",
    );
    must_say(
        100,
        &|record| record.when.text = replaced(&record.when.text, "\"sequence\":20", "\"sequence\":21"),
        no_entry,
    );
    must_say(
        100,
        &|record| record.when.text = replaced(&record.when.text, "2026-03-01", "2026-02-28"),
        no_entry,
    );
    must_say(
        100,
        &|record| record.when.text = replaced(&record.when.text, "{\"class\"", "{ \"class\""),
        "the part when is not what the notary lets in",
    );
    must_say(
        101,
        &|record| change_text(&mut record.what, "\"v96\"", "\"v97\""),
        "another part what",
    );
    must_say(
        101,
        &|record| {
            record.submitted = Submitted::Draft {
                idempotency_key: [0; 32],
            }
        },
        "names another submission",
    );
    must_say(
        101,
        &|record| {
            let Submitted::Signed { note } = &mut record.submitted else {
                panic!("a draft")
            };
            *note = replaced(note, "T", "T0");
        },
        "names another submission",
    );
}

#[test]
fn a_record_that_never_fitted_is_found() {
    // With the public files gone as well, only the rules of the log are left.
    let victim = Victim::new();
    let file = victim.log.layout.records(0);
    let public = [victim.hash_tile(0), victim.entries(0)];
    let must_say = |change: &dyn Fn(&mut StoredRecord), expected: &str| {
        let contents = rewritten(&victim, |entries| with_record(entries, 100, change));
        let said = victim.must_name(&file, expected, |fs, _| {
            put(fs, &file, &contents);
            public.iter().for_each(|public| fs.truncate(public, 0).unwrap());
        });
        assert!(said.contains("entry 100: ") && said.contains(expected), "{said}");
    };
    must_say(
        &|record| change_text(&mut record.who, "m-4k2v9", "m-4k2v8"),
        "was not in force",
    );
    must_say(
        &|record| record.when.text = replaced(&record.when.text, "\"sequence\":20", "\"sequence\":21"),
        "it is not the next record of register",
    );
    must_say(
        &|record| record.when.text = replaced(&record.when.text, "2026-03-01", "2026-02-28"),
        "before an earlier record's",
    );
}

#[test]
fn an_idempotency_key_is_compared_with_the_state() {
    // It is in no hash of the log: the frames and the snapshot hold it.
    let victim = Victim::new();
    let file = victim.log.layout.records(0);
    let contents = rewritten(&victim, |entries| {
        with_record(entries, 100, |record| {
            record.submitted = Submitted::Draft {
                idempotency_key: [0; 32],
            }
        });
    });
    victim.must_name(&victim.snapshot(), "another idempotency key", |fs, _| {
        put(fs, &file, &contents)
    });
}

#[test]
fn an_older_state_under_a_newer_name_is_found() {
    let victim = Victim::new();
    let file = victim.snapshot();
    let contents = victim.read(&file);
    // A count of records of one register, one less; the checksum is right again.
    let mut changed = contents[HEADER_BYTES..].to_vec();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let said = victim.must_name(&file, "another state", |fs, _| {
        put(fs, &file, &SNAPSHOT.seal(&changed))
    });
    assert!(said.contains("it is not the state that the first"), "{said}");
    let older = victim.log.layout.snapshot(300);
    let said = victim.must_name(&older, "a copy under another name", |fs, _| {
        put(fs, &older, &contents)
    });
    assert!(said.contains("another size than its name"), "{said}");
}

#[test]
fn a_fork_is_found() {
    let victim = Victim::new();
    let path = &victim.log.layout.signer_state;
    let mut state = SignerState::read(&victim.fs, path).unwrap().unwrap();
    state.checkpoint.size = trialseal_core::index::LogSize::new(300).unwrap();
    let said = victim.must_name(path, "a fork", |fs, _| state.write(fs, path).unwrap());
    assert!(said.contains("a checkpoint of size 300"), "{said}");
}

#[test]
fn keys_that_are_not_the_logs_are_refused() {
    let (victim, other) = (Victim::new(), Victim::new());
    let mut options = victim.log.audit_options();
    options.keys = other.log.keys();
    let error = super::super::audit(&options, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("not signed by both keys"), "{error}");
    options.keys = [victim.log.keys()[1].clone(), victim.log.keys()[0].clone()];
    assert!(super::super::audit(&options, &mut |_| {}).is_err());
}
