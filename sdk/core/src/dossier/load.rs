//! Reading the files of a dossier.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::checkpoint_chain::{self, CheckpointChain};
use crate::hash::{Hash, RecordId, sha256};
use crate::identifiers::RegisterName;
use crate::json::{self, Value};
use crate::manifest::Opening;
use crate::merkle::consistency::verify_consistency;
use crate::receipt::{self, Receipt, ReceiptSubmission};
use crate::record::{What, When, Who, Why};
use crate::register_chain::{Chain, Placed, StatedHead};
use crate::register_statement::{self, RegisterStatement};
use crate::time::Instant;
use crate::trust::Trust;
use crate::verify::{FileQuery, Outcome, Report, Verifier};

use super::standing::{self, Key, Worth};
use super::trees::{TreeId, Trees};
use super::{Dossier, Fact, Refused, Signature};

/// What a file is.
enum Kind {
    Receipt,
    Checkpoints,
    Statement,
    /// None of ours.
    Other,
}

pub(super) fn load(
    trust: &Trust,
    at: Instant,
    files: impl IntoIterator<Item = (String, Vec<u8>)>,
) -> Dossier {
    // Whether a draft is good enough is asked of each fact; that its place is proven does not depend on it.
    let lenient = trust.with_drafts_allowed();
    let mut loading = Loading {
        trust,
        verifier: Verifier::new(&lenient, at),
        seen: HashSet::new(),
        facts: Vec::new(),
        places: HashMap::new(),
        placed: BTreeMap::new(),
        trees: Trees::default(),
        refused: Vec::new(),
        passed_over: Vec::new(),
        statements: Vec::new(),
        weak: Vec::new(),
    };
    for (name, bytes) in files {
        loading.file(&name, &bytes);
    }
    loading.finish(at)
}

struct Loading<'a> {
    trust: &'a Trust,
    verifier: Verifier<'a>,
    seen: HashSet<Hash>,
    facts: Vec<Fact>,
    places: HashMap<RecordId, usize>,
    placed: BTreeMap<RegisterName, Vec<Placed>>,
    trees: Trees,
    refused: Vec<Refused>,
    passed_over: Vec<String>,
    statements: Vec<(StatedHead, Option<Instant>)>,
    weak: Vec<String>,
}

impl Loading<'_> {
    fn file(&mut self, name: &str, bytes: &[u8]) {
        // The same bytes under two names say nothing new.
        if !self.seen.insert(sha256(bytes)) {
            return;
        }
        match kind(name, bytes) {
            Kind::Receipt => self.receipt(name, bytes),
            Kind::Checkpoints => self.checkpoints(name, bytes),
            Kind::Statement => self.statement(name, bytes),
            Kind::Other => self.passed_over.push(name.to_owned()),
        }
    }

    fn refuse(&mut self, name: &str, sentence: String) {
        self.refused.push(Refused {
            name: name.to_owned(),
            sentence,
        });
    }

    fn receipt(&mut self, name: &str, bytes: &[u8]) {
        let report = self.verifier.verify(bytes, &FileQuery::None);
        if let Some(failure) = report.first_failure() {
            let sentence = format!("{}: {}", failure.step, failure.sentence);
            return self.refuse(name, sentence);
        }
        let placed = match Placed::of(name, &report) {
            Ok(placed) => placed,
            Err(refused) => return self.refuse(name, refused.sentence),
        };
        let Some(receipt) = &report.receipt else { return };
        let fact = match fact(name, &report, receipt, self.trust) {
            Ok(fact) => fact,
            Err(sentence) => return self.refuse(name, sentence),
        };
        if fact.signature == Signature::Draft
            && !self.trust.allow_drafts()
            && fact.register().accounts_of().is_none()
        {
            // Its place in the register holds all the same.
            self.refuse(
                name,
                "submission: The record is a draft that nobody signed, and the trust file does not allow drafts."
                    .to_owned(),
            );
        }
        self.take(fact, &report, placed);
    }

    /// Takes in a fact, or what is new in it.
    fn take(&mut self, mut fact: Fact, report: &Report, placed: Placed) {
        for element in &report.elements {
            if let (Some(checkpoint), Some(_)) = (&element.checkpoint, element.level()) {
                fact.trees.insert(self.trees.add(checkpoint, element.time));
            }
        }
        self.placed
            .entry(fact.register().clone())
            .or_default()
            .push(placed);
        match self.places.get(&fact.record) {
            Some(place) => merge(&mut self.facts[*place], fact),
            None => {
                self.places.insert(fact.record, self.facts.len());
                self.facts.push(fact);
            }
        }
    }

    fn checkpoints(&mut self, name: &str, bytes: &[u8]) {
        let chain = match CheckpointChain::parse(bytes) {
            Ok(chain) => chain,
            Err(error) => return self.refuse(name, format!("This is no chain of checkpoints: {error}.")),
        };
        let mut known = Vec::new();
        for (place, one) in chain.checkpoints.iter().enumerate() {
            match self.verifier.checkpoint(&one.note, &one.timestamps) {
                Ok((checkpoint, time)) => known.push((place, checkpoint, time, &one.consistency)),
                Err(sentence) => return self.refuse(name, format!("Checkpoint {place}: {sentence}")),
            }
        }
        for (place, checkpoint, time, proof) in &known {
            let old = self.trees.add(checkpoint, *time);
            let last = known
                .iter()
                .rev()
                .find(|(_, last, _, _)| last.origin == checkpoint.origin);
            let Some((_, last, last_time, _)) = last else {
                continue;
            };
            let new = self.trees.add(last, *last_time);
            match verify_consistency(checkpoint.size, &checkpoint.root, last.size, &last.root, proof) {
                Ok(()) => self.trees.is_beginning(old, new),
                Err(error) => self.refuse(
                    name,
                    format!(
                        "Checkpoint {place} ({} entries of {}) is not shown to be a beginning of the last one \
                         ({} entries): {error}.",
                        checkpoint.size, checkpoint.origin, last.size
                    ),
                ),
            }
        }
    }

    fn statement(&mut self, name: &str, bytes: &[u8]) {
        let statement = match RegisterStatement::parse(bytes) {
            Ok(statement) => statement,
            Err(error) => return self.refuse(name, format!("This is no register statement: {error}.")),
        };
        let report = self.verifier.verify_statement(&statement);
        if report.outcome == Outcome::Failed {
            return self.refuse(name, report.sentence);
        }
        for element in &report.elements {
            if let (Some(checkpoint), Some(_)) = (&element.checkpoint, element.level()) {
                self.trees.add(checkpoint, element.time);
            }
        }
        let is_placed = report
            .elements
            .iter()
            .any(|element| element.meets(self.trust.require()));
        match report.stated_head(name) {
            Some(head) if is_placed => self.statements.push((head, report.independent_time)),
            _ => self.weak.push(report.sentence),
        }
    }

    /// Tells each record which of its parts a tombstone says were erased.
    fn mark_erased(&mut self) {
        let tombstones: Vec<_> = self
            .facts
            .iter()
            .filter_map(|fact| Some((fact.record, fact.what.as_ref()?.erased.clone()?)))
            .collect();
        for (tombstone, erased) in tombstones {
            if let Some(fact) = self.facts.iter_mut().find(|fact| fact.record == erased.record) {
                fact.erased_by = Some(tombstone);
                fact.erased = erased.parts;
            }
        }
    }

    fn finish(mut self, at: Instant) -> Dossier {
        self.trees.settle();
        for sentence in self.trees.forks() {
            self.refuse("checkpoints", sentence);
        }
        for fact in &mut self.facts {
            fact.above = self.trees.above(&fact.trees);
            (fact.lo, fact.hi) = self.trees.bounds(&fact.above, fact.when.index);
        }
        self.facts.sort_by(|one, other| {
            (one.register(), one.sequence(), one.record).cmp(&(
                other.register(),
                other.sequence(),
                other.record,
            ))
        });
        self.mark_erased();
        let organizations = standing::organizations(&self.facts);
        standing::judge(&mut self.facts, &organizations, self.trust.allow_drafts());
        let places = self
            .facts
            .iter()
            .enumerate()
            .map(|(place, fact)| (fact.record, place))
            .collect();
        let mut dossier = Dossier {
            trust: self.trust.clone(),
            at,
            facts: self.facts,
            places,
            organizations,
            refused: self.refused,
            passed_over: self.passed_over,
            statements: self.statements,
            weak: self.weak,
            chains: BTreeMap::new(),
        };
        for (register, placed) in self.placed {
            let heads: Vec<StatedHead> = dossier
                .statements
                .iter()
                .filter(|(stated, _)| dossier.is_of(stated, &register))
                .map(|(stated, _)| stated.clone())
                .collect();
            dossier.chains.insert(register, Chain::of(placed, &heads));
        }
        dossier
    }
}

fn kind(name: &str, bytes: &[u8]) -> Kind {
    let is_named_receipt = name.ends_with(".receipt.json");
    let other = if is_named_receipt {
        Kind::Receipt
    } else {
        Kind::Other
    };
    if !is_named_receipt && !name.ends_with(".json") {
        return other;
    }
    // A receipt is read again when it is verified; to look for `format` in bytes would be wrong about keys.
    if is_named_receipt {
        return Kind::Receipt;
    }
    let Ok(top) = json::parse(bytes) else { return other };
    match top.get("format").and_then(Value::as_str) {
        Some(receipt::FORMAT) => Kind::Receipt,
        Some(checkpoint_chain::FORMAT) => Kind::Checkpoints,
        Some(register_statement::FORMAT) => Kind::Statement,
        _ => other,
    }
}

/// What a receipt that verified shows. An error says what nobody can read.
fn fact(name: &str, report: &Report, receipt: &Receipt, trust: &Trust) -> Result<Fact, String> {
    let record = receipt.record();
    let when = When::read(record.when.text.as_bytes()).map_err(|violations| {
        let first = violations.first().map_or_else(String::new, ToString::to_string);
        format!("record: when cannot be read: {first}.")
    })?;
    let text = |part: &receipt::ReceiptPart| part.shown().map(|shown| shown.text.clone());
    // Codes of a later version make a part unreadable, and break nothing else.
    let what = text(&record.what).and_then(|text| What::read(text.as_bytes()).ok());
    let who = text(&record.who).and_then(|text| Who::read(text.as_bytes()).ok());
    let why = text(&record.why).and_then(|text| Why::read(text.as_bytes()).ok());
    let signature = match receipt.submission() {
        None => Signature::Draft,
        Some(ReceiptSubmission::Note(_)) => Signature::Signed,
        Some(ReceiptSubmission::Withheld(_)) => Signature::NotShown,
    };
    Ok(Fact {
        record: record.leaves().root(),
        when,
        what,
        who,
        why,
        items: report.opening.clone(),
        signature,
        outcome: report.outcome,
        level: report.level,
        is_placed: report
            .elements
            .iter()
            .any(|element| element.meets(trust.require())),
        hi: None,
        lo: None,
        worth: Worth::Unknown(
            "The records of an account register are judged by the notary alone.".to_owned(),
        ),
        key: Key::None,
        held: Vec::new(),
        effective_at: None,
        erased_by: None,
        erased: Vec::new(),
        files: vec![name.to_owned()],
        trees: BTreeSet::<TreeId>::new(),
        above: BTreeSet::new(),
    })
}

/// Both are of one record, so what both show is the same.
fn merge(own: &mut Fact, other: Fact) {
    own.what = own.what.take().or(other.what);
    own.who = own.who.take().or(other.who);
    own.why = own.why.take().or(other.why);
    let shows_all = |items: &Option<Opening>| matches!(items, Some(Opening::All(_)));
    if own.items.is_none() || (shows_all(&other.items) && !shows_all(&own.items)) {
        own.items = other.items;
    }
    if own.signature == Signature::NotShown {
        own.signature = other.signature;
    }
    if other.outcome == Outcome::Passed {
        own.outcome = Outcome::Passed;
    }
    own.level = own.level.max(other.level);
    own.is_placed |= other.is_placed;
    own.files.extend(other.files);
    own.trees.extend(other.trees);
}
