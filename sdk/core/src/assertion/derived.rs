//! Whether an output was derived from what its record says.

use crate::dossier::Dossier;
use crate::identifiers::RegisterName;

use super::{Answer, Given};

/// Whether an output is on record as executed from inputs, programs and environments that came earlier and are
/// readable, and of which the given files match.
#[must_use]
pub fn derived(_dossier: &Dossier, register: &RegisterName, output: &Given, _given: &[Given]) -> Answer {
    Answer::not_provable(format!(
        "How {} was derived in {register} was not judged.",
        output.name
    ))
}
