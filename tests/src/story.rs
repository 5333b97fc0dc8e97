//! A trial as it could be: ten months, fourteen organisations, three countries, two logs.
//!
//! It is told by those who take part, through the SDK, to a notary whose clock the story sets
//! ([`crate::world`]). One function a chapter; every record has a name, under which the tests and the
//! demonstration find its receipt. The trial and everybody in it are made up; the files are real where
//! real ones are at hand ([`files`]).

mod analysis;
mod conduct;
mod crooked;
pub mod files;
mod papers;
mod people;
pub mod questions;
mod sequel;
mod start;
mod tale;
mod words;

use std::path::Path;

use crate::world::World;

pub use conduct::PLANTED_REASON;
pub use people::kind_of;
pub use tale::{ACCEPTED, Person, Refused, Tale, Told};

/// The register of the trial.
pub const REGISTER: &str = "trial:NCT04573309";
/// The register of another trial, in which people try what they should not.
pub const CROOKED: &str = "trial:NCT03421379";
/// A register by a sponsor's own number, which claims the first trial.
pub const NUMBERED: &str = "trial:sham-pharma:77";
/// The log that it begins in.
pub const FIRST_LOG: &str = "notary.example.org/2026";
/// The log that it goes on in.
pub const SECOND_LOG: &str = "notary.example.org/2026-2";

/// A member of [`enrol_one`].
pub const ANYBODY: &str = "nordpharma/m-lund";

/// Enrols one organisation with one member.
pub async fn enrol_one(tale: &mut Tale) {
    people::enrol_organization(tale, "nordpharma", "sponsor", &[("m-lund", "Astrid Lund")]).await;
}

/// Tells the whole story in an empty folder. The notary runs on.
pub async fn tell(root: &Path) -> Tale {
    let world = World::begin(root, FIRST_LOG, "2026-01-05T08:00:00Z").await;
    let mut tale = Tale::new(world, REGISTER);
    people::enrol(&mut tale).await;
    start::registration(&mut tale).await;
    start::grants(&mut tale).await;
    start::documents(&mut tale).await;
    start::approvals(&mut tale).await;
    start::sites_open(&mut tale).await;
    conduct::first_amendment(&mut tale).await;
    conduct::urgent_safety_measure(&mut tale).await;
    conduct::code_break_and_monitoring(&mut tale).await;
    conduct::suspension(&mut tale).await;
    conduct::second_amendment(&mut tale).await;
    tale.on("2026-07-01T06:00:00Z");
    tale.rotate(SECOND_LOG, "notary-2").await;
    conduct::lapse_and_renewal(&mut tale).await;
    analysis::blind_review(&mut tale).await;
    analysis::locks(&mut tale).await;
    analysis::unblinding(&mut tale).await;
    analysis::outputs(&mut tale).await;
    sequel::unlocked_after_unblinding(&mut tale).await;
    sequel::hand_over(&mut tale).await;
    sequel::erasure(&mut tale).await;
    crooked::what_shows(&mut tale).await;
    crooked::what_is_refused(&mut tale).await;
    tale
}
