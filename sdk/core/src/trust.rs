//! Whom a verifier trusts: `trust.toml`, or a C2SP tlog-policy.
//!
//! It is named on the command line or configured, never looked for beside a receipt.

mod file;
mod policy;
mod quorum;

use crate::checkpoint::Origin;
use crate::hash::{Hash, sha256};
use crate::note::VerifierKey;
use crate::time::Instant;
use crate::timestamp::{Certificate, ObjectIdentifier};

pub use quorum::{Group, Quorum, Witness};

/// What is wrong with a trust file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("trust file, line {line}: {key}: {problem}")]
pub struct TrustError {
    /// Line of the file, from 1.
    pub line: usize,
    /// The key, e.g. `log.mldsa`.
    pub key: String,
    /// What is wrong and what is expected.
    pub problem: String,
}

/// What evidence a receipt has to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The log's signatures: it rests on the notary alone.
    Sealed,
    /// The witness quorum too.
    Witnessed,
    /// A timestamp authority's token too.
    Timestamped,
}

impl Level {
    /// The level as it stands in the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Witnessed => "witnessed",
            Self::Timestamped => "timestamped",
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A log whose keys are trusted in a window of time.
#[derive(Clone, Debug)]
pub struct TrustedLog {
    /// Its origin, which is the name of both keys.
    pub origin: Origin,
    /// Verifies its `0x01` line.
    pub ed25519: VerifierKey,
    /// Verifies its `0x06` line.
    pub mldsa: VerifierKey,
    /// From then on, inclusive.
    pub from: Instant,
    /// Until then, exclusive.
    pub until: Option<Instant>,
    /// When the Ed25519 key became known to others.
    pub ed25519_compromised_at: Option<Instant>,
    /// When the ML-DSA key became known to others.
    pub mldsa_compromised_at: Option<Instant>,
}

impl TrustedLog {
    /// Whether the keys are trusted at this time.
    #[must_use]
    pub fn is_valid_at(&self, time: Instant) -> bool {
        self.from <= time && self.until.is_none_or(|until| time < until)
    }

    /// How many of the two signatures count, where evidence shows that they existed at this time.
    #[must_use]
    pub fn counting_at(&self, time: Instant) -> usize {
        [self.ed25519_compromised_at, self.mldsa_compromised_at]
            .iter()
            .filter(|compromised_at| compromised_at.is_none_or(|at| time < at))
            .count()
    }
}

/// A timestamp authority (RFC 3161).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its name.
    pub name: String,
    /// Certificates that its tokens have to lead to; a certificate that signs tokens may be among them.
    pub roots: Vec<Certificate>,
    /// Policies under which tokens are accepted; any, where empty.
    pub policy_oids: Vec<ObjectIdentifier>,
    /// The accuracy of tokens that state none, in milliseconds.
    pub default_accuracy_millis: u64,
    /// When its key became known to others.
    pub compromised_at: Option<Instant>,
}

/// Whom a verifier trusts, and what it asks for.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Logs, each origin once.
    pub(crate) logs: Vec<TrustedLog>,
    /// Witnesses and their quorum.
    pub(crate) quorum: Quorum,
    /// Timestamp authorities.
    pub(crate) authorities: Vec<Authority>,
    /// What evidence a receipt has to have.
    pub(crate) require: Level,
    /// Whether what nobody signed is accepted.
    pub(crate) allow_drafts: bool,
    fingerprint: Hash,
    is_bundled: bool,
}

impl Trust {
    /// Reads a trust file.
    ///
    /// # Errors
    ///
    /// What is wrong, with the key and the line.
    pub fn parse(text: &str) -> Result<Self, TrustError> {
        file::read(text)
    }

    /// Reads a C2SP tlog-policy, UTF-8: lines `log <vkey> [<url>]`, `witness <name> <vkey> [<url>]`,
    /// `group <name> <all|any|k> <member>...` and one `quorum <name|none>`.
    ///
    /// Every origin needs an Ed25519 (`0x01`) and an ML-DSA-44 (`0x06`) key. Several keys under one name
    /// of a witness count once. URLs are not used. A policy knows neither windows of time, nor levels,
    /// nor drafts: its logs are trusted from `from` on without an end, drafts are not allowed, and
    /// `require` is `witnessed` where a quorum is named, else `sealed`.
    ///
    /// # Errors
    ///
    /// What is wrong, with the line.
    pub fn parse_tlog_policy(text: &str, from: Instant) -> Result<Self, TrustError> {
        policy::read(text, from)
    }

    /// Reads a file that is either a trust file or a tlog-policy. The latter's logs are trusted at all
    /// times.
    ///
    /// It is a tlog-policy if its first line, apart from empty ones and comments, begins with the word
    /// `log`, `witness`, `group` or `quorum` and no `=` follows: no trust file begins so.
    ///
    /// # Errors
    ///
    /// What is wrong, with the line.
    pub fn parse_either(text: &str) -> Result<Self, TrustError> {
        if policy::is_policy(text) {
            Self::parse_tlog_policy(text, Instant::from_millis(i64::MIN))
        } else {
            Self::parse(text)
        }
    }

    /// Trust in one log, from its `log.pub`: the Ed25519 vkey, then the ML-DSA vkey, a line each.
    /// No quorum, `require = "sealed"`.
    ///
    /// # Errors
    ///
    /// It does not hold two such keys of one name.
    pub fn from_log_pub(log_pub: &str, from: Instant, allow_drafts: bool) -> Result<Self, TrustError> {
        Self::parse(&file::for_log_pub(log_pub, from, allow_drafts)?)
    }

    /// The same trust, marked as one that came together with what it shall judge: it yields at most
    /// INDETERMINATE.
    #[must_use]
    pub const fn bundled(mut self) -> Self {
        self.is_bundled = true;
        self
    }

    /// Whether it came together with what it shall judge.
    #[must_use]
    pub const fn is_bundled(&self) -> bool {
        self.is_bundled
    }

    /// SHA-256 of the file's bytes.
    #[must_use]
    pub const fn fingerprint(&self) -> Hash {
        self.fingerprint
    }

    /// The logs.
    #[must_use]
    pub fn logs(&self) -> &[TrustedLog] {
        &self.logs
    }

    /// The log with this origin.
    #[must_use]
    pub fn log(&self, origin: &str) -> Option<&TrustedLog> {
        self.logs.iter().find(|log| log.origin.as_str() == origin)
    }

    /// The witnesses and their quorum.
    #[must_use]
    pub const fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    /// The timestamp authorities.
    #[must_use]
    pub fn authorities(&self) -> &[Authority] {
        &self.authorities
    }

    /// What evidence a receipt has to have.
    #[must_use]
    pub const fn require(&self) -> Level {
        self.require
    }

    /// Whether what nobody signed is accepted.
    #[must_use]
    pub const fn allow_drafts(&self) -> bool {
        self.allow_drafts
    }

    /// The same trust with drafts allowed: to tell whether an answer of a notary is genuine, apart
    /// from whether an unsigned record is good enough.
    #[must_use]
    pub fn with_drafts_allowed(&self) -> Self {
        Self {
            allow_drafts: true,
            ..self.clone()
        }
    }

    /// What is allowed but unwise, a sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.quorum.warnings()
    }

    fn new(text: &str, logs: Vec<TrustedLog>, quorum: Quorum, authorities: Vec<Authority>) -> Self {
        Self {
            logs,
            quorum,
            authorities,
            require: Level::Sealed,
            allow_drafts: false,
            fingerprint: sha256(text.as_bytes()),
            is_bundled: false,
        }
    }
}

#[cfg(test)]
mod tests;
