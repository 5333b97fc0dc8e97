//! The sources of configuration values, merged by figment, and errors that name key and source.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::providers::{Format, Toml};
use figment::value::magic::RelativePathBuf;
use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};
use trialseal_core::checkpoint::Origin;

use crate::keys::TokenPlace;

use super::evidence::{Evidence, RawEvidence};
use super::raw::{RawConfig, RawDirectories, RawTls};
use super::{
    Config, ConfigError, Directories, ENVIRONMENT_PREFIX, Listen, Log, ServeFlags, TelemetryExport, TlsFiles,
    flags, inside,
};

/// Where the notary listens if nothing else is said.
pub(super) const DEFAULT_GRPC: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7411);
/// Where tiles are served if nothing else is said.
pub(super) const DEFAULT_HTTP: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7412);
/// The log filter if nothing else is said.
pub(super) const DEFAULT_LEVEL: &str = "info";
/// The operator's socket, in the base folder, if nothing else is said.
pub(super) const DEFAULT_ADMIN_SOCKET: &str = "admin.sock";

/// What the environment is called among figment's sources.
const ENVIRONMENT_SOURCE: &str = "environment";

/// The merged values and the file that they belong to.
pub(super) struct Sources {
    file: PathBuf,
    figment: Figment,
}

/// The server's variables of an environment.
struct Environment(Vec<(String, Value)>);

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named(ENVIRONMENT_SOURCE)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let values = self.0.iter().map(|(key, value)| (key.as_str(), value.clone()));
        Ok(Profile::Default.collect(nest(values)))
    }
}

impl Sources {
    pub(super) fn read(
        file: &Path,
        environment: impl Iterator<Item = (OsString, OsString)>,
        flags: &ServeFlags,
    ) -> Result<Self, ConfigError> {
        let unreadable = |error| ConfigError::Unreadable {
            file: file.to_path_buf(),
            error,
        };
        // figment treats a missing file as an empty one; a notary without its configuration must not start.
        let file = file.canonicalize().map_err(unreadable)?;
        std::fs::read_to_string(&file).map_err(unreadable)?;
        let figment = Figment::new()
            .merge(Toml::file_exact(&file))
            .merge(Environment(server_variables(environment)?))
            .merge(flags);
        Ok(Self { file, figment })
    }

    pub(super) fn into_config(self) -> Result<Config, ConfigError> {
        let raw: RawConfig = self.figment.extract().map_err(|error| self.explain(&error))?;
        let base = self.file.parent().map(Path::to_path_buf).unwrap_or_default();
        let origin: Origin = match raw.origin.parse() {
            Ok(origin) => origin,
            Err(error) => return Err(self.refuse("origin", format!("{error}"))),
        };
        let listen = Listen {
            grpc: raw.listen.grpc.unwrap_or(DEFAULT_GRPC),
            http: raw.listen.http.unwrap_or(DEFAULT_HTTP),
            admin_socket: placed(&base, raw.listen.admin_socket.as_ref())
                .unwrap_or_else(|| base.join(DEFAULT_ADMIN_SOCKET)),
        };
        let config = Config {
            origin: origin.clone(),
            previous: placed(&base, raw.previous.as_ref()),
            directories: directories(&base, &raw.directories),
            listen,
            tls: self.tls(&base, &raw.tls)?,
            passphrase_file: placed(&base, raw.passphrase_file.as_ref()),
            pkcs11: raw.pkcs11.map(|raw| TokenPlace {
                module: placed(&base, Some(&raw.module)).unwrap_or_default(),
                token: raw.token,
                key: raw.key.unwrap_or_else(|| origin.to_string()),
                pin_file: placed(&base, raw.pin_file.as_ref()),
            }),
            limits: raw.limits,
            log: Log {
                level: raw.log.level.unwrap_or_else(|| DEFAULT_LEVEL.to_owned()),
                json: raw.log.json,
            },
            telemetry: TelemetryExport {
                otlp_endpoint: raw.telemetry.otlp_endpoint,
            },
            evidence: raw
                .evidence
                .as_ref()
                .map(|raw| self.evidence(&base, raw))
                .transpose()?,
            file: self.file.clone(),
        };
        self.check(&config)?;
        Ok(config)
    }

    fn tls(&self, base: &Path, raw: &RawTls) -> Result<Option<TlsFiles>, ConfigError> {
        match (
            placed(base, raw.certificate.as_ref()),
            placed(base, raw.key.as_ref()),
        ) {
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(self.refuse(
                "tls.key",
                "is missing beside tls.certificate; give both or neither",
            )),
            (None, Some(_)) => Err(self.refuse(
                "tls.certificate",
                "is missing beside tls.key; give both or neither",
            )),
        }
    }

    fn evidence(&self, base: &Path, raw: &RawEvidence) -> Result<Evidence, ConfigError> {
        let trust = placed(base, Some(&raw.trust)).unwrap_or_default();
        raw.checked(trust)
            .map_err(|(key, problem)| self.refuse(&format!("evidence.{key}"), problem))
    }

    fn check(&self, config: &Config) -> Result<(), ConfigError> {
        for (key, address) in [
            ("listen.grpc", config.listen.grpc),
            ("listen.http", config.listen.http),
        ] {
            if config.tls.is_none() && !address.ip().is_loopback() {
                let problem = format!(
                    "{address} is not a loopback address, and without TLS the notary listens on loopback only; \
                     set tls.certificate and tls.key, or use 127.0.0.1 or [::1]"
                );
                return Err(self.refuse(key, problem));
            }
        }
        if config.listen.grpc == config.listen.http && config.listen.grpc.port() != 0 {
            return Err(self.refuse("listen.http", "must differ from listen.grpc"));
        }
        config
            .directories
            .check_separate()
            .map_err(|(key, problem)| self.refuse(&format!("directories.{key}"), problem))?;
        config
            .limits
            .check()
            .map_err(|(key, problem)| self.refuse(&format!("limits.{key}"), problem))?;
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&config.log.level) {
            let problem = format!(
                "`{}` is not a log filter ({error}); use a level such as info",
                config.log.level
            );
            return Err(self.refuse("log.level", problem));
        }
        if let Some(endpoint) = &config.telemetry.otlp_endpoint {
            let scheme = endpoint
                .parse::<tonic::transport::Uri>()
                .ok()
                .and_then(|uri| uri.scheme_str().map(String::from));
            if !matches!(scheme.as_deref(), Some("http" | "https")) {
                let problem = format!("`{endpoint}` is not a URL such as http://127.0.0.1:4317");
                return Err(self.refuse("telemetry.otlp_endpoint", problem));
            }
        }
        Ok(())
    }

    fn refuse(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::Value {
            key: key.to_owned(),
            source_name: self.source_of(key),
            problem: problem.into(),
        }
    }

    /// Where the value of a key came from, in the reader's words; a default is laid to the file.
    fn source_of(&self, key: &str) -> String {
        match self
            .figment
            .find_metadata(key)
            .map(|metadata| metadata.name.as_ref())
        {
            Some(ENVIRONMENT_SOURCE) => format!("the environment variable {}", variable_name(key)),
            Some(flags::SOURCE_NAME) => ServeFlags::name_of(key).to_owned(),
            _ => self.file.display().to_string(),
        }
    }

    fn explain(&self, error: &Error) -> ConfigError {
        let mut path = error.path.clone();
        let problem = match &error.kind {
            // figment's path leads to the unknown key itself, but only to the parent of a missing one.
            Kind::UnknownField(_, known) => {
                format!(
                    "is not a key that this version knows; known here: {}",
                    known.join(", ")
                )
            }
            Kind::MissingField(field) => {
                path.push(field.clone().into_owned());
                "is missing".to_owned()
            }
            // An error in the file's syntax stands at no key; its text has line and column.
            Kind::Message(text) if path.is_empty() => {
                return ConfigError::Syntax {
                    source_name: self.file.display().to_string(),
                    problem: text.clone(),
                };
            }
            kind => kind.to_string(),
        };
        self.refuse(&path.join("."), problem)
    }
}

fn directories(base: &Path, raw: &RawDirectories) -> Directories {
    let placed = |path: &Option<RelativePathBuf>| placed(base, path.as_ref());
    let mut directories = Directories::below(base);
    if let Some(data) = placed(&raw.data) {
        directories.journal = data.join("journal");
        directories.public = data.join("public");
        directories.private = data.join("private");
        directories.index = data.join("index");
        directories.data = data;
    }
    let settings = [
        (&raw.keys, &mut directories.keys),
        (&raw.journal, &mut directories.journal),
        (&raw.public, &mut directories.public),
        (&raw.private, &mut directories.private),
        (&raw.index, &mut directories.index),
        (&raw.signer_state, &mut directories.signer_state),
    ];
    for (setting, directory) in settings {
        if let Some(path) = placed(setting) {
            *directory = path;
        }
    }
    directories
}

/// Absolute: relative to the file for what the file says, to the working directory for the rest.
fn placed(base: &Path, path: Option<&RelativePathBuf>) -> Option<PathBuf> {
    let path = path?;
    if path.metadata_path().is_some() {
        return Some(inside(base, path.original()));
    }
    Some(std::path::absolute(path.original()).unwrap_or_else(|_| path.original().to_path_buf()))
}

fn server_variables(
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, Value)>, ConfigError> {
    let mut variables = Vec::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().map(str::to_owned) else {
            continue;
        };
        let Some(rest) = name.strip_prefix(ENVIRONMENT_PREFIX) else {
            continue;
        };
        let key = rest.to_lowercase().replace("__", ".");
        let Some(text) = value.to_str() else {
            return Err(ConfigError::Value {
                key,
                source_name: format!("the environment variable {name}"),
                problem: "is not valid UTF-8".to_owned(),
            });
        };
        variables.push((key, scalar(text)));
    }
    Ok(variables)
}

/// A variable is a whole number, a truth value, or else text: never a table or a list.
fn scalar(text: &str) -> Value {
    if let Ok(number) = text.parse::<u64>() {
        return Value::from(number);
    }
    match text {
        "true" => Value::from(true),
        "false" => Value::from(false),
        text => Value::from(text),
    }
}

fn variable_name(key: &str) -> String {
    format!("{ENVIRONMENT_PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

/// Nested tables from dotted keys.
pub(super) fn nest<'a>(values: impl IntoIterator<Item = (&'a str, Value)>) -> Dict {
    let mut tables = Dict::new();
    for (key, value) in values {
        insert(&mut tables, key, value);
    }
    tables
}

fn insert(table: &mut Dict, key: &str, value: Value) {
    let Some((section, rest)) = key.split_once('.') else {
        table.insert(key.to_owned(), value);
        return;
    };
    let entry = table
        .entry(section.to_owned())
        .or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, inner) = entry {
        insert(inner, rest, value);
    }
}
