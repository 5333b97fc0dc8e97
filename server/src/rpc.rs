//! The gRPC edge: protobuf in, domain types inside, protobuf out.

use std::sync::Arc;

use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, metadata::MetadataMap};
use trialseal_core::{checkpoint::Origin, index::LogIndex};
use trialseal_proto::v1::{self, get_receipt_request::Record as Named, notary_server::Notary as NotaryApi};
use zeroize::Zeroizing;

mod directory;
mod eyes;
mod levels;
mod list;
mod log;
mod operator;
mod parse;
mod receipt;
mod registers;
mod rows;
mod status;
mod submit;

pub use directory::DirectoryService;
pub use log::LogService;
pub use operator::OperatorService;
pub use registers::RegistersService;
pub use status::{DOMAIN, status};

use self::{eyes::Eyes, levels::Wanted};
use crate::{
    admit::Caller,
    chain::{Place, ReadLog},
    notary::Notary,
    reads::ReadKind,
    refusal::Refusal,
};

/// What a token begins with, so that a leaked one is recognised by scanners.
pub const TOKEN_PREFIX: &str = "trialseal_";

/// Service `Notary`.
#[derive(Clone)]
pub struct NotaryService {
    /// What it serves.
    pub notary: Arc<Notary>,
}

/// The member that a call's bearer token speaks for.
fn caller(notary: &Notary, metadata: &MetadataMap) -> Result<Caller, Refusal> {
    let header = metadata
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let token = header
        .and_then(|header| header.strip_prefix("Bearer "))
        .and_then(|token| token.strip_prefix(TOKEN_PREFIX))
        .and_then(|hex| trialseal_core::hash::Salt::from_hex(hex).ok())
        .ok_or(Refusal::TokenUnknown)?;
    let token = Zeroizing::new(*token.as_bytes());
    notary.authenticate(&token)
}

impl NotaryService {
    fn caller(&self, metadata: &MetadataMap) -> Result<Caller, Refusal> {
        caller(&self.notary, metadata)
    }

    fn refused(&self, refusal: &Refusal) -> Status {
        self.notary.metrics.refused(refusal.reason());
        status(refusal)
    }

    async fn submitted(
        &self,
        metadata: &MetadataMap,
        request: v1::SubmitRequest,
    ) -> Result<v1::SubmitResponse, Refusal> {
        let caller = self.caller(metadata)?;
        let wanted = Wanted::read(request.level, request.wait.as_ref(), metadata)?;
        submit::submit(&self.notary, caller, wanted, request).await
    }

    async fn receipt(
        &self,
        metadata: &MetadataMap,
        request: v1::GetReceiptRequest,
    ) -> Result<v1::GetReceiptResponse, Refusal> {
        let caller = self.caller(metadata)?;
        let wanted = Wanted::read(request.level, request.wait.as_ref(), metadata)?;
        let notary = Arc::clone(&self.notary);
        let find = tokio::task::spawn_blocking(move || {
            let (log, index) = match request.record {
                Some(Named::Index(index)) => {
                    let index = LogIndex::new(index).map_err(|_| Refusal::RecordNotFound)?;
                    (named_log(&notary, &request.log)?, index)
                }
                Some(Named::Position(position)) => {
                    notary.locate(rows::place_at(&notary, &caller, &position)?)?
                }
                None => return Err(Refusal::field("record", "is missing: give index or position")),
            };
            let eyes = rows::eyes_of_record(&notary, &caller, log, index)?;
            Ok((log.place(index), eyes))
        });
        let (place, eyes): (Place, Eyes) = find.await.unwrap_or(Err(Refusal::Internal))?;
        wanted.wait(&self.notary, place).await;
        let notary = Arc::clone(&self.notary);
        let show = tokio::task::spawn_blocking(move || {
            let shown = receipt::shown(&notary, place, &eyes)?;
            if shown.sight.is_on_record() {
                let sequence = shown.when.sequence.get();
                let read = eyes.read(notary.now(), ReadKind::Receipt, (sequence, sequence), 1);
                notary.record_read(&read)?;
            }
            Ok(shown)
        });
        let shown = show.await.unwrap_or(Err(Refusal::Internal))?;
        Ok(v1::GetReceiptResponse {
            receipt: Some(shown.receipt),
            reached: levels::wire(shown.level),
            withheld: shown.withheld,
        })
    }

    async fn list(
        &self,
        metadata: &MetadataMap,
        request: v1::ListRecordsRequest,
    ) -> Result<v1::ListRecordsResponse, Refusal> {
        let caller = self.caller(metadata)?;
        let notary = Arc::clone(&self.notary);
        let read = tokio::task::spawn_blocking(move || list::list(&notary, &caller, &request));
        read.await.unwrap_or(Err(Refusal::Internal))
    }
}

/// The log with this name; the present one for an empty name.
fn named_log<'a>(notary: &'a Notary, name: &str) -> Result<&'a Arc<ReadLog>, Refusal> {
    if name.is_empty() {
        return Ok(notary.chain.present());
    }
    let origin = Origin::new(name).map_err(|error| Refusal::field("log", error.to_string()))?;
    notary.chain.by_origin(&origin).ok_or(Refusal::RecordNotFound)
}

#[tonic::async_trait]
impl NotaryApi for NotaryService {
    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let answer = self.submitted(&metadata, request).await;
        answer
            .map(Response::new)
            .map_err(|refusal| self.refused(&refusal))
    }

    type SubmitStreamStream = ReceiverStream<Result<v1::SubmitStreamResponse, Status>>;

    async fn submit_stream(
        &self,
        request: Request<Streaming<v1::SubmitStreamRequest>>,
    ) -> Result<Response<Self::SubmitStreamStream>, Status> {
        let caller = self
            .caller(request.metadata())
            .map_err(|refusal| self.refused(&refusal))?;
        let stream = submit::submit_stream(Arc::clone(&self.notary), caller, request.into_inner());
        Ok(Response::new(stream))
    }

    async fn get_receipt(
        &self,
        request: Request<v1::GetReceiptRequest>,
    ) -> Result<Response<v1::GetReceiptResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let answer = self.receipt(&metadata, request).await;
        answer
            .map(Response::new)
            .map_err(|refusal| self.refused(&refusal))
    }

    async fn list_records(
        &self,
        request: Request<v1::ListRecordsRequest>,
    ) -> Result<Response<v1::ListRecordsResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let answer = self.list(&metadata, request).await;
        answer
            .map(Response::new)
            .map_err(|refusal| self.refused(&refusal))
    }
}
