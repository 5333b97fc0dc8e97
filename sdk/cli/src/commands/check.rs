//! `trialseal check`: a trial against a pack of rules. Opens no socket.

use std::path::Path;

use trialseal::core::pack::PackReport;

use super::question::{self, Asked, severity, verdict};
use crate::args::Check;
use crate::errors::Ended;
use crate::findings::{Finding, Findings, Severity, Verdict};
use crate::outcome::{Answer, Printer};

pub(crate) fn run(command: &Check, config: Option<&Path>, printer: &Printer) -> Result<Answer, Ended> {
    question::reported("check", &command.evidence, judge(command, config, printer))
}

fn judge(command: &Check, config: Option<&Path>, printer: &Printer) -> Result<Findings, Ended> {
    let (pack, _) = question::pack(&command.pack)?;
    let asked = Asked::new(&command.evidence, config, printer)?;
    let report = pack.check(&asked.dossier, &asked.register);
    let findings = findings(&asked, &report);
    for one in &findings.findings {
        printer.verdict(
            word(one),
            &format!("{} {}: {}", one.id, one.title, one.sentence),
            one.verdict.exit(),
        );
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
    let warns = rules
        .iter()
        .filter(|rule| rule.severity == Severity::Warn && rule.verdict != Verdict::Proven);
    let because = rules
        .iter()
        .filter(open)
        .map(|rule| format!("{}: {}", rule.id, rule.sentence))
        .chain(warns.map(|rule| format!("{} warns: {}", rule.id, rule.sentence)))
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
