//! `witness`: a witness of other people's logs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use trialseal_core::checkpoint::Origin;
use trialseal_core::note::VerifierKey;
use trialseal_server::fs::{FileSystem as _, PRIVATE_DIRECTORY, RealFileSystem};
use trialseal_server::keys::{PassphraseSources, WITNESS_PUB_FILE, WitnessSigner};
use trialseal_server::witness::config::{
    WITNESS_FILE_NAME, WatchedLog, WitnessConfig, add_log, parse_name, write_witness_config,
};
use trialseal_server::witness::serve::{self, WitnessServeError, data_of, keys_of};
use trialseal_server::witness::{Store, StoreError};

use super::init::{absolute, create_directory};
use super::{CommandError, say};

#[derive(Debug, Subcommand)]
pub(crate) enum Witness {
    /// Make a new witness: its folder, keys and configuration.
    Init(Init),
    /// Have it watch a log; also while it runs, which then takes a SIGHUP.
    AddLog(AddLog),
    /// Run it.
    Serve(Serve),
}

/// Make a new witness: its folder, keys and configuration.
///
/// Example: trialseal-server witness init --dir witness --name witness.example.edu/w1 \
///            --passphrase-file passphrase
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Init {
    /// The witness's folder; made if it is missing.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The URL prefix that it answers below, without scheme, e.g. witness.example.edu/w1. Never changes.
    #[arg(long)]
    name: String,
    /// The file with the passphrase of its keys; without, it is asked for.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// Have a witness watch a log; also while it runs, which then takes a SIGHUP.
///
/// Example: trialseal-server witness add-log --dir witness --log-pub log.pub
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AddLog {
    /// The witness's folder.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The log's file of public keys: one vkey a line, whose name is the origin.
    #[arg(long, value_name = "FILE", required_unless_present = "vkey")]
    log_pub: Option<PathBuf>,
    /// The log's origin, if it is not the name of its keys.
    #[arg(long)]
    origin: Option<String>,
    /// A key of the log; may stand several times.
    #[arg(long, value_name = "VKEY", conflicts_with = "log_pub")]
    vkey: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The witness's folder: reads <DIR>/witness.toml.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

impl Witness {
    pub(crate) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Init(init) => init.run(),
            Self::AddLog(add) => add.run(),
            Self::Serve(Serve { dir }) => Ok(serve::serve(&dir).await?),
        }
    }
}

impl Init {
    fn run(self) -> Result<(), CommandError> {
        let name = parse_name(&self.name).map_err(CommandError::Usage)?;
        let passphrase_file = self.passphrase_file.as_deref().map(absolute).transpose()?;
        let passphrase = PassphraseSources::of_process(passphrase_file.as_deref()).new_keys()?;
        create_directory(&self.dir)?;
        let signer = WitnessSigner::create(&name, &keys_of(&self.dir), &passphrase)?;
        RealFileSystem
            .create_dir_all(&data_of(&self.dir), PRIVATE_DIRECTORY)
            .map_err(StoreError::File)
            .map_err(WitnessServeError::Store)?;
        let file = write_witness_config(&self.dir, &name, self.listen, passphrase_file.as_deref())
            .map_err(WitnessServeError::Config)?;
        let public = keys_of(&self.dir).join(WITNESS_PUB_FILE);
        say(&format!(
            "CREATED  the witness {}, configured in {}",
            name.as_str(),
            file.display()
        ))?;
        say(&format!(
            "KEYS     {} (encrypted; keep a copy of them and of the passphrase apart)",
            keys_of(&self.dir).display()
        ))?;
        say(&format!(
            "PUBLIC   {}: give it to logs and verifiers; in their trust.toml it reads\n\n{}",
            public.display(),
            signer.trust_entry()
        ))?;
        say(&format!(
            "NEXT     trialseal-server witness add-log --dir {} --log-pub FILE",
            self.dir.display()
        ))
    }
}

impl AddLog {
    fn run(self) -> Result<(), CommandError> {
        let keys = self.keys()?;
        let name = keys.first().map(|key| key.name().as_str());
        let origin = match (&self.origin, name) {
            (Some(origin), _) => origin,
            (None, Some(name)) if keys.iter().all(|key| key.name().as_str() == name) => name,
            _ => {
                let problem = "these keys have not one name, so --origin has to say the log's origin";
                return Err(CommandError::Usage(problem.to_owned()));
            }
        };
        let origin = Origin::new(origin)
            .map_err(|error| CommandError::Usage(format!("the origin {origin}: {error}")))?;
        let log = WatchedLog::new(origin, keys).map_err(CommandError::Usage)?;
        // Before its memory is begun: only in the folder of a witness.
        WitnessConfig::load(&self.dir).map_err(WitnessServeError::Config)?;
        let file = self.dir.join(WITNESS_FILE_NAME);
        // The memory first: a log in the configuration without one is a witness that forgot.
        Store::begin(&RealFileSystem, &data_of(&self.dir), &log.origin)
            .map_err(StoreError::File)
            .map_err(WitnessServeError::Store)?;
        let added = add_log(&RealFileSystem, &self.dir, &log).map_err(WitnessServeError::Config)?;
        if added {
            say(&format!("ADDED    {} to {}", log.origin, file.display()))?;
            say("NEXT     start the witness, or send it SIGHUP if it runs")
        } else {
            say(&format!(
                "KNOWN    {} is in {} already",
                log.origin,
                file.display()
            ))
        }
    }

    fn keys(&self) -> Result<Vec<VerifierKey>, CommandError> {
        let parse = |text: &str, place: &dyn std::fmt::Display| {
            text.parse()
                .map_err(|error| CommandError::Usage(format!("{place}: {error}")))
        };
        match &self.log_pub {
            Some(path) => read(path)?
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(|line| parse(line, &path.display()))
                .collect(),
            None => self.vkey.iter().map(|key| parse(key, &"--vkey")).collect(),
        }
    }
}

fn read(path: &Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(|error| CommandError::File {
        path: path.to_owned(),
        error,
    })
}
