//! before, preceded, contemporaneous.

use trialseal_core::assertion::{Verdict, before, contemporaneous, countersigned, preceded};
use trialseal_core::dossier::Dossier;
use trialseal_core::trust::Trust;
use trialseal_core::vocabulary::{Blinding, Class, Event, Rel, Role};

use super::golden::Golden;
use super::story::{Made, Put, Story, TRIAL, register, trust_file};
use super::trial::{ADA, first_participant, plan, signed_plan, trial};

fn correspondence() -> Put {
    Put::new(ADA, Role::Sponsor, Class::Correspondence, Event::Drafted)
}

/// Only these receipts.
fn only(story: &Story, records: &[&Made]) -> Dossier {
    let files = records.iter().map(|made| {
        (
            story.name_of(made),
            story.receipt(made).to_json_pretty().into_bytes(),
        )
    });
    story.dossier_of(files.collect())
}

#[test]
fn before_in_one_log_is_by_index() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let first = story.put(correspondence());
    story.at("2026-01-20T00:00:00Z");
    let middle = story.put(correspondence());
    let last = story.put(correspondence());
    story.state();
    let dossier = story.dossier();
    assert!(dossier.refused().is_empty(), "{:?}", dossier.refused());
    golden.case(
        "in one log",
        Verdict::Proven,
        &before(&dossier, &first.record, &last.record),
    );
    golden.case(
        "the other way round",
        Verdict::Disproven,
        &before(&dossier, &last.record, &first.record),
    );
    golden.case(
        "itself",
        Verdict::Disproven,
        &before(&dossier, &last.record, &last.record),
    );
    // Without the checkpoints, the register's chain tells.
    let chain = only(&story, &[&first, &middle, &last]);
    golden.case(
        "in one chain",
        Verdict::Proven,
        &before(&chain, &first.record, &last.record),
    );
    // Without what is between, nothing does.
    let two = only(&story, &[&first, &last]);
    golden.case(
        "two receipts alone",
        Verdict::NotProvable,
        &before(&two, &first.record, &last.record),
    );
    golden.case(
        "no receipt",
        Verdict::NotProvable,
        &before(&two, &middle.record, &last.record),
    );
    golden.check_all_verdicts("before");
}

#[test]
fn preceded_is_about_the_world() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let early = signed_plan(&mut story, "1.0");
    story.at("2026-02-01T10:00:00Z");
    let event = first_participant(&mut story, "2026-02-01T09:30:00Z");
    let late_plan = signed_plan(&mut story, "2.0");
    let linked = story.put(
        correspondence()
            .link(Rel::RespondsTo, &event)
            .declared("2026-01-15"),
    );
    let backdated = story.put(correspondence().declared("2026-01-15T00:00:00Z"));
    let same_day = story.put(correspondence().declared("2026-02-01"));
    story.at("2026-02-20T10:00:00Z");
    let late_event = first_participant(&mut story, "2026-02-01T09:30:00Z");
    story.witness_after_s = None;
    let sealed = story.put(correspondence());
    story.state();
    let dossier = story.dossier();
    let ask = |a: &Made, b: &Made| preceded(&dossier, &a.record, &b.record);
    golden.case("in time", Verdict::Proven, &ask(&early, &event));
    golden.case("later", Verdict::Disproven, &ask(&late_plan, &event));
    golden.case("it links to the event", Verdict::Disproven, &ask(&linked, &event));
    golden.case(
        "a backdated declared time",
        Verdict::NotProvable,
        &ask(&backdated, &event),
    );
    golden.case(
        "a declared day that the event is on",
        Verdict::NotProvable,
        &ask(&same_day, &event),
    );
    golden.case(
        "an event recorded 19 days late",
        Verdict::NotProvable,
        &ask(&early, &late_event),
    );
    golden.case(
        "evidence below what is asked for",
        Verdict::NotProvable,
        &ask(&sealed, &event),
    );
    golden.check_all_verdicts("preceded");
}

#[test]
fn what_is_pending_or_a_draft_precedes_nothing() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let waiting = plan(&mut story, "1.0");
    let signed = signed_plan(&mut story, "2.0");
    story.at("2026-02-01T10:00:00Z");
    let event = first_participant(&mut story, "2026-02-01T09:30:00Z");
    let draft = Put::new(ADA, Role::Sponsor, Class::Trial, Event::FirstParticipantIn).draft();
    let draft = story.put(draft.declared("2026-02-01T09:30:00Z"));
    story.state();
    let dossier = story.dossier();
    let ask = |a: &Made, b: &Made| preceded(&dossier, &a.record, &b.record);
    golden.case("pending", Verdict::NotProvable, &ask(&waiting, &event));
    golden.case("countersigned", Verdict::Proven, &ask(&signed, &event));
    golden.case(
        "an event that nobody signed",
        Verdict::NotProvable,
        &ask(&signed, &draft),
    );
    golden.check("pending");
}

#[test]
fn contemporaneous_needs_independent_time() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    story.at("2026-02-01T10:00:00Z");
    let in_time = first_participant(&mut story, "2026-02-01T09:58:00Z");
    let day = story.put(
        correspondence()
            .declared("2026-02-01")
            .what(|what| what.tz = "Europe/Berlin".parse().ok()),
    );
    let late = first_participant(&mut story, "2026-01-13T10:00:00Z");
    // The witness comes only days later: nothing shows that the record did.
    story.witness_after_s = Some(3 * 86_400);
    let unsure = first_participant(&mut story, "2026-02-01T10:00:00Z");
    story.at("2026-02-10T10:00:00Z");
    story.witness_after_s = None;
    let alone = first_participant(&mut story, "2026-02-10T09:58:00Z");
    story.witness_after_s = Some(5);
    story.at("2026-03-01T10:00:00Z");
    // The notary's clock says a month earlier.
    story.clock_off_s = -30 * 86_400;
    let contradicted = first_participant(&mut story, "2026-01-30T10:00:00Z");
    let dossier = story.dossier_of([story.receipts(), vec![story.chain()]].concat());
    let ask = |made: &Made| contemporaneous(&dossier, &made.record, None);
    golden.case("three minutes", Verdict::Proven, &ask(&in_time));
    golden.case("a day of a time zone", Verdict::Proven, &ask(&day));
    golden.case("late by the notary's own clock", Verdict::Disproven, &ask(&late));
    golden.case(
        "within an hour",
        Verdict::Disproven,
        &contemporaneous(&dossier, &in_time.record, Some(60_000)),
    );
    golden.case("witnessed days later", Verdict::NotProvable, &ask(&unsure));
    golden.case(
        "the notary's clock is contradicted",
        Verdict::NotProvable,
        &ask(&contradicted),
    );
    let sealed = Trust::parse(&trust_file("sealed")).unwrap();
    let alone_only = vec![(
        story.name_of(&alone),
        story.receipt(&alone).to_json_pretty().into_bytes(),
    )];
    let dossier = Dossier::load(&sealed, story.later(), alone_only);
    golden.case(
        "by the notary's clock alone",
        Verdict::NotProvable,
        &contemporaneous(&dossier, &alone.record, None),
    );
    golden.check_all_verdicts("contemporaneous");
}

#[test]
fn a_register_goes_on_when_its_log_is_rotated() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let first = signed_plan(&mut story, "1.0");
    story.rotate();
    let last = signed_plan(&mut story, "2.0");
    story.state();
    let dossier = story.dossier();
    assert!(dossier.refused().is_empty(), "{:?}", dossier.refused());
    let found = dossier.completeness(&register(TRIAL));
    assert_eq!(found.problem, None);
    golden.case(
        "across logs",
        Verdict::Proven,
        &before(&dossier, &first.record, &last.record),
    );
    golden.case(
        "the other way round",
        Verdict::Disproven,
        &before(&dossier, &last.record, &first.record),
    );
    // Two receipts alone: the new log has no state without the second, so nothing bounds it from below.
    let two = only(&story, &[&first, &last]);
    golden.case(
        "two receipts alone",
        Verdict::NotProvable,
        &before(&two, &first.record, &last.record),
    );
    let roles = [Role::Statistician, Role::Sponsor];
    golden.case(
        "signed in the new log",
        Verdict::Proven,
        &countersigned(&dossier, &last.record, &roles),
    );
    golden.check_all_verdicts("rotated");
}
