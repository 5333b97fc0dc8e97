//! Reading beside a writer.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::fs::{File, FileError, Lock, Metadata};

#[test]
fn readers_find_frames_by_index() {
    let fs = SimulatedFileSystem::new();
    let (mut journal, mut frames) = filled(&fs, &[60; 7]);
    let empty = Remembered::new(14, 0, 5);
    append(&mut journal, &empty).unwrap();
    frames.push(empty);
    let reader = journal.reader();
    for index in 0..14 {
        let frame = reader.locate(index).unwrap();
        let (header, payload) = reader.read(frame.position).unwrap();
        assert_eq!(header, frame);
        assert_eq!(payload, frames[(index / 2) as usize].payload);
    }
    assert_eq!(reader.locate(14), None);
    journal.keeper().release(6).unwrap();
    assert_eq!(reader.locate(5), None);
    assert_eq!(reader.first().unwrap().first_index, 6);
}

#[test]
fn a_released_frame_is_not_read_from_the_file_s_next_life() {
    let fs = SimulatedFileSystem::new();
    let (journal, _) = filled(&fs, &[60; 7]);
    let (reader, keeper) = (journal.reader(), journal.keeper());
    let position = reader.first().unwrap().position;
    keeper.release(6).unwrap();
    keeper.prepare().unwrap();
    assert!(matches!(
        reader.read(position),
        Err(JournalError::Released { segment: 1 })
    ));
}

#[test]
fn a_scan_takes_a_half_written_last_frame_for_the_end() {
    for (lengths, cut) in [(&[60usize, 60, 9000][..], 2usize), (&[60, 60][..], 1)] {
        let fs = SimulatedFileSystem::new();
        let (journal, frames) = filled(&fs, lengths);
        let at = journal.reader().last().unwrap().position;
        let end = at.offset + 72 + u64::from(at.length);
        for byte in at.offset..end {
            let torn = fs.fork();
            torn.flip(&segment_path(at.segment), byte, 1).unwrap();
            assert_eq!(scanned(&torn).unwrap(), frames[..cut]);
        }
        assert_eq!(scanned(&fs).unwrap(), frames);
    }
}

/// A file system whose reader is interrupted once, before the call with number `at`, while the server does something.
struct Interrupted {
    fs: SimulatedFileSystem,
    calls: Arc<Mutex<Interruption>>,
}

struct Interruption {
    left: u64,
    server: Option<Box<dyn FnOnce() + Send>>,
}

impl Interruption {
    fn count(this: &Mutex<Self>) {
        let mut interruption = this.lock().unwrap();
        if interruption.left == 0
            && let Some(server) = interruption.server.take()
        {
            server();
        }
        interruption.left = interruption.left.saturating_sub(1);
    }
}

impl FileSystem for Interrupted {
    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn File>, FileError> {
        Interruption::count(&self.calls);
        let file = self.fs.open(path, access)?;
        Ok(Box::new(InterruptedFile {
            file,
            calls: Arc::clone(&self.calls),
        }))
    }

    fn list(&self, path: &Path) -> Result<Vec<String>, FileError> {
        Interruption::count(&self.calls);
        self.fs.list(path)
    }

    fn metadata(&self, path: &Path) -> Result<Option<Metadata>, FileError> {
        Interruption::count(&self.calls);
        self.fs.metadata(path)
    }

    fn create_dir_all(&self, _: &Path, _: u32) -> Result<(), FileError> {
        panic!("a scan changes nothing")
    }

    fn create_new(&self, _: &Path, _: u32) -> Result<Box<dyn File>, FileError> {
        panic!("a scan changes nothing")
    }

    fn rename(&self, _: &Path, _: &Path) -> Result<(), FileError> {
        panic!("a scan changes nothing")
    }

    fn remove_file(&self, _: &Path) -> Result<(), FileError> {
        panic!("a scan changes nothing")
    }

    fn sync_dir(&self, _: &Path) -> Result<(), FileError> {
        panic!("a scan changes nothing")
    }

    fn free_bytes(&self, _: &Path) -> Result<u64, FileError> {
        panic!("a scan writes nothing")
    }

    fn lock(&self, _: &Path, _: u32) -> Result<Box<dyn Lock>, FileError> {
        panic!("a scan locks nothing")
    }
}

struct InterruptedFile {
    file: Box<dyn File>,
    calls: Arc<Mutex<Interruption>>,
}

impl File for InterruptedFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FileError> {
        Interruption::count(&self.calls);
        self.file.read_at(offset, buffer)
    }

    fn length(&self) -> Result<u64, FileError> {
        self.file.length()
    }

    fn write_at(&self, _: u64, _: &[&[u8]]) -> Result<(), FileError> {
        panic!("a scan writes nothing")
    }

    fn sync_data(&self) -> Result<(), FileError> {
        panic!("a scan writes nothing")
    }

    fn sync_all(&self) -> Result<(), FileError> {
        panic!("a scan writes nothing")
    }
}

/// Scans a journal of some frames while its server appends `appended` more, after releasing what it can if `release`
/// is set, before the scan's call number `at`. Gives what the scan found and all frames there are.
fn scan_beside(
    at: u64,
    before: usize,
    appended: usize,
    release: bool,
) -> (Result<Vec<Remembered>, JournalError>, Vec<Remembered>) {
    let fs = SimulatedFileSystem::new();
    let (mut journal, mut frames) = filled(&fs, &vec![60; before]);
    let indexes = before as u64..(before + appended) as u64;
    frames.extend(indexes.map(|batch| Remembered::new(batch * 2, 2, 60)));
    let later = frames[before..].to_vec();
    let server = Box::new(move || {
        if release {
            journal.keeper().release(u64::MAX).unwrap();
        }
        for frame in &later {
            append(&mut journal, frame).unwrap();
        }
        // So that the released file is used again.
        journal.keeper().prepare().unwrap();
    });
    let calls = Arc::new(Mutex::new(Interruption {
        left: at,
        server: Some(server),
    }));
    let mut found = Vec::new();
    let result = scan(
        &Interrupted { fs, calls },
        Path::new(DIRECTORY),
        &mut collect(&mut found),
    );
    (result.map(|()| found), frames)
}

/// Every way to interrupt a scan: before which call, with how many frames before it, and how many during it.
fn interruptions() -> impl Iterator<Item = (u64, usize, usize)> {
    (0..40).flat_map(|at| (4..7).flat_map(move |before| (0..6).map(move |appended| (at, before, appended))))
}

#[test]
fn a_scan_sees_at_least_what_was_there_when_it_began() {
    for (at, before, appended) in interruptions() {
        let (found, frames) = scan_beside(at, before, appended, false);
        let found = found.unwrap();
        assert!(frames.starts_with(&found), "call {at}");
        assert!(
            found.len() >= before,
            "call {at}: {} of {before} frames",
            found.len()
        );
    }
}

#[test]
fn a_scan_says_that_the_journal_moved_on() {
    let mut moved = 0;
    for (at, before, appended) in interruptions() {
        let (found, frames) = scan_beside(at, before, appended, true);
        match found {
            Err(JournalError::Released { .. }) => moved += 1,
            Err(other) => panic!("call {at}: {other}"),
            // The first segment's three frames, unless it was gone at the first look.
            Ok(found) => {
                assert!(
                    frames.starts_with(&found) || frames[3..].starts_with(&found),
                    "call {at}"
                );
                assert!(
                    found.last().unwrap().first_index >= 2 * (before as u64 - 1),
                    "call {at}"
                );
            }
        }
    }
    assert!(moved > 0);
}

/// Reads at random places while the journal grows and shrinks, until the writer is done. Gives how many reads hit.
fn read_along(reader: &JournalReader, done: &AtomicBool) -> usize {
    let mut hits = 0;
    let mut state = 1u64;
    loop {
        let last_round = done.load(Ordering::SeqCst);
        let Some(last) = reader.last() else { continue };
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let index = (state >> 33) % last.end_index();
        if let Some(frame) = reader.locate(index) {
            match reader.read(frame.position) {
                Ok((header, payload)) => {
                    assert_eq!(header, frame);
                    assert_eq!(
                        payload,
                        Remembered::new(frame.first_index, 2, payload.len()).payload
                    );
                    hits += 1;
                }
                Err(JournalError::Released { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        if last_round {
            return hits;
        }
        std::thread::yield_now();
    }
}

#[test]
fn appending_keeping_reading_and_scanning_go_on_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
    let mut journal = Journal::create(Arc::clone(&fs), directory.path(), OPTIONS, IDENTITY).unwrap();
    let (reader, keeper) = (journal.reader(), journal.keeper());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| read_along(&reader, &done));
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                keeper
                    .release(reader.last().map_or(0, |last| last.first_index.saturating_sub(6)))
                    .unwrap();
                match keeper.prepare() {
                    Ok(()) | Err(JournalError::Full { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let mut found = Vec::new();
                match scan(&*fs, directory.path(), &mut collect(&mut found)) {
                    Ok(()) | Err(JournalError::Released { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
                assert!(
                    found
                        .windows(2)
                        .all(|pair| pair[0].end_index() == pair[1].first_index)
                );
            }
        });
        // Sets it even if this thread panics, or the others would never end.
        let ending = SetOnDrop(&done);
        for batch in 0..150u64 {
            let frame = Remembered::new(batch * 2, 2, (batch * 97 % 9000) as usize);
            while let Err(error) = append(&mut journal, &frame) {
                // Faster than the keeper.
                assert!(matches!(
                    error,
                    AppendError::Refused(Refusal::NoSegment(JournalError::Full { .. }))
                ));
                std::thread::yield_now();
            }
        }
        drop(ending);
        assert!(reading.join().unwrap() > 0);
    });
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
