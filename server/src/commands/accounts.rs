//! Organisations, members and tokens: talks to the running notary over its socket.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;
use trialseal_core::{
    hash::{Hash, sha256},
    time::Instant,
};
use trialseal_proto::v1::{self, operator_client::OperatorClient};
use trialseal_server::{
    config::{Config, ServeFlags},
    rpc::TOKEN_PREFIX,
    serve::system_now,
};
use zeroize::Zeroizing;

use super::{CommandError, init::new_token, say};

const DAY_MS: i64 = 24 * 3_600_000;

#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The notary's folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// Organisations.
#[derive(Debug, Subcommand)]
pub(crate) enum Organization {
    /// Enrol an organisation. Example: trialseal-server organization add acme --kind sponsor
    Add {
        #[command(flatten)]
        place: Place,
        /// A pseudonymous id of a-z, 0-9 and -.
        organization: String,
        /// sponsor, cro, site, ethics-board, authority, dsmb, laboratory, vendor or other. Only members of
        /// an ethics board, an authority or a dsmb can have these roles, and no others.
        #[arg(long, default_value = "other")]
        kind: String,
        /// How you checked who it is: self-asserted, operator-checked or certificate.
        #[arg(long, default_value = "self-asserted")]
        grade: String,
        /// What others know it by, e.g. lei:5493001KJTIIGC8Y1R12; again for more.
        #[arg(long = "identifier", value_name = "SCHEME:VALUE")]
        identifiers: Vec<String>,
    },
}

/// Members.
#[derive(Debug, Subcommand)]
pub(crate) enum Member {
    /// Enrol a member, or a key for one. Example: trialseal-server member add acme m-4k2v9 --key VKEY
    Add {
        #[command(flatten)]
        place: Place,
        /// The organisation's id.
        organization: String,
        /// The member's pseudonymous id.
        member: String,
        /// person or system.
        #[arg(long, default_value = "person")]
        kind: String,
        /// The member's verifier key, as `trialseal keygen` prints it.
        #[arg(long, value_name = "VKEY")]
        key: Option<String>,
    },
    /// Revoke a member, with its keys and tokens, from now on; or one key of it.
    Revoke {
        #[command(flatten)]
        place: Place,
        /// The organisation's id.
        organization: String,
        /// The member's id.
        member: String,
        /// Only this key.
        #[arg(long, value_name = "VKEY")]
        key: Option<String>,
    },
}

/// Tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Issue a token for a member; it is shown once. Example: trialseal-server token issue acme m-4k2v9 --days 90
    Issue {
        #[command(flatten)]
        place: Place,
        /// The organisation's id.
        organization: String,
        /// The member's id.
        member: String,
        /// Days until it expires.
        #[arg(long, default_value_t = 365, value_name = "DAYS")]
        days: u32,
        /// Where it is written (mode 0600); without, it is printed.
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
    /// Revoke a token, by the file that holds it or by its SHA-256.
    Revoke {
        #[command(flatten)]
        place: Place,
        /// The organisation's id.
        organization: String,
        /// The file that holds the token.
        #[arg(long, value_name = "FILE", required_unless_present = "sha256")]
        token_file: Option<PathBuf>,
        /// SHA-256 of the token's 32 bytes, as the record of its issue has it.
        #[arg(long, value_name = "HEX", conflicts_with = "token_file")]
        sha256: Option<String>,
    },
}

impl Organization {
    pub(crate) async fn run(self) -> Result<(), CommandError> {
        let Self::Add {
            place,
            organization,
            kind,
            grade,
            identifiers,
        } = self;
        let mut operator = place.connect().await?;
        let request = v1::AddOrganizationRequest {
            organization: organization.clone(),
            kind,
            grade,
            identifiers,
        };
        let change = operator.add_organization(request).await.map_err(refused)?;
        recorded(
            &format!("organization {organization} is enrolled"),
            &change.into_inner(),
        )
    }
}

impl Member {
    pub(crate) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Add {
                place,
                organization,
                member,
                kind,
                key,
            } => {
                let mut operator = place.connect().await?;
                let name = format!("{organization}/{member}");
                let key = key.unwrap_or_default();
                let what = if key.is_empty() {
                    "is enrolled"
                } else {
                    "is enrolled with its key"
                };
                let request = v1::AddMemberRequest {
                    organization,
                    member,
                    kind,
                    key,
                };
                let change = operator.add_member(request).await.map_err(refused)?;
                recorded(&format!("member {name} {what}"), &change.into_inner())
            }
            Self::Revoke {
                place,
                organization,
                member,
                key: Some(key),
            } => {
                let mut operator = place.connect().await?;
                let name = format!("{organization}/{member}");
                let request = v1::RevokeKeyRequest {
                    organization,
                    member,
                    key,
                };
                let change = operator.revoke_key(request).await.map_err(refused)?;
                recorded(&format!("a key of {name} is revoked"), &change.into_inner())
            }
            Self::Revoke {
                place,
                organization,
                member,
                key: None,
            } => {
                let mut operator = place.connect().await?;
                let name = format!("{organization}/{member}");
                let request = v1::RevokeMemberRequest { organization, member };
                let change = operator.revoke_member(request).await.map_err(refused)?;
                recorded(&format!("member {name} is revoked"), &change.into_inner())
            }
        }
    }
}

impl Token {
    pub(crate) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Issue {
                place,
                organization,
                member,
                days,
                token_file,
            } => {
                let mut operator = place.connect().await?;
                let token = new_token()?;
                let name = format!("{organization}/{member}");
                let expires = days_ahead(system_now(), days);
                let request = v1::IssueTokenRequest {
                    organization,
                    member,
                    token_sha256: token.sha256().to_vec().into(),
                    expires: expires.to_string(),
                };
                let change = operator.issue_token(request).await.map_err(refused)?;
                token.hand_over(token_file.as_deref())?;
                recorded(
                    &format!("token of {name}, valid until {expires}"),
                    &change.into_inner(),
                )
            }
            Self::Revoke {
                place,
                organization,
                token_file,
                sha256,
            } => {
                let hash = match (token_file, sha256) {
                    (Some(file), _) => hash_of_file(&file)?,
                    (None, Some(hex)) => Hash::from_hex(&hex)
                        .map_err(|error| CommandError::Usage(format!("--sha256: {error}")))?,
                    (None, None) => return Err(CommandError::Usage("name the token".to_owned())),
                };
                let mut operator = place.connect().await?;
                let token_sha256 = hash.as_bytes().to_vec().into();
                let request = v1::RevokeTokenRequest {
                    organization: organization.clone(),
                    token_sha256,
                };
                let change = operator.revoke_token(request).await.map_err(refused)?;
                recorded(
                    &format!("the token of {organization} is revoked"),
                    &change.into_inner(),
                )
            }
        }
    }
}

impl Place {
    async fn connect(&self) -> Result<OperatorClient<Channel>, CommandError> {
        let config = Config::load(&ServeFlags::of_folder(&self.dir))?;
        let socket = config.listen.admin_socket;
        let path = socket.clone();
        // The URI is not used: the connector opens the socket.
        let channel = Endpoint::from_static("http://operator.invalid")
            .connect_with_connector(service_fn(move |_| {
                let path = path.clone();
                async move { UnixStream::connect(path).await.map(TokioIo::new) }
            }))
            .await
            .map_err(|error| CommandError::Unreachable {
                socket,
                error: error.into(),
            })?;
        Ok(OperatorClient::new(channel))
    }
}

/// An instant some days ahead; the far future where the calendar ends.
pub(crate) fn days_ahead(now: Instant, days: u32) -> Instant {
    Instant::from_seconds(now.seconds()).plus_millis(i64::from(days) * DAY_MS)
}

fn hash_of_file(path: &Path) -> Result<Hash, CommandError> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| CommandError::File {
        path: path.to_owned(),
        error,
    })?;
    let hex = text.trim().strip_prefix(TOKEN_PREFIX);
    let token = hex.and_then(|hex| trialseal_core::hash::Salt::from_hex(hex).ok());
    let token = token.ok_or_else(|| CommandError::Usage(format!("{} holds no token", path.display())))?;
    Ok(sha256(token.as_bytes()))
}

fn refused(status: tonic::Status) -> CommandError {
    CommandError::Refused(status.message().to_owned())
}

fn recorded(what: &str, change: &v1::AccountChange) -> Result<(), CommandError> {
    let record = Hash::from_slice(&change.record)
        .map(|hash| hash.to_hex())
        .unwrap_or_default();
    say(&format!(
        "RECORDED {what}: record {record} at index {}",
        change.index
    ))
}
