use std::fs;
use std::io;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use super::*;
use crate::config::TransportLimits;

struct Identity {
    _dir: TempDir,
    files: TlsFiles,
}

/// Writes a self-signed certificate for `localhost` and its key; returns the certificate.
fn write(files: &TlsFiles) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&files.certificate, made.cert.pem()).unwrap();
    let _absent = fs::remove_file(&files.key);
    fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
    made.cert.pem()
}

fn identity() -> (Identity, String) {
    let dir = tempfile::tempdir().unwrap();
    let files = TlsFiles {
        certificate: dir.path().join("certificate.pem"),
        key: dir.path().join("key.pem"),
    };
    let certificate = write(&files);
    (Identity { _dir: dir, files }, certificate)
}

fn limits(connections: u32) -> TransportLimits {
    TransportLimits {
        connections: NonZeroU32::new(connections).unwrap(),
        handshake_seconds: NonZeroU64::MIN,
        ..TransportLimits::default()
    }
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Connects with trust in one certificate alone, speaking HTTP/1.1.
async fn connect(to: SocketAddr, trusted: &str) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap())
        .unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(to).await?;
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("localhost").unwrap(), stream)
        .await
}

async fn get(stream: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin)) -> String {
    let request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // An end without the TLS goodbye is an error of its own; the answer is what counts.
    let _end = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn serve_http(tls: Option<&TlsIdentity>) -> (SocketAddr, JoinOnDrop) {
    let listener = Listener::bind(any_port(), Protocol::Http, tls, &limits(10))
        .await
        .unwrap();
    let address = listener.local();
    let router = axum::Router::new().route("/healthz", axum::routing::get(|| async { "well" }));
    let served = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, JoinOnDrop(served))
}

struct JoinOnDrop(tokio::task::JoinHandle<()>);

impl Drop for JoinOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[tokio::test]
async fn http_is_served_with_and_without_tls() {
    let (identity, certificate) = identity();
    let tls = TlsIdentity::load(&identity.files).unwrap();
    let (address, _served) = serve_http(Some(&tls)).await;
    let mut stream = connect(address, &certificate).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let answer = get(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("well"),
        "{answer}"
    );
    let mut plain = TcpStream::connect(address).await.unwrap();
    assert!(
        !get(&mut plain).await.contains("well"),
        "no answer without TLS on a port that has it"
    );

    let (address, _served) = serve_http(None).await;
    let answer = get(&mut TcpStream::connect(address).await.unwrap()).await;
    assert!(answer.ends_with("well"), "{answer}");
}

#[tokio::test]
async fn a_certificate_is_replaced_without_a_restart() {
    let (identity, first) = identity();
    let tls = TlsIdentity::load(&identity.files).unwrap();
    let (address, _served) = serve_http(Some(&tls)).await;
    let mut before = connect(address, &first).await.unwrap();
    let second = write(&identity.files);
    connect(address, &second)
        .await
        .expect_err("not before it is read again");
    tls.reload().unwrap();
    connect(address, &second).await.unwrap();
    connect(address, &first)
        .await
        .expect_err("the old one is out of use");
    assert!(
        get(&mut before).await.ends_with("well"),
        "a connection from before lives on"
    );
    fs::write(&identity.files.certificate, "nonsense").unwrap();
    tls.reload().unwrap_err();
    connect(address, &second)
        .await
        .expect("a reload that fails changes nothing");
}

#[derive(Clone, Copy)]
struct Answering;

#[tonic::async_trait]
impl TraceService for Answering {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        assert!(
            request
                .remote_addr()
                .is_some_and(|address| address.ip().is_loopback())
        );
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test]
async fn grpc_is_served_over_tls() {
    let (identity, certificate) = identity();
    let tls = TlsIdentity::load(&identity.files).unwrap();
    let listener = Listener::bind(any_port(), Protocol::Grpc, Some(&tls), &limits(10))
        .await
        .unwrap();
    let address = listener.local();
    let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(Answering));
    let served = tokio::spawn(async move { server.serve_with_incoming(listener).await.unwrap() });
    let _served = JoinOnDrop(served);
    let client_tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&certificate))
        .domain_name("localhost");
    let channel = Endpoint::from_shared(format!("https://{address}"))
        .unwrap()
        .tls_config(client_tls)
        .unwrap();
    let mut client = TraceServiceClient::new(channel.connect().await.unwrap());
    client.export(ExportTraceServiceRequest::default()).await.unwrap();
    connect(address, &certificate)
        .await
        .expect_err("a client without HTTP/2 is refused in the handshake");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_once() {
    use axum::serve::Listener as _;

    let mut listener = Listener::bind(any_port(), Protocol::Http, None, &limits(2))
        .await
        .unwrap();
    let address = listener.local();
    let _first = TcpStream::connect(address).await.unwrap();
    let _second = TcpStream::connect(address).await.unwrap();
    let (one, remote) = listener.accept().await;
    assert_eq!(one.remote(), remote);
    let (_two, _) = listener.accept().await;
    let mut third = TcpStream::connect(address).await.unwrap();
    assert_eq!(third.read(&mut [0]).await.unwrap_or(0), 0, "closed");
    drop(one);
    let _fourth = TcpStream::connect(address).await.unwrap();
    listener.accept().await;
}

#[tokio::test]
async fn a_silent_client_does_not_hold_up_others_and_is_dropped() {
    let (identity, certificate) = identity();
    let tls = TlsIdentity::load(&identity.files).unwrap();
    let (address, _served) = serve_http(Some(&tls)).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    assert!(
        get(&mut connect(address, &certificate).await.unwrap())
            .await
            .ends_with("well")
    );
    let end = tokio::time::timeout(Duration::from_secs(20), silent.read(&mut [0])).await;
    assert_eq!(end.expect("dropped after the handshake's time").unwrap_or(0), 0);
}

#[test]
fn unusable_files_are_refused_by_name() {
    let (good, _) = identity();
    let (other, _) = identity();
    let mixed = TlsFiles {
        certificate: good.files.certificate.clone(),
        key: other.files.key.clone(),
    };
    let error = TlsIdentity::load(&mixed).unwrap_err();
    assert!(matches!(error, TlsError::Key { .. }), "{error}");
    let swapped = TlsFiles {
        certificate: good.files.key.clone(),
        key: good.files.key.clone(),
    };
    let error = TlsIdentity::load(&swapped).unwrap_err();
    assert!(matches!(error, TlsError::Certificate { .. }), "{error}");
    let missing = TlsFiles {
        certificate: "/nowhere/c.pem".into(),
        key: good.files.key.clone(),
    };
    let message = TlsIdentity::load(&missing).unwrap_err().to_string();
    assert!(message.contains("/nowhere/c.pem"), "{message}");
    fs::set_permissions(&good.files.key, fs::Permissions::from_mode(0o644)).unwrap();
    let error = TlsIdentity::load(&good.files).unwrap_err();
    assert!(
        matches!(error, TlsError::File(KeyError::Permissions { .. })),
        "{error}"
    );
    fs::set_permissions(&good.files.key, fs::Permissions::from_mode(0o640)).unwrap();
    TlsIdentity::load(&good.files).unwrap();
}
