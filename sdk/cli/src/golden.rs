//! Approved texts of the unit tests, in `tests/golden`. Whoever changes one approves it by writing it
//! again: `TRIALSEAL_BLESS=1`.

use std::fs;
use std::path::Path;

pub(crate) fn assert_approved(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("TRIALSEAL_BLESS").is_some() {
        fs::write(&path, found).unwrap();
    }
    let approved = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, approved, "{name}: approve it with TRIALSEAL_BLESS=1");
}
