//! Levels of evidence on the wire: what a caller waits for, and what was reached.

use std::time::Duration;

use tokio::time::Instant;
use tonic::metadata::MetadataMap;
use trialseal_core::trust::Level;
use trialseal_proto::v1;

use crate::{chain::Place, evidence::WAIT_MAX, notary::Notary, refusal::Refusal};

/// What is left of a call's time for its answer, when a caller has waited.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// The level that a caller waits for, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The level.
    pub(crate) level: Level,
    wait: Duration,
    /// When the call's own deadline comes too near.
    until: Option<Instant>,
}

impl Wanted {
    /// From the fields of a request and the call's metadata.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming the field.
    pub(crate) fn read(
        level: i32,
        wait: Option<&prost_types::Duration>,
        metadata: &MetadataMap,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            level: read_level(level)?,
            wait: wait.map_or(Ok(Duration::ZERO), read_wait)?,
            until: deadline(metadata).map(|within| Instant::now() + within - (within / 10).min(ANSWER_MAX)),
        })
    }

    /// Waits until the entry has the level, or no longer makes sense: a closed log gets no more evidence
    /// here.
    pub(crate) async fn wait(&self, notary: &Notary, place: Place) {
        let Some((_, index)) = notary.chain.locate(place).filter(|(log, _)| log.kept.is_none()) else {
            return;
        };
        let left = self
            .until
            .map(|until| until.saturating_duration_since(Instant::now()));
        let within = left.map_or(self.wait, |left| left.min(self.wait));
        notary.evidence.levels.wait(index, self.level, within).await;
    }
}

/// The level that a field names; `sealed` where it names none.
///
/// # Errors
/// [`Refusal::Invalid`].
pub(crate) fn read_level(level: i32) -> Result<Level, Refusal> {
    match v1::Level::try_from(level) {
        Ok(v1::Level::Unspecified | v1::Level::Sealed) => Ok(Level::Sealed),
        Ok(v1::Level::Witnessed) => Ok(Level::Witnessed),
        Ok(v1::Level::Timestamped) => Ok(Level::Timestamped),
        Err(_) => Err(Refusal::field(
            "level",
            format!("{level} is no level; use sealed, witnessed or timestamped"),
        )),
    }
}

fn read_wait(wait: &prost_types::Duration) -> Result<Duration, Refusal> {
    let given = match (u64::try_from(wait.seconds), u32::try_from(wait.nanos)) {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Some(Duration::new(seconds, nanos)),
        _ => None,
    };
    given
        .filter(|given| *given <= WAIT_MAX)
        .ok_or_else(|| Refusal::field("wait", format!("must be 0 to {} seconds", WAIT_MAX.as_secs())))
}

/// A level on the wire.
#[must_use]
pub(crate) fn wire(level: Level) -> i32 {
    match level {
        Level::Sealed => v1::Level::Sealed,
        Level::Witnessed => v1::Level::Witnessed,
        Level::Timestamped => v1::Level::Timestamped,
    }
    .into()
}

/// The time that the caller gives the call: `grpc-timeout`, at most eight digits and a unit.
fn deadline(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(level: i32, seconds: i64, nanos: i32) -> Result<Wanted, Refusal> {
        let wait = prost_types::Duration { seconds, nanos };
        Wanted::read(level, Some(&wait), &MetadataMap::new())
    }

    #[test]
    fn levels_and_waits_are_bounded() {
        for (given, level) in [
            (0, Level::Sealed),
            (1, Level::Sealed),
            (2, Level::Witnessed),
            (3, Level::Timestamped),
        ] {
            assert_eq!(read(given, 300, 0).unwrap().level, level);
        }
        let field = |refused: Result<Wanted, Refusal>| match refused.unwrap_err() {
            Refusal::Invalid(violations) => violations[0].field.clone(),
            other => panic!("{other}"),
        };
        for level in [-1, 4, i32::MAX] {
            assert_eq!(field(read(level, 0, 0)), "level");
        }
        for (seconds, nanos) in [
            (-1, 0),
            (0, -1),
            (0, 1_000_000_000),
            (300, 1),
            (i64::MAX, 0),
            (0, i32::MIN),
        ] {
            assert_eq!(field(read(2, seconds, nanos)), "wait", "{seconds} {nanos}");
        }
        let none = Wanted::read(2, None, &MetadataMap::new()).unwrap();
        assert_eq!((none.wait, none.until), (Duration::ZERO, None));
    }

    #[test]
    fn the_calls_own_deadline_is_read() {
        for (text, expected) in [
            ("5S", Some(Duration::from_secs(5))),
            ("100m", Some(Duration::from_millis(100))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3_600))),
            ("1000u", Some(Duration::from_millis(1))),
            ("S", None),
            ("123456789S", None),
            ("-1S", None),
            ("5", None),
        ] {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            assert_eq!(deadline(&metadata), expected, "{text}");
        }
    }
}
