//! Service `Log`: the public log, for anybody.

use std::sync::Arc;

use prost::bytes::Bytes;
use tonic::{Request, Response, Status};
use trialseal_core::{
    hash::Hash,
    index::{LogIndex, LogSize},
    merkle::nodes::{NodeSource as _, consistency_path, inclusion_path},
};
use trialseal_proto::v1::{self, log_server::Log};

use super::status::status;
use crate::{notary::Notary, refusal::Refusal, view::Head};

/// The service.
#[derive(Clone)]
pub struct LogService {
    /// What it reads.
    pub notary: Arc<Notary>,
}

#[tonic::async_trait]
impl Log for LogService {
    async fn get_checkpoint(
        &self,
        _: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        let checkpoint = self.notary.view.head().note.to_string();
        Ok(Response::new(v1::GetCheckpointResponse { checkpoint }))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<v1::GetInclusionProofRequest>,
    ) -> Result<Response<v1::GetInclusionProofResponse>, Status> {
        let request = request.into_inner();
        self.read(move |notary| inclusion(notary, &request)).await
    }

    async fn get_consistency_proof(
        &self,
        request: Request<v1::GetConsistencyProofRequest>,
    ) -> Result<Response<v1::GetConsistencyProofResponse>, Status> {
        let request = request.into_inner();
        self.read(move |notary| consistency(notary, &request)).await
    }
}

impl LogService {
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Notary) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let notary = Arc::clone(&self.notary);
        let read = tokio::task::spawn_blocking(move || read(&notary)).await;
        let read = read.unwrap_or(Err(Refusal::Internal));
        read.map(Response::new).map_err(|refusal| status(&refusal))
    }
}

fn inclusion(
    notary: &Notary,
    request: &v1::GetInclusionProofRequest,
) -> Result<v1::GetInclusionProofResponse, Refusal> {
    let head = notary.view.head();
    let size = chosen_size(request.size, &head)?;
    let index = LogIndex::new(request.index)
        .ok()
        .filter(|index| size.contains(*index));
    let index = index.ok_or_else(|| {
        Refusal::OutOfRange(format!(
            "there is no entry {} in a tree of size {size}",
            request.index
        ))
    })?;
    let leaf = notary
        .view
        .node(0, index.get())
        .map_err(|error| notary.internal(&error))?;
    let path = inclusion_path(index, size, &*notary.view).map_err(|error| notary.internal(&error))?;
    Ok(v1::GetInclusionProofResponse {
        index: index.get(),
        size: size.get(),
        leaf_hash: wire(&leaf),
        hashes: path.iter().map(wire).collect(),
        checkpoint: note_of(size, &head),
    })
}

fn consistency(
    notary: &Notary,
    request: &v1::GetConsistencyProofRequest,
) -> Result<v1::GetConsistencyProofResponse, Refusal> {
    let head = notary.view.head();
    let new = chosen_size(request.new_size, &head)?;
    let old = LogSize::new(request.old_size)
        .ok()
        .filter(|old| !old.is_empty() && *old <= new);
    let old = old.ok_or_else(|| {
        Refusal::OutOfRange(format!(
            "the smaller size {} must be 1 to {new}",
            request.old_size
        ))
    })?;
    let path = consistency_path(old, new, &*notary.view).map_err(|error| notary.internal(&error))?;
    Ok(v1::GetConsistencyProofResponse {
        old_size: old.get(),
        new_size: new.get(),
        hashes: path.iter().map(wire).collect(),
        checkpoint: note_of(new, &head),
    })
}

fn chosen_size(asked: u64, head: &Head) -> Result<LogSize, Refusal> {
    match LogSize::new(asked) {
        Ok(size) if size.is_empty() => Ok(head.size),
        Ok(size) if size <= head.size => Ok(size),
        _ => Err(Refusal::OutOfRange(format!(
            "the log has {} entries, not {asked}",
            head.size
        ))),
    }
}

fn note_of(size: LogSize, head: &Head) -> String {
    if size == head.size {
        head.note.to_string()
    } else {
        String::new()
    }
}

fn wire(hash: &Hash) -> Bytes {
    Bytes::copy_from_slice(hash.as_bytes())
}
