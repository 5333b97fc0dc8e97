//! Connections to a notary.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use trialseal_proto::v1::directory_client::DirectoryClient;
use trialseal_proto::v1::log_client::LogClient;
use trialseal_proto::v1::notary_client::NotaryClient;
use trialseal_proto::v1::registers_client::RegistersClient;

use crate::error::SetupError;
use crate::token::Token;

/// The largest answer that is read: 1,000 outcomes, each with its part `when`, its composed parts
/// and its share of the proof.
const MESSAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Several connections to one endpoint, used in turn: HTTP/2 holds one lock a connection.
pub(crate) struct Connections {
    channels: Vec<Channel>,
    next: AtomicUsize,
    bearer: Bearer,
}

/// Adds the token to every call.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl Connections {
    /// Prepares `count` connections; each is made when it is first used, and again when it broke.
    pub(crate) fn new(
        endpoint: &str,
        token: &Token,
        ca_certificate_pem: Option<&[u8]>,
        count: usize,
    ) -> Result<Self, SetupError> {
        let endpoint = configure(endpoint, ca_certificate_pem)?;
        let text = zeroize::Zeroizing::new(format!("Bearer {}", *token.to_text()));
        let mut bearer: MetadataValue<Ascii> = text.parse().map_err(|_| SetupError::Token)?;
        bearer.set_sensitive(true);
        Ok(Self {
            channels: (0..count.max(1)).map(|_| endpoint.connect_lazy()).collect(),
            next: AtomicUsize::new(0),
            bearer: Bearer(bearer),
        })
    }

    /// A client of the service `Notary` on the next connection.
    pub(crate) fn notary(&self) -> NotaryClient<InterceptedService<Channel, Bearer>> {
        NotaryClient::with_interceptor(self.channel(), self.bearer.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// A client of the service `Registers` on the next connection.
    pub(crate) fn registers(&self) -> RegistersClient<InterceptedService<Channel, Bearer>> {
        RegistersClient::with_interceptor(self.channel(), self.bearer.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// A client of the service `Directory` on the next connection.
    pub(crate) fn directory(&self) -> DirectoryClient<InterceptedService<Channel, Bearer>> {
        DirectoryClient::with_interceptor(self.channel(), self.bearer.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// A client of the service `Log` on the next connection; it needs no token.
    pub(crate) fn log(&self) -> LogClient<Channel> {
        LogClient::new(self.channel()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// How many connections there are.
    pub(crate) fn count(&self) -> usize {
        self.channels.len()
    }

    fn channel(&self) -> Channel {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.channels[turn % self.channels.len()].clone()
    }
}

fn configure(text: &str, ca_certificate_pem: Option<&[u8]>) -> Result<Endpoint, SetupError> {
    let wrong = || SetupError::Endpoint {
        endpoint: text.to_owned(),
    };
    // Sockets (`unix:`) have no host, and the transport would make one up for them.
    if !text.starts_with("https://") && !text.starts_with("http://") {
        return Err(wrong());
    }
    let endpoint = Endpoint::from_shared(text.to_owned()).map_err(|_| wrong())?;
    let host = endpoint.uri().host().ok_or_else(wrong)?;
    let endpoint = match endpoint.uri().scheme_str() {
        Some("https") => {
            let tls = match ca_certificate_pem {
                Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
                None => ClientTlsConfig::new().with_native_roots(),
            };
            endpoint.tls_config(tls).map_err(|error| SetupError::Tls {
                problem: error.to_string(),
            })?
        }
        Some("http") if is_loopback(host) => endpoint,
        Some("http") => {
            return Err(SetupError::Unencrypted {
                endpoint: text.to_owned(),
            });
        }
        _ => return Err(wrong()),
    };
    Ok(endpoint
        .user_agent(concat!("trialseal/", env!("CARGO_PKG_VERSION")))
        .map_err(|_| wrong())?
        .connect_timeout(Duration::from_secs(10))
        .tcp_nodelay(true)
        .initial_stream_window_size(4 * 1024 * 1024)
        .initial_connection_window_size(16 * 1024 * 1024)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20)))
}

/// Whether the host is this machine, whatever a name server says.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(endpoint: &str) -> Result<(), SetupError> {
        configure(endpoint, None).map(drop)
    }

    #[test]
    fn a_token_never_crosses_a_network_in_clear() {
        for endpoint in [
            "http://127.0.0.1:7413",
            "http://[::1]:7413",
            "http://localhost:7413",
        ] {
            check(endpoint).unwrap();
        }
        for endpoint in [
            "http://notary.example.org",
            "http://10.0.0.1:7413",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
        ] {
            assert!(
                matches!(check(endpoint), Err(SetupError::Unencrypted { .. })),
                "{endpoint}"
            );
        }
    }

    #[test]
    fn what_is_no_endpoint() {
        for endpoint in [
            "",
            "notary",
            "ftp://notary.example.org",
            "/path",
            "unix:/run/notary.sock",
        ] {
            assert!(
                matches!(check(endpoint), Err(SetupError::Endpoint { .. })),
                "{endpoint}"
            );
        }
    }

    #[tokio::test]
    async fn tls_by_the_name() {
        check("https://notary.example.org:7413").unwrap();
    }
}
