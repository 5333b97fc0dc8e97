//! What a tombstone must say, and what it may ask for.

use trialseal_core::{
    record::{FieldViolation, What, When},
    vocabulary::ErasablePart,
};

use super::Admission;
use crate::{
    erasure::{Requested, residue::read_what, rests_on_what},
    refusal::Refusal,
    stored::{StoredEntry, StoredRecord},
};

impl Admission<'_> {
    /// What a record asks to be erased, if it is a tombstone.
    ///
    /// # Errors
    /// If the record that it names is not there, or may not be erased so.
    pub(super) fn check_erasure(&self, what: &What) -> Result<Option<Requested>, Refusal> {
        let Some(requested) = Requested::of(what, &self.chain.present().origin) else {
            return Ok(None);
        };
        let refused = |field: &str, problem: &str| Refusal::field(field, problem.to_owned());
        let Some(log) = self.chain.by_origin(&requested.log) else {
            return Err(refused(
                "what.links",
                "the record to be erased is in a log that this notary does not have",
            ));
        };
        let stored = log.view.stored(requested.index).map_err(|error| {
            tracing::error!(%error, index = %requested.index, "a record to be erased cannot be read");
            Refusal::Internal
        })?;
        let Some(StoredEntry::Record(stored)) = stored else {
            return Err(refused("what.erased.index", "there is no record at this index"));
        };
        if stored.leaves().root() != requested.record {
            return Err(refused("what.erased.record", "another record is at this index"));
        }
        let when = When::parse(&stored.when.text).map_err(|_| Refusal::Internal)?;
        if when.register != what.register {
            return Err(refused(
                "what.register",
                "a tombstone stands in the register of the record that it names",
            ));
        }
        let violations = self.violations(what, &requested, &stored, &when)?;
        if violations.is_empty() {
            Ok(Some(requested))
        } else {
            Err(Refusal::Invalid(violations))
        }
    }

    fn violations(
        &self,
        what: &What,
        requested: &Requested,
        stored: &StoredRecord,
        when: &When,
    ) -> Result<Vec<FieldViolation>, Refusal> {
        let mut found = Vec::new();
        let mut refuse = |field: &str, problem: String| found.push(FieldViolation::new(field, problem));
        let of = read_what(&stored.what, when).map_err(|error| {
            tracing::error!(%error, index = %requested.index, "a record to be erased cannot be read");
            Refusal::Internal
        })?;
        // A date is a whole day.
        if let Some(until) = of.retain_until.filter(|until| *until >= self.now.date()) {
            refuse(
                "what.erased",
                format!(
                    "the record has to be kept until the end of {until}; nothing of it may be erased before"
                ),
            );
        }
        let has = |part| requested.parts.has(part);
        if !requested.parts.iter().any(|part| is_there(stored, part)) {
            refuse(
                "what.erased.parts",
                "nothing of these parts is there any more".to_owned(),
            );
        }
        // Whether what was erased is gone could not be told of a part that never was there.
        if has(ErasablePart::Why) && stored.why.text().is_some_and(|text| text.is_empty()) {
            refuse(
                "what.erased.parts",
                "name why, and the record never had one".to_owned(),
            );
        }
        if has(ErasablePart::What) && rests_on_what(of.class, of.event) {
            refuse(
                "what.erased.parts",
                format!(
                    "what of a record {} {} cannot be erased: the rules of the register rest on it, and it holds codes only",
                    of.class, of.event
                ),
            );
        } else if has(ErasablePart::What) {
            restated(what, &of, &mut refuse);
        }
        Ok(found)
    }
}

/// Whether there is something to be erased.
fn is_there(stored: &StoredRecord, part: ErasablePart) -> bool {
    let kept = match part {
        ErasablePart::What => &stored.what,
        ErasablePart::Who => &stored.who,
        ErasablePart::Why => &stored.why,
        // Whether it was opened is not known here; erasing nothing does no harm.
        ErasablePart::Manifest => return true,
    };
    kept.kept().is_some()
}

/// The tombstone says what remains to be known of a `what` that is erased.
fn restated(what: &What, of: &What, refuse: &mut impl FnMut(&str, String)) {
    let erased = what.erased.as_ref();
    for (field, same, expected) in [
        (
            "what.erased.class",
            erased.and_then(|erased| erased.class) == Some(of.class),
            of.class.to_string(),
        ),
        (
            "what.erased.event",
            erased.and_then(|erased| erased.event) == Some(of.event),
            of.event.to_string(),
        ),
        ("what.scope", what.scope == of.scope, "as it is there".to_owned()),
        (
            "what.manifest",
            what.manifest == of.manifest,
            "as it is there".to_owned(),
        ),
    ] {
        if !same {
            refuse(field, format!("a tombstone of what restates it: {expected}"));
        }
    }
}
