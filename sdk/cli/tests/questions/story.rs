//! A register of seven records in a log with fixed keys, one witness and a register statement.

use std::fs;
use std::path::Path;

use trialseal::core::checkpoint::{Checkpoint, Origin};
use trialseal::core::entry::{Entry, Statement, record_leaf_hash};
use trialseal::core::hash::{Hash, RecordId, Salt, sha256};
use trialseal::core::identifiers::{MemberId, OrganizationId, RegisterName, VersionCode};
use trialseal::core::index::{LogIndex, LogSize, Sequence};
use trialseal::core::manifest::{FileDigests, Item, ItemPath, Manifest};
use trialseal::core::merkle::builder::Tree;
use trialseal::core::merkle::leaf_hash;
use trialseal::core::note::{Ed25519SigningKey, KeyName, MlDsa44SigningKey, SignedNote};
use trialseal::core::receipt::{Evidence, Receipt, ReceiptPart, ReceiptRecord, ReceiptSubmission, ShownPart};
use trialseal::core::record::{Declared, Enrolment, ManifestCommitment, Part, Signer, What, When, Who, Why};
use trialseal::core::register_statement::{RegisterStatement, ShownLine, line_text};
use trialseal::core::submission::{IdempotencyKey, SubmissionText, digest};
use trialseal::core::time::Instant;
use trialseal::core::tlog_proof::format_tlog_proof;
use trialseal::core::verify::RegisterLine;
use trialseal::core::vocabulary::{Class, Event, Meaning, Role, SignerKind};

pub(crate) const REGISTER: &str = "trial:NCT04573309";
pub(crate) const HOSTILE: &str = "Zo\u{eb} <script>alert(1)</script> \u{202e}Doe";
const ORIGIN: &str = "notary.example.org/2030";
const START_S: i64 = 1_893_456_000;
const HOUR_S: i64 = 3_600;

pub(crate) struct Story {
    receipts: Vec<Receipt>,
    statement: RegisterStatement,
    files: Vec<(&'static str, &'static str)>,
}

/// What is put on record: class, event, version, file, hours after the start, minutes before that it happened.
type Told = (
    Class,
    Event,
    &'static str,
    Option<&'static str>,
    i64,
    Option<i64>,
    &'static str,
);

const TOLD: [Told; 7] = [
    (Class::Trial, Event::Registered, "", None, 1, None, "Start"),
    (
        Class::Protocol,
        Event::Finalised,
        "1.0",
        Some("protocol-1.0.txt"),
        2,
        None,
        "First",
    ),
    (
        Class::StatisticalAnalysisPlan,
        Event::Finalised,
        "1.0",
        Some("plan-1.0.txt"),
        3,
        None,
        "First",
    ),
    (
        Class::Trial,
        Event::FirstParticipantIn,
        "",
        None,
        30,
        Some(30),
        "It began",
    ),
    (
        Class::Dataset,
        Event::HardLock,
        "1.0",
        Some("adsl.txt"),
        500,
        Some(60),
        "All queries are closed",
    ),
    (
        Class::TreatmentAssignment,
        Event::Unblinded,
        "",
        None,
        600,
        Some(12),
        "As authorised",
    ),
    (
        Class::StatisticalAnalysisPlan,
        Event::Finalised,
        "3.0",
        Some("plan-3.0.txt"),
        700,
        None,
        "=second look",
    ),
];

impl Story {
    pub(crate) fn new() -> Self {
        let mut leaves = vec![leaf_hash(b"open")];
        let (mut receipts, mut previous) = (Vec::new(), None);
        let mut made = Vec::new();
        for (place, told) in TOLD.iter().enumerate() {
            let one = record(told, place as u64 + 1, previous);
            let id = one.0.leaves().root();
            leaves.push(record_leaf_hash(&id));
            previous = Some(id);
            made.push((one, told.4));
        }
        let (statement, entry, lines) = stated(&made, leaves.len() as u64);
        leaves.push(entry.leaf_hash().unwrap());
        for (place, ((record, note, manifest), hour)) in made.into_iter().enumerate() {
            let index = place + 1;
            let soon = evidence(&leaves[..=index], index, hour * HOUR_S + 2);
            let late = evidence(&leaves, index, 1_000 * HOUR_S);
            let receipt =
                Receipt::new(record, Some(ReceiptSubmission::Note(note)), vec![soon, late]).unwrap();
            receipts.push(match manifest {
                Some(manifest) => receipt.with_manifest(&manifest),
                None => receipt,
            });
        }
        let proof = evidence(&leaves, leaves.len() - 1, 1_000 * HOUR_S);
        let first = receipts[0].record().leaves().root();
        let statement = RegisterStatement::new(REGISTER, first, statement, vec![proof], lines).unwrap();
        let files = TOLD
            .iter()
            .filter_map(|told| told.3.map(|name| (name, name)))
            .collect();
        Self {
            receipts,
            statement,
            files,
        }
    }

    pub(crate) fn write(&self, folder: &Path) {
        fs::create_dir(folder.join("receipts")).unwrap();
        for (place, receipt) in self.receipts.iter().enumerate() {
            let path = folder.join(format!("receipts/{:06}.receipt.json", place + 1));
            fs::write(path, receipt.to_json_pretty()).unwrap();
        }
        fs::write(folder.join("receipts/statement.json"), self.statement.to_json()).unwrap();
        // A data file that happens to be JSON is none of ours.
        fs::write(
            folder.join("receipts/package.json"),
            "{\"name\": \"something else\"}",
        )
        .unwrap();
        for (name, content) in &self.files {
            fs::write(folder.join(name), content).unwrap();
        }
        fs::write(folder.join("trust.toml"), trust()).unwrap();
    }
}

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

fn log_key() -> Ed25519SigningKey {
    Ed25519SigningKey::from_seed(name(ORIGIN), [1; 32])
}

fn log_mldsa_key() -> MlDsa44SigningKey {
    MlDsa44SigningKey::from_seed(name(ORIGIN), [2; 32])
}

fn member_key() -> Ed25519SigningKey {
    Ed25519SigningKey::from_seed(name("acme/m-1"), [3; 32])
}

fn witness_key() -> Ed25519SigningKey {
    Ed25519SigningKey::from_seed(name("witness.example/1"), [4; 32])
}

fn trust() -> String {
    format!(
        "[[log]]\norigin = \"{ORIGIN}\"\ned25519 = \"{}\"\nmldsa = \"{}\"\nfrom = \"2030-01-01T00:00:00Z\"\n\n\
         [[witness]]\nname = \"one\"\nvkeys = [\"{}\"]\n\n[policy]\nquorum = \"one\"\nrequire = \"witnessed\"\n",
        log_key().verifier(),
        log_mldsa_key().verifier(),
        witness_key().cosignature_verifier(),
    )
}

fn at(seconds: i64) -> Instant {
    Instant::from_seconds(START_S + seconds)
}

fn shown(part: Part, text: String, seed: u64) -> ShownPart {
    ShownPart {
        salt: Salt::from_bytes([seed as u8 * 8 + part as u8; 32]),
        text,
    }
}

fn digests(content: &[u8]) -> FileDigests {
    // The command computes real SHA-512 sums; so does this.
    FileDigests {
        sha256: *sha256(content).as_bytes(),
        sha512: sha512(content),
        size: content.len() as u64,
    }
}

fn sha512(content: &[u8]) -> [u8; 64] {
    use sha2::Digest as _;
    sha2::Sha512::digest(content).into()
}

fn record(
    told: &Told,
    sequence: u64,
    previous: Option<RecordId>,
) -> (ReceiptRecord, String, Option<Manifest>) {
    let (class, event, version, file, hour, minutes, reason) = *told;
    let received_at = at(hour * HOUR_S);
    let mut what = What::new(RegisterName::parse(REGISTER).unwrap(), class, event);
    what.version = (!version.is_empty()).then(|| VersionCode::new(version).unwrap());
    what.declared_at = minutes.map(|minutes| Declared::At(received_at.plus_millis(-60_000 * minutes)));
    let manifest = file.map(|file| {
        let item = Item::new(ItemPath::new(file).unwrap(), &digests(file.as_bytes()));
        Manifest::new([(Salt::from_bytes([sequence as u8; 32]), item)]).unwrap()
    });
    what.manifest = manifest.as_ref().map(|manifest| ManifestCommitment {
        root: manifest.root(),
        items: 1,
    });
    let key = member_key();
    let mut who = Who::draft(
        OrganizationId::new("acme").unwrap(),
        MemberId::new("m-1").unwrap(),
    );
    who.signer = Some(Signer {
        name: HOSTILE.to_owned(),
        role: Role::Sponsor,
        meaning: Meaning::Approval,
        kind: SignerKind::Person,
        key: key.verifier().clone(),
        signed_at: received_at,
        enrolment: Enrolment {
            index: LogIndex::new(1).unwrap(),
            record: RecordId::from_hash(sha256(b"enrolment")),
        },
    });
    let why = Why {
        reason: Some(reason.to_owned()),
        remark: None,
    };
    let sealed = what.is_sealed();
    let what = shown(Part::What, what.to_json(), sequence);
    let who = shown(Part::Who, who.to_json(), sequence);
    let why = shown(Part::Why, why.to_json(), sequence);
    let note = SubmissionText {
        log: Origin::new(ORIGIN).unwrap(),
        not_after: received_at.plus_millis(3_600_000),
        idempotency_key: IdempotencyKey::from_bytes([sequence as u8; 32]),
        what: what.leaf(Part::What),
        who: who.leaf(Part::Who),
        why: why.leaf(Part::Why),
    }
    .sign(&key);
    let when = When {
        log: Origin::new(ORIGIN).unwrap(),
        index: LogIndex::new(sequence).unwrap(),
        received_at,
        register: RegisterName::parse(REGISTER).unwrap(),
        sequence: Sequence::new(sequence).unwrap(),
        previous,
        class,
        event,
        sealed,
        submission: Some(digest(&note)),
    };
    let when = shown(Part::When, when.to_json(), sequence);
    let record = ReceiptRecord::new(
        ReceiptPart::Shown(what),
        ReceiptPart::Shown(who),
        ReceiptPart::Shown(why),
        when,
    );
    (record, note, manifest)
}

/// A record, the submission's note, and the manifest.
type Made = (ReceiptRecord, String, Option<Manifest>);

/// The statement over all records, its entry, and the register's only line.
fn stated(made: &[(Made, i64)], size: u64) -> (String, Entry, Vec<ShownLine>) {
    let id = |place: usize| made[place].0.0.leaves().root();
    let line = RegisterLine {
        id: id(0),
        size: Sequence::new(made.len() as u64).unwrap(),
        head: id(made.len() - 1),
    };
    let text = line_text(&line);
    let statement = Statement::Registers {
        at: at(701 * HOUR_S),
        count: 1,
        root: leaf_hash(text.as_bytes()),
        size: LogSize::new(size).unwrap(),
    };
    let lines = vec![ShownLine::parse(0, text, Vec::new()).unwrap()];
    (statement.to_json(), Entry::Statement(statement), lines)
}

/// The proof of a leaf in these leaves, signed and cosigned.
fn evidence(leaves: &[Hash], index: usize, signed_after_s: i64) -> Evidence {
    let tree = Tree::new(leaves);
    let checkpoint = Checkpoint {
        origin: Origin::new(ORIGIN).unwrap(),
        size: LogSize::new(leaves.len() as u64).unwrap(),
        root: tree.root(),
    };
    let text = checkpoint.text();
    let time = u64::try_from(START_S + signed_after_s).unwrap();
    let lines = vec![
        log_key().sign(&text),
        log_mldsa_key().cosign_checkpoint(&checkpoint, time).unwrap(),
        witness_key().cosign(&text, time + 1).unwrap(),
    ];
    let note = SignedNote::new(text, lines).unwrap().to_string();
    let path = tree.path(index).unwrap();
    Evidence::with_tokens(
        format_tlog_proof(LogIndex::new(index as u64).unwrap(), &path, &note),
        [],
    )
}
