use trialseal_core::hash::sha256;
use trialseal_core::vocabulary::{Class, Event};

use super::*;
use crate::submission::Submission;
use crate::testing::{file, log, now, plan, signatory};

fn pending(request: &[u8]) -> Pending {
    let submission = plan().sign(&signatory(), &log(), now()).unwrap().into();
    Pending {
        submission,
        receipt: "plan.pdf.receipt.json".into(),
        request: sha256(request),
    }
}

#[test]
fn the_same_bytes_come_back() {
    let base = tempfile::tempdir().unwrap();
    let folder = PendingFolder::below(base.path());
    assert_eq!(folder.list().unwrap(), []);
    let signed = pending(b"one");
    let register = "trial:NCT04573309".parse().unwrap();
    let draft = Submission::new(register, Class::Dataset, Event::DataCut)
        .files(&[file("a")])
        .reason("cut");
    let draft = Pending {
        submission: draft.draft().unwrap().into(),
        receipt: "a.receipt.json".into(),
        request: sha256(b"two"),
    };
    folder.write(&signed).unwrap();
    folder.write(&draft).unwrap();
    assert_eq!(folder.list().unwrap().len(), 2);
    assert_eq!(folder.find(&sha256(b"one")).unwrap(), Some(signed.clone()));
    assert_eq!(folder.find(&sha256(b"two")).unwrap(), Some(draft));
    assert_eq!(folder.find(&sha256(b"three")).unwrap(), None);
    folder.remove(&signed.submission.idempotency_key()).unwrap();
    folder.remove(&signed.submission.idempotency_key()).unwrap();
    assert_eq!(folder.find(&sha256(b"one")).unwrap(), None);
}

#[cfg(unix)]
#[test]
fn salts_are_for_their_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let base = tempfile::tempdir().unwrap();
    let folder = PendingFolder::below(base.path());
    folder.write(&pending(b"one")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.path()), 0o700);
    for entry in fs::read_dir(folder.path()).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn a_damaged_file_is_named_and_never_sent() {
    let base = tempfile::tempdir().unwrap();
    let folder = PendingFolder::below(base.path());
    let pending = pending(b"one");
    folder.write(&pending).unwrap();
    let path = folder.file(&pending.submission.idempotency_key());
    let good = fs::read_to_string(&path).unwrap();
    for bad in [
        good[..good.len() / 2].to_owned(),
        good.replace("/v1\",\n  \"receipt", "/v2\",\n  \"receipt"),
        good.replace("Blind review", "Other review"),
        good.replace("a.pdf", "c.pdf"),
        String::new(),
    ] {
        assert_ne!(bad, good);
        fs::write(&path, bad).unwrap();
        assert!(matches!(folder.list(), Err(PendingError::Malformed { path: found, .. }) if found == path));
    }
    // A file under another key would hide the one whose name it has.
    fs::write(folder.path().join("0".repeat(64) + ".json"), good).unwrap();
    fs::remove_file(path).unwrap();
    assert!(matches!(folder.list(), Err(PendingError::Malformed { .. })));
}
