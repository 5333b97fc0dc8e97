//! What `login` remembers: `config.toml` in the user's configuration folder, mode 0600.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trialseal::core::hash::RecordId;
use trialseal::core::index::LogIndex;
use trialseal::durable::{self, Access};
use trialseal::{Client, ClientOptions, Enrolment, RetryPolicy, Role, SignerKind, Token, Trust};

use crate::errors::{self, Ended, configuration};

/// The file, as it is written.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// `https://host:port`.
    pub(crate) endpoint: String,
    /// The bearer token.
    pub(crate) token: String,
    /// The trust file.
    pub(crate) trust: PathBuf,
    /// A certificate authority instead of the system's, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_certificate: Option<PathBuf>,
    /// Who signs; absent for an account that only sends drafts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signer: Option<SignerConfig>,
}

/// Who signs.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignerConfig {
    /// The private key.
    pub(crate) key: PathBuf,
    /// The printed name.
    pub(crate) name: String,
    /// `person` or `system`.
    pub(crate) kind: String,
    /// The usual role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    /// Log index of the record that enrolled the key.
    pub(crate) enrolment_index: u64,
    /// Id of that record, hex.
    pub(crate) enrolment_record: String,
}

/// Where the file is.
pub(crate) struct Place(PathBuf);

impl Place {
    /// `given`, else `trialseal/config.toml` below `$XDG_CONFIG_HOME` or `~/.config`.
    pub(crate) fn new(given: Option<&Path>) -> Result<Self, Ended> {
        if let Some(path) = given {
            return Ok(Self(path.to_owned()));
        }
        let folder = std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute())
            .or_else(|| std::env::home_dir().map(|home| home.join(".config")));
        match folder {
            Some(folder) => Ok(Self(folder.join("trialseal").join("config.toml"))),
            None => Err(Box::new(configuration(
                "There is no home folder: give --config FILE.",
            ))),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn read(&self) -> Result<Config, Ended> {
        let text = fs::read_to_string(&self.0).map_err(|error| {
            let path = self.0.display();
            Box::new(configuration(format!("{path}: {error}.")).next("Log in first: trialseal login --help"))
        })?;
        toml::from_str(&text).map_err(|error| {
            // Not the error's own text, which quotes the line: it may be the one with the token.
            let line = error.span().map_or(0, |span| {
                text[..span.start.min(text.len())].matches('\n').count() + 1
            });
            Box::new(configuration(format!(
                "{}: line {line}: {}.",
                self.0.display(),
                error.message()
            )))
        })
    }

    pub(crate) fn write(&self, config: &Config) -> Result<(), Ended> {
        let failed = |problem: String| Box::new(configuration(format!("{}: {problem}.", self.0.display())));
        let text = toml::to_string(config).map_err(|error| failed(error.to_string()))?;
        if let Some(folder) = self.0.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        }
        durable::replace(&self.0, text.as_bytes(), Access::Owner).map_err(|error| failed(error.to_string()))
    }
}

impl Config {
    pub(crate) fn trust(&self) -> Result<Trust, Ended> {
        read_trust(&self.trust)
    }

    pub(crate) fn token(&self) -> Result<Token, Ended> {
        let wrong = |_| {
            Box::new(configuration("The stored token is malformed.").next("Log in again: trialseal login"))
        };
        self.token.parse().map_err(wrong)
    }

    /// Connects to the notary.
    pub(crate) async fn connect(&self, deadline_s: u64) -> Result<Client, Ended> {
        let ca_certificate_pem = match &self.ca_certificate {
            Some(path) => Some(
                fs::read(path)
                    .map_err(|error| Box::new(configuration(format!("{}: {error}.", path.display()))))?,
            ),
            None => None,
        };
        let retry = RetryPolicy {
            deadline: Duration::from_secs(deadline_s),
            ..RetryPolicy::default()
        };
        let options = ClientOptions {
            retry,
            ca_certificate_pem,
            ..ClientOptions::default()
        };
        Client::connect_with(&self.endpoint, &self.token()?, self.trust()?, options)
            .await
            .map_err(errors::client)
    }
}

impl SignerConfig {
    pub(crate) fn enrolment(&self) -> Result<Enrolment, Ended> {
        let index = LogIndex::new(self.enrolment_index).map_err(|error| malformed(&error))?;
        let record = RecordId::from_hex(&self.enrolment_record).map_err(|error| malformed(&error))?;
        Ok(Enrolment { index, record })
    }

    pub(crate) fn kind(&self) -> Result<SignerKind, Ended> {
        self.kind.parse().map_err(|error| malformed(&error))
    }

    pub(crate) fn role(&self) -> Result<Option<Role>, Ended> {
        self.role
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|error| malformed(&error))
    }
}

fn malformed(error: &dyn std::fmt::Display) -> Ended {
    Box::new(
        configuration(format!("The stored signer is malformed: {error}."))
            .next("Log in again: trialseal login"),
    )
}

/// Reads a trust file: a `trust.toml` or a C2SP tlog-policy.
pub(crate) fn read_trust(path: &Path) -> Result<Trust, Ended> {
    let text = fs::read_to_string(path).map_err(|error| {
        Box::new(configuration(format!(
            "The trust file {}: {error}.",
            path.display()
        )))
    })?;
    Trust::parse_either(&text)
        .map_err(|error| Box::new(configuration(format!("{}: {error}.", path.display()))))
}
