//! What every fuzz target does with its bytes.
//!
//! `tests/fuzz_corpus.rs` of `trialseal-core` runs the same functions on the corpus and on mutations of
//! it, with a stable compiler and in bounded time. To add a target: a function in `targets.rs` and its
//! line in `TARGETS`, a file in `fuzz_targets/` with its `[[bin]]` in `Cargo.toml`, and seeds in
//! `corpus/<target>/`.

pub mod targets;
