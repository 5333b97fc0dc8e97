//! Service `Operator`: accounts, over the local socket only.

use std::{str::FromStr, sync::Arc};

use prost::bytes::Bytes;
use tonic::{Request, Response, Status};
use trialseal_core::{
    hash::Hash,
    identifiers::{MemberId, OrganizationId, PublicIdentifier},
    note::VerifierKey,
    record::IdentityGrade,
    time::Instant,
    vocabulary::{OrganizationKind, UnknownCode},
};
use trialseal_proto::v1::{self, operator_server::Operator};

use super::status::status;
use crate::{
    account_record::what_of,
    admit::Caller,
    notary::{Answer, Notary},
    refusal::Refusal,
    state::AccountChange,
};

/// The member id of the notary's own records.
const OPERATOR: &str = "operator";

/// The service.
#[derive(Clone)]
pub struct OperatorService {
    /// What it changes.
    pub notary: Arc<Notary>,
}

#[tonic::async_trait]
impl Operator for OperatorService {
    async fn add_organization(
        &self,
        request: Request<v1::AddOrganizationRequest>,
    ) -> Result<Response<v1::AccountChange>, Status> {
        let request = request.into_inner();
        answer(async {
            let change = AccountChange::OrganizationRegistered {
                organization: organization(&request.organization)?,
                kind: code("kind", &request.kind, OrganizationKind::Other)?,
                grade: code("grade", &request.grade, IdentityGrade::SelfAsserted)?,
                identifiers: identifiers(&request.identifiers)?,
            };
            self.change(change).await
        })
        .await
    }

    async fn add_member(
        &self,
        request: Request<v1::AddMemberRequest>,
    ) -> Result<Response<v1::AccountChange>, Status> {
        let request = request.into_inner();
        answer(self.enrol(&request)).await
    }

    async fn revoke_member(
        &self,
        request: Request<v1::RevokeMemberRequest>,
    ) -> Result<Response<v1::AccountChange>, Status> {
        let request = request.into_inner();
        answer(async {
            let organization = organization(&request.organization)?;
            let member = member(&request.member)?;
            self.change(AccountChange::MemberRevoked { organization, member })
                .await
        })
        .await
    }

    async fn revoke_key(
        &self,
        request: Request<v1::RevokeKeyRequest>,
    ) -> Result<Response<v1::AccountChange>, Status> {
        let request = request.into_inner();
        answer(async {
            let organization = organization(&request.organization)?;
            let member = member(&request.member)?;
            let key = key(&organization, &member, &request.key)?;
            self.change(AccountChange::KeyRevoked {
                organization,
                member,
                key,
            })
            .await
        })
        .await
    }

    async fn issue_token(
        &self,
        request: Request<v1::IssueTokenRequest>,
    ) -> Result<Response<v1::AccountChange>, Status> {
        let request = request.into_inner();
        answer(async {
            let change = AccountChange::TokenRegistered {
                organization: organization(&request.organization)?,
                member: member(&request.member)?,
                token: token(&request.token_sha256)?,
                expires: Instant::parse(&request.expires)
                    .map_err(|error| Refusal::field("expires", error.to_string()))?,
            };
            self.change(change).await
        })
        .await
    }

    async fn revoke_token(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::AccountChange>, Status> {
        let request = request.into_inner();
        answer(async {
            let organization = organization(&request.organization)?;
            let token = token(&request.token_sha256)?;
            let found = self
                .notary
                .accounts()
                .token(&token)
                .map(|found| found.member.clone());
            let member = found.ok_or_else(|| {
                Refusal::Account(crate::state::AccountError::UnknownToken(organization.clone()))
            })?;
            self.change(AccountChange::TokenRevoked {
                organization,
                member,
                token,
            })
            .await
        })
        .await
    }
}

impl OperatorService {
    /// Enrols the member unless it is, then its key if one is given. The last record is
    /// the answer.
    async fn enrol(&self, request: &v1::AddMemberRequest) -> Result<v1::AccountChange, Refusal> {
        let organization = organization(&request.organization)?;
        let member = member(&request.member)?;
        let key = match request.key.as_str() {
            "" => None,
            text => Some(key(&organization, &member, text)?),
        };
        let known = self.notary.accounts().member(&organization, &member).is_some();
        let mut last = None;
        if !known || key.is_none() {
            let kind = request
                .kind
                .parse()
                .map_err(|_| Refusal::field("kind", "must be person or system"))?;
            let change = AccountChange::MemberRegistered {
                organization: organization.clone(),
                member: member.clone(),
                kind,
            };
            last = Some(self.change(change).await?);
        }
        if let Some(key) = key {
            last = Some(
                self.change(AccountChange::KeyRegistered {
                    organization,
                    member,
                    key,
                })
                .await?,
            );
        }
        last.ok_or(Refusal::Internal)
    }

    async fn change(&self, change: AccountChange) -> Result<v1::AccountChange, Refusal> {
        let notary = &self.notary;
        notary.ready()?;
        let operator = Caller {
            organization: OrganizationId::new(OrganizationId::NOTARY)
                .map_err(|error| notary.internal(&error))?,
            member: MemberId::new(OPERATOR).map_err(|error| notary.internal(&error))?,
        };
        if change.organization().is_notary() {
            return Err(Refusal::field("organization", "notary is the notary itself"));
        }
        let what = what_of(&change).map_err(|error| notary.internal(&error))?;
        let accounts = notary.accounts();
        let admitted = notary.admission(&accounts).account(&operator, what, change)?;
        let room = notary.room(1, admitted.bytes() as u64)?;
        let answer = notary.submit(vec![Ok(admitted)], room).await?.pop();
        let index = match answer {
            Some(Answer::Sealed { sealed, position }) => sealed
                .batch
                .first
                .checked_add(position as u64)
                .map_err(|error| notary.internal(&error))?,
            Some(Answer::Repeated(place)) => notary.locate(place)?.1,
            Some(Answer::Refused(refusal)) => return Err(refusal),
            None => return Err(Refusal::Internal),
        };
        let record = notary
            .record_id(notary.chain.present(), index)?
            .ok_or(Refusal::Internal)?;
        Ok(v1::AccountChange {
            index: index.get(),
            record: Bytes::copy_from_slice(record.as_bytes()),
        })
    }
}

async fn answer(
    change: impl Future<Output = Result<v1::AccountChange, Refusal>>,
) -> Result<Response<v1::AccountChange>, Status> {
    change
        .await
        .map(Response::new)
        .map_err(|refusal| status(&refusal))
}

fn organization(text: &str) -> Result<OrganizationId, Refusal> {
    OrganizationId::new(text).map_err(|error| Refusal::field("organization", error.to_string()))
}

fn member(text: &str) -> Result<MemberId, Refusal> {
    MemberId::new(text).map_err(|error| Refusal::field("member", error.to_string()))
}

fn token(bytes: &[u8]) -> Result<Hash, Refusal> {
    Hash::from_slice(bytes).map_err(|_| Refusal::field("token_sha256", "must be 32 bytes"))
}

fn key(organization: &OrganizationId, member: &MemberId, text: &str) -> Result<Box<VerifierKey>, Refusal> {
    let refused = |problem: String| Refusal::field("key", problem);
    let key = VerifierKey::parse(text).map_err(|error| refused(error.to_string()))?;
    if key.key_type() != trialseal_core::note::KeyType::Ed25519 {
        return Err(refused("must be an Ed25519 signature key (type 1)".to_owned()));
    }
    let name = format!("{organization}/{member}");
    if key.name().as_str() != name {
        return Err(refused(format!(
            "is named {}; it must be named {name}",
            key.name()
        )));
    }
    Ok(Box::new(key))
}

/// A code of a closed list, or what an empty text stands for.
fn code<T: FromStr<Err = UnknownCode>>(field: &str, text: &str, empty: T) -> Result<T, Refusal> {
    match text {
        "" => Ok(empty),
        text => text
            .parse()
            .map_err(|error: UnknownCode| Refusal::field(field, error.to_string())),
    }
}

fn identifiers(texts: &[String]) -> Result<Vec<PublicIdentifier>, Refusal> {
    texts
        .iter()
        .map(|text| match PublicIdentifier::parse(text) {
            Ok(identifier) if identifier.is_of_person() => {
                Err(Refusal::field("identifiers", format!("{text} names a person")))
            }
            Ok(identifier) => Ok(identifier),
            Err(error) => Err(Refusal::field("identifiers", error.to_string())),
        })
        .collect()
}
