//! Whether a board approved a file.

use crate::dossier::Dossier;
use crate::identifiers::{OrganizationId, RegisterName};

use super::{Answer, Given};

/// Whether a board or an authority approved this file, by its own signed decision.
#[must_use]
pub fn approved_by(
    _dossier: &Dossier,
    register: &RegisterName,
    board: &OrganizationId,
    file: &Given,
) -> Answer {
    Answer::not_provable(format!(
        "Whether {board} approved {} in {register} was not judged.",
        file.name
    ))
}
