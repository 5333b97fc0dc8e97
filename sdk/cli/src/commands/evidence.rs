//! What evidence a receipt has, in words: for the commands that wait for more of it.

use std::time::Duration;

use trialseal::core::receipt::Receipt;
use trialseal::core::time::Instant;
use trialseal::core::verify::{FileQuery, verify};
use trialseal::{Level, Trust, Wait, now};

use crate::outcome::{Answer, Exit};

/// What a receipt reaches, and from when on independent evidence shows that the record existed.
pub(crate) struct State {
    pub(crate) level: Level,
    pub(crate) independent_time: Option<Instant>,
}

impl State {
    pub(crate) fn of(receipt: &Receipt, trust: &Trust) -> Self {
        let json = receipt.clone().without_manifest().to_json_pretty();
        let trust = trust.with_drafts_allowed();
        let report = verify(json.as_bytes(), &trust, now(), &FileQuery::None);
        Self {
            level: report.level.unwrap_or(Level::Sealed),
            independent_time: report.independent_time,
        }
    }

    /// `It existed no later than ...`, where there is independent time.
    pub(crate) fn sentence(&self, stated: &str) -> String {
        match self.independent_time {
            Some(time) => format!("It existed no later than {time}; the notary states {stated}."),
            None => format!("The notary states {stated} by its own clock; independent time pending."),
        }
    }
}

/// The level in capitals.
pub(crate) const fn verdict(level: Level) -> &'static str {
    match level {
        Level::Sealed => "SEALED",
        Level::Witnessed => "WITNESSED",
        Level::Timestamped => "TIMESTAMPED",
    }
}

/// A wait of so many seconds.
pub(crate) const fn wait(level: Level, seconds: u64) -> Wait {
    Wait {
        level,
        up_to: Duration::from_secs(seconds),
    }
}

/// The level was not reached; `what` has been saved.
pub(crate) fn pending(what: &str, reached: Level, asked: Level, why: Option<&str>, path: &str) -> Answer {
    let sentence = format!("{what} is {reached}, not yet {asked}. What there is has been saved.");
    let answer = Answer::new(Exit::Pending, "PENDING", sentence);
    let answer = match why {
        Some(why) => answer.because(crate::errors::sentence(why)),
        None => answer,
    };
    answer.next(format!(
        "Fetch the rest later: trialseal upgrade {path} --level {asked}"
    ))
}
