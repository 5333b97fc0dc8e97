//! The record that another one refers to.

use trialseal_core::checkpoint::Origin;
use trialseal_core::hash::RecordId;
use trialseal_core::identifiers::{RegisterName, VersionCode};
use trialseal_core::index::LogIndex;
use trialseal_core::json::{self, Object, Value};
use trialseal_core::receipt::Receipt;
use trialseal_core::record::{Link, ManifestCommitment, Scope, What};
use trialseal_core::vocabulary::{Class, Event, Rel};

/// A record that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its id.
    pub record: RecordId,
    /// Its index in its log.
    pub index: LogIndex,
    /// The log that holds it.
    pub log: Origin,
    /// Its register.
    pub register: RegisterName,
    /// Its class.
    pub class: Class,
    /// Its event.
    pub event: Event,
    /// Its version, where it has one and shows it.
    pub version: Option<VersionCode>,
    /// Where it applies, where it shows that.
    pub scope: Option<Scope>,
    /// The commitment to its files, where it has and shows one.
    pub manifest: Option<ManifestCommitment>,
}

/// A receipt from which nothing can be linked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the receipt does not say where its record stands: when.{key} is missing or not known here")]
pub struct TargetError {
    /// The key that cannot be read.
    pub key: &'static str,
}

impl Target {
    /// The record of a receipt. The receipt is believed: verify it first.
    ///
    /// # Errors
    ///
    /// Its part `when` cannot be read.
    pub fn of(receipt: &Receipt) -> Result<Self, TargetError> {
        let record = receipt.record();
        let when = json::parse(record.when.text.as_bytes()).map_err(|_| TargetError { key: "log" })?;
        let what = record.what.shown();
        let whole = what.and_then(|part| What::parse(part.text.as_bytes()).ok());
        let what = what.and_then(|part| json::parse(part.text.as_bytes()).ok());
        let index = when.get("index").and_then(Value::as_unsigned);
        Ok(Self {
            record: record.leaves().root(),
            index: index
                .and_then(|index| LogIndex::new(index).ok())
                .ok_or(TargetError { key: "index" })?,
            log: text(&when, "log", |text| Origin::new(text).ok())?,
            register: text(&when, "register", |text| text.parse().ok())?,
            class: text(&when, "class", |text| text.parse().ok())?,
            event: text(&when, "event", |text| text.parse().ok())?,
            version: what.and_then(|what| what.get("version")?.as_str()?.parse().ok()),
            manifest: whole.as_ref().and_then(|what| what.manifest),
            scope: whole.and_then(|what| what.scope),
        })
    }

    /// A link to it. [`Submission::sign`](crate::Submission::sign) leaves the log out where it is the one that
    /// is signed for.
    #[must_use]
    pub fn link(&self, rel: Rel) -> Link {
        Link {
            rel,
            record: self.record,
            index: self.index,
            log: Some(self.log.clone()),
        }
    }
}

fn text<T>(when: &Object, key: &'static str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, TargetError> {
    when.get(key)
        .and_then(Value::as_str)
        .and_then(read)
        .ok_or(TargetError { key })
}
