//! Reading public files over HTTP, bounded in bytes and time. Redirects are not followed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::MirrorOptions;
use crate::client::is_loopback;
use crate::error::SetupError;

const CONNECT_MAX: Duration = Duration::from_secs(10);
const REQUEST_MAX: Duration = Duration::from_secs(30);

/// Why a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection, or it broke.
    #[error("{url} cannot be reached: {problem}")]
    Failed {
        /// What was asked for.
        url: String,
        /// What failed.
        problem: String,
    },
    /// No whole answer in time.
    #[error("{0} did not answer within 30 s")]
    Timeout(String),
    /// Another status than 200.
    #[error("{url} answered with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status code.
        status: u16,
    },
    /// More than such a file can have.
    #[error("{url} answered with more than {bytes_max} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The bound.
        bytes_max: usize,
    },
}

/// Files below one URL.
#[derive(Debug)]
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    /// Without a slash at its end.
    url: String,
}

impl Http {
    pub(super) fn new(url: &str, options: &MirrorOptions) -> Result<Self, SetupError> {
        check_url(url, options.allow_unencrypted)?;
        let tls = |error: &dyn std::fmt::Display| SetupError::Tls {
            problem: error.to_string(),
        };
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_MAX));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = match &options.ca_certificate_pem {
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    let certificate = certificate.map_err(|error| tls(&error))?;
                    roots.add(certificate).map_err(|error| tls(&error))?;
                }
                let config = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .map_err(|error| tls(&error))?
                    .with_root_certificates(roots)
                    .with_no_client_auth();
                HttpsConnectorBuilder::new().with_tls_config(config)
            }
            // A machine without certificates can still reach itself.
            None if url.starts_with("http://") => {
                let config = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .map_err(|error| tls(&error))?
                    .with_root_certificates(RootCertStore::empty())
                    .with_no_client_auth();
                HttpsConnectorBuilder::new().with_tls_config(config)
            }
            None => HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(provider)
                .map_err(|error| tls(&error))?,
        };
        let connector = builder.https_or_http().enable_http1().wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self {
            client,
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    /// The file at `path`, of at most `bytes_max` bytes.
    pub(super) async fn get(&self, path: &str, bytes_max: usize) -> Result<Vec<u8>, HttpError> {
        let url = format!("{}/{path}", self.url);
        let failed = |problem: String| HttpError::Failed {
            url: url.clone(),
            problem,
        };
        let request = Request::get(&url)
            .header(
                header::USER_AGENT,
                concat!("trialseal/", env!("CARGO_PKG_VERSION")),
            )
            .body(Empty::new())
            .map_err(|error| failed(error.to_string()))?;
        let exchange = async {
            let answer = self.client.request(request).await;
            let answer = answer.map_err(|error| failed(chain(&error)))?;
            let status = answer.status().as_u16();
            if status != 200 {
                let url = url.clone();
                return Err(HttpError::Status { url, status });
            }
            let body = Limited::new(answer.into_body(), bytes_max).collect().await;
            let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => HttpError::TooLarge {
                    url: url.clone(),
                    bytes_max,
                },
                None => failed(chain(&*error)),
            })?;
            Ok(body.to_bytes().to_vec())
        };
        tokio::time::timeout(REQUEST_MAX, exchange)
            .await
            .unwrap_or_else(|_| Err(HttpError::Timeout(url.clone())))
    }
}

fn check_url(url: &str, allow_unencrypted: bool) -> Result<(), SetupError> {
    let endpoint = url.to_owned();
    let Ok(uri) = url.parse::<Uri>() else {
        return Err(SetupError::Endpoint { endpoint });
    };
    let host = uri.host().unwrap_or_default();
    let is_plain = uri.query().is_none() && !url.contains(['#', '@']) && !host.is_empty();
    match uri.scheme_str() {
        Some("https") if is_plain => Ok(()),
        Some("http") if is_plain && (allow_unencrypted || is_loopback(host)) => Ok(()),
        Some("http") if is_plain => Err(SetupError::Unencrypted { endpoint }),
        _ => Err(SetupError::Endpoint { endpoint }),
    }
}

/// An error with what caused it: hyper's own text says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_mirror_may_be() {
        let check = |url| check_url(url, false);
        for url in [
            "https://mirror.example.org/2026",
            "http://127.0.0.1:7413/2026/",
            "http://[::1]:7413/2026",
            "http://localhost:7413",
        ] {
            check(url).unwrap();
        }
        let far = "http://mirror.example.org/2026";
        assert!(matches!(check(far), Err(SetupError::Unencrypted { .. })));
        check_url(far, true).unwrap();
        for url in [
            "",
            "mirror",
            "/2026",
            "ftp://127.0.0.1/",
            "https://mirror.example.org/?a",
            "https://mirror.example.org/#a",
            "https://user@mirror.example.org/",
        ] {
            assert!(matches!(check(url), Err(SetupError::Endpoint { .. })), "{url}");
        }
    }
}
