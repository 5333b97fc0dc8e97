//! What each witness has cosigned last, kept over a restart. Losing it costs one more request: the
//! witness says itself where it stands.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::party::Party;
use crate::{
    codec::{Malformed, Reader, Writer},
    durable::{DurableError, Envelope, replace},
    fs::{FileSystem, PRIVATE_FILE},
};

const COSIGNED: Envelope = Envelope {
    magic: *b"TSCOSIGN",
    version: 1,
};
const BYTES_MAX: u64 = 1 << 20;

/// Sizes by the names of witnesses; nothing where the file is missing or damaged.
pub(super) fn read(fs: &dyn FileSystem, path: &Path) -> BTreeMap<String, u64> {
    let read = || -> Result<BTreeMap<String, u64>, DurableError> {
        if fs.metadata(path)?.is_none() {
            return Ok(BTreeMap::new());
        }
        let bytes = fs.read(path, BYTES_MAX)?;
        let (_, contents) = COSIGNED.open(path, &bytes)?;
        decode(contents).map_err(|Malformed| DurableError::Damaged {
            path: path.to_owned(),
            problem: "its contents are not what witnesses cosigned",
        })
    };
    read().unwrap_or_else(|error| {
        tracing::warn!(%error, "what witnesses cosigned last is not known; they will say it");
        BTreeMap::new()
    })
}

fn decode(contents: &[u8]) -> Result<BTreeMap<String, u64>, Malformed> {
    let mut reader = Reader::new(contents);
    let count = reader.count()?;
    let mut sizes = BTreeMap::new();
    for _ in 0..count {
        sizes.insert(reader.text()?.to_owned(), reader.u64()?);
    }
    reader.end()?;
    Ok(sizes)
}

/// Replaces the file.
///
/// # Errors
/// If it cannot be written.
pub(super) fn write<'a>(
    fs: &dyn FileSystem,
    path: &Path,
    witnesses: impl Iterator<Item = &'a Arc<Party>>,
) -> Result<(), DurableError> {
    let witnesses: Vec<_> = witnesses.collect();
    let mut writer = Writer::default();
    writer.count(witnesses.len());
    for witness in witnesses {
        writer.text(&witness.name);
        writer.u64(witness.size());
    }
    replace(fs, path, &COSIGNED.seal(&writer.finish()), PRIVATE_FILE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{evidence::PartyKind, fs::SimulatedFileSystem};

    #[test]
    fn what_is_missing_or_damaged_is_nothing() {
        let fs = SimulatedFileSystem::new();
        let path = Path::new("/cosigned");
        assert!(read(&fs, path).is_empty());
        let parties =
            [("a", 7), ("b", 0)].map(|(name, size)| Arc::new(Party::new(PartyKind::Witness, name, size)));
        write(&fs, path, parties.iter()).unwrap();
        let expected = BTreeMap::from([("a".to_owned(), 7), ("b".to_owned(), 0)]);
        assert_eq!(read(&fs, path), expected);
        let whole = fs.read(path, BYTES_MAX).unwrap();
        for length in 0..whole.len() {
            replace(&fs, path, &whole[..length], PRIVATE_FILE).unwrap();
            assert!(read(&fs, path).is_empty(), "{length}");
        }
    }
}
