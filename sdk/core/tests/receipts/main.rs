//! Receipts, as others and as we make them: the verdict of each, and that no byte of a good one can
//! change.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests are tests too"
)]

mod bytes;
mod common;
mod notary;
mod policies;
mod random;
mod vectors;
mod verdicts;
