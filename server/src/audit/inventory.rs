//! What lies in the log's folders: names and permissions, before anything is read.
//!
//! Taken before the head of the journal is read, so that what is here cannot lie beyond
//! it: a file is written only after its entries are durable in the journal.

use std::{io, path::Path};

use trialseal_core::tile::{TilePath, TileWidth};

use super::{
    Source,
    finding::{AuditError, PERMISSIONS, Place, REMOVE},
};
use crate::{
    evidence::Kind,
    layout::{Layout, TILE},
    state,
};

/// Who may do what with a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Only the owner reads.
    Private,
    /// Everybody reads, only the owner writes.
    Public,
}

impl Access {
    fn forbidden(self) -> u32 {
        match self {
            Self::Private => 0o077,
            Self::Public => 0o022,
        }
    }
}

/// A kind of numbered file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileKind {
    Hashes(u8),
    Entries,
    Records,
}

impl FileKind {
    fn path(self, layout: &Layout, number: u64) -> std::path::PathBuf {
        let width = TileWidth::FULL;
        match self {
            Self::Hashes(level) => layout.public_tile(&TilePath::Hashes {
                level,
                index: number,
                width,
            }),
            Self::Entries => layout.public_tile(&TilePath::Entries { index: number, width }),
            Self::Records => layout.records(number),
        }
    }

    /// Entries that one file spans.
    fn span(self) -> u64 {
        match self {
            Self::Hashes(level) => TILE.saturating_pow(u32::from(level) + 1),
            Self::Entries | Self::Records => TILE,
        }
    }
}

/// The newest file of each kind, and how many files there are.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    newest: Vec<(FileKind, u64)>,
    /// Sizes of the snapshots, ascending.
    pub(super) snapshots: Vec<u64>,
    /// Numbers of the objects of remembered submissions, ascending.
    pub(super) generations: Vec<u64>,
    /// Tiles, entry bundles and record bundles.
    pub(super) files: u64,
}

impl Inventory {
    /// Looks at every name below the log's folders.
    pub(super) fn take(source: &Source<'_>) -> Result<Self, AuditError> {
        let layout = source.layout;
        let mut inventory = Self::default();
        for name in source.names(&layout.public, Access::Public)? {
            match name.as_str() {
                "tile" => inventory.tiles(source)?,
                _ => return Err(unexpected(&layout.public.join(name))),
            }
        }
        for name in source.names(&layout.private, Access::Private)? {
            match name.as_str() {
                "records" => inventory.numbered(
                    source,
                    FileKind::Records,
                    &layout.private.join(name),
                    0,
                    Access::Private,
                )?,
                "remembered" => {
                    inventory.generations = flat(source, &layout.remembered(), |n| layout.generation(n))?
                }
                "carried" => source.check_mode(&layout.carried(), Access::Private)?,
                "erased" => source.check_mode(&layout.erased(), Access::Private)?,
                "snapshots" => {
                    inventory.snapshots = flat(source, &layout.snapshots(), |n| layout.snapshot(n))?
                }
                "evidence" => evidence(source)?,
                // What they hold is read at the end; it need not agree with the journal's head.
                "reads" => {
                    flat(source, &layout.reads(), |first| {
                        layout.reads().join(format!("{first:016}"))
                    })?;
                }
                "openings" => {
                    flat(source, &layout.openings(), |opened| layout.opening(opened))?;
                }
                _ => return Err(unexpected(&layout.private.join(name))),
            }
        }
        journal(source)?;
        Ok(inventory)
    }

    fn tiles(&mut self, source: &Source<'_>) -> Result<(), AuditError> {
        let directory = source.layout.public.join("tile");
        for name in source.names(&directory, Access::Public)? {
            let kind = match (name.as_str(), name.parse::<u8>()) {
                ("entries", _) => FileKind::Entries,
                (_, Ok(level)) if level.to_string() == name && level <= 6 => FileKind::Hashes(level),
                _ => return Err(unexpected(&directory.join(name))),
            };
            self.numbered(source, kind, &directory.join(name), 0, Access::Public)?;
        }
        Ok(())
    }

    /// Walks the folders of thousands: `x001/x234/067`.
    fn numbered(
        &mut self,
        source: &Source<'_>,
        kind: FileKind,
        directory: &Path,
        above: u64,
        access: Access,
    ) -> Result<(), AuditError> {
        for name in source.names(directory, access)? {
            let path = directory.join(&name);
            let digits = name.strip_prefix('x').unwrap_or(&name);
            let number = digits.parse::<u64>().ok().filter(|_| digits.len() == 3);
            let Some(number) = number.map(|number| above.saturating_mul(1000).saturating_add(number)) else {
                return Err(unexpected(&path));
            };
            if name.starts_with('x') {
                self.numbered(source, kind, &path, number, access)?;
                continue;
            }
            if kind.path(source.layout, number) != path {
                return Err(unexpected(&path));
            }
            source.check_mode(&path, access)?;
            self.files += 1;
            match self.newest.iter_mut().find(|(other, _)| *other == kind) {
                Some((_, newest)) => *newest = number.max(*newest),
                None => self.newest.push((kind, number)),
            }
        }
        Ok(())
    }

    /// Refuses files of entries that a log of `size` entries behind `base` others does not have.
    pub(super) fn check_nothing_beyond(
        &self,
        source: &Source<'_>,
        base: u64,
        size: u64,
    ) -> Result<(), AuditError> {
        let layout = source.layout;
        let kinds = self
            .newest
            .iter()
            .map(|(kind, newest)| (kind.path(layout, *newest), kind.span(), *newest));
        let generation = self
            .generations
            .last()
            .map(|last| (layout.generation(*last), state::GENERATION, *last, base));
        let kinds = kinds.map(|(path, span, number)| (path, span, number, 0));
        for (path, span, number, before) in kinds.chain(generation) {
            if number.saturating_add(1).saturating_mul(span) > before.saturating_add(size) {
                return Err(beyond(&path, size));
            }
        }
        match self.snapshots.last() {
            Some(last) if *last > size => Err(beyond(&layout.snapshot(*last), size)),
            _ => Ok(()),
        }
    }
}

fn beyond(path: &Path, size: u64) -> AuditError {
    let problem = format!(
        "it holds entries beyond the journal's head, which is at {size} entries: a batch that was committed is lost, or \
         the file is of another log"
    );
    AuditError::wrong(
        path,
        Place::File,
        problem,
        "Restore the newest copy of the journal, or move the file away",
    )
}

fn unexpected(path: &Path) -> AuditError {
    AuditError::wrong(path, Place::File, "it is no file of the log", REMOVE)
}

/// Numbers of the files in a private folder without folders in it.
fn flat(
    source: &Source<'_>,
    directory: &Path,
    path_of: impl Fn(u64) -> std::path::PathBuf,
) -> Result<Vec<u64>, AuditError> {
    let mut numbers = Vec::new();
    for name in source.names(directory, Access::Private)? {
        let path = directory.join(&name);
        match name.parse::<u64>() {
            Ok(number) if path_of(number) == path => numbers.push(number),
            _ => return Err(unexpected(&path)),
        }
        source.check_mode(&path, Access::Private)?;
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Only names and permissions; what is kept is read with the log.
fn evidence(source: &Source<'_>) -> Result<(), AuditError> {
    let layout = source.layout;
    for name in source.names(&layout.all_evidence(), Access::Private)? {
        let path = layout.all_evidence().join(name);
        if path == layout.cosigned() {
            source.check_mode(&path, Access::Private)?;
            continue;
        }
        let kind = Kind::ALL.into_iter().find(|kind| layout.evidence(*kind) == path);
        let kind = kind.ok_or_else(|| unexpected(&path))?;
        flat(source, &path, |size| {
            layout.evidence(kind).join(format!("{size:016}"))
        })?;
    }
    Ok(())
}

/// Only names and permissions; what segments hold is for the scan.
fn journal(source: &Source<'_>) -> Result<(), AuditError> {
    let directory = &source.layout.journal;
    for name in source.names(directory, Access::Private)? {
        let number = name
            .strip_suffix(".segment")
            .or_else(|| name.strip_prefix("spare-"));
        let ours =
            name == "lock" || number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        if !ours {
            return Err(unexpected(&directory.join(name)));
        }
        source.check_mode(&directory.join(name), Access::Private)?;
    }
    if source.with_signer_state {
        source.check_mode(&source.layout.signer_state, Access::Private)?;
    }
    Ok(())
}

impl Source<'_> {
    /// The names in a folder, without files that are only being written; a missing folder
    /// has none.
    fn names(&self, directory: &Path, access: Access) -> Result<Vec<String>, AuditError> {
        self.check_mode(directory, access)?;
        let mut names = match self.fs.list(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(unexpected(directory)),
            listed => listed?,
        };
        names.retain(|name| !(name.starts_with('.') && name.ends_with(".tmp")));
        Ok(names)
    }

    fn check_mode(&self, path: &Path, access: Access) -> Result<(), AuditError> {
        // Gone since it was listed: superseded by a live notary.
        let Some(metadata) = self.fs.metadata(path)? else {
            return Ok(());
        };
        if metadata.mode & access.forbidden() == 0 {
            return Ok(());
        }
        let who = match access {
            Access::Private => "others than its owner may read it",
            Access::Public => "others than its owner may change it",
        };
        let problem = format!("its permissions are {:04o}, so that {who}", metadata.mode);
        Err(AuditError::wrong(path, Place::File, problem, PERMISSIONS))
    }
}
