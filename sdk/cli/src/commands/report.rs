//! `trialseal report`: a page for one sheet. Opens no socket.

mod anomalies;
mod approvals;
mod in_force;
mod sequence;

use std::path::Path;

use trialseal::durable::{self, Access};

use super::question::{self, Asked};
use crate::args::{Report, ReportPage};
use crate::errors::{self, Ended};
use crate::findings::{Finding, Findings, Severity};
use crate::outcome::{Answer, Printer};
use crate::pages::Fold;

pub(crate) use approvals::boards;
pub(crate) use in_force::sites;

/// A page, and what it says.
pub(crate) struct Page {
    pub(crate) html: String,
    pub(crate) findings: Findings,
}

pub(crate) use anomalies::page as anomalies;
pub(crate) use approvals::page as approvals;
pub(crate) use in_force::page as in_force;
pub(crate) use sequence::page as sequence;

pub(crate) fn run(command: &Report, config: Option<&Path>, printer: &Printer) -> Result<Answer, Ended> {
    let page = &command.page;
    let name = format!("report {}", page.name());
    let found = write(page, config, printer);
    let answer = question::reported(&name, page.evidence(), found)?;
    Ok(answer.with("out", out(page).display().to_string()))
}

fn write(page: &ReportPage, config: Option<&Path>, printer: &Printer) -> Result<Findings, Ended> {
    let pack = match page {
        ReportPage::Sequence(page) => Some(question::pack(&page.pack)?),
        _ => None,
    };
    let asked = Asked::new(page.evidence(), config, printer)?;
    let made = match page {
        ReportPage::Sequence(_) => match &pack {
            Some((pack, name)) => sequence(&asked, pack, name),
            None => return Err(errors::bad_input("There is no pack.")),
        },
        ReportPage::InForce(page) => in_force(&asked, &page.place.site, page.place.day, &page.classes),
        ReportPage::Approvals(page) => approvals(&asked, &page.board),
        ReportPage::Anomalies(_) => anomalies(&asked),
    };
    let path = out(page);
    durable::replace(path, made.html.as_bytes(), Access::Default)
        .map_err(|error| errors::cannot_write_output(path, &error))?;
    printer.message(&format!("  WRITTEN  {}", path.display()));
    Ok(made.findings)
}

fn out(page: &ReportPage) -> &Path {
    match page {
        ReportPage::Sequence(page) => &page.out,
        ReportPage::InForce(page) => &page.out,
        ReportPage::Approvals(page) => &page.out,
        ReportPage::Anomalies(page) => &page.out,
    }
}

/// What stands above the fold of a page with these findings. The page says what the command says.
fn fold(title: &str, subject: String, findings: &Findings, asked: &Asked, commands: Vec<String>) -> Fold {
    Fold {
        title: title.to_owned(),
        subject,
        verdict: findings.verdict,
        sentence: findings.sentence.clone(),
        because: Vec::new(),
        next: findings.next.clone(),
        proven: Vec::new(),
        times: Vec::new(),
        complete: asked.complete(),
        basis: findings.basis.clone(),
        pack: None,
        refused: findings.refused.clone(),
        commands,
    }
}

/// A finding that is not a rule of a pack.
fn finding(
    id: String,
    title: String,
    severity: Severity,
    answer: trialseal::core::assertion::Answer,
) -> Finding {
    Finding {
        id,
        title,
        severity,
        verdict: question::verdict(answer.verdict),
        sentence: answer.sentence,
        because: answer.because,
        next: answer.next,
    }
}
