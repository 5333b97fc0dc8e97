//! What `check`, `ask` and `report` have in common: the evidence, the standard, and how records are named.

use std::path::Path;

use trialseal::core::assertion::{self, Given};
use trialseal::core::dossier::{Completeness, Dossier, Fact};
use trialseal::core::hash::RecordId;
use trialseal::core::identifiers::RegisterName;
use trialseal::core::manifest::ItemPath;
use trialseal::core::pack;
use trialseal::core::receipt::Receipt;
use trialseal::core::time::Instant;
use trialseal::core::tlog_proof::TlogProof;
use trialseal::{FileToHash, now};

use super::files::Files;
use crate::args::Evidence;
use crate::errors::{self, Ended, bad_input};
use crate::findings::{Basis, Findings, RefusedFile, Severity, Verdict};
use crate::outcome::{Answer, Exit, Printer};
use crate::pages::Complete;
use crate::progress;
use crate::words::{quoted, shown};

/// Verified evidence about one register.
pub(crate) struct Asked {
    pub(crate) dossier: Dossier,
    pub(crate) register: RegisterName,
    pub(crate) refused: Vec<RefusedFile>,
    /// The end of every command that repeats a verdict.
    standard: String,
    root: Option<String>,
}

impl Asked {
    /// Reads and verifies everything; says what is refused first.
    pub(crate) fn new(evidence: &Evidence, config: Option<&Path>, printer: &Printer) -> Result<Self, Ended> {
        let files = Files::read(&evidence.paths)?;
        let standard = files.standard(evidence.standard.trust.as_deref(), config, printer)?;
        let at = evidence.standard.at.unwrap_or_else(now);
        for warning in standard.trust.warnings() {
            printer.message(&format!("  WARNING  {warning}"));
        }
        if !printer.is_json() {
            printer.message(&format!(
                "  Judged at {at}, by the trust file {}.",
                standard.trust.fingerprint()
            ));
        }
        let options = options(evidence, &standard.path, at);
        let newest = Newest::of(&files.files);
        let dossier = Dossier::load(&standard.trust, at, files.files);
        let mut refused = files.refused;
        refused.extend(dossier.refused().iter().map(|one| RefusedFile {
            name: one.name.clone(),
            sentence: one.sentence.clone(),
        }));
        for one in &refused {
            printer.verdict(
                "REFUSED",
                &format!("{}: {}", shown(&one.name), shown(&one.sentence)),
                Exit::Disproven,
            );
        }
        let register = register(evidence, &dossier, &refused)?;
        let root = newest.root(&register);
        Ok(Self {
            dossier,
            register,
            refused,
            standard: options,
            root,
        })
    }

    /// Evidence that is at hand; `options` end every command that repeats a verdict.
    pub(crate) fn of(
        dossier: Dossier,
        register: RegisterName,
        refused: Vec<RefusedFile>,
        options: String,
    ) -> Self {
        Self {
            dossier,
            register,
            refused,
            standard: options,
            root: None,
        }
    }

    /// The records of the register.
    pub(crate) fn facts(&self) -> &[Fact] {
        self.dossier.register(&self.register)
    }

    /// A command that repeats this, offline.
    pub(crate) fn command(&self, start: &str) -> String {
        format!("trialseal {start} {}", self.standard)
    }

    /// By what everything was judged.
    pub(crate) fn basis(&self, pack_sha256: Option<String>) -> Basis {
        let facts = self.facts();
        let mut origins: Vec<String> = facts.iter().map(|fact| fact.log().to_string()).collect();
        origins.dedup();
        Basis {
            origins,
            index: facts.last().map(|fact| fact.index().get()),
            root: self.root.clone(),
            level: facts
                .iter()
                .map(|fact| fact.level)
                .min()
                .flatten()
                .map(|level| level.to_string()),
            at: self.dossier.at().to_string(),
            trust_sha256: self.dossier.trust_fingerprint().to_hex(),
            pack_sha256,
            is_bundled: self.dossier.trust().is_bundled(),
        }
    }

    /// Up to where the register is complete, for a page.
    pub(crate) fn complete(&self) -> Complete {
        complete(&self.dossier.completeness(&self.register))
    }

    /// The findings of one answer.
    pub(crate) fn of_answer(
        &self,
        command: String,
        record: Option<&RecordId>,
        answer: assertion::Answer,
    ) -> Findings {
        Findings {
            command,
            register: Some(self.register.to_string()),
            record: record
                .and_then(|record| self.dossier.fact(record))
                .map(|fact| fact.sequence().to_string()),
            verdict: verdict(answer.verdict),
            sentence: answer.sentence,
            because: answer.because,
            next: answer.next,
            findings: Vec::new(),
            refused: self.refused.clone(),
            basis: self.basis(None),
        }
        .judged()
    }

    /// The record that somebody names.
    pub(crate) fn record(&self, name: &str) -> Result<RecordId, Ended> {
        let facts = self.facts();
        if let Ok(sequence) = name.parse::<u64>() {
            let found = facts.iter().find(|fact| fact.sequence().get() == sequence);
            return found
                .map(|fact| fact.record)
                .ok_or_else(|| self.not_shown(&format!("record {sequence}")));
        }
        let by_hex = |fact: &&Fact| is_id(name) && fact.record.to_hex().starts_with(name);
        let by_file = |fact: &&Fact| fact.files.iter().any(|file| is_file(file, name));
        let by_version = |fact: &&Fact| {
            name.split_once('/').is_some_and(|(class, version)| {
                let own = fact.what.as_ref().and_then(|what| what.version.as_ref());
                fact.class().as_str() == class && own.is_some_and(|own| own.as_str() == version)
            })
        };
        let by_code = |fact: &&Fact| fact.event().as_str() == name || fact.class().as_str() == name;
        let mut found: Vec<&Fact> = facts.iter().filter(by_hex).collect();
        for by in [&by_file as &dyn Fn(&&Fact) -> bool, &by_version, &by_code] {
            if found.is_empty() {
                found = facts.iter().filter(by).collect();
            }
        }
        match found.as_slice() {
            [] => Err(self.not_shown(&format!("{name:?}"))),
            [one] => Ok(one.record),
            several => {
                let labels: Vec<String> = several.iter().take(8).map(|fact| fact.label()).collect();
                Err(Box::new(
                    Answer::new(
                        Exit::Usage,
                        "WHICH ONE",
                        format!(
                            "{} records of {} are called {name:?}.",
                            several.len(),
                            self.register
                        ),
                    )
                    .because(labels.join("; "))
                    .next("Name one by its place in the register."),
                ))
            }
        }
    }

    fn not_shown(&self, what: &str) -> Ended {
        Box::new(
            Answer::new(
                Exit::NotProvable,
                "NOT PROVABLE",
                format!(
                    "No receipt of {} in {} is among the files that verify.",
                    shown(what),
                    self.register
                ),
            )
            .next("Get the receipt from whoever put it on record, or from a bundle of the register."),
        )
    }
}

/// The answer's verdict.
pub(crate) const fn verdict(verdict: assertion::Verdict) -> Verdict {
    match verdict {
        assertion::Verdict::Proven => Verdict::Proven,
        assertion::Verdict::Disproven => Verdict::Disproven,
        assertion::Verdict::NotProvable => Verdict::NotProvable,
    }
}

/// The rule's weight.
pub(crate) const fn severity(severity: pack::Severity) -> Severity {
    match severity {
        pack::Severity::Fail => Severity::Fail,
        pack::Severity::Warn => Severity::Warn,
        pack::Severity::List => Severity::List,
    }
}

/// Up to where a register is complete, for a page.
pub(crate) fn complete(completeness: &Completeness) -> Complete {
    let k = completeness.complete_to.as_ref();
    Complete {
        to: k.map(|k| k.sequence.get()),
        stated_at: k.map(|k| k.stated_at.to_string()),
        no_later_than: k.and_then(|k| k.independent_time).map(|time| time.to_string()),
        problem: completeness.problem.clone(),
    }
}

/// A file that somebody holds, hashed.
pub(crate) fn given(path: &Path, printer: &Printer) -> Result<Given, Ended> {
    let metadata = path.symlink_metadata().map_err(|error| {
        let sentence = format!("{} cannot be read: {error}.", path.display());
        Box::new(Answer::new(Exit::Missing, "MISSING", sentence))
    })?;
    // Its name need not be one that a manifest can hold.
    let placeholder = ItemPath::new("file").map_err(|error| bad_input(error.to_string()))?;
    let file = FileToHash {
        path: placeholder,
        source: path.to_owned(),
        size: metadata.len(),
    };
    let mut hashed = progress::hash(&[file], printer.is_json())?;
    let digests = hashed
        .pop()
        .ok_or_else(|| bad_input("Nothing was hashed."))?
        .digests;
    let name = path.components().as_path().to_string_lossy().replace('\\', "/");
    let name = if path.is_absolute() {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    } else {
        name
    };
    Ok(Given {
        name,
        digests,
        content: Vec::new(),
    })
}

/// The register that is asked about.
fn register(evidence: &Evidence, dossier: &Dossier, refused: &[RefusedFile]) -> Result<RegisterName, Ended> {
    let all: Vec<&RegisterName> = dossier
        .registers()
        .filter(|name| name.accounts_of().is_none())
        .collect();
    let nothing = |what: String| {
        let (exit, verdict) = if refused.is_empty() {
            (Exit::NotProvable, "NOT PROVABLE")
        } else {
            (Exit::Disproven, "REFUSED")
        };
        Box::new(
            Answer::new(exit, verdict, what).next("Give a folder with receipts, or an inspection bundle."),
        )
    };
    match (&evidence.standard.register, all.as_slice()) {
        (Some(asked), _) if dossier.registers().any(|name| name == asked) => Ok(asked.clone()),
        (Some(asked), _) => Err(nothing(format!(
            "No receipt of {asked} that verifies is among the files."
        ))),
        (None, []) => Err(nothing(
            "No receipt of a trial that verifies is among the files.".to_owned(),
        )),
        (None, [one]) => Ok((*one).clone()),
        (None, several) => {
            let names: Vec<String> = several.iter().take(8).map(ToString::to_string).collect();
            Err(Box::new(
                Answer::new(
                    Exit::Usage,
                    "WHICH ONE",
                    format!("The receipts are of {} registers.", several.len()),
                )
                .because(names.join(", "))
                .next("Name one with --register."),
            ))
        }
    }
}

/// The paths and options that repeat a verdict.
fn options(evidence: &Evidence, trust: &Path, at: Instant) -> String {
    let mut words: Vec<String> = evidence
        .paths
        .iter()
        .map(|path| quoted(&path.display().to_string()))
        .collect();
    words.push(format!(
        "--trust {} --at {at}",
        quoted(&trust.display().to_string())
    ));
    if let Some(register) = &evidence.standard.register {
        words.push(format!("--register {}", quoted(register.as_str())));
    }
    words.join(" ")
}

fn is_id(name: &str) -> bool {
    (8..=64).contains(&name.len()) && name.chars().all(|letter| letter.is_ascii_hexdigit())
}

fn is_file(own: &str, name: &str) -> bool {
    name.ends_with(".json") && (own == name || own.rsplit('/').next() == Some(name))
}

/// The newest receipt of each register: its last checkpoint has the root that is named in reports.
struct Newest(Vec<(String, u64, String)>);

impl Newest {
    fn of(files: &[(String, Vec<u8>)]) -> Self {
        let mut newest: Vec<(String, u64, String)> = Vec::new();
        for (_, bytes) in files {
            let Ok(receipt) = Receipt::parse(bytes) else {
                continue;
            };
            let parts = super::receipt_file::Parts::of(&receipt);
            let register = parts.when("register");
            let Ok(sequence) = parts.when("sequence").parse::<u64>() else {
                continue;
            };
            let known = newest.iter_mut().find(|(name, _, _)| *name == register);
            if known.as_ref().is_some_and(|(_, own, _)| *own >= sequence) {
                continue;
            }
            let proof = receipt
                .evidence()
                .last()
                .and_then(|element| TlogProof::parse(&element.proof).ok());
            let root = proof.and_then(|proof| proof.checkpoint.text().lines().nth(2).map(str::to_owned));
            let entry = (register, sequence, root.unwrap_or_default());
            match known {
                Some(known) => *known = entry,
                None => newest.push(entry),
            }
        }
        Self(newest)
    }

    fn root(&self, register: &RegisterName) -> Option<String> {
        let mut all = self.0.iter();
        all.find(|(name, _, _)| name == register.as_str())
            .map(|(_, _, root)| root.clone())
    }
}

/// Runs a judging command; JUnit and summary are written however it ends.
pub(crate) fn reported(
    command: &str,
    evidence: &Evidence,
    found: Result<Findings, Ended>,
) -> Result<Answer, Ended> {
    let (junit, summary) = (
        evidence.standard.junit.as_deref(),
        evidence.standard.summary.as_deref(),
    );
    match found {
        Ok(findings) => {
            findings.write_reports(junit, summary)?;
            Ok(findings.answer())
        }
        Err(ended) => {
            crate::findings::write_error(command, &ended, junit, summary)?;
            Err(ended)
        }
    }
}

/// A pack that is built in, or one in a file.
pub(crate) fn pack(name: &str) -> Result<(pack::Pack, String), Ended> {
    if let Some(pack) = pack::Pack::builtin(name) {
        return Ok((pack, name.to_owned()));
    }
    let text = std::fs::read_to_string(name).map_err(|error| {
        Box::new(
            Answer::new(
                Exit::Missing,
                "MISSING",
                format!("The pack {name} cannot be read: {error}."),
            )
            .next(format!(
                "Built in are: {}.",
                pack::Pack::builtin_names().collect::<Vec<_>>().join(", ")
            )),
        )
    })?;
    let pack =
        pack::Pack::parse(&text).map_err(|error| bad_input(errors::sentence(&format!("{name}: {error}"))))?;
    Ok((pack, name.to_owned()))
}
