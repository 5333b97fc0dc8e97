//! approved_by.

use trialseal_core::assertion::{Answer, Verdict, approved_by};
use trialseal_core::vocabulary::{Blinding, Class, Decision, Event, Rel, Role};

use super::golden::Golden;
use super::story::{Made, Put, Story, TRIAL, register};
use super::trial::{ADA, EVA, decide, document, given, trial};

const PROTOCOL: &[u8] = b"protocol.pdf 1.0";

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

fn opinion(story: &mut Story, decision: Decision, on: &Made, day: &str) -> Made {
    story.put(decide(EVA, Class::Opinion, decision, on, day))
}

fn ask(story: &Story, content: &[u8]) -> Answer {
    ask_of(story, story.files(), "ethik", content)
}

fn ask_of(story: &Story, files: Vec<(String, Vec<u8>)>, board: &str, content: &[u8]) -> Answer {
    let dossier = story.dossier_of(files);
    approved_by(
        &dossier,
        &register(TRIAL),
        &board.parse().unwrap(),
        &given("protocol.pdf", content),
    )
}

#[test]
fn a_board_approves_by_its_own_signed_decision() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let first = protocol(&mut story, "1.0");
    story.state();
    golden.case("nothing decided", Verdict::Disproven, &ask(&story, PROTOCOL));
    let letter = Put::new(ADA, Role::Sponsor, Class::Opinion, Event::Reported).link(Rel::DecidesOn, &first);
    story.put(letter.what(|what| what.decision = Some(Decision::Approved)));
    story.state();
    golden.case("a letter alone", Verdict::NotProvable, &ask(&story, PROTOCOL));
    story.at("2026-01-20T12:00:00Z");
    let put = decide(
        EVA,
        Class::Opinion,
        Decision::ApprovedWithConditions,
        &first,
        "2026-01-19",
    );
    let approved = story.put(put.countries(&["DE"]).what(|what| {
        what.valid_until = "2027-01-18".parse().ok();
        what.tz = "Europe/Berlin".parse().ok();
    }));
    golden.case("not stated yet", Verdict::NotProvable, &ask(&story, PROTOCOL));
    story.state();
    golden.case("with conditions", Verdict::Proven, &ask(&story, PROTOCOL));
    golden.case(
        "another file of that path",
        Verdict::Disproven,
        &ask(&story, b"another protocol"),
    );
    golden.case(
        "a board that decided nothing",
        Verdict::NotProvable,
        &ask_of(&story, story.files(), "irb", PROTOCOL),
    );
    let no_manifest = story.with(&first, |receipt| receipt.without_manifest());
    golden.case(
        "no manifest",
        Verdict::NotProvable,
        &ask_of(&story, no_manifest, "ethik", PROTOCOL),
    );
    golden.case(
        "the decision is not here",
        Verdict::NotProvable,
        &ask_of(&story, story.without(&approved), "ethik", PROTOCOL),
    );
    let no_accounts = story
        .files()
        .into_iter()
        .filter(|(name, _)| !name.starts_with("accounts"))
        .collect();
    golden.case(
        "no accounts",
        Verdict::NotProvable,
        &ask_of(&story, no_accounts, "ethik", PROTOCOL),
    );
    let no_kind = story
        .files()
        .into_iter()
        .filter(|(name, _)| !name.ends_with("org-ethik-000001.receipt.json"));
    golden.case(
        "the board's own enrolment is not here",
        Verdict::NotProvable,
        &ask_of(&story, no_kind.collect(), "ethik", PROTOCOL),
    );
    story.at("2026-03-01T12:00:00Z");
    opinion(&mut story, Decision::Suspended, &first, "2026-02-28");
    story.state();
    golden.case("suspended", Verdict::Disproven, &ask(&story, PROTOCOL));
    story.at("2026-03-10T12:00:00Z");
    opinion(&mut story, Decision::SuspensionLifted, &first, "2026-03-10");
    story.state();
    golden.case("the suspension lifted", Verdict::Proven, &ask(&story, PROTOCOL));
    story.at("2027-03-10T12:00:00Z");
    let withdrawn = Put::new(EVA, Role::EthicsBoard, Class::Opinion, Event::Withdrawn);
    story.put(withdrawn.link(Rel::Withdraws, &approved).why("Wrong version"));
    story.state();
    golden.case("withdrawn", Verdict::Disproven, &ask(&story, PROTOCOL));
    golden.check_all_verdicts("approved_by");
}

#[test]
fn an_approval_says_when_it_expired() {
    let mut story = trial(Blinding::DoubleBlind);
    let first = protocol(&mut story, "1.0");
    let put = decide(EVA, Class::Opinion, Decision::Approved, &first, "2026-01-06");
    story.put(put.what(|what| what.valid_until = "2026-06-30".parse().ok()));
    story.at("2026-07-01T12:00:00Z");
    story.state();
    let mut golden = Golden::default();
    golden.case("expired", Verdict::Proven, &ask(&story, PROTOCOL));
    golden.check("approval_expired");
}

#[test]
fn a_front_is_no_board() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let first = protocol(&mut story, "1.0");
    // A notary that does not keep the rules lets them in.
    story.grant(
        ADA,
        "front/fay",
        Role::EthicsBoard,
        trialseal_core::vocabulary::Blind::Blinded,
    );
    story.put(decide(
        "front/fay",
        Class::Opinion,
        Decision::Approved,
        &first,
        "2026-01-06",
    ));
    story.state();
    golden.case(
        "a front",
        Verdict::Disproven,
        &ask_of(&story, story.files(), "front", PROTOCOL),
    );
    golden.check("front");
}
