//! Witnesses: real ones as processes, and scripted ones that misbehave on demand.

mod scripted;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use trialseal_core::checkpoint::Checkpoint;
use trialseal_core::encoding::hex_encode;
use trialseal_core::hash::{Hash, sha256};
use trialseal_core::note::{SignedNote, VerifierKey};

use crate::http::{self, Answer};
use crate::notary::{PASSPHRASE, Refused, set_mode};
use crate::process::Process;
use crate::programs;

pub use scripted::{Behaviour, ScriptedWitness};

/// Names of witnesses are below this host.
const HOST: &str = "witness.example.edu";

/// A real witness's folder.
pub struct WitnessFolder {
    dir: PathBuf,
    name: String,
    starts: AtomicU32,
}

impl WitnessFolder {
    /// A new witness `witness.example.edu/<short>` in `parent/<short>`, that watches no log yet.
    #[must_use]
    pub fn below(parent: &Path, short: &str) -> Self {
        let (dir, name) = (parent.join(short), format!("{HOST}/{short}"));
        let passphrase = parent.join(format!("{short}.passphrase"));
        fs::write(&passphrase, format!("{PASSPHRASE}\n")).unwrap();
        set_mode(&passphrase, 0o600);
        let mut command = Command::new(programs::server());
        command
            .args([
                "witness",
                "init",
                "--listen",
                "127.0.0.1:0",
                "--name",
                &name,
                "--dir",
            ])
            .arg(&dir)
            .arg("--passphrase-file")
            .arg(&passphrase);
        programs::must(&mut command);
        Self {
            dir,
            name,
            starts: AtomicU32::new(0),
        }
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its two keys, `0x04` and `0x06`.
    #[must_use]
    pub fn keys(&self) -> Vec<VerifierKey> {
        let text = fs::read_to_string(self.dir.join("keys/witness.pub")).unwrap();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// Its table in a trust file.
    #[must_use]
    pub fn trust_entry(&self) -> String {
        trust_entry(&self.name, &self.keys())
    }

    /// Runs `witness add-log` for a log.
    #[must_use]
    pub fn add_log(&self, log_pub: &Path) -> Output {
        let mut command = Command::new(programs::server());
        command.args(["witness", "add-log", "--dir"]).arg(&self.dir);
        programs::run(command.arg("--log-pub").arg(log_pub))
    }

    /// Has it watch a log.
    ///
    /// # Panics
    /// If it does not.
    pub fn watch(&self, log_pub: &Path) {
        let output = self.add_log(log_pub);
        assert!(output.status.success(), "{}", programs::said(&output));
    }

    /// Starts it, on the same port each time.
    ///
    /// # Panics
    /// With what it said, if it ends instead.
    #[must_use]
    pub fn start(&self) -> Witness {
        self.try_start()
            .unwrap_or_else(|refused| panic!("the witness does not start: {}", refused.said))
    }

    /// Starts it.
    ///
    /// # Errors
    /// What it said, if it ends instead.
    pub fn try_start(&self) -> Result<Witness, Refused> {
        let number = self.starts.fetch_add(1, Ordering::Relaxed);
        let log = self.dir.with_extension(format!("{number}.stderr"));
        let mut command = Command::new(programs::server());
        command.args(["witness", "serve", "--dir"]).arg(&self.dir);
        let process = Process::start(&mut command, &log)?;
        let address: SocketAddr = process.field("http").parse().unwrap();
        let file = self.dir.join("witness.toml");
        let config = fs::read_to_string(&file).unwrap();
        fs::write(&file, config.replace("127.0.0.1:0", &address.to_string())).unwrap();
        let (_, path) = self.name.split_once('/').expect("a name with a path");
        Ok(Witness {
            process,
            address,
            prefix: format!("/{path}"),
        })
    }

    /// The signed notes that it kept of what it refused, by file name.
    #[must_use]
    pub fn refused(&self, origin: &str) -> Vec<(String, SignedNote)> {
        let folder = self.dir.join("data/refused").join(log_name(origin));
        let Ok(entries) = fs::read_dir(folder) else {
            return Vec::new();
        };
        let mut kept: Vec<_> = entries
            .map(|entry| {
                let entry = entry.unwrap();
                let note = fs::read_to_string(entry.path()).unwrap().parse().unwrap();
                (entry.file_name().into_string().unwrap(), note)
            })
            .collect();
        kept.sort_by(|(one, _), (other, _)| one.cmp(other));
        kept
    }
}

/// A running witness; killed when dropped.
pub struct Witness {
    /// The process.
    pub process: Process,
    /// Where it answers.
    pub address: SocketAddr,
    prefix: String,
}

impl Witness {
    /// Its submission prefix, which is its monitoring prefix too.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.prefix)
    }

    /// Submits a checkpoint from an old size on.
    #[must_use]
    pub fn add_checkpoint(&self, old: u64, proof: &[Hash], note: &str) -> Answer {
        let path = format!("{}/add-checkpoint", self.prefix);
        http::post(self.address, &path, add_checkpoint(old, proof, note).as_bytes())
    }

    /// The newest checkpoint that it cosigned of a log; none if it has none.
    ///
    /// # Panics
    /// If what it shows is no checkpoint with lines of both keys.
    #[must_use]
    pub fn newest(&self, origin: &str, keys: &[VerifierKey]) -> Option<Checkpoint> {
        let path = format!("{}/{}/checkpoint", self.prefix, log_name(origin));
        let answer = http::get(self.address, &path);
        if answer.status == 404 {
            return None;
        }
        let note = SignedNote::parse(answer.text()).unwrap();
        assert_eq!(note.verify(keys).unwrap().len(), 2, "{}", answer.text());
        Some(Checkpoint::parse(note.text()).unwrap())
    }

    /// A counter or gauge, e.g. `trialseal_witness_forks_total`; 0 if it is not there yet.
    #[must_use]
    pub fn metric(&self, name: &str) -> u64 {
        let answer = http::get(self.address, "/metrics");
        let line = answer.text().lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |value| value.trim().parse().unwrap())
    }
}

/// The body of a submission to a witness.
#[must_use]
pub fn add_checkpoint(old: u64, proof: &[Hash], note: &str) -> String {
    let proof: String = proof
        .iter()
        .map(|hash| format!("{}\n", hash.to_base64()))
        .collect();
    format!("old {old}\n{proof}\n{note}")
}

/// What a log is called in a witness's paths.
#[must_use]
pub fn log_name(origin: &str) -> String {
    hex_encode(sha256(origin.as_bytes()).as_bytes())
}

/// A witness's table in a trust file.
#[must_use]
pub fn trust_entry(name: &str, keys: &[VerifierKey]) -> String {
    let keys: String = keys.iter().map(|key| format!("  \"{key}\",\n")).collect();
    format!("[[witness]]\nname = \"{name}\"\nvkeys = [\n{keys}]\n")
}
