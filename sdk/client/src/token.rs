//! Bearer tokens: `trialseal_` and 64 hex digits.

use std::fmt;
use std::str::FromStr;

use rand::TryRng as _;
use rand::rngs::SysRng;
use trialseal_core::encoding;
use trialseal_core::hash::{Hash, sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Marks a token, so that it is found where it does not belong.
const PREFIX: &str = "trialseal_";

/// 32 random bytes that speak for one member of one organisation. The notary keeps their SHA-256
/// only. Neither `Display` nor `Debug` shows them; zeroised when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Token([u8; 32]);

/// A text that is no token. The message never repeats the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token: expected trialseal_ and 64 lower-case hex digits")]
pub struct TokenError;

impl Token {
    /// A fresh token.
    ///
    /// # Errors
    ///
    /// The operating system gives no randomness.
    pub fn generate() -> Result<Self, std::io::Error> {
        let mut bytes = [0; 32];
        SysRng.try_fill_bytes(&mut bytes).map_err(std::io::Error::other)?;
        Ok(Self(bytes))
    }

    /// From its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The text that people keep: `trialseal_` and 64 hex digits.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 64));
        text.push_str(PREFIX);
        encoding::hex_encode_into(&mut text, &self.0);
        text
    }

    /// What the notary stores: SHA-256 of the 32 bytes.
    #[must_use]
    pub fn sha256(&self) -> Hash {
        sha256(&self.0)
    }
}

impl FromStr for Token {
    type Err = TokenError;

    /// White space around the token is ignored, since files end with a line feed.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let digits = text.trim().strip_prefix(PREFIX).ok_or(TokenError)?;
        encoding::hex_decode(digits).map(Self).map_err(|_| TokenError)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        let token = Token::from_bytes([0xab; 32]);
        assert_eq!(*token.to_text(), format!("trialseal_{}", "ab".repeat(32)));
        assert_eq!(token.to_text().parse(), Ok(token.clone()));
        assert_eq!(format!("{}\n", *token.to_text()).parse(), Ok(token.clone()));
        assert_eq!(token.sha256(), sha256(&[0xab; 32]));
    }

    #[test]
    fn two_tokens_differ() {
        assert_ne!(Token::generate().unwrap(), Token::generate().unwrap());
    }

    #[test]
    fn what_is_refused() {
        let hex = "ab".repeat(32);
        for text in [
            "",
            "trialseal_",
            &hex,
            &format!("trialseal_{}", hex.to_uppercase()),
            &format!("trialseal_{hex}0"),
        ] {
            assert_eq!(text.parse::<Token>(), Err(TokenError));
        }
        assert_eq!(format!("{:?}", Token::from_bytes([1; 32])), "Token(..)");
    }
}
