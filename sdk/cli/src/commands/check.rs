//! `trialseal check`: a trial against a pack of rules. Opens no socket.

use std::path::Path;

use trialseal::core::pack::PackReport;

use super::question::{self, Asked, severity, verdict};
use crate::args::Check;
use crate::errors::{Ended, sentence};
use crate::findings::{Finding, Findings, Severity, Verdict};
use crate::outcome::{Answer, Printer};
use crate::words::shown;

pub(crate) fn run(command: &Check, config: Option<&Path>, printer: &Printer) -> Result<Answer, Ended> {
    question::reported("check", &command.evidence, judge(command, config, printer))
}

fn judge(command: &Check, config: Option<&Path>, printer: &Printer) -> Result<Findings, Ended> {
    let (pack, _) = question::pack(&command.pack)?;
    let asked = Asked::new(&command.evidence, config, printer)?;
    let report = pack.check(&asked.dossier, &asked.register);
    let findings = findings(&asked, &report);
    for one in &findings.findings {
        let title = one.title.trim_end_matches('.');
        printer.verdict(
            word(one),
            &format!("{} {title}: {}", one.id, one.sentence),
            one.verdict.exit(),
        );
        if one.severity == Severity::List && !printer.is_json() {
            for line in &one.because {
                printer.result(&format!("             {}", shown(line)));
            }
        }
    }
    Ok(findings)
}

/// What a pack found out.
pub(super) fn findings(asked: &Asked, report: &PackReport) -> Findings {
    let rules = report.rules.iter().map(|rule| Finding {
        id: rule.id.clone(),
        title: rule.title.clone(),
        severity: severity(rule.severity),
        verdict: verdict(rule.answer.verdict),
        sentence: rule.answer.sentence.clone(),
        because: rule.answer.because.clone(),
        next: rule.answer.next.clone(),
    });
    let rules: Vec<Finding> = rules.collect();
    let overall = verdict(report.verdict);
    let open = |rule: &&Finding| rule.severity == Severity::Fail && rule.verdict != Verdict::Proven;
    let named = |severity, verdict| {
        let wanted = rules
            .iter()
            .filter(|rule| rule.severity == severity && rule.verdict == verdict);
        wanted.map(|rule| rule.id.clone()).collect::<Vec<_>>().join(", ")
    };
    // The rules themselves stand above, each with its sentence.
    let because = [
        ("disproven", named(Severity::Fail, Verdict::Disproven)),
        ("not provable", named(Severity::Fail, Verdict::NotProvable)),
        ("warns, disproven", named(Severity::Warn, Verdict::Disproven)),
        ("warns, not provable", named(Severity::Warn, Verdict::NotProvable)),
    ];
    let because = because
        .into_iter()
        .filter(|(_, ids)| !ids.is_empty())
        .map(|(what, ids)| sentence(&format!("{what}: {ids}")))
        .chain([asked.complete().sentence()]);
    Findings {
        command: format!("check {}", report.pack),
        register: Some(asked.register.to_string()),
        record: None,
        verdict: overall,
        sentence: report.sentence.clone(),
        because: because.collect(),
        next: rules.iter().filter(open).find_map(|rule| rule.next.clone()),
        findings: rules.clone(),
        refused: asked.refused.clone(),
        basis: asked.basis(Some(report.pack_sha256.to_hex())),
    }
    .judged()
}

/// A rule that only warns or lists is not shown as if it decided.
const fn word(finding: &Finding) -> &'static str {
    match (finding.severity, finding.verdict) {
        (Severity::List, _) => "LIST",
        (Severity::Warn, Verdict::Disproven | Verdict::NotProvable) => "WARNING",
        (_, verdict) => verdict.as_str(),
    }
}
