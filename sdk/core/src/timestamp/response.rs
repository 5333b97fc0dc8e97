//! What an authority answers: TimeStampResp of RFC 3161, section 2.4.2.

use der::Tag;

use super::fields::{Fields, Malformed, unsigned};
use super::token::{MAX_TOKEN_BYTES, Token, TokenError};

/// Most bytes of an answer: a token, and the status before it.
pub const MAX_RESPONSE_BYTES: usize = MAX_TOKEN_BYTES + 4_096;
/// What an authority says in words is cut there.
const WORDS_MAX: usize = 200;

/// Why there is no token in an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// More bytes than an answer has.
    #[error("the answer has {0} bytes; at most {MAX_RESPONSE_BYTES} are read")]
    TooLarge(usize),
    /// Not a TimeStampResp.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The authority refused.
    #[error("the authority answers {status}{}{}", fail_info.map(|info| format!(", {info}")).unwrap_or_default(),
        words.as_ref().map(|words| format!(": {words}")).unwrap_or_default())]
    Refused {
        /// PKIStatus.
        status: &'static str,
        /// PKIFailureInfo, where it says one.
        fail_info: Option<&'static str>,
        /// What it says in words, at most 200 characters, printable ASCII.
        words: Option<String>,
    },
    /// The authority says that it granted the request, and there is no token.
    #[error("the authority answers granted, and there is no token")]
    NoToken,
    /// What stands in the place of the token is none.
    #[error("the answer holds no token that can be used: {0}")]
    Token(#[from] TokenError),
}

/// The answer of an authority.
#[derive(Debug)]
pub struct Response;

impl Response {
    /// Reads an answer; the token in it is not verified.
    ///
    /// # Errors
    ///
    /// It is malformed, or its status is neither `granted` nor `grantedWithMods`.
    pub fn parse(der: &[u8]) -> Result<Token, ResponseError> {
        if der.len() > MAX_RESPONSE_BYTES {
            return Err(ResponseError::TooLarge(der.len()));
        }
        let mut fields = Fields::of_sequence(der, "answer of the authority")?;
        let mut status = fields.sequence("status of the answer")?;
        let number = unsigned(status.integer()?).ok_or_else(|| status.malformed())?;
        if number > 1 {
            return Err(refused(number, status)?);
        }
        if fields.is_at_end() {
            return Err(ResponseError::NoToken);
        }
        let token = fields.expect(Tag::Sequence)?;
        fields.end()?;
        Ok(Token::parse(token.whole)?)
    }
}

fn refused(number: u64, mut status: Fields<'_>) -> Result<ResponseError, Malformed> {
    let words = match status.optional(Tag::Sequence)? {
        None => None,
        Some(texts) => {
            let mut texts = Fields::new(texts.value, "status of the answer")?;
            let text = texts.optional(Tag::Utf8String)?;
            text.map(|text| printable(text.value))
        }
    };
    let fail_info = match status.optional(Tag::BitString)? {
        None => None,
        Some(bits) => fail_info(bits.value),
    };
    status.end()?;
    let status = match number {
        2 => "rejection",
        3 => "waiting",
        4 => "revocationWarning",
        5 => "revocationNotification",
        _ => "a status that RFC 3161 does not know",
    };
    Ok(ResponseError::Refused {
        status,
        fail_info,
        words,
    })
}

/// The words come from outside and go to terminals and logs.
fn printable(words: &[u8]) -> String {
    let words = words.iter().take(WORDS_MAX);
    words
        .map(|byte| {
            if (0x20..0x7f).contains(byte) {
                char::from(*byte)
            } else {
                '.'
            }
        })
        .collect()
}

/// The first named bit that is set; the first byte counts the unused bits.
fn fail_info(bits: &[u8]) -> Option<&'static str> {
    let names = [
        (0_usize, "badAlg"),
        (2, "badRequest"),
        (5, "badDataFormat"),
        (14, "timeNotAvailable"),
        (15, "unacceptedPolicy"),
        (16, "unacceptedExtension"),
        (17, "addInfoNotAvailable"),
        (25, "systemFailure"),
    ];
    let is_set = |bit: usize| {
        bits.get(1 + bit / 8)
            .is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0)
    };
    names
        .into_iter()
        .find(|(bit, _)| is_set(*bit))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(bytes: &[u8]) -> String {
        Response::parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn a_refusal_names_status_and_reason() {
        // rejection, "no", bit 2
        let rejected = [
            0x30, 13, 0x30, 11, 0x02, 1, 2, 0x30, 4, 0x0c, 2, b'n', b'\n', 0x03, 2, 5, 0x20,
        ];
        let mut bytes = rejected.to_vec();
        bytes[1] = 15;
        bytes[3] = 13;
        assert_eq!(error(&bytes), "the authority answers rejection, badRequest: n.");
        assert_eq!(
            error(&[0x30, 5, 0x30, 3, 0x02, 1, 3]),
            "the authority answers waiting"
        );
        assert_eq!(
            error(&[0x30, 10, 0x30, 8, 0x02, 1, 2, 0x03, 3, 0, 0, 0x02]),
            "the authority answers rejection, timeNotAvailable"
        );
    }

    #[test]
    fn an_answer_without_a_token_or_with_more_is_refused() {
        assert_eq!(
            Response::parse(&[0x30, 5, 0x30, 3, 0x02, 1, 0]),
            Err(ResponseError::NoToken)
        );
        for bytes in [
            &[][..],
            &[0x30, 5, 0x30, 3, 0x02, 1, 0, 0],
            &[0x30, 7, 0x30, 3, 0x02, 1, 0, 0x05, 0],
            &[0x30, 7, 0x30, 3, 0x02, 1, 0, 0x30, 0],
            b"HTTP/1.1 200 OK",
        ] {
            assert!(Response::parse(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(
            Response::parse(&vec![0x30; MAX_RESPONSE_BYTES + 1]),
            Err(ResponseError::TooLarge(MAX_RESPONSE_BYTES + 1))
        );
    }
}
