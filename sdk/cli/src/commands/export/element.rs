//! Which evidence element is exported, and what it holds.

use trialseal::core::checkpoint::Checkpoint;
use trialseal::core::cose::CoseReceipt;
use trialseal::core::entry::record_leaf_hash;
use trialseal::core::hash::Hash;
use trialseal::core::note::{SignatureLine, SignedNote};
use trialseal::core::receipt::{Evidence, Receipt};
use trialseal::core::tlog_proof::TlogProof;

use crate::args::{Export, ExportFormat};
use crate::errors::{Ended, bad_input};
use crate::outcome::{Answer, Exit, count};

/// Bytes behind the key id in the log's two lines.
const ED25519_BYTES: usize = 64;
const MLDSA44_BYTES: usize = 8 + 2_420;

/// The element, whose path leads from the record to its checkpoint.
pub(super) struct Chosen<'a> {
    pub(super) number: usize,
    pub(super) element: &'a Evidence,
    pub(super) proof: TlogProof,
    pub(super) checkpoint: Checkpoint,
    pub(super) leaf: Hash,
}

impl<'a> Chosen<'a> {
    /// The element that was asked for, else the best that has what the format needs.
    pub(super) fn of(receipt: &'a Receipt, command: &Export) -> Result<Self, Ended> {
        let elements = receipt.evidence();
        let has = |element: &Evidence| match command.format {
            ExportFormat::TlogProof | ExportFormat::Bundle => true,
            ExportFormat::Tst => tokens(element).next().is_some(),
            ExportFormat::Cose => element.cose_bytes().is_some(),
        };
        let number = match command.element {
            Some(number) => {
                let element = elements.get(number).ok_or_else(|| {
                    bad_input(format!(
                        "The receipt has {}, numbered from 0; there is no element {number}.",
                        count(elements.len(), "evidence element")
                    ))
                })?;
                has(element).then_some(number)
            }
            None => best(elements, has),
        };
        let number = number.ok_or_else(|| missing(command))?;
        let element = &elements[number];
        let leaf = record_leaf_hash(&receipt.record().leaves().root());
        let proof = TlogProof::parse(&element.proof).map_err(|error| refused(number, &error.to_string()))?;
        let checkpoint = proof
            .verify(leaf)
            .map_err(|error| refused(number, &error.to_string()))?;
        Ok(Self {
            number,
            element,
            proof,
            checkpoint,
            leaf,
        })
    }

    /// The first token of RFC 3161, in DER; empty where there is none.
    pub(super) fn token(&self) -> Vec<u8> {
        tokens(self.element).next().unwrap_or_default()
    }

    /// All tokens of RFC 3161.
    pub(super) fn tokens(&self) -> impl Iterator<Item = Vec<u8>> {
        tokens(self.element)
    }

    /// The COSE receipt, after a look whether it is about this record and this tree.
    pub(super) fn cose(&self) -> Result<Vec<u8>, Ended> {
        let bytes = self.element.cose_bytes().unwrap_or_default();
        let cose = CoseReceipt::parse(&bytes).map_err(|error| refused(self.number, &error.to_string()))?;
        if cose.is_of(self.leaf, self.proof.index, &self.checkpoint) {
            Ok(bytes)
        } else {
            let problem = "its COSE receipt is about another record or tree";
            Err(refused(self.number, problem))
        }
    }

    /// The log's Ed25519 line and its ML-DSA-44 line, told by their sizes: no keys are at hand here.
    pub(super) fn log_lines(&self) -> Option<[&SignatureLine; 2]> {
        let line = |bytes: usize| {
            let mut lines = self.proof.checkpoint.lines().iter().filter(move |line| {
                line.name() == self.checkpoint.origin.key_name() && line.blob().len() == bytes
            });
            match (lines.next(), lines.next()) {
                (Some(line), None) => Some(line),
                _ => None,
            }
        };
        Some([line(ED25519_BYTES)?, line(MLDSA44_BYTES)?])
    }

    /// What tokens cover: checkpoint text, empty line, the log's two lines.
    pub(super) fn stamped(&self) -> Option<Vec<u8>> {
        let lines = self.log_lines()?.into_iter().cloned().collect();
        let note = SignedNote::new(self.proof.checkpoint.text().to_owned(), lines).ok()?;
        Some(note.to_string().into_bytes())
    }
}

fn tokens(element: &Evidence) -> impl Iterator<Item = Vec<u8>> {
    element
        .timestamps
        .iter()
        .filter_map(|timestamp| timestamp.token())
}

/// Timestamped before witnessed before sealed, and the earliest of these.
fn best(elements: &[Evidence], has: impl Fn(&Evidence) -> bool) -> Option<usize> {
    let rank = |element: &Evidence| {
        let lines = TlogProof::parse(&element.proof).map_or(0, |proof| proof.checkpoint.lines().len());
        let witnessed = u8::from(lines > 2);
        witnessed + 2 * u8::from(tokens(element).next().is_some())
    };
    (0..elements.len())
        .filter(|number| has(&elements[*number]))
        // Of equals the last is taken.
        .rev()
        .max_by_key(|number| rank(&elements[*number]))
}

fn refused(number: usize, problem: &str) -> Ended {
    let sentence = format!("Evidence element {number} does not hold; nothing was exported.");
    Box::new(Answer::new(Exit::Disproven, "REFUSED", sentence).because(crate::errors::sentence(problem)))
}

fn missing(command: &Export) -> Ended {
    let (what, level) = match command.format {
        ExportFormat::Tst => ("timestamp token", " --level timestamped"),
        _ => ("COSE receipt", ""),
    };
    let place = match command.element {
        Some(number) => format!("Evidence element {number}"),
        None => "This receipt".to_owned(),
    };
    let answer = Answer::new(
        Exit::NotProvable,
        "NOT PROVABLE",
        format!("{place} has no {what}: there is nothing to export."),
    );
    // The notary has one only for checkpoints that it published.
    Box::new(answer.next(format!(
        "Fetch what the notary has by now: trialseal upgrade {}{level}",
        command.receipt.display()
    )))
}
