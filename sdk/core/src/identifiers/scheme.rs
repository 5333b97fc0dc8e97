//! Public identifiers of organisations and people, with the checks that their schemes define.

use std::fmt;
use std::str::FromStr;

/// A public identifier, written `<scheme>:<value>`; nothing says that its bearer exists.
///
/// | scheme | of | check |
/// | --- | --- | --- |
/// | `lei` | organisations, ISO 17442 | mod 97-10 |
/// | `gln` | locations, GS1 | mod 10 |
/// | `ror` | research organisations | form, mod 97-10 |
/// | `ema` | `ORG-` and nine digits | form |
/// | `iorg` `irb` `fwa` | US boards and their institutions | form |
/// | `orcid` | people | ISO 7064 mod 11-2 |
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicIdentifier(String);

/// A text that is no identifier of a known scheme.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicIdentifierError {
    /// No known scheme in front.
    #[error("{0:?} has no known scheme in front; write one of: {SCHEMES}")]
    Scheme(String),
    /// It has not the form of its scheme.
    #[error("{0:?} has not the form of its scheme: {1}")]
    Form(String, &'static str),
    /// Its check digits are wrong: a digit is mistyped.
    #[error("{0:?} fails the check of its scheme; is a character mistyped?")]
    Check(String),
}

const SCHEMES: &str = "lei: gln: ror: ema: iorg: irb: fwa: orcid:";

impl PublicIdentifier {
    /// Reads an identifier and checks it as its scheme says.
    ///
    /// # Errors
    ///
    /// [`PublicIdentifierError`].
    pub fn parse(text: &str) -> Result<Self, PublicIdentifierError> {
        let shown = || text.chars().take(80).collect::<String>();
        let (scheme, value) = text
            .split_once(':')
            .ok_or_else(|| PublicIdentifierError::Scheme(shown()))?;
        let (form, has_form, checks): (_, _, fn(&[u8]) -> bool) = match scheme {
            "lei" => ("20 of A-Z and 0-9", is_lei(value.as_bytes()), passes_mod_97),
            "gln" => ("13 digits", digits(value, 13), passes_mod_10),
            "ror" => (
                "0, six of a-z and 0-9, two digits",
                is_ror(value.as_bytes()),
                |_| true,
            ),
            "ema" => ("ORG- and 9 digits", after(value, "ORG-", 9), |_| true),
            "iorg" => ("IORG and 7 digits", after(value, "IORG", 7), |_| true),
            "irb" => ("IRB and 8 digits", after(value, "IRB", 8), |_| true),
            "fwa" => ("FWA and 8 digits", after(value, "FWA", 8), |_| true),
            "orcid" => (
                "four groups of four digits, the last may be X",
                is_orcid(value),
                passes_mod_11_2,
            ),
            _ => return Err(PublicIdentifierError::Scheme(shown())),
        };
        if !has_form {
            return Err(PublicIdentifierError::Form(shown(), form));
        }
        if !checks(value.as_bytes()) {
            return Err(PublicIdentifierError::Check(shown()));
        }
        Ok(Self(text.to_owned()))
    }

    /// Scheme and value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a person.
    #[must_use]
    pub fn is_of_person(&self) -> bool {
        self.0.starts_with("orcid:")
    }
}

impl fmt::Display for PublicIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for PublicIdentifier {
    type Err = PublicIdentifierError;

    fn from_str(text: &str) -> Result<Self, PublicIdentifierError> {
        Self::parse(text)
    }
}

fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn after(text: &str, prefix: &str, count: usize) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| digits(rest, count))
}

fn is_lei(text: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    text.len() == 20 && text.iter().all(allowed) && text[18..].iter().all(u8::is_ascii_digit)
}

fn is_ror(text: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() == 9
        && text[0] == b'0'
        && text[1..7].iter().all(allowed)
        && text[7..].iter().all(u8::is_ascii_digit)
}

fn is_orcid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let last = |group: &str| {
        digits(
            group.strip_suffix('X').unwrap_or(group),
            if group.ends_with('X') { 3 } else { 4 },
        )
    };
    groups.len() == 4 && groups[..3].iter().all(|group| digits(group, 4)) && last(groups[3])
}

/// ISO 7064 mod 97-10: letters count as 10 to 35, the whole number leaves 1.
fn passes_mod_97(text: &[u8]) -> bool {
    let remainder = text.iter().fold(0_u32, |sum, byte| match byte {
        b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
        _ => (sum * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    remainder == 1
}

/// GS1: digits weigh 1 and 3 in turn from the right.
fn passes_mod_10(text: &[u8]) -> bool {
    let sum: u32 = text
        .iter()
        .rev()
        .enumerate()
        .map(|(place, byte)| u32::from(byte - b'0') * if place % 2 == 0 { 1 } else { 3 })
        .sum();
    sum.is_multiple_of(10)
}

/// ISO 7064 mod 11-2 over the digits, X standing for 10.
fn passes_mod_11_2(text: &[u8]) -> bool {
    let digits = text.iter().filter(|byte| **byte != b'-');
    let sum = digits.fold(0_u32, |sum, byte| {
        let digit = if *byte == b'X' { 10 } else { u32::from(byte - b'0') };
        (sum * 2 + digit) % 11
    });
    sum == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that their schemes publish as examples, or that are well known.
    const GOOD: &[&str] = &[
        "lei:5493001KJTIIGC8Y1R12",
        "gln:4012345000009",
        "ror:05dxps055",
        "ema:ORG-100001234",
        "iorg:IORG0000001",
        "irb:IRB00000001",
        "fwa:FWA00000001",
        "orcid:0000-0002-1825-0097",
        "orcid:0000-0002-1694-233X",
    ];

    #[test]
    fn good_ones_are_read_and_every_mistyped_check_digit_is_found() {
        for good in GOOD {
            assert_eq!(PublicIdentifier::parse(good).unwrap().as_str(), *good);
        }
        for checked in [
            "lei:5493001KJTIIGC8Y1R12",
            "gln:4012345000009",
            "orcid:0000-0002-1825-0097",
        ] {
            let start = checked.find(':').unwrap() + 1;
            for at in start..checked.len() {
                if !checked.as_bytes()[at].is_ascii_digit() {
                    continue;
                }
                for digit in b'0'..=b'9' {
                    let mut mistyped = checked.as_bytes().to_vec();
                    mistyped[at] = digit;
                    let mistyped = String::from_utf8(mistyped).unwrap();
                    let same = mistyped == checked;
                    assert_eq!(PublicIdentifier::parse(&mistyped).is_ok(), same, "{mistyped}");
                }
            }
        }
    }

    #[test]
    fn what_has_no_scheme_or_not_its_form_is_refused() {
        for bad in [
            "",
            "5493001KJTIIGC8Y1R12",
            "duns:123456789",
            "ema:ORG-12",
            "orcid:0000000218250097",
        ] {
            assert!(PublicIdentifier::parse(bad).is_err(), "{bad}");
        }
    }
}
