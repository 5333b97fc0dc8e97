//! The yardstick of unary calls: a bare tonic server with the notary's generated stubs that
//! answers every submission with the same bytes, from a process of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use prost::Message as _;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};
use trialseal_proto::v1;
use trialseal_proto::v1::notary_server::{Notary, NotaryServer};

use crate::harness::Outcome;

struct Echo(v1::SubmitResponse);

#[tonic::async_trait]
impl Notary for Echo {
    async fn submit(&self, _: Request<v1::SubmitRequest>) -> Result<Response<v1::SubmitResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    type SubmitStreamStream = ReceiverStream<Result<v1::SubmitStreamResponse, Status>>;

    async fn submit_stream(
        &self,
        _: Request<Streaming<v1::SubmitStreamRequest>>,
    ) -> Result<Response<Self::SubmitStreamStream>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn get_receipt(
        &self,
        _: Request<v1::GetReceiptRequest>,
    ) -> Result<Response<v1::GetReceiptResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn list_records(
        &self,
        _: Request<v1::ListRecordsRequest>,
    ) -> Result<Response<v1::ListRecordsResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }
}

/// Serves until the process is killed.
pub(crate) async fn serve(response: &Path) -> Outcome {
    let response = v1::SubmitResponse::decode(std::fs::read(response)?.as_slice())?;
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    tonic::transport::Server::builder()
        .tcp_nodelay(true)
        .add_service(NotaryServer::new(Echo(response)))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?;
    Ok(())
}

/// A running echo; killed when dropped.
pub(crate) struct EchoProcess {
    child: Child,
    /// Where it listens.
    pub(crate) endpoint: String,
}

impl EchoProcess {
    /// Starts this program as an echo of `response`.
    pub(crate) fn start(response: &v1::SubmitResponse, dir: &Path) -> Outcome<Self> {
        let file = dir.join("echo.response");
        std::fs::write(&file, response.encode_to_vec())?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--echo")
            .arg(file)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        Ok(Self {
            child,
            endpoint: format!("http://{}", line.trim()),
        })
    }
}

impl Drop for EchoProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
