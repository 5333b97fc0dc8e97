//! The Trialseal notary.

pub mod config;
pub mod limits;
