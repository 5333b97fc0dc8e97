//! `mirror`: a second copy of a log, verified.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};
use trialseal_core::{checkpoint::Origin, trust::Trust};
use trialseal_server::{
    mirror::{FollowError, InitSettings, MirrorConfig, MirrorError, init, mirror},
    outbound::Url,
};

use super::{CommandError, say};

/// Follow a log over HTTP, verify every entry, and serve the same files.
///
/// Set up: trialseal-server mirror init --dir mirror --log-url https://notary.example.org/2026 --trust trust.toml
/// Run:    trialseal-server mirror serve --dir mirror
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Mirror {
    /// Make the folder of a mirror, with its configuration.
    Init(Init),
    /// Run the mirror.
    Serve(Serve),
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The mirror's folder; made if it is missing.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Where the log is served, with the path of its origin: https://notary.example.org/2026.
    #[arg(long, value_name = "URL")]
    log_url: String,
    /// The trust file with the log's keys; it is copied. Witnesses in it are looked for.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// The log's origin; needed where the trust file names several logs.
    #[arg(long)]
    origin: Option<String>,
    /// Where the mirror listens.
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The mirror's folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Catch up with what the log shows now, and end.
    #[arg(long)]
    once: bool,
}

impl Mirror {
    pub(crate) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Init(init) => init.run(),
            Self::Serve(serve) => Ok(mirror(&MirrorConfig::load(&serve.dir)?, serve.once).await?),
        }
    }
}

impl Init {
    fn run(self) -> Result<(), CommandError> {
        let usage =
            |name: &str, error: &dyn std::fmt::Display| CommandError::Usage(format!("{name}: {error}"));
        let log_url = Url::parse(&self.log_url).map_err(|error| usage("--log-url", &error))?;
        let text = std::fs::read_to_string(&self.trust).map_err(|error| CommandError::File {
            path: self.trust.clone(),
            error,
        })?;
        let trust = Trust::parse(&text).map_err(|error| usage("--trust", &error))?;
        let origin = match (&self.origin, trust.logs()) {
            (Some(origin), _) => Origin::new(origin).map_err(|error| usage("--origin", &error))?,
            (None, [log]) => log.origin.clone(),
            (None, logs) => {
                let problem = format!("the trust file names {} logs; say which one", logs.len());
                return Err(usage("--origin", &problem));
            }
        };
        if trust.log(origin.as_str()).is_none() {
            return Err(usage(
                "--origin",
                &format!("the trust file names no log {origin}"),
            ));
        }
        let settings = InitSettings {
            log_url,
            trust: text,
            origin: origin.clone(),
            http: self.http,
        };
        let file = init(&self.dir, &settings)?;
        say(&format!(
            "CREATED  a mirror of {origin}, configured in {}",
            file.display()
        ))?;
        say(&format!(
            "NEXT     trialseal-server mirror serve --dir {}",
            self.dir.display()
        ))
    }
}

/// The exit code of a mirror that ended: nobody to ask is told from what is wrong.
pub(super) fn is_unavailable(error: &MirrorError) -> bool {
    matches!(error, MirrorError::Follow(FollowError::Fetch(_)))
}
