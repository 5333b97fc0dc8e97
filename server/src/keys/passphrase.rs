//! The passphrase of the log's keys, and where it may come from: a file, the service manager's
//! credentials, the terminal. Never an environment variable or an argument, which other processes see.

use std::fmt;
use std::fs::File;
use std::io::{IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::KeyError;
use super::files::{Readers, open_private};

/// The name of the credential that is looked for in `$CREDENTIALS_DIRECTORY`.
pub const CREDENTIAL_NAME: &str = "trialseal-passphrase";

/// The name of the credential that holds a token's PIN.
#[cfg(feature = "pkcs11")]
const PIN_CREDENTIAL_NAME: &str = "trialseal-pin";

/// Bytes of a passphrase, at most.
const PASSPHRASE_BYTES_MAX: usize = 1_024;

/// A passphrase, wiped when dropped.
pub struct Passphrase(Zeroizing<String>);

impl fmt::Debug for Passphrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passphrase(hidden)")
    }
}

/// The places where a passphrase is looked for, in this order.
#[derive(Clone, Debug, Default)]
pub struct PassphraseSources {
    /// The configured file. If it is set nothing else is tried.
    pub file: Option<PathBuf>,
    /// The service manager's directory of credentials, if there is one.
    pub credentials_directory: Option<PathBuf>,
    /// Whether somebody at a terminal may be asked.
    pub terminal: bool,
}

impl PassphraseSources {
    /// The configured file, this process's `$CREDENTIALS_DIRECTORY`, and the terminal if there is one.
    #[must_use]
    pub fn of_process(file: Option<&Path>) -> Self {
        Self {
            file: file.map(Path::to_path_buf),
            credentials_directory: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            terminal: std::io::stdin().is_terminal(),
        }
    }

    /// The passphrase of existing keys.
    ///
    /// # Errors
    /// Where none is found, or its file is readable by others, empty or too long.
    pub fn existing(&self) -> Result<Passphrase, KeyError> {
        match self.stored()? {
            Some(passphrase) => Ok(passphrase),
            None if self.terminal => Passphrase::new(ask("Passphrase of the log's keys: ")?),
            None => Err(self.nowhere()),
        }
    }

    /// A passphrase for new keys; at the terminal it is asked for twice.
    ///
    /// # Errors
    /// As [`PassphraseSources::existing`], and where the two differ.
    pub fn new_keys(&self) -> Result<Passphrase, KeyError> {
        if let Some(passphrase) = self.stored()? {
            return Ok(passphrase);
        }
        if !self.terminal {
            return Err(self.nowhere());
        }
        let first = ask("New passphrase for the log's keys: ")?;
        let second = ask("The same again: ")?;
        if *first != *second {
            return Err(KeyError::Passphrase(
                "the two passphrases differ; nothing was written".to_owned(),
            ));
        }
        Passphrase::new(first)
    }

    fn stored(&self) -> Result<Option<Passphrase>, KeyError> {
        if let Some(file) = &self.file {
            return Passphrase::read(file, Readers::Owner).map(Some);
        }
        let Some(directory) = &self.credentials_directory else {
            return Ok(None);
        };
        let credential = directory.join(CREDENTIAL_NAME);
        if !credential.exists() {
            return Ok(None);
        }
        // The service manager gives the service its right by an access list, which shows as a group bit.
        Passphrase::read(&credential, Readers::OwnerAndGroup).map(Some)
    }

    fn nowhere(&self) -> KeyError {
        KeyError::Passphrase(format!(
            "no passphrase: set passphrase_file, or provide the credential {CREDENTIAL_NAME} in \
             $CREDENTIALS_DIRECTORY, or start at a terminal"
        ))
    }
}

impl Passphrase {
    /// A passphrase of 1 to 1,024 bytes without control characters.
    ///
    /// # Errors
    /// Where it is not.
    pub fn new(text: Zeroizing<String>) -> Result<Self, KeyError> {
        if text.is_empty() {
            return Err(KeyError::Passphrase("the passphrase is empty".to_owned()));
        }
        if text.len() > PASSPHRASE_BYTES_MAX {
            return Err(KeyError::Passphrase(format!(
                "the passphrase has more than {PASSPHRASE_BYTES_MAX} bytes"
            )));
        }
        if text.chars().any(char::is_control) {
            return Err(KeyError::Passphrase(
                "the passphrase has a control character or several lines".to_owned(),
            ));
        }
        Ok(Self(text))
    }

    #[cfg(feature = "pkcs11")]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn read(path: &Path, readers: Readers) -> Result<Self, KeyError> {
        let mut file: File = open_private(path, readers)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(PASSPHRASE_BYTES_MAX + 3));
        let limit = PASSPHRASE_BYTES_MAX as u64 + 3;
        Read::by_ref(&mut file)
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| KeyError::Unreadable {
                path: path.to_path_buf(),
                error,
            })?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| KeyError::Passphrase(format!("{} is not UTF-8", path.display())))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Self::new(Zeroizing::new(text.to_owned())).map_err(|error| match error {
            KeyError::Passphrase(problem) => KeyError::Passphrase(format!("{}: {problem}", path.display())),
            other => other,
        })
    }
}

/// The PIN of a token: from a file, the service manager's credential, or the terminal.
#[cfg(feature = "pkcs11")]
pub(super) fn pin(file: Option<&Path>) -> Result<Passphrase, KeyError> {
    if let Some(file) = file {
        return Passphrase::read(file, Readers::Owner);
    }
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY")
        .map(|directory| PathBuf::from(directory).join(PIN_CREDENTIAL_NAME))
        .filter(|credential| credential.exists());
    match credential {
        Some(credential) => Passphrase::read(&credential, Readers::OwnerAndGroup),
        None if std::io::stdin().is_terminal() => Passphrase::new(ask("PIN of the token: ")?),
        None => Err(KeyError::Passphrase(format!(
            "no PIN: set pkcs11.pin_file, or provide the credential {PIN_CREDENTIAL_NAME} in \
             $CREDENTIALS_DIRECTORY, or start at a terminal"
        ))),
    }
}

fn ask(prompt: &str) -> Result<Zeroizing<String>, KeyError> {
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(|error| KeyError::Passphrase(format!("the terminal did not give a passphrase: {error}")))
}
