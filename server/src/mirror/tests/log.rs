//! A log in memory, with its keys, served over HTTP by a server that can be told to lie.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use trialseal_core::{
    checkpoint::{Checkpoint, Origin},
    entry::{Entry, LogKeys, Statement, record_entry},
    hash::{Hash, RecordId, sha256},
    index::LogSize,
    merkle::{builder, leaf_hash},
    note::{Ed25519SigningKey, KeyName, MlDsa44SigningKey, SignatureLine, SignedNote},
    tile::{TilePath, encode_entries},
    time::Instant,
    trust::Trust,
};

use super::super::{LogTrust, upstream::Upstream};
use crate::outbound::{Outbound, Url};

pub(in crate::mirror) const ORIGIN: &str = "notary.example/2026";
pub(super) const WITNESS: &str = "witness.example/w1";
const TIME_S: u64 = 1_800_000_000;

/// One history of a log.
#[derive(Clone)]
pub(super) struct Log {
    seed: u8,
    pub(super) entries: Vec<Vec<u8>>,
    /// Hashes of each tile level.
    levels: Vec<Vec<Hash>>,
}

fn keys(origin: &str, seed: u8) -> (Ed25519SigningKey, MlDsa44SigningKey) {
    let name = KeyName::new(origin).unwrap();
    (
        Ed25519SigningKey::from_seed(name.clone(), [seed; 32]),
        MlDsa44SigningKey::from_seed(name, [seed; 32]),
    )
}

fn log_keys(origin: &str, seed: u8) -> LogKeys {
    let (ed25519, mldsa) = keys(origin, seed);
    LogKeys::new(ed25519.verifier().clone(), mldsa.verifier().clone()).unwrap()
}

/// The `open` statement of the log, and what stands in `previous`.
pub(super) fn open(seed: u8, previous: Option<String>) -> Vec<u8> {
    let statement = Statement::Open {
        created_at: Instant::from_seconds(TIME_S as i64),
        keys: log_keys(ORIGIN, seed),
        origin: Origin::new(ORIGIN).unwrap(),
        previous,
    };
    Entry::Statement(statement).encode().unwrap()
}

pub(super) fn close() -> Vec<u8> {
    let statement = Statement::Close {
        keys: log_keys("notary.example/2027", 9),
        next: Origin::new("notary.example/2027").unwrap(),
    };
    Entry::Statement(statement).encode().unwrap()
}

pub(super) fn record(name: &str) -> Vec<u8> {
    record_entry(&RecordId::from_hash(sha256(name.as_bytes()))).to_vec()
}

impl Log {
    /// A log of this many entries, which begins with its `open` statement.
    pub(super) fn new(entries: usize) -> Self {
        let mut log = Self::empty();
        log.push(open(log.seed, None));
        log.grow(entries, "record");
        log
    }

    pub(super) fn empty() -> Self {
        Self {
            seed: 7,
            entries: Vec::new(),
            levels: vec![Vec::new()],
        }
    }

    pub(super) fn seed(&self) -> u8 {
        self.seed
    }

    /// The same entries under other keys.
    pub(super) fn with_seed(&self, seed: u8) -> Self {
        Self { seed, ..self.clone() }
    }

    pub(super) fn push(&mut self, entry: Vec<u8>) {
        self.levels[0].push(leaf_hash(&entry));
        self.entries.push(entry);
        for level in 0.. {
            let hashes = &self.levels[level];
            if hashes.is_empty() || !hashes.len().is_multiple_of(256) {
                return;
            }
            let root = builder::root_of(&hashes[hashes.len() - 256..]);
            if self.levels.len() == level + 1 {
                self.levels.push(Vec::new());
            }
            self.levels[level + 1].push(root);
        }
    }

    pub(super) fn grow(&mut self, to: usize, name: &str) {
        while self.entries.len() < to {
            self.push(record(&format!("{name} {}", self.entries.len())));
        }
    }

    pub(super) fn size(&self) -> LogSize {
        LogSize::new(self.entries.len() as u64).unwrap()
    }

    /// By the definition, over all leaves.
    pub(super) fn root(&self) -> Hash {
        builder::root_of(&self.levels[0])
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            origin: Origin::new(ORIGIN).unwrap(),
            size: self.size(),
            root: self.root(),
        }
    }

    /// The newest checkpoint, signed.
    pub(super) fn note(&self) -> SignedNote {
        self.sign(&self.checkpoint())
    }

    pub(super) fn sign(&self, checkpoint: &Checkpoint) -> SignedNote {
        let (ed25519, mldsa) = keys(ORIGIN, self.seed);
        let text = checkpoint.text();
        let lines = vec![
            ed25519.sign(&text),
            mldsa.cosign_checkpoint(checkpoint, TIME_S).unwrap(),
        ];
        SignedNote::new(text, lines).unwrap()
    }

    /// A file of the log; none where it does not reach so far.
    pub(super) fn file(&self, path: &TilePath) -> Option<Vec<u8>> {
        let part = |index: u64, width: u16| index as usize * 256..index as usize * 256 + usize::from(width);
        match *path {
            TilePath::Checkpoint => Some(self.note().to_string().into_bytes()),
            TilePath::Hashes { level, index, width } => {
                let hashes = self
                    .levels
                    .get(usize::from(level))?
                    .get(part(index, width.get()))?;
                Some(hashes.iter().flat_map(|hash| *hash.as_bytes()).collect())
            }
            TilePath::Entries { index, width } => {
                let entries = self.entries.get(part(index, width.get()))?;
                Some(encode_entries(entries.iter().map(Vec::as_slice)).unwrap())
            }
        }
    }

    /// Trust in the log and one witness, who is the quorum.
    pub(super) fn trust(&self) -> LogTrust {
        let origin = Origin::new(ORIGIN).unwrap();
        LogTrust::new(Trust::parse(&trust_of(self.seed)).unwrap(), &origin).unwrap()
    }
}

/// The trust file of a log with keys of this seed.
fn trust_of(seed: u8) -> String {
    let (ed25519, mldsa) = keys(ORIGIN, seed);
    format!(
        "[[log]]\norigin = \"{ORIGIN}\"\ned25519 = \"{}\"\nmldsa = \"{}\"\nfrom = \"2026-01-01T00:00:00Z\"\n\
         [[witness]]\nname = \"w1\"\nvkeys = [\"{}\"]\n[policy]\nquorum = \"w1\"\n",
        ed25519.verifier(),
        mldsa.verifier(),
        witness().cosignature_verifier(),
    )
}

/// A trust file.
pub(in crate::mirror) fn trust_text() -> String {
    trust_of(7)
}

fn witness() -> Ed25519SigningKey {
    Ed25519SigningKey::from_seed(KeyName::new(WITNESS).unwrap(), [3; 32])
}

/// The witness's line under a checkpoint.
pub(super) fn cosigned(note: &SignedNote, time_s: u64) -> SignedNote {
    with_line(note, witness().cosign(note.text(), time_s).unwrap())
}

pub(super) fn with_line(note: &SignedNote, line: SignatureLine) -> SignedNote {
    let mut lines = note.lines().to_vec();
    lines.push(line);
    SignedNote::new(note.text().to_owned(), lines).unwrap()
}

/// What a server does instead of answering with the file.
#[derive(Clone)]
pub(super) enum Fault {
    Status(u16),
    Body(Vec<u8>),
    /// Flips a bit of this byte.
    Flip(usize),
    /// Leaves out the last bytes.
    Short(usize),
    Huge(usize),
    Hang,
}

/// The server of a log: what it shows, and how it lies about single files.
#[derive(Clone)]
pub(super) struct Server {
    shown: Arc<Mutex<Shown>>,
    pub(super) url: Url,
}

struct Shown {
    log: Log,
    /// Shown instead of the log's newest checkpoint.
    note: Option<String>,
    faults: HashMap<String, Fault>,
    asked: Vec<String>,
}

impl Server {
    pub(super) async fn start(log: &Log) -> Self {
        let shown = Arc::new(Mutex::new(Shown {
            log: log.clone(),
            note: None,
            faults: HashMap::new(),
            asked: Vec::new(),
        }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shown));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/2026", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shown, url }
    }

    pub(super) fn upstream(&self) -> Upstream {
        let timeout = Duration::from_millis(2_000);
        Upstream::new(Outbound::new().unwrap(), self.url.clone(), 4, timeout)
    }

    pub(super) fn show(&self, log: &Log) {
        let mut shown = self.shown.lock().unwrap();
        shown.log = log.clone();
        shown.note = None;
    }

    pub(super) fn show_note(&self, note: &str) {
        self.shown.lock().unwrap().note = Some(note.to_owned());
    }

    pub(super) fn plant(&self, path: &str, fault: Fault) {
        self.shown.lock().unwrap().faults.insert(path.to_owned(), fault);
    }

    pub(super) fn heal(&self) {
        self.shown.lock().unwrap().faults.clear();
    }

    /// The paths that were asked for since the last time.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shown.lock().unwrap().asked)
    }
}

async fn answer(State(shown): State<Arc<Mutex<Shown>>>, uri: Uri) -> Response {
    let path = uri.path().strip_prefix("/2026/").unwrap().to_owned();
    let (file, fault) = {
        let mut shown = shown.lock().unwrap();
        shown.asked.push(path.clone());
        let tile: TilePath = path.parse().unwrap();
        let file = match (&shown.note, &tile) {
            (Some(note), TilePath::Checkpoint) => Some(note.clone().into_bytes()),
            _ => shown.log.file(&tile),
        };
        (file, shown.faults.get(&path).cloned())
    };
    let Some(mut file) = file else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match fault {
        None => {}
        Some(Fault::Status(status)) => return StatusCode::from_u16(status).unwrap().into_response(),
        Some(Fault::Body(body)) => file = body,
        Some(Fault::Flip(place)) => file[place] ^= 1,
        Some(Fault::Short(bytes)) => file.truncate(file.len() - bytes),
        Some(Fault::Huge(bytes)) => file = vec![0; bytes],
        Some(Fault::Hang) => std::future::pending().await,
    }
    file.into_response()
}
