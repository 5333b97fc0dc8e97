//! only_versions, same, derived.

use trialseal_core::anomaly::{self, AnomalyKind};
use trialseal_core::assertion::{Verdict, derived, only_versions, same, same_folder};
use trialseal_core::identifiers::TrialId;
use trialseal_core::manifest::ContentDigest;
use trialseal_core::record::Part;
use trialseal_core::vocabulary::{Blinding, Class, Event, Purpose, Rel, Role};

use super::golden::Golden;
use super::story::{Put, TRIAL, register};
use super::trial::{ADA, DANA, PLAN, STAN, document, e9, given, plan, signed_plan, trial};

#[test]
fn versions() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let first = signed_plan(&mut story, "1.0");
    let hidden = plan(&mut story, "1.1");
    let second = signed_plan(&mut story, "2.0");
    let sealed = story.put(
        document(STAN, Role::Statistician, PLAN, Event::Drafted, "3.0", "sap.pdf")
            .what(|what| what.sealed = Some(true)),
    );
    story.put(document(
        ADA,
        Role::Sponsor,
        Class::Other,
        Event::Finalised,
        "1.0",
        "notes.pdf",
    ));
    story.state();
    let trial = register(TRIAL);
    let all = [first.record, hidden.record, second.record, sealed.record];
    let dossier = story.dossier();
    golden.case(
        "all",
        Verdict::Proven,
        &only_versions(&dossier, &trial, PLAN, &all),
    );
    golden.case(
        "two hidden",
        Verdict::Disproven,
        &only_versions(&dossier, &trial, PLAN, &[first.record, second.record]),
    );
    golden.case(
        "none of a class",
        Verdict::Proven,
        &only_versions(&dossier, &trial, Class::Protocol, &[]),
    );
    let dossier = story.dossier_of(story.without(&hidden));
    golden.case(
        "a gap",
        Verdict::NotProvable,
        &only_versions(
            &dossier,
            &trial,
            PLAN,
            &[first.record, second.record, sealed.record],
        ),
    );
    let dossier = story.dossier_of(story.receipts());
    golden.case(
        "no statement",
        Verdict::NotProvable,
        &only_versions(&dossier, &trial, PLAN, &all),
    );
    golden.check_all_verdicts("only_versions");
}

#[test]
fn a_second_register_for_the_same_trial_is_named() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let first = signed_plan(&mut story, "1.0");
    let second =
        Put::new("front/fay", Role::Sponsor, Class::Trial, Event::Registered).in_register("trial:front:77");
    let alias = TrialId::parse("NCT04573309").unwrap();
    story.put(second.what(|what| {
        what.trial = Some(trialseal_core::record::Trial { aliases: vec![alias] });
    }));
    story.state();
    let dossier = story.dossier();
    for name in [TRIAL, "trial:front:77"] {
        let answer = only_versions(&dossier, &register(name), PLAN, &[first.record]);
        golden.text(name, &answer);
        let found = anomaly::find(&dossier, &register(name));
        let second = found.iter().find(|one| one.kind == AnomalyKind::SecondRegister);
        golden.text("stands out", &second.unwrap().sentence);
    }
    golden.check("second_register");
}

#[test]
fn files() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let put = Put::new(DANA, Role::DataManager, Class::Dataset, Event::DataCut).version("1.0");
    let cut = story.put(
        put.file("adam/adsl.xpt", b"one")
            .file("adam/adae.xpt", b"two")
            .file("adam/adtte.xpt", b"three"),
    );
    story.state();
    let dossier = story.dossier();
    let ask = |name: &str, content: &[u8]| same(&dossier, &cut.record, &given(name, content)).answer;
    golden.case("match", Verdict::Proven, &ask("adsl.xpt", b"one"));
    golden.case("altered", Verdict::Disproven, &ask("adam/adsl.xpt", b"another"));
    golden.case("unknown", Verdict::NotProvable, &ask("adlb.xpt", b"four"));
    let without = story.dossier_of(story.with(&cut, |receipt| receipt.without_manifest()));
    golden.case(
        "no opening",
        Verdict::NotProvable,
        &same(&without, &cut.record, &given("adsl.xpt", b"one")).answer,
    );
    let blinded = story.dossier_of(story.with(&cut, |receipt| receipt.withholding(Part::What)));
    golden.case(
        "what withheld",
        Verdict::NotProvable,
        &same(&blinded, &cut.record, &given("adsl.xpt", b"one")).answer,
    );
    let all = [
        given("adam/adsl.xpt", b"one"),
        given("adam/adae.xpt", b"two"),
        given("adam/adtte.xpt", b"three"),
        given("adam/more.txt", b"more"),
    ];
    let folder = |count: usize, exact| same_folder(&dossier, &cut.record, &all[..count], exact).answer;
    golden.case("whole folder", Verdict::Proven, &folder(3, true));
    golden.case("extra", Verdict::Proven, &folder(4, false));
    golden.case("extra, exact", Verdict::Disproven, &folder(4, true));
    golden.case("missing", Verdict::Disproven, &folder(2, false));
    golden.check_all_verdicts("same");
}

#[test]
fn the_same_content_is_a_claim_until_the_original_is_shown() {
    let content = ContentDigest {
        digest: "ab".repeat(32),
        method: "xpt5/v1".to_owned(),
    };
    let mut story = trial(Blinding::DoubleBlind);
    story.content = Some(content.clone());
    let put = Put::new(DANA, Role::DataManager, Class::Dataset, Event::DataCut).version("1.0");
    let cut = story.put(put.file("adtte.xpt", b"exported on 12 May"));
    story.state();
    let dossier = story.dossier();
    let mut file = given("adtte.xpt", b"exported on the 30th");
    file.content.push(content);
    let compared = same(&dossier, &cut.record, &file);
    let mut golden = Golden::default();
    golden.case(compared.likeness.as_str(), Verdict::NotProvable, &compared.answer);
    golden.check("same_content");
}

#[test]
fn outputs_are_derived() {
    let mut golden = Golden::default();
    let mut trial = e9(Blinding::DoubleBlind);
    let story = &mut trial.story;
    let reproduced = document(
        "acme/sam",
        Role::Sponsor,
        Class::AnalysisOutput,
        Event::Reproduced,
        "1.0",
        "t-14-1.rtf",
    );
    story.put(reproduced.link(Rel::Reproduces, &trial.output));
    let bare = document(
        STAN,
        Role::Statistician,
        Class::AnalysisOutput,
        Event::Executed,
        "1.0",
        "t-14-2.rtf",
    );
    let bare = story.put(bare.what(|what| what.purpose = Some(Purpose::Interim)));
    story.state();
    let dossier = story.dossier();
    let name = register(TRIAL);
    let ask = |output: &str, content: &[u8], inputs: &[(&str, &[u8])]| {
        let inputs: Vec<_> = inputs
            .iter()
            .map(|(name, content)| given(name, content))
            .collect();
        derived(&dossier, &name, &given(output, content), &inputs)
    };
    let table: &[u8] = b"t-14-1.rtf 1.0";
    golden.case(
        "from the lock",
        Verdict::Proven,
        &ask("t-14-1.rtf", table, &[("adsl.xpt", b"adsl.xpt 1.0")]),
    );
    golden.case(
        "another input",
        Verdict::Disproven,
        &ask("t-14-1.rtf", table, &[("adsl.xpt", b"other")]),
    );
    golden.case(
        "an input that nothing shows",
        Verdict::NotProvable,
        &ask("t-14-1.rtf", table, &[("adlb.xpt", b"x")]),
    );
    golden.case(
        "another output",
        Verdict::Disproven,
        &ask("t-14-1.rtf", b"other", &[]),
    );
    golden.case(
        "it says nothing",
        Verdict::NotProvable,
        &ask("t-14-2.rtf", b"t-14-2.rtf 1.0", &[]),
    );
    golden.case("not on record", Verdict::NotProvable, &ask("t-99.rtf", b"x", &[]));
    let lacks = story.dossier_of(story.without(&trial.lock));
    let answer = derived(&lacks, &name, &given("t-14-1.rtf", table), &[]);
    golden.case("the input is not here", Verdict::NotProvable, &answer);
    golden.check_all_verdicts("derived");
    assert_ne!(bare.record, trial.output.record);
}
