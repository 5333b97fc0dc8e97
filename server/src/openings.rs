//! Openings: manifests, with their salts, that submitters disclosed to roles or to the public.
//!
//! Each is one private, immutable file, written when it was verified against the root on record. It
//! cannot be derived from the log, which holds commitments only. What is in memory is derived from
//! the files' heads; the index of digests in sled is derived from the files as well.

mod file;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, RwLock},
};

use trialseal_core::{
    hash::{RecordId, Salt},
    identifiers::{OrganizationId, RegisterName},
    manifest::Opening,
    record::ManifestCommitment,
};

use crate::{
    chain::Place,
    durable::{DurableError, clean_leftovers, write_new},
    fs::{FileError, FileSystem, PRIVATE_DIRECTORY, PRIVATE_FILE},
    layout::Layout,
    state::{read_lock, write_lock},
};

pub use file::{DIGESTS_ON_PAGE, FILE_BYTES_MAX, digest_pages};

/// Openings of one register; each takes disk, and a search looks at all of them.
pub const OPENINGS_OF_REGISTER_MAX: usize = 1_000;
/// What an opening says when it is open to everybody.
pub const PUBLIC: &str = "public";

/// An opening could not be kept or read back.
#[derive(Debug, thiserror::Error)]
pub enum OpeningsError {
    /// The file system failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file could not be written, or is damaged.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// A file does not hold an opening.
    #[error("{} is damaged: {problem}. Restore it from a backup, or have the opening uploaded again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// What was opened, by whom, to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningHead {
    /// The record whose manifest it is.
    pub record: (Place, RecordId),
    /// The `opened` record.
    pub opened: (Place, RecordId),
    /// Register of both.
    pub register: RegisterName,
    /// The organisation that opened it.
    pub organization: OrganizationId,
    /// Roles, or `public`.
    pub opened_to: Vec<String>,
    /// The commitment on record.
    pub manifest: ManifestCommitment,
}

impl OpeningHead {
    /// Whether everybody may see it.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.opened_to.iter().any(|to| to == PUBLIC)
    }
}

struct Kept {
    head: Arc<OpeningHead>,
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
}

#[derive(Default)]
struct Found {
    /// By the `opened` record.
    kept: HashMap<Place, Kept>,
    /// `opened` records, by the record whose manifest they open.
    by_record: HashMap<Place, Vec<Place>>,
    by_register: HashMap<RegisterName, Vec<Place>>,
}

impl Found {
    fn add(&mut self, kept: Kept) {
        let (record, opened) = (kept.head.record.0, kept.head.opened.0);
        let register = kept.head.register.clone();
        if self.kept.insert(opened, kept).is_none() {
            self.by_record.entry(record).or_default().push(opened);
            self.by_register.entry(register).or_default().push(opened);
        }
    }

    fn heads<'a>(&'a self, opened: Option<&'a Vec<Place>>) -> impl Iterator<Item = Arc<OpeningHead>> + 'a {
        let kept = opened
            .into_iter()
            .flatten()
            .filter_map(|place| self.kept.get(place));
        kept.map(|kept| Arc::clone(&kept.head))
    }
}

/// All openings of a notary. Methods that name files may block on a disk.
pub struct Openings {
    fs: Arc<dyn FileSystem>,
    layout: Layout,
    found: RwLock<Found>,
}

impl Openings {
    /// Finds what is kept of this log, and of the closed ones before it.
    ///
    /// # Errors
    /// If a folder cannot be read. A damaged file is told in the log of the program and left out.
    pub fn open<'a>(
        fs: Arc<dyn FileSystem>,
        layout: &Layout,
        closed: impl Iterator<Item = (&'a Arc<dyn FileSystem>, &'a Layout)>,
    ) -> Result<Self, OpeningsError> {
        fs.create_dir_all(&layout.openings(), PRIVATE_DIRECTORY)?;
        // An earlier process may have made it and ended before it was durable.
        fs.sync_dir(&layout.private)?;
        clean_leftovers(&*fs, &layout.openings())?;
        let mut found = Found::default();
        for (fs, layout) in closed {
            find(fs, layout, &mut found)?;
        }
        find(&fs, layout, &mut found)?;
        Ok(Self {
            fs,
            layout: layout.clone(),
            found: RwLock::new(found),
        })
    }

    /// Keeps an opening that was verified, and returns when it is durable. The same again changes nothing.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put(&self, head: OpeningHead, opening: &Opening) -> Result<(), OpeningsError> {
        let path = self.layout.opening(head.opened.0.get());
        write_new(&*self.fs, &path, &file::encode(&head, opening), PRIVATE_FILE)?;
        write_lock(&self.found).add(Kept {
            head: Arc::new(head),
            fs: Arc::clone(&self.fs),
            path,
        });
        Ok(())
    }

    /// The items of the opening that an `opened` record announced; none if it is not kept.
    ///
    /// # Errors
    /// If its file is damaged.
    pub fn items(&self, opened: Place) -> Result<Option<Vec<(Salt, String)>>, OpeningsError> {
        let (fs, path) = match read_lock(&self.found).kept.get(&opened) {
            Some(kept) => (Arc::clone(&kept.fs), kept.path.clone()),
            None => return Ok(None),
        };
        file::read(&*fs, &path).map(|(_, items)| Some(items))
    }

    /// The openings of a record, oldest first; the record may be the `opened` record itself.
    #[must_use]
    pub fn of(&self, record: Place) -> Vec<Arc<OpeningHead>> {
        let found = read_lock(&self.found);
        let own = found.kept.get(&record).map(|kept| Arc::clone(&kept.head));
        own.into_iter()
            .chain(found.heads(found.by_record.get(&record)))
            .collect()
    }

    /// All openings of a register, oldest first.
    #[must_use]
    pub fn of_register(&self, register: &RegisterName) -> Vec<Arc<OpeningHead>> {
        let found = read_lock(&self.found);
        found.heads(found.by_register.get(register)).collect()
    }

    /// Removes what is kept of a record's manifest, and returns when that is durable: the `opened` records whose
    /// openings are gone. Whoever erases also has the index of digests forget these.
    ///
    /// # Errors
    /// If a file cannot be removed; what is left is removed by the next call.
    pub fn erase(&self, record: Place) -> Result<Vec<Place>, OpeningsError> {
        let opened: Vec<Place> = self.of(record).iter().map(|head| head.opened.0).collect();
        for place in &opened {
            let (fs, path) = match read_lock(&self.found).kept.get(place) {
                Some(kept) => (Arc::clone(&kept.fs), kept.path.clone()),
                None => continue,
            };
            if fs.metadata(&path)?.is_some() {
                fs.remove_file(&path)?;
            }
            fs.sync_dir(crate::fs::directory_of(&path))?;
            let mut found = write_lock(&self.found);
            found.kept.remove(place);
            for places in found.by_record.values_mut() {
                places.retain(|other| other != place);
            }
            for places in found.by_register.values_mut() {
                places.retain(|other| other != place);
            }
        }
        Ok(opened)
    }
}

fn find(fs: &Arc<dyn FileSystem>, layout: &Layout, found: &mut Found) -> Result<(), OpeningsError> {
    for place in places(&**fs, layout)? {
        let path = layout.opening(place);
        match file::read_head(&**fs, &path) {
            Ok(head) if head.opened.0.get() == place => found.add(Kept {
                head: Arc::new(head),
                fs: Arc::clone(fs),
                path,
            }),
            Ok(_) => {
                tracing::error!(path = %path.display(), "an opening lies under another name; it is left out")
            }
            Err(error) => tracing::error!(%error, "an opening cannot be read; it is left out"),
        }
    }
    Ok(())
}

/// The places of the `opened` records whose openings are kept, ascending.
///
/// # Errors
/// If the folder cannot be read.
pub fn places(fs: &dyn FileSystem, layout: &Layout) -> Result<Vec<u64>, OpeningsError> {
    let directory = layout.openings();
    if fs.metadata(&directory)?.is_none() {
        return Ok(Vec::new());
    }
    let names = fs.list(&directory)?;
    let mut places: Vec<u64> = names.iter().filter_map(|name| name.parse().ok()).collect();
    places.sort_unstable();
    Ok(places)
}

/// Reads an opening whole: it is intact, and its items lead to the commitment that its head repeats.
///
/// # Errors
/// If it is damaged.
pub fn check(fs: &dyn FileSystem, layout: &Layout, place: u64) -> Result<OpeningHead, OpeningsError> {
    let path = layout.opening(place);
    let (head, items) = file::read(fs, &path)?;
    let verified = Opening::all(items).and_then(|opening| opening.verify(&head.manifest));
    // What is wrong with an item would name its path, which is nobody's to read here.
    let problem = match verified {
        Ok(()) if head.opened.0.get() == place => return Ok(head),
        Ok(()) => "it lies under another name",
        Err(_) => "its items do not lead to the root that it repeats",
    };
    Err(OpeningsError::Damaged {
        path,
        problem: problem.to_owned(),
    })
}
