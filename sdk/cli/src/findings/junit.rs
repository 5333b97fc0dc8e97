//! JUnit: a suite is a command with its register and record, a case is an assertion.
//!
//! DISPROVEN is a failure; NOT PROVABLE and REFUSED are errors. Nothing is skipped. What only warns or
//! lists decides nothing: its case passes, and says what it found.

use super::{Finding, Findings, Severity, Verdict};
use crate::outcome::Answer;
use crate::words::shown;

/// The document of a command that judged something.
pub(super) fn document(findings: &Findings) -> String {
    let mut cases: Vec<Case<'_>> = findings
        .refused
        .iter()
        .map(|one| Case {
            name: format!("file {}", one.name),
            result: CaseResult::Error("REFUSED", &one.sentence, &[], None),
        })
        .collect();
    if findings.findings.is_empty() {
        cases.push(Case {
            name: findings.command.clone(),
            result: result(
                findings.verdict,
                &findings.sentence,
                &findings.because,
                findings.next.as_deref(),
            ),
        });
    }
    cases.extend(findings.findings.iter().map(of_finding));
    suite(&findings.suite(), &findings.basis.properties(), &cases)
}

/// The document of a command that ended before it could judge.
pub(super) fn error_document(command: &str, ended: &Answer) -> String {
    let case = Case {
        name: command.to_owned(),
        result: CaseResult::Error(
            ended.verdict,
            &ended.sentence,
            &ended.because,
            ended.next.as_deref(),
        ),
    };
    let version = [("version", env!("CARGO_PKG_VERSION").to_owned())];
    suite(command, &version, &[case])
}

struct Case<'a> {
    name: String,
    result: CaseResult<'a>,
}

enum CaseResult<'a> {
    Passed(String),
    Failure(&'a str, &'a str, &'a [String], Option<&'a str>),
    Error(&'a str, &'a str, &'a [String], Option<&'a str>),
}

fn of_finding(finding: &Finding) -> Case<'_> {
    let result = match finding.severity {
        Severity::Fail => result(
            finding.verdict,
            &finding.sentence,
            &finding.because,
            finding.next.as_deref(),
        ),
        Severity::Warn if finding.verdict != Verdict::Proven => CaseResult::Passed(format!(
            "WARNING {}: {}",
            finding.verdict.as_str(),
            finding.sentence
        )),
        Severity::Warn | Severity::List => CaseResult::Passed(finding.sentence.clone()),
    };
    Case {
        name: format!("{} {}", finding.id, finding.title),
        result,
    }
}

fn result<'a>(
    verdict: Verdict,
    sentence: &'a str,
    because: &'a [String],
    next: Option<&'a str>,
) -> CaseResult<'a> {
    match verdict {
        Verdict::Proven => CaseResult::Passed(sentence.to_owned()),
        Verdict::Disproven => CaseResult::Failure(verdict.as_str(), sentence, because, next),
        Verdict::NotProvable => CaseResult::Error(verdict.as_str(), sentence, because, next),
    }
}

fn suite(name: &str, properties: &[(&str, String)], cases: &[Case<'_>]) -> String {
    let count =
        |wanted: fn(&CaseResult<'_>) -> bool| cases.iter().filter(|case| wanted(&case.result)).count();
    let failures = count(|result| matches!(result, CaseResult::Failure(..)));
    let errors = count(|result| matches!(result, CaseResult::Error(..)));
    let totals = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\"",
        cases.len()
    );
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.push_str(&format!("<testsuites {totals}>\n"));
    xml.push_str(&format!(
        "  <testsuite name=\"{}\" {totals}>\n    <properties>\n",
        escaped(name)
    ));
    for (name, value) in properties {
        xml.push_str(&format!(
            "      <property name=\"{name}\" value=\"{}\"/>\n",
            escaped(value)
        ));
    }
    xml.push_str("    </properties>\n");
    for case in cases {
        xml.push_str(&one(case, name));
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn one(case: &Case<'_>, suite: &str) -> String {
    let start = format!(
        "    <testcase classname=\"{}\" name=\"{}\">\n",
        escaped(suite),
        escaped(&case.name)
    );
    let inside = match &case.result {
        CaseResult::Passed(said) => format!("      <system-out>{}</system-out>\n", escaped(said)),
        CaseResult::Failure(kind, sentence, because, next) => {
            problem("failure", kind, sentence, because, *next)
        }
        CaseResult::Error(kind, sentence, because, next) => problem("error", kind, sentence, because, *next),
    };
    format!("{start}{inside}    </testcase>\n")
}

fn problem(element: &str, kind: &str, sentence: &str, because: &[String], next: Option<&str>) -> String {
    let mut text = format!(
        "      <{element} type=\"{}\" message=\"{}\">",
        escaped(kind),
        escaped(sentence)
    );
    let lines: Vec<String> = because
        .iter()
        .map(|one| format!("because {}", escaped(one)))
        .chain(next.map(|next| format!("next {}", escaped(next))))
        .collect();
    text.push_str(&lines.join("\n"));
    text.push_str(&format!("</{element}>\n"));
    text
}

/// For XML 1.0, which cannot hold control characters at all: they are shown by their numbers.
fn escaped(text: &str) -> String {
    shown(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        // Not characters of XML either.
        .replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}
