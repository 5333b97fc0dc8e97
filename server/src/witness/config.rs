//! A witness's configuration, `witness.toml`, and its folder.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Format as _, Toml};
use serde::Deserialize;
use trialseal_core::checkpoint::Origin;
use trialseal_core::note::{KeyName, KeyType, VerifierKey};

use crate::config::{Log, TlsFiles, inside, quoted};
use crate::durable::{DurableError, replace};
use crate::fs::{FileSystem, PUBLIC_FILE};

/// The name of the configuration file in the witness's folder.
pub const WITNESS_FILE_NAME: &str = "witness.toml";
/// Where a witness listens if nothing else is said.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7414);
const DEFAULT_LEVEL: &str = "info";

/// A witness's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessConfig {
    /// The witness's name: the URL prefix that it answers below, without scheme, and its key name.
    pub name: KeyName,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Certificate and key; without, only loopback addresses are allowed.
    pub tls: Option<TlsFiles>,
    /// The file with the passphrase of its keys.
    pub passphrase_file: Option<PathBuf>,
    /// What is logged.
    pub log: Log,
    /// The logs that it watches.
    pub logs: Vec<WatchedLog>,
}

/// A log that a witness watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedLog {
    /// Its origin.
    pub origin: Origin,
    /// Its keys, at least one.
    pub vkeys: Vec<VerifierKey>,
}

/// Why there is no configuration of a witness, or why it cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum WitnessConfigError {
    /// The file could not be read.
    #[error("cannot read {}: {error}; `trialseal-server witness init` writes it", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The file could not be written.
    #[error("cannot write {}: {error}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// A key or value is not allowed.
    #[error("{}: {problem}", file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// Which, why, and what to do.
        problem: String,
    },
    /// The changed file could not be put in place.
    #[error(transparent)]
    Durable(#[from] DurableError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    passphrase_file: Option<PathBuf>,
    listen: Option<SocketAddr>,
    log_level: Option<String>,
    #[serde(default)]
    log_json: bool,
    tls: Option<RawTls>,
    #[serde(default)]
    log: Vec<RawLog>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTls {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLog {
    origin: String,
    vkeys: Vec<String>,
}

impl WitnessConfig {
    /// Reads `<dir>/witness.toml`.
    ///
    /// # Errors
    /// Names the file and what is wrong in it.
    pub fn load(dir: &Path) -> Result<Self, WitnessConfigError> {
        let file = dir.join(WITNESS_FILE_NAME);
        let text = std::fs::read_to_string(&file).map_err(|error| WitnessConfigError::Unreadable {
            file: file.clone(),
            error,
        })?;
        Self::parse(&text, dir).map_err(|problem| WitnessConfigError::Value { file, problem })
    }

    fn parse(text: &str, dir: &Path) -> Result<Self, String> {
        let raw: Raw = Figment::from(Toml::string(text))
            .extract()
            .map_err(|error| error.to_string())?;
        let config = Self {
            name: parse_name(&raw.name)?,
            listen: raw.listen.unwrap_or(DEFAULT_LISTEN),
            tls: raw.tls.map(|tls| TlsFiles {
                certificate: inside(dir, &tls.certificate),
                key: inside(dir, &tls.key),
            }),
            passphrase_file: raw.passphrase_file.map(|path| inside(dir, &path)),
            log: Log {
                level: raw.log_level.unwrap_or_else(|| DEFAULT_LEVEL.to_owned()),
                json: raw.log_json,
            },
            logs: raw.log.iter().map(RawLog::check).collect::<Result<_, _>>()?,
        };
        if config.tls.is_none() && !config.listen.ip().is_loopback() {
            return Err(format!(
                "listen: {} is not a loopback address, and without TLS a witness listens on loopback only; set \
                 tls.certificate and tls.key, or put a proxy that terminates TLS before 127.0.0.1",
                config.listen
            ));
        }
        for (position, log) in config.logs.iter().enumerate() {
            if config.logs[..position]
                .iter()
                .any(|other| other.origin == log.origin)
            {
                return Err(format!("log {} stands twice", log.origin));
            }
        }
        Ok(config)
    }
}

/// A witness's name.
///
/// # Errors
/// What is wrong with it.
pub fn parse_name(name: &str) -> Result<KeyName, String> {
    // The same grammar: both are URL prefixes without scheme, and key names.
    let prefix = Origin::new(name).map_err(|_| {
        format!(
            "name: {name:?} is not the URL prefix that the witness answers below, without scheme, such as \
             witness.example.edu/w1"
        )
    })?;
    Ok(prefix.key_name().clone())
}

impl RawLog {
    fn check(&self) -> Result<WatchedLog, String> {
        let Self { origin, vkeys } = self;
        let refused = |problem: String| format!("log {origin}: {problem}");
        let keys = vkeys
            .iter()
            .map(|vkey| vkey.parse().map_err(|error| refused(format!("{error}"))))
            .collect::<Result<_, _>>()?;
        let origin = Origin::new(origin).map_err(|error| refused(error.to_string()))?;
        WatchedLog::new(origin, keys)
    }
}

impl WatchedLog {
    /// A log with at least one key, each once, that signs checkpoints (`0x01`, `0x06`).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(origin: Origin, vkeys: Vec<VerifierKey>) -> Result<Self, String> {
        if vkeys.is_empty() {
            return Err(format!("log {origin} has no key"));
        }
        for (position, key) in vkeys.iter().enumerate() {
            if vkeys[..position].contains(key) {
                return Err(format!("log {origin}: one key stands twice"));
            }
            if key.key_type() == KeyType::Ed25519Cosignature {
                return Err(format!(
                    "log {origin}: a key of type 0x04 is a witness's; a log signs with 0x01 and 0x06"
                ));
            }
        }
        Ok(Self { origin, vkeys })
    }

    /// The table that stands for it in the file.
    fn to_toml(&self) -> String {
        let mut text = format!(
            "\n[[log]]\norigin = {}\nvkeys = [\n",
            quoted(self.origin.as_str())
        );
        for key in &self.vkeys {
            text.push_str(&format!("  {},\n", quoted(&key.to_string())));
        }
        text.push_str("]\n");
        text
    }
}

/// Writes `<dir>/witness.toml`, which must not exist, and syncs it.
///
/// # Errors
/// If it is there already, or cannot be written.
pub fn write_witness_config(
    dir: &Path,
    name: &KeyName,
    listen: Option<SocketAddr>,
    passphrase_file: Option<&Path>,
) -> Result<PathBuf, WitnessConfigError> {
    let file = dir.join(WITNESS_FILE_NAME);
    let write = || -> io::Result<()> {
        let mut output = OpenOptions::new().write(true).create_new(true).open(&file)?;
        output.write_all(template(name, listen, passphrase_file).as_bytes())?;
        output.sync_all()?;
        std::fs::File::open(dir)?.sync_all()
    };
    write().map_err(|error| WitnessConfigError::Unwritable {
        file: file.clone(),
        error,
    })?;
    Ok(file)
}

/// Appends a log to `<dir>/witness.toml`. Returns false if it is there already, with the same keys.
///
/// # Errors
/// If it is there with other keys: an origin never gets new keys. If the file cannot be read or replaced.
pub fn add_log(fs: &dyn FileSystem, dir: &Path, log: &WatchedLog) -> Result<bool, WitnessConfigError> {
    let file = dir.join(WITNESS_FILE_NAME);
    let config = WitnessConfig::load(dir)?;
    let refused = |problem: String| WitnessConfigError::Value {
        file: file.clone(),
        problem,
    };
    if let Some(known) = config.logs.iter().find(|known| known.origin == log.origin) {
        let same =
            known.vkeys.len() == log.vkeys.len() && log.vkeys.iter().all(|key| known.vkeys.contains(key));
        return if same {
            Ok(false)
        } else {
            let problem = format!(
                "log {} is there with other keys, and an origin never gets new ones",
                log.origin
            );
            Err(refused(problem))
        };
    }
    let mut text = std::fs::read_to_string(&file).map_err(|error| WitnessConfigError::Unreadable {
        file: file.clone(),
        error,
    })?;
    text.push_str(&log.to_toml());
    let changed = WitnessConfig::parse(&text, dir).map_err(refused)?;
    if changed.logs.last() != Some(log) {
        return Err(refused(
            "a log cannot be appended to this file; add it by hand".to_owned(),
        ));
    }
    replace(fs, &file, text.as_bytes(), PUBLIC_FILE)?;
    Ok(true)
}

fn template(name: &KeyName, listen: Option<SocketAddr>, passphrase_file: Option<&Path>) -> String {
    let setting = |key: &str, value: Option<String>, default: &str| match value {
        Some(value) => format!("{key} = {}\n", quoted(&value)),
        None => format!("#{key} = {}\n", quoted(default)),
    };
    let mut text = String::from(
        "# The configuration of a Trialseal witness. What is commented out shows the default, or an example.\n\
         # Relative paths start at this file's folder. SIGHUP reloads the logs, log_level and the certificate.\n\n\
         # The URL prefix that it answers below, without scheme; also the name of its keys. Never changes.\n",
    );
    text.push_str(&format!("name = {}\n", quoted(name.as_str())));
    text.push_str(
        "\n# The file with the passphrase of its keys (mode 0600). Without it:\n\
         # $CREDENTIALS_DIRECTORY/trialseal-passphrase, then the terminal.\n",
    );
    let path = passphrase_file.map(|path| path.to_string_lossy().into_owned());
    text.push_str(&setting("passphrase_file", path, "passphrase"));
    text.push_str("\n# Without TLS only loopback addresses are allowed.\n");
    let address = listen.map(|address| address.to_string());
    text.push_str(&setting("listen", address, &DEFAULT_LISTEN.to_string()));
    text.push_str("\n# A level, or a filter such as info,trialseal_server::witness=debug.\n");
    text.push_str(&setting("log_level", None, DEFAULT_LEVEL));
    text.push_str("# One JSON object a line.\n#log_json = false\n");
    text.push_str("\n# PEM files, read again on SIGHUP.\n#[tls]\n");
    text.push_str("#certificate = \"tls/certificate.pem\"\n#key = \"tls/key.pem\"\n");
    text.push_str(
        "\n# The logs that it watches; `trialseal-server witness add-log` appends them here, and begins what is\n\
         # remembered of them. An origin never gets new keys.\n",
    );
    text
}

#[cfg(test)]
mod tests;
