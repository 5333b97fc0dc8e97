//! The commands: what an operator types.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use trialseal_core::{hash::Hash, index::LogSize};
use trialseal_server::{
    config::{ConfigError, ServeFlags},
    keys::KeyError,
    mirror::MirrorError,
    recover::OpenError,
    rotate::RotateError,
    serve::{self, ServeError},
    signer_state::AcceptedHead,
    witness::serve::WitnessServeError,
};

mod accounts;
mod check;
mod init;
mod mirror;
mod rotate;
mod token_flags;
mod witness;

/// Usage, not clap's 2.
const EX_USAGE: u8 = 64;
/// The service is not reachable.
const EX_UNAVAILABLE: u8 = 69;
/// Something failed.
const EX_SOFTWARE: u8 = 70;
/// Not allowed.
const EX_NOPERM: u8 = 77;
/// Configuration or keys.
const EX_CONFIG: u8 = 78;

/// The Trialseal notary: puts salted commitments to trial files on record.
///
/// Set up: trialseal-server init --dir /var/lib/trialseal --origin notary.example.org/2026 \
///           --organization acme --member m-4k2v9 --passphrase-file /etc/trialseal/passphrase
/// Run:    trialseal-server serve --dir /var/lib/trialseal
/// Check:  trialseal-server audit --dir /var/lib/trialseal
#[derive(Debug, Parser)]
#[command(name = "trialseal-server", version, verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new log: its folder, keys and configuration, a first organisation, member and token.
    Init(init::Init),
    /// Run the notary.
    Serve(Serve),
    /// Read every stored byte again, also beside a running notary; exits non-zero at the first thing wrong.
    Audit(check::Audit),
    /// Copy the log, also beside a running notary, and audit the copy.
    Backup(check::Backup),
    /// Follow another notary's log, verify it, and serve the same files.
    #[command(subcommand)]
    Mirror(mirror::Mirror),
    /// Close the log and go on under a new origin with new keys, while the notary is stopped.
    Rotate(rotate::Rotate),
    /// Enrol organisations, while the notary runs.
    #[command(subcommand)]
    Organization(accounts::Organization),
    /// Enrol or revoke members and their keys, while the notary runs.
    #[command(subcommand)]
    Member(accounts::Member),
    /// Issue or revoke tokens, while the notary runs.
    #[command(subcommand)]
    Token(accounts::Token),
    /// Run a witness: cosign what other logs grow to, and see to it that they only grow.
    #[command(subcommand)]
    Witness(witness::Witness),
}

#[derive(Debug, clap::Args)]
struct Serve {
    #[command(flatten)]
    flags: ServeFlags,
    /// After restoring a backup: the size and root (base64) of the log as it is now, which become the newest.
    #[arg(long, num_args = 2, value_names = ["SIZE", "ROOT"])]
    accept_head: Option<Vec<String>>,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Witness(#[from] WitnessServeError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Rotate(#[from] RotateError),
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("the notary does not answer on {}: {error}; is it running?", socket.display())]
    Unreachable {
        socket: PathBuf,
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Failed(String),
}

impl CommandError {
    /// Says it on standard error; the exit code is stable.
    pub(crate) fn report(&self) -> ExitCode {
        let code = match self {
            Self::Usage(_) => EX_USAGE,
            Self::Config(_)
            | Self::Keys(_)
            | Self::Serve(ServeError::Config(_) | ServeError::Keys(_))
            | Self::Witness(WitnessServeError::Config(_) | WitnessServeError::Keys(_)) => EX_CONFIG,
            Self::Unreachable { .. } => EX_UNAVAILABLE,
            Self::Mirror(error) if mirror::is_unavailable(error) => EX_UNAVAILABLE,
            Self::Mirror(MirrorError::Tls(_)) => EX_CONFIG,
            Self::Refused(_) => EX_NOPERM,
            Self::Rotate(RotateError::Origin { .. }) => EX_USAGE,
            Self::Serve(_)
            | Self::Witness(_)
            | Self::Mirror(_)
            | Self::Open(_)
            | Self::Rotate(_)
            | Self::File { .. }
            | Self::Failed(_) => EX_SOFTWARE,
        };
        // Nothing is left to be said if standard error is closed.
        let _ = writeln!(io::stderr(), "trialseal-server: {self}");
        ExitCode::from(code)
    }
}

/// clap's own words, with our exit code; help and version are no errors.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(EX_USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| CommandError::Failed(format!("the runtime cannot be started: {error}")))?;
        match self.command {
            Command::Init(init) => runtime.block_on(init.run()),
            Command::Serve(serve) => {
                give_memory_back()?;
                let accepted = serve.accept_head.as_deref().map(accepted_head).transpose()?;
                Ok(runtime.block_on(serve::serve(&serve.flags, accepted))?)
            }
            Command::Audit(audit) => audit.run(),
            Command::Backup(backup) => backup.run(),
            Command::Mirror(command) => {
                give_memory_back()?;
                runtime.block_on(command.run())
            }
            Command::Rotate(rotate) => rotate.run(),
            Command::Organization(command) => runtime.block_on(command.run()),
            Command::Member(command) => runtime.block_on(command.run()),
            Command::Token(command) => runtime.block_on(command.run()),
            Command::Witness(command) => runtime.block_on(command.run()),
        }
    }
}

/// How glibc's allocator is told to give memory back. By default the buffers of large
/// messages raise its thresholds until it keeps hundreds of megabytes.
const ALLOCATOR: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "2"),
    ("MALLOC_MMAP_THRESHOLD_", "131072"),
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
];

/// The allocator reads its settings when a program starts, so this one starts itself anew
/// with them, in the same process. Settings that an operator made are left alone.
fn give_memory_back() -> Result<(), CommandError> {
    use std::os::unix::process::CommandExt as _;
    if ALLOCATOR.iter().any(|(name, _)| std::env::var_os(name).is_some()) {
        return Ok(());
    }
    let program = std::env::current_exe()
        .map_err(|error| CommandError::Failed(format!("this program's own file is unknown: {error}")))?;
    let error = std::process::Command::new(program)
        .args(std::env::args_os().skip(1))
        .envs(ALLOCATOR)
        .exec();
    Err(CommandError::Failed(format!(
        "this program cannot start itself anew: {error}"
    )))
}

fn accepted_head(values: &[String]) -> Result<AcceptedHead, CommandError> {
    let [size, root] = values else {
        return Err(CommandError::Usage(
            "--accept-head takes a size and a root".to_owned(),
        ));
    };
    let size: LogSize = size
        .parse()
        .map_err(|error| CommandError::Usage(format!("--accept-head: the size {size:?}: {error}")))?;
    let root = Hash::from_base64(root)
        .map_err(|error| CommandError::Usage(format!("--accept-head: the root {root:?}: {error}")))?;
    Ok(AcceptedHead { size, root })
}

/// Results go to standard output.
fn say(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").map_err(|error| CommandError::Failed(format!("standard output: {error}")))
}
