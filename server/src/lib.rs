//! The Trialseal notary.

pub mod config;
pub mod durable;
pub mod fs;
pub mod journal;
pub mod limits;
