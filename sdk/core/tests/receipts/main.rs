//! Receipts, as others and as we make them: the verdict of each, and that no byte of a good one can
//! change.

mod bytes;
mod common;
mod notary;
mod random;
mod vectors;
mod verdicts;
