//! `trialseal ask`: one question of receipts. Opens no socket.

use std::path::Path;

use trialseal::core::assertion::{self, Given, Likeness};
use trialseal::core::hash::RecordId;
use trialseal::list_folder;

use super::question::{self, Asked, given};
use crate::args::{Ask, Question, Same, Versions};
use crate::errors::{Ended, hashing};
use crate::findings::Findings;
use crate::outcome::{Answer, Exit, Printer};
use crate::words::shown;

pub(crate) fn run(command: &Ask, config: Option<&Path>, printer: &Printer) -> Result<Answer, Ended> {
    let question = &command.question;
    let name = format!("ask {}", question.name());
    let found = judge(question, &name, config, printer);
    question::reported(&name, question.evidence(), found)
}

fn judge(
    question: &Question,
    name: &str,
    config: Option<&Path>,
    printer: &Printer,
) -> Result<Findings, Ended> {
    let asked = Asked::new(question.evidence(), config, printer)?;
    let (record, answer) = answer(question, &asked, printer)?;
    Ok(asked.of_answer(name.to_owned(), record.as_ref(), answer))
}

/// The record that the question is about, where it is about one, and the answer.
fn answer(
    question: &Question,
    asked: &Asked,
    printer: &Printer,
) -> Result<(Option<RecordId>, assertion::Answer), Ended> {
    let (dossier, register) = (&asked.dossier, &asked.register);
    Ok(match question {
        Question::Before(question) => {
            let (first, second) = (asked.record(&question.first)?, asked.record(&question.second)?);
            (Some(first), assertion::before(dossier, &first, &second))
        }
        Question::Preceded(question) => {
            let (record, event) = (asked.record(&question.record)?, asked.record(&question.event)?);
            (Some(record), assertion::preceded(dossier, &record, &event))
        }
        Question::Same(question) => {
            let record = asked.record(&question.record)?;
            (Some(record), same(question, asked, &record, printer)?)
        }
        Question::Approved(question) => {
            let file = given(&question.file, printer)?;
            (
                None,
                assertion::approved_by(dossier, register, &question.board, &file),
            )
        }
        Question::InForce(question) => {
            let (site, day) = (&question.place.site, question.place.day);
            let found = assertion::in_force(dossier, register, question.class, site, day);
            let mut answer = found.answer;
            answer.because.push(found.as_known_on_the_day);
            answer.because.push(found.as_known_now);
            (found.version, answer)
        }
        Question::Versions(question) => (None, versions(question, asked)?),
        Question::Derived(question) => {
            let output = given(&question.output, printer)?;
            let from = question.given.iter().map(|path| given(path, printer));
            let from = from.collect::<Result<Vec<Given>, Ended>>()?;
            (None, assertion::derived(dossier, register, &output, &from))
        }
        Question::Countersigned(question) => {
            let record = asked.record(&question.record)?;
            (
                Some(record),
                assertion::countersigned(dossier, &record, &question.roles),
            )
        }
        Question::Contemporaneous(question) => {
            let record = asked.record(&question.record)?;
            (
                Some(record),
                assertion::contemporaneous(dossier, &record, question.bound),
            )
        }
    })
}

fn same(
    question: &Same,
    asked: &Asked,
    record: &RecordId,
    printer: &Printer,
) -> Result<assertion::Answer, Ended> {
    if !question.file.is_dir() {
        return Ok(assertion::same(&asked.dossier, record, &given(&question.file, printer)?).answer);
    }
    let listing = list_folder(&question.file).map_err(hashing)?;
    let hashed = crate::progress::hash(&listing.files, printer.is_json())?;
    let files: Vec<Given> = hashed
        .into_iter()
        .map(|file| Given {
            name: file.path.to_string(),
            digests: file.digests,
            content: Vec::new(),
        })
        .collect();
    let compared = assertion::same_folder(&asked.dossier, record, &files, question.exact);
    let differ = compared
        .paths
        .iter()
        .filter(|(_, likeness)| *likeness != Likeness::Match);
    for (path, likeness) in differ {
        printer.verdict(likeness.as_str(), &shown(path), Exit::Disproven);
    }
    Ok(compared.answer)
}

fn versions(question: &Versions, asked: &Asked) -> Result<assertion::Answer, Ended> {
    let named = question.shown.iter().map(|name| asked.record(name));
    let mut shown = named.collect::<Result<Vec<RecordId>, Ended>>()?;
    if question.shown.is_empty() {
        let visible = asked
            .facts()
            .iter()
            .filter(|fact| fact.class() == question.class && fact.what.is_some());
        shown = visible.map(|fact| fact.record).collect();
    }
    Ok(assertion::only_versions(
        &asked.dossier,
        &asked.register,
        question.class,
        &shown,
    ))
}
