//! Whether all versions of something are shown.

use crate::dossier::Dossier;
use crate::hash::RecordId;
use crate::identifiers::RegisterName;
use crate::vocabulary::Class;

use super::Answer;

/// Whether every record of a class is among those shown.
#[must_use]
pub fn only_versions(
    _dossier: &Dossier,
    register: &RegisterName,
    class: Class,
    _shown: &[RecordId],
) -> Answer {
    Answer::not_provable(format!(
        "Whether all of class {class} in {register} are shown was not judged."
    ))
}
