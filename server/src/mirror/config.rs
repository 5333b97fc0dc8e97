//! The configuration of a mirror: `mirror.toml`, and the trust file beside it.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU64,
    path::{Path, PathBuf},
    time::Duration,
};

use figment::{
    Figment,
    providers::{Format as _, Toml},
};
use serde::Deserialize;
use trialseal_core::{checkpoint::Origin, trust::Trust};

use super::LogTrust;
use crate::{
    config::{ConfigError, Log, TlsFiles},
    outbound::Url,
};

/// The name of the configuration file inside the mirror's folder.
pub const FILE_NAME: &str = "mirror.toml";
const TRUST_FILE_NAME: &str = "trust.toml";
const DEFAULT_HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7413);
const DEFAULT_POLL_MILLISECONDS: u64 = 1_000;
const DEFAULT_PARALLEL_REQUESTS: u64 = 16;
const PARALLEL_REQUESTS_MAX: u64 = 256;
const DEFAULT_REQUEST_SECONDS: u64 = 30;

/// A configuration that was read whole and checked.
#[derive(Debug, Clone)]
pub struct MirrorConfig {
    /// The mirror's folder.
    pub dir: PathBuf,
    /// Where the log is served: the URL of its origin.
    pub log_url: Url,
    /// The log's keys, and whom else its readers trust.
    pub trust: LogTrust,
    /// Between two looks at the log's checkpoint.
    pub poll: Duration,
    /// Requests at once.
    pub parallel_requests: usize,
    /// How long one may take.
    pub request_timeout: Duration,
    /// Where the mirror listens.
    pub http: SocketAddr,
    /// Certificate and key; without, only loopback addresses are allowed.
    pub tls: Option<TlsFiles>,
    /// What is logged.
    pub log: Log,
}

/// What `mirror init` decides; the rest is defaults.
#[derive(Debug, Clone)]
pub struct InitSettings {
    /// Where the log is served.
    pub log_url: Url,
    /// The text of the trust file.
    pub trust: String,
    /// Which of its logs.
    pub origin: Origin,
    /// Where to listen, if not at the default.
    pub http: Option<SocketAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    log_url: String,
    origin: String,
    #[serde(default)]
    trust: Option<PathBuf>,
    #[serde(default)]
    poll_milliseconds: Option<NonZeroU64>,
    #[serde(default)]
    parallel_requests: Option<NonZeroU64>,
    #[serde(default)]
    request_seconds: Option<NonZeroU64>,
    #[serde(default)]
    listen: RawListen,
    #[serde(default)]
    tls: Option<RawTls>,
    #[serde(default)]
    log: RawLog,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawListen {
    http: Option<SocketAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTls {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLog {
    level: Option<String>,
    json: bool,
}

impl MirrorConfig {
    /// Reads `<dir>/mirror.toml` and the trust file that it names.
    ///
    /// # Errors
    /// Names the file and the key at fault.
    pub fn load(dir: &Path) -> Result<Self, ConfigError> {
        let file = dir.join(FILE_NAME);
        let unreadable = |file: &Path| {
            let file = file.to_owned();
            move |error| ConfigError::Unreadable { file, error }
        };
        let file = file.canonicalize().map_err(unreadable(&file))?;
        let text = fs::read_to_string(&file).map_err(unreadable(&file))?;
        let raw: RawConfig =
            Figment::from(Toml::string(&text))
                .extract()
                .map_err(|error| ConfigError::Syntax {
                    source_name: file.display().to_string(),
                    problem: error.to_string(),
                })?;
        let dir = file.parent().map(Path::to_path_buf).unwrap_or_default();
        let trust_file = dir.join(raw.trust.as_deref().unwrap_or(Path::new(TRUST_FILE_NAME)));
        let trust = fs::read_to_string(&trust_file).map_err(unreadable(&trust_file))?;
        checked(raw, &file, dir, &trust)
    }
}

fn checked(raw: RawConfig, file: &Path, dir: PathBuf, trust: &str) -> Result<MirrorConfig, ConfigError> {
    let refuse = |key: &str, problem: String| ConfigError::Value {
        key: key.to_owned(),
        source_name: file.display().to_string(),
        problem,
    };
    let origin = Origin::new(&raw.origin).map_err(|error| refuse("origin", error.to_string()))?;
    let trust = Trust::parse(trust).map_err(|error| refuse("trust", error.to_string()))?;
    let trust = LogTrust::new(trust, &origin)
        .ok_or_else(|| refuse("trust", format!("the trust file names no log {origin}")))?;
    let http = raw.listen.http.unwrap_or(DEFAULT_HTTP);
    let tls = raw.tls.map(|tls| TlsFiles {
        certificate: dir.join(tls.certificate),
        key: dir.join(tls.key),
    });
    if tls.is_none() && !http.ip().is_loopback() {
        let problem = format!(
            "{http} is not a loopback address, and without TLS a mirror listens on loopback only; set \
             tls.certificate and tls.key, or use 127.0.0.1 or [::1]"
        );
        return Err(refuse("listen.http", problem));
    }
    let parallel = raw
        .parallel_requests
        .map_or(DEFAULT_PARALLEL_REQUESTS, NonZeroU64::get);
    if parallel > PARALLEL_REQUESTS_MAX {
        let problem = format!("must be at most {PARALLEL_REQUESTS_MAX}");
        return Err(refuse("parallel_requests", problem));
    }
    let level = raw.log.level.unwrap_or_else(|| "info".to_owned());
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&level) {
        return Err(refuse(
            "log.level",
            format!("`{level}` is not a log filter: {error}"),
        ));
    }
    let poll = raw
        .poll_milliseconds
        .map_or(DEFAULT_POLL_MILLISECONDS, NonZeroU64::get);
    let request = raw
        .request_seconds
        .map_or(DEFAULT_REQUEST_SECONDS, NonZeroU64::get);
    Ok(MirrorConfig {
        log_url: Url::parse(&raw.log_url).map_err(|error| refuse("log_url", error.to_string()))?,
        trust,
        poll: Duration::from_millis(poll),
        // At most 256.
        parallel_requests: parallel as usize,
        request_timeout: Duration::from_secs(request),
        http,
        tls,
        log: Log {
            level,
            json: raw.log.json,
        },
        dir,
    })
}

/// Makes the folder of a mirror, with its configuration and trust file, neither of which may exist.
///
/// # Errors
/// Where a file is there already, or cannot be written.
pub fn init(dir: &Path, settings: &InitSettings) -> Result<PathBuf, ConfigError> {
    let unwritable = |file: PathBuf| move |error| ConfigError::Unwritable { file, error };
    fs::create_dir_all(dir).map_err(unwritable(dir.to_owned()))?;
    let write = |name: &str, text: &str| {
        let file = dir.join(name);
        let written = || -> io::Result<()> {
            let mut output = OpenOptions::new().write(true).create_new(true).open(&file)?;
            output.write_all(text.as_bytes())?;
            output.sync_all()?;
            fs::File::open(dir)?.sync_all()
        };
        written().map_err(unwritable(file.clone())).map(|()| file)
    };
    write(TRUST_FILE_NAME, &settings.trust)?;
    write(FILE_NAME, &template(settings))
}

fn template(settings: &InitSettings) -> String {
    let (hash, http) = match settings.http {
        Some(http) => ("", http),
        None => ("#", DEFAULT_HTTP),
    };
    format!(
        "# The configuration of a Trialseal mirror, which follows one log. What is commented out shows the default.\n\
         # Relative paths start at this file's folder.\n\n\
         # Where the log is served, with the path of its origin. https, or http to a loopback address.\n\
         log_url = \"{}\"\n\
         # The log's origin, which the trust file names with the log's keys.\n\
         origin = \"{}\"\n\
         #trust = \"{TRUST_FILE_NAME}\"\n\n\
         # How often the log's checkpoint is looked at; less often while the log cannot be reached.\n\
         #poll_milliseconds = {DEFAULT_POLL_MILLISECONDS}\n\
         # Requests to the log at once, and seconds that one may take.\n\
         #parallel_requests = {DEFAULT_PARALLEL_REQUESTS}\n\
         #request_seconds = {DEFAULT_REQUEST_SECONDS}\n\n\
         [listen]\n# Without TLS only loopback addresses are allowed.\n{hash}http = \"{http}\"\n\n\
         #[tls]\n# PEM files, read again on SIGHUP.\n#certificate = \"tls/certificate.pem\"\n#key = \"tls/key.pem\"\n\n\
         [log]\n# A level, or a filter such as info,trialseal_server::mirror=debug.\n#level = \"info\"\n\
         # One JSON object a line.\n#json = false\n",
        settings.log_url, settings.origin
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::tests::{ORIGIN, trust_text};

    fn made(http: Option<SocketAddr>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let settings = InitSettings {
            log_url: Url::parse("https://notary.example/2026").unwrap(),
            trust: trust_text(),
            origin: Origin::new(ORIGIN).unwrap(),
            http,
        };
        init(folder.path(), &settings).unwrap();
        init(folder.path(), &settings).expect_err("what is there is left alone");
        folder
    }

    #[test]
    fn what_init_writes_is_read_and_its_comments_are_the_defaults() {
        let folder = made(None);
        let config = MirrorConfig::load(folder.path()).unwrap();
        let file = folder.path().join(FILE_NAME);
        let text = fs::read_to_string(&file).unwrap();
        let shown = text.replace("#[tls]", "[tls]");
        // Every line that is commented out and is no sentence.
        let shown: String = shown
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        fs::write(&file, &shown).unwrap();
        let all = MirrorConfig::load(folder.path()).unwrap();
        assert_eq!(
            all.tls.as_ref().map(|tls| tls.key.ends_with("tls/key.pem")),
            Some(true)
        );
        assert_eq!(
            format!("{config:?}"),
            format!("{:?}", MirrorConfig { tls: None, ..all })
        );
        assert_eq!(config.http, DEFAULT_HTTP);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let folder = made(Some("127.0.0.1:0".parse().unwrap()));
        let file = folder.path().join(FILE_NAME);
        let good = fs::read_to_string(&file).unwrap();
        for (from, to, named) in [
            ("http = \"127.0.0.1:0\"", "http = \"0.0.0.0:80\"", "without TLS"),
            ("https://notary", "http://notary", "log_url"),
            (
                "origin = \"notary.example/2026\"",
                "origin = \"notary.example/2027\"",
                "names no log",
            ),
            (
                "#parallel_requests = 16",
                "parallel_requests = 1000",
                "at most 256",
            ),
            (
                "#poll_milliseconds = 1000",
                "poll_milliseconds = 0",
                "poll_milliseconds",
            ),
            ("#poll_milliseconds = 1000", "poll_seconds = 1", "poll_seconds"),
            ("#level = \"info\"", "level = \"a=b=c\"", "log.level"),
            ("#trust = \"trust.toml\"", "trust = \"other.toml\"", "other.toml"),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(bad, good, "{from}");
            fs::write(&file, bad).unwrap();
            let error = MirrorConfig::load(folder.path()).expect_err(to).to_string();
            assert!(error.contains(named), "{to}: {error}");
        }
        MirrorConfig::load(&folder.path().join("nowhere")).expect_err("nothing is there");
    }
}
