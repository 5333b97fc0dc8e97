//! in_force: what was in force at a site on a day.

use trialseal_core::assertion::{InForce, Verdict, in_force};
use trialseal_core::identifiers::Code;
use trialseal_core::vocabulary::{Basis, Blinding, Class, Decision, Event, Rel, Role};

use super::golden::Golden;
use super::story::{Made, Put, Story, TRIAL, register};
use super::trial::{ADA, AMY, EVA, decide, document, trial};

fn ask(story: &Story, site: &str, day: &str) -> InForce {
    ask_of(story, story.files(), site, day)
}

fn ask_of(story: &Story, files: Vec<(String, Vec<u8>)>, site: &str, day: &str) -> InForce {
    let dossier = story.dossier_of(files);
    assert!(dossier.refused().is_empty(), "{:?}", dossier.refused());
    let site = Code::new(site).unwrap();
    in_force(
        &dossier,
        &register(TRIAL),
        Class::Protocol,
        &site,
        day.parse().unwrap(),
    )
}

fn protocol(story: &mut Story, version: &str) -> Made {
    story.put(document(
        ADA,
        Role::Sponsor,
        Class::Protocol,
        Event::Finalised,
        version,
        "protocol.pdf",
    ))
}

fn activation(of: &Made, version: &str) -> Put {
    let put = document(
        ADA,
        Role::Sponsor,
        Class::Protocol,
        Event::Activated,
        version,
        "protocol.pdf",
    );
    put.link(Rel::Activates, of)
}

/// Both decisions that Germany asks for.
fn approve(story: &mut Story, of: &Made, day: &str, until: Option<&str>) {
    let until = until.map(|until| until.parse().unwrap());
    for (by, class) in [(EVA, Class::Opinion), (AMY, Class::AuthorityDecision)] {
        let put = decide(by, class, Decision::Approved, of, day);
        story.put(put.what(|what| what.valid_until = until));
    }
}

#[test]
fn the_version_with_every_decision_that_the_country_asks_for() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let first = protocol(&mut story, "1.0");
    story.at("2026-01-20T12:00:00Z");
    approve(&mut story, &first, "2026-01-19", None);
    story.at("2026-02-01T12:00:00Z");
    story.put(
        activation(&first, "1.0")
            .everywhere()
            .declared("2026-02-01T09:00:00Z"),
    );
    let second = protocol(&mut story, "2.0");
    story.at("2026-03-01T12:00:00Z");
    approve(&mut story, &second, "2026-02-27", Some("2026-06-30"));
    // At one site from the 10th on; the other keeps the first.
    let only = activation(&second, "2.0").sites(&["101"]);
    story.put(only.what(|what| what.valid_from = "2026-03-10".parse().ok()));
    story.state();
    let early = ask(&story, "101", "2026-03-09").answer;
    golden.case("stated before the day", Verdict::NotProvable, &early);
    story.at("2026-08-01T00:00:00Z");
    story.state();
    let case = |golden: &mut Golden, name: &str, verdict, found: &InForce| {
        golden.case(name, verdict, &found.answer);
        assert_eq!(found.version.is_some(), verdict == Verdict::Proven, "{name}");
    };
    case(
        &mut golden,
        "before any",
        Verdict::Disproven,
        &ask(&story, "101", "2026-01-31"),
    );
    case(
        &mut golden,
        "a change inside the day",
        Verdict::NotProvable,
        &ask(&story, "101", "2026-02-01"),
    );
    case(
        &mut golden,
        "the first",
        Verdict::Proven,
        &ask(&story, "101", "2026-03-09"),
    );
    case(
        &mut golden,
        "the second, from its first day on",
        Verdict::Proven,
        &ask(&story, "101", "2026-03-10"),
    );
    case(
        &mut golden,
        "at the other site",
        Verdict::Proven,
        &ask(&story, "102", "2026-03-10"),
    );
    case(
        &mut golden,
        "the approval expired",
        Verdict::Disproven,
        &ask(&story, "101", "2026-07-01"),
    );
    case(
        &mut golden,
        "another country, one board",
        Verdict::Proven,
        &ask(&story, "201", "2026-03-10"),
    );
    case(
        &mut golden,
        "no such site",
        Verdict::NotProvable,
        &ask(&story, "999", "2026-03-10"),
    );
    let incomplete = story.receipts();
    case(
        &mut golden,
        "no statement",
        Verdict::NotProvable,
        &ask_of(&story, incomplete, "101", "2026-03-09"),
    );
    golden.check_all_verdicts("in_force");
}

#[test]
fn a_suspension_recorded_late_changes_what_is_known() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let first = protocol(&mut story, "1.0");
    approve(&mut story, &first, "2026-01-05", None);
    story.put(
        activation(&first, "1.0")
            .everywhere()
            .declared("2026-01-06T01:00:00Z"),
    );
    story.at("2026-03-20T12:00:00Z");
    story.put(decide(
        EVA,
        Class::Opinion,
        Decision::Suspended,
        &first,
        "2026-03-01",
    ));
    story.at("2026-04-01T12:00:00Z");
    story.put(decide(
        EVA,
        Class::Opinion,
        Decision::SuspensionLifted,
        &first,
        "2026-03-31",
    ));
    story.at("2026-05-01T12:00:00Z");
    story.state();
    for (name, day, verdict) in [
        ("before", "2026-02-28", Verdict::Proven),
        ("on the day of the decision", "2026-03-01", Verdict::NotProvable),
        ("suspended, and not known yet", "2026-03-10", Verdict::Disproven),
        ("suspended, and known", "2026-03-25", Verdict::Disproven),
        ("lifted", "2026-04-02", Verdict::Proven),
    ] {
        golden.case(name, verdict, &ask(&story, "101", day).answer);
    }
    golden.check_all_verdicts("suspended");
}

#[test]
fn what_lacks_a_decision_or_is_stopped_is_not_in_force() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let first = protocol(&mut story, "1.0");
    story.put(decide(
        EVA,
        Class::Opinion,
        Decision::Approved,
        &first,
        "2026-01-05",
    ));
    story.put(
        activation(&first, "1.0")
            .everywhere()
            .declared("2026-01-06T01:00:00Z"),
    );
    story.at("2026-02-05T12:00:00Z");
    story.state();
    golden.case(
        "one decision of two",
        Verdict::Disproven,
        &ask(&story, "101", "2026-02-01").answer,
    );
    let letter = Put::new(ADA, Role::Sponsor, Class::AuthorityDecision, Event::Reported);
    let letter = letter.link(Rel::DecidesOn, &first);
    story.put(letter.what(|what| what.decision = Some(Decision::Approved)));
    story.state();
    golden.case(
        "a letter",
        Verdict::NotProvable,
        &ask(&story, "101", "2026-02-01").answer,
    );
    story.at("2026-02-10T12:00:00Z");
    let second = protocol(&mut story, "1.1");
    let urgent = activation(&second, "1.1")
        .everywhere()
        .declared("2026-02-10T10:00:00Z");
    story.put(urgent.what(|what| what.basis = Some(Basis::UrgentSafetyMeasure)));
    story.at("2026-02-15T12:00:00Z");
    story.state();
    golden.case(
        "an urgent safety measure",
        Verdict::Proven,
        &ask(&story, "101", "2026-02-11").answer,
    );
    story.at("2026-03-01T12:00:00Z");
    let closed = Put::new(ADA, Role::Sponsor, Class::Trial, Event::SiteClosed).sites(&["101"]);
    story.put(closed.declared("2026-03-01T10:00:00Z"));
    let halted = Put::new(ADA, Role::Sponsor, Class::Trial, Event::Halted).countries(&["US"]);
    story.put(halted.declared("2026-03-01T11:00:00Z").why("Safety"));
    story.at("2026-03-10T12:00:00Z");
    story.state();
    golden.case(
        "the site is closed",
        Verdict::Disproven,
        &ask(&story, "101", "2026-03-05").answer,
    );
    golden.case(
        "the other is open",
        Verdict::Proven,
        &ask(&story, "102", "2026-03-05").answer,
    );
    golden.case(
        "halted in a country",
        Verdict::Disproven,
        &ask(&story, "201", "2026-03-05").answer,
    );
    golden.check_all_verdicts("stopped");
}

#[test]
fn a_decision_on_the_same_files_covers_the_version() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let first = protocol(&mut story, "1.0");
    let submitted = document(
        ADA,
        Role::Sponsor,
        Class::Protocol,
        Event::Submitted,
        "1.0",
        "protocol.pdf",
    );
    let submitted = story.put(submitted);
    approve(&mut story, &submitted, "2026-01-05", None);
    story.put(
        activation(&first, "1.0")
            .everywhere()
            .declared("2026-01-06T01:00:00Z"),
    );
    let other = document(
        ADA,
        Role::Sponsor,
        Class::Protocol,
        Event::Submitted,
        "1.1",
        "protocol.pdf",
    );
    let other = story.put(other);
    story.at("2026-02-01T12:00:00Z");
    story.state();
    golden.case(
        "the same file",
        Verdict::Proven,
        &ask(&story, "101", "2026-01-20").answer,
    );
    let second = protocol(&mut story, "1.2");
    approve(&mut story, &other, "2026-02-01", None);
    story.put(activation(&second, "1.2").everywhere().declared("2026-02-02"));
    story.at("2026-03-01T12:00:00Z");
    story.state();
    golden.case(
        "another file",
        Verdict::Disproven,
        &ask(&story, "101", "2026-02-20").answer,
    );
    golden.check("same_files");
}
