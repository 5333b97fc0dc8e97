//! Receipt files: reading, saving, and what they say.

use std::fs;
use std::path::{Path, PathBuf};

use trialseal::core::json::{self, Object, Value};
use trialseal::core::receipt::{MAX_BYTES_WITH_MANIFEST, Receipt};
use trialseal::durable::{self, Access};

use crate::errors::{Ended, bad_input};
use crate::outcome::{Answer, Exit};

/// What a receipt's file name ends with.
pub(crate) const ENDING: &str = ".receipt.json";

/// `<path>.receipt.json`.
pub(crate) fn beside(path: &Path) -> PathBuf {
    // `adam/` and `adam` have the same receipt, which lies beside the folder and not in it.
    let mut name: std::ffi::OsString = path.components().as_path().as_os_str().to_owned();
    name.push(ENDING);
    PathBuf::from(name)
}

/// Whether the path is that of a receipt.
pub(crate) fn is_receipt(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.ends_with(ENDING))
}

pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, Ended> {
    let missing = |error: std::io::Error| {
        let sentence = format!("The receipt {} cannot be read: {error}.", path.display());
        Box::new(Answer::new(Exit::Missing, "MISSING", sentence))
    };
    if fs::metadata(path).map_err(missing)?.len() > MAX_BYTES_WITH_MANIFEST as u64 {
        return Err(bad_input(format!(
            "{} is larger than a receipt can be.",
            path.display()
        )));
    }
    fs::read(path).map_err(missing)
}

pub(crate) fn read(path: &Path) -> Result<Receipt, Ended> {
    Receipt::parse(&read_bytes(path)?).map_err(|error| bad_input(format!("{}: {error}.", path.display())))
}

pub(crate) fn save(path: &Path, receipt: &Receipt) -> Result<(), std::io::Error> {
    durable::replace(path, receipt.to_json_pretty().as_bytes(), Access::Default)
}

/// The keys of a part, where it is shown.
pub(crate) struct Parts {
    pub(crate) what: Option<Object>,
    pub(crate) who: Option<Object>,
    pub(crate) why: Option<Object>,
    pub(crate) when: Option<Object>,
}

impl Parts {
    pub(crate) fn of(receipt: &Receipt) -> Self {
        let record = receipt.record();
        let parse = |text: &str| json::parse(text.as_bytes()).ok();
        Self {
            what: record.what.shown().and_then(|part| parse(&part.text)),
            who: record.who.shown().and_then(|part| parse(&part.text)),
            why: record.why.shown().and_then(|part| parse(&part.text)),
            when: parse(&record.when.text),
        }
    }

    /// A text of `when`, or a dash.
    pub(crate) fn when(&self, key: &str) -> String {
        text(self.when.as_ref(), key).unwrap_or_else(|| "-".to_owned())
    }

    /// `dataset 1.0, hard-lock`.
    pub(crate) fn subject(&self) -> String {
        let version = text(self.what.as_ref(), "version")
            .map(|version| format!(" {version}"))
            .unwrap_or_default();
        format!("{}{version}, {}", self.when("class"), self.when("event"))
    }
}

/// A string or a number of a part, as text.
pub(crate) fn text(part: Option<&Object>, key: &str) -> Option<String> {
    match part?.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}
