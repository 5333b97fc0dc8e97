//! The key of COSE receipts: Ed25519, kept like the log's keys and beside them. It signs each published
//! checkpoint once more, for tools that read COSE; no verdict rests on it.

use std::io::Read as _;
use std::path::Path;

use trialseal_core::checkpoint::Origin;
use trialseal_core::cose::{CoseKey, CoseSigningKey};
use trialseal_core::encoding::base64_decode;
use zeroize::Zeroizing;

use super::files;
use super::pkcs8_pem::{self, Algorithm};
use super::{KEY_FILE_BYTES_MAX, KeyError, Passphrase, Problem, Readers, Seed, check_public, open_private};

/// The file of the encrypted COSE key.
pub const COSE_FILE: &str = "cose.key";
/// The file of the public COSE key, PEM.
pub const COSE_PUB_FILE: &str = "cose.pub";

/// Reads the COSE key, or makes one where neither it nor its public half is there: directories of earlier
/// versions have none. Tells whether it was made.
///
/// # Errors
/// Names the file that others can read, that does not open, that cannot be written, or that is missing
/// beside the other.
pub fn open_or_make_cose_key(
    origin: &Origin,
    directory: &Path,
    passphrase: &Passphrase,
) -> Result<(CoseSigningKey, bool), KeyError> {
    let (secret, public) = (directory.join(COSE_FILE), directory.join(COSE_PUB_FILE));
    if !secret.exists() && !public.exists() {
        return make(directory, passphrase).map(|key| (key, true));
    }
    let mut text = Zeroizing::new(String::new());
    open_private(&secret, Readers::Owner)?
        .take(KEY_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| KeyError::Unreadable {
            path: secret.clone(),
            error,
        })?;
    let seed =
        pkcs8_pem::decrypt(Algorithm::Ed25519, &text, passphrase).map_err(|problem| KeyError::File {
            path: secret,
            problem,
        })?;
    let key = CoseSigningKey::from_seed(*seed.as_bytes());
    check_public(public, &key.public().to_pem(), origin.key_name())?;
    Ok((key, false))
}

/// The public COSE key of a log from the `cose.pub` in its directory of keys; none where that was
/// never made. Needs no passphrase.
///
/// # Errors
/// If the file cannot be read, or holds something else.
pub fn read_cose_pub(directory: &Path) -> Result<Option<CoseKey>, KeyError> {
    let path = directory.join(COSE_PUB_FILE);
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(KeyError::Unreadable { path, error }),
        Ok(text) => text,
    };
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    // What comes before the key says that it is one of Ed25519: that is compared below.
    let key = base64_decode(&body).ok().and_then(|der| {
        let key = der.get(der.len().checked_sub(32)?..)?;
        CoseKey::from_bytes(key).ok()
    });
    match key.filter(|key| key.to_pem() == text) {
        Some(key) => Ok(Some(key)),
        None => Err(KeyError::File {
            path,
            problem: Problem::NotPublicKeys,
        }),
    }
}

fn make(directory: &Path, passphrase: &Passphrase) -> Result<CoseSigningKey, KeyError> {
    let path = directory.join(COSE_FILE);
    let problem = |problem: Problem| KeyError::File {
        path: path.clone(),
        problem,
    };
    let seed = Seed::random().map_err(problem)?;
    let encrypted = pkcs8_pem::encrypt(Algorithm::Ed25519, &seed, passphrase).map_err(problem)?;
    let key = CoseSigningKey::from_seed(*seed.as_bytes());
    files::create_private_directory(directory)?;
    files::create_private(&path, Zeroizing::new(encrypted).as_bytes())?;
    files::create_public(&directory.join(COSE_PUB_FILE), key.public().to_pem().as_bytes())?;
    files::sync_directory(directory)?;
    Ok(key)
}
