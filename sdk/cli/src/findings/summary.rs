//! The Markdown summary, for the page of a pipeline's run.

use super::{Findings, Severity};
use crate::outcome::Answer;
use crate::words::shown;

pub(super) fn document(findings: &Findings) -> String {
    let mut text = format!(
        "## {}: {}\n\n**{}** {}\n\n",
        code(&findings.command),
        plain(findings.register.as_deref().unwrap_or("no register")),
        findings.verdict.as_str(),
        plain(&findings.sentence)
    );
    for sentence in &findings.because {
        text.push_str(&format!("- because {}\n", plain(sentence)));
    }
    if let Some(next) = &findings.next {
        text.push_str(&format!("- next {}\n", plain(next)));
    }
    if !findings.refused.is_empty() {
        text.push_str("\n| file | REFUSED, and proved nothing |\n| --- | --- |\n");
        for one in &findings.refused {
            text.push_str(&format!("| {} | {} |\n", plain(&one.name), plain(&one.sentence)));
        }
    }
    if !findings.findings.is_empty() {
        text.push_str("\n| | verdict | | sentence |\n| --- | --- | --- | --- |\n");
        for one in &findings.findings {
            let weight = match one.severity {
                Severity::Fail => "",
                Severity::Warn => "warns only",
                Severity::List => "a list",
            };
            text.push_str(&format!(
                "| {} {} | {} | {weight} | {} |\n",
                plain(&one.id),
                plain(&one.title),
                one.verdict.as_str(),
                plain(&one.sentence)
            ));
        }
    }
    text.push_str("\n| | |\n| --- | --- |\n");
    for (name, value) in findings.basis.properties() {
        text.push_str(&format!("| {name} | {} |\n", plain(&value)));
    }
    text
}

pub(super) fn error_document(command: &str, ended: &Answer) -> String {
    let mut text = format!(
        "## {}\n\n**{}** {}\n\n",
        code(command),
        ended.verdict,
        plain(&ended.sentence)
    );
    for sentence in &ended.because {
        text.push_str(&format!("- because {}\n", plain(sentence)));
    }
    if let Some(next) = &ended.next {
        text.push_str(&format!("- next {}\n", plain(next)));
    }
    text
}

fn code(text: &str) -> String {
    format!("`trialseal {}`", shown(text).replace('`', "'"))
}

/// Text that Markdown and the HTML inside it leave alone.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for letter in shown(text).chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' => {
                out.push('\\');
                out.push(letter);
            }
            _ => out.push(letter),
        }
    }
    out
}
