//! A witness that does what a test tells it. It keeps no log's past: it is there to misbehave.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use trialseal_core::checkpoint::Checkpoint;
use trialseal_core::note::{
    Ed25519SigningKey, KeyName, MlDsa44SigningKey, SignatureLine, SignedNote, VerifierKey,
};

use super::trust_entry;
use crate::notary::PATIENCE;

/// Longer bodies are not read.
const BODY_BYTES_MAX: u64 = 1 << 20;

/// What it does with a checkpoint.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Cosigns it, whatever it is.
    Cosigns,
    /// Cosigns it as of another time, in seconds since 1970.
    At(u64),
    /// Cosigns it after a while.
    Delays(Duration),
    /// Takes it and does not answer before it is told to behave otherwise.
    Hangs,
    /// Answers 200 with these bytes.
    Answers(Vec<u8>),
    /// Cosigns with keys that nobody knows, under its own name.
    UnknownKeys,
    /// Lines by its own keys, over another checkpoint.
    WrongSignatures,
    /// Answers 409 as if it had cosigned this size last.
    Conflict(String),
    /// Answers with this status.
    Status(u16),
    /// Closes the connection without an answer.
    Closes,
}

/// A scripted witness; stopped when dropped.
pub struct ScriptedWitness {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

struct Keys {
    ed25519: Ed25519SigningKey,
    mldsa: MlDsa44SigningKey,
}

struct Shared {
    name: KeyName,
    keys: Keys,
    script: Mutex<Script>,
    changed: Condvar,
}

struct Script {
    behaviour: Behaviour,
    /// What the monitoring path shows, whatever log is asked for.
    shows: Option<String>,
    asked: usize,
    stopped: bool,
}

impl Keys {
    fn new(name: &KeyName) -> Self {
        Self {
            ed25519: Ed25519SigningKey::from_seed(name.clone(), rand::random()),
            mldsa: MlDsa44SigningKey::from_seed(name.clone(), rand::random()),
        }
    }

    fn lines(&self, checkpoint: &Checkpoint, time_s: u64) -> String {
        let lines: [SignatureLine; 2] = [
            self.ed25519.cosign(&checkpoint.text(), time_s).unwrap(),
            self.mldsa.cosign_checkpoint(checkpoint, time_s).unwrap(),
        ];
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

impl ScriptedWitness {
    /// Starts one under a name, such as `witness.example.edu/liar`.
    ///
    /// # Panics
    /// If there is no free port.
    #[must_use]
    pub fn start(name: &str, behaviour: Behaviour) -> Self {
        let name = KeyName::new(name).expect("a key name");
        let shared = Arc::new(Shared {
            keys: Keys::new(&name),
            name,
            script: Mutex::new(Script {
                behaviour,
                shows: None,
                asked: 0,
                stopped: false,
            }),
            changed: Condvar::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().unwrap();
        let serving = Arc::clone(&shared);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.script().stopped {
                    return;
                }
                let serving = Arc::clone(&serving);
                // A connection that breaks is the other side's affair.
                thread::spawn(move || drop(serving.serve(&stream)));
            }
        });
        Self {
            shared,
            address,
            accepting: Some(accepting),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shared.name.as_str()
    }

    /// Its submission and monitoring prefix.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/scripted", self.address)
    }

    /// Its two keys, `0x04` and `0x06`.
    #[must_use]
    pub fn keys(&self) -> Vec<VerifierKey> {
        let Keys { ed25519, mldsa } = &self.shared.keys;
        vec![ed25519.cosignature_verifier().clone(), mldsa.verifier().clone()]
    }

    /// Its table in a trust file.
    #[must_use]
    pub fn trust_entry(&self) -> String {
        trust_entry(self.name(), &self.keys())
    }

    /// Changes what it does, also with requests that hang.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.script().behaviour = behaviour;
        self.shared.changed.notify_all();
    }

    /// Changes what its monitoring path shows.
    pub fn show(&self, note: Option<String>) {
        self.shared.script().shows = note;
    }

    /// How many checkpoints it was sent.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.shared.script().asked
    }

    /// Waits until it was sent so many checkpoints.
    ///
    /// # Panics
    /// If it is not.
    pub fn await_asked(&self, times: usize) {
        let script = self.shared.script();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(script, PATIENCE, |script| script.asked < times);
        let (script, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(
            script.asked >= times,
            "{} was asked {} times",
            self.name(),
            script.asked
        );
    }
}

impl Drop for ScriptedWitness {
    fn drop(&mut self) {
        self.shared.script().stopped = true;
        self.shared.changed.notify_all();
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request, and an answer after which the connection is closed.
    fn serve(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut request = String::new();
        reader.read_line(&mut request)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? <= 2 {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = Vec::new();
        reader.take(BODY_BYTES_MAX.min(length)).read_to_end(&mut body)?;
        let answer = match request.starts_with("GET ") {
            true => self.show(),
            false => self.judge(&body),
        };
        let Some((status, media, body)) = answer else {
            return Ok(());
        };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status} -\r\ncontent-type: {media}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        )?;
        stream.write_all(&body)
    }

    fn show(&self) -> Option<(u16, &'static str, Vec<u8>)> {
        match self.script().shows.clone() {
            Some(note) => Some((200, "text/plain", note.into_bytes())),
            None => Some((404, "text/plain", Vec::new())),
        }
    }

    fn judge(&self, body: &[u8]) -> Option<(u16, &'static str, Vec<u8>)> {
        let mut script = self.script();
        script.asked += 1;
        self.changed.notify_all();
        let hangs = |script: &mut Script| matches!(script.behaviour, Behaviour::Hangs) && !script.stopped;
        let script = self
            .changed
            .wait_while(script, hangs)
            .unwrap_or_else(PoisonError::into_inner);
        let behaviour = script.behaviour.clone();
        drop(script);
        let checkpoint = checkpoint_of(body)?;
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let cosigned = |lines: String| Some((200, "text/plain; charset=utf-8", lines.into_bytes()));
        match behaviour {
            Behaviour::Cosigns => cosigned(self.keys.lines(&checkpoint, now_s)),
            Behaviour::At(time_s) => cosigned(self.keys.lines(&checkpoint, time_s)),
            Behaviour::Delays(delay) => {
                thread::sleep(delay);
                cosigned(self.keys.lines(&checkpoint, now_s))
            }
            Behaviour::Hangs | Behaviour::Closes => None,
            Behaviour::Answers(bytes) => Some((200, "text/plain; charset=utf-8", bytes)),
            Behaviour::UnknownKeys => cosigned(Keys::new(&self.name).lines(&checkpoint, now_s)),
            Behaviour::WrongSignatures => {
                let other = Checkpoint {
                    root: trialseal_core::hash::sha256(b"another tree"),
                    ..checkpoint
                };
                cosigned(self.keys.lines(&other, now_s))
            }
            Behaviour::Conflict(size) => Some((409, "text/x.tlog.size", format!("{size}\n").into_bytes())),
            Behaviour::Status(status) => Some((status, "text/plain", Vec::new())),
        }
    }
}

fn checkpoint_of(body: &[u8]) -> Option<Checkpoint> {
    let (_, note) = std::str::from_utf8(body).ok()?.split_once("\n\n")?;
    let note = SignedNote::parse(note).ok()?;
    Checkpoint::parse(note.text()).ok()
}
