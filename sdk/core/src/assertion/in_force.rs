//! Which version was in force at a site on a day.

use crate::dossier::Dossier;
use crate::hash::RecordId;
use crate::identifiers::{Code, RegisterName};
use crate::time::Date;
use crate::vocabulary::Class;

use super::Answer;

/// What was in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The answer, as known now.
    pub answer: Answer,
    /// The `activated` record that was in force, as known now.
    pub version: Option<RecordId>,
    /// One sentence, by what was on record at the end of that day.
    pub as_known_on_the_day: String,
    /// One sentence, by what is on record now.
    pub as_known_now: String,
}

/// Which version of a class was in force at a site on a local day.
#[must_use]
pub fn in_force(
    _dossier: &Dossier,
    register: &RegisterName,
    class: Class,
    site: &Code,
    day: Date,
) -> InForce {
    let sentence = format!("Which {class} was in force at {site} on {day} in {register} was not judged.");
    InForce {
        answer: Answer::not_provable(sentence.clone()),
        version: None,
        as_known_on_the_day: sentence.clone(),
        as_known_now: sentence,
    }
}
