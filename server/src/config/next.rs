//! The configuration of the log that continues another.

use std::path::Path;

use toml::{Table, Value};
use trialseal_core::checkpoint::Origin;

use super::{Config, ConfigError, inside};
use crate::keys::TokenPlace;

/// Keys whose values are paths, which are relative to the file's folder.
const PATHS: [&[&str]; 5] = [
    &["passphrase_file"],
    &["listen", "admin_socket"],
    &["tls", "certificate"],
    &["tls", "key"],
    &["evidence", "trust"],
];

/// The configuration of the log `origin` that continues the one of `old`: what the old file
/// says, but for the origin, the folders, which are the new folder's own, and the place of the
/// Ed25519 key, which is a new one.
///
/// # Errors
/// If the old file cannot be read.
pub fn next_text(
    old: &Config,
    origin: &Origin,
    in_token: Option<&TokenPlace>,
) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(&old.file).map_err(|error| ConfigError::Unreadable {
        file: old.file.clone(),
        error,
    })?;
    let syntax = |problem: String| ConfigError::Syntax {
        source_name: old.file.display().to_string(),
        problem,
    };
    let mut table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| syntax(error.to_string()))?;
    let base = &old.directories.base;
    for path in PATHS {
        make_absolute(&mut table, path, base);
    }
    table.remove("directories");
    table.remove("pkcs11");
    if let Some(place) = in_token {
        table.insert("pkcs11".to_owned(), Value::Table(token_table(place)));
    }
    table.insert("origin".to_owned(), Value::String(origin.to_string()));
    let previous = base.to_string_lossy().into_owned();
    table.insert("previous".to_owned(), Value::String(previous));
    let settings = toml::to_string_pretty(&table).map_err(|error| syntax(error.to_string()))?;
    Ok(format!(
        "# The configuration of a Trialseal notary, made by `trialseal-server rotate` from that of the log before.\n\
         # What every key means stands in the file that `trialseal-server init` writes.\n\n{settings}"
    ))
}

fn token_table(place: &TokenPlace) -> Table {
    let path = |path: &Path| Value::String(path.to_string_lossy().into_owned());
    let mut table = Table::new();
    table.insert("module".to_owned(), path(&place.module));
    table.insert("token".to_owned(), Value::String(place.token.clone()));
    table.insert("key".to_owned(), Value::String(place.key.clone()));
    if let Some(pin_file) = &place.pin_file {
        table.insert("pin_file".to_owned(), path(pin_file));
    }
    table
}

fn make_absolute(table: &mut Table, path: &[&str], base: &Path) {
    let Some((last, sections)) = path.split_last() else {
        return;
    };
    let mut at = Some(table);
    for section in sections {
        at = at
            .and_then(|table| table.get_mut(*section))
            .and_then(Value::as_table_mut);
    }
    if let Some(Value::String(value)) = at.and_then(|table| table.get_mut(*last)) {
        *value = inside(base, Path::new(value.as_str()))
            .to_string_lossy()
            .into_owned();
    }
}
