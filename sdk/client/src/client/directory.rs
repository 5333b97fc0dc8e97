//! Who and what is enrolled.

use trialseal_core::identifiers::{OrganizationId, TrialId};
use trialseal_proto::v1;

use super::Client;
use super::register::{RecordRef, record_ref, untrusted};
use super::retry::retry;
use crate::error::ClientError;

/// A register that claims a trial's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialClaim {
    /// `trial:<id>`.
    pub register: String,
    /// Whether the id is the register's own name; else it is an alias.
    pub canonical: bool,
    /// The register's first record.
    pub first: RecordRef,
    /// The other ids that it claims.
    pub aliases: Vec<String>,
    /// Whether the caller may read it.
    pub readable: bool,
    /// The organisation that opened it.
    pub organization: String,
}

/// An organisation as enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub organization: String,
    /// Its kind.
    pub kind: String,
    /// How its identity was checked.
    pub grade: String,
    /// Its identifiers.
    pub identifiers: Vec<String>,
    /// Its members, for its own members only.
    pub members: Vec<EnrolledMember>,
}

/// A member that is enrolled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnrolledMember {
    /// Its id.
    pub member: String,
    /// `person` or `system`.
    pub kind: String,
    /// Whether it may enrol others of its organisation.
    pub administrator: bool,
    /// Its keys in force.
    pub keys: Vec<EnrolledKey>,
}

/// A key that is enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolledKey {
    /// The key.
    pub vkey: String,
    /// The record that enrolled it.
    pub enrolled: RecordRef,
    /// Whether the key has confirmed that.
    pub confirmed: bool,
}

/// The account that a token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAccount {
    /// The organisation.
    pub organization: String,
    /// The member with its keys.
    pub member: EnrolledMember,
    /// The registers in which it holds a role, with the roles.
    pub registers: Vec<(String, Vec<String>)>,
}

impl Client {
    /// The registers that claim a trial's id.
    ///
    /// # Errors
    ///
    /// There is none that the caller may know of, or nobody answers.
    pub async fn trial(&self, id: &TrialId) -> Result<Vec<TrialClaim>, ClientError> {
        let shared = &self.shared;
        let request = v1::GetTrialRequest {
            id: id.as_str().to_owned(),
        };
        let answer = retry(shared.policy, &shared.endpoint, || {
            let mut directory = shared.connections.directory();
            let request = request.clone();
            async move { directory.get_trial(request).await }
        })
        .await
        .map_err(|error| error.of_a_question(&shared.endpoint))?;
        let claims = answer.into_inner().claims.into_iter().map(claim);
        claims.collect::<Result<_, _>>().map_err(untrusted)
    }

    /// An organisation; the caller's own where none is named.
    ///
    /// # Errors
    ///
    /// It is not enrolled, or nobody answers.
    pub async fn organization(
        &self,
        organization: Option<&OrganizationId>,
    ) -> Result<Organization, ClientError> {
        let shared = &self.shared;
        let request = v1::GetOrganizationRequest {
            organization: organization.map(ToString::to_string).unwrap_or_default(),
        };
        let answer = retry(shared.policy, &shared.endpoint, || {
            let mut directory = shared.connections.directory();
            let request = request.clone();
            async move { directory.get_organization(request).await }
        })
        .await
        .map_err(|error| error.of_a_question(&shared.endpoint))?
        .into_inner();
        let members = answer.members.into_iter().map(member).collect::<Result<_, _>>();
        Ok(Organization {
            organization: answer.organization,
            kind: answer.kind,
            grade: answer.grade,
            identifiers: answer.identifiers,
            members: members.map_err(untrusted)?,
        })
    }

    /// The account that the token speaks for.
    ///
    /// # Errors
    ///
    /// Nobody answers.
    pub async fn account(&self) -> Result<OwnAccount, ClientError> {
        let shared = &self.shared;
        let answer = retry(shared.policy, &shared.endpoint, || {
            let mut directory = shared.connections.directory();
            async move { directory.get_account(v1::GetAccountRequest {}).await }
        })
        .await
        .map_err(|error| error.of_a_question(&shared.endpoint))?
        .into_inner();
        let registers = answer.registers.into_iter().map(|one| (one.register, one.roles));
        Ok(OwnAccount {
            organization: answer.organization,
            registers: registers.collect(),
            member: member(answer.member.unwrap_or_default()).map_err(untrusted)?,
        })
    }
}

fn claim(message: v1::TrialClaim) -> Result<TrialClaim, String> {
    Ok(TrialClaim {
        register: message.register,
        canonical: message.canonical,
        first: record_ref(message.first.ok_or("the first record of a register is missing")?)?,
        aliases: message.aliases,
        readable: message.readable,
        organization: message.organization,
    })
}

fn member(message: v1::EnrolledMember) -> Result<EnrolledMember, String> {
    let key = |one: v1::EnrolledKey| {
        Ok(EnrolledKey {
            vkey: one.vkey,
            enrolled: record_ref(one.enrolled.ok_or("the enrolment of a key is missing")?)?,
            confirmed: one.confirmed,
        })
    };
    Ok(EnrolledMember {
        member: message.member,
        kind: message.kind,
        administrator: message.administrator,
        keys: message.keys.into_iter().map(key).collect::<Result<_, String>>()?,
    })
}
