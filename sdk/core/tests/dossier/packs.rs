//! The packs, and what stands out.

use std::fmt::Write as _;

use trialseal_core::anomaly;
use trialseal_core::assertion::Verdict;
use trialseal_core::pack::{Pack, PackReport};
use trialseal_core::record::Part;
use trialseal_core::vocabulary::{Blind, Blinding, Class, Decision, Event, Purpose, Rel, Role};

use super::golden::Golden;
use super::story::{Put, Story, TRIAL, register};
use super::trial::{
    ADA, DANA, E9, EVA, IVO, PLAN, RITA, STAN, countersign, decide, document, e9, first_participant, lock,
    output, plan, signed_plan, trial, unblind,
};

fn check(story: &Story, files: Vec<(String, Vec<u8>)>, pack: &str) -> PackReport {
    Pack::builtin(pack)
        .unwrap()
        .check(&story.dossier_of(files), &register(TRIAL))
}

fn text(report: &PackReport) -> String {
    let mut text = format!("{}\n{}  {}\n", report.title, report.verdict, report.sentence);
    for rule in &report.rules {
        let severity = rule.severity.as_str();
        write!(text, "{} {severity}: {}\n{}", rule.id, rule.title, rule.answer).unwrap();
    }
    text
}

fn verdict(report: &PackReport, rule: &str) -> Verdict {
    report
        .rules
        .iter()
        .find(|own| own.id == rule)
        .unwrap()
        .answer
        .verdict
}

fn whole() -> E9 {
    let mut trial = e9(Blinding::DoubleBlind);
    trial.story.state();
    trial
}

#[test]
fn a_trial_in_order() {
    let mut golden = Golden::default();
    let mut trial = e9(Blinding::DoubleBlind);
    trial.story.at("2026-04-20T09:00:00Z");
    signed_plan(&mut trial.story, "3.0");
    output(&mut trial.story, "d-1.rtf", Purpose::DryRun, &trial.lock);
    trial.story.state();
    let report = check(&trial.story, trial.story.files(), "ich-e9");
    golden.text("in order", &text(&report));
    assert_eq!(report.verdict, Verdict::Proven, "{}", report.sentence);
    let subject = |name: &str| {
        let found = report.subjects.iter().find(|(own, _)| own == name);
        found.map(|(_, record)| *record)
    };
    // Plan 3.0 is post hoc, and 2.0 is the plan.
    assert_eq!(subject("plan"), Some(trial.plan_2.record));
    assert_eq!(subject("lock"), Some(trial.lock.record));
    assert_eq!(subject("unblinding"), Some(trial.unblinded.record));
    for rule in ["R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8"] {
        assert_eq!(verdict(&report, rule), Verdict::Proven, "{rule}");
    }
    golden.check("e9_in_order");
}

#[test]
fn a_plan_that_was_countersigned_too_late_is_not_the_plan() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let late = plan(&mut story, "1.0");
    lock(&mut story, "1.0");
    story.at("2026-04-02T09:00:00Z");
    unblind(&mut story, "2026-04-02T09:02:00Z");
    story.state();
    let pending = check(&story, story.files(), "ich-e9");
    assert_eq!(verdict(&pending, "R1"), Verdict::NotProvable);
    golden.text("pending", &text(&pending));
    story.at("2026-04-03T09:00:00Z");
    countersign(&mut story, ADA, Role::Sponsor, PLAN, &late);
    story.state();
    let too_late = check(&story, story.files(), "ich-e9");
    assert_eq!(verdict(&too_late, "R1"), Verdict::Disproven);
    golden.text("too late", &text(&too_late));
    golden.check("e9_too_late");
}

#[test]
fn what_breaks_each_rule() {
    let mut golden = Golden::default();
    let mut trial = e9(Blinding::DoubleBlind);
    let story = &mut trial.story;
    // R4: an output from something else, and one that says nothing.
    let cut = story.put(document(
        DANA,
        Role::DataManager,
        Class::Dataset,
        Event::DataCut,
        "9.0",
        "adsl.xpt",
    ));
    output(story, "t-14-9.rtf", Purpose::Final, &cut);
    // R7: an unlock after the unblinding that nobody else signed.
    let unlock = Put::new(DANA, Role::DataManager, Class::Dataset, Event::Unlock).everywhere();
    story.put(unlock.link(Rel::Unlocks, &trial.lock).why("A code was wrong"));
    story.state();
    let report = check(story, story.files(), "ich-e9");
    assert_eq!(verdict(&report, "R4"), Verdict::Disproven);
    assert_eq!(verdict(&report, "R7"), Verdict::Disproven);
    assert_eq!(verdict(&report, "R1"), Verdict::Proven);
    assert_eq!(report.verdict, Verdict::Disproven);
    golden.text("R4 and R7", &text(&report));
    golden.check("e9_broken");
}

#[test]
fn an_unlock_before_the_unblinding_ends_the_lock() {
    let mut story = trial(Blinding::DoubleBlind);
    signed_plan(&mut story, "1.0");
    let first = lock(&mut story, "1.0");
    let unlock = Put::new(DANA, Role::DataManager, Class::Dataset, Event::Unlock).everywhere();
    let unlock = story.put(unlock.link(Rel::Unlocks, &first).why("A code was wrong"));
    countersign(&mut story, ADA, Role::Sponsor, Class::Dataset, &unlock);
    story.at("2026-04-02T09:00:00Z");
    unblind(&mut story, "2026-04-02T09:02:00Z");
    story.state();
    let mut golden = Golden::default();
    let report = check(&story, story.files(), "ich-e9");
    golden.text("unlocked", &report.rules[1].answer);
    assert_eq!(verdict(&report, "R2"), Verdict::Disproven);
    golden.check("e9_unlocked");
}

#[test]
fn an_unblinded_signer_and_a_late_list() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    first_participant(&mut story, "2026-01-06T00:00:30Z");
    let list = document(
        RITA,
        Role::RandomisationProvider,
        Class::RandomisationList,
        Event::Finalised,
        "1.0",
        "list.csv",
    );
    let list = story.put(list);
    let waiting = plan(&mut story, "1.0");
    story.grant(ADA, "acme/sam", Role::Statistician, Blind::Unblinded);
    countersign(&mut story, "acme/sam", Role::Sponsor, PLAN, &waiting);
    lock(&mut story, "1.0");
    story.at("2026-04-02T09:00:00Z");
    unblind(&mut story, "2026-04-02T09:02:00Z");
    let opened = document(
        RITA,
        Role::RandomisationProvider,
        Class::RandomisationList,
        Event::Opened,
        "1.0",
        "other.csv",
    );
    story.put(
        opened
            .link(Rel::CertifiedCopyOf, &list)
            .what(|what| what.affects = vec!["public".parse().unwrap()]),
    );
    story.state();
    let report = check(&story, story.files(), "ich-e9");
    assert_eq!(verdict(&report, "R3"), Verdict::Disproven);
    assert_eq!(verdict(&report, "R5"), Verdict::Disproven);
    golden.text("R3", &report.rules[2].answer);
    golden.text("R5", &report.rules[4].answer);
    golden.check("e9_signer_and_list");
}

#[test]
fn an_unblinding_recorded_19_days_late_proves_nothing() {
    let mut story = trial(Blinding::DoubleBlind);
    signed_plan(&mut story, "1.0");
    lock(&mut story, "1.0");
    story.at("2026-04-21T09:00:00Z");
    unblind(&mut story, "2026-04-02T09:02:00Z");
    story.state();
    let report = check(&story, story.files(), "ich-e9");
    assert_eq!(verdict(&report, "R1"), Verdict::NotProvable);
    let mut golden = Golden::default();
    golden.text("R1", &report.rules[0].answer);
    golden.check("e9_recorded_late");
}

#[test]
fn in_an_open_label_trial_the_first_output_stands_for_the_unblinding() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::OpenLabel);
    signed_plan(&mut story, "1.0");
    let lock = lock(&mut story, "1.0");
    story.at("2026-04-02T09:00:00Z");
    output(&mut story, "t-14-1.rtf", Purpose::Final, &lock);
    story.state();
    let report = check(&story, story.files(), "ich-e9");
    assert!(
        report.is_open_label && report.title.contains("Open-label"),
        "{}",
        report.title
    );
    assert_eq!(verdict(&report, "R1"), Verdict::Proven);
    assert_eq!(verdict(&report, "R4"), Verdict::Proven);
    golden.text("open-label", &text(&report));
    golden.check("e9_open_label");
}

#[test]
fn a_blinded_view_checks_as_far_as_it_goes() {
    let trial = whole();
    // Of the sealed list only its place is shown.
    let files = trial.story.with(&trial.list, |receipt| {
        receipt
            .withholding(Part::What)
            .withholding(Part::Who)
            .withholding(Part::Why)
    });
    let report = check(&trial.story, files, "ich-e9");
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    assert_eq!(verdict(&report, "R1"), Verdict::Proven, "{}", text(&report));
    assert_eq!(verdict(&report, "R5"), Verdict::NotProvable);
    let mut golden = Golden::default();
    golden.text("R5", &report.rules[4].answer);
    golden.check("e9_blinded");
}

#[test]
fn nothing_is_proven_of_a_register_with_a_gap() {
    let trial = whole();
    let report = check(&trial.story, trial.story.without(&trial.plan_1), "ich-e9");
    for rule in ["R1", "R2", "R3", "R4", "R5", "R6"] {
        assert_eq!(verdict(&report, rule), Verdict::NotProvable, "{rule}");
    }
    assert!(report.sentence.contains("is not here"), "{}", report.sentence);
    assert_eq!(report.completeness.complete_to, None);
    assert_eq!(report.completeness.missing, vec![trial.plan_1.sequence]);
}

#[test]
fn prospective() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    story.put(document(
        ADA,
        Role::Sponsor,
        Class::RegistryEntry,
        Event::Published,
        "1.0",
        "entry.json",
    ));
    story.put(document(
        ADA,
        Role::Sponsor,
        Class::Protocol,
        Event::Finalised,
        "1.0",
        "protocol.pdf",
    ));
    story.state();
    let nobody = check(&story, story.files(), "prospective");
    golden.text("nobody in yet", &text(&nobody));
    assert_eq!(nobody.verdict, Verdict::NotProvable);
    story.at("2026-01-20T10:00:00Z");
    first_participant(&mut story, "2026-01-20T09:30:00Z");
    story.state();
    let report = check(&story, story.files(), "prospective");
    assert_eq!(report.verdict, Verdict::Proven, "{}", report.sentence);
    golden.text("in time", &text(&report));
    golden.check("prospective");
}

#[test]
fn what_stands_out() {
    let mut golden = Golden::default();
    let mut trial = e9(Blinding::DoubleBlind);
    let story = &mut trial.story;
    let unlock = Put::new(DANA, Role::DataManager, Class::Dataset, Event::Unlock).everywhere();
    story.put(unlock.link(Rel::Unlocks, &trial.lock).why("A code was wrong"));
    let protocol = story.put(document(
        ADA,
        Role::Sponsor,
        Class::Protocol,
        Event::Finalised,
        "1.0",
        "protocol.pdf",
    ));
    let approved = decide(EVA, Class::Opinion, Decision::Approved, &protocol, "2026-04-09");
    story.put(approved.what(|what| what.valid_until = "2026-04-30".parse().ok()));
    story.put(
        document(
            ADA,
            Role::Sponsor,
            Class::Other,
            Event::Finalised,
            "1.0",
            "sap.pdf",
        )
        .link(Rel::Supersedes, &trial.plan_2)
        .why("New"),
    );
    let old = document(
        STAN,
        Role::Statistician,
        Class::AnalysisOutput,
        Event::Executed,
        "1.0",
        "t-1.rtf",
    );
    story.put(
        old.link(Rel::UsesInput, &trial.lock)
            .declared("2026-03-01T10:00:00Z"),
    );
    story.put(Put::new(IVO, Role::Investigator, Class::SafetyReport, Event::Drafted).declared("2026-04-01"));
    story.at("2026-05-10T09:00:00Z");
    let renewed = decide(EVA, Class::Opinion, Decision::Approved, &protocol, "2026-05-08");
    story.put(renewed.what(|what| what.valid_until = "2026-05-10".parse().ok()));
    story.at("2026-05-20T09:00:00Z");
    story.state();
    let found = anomaly::find(&story.dossier(), &register(TRIAL));
    let mut lines = String::new();
    for one in &found {
        writeln!(lines, "{}: {}", one.kind, one.sentence).unwrap();
    }
    golden.text("anomalies", &lines);
    let kinds: std::collections::BTreeSet<_> = found.iter().map(|one| one.kind.as_str()).collect();
    for kind in [
        "late",
        "unlocked-after-unblinding",
        "older-than-input",
        "expired-approval",
        "pending-long",
        "filed-as-other",
    ] {
        assert!(kinds.contains(kind), "{kind}: {lines}");
    }
    golden.check("anomalies");
    let clean = whole();
    assert!(anomaly::find(&clean.story.dossier(), &register(TRIAL)).is_empty());
}

const MINE: &str = r#"
format = "trialseal-pack/v1"
name = "mine"
title = "House rules"

[[subject]]
name = "plans"
words = "plans"
classes = ["statistical-analysis-plan"]
events = ["finalised"]
pick = "all"

[[subject]]
name = "decisions"
words = "decisions"
events = ["decided"]
pick = "all"

[[rule]]
id = "A"
severity = "fail"
title = "Every plan is signed by a statistician and a sponsor."
all = [{ check = "countersigned", subject = "plans", roles = ["statistician", "sponsor"] }]

[[rule]]
id = "B"
severity = "fail"
title = "Every decision is on record within two days."
all = [{ check = "contemporaneous", subject = "decisions", hours = 48 }]

[[rule]]
id = "C"
severity = "warn"
title = "Every plan is referred to by a data management plan."
all = [{ check = "linked-from", subject = "plans", class = "data-management-plan" }]
"#;

#[test]
fn a_pack_of_ones_own() {
    let mut golden = Golden::default();
    let pack = Pack::parse(MINE).unwrap();
    let mut story = trial(Blinding::DoubleBlind);
    let first = signed_plan(&mut story, "1.0");
    story.put(decide(
        EVA,
        Class::Opinion,
        Decision::Approved,
        &first,
        "2026-01-06",
    ));
    story.state();
    let good = pack.check(&story.dossier(), &register(TRIAL));
    assert_eq!(good.verdict, Verdict::Proven, "{}", good.sentence);
    golden.text("good", &text(&good));
    plan(&mut story, "2.0");
    story.at("2026-01-20T00:00:00Z");
    story.put(decide(
        EVA,
        Class::Opinion,
        Decision::Approved,
        &first,
        "2026-01-10",
    ));
    story.state();
    let bad = pack.check(&story.dossier(), &register(TRIAL));
    assert_eq!(verdict(&bad, "A"), Verdict::NotProvable);
    assert_eq!(verdict(&bad, "B"), Verdict::Disproven);
    // What only warns does not decide.
    assert_eq!(verdict(&bad, "C"), Verdict::Disproven);
    assert_eq!(bad.verdict, Verdict::Disproven);
    golden.text("bad", &text(&bad));
    golden.check("own_pack");
}
