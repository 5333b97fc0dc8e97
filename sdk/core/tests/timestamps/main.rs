//! RFC 3161 tokens, as other programs made them and as nobody should: the verdict on each, and that no
//! byte of a good one can change what it says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests are tests too"
)]

mod fixtures;
mod flips;
#[allow(dead_code, reason = "the tests of receipts use the rest of it")]
mod forge;
mod forged;
