//! The exact bytes of log entries as the notary keeps them: in journal frames, in
//! memory until they are published, and in record bundles.
//!
//! ```text
//! batch payload = (u32 length || stored entry) per entry, then the checkpoint note
//! stored record = 0x01 || salt what, who, why, when (32 bytes each)
//!                 || u16 length of what, who, why, when || the four texts
//!                 || 0x01 || u16 length || submission note        (signed)
//!                  | 0x02 || idempotency key (32 bytes)           (draft)
//! stored statement = 0x02 || JSON
//! ```
//!
//! A record of which parts were erased has another form, see [`erased`].
//!
//! Integers are big-endian. The record root, and with it the log leaf, follows from
//! these bytes alone, so a damaged entry never goes unnoticed.

mod erased;
mod part;

use bytes::{BufMut as _, Bytes, BytesMut};
use trialseal_core::{
    entry::record_entry,
    hash::{Hash, Salt, sha256, sha256_of},
    record::RecordLeaves,
    salted::Tag,
    time::Instant,
};

pub use self::part::{ErasedPart, SaltedText, StoredPart};

const RECORD: u8 = 0x01;
const STATEMENT: u8 = 0x02;
const SIGNED: u8 = 0x01;
const DRAFT: u8 = 0x02;
const ERASED: u8 = 0x03;
const SALTS: usize = 4 * 32;

/// Stored bytes that cannot be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// The bytes end before the entry does.
    #[error("the stored entry is cut short")]
    Truncated,
    /// Bytes follow the end of the entry.
    #[error("bytes follow the end of the stored entry")]
    Trailing,
    /// The first byte names no known kind.
    #[error("unknown kind {0:#04x} of stored entry")]
    UnknownKind(u8),
    /// A text is not UTF-8.
    #[error("a stored text is not UTF-8")]
    NotText,
    /// A text is longer than its length field can say.
    #[error("a part is longer than 65,535 bytes")]
    TooLong,
}

/// How a submission was made, and its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// The signed note, which holds the idempotency key.
    Signed {
        /// The exact note.
        note: Bytes,
    },
    /// Composed by the notary for an authenticated account.
    Draft {
        /// The caller's key.
        idempotency_key: [u8; 32],
    },
    /// Signed, and the note, which names the signer, was erased with `who`.
    Erased {
        /// SHA-256 of the note.
        note: Hash,
        /// The submission's key, so that a repeat is still recognised.
        idempotency_key: [u8; 32],
        /// Until when it is remembered.
        not_after: Instant,
    },
}

impl Submitted {
    /// SHA-256 of the note, which `when.submission` repeats; none in a draft.
    #[must_use]
    pub fn note_hash(&self) -> Option<Hash> {
        match self {
            Self::Signed { note } => Some(sha256(note)),
            Self::Draft { .. } => None,
            Self::Erased { note, .. } => Some(*note),
        }
    }

    /// Whether it was signed, whether or not the note is still there.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        !matches!(self, Self::Draft { .. })
    }
}

/// A record as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Part `what`.
    pub what: StoredPart,
    /// Part `who`.
    pub who: StoredPart,
    /// Part `why`.
    pub why: StoredPart,
    /// Part `when`, which is never erased.
    pub when: SaltedText,
    /// Note or draft key.
    pub submitted: Submitted,
}

impl StoredRecord {
    /// The four salted leaves.
    #[must_use]
    pub fn leaves(&self) -> RecordLeaves {
        RecordLeaves {
            what: self.what.leaf(Tag::What),
            who: self.who.leaf(Tag::Who),
            why: self.why.leaf(Tag::Why),
            when: self.when.leaf(Tag::When),
        }
    }

    /// The parts that can be erased, in the order in which they are stored.
    #[must_use]
    pub fn erasable(&self) -> [&StoredPart; 3] {
        [&self.what, &self.who, &self.why]
    }

    /// True if a part was erased.
    #[must_use]
    pub fn has_erased(&self) -> bool {
        self.erasable().iter().any(|part| part.erased().is_some())
    }
}

/// One log entry as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "nearly every entry is a record")]
pub enum StoredEntry {
    /// A record with its parts.
    Record(StoredRecord),
    /// A public statement: the JSON of its log entry.
    Statement(Bytes),
}

impl StoredEntry {
    /// The public log entry: what is hashed into the tree.
    #[must_use]
    pub fn entry_bytes(&self) -> Bytes {
        match self {
            Self::Record(record) => Bytes::copy_from_slice(&record_entry(&record.leaves().root())),
            Self::Statement(json) => {
                let mut bytes = BytesMut::with_capacity(1 + json.len());
                bytes.put_u8(STATEMENT);
                bytes.put_slice(json);
                bytes.freeze()
            }
        }
    }

    /// What stays the same when parts are erased: the public entry and, of a draft, its key, which
    /// is in no hash of the log.
    #[must_use]
    pub fn identity(&self) -> Hash {
        let entry = self.entry_bytes();
        match self {
            Self::Record(StoredRecord {
                submitted: Submitted::Draft { idempotency_key },
                ..
            }) => sha256_of(&[&entry, idempotency_key]),
            _ => sha256(&entry),
        }
    }

    /// Appends the stored form.
    ///
    /// # Errors
    /// [`StoredError::TooLong`]; the limits of admission are far below.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), StoredError> {
        match self {
            Self::Record(record) => encode_record(record, out),
            Self::Statement(json) => {
                out.put_u8(STATEMENT);
                out.put_slice(json);
                Ok(())
            }
        }
    }

    /// Reads one stored entry that fills `bytes` exactly; texts share its memory.
    ///
    /// # Errors
    /// Any [`StoredError`].
    pub fn decode(bytes: &Bytes) -> Result<Self, StoredError> {
        let mut reader = Reader { bytes: bytes.clone() };
        match reader.u8()? {
            RECORD => decode_record(reader, 0).map(Self::Record),
            kind if erased::is_kind(kind) => decode_record(reader, erased::flags(kind)).map(Self::Record),
            STATEMENT => Ok(Self::Statement(reader.bytes)),
            other => Err(StoredError::UnknownKind(other)),
        }
    }
}

/// The text of a part as it is stored: what is left of it, where it was erased.
fn stored_text(part: &StoredPart) -> &Bytes {
    match part {
        StoredPart::Kept(kept) => &kept.text,
        StoredPart::Erased(erased) => &erased.residue,
    }
}

fn encode_record(record: &StoredRecord, out: &mut BytesMut) -> Result<(), StoredError> {
    let flags = erased::flags_of(record);
    out.put_u8(if flags == 0 { RECORD } else { erased::kind(flags) });
    for part in record.erasable() {
        out.put_slice(match part {
            StoredPart::Kept(kept) => kept.salt.as_bytes(),
            StoredPart::Erased(erased) => erased.leaf.as_bytes(),
        });
    }
    out.put_slice(record.when.salt.as_bytes());
    let [what, who, why] = record.erasable().map(stored_text);
    let texts = [what, who, why, &record.when.text];
    for text in texts {
        out.put_u16(length_u16(text)?);
    }
    for text in texts {
        out.put_slice(text);
    }
    erased::put_tombstones(record, out);
    match &record.submitted {
        Submitted::Signed { note } => {
            out.put_u8(SIGNED);
            out.put_u16(length_u16(note)?);
            out.put_slice(note);
        }
        Submitted::Draft { idempotency_key } => {
            out.put_u8(DRAFT);
            out.put_slice(idempotency_key);
        }
        Submitted::Erased {
            note,
            idempotency_key,
            not_after,
        } => {
            out.put_u8(ERASED);
            out.put_slice(note.as_bytes());
            out.put_slice(idempotency_key);
            out.put_i64(not_after.as_millis());
        }
    }
    Ok(())
}

/// Reads what follows the kind. `flags` say which parts were erased.
fn decode_record(mut reader: Reader, flags: u8) -> Result<StoredRecord, StoredError> {
    let salts = reader.take(SALTS)?;
    let hidden = |i: usize| {
        salts
            .get(i * 32..(i + 1) * 32)
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or(StoredError::Truncated)
    };
    let lengths = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
    let mut texts = [Bytes::new(), Bytes::new(), Bytes::new(), Bytes::new()];
    for (text, length) in texts.iter_mut().zip(lengths) {
        *text = reader.take(usize::from(length))?;
    }
    let [what, who, why, when] = texts;
    let mut part = |number: usize, text: Bytes| -> Result<StoredPart, StoredError> {
        let bytes = hidden(number)?;
        if flags >> number & 1 == 0 {
            let salt = Salt::from_bytes(bytes);
            return Ok(StoredPart::Kept(SaltedText { salt, text }));
        }
        Ok(StoredPart::Erased(ErasedPart {
            leaf: Hash::from_bytes(bytes),
            tombstone: erased::take_tombstone(&mut reader)?,
            residue: text,
        }))
    };
    let (what, who, why) = (part(0, what)?, part(1, who)?, part(2, why)?);
    let when = SaltedText {
        salt: Salt::from_bytes(hidden(3)?),
        text: when,
    };
    let submitted = decode_submitted(&mut reader)?;
    if !reader.bytes.is_empty() {
        return Err(StoredError::Trailing);
    }
    Ok(StoredRecord {
        what,
        who,
        why,
        when,
        submitted,
    })
}

fn decode_submitted(reader: &mut Reader) -> Result<Submitted, StoredError> {
    match reader.u8()? {
        SIGNED => {
            let length = reader.u16()?;
            Ok(Submitted::Signed {
                note: reader.take(usize::from(length))?,
            })
        }
        DRAFT => Ok(Submitted::Draft {
            idempotency_key: reader.array()?,
        }),
        ERASED => Ok(Submitted::Erased {
            note: Hash::from_bytes(reader.array()?),
            idempotency_key: reader.array()?,
            not_after: Instant::from_millis(i64::from_be_bytes(reader.array()?)),
        }),
        other => Err(StoredError::UnknownKind(other)),
    }
}

fn length_u16(bytes: &[u8]) -> Result<u16, StoredError> {
    u16::try_from(bytes.len()).map_err(|_| StoredError::TooLong)
}

/// A batch of stored entries in one buffer, as a journal frame's payload holds them.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    payload: BytesMut,
    ends: Vec<usize>,
}

impl BatchBuilder {
    /// Appends one entry.
    ///
    /// # Errors
    /// [`StoredError::TooLong`]; nothing is appended then.
    pub fn push(&mut self, entry: &StoredEntry) -> Result<(), StoredError> {
        let start = self.payload.len();
        self.payload.put_u32(0);
        if let Err(error) = entry.encode(&mut self.payload) {
            self.payload.truncate(start);
            return Err(error);
        }
        let length = u32::try_from(self.payload.len() - start - 4).map_err(|_| StoredError::TooLong)?;
        if let Some(field) = self.payload.get_mut(start..start + 4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
        self.ends.push(self.payload.len());
        Ok(())
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.payload.len()
    }

    /// The finished entries, sharing one buffer.
    #[must_use]
    pub fn finish(self) -> StoredBatch {
        StoredBatch {
            payload: self.payload.freeze(),
            ends: self.ends,
        }
    }
}

/// The stored entries of one batch.
#[derive(Debug, Clone, Default)]
pub struct StoredBatch {
    payload: Bytes,
    ends: Vec<usize>,
}

impl StoredBatch {
    /// Reads a frame's payload: `count` entries, then the checkpoint note.
    ///
    /// # Errors
    /// [`StoredError::Truncated`] or [`StoredError::NotText`].
    pub fn parse(payload: Bytes, count: usize) -> Result<(Self, String), StoredError> {
        let mut ends = Vec::with_capacity(count);
        let mut at = 0_usize;
        for _ in 0..count {
            let length = payload
                .get(at..at + 4)
                .and_then(|bytes| <[u8; 4]>::try_from(bytes).ok())
                .map(u32::from_be_bytes)
                .ok_or(StoredError::Truncated)?;
            at = at + 4 + length as usize;
            if at > payload.len() {
                return Err(StoredError::Truncated);
            }
            ends.push(at);
        }
        let note = payload.slice(at..);
        let note = std::str::from_utf8(&note)
            .map_err(|_| StoredError::NotText)?
            .to_owned();
        Ok((
            Self {
                payload: payload.slice(..at),
                ends,
            },
            note,
        ))
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The stored bytes of entry `position`, counted from 0.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<Bytes> {
        let end = *self.ends.get(position)?;
        let start = if position == 0 {
            0
        } else {
            *self.ends.get(position - 1)?
        };
        Some(self.payload.slice(start + 4..end))
    }

    /// The batch with another entry in the place of one.
    ///
    /// # Errors
    /// [`StoredError::Truncated`] if it has no entry there, [`StoredError::TooLong`].
    pub fn with(&self, position: usize, entry: &Bytes) -> Result<Self, StoredError> {
        if position >= self.len() {
            return Err(StoredError::Truncated);
        }
        let mut payload = BytesMut::with_capacity(self.payload.len());
        let mut ends = Vec::with_capacity(self.ends.len());
        for (at, kept) in self.iter().enumerate() {
            let bytes = if at == position { entry } else { &kept };
            payload.put_u32(u32::try_from(bytes.len()).map_err(|_| StoredError::TooLong)?);
            payload.put_slice(bytes);
            ends.push(payload.len());
        }
        Ok(Self {
            payload: payload.freeze(),
            ends,
        })
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = Bytes> + '_ {
        (0..self.len()).filter_map(|position| self.get(position))
    }

    /// The payload without the checkpoint note.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }
}

struct Reader {
    bytes: Bytes,
}

impl Reader {
    fn take(&mut self, length: usize) -> Result<Bytes, StoredError> {
        if self.bytes.len() < length {
            return Err(StoredError::Truncated);
        }
        Ok(self.bytes.split_to(length))
    }

    fn u8(&mut self) -> Result<u8, StoredError> {
        self.take(1)?.first().copied().ok_or(StoredError::Truncated)
    }

    fn u16(&mut self) -> Result<u16, StoredError> {
        self.array().map(u16::from_be_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StoredError> {
        let bytes = self.take(N)?;
        <[u8; N]>::try_from(bytes.as_ref()).map_err(|_| StoredError::Truncated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Place;

    fn part(byte: u8, text: &str) -> SaltedText {
        SaltedText {
            salt: Salt::from_bytes([byte; 32]),
            text: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    fn erased(byte: u8, residue: &'static str) -> StoredPart {
        StoredPart::Erased(ErasedPart {
            leaf: Hash::from_bytes([byte; 32]),
            tombstone: Place::new(0x01_0203_0405),
            residue: Bytes::from_static(residue.as_bytes()),
        })
    }

    fn records() -> Vec<StoredEntry> {
        let record = StoredRecord {
            what: part(1, "{\"class\":\"dataset\"}").into(),
            who: part(2, "{}").into(),
            why: part(3, "").into(),
            when: part(4, "{\"index\":7}"),
            submitted: Submitted::Signed {
                note: Bytes::from_static(b"text\n\n- a b\n"),
            },
        };
        let mut draft = record.clone();
        draft.submitted = Submitted::Draft {
            idempotency_key: [9; 32],
        };
        let mut without_why = record.clone();
        without_why.why = erased(3, "");
        let mut without_any = without_why.clone();
        (without_any.what, without_any.who) = (erased(4, "{}"), erased(5, "acme"));
        without_any.submitted = Submitted::Erased {
            note: Hash::from_bytes([6; 32]),
            idempotency_key: [7; 32],
            not_after: Instant::from_millis(-1),
        };
        vec![
            StoredEntry::Record(record),
            StoredEntry::Record(draft),
            StoredEntry::Record(without_why),
            StoredEntry::Record(without_any),
            StoredEntry::Statement(Bytes::from_static(b"{\"type\":\"open\"}")),
        ]
    }

    #[test]
    fn batches_round_trip_with_their_note() {
        let mut builder = BatchBuilder::default();
        for entry in records() {
            builder.push(&entry).unwrap();
        }
        let built = builder.finish();
        let mut bytes = built.payload().to_vec();
        bytes.extend_from_slice(b"the note\n");
        let (parsed, note) = StoredBatch::parse(Bytes::from(bytes), 5).unwrap();
        assert_eq!(note, "the note\n");
        let decoded: Vec<_> = parsed
            .iter()
            .map(|bytes| StoredEntry::decode(&bytes).unwrap())
            .collect();
        assert_eq!(decoded, records());
    }

    #[test]
    fn no_cut_and_no_extra_byte_is_accepted() {
        for entry in records() {
            let mut bytes = BytesMut::new();
            entry.encode(&mut bytes).unwrap();
            let whole = bytes.freeze();
            if matches!(entry, StoredEntry::Record(_)) {
                for length in 0..whole.len() {
                    assert!(
                        StoredEntry::decode(&whole.slice(..length)).is_err(),
                        "cut at {length}"
                    );
                }
                let mut longer = whole.to_vec();
                longer.push(0);
                assert_eq!(
                    StoredEntry::decode(&Bytes::from(longer)),
                    Err(StoredError::Trailing)
                );
            }
        }
    }
}
