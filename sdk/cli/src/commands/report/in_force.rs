//! What was in force at a site on a day.

use std::collections::BTreeSet;

use trialseal::core::assertion;
use trialseal::core::identifiers::Code;
use trialseal::core::time::Date;
use trialseal::{Class, Event};

use super::{Page, finding, fold};
use crate::commands::question::Asked;
use crate::findings::{Finding, Findings, Severity, Verdict};
use crate::pages::{Document, InForce};
use crate::words::quoted;

/// The page; of these classes, or of every class that was ever activated.
pub(crate) fn page(asked: &Asked, site: &Code, day: Date, classes: &[Class]) -> Page {
    let classes: BTreeSet<Class> = if classes.is_empty() {
        let activated = asked
            .facts()
            .iter()
            .filter(|fact| fact.event() == Event::Activated);
        activated.map(|fact| fact.class()).collect()
    } else {
        classes.iter().copied().collect()
    };
    let (mut documents, mut findings) = (Vec::new(), Vec::new());
    for class in classes {
        let found = assertion::in_force(&asked.dossier, &asked.register, class, site, day);
        let version = found.version.and_then(|record| asked.dossier.fact(&record));
        let version = version
            .and_then(|fact| fact.what.as_ref())
            .and_then(|what| what.version.as_ref());
        let mut finding = finding(
            class.to_string(),
            format!("at {site} on {day}"),
            Severity::Fail,
            found.answer,
        );
        finding.because.insert(0, found.as_known_now);
        finding.because.insert(0, found.as_known_on_the_day);
        documents.push(Document {
            class: class.to_string(),
            version: version
                .filter(|_| finding.verdict == Verdict::Proven)
                .map(ToString::to_string),
            verdict: finding.verdict,
            sentence: finding.sentence.clone(),
            because: finding.because.clone(),
        });
        findings.push(finding);
    }
    let findings = summed(asked, site, day, findings);
    let start = format!(
        "report in-force --site {} --day {day} --out page.html",
        quoted(site.as_str())
    );
    let subject = format!("{}, site {site}, {day} (the site's local day)", asked.register);
    let mut fold = fold("In force", subject, &findings, asked, vec![asked.command(&start)]);
    if findings.verdict == Verdict::Proven {
        fold.proven =
            vec!["Which version the rules of the register name for this site and this day.".to_owned()];
    }
    Page {
        html: InForce { fold, documents }.html(),
        findings,
    }
}

/// The sites that the trial's settings name, in their order.
pub(crate) fn sites(asked: &Asked) -> BTreeSet<Code> {
    let settings = asked
        .facts()
        .iter()
        .filter_map(|fact| fact.what.as_ref()?.settings.as_ref());
    settings
        .flat_map(|settings| settings.sites.iter().map(|one| one.site.clone()))
        .collect()
}

fn summed(asked: &Asked, site: &Code, day: Date, findings: Vec<Finding>) -> Findings {
    let count = |verdict| findings.iter().filter(|one| one.verdict == verdict).count();
    let verdict = if findings.is_empty() || count(Verdict::NotProvable) > 0 {
        Verdict::NotProvable
    } else {
        Verdict::Proven
    };
    let verdict = if count(Verdict::Disproven) > 0 {
        Verdict::Disproven
    } else {
        verdict
    };
    let sentence = if findings.is_empty() {
        format!(
            "No document was ever activated in {}, as far as it is shown.",
            asked.register
        )
    } else {
        let noun = if findings.len() == 1 { "class" } else { "classes" };
        format!(
            "Of {} {noun} of document, the version in force at site {site} on {day} is proven for {}.",
            findings.len(),
            count(Verdict::Proven)
        )
    };
    let next = findings.iter().find_map(|one| one.next.clone());
    let open = findings.iter().filter(|one| one.verdict != Verdict::Proven);
    Findings {
        command: "report in-force".to_owned(),
        register: Some(asked.register.to_string()),
        record: None,
        verdict,
        sentence,
        because: open.map(|one| format!("{}: {}", one.id, one.sentence)).collect(),
        next,
        findings,
        refused: asked.refused.clone(),
        basis: asked.basis(None),
    }
    .judged()
}
