//! What is kept of an erased part, because the fold of the log needs it.
//!
//! An audit folds the log from its start and must arrive at the very state that the notary
//! has. So of `what` there remain the scope, the manifest's commitment, the links, the basis, and
//! the decision with its end: codes, dates and record ids, the first two restated by the tombstone anyway; of `who` the
//! organisation, and where the authority of a register rests on who signed, also the member and
//! in which capacity: pseudonymous codes. Of `why` nothing remains. No name, no key, no free
//! text, no time of signing, no salt, and nothing of this is ever shown.
//!
//! A residue is always at least 13 bytes shorter than its part: see
//! [`crate::stored::StoredPart`].

use bytes::Bytes;
use trialseal_core::{
    hash::{Hash, RecordId},
    identifiers::{MemberId, OrganizationId},
    index::LogIndex,
    json::{self, Object},
    note::VerifierKey,
    record::{Enrolment, Signer, What, When, Who},
    time::Instant,
};

use crate::{state::Said, stored::StoredPart};

/// The keys of `what` that remain.
const KEPT: [&str; 6] = ["basis", "decision", "links", "manifest", "scope", "valid_until"];

/// Stands for a member of whom nothing remains.
const NOBODY: &str = "erased";
/// Stands for a key of which nothing remains: that of the known answers, whose seed everybody knows.
const NO_KEY: &str = "notary.example/log1+fbc3fc6a+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";

/// A part that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ResidueError(String);

impl ResidueError {
    fn new(problem: impl ToString) -> Self {
        Self(problem.to_string())
    }
}

/// Whether the fold rests on who put this record there: who opened a register, who acted, who
/// countersigned.
fn rests_on_who(when: &When) -> bool {
    when.register.accounts_of().is_some()
        || Said::matters(&when.register, when.class, when.event, when.sequence)
}

/// What remains of `what`.
///
/// # Errors
/// If the text is no JSON object.
pub fn of_what(text: &[u8]) -> Result<Bytes, ResidueError> {
    let whole = json::parse(text).map_err(ResidueError::new)?;
    let mut kept = Object::new();
    for key in KEPT {
        if let Some(value) = whole.get(key) {
            kept.insert(key, value.clone());
        }
    }
    if kept.is_empty() {
        return Ok(Bytes::new());
    }
    Ok(Bytes::from(json::write(&kept)))
}

/// What remains of `who`.
///
/// # Errors
/// If the text is no part `who`.
pub fn of_who(text: &[u8], when: &When) -> Result<Bytes, ResidueError> {
    let who = Who::parse(text).map_err(|_| ResidueError::new("the part who cannot be read"))?;
    let mut kept = who.organization.to_string();
    if rests_on_who(when) {
        kept = format!("{kept}\n{}", who.member);
        if let Some(signer) = &who.signer {
            kept = format!("{kept}\n{}\n{}\n{}", signer.kind, signer.role, signer.meaning);
        }
    }
    Ok(Bytes::from(kept))
}

/// `what` as far as it is there: an erased one has its register, class and event from `when`.
///
/// # Errors
/// If the part, or what is left of it, cannot be read.
pub fn read_what(part: &StoredPart, when: &When) -> Result<What, ResidueError> {
    let erased = match part {
        StoredPart::Kept(kept) => {
            return What::parse(&kept.text).map_err(|all| violation(&all));
        }
        StoredPart::Erased(erased) => erased,
    };
    let mut object = match erased.residue.is_empty() {
        true => Object::new(),
        false => json::parse(&erased.residue).map_err(ResidueError::new)?,
    };
    object.insert("register", when.register.to_string());
    object.insert("class", when.class.as_str());
    object.insert("event", when.event.as_str());
    What::parse(json::write(&object).as_bytes()).map_err(|all| violation(&all))
}

/// `who` as far as it is there. Where it was erased, what only a signer would know has stand-ins:
/// this is for the fold of the log alone, and is never shown.
///
/// # Errors
/// If the part, or what is left of it, cannot be read.
pub fn read_who(part: &StoredPart) -> Result<Who, ResidueError> {
    let erased = match part {
        StoredPart::Kept(kept) => return Who::parse(&kept.text).map_err(|all| violation(&all)),
        StoredPart::Erased(erased) => erased,
    };
    let text = std::str::from_utf8(&erased.residue).map_err(ResidueError::new)?;
    let lines: Vec<&str> = text.split('\n').collect();
    let (organization, member, capacity) = match lines[..] {
        [organization] => (organization, NOBODY, None),
        [organization, member] => (organization, member, None),
        [organization, member, kind, role, meaning] => (organization, member, Some((kind, role, meaning))),
        _ => return Err(ResidueError::new("it has a number of lines that nobody writes")),
    };
    let signer = capacity.map(|(kind, role, meaning)| {
        Ok::<_, ResidueError>(Signer {
            name: NOBODY.to_owned(),
            role: role.parse().map_err(ResidueError::new)?,
            meaning: meaning.parse().map_err(ResidueError::new)?,
            kind: kind.parse().map_err(ResidueError::new)?,
            key: VerifierKey::parse(NO_KEY).map_err(ResidueError::new)?,
            signed_at: Instant::from_millis(0),
            enrolment: Enrolment {
                index: LogIndex::FIRST,
                record: RecordId::from_hash(Hash::from_bytes([0; 32])),
            },
        })
    });
    Ok(Who {
        organization: OrganizationId::new(organization).map_err(ResidueError::new)?,
        member: MemberId::new(member).map_err(ResidueError::new)?,
        signer: signer.transpose()?,
    })
}

fn violation(all: &[trialseal_core::record::FieldViolation]) -> ResidueError {
    ResidueError::new(all.first().map_or_else(
        || "malformed".to_owned(),
        |first| format!("{}: {}", first.field, first.problem),
    ))
}
