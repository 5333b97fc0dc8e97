//! Record bundles: the stored bytes of 256 consecutive log entries in one file.
//!
//! Contents behind the common header: first index (u64), 256 end offsets (u32, counted
//! from the end of the table), then the stored entries. Big-endian.

use std::path::Path;

use bytes::Bytes;

use crate::{
    codec::{Malformed, Reader, Writer},
    durable::{DurableError, Envelope, HEADER_BYTES},
    fs::{File, FileSystem},
    layout::TILE,
    stored::StoredEntry,
    view::ViewError,
};

/// The kind and version of record bundles.
pub const RECORDS: Envelope = Envelope {
    magic: *b"TSRECORD",
    version: 1,
};
/// A bundle's largest size: 256 entries of parts, note and statement at their limits.
pub const BUNDLE_BYTES_MAX: u64 = 64 << 20;
/// A stored entry at its limits: four parts, a note, salts and lengths, or a statement.
const ENTRY_BYTES_MAX: u32 = 512 << 10;
const TABLE: usize = 8 + 4 * 256;

/// The file of a bundle. `entries` are 256 stored entries.
#[must_use]
pub fn encode(first: u64, entries: &[Bytes]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.u64(first);
    let mut end = 0_usize;
    for entry in entries {
        end += entry.len();
        writer.count(end);
    }
    for entry in entries {
        writer.raw(entry);
    }
    RECORDS.seal(&writer.finish())
}

/// The stored entries of a bundle, sharing its memory.
///
/// # Errors
/// What the header says, or a table that does not fit.
pub fn decode(path: &Path, file: Vec<u8>, first: u64) -> Result<Vec<Bytes>, DurableError> {
    RECORDS.open(path, &file)?;
    let contents = Bytes::from(file).slice(HEADER_BYTES..);
    split(&contents, first).map_err(|Malformed| DurableError::Damaged {
        path: path.to_owned(),
        problem: "its table of offsets does not fit its contents",
    })
}

/// One stored entry of a bundle, without reading the others. The checksum is over the whole file, so the caller
/// checks what it gets against the log's tree.
///
/// # Errors
/// If the file cannot be read, or its header or table does not fit.
pub fn read_one(file: &dyn File, path: &Path, first: u64, position: usize) -> Result<Bytes, ViewError> {
    let damaged = || DurableError::Damaged {
        path: path.to_owned(),
        problem: "its header or its table of offsets does not fit",
    };
    let mut start = vec![0; HEADER_BYTES + TABLE];
    file.read_at(0, &mut start)?;
    let (header, table) = start.split_at(HEADER_BYTES);
    let known =
        header.get(..8) == Some(&RECORDS.magic) && header.get(8..10) == Some(&RECORDS.version.to_le_bytes());
    let mut reader = Reader::new(table);
    if !known || reader.u64() != Ok(first) {
        return Err(damaged().into());
    }
    let mut ends = [0_u32; 256];
    for end in &mut ends {
        *end = reader.u32().map_err(|Malformed| damaged())?;
    }
    let end = ends.get(position).copied().ok_or_else(damaged)?;
    let begin = position
        .checked_sub(1)
        .and_then(|before| ends.get(before))
        .copied()
        .unwrap_or(0);
    let length = end
        .checked_sub(begin)
        .filter(|length| *length <= ENTRY_BYTES_MAX)
        .ok_or_else(damaged)?;
    let mut bytes = vec![0; length as usize];
    file.read_at((HEADER_BYTES + TABLE) as u64 + u64::from(begin), &mut bytes)?;
    Ok(Bytes::from(bytes))
}

/// The file of a bundle that is to be written, without what was erased in the one that is
/// there: the two may differ in nothing else.
///
/// # Errors
/// [`DurableError::Differs`] if they do.
pub fn without_erased(
    fs: &dyn FileSystem,
    path: &Path,
    first: u64,
    contents: Vec<u8>,
) -> Result<Vec<u8>, DurableError> {
    if fs.metadata(path)?.is_none() {
        return Ok(contents);
    }
    let there = fs.read(path, BUNDLE_BYTES_MAX)?;
    if there == contents {
        return Ok(contents);
    }
    let differs = || DurableError::Differs {
        path: path.to_owned(),
    };
    let there = decode(path, there, first).map_err(|_| differs())?;
    let given = decode(path, contents, first)?;
    let entries = there.into_iter().zip(given).map(|(there, given)| {
        if !is_same_entry(&there, &given) {
            return Err(differs());
        }
        // With each erasure an entry gets shorter.
        Ok(if there.len() < given.len() { there } else { given })
    });
    Ok(encode(first, &entries.collect::<Result<Vec<_>, _>>()?))
}

/// Whether two stored entries differ in nothing but what was erased.
#[must_use]
pub fn is_same_entry(one: &Bytes, other: &Bytes) -> bool {
    one == other
        || match (StoredEntry::decode(one), StoredEntry::decode(other)) {
            (Ok(one), Ok(other)) => one.identity() == other.identity(),
            _ => false,
        }
}

fn split(contents: &Bytes, first: u64) -> Result<Vec<Bytes>, Malformed> {
    let mut reader = Reader::new(contents);
    if reader.u64()? != first {
        return Err(Malformed);
    }
    let mut start = TABLE;
    let mut entries = Vec::with_capacity(256);
    for _ in 0..TILE {
        let end = TABLE + reader.u32()? as usize;
        if end < start || end > contents.len() {
            return Err(Malformed);
        }
        entries.push(contents.slice(start..end));
        start = end;
    }
    if start == contents.len() {
        Ok(entries)
    } else {
        Err(Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_round_trip_and_no_damage_passes() {
        let entries: Vec<Bytes> = (0..256_usize)
            .map(|n| Bytes::from(vec![n as u8; n % 7]))
            .collect();
        let file = encode(512, &entries);
        let path = Path::new("bundle");
        assert_eq!(decode(path, file.clone(), 512).unwrap(), entries);
        assert!(decode(path, file.clone(), 256).is_err());
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert!(decode(path, damaged, 512).is_err(), "byte {at}");
        }
        for length in (0..file.len()).step_by(13) {
            assert!(decode(path, file[..length].to_vec(), 512).is_err());
        }
    }
}
