//! The header that our own binary files have in common: what it is, which version, and whether it is intact.
//!
//! | offset | bytes | what |
//! | ---: | ---: | --- |
//! | 0 | 8 | magic: which kind of file |
//! | 8 | 2 | format version, from 1 |
//! | 10 | 2 | zero |
//! | 12 | 8 | length of the contents |
//! | 20 | 4 | CRC-32C of bytes 0 to 19 and the contents |
//! | 24 | | the contents, to the end of the file |
//!
//! Numbers are little endian.

use std::path::Path;

use super::DurableError;

/// Length of the header in bytes.
pub const HEADER_BYTES: usize = 24;

/// One kind of file: its magic and the newest version that this program reads and the only one that it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// The first eight bytes of every such file.
    pub magic: [u8; 8],
    /// The version, from 1.
    pub version: u16,
}

impl Envelope {
    /// The bytes of the file with these contents.
    pub fn seal(&self, contents: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + contents.len());
        bytes.extend_from_slice(&self.magic);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&(contents.len() as u64).to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes), contents);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(contents);
        bytes
    }

    /// The version and the contents of a file, if it is of this kind, intact, and not newer than this program.
    /// `path` is for the error.
    pub fn open<'a>(&self, path: &Path, bytes: &'a [u8]) -> Result<(u16, &'a [u8]), DurableError> {
        let damaged = |problem| DurableError::Damaged {
            path: path.to_owned(),
            problem,
        };
        let Some((header, contents)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(damaged("it is shorter than its header"));
        };
        let (checked, crc) = header.split_at(HEADER_BYTES - 4);
        if checked[..8] != self.magic {
            return Err(damaged("it does not begin with the magic bytes of its kind"));
        }
        // Before the checksum: a newer version may have another header.
        let version = u16::from_le_bytes([checked[8], checked[9]]);
        if version > self.version {
            return Err(DurableError::Newer {
                path: path.to_owned(),
                found: version,
                supported: self.version,
            });
        }
        if checked[12..20] != (contents.len() as u64).to_le_bytes() {
            return Err(damaged("its length is not what its header says"));
        }
        if crc != crc32c::crc32c_append(crc32c::crc32c(checked), contents).to_le_bytes() {
            return Err(damaged("its checksum does not match"));
        }
        if version == 0 || checked[10..12] != [0; 2] {
            return Err(damaged("its header holds values that no version writes"));
        }
        Ok((version, contents))
    }
}
