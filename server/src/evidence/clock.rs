//! The notary's clock, compared with the times that witnesses and authorities state.
//!
//! An answer says what its clock showed at some moment between request and answer, so it bounds the
//! difference from both sides. It is held against the machine's monotonic clock, which nobody sets:
//! a step of the notary's clock is therefore seen at once, and so is its being set right again,
//! without asking anybody.

use std::time::Duration;

use tokio::time::Instant as Monotonic;
use trialseal_core::time::Instant;

/// Times are stated in whole seconds.
const GRANULARITY_MS: i64 = 999;
/// How long what was told counts: the monotonic clock drifts, and stands still while a machine sleeps.
const RECENT: Duration = Duration::from_secs(600);

/// What a clock of somebody else showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Milliseconds since 1970 that it showed at `at`, at least.
    earliest_ms: i64,
    /// And at most.
    latest_ms: i64,
    at: Monotonic,
}

/// How far somebody else's clock is ahead of the notary's, in milliseconds: between these two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// At least.
    pub least_ms: i64,
    /// At most.
    pub most_ms: i64,
}

impl Sample {
    /// From a stated time, its accuracy, and when the question was asked; it was answered now.
    #[must_use]
    pub fn new(stated: Instant, accuracy_ms: i64, asked: Monotonic) -> Self {
        Self::answered_at(stated, accuracy_ms, asked, Monotonic::now())
    }

    fn answered_at(stated: Instant, accuracy_ms: i64, asked: Monotonic, at: Monotonic) -> Self {
        let stated = stated.as_millis();
        Self {
            earliest_ms: stated.saturating_sub(accuracy_ms),
            latest_ms: stated
                .saturating_add(accuracy_ms)
                .saturating_add(GRANULARITY_MS)
                .saturating_add(millis(at.duration_since(asked))),
            at,
        }
    }

    /// The difference to a clock that shows `now` at this moment; none if the sample is too old.
    #[must_use]
    pub fn difference(&self, now: Instant) -> Option<Difference> {
        self.difference_after(self.at.elapsed(), now)
    }

    fn difference_after(&self, since: Duration, now: Instant) -> Option<Difference> {
        let ahead = |theirs: i64| {
            theirs
                .saturating_add(millis(since))
                .saturating_sub(now.as_millis())
        };
        (since <= RECENT).then(|| Difference {
            least_ms: ahead(self.earliest_ms),
            most_ms: ahead(self.latest_ms),
        })
    }
}

impl Difference {
    /// The smallest difference that fits, signed; 0 if the clocks may agree.
    #[must_use]
    pub fn nearest_ms(&self) -> i64 {
        if self.least_ms > 0 {
            self.least_ms
        } else {
            self.most_ms.min(0)
        }
    }
}

/// Whether the clock is wrong for certain: a majority of all who told the time recently say that it
/// is behind, or that it is ahead, by more than the bound. One broken clock among several decides
/// nothing.
#[must_use]
pub fn is_out_of_bounds(differences: &[Difference], bound: Duration) -> bool {
    let bound = millis(bound);
    let behind = differences
        .iter()
        .filter(|difference| difference.least_ms > bound)
        .count();
    let ahead = differences
        .iter()
        .filter(|difference| difference.most_ms < -bound)
        .count();
    2 * behind.max(ahead) > differences.len()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(10);

    fn differs(least_s: i64, most_s: i64) -> Difference {
        Difference {
            least_ms: least_s * 1_000,
            most_ms: most_s * 1_000,
        }
    }

    #[test]
    fn one_broken_clock_among_several_decides_nothing() {
        let (right, behind, ahead) = (differs(-1, 1), differs(11, 12), differs(-12, -11));
        for (differences, expected) in [
            (vec![], false),
            (vec![right], false),
            (vec![behind], true),
            (vec![ahead], true),
            (vec![right, behind], false),
            (vec![behind, ahead], false),
            (vec![right, behind, behind], true),
            (vec![right, ahead, ahead], true),
            (vec![right, behind, ahead], false),
            // An answer that took long says little.
            (vec![differs(-20, 20); 3], false),
            (vec![differs(10, 10), differs(-10, -10)], false),
        ] {
            assert_eq!(is_out_of_bounds(&differences, BOUND), expected, "{differences:?}");
        }
        assert_eq!(
            (behind.nearest_ms(), ahead.nearest_ms(), right.nearest_ms()),
            (11_000, -11_000, 0)
        );
    }

    #[test]
    fn a_sample_goes_on_with_the_monotonic_clock() {
        let start = Instant::parse("2026-03-01T08:00:00Z").unwrap();
        let asked = Monotonic::now();
        let sample = Sample::answered_at(start, 0, asked, asked + Duration::from_millis(200));
        // Their clock showed 08:00:00.000 to .999 at some moment of the 200 ms.
        let agrees = Difference {
            least_ms: 0,
            most_ms: 1_199,
        };
        let difference = |after, now| sample.difference_after(Duration::from_secs(after), now);
        assert_eq!(difference(0, start), Some(agrees));
        assert_eq!(difference(60, start.plus_millis(60_000)), Some(agrees));
        // The notary's clock was set forward by an hour meanwhile.
        let stepped = difference(60, start.plus_millis(3_660_000)).unwrap();
        assert_eq!(stepped.nearest_ms(), 1_199 - 3_600_000);
        assert_eq!(difference(601, start), None);
    }
}
