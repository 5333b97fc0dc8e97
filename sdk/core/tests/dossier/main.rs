//! Questions to dossiers that a small notary in memory makes: every answer with its exact sentences.
//!
//! The sentences stand in `golden/`; `TRIALSEAL_BLESS=1 cargo test -p trialseal-core --test dossier` writes them
//! anew, to be read before they are kept.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests are tests too"
)]

mod approvals;
mod golden;
mod loading;
mod order;
mod packs;
mod places;
mod signers;
mod story;
mod tampering;
mod trial;
mod versions;
