//! One file, both digests.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256, Sha512};
use trialseal_core::manifest::FileDigests;

use super::HashError;

/// Both hash functions read a block while it is still in the processor's cache.
const BLOCK_BYTES: usize = 256 * 1024;

/// What [`hash_file`] reads into.
pub(super) fn buffer() -> Vec<u8> {
    vec![0; BLOCK_BYTES]
}

/// Reads the file once, to its end, and reports the bytes of every block.
pub(super) fn hash_file(
    path: &Path,
    buffer: &mut [u8],
    mut progress: impl FnMut(u64),
) -> Result<FileDigests, HashError> {
    let unreadable = |source| HashError::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = open(path)?;
    let (mut sha256, mut sha512, mut size) = (Sha256::new(), Sha512::new(), 0_u64);
    loop {
        let count = match file.read(buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        sha256.update(&buffer[..count]);
        sha512.update(&buffer[..count]);
        size += count as u64;
        progress(count as u64);
    }
    Ok(FileDigests {
        sha256: sha256.finalize().into(),
        sha512: sha512.finalize().into(),
        size,
    })
}

/// Opens a regular file, and never what a symbolic link points to, even if the file was replaced
/// by one after it was listed.
fn open(path: &Path) -> Result<File, HashError> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Without NONBLOCK, opening a pipe would wait for a writer.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => HashError::Missing {
            path: path.to_owned(),
        },
        #[cfg(unix)]
        _ if source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => HashError::NotAFile {
            path: path.to_owned(),
        },
        _ => HashError::Read {
            path: path.to_owned(),
            source,
        },
    })?;
    let metadata = file.metadata().map_err(|source| HashError::Read {
        path: path.to_owned(),
        source,
    })?;
    if metadata.is_file() {
        Ok(file)
    } else {
        Err(HashError::NotAFile {
            path: path.to_owned(),
        })
    }
}
