//! What the whole-system tests need: real notaries as processes, callers of every kind, and
//! checks that share no code with the server.
//!
//! The tests lie beside this folder, one file a subject:
//!
//! | file | tries to break |
//! | --- | --- |
//! | `crash.rs` | that what was acknowledged survives SIGKILL at any moment |
//! | `damage.rs` | that damaged, missing or old files are repaired or refused |
//! | `rolled.rs` | a log whose journal has moved on: snapshots, tiles, bundles, backups |
//! | `rotation.rs` | a log that is rotated to its next origin |
//! | `pkcs11.rs` | a log whose key is in a token |
//! | `operations.rs` | a full disk, a stop under load, a reload, TLS, listening addresses |
//! | `accounts.rs` | tokens and members that end, limits of one organisation |
//! | `mirror.rs` | a second, verified copy of the log: forks, kills, a notary that is gone |
//! | `public_log.rs` | tiles, checkpoints, metrics, and that nothing secret is among them |
//! | `permissions.rs` | what each role may do and see, by planted values |
//! | `bad_input.rs` | admission: each malformed submission, and that nothing of it is stored |
//! | `clock.rs` | a clock that steps back |
//! | `exports.rs` | the COSE key and receipts, and `upgrade` of a folder of receipts |
//! | `witnesses.rs` | witnesses as processes: what they promise, and a notary that relies on them |
//! | `evidence.rs` | levels: witnesses and authorities that are killed, hang, come back |
//! | `attacks.rs` | forks, roll-backs, witnesses and authorities that lie |
//! | `trial.rs` | a whole trial, told by those who take part: every assertion, every forgery |
//! | `real_files.rs` | the way of real files through the command line, and two verifiers |
//!
//! The programs under test are taken from the folder that the test itself was built into: build
//! the whole workspace first.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too: they fail by panicking and say so on standard error"
)]

pub mod authority;
pub mod caller;
pub mod evidence;
pub mod forge;
pub mod http;
pub mod independent;
pub mod json_mapping;
pub mod log;
pub mod mirror;
pub mod notary;
pub mod process;
pub mod programs;
pub mod raw;
pub mod story;
pub mod witness;
pub mod world;
