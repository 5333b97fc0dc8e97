//! Trial ids: what stands behind `trial:` in a register's name.

use std::fmt;
use std::str::FromStr;

use super::{RegisterError, RegisterName};

const PREFIX: &str = "trial:";

/// A trial's id in canonical form: a registry's number, or a sponsor's own as
/// `<organisation>:<number>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrialId(RegisterName);

impl TrialId {
    /// Reads an id in canonical form.
    ///
    /// # Errors
    ///
    /// No registry's numbers have this form and it is no sponsor's own; or it is not canonical, and
    /// the message says what to write.
    pub fn parse(text: &str) -> Result<Self, RegisterError> {
        RegisterName::parse(&format!("{PREFIX}{text}")).map(Self)
    }

    /// Reads an id as a person writes it: the version suffix of an EU CT number is dropped.
    ///
    /// # Errors
    ///
    /// As [`TrialId::parse`].
    pub fn canonical(text: &str) -> Result<Self, RegisterError> {
        RegisterName::canonical(&format!("{PREFIX}{text}")).map(Self)
    }

    /// The trial whose register has this name; none for an organisation's accounts.
    #[must_use]
    pub fn of_register(register: &RegisterName) -> Option<Self> {
        register.accounts_of().is_none().then(|| Self(register.clone()))
    }

    /// The register that bears this id.
    #[must_use]
    pub const fn register(&self) -> &RegisterName {
        &self.0
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let name = self.0.as_str();
        name.strip_prefix(PREFIX).unwrap_or(name)
    }
}

impl fmt::Display for TrialId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for TrialId {
    type Err = RegisterError;

    fn from_str(text: &str) -> Result<Self, RegisterError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_names_of_registers_without_their_prefix() {
        let id = TrialId::parse("NCT04573309").unwrap();
        assert_eq!(
            (id.as_str(), id.register().as_str()),
            ("NCT04573309", "trial:NCT04573309")
        );
        assert_eq!(
            TrialId::canonical("2023-501234-12-01").unwrap().as_str(),
            "2023-501234-12"
        );
        assert_eq!(TrialId::parse("acme:007").unwrap().as_str(), "acme:007");
        for bad in ["", "NCT0457330", "2023-501234-12-01"] {
            assert!(TrialId::parse(bad).is_err(), "{bad}");
        }
        let accounts = RegisterName::parse("org:acme").unwrap();
        assert_eq!(TrialId::of_register(&accounts), None);
    }
}
