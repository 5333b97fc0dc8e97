//! Names in records: registers, organisations, members, versions, codes.

mod register;
mod scheme;
mod trial;

use std::fmt;
use std::str::FromStr;

pub use register::{RegisterError, RegisterName};
pub use scheme::{PublicIdentifier, PublicIdentifierError};
pub use trial::TrialId;

use crate::vocabulary::{Role, SignerKind};

/// A name that does not have the form of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {expected}")]
pub struct IdentifierError {
    found: String,
    expected: &'static str,
}

impl IdentifierError {
    fn new(found: &str, expected: &'static str) -> Self {
        Self {
            found: found.chars().take(80).collect(),
            expected,
        }
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $check:path, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks the form.
            ///
            /// # Errors
            ///
            /// The text does not have it; the message says which form that is.
            pub fn new(text: &str) -> Result<Self, IdentifierError> {
                if $check(text.as_bytes()) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdentifierError::new(text, $expected))
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdentifierError;

            fn from_str(text: &str) -> Result<Self, IdentifierError> {
                Self::new(text)
            }
        }
    };
}

identifier! {
    /// An organisation's pseudonymous id, `[a-z0-9][a-z0-9-]{0,63}`.
    OrganizationId, is_account_id,
    "an organisation id: 1 to 64 of a-z, 0-9 and -, not starting with -"
}

identifier! {
    /// A member's pseudonymous id within its organisation, `[a-z0-9][a-z0-9-]{0,63}`.
    MemberId, is_account_id,
    "a member id: 1 to 64 of a-z, 0-9 and -, not starting with -"
}

identifier! {
    /// A version, `[0-9A-Za-z][0-9A-Za-z._-]{0,31}`.
    VersionCode, is_version,
    "a version: 1 to 32 of 0-9, A-Z, a-z, '.', '_' and '-', starting with a letter or digit"
}

identifier! {
    /// A code for a site, a visit, a form and the like, `[0-9A-Za-z][0-9A-Za-z._-]{0,63}`.
    ///
    /// `what` holds no free text, so a code has no spaces.
    Code, is_code,
    "a code: 1 to 64 of 0-9, A-Z, a-z, '.', '_' and '-', starting with a letter or digit"
}

identifier! {
    /// A reference to something outside the notary (a repository, a run), 1 to 255 printable
    /// ASCII characters without spaces.
    Reference, is_reference,
    "a reference: 1 to 255 printable ASCII characters without spaces"
}

identifier! {
    /// A country, ISO 3166-1 alpha-2.
    Country, is_country,
    "a country: two letters A-Z"
}

identifier! {
    /// A time zone's IANA name, e.g. `Europe/Berlin`. Only the form is checked: the list of
    /// names changes, a record does not.
    TimeZoneName, is_time_zone,
    "an IANA time zone name, e.g. Europe/Berlin"
}

impl OrganizationId {
    /// The organisation of the notary's own records.
    pub const NOTARY: &'static str = "notary";

    /// Whether this is the notary itself.
    #[must_use]
    pub fn is_notary(&self) -> bool {
        self.0 == Self::NOTARY
    }
}

// A code of the vocabulary has the form of any code; a test holds them together.

impl From<Role> for Code {
    fn from(role: Role) -> Self {
        Self(role.as_str().to_owned())
    }
}

impl From<SignerKind> for Code {
    fn from(kind: SignerKind) -> Self {
        Self(kind.as_str().to_owned())
    }
}

impl MemberId {
    /// The member that the notary's own records name.
    pub const OPERATOR: &'static str = "operator";
}

/// A member with its organisation, `<organisation>/<member>`: one person or one system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberName {
    /// The organisation.
    pub organization: OrganizationId,
    /// The member.
    pub member: MemberId,
}

impl MemberName {
    /// Puts the two together.
    #[must_use]
    pub const fn new(organization: OrganizationId, member: MemberId) -> Self {
        Self { organization, member }
    }
}

impl fmt::Display for MemberName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.organization, self.member)
    }
}

impl FromStr for MemberName {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, IdentifierError> {
        let (organization, member) = text
            .split_once('/')
            .ok_or_else(|| IdentifierError::new(text, "a member's name: <organisation id>/<member id>"))?;
        Ok(Self::new(organization.parse()?, member.parse()?))
    }
}

fn is_account_id(text: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    (1..=64).contains(&text.len()) && text[0] != b'-' && text.iter().all(allowed)
}

fn is_version(text: &[u8]) -> bool {
    text.len() <= 32 && is_code(text)
}

fn is_code(text: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=64).contains(&text.len()) && text[0].is_ascii_alphanumeric() && text.iter().all(allowed)
}

fn is_reference(text: &[u8]) -> bool {
    (1..=255).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic)
}

fn is_country(text: &[u8]) -> bool {
    text.len() == 2 && text.iter().all(u8::is_ascii_uppercase)
}

fn is_time_zone(text: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(byte);
    (1..=64).contains(&text.len()) && text[0].is_ascii_alphabetic() && text.iter().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids() {
        for good in ["a", "acme", "m-4k2v9", "0", &"a".repeat(64)] {
            assert_eq!(OrganizationId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", "Acme", "a b", "a/b", "a.b", "\u{e9}", &"a".repeat(65)] {
            assert!(MemberId::new(bad).is_err(), "{bad:?}");
        }
        assert!(OrganizationId::new("notary").unwrap().is_notary());
    }

    #[test]
    fn codes_of_the_vocabulary_are_codes() {
        for role in Role::ALL {
            assert_eq!(Code::new(role.as_str()).unwrap(), Code::from(*role));
        }
        for kind in SignerKind::ALL {
            assert_eq!(Code::new(kind.as_str()).unwrap(), Code::from(*kind));
        }
    }

    #[test]
    fn versions_and_codes() {
        for good in ["1", "2.0", "1.0_b-3", &"9".repeat(32)] {
            VersionCode::new(good).unwrap();
        }
        for bad in ["", ".1", "-", "1 0", "v\u{e9}", &"9".repeat(33)] {
            assert!(VersionCode::new(bad).is_err(), "{bad:?}");
        }
        assert!(Code::new(&"9".repeat(64)).is_ok() && Code::new("site 4").is_err());
        assert!(Country::new("DE").is_ok() && Country::new("de").is_err());
        assert!(Reference::new("https://git.example.org/a").is_ok() && Reference::new("a b").is_err());
        assert!(TimeZoneName::new("Etc/GMT+3").is_ok() && TimeZoneName::new("+01:00").is_err());
    }
}
