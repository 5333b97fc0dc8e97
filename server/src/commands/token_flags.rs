//! The flags that name a key in a PKCS#11 token.

use std::path::PathBuf;

use clap::Args;
use trialseal_core::checkpoint::Origin;
use trialseal_server::keys::TokenPlace;

use super::CommandError;

/// Where a new log's Ed25519 key is to be, if not in a file. Needs a program with the feature pkcs11.
#[derive(Debug, Args)]
pub(crate) struct TokenFlags {
    /// Keep the log's Ed25519 key in a PKCS#11 token: the module, a shared library.
    #[arg(long, value_name = "FILE", requires = "pkcs11_token")]
    pkcs11_module: Option<PathBuf>,
    /// The token's label.
    #[arg(long, value_name = "LABEL", requires = "pkcs11_module")]
    pkcs11_token: Option<String>,
    /// The key's label, which is used if it is there and made if not; without, the origin.
    #[arg(long, value_name = "LABEL", requires = "pkcs11_module")]
    pkcs11_key: Option<String>,
    /// The file with the token's PIN; without, $CREDENTIALS_DIRECTORY/trialseal-pin, then the terminal.
    #[arg(long, value_name = "FILE", requires = "pkcs11_module")]
    pkcs11_pin_file: Option<PathBuf>,
}

impl TokenFlags {
    /// The place of the key of the log `origin`; none for a file.
    pub(crate) fn place(&self, origin: &Origin) -> Result<Option<TokenPlace>, CommandError> {
        let (Some(module), Some(token)) = (&self.pkcs11_module, &self.pkcs11_token) else {
            return Ok(None);
        };
        let absolute = |path: &PathBuf| {
            std::path::absolute(path).map_err(|error| CommandError::File {
                path: path.clone(),
                error,
            })
        };
        Ok(Some(TokenPlace {
            module: absolute(module)?,
            token: token.clone(),
            key: self.pkcs11_key.clone().unwrap_or_else(|| origin.to_string()),
            pin_file: self.pkcs11_pin_file.as_ref().map(absolute).transpose()?,
        }))
    }
}
