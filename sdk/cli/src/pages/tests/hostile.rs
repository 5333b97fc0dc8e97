//! Texts that try to be something else.

use super::*;

const SCRIPT: &str =
    "<script>alert(1)</script>\"><img src=x onerror=alert(2)>' onmouseover=x \u{202e}evil\u{2066}";

fn is_harmless(name: &str, html: &str) {
    for forbidden in ["<script>", "<img", "\u{202e}", "\u{2066}"] {
        assert!(!html.contains(forbidden), "{name}: {forbidden:?}");
    }
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{name}");
    assert!(html.contains("[U+202E]evil[U+2066]"), "{name}");
}

#[test]
fn they_are_shown_as_text_on_every_page_and_in_every_field() {
    let text = || SCRIPT.to_owned();
    let mut fold = fold(SCRIPT, Verdict::Proven, SCRIPT);
    fold.subject = text();
    fold.because = vec![text(); 9];
    fold.next = Some(text());
    fold.proven = vec![text()];
    fold.times = vec![text()];
    fold.pack = Some(text());
    fold.complete.problem = Some(text());
    fold.basis.origins = vec![text()];
    fold.commands = vec![text()];
    fold.refused = vec![RefusedFile {
        name: text(),
        sentence: text(),
    }];
    let mut page = sequence();
    page.fold = fold.clone();
    page.rules = vec![Finding {
        because: vec![text()],
        next: Some(text()),
        ..rule(SCRIPT, SCRIPT, Severity::Fail, Verdict::Proven, SCRIPT)
    }];
    page.moments = vec![Moment {
        who: text(),
        declared: text(),
        ..moment(1, SCRIPT)
    }];
    is_harmless("sequence", &page.html());
    let mut page = in_force();
    page.fold = fold.clone();
    for one in &mut page.documents {
        (one.class, one.version, one.sentence, one.because) = (text(), Some(text()), text(), vec![text()]);
    }
    is_harmless("in-force", &page.html());
    let mut page = approvals();
    page.fold = fold.clone();
    for one in &mut page.decisions {
        (one.on, one.decision, one.decided_on, one.valid) = (text(), text(), text(), text());
        (one.scope, one.by, one.current) = (text(), text(), text());
    }
    is_harmless("approvals", &page.html());
    let mut page = anomalies();
    page.fold = fold.clone();
    page.remarks = vec![Remark {
        kind: text(),
        record: text(),
        sentence: text(),
    }];
    is_harmless("anomalies", &page.html());
    let mut page = index();
    page.fold = fold;
    for entry in &mut page.entries {
        let row = &mut entry.row;
        (row.class, row.event, row.version, row.name) = (text(), text(), text(), text());
        (row.reason, row.remark, row.shown, row.declared_at) = (text(), text(), text(), text());
        entry.proof = text();
    }
    page.pages = vec![Link {
        path: "pages/x.html".to_owned(),
        title: text(),
    }];
    is_harmless("index", &page.html());
}
