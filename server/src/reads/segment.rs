//! One file of the log of reads.
//!
//! ```text
//! "TSREADS\0" || u16 version || u16 zero || u64 number of the first read || hash before it (32 bytes)
//! then for each read: u32 length || contents || SHA-256(hash before || contents)
//! ```
//!
//! A file is named by the number of its first read. Integers are big-endian.

use std::path::{Path, PathBuf};

use trialseal_core::hash::{Hash, sha256_of};

use super::{Read, ReadsError, frame};
use crate::{
    codec::{Malformed, Reader, Writer},
    durable::replace,
    fs::{Access, File, FileSystem, PRIVATE_FILE},
};

const MAGIC: [u8; 8] = *b"TSREADS\0";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 8 + 2 + 2 + 8 + 32;
/// A file ends soon after [`super::SEGMENT_BYTES`]; what many calls hand in together goes beyond it.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What a file holds, as far as it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    first: u64,
    before: Hash,
    count: u64,
    bytes: u64,
    chain: Hash,
}

impl Segment {
    /// A file without reads yet.
    pub(super) fn begin(first: u64, chain: Hash) -> Self {
        Self {
            first,
            before: chain,
            count: 0,
            bytes: HEADER_BYTES as u64,
            chain,
        }
    }

    /// The file behind this one.
    pub(super) fn next(&self) -> Self {
        Self::begin(self.first + self.count, self.chain)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it begins where the other one, still empty, was expected to.
    pub(super) fn continues(&self, expected: &Self) -> bool {
        (self.first, self.before) == (expected.first, expected.before)
    }

    pub(super) fn header(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.raw(&MAGIC);
        writer.u16(VERSION);
        writer.u16(0);
        writer.u64(self.first);
        writer.raw(self.before.as_bytes());
        writer.finish()
    }

    /// Takes a read in, and appends its frame to `out`.
    pub(super) fn append(&mut self, contents: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        let chain = sha256_of(&[self.chain.as_bytes(), contents]);
        let length = u32::try_from(contents.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(contents);
        out.extend_from_slice(chain.as_bytes());
        self.chain = chain;
        self.count += 1;
        self.bytes += (out.len() - start) as u64;
    }
}

pub(super) fn path(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("{first:016}"))
}

/// The first numbers of all files, ascending; none where the folder is missing.
pub(super) fn list(fs: &dyn FileSystem, directory: &Path) -> Result<Vec<u64>, ReadsError> {
    if fs.metadata(directory)?.is_none() {
        return Ok(Vec::new());
    }
    let mut firsts: Vec<u64> = fs
        .list(directory)?
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    firsts.sort_unstable();
    Ok(firsts)
}

pub(super) fn open(
    fs: &dyn FileSystem,
    directory: &Path,
    segment: &Segment,
) -> Result<Box<dyn File>, ReadsError> {
    Ok(fs.open(&path(directory, segment.first), Access::ReadWrite)?)
}

/// Writes the file anew, whole and durable.
pub(super) fn rewrite(
    fs: &dyn FileSystem,
    directory: &Path,
    segment: &Segment,
    bytes: &[u8],
) -> Result<(), ReadsError> {
    Ok(replace(fs, &path(directory, segment.first), bytes, PRIVATE_FILE)?)
}

/// The bytes of the file that count; those of a file that is not there yet are its header.
pub(super) fn good_bytes(
    fs: &dyn FileSystem,
    directory: &Path,
    segment: &Segment,
) -> Result<Vec<u8>, ReadsError> {
    let path = path(directory, segment.first);
    if fs.metadata(&path)?.is_none() {
        return Ok(segment.header());
    }
    let mut bytes = fs.read(&path, FILE_BYTES_MAX)?;
    bytes.truncate(usize::try_from(segment.bytes).unwrap_or(usize::MAX));
    Ok(bytes)
}

/// Reads a file. Only the newest one may have an end that a crash left, which does not count.
pub(super) fn read(
    fs: &dyn FileSystem,
    directory: &Path,
    first: u64,
    newest: bool,
) -> Result<(Segment, Vec<Read>), ReadsError> {
    let path = path(directory, first);
    let bytes = fs.read(&path, FILE_BYTES_MAX)?;
    let damaged = |offset: u64, problem| ReadsError::Damaged {
        path: path.clone(),
        offset,
        problem,
    };
    let mut segment = match header(&bytes) {
        Ok(Header::Ours(named, before)) if named == first => Segment::begin(first, before),
        Ok(Header::Ours(..)) => return Err(damaged(0, "its first read is not the one in its name")),
        Ok(Header::Newer(found)) => return Err(ReadsError::Newer { path, found }),
        Err(Malformed) => return Err(damaged(0, "it is no file of the log of reads")),
    };
    let mut reads = Vec::new();
    let mut rest = &bytes[HEADER_BYTES..];
    while !rest.is_empty() {
        match next(rest, &segment.chain) {
            Some(contents) => {
                let offset = segment.bytes;
                let read = frame::decode(contents);
                reads.push(read.map_err(|Malformed| damaged(offset, "a read holds what none can hold"))?);
                let mut taken = Vec::new();
                segment.append(contents, &mut taken);
                rest = rest.get(taken.len()..).unwrap_or_default();
            }
            // Nobody was answered for a frame that is not whole.
            None if newest && !follows(rest) => break,
            None => return Err(damaged(segment.bytes, "the chain of reads is broken here")),
        }
    }
    Ok((segment, reads))
}

enum Header {
    Ours(u64, Hash),
    Newer(u16),
}

fn header(bytes: &[u8]) -> Result<Header, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.array()? != MAGIC {
        return Err(Malformed);
    }
    match (reader.u16()?, reader.u16()?) {
        (VERSION, 0) => Ok(Header::Ours(reader.u64()?, Hash::from_bytes(reader.array()?))),
        (VERSION | 0, _) => Err(Malformed),
        (newer, _) => Ok(Header::Newer(newer)),
    }
}

/// The contents of the frame at the start of `bytes`, if it is whole and continues the chain.
fn next<'a>(bytes: &'a [u8], chain: &Hash) -> Option<&'a [u8]> {
    let (contents, after) = split(bytes)?;
    (sha256_of(&[chain.as_bytes(), contents]) == after).then_some(contents)
}

fn split(bytes: &[u8]) -> Option<(&[u8], Hash)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    if length > frame::CONTENTS_BYTES_MAX {
        return None;
    }
    let (contents, rest) = rest.split_at_checked(length)?;
    let after = rest.get(..32)?;
    Some((contents, Hash::from_slice(after).ok()?))
}

/// Whether a whole frame lies anywhere behind: then it is damage, not the end that a crash left. A frame is
/// known by the hash before it, which is the end of the frame before.
fn follows(bytes: &[u8]) -> bool {
    let frame_at = |end: usize| {
        let before = Hash::from_slice(bytes.get(end.checked_sub(32)?..end)?).ok()?;
        next(bytes.get(end..)?, &before)
    };
    (32..bytes.len()).any(|end| frame_at(end).is_some())
}
