//! Passphrases and tokens: from a file, from standard input, or from the terminal. Never from an
//! argument or an environment variable, which others can read.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use trialseal::{Passphrase, Token};
use zeroize::Zeroizing;

use crate::errors::{Ended, configuration};

/// More is no secret.
const SECRET_BYTES_MAX: u64 = 4096;

/// A passphrase: from `file`, else from systemd's `$CREDENTIALS_DIRECTORY/passphrase`, else from
/// the terminal.
pub(crate) fn passphrase(file: Option<&Path>, prompt: &str) -> Result<Passphrase, Ended> {
    if let Some(file) = file {
        return read_passphrase(file);
    }
    if let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") {
        let path = Path::new(&folder).join("passphrase");
        if path.is_file() {
            return read_passphrase(&path);
        }
    }
    if !io::stdin().is_terminal() {
        return Err(Box::new(configuration(
            "There is no terminal to ask for the passphrase: give --passphrase-file.",
        )));
    }
    rpassword::prompt_password(prompt)
        .map(Passphrase::new)
        .map_err(|error| Box::new(configuration(format!("The passphrase cannot be read: {error}."))))
}

/// A new passphrase, asked for twice on a terminal.
pub(crate) fn new_passphrase(file: Option<&Path>) -> Result<Passphrase, Ended> {
    if file.is_some() || !io::stdin().is_terminal() {
        let passphrase = passphrase(file, "")?;
        return not_empty(passphrase);
    }
    let failed =
        |error: io::Error| Box::new(configuration(format!("The passphrase cannot be read: {error}.")));
    let first = Zeroizing::new(rpassword::prompt_password("  Passphrase: ").map_err(failed)?);
    let second = Zeroizing::new(rpassword::prompt_password("  Once more: ").map_err(failed)?);
    if first != second {
        return Err(Box::new(configuration("The two passphrases differ.")));
    }
    not_empty(Passphrase::new(first.to_string()))
}

fn not_empty(passphrase: Passphrase) -> Result<Passphrase, Ended> {
    if passphrase.is_empty() {
        return Err(Box::new(configuration("The passphrase is empty.")));
    }
    Ok(passphrase)
}

fn read_passphrase(path: &Path) -> Result<Passphrase, Ended> {
    Passphrase::read(path).map_err(|error| {
        Box::new(configuration(format!(
            "The passphrase cannot be read from {}: {error}.",
            path.display()
        )))
    })
}

/// A token: from `file`, from standard input (`-`, or a pipe), else from the terminal.
pub(crate) fn token(file: Option<&Path>) -> Result<Token, Ended> {
    let wrong = |problem: String| Box::new(configuration(problem));
    let text = match file {
        Some(file) if file != Path::new("-") => {
            Zeroizing::new(std::fs::read_to_string(file).map_err(|error| {
                wrong(format!(
                    "The token cannot be read from {}: {error}.",
                    file.display()
                ))
            })?)
        }
        None if io::stdin().is_terminal() => Zeroizing::new(
            rpassword::prompt_password("  Token: ")
                .map_err(|error| wrong(format!("The token cannot be read: {error}.")))?,
        ),
        _ => {
            let mut text = Zeroizing::new(String::new());
            io::stdin()
                .take(SECRET_BYTES_MAX)
                .read_to_string(&mut text)
                .map_err(|error| wrong(format!("The token cannot be read: {error}.")))?;
            text
        }
    };
    text.parse()
        .map_err(|error: trialseal::TokenError| wrong(format!("This is {error}.")))
}
