//! A notary in memory: a log with a witness at times of one's choosing, and receipts of everything in it.

use std::collections::BTreeMap;

use trialseal_core::checkpoint::{Checkpoint, Origin};
use trialseal_core::checkpoint_chain::{ChainedCheckpoint, CheckpointChain};
use trialseal_core::dossier::Dossier;
use trialseal_core::entry::{Entry, Statement, record_leaf_hash};
use trialseal_core::hash::{Hash, RecordId, Salt, sha256};
use trialseal_core::identifiers::{Code, MemberId, OrganizationId, RegisterName};
use trialseal_core::index::{LogIndex, LogSize, Sequence};
use trialseal_core::manifest::{ContentDigest, FileDigests, Item, ItemPath, Manifest};
use trialseal_core::merkle::builder::{Tree, root_of};
use trialseal_core::merkle::leaf_hash;
use trialseal_core::merkle::nodes::{NodeSource, consistency_path};
use trialseal_core::note::{Ed25519SigningKey, KeyName, MlDsa44SigningKey, SignedNote};
use trialseal_core::receipt::{Evidence, Receipt, ReceiptPart, ReceiptRecord, ReceiptSubmission, ShownPart};
use trialseal_core::record::{
    Account, Enrolment, Grant, Link, Part, Scope, Scopes, Signer, What, When, Who, Why,
};
use trialseal_core::register_statement::{RegisterStatement, ShownLine, line_text};
use trialseal_core::submission::{IdempotencyKey, SubmissionText, digest};
use trialseal_core::time::Instant;
use trialseal_core::tlog_proof::format_tlog_proof;
use trialseal_core::trust::Trust;
use trialseal_core::verify::RegisterLine;
use trialseal_core::vocabulary::{
    AccountType, Blind, Class, Event, IdentityGrade, Meaning, Rel, Role, SignerKind,
};

pub(crate) const ORIGIN: &str = "notary.example.org/2026";
pub(crate) const TRIAL: &str = "trial:NCT04573309";

pub(crate) fn instant(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

pub(crate) fn register(name: &str) -> RegisterName {
    RegisterName::parse(name).unwrap()
}

/// A record that is to be made.
#[derive(Clone)]
pub(crate) struct Put {
    by: String,
    role: Role,
    meaning: Meaning,
    kind: SignerKind,
    key_seed: Option<u8>,
    is_draft: bool,
    pub(crate) what: What,
    why: Why,
    files: Vec<(String, Vec<u8>)>,
    /// The index whose salts its files have, where that is not its own.
    salts_of: Option<u64>,
}

impl Put {
    /// By `organisation/member` in a role, in the trial's register.
    pub(crate) fn new(by: &str, role: Role, class: Class, event: Event) -> Self {
        Self {
            by: by.to_owned(),
            role,
            meaning: Meaning::Responsibility,
            kind: SignerKind::Person,
            key_seed: None,
            is_draft: false,
            what: What::new(register(TRIAL), class, event),
            why: Why::default(),
            files: Vec::new(),
            salts_of: None,
        }
    }

    pub(crate) fn what(mut self, change: impl FnOnce(&mut What)) -> Self {
        change(&mut self.what);
        self
    }

    pub(crate) fn in_register(mut self, name: &str) -> Self {
        self.what.register = register(name);
        self
    }

    pub(crate) fn version(self, version: &str) -> Self {
        let version = version.parse().unwrap();
        self.what(|what| what.version = Some(version))
    }

    pub(crate) fn file(mut self, path: &str, content: &[u8]) -> Self {
        self.files.push((path.to_owned(), content.to_vec()));
        self
    }

    pub(crate) fn link(self, rel: Rel, to: &Made) -> Self {
        let link = Link {
            rel,
            record: to.record,
            index: to.index,
            log: None,
        };
        self.what(|what| what.links.push(link))
    }

    pub(crate) fn why(mut self, reason: &str) -> Self {
        self.why.reason = Some(reason.to_owned());
        self
    }

    /// `declared_at`, an instant or a date.
    pub(crate) fn declared(self, text: &str) -> Self {
        let declared = text.parse().unwrap();
        self.what(|what| what.declared_at = Some(declared))
    }

    pub(crate) fn sites(self, sites: &[&str]) -> Self {
        let scopes = Scopes {
            sites: sites.iter().map(|site| Code::new(site).unwrap()).collect(),
            ..Scopes::default()
        };
        self.what(|what| what.scope = Some(Scope::Only(Box::new(scopes))))
    }

    pub(crate) fn countries(self, countries: &[&str]) -> Self {
        let scopes = Scopes {
            countries: countries.iter().map(|country| country.parse().unwrap()).collect(),
            ..Scopes::default()
        };
        self.what(|what| what.scope = Some(Scope::Only(Box::new(scopes))))
    }

    pub(crate) fn everywhere(self) -> Self {
        self.what(|what| what.scope = Some(Scope::All))
    }

    pub(crate) fn by_system(mut self) -> Self {
        self.kind = SignerKind::System;
        self.meaning = Meaning::Execution;
        self
    }

    /// With the salts of another record, so that the same files make the same manifest.
    pub(crate) fn same_manifest_as(mut self, other: &Made) -> Self {
        self.salts_of = Some(other.index.get());
        self
    }

    pub(crate) fn draft(mut self) -> Self {
        self.is_draft = true;
        self
    }
}

/// A record that was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) record: RecordId,
    pub(crate) index: LogIndex,
    pub(crate) sequence: Sequence,
}

struct Stored {
    made: Made,
    log: usize,
    register: RegisterName,
    record: ReceiptRecord,
    note: Option<String>,
    manifest: Option<Manifest>,
}

/// One state of the log.
#[derive(Clone, Copy)]
struct Cut {
    size: usize,
    signed_at: Instant,
    /// When the witness cosigned, if it did.
    witnessed_at: Option<Instant>,
}

#[derive(Clone)]
struct Stated {
    log: usize,
    index: usize,
    text: String,
    lines: Vec<RegisterLine>,
}

/// One log; the last of a story is the one that grows.
struct Log {
    origin: Origin,
    leaves: Vec<Hash>,
    cuts: Vec<Cut>,
}

pub(crate) struct Story {
    now: Instant,
    logs: Vec<Log>,
    stored: Vec<Stored>,
    heads: BTreeMap<RegisterName, (RecordId, RecordId, u64)>,
    keys: BTreeMap<String, (u8, Enrolment)>,
    stated: Vec<Stated>,
    /// How long after a record the witness cosigns; none at all.
    pub(crate) witness_after_s: Option<i64>,
    /// A format-aware digest of every file.
    pub(crate) content: Option<ContentDigest>,
    /// By how much the notary's clock is ahead.
    pub(crate) clock_off_s: i64,
}

/// The log that the first one goes on in.
const NEXT_ORIGIN: &str = "notary.example.org/2027";

fn log_keys(origin: &Origin) -> (Ed25519SigningKey, MlDsa44SigningKey) {
    let name = origin.key_name().clone();
    let seed = if origin.as_str() == ORIGIN { 1 } else { 4 };
    (
        Ed25519SigningKey::from_seed(name.clone(), [seed; 32]),
        MlDsa44SigningKey::from_seed(name, [seed + 1; 32]),
    )
}

fn witness_key() -> Ed25519SigningKey {
    Ed25519SigningKey::from_seed(KeyName::new("witness.example/1").unwrap(), [3; 32])
}

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

pub(crate) fn trust_file(require: &str) -> String {
    let log = |origin: &str| {
        let (ed25519, mldsa) = log_keys(&Origin::new(origin).unwrap());
        format!(
            "[[log]]\norigin = \"{origin}\"\ned25519 = \"{}\"\nmldsa = \"{}\"\nfrom = \"2026-01-01T00:00:00Z\"\n",
            ed25519.verifier(),
            mldsa.verifier()
        )
    };
    format!(
        "{}{}[[witness]]\nname = \"university\"\nvkeys = [\"{}\"]\n\
         [policy]\nquorum = \"university\"\nrequire = \"{require}\"\n",
        log(ORIGIN),
        log(NEXT_ORIGIN),
        witness_key().cosignature_verifier()
    )
}

pub(crate) fn trust() -> Trust {
    Trust::parse(&trust_file("witnessed")).unwrap()
}

impl Log {
    fn open(origin: &str) -> Self {
        Self {
            origin: Origin::new(origin).unwrap(),
            leaves: vec![leaf_hash(b"open")],
            cuts: Vec::new(),
        }
    }
}

impl Log {
    fn note(&self, cut: &Cut) -> String {
        let (ed25519, mldsa) = log_keys(&self.origin);
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: LogSize::new(cut.size as u64).unwrap(),
            root: root_of(&self.leaves[..cut.size]),
        };
        let text = checkpoint.text();
        let seconds = |time: Instant| u64::try_from(time.seconds()).unwrap();
        let mut lines = vec![
            ed25519.sign(&text),
            mldsa
                .cosign_checkpoint(&checkpoint, seconds(cut.signed_at))
                .unwrap(),
        ];
        if let Some(time) = cut.witnessed_at {
            lines.push(witness_key().cosign(&text, seconds(time)).unwrap());
        }
        SignedNote::new(text, lines).unwrap().to_string()
    }

    /// The proof of an entry in the first checkpoint that holds it.
    fn evidence(&self, index: usize) -> Evidence {
        let cut = self.cuts.iter().find(|cut| cut.size == index + 1).unwrap();
        let path = Tree::new(&self.leaves[..cut.size]).path(index).unwrap();
        Evidence::new(format_tlog_proof(
            LogIndex::new(index as u64).unwrap(),
            &path,
            &self.note(cut),
        ))
    }

    fn chain(&self) -> Vec<ChainedCheckpoint> {
        let size = |size: usize| LogSize::new(size as u64).unwrap();
        let source = Leaves(&self.leaves);
        let checkpoints = self.cuts.iter().map(|cut| {
            let Ok(consistency) = consistency_path(size(cut.size), size(self.leaves.len()), &source);
            ChainedCheckpoint {
                note: self.note(cut),
                timestamps: Vec::new(),
                consistency,
            }
        });
        checkpoints.collect()
    }
}

impl Story {
    pub(crate) fn new() -> Self {
        Self {
            now: instant("2026-01-01T08:00:00Z"),
            logs: vec![Log::open(ORIGIN)],
            stored: Vec::new(),
            heads: BTreeMap::new(),
            keys: BTreeMap::new(),
            stated: Vec::new(),
            witness_after_s: Some(5),
            content: None,
            clock_off_s: 0,
        }
    }

    /// The log goes on under its next origin.
    pub(crate) fn rotate(&mut self) {
        self.append(leaf_hash(b"close"));
        self.logs.push(Log::open(NEXT_ORIGIN));
    }

    fn log(&self) -> &Log {
        self.logs.last().unwrap()
    }

    pub(crate) fn at(&mut self, time: &str) {
        let time = instant(time);
        assert!(time > self.now, "time goes on");
        self.now = time;
    }

    /// A minute later.
    fn tick(&mut self) {
        self.now = self.now.plus_millis(60_000);
    }

    fn operator_record(&mut self, what: What) -> Made {
        let put = Put {
            by: "notary/operator".to_owned(),
            role: Role::Sponsor,
            meaning: Meaning::Responsibility,
            kind: SignerKind::Person,
            key_seed: None,
            is_draft: true,
            what,
            why: Why::default(),
            files: Vec::new(),
            salts_of: None,
        };
        self.put(put)
    }

    pub(crate) fn account(
        &mut self,
        class: Class,
        event: Event,
        account: Account,
        organization: &str,
    ) -> Made {
        let mut what = What::new(register(&format!("org:{organization}")), class, event);
        what.account = Some(account);
        self.operator_record(what)
    }

    pub(crate) fn organization(&mut self, id: &str, kind: &str) {
        let mut account = account(AccountType::Organisation, id);
        account.kind = Some(Code::new(kind).unwrap());
        account.grade = Some(IdentityGrade::OperatorChecked);
        self.account(Class::Organisation, Event::Registered, account, id);
    }

    /// A member with a key.
    pub(crate) fn member(&mut self, name: &str, kind: SignerKind) {
        let (organization, member) = name.split_once('/').unwrap();
        let mut own = account(AccountType::Member, member);
        own.kind = Some(Code::new(kind.as_str()).unwrap());
        self.account(Class::Member, Event::Registered, own, organization);
        let seed = 10 + self.keys.len() as u8;
        let made = self.key(name, seed, Event::Registered);
        let enrolment = Enrolment {
            index: made.index,
            record: made.record,
        };
        self.keys.insert(name.to_owned(), (seed, enrolment));
    }

    /// Enrols or revokes a key.
    pub(crate) fn key(&mut self, name: &str, seed: u8, event: Event) -> Made {
        let (organization, member) = name.split_once('/').unwrap();
        let mut own = account(AccountType::Key, member);
        own.vkey = Some(member_key(name, seed).verifier().clone());
        self.account(Class::Member, event, own, organization)
    }

    /// From now on the member signs with another key, enrolled as the first was.
    pub(crate) fn second_key(&mut self, name: &str, seed: u8) {
        let made = self.key(name, seed, Event::Registered);
        let enrolment = Enrolment {
            index: made.index,
            record: made.record,
        };
        self.keys.insert(name.to_owned(), (seed, enrolment));
    }

    pub(crate) fn seed_of(&self, name: &str) -> u8 {
        self.keys[name].0
    }

    pub(crate) fn grant(&mut self, by: &str, to: &str, role: Role, blind: Blind) -> Made {
        let (organization, member) = to.split_once('/').unwrap();
        let grant = Grant {
            organization: OrganizationId::new(organization).unwrap(),
            member: MemberId::new(member).unwrap(),
            role,
            blind,
            expires: None,
        };
        let put = Put::new(by, Role::Sponsor, Class::Grant, Event::Granted);
        self.put(put.what(|what| what.grant = Some(grant)))
    }

    pub(crate) fn put(&mut self, put: Put) -> Made {
        self.tick();
        let index = self.log().leaves.len() as u64;
        let salt = |part: Part| Salt::from_bytes(*sha256(format!("{index} {part}").as_bytes()).as_bytes());
        let shown = |part: Part, text: String| ShownPart {
            salt: salt(part),
            text,
        };
        let manifest = manifest(&put.files, put.salts_of.unwrap_or(index), self.content.as_ref());
        let mut what = put.what.clone();
        if let Some(manifest) = &manifest {
            what.manifest = Some(manifest.commitment());
        }
        let (organization, member) = put.by.split_once('/').unwrap();
        let mut who = Who::draft(
            OrganizationId::new(organization).unwrap(),
            MemberId::new(member).unwrap(),
        );
        let mut key = None;
        if !put.is_draft {
            let (seed, enrolment) = self.keys[&put.by];
            let own = member_key(&put.by, put.key_seed.unwrap_or(seed));
            who.signer = Some(Signer {
                name: format!("Dr {}", capital(member)),
                role: put.role,
                meaning: put.meaning,
                kind: put.kind,
                key: own.verifier().clone(),
                signed_at: self.now,
                enrolment,
            });
            key = Some(own);
        }
        let register = what.register.clone();
        let what_part = shown(Part::What, what.to_json());
        let who_part = shown(Part::Who, who.to_json());
        let why_part = shown(Part::Why, put.why.to_json());
        let received_at = self.now.plus_millis(self.clock_off_s * 1_000);
        let note = key.map(|key| {
            let text = SubmissionText {
                log: self.log().origin.clone(),
                not_after: received_at.plus_millis(3_600_000),
                idempotency_key: IdempotencyKey::from_bytes(*sha256(&index.to_be_bytes()).as_bytes()),
                what: what_part.leaf(Part::What),
                who: who_part.leaf(Part::Who),
                why: why_part.leaf(Part::Why),
            };
            text.sign(&key)
        });
        let (previous, size) = match self.heads.get(&register) {
            Some((_, head, size)) => (Some(*head), *size),
            None => (None, 0),
        };
        let when = When {
            log: self.log().origin.clone(),
            index: LogIndex::new(index).unwrap(),
            received_at,
            register: register.clone(),
            sequence: Sequence::new(size + 1).unwrap(),
            previous,
            class: what.class,
            event: what.event,
            sealed: what.is_sealed(),
            submission: note.as_deref().map(digest),
        };
        let record = ReceiptRecord::new(
            ReceiptPart::Shown(what_part),
            ReceiptPart::Shown(who_part),
            ReceiptPart::Shown(why_part),
            shown(Part::When, when.to_json()),
        );
        let id = record.leaves().root();
        let first = self.heads.get(&register).map_or(id, |(first, _, _)| *first);
        self.heads.insert(register.clone(), (first, id, size + 1));
        self.append(record_leaf_hash(&id));
        let made = Made {
            record: id,
            index: when.index,
            sequence: when.sequence,
        };
        self.stored.push(Stored {
            made,
            log: self.logs.len() - 1,
            register,
            record,
            note,
            manifest,
        });
        made
    }

    fn append(&mut self, leaf: Hash) {
        let (now, clock_off_s, after) = (self.now, self.clock_off_s, self.witness_after_s);
        let log = self.logs.last_mut().unwrap();
        log.leaves.push(leaf);
        log.cuts.push(Cut {
            size: log.leaves.len(),
            signed_at: now.plus_millis(1_000.max(clock_off_s * 1_000)),
            witnessed_at: after.map(|after| now.plus_millis(after * 1_000)),
        });
    }

    /// The notary states all registers.
    pub(crate) fn state(&mut self) {
        self.tick();
        let mut lines: Vec<RegisterLine> = self
            .heads
            .values()
            .map(|(first, head, size)| RegisterLine {
                id: *first,
                size: Sequence::new(*size).unwrap(),
                head: *head,
            })
            .collect();
        lines.sort_by_key(|line| *line.id.as_bytes());
        let leaves: Vec<Hash> = lines
            .iter()
            .map(|line| leaf_hash(line_text(line).as_bytes()))
            .collect();
        let statement = Statement::Registers {
            at: self.now,
            count: lines.len() as u64,
            root: root_of(&leaves),
            size: LogSize::new(self.log().leaves.len() as u64).unwrap(),
        };
        self.stated.push(Stated {
            log: self.logs.len() - 1,
            index: self.log().leaves.len(),
            text: statement.to_json(),
            lines,
        });
        self.append(Entry::Statement(statement).leaf_hash().unwrap());
    }

    /// The receipt of a record    /// The receipt of a record, with its own checkpoint, and its manifest if it has one.
    pub(crate) fn receipt(&self, made: &Made) -> Receipt {
        let stored = self
            .stored
            .iter()
            .find(|stored| stored.made.record == made.record)
            .unwrap();
        let index = usize::try_from(made.index.get()).unwrap();
        let receipt = Receipt::new(
            stored.record.clone(),
            stored.note.clone().map(ReceiptSubmission::Note),
            vec![self.logs[stored.log].evidence(index)],
        )
        .unwrap();
        match &stored.manifest {
            Some(manifest) => receipt.with_manifest(manifest),
            None => receipt,
        }
    }

    pub(crate) fn name_of(&self, made: &Made) -> String {
        let stored = self
            .stored
            .iter()
            .find(|stored| stored.made.record == made.record)
            .unwrap();
        let folder = if stored.register.accounts_of().is_some() {
            "accounts"
        } else {
            "receipts"
        };
        let organization = stored.register.as_str().replace(':', "-");
        format!(
            "{folder}/{organization}-{:0>6}.receipt.json",
            made.sequence.to_string()
        )
    }

    /// All receipts.
    pub(crate) fn receipts(&self) -> Vec<(String, Vec<u8>)> {
        let file = |stored: &Stored| {
            (
                self.name_of(&stored.made),
                self.receipt(&stored.made).to_json_pretty().into_bytes(),
            )
        };
        self.stored.iter().map(file).collect()
    }

    /// The statement file of a register, by the latest statement.
    pub(crate) fn statement(&self, name: &str) -> (String, Vec<u8>) {
        let stated = self.stated.last().unwrap();
        let (first, _, _) = self.heads[&register(name)];
        let leaves: Vec<Hash> = stated
            .lines
            .iter()
            .map(|line| leaf_hash(line_text(line).as_bytes()))
            .collect();
        let tree = Tree::new(&leaves);
        let own = stated.lines.iter().position(|line| line.id == first).unwrap();
        let shown = (own.saturating_sub(1)..stated.lines.len().min(own + 2)).map(|position| ShownLine {
            position: position as u64,
            text: line_text(&stated.lines[position]),
            line: stated.lines[position],
            path: tree.path(position).unwrap(),
        });
        let statement = RegisterStatement::new(
            name,
            first,
            stated.text.clone(),
            vec![self.logs[stated.log].evidence(stated.index)],
            shown.collect(),
        );
        (
            "statement.json".to_owned(),
            statement.unwrap().to_json().into_bytes(),
        )
    }

    /// The chain of all checkpoints.
    pub(crate) fn chain(&self) -> (String, Vec<u8>) {
        let chain = CheckpointChain {
            checkpoints: self.logs.iter().flat_map(Log::chain).collect(),
        };
        ("checkpoints.json".to_owned(), chain.to_json().into_bytes())
    }

    /// Everything: receipts, the statement of the trial, the chain.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = self.receipts();
        files.push(self.statement(TRIAL));
        files.push(self.chain());
        files
    }

    /// A dossier of everything, a day later.
    pub(crate) fn dossier(&self) -> Dossier {
        self.dossier_of(self.files())
    }

    pub(crate) fn dossier_of(&self, files: Vec<(String, Vec<u8>)>) -> Dossier {
        Dossier::load(&trust(), self.later(), files)
    }

    pub(crate) fn later(&self) -> Instant {
        self.now.plus_millis(86_400_000)
    }

    /// Everything but the receipt of one record.
    pub(crate) fn without(&self, made: &Made) -> Vec<(String, Vec<u8>)> {
        let name = self.name_of(made);
        self.files().into_iter().filter(|(own, _)| *own != name).collect()
    }

    /// Everything, with the receipt of one record as it is changed.
    pub(crate) fn with(
        &self,
        made: &Made,
        change: impl FnOnce(Receipt) -> Receipt,
    ) -> Vec<(String, Vec<u8>)> {
        let changed = change(self.receipt(made)).to_json_pretty().into_bytes();
        let mut files = self.without(made);
        files.push((self.name_of(made), changed));
        files
    }
}

struct Leaves<'a>(&'a [Hash]);

impl NodeSource for Leaves<'_> {
    type Error = std::convert::Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        let width = 1_usize << level;
        let first = usize::try_from(index).unwrap() * width;
        Ok(root_of(&self.0[first..first + width]))
    }
}

pub(crate) fn account(account_type: AccountType, id: &str) -> Account {
    Account {
        account_type,
        id: MemberId::new(id).unwrap(),
        vkey: None,
        token_sha256: None,
        expires: None,
        kind: None,
        grade: None,
        identifiers: Vec::new(),
    }
}

pub(crate) fn member_key(name: &str, seed: u8) -> Ed25519SigningKey {
    Ed25519SigningKey::from_seed(KeyName::new(name).unwrap(), [seed; 32])
}

fn manifest(files: &[(String, Vec<u8>)], index: u64, digest: Option<&ContentDigest>) -> Option<Manifest> {
    if files.is_empty() {
        return None;
    }
    let items = files.iter().enumerate().map(|(place, (path, content))| {
        let salt = Salt::from_bytes(*sha256(format!("{index} {place}").as_bytes()).as_bytes());
        let mut item = Item::new(ItemPath::new(path).unwrap(), &digests(content));
        item.content = digest.cloned();
        (salt, item)
    });
    Some(Manifest::new(items).unwrap())
}

fn capital(text: &str) -> String {
    text[..1].to_uppercase() + &text[1..]
}
