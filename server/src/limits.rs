//! Limits per organisation: rate, and what is in flight.
//!
//! Asked before anything else is done with a request, so that overload is refused early, clearly and
//! for the organisation that makes it. Memory is bounded: an organisation that sends nothing and has
//! nothing in flight is forgotten as soon as its rate is full again.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use thiserror::Error;

use crate::config::OrganizationLimits;

/// What a caller is told to wait where no better time is known: about the time of a few commits.
const IN_FLIGHT_RETRY: Duration = Duration::from_millis(50);

/// Organisations whose rate is remembered before those that are idle are forgotten.
const REMEMBERED_ORGANIZATIONS: usize = 4_096;

type Limiter<C> =
    RateLimiter<Arc<str>, HashMapStateStore<Arc<str>>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The limits in force and what each organisation uses of them. `C` is the clock; tests have their own.
pub struct OrganizationGate<C: Clock = DefaultClock> {
    clock: C,
    rules: ArcSwap<Rules<C>>,
    in_flight: Arc<InFlight>,
}

struct Rules<C: Clock> {
    limits: OrganizationLimits,
    limiter: Limiter<C>,
}

#[derive(Default)]
struct InFlight(Mutex<HashMap<Arc<str>, Usage>>);

#[derive(Clone, Copy, Default)]
struct Usage {
    records: u64,
    bytes: u64,
}

/// Why an organisation's request is refused. Nothing of it was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The request is larger than one may be.
    #[error("the request has {bytes} bytes; one request may have {allowed}; send less at once")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        allowed: u64,
    },
    /// The request has more records than the organisation may ever send at once.
    #[error("the request has {records} records; at most {allowed} may come at once; send fewer at once")]
    TooMany {
        /// Its records.
        records: u64,
        /// The limit.
        allowed: u64,
    },
    /// The organisation sends faster than it may.
    #[error("the organization sends faster than {records_per_second} records a second")]
    Rate {
        /// The limit.
        records_per_second: u32,
        /// When the same request can succeed.
        retry_after: Duration,
    },
    /// The organisation has too much that is not yet answered.
    #[error("the organization has {records} records ({bytes} bytes) in flight, and no more are taken")]
    InFlight {
        /// Records in flight.
        records: u64,
        /// Bytes in flight.
        bytes: u64,
        /// A time after which some may have been answered.
        retry_after: Duration,
    },
}

impl Refusal {
    /// How long to wait before the same request can succeed; `None` where waiting does not help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooLarge { .. } | Self::TooMany { .. } => None,
            Self::Rate { retry_after, .. } | Self::InFlight { retry_after, .. } => Some(*retry_after),
        }
    }
}

/// Records and bytes in flight; they no longer count when this is dropped.
#[must_use = "what is in flight is counted only while the permit lives"]
pub struct Permit {
    in_flight: Arc<InFlight>,
    organization: Arc<str>,
    usage: Usage,
}

impl fmt::Debug for Permit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Permit")
            .field("organization", &self.organization)
            .field("records", &self.usage.records)
            .field("bytes", &self.usage.bytes)
            .finish()
    }
}

impl OrganizationGate<DefaultClock> {
    /// A gate with these limits.
    #[must_use]
    pub fn new(limits: &OrganizationLimits) -> Self {
        Self::with_clock(limits, DefaultClock::default())
    }
}

impl<C: Clock + Clone> OrganizationGate<C> {
    /// A gate that reads the given clock.
    #[must_use]
    pub fn with_clock(limits: &OrganizationLimits, clock: C) -> Self {
        let rules = ArcSwap::from_pointee(Rules::new(limits, clock.clone()));
        Self {
            clock,
            rules,
            in_flight: Arc::default(),
        }
    }

    /// Puts new limits into force. Rates start afresh; what is in flight stays counted.
    pub fn reload(&self, limits: &OrganizationLimits) {
        self.rules.store(Arc::new(Rules::new(limits, self.clock.clone())));
    }

    /// Bytes that one request or stream message may have.
    #[must_use]
    pub fn request_bytes(&self) -> usize {
        self.rules.load().limits.request_bytes.get() as usize
    }

    /// Takes `records` (0 counts as 1) and `bytes` from what the organisation may have, or refuses.
    ///
    /// # Errors
    /// The first limit that the request would break. A refused request uses nothing up.
    pub fn admit(&self, organization: &Arc<str>, records: u32, bytes: u64) -> Result<Permit, Refusal> {
        let rules = self.rules.load();
        let limits = &rules.limits;
        let allowed = u64::from(limits.request_bytes.get());
        if bytes > allowed {
            return Err(Refusal::TooLarge { bytes, allowed });
        }
        let records = NonZeroU32::new(records).unwrap_or(NonZeroU32::MIN);
        // Room first: a request that finds none must not use up the organisation's rate.
        let permit = self.enter(limits, organization, records, bytes)?;
        match rules.limiter.check_key_n(organization, records) {
            Ok(Ok(())) => {}
            Ok(Err(early)) => {
                let retry_after = early.wait_time_from(self.clock.now());
                let records_per_second = limits.records_per_second.get();
                return Err(Refusal::Rate {
                    records_per_second,
                    retry_after,
                });
            }
            Err(capacity) => {
                return Err(Refusal::TooMany {
                    records: records.get().into(),
                    allowed: capacity.0.into(),
                });
            }
        }
        if rules.limiter.len() > REMEMBERED_ORGANIZATIONS {
            rules.limiter.retain_recent();
        }
        Ok(permit)
    }

    fn enter(
        &self,
        limits: &OrganizationLimits,
        organization: &Arc<str>,
        records: NonZeroU32,
        bytes: u64,
    ) -> Result<Permit, Refusal> {
        let usage = Usage {
            records: records.get().into(),
            bytes,
        };
        let allowed = u64::from(limits.in_flight_records.get());
        if usage.records > allowed {
            return Err(Refusal::TooMany {
                records: usage.records,
                allowed,
            });
        }
        let mut organizations = self.in_flight.lock();
        let now = organizations.get(organization).copied().unwrap_or_default();
        let then = Usage {
            records: now.records.saturating_add(usage.records),
            bytes: now.bytes.saturating_add(usage.bytes),
        };
        if then.records > allowed || then.bytes > limits.in_flight_bytes.get() {
            let Usage { records, bytes } = now;
            return Err(Refusal::InFlight {
                records,
                bytes,
                retry_after: IN_FLIGHT_RETRY,
            });
        }
        organizations.insert(Arc::clone(organization), then);
        drop(organizations);
        Ok(Permit {
            in_flight: Arc::clone(&self.in_flight),
            organization: Arc::clone(organization),
            usage,
        })
    }
}

impl<C: Clock> Rules<C> {
    fn new(limits: &OrganizationLimits, clock: C) -> Self {
        let quota = Quota::per_second(limits.records_per_second).allow_burst(limits.burst_records);
        let limiter = RateLimiter::new(quota, HashMapStateStore::default(), clock);
        Self {
            limits: limits.clone(),
            limiter,
        }
    }
}

impl InFlight {
    /// The counts are whole numbers changed in one step, so a poisoned lock holds nothing half done.
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Usage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut organizations = self.in_flight.lock();
        if let Some(usage) = organizations.get_mut(&self.organization) {
            usage.records = usage.records.saturating_sub(self.usage.records);
            usage.bytes = usage.bytes.saturating_sub(self.usage.bytes);
            if usage.records == 0 {
                organizations.remove(&self.organization);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limits() -> OrganizationLimits {
        OrganizationLimits {
            records_per_second: NonZeroU32::new(100).unwrap(),
            burst_records: NonZeroU32::new(1_000).unwrap(),
            in_flight_records: NonZeroU32::new(1_500).unwrap(),
            in_flight_bytes: NonZeroU64::new(10_000).unwrap(),
            request_bytes: NonZeroU32::new(8_000).unwrap(),
        }
    }

    fn gate() -> (OrganizationGate<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (OrganizationGate::with_clock(&limits(), clock.clone()), clock)
    }

    #[test]
    fn a_rate_is_refused_with_the_time_after_which_it_succeeds() {
        let (gate, clock) = gate();
        let (one, other): (Arc<str>, Arc<str>) = ("acme".into(), "other".into());
        drop(gate.admit(&one, 1_000, 1).unwrap());
        let refusal = gate.admit(&one, 50, 1).unwrap_err();
        let Refusal::Rate {
            records_per_second: 100,
            retry_after,
        } = refusal
        else {
            panic!("{refusal}")
        };
        assert!(
            retry_after <= Duration::from_millis(500) && retry_after > Duration::from_millis(400),
            "{retry_after:?}"
        );
        drop(
            gate.admit(&other, 1_000, 1)
                .expect("another organization has its own rate"),
        );
        clock.advance(retry_after);
        drop(
            gate.admit(&one, 50, 1)
                .expect("the time it was told to wait is enough"),
        );
    }

    #[test]
    fn a_refused_request_uses_nothing_up() {
        let (gate, clock) = gate();
        let one: Arc<str> = "acme".into();
        drop(gate.admit(&one, 1_000, 1).unwrap());
        for _ in 0..100 {
            gate.admit(&one, 1_000, 1).unwrap_err();
        }
        assert!(gate.in_flight.lock().is_empty());
        clock.advance(Duration::from_secs(10));
        let held = gate.admit(&one, 1_000, 8_000).unwrap();
        for _ in 0..100 {
            assert!(matches!(
                gate.admit(&one, 1, 8_000).unwrap_err(),
                Refusal::InFlight { .. }
            ));
        }
        clock.advance(Duration::from_secs(10));
        drop(
            gate.admit(&one, 500, 1)
                .expect("refusals for room did not use up the rate"),
        );
        drop(held);
    }

    #[test]
    fn what_is_in_flight_is_counted_until_it_is_dropped() {
        let (gate, clock) = gate();
        let one: Arc<str> = "acme".into();
        let first = gate.admit(&one, 800, 5_000).unwrap();
        clock.advance(Duration::from_secs(60));
        let refusal = gate.admit(&one, 800, 1).unwrap_err();
        assert_eq!(
            refusal,
            Refusal::InFlight {
                records: 800,
                bytes: 5_000,
                retry_after: Duration::from_millis(50)
            }
        );
        assert!(matches!(
            gate.admit(&one, 1, 6_000).unwrap_err(),
            Refusal::InFlight { .. }
        ));
        let second = gate.admit(&one, 700, 5_000).unwrap();
        drop((first, second));
        assert!(
            gate.in_flight.lock().is_empty(),
            "an idle organization leaves nothing behind"
        );
    }

    #[test]
    fn what_can_never_succeed_has_no_retry_time() {
        let (gate, _clock) = gate();
        let one: Arc<str> = "acme".into();
        let large = gate.admit(&one, 1, 8_001).unwrap_err();
        assert_eq!(
            (large, large.retry_after()),
            (
                Refusal::TooLarge {
                    bytes: 8_001,
                    allowed: 8_000
                },
                None
            )
        );
        let many = gate.admit(&one, 1_001, 1).unwrap_err();
        assert_eq!(
            (many, many.retry_after()),
            (
                Refusal::TooMany {
                    records: 1_001,
                    allowed: 1_000
                },
                None
            )
        );
        let more = gate.admit(&one, 1_501, 1).unwrap_err();
        assert_eq!(
            more,
            Refusal::TooMany {
                records: 1_501,
                allowed: 1_500
            }
        );
        assert!(gate.in_flight.lock().is_empty());
    }

    #[test]
    fn new_limits_apply_and_what_is_in_flight_stays_counted() {
        let (gate, _clock) = gate();
        let one: Arc<str> = "acme".into();
        let held = gate.admit(&one, 1_000, 100).unwrap();
        let tighter = OrganizationLimits {
            in_flight_records: NonZeroU32::new(1_000).unwrap(),
            ..limits()
        };
        gate.reload(&tighter);
        assert!(matches!(
            gate.admit(&one, 1, 1).unwrap_err(),
            Refusal::InFlight { records: 1_000, .. }
        ));
        drop(held);
        drop(gate.admit(&one, 1_000, 1).unwrap());
    }

    #[test]
    fn organizations_that_went_quiet_are_forgotten() {
        let (gate, clock) = gate();
        for number in 0..20_000 {
            let organization: Arc<str> = format!("org-{number}").into();
            drop(gate.admit(&organization, 1, 1).unwrap());
            clock.advance(Duration::from_millis(1));
        }
        assert!(gate.rules.load().limiter.len() <= REMEMBERED_ORGANIZATIONS + 1);
    }
}
