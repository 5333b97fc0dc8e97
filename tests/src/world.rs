//! A notary and its witnesses in this process, behind real sockets, by one clock that a test sets.
//!
//! A story of months runs in seconds so, and its receipts carry the independent times of the story:
//! the witnesses cosign by the same clock. Callers use the SDK, which knows nothing of it.

mod witness;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant as Monotonic;
use tonic::Status;
use trialseal::{Client, ClientOptions, Level, Token, Trust};
use trialseal_core::checkpoint::Origin;
use trialseal_core::time::Instant;
use trialseal_server::clock::{Clock as _, ManualClock};
use trialseal_server::config::{Config, InitSettings, ServeFlags, next_text, write_default};
use trialseal_server::evidence::Sample;
use trialseal_server::journal::JournalId;
use trialseal_server::keys::{LogSigner, Passphrase};
use trialseal_server::notary::{Notary, Running};
use trialseal_server::recover::{self, OpenOptions};
use trialseal_server::rotate::{RotateOptions, rotate};
use trialseal_server::rpc::OperatorService;
use trialseal_server::serve::{self, Servers, open_options_with};
use trialseal_server::telemetry::Metrics;

use self::witness::ClockedWitness;
use crate::notary::{PASSPHRASE, set_mode};

/// How many witnesses there are; all of them count.
const WITNESSES: usize = 2;
/// The policy that notary and verifiers share.
const POLICY: &str = "policy.toml";

/// A notary, its witnesses and their clock.
pub struct World {
    root: PathBuf,
    clock: Arc<ManualClock>,
    passphrase: Passphrase,
    witnesses: Vec<ClockedWitness>,
    /// The `[[log]]` tables of all logs so far.
    logs: String,
    /// The folder of the log that is written to.
    dir: PathBuf,
    served: Option<Served>,
}

/// A notary at work.
struct Served {
    notary: Arc<Notary>,
    running: Running,
    servers: Servers,
    stop: watch::Sender<bool>,
    grpc: SocketAddr,
    http: SocketAddr,
}

impl World {
    /// A new log in `root/notary`, with witnesses that watch it; it is that time.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn begin(root: &Path, origin: &str, now: &str) -> Self {
        Self::begin_with(root, origin, now, WITNESSES).await
    }

    /// The same, and nobody watches.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn begin_unwatched(root: &Path, origin: &str, now: &str) -> Self {
        Self::begin_with(root, origin, now, 0).await
    }

    async fn begin_with(root: &Path, origin: &str, now: &str, count: usize) -> Self {
        let now = Instant::parse(now).expect("an instant");
        let clock = Arc::new(ManualClock::new(now));
        let passphrase = Passphrase::new(PASSPHRASE.to_owned().into()).unwrap();
        let (dir, passphrase_file) = (root.join("notary"), root.join("passphrase"));
        fs::create_dir_all(&dir).unwrap();
        fs::write(&passphrase_file, format!("{PASSPHRASE}\n")).unwrap();
        set_mode(&passphrase_file, 0o600);
        let mut witnesses = Vec::new();
        for number in 1..=count {
            let name = format!("witness.example.edu/w{number}");
            let folder = root.join(format!("witness-{number}"));
            witnesses.push(ClockedWitness::start(&name, &folder, &passphrase, &clock).await);
        }
        let mut world = Self {
            root: root.to_owned(),
            clock,
            passphrase,
            witnesses,
            logs: String::new(),
            dir,
            served: None,
        };
        world.make_log(&Origin::new(origin).unwrap(), &passphrase_file);
        world.serve().await;
        world
    }

    fn make_log(&mut self, origin: &Origin, passphrase_file: &Path) {
        let anywhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let settings = InitSettings {
            origin: origin.clone(),
            passphrase_file: Some(passphrase_file.to_owned()),
            pkcs11: None,
            grpc: Some(anywhere),
            http: Some(anywhere),
        };
        let file = write_default(&self.dir, &settings).unwrap();
        LogSigner::make_at(origin, &self.dir.join("keys"), None, &self.passphrase).unwrap();
        // Without the evidence section yet: it needs the log's own keys.
        let options = self.options(&self.config());
        self.trust_log(&options.signer);
        recover::create(&options, JournalId(rand::random())).unwrap();
        if self.witnesses.is_empty() {
            return;
        }
        let mut config = fs::read_to_string(&file).unwrap();
        config.push_str(&format!("\n[evidence]\ntrust = \"{POLICY}\"\n"));
        for witness in &self.witnesses {
            let (name, url) = (witness.name(), witness.url());
            config.push_str(&format!("\n[evidence.witnesses.\"{name}\"]\nurl = \"{url}\"\n"));
        }
        fs::write(file, config).unwrap();
    }

    /// Everybody trusts another log from now on, and the witnesses watch it.
    fn trust_log(&mut self, signer: &LogSigner) {
        self.logs.push_str(&signer.trust_table(self.now()));
        for witness in &mut self.witnesses {
            witness.watch(signer);
        }
        fs::write(self.trust_file(), self.trust_text()).unwrap();
        fs::write(self.dir.join(POLICY), self.trust_text()).unwrap();
    }

    fn config(&self) -> Config {
        let mut config = Config::load(&ServeFlags::of_folder(&self.dir)).unwrap();
        config.limits.free_bytes_min = 0;
        config
    }

    fn options(&self, config: &Config) -> OpenOptions {
        let mut options = open_options_with(config, &self.passphrase, None).unwrap();
        options.clock = Arc::<ManualClock>::clone(&self.clock);
        options
    }

    async fn serve(&mut self) {
        let config = self.config();
        let metrics = Arc::new(Metrics::for_prometheus().unwrap());
        let (notary, running) = serve::start(self.options(&config), &config, metrics)
            .await
            .unwrap();
        let (stop, stopped) = watch::channel(false);
        let servers = serve::listen(&config, &notary, None, &stopped).await.unwrap();
        let (grpc, http) = (servers.grpc_address, servers.http_address);
        self.served = Some(Served {
            notary,
            running,
            servers,
            stop,
            grpc,
            http,
        });
        self.tell_time();
    }

    fn served(&self) -> &Served {
        self.served.as_ref().expect("the notary runs")
    }

    /// The running notary.
    #[must_use]
    pub fn notary(&self) -> &Arc<Notary> {
        &self.served().notary
    }

    /// Where HTTP is served.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.served().http
    }

    /// Where gRPC is served.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.served().grpc)
    }

    /// The folder that holds everything.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The time of the story.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Sets the time of the story, e.g. `2026-03-01T08:00:00Z`.
    ///
    /// # Panics
    /// If it is no instant.
    pub fn set(&self, now: &str) {
        self.clock.set(Instant::parse(now).expect("an instant"));
        self.tell_time();
    }

    /// Moves the time of the story.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap();
        self.clock.set(self.now().plus_millis(millis));
        self.tell_time();
    }

    /// To the notary time has passed for all the world; else it would take its own clock for wrong, which
    /// it holds against the time that machines count.
    fn tell_time(&self) {
        let now = self.now();
        for party in self.notary().evidence.parties.iter() {
            party.told_time(Sample::new(now, 0, Monotonic::now()));
        }
    }

    /// The level that its records reach.
    #[must_use]
    pub const fn level(&self) -> Level {
        if self.witnesses.is_empty() {
            Level::Sealed
        } else {
            Level::Witnessed
        }
    }

    /// The trust of verifiers: all logs so far, and all witnesses as a quorum.
    fn trust_text(&self) -> String {
        if self.witnesses.is_empty() {
            return format!("{}\n[policy]\nallow_drafts = true\n", self.logs);
        }
        let entries: String = self.witnesses.iter().map(ClockedWitness::trust_entry).collect();
        let names: Vec<String> = self
            .witnesses
            .iter()
            .map(|witness| format!("\"{}\"", witness.name()))
            .collect();
        let (logs, members, require) = (&self.logs, names.join(", "), Level::Witnessed);
        format!(
            "{logs}\n{entries}\n[[group]]\nname = \"quorum\"\nof = {WITNESSES}\nmembers = [{members}]\n\n\
             [policy]\nquorum = \"quorum\"\nrequire = \"{require}\"\nallow_drafts = true\n"
        )
    }

    /// The trust file of verifiers.
    #[must_use]
    pub fn trust_file(&self) -> PathBuf {
        self.root.join("trust.toml")
    }

    /// What verifiers trust.
    ///
    /// # Panics
    /// If it is no trust.
    #[must_use]
    pub fn trust(&self) -> Trust {
        Trust::parse(&self.trust_text()).unwrap()
    }

    /// What those trust who know the logs and no witness.
    ///
    /// # Panics
    /// If it is no trust.
    #[must_use]
    pub fn trust_in_the_log(&self) -> Trust {
        Trust::parse(&format!("{}\n[policy]\nallow_drafts = true\n", self.logs)).unwrap()
    }

    /// The SDK with a member's token.
    ///
    /// # Panics
    /// If it cannot connect.
    pub async fn client(&self, token: &Token) -> Client {
        let options = ClientOptions {
            connections: 1,
            ..ClientOptions::default()
        };
        Client::connect_with(&self.endpoint(), token, self.trust(), options)
            .await
            .expect("the SDK connects")
    }

    /// The operator's commands, which reach the notary through its local socket.
    #[must_use]
    pub fn operator(&self) -> OperatorService {
        OperatorService {
            notary: Arc::clone(self.notary()),
        }
    }

    /// Closes the log and goes on under another origin, in `root/<folder>`. Callers connect again.
    ///
    /// # Panics
    /// If that fails.
    pub async fn rotate(&mut self, origin: &str, folder: &str) {
        self.stop().await;
        let (old, next) = (self.config(), self.root.join(folder));
        let origin = Origin::new(origin).unwrap();
        fs::create_dir_all(&next).unwrap();
        let text = next_text(&old, &origin, None).unwrap();
        fs::write(next.join("trialseal.toml"), text).unwrap();
        LogSigner::make_at(&origin, &next.join("keys"), None, &self.passphrase).unwrap();
        let old = self.options(&old);
        let before = std::mem::replace(&mut self.dir, next);
        let next = self.options(&self.config());
        self.trust_log(&next.signer);
        // The configuration goes on naming the policy where it was.
        fs::copy(self.trust_file(), before.join(POLICY)).unwrap();
        let options = RotateOptions { old, next };
        let rotated = tokio::task::spawn_blocking(|| rotate(options, JournalId(rand::random())));
        rotated.await.unwrap().unwrap();
        self.serve().await;
    }

    /// Stops, and makes a second notary of the first: a copy of its folder, which goes on by itself with the
    /// same keys. That is what nobody may do.
    ///
    /// # Panics
    /// If it cannot be copied.
    pub async fn fork(&mut self, root: &Path) -> Self {
        self.stop().await;
        copy_folder(&self.dir, &root.join("notary"));
        let mut other = Self {
            root: root.to_owned(),
            clock: Arc::new(ManualClock::new(self.now())),
            passphrase: Passphrase::new(PASSPHRASE.to_owned().into()).unwrap(),
            witnesses: Vec::new(),
            logs: self.logs.clone(),
            dir: root.join("notary"),
            served: None,
        };
        self.serve().await;
        other.serve().await;
        other
    }

    /// Stops the notary in order.
    pub async fn stop(&mut self) {
        let Some(served) = self.served.take() else { return };
        served.stop.send_replace(true);
        served.notary.evidence.levels.stop();
        // Callers may hold connections open; none has a call under way.
        let _idle = tokio::time::timeout(Duration::from_secs(1), served.servers.join()).await;
        served.running.stop(&served.notary).await;
    }
}

/// What an operator's call answers.
///
/// # Panics
/// With what it was refused with.
pub fn done<T>(answer: Result<tonic::Response<T>, Status>) -> T {
    answer.expect("the operator's call succeeds").into_inner()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else if path.is_file() {
            // Permissions go with it; the socket stays.
            fs::copy(&path, target).unwrap();
        }
    }
}
