//! The flags of `serve`, and how they become configuration values.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

/// Flags that name the configuration and override single keys of it.
#[derive(Clone, Debug, Default, Args)]
pub struct ServeFlags {
    /// The notary's folder: reads <DIR>/trialseal.toml.
    #[arg(long, value_name = "DIR", default_value = ".", conflicts_with = "config")]
    pub dir: PathBuf,
    /// The configuration file, if it is not <DIR>/trialseal.toml; relative paths in it start at its folder.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Overrides listen.grpc.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub grpc: Option<SocketAddr>,
    /// Overrides listen.http.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub http: Option<SocketAddr>,
    /// Overrides listen.admin_socket.
    #[arg(long, value_name = "FILE")]
    pub admin_socket: Option<PathBuf>,
    /// Overrides tls.certificate.
    #[arg(long, value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// Overrides tls.key.
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Overrides passphrase_file.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Overrides log.level.
    #[arg(long, value_name = "FILTER")]
    pub log_level: Option<String>,
    /// Logs one JSON object a line.
    #[arg(long)]
    pub log_json: bool,
    /// Overrides telemetry.otlp_endpoint.
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

impl ServeFlags {
    /// Flags that name a folder and override nothing.
    #[must_use]
    pub fn of_folder(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            ..Self::default()
        }
    }

    /// The configuration file that the flags name.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.config
            .clone()
            .unwrap_or_else(|| self.dir.join(super::FILE_NAME))
    }

    /// The flag that sets a key, for messages.
    pub(super) fn name_of(key: &str) -> &'static str {
        match key {
            "listen.grpc" => "--grpc",
            "listen.http" => "--http",
            "listen.admin_socket" => "--admin-socket",
            "tls.certificate" => "--tls-certificate",
            "tls.key" => "--tls-key",
            "passphrase_file" => "--passphrase-file",
            "log.level" => "--log-level",
            "log.json" => "--log-json",
            "telemetry.otlp_endpoint" => "--otlp-endpoint",
            _ => "the flags",
        }
    }
}

/// What the flags' values are called among figment's sources.
pub(super) const SOURCE_NAME: &str = "flags";

impl Provider for ServeFlags {
    fn metadata(&self) -> Metadata {
        Metadata::named(SOURCE_NAME)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        let given = [
            ("listen.grpc", self.grpc.map(|address| address.to_string())),
            ("listen.http", self.http.map(|address| address.to_string())),
            ("listen.admin_socket", path(&self.admin_socket)),
            ("tls.certificate", path(&self.tls_certificate)),
            ("tls.key", path(&self.tls_key)),
            ("passphrase_file", path(&self.passphrase_file)),
            ("log.level", self.log_level.clone()),
            ("telemetry.otlp_endpoint", self.otlp_endpoint.clone()),
        ];
        let mut values: Vec<(&str, Value)> = given
            .into_iter()
            .filter_map(|(key, value)| Some((key, Value::from(value?))))
            .collect();
        if self.log_json {
            values.push(("log.json", Value::from(true)));
        }
        Ok(Profile::Default.collect(super::sources::nest(values)))
    }
}
