//! Days of a place: where a date begins and ends in a time zone.
//!
//! The rules of the zones are built in, so that the same question has the same answer on every machine; those of
//! the system are never read.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::identifiers::TimeZoneName;
use crate::time::{Date, Instant};

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// By how much a place may be ahead of and behind UTC: a date without a zone is a day somewhere.
const AHEAD_MILLIS_MAX: i64 = 14 * 3_600_000;
const BEHIND_MILLIS_MAX: i64 = 12 * 3_600_000;
const DAY_MILLIS: i64 = 86_400_000;

/// A time zone with the rules that were known when this was built.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

/// From its first to its last millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first.
    pub first: Instant,
    /// The last.
    pub last: Instant,
}

impl Zone {
    /// The zone of an IANA name; none where the name is not known here.
    #[must_use]
    pub fn named(name: &TimeZoneName) -> Option<Self> {
        ZONES.get(name.as_str()).ok().map(Self)
    }

    /// The local day of an instant.
    #[must_use]
    pub fn day_of(&self, instant: Instant) -> Option<Date> {
        let timestamp = jiff::Timestamp::from_millisecond(instant.as_millis()).ok()?;
        Date::parse(&self.0.to_datetime(timestamp).date().to_string()).ok()
    }

    /// A local day. It has 23 or 25 hours where clocks change.
    #[must_use]
    pub fn day(&self, date: Date) -> Option<Span> {
        let date: jiff::civil::Date = date.to_string().parse().ok()?;
        let first = date.to_zoned(self.0.clone()).ok()?.timestamp().as_millisecond();
        let next = date.tomorrow().ok()?.to_zoned(self.0.clone()).ok()?;
        let last = next.timestamp().as_millisecond() - 1;
        Some(Span {
            first: Instant::from_millis(first),
            last: Instant::from_millis(last),
        })
    }
}

impl Span {
    /// A single instant.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self {
            first: instant,
            last: instant,
        }
    }

    /// A date in a zone; without one, or with one that is not known here, the day anywhere on earth.
    #[must_use]
    pub fn of(date: Date, zone: Option<&TimeZoneName>) -> Self {
        let known = zone.and_then(Zone::named).and_then(|zone| zone.day(date));
        known.unwrap_or_else(|| {
            let midnight = Instant::parse(&format!("{date}T00:00:00Z")).unwrap_or(Instant::from_millis(0));
            Self {
                first: midnight.plus_millis(-AHEAD_MILLIS_MAX),
                last: midnight.plus_millis(DAY_MILLIS - 1 + BEHIND_MILLIS_MAX),
            }
        })
    }

    /// Whether an instant lies within.
    #[must_use]
    pub fn contains(&self, instant: Instant) -> bool {
        self.first <= instant && instant <= self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZoneName {
        TimeZoneName::new(name).unwrap()
    }

    fn span(date: &str, name: &str) -> (String, String) {
        let span = Span::of(Date::parse(date).unwrap(), Some(&zone(name)));
        (span.first.to_string(), span.last.to_string())
    }

    #[test]
    fn days_begin_and_end_where_the_site_is() {
        for (date, name, first, last) in [
            (
                "2026-07-01",
                "Etc/UTC",
                "2026-07-01T00:00:00Z",
                "2026-07-01T23:59:59.999Z",
            ),
            (
                "2026-07-01",
                "Europe/Berlin",
                "2026-06-30T22:00:00Z",
                "2026-07-01T21:59:59.999Z",
            ),
            (
                "2026-07-01",
                "America/New_York",
                "2026-07-01T04:00:00Z",
                "2026-07-02T03:59:59.999Z",
            ),
            (
                "2026-07-01",
                "Pacific/Auckland",
                "2026-06-30T12:00:00Z",
                "2026-07-01T11:59:59.999Z",
            ),
            // 23 and 25 hours.
            (
                "2026-03-29",
                "Europe/Berlin",
                "2026-03-28T23:00:00Z",
                "2026-03-29T21:59:59.999Z",
            ),
            (
                "2026-10-25",
                "Europe/Berlin",
                "2026-10-24T22:00:00Z",
                "2026-10-25T22:59:59.999Z",
            ),
            // A day without midnight.
            (
                "2018-11-04",
                "America/Sao_Paulo",
                "2018-11-04T03:00:00Z",
                "2018-11-05T01:59:59.999Z",
            ),
        ] {
            assert_eq!(
                span(date, name),
                (first.to_owned(), last.to_owned()),
                "{date} {name}"
            );
        }
    }

    #[test]
    fn an_instant_has_a_local_day() {
        let berlin = Zone::named(&zone("Europe/Berlin")).unwrap();
        let day = |text: &str| berlin.day_of(Instant::parse(text).unwrap()).unwrap().to_string();
        assert_eq!(day("2026-06-30T21:59:59.999Z"), "2026-06-30");
        assert_eq!(day("2026-06-30T22:00:00Z"), "2026-07-01");
    }

    #[test]
    fn a_date_without_a_zone_is_a_day_anywhere() {
        let date = Date::parse("2026-07-01").unwrap();
        for zone in [None, Some(&zone("Mars/Olympus"))] {
            let span = Span::of(date, zone);
            assert_eq!(span.first.to_string(), "2026-06-30T10:00:00Z");
            assert_eq!(span.last.to_string(), "2026-07-02T11:59:59.999Z");
        }
        assert!(Zone::named(&zone("Mars/Olympus")).is_none());
    }
}
