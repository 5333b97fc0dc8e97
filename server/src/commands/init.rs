//! `init`: a new log.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::Args;
use rand::{TryRng as _, rngs::SysRng};
use trialseal_core::{checkpoint::Origin, hash::sha256, time::Instant};
use trialseal_proto::v1;
use trialseal_server::{
    config::{Config, Directories, InitSettings, ServeFlags, write_default},
    journal::JournalId,
    keys::{LogSigner, PassphraseSources},
    notary::{Notary, StartOptions},
    recover,
    rpc::{OperatorService, TOKEN_PREFIX},
    serve::{open_options, system_now},
    telemetry::Metrics,
};
use zeroize::Zeroizing;

use super::{CommandError, accounts, say, token_flags::TokenFlags};

/// Make a new log.
///
/// Example: trialseal-server init --dir notary --origin notary.example.org/2026 \
///            --organization acme --member m-4k2v9 --passphrase-file passphrase
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Init {
    /// The notary's folder; made if it is missing.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The URL prefix of the log's tiles without scheme, e.g. notary.example.org/2026. Never changes.
    #[arg(long)]
    origin: String,
    /// The first organisation, a pseudonymous id of a-z, 0-9 and -.
    #[arg(long, value_name = "ID")]
    organization: String,
    /// What it is: sponsor, cro, site, ethics-board, authority, dsmb, laboratory, vendor or other.
    #[arg(long, value_name = "KIND", default_value = "other")]
    organization_kind: String,
    /// Its first member, a pseudonymous id of a-z, 0-9 and -.
    #[arg(long, value_name = "ID")]
    member: String,
    /// person or system.
    #[arg(long, default_value = "person")]
    member_kind: String,
    /// The member's verifier key, as `trialseal keygen` prints it; can be added later.
    #[arg(long, value_name = "VKEY")]
    member_key: Option<String>,
    /// Where the member's token is written (mode 0600); without, it is printed once.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Days until the token expires.
    #[arg(long, default_value_t = 365, value_name = "DAYS")]
    token_days: u32,
    /// The file with the passphrase of the log's keys; without, it is asked for.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Where gRPC is served.
    #[arg(long, value_name = "ADDRESS:PORT")]
    grpc: Option<SocketAddr>,
    /// Where HTTP is served.
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<SocketAddr>,
    #[command(flatten)]
    key_in: TokenFlags,
}

impl Init {
    pub(crate) async fn run(self) -> Result<(), CommandError> {
        let origin = Origin::new(&self.origin)
            .map_err(|error| CommandError::Usage(format!("--origin {}: {error}", self.origin)))?;
        let passphrase_file = self.passphrase_file.as_deref().map(absolute).transpose()?;
        let passphrase = PassphraseSources::of_process(passphrase_file.as_deref()).new_keys()?;
        create_directory(&self.dir)?;
        let settings = InitSettings {
            origin: origin.clone(),
            passphrase_file,
            pkcs11: self.key_in.place(&origin)?,
            grpc: self.grpc,
            http: self.http,
        };
        let file = write_default(&self.dir, &settings)?;
        let config = Config::load(&ServeFlags::of_folder(&self.dir))?;
        let Directories { keys, base, .. } = &config.directories;
        let in_token = config.pkcs11.as_ref();
        LogSigner::make_at(&origin, keys, in_token, &passphrase)?;
        let signer = LogSigner::open_at(&origin, keys, in_token, &passphrase)?;
        let now = system_now();
        let trust = base.join("trust.toml");
        write_file(&trust, signer.trust_toml(now).as_bytes(), 0o644)?;

        let options = open_options(&config, None)?;
        recover::create(&options, JournalId(random()?))?;
        self.first_accounts(&config, now).await?;
        say(&format!(
            "CREATED  the log {origin}, configured in {}",
            file.display()
        ))?;
        say(&format!(
            "KEYS     {} (encrypted; keep a copy of them and of the passphrase apart)",
            keys.display()
        ))?;
        say(&format!(
            "TRUST    {}: give it, and keys/log.pub, to whoever verifies receipts",
            trust.display()
        ))?;
        say(&format!(
            "NEXT     trialseal-server serve --dir {}",
            self.dir.display()
        ))
    }

    /// The organisation, member and token are records like any other: a notary is started
    /// for them, and stopped.
    async fn first_accounts(&self, config: &Config, now: Instant) -> Result<(), CommandError> {
        let options = open_options(config, None)?;
        let failed =
            |error: std::io::Error| CommandError::Failed(format!("the log cannot be started: {error}"));
        let start = StartOptions {
            origin: config.origin.clone(),
            fs: std::sync::Arc::clone(&options.fs),
            layout: options.layout.clone(),
            clock: std::sync::Arc::clone(&options.clock),
            cose: std::sync::Arc::clone(&options.cose),
            limits: config.limits.clone(),
            evidence: None,
            metrics: std::sync::Arc::new(
                Metrics::for_prometheus().map_err(|error| CommandError::Failed(error.to_string()))?,
            ),
        };
        let opened = recover::open(options)?;
        let (notary, running) = Notary::start(opened, start).map_err(failed)?;
        let operator = OperatorService {
            notary: std::sync::Arc::clone(&notary),
        };
        let made = self.enrol(&operator, now).await;
        running.stop(&notary).await;
        made
    }

    async fn enrol(&self, operator: &OperatorService, now: Instant) -> Result<(), CommandError> {
        use v1::operator_server::Operator as _;
        let refused = |status: tonic::Status| CommandError::Refused(status.message().to_owned());
        let organization = v1::AddOrganizationRequest {
            organization: self.organization.clone(),
            kind: self.organization_kind.clone(),
            ..v1::AddOrganizationRequest::default()
        };
        operator
            .add_organization(tonic::Request::new(organization))
            .await
            .map_err(refused)?;
        let member = v1::AddMemberRequest {
            organization: self.organization.clone(),
            member: self.member.clone(),
            kind: self.member_kind.clone(),
            key: self.member_key.clone().unwrap_or_default(),
        };
        operator
            .add_member(tonic::Request::new(member))
            .await
            .map_err(refused)?;
        let token = new_token()?;
        let issued = v1::IssueTokenRequest {
            organization: self.organization.clone(),
            member: self.member.clone(),
            token_sha256: token.sha256().to_vec().into(),
            expires: accounts::days_ahead(now, self.token_days).to_string(),
        };
        operator
            .issue_token(tonic::Request::new(issued))
            .await
            .map_err(refused)?;
        token.hand_over(self.token_file.as_deref())
    }
}

/// A new token: 32 random bytes, shown once and never kept by the notary.
pub(crate) struct NewToken(Zeroizing<[u8; 32]>);

pub(crate) fn new_token() -> Result<NewToken, CommandError> {
    Ok(NewToken(Zeroizing::new(random()?)))
}

impl NewToken {
    pub(crate) fn sha256(&self) -> [u8; 32] {
        *sha256(&*self.0).as_bytes()
    }

    /// To a file that only this user reads, or to standard output.
    pub(crate) fn hand_over(&self, file: Option<&Path>) -> Result<(), CommandError> {
        let mut text = Zeroizing::new(String::from(TOKEN_PREFIX));
        for byte in self.0.iter() {
            text.push_str(&format!("{byte:02x}"));
        }
        match file {
            Some(path) => {
                text.push('\n');
                write_file(path, text.as_bytes(), 0o600)?;
                say(&format!("TOKEN    written to {}", path.display()))
            }
            None => say(&format!("TOKEN    {}  (shown once)", *text)),
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N], CommandError> {
    let mut bytes = [0; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| CommandError::Failed(format!("there is no randomness: {error}")))?;
    Ok(bytes)
}

pub(super) fn absolute(path: &Path) -> Result<PathBuf, CommandError> {
    std::path::absolute(path).map_err(|error| CommandError::File {
        path: path.to_owned(),
        error,
    })
}

pub(super) fn create_directory(path: &Path) -> Result<(), CommandError> {
    fs::create_dir_all(path).map_err(|error| CommandError::File {
        path: path.to_owned(),
        error,
    })
}

/// Writes a new file; one that exists is left alone and is an error.
fn write_file(path: &Path, contents: &[u8], mode: u32) -> Result<(), CommandError> {
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        file.write_all(contents)?;
        file.sync_all()
    };
    write().map_err(|error| CommandError::File {
        path: path.to_owned(),
        error,
    })
}
