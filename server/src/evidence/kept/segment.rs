//! One file of kept evidence: reading it whole, and mending what a crash left of its end.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    KeptError,
    frame::{
        self, FRAME_BYTES_MAX, FrameKind, HEADER_BYTES, Header, INDEX_BYTES, MAGIC, ROWS, Row, decode_index,
    },
};
use crate::{
    durable,
    evidence::Evidenced,
    fs::{Access, File, FileSystem, PRIVATE_FILE, directory_of},
};

/// What is wrong where a frame is not sound and others follow.
pub(super) const DAMAGE: &str = "it is damaged here, and that is not what a crash leaves";
/// Bytes copied at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// A file as its frames say it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// The checkpoints, ascending; of several frames of one checkpoint the last.
    pub(super) rows: Vec<Row>,
    /// Where the next frame goes.
    pub(super) end: u64,
    /// Whether an index closes it.
    pub(super) closed: bool,
    /// Offset and length of the last frame.
    last: Option<(u64, usize)>,
}

pub(super) fn damaged(path: &Path, offset: u64, problem: &'static str) -> KeptError {
    KeptError::Damaged {
        path: path.to_owned(),
        offset,
        problem,
    }
}

/// The frame at an offset with its contents; none if there is no sound one.
fn frame_at(
    file: &dyn File,
    path: &Path,
    offset: u64,
    length: u64,
) -> Result<Option<(Header, Vec<u8>)>, KeptError> {
    let mut bytes = [0; HEADER_BYTES];
    if length.saturating_sub(offset) < HEADER_BYTES as u64 {
        return Ok(None);
    }
    file.read_at(offset, &mut bytes)?;
    if let Some(found) = Header::version(&bytes).filter(|version| *version > 1) {
        return Err(KeptError::Newer {
            path: path.to_owned(),
            found,
        });
    }
    let Some(header) = Header::parse(&bytes) else {
        return Ok(None);
    };
    if length - offset < header.frame_bytes() as u64 {
        return Ok(None);
    }
    let mut contents = vec![0; header.contents];
    file.read_at(offset + HEADER_BYTES as u64, &mut contents)?;
    Ok(header.is_sound(&contents).then_some((header, contents)))
}

/// Reads every sound frame from the beginning on. What is not sound ends the walk; whether that is
/// an end or damage is for the caller to say. The visitor is given a frame's offset and contents.
pub(super) fn walk<E: From<KeptError>>(
    file: &dyn File,
    path: &Path,
    length: u64,
    visit: &mut dyn FnMut(u64, Evidenced) -> Result<(), E>,
) -> Result<Contents, E> {
    let mut contents = Contents::default();
    while let Some((header, bytes)) = frame_at(file, path, contents.end, length)? {
        let offset = contents.end;
        if contents.closed {
            return Err(damaged(path, offset, "a frame follows the index").into());
        }
        match header.kind {
            FrameKind::Evidence => {
                let evidenced = frame::decode(&header, &bytes).map_err(|_| {
                    damaged(path, offset, "a frame does not hold evidence for its checkpoint")
                })?;
                contents.add(path, &header)?;
                visit(offset, evidenced)?;
            }
            FrameKind::Index => {
                if decode_index(&bytes).ok().as_ref() != Some(&contents.rows) {
                    let problem = "the index is not that of the frames before it";
                    return Err(damaged(path, offset, problem).into());
                }
                contents.closed = true;
            }
        }
        contents.last = Some((offset, header.frame_bytes()));
        contents.end = offset + header.frame_bytes() as u64;
    }
    Ok(contents)
}

impl Contents {
    fn add(&mut self, path: &Path, header: &Header) -> Result<(), KeptError> {
        let row = Row {
            size: header.size,
            // A file of 1,024 frames is far below 4 GiB.
            offset: u32::try_from(self.end).unwrap_or(u32::MAX),
            length: u32::try_from(header.frame_bytes()).unwrap_or(u32::MAX),
        };
        let full = self.rows.len() == ROWS;
        match self.rows.last_mut() {
            Some(last) if last.size == row.size => *last = row,
            Some(last) if last.size > row.size => {
                return Err(damaged(
                    path,
                    self.end,
                    "a checkpoint is smaller than the one before it",
                ));
            }
            _ if full => {
                return Err(damaged(
                    path,
                    self.end,
                    "it holds more checkpoints than a file may",
                ));
            }
            _ => self.rows.push(row),
        }
        Ok(())
    }
}

/// Opens the newest file, and makes sure that it holds sound frames, all durable, and nothing else.
/// None if a crash left nothing of it but its name, which is then gone.
pub(super) fn recover(fs: &dyn FileSystem, path: &Path) -> Result<Option<Contents>, KeptError> {
    let file = fs.open(path, Access::ReadWrite)?;
    let length = file.length()?;
    let contents = walk::<KeptError>(&*file, path, length, &mut |_, _| Ok(()))?;
    if contents.end < length {
        if damage(&*file, path, contents.end, length)? {
            return Err(damaged(path, contents.end, DAMAGE));
        }
        let bytes = length - contents.end;
        tracing::warn!(path = %path.display(), bytes, "evidence that was being written at a crash is cut off");
        if contents.end == 0 {
            fs.remove_file(path)?;
            fs.sync_dir(directory_of(path))?;
            return Ok(None);
        }
        copy(fs, &*file, contents.end, path)?;
        return Ok(Some(contents));
    }
    let Some((offset, frame)) = contents.last else {
        fs.remove_file(path)?;
        fs.sync_dir(directory_of(path))?;
        return Ok(None);
    };
    // What an earlier process wrote last may be visible and yet not durable; only writing again helps.
    let mut bytes = vec![0; frame];
    file.read_at(offset, &mut bytes)?;
    file.write_at(offset, &[&bytes])?;
    file.sync_data()?;
    fs.sync_dir(directory_of(path))?;
    Ok(Some(contents))
}

/// Whether what follows `from`, where no sound frame begins, is more than a crash can have left: a
/// sound frame, or more bytes than one frame has. Only one frame is ever being written.
pub(super) fn damage(file: &dyn File, path: &Path, from: u64, length: u64) -> Result<bool, KeptError> {
    let rest = usize::try_from(length.saturating_sub(from)).unwrap_or(usize::MAX);
    if rest > FRAME_BYTES_MAX {
        return Ok(true);
    }
    let mut bytes = vec![0; rest];
    file.read_at(from, &mut bytes)?;
    for (at, window) in bytes.windows(MAGIC.len()).enumerate().skip(1) {
        if window == MAGIC && frame_at(file, path, from + at as u64, length)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes the first bytes of a file under a name, in place of what has that name, durably.
pub(super) fn copy(fs: &dyn FileSystem, file: &dyn File, end: u64, path: &Path) -> Result<(), KeptError> {
    let temporary = durable::temporary_path(path)?;
    let copy = match fs.create_new(&temporary, PRIVATE_FILE) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs.remove_file(&temporary)?;
            fs.create_new(&temporary, PRIVATE_FILE)?
        }
        created => created?,
    };
    let mut offset = 0;
    while offset < end {
        let length = usize::try_from(end - offset)
            .unwrap_or(CHUNK_BYTES)
            .min(CHUNK_BYTES);
        let mut bytes = vec![0; length];
        file.read_at(offset, &mut bytes)?;
        copy.write_at(offset, &[&bytes])?;
        offset += length as u64;
    }
    copy.sync_data()?;
    fs.rename(&temporary, path)?;
    fs.sync_dir(directory_of(path))?;
    Ok(())
}

/// The rows of a file that is closed, out of the index at its end.
pub(super) fn read_index(fs: &dyn FileSystem, path: &Path) -> Result<Vec<Row>, KeptError> {
    let file = fs.open(path, Access::Read)?;
    let length = file.length()?;
    let offset = length.saturating_sub(INDEX_BYTES as u64);
    let not_closed = || damaged(path, offset, "it does not end with an index");
    let (header, contents) = frame_at(&*file, path, offset, length)?.ok_or_else(not_closed)?;
    match header.kind {
        FrameKind::Index => decode_index(&contents).map_err(|_| not_closed()),
        FrameKind::Evidence => Err(not_closed()),
    }
}

/// The evidence in a row.
pub(super) fn read_row(fs: &dyn FileSystem, path: &Path, row: Row) -> Result<Evidenced, KeptError> {
    let file = fs.open(path, Access::Read)?;
    let offset = u64::from(row.offset);
    let unsound = || damaged(path, offset, "there is no sound frame of evidence");
    let end = offset + u64::from(row.length);
    let (header, contents) = frame_at(&*file, path, offset, end)?.ok_or_else(unsound)?;
    if header.kind != FrameKind::Evidence || header.size != row.size {
        return Err(unsound());
    }
    frame::decode(&header, &contents).map_err(|_| unsound())
}

/// The name of the file whose first checkpoint has this size.
pub(super) fn name(first: u64) -> String {
    format!("{first:016}")
}

/// The first sizes of all files in a directory, ascending; none if it does not exist. Other names
/// are passed over: they are for the audit.
pub(super) fn list(fs: &dyn FileSystem, directory: &Path) -> Result<Vec<u64>, KeptError> {
    if fs.metadata(directory)?.is_none() {
        return Ok(Vec::new());
    }
    let names = fs.list(directory)?;
    let sizes = names.iter().filter_map(|name_found| {
        let size = name_found.parse().ok()?;
        (name(size) == *name_found).then_some(size)
    });
    Ok(sizes.collect())
}

/// The path of a file.
pub(super) fn path(directory: &Path, first: u64) -> PathBuf {
    directory.join(name(first))
}
