//! Listeners for gRPC and HTTP, with TLS by rustls where it is configured.
//!
//! Both ports share one certificate, which is read again without a restart: connections made after
//! [`TlsIdentity::reload`] see the new one. Connections are bounded in number, and handshakes in time.

mod connection;
mod listener;

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use zeroize::Zeroizing;

pub use self::connection::Connection;
pub use self::listener::Listener;
use crate::config::TlsFiles;
use crate::keys::{KeyError, Readers, open_private};

/// Bytes of a certificate or key file, at most.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// What a listener speaks, as it tells TLS clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/2 only.
    Grpc,
    /// HTTP/2 or HTTP/1.1.
    Http,
    /// HTTP/1.1 only.
    Http1,
}

/// The server's certificate and key. Cheap to clone; clones see each other's reload.
#[derive(Clone)]
pub struct TlsIdentity {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
}

/// The certificate that the next handshake uses.
struct Current(ArcSwap<CertifiedKey>);

/// Why there is no TLS. On a reload the old certificate stays in use.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file could not be read, or is open to others.
    #[error(transparent)]
    File(#[from] KeyError),
    /// The certificate file holds none, or is no PEM.
    #[error("tls.certificate {}: {problem}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The key file holds none, or not the certificate's.
    #[error("tls.key {}: {problem}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// rustls refuses the settings.
    #[error("TLS: {0}")]
    Settings(#[from] rustls::Error),
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TlsIdentity")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Current")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl TlsIdentity {
    /// Reads certificate and key and checks that they belong together.
    ///
    /// # Errors
    /// Names the file at fault.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = Arc::new(Current(ArcSwap::new(read(files, &provider)?)));
        Ok(Self {
            files: files.clone(),
            provider,
            current,
        })
    }

    /// Reads the same files again; handshakes from now on use what they hold.
    ///
    /// # Errors
    /// Names the file at fault; then the old certificate stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.0.store(read(&self.files, &self.provider)?);
        Ok(())
    }

    fn server_config(&self, protocol: Protocol) -> Result<ServerConfig, TlsError> {
        let resolver: Arc<dyn ResolvesServerCert> = self.current.clone();
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = match protocol {
            Protocol::Grpc => vec![b"h2".to_vec()],
            Protocol::Http => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
        };
        Ok(config)
    }
}

fn read(files: &TlsFiles, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let certificate = |problem: String| TlsError::Certificate {
        path: files.certificate.clone(),
        problem,
    };
    let key = |problem: String| TlsError::Key {
        path: files.key.clone(),
        problem,
    };
    let unreadable = |path: &Path, error| KeyError::Unreadable {
        path: path.to_path_buf(),
        error,
    };

    let chain = std::fs::read(&files.certificate).map_err(|error| unreadable(&files.certificate, error))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<_, _>>()
        .map_err(|error| certificate(format!("not certificates in PEM ({error})")))?;
    if chain.is_empty() {
        return Err(certificate("holds no certificate in PEM".to_owned()));
    }
    let mut pem = Zeroizing::new(Vec::new());
    // A group may read it, as distributions set it up for TLS keys.
    open_private(&files.key, Readers::OwnerAndGroup)?
        .take(PEM_BYTES_MAX)
        .read_to_end(&mut pem)
        .map_err(|error| unreadable(&files.key, error))?;
    let private = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| key(format!("not a private key in PEM ({error})")))?;
    let certified = CertifiedKey::from_der(chain, private, provider)
        .map_err(|error| key(format!("cannot be used with the certificate ({error})")))?;
    Ok(Arc::new(certified))
}

#[cfg(test)]
mod tests;
