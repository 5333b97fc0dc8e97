//! A notary that relies on witnesses and timestamp authorities, and what its receipts are worth.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use tonic::Status;
use trialseal::RecordPlace;
use trialseal_core::index::LogIndex;
use trialseal_core::trust::{Level, Trust};
use trialseal_core::verify::{FileQuery, Outcome, verify};
use trialseal_proto::v1;

use crate::caller::{Stubs, client, draft, of_draft};
use crate::notary::{Folder, Server};

/// Long enough for a level that is going to be reached.
const LONG: i64 = 60;

/// What a notary is told of witnesses and authorities, and verifiers too.
#[derive(Default)]
pub struct Policy {
    parties: String,
    members: Vec<String>,
    section: String,
    tables: String,
}

impl Policy {
    /// With a witness: its name and table in a trust file, and where it is reached.
    #[must_use]
    pub fn witness(mut self, name: &str, trust_entry: &str, url: &str) -> Self {
        self.parties.push_str(trust_entry);
        self.members.push(format!("\"{name}\""));
        let _infallible = write!(
            self.tables,
            "\n[evidence.witnesses.\"{name}\"]\nurl = \"{url}\"\n"
        );
        self
    }

    /// With a timestamp authority.
    #[must_use]
    pub fn authority(mut self, name: &str, trust_entry: &str, url: &str) -> Self {
        self.parties.push_str(trust_entry);
        let _infallible = write!(
            self.tables,
            "\n[evidence.authorities.\"{name}\"]\nurl = \"{url}\"\n"
        );
        self
    }

    /// With a key of the section `[evidence]`, such as `timestamp_every_seconds = 1`.
    #[must_use]
    pub fn setting(mut self, line: &str) -> Self {
        self.section.push_str(line);
        self.section.push('\n');
        self
    }

    /// Writes it into a notary's configuration, with a quorum of so many of the witnesses. Returns the
    /// trust of a verifier who asks for `require`.
    ///
    /// # Panics
    /// If it is no trust.
    pub fn install(&self, folder: &Folder, quorum: usize, require: Level) -> Trust {
        let log = fs::read_to_string(folder.dir().join("trust.toml")).unwrap();
        let (parties, members) = (&self.parties, self.members.join(", "));
        let trust = format!(
            "{log}\n{parties}\n[[group]]\nname = \"quorum\"\nof = {quorum}\nmembers = [{members}]\n\n\
             [policy]\nquorum = \"quorum\"\nrequire = \"{require}\"\nallow_drafts = true\n"
        );
        fs::write(folder.dir().join("policy.toml"), &trust).unwrap();
        let file = folder.dir().join("trialseal.toml");
        let mut config = fs::read_to_string(&file).unwrap();
        let (section, tables) = (&self.section, &self.tables);
        let _infallible = write!(config, "\n[evidence]\ntrust = \"policy.toml\"\n{section}{tables}");
        fs::write(file, config).unwrap();
        Trust::parse(&trust).unwrap()
    }
}

/// Seals a draft; its index.
///
/// # Panics
/// If it is not sealed.
pub async fn seal(stubs: &Stubs, name: &str) -> u64 {
    try_seal(stubs, name).await.unwrap()
}

/// Seals a draft; its index.
///
/// # Errors
/// The notary's status.
///
/// # Panics
/// If the receipt has no index.
pub async fn try_seal(stubs: &Stubs, name: &str) -> Result<u64, Status> {
    let receipt = stubs.submit(of_draft(draft(name))).await?.receipt.unwrap();
    let when = receipt.record.unwrap().when.unwrap().text.unwrap();
    let when: serde_json::Value = serde_json::from_str(&when).unwrap();
    Ok(when["index"].as_u64().expect("the index"))
}

/// What of a level is reached within so many seconds.
///
/// # Panics
/// If the notary does not say.
pub async fn reached(stubs: &Stubs, index: u64, level: v1::Level, seconds: i64) -> v1::Level {
    let request = v1::GetReceiptRequest {
        record: Some(v1::get_receipt_request::Record::Index(index)),
        level: level.into(),
        wait: Some(prost_types::Duration { seconds, nanos: 0 }),
        log: String::new(),
    };
    let answer = stubs.notary().get_receipt(stubs.request(request)).await.unwrap();
    answer.into_inner().reached()
}

/// Waits until a record has reached a level.
///
/// # Panics
/// If it does not.
pub async fn await_level(stubs: &Stubs, index: u64, level: v1::Level) {
    // The notary cuts long waits short.
    for _ in 0..LONG {
        if reached(stubs, index, level, 10).await >= level {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("record {index} does not reach {level:?}");
}

/// Fetches a record's receipt and judges it by `trust`: its level, which must be what the trust asks for.
///
/// # Panics
/// If it does not pass.
pub async fn judged(folder: &Folder, server: &Server, index: u64, trust: &Trust) -> Level {
    let place = RecordPlace::Index(LogIndex::new(index).unwrap());
    let receipt = client(folder, server).await.receipt(&place).await.unwrap();
    // An authority's time is genTime and its accuracy, so it may lie a little ahead.
    let at = trialseal::now().plus_millis(10_000);
    let report = verify(receipt.to_json_pretty().as_bytes(), trust, at, &FileQuery::None);
    assert_eq!(report.outcome, Outcome::Passed, "{:?}", report.steps);
    report.level.expect("a level")
}
