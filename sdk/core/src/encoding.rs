//! Strict hexadecimal, base64 and decimals: every value has exactly one spelling.
//!
//! Hex is lower case and of exact length. Base64 is the standard alphabet of RFC 4648, padded, and
//! re-encodes to itself, so no two texts stand for the same bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Why a text is not the hex or base64 that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// The hex text has another length than `expected` digits.
    #[error("expected {expected} hex digits, found {found} bytes of text")]
    HexLength {
        /// Number of digits that were expected.
        expected: usize,
        /// Length of the text in bytes.
        found: usize,
    },
    /// A byte that is not one of `0-9a-f`; upper case is refused too.
    #[error("byte {at} is not a lower-case hex digit")]
    HexDigit {
        /// Offset of the byte in the text.
        at: usize,
    },
    /// Not padded base64 of the standard alphabet.
    #[error("not base64 of the standard alphabet with padding")]
    Base64,
    /// Base64 that does not re-encode to itself (stray bits after the last byte).
    #[error("base64 does not re-encode to itself: unused bits of its last character are set")]
    Base64NotCanonical,
    /// The decoded bytes have another length than the type has.
    #[error("expected {expected} bytes, found {found}")]
    Length {
        /// Number of bytes that were expected.
        expected: usize,
        /// Number of bytes that were found.
        found: usize,
    },
}

/// Writes `bytes` as lower-case hex.
pub fn hex_encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    hex_encode_into(&mut text, bytes);
    text
}

/// Appends `bytes` to `text` as lower-case hex.
pub fn hex_encode_into(text: &mut String, bytes: &[u8]) {
    text.reserve(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(HEX_DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(HEX_DIGITS[usize::from(byte & 0x0f)]));
    }
}

/// Reads exactly `N` bytes of lower-case hex.
pub fn hex_decode<const N: usize>(text: &str) -> Result<[u8; N], EncodingError> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return Err(EncodingError::HexLength {
            expected: N * 2,
            found: digits.len(),
        });
    }
    let mut bytes = [0; N];
    for (position, byte) in bytes.iter_mut().enumerate() {
        let high = hex_digit(digits, position * 2)?;
        let low = hex_digit(digits, position * 2 + 1)?;
        *byte = high << 4 | low;
    }
    Ok(bytes)
}

fn hex_digit(digits: &[u8], at: usize) -> Result<u8, EncodingError> {
    match digits[at] {
        digit @ b'0'..=b'9' => Ok(digit - b'0'),
        digit @ b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(EncodingError::HexDigit { at }),
    }
}

/// Writes `bytes` as padded base64.
pub fn base64_encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Appends `bytes` to `text` as padded base64.
pub fn base64_encode_into(text: &mut String, bytes: &[u8]) {
    STANDARD.encode_string(bytes, text);
}

/// Reads padded base64 that re-encodes to itself.
pub fn base64_decode(text: &str) -> Result<Vec<u8>, EncodingError> {
    let bytes = STANDARD.decode(text).map_err(base64_error)?;
    if STANDARD.encode(&bytes) != text {
        return Err(EncodingError::Base64NotCanonical);
    }
    Ok(bytes)
}

/// Reads padded base64 of exactly 32 bytes, without allocating.
pub fn base64_decode_32(text: &str) -> Result<[u8; 32], EncodingError> {
    // 32 bytes take 44 characters; the buffers are what the decoder and encoder ask for at most.
    if text.len() != 44 {
        let found = base64_decode(text)?.len();
        return Err(EncodingError::Length { expected: 32, found });
    }
    let mut buffer = [0; 33];
    let length = STANDARD
        .decode_slice(text, &mut buffer)
        .map_err(|_| base64_error_of(text))?;
    let bytes: [u8; 32] = buffer[..length].try_into().map_err(|_| EncodingError::Length {
        expected: 32,
        found: length,
    })?;
    let mut again = [0; 44];
    match STANDARD.encode_slice(bytes, &mut again) {
        Ok(44) if again == text.as_bytes() => Ok(bytes),
        _ => Err(EncodingError::Base64NotCanonical),
    }
}

fn base64_error(error: base64::DecodeError) -> EncodingError {
    match error {
        base64::DecodeError::InvalidLastSymbol(..) => EncodingError::Base64NotCanonical,
        _ => EncodingError::Base64,
    }
}

fn base64_error_of(text: &str) -> EncodingError {
    STANDARD
        .decode(text)
        .err()
        .map_or(EncodingError::Base64, base64_error)
}

/// Appends a number in decimal, without allocating.
pub fn write_decimal(text: &mut String, number: u64) {
    let mut digits = [0_u8; 20];
    let mut from = digits.len();
    let mut rest = number;
    loop {
        from -= 1;
        digits[from] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.extend(digits[from..].iter().map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hex_is_lower_case_and_of_exact_length() {
        assert_eq!(hex_decode::<2>("00ff"), Ok([0, 0xff]));
        assert_eq!(hex_decode::<2>("00fF"), Err(EncodingError::HexDigit { at: 3 }));
        assert_eq!(
            hex_decode::<2>("00f"),
            Err(EncodingError::HexLength {
                expected: 4,
                found: 3
            })
        );
        assert_eq!(
            hex_decode::<2>("00ff0"),
            Err(EncodingError::HexLength {
                expected: 4,
                found: 5
            })
        );
        assert_eq!(hex_decode::<1>(" 0"), Err(EncodingError::HexDigit { at: 0 }));
        assert_eq!(hex_decode::<1>("\u{e9}"), Err(EncodingError::HexDigit { at: 0 }));
        assert_eq!(hex_encode(&[0, 0xab, 0xff]), "00abff");
    }

    #[test]
    fn decimals() {
        for number in [0, 9, 10, 1_234_567_890, u64::MAX] {
            let mut text = String::from("-");
            write_decimal(&mut text, number);
            assert_eq!(text, format!("-{number}"));
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        assert_eq!(base64_decode(""), Ok(vec![]));
        assert_eq!(base64_decode("AA=="), Ok(vec![0]));
        assert_eq!(base64_decode("AB=="), Err(EncodingError::Base64NotCanonical));
        assert_eq!(base64_decode("AAB="), Err(EncodingError::Base64NotCanonical));
        for wrong in [
            "AA", "AA=", "AA===", "A===", "AA==\n", " AA==", "A-==", "A_==", "AA==AA==", "=", "====",
        ] {
            assert_eq!(base64_decode(wrong), Err(EncodingError::Base64), "{wrong:?}");
        }
    }

    #[test]
    fn a_hash_in_base64_has_one_spelling() {
        let text = base64_encode(&[7; 32]);
        assert_eq!(base64_decode_32(&text), Ok([7; 32]));
        let stray = text.replace("c=", "d=");
        assert_ne!(stray, text);
        assert_eq!(base64_decode_32(&stray), Err(EncodingError::Base64NotCanonical));
        for length in [0, 1, 30, 31, 33, 34, 48] {
            let found = EncodingError::Length {
                expected: 32,
                found: length,
            };
            assert_eq!(base64_decode_32(&base64_encode(&vec![7; length])), Err(found));
        }
        assert_eq!(
            base64_decode_32(&text.replace('=', "")),
            Err(EncodingError::Base64)
        );
    }

    proptest! {
        #[test]
        fn what_decodes_re_encodes_to_itself(text in "[A-Za-z0-9+/=]{0,12}") {
            if let Ok(bytes) = base64_decode(&text) {
                prop_assert_eq!(base64_encode(&bytes), text);
            }
        }

        #[test]
        fn everything_goes_round(bytes in proptest::collection::vec(any::<u8>(), 0..80), array in any::<[u8; 32]>()) {
            prop_assert_eq!(base64_decode(&base64_encode(&bytes)), Ok(bytes));
            prop_assert_eq!(base64_decode_32(&base64_encode(&array)), Ok(array));
            prop_assert_eq!(hex_decode::<32>(&hex_encode(&array)), Ok(array));
        }
    }
}
