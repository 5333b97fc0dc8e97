//! The notary's configuration: one typed value, read from a file, the environment and flags.
//!
//! Later sources win: defaults, then `trialseal.toml`, then `TRIALSEAL_SERVER_...` variables, then
//! flags. Every key is known or refused, and every error names the key and where its value came from.
//! Secrets are never values here: the passphrase and the keys are named by the path of a file.

mod directories;
mod evidence;
mod flags;
mod limits;
mod next;
mod raw;
mod sources;
mod template;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use thiserror::Error;
use trialseal_core::checkpoint::Origin;

use crate::keys::TokenPlace;

pub use self::directories::Directories;
pub use self::evidence::{AuthorityPlace, Evidence, WitnessPlace};
pub use self::flags::ServeFlags;
pub use self::limits::{Limits, OrganizationLimits, SUBMISSIONS_PER_MESSAGE_MAX, TransportLimits};
pub use self::next::next_text;
pub(crate) use self::template::quoted;
pub use self::template::{InitSettings, write_default};

/// The name of the configuration file inside the notary's folder.
pub const FILE_NAME: &str = "trialseal.toml";

/// What the environment variables that the server reads start with. The rest is the key in capitals,
/// two underscores standing for the dot: `TRIALSEAL_SERVER_LISTEN__GRPC` is `listen.grpc`.
pub const ENVIRONMENT_PREFIX: &str = "TRIALSEAL_SERVER_";

/// A configuration that was read whole and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file that it was read from, absolute.
    pub file: PathBuf,
    /// The log's origin: the URL prefix of its tiles without scheme, and its key name.
    pub origin: Origin,
    /// The folder of the notary's log before this one, which it continues.
    pub previous: Option<PathBuf>,
    /// Where things are kept.
    pub directories: Directories,
    /// Where the notary listens.
    pub listen: Listen,
    /// The certificate and key for TLS; without, only loopback addresses are allowed.
    pub tls: Option<TlsFiles>,
    /// The file that holds the passphrase of the log's keys; without, see [`crate::keys::Passphrase`].
    pub passphrase_file: Option<PathBuf>,
    /// Where the log's Ed25519 key is, if it is in a token.
    pub pkcs11: Option<TokenPlace>,
    /// Bounds on everything that callers can make grow.
    pub limits: Limits,
    /// What is logged, and how.
    pub log: Log,
    /// Where traces and metrics are sent.
    pub telemetry: TelemetryExport,
    /// Witnesses and timestamp authorities; without, receipts rest on the notary alone.
    pub evidence: Option<Evidence>,
}

/// Listening addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// gRPC, for callers with an account.
    pub grpc: SocketAddr,
    /// HTTP: checkpoint, tiles, health and metrics.
    pub http: SocketAddr,
    /// The operator's socket, created with mode 0600.
    pub admin_socket: PathBuf,
}

/// The files of the server's TLS identity, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, the server's own first.
    pub certificate: PathBuf,
    /// Its private key (PKCS#8, SEC1 or PKCS#1), not readable by everybody.
    pub key: PathBuf,
}

/// What is logged to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A filter as `tracing` knows it: `info`, or `info,trialseal_server::journal=debug`.
    pub level: String,
    /// One JSON object a line instead of text.
    pub json: bool,
}

/// Export of traces and metrics by OpenTelemetry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TelemetryExport {
    /// An OTLP gRPC endpoint, such as `http://127.0.0.1:4317`; without, nothing is exported.
    pub otlp_endpoint: Option<String>,
}

/// The part of the configuration that `SIGHUP` applies to a running notary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloadable {
    /// New limits. Of [`TransportLimits`], only new connections see the change, if any do.
    pub limits: Limits,
    /// The new log filter.
    pub log_level: String,
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {}: {error}; `trialseal-server init` writes one", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{source_name} is not valid TOML: {problem}")]
    Syntax {
        /// Where the text came from.
        source_name: String,
        /// What is wrong, with line and column.
        problem: String,
    },
    /// A key is unknown or missing, or its value is not allowed.
    #[error("{key} in {source_name}: {problem}")]
    Value {
        /// The key, such as `listen.grpc`.
        key: String,
        /// The file, variable or flag that the value came from.
        source_name: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The default configuration cannot be written.
    #[error("cannot write the configuration {}: {error}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
}

impl Config {
    /// Reads the file that the flags name, then the process's environment, then the flags.
    ///
    /// # Errors
    /// Names the key and the file, variable or flag at fault.
    pub fn load(flags: &ServeFlags) -> Result<Self, ConfigError> {
        Self::load_with(flags, std::env::vars_os())
    }

    /// As [`Config::load`], with the environment given.
    ///
    /// # Errors
    /// Names the key and the file, variable or flag at fault.
    pub fn load_with<I, S>(flags: &ServeFlags, environment: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item = (S, S)>,
        S: Into<std::ffi::OsString>,
    {
        let file = flags.config_file();
        let environment = environment
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        sources::Sources::read(&file, environment, flags)?.into_config()
    }

    /// The part that a running notary can take over.
    #[must_use]
    pub fn reloadable(&self) -> Reloadable {
        Reloadable {
            limits: self.limits.clone(),
            log_level: self.log.level.clone(),
        }
    }

    /// The keys in which a newly read configuration differs and which only a restart applies.
    #[must_use]
    pub fn needs_restart(&self, new: &Self) -> Vec<&'static str> {
        let differences = [
            ("origin", self.origin != new.origin),
            ("previous", self.previous != new.previous),
            ("directories", self.directories != new.directories),
            ("listen", self.listen != new.listen),
            ("tls", self.tls != new.tls),
            ("passphrase_file", self.passphrase_file != new.passphrase_file),
            ("pkcs11", self.pkcs11 != new.pkcs11),
            ("limits.transport", self.limits.transport != new.limits.transport),
            ("log.json", self.log.json != new.log.json),
            ("telemetry", self.telemetry != new.telemetry),
            ("evidence", self.evidence != new.evidence),
        ];
        differences
            .into_iter()
            .filter_map(|(key, differs)| differs.then_some(key))
            .collect()
    }
}

/// A path as given, or inside `base` where it is relative.
pub(crate) fn inside(base: &Path, path: &Path) -> PathBuf {
    if path.is_absolute() {
        path.to_path_buf()
    } else {
        base.join(path)
    }
}

#[cfg(test)]
mod tests;
