//! What people do to a register and to papers about it, and the sentence with which each is caught.

use std::fs;

use trialseal::{Class, Event, Meaning, RecordPlace, Role};
use trialseal_core::anomaly::{self, AnomalyKind};
use trialseal_core::assertion::{
    Answer, Given, Verdict, approved_by, contemporaneous, only_versions, preceded,
};
use trialseal_core::dossier::Dossier;
use trialseal_core::hash::RecordId;
use trialseal_core::identifiers::RegisterName;
use trialseal_core::receipt::Receipt;
use trialseal_tests::story::questions::Papers;
use trialseal_tests::story::{self, CROOKED, NUMBERED, REGISTER, Tale};
use trialseal_tests::world::World;

use super::{papers, tale, wait};

const PLANS: Class = Class::StatisticalAnalysisPlan;

fn register(name: &str) -> RegisterName {
    name.parse().unwrap()
}

fn record(name: &str) -> RecordId {
    tale().told(name).recorded.record
}

/// Prints the answer, and holds it against what it must be.
fn caught(what: &str, answer: &Answer, verdict: Verdict, phrases: &[&str]) {
    eprintln!("CAUGHT  {what}\n{answer}");
    assert_eq!(answer.verdict, verdict, "{what}: {answer}");
    for phrase in phrases {
        assert!(
            answer.to_string().contains(phrase),
            "{what}: no {phrase:?} in {answer}"
        );
    }
}

/// The papers without the receipts of these records.
fn lacking(names: &[&str]) -> Dossier {
    let texts: Vec<&str> = names
        .iter()
        .map(|name| tale().told(name).recorded.receipt.record().when.text.as_str())
        .collect();
    let is_of = |bytes: &[u8]| {
        Receipt::parse(bytes).is_ok_and(|receipt| texts.contains(&receipt.record().when.text.as_str()))
    };
    papers().without(|_, bytes| is_of(bytes)).dossier()
}

fn plans_of(dossier: &Dossier, of: &str) -> Vec<RecordId> {
    let plans = dossier.register(&register(of)).iter();
    plans
        .filter(|fact| fact.class() == PLANS)
        .map(|fact| fact.record)
        .collect()
}

#[test]
fn a_plan_version_that_is_hidden() {
    let whole = papers().dossier();
    let mut shown = plans_of(&whole, CROOKED);
    shown.retain(|plan| *plan != record("crooked: plan 2.0"));
    let answer = only_versions(&whole, &register(CROOKED), PLANS, &shown);
    let place = whole
        .fact(&record("crooked: plan 2.0"))
        .unwrap()
        .sequence()
        .to_string();
    caught(
        "a hidden plan",
        &answer,
        Verdict::Disproven,
        &["not shown", &place],
    );
}

#[test]
fn a_plan_that_is_filed_as_other() {
    let whole = papers().dossier();
    let shown = plans_of(&whole, CROOKED);
    let answer = only_versions(&whole, &register(CROOKED), PLANS, &shown);
    caught(
        "a plan under class other",
        &answer,
        Verdict::Proven,
        &["1 of class other"],
    );
}

#[test]
fn a_record_that_is_left_out() {
    for (what, dropped) in [
        ("a record from the middle", "crooked: plan 2.0"),
        ("the last record", "crooked: plan 5.0 approved"),
    ] {
        let whole = papers().dossier();
        let place = whole.fact(&record(dropped)).unwrap().sequence();
        let cut = lacking(&[dropped]);
        let completeness = cut.completeness(&register(CROOKED));
        assert!(completeness.complete_to.is_none() || completeness.complete_to.unwrap().sequence < place);
        assert_eq!(completeness.missing, [place], "{what}");
        let answer = only_versions(&cut, &register(CROOKED), PLANS, &plans_of(&cut, CROOKED));
        caught(what, &answer, Verdict::NotProvable, &[&place.to_string()]);
    }
}

#[test]
fn an_opinion_on_another_document() {
    let other = tale().hashed(&["sham-protocol-b.pdf"]).remove(0);
    let given = Given {
        name: "sham-protocol.pdf".to_owned(),
        digests: other.digests,
        content: Vec::new(),
    };
    let board = "ethics-berlin".parse().unwrap();
    let answer = approved_by(&papers().dossier(), &register(CROOKED), &board, &given);
    caught(
        "another document",
        &answer,
        Verdict::Disproven,
        &["sham-protocol.pdf"],
    );
}

#[test]
fn times_that_do_not_fit() {
    let whole = papers().dossier();
    let backdated = contemporaneous(&whole, &record("crooked: first participant in"), None);
    caught("a backdated time", &backdated, Verdict::Disproven, &["283 d"]);
    let late = contemporaneous(&whole, &record("crooked: unblinded"), None);
    caught("an unblinding 19 days late", &late, Verdict::Disproven, &["19 d"]);
    let plan = preceded(
        &whole,
        &record("crooked: plan 1.0"),
        &record("crooked: unblinded"),
    );
    caught("a plan before it", &plan, Verdict::NotProvable, &[]);
}

#[test]
fn a_second_register_for_the_trial() {
    let whole = papers().dossier();
    for register in [REGISTER, NUMBERED] {
        let found = anomaly::find(&whole, &self::register(register));
        let second = found.iter().find(|one| one.kind == AnomalyKind::SecondRegister);
        let second = second.unwrap_or_else(|| panic!("{register}: nothing of a second register"));
        eprintln!("CAUGHT  a second register\n{}", second.sentence);
    }
}

#[test]
fn a_receipt_that_is_changed_or_moved() {
    let told = tale().told("plan 1.0");
    let text = fs::read_to_string(&told.file).unwrap();
    let moved = text.replace("NCT04573309", "NCT03421379");
    assert_ne!(text, moved);
    let mut files = papers().files.clone();
    let name = told.file.file_name().unwrap().to_string_lossy().into_owned();
    let place = files.iter().position(|(file, _)| file.ends_with(&name)).unwrap();
    files[place].1 = moved.into_bytes();
    let trust = tale().world.trust();
    let dossier = Dossier::load(&trust, trialseal::now(), files);
    let refused = dossier.refused();
    eprintln!("CAUGHT  a receipt moved to another register\n{refused:?}");
    assert_eq!(refused.len(), 1);
    assert!(refused[0].name.ends_with(&name));
    assert!(dossier.fact(&told.recorded.record).is_none(), "it proves nothing");
}

#[test]
fn trust_from_inside_the_bundle() {
    let bundled = papers().judged_by(tale().world.trust().bundled()).dossier();
    let shown = plans_of(&bundled, REGISTER);
    let answer = only_versions(&bundled, &register(REGISTER), PLANS, &shown);
    caught(
        "trust from inside",
        &answer,
        Verdict::NotProvable,
        &["together with"],
    );
}

/// Two registers, each shown to somebody: the same log keys signed both, and whoever has both proves it.
#[tokio::test(flavor = "multi_thread")]
async fn two_registers_shown_to_two_people() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let world = World::begin_unwatched(one.path(), story::FIRST_LOG, "2026-01-05T08:00:00Z").await;
    let mut tale = Tale::new(world, REGISTER);
    story::enrol_one(&mut tale).await;
    let opened = |tale: &Tale| tale.about(Class::Trial, Event::EnrolmentOpened);
    tale.put(
        "before",
        story::ANYBODY,
        Role::Sponsor,
        Meaning::Responsibility,
        opened(&tale),
    )
    .await;
    let world = tale.world.fork(two.path()).await;
    let mut other = tale.beside(world).await;
    tale.reconnect().await;
    for tale in [&mut tale, &mut other] {
        tale.put(
            "after",
            story::ANYBODY,
            Role::Sponsor,
            Meaning::Responsibility,
            opened(tale),
        )
        .await;
    }
    let files = [&tale, &other].map(|tale| fs::read(&tale.told("after").file).unwrap());
    let named = ["one.receipt.json", "other.receipt.json"].map(str::to_owned);
    let before = fs::read(&tale.told("before").file).unwrap();
    let files = named
        .into_iter()
        .zip(files)
        .chain([("before.receipt.json".to_owned(), before)]);
    let dossier = Dossier::load(&tale.world.trust(), trialseal::now(), files);
    let refused = dossier.refused();
    eprintln!("CAUGHT  two registers\n{refused:?}");
    assert!(
        refused
            .iter()
            .any(|refused| refused.sentence.contains("two different roots")),
        "{refused:?}"
    );
    let problem = dossier.completeness(&register(REGISTER)).problem.unwrap();
    assert!(
        problem.contains("one.receipt.json") && problem.contains("other.receipt.json"),
        "{problem}"
    );
}

/// A plan's `what` goes with nobody's single signature: refused, or pending for an archivist, and still shown.
#[test]
fn erasure_of_a_plan() {
    let attempt = tale()
        .refusals()
        .iter()
        .find(|refused| refused.name == "a plan's what erased")
        .unwrap();
    eprintln!("CAUGHT  a plan's what erased\n{}", attempt.sentence);
    let told = tale().told("crooked: plan 2.0");
    let place = RecordPlace::InLog(told.log.clone(), told.recorded.index);
    let receipt = wait(tale().person("sham-pharma/m-crook").client.receipt(&place));
    assert!(
        receipt.unwrap().record().what.shown().is_some(),
        "it is shown as ever"
    );
}

/// The papers are good before anybody touches them.
#[test]
fn untouched_papers_are_whole() {
    let whole = papers().dossier();
    assert_eq!(whole.refused(), []);
    for of in [REGISTER, CROOKED] {
        let completeness = whole.completeness(&register(of));
        assert!(completeness.complete_to.is_some(), "{of}: {completeness:?}");
    }
    let _: &Papers = papers();
}
