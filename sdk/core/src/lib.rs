//! Formats and verification of Trialseal, a notary for clinical-trial data.
//!
//! A sponsor, a CRO or a pipeline sends the notary salted commitments to files. The notary orders
//! them in one append-only Merkle log, signs each new root and returns a receipt. This crate holds
//! the bytes that leave the notary and the code that judges them, so that a receipt can be checked
//! decades later without the service.
//!
//! It is pure: no input or output, no clock (time is an argument), no randomness, no `unsafe`, no C.
//! Every external value is hostile until it is parsed into one of the types here.
//!
//! | to | start at |
//! | --- | --- |
//! | hash, and read or write hex and base64 | [`hash`], [`encoding`], [`salted`] |
//! | read or write the strict JSON of records and receipts | [`json`] |
//! | build and verify Merkle trees | [`merkle`], [`tile`] |
//! | sign and verify checkpoints | [`note`], [`checkpoint`], [`tlog_proof`] |
//! | read the log | [`entry`] |
//! | compose and admit records | [`record`], [`submission`], [`manifest`], [`vocabulary`], [`identifiers`] |
//! | say who may do what in a register, and what it is worth | [`authority`] |
//! | export evidence to tools of SCITT | [`cose`] |
//! | ask a timestamp authority, and verify its token | [`timestamp`] |
//! | see whether a register is whole | [`register_chain`], [`register_statement`] |
//! | read, extend and judge receipts | [`receipt`], [`trust`], [`verify`](mod@verify) |
//! | put receipts together and ask questions of them | [`dossier`], [`assertion`], [`pack`], [`anomaly`] |

pub mod anomaly;
pub mod assertion;
pub mod authority;
pub mod checkpoint;
pub mod checkpoint_chain;
pub mod cose;
pub mod dossier;
pub mod encoding;
pub mod entry;
pub mod hash;
pub mod identifiers;
pub mod index;
pub mod json;
pub mod manifest;
pub mod merkle;
pub mod note;
pub mod pack;
pub mod receipt;
pub mod record;
pub mod register_chain;
pub mod register_statement;
pub mod salted;
pub mod submission;
pub mod tile;
pub mod time;
pub mod timestamp;
pub mod tlog_proof;
pub mod trust;
pub mod verify;
pub mod vocabulary;
pub mod zone;
