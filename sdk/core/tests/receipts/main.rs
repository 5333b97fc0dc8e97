//! Receipts, as others and as we make them: the verdict of each, and that no byte of a good one can
//! change.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests are tests too"
)]

mod attacks;
mod bytes;
mod common;
#[allow(dead_code, reason = "the tests of tokens use the rest of it")]
#[path = "../timestamps/forge.rs"]
mod forge;
mod notary;
mod policies;
mod random;
mod stamps;
mod vectors;
mod verdicts;
