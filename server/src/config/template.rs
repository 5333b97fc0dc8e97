//! The commented configuration that `init` writes.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use trialseal_core::checkpoint::Origin;

use crate::keys::TokenPlace;

use super::{ConfigError, FILE_NAME, Limits, evidence as defaults, sources};

/// What `init` decides; the rest is defaults.
#[derive(Clone, Debug)]
pub struct InitSettings {
    /// The log's origin.
    pub origin: Origin,
    /// `passphrase_file`; without, the line is there as a comment.
    pub passphrase_file: Option<PathBuf>,
    /// Where the log's Ed25519 key is, if it is in a token.
    pub pkcs11: Option<TokenPlace>,
    /// `listen.grpc`, if not the default.
    pub grpc: Option<SocketAddr>,
    /// `listen.http`, if not the default.
    pub http: Option<SocketAddr>,
}

/// Writes `<dir>/trialseal.toml`, which must not exist, and syncs it.
///
/// # Errors
/// Where the file is there already, or cannot be written.
pub fn write_default(dir: &Path, settings: &InitSettings) -> Result<PathBuf, ConfigError> {
    let file = dir.join(FILE_NAME);
    let write = || -> std::io::Result<()> {
        let mut output = OpenOptions::new().write(true).create_new(true).open(&file)?;
        output.write_all(text(settings).as_bytes())?;
        output.sync_all()?;
        std::fs::File::open(dir)?.sync_all()
    };
    write().map_err(|error| ConfigError::Unwritable {
        file: file.clone(),
        error,
    })?;
    Ok(file)
}

/// The text of the configuration: what is decided as settings, every default as a comment.
pub(super) fn text(settings: &InitSettings) -> String {
    let mut text = String::from(
        "# The configuration of a Trialseal notary. What is commented out shows the default.\n\
         # Relative paths start at this file's folder. Any key can also come from the environment:\n\
         # TRIALSEAL_SERVER_LISTEN__GRPC is listen.grpc. SIGHUP reloads [limits] and log.level.\n\n\
         # The URL prefix of the log's tiles, without scheme; also the name of its keys. Never changes.\n",
    );
    setting(&mut text, "origin", &quoted(&settings.origin.to_string()), true);
    text.push_str(
        "\n# The folder of the log that this one continues; written by `trialseal-server rotate`.\n",
    );
    setting(&mut text, "previous", "\"../2026\"", false);
    text.push_str(
        "\n# The file with the passphrase of the log's keys (mode 0600). Without it:\n\
         # $CREDENTIALS_DIRECTORY/trialseal-passphrase, then the terminal.\n",
    );
    match &settings.passphrase_file {
        Some(path) => setting(
            &mut text,
            "passphrase_file",
            &quoted(&path.to_string_lossy()),
            true,
        ),
        None => setting(&mut text, "passphrase_file", "\"passphrase\"", false),
    }
    directories(&mut text);
    listen(&mut text, settings);
    limits(&mut text, &Limits::default());
    text.push_str("\n[log]\n# A level, or a filter such as info,trialseal_server::journal=debug.\n");
    setting(&mut text, "level", &quoted(sources::DEFAULT_LEVEL), false);
    text.push_str("# One JSON object a line.\n");
    setting(&mut text, "json", "false", false);
    text.push_str(
        "\n[telemetry]\n# Where OpenTelemetry traces and metrics go (OTLP over gRPC). Default: nowhere.\n",
    );
    setting(&mut text, "otlp_endpoint", "\"http://127.0.0.1:4317\"", false);
    evidence(&mut text);
    pkcs11(&mut text, settings.pkcs11.as_ref());
    text
}

fn pkcs11(text: &mut String, place: Option<&TokenPlace>) {
    text.push_str("\n# The log's Ed25519 key in a PKCS#11 token. Default: a file in directories.keys.\n");
    text.push_str(if place.is_some() {
        "[pkcs11]\n"
    } else {
        "#[pkcs11]\n"
    });
    let decided = place.is_some();
    let place = place.cloned().unwrap_or_else(|| TokenPlace {
        module: PathBuf::from("/usr/lib/softhsm/libsofthsm2.so"),
        token: "trialseal".to_owned(),
        key: "notary.example.org/2026".to_owned(),
        pin_file: Some(PathBuf::from("pin")),
    });
    setting(text, "module", &quoted(&place.module.to_string_lossy()), decided);
    setting(text, "token", &quoted(&place.token), decided);
    text.push_str("# The key's label. Default: the origin.\n");
    setting(text, "key", &quoted(&place.key), decided);
    if let Some(pin_file) = &place.pin_file {
        text.push_str("# Mode 0600. Without it: $CREDENTIALS_DIRECTORY/trialseal-pin, then the terminal.\n");
        setting(text, "pin_file", &quoted(&pin_file.to_string_lossy()), decided);
    }
}

fn evidence(text: &mut String) {
    text.push_str(
        "\n# Witnesses that cosign checkpoints, and timestamp authorities. Who counts is said by a trust file,\n\
         # as for those who verify; here is where they are reached, under the names of that file.\n\
         #[evidence]\n",
    );
    setting(text, "trust", &quoted("trust.toml"), false);
    number(text, "timestamp_every_seconds", defaults::TIMESTAMP_EVERY);
    text.push_str("# Authorities that all have to answer. Default: any one of them.\n");
    setting(text, "must_answer", "[\"tsa-a\"]", false);
    text.push_str("# Nothing is sealed while the clock differs by more from most of those who answer.\n");
    number(text, "clock_bound_seconds", defaults::CLOCK_BOUND);
    number(text, "request_timeout_seconds", defaults::REQUEST_TIMEOUT);
    text.push_str("#[evidence.witnesses.university]\n");
    setting(text, "url", &quoted("https://witness.example.org/submit"), false);
    setting(
        text,
        "monitoring_url",
        &quoted("https://witness.example.org/monitor"),
        false,
    );
    text.push_str("#[evidence.authorities.tsa-a]\n");
    setting(text, "url", &quoted("https://tsa.example.org/"), false);
}

fn directories(text: &mut String) {
    text.push_str(
        "\n[directories]\n# journal, public, private and index lie in data unless they are set apart.\n",
    );
    for (key, value) in [
        ("keys", "keys"),
        ("data", "data"),
        ("journal", "data/journal"),
        ("public", "data/public"),
        ("private", "data/private"),
        ("index", "data/index"),
    ] {
        setting(text, key, &quoted(value), false);
    }
    text.push_str("# Outside data, so that restoring a backup of data does not take it back in time.\n");
    setting(text, "signer_state", "\"signer/signer.state\"", false);
}

fn listen(text: &mut String, settings: &InitSettings) {
    text.push_str("\n[listen]\n# Without TLS only loopback addresses are allowed.\n");
    let mut address = |key, decided: Option<SocketAddr>, default: SocketAddr| {
        setting(
            text,
            key,
            &quoted(&decided.unwrap_or(default).to_string()),
            decided.is_some(),
        );
    };
    address("grpc", settings.grpc, sources::DEFAULT_GRPC);
    address("http", settings.http, sources::DEFAULT_HTTP);
    text.push_str("# For the operator's commands; created with mode 0600.\n");
    setting(
        text,
        "admin_socket",
        &quoted(sources::DEFAULT_ADMIN_SOCKET),
        false,
    );
    text.push_str("\n[tls]\n# PEM files, read again on SIGHUP. Default: no TLS.\n");
    setting(text, "certificate", "\"tls/certificate.pem\"", false);
    setting(text, "key", "\"tls/key.pem\"", false);
}

fn limits(text: &mut String, limits: &Limits) {
    let organization = &limits.organization;
    let transport = &limits.transport;
    text.push_str("\n[limits]\n# Records, and bytes of submissions, that may wait to be sequenced.\n");
    number(text, "queue_records", limits.queue_records);
    number(text, "queue_bytes", limits.queue_bytes);
    text.push_str("# Beyond this journal, or below this free space, new work is refused.\n");
    number(text, "journal_bytes", limits.journal_bytes);
    number(text, "free_bytes_min", limits.free_bytes_min);
    text.push_str("# Idempotency keys that are remembered; 0 for one organization means a quarter of all.\n");
    number(text, "remembered_keys", limits.remembered_keys);
    number(
        text,
        "remembered_keys_per_organization",
        limits.remembered_keys_per_organization,
    );
    text.push_str("\n# For each organization by itself. Bytes of a request: those of one stream message.\n");
    text.push_str("[limits.organization]\n");
    number(text, "records_per_second", organization.records_per_second);
    number(text, "burst_records", organization.burst_records);
    number(text, "in_flight_records", organization.in_flight_records);
    number(text, "in_flight_bytes", organization.in_flight_bytes);
    number(text, "request_bytes", organization.request_bytes);
    text.push_str("\n# From the next start only.\n[limits.transport]\n");
    number(text, "connections", transport.connections);
    number(text, "streams_per_connection", transport.streams_per_connection);
    number(text, "connection_age_seconds", transport.connection_age_seconds);
    number(
        text,
        "connection_age_grace_seconds",
        transport.connection_age_grace_seconds,
    );
    number(text, "keepalive_seconds", transport.keepalive_seconds);
    number(
        text,
        "keepalive_timeout_seconds",
        transport.keepalive_timeout_seconds,
    );
    number(text, "call_seconds", transport.call_seconds);
    number(text, "handshake_seconds", transport.handshake_seconds);
    number(text, "shutdown_seconds", transport.shutdown_seconds);
}

fn number(text: &mut String, key: &str, value: impl std::fmt::Display) {
    setting(text, key, &value.to_string(), false);
}

fn setting(text: &mut String, key: &str, value: &str, decided: bool) {
    let comment = if decided { "" } else { "#" };
    let _infallible = writeln!(text, "{comment}{key} = {value}");
}

/// A TOML basic string.
pub(crate) fn quoted(value: &str) -> String {
    let mut quoted = String::from("\"");
    for character in value.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            other if other.is_control() => {
                let _infallible = write!(quoted, "\\u{:04X}", u32::from(other));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
