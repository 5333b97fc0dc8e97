use super::*;
use crate::checkpoint::Checkpoint;
use crate::entry::record_leaf_hash;
use crate::hash::{Hash, Salt, sha256};
use crate::identifiers::RegisterName;
use crate::index::LogIndex;
use crate::merkle::builder::Tree;
use crate::merkle::leaf_hash;
use crate::note::{Ed25519SigningKey, KeyName, MlDsa44SigningKey, SignedNote};
use crate::receipt::{Evidence, Receipt, ReceiptPart, ReceiptRecord, ShownPart};
use crate::record::When;
use crate::tlog_proof::format_tlog_proof;
use crate::trust::Trust;
use crate::vocabulary::{Class, Event};

const START: i64 = 1_893_456_000;

fn at() -> Instant {
    Instant::from_seconds(START + 1_000_000)
}

/// A notary whose log is signed by keys of its own, and that does as it is told.
struct Log {
    origin: Origin,
    seed: u8,
    leaves: Vec<Hash>,
    records: Vec<(ReceiptRecord, u64)>,
}

fn register() -> RegisterName {
    RegisterName::parse("trial:NCT04573309").unwrap()
}

fn trust() -> Trust {
    let entry = |log: &Log, from: &str| {
        let name = KeyName::new(log.origin.as_str()).unwrap();
        format!(
            "[[log]]\norigin = \"{}\"\ned25519 = \"{}\"\nmldsa = \"{}\"\nfrom = \"{from}\"\n",
            log.origin,
            Ed25519SigningKey::from_seed(name.clone(), [log.seed; 32]).verifier(),
            MlDsa44SigningKey::from_seed(name, [log.seed + 1; 32]).verifier()
        )
    };
    let text = entry(&Log::new(), "2030-01-01T00:00:00Z") + &entry(&Log::next(), "2030-01-01T00:00:00Z");
    Trust::parse(&text).unwrap()
}

impl Log {
    fn named(origin: &str, seed: u8) -> Self {
        Self {
            origin: Origin::new(origin).unwrap(),
            seed,
            leaves: vec![leaf_hash(b"open")],
            records: Vec::new(),
        }
    }

    fn new() -> Self {
        Self::named("notary.example.org/2030", 1)
    }

    fn next() -> Self {
        Self::named("notary.example.org/2031", 11)
    }

    /// Puts a record into the log that claims this place; tells its id.
    fn put_in(
        &mut self,
        register: &RegisterName,
        sequence: u64,
        previous: Option<RecordId>,
        salt: u8,
    ) -> RecordId {
        let index = self.leaves.len() as u64;
        let when = When {
            log: self.origin.clone(),
            index: LogIndex::new(index).unwrap(),
            received_at: Instant::from_seconds(START + index as i64),
            register: register.clone(),
            sequence: Sequence::new(sequence).unwrap(),
            previous,
            class: Class::Dataset,
            event: Event::DataCut,
            sealed: false,
            submission: None,
        };
        let when = ShownPart {
            salt: Salt::from_bytes([salt; 32]),
            text: when.to_json(),
        };
        let hidden = |name: &[u8]| ReceiptPart::Withheld(sha256(name));
        let record = ReceiptRecord::new(hidden(b"what"), hidden(b"who"), hidden(b"why"), when);
        let id = record.leaves().root();
        self.leaves.push(record_leaf_hash(&id));
        self.records.push((record, index));
        id
    }

    fn put(&mut self, sequence: u64, previous: Option<RecordId>) -> RecordId {
        self.put_in(&register(), sequence, previous, 1)
    }

    fn other_entry(&mut self) {
        self.leaves.push(leaf_hash(&self.leaves.len().to_be_bytes()));
    }

    /// The receipts of everything put into it, against its newest checkpoint.
    fn receipts(&self) -> Vec<(String, Vec<u8>)> {
        let tree = Tree::new(&self.leaves);
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: LogSize::new(self.leaves.len() as u64).unwrap(),
            root: tree.root(),
        };
        let name = KeyName::new(self.origin.as_str()).unwrap();
        let signed_at = (START + 1_000) as u64;
        let lines = vec![
            Ed25519SigningKey::from_seed(name.clone(), [self.seed; 32]).sign(&checkpoint.text()),
            MlDsa44SigningKey::from_seed(name, [self.seed + 1; 32])
                .cosign_checkpoint(&checkpoint, signed_at)
                .unwrap(),
        ];
        let note = SignedNote::new(checkpoint.text(), lines).unwrap().to_string();
        let receipt = |(record, index): &(ReceiptRecord, u64)| {
            let path = tree.path(*index as usize).unwrap();
            let proof = format_tlog_proof(LogIndex::new(*index).unwrap(), &path, &note);
            let receipt = Receipt::new(record.clone(), None, vec![Evidence::new(proof)]).unwrap();
            let name = format!("{}-{index}", self.origin.as_str());
            (name, receipt.to_json_pretty().into_bytes())
        };
        self.records.iter().map(receipt).collect()
    }

    fn placed(&self) -> Vec<Placed> {
        let judge = |(name, bytes): &(String, Vec<u8>)| Placed::judge(name, bytes, &trust(), at()).unwrap();
        self.receipts().iter().map(judge).collect()
    }

    /// A statement about the register as it stands at a place, covering the log as it is.
    fn stating(&self, first: RecordId, size: u64, head: RecordId) -> StatedHead {
        StatedHead {
            name: "statement".to_owned(),
            log: self.origin.clone(),
            log_size: LogSize::new(self.leaves.len() as u64).unwrap(),
            at: Instant::from_seconds(START + self.leaves.len() as i64),
            first,
            size,
            head,
        }
    }
}

/// A log with this many records of one register, other entries between them.
fn log_of(count: u64) -> (Log, Vec<RecordId>) {
    let mut log = Log::new();
    let mut ids: Vec<RecordId> = Vec::new();
    for sequence in 1..=count {
        log.other_entry();
        ids.push(log.put(sequence, ids.last().copied()));
    }
    (log, ids)
}

fn flaws(chain: &Chain) -> Vec<Flaw> {
    chain.contradictions.iter().map(|one| one.flaw).collect()
}

#[test]
fn a_register_is_whole_when_the_statement_says_so() {
    let (log, ids) = log_of(5);
    let stated = log.stating(ids[0], 5, ids[4]);
    let mut shuffled = log.placed();
    shuffled.reverse();
    let chain = Chain::of(shuffled, std::slice::from_ref(&stated));
    assert!(chain.is_whole(), "{chain:?}");
    assert_eq!(
        (chain.unbroken_to, chain.last_known, chain.missing.len()),
        (5, 5, 0)
    );
    assert_eq!(chain.covered_by(std::slice::from_ref(&stated)), Some(&stated));
    assert_eq!(chain.at(3).map(|placed| placed.record), Some(ids[2]));
    assert!(chain.records.iter().all(Placed::is_when_only));
}

#[test]
fn the_same_receipt_twice_is_one_record() {
    let (log, ids) = log_of(3);
    let mut twice = log.placed();
    twice.extend(log.placed());
    let chain = Chain::of(twice, &[log.stating(ids[0], 3, ids[2])]);
    assert!(chain.is_whole() && chain.records.len() == 3);
}

#[test]
fn records_after_the_statement_are_no_contradiction_and_not_covered() {
    let (mut log, ids) = log_of(3);
    let stated = log.stating(ids[0], 3, ids[2]);
    log.put(4, Some(ids[2]));
    let chain = Chain::of(log.placed(), std::slice::from_ref(&stated));
    assert!(chain.is_whole());
    assert_eq!(
        chain
            .covered_by(std::slice::from_ref(&stated))
            .map(|one| one.size),
        Some(3)
    );
}

#[test]
fn a_record_dropped_from_the_middle_is_missing() {
    let (log, ids) = log_of(5);
    let mut placed = log.placed();
    placed.remove(2);
    let chain = Chain::of(placed, &[log.stating(ids[0], 5, ids[4])]);
    assert!(!chain.is_whole());
    assert_eq!((chain.missing.clone(), chain.unbroken_to), (vec![3], 2));
    assert_eq!(flaws(&chain), []);
}

#[test]
fn records_dropped_from_the_end_are_missing_where_a_statement_counts_them() {
    let (log, ids) = log_of(5);
    let mut placed = log.placed();
    placed.truncate(3);
    let stated = log.stating(ids[0], 5, ids[4]);
    let chain = Chain::of(placed.clone(), std::slice::from_ref(&stated));
    assert_eq!((chain.missing.clone(), chain.is_whole()), (vec![4, 5], false));
    assert_eq!(chain.covered_by(&[stated]), None);
    // Without a statement nobody can tell.
    assert!(Chain::of(placed, &[]).is_whole());
}

#[test]
fn a_statement_that_counts_fewer_records_than_it_covers_is_a_cut() {
    let (log, ids) = log_of(5);
    let chain = Chain::of(log.placed(), &[log.stating(ids[0], 3, ids[2])]);
    assert_eq!(flaws(&chain), [Flaw::Cut, Flaw::Cut]);
    let sentence = &chain.contradictions[0].sentence;
    assert!(
        sentence.contains("Record 4") && sentence.contains("has 3 records"),
        "{sentence}"
    );
    assert_eq!(
        chain.contradictions[0].between,
        ["notary.example.org/2030-8", "statement"]
    );
}

#[test]
fn two_records_at_one_place_are_a_fork() {
    let (mut log, ids) = log_of(3);
    let other = log.put_in(&register(), 3, Some(ids[1]), 2);
    assert_ne!(other, ids[2]);
    let chain = Chain::of(log.placed(), &[]);
    assert_eq!(flaws(&chain), [Flaw::Forked]);
    // One of the two alone contradicts the statement about the other.
    let shown: Vec<Placed> = log
        .placed()
        .into_iter()
        .filter(|one| one.record != ids[2])
        .collect();
    let chain = Chain::of(shown, &[log.stating(ids[0], 3, ids[2])]);
    assert_eq!(flaws(&chain), [Flaw::Forked]);
    assert!(!chain.is_whole());
}

#[test]
fn a_second_register_under_the_same_name_is_a_fork_at_the_first_record() {
    let (log, ids) = log_of(2);
    let chain = Chain::of(
        log.placed(),
        &[log.stating(RecordId::from_hash(sha256(b"else")), 2, ids[1])],
    );
    assert_eq!(flaws(&chain), [Flaw::Forked]);
}

#[test]
fn a_record_that_names_another_one_before_it_is_a_splice() {
    let (mut log, ids) = log_of(3);
    log.put(4, Some(ids[1]));
    let chain = Chain::of(log.placed(), &[]);
    assert_eq!(flaws(&chain), [Flaw::Spliced]);
    assert_eq!(chain.unbroken_to, 3);
    // A first record that names one before, and a later one that names none.
    let mut log = Log::new();
    let first = log.put(1, None);
    log.put(2, None);
    assert_eq!(flaws(&Chain::of(log.placed(), &[])), [Flaw::Spliced]);
    assert!(
        Chain::of(log.placed(), &[])
            .at(1)
            .is_some_and(|one| one.record == first)
    );
}

#[test]
fn an_order_that_is_not_the_logs_is_a_reorder() {
    let mut log = Log::new();
    let first = log.put(1, None);
    let third = log.put(3, Some(RecordId::from_hash(sha256(b"second"))));
    log.put(2, Some(first));
    let chain = Chain::of(log.placed(), &[]);
    assert!(flaws(&chain).contains(&Flaw::Reordered), "{chain:?}");
    // Counted by a statement before it was there.
    let mut log = Log::new();
    let first = log.put(1, None);
    let stated = log.stating(first, 3, third);
    let second = log.put(2, Some(first));
    log.put(3, Some(second));
    assert!(flaws(&Chain::of(log.placed(), &[stated])).contains(&Flaw::Reordered));
}

#[test]
fn statements_that_go_back_or_differ_contradict_each_other() {
    let (mut log, ids) = log_of(3);
    let (early, other) = (log.stating(ids[0], 3, ids[2]), log.stating(ids[0], 3, ids[1]));
    log.other_entry();
    let late = log.stating(ids[0], 2, ids[1]);
    assert_eq!(flaws(&Chain::of(Vec::new(), &[early.clone(), late])), [Flaw::Cut]);
    assert_eq!(
        flaws(&Chain::of(Vec::new(), &[early.clone(), other])),
        [Flaw::Forked]
    );
    assert_eq!(flaws(&Chain::of(Vec::new(), &[early.clone(), early])), []);
}

#[test]
fn two_roots_of_one_size_show_two_logs() {
    let (one, _) = log_of(2);
    let mut other = Log::new();
    other.other_entry();
    let first = other.put(1, None);
    other.other_entry();
    other.put_in(&register(), 2, Some(first), 5);
    assert_eq!(one.leaves.len(), other.leaves.len());
    let shown = vec![one.placed().remove(0), other.placed().remove(1)];
    let chain = Chain::of(shown, &[]);
    assert!(
        chain
            .contradictions
            .iter()
            .any(|one| one.sentence.contains("two different roots"))
    );
}

#[test]
fn a_register_goes_on_in_the_next_log() {
    let (old, mut ids) = log_of(3);
    let mut new = Log::next();
    for sequence in 4..=5 {
        ids.push(new.put(sequence, ids.last().copied()));
    }
    let mut placed = old.placed();
    placed.extend(new.placed());
    let (before, after) = (old.stating(ids[0], 3, ids[2]), new.stating(ids[0], 5, ids[4]));
    let chain = Chain::of(placed.clone(), &[before, after]);
    assert!(chain.is_whole(), "{chain:?}");
    // What the next log states covers everything before it.
    assert_eq!(
        flaws(&Chain::of(placed, &[new.stating(ids[0], 2, ids[1])])),
        [Flaw::Cut, Flaw::Cut, Flaw::Cut]
    );
}

#[test]
fn what_does_not_verify_is_refused() {
    let (log, _) = log_of(2);
    let (name, bytes) = log.receipts().remove(1);
    let text = String::from_utf8(bytes).unwrap();
    let moved = text.replace("NCT04573309", "NCT04573310");
    for bad in [
        moved.as_str(),
        &text.replace("\\\"sequence\\\":2", "\\\"sequence\\\":3"),
        "{}",
    ] {
        assert_ne!(bad, text);
        let refused = Placed::judge(&name, bad.as_bytes(), &trust(), at()).unwrap_err();
        assert_eq!(refused.name, name);
    }
    let stranger = Log::named("notary.example.org/2030", 77);
    let mut stranger = Log {
        leaves: vec![leaf_hash(b"open")],
        ..stranger
    };
    stranger.put(1, None);
    let (name, bytes) = stranger.receipts().remove(0);
    let refused = Placed::judge(&name, &bytes, &trust(), at()).unwrap_err();
    assert!(refused.sentence.starts_with("log:"), "{refused}");
}

#[test]
fn a_statement_may_count_more_than_anybody_reads() {
    let (log, ids) = log_of(1);
    let stated = log.stating(ids[0], u64::MAX >> 11, ids[0]);
    let chain = Chain::of(log.placed(), &[stated]);
    assert_eq!(chain.missing.len() as u64, MISSING_MAX);
}
