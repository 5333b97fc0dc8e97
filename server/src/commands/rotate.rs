//! `rotate`: a new origin with new keys that continues the log.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use rand::{TryRng as _, rngs::SysRng};
use trialseal_core::checkpoint::Origin;
use trialseal_server::{
    config::{Config, FILE_NAME, ServeFlags, next_text},
    durable::{DurableError, replace},
    fs::{FileSystem, PRIVATE_DIRECTORY, PUBLIC_FILE, RealFileSystem},
    journal::JournalId,
    keys::{LogSigner, PassphraseSources, TokenPlace},
    rotate::{RotateError, RotateOptions, Rotated, check_origin, rotate},
    serve::{open_options_with, system_now},
};

use super::{CommandError, say, token_flags::TokenFlags};

/// The file of trust beside a notary's configuration.
const TRUST: &str = "trust.toml";

/// Close the log for ever, and go on in a new folder under a new origin with new keys.
///
/// The notary must be stopped. Registers, accounts and remembered submissions go on; receipts of the old origin stay
/// valid. If this is interrupted, the same command completes it.
///
/// Example: trialseal-server rotate --dir notary-2026 --next-origin notary.example.org/2027 --next-dir notary-2027
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Rotate {
    /// The folder of the log that ends.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The next log's origin: the URL prefix of its tiles without scheme, with another path than the old one's.
    #[arg(long, value_name = "ORIGIN")]
    next_origin: String,
    /// The next log's folder; made if it is missing.
    #[arg(long, value_name = "DIR")]
    next_dir: PathBuf,
    /// The file with the passphrase of the old log's keys, which the new ones get too.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    key_in: TokenFlags,
}

impl Rotate {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let next_origin = Origin::new(&self.next_origin)
            .map_err(|error| CommandError::Usage(format!("--next-origin {}: {error}", self.next_origin)))?;
        let old = self.old_config()?;
        check_origin(&old.origin, &next_origin)?;
        let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
        let folder = self.next_folder(&*fs, &old)?;
        let passphrase = PassphraseSources::of_process(old.passphrase_file.as_deref()).existing()?;
        // Nothing depends on what is made here until the old log names it.
        let in_token = self.key_in.place(&next_origin)?;
        let next = next_config(&*fs, &folder, &old, &next_origin, in_token.as_ref())?;
        LogSigner::make_at(
            &next_origin,
            &next.directories.keys,
            next.pkcs11.as_ref(),
            &passphrase,
        )?;
        let options = RotateOptions {
            old: open_options_with(&old, &passphrase, None)?,
            next: open_options_with(&next, &passphrase, None)?,
        };
        let signer = Arc::clone(&options.next.signer);
        let table = write_trust(&*fs, &folder, &old, &signer)?;
        let rotated = rotate(options, JournalId(random()?))?;
        self.report(&rotated, &next, &table)
    }

    /// The old configuration, as a later reader finds it in the file.
    fn old_config(&self) -> Result<Config, CommandError> {
        let flags = ServeFlags {
            passphrase_file: self.passphrase_file.clone(),
            ..ServeFlags::of_folder(&self.dir)
        };
        let config = Config::load(&flags)?;
        let of_file = Config::load_with(
            &ServeFlags::of_folder(&self.dir),
            std::iter::empty::<(std::ffi::OsString, std::ffi::OsString)>(),
        )?;
        if (&config.origin, &config.directories, &config.previous)
            == (&of_file.origin, &of_file.directories, &of_file.previous)
        {
            return Ok(config);
        }
        Err(CommandError::Usage(format!(
            "origin, previous and directories must stand in {}: the next log finds this one there, and not through the \
             environment",
            config.file.display()
        )))
    }

    /// The next log's folder, durable and apart from the old log's.
    fn next_folder(&self, fs: &dyn FileSystem, old: &Config) -> Result<PathBuf, CommandError> {
        let failed = |error: trialseal_server::fs::FileError| CommandError::Failed(error.to_string());
        let folder = std::path::absolute(&self.next_dir).map_err(|error| CommandError::File {
            path: self.next_dir.clone(),
            error,
        })?;
        fs.create_dir_all(&folder, PRIVATE_DIRECTORY).map_err(failed)?;
        // Also where an interrupted call made it.
        fs.sync_dir(&folder).map_err(failed)?;
        if let Some(parent) = folder.parent() {
            fs.sync_dir(parent).map_err(failed)?;
        }
        let folder = folder.canonicalize().map_err(|error| CommandError::File {
            path: folder.clone(),
            error,
        })?;
        let directories = &old.directories;
        let inside = [
            &directories.data,
            &directories.public,
            &directories.private,
            &directories.keys,
        ];
        if folder == directories.base || inside.iter().any(|directory| folder.starts_with(directory)) {
            return Err(CommandError::Usage(format!(
                "--next-dir {} lies in the old log's folder; each log needs one of its own",
                folder.display()
            )));
        }
        Ok(folder)
    }

    fn report(&self, rotated: &Rotated, next: &Config, table: &str) -> Result<(), CommandError> {
        let checkpoint = &rotated.checkpoint;
        let when = if rotated.was_closed {
            "was closed before"
        } else {
            "is closed"
        };
        say(&format!(
            "CLOSED   {} {when} at {} entries, root {}",
            checkpoint.origin,
            checkpoint.size,
            checkpoint.root.to_base64()
        ))?;
        say(&format!(
            "OPENED   {} continues it, configured in {}",
            next.origin,
            next.file.display()
        ))?;
        say(&format!(
            "KEYS     {} (encrypted; keep a copy of them and of the passphrase apart)",
            next.directories.keys.display()
        ))?;
        say("TRUST    whoever verifies receipts adds this to trust.toml, and keeps what is there:\n")?;
        say(table)?;
        say(&format!(
            "NEXT     trialseal-server serve --dir {}, which serves the old log too; back up both folders",
            self.next_dir.display()
        ))
    }
}

/// The next log's configuration: made from the old one, or what an earlier call made.
fn next_config(
    fs: &dyn FileSystem,
    folder: &Path,
    old: &Config,
    origin: &Origin,
    in_token: Option<&TokenPlace>,
) -> Result<Config, CommandError> {
    let file = folder.join(FILE_NAME);
    if !file.exists() {
        let text = next_text(old, origin, in_token)?;
        replace(fs, &file, text.as_bytes(), PUBLIC_FILE).map_err(durable)?;
    }
    let next = Config::load_with(
        &ServeFlags::of_folder(folder),
        std::iter::empty::<(std::ffi::OsString, std::ffi::OsString)>(),
    )?;
    let continues = next.previous.as_ref().and_then(|path| path.canonicalize().ok());
    if next.origin == *origin && continues.as_deref() == Some(&old.directories.base) {
        return Ok(next);
    }
    Err(CommandError::Usage(format!(
        "{} is the configuration of {}, which does not continue this log; choose another folder",
        file.display(),
        next.origin
    )))
}

/// Trust in the old log as its folder has it, and in the next one; gives the table that is new.
fn write_trust(
    fs: &dyn FileSystem,
    folder: &Path,
    old: &Config,
    signer: &LogSigner,
) -> Result<String, CommandError> {
    let file = folder.join(TRUST);
    let unreadable = |path: &Path, error| CommandError::File {
        path: path.to_owned(),
        error,
    };
    if !file.exists() {
        let now = system_now();
        let before = old.directories.base.join(TRUST);
        let text = match std::fs::read_to_string(&before) {
            Ok(text) => format!("{}\n\n{}", text.trim_end(), signer.trust_table(now)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => signer.trust_toml(now),
            Err(error) => return Err(unreadable(&before, error)),
        };
        replace(fs, &file, text.as_bytes(), PUBLIC_FILE).map_err(durable)?;
    }
    // What an earlier call wrote has the time of that call.
    let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
    let table = text.rfind("[[log]]").and_then(|at| text.get(at..));
    Ok(table.unwrap_or_default().to_owned())
}

fn durable(error: DurableError) -> CommandError {
    CommandError::Rotate(RotateError::Durable(error))
}

fn random<const N: usize>() -> Result<[u8; N], CommandError> {
    let mut bytes = [0; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| CommandError::Failed(format!("there is no randomness: {error}")))?;
    Ok(bytes)
}
