//! Instants and dates in the two spellings of the formats.
//!
//! Years 0000 to 9999, the range that RFC 3339 can write. There is no clock here.

use core::fmt;
use core::str::FromStr;

const MILLIS_PER_SECOND: i64 = 1_000;
const MILLIS_PER_DAY: i64 = 86_400 * MILLIS_PER_SECOND;
/// 0000-01-01 and 9999-12-31 in days since 1970-01-01.
const DAYS_MIN: i64 = -719_528;
const DAYS_MAX: i64 = 2_932_896;
const MILLIS_MIN: i64 = DAYS_MIN * MILLIS_PER_DAY;
const MILLIS_MAX: i64 = (DAYS_MAX + 1) * MILLIS_PER_DAY - 1;

/// Why a text is not an instant or a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not of the form of an instant.
    #[error("not an instant: write YYYY-MM-DDThh:mm:ssZ or YYYY-MM-DDThh:mm:ss.sssZ")]
    InstantForm,
    /// Not of the form of a date.
    #[error("not a date: write YYYY-MM-DD")]
    DateForm,
    /// A month or day that the calendar does not have.
    #[error("no such day in the calendar")]
    NoSuchDay,
    /// An hour, minute or second that the day does not have; leap seconds are refused too.
    #[error("no such time of day (leap seconds are not written)")]
    NoSuchTime,
}

/// A point in time to the millisecond, in UTC. `Display` writes the fraction only if it is not zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

/// A day of the calendar, a whole day in a time zone that stands beside it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

impl Instant {
    /// From milliseconds since 1970-01-01T00:00:00Z; held within the years 0000 to 9999.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(MILLIS_MIN, MILLIS_MAX))
    }

    /// From seconds since 1970-01-01T00:00:00Z; held within the years 0000 to 9999.
    pub fn from_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(MILLIS_PER_SECOND))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(MILLIS_PER_SECOND)
    }

    /// This instant moved by `millis`, held within the years 0000 to 9999.
    pub fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// The day in UTC.
    pub const fn date(self) -> Date {
        // In range by construction: see DAYS_MIN and DAYS_MAX.
        Date(self.0.div_euclid(MILLIS_PER_DAY) as i32)
    }

    /// Reads `YYYY-MM-DDThh:mm:ss[.sss]Z`.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let bytes = text.as_bytes();
        let (day, rest) = bytes.split_at_checked(10).ok_or(TimeError::InstantForm)?;
        let millis = match rest {
            [b'T', _, _, b':', _, _, b':', _, _, b'Z'] => 0,
            [b'T', _, _, b':', _, _, b':', _, _, b'.', fraction @ .., b'Z'] if fraction.len() == 3 => {
                digits(fraction).ok_or(TimeError::InstantForm)?
            }
            _ => return Err(TimeError::InstantForm),
        };
        let days = parse_days(day).map_err(|error| match error {
            TimeError::DateForm => TimeError::InstantForm,
            other => other,
        })?;
        let number = |from: usize| digits(&rest[from..from + 2]).ok_or(TimeError::InstantForm);
        let (hour, minute, second) = (number(1)?, number(4)?, number(7)?);
        if hour > 23 || minute > 59 || second > 59 {
            return Err(TimeError::NoSuchTime);
        }
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
        Ok(Self(seconds * MILLIS_PER_SECOND + millis))
    }

    /// Writes `YYYY-MM-DDThh:mm:ss.sssZ`, with the fraction even where it is zero.
    pub fn to_millis_string(self) -> String {
        let mut text = String::with_capacity(24);
        self.write(&mut text, true);
        text
    }

    /// Appends the instant to `text`; the fraction is left out where it is zero unless `millis` asks for it.
    fn write(self, text: &mut String, millis: bool) {
        write_days(text, self.0.div_euclid(MILLIS_PER_DAY));
        let of_day = self.0.rem_euclid(MILLIS_PER_DAY);
        let seconds = of_day / MILLIS_PER_SECOND;
        for (before, value) in [
            ('T', seconds / 3_600),
            (':', seconds / 60 % 60),
            (':', seconds % 60),
        ] {
            text.push(before);
            write_digits(text, value, 2);
        }
        let fraction = of_day % MILLIS_PER_SECOND;
        if millis || fraction != 0 {
            text.push('.');
            write_digits(text, fraction, 3);
        }
        text.push('Z');
    }
}

impl Date {
    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        parse_days(text.as_bytes()).map(|days| Self(days as i32))
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

fn parse_days(bytes: &[u8]) -> Result<i64, TimeError> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *bytes else {
        return Err(TimeError::DateForm);
    };
    let year = digits(&[y1, y2, y3, y4]).ok_or(TimeError::DateForm)?;
    let month = digits(&[m1, m2]).ok_or(TimeError::DateForm)?;
    let day = digits(&[d1, d2]).ok_or(TimeError::DateForm)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return Err(TimeError::NoSuchDay);
    }
    Ok(days_from_civil(year, month, day))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// The calendar repeats every 400 years (146,097 days). Years are counted from March, so that the leap
// day is the last of its year; 719,468 days lie between 0000-03-01 and 1970-01-01.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + of_era + i64::from(month <= 2);
    (year, month, day)
}

fn write_days(text: &mut String, days: i64) {
    let (year, month, day) = civil_from_days(days);
    write_digits(text, year, 4);
    text.push('-');
    write_digits(text, month, 2);
    text.push('-');
    write_digits(text, day, 2);
}

fn write_digits(text: &mut String, value: i64, width: u32) {
    for place in (0..width).rev() {
        // A decimal digit, so the conversion loses nothing.
        let digit = (value / 10_i64.pow(place) % 10) as u8;
        text.push(char::from(b'0' + digit));
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(24);
        self.write(&mut text, false);
        out.write_str(&text)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Instant({self})")
    }
}

impl FromStr for Instant {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(10);
        write_days(&mut text, i64::from(self.0));
        out.write_str(&text)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Date({self})")
    }
}

impl FromStr for Date {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-01-01T00:00:00.123Z", 1_767_225_600_123),
            ("2000-02-29T23:59:59.999Z", 951_868_799_999),
            ("1969-12-31T23:59:59.001Z", -999),
            ("0000-01-01T00:00:00Z", MILLIS_MIN),
            ("9999-12-31T23:59:59.999Z", MILLIS_MAX),
        ] {
            assert_eq!(Instant::parse(text), Ok(Instant(millis)));
            assert_eq!(Instant(millis).to_string(), text);
        }
        assert_eq!(Instant(0).to_millis_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Instant::parse("1970-01-01T00:00:00.000Z"), Ok(Instant(0)));
        assert_eq!(Instant(-1).seconds(), -1);
        assert_eq!(Instant::from_seconds(i64::MAX), Instant(MILLIS_MAX));
        assert_eq!(Instant::from_millis(i64::MIN), Instant(MILLIS_MIN));
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01t00:00:00Z",
            "2026-01-01T00:00:00z",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00+00:00",
            "2026-01-01T00:00:00.1Z",
            "2026-01-01T00:00:00.12Z",
            "2026-01-01T00:00:00.1234Z",
            "2026-01-01T00:00:00,123Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00Z",
            "+2026-01-01T00:00:00Z",
            "2026-1-01T00:00:00Z",
            "2026-01-01T+1:00:00Z",
            "2026-01-01T00:00:00Z ",
            "2026-01-01\u{e9}00:00:00Z",
        ] {
            assert_eq!(Instant::parse(text), Err(TimeError::InstantForm), "{text:?}");
        }
        for text in [
            "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
        ] {
            assert_eq!(Instant::parse(text), Err(TimeError::NoSuchDay), "{text:?}");
        }
        for text in [
            "2016-12-31T23:59:60Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
        ] {
            assert_eq!(Instant::parse(text), Err(TimeError::NoSuchTime), "{text:?}");
        }
        for text in ["2026-1-1", "20260101", "2026-01-01Z", "2026-01-0", "-026-01-01"] {
            assert_eq!(Date::parse(text), Err(TimeError::DateForm), "{text:?}");
        }
        assert_eq!(Date::parse("2026-04-31"), Err(TimeError::NoSuchDay));
    }

    #[test]
    fn every_day_agrees_with_an_independent_calendar() {
        let first = jiff::civil::date(0, 1, 1);
        for days in (DAYS_MIN..=DAYS_MAX).step_by(31) {
            let date = Date(days as i32);
            let span = jiff::ToSpan::days(days - DAYS_MIN);
            assert_eq!(date.to_string(), first.checked_add(span).unwrap().to_string());
            assert_eq!(date.to_string().parse(), Ok(date));
        }
    }
}
