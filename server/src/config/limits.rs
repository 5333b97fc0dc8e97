//! The `[limits]` section: a bound on everything that callers can make grow.

use std::num::{NonZeroU32, NonZeroU64};

use serde::Deserialize;

/// Submissions in one message of a stream, at most.
pub const SUBMISSIONS_PER_MESSAGE_MAX: u32 = 1_000;

const MEBIBYTE: u64 = 1024 * 1024;

/// Limits of the whole notary. Where a unit is not in the name it is a count.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Records that may wait to be sequenced.
    pub queue_records: NonZeroU32,
    /// Bytes of the submissions that may wait to be sequenced.
    pub queue_bytes: NonZeroU64,
    /// Bytes of the journal; beyond it admission refuses until tiles and index have caught up.
    pub journal_bytes: NonZeroU64,
    /// Free bytes on the data directory's file system below which admission refuses.
    pub free_bytes_min: u64,
    /// Idempotency keys remembered at the same time.
    pub remembered_keys: NonZeroU64,
    /// Those of one organisation; 0 stands for a quarter of `remembered_keys`.
    pub remembered_keys_per_organization: u64,
    /// Limits of each organisation.
    pub organization: OrganizationLimits,
    /// Limits of connections.
    pub transport: TransportLimits,
}

/// Limits of each organisation by itself, so that one cannot crowd out the others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrganizationLimits {
    /// Records a second, sustained.
    pub records_per_second: NonZeroU32,
    /// Records at once after a pause; at least as many as one stream message holds.
    pub burst_records: NonZeroU32,
    /// Records that are admitted and not yet answered.
    pub in_flight_records: NonZeroU32,
    /// Bytes of the requests that are admitted and not yet answered.
    pub in_flight_bytes: NonZeroU64,
    /// Bytes of one request or one stream message.
    pub request_bytes: NonZeroU32,
}

/// Limits of connections. They apply from the next start.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransportLimits {
    /// Connections open at the same time on each listener.
    pub connections: NonZeroU32,
    /// Calls open at the same time on one connection.
    pub streams_per_connection: NonZeroU32,
    /// Seconds after which a connection is asked to end; clients connect again by themselves.
    pub connection_age_seconds: NonZeroU64,
    /// Seconds that such a connection has to finish its calls.
    pub connection_age_grace_seconds: NonZeroU64,
    /// Seconds without traffic after which a connection is asked whether it is alive.
    pub keepalive_seconds: NonZeroU64,
    /// Seconds that the answer to that may take.
    pub keepalive_timeout_seconds: NonZeroU64,
    /// Seconds that a unary call may take.
    pub call_seconds: NonZeroU64,
    /// Seconds that a TLS handshake may take.
    pub handshake_seconds: NonZeroU64,
    /// Seconds that a graceful stop waits for open calls.
    pub shutdown_seconds: NonZeroU64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_records: count(50_000),
            queue_bytes: long(64 * MEBIBYTE),
            journal_bytes: long(256 * MEBIBYTE),
            free_bytes_min: 512 * MEBIBYTE,
            remembered_keys: long(8_000_000),
            remembered_keys_per_organization: 0,
            organization: OrganizationLimits::default(),
            transport: TransportLimits::default(),
        }
    }
}

impl Default for OrganizationLimits {
    fn default() -> Self {
        Self {
            records_per_second: count(20_000),
            burst_records: count(100_000),
            in_flight_records: count(20_000),
            in_flight_bytes: long(32 * MEBIBYTE),
            request_bytes: count(16 * 1024 * 1024),
        }
    }
}

impl Default for TransportLimits {
    fn default() -> Self {
        Self {
            connections: count(1_000),
            streams_per_connection: count(1_000),
            connection_age_seconds: long(3_600),
            connection_age_grace_seconds: long(60),
            keepalive_seconds: long(30),
            keepalive_timeout_seconds: long(20),
            call_seconds: long(30),
            handshake_seconds: long(10),
            shutdown_seconds: long(30),
        }
    }
}

impl Limits {
    /// Idempotency keys that one organisation may have remembered at the same time.
    #[must_use]
    pub fn remembered_keys_of_one_organization(&self) -> u64 {
        match self.remembered_keys_per_organization {
            0 => self.remembered_keys.get().div_ceil(4),
            keys => keys,
        }
    }

    /// What is wrong between the values: the key below `limits`, and the problem.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let organization = &self.organization;
        if organization.burst_records.get() < SUBMISSIONS_PER_MESSAGE_MAX {
            let problem =
                format!("must be at least {SUBMISSIONS_PER_MESSAGE_MAX}, the records of one message");
            return Err(("organization.burst_records", problem));
        }
        if organization.in_flight_records.get() < SUBMISSIONS_PER_MESSAGE_MAX {
            let problem =
                format!("must be at least {SUBMISSIONS_PER_MESSAGE_MAX}, the records of one message");
            return Err(("organization.in_flight_records", problem));
        }
        if self.queue_records.get() < SUBMISSIONS_PER_MESSAGE_MAX {
            let problem =
                format!("must be at least {SUBMISSIONS_PER_MESSAGE_MAX}, the records of one message");
            return Err(("queue_records", problem));
        }
        let request_bytes = u64::from(organization.request_bytes.get());
        if organization.in_flight_bytes.get() < request_bytes {
            return Err((
                "organization.in_flight_bytes",
                "must be at least organization.request_bytes".into(),
            ));
        }
        if self.queue_bytes.get() < request_bytes {
            return Err((
                "queue_bytes",
                "must be at least organization.request_bytes".into(),
            ));
        }
        if self.remembered_keys_per_organization > self.remembered_keys.get() {
            return Err((
                "remembered_keys_per_organization",
                "must not be above remembered_keys".into(),
            ));
        }
        Ok(())
    }
}

/// Defaults are never zero; one that were would become 1.
const fn count(value: u32) -> NonZeroU32 {
    match NonZeroU32::new(value) {
        Some(value) => value,
        None => NonZeroU32::MIN,
    }
}

const fn long(value: u64) -> NonZeroU64 {
    match NonZeroU64::new(value) {
        Some(value) => value,
        None => NonZeroU64::MIN,
    }
}
