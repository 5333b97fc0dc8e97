//! The Trialseal SDK: hash files, sign, submit, verify every receipt.
//!
//! ```no_run
//! # use trialseal::{Client, Passphrase, Signatory, SignerKind, Token};
//! # async fn example(trust: trialseal::Trust, enrolment: trialseal::Enrolment) -> Result<(), Box<dyn std::error::Error>> {
//! use trialseal::{Class, Event, FileToHash, Meaning, MemberKey, Role, Submission};
//! let key = MemberKey::load("member.key", &Passphrase::read("passphrase")?)?;
//! let signatory = Signatory { key, name: "Jane Doe".into(), kind: SignerKind::Person, enrolment };
//! let token: Token = std::fs::read_to_string("token")?.parse()?;
//! let client = Client::connect("https://notary.example.org", &token, trust).await?;
//! let files = trialseal::hash_files(&[FileToHash::single("sap-v2.0.pdf")?], &Default::default())?;
//! let register = "trial:NCT04573309".parse()?;
//! let submission = Submission::new(register, Class::StatisticalAnalysisPlan, Event::Finalised)
//!     .version("2.0".parse()?).files(&files).signed_as(Role::Statistician, Meaning::Approval)
//!     .sign(&signatory, client.log(), trialseal::now())?;
//! let recorded = client.submit(&submission).await?;
//! std::fs::write("sap-v2.0.pdf.receipt.json", recorded.receipt.to_json_pretty())?;
//! # Ok(()) }
//! ```
//!
//! What is sent are salted commitments, never a file and never a file's digest; the salts stay in
//! the receipt. Every receipt is verified before it is handed over. What may be on record although
//! no answer came is told apart from what is not ([`ClientError`]), and the same bytes can always
//! be sent again: keep them in a [`PendingFolder`] until the receipt is saved.
//!
//! | to | start at |
//! | --- | --- |
//! | hash files and folders | [`hash_files`], [`list_folder`] |
//! | make and load a signing key | [`MemberKey`] |
//! | build what is submitted | [`Submission`] |
//! | grant, countersign, decide, lock, unblind, open, erase | [`records`] |
//! | submit one, many, or a stream | [`Client::submit`], [`Client::submit_many`], [`Client::submit_stream`] |
//! | survive a crash between sending and saving | [`PendingFolder`] |
//! | read a register, its statement, roles, what is pending | [`Client::read_register`], [`Client::roles`], [`Client::pending_acts`] |
//! | wait for witnesses and timestamps | [`Client::submit_until`], [`Client::upgrade`] |
//! | get fresh evidence without the notary | [`mirror::refresh`] |
//! | verify a receipt offline | [`core::verify`] |

mod accept;
mod checkpoints;
mod client;
pub mod durable;
mod error;
mod hashing;
mod keys;
pub mod mirror;
mod pending;
pub mod records;
mod submission;
#[cfg(test)]
mod testing;
mod token;

pub use accept::{BatchOutcome, Recorded, RefusedSubmission, SealedRecord};
pub use checkpoints::CheckedCheckpoint;
pub use client::{
    BATCH_MAX, Client, ClientOptions, EnrolledKey, EnrolledMember, FoundFile, HeldRole, ListFilter,
    ListOrder, OpeningHead, Organization, OwnAccount, PendingAct, ReadCount, ReadRange, ReadRecord,
    ReadsPage, RecordPage, RecordPlace, RecordRef, RecordSummary, RegisterPage, RegisterRead, RegisterReader,
    RegisterSummary, RetryPolicy, Roles, SignAndSubmitError, Stated, StreamBroken, TrialClaim, Upgraded,
    Wait, WithheldPart, WithheldWhy, now,
};
pub use error::{ClientError, SetupError};
pub use hashing::{
    FileToHash, HashError, HashOptions, HashProgress, HashedFile, Listing, hash_files, list_folder,
};
pub use keys::{KeyError, MemberKey, Passphrase, public_path};
pub use mirror::{Mirror, MirrorError, MirrorOptions};
pub use pending::{Outgoing, OutgoingRef, Pending, PendingError, PendingFolder};
pub use submission::{Draft, PrepareError, Prepared, PreparedError, Signatory, Submission, statement};
pub use token::{Token, TokenError};
pub use trialseal_core as core;
pub use trialseal_core::record::{Enrolment, Link};
pub use trialseal_core::trust::{Level, Trust};
pub use trialseal_core::vocabulary::{Class, Event, Meaning, Purpose, Role, SignerKind};
