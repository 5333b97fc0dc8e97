//! The two worlds of the simulated file system: what is visible, and what a power cut leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path};

use rustix::io::Errno;

/// What a disk writes as a whole or not at all.
const SECTOR_BYTES: usize = 512;

/// How much of a change takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// All of it.
    Whole,
    /// A part of a write, from its beginning on, whose length the number picks.
    Part(u64),
    /// A sync that stores nothing and forgets what it had to store.
    Lost,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    File(usize),
    Directory(usize),
}

#[derive(Clone)]
pub(super) struct Disk {
    files: Vec<Contents>,
    /// The first is the root. Nothing is ever taken out of these lists: tests are short.
    directories: Vec<Names>,
    /// Bytes that all files together may hold.
    pub(super) capacity: u64,
}

#[derive(Clone, Default)]
struct Contents {
    mode: u32,
    visible: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors of `visible` that the next sync stores. After a failed sync they are no longer among these, so that
    /// `visible` and `durable` differ for good.
    dirty: BTreeSet<usize>,
}

#[derive(Clone, Default)]
struct Names {
    mode: u32,
    visible: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
    /// Changes of `visible` that are not yet in `durable`. They wait for the next sync that succeeds: a journaling
    /// file system that cannot write its metadata stops, it does not forget.
    unsynced: Vec<NameChange>,
}

#[derive(Clone)]
enum NameChange {
    Add { name: String, node: Node },
    Remove { name: String },
    Rename { from: String, to: String, node: Node },
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, Node>) {
        match self {
            Self::Add { name, node } => {
                names.insert(name.clone(), *node);
            }
            Self::Remove { name } => {
                names.remove(name);
            }
            Self::Rename { from, to, node } => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }
}

impl Names {
    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.visible);
        self.unsynced.push(change);
    }
}

impl Disk {
    pub(super) fn new() -> Self {
        Self {
            files: Vec::new(),
            directories: vec![Names::default()],
            capacity: u64::MAX,
        }
    }

    /// Bytes in files that have a name.
    pub(super) fn used(&self) -> u64 {
        let nodes = self.directories.iter().flat_map(|names| names.visible.values());
        nodes
            .map(|node| match node {
                Node::File(inode) => self.files[*inode].visible.len() as u64,
                Node::Directory(_) => 0,
            })
            .sum()
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<Node> {
        let mut node = Node::Directory(0);
        for component in path.components() {
            let Component::Normal(name) = component else {
                continue;
            };
            let Node::Directory(directory) = node else {
                return Err(Errno::NOTDIR.into());
            };
            let name = name.to_str().ok_or(Errno::INVAL)?;
            node = *self.directories[directory]
                .visible
                .get(name)
                .ok_or(Errno::NOENT)?;
        }
        Ok(node)
    }

    pub(super) fn find_file(&self, path: &Path) -> io::Result<usize> {
        match self.find(path)? {
            Node::File(inode) => Ok(inode),
            Node::Directory(_) => Err(Errno::ISDIR.into()),
        }
    }

    fn find_directory(&self, path: &Path) -> io::Result<usize> {
        match self.find(path)? {
            Node::File(_) => Err(Errno::NOTDIR.into()),
            Node::Directory(directory) => Ok(directory),
        }
    }

    /// The directory that holds `path`, and the last name of it.
    fn split(&self, path: &Path) -> io::Result<(usize, String)> {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or(Errno::INVAL)?;
        let parent = path.parent().unwrap_or(Path::new("/"));
        Ok((self.find_directory(parent)?, name.to_owned()))
    }

    fn add(&mut self, path: &Path, node: Node) -> io::Result<()> {
        let (directory, name) = self.split(path)?;
        if self.directories[directory].visible.contains_key(&name) {
            return Err(Errno::EXIST.into());
        }
        self.directories[directory].change(NameChange::Add { name, node });
        Ok(())
    }

    pub(super) fn create_directory(&mut self, path: &Path, mode: u32) -> io::Result<()> {
        let node = Node::Directory(self.directories.len());
        self.add(path, node)?;
        self.directories.push(Names {
            mode,
            ..Names::default()
        });
        Ok(())
    }

    pub(super) fn create_file(&mut self, path: &Path, mode: u32) -> io::Result<usize> {
        let inode = self.files.len();
        self.add(path, Node::File(inode))?;
        self.files.push(Contents {
            mode,
            ..Contents::default()
        });
        Ok(inode)
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (directory, from) = self.split(from)?;
        let (target, to) = self.split(to)?;
        if directory != target {
            return Err(Errno::XDEV.into());
        }
        let names = &mut self.directories[directory];
        let node = *names.visible.get(&from).ok_or(Errno::NOENT)?;
        names.change(NameChange::Rename { from, to, node });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.find_file(path)?;
        let (directory, name) = self.split(path)?;
        self.directories[directory].change(NameChange::Remove { name });
        Ok(())
    }

    pub(super) fn sync_directory(&mut self, path: &Path) -> io::Result<()> {
        let directory = self.find_directory(path)?;
        let names = &mut self.directories[directory];
        names.durable = names.visible.clone();
        names.unsynced.clear();
        Ok(())
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let directory = self.find_directory(path)?;
        Ok(self.directories[directory].visible.keys().cloned().collect())
    }

    pub(super) fn length(&self, inode: usize) -> u64 {
        self.files[inode].visible.len() as u64
    }

    pub(super) fn file_mode(&self, inode: usize) -> u32 {
        self.files[inode].mode
    }

    pub(super) fn directory_mode(&self, directory: usize) -> u32 {
        self.directories[directory].mode
    }

    pub(super) fn set_mode(&mut self, path: &Path, mode: u32) -> io::Result<()> {
        match self.find(path)? {
            Node::File(inode) => self.files[inode].mode = mode,
            Node::Directory(directory) => self.directories[directory].mode = mode,
        }
        Ok(())
    }

    pub(super) fn read(&self, inode: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| Errno::INVAL)?;
        let end = start.checked_add(buffer.len()).ok_or(Errno::INVAL)?;
        let bytes = self.files[inode].visible.get(start..end);
        buffer.copy_from_slice(bytes.ok_or(io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    pub(super) fn write(&mut self, inode: usize, offset: u64, bytes: &[u8], how: How) -> io::Result<()> {
        let bytes = match how {
            How::Whole => bytes,
            // Never nothing and never all, where the write is long enough for that.
            How::Part(number) => &bytes[..part(number, bytes.len())],
            How::Lost => return Ok(()),
        };
        if bytes.is_empty() {
            return Ok(());
        }
        let start = usize::try_from(offset).map_err(|_| Errno::INVAL)?;
        let end = start.checked_add(bytes.len()).ok_or(Errno::FBIG)?;
        let growth = end.saturating_sub(self.files[inode].visible.len()) as u64;
        if growth > 0 && self.used().saturating_add(growth) > self.capacity {
            return Err(Errno::NOSPC.into());
        }
        let contents = &mut self.files[inode];
        let old_length = contents.visible.len();
        if end > old_length {
            contents.visible.resize(end, 0);
        }
        contents.visible[start..end].copy_from_slice(bytes);
        contents
            .dirty
            .extend(start.min(old_length) / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES));
        Ok(())
    }

    pub(super) fn sync(&mut self, inode: usize, how: How) {
        let contents = &mut self.files[inode];
        if how != How::Lost {
            let dirty = std::mem::take(&mut contents.dirty);
            contents.durable.resize(contents.visible.len(), 0);
            for sector in dirty {
                contents.store(sector);
            }
        }
        contents.dirty.clear();
    }

    /// Leaves what was synced, and of the rest what `seed` picks.
    pub(super) fn power_cut(&mut self, seed: u64) {
        let mut random = Random(mix(seed));
        let mut keep = || match seed {
            0 => false,
            1 => true,
            _ => random.next() & 1 == 1,
        };
        for contents in &mut self.files {
            let length = if keep() {
                contents.visible.len()
            } else {
                contents.durable.len()
            };
            contents.durable.resize(length, 0);
            for sector in std::mem::take(&mut contents.dirty) {
                if keep() {
                    contents.store(sector);
                }
            }
            contents.visible = contents.durable.clone();
        }
        for names in &mut self.directories {
            for change in std::mem::take(&mut names.unsynced) {
                if keep() {
                    change.apply(&mut names.durable);
                }
            }
            names.visible = names.durable.clone();
        }
    }

    pub(super) fn flip(&mut self, path: &Path, offset: u64, mask: u8) -> io::Result<()> {
        let inode = self.find_file(path)?;
        let offset = usize::try_from(offset).map_err(|_| Errno::INVAL)?;
        let contents = &mut self.files[inode];
        for world in [&mut contents.visible, &mut contents.durable] {
            *world.get_mut(offset).ok_or(Errno::INVAL)? ^= mask;
        }
        Ok(())
    }

    pub(super) fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()> {
        let inode = self.find_file(path)?;
        let length = usize::try_from(length).map_err(|_| Errno::INVAL)?;
        let contents = &mut self.files[inode];
        contents.visible.truncate(length);
        contents.durable.truncate(length);
        contents.dirty.retain(|sector| sector * SECTOR_BYTES < length);
        Ok(())
    }
}

impl Contents {
    /// Copies one sector from what is visible to what is durable, as far as the durable length reaches.
    fn store(&mut self, sector: usize) {
        let start = sector * SECTOR_BYTES;
        let end = (start + SECTOR_BYTES)
            .min(self.visible.len())
            .min(self.durable.len());
        if start < end {
            self.durable[start..end].copy_from_slice(&self.visible[start..end]);
        }
    }
}

fn part(number: u64, length: usize) -> usize {
    if length < 2 {
        return 0;
    }
    1 + usize::try_from(mix(number.wrapping_add(7)) % (length as u64 - 1)).unwrap_or(0)
}

/// SplitMix64, the finaliser: one number in, one well mixed number out.
pub(super) fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }
}
