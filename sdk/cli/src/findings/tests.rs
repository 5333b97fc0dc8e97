use super::*;
use crate::golden::assert_approved;

fn findings() -> Findings {
    let finding = |id: &str, severity, verdict, sentence: &str| Finding {
        id: id.to_owned(),
        title: "plan preceded unblinding".to_owned(),
        severity,
        verdict,
        sentence: sentence.to_owned(),
        because: vec!["Record 31 <b>\u{202e}".to_owned()],
        next: Some("Ask acme & co.".to_owned()),
    };
    Findings {
        command: "check".to_owned(),
        register: Some("trial:NCT04573309".to_owned()),
        record: None,
        verdict: Verdict::Disproven,
        sentence: "R2 is disproven.".to_owned(),
        because: vec!["R2: no lock preceded | the unblinding.".to_owned()],
        next: None,
        findings: vec![
            finding("R1", Severity::Fail, Verdict::Proven, "It did."),
            finding("R2", Severity::Fail, Verdict::Disproven, "It did \"not\".\u{7}"),
            finding("R3", Severity::Fail, Verdict::NotProvable, "Nobody knows."),
            finding("R6", Severity::Warn, Verdict::Disproven, "It did not."),
            finding("R8", Severity::List, Verdict::Proven, "Plan 3.0."),
        ],
        refused: vec![RefusedFile {
            name: "7.receipt.json".to_owned(),
            sentence: "It was replaced.".to_owned(),
        }],
        basis: Basis {
            origins: vec!["notary.example.org/2026".to_owned()],
            index: Some(64),
            root: Some("rKbD".to_owned()),
            level: Some("witnessed".to_owned()),
            at: "2026-11-22T12:00:00Z".to_owned(),
            trust_sha256: "a1".repeat(32),
            pack_sha256: Some("b2".repeat(32)),
            is_bundled: false,
        },
    }
}

#[test]
fn junit_and_summary_are_what_was_approved() {
    assert_approved("check.junit.xml", &junit::document(&findings()));
    assert_approved("check.summary.md", &summary::document(&findings()));
    let ended =
        Answer::new(Exit::Configuration, "CONFIGURATION", "There is no trust file.").next("Give --trust.");
    assert_approved("error.junit.xml", &junit::error_document("check", &ended));
    assert_approved("error.summary.md", &summary::error_document("check", &ended));
}

#[test]
fn what_only_warns_fails_no_pipeline_and_nothing_is_skipped() {
    let xml = junit::document(&findings());
    assert!(
        xml.contains("tests=\"6\" failures=\"1\" errors=\"2\" skipped=\"0\""),
        "{xml}"
    );
    let mut good = findings();
    good.refused.clear();
    good.verdict = Verdict::Proven;
    good.findings
        .retain(|one| one.severity != Severity::Fail || one.verdict == Verdict::Proven);
    assert_eq!(good.exit(), Exit::Done);
    assert!(junit::document(&good).contains("failures=\"0\" errors=\"0\""));
}

#[test]
fn exit_codes() {
    let exit = |verdict, refused: bool| {
        let mut all = findings();
        all.verdict = verdict;
        if !refused {
            all.refused.clear();
        }
        all.exit() as u8
    };
    for (verdict, alone) in [
        (Verdict::Proven, 0),
        (Verdict::Disproven, 1),
        (Verdict::NotProvable, 2),
    ] {
        assert_eq!(exit(verdict, false), alone);
        // Refused evidence is never passed over.
        assert_eq!(exit(verdict, true), 1);
    }
}

#[test]
fn trust_from_inside_a_bundle_proves_nothing() {
    for verdict in [Verdict::Proven, Verdict::Disproven, Verdict::NotProvable] {
        let mut all = findings();
        (all.verdict, all.basis.is_bundled) = (verdict, true);
        all.refused.clear();
        let judged = all.judged();
        assert_eq!(judged.verdict, Verdict::NotProvable);
        assert_eq!(judged.exit(), Exit::NotProvable);
        if verdict != Verdict::NotProvable {
            assert!(judged.because[0].contains(verdict.as_str()));
            assert_eq!(judged.next.as_deref(), Some(BUNDLED_NEXT));
        }
        assert!(
            judged
                .findings
                .iter()
                .all(|one| one.severity == Severity::List || one.verdict == Verdict::NotProvable)
        );
    }
}
