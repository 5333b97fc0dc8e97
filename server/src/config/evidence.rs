//! The `[evidence]` section: which witnesses and timestamp authorities are asked, and where they are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use figment::value::magic::RelativePathBuf;
use serde::Deserialize;
use trialseal_core::time::Instant;
use trialseal_core::trust::{Authority, Trust, Witness};

use crate::outbound::Url;

/// Bytes of a trust file, at most.
const TRUST_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Cosignature lines that fit a note beside the log's two.
const COSIGNATURES_MAX: usize = trialseal_core::note::SIGNATURE_LINES_MAX - 2;
/// Tokens that fit an evidence element of a receipt.
const AUTHORITIES_MAX: usize = 16;

/// Seconds between two timestamps of a growing log.
pub(super) const TIMESTAMP_EVERY: u64 = 60;
/// Seconds by which the clock may differ from independent time.
pub(super) const CLOCK_BOUND: u64 = 10;
/// Seconds that one request may take.
pub(super) const REQUEST_TIMEOUT: u64 = 10;

/// Whom the notary asks for evidence. Who counts is said by a trust file, as for a verifier.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The trust file.
    pub trust_file: PathBuf,
    /// What it says.
    pub trust: Arc<Trust>,
    /// Witnesses that are asked, in the order of the trust file.
    pub witnesses: Vec<WitnessPlace>,
    /// Timestamp authorities that are asked, in the order of the trust file.
    pub authorities: Vec<AuthorityPlace>,
    /// Time between two timestamps of a growing log.
    pub timestamp_every: Duration,
    /// Names of the authorities that all have to answer; any one of them all, where empty.
    pub must_answer: Vec<String>,
    /// By how much the clock may differ from independent time.
    pub clock_bound: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
}

/// A witness and where it is reached.
#[derive(Clone, Debug)]
pub struct WitnessPlace {
    /// Its place among the trust file's witnesses.
    pub place: usize,
    /// Its name and keys.
    pub witness: Witness,
    /// Submission prefix.
    pub url: Url,
    /// Monitoring prefix; the submission prefix if nothing else is said.
    pub monitoring_url: Url,
}

/// A timestamp authority and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityPlace {
    /// Its name and roots.
    pub authority: Authority,
    /// Where requests are posted.
    pub url: Url,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEvidence {
    pub(super) trust: RelativePathBuf,
    #[serde(default)]
    witnesses: BTreeMap<String, RawWitness>,
    #[serde(default)]
    authorities: BTreeMap<String, RawAuthority>,
    timestamp_every_seconds: Option<u64>,
    #[serde(default)]
    must_answer: Vec<String>,
    clock_bound_seconds: Option<u64>,
    request_timeout_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWitness {
    url: String,
    monitoring_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAuthority {
    url: String,
}

/// The key below `evidence` and the problem; the key may be empty.
type Refused = (String, String);

impl RawEvidence {
    /// Reads the trust file, already placed, and checks everything against it.
    pub(super) fn checked(&self, trust_file: PathBuf) -> Result<Evidence, Refused> {
        let trust = read_trust(&trust_file).map_err(|problem| ("trust".to_owned(), problem))?;
        let evidence = Evidence {
            witnesses: self.witnesses(&trust)?,
            authorities: self.authorities(&trust)?,
            timestamp_every: seconds(
                "timestamp_every_seconds",
                self.timestamp_every_seconds,
                TIMESTAMP_EVERY,
                86_400,
            )?,
            must_answer: self.must_answer.clone(),
            clock_bound: seconds(
                "clock_bound_seconds",
                self.clock_bound_seconds,
                CLOCK_BOUND,
                3_600,
            )?,
            request_timeout: seconds(
                "request_timeout_seconds",
                self.request_timeout_seconds,
                REQUEST_TIMEOUT,
                60,
            )?,
            trust: Arc::new(trust),
            trust_file,
        };
        evidence.check_reachable()?;
        Ok(evidence)
    }

    fn witnesses(&self, trust: &Trust) -> Result<Vec<WitnessPlace>, Refused> {
        let trusted = trust.quorum().witnesses();
        let mut places = Vec::with_capacity(self.witnesses.len());
        for (name, raw) in &self.witnesses {
            let place = trusted.iter().position(|witness| witness.name == *name);
            let (Some(place), Some(witness)) = (place, place.and_then(|place| trusted.get(place))) else {
                let known = trusted.iter().map(|witness| witness.name.as_str());
                return Err((format!("witnesses.{name}"), unknown("witness", known)));
            };
            let key = |field: &str| format!("witnesses.{name}.{field}");
            let read = url(key("url"), &raw.url)?;
            let monitoring_url = match &raw.monitoring_url {
                Some(text) => url(key("monitoring_url"), text)?,
                None => read.clone(),
            };
            places.push(WitnessPlace {
                place,
                witness: witness.clone(),
                url: read,
                monitoring_url,
            });
        }
        let lines: usize = places.iter().map(|place| place.witness.vkeys.len()).sum();
        if lines > COSIGNATURES_MAX {
            let problem = format!(
                "have {lines} keys; a checkpoint has room for {COSIGNATURES_MAX} cosignatures, one a key"
            );
            return Err(("witnesses".to_owned(), problem));
        }
        places.sort_by_key(|place| place.place);
        Ok(places)
    }

    fn authorities(&self, trust: &Trust) -> Result<Vec<AuthorityPlace>, Refused> {
        for name in self.authorities.keys() {
            if !trust
                .authorities()
                .iter()
                .any(|authority| authority.name == *name)
            {
                let known = trust
                    .authorities()
                    .iter()
                    .map(|authority| authority.name.as_str());
                return Err((format!("authorities.{name}"), unknown("authority", known)));
            }
        }
        let mut places = Vec::with_capacity(self.authorities.len());
        for authority in trust.authorities() {
            if let Some(raw) = self.authorities.get(&authority.name) {
                let url = url(format!("authorities.{}.url", authority.name), &raw.url)?;
                places.push(AuthorityPlace {
                    authority: authority.clone(),
                    url,
                });
            }
        }
        if places.len() > AUTHORITIES_MAX {
            let problem = format!(
                "are {}; a receipt has room for the tokens of {AUTHORITIES_MAX}",
                places.len()
            );
            return Err(("authorities".to_owned(), problem));
        }
        let unasked = |name: &&String| !self.authorities.contains_key(*name);
        if let Some(name) = self.must_answer.iter().find(unasked) {
            let problem = format!("names `{name}`, which has no evidence.authorities.{name}.url");
            return Err(("must_answer".to_owned(), problem));
        }
        Ok(places)
    }
}

impl Evidence {
    /// The level `witnessed` must not be out of reach for ever.
    fn check_reachable(&self) -> Result<(), Refused> {
        let quorum = self.trust.quorum();
        let mut times = vec![None; quorum.witnesses().len()];
        for place in &self.witnesses {
            if let Some(time) = times.get_mut(place.place) {
                *time = Some(Instant::from_millis(0));
            }
        }
        match quorum.name() {
            Some(name) if quorum.time(&times).is_none() => {
                let problem = format!(
                    "cannot make the quorum `{name}` of the trust file; give the URLs of more of its members"
                );
                Err(("witnesses".to_owned(), problem))
            }
            _ => Ok(()),
        }
    }
}

/// Trust is compared by the file's bytes.
impl PartialEq for Evidence {
    fn eq(&self, other: &Self) -> bool {
        let places = |evidence: &Self| -> Vec<(usize, Url, Url)> {
            let place = |place: &WitnessPlace| (place.place, place.url.clone(), place.monitoring_url.clone());
            evidence.witnesses.iter().map(place).collect()
        };
        self.trust_file == other.trust_file
            && self.trust.fingerprint() == other.trust.fingerprint()
            && places(self) == places(other)
            && self.authorities == other.authorities
            && self.timestamp_every == other.timestamp_every
            && self.must_answer == other.must_answer
            && self.clock_bound == other.clock_bound
            && self.request_timeout == other.request_timeout
    }
}

impl Eq for Evidence {}

fn read_trust(file: &std::path::Path) -> Result<Trust, String> {
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", file.display());
    let length = std::fs::metadata(file).map_err(unreadable)?.len();
    if length > TRUST_BYTES_MAX {
        return Err(format!(
            "{} has {length} bytes; a trust file has at most {TRUST_BYTES_MAX}",
            file.display()
        ));
    }
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    Trust::parse(&text).map_err(|error| format!("{}: {error}", file.display()))
}

fn url(key: String, text: &str) -> Result<Url, Refused> {
    Url::parse(text).map_err(|error| (key, format!("`{text}` {error}")))
}

fn unknown<'a>(what: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let known = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    format!("is no {what} of the trust file; known there: {known}")
}

fn seconds(key: &str, given: Option<u64>, default: u64, max: u64) -> Result<Duration, Refused> {
    match given.unwrap_or(default) {
        seconds if (1..=max).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err((key.to_owned(), format!("must be 1 to {max}"))),
    }
}
