//! Whether distinct persons signed a record in given roles.

use crate::dossier::Dossier;
use crate::hash::RecordId;
use crate::vocabulary::Role;

use super::Answer;

/// Whether for each role a distinct person signed the record, who held the role by a grant at that index.
#[must_use]
pub fn countersigned(_dossier: &Dossier, record: &RecordId, _roles: &[Role]) -> Answer {
    Answer::not_provable(format!("Who signed {record} was not judged."))
}
