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
//! Integers are big-endian. The record root, and with it the log leaf, follows from
//! these bytes alone, so a damaged entry never goes unnoticed.

use bytes::{BufMut as _, Bytes, BytesMut};
use trialseal_core::{
    entry::record_entry,
    hash::{Hash, Salt, sha256},
    record::RecordLeaves,
    salted::{Tag, salted_leaf},
};

const RECORD: u8 = 0x01;
const STATEMENT: u8 = 0x02;
const SIGNED: u8 = 0x01;
const DRAFT: u8 = 0x02;
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

/// A salt and the text it hides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaltedText {
    /// 32 random bytes.
    pub salt: Salt,
    /// UTF-8 JSON, or empty.
    pub text: Bytes,
}

impl SaltedText {
    /// The part's salted leaf.
    #[must_use]
    pub fn leaf(&self, tag: Tag) -> Hash {
        salted_leaf(tag, &self.salt, &self.text)
    }

    /// The text, or an error if it is not UTF-8.
    ///
    /// # Errors
    /// [`StoredError::NotText`].
    pub fn as_str(&self) -> Result<&str, StoredError> {
        std::str::from_utf8(&self.text).map_err(|_| StoredError::NotText)
    }
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
}

impl Submitted {
    /// SHA-256 of the note, which `when.submission` repeats; none in a draft.
    #[must_use]
    pub fn note_hash(&self) -> Option<Hash> {
        match self {
            Self::Signed { note } => Some(sha256(note)),
            Self::Draft { .. } => None,
        }
    }
}

/// A record as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Part `what`.
    pub what: SaltedText,
    /// Part `who`.
    pub who: SaltedText,
    /// Part `why`.
    pub why: SaltedText,
    /// Part `when`.
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
            RECORD => decode_record(reader).map(Self::Record),
            STATEMENT => Ok(Self::Statement(reader.bytes)),
            other => Err(StoredError::UnknownKind(other)),
        }
    }
}

fn encode_record(record: &StoredRecord, out: &mut BytesMut) -> Result<(), StoredError> {
    let parts = [&record.what, &record.who, &record.why, &record.when];
    out.put_u8(RECORD);
    for part in parts {
        out.put_slice(part.salt.as_bytes());
    }
    for part in parts {
        out.put_u16(length_u16(&part.text)?);
    }
    for part in parts {
        out.put_slice(&part.text);
    }
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
    }
    Ok(())
}

fn decode_record(mut reader: Reader) -> Result<StoredRecord, StoredError> {
    let salts = reader.take(SALTS)?;
    let salt = |i: usize| {
        salts
            .get(i * 32..(i + 1) * 32)
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(Salt::from_bytes)
            .ok_or(StoredError::Truncated)
    };
    let lengths = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
    let mut texts = [Bytes::new(), Bytes::new(), Bytes::new(), Bytes::new()];
    for (text, length) in texts.iter_mut().zip(lengths) {
        *text = reader.take(usize::from(length))?;
    }
    let [what, who, why, when] = texts;
    let submitted = match reader.u8()? {
        SIGNED => {
            let length = reader.u16()?;
            Submitted::Signed {
                note: reader.take(usize::from(length))?,
            }
        }
        DRAFT => Submitted::Draft {
            idempotency_key: reader
                .take(32)?
                .as_ref()
                .try_into()
                .map_err(|_| StoredError::Truncated)?,
        },
        other => return Err(StoredError::UnknownKind(other)),
    };
    if !reader.bytes.is_empty() {
        return Err(StoredError::Trailing);
    }
    Ok(StoredRecord {
        what: SaltedText {
            salt: salt(0)?,
            text: what,
        },
        who: SaltedText {
            salt: salt(1)?,
            text: who,
        },
        why: SaltedText {
            salt: salt(2)?,
            text: why,
        },
        when: SaltedText {
            salt: salt(3)?,
            text: when,
        },
        submitted,
    })
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
        let bytes = self.take(2)?;
        <[u8; 2]>::try_from(bytes.as_ref())
            .map(u16::from_be_bytes)
            .map_err(|_| StoredError::Truncated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(byte: u8, text: &str) -> SaltedText {
        SaltedText {
            salt: Salt::from_bytes([byte; 32]),
            text: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    fn records() -> Vec<StoredEntry> {
        let record = StoredRecord {
            what: part(1, "{\"class\":\"dataset\"}"),
            who: part(2, "{}"),
            why: part(3, ""),
            when: part(4, "{\"index\":7}"),
            submitted: Submitted::Signed {
                note: Bytes::from_static(b"text\n\n- a b\n"),
            },
        };
        let mut draft = record.clone();
        draft.submitted = Submitted::Draft {
            idempotency_key: [9; 32],
        };
        vec![
            StoredEntry::Record(record),
            StoredEntry::Record(draft),
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
        let (parsed, note) = StoredBatch::parse(Bytes::from(bytes), 3).unwrap();
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
