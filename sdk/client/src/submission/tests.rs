use trialseal_core::note::SignedNote;
use trialseal_core::submission;

use super::*;
use crate::testing::{file, log, now, plan, signatory};

#[test]
fn what_is_signed_is_what_is_sent() {
    let prepared = plan().sign(&signatory(), &log(), now()).unwrap();
    let verified = submission::verify(prepared.note(), signatory().key.verifier()).unwrap();
    assert_eq!(&verified.text, prepared.text());
    assert_eq!(verified.digest, prepared.digest());
    assert_eq!(verified.text.what, prepared.what().leaf(Part::What));
    assert_eq!(verified.text.who, prepared.who().leaf(Part::Who));
    assert_eq!(verified.text.why, prepared.why().leaf(Part::Why));
    assert_eq!(SignedNote::parse(prepared.note()).unwrap().lines().len(), 1);
    let what = What::parse(prepared.what().text.as_bytes()).unwrap();
    assert_eq!(what.manifest, Some(prepared.manifest().unwrap().commitment()));
    let who = Who::parse(prepared.who().text.as_bytes()).unwrap();
    assert_eq!(who.signer.unwrap().signed_at, now());
}

#[test]
fn salts_and_keys_are_never_the_same_twice() {
    let sign = || plan().sign(&signatory(), &log(), now()).unwrap();
    let (one, two) = (sign(), sign());
    assert_ne!(one.idempotency_key(), two.idempotency_key());
    assert_ne!(one.why().salt, two.why().salt);
    assert_ne!(one.manifest().unwrap().root(), two.manifest().unwrap().root());
    let items = one.manifest().unwrap().items();
    assert_ne!(items[0].salt, items[1].salt);
    assert_eq!(items[0].item.path.as_str(), "a.pdf");
}

#[test]
fn kept_bytes_must_belong_together() {
    let prepared = plan().sign(&signatory(), &log(), now()).unwrap();
    let parts = || {
        [
            prepared.what().clone(),
            prepared.who().clone(),
            prepared.why().clone(),
        ]
    };
    let manifest = prepared.manifest().cloned();
    let again = Prepared::from_parts(parts(), prepared.note().to_owned(), manifest.clone()).unwrap();
    assert_eq!(again, prepared);
    let other = plan().sign(&signatory(), &log(), now()).unwrap();
    for place in 0..3 {
        let mut mixed = parts();
        mixed[place] = [other.what(), other.who(), other.why()][place].clone();
        assert!(Prepared::from_parts(mixed, prepared.note().to_owned(), manifest.clone()).is_err());
    }
    assert!(Prepared::from_parts(parts(), other.note().to_owned(), manifest).is_err());
    let result = Prepared::from_parts(parts(), prepared.note().to_owned(), None);
    assert!(matches!(result, Err(PreparedError::OtherManifest)));
}

#[test]
fn not_after_is_a_day_ahead_and_never_more_than_fourteen() {
    let sign = |submission: Submission| submission.sign(&signatory(), &log(), now());
    assert_eq!(
        sign(plan()).unwrap().not_after().to_string(),
        "2026-05-03T09:17:04Z"
    );
    let latest = now().plus_millis(NOT_AFTER_MILLIS_MAX);
    assert_eq!(sign(plan().not_after(latest)).unwrap().not_after(), latest);
    for wrong in [latest.plus_millis(1), now().plus_millis(-1)] {
        assert!(matches!(
            sign(plan().not_after(wrong)),
            Err(PrepareError::NotAfter { .. })
        ));
    }
}

#[test]
fn what_the_notary_would_refuse_is_refused_here() {
    let without_version = plan().with(|what| what.version = None);
    let Err(PrepareError::Form(found)) = without_version.sign(&signatory(), &log(), now()) else {
        panic!()
    };
    assert_eq!(found[0].field, "what.version");
    // A final plan is named in the authority table, so it cannot be a draft.
    assert!(matches!(plan().draft(), Err(PrepareError::Form(_))));
    let twice = plan().files(&[file("a.pdf")]);
    assert!(matches!(
        twice.sign(&signatory(), &log(), now()),
        Err(PrepareError::Manifest(_))
    ));
    let register = "trial:NCT04573309".parse().unwrap();
    let unsigned = Submission::new(register, Class::Dataset, Event::DataCut);
    assert!(matches!(
        unsigned.sign(&signatory(), &log(), now()),
        Err(PrepareError::Unsigned)
    ));
}

#[test]
fn the_statement_names_class_version_event_and_meaning() {
    assert_eq!(
        plan().statement(),
        "Statistical analysis plan 2.0, finalised; meaning: approval."
    );
    let register = "trial:NCT04573309".parse().unwrap();
    let draft = Submission::new(register, Class::Dataset, Event::DataCut);
    assert_eq!(draft.statement(), "Dataset, data cut; not signed.");
}

#[test]
fn a_draft_commits_to_its_files() {
    let register = "trial:NCT04573309".parse().unwrap();
    let draft = Submission::new(register, Class::Dataset, Event::DataCut)
        .files(&[file("a.xpt")])
        .draft()
        .unwrap();
    assert_eq!(
        draft.what().manifest,
        Some(draft.manifest().unwrap().commitment())
    );
    assert_eq!(What::parse(draft.what_text().as_bytes()).unwrap(), *draft.what());
    assert_eq!(draft.why_text(), "");
}
