//! Service `Directory`: trials with the registers that claim them, organisations, the caller.

use std::sync::Arc;

use prost::bytes::Bytes;
use tonic::{Request, Response, Status};
use trialseal_core::{
    checkpoint::Origin,
    hash::RecordId,
    identifiers::{OrganizationId, RegisterName, TrialId},
    index::{LogIndex, Sequence},
    record::Enrolment,
};
use trialseal_proto::v1::{self, directory_server::Directory};

use super::{caller, eyes::Eyes, rows::Rows, rows::reference, status::status};
use crate::{
    admit::Caller,
    notary::Notary,
    refusal::Refusal,
    state::{KeyState, Member, read_lock},
};

/// Registers that one answer names.
const REGISTERS_MAX: usize = 1_000;

/// The service.
#[derive(Clone)]
pub struct DirectoryService {
    /// What it reads.
    pub notary: Arc<Notary>,
}

#[tonic::async_trait]
impl Directory for DirectoryService {
    async fn get_trial(
        &self,
        request: Request<v1::GetTrialRequest>,
    ) -> Result<Response<v1::GetTrialResponse>, Status> {
        self.ask(request, |notary, caller, request| {
            trial(notary, caller, &request.id)
        })
        .await
    }

    async fn get_organization(
        &self,
        request: Request<v1::GetOrganizationRequest>,
    ) -> Result<Response<v1::GetOrganizationResponse>, Status> {
        self.ask(request, |notary, caller, request| {
            organization(notary, caller, &request.organization)
        })
        .await
    }

    async fn get_account(
        &self,
        request: Request<v1::GetAccountRequest>,
    ) -> Result<Response<v1::GetAccountResponse>, Status> {
        self.ask(request, |notary, caller, _| account(notary, caller))
            .await
    }
}

impl DirectoryService {
    async fn ask<Q: Send + 'static, A: Send + 'static>(
        &self,
        request: Request<Q>,
        answer: impl FnOnce(&Notary, &Caller, Q) -> Result<A, Refusal> + Send + 'static,
    ) -> Result<Response<A>, Status> {
        let (metadata, _, request) = request.into_parts();
        let notary = Arc::clone(&self.notary);
        let asked = async {
            let caller = caller(&self.notary, &metadata)?;
            let answer = tokio::task::spawn_blocking(move || answer(&notary, &caller, request));
            answer.await.unwrap_or(Err(Refusal::Internal))
        };
        asked.await.map(Response::new).map_err(|refusal| {
            self.notary.metrics.refused(refusal.reason());
            status(&refusal)
        })
    }
}

/// Every register that claims the id, for whoever holds a role in one of them.
fn trial(notary: &Notary, caller: &Caller, id: &str) -> Result<v1::GetTrialResponse, Refusal> {
    let id = TrialId::canonical(id).map_err(|error| Refusal::field("id", error.to_string()))?;
    let now = notary.now();
    let found: Vec<_> = {
        let registers = read_lock(&notary.registers);
        let names = registers.of_trial(&id).into_iter();
        names
            .filter_map(|name| {
                Some((
                    name.clone(),
                    registers.head(name)?.clone(),
                    registers.claims().aliases(name).to_vec(),
                ))
            })
            .collect()
    };
    let mut claims = Vec::new();
    for (name, head, aliases) in found {
        let Some(row) = Rows::new(notary, &head).at(Sequence::FIRST)? else {
            continue;
        };
        let readable = Eyes::may_look(&name, &head, caller, now);
        let aliases = aliases.iter().filter(|_| readable).map(ToString::to_string);
        claims.push(v1::TrialClaim {
            canonical: name == *id.register(),
            first: Some(reference(notary, row.place, head.first.as_bytes())?),
            aliases: aliases.collect(),
            readable,
            organization: if readable {
                head.owner.to_string()
            } else {
                String::new()
            },
            register: name.to_string(),
        });
    }
    if !claims.iter().any(|claim| claim.readable) {
        return Err(Refusal::RecordNotFound);
    }
    let own = id.register().numbered_by().is_some();
    Ok(v1::GetTrialResponse {
        id: id.as_str().to_owned(),
        kind: if own { "own" } else { "registry" }.to_owned(),
        claims,
    })
}

fn organization(notary: &Notary, caller: &Caller, id: &str) -> Result<v1::GetOrganizationResponse, Refusal> {
    let id = match id {
        "" => caller.organization.clone(),
        id => OrganizationId::new(id).map_err(|error| Refusal::field("organization", error.to_string()))?,
    };
    let accounts = notary.accounts();
    let found = accounts.organization(&id).ok_or(Refusal::RecordNotFound)?;
    let mut members = Vec::new();
    if id == caller.organization {
        let mut all: Vec<_> = found
            .members
            .iter()
            .filter(|(_, member)| !member.revoked)
            .collect();
        all.sort_unstable_by_key(|(id, _)| id.as_str());
        for (member_id, member) in all {
            members.push(enrolled_member(notary, member_id.as_str(), member)?);
        }
    }
    Ok(v1::GetOrganizationResponse {
        organization: id.to_string(),
        kind: found.kind.as_str().to_owned(),
        grade: found.grade.as_str().to_owned(),
        identifiers: found.identifiers.iter().map(ToString::to_string).collect(),
        enrolled: enrolment(notary, &found.enrolment)?,
        members,
    })
}

fn enrolled_member(notary: &Notary, id: &str, member: &Member) -> Result<v1::EnrolledMember, Refusal> {
    let mut keys = Vec::new();
    for key in member.keys.iter().filter(|key| key.state != KeyState::Revoked) {
        keys.push(v1::EnrolledKey {
            vkey: key.key.to_string(),
            enrolled: enrolment(
                notary,
                &Enrolment {
                    index: key.index,
                    record: key.record,
                },
            )?,
            confirmed: key.state == KeyState::Confirmed,
        });
    }
    Ok(v1::EnrolledMember {
        member: id.to_owned(),
        kind: member.kind.as_str().to_owned(),
        administrator: member.administrator,
        keys,
    })
}

/// Names the record of an enrolment. It holds the index in the log that it is in, which is found by its id.
fn enrolment(notary: &Notary, enrolment: &Enrolment) -> Result<Option<v1::RecordRef>, Refusal> {
    let found = log_of(notary, enrolment.index, &enrolment.record)?;
    Ok(found.map(|log| v1::RecordRef {
        log: log.to_string(),
        index: enrolment.index.get(),
        record: Bytes::copy_from_slice(enrolment.record.as_bytes()),
    }))
}

fn log_of(notary: &Notary, index: LogIndex, record: &RecordId) -> Result<Option<Origin>, Refusal> {
    let chain = &notary.chain;
    for log in [chain.present()].into_iter().chain(chain.closed().iter().rev()) {
        if notary.record_id(log, index)? == Some(*record) {
            return Ok(Some(log.origin.clone()));
        }
    }
    Ok(None)
}

fn account(notary: &Notary, caller: &Caller) -> Result<v1::GetAccountResponse, Refusal> {
    let accounts = notary.accounts();
    let member = accounts
        .member(&caller.organization, &caller.member)
        .ok_or(Refusal::TokenRevoked)?;
    let now = notary.now();
    let mut registers = Vec::new();
    {
        let all = read_lock(&notary.registers);
        let trials = all.iter().filter(|(name, _)| name.accounts_of().is_none());
        let readable = trials.filter(|(name, head)| Eyes::may_look(name, head, caller, now));
        let mut names: Vec<(&RegisterName, _)> = readable.collect();
        names.sort_unstable_by_key(|(name, _)| *name);
        for (name, head) in names.into_iter().take(REGISTERS_MAX) {
            if let Some(eyes) = Eyes::of_head(name, head.clone(), caller, now) {
                registers.push(v1::AccountRegister {
                    register: name.to_string(),
                    roles: eyes.roles().iter().map(|role| role.as_str().to_owned()).collect(),
                    unblinded: eyes.granted.iter().any(|grant| grant.unblinded),
                });
            }
        }
    }
    Ok(v1::GetAccountResponse {
        organization: caller.organization.to_string(),
        member: Some(enrolled_member(notary, caller.member.as_str(), member)?),
        registers,
    })
}
