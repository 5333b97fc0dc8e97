//! Verdicts that the vectors do not reach: windows and compromise of keys, quorums, drafts, levels,
//! several evidence elements, files and folders.

use trialseal_core::manifest::FileDigests;
use trialseal_core::receipt::Receipt;
use trialseal_core::record::Part;
use trialseal_core::time::Instant;
use trialseal_core::trust::Level;
use trialseal_core::verify::{
    FileQuery, FileVerdict, FolderVerdict, Outcome, Report, Step, StepResult, compare_folder, verify,
};

use super::notary::{
    Case, digests, instant, log_key, manifest, trust, trust_file, witness_key, witness_mldsa_key,
};

pub(crate) fn judge(receipt: &Receipt, rest: &str, at: Instant) -> Report {
    verify(
        receipt.to_json_pretty().as_bytes(),
        &trust(rest),
        at,
        &FileQuery::None,
    )
}

pub(crate) fn result(report: &Report, step: Step, element: usize) -> StepResult {
    report
        .steps
        .iter()
        .find(|found| found.step == step && found.element.is_none_or(|own| own == element))
        .unwrap()
        .result
}

/// Three witnesses, the third with ML-DSA, and a quorum of two of them.
pub(crate) fn witnessed(policy: &str) -> String {
    format!(
        "\n[[witness]]\nname = \"a\"\nvkeys = [\"{}\"]\n\
         [[witness]]\nname = \"b\"\nvkeys = [\"{}\"]\n\
         [[witness]]\nname = \"c\"\nvkeys = [\"{}\", \"{}\"]\n\
         [[group]]\nname = \"two\"\nof = 2\nmembers = [\"a\", \"b\", \"c\"]\n\
         [policy]\nquorum = \"two\"\n{policy}\n",
        witness_key(1).cosignature_verifier(),
        witness_key(2).cosignature_verifier(),
        witness_key(3).cosignature_verifier(),
        witness_mldsa_key(3).verifier(),
    )
}

#[test]
fn a_receipt_that_is_only_sealed_passes_where_that_is_asked_for() {
    let report = judge(&Case::new().receipt(), "", instant(100));
    assert_eq!(report.outcome, Outcome::Passed, "{:#?}", report.steps);
    assert_eq!(
        (report.level, report.independent_time),
        (Some(Level::Sealed), None)
    );
    assert_eq!(report.steps.len(), 8);
    let order: Vec<Step> = report.steps.iter().map(|step| step.step).collect();
    assert_eq!(order, Step::ALL);
}

#[test]
fn keys_are_judged_at_the_independent_time_or_else_at_the_evaluation() {
    let window = "until = \"2030-02-01T00:00:00Z\"\n";
    let late = Instant::parse("2055-01-01T00:00:00Z").unwrap();
    let sealed = Case::new().receipt();
    assert_eq!(judge(&sealed, window, instant(100)).outcome, Outcome::Passed);
    let report = judge(&sealed, window, late);
    assert_eq!(report.outcome, Outcome::Indeterminate);
    assert_eq!(result(&report, Step::Log, 0), StepResult::Indeterminate);
    // `until` is exclusive, `from` inclusive.
    let until = Instant::parse("2030-02-01T00:00:00Z").unwrap();
    assert_eq!(judge(&sealed, window, until).outcome, Outcome::Indeterminate);
    assert_eq!(
        judge(&sealed, window, until.plus_millis(-1)).outcome,
        Outcome::Passed
    );
    assert_eq!(judge(&sealed, window, instant(0)).outcome, Outcome::Passed);
    assert_eq!(
        judge(&sealed, window, instant(-1)).outcome,
        Outcome::Indeterminate
    );
    // A quorum inside the window keeps the receipt alive, one outside does not.
    let mut case = Case::new();
    case.cosigned = vec![(1, 20), (2, 30)];
    let rest = format!("{window}{}", witnessed("require = \"witnessed\""));
    let report = judge(&case.receipt(), &rest, late);
    assert_eq!(report.outcome, Outcome::Passed, "{:#?}", report.steps);
    assert_eq!(
        (report.independent_time, report.level),
        (Some(instant(30)), Some(Level::Witnessed))
    );
    case.cosigned = vec![(1, 20), (2, 40 * 86_400)];
    assert_eq!(
        judge(&case.receipt(), &rest, late).outcome,
        Outcome::Indeterminate
    );
}

#[test]
fn one_key_that_counts_is_enough_and_none_is_not() {
    let mut case = Case::new();
    case.cosigned = vec![(1, 20), (2, 30)];
    let receipt = case.receipt();
    let at = instant(1_000_000);
    let compromised = |ed25519: i64, mldsa: i64| {
        format!(
            "ed25519_compromised_at = \"{}\"\nmldsa_compromised_at = \"{}\"\n{}",
            instant(ed25519),
            instant(mldsa),
            witnessed("")
        )
    };
    // The quorum's time is 30.
    assert_eq!(judge(&receipt, &compromised(31, 31), at).outcome, Outcome::Passed);
    assert_eq!(judge(&receipt, &compromised(30, 31), at).outcome, Outcome::Passed);
    assert_eq!(judge(&receipt, &compromised(31, 30), at).outcome, Outcome::Passed);
    assert_eq!(
        judge(&receipt, &compromised(30, 30), at).outcome,
        Outcome::Indeterminate
    );
    // Without independent time nothing shows that the signatures came before.
    let sealed = Case::new().receipt();
    assert_eq!(
        judge(&sealed, &compromised(31, 31), at).outcome,
        Outcome::Indeterminate
    );
}

#[test]
fn the_quorum_decides_and_one_early_witness_does_not_backdate() {
    let rest = witnessed("require = \"witnessed\"");
    let at = instant(1_000);
    let with = |cosigned: &[(u8, u64)], cosigned_mldsa: &[(u8, u64)]| {
        let mut case = Case::new();
        case.cosigned = cosigned.to_vec();
        case.cosigned_mldsa = cosigned_mldsa.to_vec();
        judge(&case.receipt(), &rest, at)
    };
    let none = with(&[], &[]);
    assert_eq!(
        (none.outcome, result(&none, Step::Witnesses, 0)),
        (Outcome::Indeterminate, StepResult::NotChecked)
    );
    let one = with(&[(1, 20)], &[]);
    assert_eq!(
        (one.outcome, result(&one, Step::Witnesses, 0)),
        (Outcome::Indeterminate, StepResult::Indeterminate)
    );
    let backdated = with(&[(1, 1), (2, 500)], &[]);
    assert_eq!(
        (backdated.outcome, backdated.independent_time),
        (Outcome::Passed, Some(instant(500)))
    );
    let three = with(&[(1, 600), (2, 500)], &[(3, 400)]);
    assert_eq!(three.independent_time, Some(instant(500)));
    // A witness counts once, whichever of its keys signed, and by its earliest time.
    let twice = with(&[(3, 20)], &[(3, 30)]);
    assert_eq!(twice.outcome, Outcome::Indeterminate);
    let earliest = with(&[(1, 20), (3, 40)], &[(3, 30)]);
    assert_eq!(earliest.independent_time, Some(instant(30)));
    // Times after the evaluation do not count.
    let later = with(&[(1, 20), (2, 1_001)], &[]);
    assert_eq!(later.outcome, Outcome::Indeterminate);
    assert_eq!(result(&later, Step::Witnesses, 0), StepResult::Indeterminate);
}

#[test]
fn a_cosignature_of_a_known_witness_that_fails_fails_the_receipt() {
    let mut case = Case::new();
    case.cosigned = vec![(1, 20), (2, 30)];
    let text = case.receipt().to_json_pretty();
    let line = witness_key(2).cosignature_verifier().name().to_string();
    // The last character before the padding of the last cosignature.
    let end = text
        .find(&line)
        .map(|start| start + text[start..].find("=\\n").unwrap())
        .unwrap();
    let mut changed = text.into_bytes();
    changed[end - 5] = if changed[end - 5] == b'A' { b'B' } else { b'A' };
    for rest in [witnessed(""), witnessed("require = \"witnessed\"")] {
        let report = verify(&changed, &trust(&rest), instant(100), &FileQuery::None);
        assert_eq!(report.outcome, Outcome::Failed);
        assert_eq!(report.first_failure().unwrap().step, Step::Witnesses);
    }
    // Who does not know the witness ignores its line.
    assert_eq!(
        verify(&changed, &trust(""), instant(100), &FileQuery::None).outcome,
        Outcome::Passed
    );
}

#[test]
fn without_a_quorum_witnessed_still_needs_one_cosignature() {
    let witness = format!(
        "[[witness]]\nname = \"a\"\nvkeys = [\"{}\"]\n[policy]\nrequire = \"witnessed\"\n",
        witness_key(1).cosignature_verifier()
    );
    let mut case = Case::new();
    assert_eq!(
        judge(&case.receipt(), &witness, instant(100)).outcome,
        Outcome::Indeterminate
    );
    case.cosigned = vec![(1, 20)];
    assert_eq!(
        judge(&case.receipt(), &witness, instant(100)).outcome,
        Outcome::Passed
    );
    let timestamped = witness.replace("witnessed", "timestamped");
    let report = judge(&case.receipt(), &timestamped, instant(100));
    assert_eq!(report.outcome, Outcome::Indeterminate);
    assert_eq!(result(&report, Step::Timestamps, 0), StepResult::NotChecked);
}

#[test]
fn appended_evidence_supplies_what_the_first_element_lacks() {
    let rest = witnessed("require = \"witnessed\"");
    let mut receipt = Case::new().receipt();
    assert_eq!(
        judge(&receipt, &rest, instant(9_000)).outcome,
        Outcome::Indeterminate
    );
    let mut later = Case::new();
    later.size = 9;
    later.signed_after_s = 50;
    later.cosigned = vec![(1, 60), (2, 70)];
    let proof = later.proof(receipt.record().leaves().root());
    receipt.append_evidence(trialseal_core::receipt::Evidence::new(proof));
    let report = judge(&receipt, &rest, instant(9_000));
    assert_eq!(report.outcome, Outcome::Passed, "{:#?}", report.steps);
    assert_eq!(result(&report, Step::Witnesses, 0), StepResult::NotChecked);
    assert_eq!(result(&report, Step::Witnesses, 1), StepResult::Passed);
    // A later element that fails fails the whole.
    let mut other = later.clone();
    other.index = 3;
    receipt.append_evidence(trialseal_core::receipt::Evidence::new(
        other.proof(receipt.record().leaves().root()),
    ));
    let report = judge(&receipt, &rest, instant(9_000));
    assert_eq!(
        (report.outcome, report.first_failure().unwrap().element),
        (Outcome::Failed, Some(2))
    );
}

#[test]
fn drafts_pass_only_where_they_are_allowed() {
    let mut case = Case::new();
    case.is_draft = true;
    let receipt = case.receipt();
    let allowed = judge(&receipt, "[policy]\nallow_drafts = true\n", instant(100));
    assert_eq!(allowed.outcome, Outcome::Passed);
    assert!(
        allowed.steps[2].sentence.ends_with("not signed."),
        "{}",
        allowed.steps[2].sentence
    );
    let refused = judge(&receipt, "", instant(100));
    assert_eq!(refused.outcome, Outcome::Failed);
    assert_eq!(refused.first_failure().unwrap().step, Step::Submission);
    let withheld = judge(
        &receipt.withholding(Part::Who),
        "[policy]\nallow_drafts = true\n",
        instant(100),
    );
    assert_eq!(withheld.outcome, Outcome::Passed);
}

#[test]
fn a_log_that_the_trust_file_does_not_name_is_not_checked() {
    let other = trust_file("").replace("2030\"", "2031\"");
    // Another origin takes other key names; so use the trust of the vectors.
    assert!(trialseal_core::trust::Trust::parse(&other).is_err());
    let report = verify(
        Case::new().receipt().to_json_pretty().as_bytes(),
        &super::common::trust(),
        instant(100),
        &FileQuery::None,
    );
    assert_eq!(report.outcome, Outcome::Indeterminate);
    assert_eq!(result(&report, Step::Log, 0), StepResult::NotChecked);
    assert_ne!(
        log_key().verifier().id(),
        super::common::trust().logs()[0].ed25519.id()
    );
}

#[test]
fn trust_that_came_with_the_receipt_proves_nothing_by_itself() {
    let receipt = Case::new().receipt().to_json_pretty();
    let report = verify(
        receipt.as_bytes(),
        &trust("").bundled(),
        instant(100),
        &FileQuery::None,
    );
    assert_eq!(report.outcome, Outcome::Indeterminate);
}

#[test]
fn parts_can_be_withheld_and_the_rest_still_holds() {
    for part in [Part::What, Part::Who, Part::Why] {
        let receipt = Case::new().receipt().withholding(part);
        let report = judge(&receipt, "", instant(100));
        assert_eq!(report.first_failure(), None, "{part}");
        let signer_is_shown = part != Part::Who;
        assert_eq!(report.outcome == Outcome::Passed, signer_is_shown, "{part}");
        assert_eq!(
            report.record,
            Some(Case::new().receipt().record().leaves().root())
        );
    }
}

fn with_manifest() -> (Receipt, trialseal_core::manifest::Manifest) {
    let manifest = manifest(&["adam/adsl.xpt", "adam/adae.xpt", "tlf/adsl.xpt"]);
    let mut case = Case::new();
    case.what.manifest = Some(manifest.commitment());
    (case.receipt().with_manifest(&manifest), manifest)
}

fn judge_file(receipt: &Receipt, query: &FileQuery) -> (Outcome, Option<FileVerdict>) {
    let report = verify(
        receipt.to_json_pretty().as_bytes(),
        &trust(""),
        instant(100),
        query,
    );
    (report.outcome, report.file)
}

fn one(name: &str, item: Option<&str>, digests: FileDigests) -> FileQuery {
    FileQuery::One {
        item: item.map(str::to_owned),
        name: name.to_owned(),
        digests,
    }
}

#[test]
fn a_file_finds_its_item_in_the_order_of_the_specification() {
    let (receipt, _) = with_manifest();
    let ok = (Outcome::Passed, Some(FileVerdict::Match));
    let altered = (Outcome::Failed, Some(FileVerdict::Altered));
    let unknown = (Outcome::Indeterminate, Some(FileVerdict::Unknown));
    let adae = || digests(b"adam/adae.xpt");
    // By its name, by its digest, by its last segment; two with one last segment are none.
    assert_eq!(judge_file(&receipt, &one("x", Some("adam/adae.xpt"), adae())), ok);
    assert_eq!(
        judge_file(&receipt, &one("x", Some("adam/adsl.xpt"), adae())),
        altered
    );
    assert_eq!(judge_file(&receipt, &one("x", None, adae())), ok);
    assert_eq!(
        judge_file(&receipt, &one("adae.xpt", None, digests(b"new"))),
        altered
    );
    assert_eq!(
        judge_file(&receipt, &one("adsl.xpt", None, digests(b"new"))),
        unknown
    );
    assert_eq!(judge_file(&receipt, &one("x", None, digests(b"new"))), unknown);
    // In a folder only the path counts.
    let in_folder = |path: &str, digests| FileQuery::InFolder {
        path: path.to_owned(),
        digests,
    };
    assert_eq!(judge_file(&receipt, &in_folder("adam/adae.xpt", adae())), ok);
    assert_eq!(judge_file(&receipt, &in_folder("adae.xpt", adae())), unknown);
    assert_eq!(
        judge_file(&receipt, &in_folder("adam/adae.xpt", digests(b"new"))),
        altered
    );
    // Every digest that is present counts.
    let mut half = adae();
    half.sha512[63] ^= 1;
    assert_eq!(judge_file(&receipt, &one("adae.xpt", None, half)), altered);
    let mut longer = adae();
    longer.size += 1;
    assert_eq!(judge_file(&receipt, &one("adae.xpt", None, longer)), altered);
    // The only item is the one, whatever it is called.
    let manifest = manifest(&["a"]);
    let mut case = Case::new();
    case.what.manifest = Some(manifest.commitment());
    assert_eq!(
        judge_file(&case.receipt().with_manifest(&manifest), &one("z", None, adae())),
        altered
    );
}

#[test]
fn one_item_of_several_is_said_to_be_that() {
    let (receipt, _) = with_manifest();
    let cut = receipt.with_one_item("adam/adae.xpt").unwrap();
    let query = one("adae.xpt", None, digests(b"adam/adae.xpt"));
    let report = verify(cut.to_json_pretty().as_bytes(), &trust(""), instant(100), &query);
    assert_eq!(report.outcome, Outcome::Passed);
    let sentence = &report.steps.last().unwrap().sentence;
    assert!(
        sentence.contains(
            "item 1 of 3; the others were not shown, and that no other has this path is not proven"
        ),
        "{sentence}"
    );
    assert!(cut.clone().with_one_item("adam/adsl.xpt").is_err());
    assert!(with_manifest().0.with_one_item("nothing").is_err());
}

#[test]
fn a_manifest_that_is_not_on_record_fails_with_and_without_a_file() {
    let (receipt, _) = with_manifest();
    let other = receipt.with_manifest(&manifest(&["adam/adsl.xpt", "adam/adae.xpt", "tlf/adtte.xpt"]));
    assert_eq!(judge_file(&other, &FileQuery::None), (Outcome::Failed, None));
    let (receipt, _) = with_manifest();
    let fewer = receipt.with_manifest(&manifest(&["adam/adsl.xpt"]));
    assert_eq!(
        judge_file(&fewer, &one("adsl.xpt", None, digests(b"adam/adsl.xpt"))).0,
        Outcome::Failed
    );
    let about_nothing = Case::new().receipt().with_manifest(&manifest(&["a"]));
    assert_eq!(judge_file(&about_nothing, &FileQuery::None).0, Outcome::Failed);
}

#[test]
fn a_folder_says_what_matches_differs_is_missing_and_is_extra() {
    let (receipt, _) = with_manifest();
    let files = || {
        [
            ("adam/adsl.xpt", &b"adam/adsl.xpt"[..]),
            ("adam/adae.xpt", b"new"),
            ("notes.txt", b""),
        ]
        .map(|(path, content)| (path.to_owned(), digests(content)))
    };
    let verdicts = |receipt: &Receipt| {
        let report = judge(receipt, "", instant(100));
        compare_folder(&report.opening.unwrap(), files())
            .into_iter()
            .map(|entry| (entry.path, entry.verdict))
            .collect::<Vec<_>>()
    };
    let expected = [
        ("adam/adae.xpt", FolderVerdict::Altered),
        ("adam/adsl.xpt", FolderVerdict::Match),
        ("notes.txt", FolderVerdict::Extra),
        ("tlf/adsl.xpt", FolderVerdict::Missing),
    ];
    assert_eq!(
        verdicts(&receipt),
        expected.map(|(path, verdict)| (path.to_owned(), verdict))
    );
    // What is not shown may be on record.
    let cut = receipt.with_one_item("adam/adsl.xpt").unwrap();
    let found = verdicts(&cut);
    assert_eq!(found[0], ("adam/adae.xpt".to_owned(), FolderVerdict::Unknown));
    assert_eq!(found[2], ("notes.txt".to_owned(), FolderVerdict::Unknown));
}
