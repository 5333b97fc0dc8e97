//! The notary as a process, and what can be seen of it from outside.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use trialseal::{Client, ClientOptions, Enrolment, MemberKey, Signatory, SignerKind, Token, Trust};
use trialseal_core::hash::{Hash, RecordId};
use trialseal_core::index::LogIndex;
use trialseal_proto::v1::notary_client::NotaryClient;

use crate::Settings;

/// Anything that ends a benchmark.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
/// What a benchmark returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Answers hold up to 1,000 records.
const ANSWER_BYTES_MAX: usize = 32 << 20;
const ORIGIN: &str = "notary.bench.example/2026";
const MEMBER: &str = "m-bench";

/// Limits above what is measured: the defaults hold one organisation to 20,000 records a second.
const RAISED: [(&str, &str); 5] = [
    ("records_per_second", "10000000"),
    ("burst_records", "10000000"),
    ("in_flight_records", "1000000"),
    ("in_flight_bytes", "268435456"),
    ("connection_age_seconds", "86400"),
];

/// An organisation with a member, a token and a key.
pub(crate) struct Account {
    pub(crate) token: Token,
    pub(crate) bearer: MetadataValue<Ascii>,
    pub(crate) signatory: Signatory,
}

/// A running notary; killed when dropped.
pub(crate) struct Notary {
    folder: PathBuf,
    server: PathBuf,
    child: Child,
    /// `http://<address>` of gRPC.
    pub(crate) grpc: String,
    http: String,
    /// One an organisation.
    pub(crate) accounts: Vec<Account>,
    /// The log's keys, from now on, drafts allowed.
    pub(crate) trust: Trust,
}

/// Commits so far: a commit is one frame of the journal and one `fdatasync`.
#[derive(Clone, Copy)]
pub(crate) struct Commits {
    at: Instant,
    commits: f64,
    records: f64,
}

/// Commits within some time.
#[derive(Clone, Copy, Default)]
pub(crate) struct Syncs {
    seconds: f64,
    commits: f64,
    records: f64,
}

impl Syncs {
    pub(crate) fn add(&mut self, from: Commits, to: Commits) {
        self.seconds += (to.at - from.at).as_secs_f64();
        self.commits += to.commits - from.commits;
        self.records += to.records - from.records;
    }

    pub(crate) fn per_second(self) -> f64 {
        self.commits / self.seconds.max(f64::MIN_POSITIVE)
    }

    pub(crate) fn records_each(self) -> f64 {
        self.records / self.commits.max(1.0)
    }
}

impl Notary {
    /// A new log with some organisations, serving, without witnesses and authorities.
    pub(crate) fn start(settings: &Settings, organizations: usize) -> Outcome<Self> {
        Self::start_with(settings, organizations, |_| Ok(()))
    }

    /// As [`Self::start`]; `prepare` gets the new log's folder before the log is served.
    pub(crate) fn start_with(
        settings: &Settings,
        organizations: usize,
        prepare: impl FnOnce(&Path) -> Outcome,
    ) -> Outcome<Self> {
        let folder = tempfile::Builder::new().tempdir_in(&settings.dir)?.keep();
        let passphrase = folder.join("passphrase");
        std::fs::write(&passphrase, "only for a benchmark\n")?;
        std::fs::set_permissions(&passphrase, std::fs::Permissions::from_mode(0o600))?;
        let dir = folder.join("notary");
        let passphrase = passphrase.to_string_lossy().into_owned();
        let first = folder.join("token-init").to_string_lossy().into_owned();
        command(
            &settings.server,
            &["init", "--dir"],
            &dir,
            &[
                "--origin",
                ORIGIN,
                "--organization",
                "org-0",
                "--member",
                "m-init",
                "--token-file",
                &first,
                "--passphrase-file",
                &passphrase,
                "--grpc",
                "127.0.0.1:0",
                "--http",
                "127.0.0.1:0",
            ],
        )?;
        raise_limits(&dir.join("trialseal.toml"))?;
        prepare(&dir)?;
        let trust = Trust::parse(&std::fs::read_to_string(dir.join("trust.toml"))?)?.with_drafts_allowed();
        let (child, ready) = serve(&settings.server, &folder)?;
        let mut notary = Self {
            folder,
            server: settings.server.clone(),
            child,
            grpc: format!("http://{}", ready.grpc),
            http: ready.http,
            accounts: Vec::new(),
            trust,
        };
        for number in 0..organizations {
            let account = notary.enrol(number)?;
            notary.accounts.push(account);
        }
        Ok(notary)
    }

    fn enrol(&self, number: usize) -> Outcome<Account> {
        let organization = format!("org-{number}");
        let dir = self.dir();
        if number > 0 {
            command(
                &self.server,
                &["organization", "add", "--dir"],
                &dir,
                &[&organization],
            )?;
        }
        let key = MemberKey::generate(organization.parse()?, MEMBER.parse()?)?;
        let vkey = key.verifier().to_string();
        let said = command(
            &self.server,
            &["member", "add", "--dir"],
            &dir,
            &[&organization, MEMBER, "--kind", "system", "--key", &vkey],
        )?;
        let file = self.folder.join(format!("token-{number}"));
        let path = file.to_string_lossy().into_owned();
        command(
            &self.server,
            &["token", "issue", "--dir"],
            &dir,
            &[&organization, MEMBER, "--token-file", &path],
        )?;
        let text = std::fs::read_to_string(file)?;
        let enrolment = enrolment(&said).ok_or("the enrolment was not printed")?;
        Ok(Account {
            bearer: format!("Bearer {}", text.trim()).parse()?,
            token: text.parse()?,
            signatory: Signatory {
                key,
                name: "Load generator".to_owned(),
                kind: SignerKind::System,
                enrolment,
            },
        })
    }

    /// Where the files of its log are served.
    pub(crate) fn log_url(&self) -> String {
        let path = ORIGIN.split_once('/').map_or("", |(_, path)| path);
        format!("http://{}/{path}", self.http)
    }

    /// Where it keeps everything.
    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.join("notary")
    }

    /// Generated stubs on a connection of their own.
    pub(crate) async fn stub(&self) -> Outcome<NotaryClient<Channel>> {
        stub(&self.grpc).await
    }

    /// An SDK client, which verifies every receipt.
    pub(crate) async fn client(&self, account: usize, connections: usize) -> Outcome<Client> {
        let token = &self
            .accounts
            .get(account)
            .ok_or("there is no such account")?
            .token;
        let options = ClientOptions {
            connections,
            ..ClientOptions::default()
        };
        Ok(Client::connect_with(&self.grpc, token, self.trust.clone(), options).await?)
    }

    /// One of its metrics, as `/metrics` has it.
    pub(crate) fn metric(&self, name: &str) -> Outcome<f64> {
        let text = get(&self.http, "/metrics")?;
        value(&text, name).ok_or_else(|| format!("there is no metric {name}").into())
    }

    /// Commits until now. Fails if the notary ever refused a proof of its own.
    pub(crate) fn commits(&self) -> Outcome<Commits> {
        let text = get(&self.http, "/metrics")?;
        if value(&text, "trialseal_proof_failures_total") != Some(0.0) {
            return Err("a proof of the notary failed its own check".into());
        }
        // Before the first commit after a start there are no histograms.
        let of = |name| value(&text, name).unwrap_or(0.0);
        Ok(Commits {
            at: Instant::now(),
            commits: of("trialseal_commit_seconds_count"),
            records: of("trialseal_batch_records_sum"),
        })
    }

    /// Resident memory.
    pub(crate) fn rss_bytes(&self) -> Outcome<u64> {
        resident_bytes(&self.child.id().to_string())
    }

    /// What the data directory takes on the disk.
    pub(crate) fn disk_bytes(&self) -> Outcome<u64> {
        allocated(&self.dir().join("data"))
    }

    /// Kills it, starts it again, and says how long it took until it was ready.
    pub(crate) fn restart_after_kill(&mut self) -> Outcome<Duration> {
        self.child.kill()?;
        self.child.wait()?;
        let started = Instant::now();
        let (child, ready) = serve(&self.server, &self.folder)?;
        let took = started.elapsed();
        self.child = child;
        self.grpc = format!("http://{}", ready.grpc);
        self.http = ready.http;
        Ok(took)
    }
}

impl Drop for Notary {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Generated stubs on a connection of their own.
pub(crate) async fn stub(endpoint: &str) -> Outcome<NotaryClient<Channel>> {
    let channel = Endpoint::from_shared(endpoint.to_owned())?
        .tcp_nodelay(true)
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(16 << 20)
        .connect()
        .await?;
    Ok(NotaryClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX))
}

struct Ready {
    grpc: String,
    http: String,
}

fn serve(server: &Path, folder: &Path) -> Outcome<(Child, Ready)> {
    let log = folder.join("server.log");
    let mut child = Command::new(server)
        .args(["serve", "--dir"])
        .arg(folder.join("notary"))
        .stdout(Stdio::piped())
        .stderr(std::fs::OpenOptions::new().create(true).append(true).open(&log)?)
        .spawn()?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut line)?;
    }
    let field = |name: &str| {
        line.split_whitespace()
            .find_map(|field| field.strip_prefix(name).map(str::to_owned))
    };
    match (field("grpc="), field("http=")) {
        (Some(grpc), Some(http)) => Ok((child, Ready { grpc, http })),
        _ => Err(format!("the notary did not start:\n{}", std::fs::read_to_string(log)?).into()),
    }
}

fn command(server: &Path, verb: &[&str], dir: &Path, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(server)
        .args(verb)
        .arg(dir)
        .args(arguments)
        .output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(format!("{verb:?} failed: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// From `... record <hex> at index <n>`.
fn enrolment(said: &str) -> Option<Enrolment> {
    let (_, rest) = said.split_once(": record ")?;
    let (record, index) = rest.trim().split_once(" at index ")?;
    let record = RecordId::from_hash(Hash::from_hex(record).ok()?);
    Some(Enrolment {
        index: LogIndex::new(index.parse().ok()?).ok()?,
        record,
    })
}

fn raise_limits(file: &Path) -> Outcome {
    let text = std::fs::read_to_string(file)?;
    let mut raised = String::with_capacity(text.len());
    for line in text.lines() {
        let key = line
            .trim_start_matches(['#', ' '])
            .split(' ')
            .next()
            .unwrap_or_default();
        match RAISED.iter().find(|(name, _)| *name == key) {
            Some((name, value)) => raised.push_str(&format!("{name} = {value}\n")),
            None => raised.push_str(&format!("{line}\n")),
        }
    }
    Ok(std::fs::write(file, raised)?)
}

fn get(address: &str, path: &str) -> Outcome<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn value(metrics: &str, name: &str) -> Option<f64> {
    metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Resident memory of a process, by its number or `self`.
pub(crate) fn resident_bytes(process: &str) -> Outcome<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("there is no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1_024)
}

/// As `du` counts: blocks, not lengths.
fn allocated(path: &Path) -> Outcome<u64> {
    let metadata = std::fs::symlink_metadata(path)?;
    let mut bytes = metadata.blocks() * 512;
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path)? {
            bytes += allocated(&entry?.path())?;
        }
    }
    Ok(bytes)
}
