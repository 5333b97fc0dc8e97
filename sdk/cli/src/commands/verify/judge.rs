//! From a report of the core to a verdict.

use std::path::Path;

use trialseal::core::manifest::{FileDigests, ItemPath};
use trialseal::core::verify::{
    FileQuery, FileVerdict, FolderEntry, FolderVerdict, Outcome, Report, Step, StepResult, compare_folder,
    verify,
};
use trialseal::{FileToHash, list_folder};

use super::Standard;
use super::report::{self, Story};
use crate::commands::receipt_file;
use crate::errors::{Ended, hashing};
use crate::outcome::{Answer, Exit, Printer};
use crate::progress;

/// A genuine draft under a trust file that wants signatures: the policy's verdict, said as such.
fn unsigned(
    standard: &Standard<'_>,
    receipt: &Path,
    report: &Report,
    story: &Story,
) -> Result<Option<Answer>, Ended> {
    let only_submission = report
        .steps
        .iter()
        .all(|one| one.step == Step::Submission || one.result != StepResult::Failed);
    if report.outcome != Outcome::Failed || standard.trust.allow_drafts() || !only_submission {
        return Ok(None);
    }
    let bytes = receipt_file::read_bytes(receipt)?;
    let allowed = verify(
        &bytes,
        &standard.trust.with_drafts_allowed(),
        standard.at,
        &FileQuery::None,
    );
    if allowed.has_failed(Step::Submission) {
        return Ok(None);
    }
    let sentence = format!(
        "Nobody signed {}, and the trust file does not allow drafts.",
        story.record
    );
    let answer = Answer::new(Exit::Disproven, "REFUSED", sentence);
    let answer = story
        .because
        .iter()
        .fold(answer, |answer, one| answer.because(one.clone()));
    let next = "Ask for a signed record, or put `allow_drafts = true` under [policy] in the trust file.";
    Ok(Some(report::with_steps(answer.next(next), report)))
}

/// A receipt by itself.
pub(super) fn receipt(standard: &Standard<'_>, path: &Path) -> Result<Answer, Ended> {
    let report = judged(standard, path, &FileQuery::None)?;
    let story = Story::of(&report, standard.trust.require());
    if let Some(answer) = unsigned(standard, path, &report, &story)? {
        return Ok(answer);
    }
    let name = path.display();
    let answer = refused(&report, &story).unwrap_or_else(|| match report.outcome {
        Outcome::Passed => {
            let sentence = format!("{name} proves {}. No file was compared.", story.record);
            proven(sentence, &story)
        }
        _ => not_provable(format!("{name} does not decide it."), &story),
    });
    Ok(report::with_steps(answer, &report))
}

/// A file with its receipt.
pub(super) fn file(
    standard: &Standard<'_>,
    path: &Path,
    receipt: &Path,
    printer: &Printer,
) -> Result<Answer, Ended> {
    let digests = hash(path, printer)?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let item = standard.command.item.clone();
    let report = judged(
        standard,
        receipt,
        &FileQuery::One {
            item,
            name,
            digests: digests.clone(),
        },
    )?;
    let story = Story::of(&report, standard.trust.require());
    if let Some(answer) = unsigned(standard, receipt, &report, &story)? {
        return Ok(answer);
    }
    let shown = path.display().to_string();
    let answer = match (report.outcome, report.file) {
        (_, Some(FileVerdict::Altered)) if !failed_before_file(&report) => {
            altered(&shown, &report, &story, &digests)
        }
        (Outcome::Failed, _) => {
            refused(&report, &story).unwrap_or_else(|| not_provable(String::new(), &story))
        }
        (Outcome::Passed, _) => proven(format!("{shown} is the file of {}.", story.record), &story),
        (Outcome::Indeterminate, Some(FileVerdict::Unknown)) => unknown(&shown, &report, &story),
        (Outcome::Indeterminate, _) => not_provable(
            format!("Whether {shown} is the file of {} is not decided.", story.record),
            &story,
        ),
    };
    let verdict = report.file.map_or("UNKNOWN", FileVerdict::as_str);
    let files = vec![report::file(&shown, verdict)];
    Ok(report::with_steps(answer, &report).with("files", files))
}

/// A folder with the receipt of its files.
pub(super) fn folder(
    standard: &Standard<'_>,
    path: &Path,
    receipt: &Path,
    printer: &Printer,
) -> Result<Answer, Ended> {
    let report = judged(standard, receipt, &FileQuery::None)?;
    let story = Story::of(&report, standard.trust.require());
    if let Some(answer) = unsigned(standard, receipt, &report, &story)? {
        return Ok(answer);
    }
    if let Some(answer) = refused(&report, &story) {
        return Ok(report::with_steps(answer, &report));
    }
    let Some(opening) = &report.opening else {
        return Ok(report::with_steps(no_salts(&story), &report));
    };
    let listing = list_folder(path).map_err(hashing)?;
    for link in &listing.others {
        printer.message(&format!(
            "  IGNORED  {}: a symbolic link or no regular file; not followed.",
            link.display()
        ));
    }
    // The receipt may lie in the folder that it is for.
    let own = receipt.canonicalize().ok();
    let files: Vec<FileToHash> = listing
        .files
        .into_iter()
        .filter(|file| file.source.canonicalize().ok() != own || own.is_none())
        .collect();
    let hashed = progress::hash(&files, printer.is_json())?;
    let files = hashed
        .into_iter()
        .map(|file| (file.path.to_string(), file.digests));
    let entries = compare_folder(opening, files);
    for entry in entries
        .iter()
        .filter(|entry| entry.verdict != FolderVerdict::Match)
    {
        printer.verdict(entry.verdict.as_str(), &line(entry, &story), Exit::Disproven);
    }
    let answer = compared(standard, &entries, &report, &story);
    let files: Vec<_> = entries
        .iter()
        .map(|entry| report::file(&entry.path, entry.verdict.as_str()))
        .collect();
    Ok(report::with_steps(answer, &report).with("files", files))
}

fn compared(standard: &Standard<'_>, entries: &[FolderEntry], report: &Report, story: &Story) -> Answer {
    let count = |verdict| entries.iter().filter(|entry| entry.verdict == verdict).count();
    let mut counts = vec![format!("{} match", count(FolderVerdict::Match))];
    for (verdict, word) in [
        (FolderVerdict::Altered, "altered"),
        (FolderVerdict::Missing, "missing"),
        (FolderVerdict::Extra, "not on record"),
        (FolderVerdict::Unknown, "unknown"),
    ] {
        if count(verdict) > 0 {
            counts.push(format!("{} {word}", count(verdict)));
        }
    }
    let counts = counts.join(", ");
    let extra = standard.command.exact && count(FolderVerdict::Extra) > 0;
    if count(FolderVerdict::Altered) + count(FolderVerdict::Missing) > 0 || extra {
        let sentence = format!("These are not the files of {}: {counts}.", story.record);
        return Answer::new(Exit::Disproven, "DISPROVEN", sentence);
    }
    if count(FolderVerdict::Unknown) > 0 || report.outcome != Outcome::Passed {
        return not_provable(
            format!(
                "Whether these are the files of {} is not decided: {counts}.",
                story.record
            ),
            story,
        );
    }
    proven(
        format!("These are the files of {}: {counts}.", story.record),
        story,
    )
}

fn judged(standard: &Standard<'_>, receipt: &Path, query: &FileQuery) -> Result<Report, Ended> {
    let bytes = receipt_file::read_bytes(receipt)?;
    Ok(verify(&bytes, &standard.trust, standard.at, query))
}

/// The digests of a file whatever it is called: its name need not be one that a manifest can hold.
fn hash(path: &Path, printer: &Printer) -> Result<FileDigests, Ended> {
    let size = path.symlink_metadata().map_or(0, |metadata| metadata.len());
    let placeholder = ItemPath::new("file").map_err(|error| crate::errors::bad_input(error.to_string()))?;
    let file = FileToHash {
        path: placeholder,
        source: path.to_owned(),
        size,
    };
    let mut hashed = progress::hash(&[file], printer.is_json())?;
    hashed
        .pop()
        .map(|file| file.digests)
        .ok_or_else(|| crate::errors::bad_input("Nothing was hashed."))
}

fn failed_before_file(report: &Report) -> bool {
    Step::ALL
        .iter()
        .any(|step| *step != Step::File && report.has_failed(*step))
}

/// The evidence itself does not hold.
fn refused(report: &Report, story: &Story) -> Option<Answer> {
    if report.outcome != Outcome::Failed {
        return None;
    }
    let answer = Answer::new(
        Exit::Disproven,
        "REFUSED",
        "The receipt does not verify: it proves nothing.",
    );
    let failed = report
        .steps
        .iter()
        .filter(|step| step.result == StepResult::Failed);
    let answer = failed.fold(answer, |answer, step| {
        answer.because(format!("{}: {}", step.step, step.sentence))
    });
    Some(answer.next(format!("Ask {} for the receipt again.", story.organization)))
}

fn proven(sentence: String, story: &Story) -> Answer {
    let answer = Answer::new(Exit::Done, "PROVEN", sentence);
    story
        .because
        .iter()
        .fold(answer, |answer, one| answer.because(one.clone()))
}

fn not_provable(sentence: String, story: &Story) -> Answer {
    let answer = Answer::new(Exit::NotProvable, "NOT PROVABLE", sentence);
    story.open.iter().cloned().fold(answer, Answer::because)
}

fn altered(path: &str, report: &Report, story: &Story, now: &FileDigests) -> Answer {
    let then = report.opening.as_ref().and_then(|opening| match opening.items() {
        [one] => Some(one.item.size),
        _ => None,
    });
    let sentence = match then {
        Some(then) if then != now.size => {
            format!(
                "{path} is not the file of {}: {} bytes now, {then} on record.",
                story.record, now.size
            )
        }
        _ => format!("{path} is not the file of {}: its content differs.", story.record),
    };
    let because = report
        .steps
        .iter()
        .find(|step| step.step == Step::File)
        // The verdict stands before it already.
        .map(|step| step.sentence.trim_start_matches("ALTERED: ").to_owned());
    because
        .into_iter()
        .fold(Answer::new(Exit::Disproven, "ALTERED", sentence), Answer::because)
}

fn unknown(path: &str, report: &Report, story: &Story) -> Answer {
    if report.opening.is_none() {
        return no_salts(story);
    }
    let sentence = format!(
        "Whether {path} belongs to {} is not shown by this receipt.",
        story.record
    );
    let answer = Answer::new(Exit::NotProvable, "UNKNOWN", sentence);
    story
        .open
        .iter()
        .cloned()
        .fold(answer, Answer::because)
        .next("If the file has another name now, give its path on record: --item PATH.")
}

fn no_salts(story: &Story) -> Answer {
    let answer = Answer::new(
        Exit::NotProvable,
        "NO SALTS",
        "This receipt has no manifest: the file cannot be compared.",
    );
    story
        .open
        .iter()
        .cloned()
        .fold(answer, Answer::because)
        .next(format!(
            "Ask {} for the receipt with manifest.",
            story.organization
        ))
}

fn line(entry: &FolderEntry, story: &Story) -> String {
    let path = &entry.path;
    match (&entry.item, entry.size, entry.verdict) {
        (Some(item), Some(size), FolderVerdict::Altered) if item.size != size => {
            format!("{path}  {size} bytes now, {} in {}", item.size, story.short)
        }
        (_, _, FolderVerdict::Altered) => format!("{path}  its content differs"),
        _ => path.clone(),
    }
}
