//! That a page takes one sheet, however much it holds.

use std::process::Command;

use super::*;

/// Pages at their fullest: the longest texts, and more rows than fit.
fn full() -> Vec<(&'static str, String)> {
    let long = |words: usize| "evidence of another kind ".repeat(words);
    let mut fold = fold("Sequence certificate", Verdict::Disproven, &long(40));
    fold.because = vec![long(20); 9];
    fold.next = Some(long(20));
    fold.proven = vec![long(8); 2];
    fold.times = vec![long(6); 2];
    fold.refused = vec![
        RefusedFile {
            name: long(5),
            sentence: long(20)
        };
        5
    ];
    fold.commands = vec![long(4); 2];
    let mut sequence = sequence();
    sequence.rules = vec![rule("R1", &long(2), Severity::Warn, Verdict::NotProvable, &long(30)); 12];
    sequence.moments = vec![moment(44, &long(5)); 200];
    let mut usual = self::sequence();
    usual.moments = vec![moment(44, "statistical-analysis-plan 2.0, finalised"); 200];
    let mut in_force = in_force();
    in_force.documents = vec![in_force.documents[0].clone(); 200];
    let mut approvals = approvals();
    approvals.decisions = vec![approvals.decisions[0].clone(); 200];
    let mut anomalies = anomalies();
    anomalies.remarks = vec![anomalies.remarks[0].clone(); 200];
    let mut fullest = sequence.clone();
    fullest.fold = fold;
    vec![
        ("sequence", sequence.html()),
        ("usual", usual.html()),
        ("fullest", fullest.html()),
        ("in-force", in_force.html()),
        ("approvals", approvals.html()),
        ("anomalies", anomalies.html()),
    ]
}

#[test]
fn what_does_not_fit_is_counted() {
    for (name, html) in full() {
        let rows = html.matches("<tr>").count();
        assert!(rows < 80, "{name}: {rows} rows");
        assert!(html.contains("rows do not fit on this sheet"), "{name}");
    }
}

#[test]
fn every_page_but_the_index_prints_on_one_sheet() {
    let Some(program) = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|program| {
            Command::new(program)
                .arg("--version")
                .output()
                .is_ok_and(|found| found.status.success())
        })
    else {
        println!("NOT RUN: every_page_but_the_index_prints_on_one_sheet: there is no Chromium");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut too_long = Vec::new();
    let usual = all().into_iter().filter(|(name, _)| *name != "index.html");
    for (name, html) in usual.chain(full()) {
        let page = folder.path().join("page.html");
        let pdf = folder.path().join("page.pdf");
        std::fs::write(&page, &html).unwrap();

        let status = Command::new(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-pdf-header-footer",
            ])
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            .arg(format!("--print-to-pdf={}", pdf.display()))
            .arg(format!("file://{}", page.display()))
            .output()
            .unwrap()
            .status;
        assert!(status.success(), "{name}");
        let bytes = std::fs::read(&pdf).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let sheets = text
            .matches("/Type /Page\n")
            .count()
            .max(text.matches("/Type /Page ").count());
        assert!(sheets > 0, "{name}");
        if sheets > 1 {
            too_long.push((name, sheets));
        }
    }
    assert_eq!(too_long, []);
}
