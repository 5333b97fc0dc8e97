//! A mirror: follows one log over HTTP tiles (C2SP tlog-tiles), verifies everything, keeps it and serves the same
//! files at the same paths, also when the notary is gone.
//!
//! It believes nothing but the two keys of the log. It hashes every entry and every tile itself, and takes a
//! checkpoint over only when the entries lead to its root from the tree that the mirror has. A checkpoint with
//! valid signatures that contradicts it is written down as evidence ([`AlarmKind::Fork`]), and never served.

mod alarm;
mod checkpoint;
mod config;
mod entries;
mod follow;
mod http;
mod prefix;
mod serve;
mod status;
mod store;
#[cfg(test)]
mod tests;
mod tree;
mod upstream;

pub use alarm::{AlarmKind, PrefixProof};
pub use checkpoint::LogTrust;
pub use config::{FILE_NAME, InitSettings, MirrorConfig, init};
pub use entries::EntryProblem;
pub use follow::{FollowError, Followed, Follower};
pub use serve::{MirrorError, mirror};
pub use store::{Store, StoreError};
pub use upstream::FetchError;
