//! One change of the accounts, and who made it.

use trialseal_core::{
    hash::Hash,
    identifiers::{MemberId, OrganizationId, PublicIdentifier},
    note::VerifierKey,
    record::{Enrolment, IdentityGrade},
    time::Instant,
    vocabulary::OrganizationKind,
};

use super::MemberKind;

/// One change of the accounts, effective at its log index.
#[derive(Debug, Clone)]
pub enum AccountChange {
    /// Enrols an organisation.
    OrganizationRegistered {
        /// Its id.
        organization: OrganizationId,
        /// What it is, on which the roles depend that its members can have.
        kind: OrganizationKind,
        /// How its identity was checked.
        grade: IdentityGrade,
        /// What others know it by.
        identifiers: Vec<PublicIdentifier>,
    },
    /// Enrols a member.
    MemberRegistered {
        /// Its organisation.
        organization: OrganizationId,
        /// Its id.
        member: MemberId,
        /// Person or system.
        kind: MemberKind,
    },
    /// Revokes a member with its keys and tokens.
    MemberRevoked {
        /// Its organisation.
        organization: OrganizationId,
        /// Its id.
        member: MemberId,
    },
    /// Enrols a key.
    KeyRegistered {
        /// The member's organisation.
        organization: OrganizationId,
        /// The member.
        member: MemberId,
        /// The key, named `<organization>/<member>`.
        key: Box<VerifierKey>,
    },
    /// The key's own signature over its enrolment.
    KeyConfirmed {
        /// The member's organisation.
        organization: OrganizationId,
        /// The member.
        member: MemberId,
        /// The key.
        key: Box<VerifierKey>,
        /// The record that enrolled it.
        enrolment: Enrolment,
    },
    /// Revokes a key.
    KeyRevoked {
        /// The member's organisation.
        organization: OrganizationId,
        /// The member.
        member: MemberId,
        /// The key.
        key: Box<VerifierKey>,
    },
    /// Registers a token by its SHA-256.
    TokenRegistered {
        /// The member's organisation.
        organization: OrganizationId,
        /// The member.
        member: MemberId,
        /// SHA-256 of the 32 random bytes.
        token: Hash,
        /// Refused from then on.
        expires: Instant,
    },
    /// Revokes a token.
    TokenRevoked {
        /// The organisation whose register holds the record.
        organization: OrganizationId,
        /// Whose token it is.
        member: MemberId,
        /// SHA-256 of the 32 random bytes.
        token: Hash,
    },
}

impl AccountChange {
    /// The organisation whose register holds the change.
    #[must_use]
    pub fn organization(&self) -> &OrganizationId {
        match self {
            Self::OrganizationRegistered { organization, .. }
            | Self::MemberRegistered { organization, .. }
            | Self::MemberRevoked { organization, .. }
            | Self::KeyRegistered { organization, .. }
            | Self::KeyConfirmed { organization, .. }
            | Self::KeyRevoked { organization, .. }
            | Self::TokenRegistered { organization, .. }
            | Self::TokenRevoked { organization, .. } => organization,
        }
    }

    /// Whether it takes something away. The operator may do that at any time.
    #[must_use]
    pub fn revokes(&self) -> bool {
        matches!(
            self,
            Self::MemberRevoked { .. } | Self::KeyRevoked { .. } | Self::TokenRevoked { .. }
        )
    }
}

/// Who put a change on record.
#[derive(Debug, Clone)]
pub enum Author {
    /// The notary's operator.
    Operator,
    /// A member of the organisation, by its signature.
    Member {
        /// The member.
        member: MemberId,
        /// The key that signed.
        key: Box<VerifierKey>,
    },
}

/// A change as its record makes it.
#[derive(Debug, Clone)]
pub struct AccountRecord {
    /// The change.
    pub change: AccountChange,
    /// Who made it.
    pub by: Author,
}

/// Why a change of the accounts is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// It is enrolled already.
    #[error("organisation {0} is enrolled already")]
    OrganizationExists(OrganizationId),
    /// It is not enrolled.
    #[error("organisation {0} is not enrolled")]
    UnknownOrganization(OrganizationId),
    /// It is enrolled, or was and is revoked; ids are not used twice.
    #[error("member {0}/{1} is on record already; ids are not used twice")]
    MemberExists(OrganizationId, MemberId),
    /// It is not enrolled, or revoked.
    #[error("member {0}/{1} is not enrolled or was revoked")]
    UnknownMember(OrganizationId, MemberId),
    /// The key stands for somebody already.
    #[error("this key is enrolled already, or was; keys are not used twice")]
    KeyExists,
    /// No such key in force.
    #[error("no such key of member {0}/{1} is in force")]
    UnknownKey(OrganizationId, MemberId),
    /// It has signed its enrolment before.
    #[error("the key of {0}/{1} has confirmed its enrolment already")]
    KeyConfirmedBefore(OrganizationId, MemberId),
    /// A confirmation by something else than the key.
    #[error("an enrolment is confirmed by the key that it enrols: sign it with that key, as {0}/{1}")]
    NotThatKey(OrganizationId, MemberId),
    /// The token is on record already.
    #[error("this token is on record already")]
    TokenExists,
    /// No such token in force.
    #[error("no such token of organisation {0} is in force")]
    UnknownToken(OrganizationId),
    /// The organisation keeps its accounts itself.
    #[error(
        "organisation {0} keeps its own accounts since an administrator of it has signed; ask one of its \
         administrators (the operator may only revoke)"
    )]
    KeepsItsOwn(OrganizationId),
    /// Only the operator enrols organisations.
    #[error("organisations are enrolled by the notary's operator")]
    OperatorsAlone,
    /// Who signed may not change the accounts.
    #[error(
        "{0}/{1} is no administrator of {0}; ask one of the persons whose key the notary's operator enrolled"
    )]
    NotAdministrator(OrganizationId, MemberId),
    /// The key has not confirmed its enrolment.
    #[error(
        "the key of {0}/{1} may sign nothing before it has confirmed its enrolment: run `trialseal login`"
    )]
    KeyUnconfirmed(OrganizationId, MemberId),
}
