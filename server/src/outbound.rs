//! HTTP requests that the notary makes: to witnesses, timestamp authorities and logs that it mirrors.
//!
//! Whoever answers is not trusted: an answer is bounded in bytes, a request in time, redirects are
//! not followed. TLS is required for everything but the machine's own loopback addresses.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long a connection is kept open without a request.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Connections kept open to one host.
const IDLE_PER_HOST: usize = 16;
/// The longest text of a content type that is looked at.
const CONTENT_TYPE_BYTES_MAX: usize = 255;

/// Where a request goes: `https://...`, or `http://` to a loopback address. Without user, query and
/// fragment, and without a slash at its end.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(String);

/// Why a text is not a [`Url`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not of the form.
    #[error("is not a URL such as https://witness.example.org/log, without user, query and fragment")]
    Form,
    /// `http://` to another machine.
    #[error("needs https: http is for loopback addresses only")]
    NotEncrypted,
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: StatusCode,
    /// Content type, as it was sent; empty where there is none or it is not text.
    pub content_type: String,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// Not within the time given.
    #[error("{url} did not answer within {} ms", after.as_millis())]
    Timeout {
        /// Where the request went.
        url: Url,
        /// The time given.
        after: Duration,
    },
    /// The answer is larger than it may be.
    #[error("{url} answered with more than {bytes_max} bytes")]
    TooLarge {
        /// Where the request went.
        url: Url,
        /// The bound.
        bytes_max: usize,
    },
    /// No connection, or it broke.
    #[error("{url} cannot be reached: {problem}")]
    Failed {
        /// Where the request went.
        url: Url,
        /// What failed.
        problem: String,
    },
}

/// The client. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Outbound {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Url {
    /// Checks and takes a URL.
    ///
    /// # Errors
    /// [`UrlError`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let uri: Uri = text.parse().map_err(|_| UrlError::Form)?;
        let authority = uri.authority().ok_or(UrlError::Form)?;
        // `Uri` drops a fragment silently.
        if authority.as_str().contains('@') || uri.query().is_some() || text.contains('#') {
            return Err(UrlError::Form);
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(authority.host()) => {}
            Some("http") => return Err(UrlError::NotEncrypted),
            _ => return Err(UrlError::Form),
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    /// The URL with a path below it; `path` without a slash at its start.
    ///
    /// # Errors
    /// [`UrlError::Form`] if the path holds what no path can hold.
    pub fn join(&self, path: &str) -> Result<Self, UrlError> {
        Self::parse(&format!("{}/{path}", self.0))
    }

    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a host is this machine. A name is none but `localhost`, which RFC 6761 keeps for it.
fn is_loopback(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host == "localhost" || IpAddr::from_str(address).is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Outbound").finish_non_exhaustive()
    }
}

impl Outbound {
    /// A client that trusts the certificates that the operating system trusts (or the file named by
    /// `SSL_CERT_FILE`). Where there are none, it reaches loopback addresses only.
    ///
    /// # Errors
    /// Where rustls refuses its own defaults, which it does not.
    pub fn new() -> Result<Self, rustls::Error> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_MAX));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let native = HttpsConnectorBuilder::new().with_provider_and_native_roots(Arc::clone(&provider));
        let builder = match native {
            Ok(builder) => builder,
            Err(error) => {
                tracing::warn!(%error, "no certificates are trusted; only loopback addresses can be reached");
                let config = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()?
                    .with_root_certificates(RootCertStore::empty())
                    .with_no_client_auth();
                HttpsConnectorBuilder::new().with_tls_config(config)
            }
        };
        let connector = builder.https_or_http().enable_http1().wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .build(connector);
        Ok(Self { client })
    }

    /// Asks for a document of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`OutboundError`]; an answer with any status is none.
    pub async fn get(
        &self,
        url: &Url,
        bytes_max: usize,
        timeout: Duration,
    ) -> Result<Response, OutboundError> {
        let request = Request::get(url.as_str()).body(Full::default());
        self.send(url, request, bytes_max, timeout).await
    }

    /// Sends a document; the answer has at most `bytes_max` bytes.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn post(
        &self,
        url: &Url,
        content_type: &'static str,
        body: impl Into<Bytes>,
        bytes_max: usize,
        timeout: Duration,
    ) -> Result<Response, OutboundError> {
        let request = Request::post(url.as_str())
            .header(header::CONTENT_TYPE, HeaderValue::from_static(content_type))
            .body(Full::new(body.into()));
        self.send(url, request, bytes_max, timeout).await
    }

    async fn send(
        &self,
        url: &Url,
        request: http::Result<Request<Full<Bytes>>>,
        bytes_max: usize,
        timeout: Duration,
    ) -> Result<Response, OutboundError> {
        let failed = |problem: String| OutboundError::Failed {
            url: url.clone(),
            problem,
        };
        let request = request.map_err(|error| failed(error.to_string()))?;
        let exchange = async {
            let answer = self.client.request(request).await;
            let (parts, body) = answer.map_err(|error| failed(chain(&error)))?.into_parts();
            let body = Limited::new(body, bytes_max).collect().await.map_err(|error| {
                if error.downcast_ref::<LengthLimitError>().is_some() {
                    OutboundError::TooLarge {
                        url: url.clone(),
                        bytes_max,
                    }
                } else {
                    failed(chain(&*error))
                }
            })?;
            let content_type = parts.headers.get(header::CONTENT_TYPE);
            let content_type = content_type
                .and_then(|value| value.to_str().ok())
                .filter(|value| value.len() <= CONTENT_TYPE_BYTES_MAX);
            Ok(Response {
                status: parts.status,
                content_type: content_type.unwrap_or_default().to_owned(),
                body: body.to_bytes(),
            })
        };
        tokio::time::timeout(timeout, exchange).await.unwrap_or_else(|_| {
            Err(OutboundError::Timeout {
                url: url.clone(),
                after: timeout,
            })
        })
    }
}

impl Response {
    /// Whether the content type is this one, parameters apart.
    #[must_use]
    pub fn is_of_type(&self, media_type: &str) -> bool {
        let given = self.content_type.split(';').next().unwrap_or_default();
        given.trim().eq_ignore_ascii_case(media_type)
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
    use axum::{Router, routing::get, routing::post};

    use super::*;

    async fn served(router: Router) -> Url {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Url::parse(&format!("http://{address}/")).unwrap()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn urls() {
        for (given, kept) in [
            ("https://a.example", "https://a.example"),
            ("https://a.example:8443/b/c/", "https://a.example:8443/b/c"),
            ("http://127.0.0.1:80/a", "http://127.0.0.1:80/a"),
            ("http://[::1]:80/a", "http://[::1]:80/a"),
            ("http://localhost/a", "http://localhost/a"),
        ] {
            assert_eq!(Url::parse(given).unwrap().as_str(), kept);
        }
        for refused in [
            "",
            "a.example",
            "/a",
            "ftp://127.0.0.1/a",
            "https://user@a.example",
            "https://a.example/?q",
            "https://a.example/#f",
            "https://a b/",
        ] {
            assert_eq!(Url::parse(refused), Err(UrlError::Form), "{refused}");
        }
        for refused in [
            "http://a.example",
            "http://10.0.0.1/a",
            "http://localhost.evil.example",
        ] {
            assert_eq!(Url::parse(refused), Err(UrlError::NotEncrypted), "{refused}");
        }
        let joined = Url::parse("https://a.example/b/").unwrap().join("c/d");
        assert_eq!(joined.unwrap().as_str(), "https://a.example/b/c/d");
    }

    #[tokio::test]
    async fn answers_come_with_status_and_type() {
        let router = Router::new()
            .route(
                "/yes",
                post(|body: String| async { ([(header::CONTENT_TYPE, "text/x.tlog.size; a=b")], body) }),
            )
            .route("/no", get(|| async { StatusCode::CONFLICT }))
            .route(
                "/away",
                get(|| async { (StatusCode::FOUND, [(header::LOCATION, "/yes")]) }),
            );
        let (base, outbound) = (served(router).await, Outbound::new().unwrap());
        let yes = base.join("yes").unwrap();
        let answer = outbound
            .post(&yes, "text/plain", "body", 4, SECOND)
            .await
            .unwrap();
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"body"[..]));
        assert!(answer.is_of_type("text/x.tlog.size") && !answer.is_of_type("text/x"));
        for (path, status) in [("no", StatusCode::CONFLICT), ("away", StatusCode::FOUND)] {
            let answer = outbound.get(&base.join(path).unwrap(), 0, SECOND).await.unwrap();
            assert_eq!(answer.status, status);
        }
    }

    #[tokio::test]
    async fn what_is_large_or_hangs_or_is_not_there_ends() {
        let router = Router::new()
            .route("/large", get(|| async { "12345" }))
            .route("/hangs", get(std::future::pending::<String>));
        let (base, outbound) = (served(router).await, Outbound::new().unwrap());
        let large = outbound.get(&base.join("large").unwrap(), 4, SECOND).await;
        assert!(matches!(large, Err(OutboundError::TooLarge { bytes_max: 4, .. })));
        let short = Duration::from_millis(50);
        let hangs = outbound.get(&base.join("hangs").unwrap(), 4, short).await;
        assert!(matches!(hangs, Err(OutboundError::Timeout { .. })));
        let nobody = Url::parse("http://127.0.0.1:1").unwrap();
        let gone = outbound.get(&nobody, 4, SECOND).await;
        assert!(matches!(gone, Err(OutboundError::Failed { .. })));
    }
}
