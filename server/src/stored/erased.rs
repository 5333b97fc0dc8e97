//! The stored form of a record of which parts were erased.
//!
//! ```text
//! record = (0x08 | flags) || salt, or leaf where erased, of what, who, why; salt of when
//!          || u16 length of what, who, why, when || the four texts, or what is left of them
//!          || for each erased part, in the same order: place of the tombstone (5 bytes)
//!          || 0x01 || u16 length || submission note        (signed)
//!           | 0x02 || idempotency key (32 bytes)           (draft)
//!           | 0x03 || SHA-256 of the note || idempotency key || i64 not after
//!                                                          (signed, erased with who)
//! ```
//!
//! Flags: 1 `what`, 2 `who`, 4 `why`. It is never longer than the record was before: a
//! journal frame that is rewritten must still fit into its place.

use bytes::{BufMut as _, BytesMut};

use super::{Reader, StoredError, StoredRecord};
use crate::chain::Place;

const KIND: u8 = 0x08;
const FLAGS: u8 = 0x07;
const PLACE_BYTES: usize = 5;

/// Whether the first byte says that parts were erased.
pub(super) fn is_kind(kind: u8) -> bool {
    kind & !FLAGS == KIND && kind & FLAGS != 0
}

/// The first byte for parts by their flags.
pub(super) fn kind(flags: u8) -> u8 {
    KIND | flags
}

/// The flags in the first byte.
pub(super) fn flags(kind: u8) -> u8 {
    kind & FLAGS
}

/// The flags of the erased parts.
pub(super) fn flags_of(record: &StoredRecord) -> u8 {
    let parts = record.erasable().into_iter();
    let erased = (0_u8..).zip(parts).filter(|(_, part)| part.erased().is_some());
    erased.fold(0, |flags, (number, _)| flags | 1 << number)
}

pub(super) fn put_tombstones(record: &StoredRecord, out: &mut BytesMut) {
    for erased in record.erasable().into_iter().filter_map(|part| part.erased()) {
        out.put_uint(erased.tombstone.get(), PLACE_BYTES);
    }
}

pub(super) fn take_tombstone(reader: &mut Reader) -> Result<Place, StoredError> {
    let place = reader.array::<PLACE_BYTES>()?;
    let place = place.iter().fold(0, |place, byte| place << 8 | u64::from(*byte));
    Ok(Place::new(place))
}
