//! A notary, a submitter and witnesses with fixed keys, to make receipts for the tests.

use trialseal_core::checkpoint::{Checkpoint, Origin};
use trialseal_core::entry::record_leaf_hash;
use trialseal_core::hash::{Hash, RecordId, Salt, sha256};
use trialseal_core::identifiers::{MemberId, OrganizationId, RegisterName, VersionCode};
use trialseal_core::index::{LogIndex, LogSize, Sequence};
use trialseal_core::manifest::{FileDigests, Item, ItemPath, Manifest};
use trialseal_core::merkle::builder::Tree;
use trialseal_core::merkle::{builder, leaf_hash};
use trialseal_core::note::{Ed25519SigningKey, KeyName, MlDsa44SigningKey, SignedNote};
use trialseal_core::receipt::{Evidence, Receipt, ReceiptPart, ReceiptRecord, ReceiptSubmission, ShownPart};
use trialseal_core::record::{Enrolment, Part, Signer, What, When, Who, Why};
use trialseal_core::submission::{IdempotencyKey, SubmissionText, digest};
use trialseal_core::time::Instant;
use trialseal_core::timestamp;
use trialseal_core::tlog_proof::{TlogProof, format_tlog_proof};
use trialseal_core::trust::Trust;
use trialseal_core::vocabulary::{Class, Event, Meaning, Role, SignerKind};

use super::forge::Stamp;

pub(crate) const ORIGIN: &str = "notary.example.org/2030";

/// 2030-01-01T00:00:00Z.
pub(crate) const START_S: u64 = 1_893_456_000;

pub(crate) fn instant(seconds_after_start: i64) -> Instant {
    Instant::from_seconds(START_S as i64 + seconds_after_start)
}

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

pub(crate) fn log_key() -> Ed25519SigningKey {
    Ed25519SigningKey::from_seed(name(ORIGIN), [1; 32])
}

pub(crate) fn log_mldsa_key() -> MlDsa44SigningKey {
    MlDsa44SigningKey::from_seed(name(ORIGIN), [2; 32])
}

pub(crate) fn member_key() -> Ed25519SigningKey {
    Ed25519SigningKey::from_seed(name("acme/m-1"), [3; 32])
}

/// The key of witness `number`.
pub(crate) fn witness_key(number: u8) -> Ed25519SigningKey {
    Ed25519SigningKey::from_seed(name(&format!("witness.example/{number}")), [100 + number; 32])
}

/// The ML-DSA key of witness `number`.
pub(crate) fn witness_mldsa_key(number: u8) -> MlDsa44SigningKey {
    MlDsa44SigningKey::from_seed(name(&format!("witness.example/{number}")), [200 + number; 32])
}

/// A trust file for the notary, with `rest` behind the log.
pub(crate) fn trust_file(rest: &str) -> String {
    format!(
        "[[log]]\norigin = \"{ORIGIN}\"\ned25519 = \"{}\"\nmldsa = \"{}\"\nfrom = \"2030-01-01T00:00:00Z\"\n{rest}",
        log_key().verifier(),
        log_mldsa_key().verifier()
    )
}

pub(crate) fn trust(rest: &str) -> Trust {
    Trust::parse(&trust_file(rest)).unwrap()
}

/// Everything that makes a receipt.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) what: What,
    pub(crate) why: Why,
    pub(crate) is_draft: bool,
    pub(crate) salt: u8,
    pub(crate) index: u64,
    pub(crate) size: u64,
    pub(crate) received_at: Instant,
    /// When the log signs, in seconds after the start.
    pub(crate) signed_after_s: u64,
    /// Witness and when it cosigns, in seconds after the start.
    pub(crate) cosigned: Vec<(u8, u64)>,
    /// The same with ML-DSA.
    pub(crate) cosigned_mldsa: Vec<(u8, u64)>,
    /// Who stamps the checkpoint, and when by its own clock, in seconds after the start; a token proves one
    /// second more.
    pub(crate) stamped: Vec<(&'static str, i64)>,
}

impl Case {
    pub(crate) fn new() -> Self {
        let register = RegisterName::parse("trial:NCT04573309").unwrap();
        let mut what = What::new(register, Class::Dataset, Event::DataCut);
        what.version = Some(VersionCode::new("1.0").unwrap());
        Self {
            what,
            why: Why {
                reason: Some("Planned cut".to_owned()),
                remark: None,
            },
            is_draft: false,
            salt: 9,
            index: 2,
            size: 5,
            received_at: instant(10),
            signed_after_s: 11,
            cosigned: Vec::new(),
            cosigned_mldsa: Vec::new(),
            stamped: Vec::new(),
        }
    }

    pub(crate) fn who(&self) -> Who {
        let organization = OrganizationId::new("acme").unwrap();
        let member = MemberId::new("m-1").unwrap();
        let mut who = Who::draft(organization, member);
        if !self.is_draft {
            who.signer = Some(Signer {
                name: "Zo\u{eb} Doe".to_owned(),
                role: Role::DataManager,
                meaning: Meaning::Responsibility,
                kind: SignerKind::Person,
                key: member_key().verifier().clone(),
                signed_at: instant(5),
                enrolment: Enrolment {
                    index: LogIndex::new(1).unwrap(),
                    record: RecordId::from_hash(sha256(b"enrolment")),
                },
            });
        }
        who
    }

    fn part(&self, part: Part, text: String) -> ShownPart {
        ShownPart {
            salt: Salt::from_bytes([self.salt.wrapping_add(part as u8); 32]),
            text,
        }
    }

    pub(crate) fn receipt(&self) -> Receipt {
        let what = self.part(Part::What, self.what.to_json());
        let who = self.part(Part::Who, self.who().to_json());
        let why = self.part(Part::Why, self.why.to_json());
        let note = (!self.is_draft).then(|| {
            let text = SubmissionText {
                log: Origin::new(ORIGIN).unwrap(),
                not_after: self.received_at.plus_millis(3_600_000),
                idempotency_key: IdempotencyKey::from_bytes([7; 32]),
                what: what.leaf(Part::What),
                who: who.leaf(Part::Who),
                why: why.leaf(Part::Why),
            };
            assert_eq!(SubmissionText::parse(&text.text()).unwrap(), text);
            text.sign(&member_key())
        });
        let when = When {
            log: Origin::new(ORIGIN).unwrap(),
            index: LogIndex::new(self.index).unwrap(),
            received_at: self.received_at,
            register: self.what.register.clone(),
            sequence: Sequence::new(2).unwrap(),
            previous: Some(RecordId::from_hash(sha256(b"previous"))),
            class: self.what.class,
            event: self.what.event,
            sealed: self.what.is_sealed(),
            submission: note.as_deref().map(digest),
        };
        let when = self.part(Part::When, when.to_json());
        let record = ReceiptRecord::new(
            ReceiptPart::Shown(what),
            ReceiptPart::Shown(who),
            ReceiptPart::Shown(why),
            when,
        );
        let evidence = self.evidence(record.leaves().root());
        Receipt::new(record, note.map(ReceiptSubmission::Note), vec![evidence]).unwrap()
    }

    /// The proof, with the tokens over its checkpoint.
    pub(crate) fn evidence(&self, record: RecordId) -> Evidence {
        let proof = self.proof(record);
        let imprint = imprint(&proof);
        let tokens: Vec<Vec<u8>> = self
            .stamped
            .iter()
            .map(|(signer, after_s)| Stamp::at(signer, instant(*after_s)).token(&imprint))
            .collect();
        Evidence::with_tokens(proof, tokens.iter().map(Vec::as_slice))
    }

    /// The proof of the record in a tree whose other leaves are made up.
    pub(crate) fn proof(&self, record: RecordId) -> String {
        let leaves: Vec<Hash> = (0..self.size)
            .map(|index| {
                if index == self.index {
                    record_leaf_hash(&record)
                } else {
                    leaf_hash(&index.to_be_bytes())
                }
            })
            .collect();
        let checkpoint = Checkpoint {
            origin: Origin::new(ORIGIN).unwrap(),
            size: LogSize::new(self.size).unwrap(),
            root: builder::root_of(&leaves),
        };
        let path = Tree::new(&leaves).path(self.index as usize).unwrap();
        let note = self.checkpoint_note(&checkpoint).to_string();
        format_tlog_proof(LogIndex::new(self.index).unwrap(), &path, &note)
    }

    fn checkpoint_note(&self, checkpoint: &Checkpoint) -> SignedNote {
        let text = checkpoint.text();
        let mut lines = vec![
            log_key().sign(&text),
            log_mldsa_key()
                .cosign_checkpoint(checkpoint, START_S + self.signed_after_s)
                .unwrap(),
        ];
        for (witness, after_s) in &self.cosigned {
            lines.push(witness_key(*witness).cosign(&text, START_S + after_s).unwrap());
        }
        for (witness, after_s) in &self.cosigned_mldsa {
            lines.push(
                witness_mldsa_key(*witness)
                    .cosign_checkpoint(checkpoint, START_S + after_s)
                    .unwrap(),
            );
        }
        SignedNote::new(text, lines).unwrap()
    }
}

/// What a token over the checkpoint of a proof covers.
pub(crate) fn imprint(proof: &str) -> Hash {
    let note = TlogProof::parse(proof).unwrap().checkpoint;
    timestamp::imprint(&note, log_key().verifier(), log_mldsa_key().verifier()).unwrap()
}

/// Digests of a made-up file.
pub(crate) fn digests(content: &[u8]) -> FileDigests {
    let sha256 = *sha256(content).as_bytes();
    let mut sha512 = [0; 64];
    sha512[..32].copy_from_slice(&sha256);
    FileDigests {
        sha256,
        sha512,
        size: content.len() as u64,
    }
}

/// A manifest of files whose content is their path.
pub(crate) fn manifest(paths: &[&str]) -> Manifest {
    Manifest::new(paths.iter().enumerate().map(|(index, path)| {
        let item = Item::new(ItemPath::new(path).unwrap(), &digests(path.as_bytes()));
        (Salt::from_bytes([index as u8; 32]), item)
    }))
    .unwrap()
}
