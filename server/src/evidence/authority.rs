//! Asking one timestamp authority for a token (RFC 3161).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant as Monotonic;
use trialseal_core::{
    hash::Hash,
    time::Instant,
    timestamp::{MAX_RESPONSE_BYTES, QUERY_MEDIA_TYPE, Query, REPLY_MEDIA_TYPE, Response, ResponseError},
};

use super::{
    clock::Sample,
    party::{FailureKind, Party},
    witness::kind_of,
};
use crate::{clock::Clock, config::AuthorityPlace, outbound::Outbound};

/// One authority, and what asking it takes.
pub(super) struct AuthorityClient {
    pub(super) place: AuthorityPlace,
    pub(super) party: Arc<Party>,
    pub(super) outbound: Outbound,
    pub(super) timeout: Duration,
    pub(super) bound: Duration,
    pub(super) clock: Arc<dyn Clock>,
}

impl AuthorityClient {
    /// Has an imprint stamped: a token that was verified whole, with its nonce and up to a root of
    /// the trust file. `signed` is when the checkpoint was signed.
    pub(super) async fn stamp(&self, imprint: Hash, signed: Instant) -> Result<Bytes, FailureKind> {
        let nonce: u64 = rand::random();
        let query = Query { imprint, nonce }.to_der();
        let asked = Monotonic::now();
        let answer = self
            .outbound
            .post(
                &self.place.url,
                QUERY_MEDIA_TYPE,
                query,
                MAX_RESPONSE_BYTES,
                self.timeout,
            )
            .await
            .map_err(|error| kind_of(&error))?;
        if answer.status != StatusCode::OK {
            return Err(FailureKind::Status);
        }
        if !answer.is_of_type(REPLY_MEDIA_TYPE) {
            return Err(FailureKind::Garbage);
        }
        let token = Response::parse(&answer.body).map_err(|error| {
            tracing::warn!(name = self.party.name, %error, "a timestamp authority gave no token");
            match error {
                ResponseError::Refused { .. } => FailureKind::Refused,
                _ => FailureKind::Garbage,
            }
        })?;
        let verified = token.check(&imprint, Some(nonce), &self.place.authority);
        let verified = verified.map_err(|error| {
            tracing::warn!(name = self.party.name, %error, "a timestamp token does not verify");
            FailureKind::Signature
        })?;
        let accuracy = i64::try_from(verified.accuracy_millis).unwrap_or(i64::MAX);
        self.party
            .told_time(Sample::new(verified.gen_time, accuracy, asked));
        let bound = i64::try_from(self.bound.as_millis()).unwrap_or(i64::MAX);
        let slack = bound.saturating_add(accuracy);
        let early = verified.gen_time.plus_millis(slack) < Instant::from_seconds(signed.seconds());
        let late = verified.gen_time > self.clock.now().plus_millis(slack);
        if early || late {
            return Err(FailureKind::Time);
        }
        Ok(Bytes::copy_from_slice(token.as_der()))
    }
}
