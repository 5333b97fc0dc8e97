//! Contradictions as evidence: saving the two signed texts, and checking them offline, for anybody.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use trialseal::core::identifiers::RegisterName;
use trialseal::core::register_chain::{Chain, Placed};

use super::Standard;
use super::remembered::Remembered;
use super::shown::{Shown, Stated, only_when};
use super::source;
use super::verdict::Judged;
use crate::commands::receipt_file::ENDING;
use crate::errors::Ended;
use crate::outcome::{Answer, Exit, Printer, count};

/// Saves every text that a contradiction names; of each record only `when`, since no more is needed.
pub(super) fn save(
    below: &Path,
    shown: &Shown,
    before: Option<&Remembered>,
    judged: &Judged,
) -> Result<PathBuf, Ended> {
    let folder = free_name(below, &shown.register);
    let failed = |error: std::io::Error| {
        let sentence = format!("The evidence cannot be written to {}: {error}.", folder.display());
        Box::new(Answer::new(Exit::CannotWrite, "NOT SAVED", sentence))
    };
    fs::create_dir_all(&folder).map_err(failed)?;
    let named: BTreeSet<&str> = judged
        .chain
        .contradictions
        .iter()
        .flat_map(|one| one.between.iter().map(String::as_str))
        .collect();
    let receipts = shown.records.iter().map(|one| (&one.placed, &one.receipt));
    let kept = before.into_iter().flat_map(|before| &before.receipts);
    for (placed, receipt) in receipts.chain(kept.map(|one| (&one.placed, &one.receipt))) {
        if named.contains(placed.name.as_str()) {
            let text = only_when(receipt).to_json_pretty();
            fs::write(folder.join(file_name(&placed.name, ENDING)), text).map_err(failed)?;
        }
    }
    let remembered = before.and_then(|before| before.statement.as_ref());
    for stated in shown.statements.iter().chain(remembered) {
        if named.contains(stated.name.as_str()) {
            let path = folder.join(file_name(&stated.name, ".json"));
            fs::write(path, stated.statement.to_json()).map_err(failed)?;
        }
    }
    fs::write(folder.join("VERIFY.md"), guide(shown, judged)).map_err(failed)?;
    Ok(folder)
}

fn file_name(name: &str, ending: &str) -> String {
    let base = Path::new(name)
        .file_name()
        .map_or_else(|| name.to_owned(), |name| name.to_string_lossy().into_owned());
    let stem = base.strip_suffix(ending).unwrap_or(&base);
    format!("{stem}{ending}")
}

/// A folder that is not there yet: evidence is never written over.
fn free_name(below: &Path, register: &RegisterName) -> PathBuf {
    let base = format!("{}-contradiction", register.as_str().replace([':', '/'], "_"));
    let numbered = (2_u32..).map(|number| below.join(format!("{base}-{number}")));
    std::iter::once(below.join(&base))
        .chain(numbered)
        .find(|path| path.symlink_metadata().is_err())
        .unwrap_or_else(|| below.join(base))
}

fn guide(shown: &Shown, judged: &Judged) -> String {
    let mut text = format!(
        "# The notary contradicts itself about {}\n\nEach point names two files of this folder. Both are signed by \
         the keys of the log, and they cannot both be true.\n\n",
        shown.register
    );
    for one in &judged.chain.contradictions {
        text.push_str(&format!(
            "- {}\n  `{}` against `{}`\n",
            one.sentence,
            file_stem(&one.between[0]),
            file_stem(&one.between[1])
        ));
    }
    text.push_str(
        "\nWhoever trusts the keys of the log checks it without network, by a trust file of his own:\n\n    trialseal \
         register --evidence . --trust trust.toml\n\nWithout this program: docs/formats.md of Trialseal says how a \
         receipt and a statement are verified with any implementation of SHA-256, Ed25519 and ML-DSA-44; compare \
         then the keys `register`, `sequence`, `previous` and `index` in the part `when` of the receipts, and the \
         line of the register in the statement.\n",
    );
    text
}

fn file_stem(name: &str) -> String {
    file_name(name, "")
}

/// Whether what lies in a folder contradicts itself. Opens no socket.
pub(super) fn check(folder: &Path, standard: &Standard, printer: &Printer) -> Result<Answer, Ended> {
    // The register is not known yet; the receipts say it.
    let any = RegisterName::parse("trial:NCT00000000")
        .map_err(|error| crate::errors::bad_input(error.to_string()))?;
    let mut shown = Shown::new(&any);
    let placed: Vec<Placed> = source::receipts(folder, standard, &mut shown)?
        .into_iter()
        .map(|(placed, _)| placed)
        .collect();
    for refused in &shown.refused {
        printer.verdict("REFUSED", refused, Exit::Disproven);
    }
    let registers: BTreeSet<&str> = placed
        .iter()
        .map(|placed| placed.register.as_str())
        .chain(shown.statements.iter().map(|stated| stated.statement.register()))
        .collect();
    let mut found = Vec::new();
    let mut contradicted = Vec::new();
    for register in registers {
        let of_register: Vec<Placed> = placed
            .iter()
            .filter(|one| one.register == register)
            .cloned()
            .collect();
        let statements = shown
            .statements
            .iter()
            .filter(|one| one.statement.register() == register);
        let heads: Vec<_> = statements.filter_map(Stated::head).collect();
        let contradictions = Chain::of(of_register, &heads).contradictions;
        if !contradictions.is_empty() {
            contradicted.push(register.to_owned());
        }
        found.extend(contradictions);
    }
    let files = placed.len() + shown.statements.len();
    let list: Vec<_> = found
        .iter()
        .map(|one| json!({"flaw": one.flaw.as_str(), "between": one.between, "sentence": one.sentence}))
        .collect();
    let answer = if found.is_empty() {
        let sentence = format!(
            "The {} in {} do not contradict each other.",
            count(files, "text"),
            folder.display()
        );
        Answer::new(Exit::NotProvable, "NOT PROVABLE", sentence)
    } else {
        let sentence = format!("The notary contradicts itself about {}.", contradicted.join(", "));
        let answer = Answer::new(Exit::Done, "PROVEN", sentence);
        let answer = found
            .iter()
            .take(10)
            .fold(answer, |answer, one| answer.because(one.sentence.clone()));
        answer.because(format!(
            "All {files} texts verify under the trust file {}, judged at {}.",
            standard.trust.fingerprint(),
            standard.at
        ))
    };
    Ok(answer.with("contradictions", list).with("refused", shown.refused))
}
