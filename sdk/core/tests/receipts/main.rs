//! Receipts as others made them: the verdict of each, and that no byte of a good one can change.

mod bytes;
mod common;
mod vectors;
