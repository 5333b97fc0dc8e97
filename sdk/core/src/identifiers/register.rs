//! Register names: `trial:<id>` and `org:<id>`.

use std::fmt;
use std::str::FromStr;

use super::{OrganizationId, is_code};

/// A text that names no register.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// Neither `trial:` nor `org:` in front.
    #[error("{0:?} is not a register: write trial:<trial id> or org:<organisation id>")]
    Kind(String),
    /// The prefix is kept for later use.
    #[error("{0:?}: product registers are reserved and cannot be used yet")]
    Reserved(String),
    /// The trial id has no listed form and is not a sponsor's own number.
    #[error(
        "{0:?} is not a trial id: write a registry's number (e.g. trial:NCT04573309) or your own as \
         trial:<your organisation>:<number>"
    )]
    Trial(String),
    /// The trial id is known, but has another canonical form.
    #[error("{found:?} is not in canonical form: write {canonical}")]
    NotCanonical {
        /// What was given.
        found: String,
        /// What to write.
        canonical: String,
    },
    /// The organisation id is malformed.
    #[error("{0:?} is not an organisation's register: write org:<organisation id>")]
    Organization(String),
}

/// The name of a register, in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegisterName {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    /// A trial under a registry's number.
    Listed,
    /// A trial under the number of this organisation.
    Own(OrganizationId),
    /// An organisation's accounts.
    Accounts(OrganizationId),
}

impl RegisterName {
    /// Reads a register name in canonical form.
    ///
    /// # Errors
    ///
    /// It names no register, or is not in canonical form; the message says what to write.
    pub fn parse(text: &str) -> Result<Self, RegisterError> {
        // Bounded before it is put in a message.
        let shown = || text.chars().take(120).collect::<String>();
        if let Some(id) = text.strip_prefix("org:") {
            let organization = OrganizationId::new(id).map_err(|_| RegisterError::Organization(shown()))?;
            return Ok(Self {
                text: text.to_owned(),
                kind: Kind::Accounts(organization),
            });
        }
        if text.starts_with("product:") {
            return Err(RegisterError::Reserved(shown()));
        }
        let id = text
            .strip_prefix("trial:")
            .ok_or_else(|| RegisterError::Kind(shown()))?;
        if FORMS.iter().any(|form| form.matches(id)) {
            return Ok(Self {
                text: text.to_owned(),
                kind: Kind::Listed,
            });
        }
        if let Some(id) = without_version(id) {
            return Err(RegisterError::NotCanonical {
                found: shown(),
                canonical: format!("trial:{id}"),
            });
        }
        let own = id.split_once(':').and_then(|(organization, number)| {
            let organization = OrganizationId::new(organization).ok()?;
            is_code(number.as_bytes()).then_some(organization)
        });
        match own {
            Some(organization) => Ok(Self {
                text: text.to_owned(),
                kind: Kind::Own(organization),
            }),
            None => Err(RegisterError::Trial(shown())),
        }
    }

    /// Reads a register name as a person writes it: the version suffix of an EU CT number is
    /// dropped.
    ///
    /// # Errors
    ///
    /// As [`RegisterName::parse`].
    pub fn canonical(text: &str) -> Result<Self, RegisterError> {
        match Self::parse(text) {
            Err(RegisterError::NotCanonical { canonical, .. }) => Self::parse(&canonical),
            other => other,
        }
    }

    /// The register of an organisation's own accounts.
    #[must_use]
    pub fn of_accounts(organization: &OrganizationId) -> Self {
        Self {
            text: format!("org:{organization}"),
            kind: Kind::Accounts(organization.clone()),
        }
    }

    /// The whole name, with its prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The organisation whose accounts it holds, for `org:<id>`.
    #[must_use]
    pub fn accounts_of(&self) -> Option<&OrganizationId> {
        match &self.kind {
            Kind::Accounts(organization) => Some(organization),
            Kind::Listed | Kind::Own(_) => None,
        }
    }

    /// The organisation whose own number names the trial. Only that organisation may use it.
    #[must_use]
    pub fn numbered_by(&self) -> Option<&OrganizationId> {
        match &self.kind {
            Kind::Own(organization) => Some(organization),
            Kind::Listed | Kind::Accounts(_) => None,
        }
    }

    /// One sentence where the name is accepted with a warning.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        self.numbered_by().map(|organization| {
            format!(
                "{self} is {organization}'s own number, which no public registry lists; a second register \
                 for the same trial could be opened under another name."
            )
        })
    }
}

impl fmt::Display for RegisterName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FromStr for RegisterName {
    type Err = RegisterError;

    fn from_str(text: &str) -> Result<Self, RegisterError> {
        Self::parse(text)
    }
}

/// One registry's numbers.
struct Form(&'static [Piece]);

enum Piece {
    /// These bytes.
    Text(&'static str),
    /// From so many to so many digits, as many as there are.
    Digits(usize, usize),
    /// One ASCII letter, or none.
    Letter,
}

impl Form {
    /// Digits are taken greedily: no form has digits after digits.
    fn matches(&self, text: &str) -> bool {
        let mut rest = text.as_bytes();
        for piece in self.0 {
            rest = match piece {
                Piece::Text(expected) => match rest.strip_prefix(expected.as_bytes()) {
                    Some(rest) => rest,
                    None => return false,
                },
                Piece::Digits(least, most) => {
                    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                    if count < *least || count > *most {
                        return false;
                    }
                    &rest[count..]
                }
                Piece::Letter => match rest {
                    [first, tail @ ..] if first.is_ascii_alphabetic() => tail,
                    other => other,
                },
            };
        }
        rest.is_empty()
    }
}

use Piece::{Digits, Letter, Text};

/// EU clinical trial number: 14 characters.
const EU_CT: Form = Form(&[
    Text("20"),
    Digits(2, 2),
    Text("-5"),
    Digits(5, 5),
    Text("-"),
    Digits(2, 2),
]);

const FORMS: &[Form] = &[
    // ClinicalTrials.gov.
    Form(&[Text("NCT"), Digits(8, 8)]),
    EU_CT,
    // EudraCT.
    Form(&[
        Text("20"),
        Digits(2, 2),
        Text("-"),
        Digits(6, 6),
        Text("-"),
        Digits(2, 2),
    ]),
    Form(&[Text("ISRCTN"), Digits(8, 8)]),
    Form(&[Text("DRKS"), Digits(8, 8)]),
    // ANZCTR.
    Form(&[Text("ACTRN126"), Digits(11, 11)]),
    Form(&[Text("ChiCTR"), Digits(8, 10)]),
    Form(&[
        Text("CTRI/20"),
        Digits(2, 2),
        Text("/"),
        Digits(2, 3),
        Text("/"),
        Digits(6, 6),
    ]),
    Form(&[Text("jRCT"), Letter, Digits(9, 10)]),
    Form(&[Text("UMIN"), Digits(9, 9)]),
    Form(&[Text("PACTR20"), Digits(13, 14)]),
    Form(&[Text("IRCT20"), Digits(10, 12), Text("N"), Digits(1, 3)]),
    Form(&[Text("KCT"), Digits(7, 7)]),
    Form(&[Text("TCTR20"), Digits(9, 9)]),
    // WHO universal trial number.
    Form(&[
        Text("U"),
        Digits(4, 4),
        Text("-"),
        Digits(4, 4),
        Text("-"),
        Digits(4, 4),
    ]),
];

/// The EU CT number in front of its version suffix, if that is what the text is.
fn without_version(text: &str) -> Option<&str> {
    let (number, suffix) = text.split_at_checked(14)?;
    let version = Form(&[Text("-"), Digits(2, 2)]);
    (EU_CT.matches(number) && version.matches(suffix)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_form_is_accepted() {
        for id in [
            "NCT04573309",
            "2022-500001-12",
            "2004-000123-45",
            "ISRCTN12345678",
            "DRKS00012345",
            "ACTRN12612345678901",
            "ChiCTR12345678",
            "ChiCTR1234567890",
            "CTRI/2020/01/123456",
            "CTRI/2020/012/123456",
            "jRCT123456789",
            "jRCTs1234567890",
            "UMIN000012345",
            "PACTR201234567890123",
            "PACTR2012345678901234",
            "IRCT201234567890N1",
            "IRCT20123456789012N123",
            "KCT0001234",
            "TCTR20123456789",
            "U1111-1234-5678",
        ] {
            let name = RegisterName::parse(&format!("trial:{id}")).unwrap();
            assert_eq!((name.warning(), name.accounts_of()), (None, None), "{id}");
        }
    }

    #[test]
    fn what_has_no_listed_form_is_refused() {
        for text in [
            "",
            "NCT04573309",
            "trial:",
            "trial:NCT0457330",
            "trial:NCT045733090",
            "trial:nct04573309",
            "trial: NCT04573309",
            "trial:ACTRN12512345678901",
            "trial:CTRI/2020/1/123456",
            "trial:IRCT2012345678901N",
            "trial:acme",
            "trial:acme:",
            "trial:Acme:1",
            "trial:acme:a b",
            "trial:acme:1:2",
            "org:",
            "org:Acme",
            "product:acme/x",
            "\u{e9}",
        ] {
            assert!(RegisterName::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_sponsors_own_number_is_accepted_with_a_warning() {
        let name = RegisterName::parse("trial:acme:AC-301").unwrap();
        assert_eq!(name.numbered_by().unwrap().as_str(), "acme");
        assert!(name.warning().unwrap().contains("own number"));
    }

    #[test]
    fn the_version_suffix_of_an_eu_number_is_dropped_by_writers_and_refused_by_readers() {
        let text = "trial:2022-500001-12-00";
        assert!(
            RegisterName::parse(text)
                .unwrap_err()
                .to_string()
                .contains("write trial:2022-500001-12")
        );
        assert_eq!(
            RegisterName::canonical(text).unwrap().as_str(),
            "trial:2022-500001-12"
        );
    }

    #[test]
    fn accounts_have_their_register() {
        let acme = OrganizationId::new("acme").unwrap();
        assert_eq!(
            RegisterName::of_accounts(&acme),
            RegisterName::parse("org:acme").unwrap()
        );
    }
}
