use std::fs;

use trialseal::core::checkpoint::{Checkpoint, Origin};
use trialseal::core::entry::{Entry, Statement, record_leaf_hash};
use trialseal::core::hash::{Hash, RecordId, Salt, sha256};
use trialseal::core::index::{LogIndex, LogSize, Sequence};
use trialseal::core::merkle::builder::{Tree, root_of};
use trialseal::core::merkle::leaf_hash;
use trialseal::core::note::{Ed25519SigningKey, KeyName, MlDsa44SigningKey, SignedNote};
use trialseal::core::receipt::{Evidence, Receipt, ReceiptPart, ReceiptRecord, ShownPart};
use trialseal::core::record::When;
use trialseal::core::register_statement::{RegisterStatement, ShownLine, line_text};
use trialseal::core::tlog_proof::format_tlog_proof;
use trialseal::core::verify::RegisterLine;
use trialseal::{Class, Event, WithheldPart, WithheldWhy};

use super::remembered::Memory;
use super::shown::{Record, Stated};
use super::*;

const START: i64 = 1_893_456_000;
const ORIGIN: &str = "notary.example.org/2030";

fn name() -> RegisterName {
    "trial:NCT04573309".parse().unwrap()
}

fn trust_text() -> String {
    let key = || KeyName::new(ORIGIN).unwrap();
    format!(
        "[[log]]\norigin = \"{ORIGIN}\"\ned25519 = \"{}\"\nmldsa = \"{}\"\nfrom = \"2030-01-01T00:00:00Z\"\n",
        Ed25519SigningKey::from_seed(key(), [1; 32]).verifier(),
        MlDsa44SigningKey::from_seed(key(), [2; 32]).verifier()
    )
}

fn standard() -> Standard {
    Standard {
        trust: Trust::parse(&trust_text()).unwrap().with_drafts_allowed(),
        at: Instant::from_seconds(START + 100_000),
    }
}

/// A notary whose keys the tests hold, so that it can lie.
#[derive(Clone)]
struct Log {
    leaves: Vec<Hash>,
    records: Vec<(ReceiptRecord, u64)>,
    /// Index, statement, line.
    statements: Vec<(u64, Statement, RegisterLine)>,
}

impl Log {
    fn new() -> Self {
        Self {
            leaves: vec![leaf_hash(b"open")],
            records: Vec::new(),
            statements: Vec::new(),
        }
    }

    fn put(&mut self, sequence: u64, previous: Option<RecordId>, salt: u8) -> RecordId {
        let index = self.leaves.len() as u64;
        let when = When {
            log: Origin::new(ORIGIN).unwrap(),
            index: LogIndex::new(index).unwrap(),
            received_at: Instant::from_seconds(START + index as i64),
            register: name(),
            sequence: Sequence::new(sequence).unwrap(),
            previous,
            class: Class::Dataset,
            event: Event::DataCut,
            sealed: salt == 9,
            submission: None,
        };
        let part = |text: String| ShownPart {
            salt: Salt::from_bytes([salt; 32]),
            text,
        };
        let hidden = || ReceiptPart::Withheld(sha256(b"hidden"));
        let what = match salt {
            9 => hidden(),
            _ => ReceiptPart::Shown(part(format!(
                "{{\"class\":\"dataset\",\"event\":\"data-cut\",\"register\":\"{}\"}}",
                name()
            ))),
        };
        let record = ReceiptRecord::new(what, hidden(), hidden(), part(when.to_json()));
        let id = record.leaves().root();
        self.leaves.push(record_leaf_hash(&id));
        self.records.push((record, index));
        id
    }

    /// As many records as are asked for; ids in order.
    fn fill(&mut self, count: u64) -> Vec<RecordId> {
        let mut ids: Vec<RecordId> = Vec::new();
        for sequence in 1..=count {
            ids.push(self.put(sequence, ids.last().copied(), 1));
        }
        ids
    }

    /// States a line, true or not.
    fn state(&mut self, first: RecordId, size: u64, head: RecordId) {
        let line = RegisterLine {
            id: first,
            size: Sequence::new(size).unwrap(),
            head,
        };
        let index = self.leaves.len() as u64;
        let statement = Statement::Registers {
            at: Instant::from_seconds(START + index as i64),
            count: 1,
            root: root_of(&[leaf_hash(line_text(&line).as_bytes())]),
            size: LogSize::new(index).unwrap(),
        };
        self.leaves
            .push(Entry::Statement(statement.clone()).leaf_hash().unwrap());
        self.statements.push((index, statement, line));
    }

    fn proof(&self, index: u64) -> Evidence {
        let tree = Tree::new(&self.leaves);
        let checkpoint = Checkpoint {
            origin: Origin::new(ORIGIN).unwrap(),
            size: LogSize::new(self.leaves.len() as u64).unwrap(),
            root: tree.root(),
        };
        let key = || KeyName::new(ORIGIN).unwrap();
        let signed_at = (START + 1_000) as u64;
        let lines = vec![
            Ed25519SigningKey::from_seed(key(), [1; 32]).sign(&checkpoint.text()),
            MlDsa44SigningKey::from_seed(key(), [2; 32])
                .cosign_checkpoint(&checkpoint, signed_at)
                .unwrap(),
        ];
        let note = SignedNote::new(checkpoint.text(), lines).unwrap().to_string();
        let path = tree.path(index as usize).unwrap();
        Evidence::new(format_tlog_proof(LogIndex::new(index).unwrap(), &path, &note))
    }

    fn receipts(&self) -> Vec<Receipt> {
        let receipt = |(record, index): &(ReceiptRecord, u64)| {
            Receipt::new(record.clone(), None, vec![self.proof(*index)]).unwrap()
        };
        self.records.iter().map(receipt).collect()
    }

    fn statement(&self) -> RegisterStatement {
        let (index, statement, line) = self.statements.last().unwrap();
        let shown = ShownLine::parse(0, line_text(line), Vec::new()).unwrap();
        let evidence = vec![self.proof(*index)];
        RegisterStatement::new(
            name().to_string(),
            line.id,
            statement.to_json(),
            evidence,
            vec![shown],
        )
        .unwrap()
    }

    /// What the notary shows of it: some places may be left out.
    fn shown(&self, without: &[u64]) -> Shown {
        let mut shown = Shown::new(&name());
        for receipt in self.receipts() {
            let text = receipt.to_json_pretty();
            let standard = standard();
            let placed = Placed::judge("", text.as_bytes(), &standard.trust, standard.at).unwrap();
            let place = placed.sequence.get();
            if without.contains(&place) {
                continue;
            }
            let mut placed = placed;
            placed.name = format!("record-{place:06}");
            let sealed = WithheldPart {
                part: "what".to_owned(),
                why: WithheldWhy::Sealed,
            };
            shown.records.push(Record {
                withheld: if placed.sealed { vec![sealed] } else { Vec::new() },
                placed,
                receipt,
            });
        }
        if !self.statements.is_empty() {
            let statement = self.statement();
            let report = statement.verify(&standard().trust, standard().at);
            assert!(report.stated_head("statement").is_some(), "{report:?}");
            shown.statements.push(Stated {
                name: "statement".to_owned(),
                statement,
                report,
            });
        }
        shown
    }

    /// As `register --save` leaves it.
    fn save(&self, folder: &Path) {
        save::all(folder, &self.shown(&[])).unwrap();
        fs::write(folder.join("trust.toml"), trust_text()).unwrap();
    }
}

use trialseal::core::register_chain::Placed;

fn quiet() -> Printer {
    Printer::new(true)
}

fn memory(folder: &Path) -> Memory {
    Memory::beside(&folder.join("config.toml"), &name())
}

/// The command on a folder.
fn verify_folder(folder: &Path) -> Answer {
    let command = Register {
        register: Some(name()),
        verify: true,
        save: None,
        from: Some(folder.to_owned()),
        fresh: false,
        evidence: None,
        trust: Some(folder.join("trust.toml")),
        at: Some(standard().at),
    };
    run(&command, None, &quiet()).unwrap_or_else(|ended| *ended)
}

#[test]
fn a_saved_register_verifies_without_a_network_and_says_what_is_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::new();
    let mut ids = log.fill(3);
    ids.push(log.put(4, ids.last().copied(), 9));
    log.state(ids[0], 4, ids[3]);
    log.save(folder.path());
    let answer = verify_folder(folder.path());
    assert_eq!(
        (answer.exit, answer.verdict),
        (Exit::Done, "PROVEN"),
        "{answer:?}"
    );
    assert!(answer.sentence.contains("whole from record 1 to 4"), "{answer:?}");
    assert!(
        answer
            .because
            .iter()
            .any(|one| one.starts_with("3 of 4 records shown")),
        "{answer:?}"
    );
    assert!(
        answer
            .because
            .iter()
            .any(|one| one.contains("place of record 4") && one.contains("sealed"))
    );
}

#[test]
fn a_folder_without_its_middle_end_or_statement_is_not_the_register() {
    let mut log = Log::new();
    let ids = log.fill(5);
    log.state(ids[0], 5, ids[4]);
    for (gone, sentence) in [("000003", "Record 3 of"), ("000005", "Record 5 of")] {
        let folder = tempfile::tempdir().unwrap();
        log.save(folder.path());
        fs::remove_file(folder.path().join(format!("receipts/{gone}.receipt.json"))).unwrap();
        let answer = verify_folder(folder.path());
        assert_eq!(
            (answer.exit, answer.verdict),
            (Exit::Disproven, "MISSING"),
            "{answer:?}"
        );
        assert!(answer.sentence.starts_with(sentence), "{answer:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    log.save(folder.path());
    fs::remove_file(folder.path().join("statement.json")).unwrap();
    let answer = verify_folder(folder.path());
    assert_eq!(
        (answer.exit, answer.verdict),
        (Exit::NotProvable, "NOT PROVABLE"),
        "{answer:?}"
    );
}

#[test]
fn a_receipt_that_was_changed_or_moved_to_another_register_is_refused() {
    let mut log = Log::new();
    let ids = log.fill(3);
    log.state(ids[0], 3, ids[2]);
    let folder = tempfile::tempdir().unwrap();
    log.save(folder.path());
    let path = folder.path().join("receipts/000002.receipt.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("NCT04573309", "NCT04573310")).unwrap();
    let answer = verify_folder(folder.path());
    assert_eq!(
        (answer.exit, answer.verdict),
        (Exit::Disproven, "REFUSED"),
        "{answer:?}"
    );
}

#[test]
fn what_was_verified_is_remembered_without_what_people_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let memory = memory(folder.path());
    let mut log = Log::new();
    let mut ids = log.fill(3);
    log.state(ids[0], 3, ids[2]);
    let answer = judge(&log.shown(&[]), Some(&memory), &standard(), &quiet()).unwrap();
    assert_eq!(answer.verdict, "PROVEN");
    let kept = memory.recall(&standard()).unwrap().unwrap();
    assert_eq!(kept.receipts.len(), 2);
    assert!(kept.receipts.iter().all(|one| one.placed.is_when_only()));
    assert_eq!(kept.receipts[1].placed.record, ids[2]);
    // It goes on.
    ids.push(log.put(4, Some(ids[2]), 1));
    log.state(ids[0], 4, ids[3]);
    let answer = judge(&log.shown(&[]), Some(&memory), &standard(), &quiet()).unwrap();
    assert_eq!(answer.verdict, "PROVEN");
    assert!(
        answer
            .because
            .iter()
            .any(|one| one.contains("that you verified to record 3")),
        "{answer:?}"
    );
    assert_eq!(
        memory.recall(&standard()).unwrap().unwrap().receipts[1]
            .placed
            .sequence
            .get(),
        4
    );
}

/// Saves the evidence below a folder, and has somebody else check it by his own trust file.
fn third_party(folder: &Path, shown: &Shown, memory: &Memory) -> (Vec<String>, Answer) {
    let before = memory.recall(&standard()).unwrap();
    let judged = verdict::Judged::of(shown, before.as_ref());
    let answer = judged.answer(shown, before.as_ref());
    assert_eq!(
        (answer.exit, answer.verdict),
        (Exit::Disproven, "DISPROVEN"),
        "{answer:?}"
    );
    let saved = evidence::save(folder, shown, before.as_ref(), &judged).unwrap();
    let mut names: Vec<String> = fs::read_dir(&saved)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    (names, evidence::check(&saved, &standard(), &quiet()).unwrap())
}

/// A memory of a register of three records.
fn remembered(folder: &Path, log: &mut Log) -> (Memory, Vec<RecordId>) {
    let memory = memory(folder);
    let ids = log.fill(3);
    log.state(ids[0], 3, ids[2]);
    judge(&log.shown(&[]), Some(&memory), &standard(), &quiet()).unwrap();
    (memory, ids)
}

#[test]
fn a_register_that_is_shown_differently_later_convinces_others() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, ids) = remembered(folder.path(), &mut Log::new());
    // Another third record, in a log that goes on otherwise.
    let mut forked = Log::new();
    let first = forked.put(1, None, 1);
    let second = forked.put(2, Some(first), 1);
    assert_eq!((first, second), (ids[0], ids[1]));
    let third = forked.put(3, Some(second), 7);
    forked.state(first, 3, third);
    let (names, answer) = third_party(folder.path(), &forked.shown(&[]), &memory);
    assert_eq!(
        (answer.exit, answer.verdict),
        (Exit::Done, "PROVEN"),
        "{answer:?}"
    );
    assert!(answer.because[0].contains("place 3"), "{answer:?}");
    assert!(
        names.contains(&"record-000003.receipt.json".to_owned()),
        "{names:?}"
    );
    assert!(
        names.contains(&"remembered-000003.receipt.json".to_owned()),
        "{names:?}"
    );
    assert!(names.contains(&"VERIFY.md".to_owned()), "{names:?}");
}

#[test]
fn a_cut_that_the_notary_states_convinces_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::new();
    let (memory, ids) = remembered(folder.path(), &mut log);
    // The same log denies its last record.
    log.state(ids[0], 2, ids[1]);
    let (names, answer) = third_party(folder.path(), &log.shown(&[3]), &memory);
    assert_eq!(answer.verdict, "PROVEN", "{answer:?}");
    assert!(
        answer.because.iter().any(|one| one.contains("has 2 records")),
        "{answer:?}"
    );
    assert!(names.contains(&"statement.json".to_owned()), "{names:?}");
}

#[test]
fn a_record_that_is_not_shown_any_more_is_noticed_without_a_statement() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::new();
    let (memory, _) = remembered(folder.path(), &mut log);
    let mut shown = log.shown(&[3]);
    shown.statements.clear();
    let answer = judge(&shown, Some(&memory), &standard(), &quiet()).unwrap();
    assert_eq!(
        (answer.exit, answer.verdict),
        (Exit::Disproven, "DISPROVEN"),
        "{answer:?}"
    );
    assert!(answer.sentence.starts_with("Record 3 of"), "{answer:?}");
}

#[test]
fn texts_that_agree_are_no_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::new();
    let ids = log.fill(2);
    log.state(ids[0], 2, ids[1]);
    log.save(folder.path());
    let answer = evidence::check(folder.path(), &standard(), &quiet()).unwrap();
    assert_eq!(
        (answer.exit, answer.verdict),
        (Exit::NotProvable, "NOT PROVABLE"),
        "{answer:?}"
    );
}

#[test]
fn a_memory_that_was_changed_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, _) = remembered(folder.path(), &mut Log::new());
    let below = folder.path().join("config.registers");
    let file = fs::read_dir(below).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("data-cut", "data-cat")).unwrap();
    let ended = memory.recall(&standard()).err().unwrap();
    assert_eq!(ended.exit, Exit::Configuration);
}
