//! The configuration as it is written, before values are checked against one another.

use std::net::SocketAddr;

use figment::value::magic::RelativePathBuf;
use serde::Deserialize;

use super::Limits;
use super::evidence::RawEvidence;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) origin: String,
    pub(super) previous: Option<RelativePathBuf>,
    pub(super) passphrase_file: Option<RelativePathBuf>,
    #[serde(default)]
    pub(super) directories: RawDirectories,
    #[serde(default)]
    pub(super) listen: RawListen,
    #[serde(default)]
    pub(super) tls: RawTls,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) log: RawLog,
    #[serde(default)]
    pub(super) telemetry: RawTelemetry,
    pub(super) evidence: Option<RawEvidence>,
    pub(super) pkcs11: Option<RawPkcs11>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPkcs11 {
    pub(super) module: RelativePathBuf,
    pub(super) token: String,
    pub(super) key: Option<String>,
    pub(super) pin_file: Option<RelativePathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDirectories {
    pub(super) keys: Option<RelativePathBuf>,
    pub(super) data: Option<RelativePathBuf>,
    pub(super) journal: Option<RelativePathBuf>,
    pub(super) public: Option<RelativePathBuf>,
    pub(super) private: Option<RelativePathBuf>,
    pub(super) index: Option<RelativePathBuf>,
    pub(super) signer_state: Option<RelativePathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawListen {
    pub(super) grpc: Option<SocketAddr>,
    pub(super) http: Option<SocketAddr>,
    pub(super) admin_socket: Option<RelativePathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTls {
    pub(super) certificate: Option<RelativePathBuf>,
    pub(super) key: Option<RelativePathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLog {
    pub(super) level: Option<String>,
    pub(super) json: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTelemetry {
    pub(super) otlp_endpoint: Option<String>,
}
