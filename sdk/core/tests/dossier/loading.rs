//! What a dossier takes in.

use trialseal_core::dossier::{Dossier, Signature};
use trialseal_core::record::Part;
use trialseal_core::trust::Trust;
use trialseal_core::vocabulary::Blinding;

use super::story::{TRIAL, register, trust_file};
use super::trial::{signed_plan, trial};

#[test]
fn several_receipts_of_one_record_are_one_fact() {
    let mut story = trial(Blinding::DoubleBlind);
    let plan = signed_plan(&mut story, "1.0");
    let whole = story.receipt(&plan);
    let file = |name: &str, text: String| (name.to_owned(), text.into_bytes());
    let files = vec![
        file(
            "a.receipt.json",
            whole
                .clone()
                .withholding(Part::What)
                .withholding(Part::Who)
                .to_json_pretty(),
        ),
        file(
            "b.json",
            whole
                .clone()
                .without_manifest()
                .withholding(Part::Why)
                .to_json_pretty(),
        ),
        file("c.receipt.json", whole.to_json_pretty()),
        file("same.receipt.json", whole.to_json_pretty()),
        file("notes.txt", "not ours".to_owned()),
        file("other.json", "{\"format\":\"other\"}".to_owned()),
    ];
    for count in 1..=files.len() {
        let dossier = story.dossier_of(files[..count].to_vec());
        assert!(dossier.refused().is_empty(), "{:?}", dossier.refused());
        assert_eq!(dossier.facts().len(), 1);
        let fact = dossier.fact(&plan.record).unwrap();
        assert_eq!(fact.what.is_some(), count >= 2);
        assert_eq!(fact.signature == Signature::Signed, count >= 2);
        assert_eq!(fact.items.is_some(), count >= 3);
        assert!(fact.hi.is_some() && fact.is_placed);
    }
    let dossier = story.dossier_of(files);
    assert_eq!(dossier.passed_over(), ["notes.txt", "other.json"]);
}

#[test]
fn the_chain_of_checkpoints_bounds_every_record() {
    let mut story = trial(Blinding::DoubleBlind);
    let plan = signed_plan(&mut story, "1.0");
    story.state();
    let without = story.dossier_of(story.receipts());
    assert_eq!(without.fact(&plan.record).unwrap().lo, None);
    let dossier = story.dossier();
    let fact = dossier.fact(&plan.record).unwrap();
    let (lo, hi) = (fact.lo.unwrap(), fact.hi.unwrap());
    assert!(lo < fact.rec() && fact.rec() < hi, "{lo} {} {hi}", fact.rec());
    assert_eq!(hi, fact.rec().plus_millis(5_000));
}

#[test]
fn a_chain_that_is_not_consistent_is_refused() {
    let mut story = trial(Blinding::DoubleBlind);
    signed_plan(&mut story, "1.0");
    story.state();
    let (name, bytes) = story.chain();
    let text = String::from_utf8(bytes).unwrap();
    // The proof of the first checkpoint, with a hash exchanged.
    let start = text.find("\"consistency\":[\"").unwrap() + 16;
    let changed = format!("{}A{}", &text[..start], &text[start + 1..]);
    assert_ne!(text, changed);
    let mut files = story.receipts();
    files.push((name, changed.into_bytes()));
    let dossier = story.dossier_of(files);
    assert_eq!(dossier.refused().len(), 1);
    assert!(
        dossier.refused()[0]
            .sentence
            .contains("is not shown to be a beginning"),
        "{:?}",
        dossier.refused()
    );
}

#[test]
fn evidence_below_what_is_asked_for_is_no_fact() {
    let mut story = trial(Blinding::DoubleBlind);
    let plan = signed_plan(&mut story, "1.0");
    story.witness_after_s = None;
    story.put(super::story::Put::new(
        "acme/ada",
        trialseal_core::vocabulary::Role::Sponsor,
        trialseal_core::vocabulary::Class::Correspondence,
        trialseal_core::vocabulary::Event::Drafted,
    ));
    story.witness_after_s = Some(5);
    story.state();
    let asked = |require: &str| {
        let trust = Trust::parse(&trust_file(require)).unwrap();
        Dossier::load(&trust, story.later(), story.files()).completeness(&register(TRIAL))
    };
    assert!(asked("sealed").complete_to.is_some());
    let witnessed = asked("witnessed");
    assert!(witnessed.complete_to.is_none());
    assert!(
        witnessed
            .problem
            .unwrap()
            .contains("is not what the trust file asks for")
    );
    assert!(plan.sequence.get() > 1);
}
