//! The Trialseal API, generated from `trialseal/v1/*.proto` at build time.
//!
//! These types stay at the edges: they are parsed into the types of `trialseal-core`
//! as soon as they arrive.

/// Package `trialseal.v1`: services `Notary`, `Registers`, `Directory`, `Log` and `Operator`.
#[allow(clippy::all, reason = "generated")]
pub mod v1 {
    tonic::include_proto!("trialseal.v1");
}

/// The encoded `FileDescriptorSet` of everything above, with comments.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
