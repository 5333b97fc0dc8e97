//! Service `Registers`: reading a register, and what belongs to it.

mod bulk;
mod large;
mod openings;
mod reads;
mod roles;
mod statement;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use trialseal_proto::v1::{self, registers_server::Registers};

use self::large::{Large, MESSAGE_TIME};
use super::{caller, eyes::Eyes, rows::register_name, status::status};
use crate::{admit::Caller, notary::Notary, refusal::Refusal};

/// Messages of a stream that wait for the caller to take them.
const MESSAGES_WAITING: usize = 4;

/// The service.
#[derive(Clone)]
pub struct RegistersService {
    notary: Arc<Notary>,
    large: Large,
}

impl RegistersService {
    /// Serves this notary.
    #[must_use]
    pub fn new(notary: Arc<Notary>) -> Self {
        Self {
            notary,
            large: Large::default(),
        }
    }

    fn refused(&self, refusal: &Refusal) -> Status {
        self.notary.metrics.refused(refusal.reason());
        status(refusal)
    }

    /// Answers off the async threads, for a known caller.
    async fn ask<Q: Send + 'static, A: Send + 'static>(
        &self,
        request: Request<Q>,
        answer: impl FnOnce(&Notary, &Caller, Q) -> Result<A, Refusal> + Send + 'static,
    ) -> Result<Response<A>, Status> {
        let (metadata, _, request) = request.into_parts();
        let asked = async {
            let caller = caller(&self.notary, &metadata)?;
            let notary = Arc::clone(&self.notary);
            let answer = tokio::task::spawn_blocking(move || answer(&notary, &caller, request));
            answer.await.unwrap_or(Err(Refusal::Internal))
        };
        asked
            .await
            .map(Response::new)
            .map_err(|refusal| self.refused(&refusal))
    }
}

#[tonic::async_trait]
impl Registers for RegistersService {
    type ReadRegisterStream = ReceiverStream<Result<v1::ReadRegisterResponse, Status>>;
    type GetOpeningStream = ReceiverStream<Result<v1::GetOpeningResponse, Status>>;

    async fn read_register(
        &self,
        request: Request<v1::ReadRegisterRequest>,
    ) -> Result<Response<Self::ReadRegisterStream>, Status> {
        let (metadata, _, request) = request.into_parts();
        let opened = async {
            let caller = caller(&self.notary, &metadata)?;
            let room = self.large.room(Some(&caller.organization))?;
            let notary = Arc::clone(&self.notary);
            let begin = tokio::task::spawn_blocking(move || bulk::begin(notary, &caller, &request));
            let reading = begin.await.unwrap_or(Err(Refusal::Internal))?;
            Ok((reading, room))
        };
        let (reading, room) = opened.await.map_err(|refusal| self.refused(&refusal))?;
        let (sender, receiver) = tokio::sync::mpsc::channel(MESSAGES_WAITING);
        let service = self.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(refusal) = reading.send(&sender) {
                // The caller may have gone away, and then nobody hears this.
                let _ = sender.blocking_send(Err(service.refused(&refusal)));
            }
            drop(room);
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn get_statement(
        &self,
        request: Request<v1::GetStatementRequest>,
    ) -> Result<Response<v1::RegisterStatement>, Status> {
        let (metadata, _, request) = request.into_parts();
        let asked = async {
            let caller = caller(&self.notary, &metadata)?;
            let register = register_name(&request.register)?;
            let eyes = Eyes::open(&self.notary, &caller, &register)?;
            statement::get(&self.notary, eyes, request.fresh).await
        };
        asked
            .await
            .map(Response::new)
            .map_err(|refusal| self.refused(&refusal))
    }

    async fn get_roles(
        &self,
        request: Request<v1::GetRolesRequest>,
    ) -> Result<Response<v1::GetRolesResponse>, Status> {
        self.ask(request, |notary, caller, request| {
            roles::in_force(
                notary,
                &Eyes::open(notary, caller, &register_name(&request.register)?)?,
            )
        })
        .await
    }

    async fn get_pending(
        &self,
        request: Request<v1::GetPendingRequest>,
    ) -> Result<Response<v1::GetPendingResponse>, Status> {
        self.ask(request, |notary, caller, request| {
            roles::pending(
                notary,
                &Eyes::open(notary, caller, &register_name(&request.register)?)?,
            )
        })
        .await
    }

    async fn put_opening(
        &self,
        request: Request<Streaming<v1::PutOpeningRequest>>,
    ) -> Result<Response<v1::PutOpeningResponse>, Status> {
        let (metadata, _, messages) = request.into_parts();
        let put = async {
            let caller = caller(&self.notary, &metadata)?;
            self.notary.ready()?;
            let _room = self.large.room(Some(&caller.organization))?;
            let upload = openings::receive(messages).await?;
            let notary = Arc::clone(&self.notary);
            let kept = tokio::task::spawn_blocking(move || openings::put(&notary, &caller, upload));
            kept.await.unwrap_or(Err(Refusal::Internal))
        };
        put.await
            .map(Response::new)
            .map_err(|refusal| self.refused(&refusal))
    }

    async fn get_opening(
        &self,
        request: Request<v1::GetOpeningRequest>,
    ) -> Result<Response<Self::GetOpeningStream>, Status> {
        let (metadata, _, request) = request.into_parts();
        let found = async {
            // What is open to everybody is so without an account too; a token that is shown must be good.
            let caller = match metadata.get("authorization") {
                Some(_) => Some(caller(&self.notary, &metadata)?),
                None => None,
            };
            let room = self
                .large
                .room(caller.as_ref().map(|caller| &caller.organization))?;
            let notary = Arc::clone(&self.notary);
            let get = move || openings::get(&notary, caller.as_ref(), &request);
            let messages = tokio::task::spawn_blocking(get)
                .await
                .unwrap_or(Err(Refusal::Internal))?;
            Ok((messages, room))
        };
        let (messages, room) = found.await.map_err(|refusal| self.refused(&refusal))?;
        let (sender, receiver) = tokio::sync::mpsc::channel(MESSAGES_WAITING);
        tokio::spawn(async move {
            for message in messages {
                let sent = tokio::time::timeout(MESSAGE_TIME, sender.send(Ok(message))).await;
                if !matches!(sent, Ok(Ok(()))) {
                    break;
                }
            }
            drop(room);
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn find_file(
        &self,
        request: Request<v1::FindFileRequest>,
    ) -> Result<Response<v1::FindFileResponse>, Status> {
        self.ask(request, |notary, caller, request| {
            let eyes = Eyes::open(notary, caller, &register_name(&request.register)?)?;
            openings::find(notary, &eyes, &request.sha256)
        })
        .await
    }

    async fn list_reads(
        &self,
        request: Request<v1::ListReadsRequest>,
    ) -> Result<Response<v1::ListReadsResponse>, Status> {
        self.ask(request, |notary, caller, request| {
            let eyes = Eyes::open(notary, caller, &register_name(&request.register)?)?;
            reads::list(notary, &eyes, &request.page_token)
        })
        .await
    }
}
