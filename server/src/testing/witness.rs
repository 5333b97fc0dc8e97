//! A witness that does what a test tells it, good or bad, over real HTTP on a loopback port.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use trialseal_core::{
    checkpoint::Checkpoint,
    hash::{Hash, sha256},
    index::LogSize,
    merkle::{EMPTY_ROOT, consistency::verify_consistency},
    note::{Ed25519SigningKey, KeyName, MlDsa44SigningKey, SignedNote},
    trust::Witness,
};

use crate::{
    clock::{Clock as _, ManualClock},
    config::WitnessPlace,
    outbound::Url,
};

/// What a witness does when it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Does {
    /// What C2SP tlog-witness says.
    Cosigns,
    /// The same, with a clock that is so many seconds ahead.
    CosignsAhead(i64),
    /// Never answers.
    Hangs,
    /// Answers with this status, type and text.
    Answers(u16, &'static str, String),
    /// Cosigns another root at the same size.
    CosignsOther,
    /// Gives its line among garbage, and lines of somebody else.
    CosignsAmongGarbage,
}

/// A running witness.
pub(crate) struct ScriptedWitness {
    pub(crate) url: Url,
    pub(crate) name: String,
    keys: Keys,
    script: Arc<Mutex<Script>>,
}

#[derive(Clone)]
struct Keys {
    ed25519: Arc<Ed25519SigningKey>,
    mldsa: Arc<MlDsa44SigningKey>,
}

pub(crate) struct Script {
    pub(crate) does: Does,
    /// What it cosigned last.
    pub(crate) size: LogSize,
    root: Hash,
    /// Requests so far.
    pub(crate) asked: usize,
    /// What it shows to those who monitor it.
    pub(crate) shows: Option<String>,
}

#[derive(Clone)]
struct Served {
    keys: Keys,
    script: Arc<Mutex<Script>>,
    clock: Arc<ManualClock>,
}

impl ScriptedWitness {
    /// Starts a witness whose clock is the log's.
    pub(crate) async fn start(name: &str, clock: &Arc<ManualClock>, does: Does) -> Self {
        let key_name = KeyName::new(&format!("witness.example/{name}")).unwrap();
        let seed = *sha256(name.as_bytes()).as_bytes();
        let keys = Keys {
            ed25519: Arc::new(Ed25519SigningKey::from_seed(key_name.clone(), seed)),
            mldsa: Arc::new(MlDsa44SigningKey::from_seed(key_name, seed)),
        };
        let script = Arc::new(Mutex::new(Script {
            does,
            size: LogSize::EMPTY,
            root: EMPTY_ROOT,
            asked: 0,
            shows: None,
        }));
        let served = Served {
            keys: keys.clone(),
            script: Arc::clone(&script),
            clock: Arc::clone(clock),
        };
        let router = Router::new()
            .route("/add-checkpoint", post(add_checkpoint))
            .route("/{origin}/checkpoint", get(show))
            .with_state(served);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            name: name.to_owned(),
            keys,
            script,
        }
    }

    pub(crate) fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    pub(crate) fn does(&self, does: Does) {
        self.script().does = does;
    }

    pub(crate) fn place(&self, place: usize) -> WitnessPlace {
        WitnessPlace {
            place,
            witness: Witness {
                name: self.name.clone(),
                vkeys: vec![
                    self.keys.ed25519.cosignature_verifier().clone(),
                    self.keys.mldsa.verifier().clone(),
                ],
            },
            url: self.url.clone(),
            monitoring_url: self.url.clone(),
        }
    }

    /// Its entry in a trust file.
    pub(crate) fn trust(&self) -> String {
        format!(
            "[[witness]]\nname = \"{}\"\nvkeys = [\"{}\", \"{}\"]\n",
            self.name,
            self.keys.ed25519.cosignature_verifier(),
            self.keys.mldsa.verifier()
        )
    }
}

async fn show(State(served): State<Served>) -> Response {
    match served.script.lock().unwrap().shows.clone() {
        Some(note) => note.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn add_checkpoint(State(served): State<Served>, body: String) -> Response {
    let does = {
        let mut script = served.script.lock().unwrap();
        script.asked += 1;
        script.does.clone()
    };
    match does {
        Does::Hangs => std::future::pending().await,
        Does::Answers(status, content_type, text) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [(header::CONTENT_TYPE, content_type)], text).into_response()
        }
        does => served.cosign(&does, &body),
    }
}

impl Served {
    fn cosign(&self, does: &Does, body: &str) -> Response {
        let (head, note) = body.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let old: LogSize = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .unwrap()
            .parse()
            .unwrap();
        let proof: Vec<Hash> = lines.map(|line| Hash::from_base64(line).unwrap()).collect();
        let note = SignedNote::parse(note).unwrap();
        assert_eq!(note.lines().len(), 2, "the log's own lines, and no others");
        let checkpoint = Checkpoint::parse(note.text()).unwrap();
        let mut script = self.script.lock().unwrap();
        if old > checkpoint.size {
            return StatusCode::BAD_REQUEST.into_response();
        }
        if old != script.size {
            let text = format!("{}\n", script.size);
            return (
                StatusCode::CONFLICT,
                [(header::CONTENT_TYPE, "text/x.tlog.size")],
                text,
            )
                .into_response();
        }
        if verify_consistency(old, &script.root, checkpoint.size, &checkpoint.root, &proof).is_err() {
            return StatusCode::UNPROCESSABLE_ENTITY.into_response();
        }
        (script.size, script.root) = (checkpoint.size, checkpoint.root);
        let ahead = match does {
            Does::CosignsAhead(seconds) => *seconds,
            _ => 0,
        };
        let time = u64::try_from(self.clock.now().seconds() + ahead).unwrap();
        let cosigned = match does {
            Does::CosignsOther => Checkpoint {
                root: sha256(b"another log"),
                ..checkpoint
            },
            _ => checkpoint,
        };
        let ed25519 = self.keys.ed25519.cosign(&cosigned.text(), time).unwrap();
        let mldsa = self.keys.mldsa.cosign_checkpoint(&cosigned, time).unwrap();
        let lines = format!("{ed25519}\n{mldsa}\n");
        match does {
            Does::CosignsAmongGarbage => {
                let name = KeyName::new("witness.example/nobody").unwrap();
                let other = Ed25519SigningKey::from_seed(name, [9; 32]).cosign(&cosigned.text(), time);
                format!("garbage\n{}\n\n{lines}", other.unwrap()).into_response()
            }
            _ => lines.into_response(),
        }
    }
}
