use super::*;
use crate::findings::{Basis, Finding, RefusedFile, Severity, Verdict};
use crate::golden::assert_approved;
use crate::table::Row;

mod hostile;
mod print;

fn basis() -> Basis {
    Basis {
        origins: vec!["notary.example.org/2026".to_owned()],
        index: Some(812),
        root: Some("rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=".to_owned()),
        level: Some("timestamped".to_owned()),
        at: "2026-11-22T12:00:00Z".to_owned(),
        trust_sha256: "a1".repeat(32),
        pack_sha256: Some("b2".repeat(32)),
        is_bundled: false,
    }
}

fn complete() -> Complete {
    Complete {
        to: Some(61),
        stated_at: Some("2026-11-22T06:00:00Z".to_owned()),
        no_later_than: Some("2026-11-22T06:00:09Z".to_owned()),
        problem: None,
    }
}

fn fold(title: &str, verdict: Verdict, sentence: &str) -> Fold {
    Fold {
        title: title.to_owned(),
        subject: "trial:NCT04573309".to_owned(),
        verdict,
        sentence: sentence.to_owned(),
        because: vec!["R1 to R5 are proven.".to_owned()],
        next: None,
        proven: vec!["The plan that was used was put on record before the blind was broken.".to_owned()],
        times: vec![
            "Plan 2.0 existed no later than 2026-05-02T09:17:12Z; the notary states 2026-05-02T09:17:04Z."
                .to_owned(),
        ],
        complete: complete(),
        basis: basis(),
        pack: Some("ICH E9".to_owned()),
        refused: Vec::new(),
        commands: vec![
            "trialseal check ./inspection --pack ich-e9 --trust trust.toml --at 2026-11-22T12:00:00Z"
                .to_owned(),
        ],
    }
}

fn rule(id: &str, title: &str, severity: Severity, verdict: Verdict, sentence: &str) -> Finding {
    Finding {
        id: id.to_owned(),
        title: title.to_owned(),
        severity,
        verdict,
        sentence: sentence.to_owned(),
        because: Vec::new(),
        next: None,
    }
}

fn moment(sequence: u64, what: &str) -> Moment {
    Moment {
        sequence,
        what: what.to_owned(),
        who: "Jane Doe (acme/m-1), statistician; approval".to_owned(),
        declared: "2026-05-02".to_owned(),
        no_later_than: Some("2026-05-02T09:17:12Z".to_owned()),
        stated: "2026-05-02T09:17:04.120Z".to_owned(),
    }
}

fn sequence() -> Sequence {
    let fail = Severity::Fail;
    Sequence {
        fold: fold(
            "Sequence certificate",
            Verdict::Proven,
            "The statistical analysis plan 2.0 was final before the blind was broken; the gap is 27 days.",
        ),
        rules: vec![
            rule(
                "R1",
                "plan preceded unblinding",
                fail,
                Verdict::Proven,
                "Plan 2.0 (record 31) existed no later than 2026-05-02T09:17:12Z; Rosa Diaz states that the \
                 unblinding happened at 2026-05-29T14:00:00Z.",
            ),
            rule(
                "R2",
                "hard lock preceded unblinding",
                fail,
                Verdict::Proven,
                "The lock of record 40 was in force.",
            ),
            rule(
                "R6",
                "plan preceded the hard lock",
                Severity::Warn,
                Verdict::NotProvable,
                "No independent time lies between them.",
            ),
            rule(
                "R8",
                "later plans",
                Severity::List,
                Verdict::Proven,
                "Plan 3.0 (record 58) is post hoc.",
            ),
        ],
        moments: vec![
            moment(31, "statistical-analysis-plan 2.0, finalised"),
            Moment {
                no_later_than: None,
                ..moment(44, "treatment-assignment, unblinded")
            },
        ],
    }
}

fn in_force() -> InForce {
    let mut fold = fold(
        "In force",
        Verdict::NotProvable,
        "Of 2 classes of document, the version in force at site DE-01 on 2026-04-14 is proven for 1.",
    );
    fold.subject = "trial:NCT04573309, site DE-01 (Europe/Berlin), 2026-04-14".to_owned();
    fold.next = Some("Ask board-de for its decision on the consent form.".to_owned());
    fold.pack = None;
    InForce {
        fold,
        documents: vec![
            Document {
                class: "protocol".to_owned(),
                version: Some("2.1".to_owned()),
                verdict: Verdict::Proven,
                sentence: "Protocol 2.1 was in force.".to_owned(),
                because: vec![
                    "As known on the day: protocol 2.1.".to_owned(),
                    "As known now: protocol 2.1.".to_owned(),
                ],
            },
            Document {
                class: "informed-consent-form".to_owned(),
                version: None,
                verdict: Verdict::NotProvable,
                sentence: "The board's decision is only reported.".to_owned(),
                because: Vec::new(),
            },
        ],
    }
}

fn approvals() -> Approvals {
    let mut fold = fold(
        "Approvals of board-de",
        Verdict::Proven,
        "board-de signed 1 decision; 1 more was reported.",
    );
    fold.pack = None;
    Approvals {
        fold,
        decisions: vec![Approval {
            sequence: 9,
            on: "protocol 2.0".to_owned(),
            decision: "approved-with-conditions".to_owned(),
            decided_on: "2026-02-03".to_owned(),
            valid: "2026-02-03 to 2027-02-02".to_owned(),
            scope: "countries DE".to_owned(),
            by: "Rosa Diaz (board-de/m-2), ethics-board; decision".to_owned(),
            stated: "2026-02-03T10:00:00.000Z".to_owned(),
            no_later_than: Some("2026-02-03T10:00:09Z".to_owned()),
            current: "current".to_owned(),
        }],
    }
}

fn anomalies() -> Anomalies {
    let mut fold = fold(
        "Anomalies",
        Verdict::Disproven,
        "2 things to ask about were found.",
    );
    fold.refused = vec![RefusedFile {
        name: "receipts/000007.receipt.json".to_owned(),
        sentence: "It is not the file that bundle.json lists.".to_owned(),
    }];
    Anomalies {
        fold,
        remarks: vec![
            Remark {
                kind: "late".to_owned(),
                record: "44".to_owned(),
                sentence: "The unblinding was put on record 19 days after the time that its signer states."
                    .to_owned(),
            },
            Remark {
                kind: "expired-approval".to_owned(),
                record: "52".to_owned(),
                sentence: "The approval lapsed before its renewal.".to_owned(),
            },
        ],
    }
}

fn index() -> Index {
    let row = Row {
        register: "trial:NCT04573309".to_owned(),
        sequence: 1,
        received_at: "2026-01-02T09:00:00.000Z".to_owned(),
        no_later_than: "2026-01-02T09:00:08Z".to_owned(),
        class: "trial".to_owned(),
        event: "registered".to_owned(),
        organization: "acme".to_owned(),
        member: "m-1".to_owned(),
        name: "Jane Doe".to_owned(),
        role: "sponsor".to_owned(),
        meaning: "responsibility".to_owned(),
        signed: Some(true),
        reason: "Start".to_owned(),
        state: "in effect".to_owned(),
        shown: "all".to_owned(),
        ..Row::default()
    };
    let withheld = Row {
        register: row.register.clone(),
        sequence: 2,
        received_at: "2026-01-02T10:00:00.000Z".to_owned(),
        class: "randomisation-list".to_owned(),
        event: "finalised".to_owned(),
        sealed: true,
        state: "PENDING: asked for a sponsor".to_owned(),
        shown: "when; what, who and why are withheld: sealed".to_owned(),
        ..Row::default()
    };
    let entry = |row: Row, proof: &str| Entry {
        receipt: format!("receipts/{:06}.receipt.json", row.sequence),
        row,
        proof: proof.to_owned(),
        is_proven: true,
    };
    let mut fold = fold(
        "Inspection bundle",
        Verdict::Proven,
        "2 records of trial:NCT04573309 verify.",
    );
    fold.pack = None;
    let link = |path: &str, title: &str| Link {
        path: path.to_owned(),
        title: title.to_owned(),
    };
    Index {
        fold,
        pages: vec![link("pages/sequence.html", "Sequence certificate: PROVEN")],
        files: vec![
            link("records.csv", "Every record, for a spreadsheet"),
            link("VERIFY.md", "How to repeat it"),
        ],
        entries: vec![
            entry(row, "PROVEN, timestamped"),
            entry(withheld, "PROVEN, sealed"),
        ],
    }
}

/// Every page by its name.
fn all() -> Vec<(&'static str, String)> {
    vec![
        ("sequence.html", sequence().html()),
        ("in-force.html", in_force().html()),
        ("approvals.html", approvals().html()),
        ("anomalies.html", anomalies().html()),
        ("index.html", index().html()),
    ]
}

#[test]
fn every_page_is_what_was_approved() {
    for (name, html) in all() {
        assert_approved(name, &html);
    }
}

#[test]
fn every_page_says_above_its_tables_what_it_must() {
    for (name, html) in all() {
        let body_starts = html.rfind("<h2>").unwrap();
        let above = &html[..body_starts];
        for text in [
            "What is proven",
            "What is not",
            "That any content is true",
            "The notary's clock is a claim",
            "existed no later than 2026-05-02T09:17:12Z; the notary states 2026-05-02T09:17:04Z",
            "Unbroken from 1 to K = 61",
            "2026-11-22T06:00:09Z",
            &"a1".repeat(32),
            "2026-11-22T12:00:00Z",
            "trialseal check ./inspection --pack ich-e9 --trust trust.toml",
        ] {
            assert!(above.contains(text), "{name}: {text}");
        }
    }
    assert!(sequence().html().contains(&"b2".repeat(32)));
}

#[test]
fn a_page_fetches_nothing_and_runs_nothing() {
    for (name, html) in all() {
        for forbidden in [
            "<script",
            "<img",
            "<link",
            "<iframe",
            "<object",
            "url(",
            "@import",
            "javascript:",
            " on",
        ] {
            let inside_tag = forbidden == " on";
            let found = if inside_tag {
                html.split('<').skip(1).any(|tag| {
                    let tag = tag.split('>').next().unwrap();
                    tag.contains(" on") && !tag.contains("content=")
                })
            } else {
                html.contains(forbidden)
            };
            assert!(!found, "{name}: {forbidden}");
        }
        assert!(!html.contains("http://") && !html.contains("https://"), "{name}");
        assert!(
            html.contains("default-src &#39;none&#39;") || html.contains("default-src 'none'"),
            "{name}"
        );
    }
}

#[test]
fn without_a_statement_a_page_says_that_what_is_absent_may_exist() {
    let complete = Complete {
        problem: Some("Record 7 is missing.".to_owned()),
        ..Complete::default()
    };
    assert_eq!(
        complete.sentence(),
        "Not known to be complete: Record 7 is missing. What is absent here may exist."
    );
    assert_eq!(
        Complete::default().sentence(),
        "Not known to be complete: no register statement is among the files. What is absent here may exist."
    );
    let alone = Complete {
        no_later_than: None,
        ..self::complete()
    };
    assert_eq!(
        alone.sentence(),
        "Unbroken from 1 to K = 61, covered by a statement of 2026-11-22T06:00:00Z by the notary's own clock; no \
         independent time. About anything after 61 this page says nothing."
    );
}
