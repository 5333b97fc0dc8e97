//! The Trialseal notary: puts salted commitments on record in one append-only log.
//!
//! A submission passes the stages that the modules are named after: [`admit`] (who is
//! asking, is it well-formed, may they), [`sequence`] and [`seal`] (its place, decided
//! against [`state`] at exactly this index), the [`journal`] (durable), [`publish`]
//! (immutable files). `docs/architecture.md` has the invariants.

pub mod account_record;
pub mod admit;
pub mod audit;
pub mod backup;
pub mod bundle;
pub mod carried;
pub mod chain;
pub mod clock;
pub mod closed;
pub mod codec;
pub mod config;
pub mod durable;
pub mod erasure;
pub mod evidence;
pub mod facts;
pub mod fs;
pub mod http;
pub mod http_server;
pub mod journal;
pub mod keys;
pub mod layout;
pub mod limits;
pub mod listing;
pub mod mirror;
pub mod notary;
pub mod openings;
pub mod outbound;
pub mod publish;
pub mod reads;
pub mod recover;
pub mod refusal;
pub mod rotate;
pub mod rpc;
pub mod seal;
pub mod sequence;
pub mod serve;
mod signals;
pub mod signer_state;
pub mod state;
pub mod stored;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod tls;
pub mod view;
pub mod witness;
