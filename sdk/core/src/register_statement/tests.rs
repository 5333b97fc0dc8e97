//! Statements by a log with fixed keys, whole and spoiled.

use super::*;
use crate::checkpoint::{Checkpoint, Origin};
use crate::hash::sha256;
use crate::index::{LogIndex, Sequence};
use crate::merkle::builder::Tree;
use crate::note::{Ed25519SigningKey, MlDsa44SigningKey, SignedNote};
use crate::tlog_proof::format_tlog_proof;
use crate::verify::{Outcome, Step, StepResult};

const START_S: u64 = 1_893_456_000;

fn origin() -> Origin {
    Origin::new("notary.example.org/2030").unwrap()
}

fn keys() -> (Ed25519SigningKey, MlDsa44SigningKey) {
    let name = origin().key_name().clone();
    (
        Ed25519SigningKey::from_seed(name.clone(), [1; 32]),
        MlDsa44SigningKey::from_seed(name, [2; 32]),
    )
}

fn trust() -> Trust {
    let (ed25519, mldsa) = keys();
    let text = format!(
        "[[log]]\norigin = \"{}\"\ned25519 = \"{}\"\nmldsa = \"{}\"\nfrom = \"2030-01-01T00:00:00Z\"\n",
        origin(),
        ed25519.verifier(),
        mldsa.verifier()
    );
    Trust::parse(&text).unwrap()
}

fn at() -> Instant {
    Instant::from_seconds(START_S as i64 + 100)
}

fn record(number: u64) -> RecordId {
    RecordId::from_hash(sha256(&number.to_be_bytes()))
}

/// Lines of `count` registers, in order.
fn lines(count: u64) -> Vec<RegisterLine> {
    let mut lines: Vec<_> = (0..count)
        .map(|number| RegisterLine {
            id: record(number),
            size: Sequence::new(number + 1).unwrap(),
            head: record(1_000 + number),
        })
        .collect();
    lines.sort_by_key(|line| *line.id.as_bytes());
    lines
}

/// A log whose third entry states these lines.
struct Stated {
    lines: Vec<RegisterLine>,
    tree: Tree,
    text: String,
    evidence: Evidence,
}

impl Stated {
    fn of(lines: Vec<RegisterLine>) -> Self {
        Self::with(lines, |statement| statement)
    }

    fn with(lines: Vec<RegisterLine>, change: impl Fn(Statement) -> Statement) -> Self {
        let leaves: Vec<Hash> = lines
            .iter()
            .map(|line| leaf_hash(line_text(line).as_bytes()))
            .collect();
        let tree = Tree::new(&leaves);
        let text = change(Statement::Registers {
            at: Instant::from_seconds(START_S as i64 + 10),
            count: lines.len() as u64,
            root: tree.root(),
            size: LogSize::new(2).unwrap(),
        })
        .to_json();
        let entry = [&[crate::entry::STATEMENT], text.as_bytes()].concat();
        let log = Tree::new(&[
            leaf_hash(b"open"),
            leaf_hash(b"record"),
            leaf_hash(&entry),
            leaf_hash(b"later"),
        ]);
        let checkpoint = Checkpoint {
            origin: origin(),
            size: LogSize::new(4).unwrap(),
            root: log.root(),
        };
        let (ed25519, mldsa) = keys();
        let note_text = checkpoint.text();
        let signatures = vec![
            ed25519.sign(&note_text),
            mldsa.cosign_checkpoint(&checkpoint, START_S + 11).unwrap(),
        ];
        let note = SignedNote::new(note_text, signatures).unwrap();
        let path = log.path(2).unwrap();
        let proof = format_tlog_proof(LogIndex::new(2).unwrap(), &path, &note.to_string());
        Self {
            lines,
            tree,
            text,
            evidence: Evidence::new(proof),
        }
    }

    fn shown(&self, position: usize) -> ShownLine {
        ShownLine {
            position: position as u64,
            text: line_text(&self.lines[position]),
            line: self.lines[position],
            path: self.tree.path(position).unwrap(),
        }
    }

    fn about(&self, id: RecordId, positions: impl IntoIterator<Item = usize>) -> RegisterStatement {
        let lines = positions
            .into_iter()
            .map(|position| self.shown(position))
            .collect();
        RegisterStatement::new(
            "trial:NCT04573309",
            id,
            self.text.clone(),
            vec![self.evidence.clone()],
            lines,
        )
        .unwrap()
    }

    /// What an honest notary shows of the register at this position.
    fn around(&self, position: usize) -> RegisterStatement {
        let last = (position + 1).min(self.lines.len() - 1);
        self.about(self.lines[position].id, position.saturating_sub(1)..=last)
    }
}

fn failed(statement: &RegisterStatement, step: Step) -> String {
    let report = statement.verify(&trust(), at());
    assert_eq!(report.outcome, Outcome::Failed, "{}", report.sentence);
    assert_eq!(report.stated_head("s"), None);
    let failed: Vec<_> = report
        .steps
        .iter()
        .filter(|one| one.result == StepResult::Failed)
        .collect();
    assert!(failed.iter().any(|one| one.step == step), "{failed:?}");
    report.sentence
}

#[test]
fn every_register_of_every_small_statement() {
    for count in 1..=9 {
        let stated = Stated::of(lines(count));
        for position in 0..stated.lines.len() {
            let file = stated.around(position).to_json();
            let statement = RegisterStatement::parse(file.as_bytes()).unwrap();
            assert_eq!(
                statement,
                stated.around(position),
                "it does not come back as it was written"
            );
            let report = statement.verify(&trust(), at());
            assert_eq!(report.outcome, Outcome::Passed, "{}", report.sentence);
            assert_eq!(report.line, Some(stated.lines[position]));
            assert_eq!((report.log_size.get(), report.count), (2, count));
            let head = report.stated_head("s").unwrap();
            assert_eq!(
                (head.first, head.head),
                (stated.lines[position].id, stated.lines[position].head)
            );
            assert_eq!(head.log, origin());
        }
    }
}

#[test]
fn a_register_that_is_not_stated_is_proven_not_to_be() {
    let stated = Stated::of(lines(7));
    for number in 100..140 {
        let id = record(number);
        let after = stated
            .lines
            .partition_point(|line| line.id.as_bytes() < id.as_bytes());
        let positions = after.saturating_sub(1)..=after.min(6);
        let report = stated.about(id, positions).verify(&trust(), at());
        assert_eq!(
            (report.outcome, report.line),
            (Outcome::Passed, None),
            "{}",
            report.sentence
        );
        assert_eq!(report.stated_head("s"), None);
        // With one neighbour alone it could be anywhere.
        if (1..=6).contains(&after) {
            failed(&stated.about(id, [after]), Step::Lines);
            failed(&stated.about(id, [after - 1]), Step::Lines);
        }
    }
}

#[test]
fn what_is_hidden_or_changed_is_found() {
    let stated = Stated::of(lines(7));
    let id = stated.lines[3].id;
    for positions in [vec![3], vec![2, 3], vec![3, 4], vec![2, 4], vec![1, 2]] {
        failed(&stated.about(id, positions), Step::Lines);
    }
    // A cut register: one record less than the notary stated.
    let mut cut = stated.around(3);
    cut.lines[1].line.size = Sequence::new(99).unwrap();
    cut.lines[1].text = line_text(&cut.lines[1].line);
    failed(&cut, Step::Lines);
    let mut moved = stated.around(3);
    moved.lines[1].position = 4;
    failed(&moved, Step::Lines);
    // Two lines for one register, both stated: the notary itself contradicts the order.
    let mut twice = lines(7);
    twice[4] = RegisterLine {
        size: Sequence::new(50).unwrap(),
        ..twice[3]
    };
    let twice = Stated::of(twice);
    let sentence = failed(&twice.about(id, [2, 3, 4]), Step::Lines);
    assert!(sentence.contains("malformed"), "{sentence}");
    // Another statement than the one that stands in the log.
    let mut other = stated.around(3);
    other.text = stated.text.replace("\"size\":2", "\"size\":1");
    other.statement = Statement::parse(other.text.as_bytes()).unwrap();
    failed(&other, Step::Inclusion);
    // A statement that speaks of what comes after it.
    let later = Stated::with(lines(7), |statement| match statement {
        Statement::Registers { at, count, root, .. } => Statement::Registers {
            at,
            count,
            root,
            size: LogSize::new(3).unwrap(),
        },
        other => other,
    });
    failed(&later.around(3), Step::Inclusion);
    let early = Stated::with(lines(7), |statement| match statement {
        Statement::Registers {
            count, root, size, ..
        } => Statement::Registers {
            at: Instant::from_seconds(START_S as i64 + 13),
            count,
            root,
            size,
        },
        other => other,
    });
    failed(&early.around(3), Step::Log);
}

#[test]
fn trust_from_the_same_place_proves_nothing() {
    let statement = Stated::of(lines(3)).around(1);
    let report = statement.verify(&trust().bundled(), at());
    assert_eq!(report.outcome, Outcome::Indeterminate);
    let nobody = Trust::parse(&trust_text_of_another()).unwrap();
    assert_ne!(statement.verify(&nobody, at()).outcome, Outcome::Passed);
}

fn trust_text_of_another() -> String {
    let other = Origin::new("other.example.org/2030").unwrap();
    let name = other.key_name().clone();
    format!(
        "[[log]]\norigin = \"{other}\"\ned25519 = \"{}\"\nmldsa = \"{}\"\nfrom = \"2030-01-01T00:00:00Z\"\n",
        Ed25519SigningKey::from_seed(name.clone(), [3; 32]).verifier(),
        MlDsa44SigningKey::from_seed(name, [4; 32]).verifier()
    )
}

/// Whatever one byte of the file is changed to, the register's line never changes while the verdict stays.
#[test]
fn no_changed_byte_says_something_else() {
    let stated = Stated::of(lines(3));
    let file = stated.around(1).to_json().into_bytes();
    let trust = trust();
    let evidence = file
        .windows(10)
        .position(|window| window == b"\"evidence\"")
        .unwrap();
    let end = file.windows(7).position(|window| window == b"\"lines\"").unwrap();
    // Evidence is long, and the tests of receipts spoil it byte by byte.
    let places = (0..evidence).chain(end..file.len());
    for place in places {
        let mut spoiled = file.clone();
        spoiled[place] ^= 1;
        let Ok(statement) = RegisterStatement::parse(&spoiled) else {
            continue;
        };
        let report = statement.verify(&trust, at());
        if report.outcome == Outcome::Passed {
            // About another register it may well be true that there is none.
            let line = (*statement.id() == stated.lines[1].id).then_some(stated.lines[1]);
            assert_eq!(report.line, line, "byte {place}");
        }
    }
}

#[test]
fn what_is_no_statement_is_refused() {
    let file = Stated::of(lines(3)).around(1).to_json();
    for (from, to, says) in [
        (FORMAT, "trialseal-statement/v2", "format"),
        ("\"lines\"", "\"line\"", "lines"),
        ("\"evidence\"", "\"proofs\"", "evidence"),
        ("\"registers\\\"", "\"close\\\"", "statement"),
        (" 1 ", " 01 ", "line"),
    ] {
        let changed = file.replacen(from, to, 1);
        let refused = RegisterStatement::parse(changed.as_bytes());
        let Err(error) = refused else {
            assert_ne!(changed, file, "{from} is not in the file");
            panic!("{from} -> {to} is accepted");
        };
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(RegisterStatement::parse(b"{}").is_err());
    assert!(RegisterStatement::parse(&vec![b' '; MAX_BYTES + 1]).is_err());
}
