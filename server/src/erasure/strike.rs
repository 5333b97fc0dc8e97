//! Striking parts out of a stored record.

use bytes::{Bytes, BytesMut};
use trialseal_core::{hash::RecordId, record::When, salted::Tag, vocabulary::ErasablePart};

use super::{
    Parts,
    residue::{self, ResidueError},
};
use crate::{
    chain::Place,
    facts::submission_of,
    stored::{ErasedPart, StoredEntry, StoredError, StoredPart, StoredRecord, Submitted},
};

/// A record that parts cannot be struck out of.
#[derive(Debug, thiserror::Error)]
pub enum StrikeError {
    /// It cannot be read.
    #[error("the stored record cannot be read: {0}")]
    Stored(#[from] StoredError),
    /// A part of it cannot be read.
    #[error("a part of the stored record cannot be read: {0}")]
    Part(String),
    /// Another record is there.
    #[error("the tombstone names record {named}, and {} is there", found.map_or_else(|| "no record".to_owned(), |found| found.to_string()))]
    Other {
        /// By the tombstone.
        named: RecordId,
        /// What is there.
        found: Option<RecordId>,
    },
}

impl From<ResidueError> for StrikeError {
    fn from(error: ResidueError) -> Self {
        Self::Part(error.to_string())
    }
}

/// The stored entry without the parts; none if none of them is there any more.
///
/// # Errors
/// If it is another record, or cannot be read.
pub fn strike_stored(
    stored: &Bytes,
    named: RecordId,
    parts: Parts,
    tombstone: Place,
) -> Result<Option<Bytes>, StrikeError> {
    let StoredEntry::Record(record) = StoredEntry::decode(stored)? else {
        return Err(StrikeError::Other { named, found: None });
    };
    let found = record.leaves().root();
    if found != named {
        return Err(StrikeError::Other {
            named,
            found: Some(found),
        });
    }
    let Some(struck) = strike(&record, parts, tombstone)? else {
        return Ok(None);
    };
    let mut bytes = BytesMut::with_capacity(stored.len());
    StoredEntry::Record(struck).encode(&mut bytes)?;
    Ok(Some(bytes.freeze()))
}

/// The record without the parts; none if none of them is there any more. Its leaves, and so its
/// id, stay as they are.
///
/// # Errors
/// If it cannot be read.
pub fn strike(
    record: &StoredRecord,
    parts: Parts,
    tombstone: Place,
) -> Result<Option<StoredRecord>, StrikeError> {
    let when = When::parse(&record.when.text).map_err(|_| StrikeError::Part("when".to_owned()))?;
    let mut struck = record.clone();
    let mut done = false;
    let mut part = |part: ErasablePart, tag: Tag, slot: &mut StoredPart| -> Result<(), StrikeError> {
        let StoredPart::Kept(kept) = slot else {
            return Ok(());
        };
        // An absent `why` has nothing to be erased, and its slot no room for a tombstone.
        if !parts.has(part) || kept.text.is_empty() {
            return Ok(());
        }
        let residue = match part {
            ErasablePart::What => residue::of_what(&kept.text)?,
            ErasablePart::Who => residue::of_who(&kept.text, &when)?,
            ErasablePart::Why | ErasablePart::Manifest => Bytes::new(),
        };
        *slot = StoredPart::Erased(ErasedPart {
            leaf: kept.leaf(tag),
            tombstone,
            residue,
        });
        done = true;
        Ok(())
    };
    part(ErasablePart::What, Tag::What, &mut struck.what)?;
    part(ErasablePart::Who, Tag::Who, &mut struck.who)?;
    part(ErasablePart::Why, Tag::Why, &mut struck.why)?;
    if let (Submitted::Signed { .. }, Some(note), Some(_)) = (
        &record.submitted,
        record.submitted.note_hash(),
        struck.who.erased(),
    ) {
        let (idempotency_key, not_after) =
            submission_of(record, when.received_at).map_err(|error| StrikeError::Part(error.to_string()))?;
        // The note names the signer and holds the signature.
        struck.submitted = Submitted::Erased {
            note,
            idempotency_key,
            not_after,
        };
    }
    Ok(done.then_some(struck))
}
