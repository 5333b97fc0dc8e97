//! What somebody may try, and the sentence that catches it.

use trialseal_core::assertion::{Verdict, only_versions};
use trialseal_core::dossier::Dossier;
use trialseal_core::pack::Pack;
use trialseal_core::record::{Erased, Part};
use trialseal_core::vocabulary::{Blinding, Class, ErasablePart, Event, Purpose, Rel, Role};

use super::golden::Golden;
use super::story::{Put, Story, TRIAL, register, trust};
use super::trial::{ADA, E9, PLAN, document, e9, signed_plan, trial};

fn whole() -> E9 {
    let mut trial = e9(Blinding::DoubleBlind);
    trial.story.state();
    trial
}

fn problem(dossier: &Dossier) -> String {
    dossier.completeness(&register(TRIAL)).problem.unwrap()
}

#[test]
fn a_whole_register_is_whole() {
    let trial = whole();
    let dossier = trial.story.dossier();
    assert!(dossier.refused().is_empty(), "{:?}", dossier.refused());
    let found = dossier.completeness(&register(TRIAL));
    assert_eq!(found.problem, None);
    let k = found.complete_to.unwrap();
    assert_eq!(
        k.sequence.get() as usize,
        dossier.register(&register(TRIAL)).len()
    );
    assert!(k.independent_time.is_some());
}

#[test]
fn registers_that_were_cut_or_forked() {
    let mut golden = Golden::default();
    let trial = whole();
    let story = &trial.story;
    golden.text(
        "dropped from the middle",
        &problem(&story.dossier_of(story.without(&trial.plan_1))),
    );
    golden.text(
        "dropped from the end",
        &problem(&story.dossier_of(story.without(&trial.output))),
    );
    golden.text("no statement", &problem(&story.dossier_of(story.receipts())));
    // Two people are shown two registers: the same trial, another plan.
    let mut other = self::trial_with_another_plan();
    other.state();
    let other_plan = other
        .receipts()
        .into_iter()
        .filter(|(name, _)| name.starts_with("receipts"));
    let both = story
        .files()
        .into_iter()
        .chain(other_plan.map(|(name, bytes)| (format!("other/{name}"), bytes)));
    let dossier = story.dossier_of(both.collect());
    golden.text("two registers", &problem(&dossier));
    let fork = dossier
        .refused()
        .first()
        .map(|refused| refused.sentence.clone())
        .unwrap_or_default();
    golden.text("two logs", &fork);
    golden.check("cut_or_forked");
}

fn trial_with_another_plan() -> Story {
    let mut story = trial(Blinding::DoubleBlind);
    signed_plan(&mut story, "0.9");
    story
}

#[test]
fn receipts_that_are_not_what_they_say() {
    let mut golden = Golden::default();
    let trial = whole();
    let story = &trial.story;
    let refused = |change: &dyn Fn(&str) -> String| {
        let name = story.name_of(&trial.plan_1);
        let text = story.receipt(&trial.plan_1).to_json_pretty();
        let changed = change(&text);
        assert_ne!(changed, text);
        let mut files = story.without(&trial.plan_1);
        files.push((name, changed.into_bytes()));
        let dossier = story.dossier_of(files);
        assert_eq!(dossier.refused().len(), 1);
        format!("{}\n{}", dossier.refused()[0].sentence, problem(&dossier))
    };
    golden.text(
        "moved to another register",
        &refused(&|text| text.replace("NCT04573309", "NCT00000001")),
    );
    golden.text(
        "a backdated time",
        &refused(&|text| text.replace("2026-02-01T09", "2026-01-02T09")),
    );
    golden.text("no receipt at all", &refused(&|_| "{}".to_owned()));
    // In the place of a plan, another receipt that is good.
    let mut files = story.without(&trial.plan_1);
    files.push((
        story.name_of(&trial.plan_1),
        story.receipt(&trial.plan_2).to_json_pretty().into_bytes(),
    ));
    golden.text("one receipt replaced", &problem(&story.dossier_of(files)));
    golden.check("refused");
}

#[test]
fn trust_from_inside_the_bundle_proves_nothing() {
    let trial = whole();
    let dossier = Dossier::load(&trust().bundled(), trial.story.later(), trial.story.files());
    let report = Pack::builtin("ich-e9").unwrap().check(&dossier, &register(TRIAL));
    assert_eq!(report.verdict, Verdict::NotProvable);
    let mut golden = Golden::default();
    golden.text("R1", &report.rules[0].answer);
    golden.check("bundled_trust");
}

#[test]
fn a_plan_whose_what_is_gone_is_no_plan() {
    let mut trial = e9(Blinding::DoubleBlind);
    let tombstone = Put::new(ADA, Role::Sponsor, Class::Erasure, Event::Erased).why("A name stood in it");
    let erased = Erased {
        record: trial.plan_2.record,
        index: trial.plan_2.index,
        parts: vec![ErasablePart::What],
        class: Some(Class::StatisticalAnalysisPlan),
        event: Some(Event::Finalised),
    };
    let tombstone = tombstone.link(Rel::Erases, &trial.plan_2);
    trial.story.put(tombstone.what(|what| what.erased = Some(erased)));
    trial.story.state();
    let files = trial
        .story
        .with(&trial.plan_2, |receipt| receipt.withholding(Part::What));
    let dossier = trial.story.dossier_of(files);
    let report = Pack::builtin("ich-e9").unwrap().check(&dossier, &register(TRIAL));
    let mut golden = Golden::default();
    golden.case("R1", Verdict::NotProvable, &report.rules[0].answer);
    golden.check("what_erased");
}

#[test]
fn a_draft_cannot_lock() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let put = document(
        ADA,
        Role::Sponsor,
        Class::Dataset,
        Event::HardLock,
        "1.0",
        "adsl.xpt",
    );
    story.put(
        put.everywhere()
            .draft()
            .what(|what| what.purpose = Some(Purpose::Final)),
    );
    story.state();
    let dossier = story.dossier();
    let sentences: Vec<_> = dossier
        .refused()
        .iter()
        .map(|refused| refused.sentence.clone())
        .collect();
    golden.text("refused", &sentences.join("\n"));
    let report = Pack::builtin("ich-e9").unwrap().check(&dossier, &register(TRIAL));
    golden.case("R2", Verdict::NotProvable, &report.rules[1].answer);
    // Its place in the register holds all the same.
    assert_eq!(dossier.completeness(&register(TRIAL)).problem, None);
    golden.check("draft_lock");
}

#[test]
fn a_plan_under_another_class_is_counted_there() {
    let mut story = trial(Blinding::DoubleBlind);
    let first = signed_plan(&mut story, "1.0");
    story.put(document(
        ADA,
        Role::Sponsor,
        Class::Other,
        Event::Finalised,
        "1.1",
        "sap.pdf",
    ));
    story.put(Put::new(ADA, Role::Sponsor, Class::Other, Event::Recorded));
    story.state();
    let answer = only_versions(&story.dossier(), &register(TRIAL), PLAN, &[first.record]);
    assert_eq!(answer.verdict, Verdict::Proven);
    assert!(
        answer
            .because
            .iter()
            .any(|one| one.contains("(here: 2 of class other)")),
        "{answer}"
    );
}
