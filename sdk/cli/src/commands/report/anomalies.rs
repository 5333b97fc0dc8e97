//! What stands out in a register.

use trialseal::core::anomaly::{self, Anomaly};

use super::{Page, fold};
use crate::commands::question::Asked;
use crate::findings::{Finding, Findings, Severity, Verdict};
use crate::pages::{Anomalies, Remark};

/// The page. That nothing stands out is proven only of a register that is complete.
pub(crate) fn page(asked: &Asked) -> Page {
    let found = anomaly::find(&asked.dossier, &asked.register);
    let place = |one: &Anomaly| match asked.dossier.fact(&one.record) {
        Some(fact) => fact.sequence().to_string(),
        None => one.record.to_hex()[..12].to_owned(),
    };
    let remarks = found.iter().map(|one| Remark {
        kind: one.kind.as_str().to_owned(),
        record: place(one),
        sentence: one.sentence.clone(),
    });
    let remarks: Vec<Remark> = remarks.collect();
    let findings = findings(asked, &remarks);
    let subject = asked.register.to_string();
    let commands = vec![asked.command("report anomalies --out page.html")];
    let mut fold = fold("Anomaly report", subject, &findings, asked, commands);
    fold.because = vec!["It is named, and not judged: there may be a good reason for each.".to_owned()];
    if findings.verdict == Verdict::Disproven {
        fold.proven = vec!["What each line says of the records that it names.".to_owned()];
    }
    Page {
        html: Anomalies { fold, remarks }.html(),
        findings,
    }
}

fn findings(asked: &Asked, remarks: &[Remark]) -> Findings {
    let complete = asked.complete();
    let (verdict, sentence) = match (remarks.len(), complete.to) {
        (0, Some(to)) => (
            Verdict::Proven,
            format!("Nothing stands out in {} up to K = {to}.", asked.register),
        ),
        (0, None) => (
            Verdict::NotProvable,
            format!(
                "Nothing stands out in what is shown of {}; it is not known to be complete.",
                asked.register
            ),
        ),
        (1, _) => (Verdict::Disproven, "1 thing stands out.".to_owned()),
        (many, _) => (Verdict::Disproven, format!("{many} things stand out.")),
    };
    let findings = remarks.iter().map(|one| Finding {
        id: one.kind.clone(),
        title: format!("record {}", one.record),
        severity: Severity::Warn,
        verdict: Verdict::Disproven,
        sentence: one.sentence.clone(),
        because: Vec::new(),
        next: None,
    });
    Findings {
        command: "report anomalies".to_owned(),
        register: Some(asked.register.to_string()),
        record: None,
        verdict,
        sentence,
        because: vec![complete.sentence()],
        next: None,
        findings: findings.collect(),
        refused: asked.refused.clone(),
        basis: asked.basis(None),
    }
    .judged()
}
