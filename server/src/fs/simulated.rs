//! A file system in memory that can crash, fail and lie the way real ones do, the same way for the same seed.
//!
//! It keeps two worlds: what programs see (the page cache) and what a disk would hold. A sync moves one file, or
//! the names of one directory, from the first to the second. [`SimulatedFileSystem::kill`] ends the process and
//! keeps the first world; [`SimulatedFileSystem::power_cut`] keeps the second, plus whatever part of the unsynced
//! writes the seed picks, sector by sector, since a disk writes what it likes in the order it likes.
//!
//! Every call has a number, from 0 at each start, and a [`Fault`] can be planted at any number. A test runs its
//! workload once to count the calls, then once for every call and every fault.

mod disk;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use self::disk::{Disk, How, Node};
use super::{Access, File, FileError, FileSystem, Lock, Metadata, Operation};

/// What goes wrong at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails and changes nothing; but a failed sync has dropped what it should have stored, which stays
    /// visible until a power cut, as Linux does.
    Fails(Errno),
    /// The call does its work and reports failure all the same.
    FailsButStored(Errno),
    /// A write stores a part from its beginning on and fails; any other call fails like [`Fault::Fails`].
    FailsPartly(Errno),
    /// The process ends within this call, which may have done its work, or a write a part of it (by the call's
    /// number). This call and all later ones fail until [`SimulatedFileSystem::kill`] or
    /// [`SimulatedFileSystem::power_cut`].
    Crash,
}

/// One call, as logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The call's number since the last start.
    pub number: u64,
    /// What was asked.
    pub operation: Operation,
    /// Of which path.
    pub path: PathBuf,
}

/// The simulated file system. Clones share it.
#[derive(Clone)]
pub struct SimulatedFileSystem {
    machine: Arc<Mutex<Machine>>,
}

#[derive(Clone)]
struct Machine {
    disk: Disk,
    calls: Vec<Call>,
    faults: BTreeMap<u64, Fault>,
    crashed: bool,
    /// Counts starts: handles and locks of an earlier one are dead.
    start: u64,
    /// Files that are locked.
    locked: BTreeSet<usize>,
}

impl Default for SimulatedFileSystem {
    fn default() -> Self {
        Self::new()
    }
}

impl SimulatedFileSystem {
    /// An empty file system: the directory `/`, nothing else, and no limit to its size.
    pub fn new() -> Self {
        let machine = Machine {
            disk: Disk::new(),
            calls: Vec::new(),
            faults: BTreeMap::new(),
            crashed: false,
            start: 0,
            locked: BTreeSet::new(),
        };
        Self {
            machine: Arc::new(Mutex::new(machine)),
        }
    }

    /// An independent copy of the machine in its present condition.
    pub fn fork(&self) -> Self {
        Self {
            machine: Arc::new(Mutex::new(self.lock_machine().clone())),
        }
    }

    /// Plants a fault at the call with this number, counted from 0 since the last start.
    pub fn plant(&self, number: u64, fault: Fault) {
        self.lock_machine().faults.insert(number, fault);
    }

    /// How many calls there were since the last start.
    pub fn calls(&self) -> u64 {
        self.lock_machine().calls.len() as u64
    }

    /// The calls since the last start, in order.
    pub fn call_log(&self) -> Vec<Call> {
        self.lock_machine().calls.clone()
    }

    /// Ends the process and starts anew: what was visible still is. Old handles fail, locks are gone, planted faults
    /// are forgotten and calls count from 0 again.
    pub fn kill(&self) {
        self.lock_machine().restart();
    }

    /// Cuts the power and starts anew: what was synced is there, and of everything else the part that `seed` picks:
    /// none of it for 0, all of it for 1, some sectors and some names for others.
    pub fn power_cut(&self, seed: u64) {
        let mut machine = self.lock_machine();
        machine.disk.power_cut(seed);
        machine.restart();
    }

    /// Sets how many bytes can still be written; beyond, writes that make a file longer fail with `ENOSPC`.
    pub fn set_free_bytes(&self, bytes: u64) {
        let mut machine = self.lock_machine();
        machine.disk.capacity = machine.disk.used().saturating_add(bytes);
    }

    /// Flips the bits of `mask` in one byte of a file, in both worlds, as a failing disk would.
    pub fn flip(&self, path: &Path, offset: u64, mask: u8) -> io::Result<()> {
        self.lock_machine().disk.flip(path, offset, mask)
    }

    /// Gives a file or directory other permissions, in both worlds.
    pub fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.lock_machine().disk.set_mode(path, mode)
    }

    /// Cuts a file to `length` bytes, in both worlds.
    pub fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.lock_machine().disk.truncate(path, length)
    }

    fn lock_machine(&self) -> MutexGuard<'_, Machine> {
        // A panic of a test in another thread leaves the machine as consistent as a crash does.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts and logs one call, and does `action` as far as the fault planted there lets it.
    fn call<T>(
        &self,
        operation: Operation,
        path: &Path,
        action: impl FnOnce(&mut Machine, How) -> io::Result<T>,
    ) -> Result<T, FileError> {
        let mut machine = self.lock_machine();
        machine
            .call(operation, path, action)
            .map_err(|source| FileError::new(operation, path, source))
    }

    fn handle(&self, path: &Path, inode: usize, start: u64, access: Access) -> Box<dyn File> {
        Box::new(SimulatedFile {
            system: self.clone(),
            path: path.to_owned(),
            inode,
            start,
            access,
        })
    }
}

impl Machine {
    fn restart(&mut self) {
        self.start += 1;
        self.crashed = false;
        self.calls.clear();
        self.faults.clear();
        self.locked.clear();
    }

    fn call<T>(
        &mut self,
        operation: Operation,
        path: &Path,
        action: impl FnOnce(&mut Self, How) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.crashed {
            return Err(io::Error::other("the simulated machine is down"));
        }
        let number = self.calls.len() as u64;
        self.calls.push(Call {
            number,
            operation,
            path: path.to_owned(),
        });
        let written = operation == Operation::Write;
        let (how, error) = match self.faults.get(&number) {
            None => return action(self, How::Whole),
            Some(Fault::Fails(errno)) if operation == Operation::Sync => (Some(How::Lost), (*errno).into()),
            Some(Fault::FailsPartly(errno)) if written => (Some(How::Part(number)), (*errno).into()),
            Some(Fault::Fails(errno) | Fault::FailsPartly(errno)) => (None, (*errno).into()),
            Some(Fault::FailsButStored(errno)) => (Some(How::Whole), (*errno).into()),
            Some(Fault::Crash) => {
                self.crashed = true;
                let how = match disk::mix(number) % 3 {
                    0 => None,
                    1 if written => Some(How::Part(number)),
                    _ => Some(How::Whole),
                };
                (how, io::Error::other("the simulated machine went down"))
            }
        };
        if let Some(how) = how {
            action(self, how)?;
        }
        Err(error)
    }
}

impl FileSystem for SimulatedFileSystem {
    fn create_dir_all(&self, path: &Path, mode: u32) -> Result<(), FileError> {
        let mut missing = Vec::new();
        for directory in path.ancestors() {
            let there = self.call(Operation::CreateDirectory, directory, |machine, _| match machine
                .disk
                .find(directory)
            {
                Ok(Node::Directory(_)) => Ok(true),
                Ok(Node::File(_)) => Err(io::Error::from(io::ErrorKind::NotADirectory)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            })?;
            if there {
                break;
            }
            missing.push(directory);
        }
        for directory in missing.into_iter().rev() {
            self.call(Operation::CreateDirectory, directory, |machine, _| {
                machine.disk.create_directory(directory, mode)
            })?;
            self.sync_dir(directory.parent().unwrap_or(Path::new("/")))?;
        }
        Ok(())
    }

    fn create_new(&self, path: &Path, mode: u32) -> Result<Box<dyn File>, FileError> {
        let (inode, start) = self.call(Operation::Create, path, |machine, _| {
            Ok((machine.disk.create_file(path, mode)?, machine.start))
        })?;
        Ok(self.handle(path, inode, start, Access::ReadWrite))
    }

    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn File>, FileError> {
        let (inode, start) = self.call(Operation::Open, path, |machine, _| {
            Ok((machine.disk.find_file(path)?, machine.start))
        })?;
        Ok(self.handle(path, inode, start, access))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        self.call(Operation::Rename, from, |machine, _| {
            machine.disk.rename(from, to)
        })
    }

    fn remove_file(&self, path: &Path) -> Result<(), FileError> {
        self.call(Operation::Remove, path, |machine, _| machine.disk.remove(path))
    }

    fn sync_dir(&self, path: &Path) -> Result<(), FileError> {
        self.call(Operation::SyncDirectory, path, |machine, _| {
            machine.disk.sync_directory(path)
        })
    }

    fn list(&self, path: &Path) -> Result<Vec<String>, FileError> {
        self.call(Operation::List, path, |machine, _| machine.disk.list(path))
    }

    fn metadata(&self, path: &Path) -> Result<Option<Metadata>, FileError> {
        self.call(Operation::Inspect, path, |machine, _| {
            match machine.disk.find(path) {
                Ok(Node::Directory(directory)) => Ok(Some(Metadata {
                    is_directory: true,
                    length: 0,
                    mode: machine.disk.directory_mode(directory),
                })),
                Ok(Node::File(inode)) => Ok(Some(Metadata {
                    is_directory: false,
                    length: machine.disk.length(inode),
                    mode: machine.disk.file_mode(inode),
                })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn free_bytes(&self, path: &Path) -> Result<u64, FileError> {
        self.call(Operation::FreeBytes, path, |machine, _| {
            Ok(machine.disk.capacity.saturating_sub(machine.disk.used()))
        })
    }

    fn lock(&self, path: &Path, mode: u32) -> Result<Box<dyn Lock>, FileError> {
        let (inode, start) = self.call(Operation::Lock, path, |machine, _| {
            let inode = match machine.disk.find_file(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    machine.disk.create_file(path, mode)?
                }
                found => found?,
            };
            if !machine.locked.insert(inode) {
                return Err(io::Error::from(io::ErrorKind::WouldBlock));
            }
            Ok((inode, machine.start))
        })?;
        Ok(Box::new(SimulatedLock {
            system: self.clone(),
            inode,
            start,
        }))
    }
}

struct SimulatedLock {
    system: SimulatedFileSystem,
    inode: usize,
    start: u64,
}

impl Lock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut machine = self.system.lock_machine();
        if machine.start == self.start {
            machine.locked.remove(&self.inode);
        }
    }
}

struct SimulatedFile {
    system: SimulatedFileSystem,
    path: PathBuf,
    inode: usize,
    start: u64,
    access: Access,
}

impl SimulatedFile {
    fn call<T>(
        &self,
        operation: Operation,
        action: impl FnOnce(&mut Disk, How) -> io::Result<T>,
    ) -> Result<T, FileError> {
        let changes = operation == Operation::Write;
        self.system.call(operation, &self.path, |machine, how| {
            if machine.start != self.start {
                return Err(io::Error::other("the handle is from before the last start"));
            }
            if changes && self.access == Access::Read {
                return Err(Errno::BADF.into());
            }
            action(&mut machine.disk, how)
        })
    }
}

impl File for SimulatedFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FileError> {
        self.call(Operation::Read, |disk, _| disk.read(self.inode, offset, buffer))
    }

    fn write_at(&self, offset: u64, pieces: &[&[u8]]) -> Result<(), FileError> {
        self.call(Operation::Write, |disk, how| {
            disk.write(self.inode, offset, &pieces.concat(), how)
        })
    }

    fn length(&self) -> Result<u64, FileError> {
        self.call(Operation::Inspect, |disk, _| Ok(disk.length(self.inode)))
    }

    fn sync_data(&self) -> Result<(), FileError> {
        self.call(Operation::Sync, |disk, how| {
            disk.sync(self.inode, how);
            Ok(())
        })
    }

    fn sync_all(&self) -> Result<(), FileError> {
        self.sync_data()
    }
}

#[cfg(test)]
mod tests;
