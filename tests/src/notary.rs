//! A notary as a process: made, started, stopped, killed.

use std::fs;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use trialseal::{MemberKey, Token};
use trialseal_core::identifiers::{MemberId, OrganizationId};
use trialseal_core::time;
use trialseal_core::trust::Trust;

use crate::process::{self, Process};
use crate::{http, programs};

/// The origin of every notary of the tests.
pub const ORIGIN: &str = "notary.example.org/2026";
/// The first organisation.
pub const ORGANIZATION: &str = "acme";
/// Its first member.
pub const MEMBER: &str = "m-4k2v9";
/// The passphrase of the log's keys and of member keys; searched for where it must not be.
pub const PASSPHRASE: &str = "planted-passphrase-0417";
/// How long anything may take that only another process can make happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A notary's folder, with its first organisation and member enrolled.
pub struct Folder {
    dir: PathBuf,
    token: Token,
    key_seed: [u8; 32],
    starts: AtomicU32,
    environment: Vec<(String, String)>,
    _temporary: Option<TempDir>,
}

impl Folder {
    /// A new log in a temporary folder.
    #[must_use]
    pub fn new() -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Self::below(temporary.path());
        Self {
            _temporary: Some(temporary),
            ..folder
        }
    }

    /// A new log in `parent/notary`; the passphrase lies beside it.
    #[must_use]
    pub fn below(parent: &Path) -> Self {
        Self::try_below(parent, &[], &[]).unwrap_or_else(|said| panic!("no log can be made: {said}"))
    }

    /// A new log in `parent/notary`, with further flags of `init`, and variables for every process.
    ///
    /// # Errors
    /// What `init` said, if it fails.
    pub fn try_below(
        parent: &Path,
        flags: &[String],
        environment: &[(String, String)],
    ) -> Result<Self, String> {
        let dir = parent.join("notary");
        let key_seed: [u8; 32] = rand::random();
        let key = member_key(ORGANIZATION, MEMBER, &key_seed);
        let (passphrase, token_file) = (parent.join("passphrase"), parent.join("token"));
        fs::write(&passphrase, format!("{PASSPHRASE}\n")).unwrap();
        set_mode(&passphrase, 0o600);
        let made = programs::run(
            Command::new(programs::server())
                .envs(environment.iter().cloned())
                // So that a log can be made on a disk that is meant to be small.
                .env("TRIALSEAL_SERVER_LIMITS__FREE_BYTES_MIN", "0")
                .args([
                    "init",
                    "--origin",
                    ORIGIN,
                    "--organization",
                    ORGANIZATION,
                    "--member",
                    MEMBER,
                ])
                .args(["--member-key", &key.verifier().to_string()])
                .args(["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dir"])
                .arg(&dir)
                .arg("--token-file")
                .arg(&token_file)
                .arg("--passphrase-file")
                .arg(&passphrase)
                .args(flags),
        );
        if !made.status.success() {
            return Err(programs::said(&made));
        }
        let token = fs::read_to_string(&token_file).unwrap().parse().unwrap();
        Ok(Self {
            dir,
            token,
            key_seed,
            starts: AtomicU32::new(0),
            environment: environment.to_vec(),
            _temporary: None,
        })
    }

    /// The same log's folder, copied to another place by the caller.
    #[must_use]
    pub fn moved_to(&self, dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            token: self.token.clone(),
            key_seed: self.key_seed,
            starts: AtomicU32::new(0),
            environment: self.environment.clone(),
            _temporary: None,
        }
    }

    /// The notary's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The first member's token.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The first member's key.
    #[must_use]
    pub fn key(&self) -> MemberKey {
        member_key(ORGANIZATION, MEMBER, &self.key_seed)
    }

    /// The log's two keys, one vkey a line, Ed25519 first.
    #[must_use]
    pub fn log_pub(&self) -> PathBuf {
        self.dir.join("keys/log.pub")
    }

    /// Trust in this log, drafts allowed.
    #[must_use]
    pub fn trust(&self) -> Trust {
        let log_pub = fs::read_to_string(self.log_pub()).unwrap();
        let from = time::Instant::parse("2000-01-01T00:00:00Z").unwrap();
        Trust::from_log_pub(&log_pub, from, true).unwrap()
    }

    /// Sets a key of the configuration, e.g. `limits.organization.burst_records`, to a TOML value.
    ///
    /// # Panics
    /// If the configuration that `init` wrote does not show the key.
    pub fn set(&self, key: &str, value: &str) {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let file = self.dir.join("trialseal.toml");
        let mut found = false;
        let mut at = String::new();
        let lines = fs::read_to_string(&file).unwrap();
        let lines = lines.lines().map(|line| {
            if let Some(header) = line.strip_prefix('[') {
                at = header.trim_end_matches(']').to_owned();
            }
            let shown = line.trim_start_matches('#');
            if at == section && shown.split(" = ").next() == Some(name) && shown.contains(" = ") {
                found = true;
                return format!("{name} = {value}\n");
            }
            format!("{line}\n")
        });
        let text: String = lines.collect();
        assert!(found, "the configuration has no key {key}");
        fs::write(&file, text).unwrap();
    }

    /// Starts the notary and waits until it is ready.
    ///
    /// # Panics
    /// With what it said, if it ends instead.
    #[must_use]
    pub fn start(&self) -> Server {
        self.start_with(&[])
            .unwrap_or_else(|refused| panic!("the notary does not start: {}", refused.said))
    }

    /// Starts the notary with further flags.
    ///
    /// # Errors
    /// What it said, if it ends before it is ready.
    pub fn start_with(&self, flags: &[&str]) -> Result<Server, Refused> {
        self.spawn(flags).ready()
    }

    /// Starts the notary and does not wait.
    #[must_use]
    pub fn spawn(&self, flags: &[&str]) -> Starting {
        let number = self.starts.fetch_add(1, Ordering::Relaxed);
        let log = self.dir.with_extension(format!("{number}.stderr"));
        let mut command = Command::new(programs::server());
        command.envs(self.environment.iter().cloned());
        command.args(["serve", "--dir"]).arg(&self.dir).args(flags);
        Starting(process::Starting::spawn(&mut command, &log))
    }

    /// Runs a command of the operator, e.g. `["member", "revoke", "acme", "m-1"]`.
    pub fn operator(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(programs::server());
        command.envs(self.environment.iter().cloned());
        programs::run(command.args(arguments).arg("--dir").arg(&self.dir))
    }

    /// Runs a command of the operator that must succeed.
    ///
    /// # Panics
    /// If it fails.
    pub fn must_operate(&self, arguments: &[&str]) -> String {
        let output = self.operator(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            programs::said(&output)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Issues a token for a member.
    #[must_use]
    pub fn issue_token(&self, organization: &str, member: &str, days: u32) -> Token {
        let said = self.must_operate(&[
            "token",
            "issue",
            organization,
            member,
            "--days",
            &days.to_string(),
        ]);
        let token = said
            .split_whitespace()
            .find(|word| word.starts_with("trialseal_"));
        token.expect("the command prints the token").parse().unwrap()
    }

    /// Enrols an organisation with one member and its key, and issues a token.
    #[must_use]
    pub fn enrol(&self, organization: &str, member: &str) -> (MemberKey, Token) {
        self.must_operate(&["organization", "add", organization]);
        let key = member_key(organization, member, &rand::random());
        self.must_operate(&[
            "member",
            "add",
            organization,
            member,
            "--key",
            &key.verifier().to_string(),
        ]);
        (key, self.issue_token(organization, member, 1))
    }

    /// Every byte under a folder of the notary, file by file.
    #[must_use]
    pub fn files_below(&self, folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.dir.join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path)
                } else {
                    found.push((path.clone(), fs::read(&path).unwrap()))
                }
            }
        }
        found
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

/// A notary that did not start.
#[derive(Debug)]
pub struct Refused {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard error.
    pub said: String,
}

/// A notary that may not be ready yet.
pub struct Starting(process::Starting);

impl Starting {
    /// Waits until it is ready, or has ended.
    ///
    /// # Errors
    /// What it said, if it ended.
    ///
    /// # Panics
    /// If it does neither.
    pub fn ready(self) -> Result<Server, Refused> {
        self.0.ready().map(Server::new)
    }

    /// SIGKILL, ready or not.
    pub fn kill(self) {
        self.0.kill();
    }
}

/// A running notary; killed when dropped.
pub struct Server {
    process: Process,
    /// Where gRPC is served.
    pub grpc: SocketAddr,
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// Log size at the start.
    pub size: u64,
}

/// What is asked of any process is asked of the notary's.
impl Deref for Server {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl Server {
    fn new(process: Process) -> Self {
        Self {
            grpc: process.field("grpc").parse().unwrap(),
            http: process.field("http").parse().unwrap(),
            size: process.field("size").parse().unwrap(),
            process,
        }
    }

    /// `http://` and the gRPC address.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// SIGKILL; returns when the process is gone.
    pub fn kill(self) {
        self.process.kill();
    }

    /// SIGTERM; returns when the process is gone, which must have ended well.
    pub fn terminate(self) {
        self.process.terminate();
    }

    /// Waits until the process has ended by itself.
    pub fn wait(self) -> ExitStatus {
        self.process.wait()
    }

    /// Waits until the listing has every record.
    pub fn await_listing(&self) {
        await_until("the listing is whole", || {
            let health = http::get(self.http, "/healthz");
            let fact = |name: &str| {
                health
                    .text()
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .map(str::to_owned)
            };
            let size = fact("size ");
            size.is_some() && size == fact("listing whole to ")
        });
    }
}

/// Asks again until something outside has happened.
///
/// # Panics
/// If it does not happen.
pub fn await_until(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < PATIENCE, "did not happen: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A member's key from its seed.
#[must_use]
pub fn member_key(organization: &str, member: &str, seed: &[u8; 32]) -> MemberKey {
    let (organization, member) = (
        OrganizationId::new(organization).unwrap(),
        MemberId::new(member).unwrap(),
    );
    MemberKey::from_seed(organization, member, seed).unwrap()
}

/// Sets a file's permissions.
pub fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Copies a folder with everything in it.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy_folder(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
}
