//! The vectors, and what they are judged by.

use std::collections::BTreeMap;

use trialseal_core::encoding::hex_decode;
use trialseal_core::json::{self, Value};
use trialseal_core::manifest::FileDigests;
use trialseal_core::time::Instant;
use trialseal_core::trust::Trust;

pub(crate) const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");

pub(crate) fn read_vector(name: &str) -> Vec<u8> {
    std::fs::read(format!("{VECTORS}/{name}")).unwrap()
}

/// The receipts with their verdicts.
pub(crate) fn expected() -> BTreeMap<String, String> {
    json::parse(&read_vector("expected.json"))
        .unwrap()
        .into_iter()
        .map(|(name, verdict)| match verdict {
            Value::String(verdict) => (name, verdict),
            other => panic!("{name}: {other:?}"),
        })
        .collect()
}

pub(crate) fn trust() -> Trust {
    let log_pub = String::from_utf8(read_vector("log.pub")).unwrap();
    let from = Instant::parse("2026-01-01T00:00:00Z").unwrap();
    Trust::from_log_pub(&log_pub, from, true).unwrap()
}

pub(crate) fn at() -> Instant {
    Instant::parse("2026-06-01T00:00:00Z").unwrap()
}

/// The digests of `datasets/adsl.xpt` (CDISC pilot study).
pub(crate) fn adsl() -> FileDigests {
    FileDigests {
        sha256: hex_decode("f4ac9ab75aacaff53592e7cf494b6acb121ad7cef78f02f9a5eaf62885c335c3").unwrap(),
        sha512: hex_decode(
            "a5b50cdf331b059e6b67e98a0d7f455af0b7d216a50182310b830c15868d8a56\
             797a73b8d6cd20dd88627579f1eb0c2a862c4eb297e2380482fc71a06371cd10",
        )
        .unwrap(),
        size: 117_840,
    }
}
