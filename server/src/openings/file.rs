//! The file of an opening.
//!
//! Contents behind the common header: place and id of the record, place and id of the `opened`
//! record, register, organisation, to whom, number of items and root; then the items, each a salt
//! (32 bytes) and its text with the length before it. Integers are big-endian.

use std::path::Path;

use trialseal_core::{
    hash::{Hash, RecordId, Salt},
    manifest::Opening,
    record::ManifestCommitment,
};

use super::{OpeningHead, OpeningsError};
use crate::{
    chain::Place,
    codec::{Malformed, Reader, Writer},
    durable::{Envelope, HEADER_BYTES},
    fs::{Access, FileSystem},
};

const OPENING: Envelope = Envelope {
    magic: *b"TSOPENED",
    version: 1,
};
/// The longest file: 64 MiB of items, and their head.
pub const FILE_BYTES_MAX: u64 = (64 << 20) + (8 << 20);
/// No head is longer: 64 codes, ids and names.
const HEAD_BYTES_MAX: usize = 16 << 10;
const ITEM_BYTES_MAX: usize = 4_000;

/// Digests on one page of the index: 36 bytes each, below 16 kB.
pub const DIGESTS_ON_PAGE: usize = 400;

pub(super) fn encode(head: &OpeningHead, opening: &Opening) -> Vec<u8> {
    let mut writer = Writer::default();
    for (place, id) in [head.record, head.opened] {
        writer.u64(place.get());
        writer.raw(id.as_bytes());
    }
    writer.text(head.register.as_str());
    writer.text(head.organization.as_str());
    writer.count(head.opened_to.len());
    for to in &head.opened_to {
        writer.text(to);
    }
    writer.u32(head.manifest.items);
    writer.raw(head.manifest.root.as_bytes());
    for item in opening.items() {
        writer.raw(item.salt.as_bytes());
        writer.text(&item.text);
    }
    OPENING.seal(&writer.finish())
}

fn decode_head(reader: &mut Reader<'_>) -> Result<OpeningHead, Malformed> {
    let mut place = || -> Result<(Place, RecordId), Malformed> {
        let place = Place::new(reader.u64()?);
        Ok((place, RecordId::from_hash(Hash::from_bytes(reader.array()?))))
    };
    let (record, opened) = (place()?, place()?);
    let register = reader.text()?.parse().map_err(|_| Malformed)?;
    let organization = reader.text()?.parse().map_err(|_| Malformed)?;
    let opened_to = (0..reader.count()?).map(|_| reader.text().map(str::to_owned));
    let opened_to = opened_to.collect::<Result<_, _>>()?;
    let manifest = ManifestCommitment {
        items: reader.u32()?,
        root: Hash::from_bytes(reader.array()?),
    };
    Ok(OpeningHead {
        record,
        opened,
        register,
        organization,
        opened_to,
        manifest,
    })
}

fn decode_items(reader: &mut Reader<'_>, count: u32) -> Result<Vec<(Salt, String)>, Malformed> {
    let item = |_| {
        let salt = Salt::from_bytes(reader.array()?);
        let text = reader.text()?;
        if text.len() > ITEM_BYTES_MAX {
            return Err(Malformed);
        }
        Ok((salt, text.to_owned()))
    };
    (0..count).map(item).collect()
}

/// The head alone; whether the rest is intact is found out by whoever reads it.
pub(super) fn read_head(fs: &dyn FileSystem, path: &Path) -> Result<OpeningHead, OpeningsError> {
    let file = fs.open(path, Access::Read)?;
    let length = usize::try_from(file.length()?).unwrap_or(usize::MAX);
    let mut start = vec![0; length.min(HEADER_BYTES + HEAD_BYTES_MAX)];
    file.read_at(0, &mut start)?;
    if start.get(..8) != Some(&OPENING.magic) || start.get(8..10) != Some(&OPENING.version.to_le_bytes()) {
        return Err(damaged(path, "it is no opening that this program knows"));
    }
    let mut reader = Reader::new(start.get(HEADER_BYTES..).unwrap_or_default());
    decode_head(&mut reader).map_err(|Malformed| damaged(path, "its head cannot be read"))
}

pub(super) fn read(
    fs: &dyn FileSystem,
    path: &Path,
) -> Result<(OpeningHead, Vec<(Salt, String)>), OpeningsError> {
    let bytes = fs.read(path, FILE_BYTES_MAX)?;
    let (_, contents) = OPENING.open(path, &bytes)?;
    let mut reader = Reader::new(contents);
    let read = decode_head(&mut reader).and_then(|head| {
        let items = decode_items(&mut reader, head.manifest.items)?;
        reader.end()?;
        Ok((head, items))
    });
    read.map_err(|Malformed| damaged(path, "its items cannot be read"))
}

fn damaged(path: &Path, problem: &str) -> OpeningsError {
    OpeningsError::Damaged {
        path: path.to_owned(),
        problem: problem.to_owned(),
    }
}

/// The pages of the index of digests: SHA-256 and position (u32) of each item, by digest.
#[must_use]
pub fn digest_pages(opening: &Opening) -> Vec<Vec<u8>> {
    let mut rows: Vec<([u8; 32], u32)> = (0..)
        .zip(opening.items())
        .map(|(position, item)| (item.item.sha256, position))
        .collect();
    rows.sort_unstable();
    rows.chunks(DIGESTS_ON_PAGE)
        .map(|page| {
            let mut bytes = Vec::with_capacity(page.len() * 36);
            for (digest, position) in page {
                bytes.extend_from_slice(digest);
                bytes.extend_from_slice(&position.to_be_bytes());
            }
            bytes
        })
        .collect()
}
