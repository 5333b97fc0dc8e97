//! Tests of the journal, on a file system that fails and crashes on demand.

mod bytes;
mod crash;
mod damage;
mod live;
mod model;

use std::path::Path;
use std::sync::Arc;

use rustix::io::Errno;

use super::*;
use crate::fs::{Access, Fault, RealFileSystem, SimulatedFileSystem};

const DIRECTORY: &str = "/journal";
const IDENTITY: JournalId = JournalId([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
/// Four blocks: the header and three frames of one block, or one of two and one of one.
const OPTIONS: JournalOptions = JournalOptions {
    segment_bytes: 4 * BLOCK,
    limit_bytes: 20 * BLOCK,
    payload_bytes_max: 12_000,
};

/// A frame as a test remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Remembered {
    first_index: u64,
    count: u32,
    payload: Vec<u8>,
}

impl Remembered {
    /// A frame whose payload no other has, of any bytes but few zeros.
    fn new(first_index: u64, count: u32, length: usize) -> Self {
        let mut state = first_index.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let payload = (0..length).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
        Self {
            first_index,
            count,
            payload: payload.collect(),
        }
    }

    fn end_index(&self) -> u64 {
        self.first_index + u64::from(self.count)
    }
}

fn system(fs: &SimulatedFileSystem) -> Arc<dyn FileSystem> {
    Arc::new(fs.clone())
}

fn create(fs: &SimulatedFileSystem) -> Result<Journal, JournalError> {
    Journal::create(system(fs), Path::new(DIRECTORY), OPTIONS, IDENTITY)
}

fn open(fs: &SimulatedFileSystem) -> Result<(Journal, Vec<Remembered>), JournalError> {
    let mut frames = Vec::new();
    let journal = Journal::open(
        system(fs),
        Path::new(DIRECTORY),
        OPTIONS,
        &mut collect(&mut frames),
    )?;
    Ok((journal, frames))
}

fn scanned(fs: &SimulatedFileSystem) -> Result<Vec<Remembered>, JournalError> {
    let mut frames = Vec::new();
    scan(fs, Path::new(DIRECTORY), &mut collect(&mut frames))?;
    Ok(frames)
}

fn collect(
    frames: &mut Vec<Remembered>,
) -> impl FnMut(&FrameHeader, &[u8]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    |header, payload| {
        let FrameHeader {
            first_index, count, ..
        } = *header;
        frames.push(Remembered {
            first_index,
            count,
            payload: payload.to_vec(),
        });
        Ok(())
    }
}

fn append(journal: &mut Journal, frame: &Remembered) -> Result<Position, AppendError> {
    let (left, right) = frame.payload.split_at(frame.payload.len() / 3);
    journal.append(frame.first_index, frame.count, &[left, &[], right])
}

/// A journal with these payload lengths, two entries a batch.
fn filled(fs: &SimulatedFileSystem, lengths: &[usize]) -> (Journal, Vec<Remembered>) {
    let mut journal = create(fs).unwrap();
    let frames: Vec<_> = (0u64..)
        .zip(lengths)
        .map(|(batch, length)| Remembered::new(batch * 2, 2, *length))
        .collect();
    for frame in &frames {
        append(&mut journal, frame).unwrap();
    }
    (journal, frames)
}

fn segment_path(number: u64) -> std::path::PathBuf {
    Path::new(DIRECTORY).join(segment::segment_name(number))
}

#[test]
fn frames_come_back_after_rolling_and_reopening() {
    let fs = SimulatedFileSystem::new();
    let (journal, frames) = filled(&fs, &[0, 1, 4024, 4025, 12_000, 9000, 100, 100]);
    assert_eq!(journal.next_batch(), 9);
    drop(journal);
    let (mut journal, found) = open(&fs).unwrap();
    assert_eq!(found, frames);
    assert_eq!(journal.next_index(), Some(16));
    assert_eq!(journal.identity(), IDENTITY);
    let next = Remembered::new(16, 1, 10);
    append(&mut journal, &next).unwrap();
    drop(journal);
    assert_eq!(open(&fs).unwrap().1, [frames, vec![next]].concat());
}

#[test]
fn the_real_file_system_holds_a_journal_with_default_options() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/journal");
    let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
    let mut journal = Journal::create(Arc::clone(&fs), &path, JournalOptions::default(), IDENTITY).unwrap();
    let frames: Vec<_> = (0..5)
        .map(|batch| Remembered::new(batch * 2, 2, 300_000))
        .collect();
    for frame in &frames {
        append(&mut journal, frame).unwrap();
    }
    let second = Journal::open(Arc::clone(&fs), &path, JournalOptions::default(), &mut |_, _| {
        Ok(())
    });
    assert!(matches!(second, Err(JournalError::Locked { .. })));
    let mut found = Vec::new();
    scan(&*fs, &path, &mut collect(&mut found)).unwrap();
    assert_eq!(found, frames);
    drop(journal);
    found.clear();
    let options = JournalOptions::default();
    let journal = Journal::open(fs, &path, options, &mut collect(&mut found)).unwrap();
    assert_eq!(found, frames);
    let last = journal.reader().last().unwrap();
    assert_eq!(journal.reader().read(last.position).unwrap().1, frames[4].payload);
}

#[test]
fn a_second_opener_is_refused_until_every_handle_is_gone() {
    let fs = SimulatedFileSystem::new();
    let (journal, _) = filled(&fs, &[10]);
    assert!(matches!(open(&fs), Err(JournalError::Locked { .. })));
    assert!(matches!(create(&fs), Err(JournalError::Locked { .. })));
    let keeper = journal.keeper();
    drop(journal);
    assert!(matches!(open(&fs), Err(JournalError::Locked { .. })));
    drop(keeper);
    open(&fs).unwrap();
}

#[test]
fn a_journal_is_created_once_and_opened_only_where_it_is() {
    let fs = SimulatedFileSystem::new();
    assert!(matches!(open(&fs), Err(JournalError::NoJournal { .. })));
    fs.create_dir_all(Path::new(DIRECTORY), 0o700).unwrap();
    assert!(matches!(open(&fs), Err(JournalError::NoJournal { .. })));
    drop(create(&fs).unwrap());
    assert!(matches!(create(&fs), Err(JournalError::Exists { .. })));
    let (journal, frames) = open(&fs).unwrap();
    assert!(frames.is_empty());
    assert_eq!((journal.next_index(), journal.next_batch()), (None, 1));
}

#[test]
fn what_cannot_be_written_is_refused_and_leaves_no_trace() {
    let fs = SimulatedFileSystem::new();
    let (mut journal, frames) = filled(&fs, &[100]);
    let not_next = append(&mut journal, &Remembered::new(3, 1, 1));
    assert!(matches!(
        not_next,
        Err(AppendError::Refused(Refusal::NotNext {
            given: 3,
            expected: 2
        }))
    ));
    let too_large = append(&mut journal, &Remembered::new(2, 1, 12_001));
    assert!(matches!(
        too_large,
        Err(AppendError::Refused(Refusal::TooLarge { bytes: 12_001, .. }))
    ));
    drop(journal);
    assert_eq!(open(&fs).unwrap().1, frames);
}

#[test]
fn a_full_journal_refuses_until_segments_are_released() {
    let fs = SimulatedFileSystem::new();
    // Five segments of three frames each are the limit.
    let (mut journal, frames) = filled(&fs, &[100; 15]);
    let keeper = journal.keeper();
    assert_eq!(keeper.held_bytes(), keeper.limit_bytes());
    let next = Remembered::new(30, 2, 100);
    for _ in 0..2 {
        let full = append(&mut journal, &next);
        let Err(AppendError::Refused(Refusal::NoSegment(JournalError::Full { held_bytes, .. }))) = full
        else {
            panic!("{full:?}");
        };
        assert_eq!(held_bytes, OPTIONS.limit_bytes);
    }
    // One entry short of the second segment's end: only the first goes.
    assert_eq!(keeper.release(11).unwrap(), 1);
    append(&mut journal, &next).unwrap();
    assert_eq!(journal.reader().first().unwrap().first_index, 6);
    drop((journal, keeper));
    assert_eq!(open(&fs).unwrap().1, [&frames[3..], &[next]].concat());
}

#[test]
fn the_segment_of_the_last_frame_is_never_released() {
    let fs = SimulatedFileSystem::new();
    let (journal, frames) = filled(&fs, &[100; 7]);
    let keeper = journal.keeper();
    keeper.prepare().unwrap();
    assert_eq!(keeper.release(u64::MAX).unwrap(), 2);
    assert_eq!(keeper.release(u64::MAX).unwrap(), 0);
    drop((journal, keeper));
    let (journal, found) = open(&fs).unwrap();
    assert_eq!(found, frames[6..]);
    assert_eq!((journal.next_batch(), journal.next_index()), (8, Some(14)));
}

#[test]
fn a_full_disk_refuses_and_leaves_no_half_grown_file() {
    let fs = SimulatedFileSystem::new();
    let (mut journal, mut frames) = filled(&fs, &[100; 3]);
    fs.set_free_bytes(OPTIONS.segment_bytes - 1);
    let next = Remembered::new(6, 2, 100);
    let refused = append(&mut journal, &next);
    assert!(matches!(
        refused,
        Err(AppendError::Refused(Refusal::NoSegment(JournalError::File(_))))
    ));
    assert_eq!(fs.free_bytes(Path::new("/")).unwrap(), OPTIONS.segment_bytes - 1);
    fs.set_free_bytes(OPTIONS.segment_bytes);
    append(&mut journal, &next).unwrap();
    frames.push(next);
    drop(journal);
    assert_eq!(open(&fs).unwrap().1, frames);
}

#[test]
fn after_preparing_an_append_is_one_write_and_one_sync() {
    let fs = SimulatedFileSystem::new();
    let (mut journal, _) = filled(&fs, &[100; 3]);
    let keeper = journal.keeper();
    assert!(keeper.wants_preparing());
    keeper.prepare().unwrap();
    assert!(!keeper.wants_preparing());
    let before = fs.calls();
    // This one begins a new segment.
    append(&mut journal, &Remembered::new(6, 2, 100)).unwrap();
    assert!(keeper.wants_preparing());
    let calls: Vec<_> = fs
        .call_log()
        .drain(before as usize..)
        .map(|call| call.operation)
        .collect();
    assert_eq!(calls, [crate::fs::Operation::Write, crate::fs::Operation::Sync]);
}

#[test]
fn released_files_are_used_again_and_their_bytes_wiped() {
    let fs = SimulatedFileSystem::new();
    let (mut journal, frames) = filled(&fs, &[100; 7]);
    let keeper = journal.keeper();
    assert_eq!(keeper.release(12).unwrap(), 2);
    keeper.prepare().unwrap();
    let contents = fs.read(&segment_path(4), OPTIONS.segment_bytes).unwrap();
    for frame in &frames {
        assert!(
            !contents
                .windows(32)
                .any(|window| frame.payload.starts_with(window))
        );
    }
    keeper.remove_spares().unwrap();
    let names = fs.list(Path::new(DIRECTORY)).unwrap();
    assert_eq!(
        names,
        [
            "00000000000000000003.segment",
            "00000000000000000004.segment",
            "lock"
        ]
    );
    append(&mut journal, &Remembered::new(14, 2, 12_000)).unwrap();
    assert_eq!(journal.reader().last().unwrap().position.segment, 4);
}

#[test]
fn releasing_and_preparing_go_on_after_any_failed_call() {
    let (start, calls) = {
        let fs = SimulatedFileSystem::new();
        let (journal, _) = filled(&fs, &[100; 7]);
        let start = fs.calls();
        journal.keeper().release(12).unwrap();
        journal.keeper().prepare().unwrap();
        (start, fs.calls())
    };
    for number in start..calls {
        for fault in [
            Fault::Fails(Errno::IO),
            Fault::FailsButStored(Errno::IO),
            Fault::FailsPartly(Errno::IO),
        ] {
            let fs = SimulatedFileSystem::new();
            fs.plant(number, fault);
            let (mut journal, frames) = filled(&fs, &[100; 7]);
            let keeper = journal.keeper();
            let tend = || keeper.release(12).and_then(|_| keeper.prepare());
            if tend().is_err() {
                tend().unwrap();
            }
            assert_eq!(journal.reader().first().unwrap().first_index, 12);
            append(&mut journal, &Remembered::new(14, 1, 12_000)).unwrap();
            assert_eq!(journal.reader().last().unwrap().position.segment, 4);
            drop((journal, keeper));
            fs.power_cut(0);
            assert_eq!(open(&fs).unwrap().1[..1], frames[6..]);
        }
    }
}

#[test]
fn a_segment_can_be_closed_early_so_that_it_can_be_released() {
    let fs = SimulatedFileSystem::new();
    let (mut journal, frames) = filled(&fs, &[100; 2]);
    journal.close_segment();
    let next = Remembered::new(4, 2, 100);
    assert_eq!(append(&mut journal, &next).unwrap().segment, 2);
    let all = [&frames[..], std::slice::from_ref(&next)].concat();
    let reopened = fs.fork();
    reopened.power_cut(0);
    let (mut same, found) = open(&reopened).unwrap();
    assert_eq!(found, all);
    append(&mut same, &Remembered::new(6, 2, 100)).unwrap();
    journal.keeper().release(4).unwrap();
    journal.keeper().remove_spares().unwrap();
    assert_eq!(
        fs.list(Path::new(DIRECTORY)).unwrap(),
        ["00000000000000000002.segment", "lock"]
    );
    drop(journal);
    fs.power_cut(0);
    assert_eq!(open(&fs).unwrap().1, [next]);
}

#[test]
fn segments_of_another_length_live_on_and_are_not_used_again() {
    let longer = JournalOptions {
        segment_bytes: 6 * BLOCK,
        limit_bytes: 30 * BLOCK,
        ..OPTIONS
    };
    for (before, after, in_first) in [(OPTIONS, longer, 3), (longer, OPTIONS, 5)] {
        let fs = SimulatedFileSystem::new();
        let mut journal = Journal::create(system(&fs), Path::new(DIRECTORY), before, IDENTITY).unwrap();
        let mut frames: Vec<_> = (0..2 * in_first)
            .map(|batch| Remembered::new(batch * 2, 2, 100))
            .collect();
        for frame in &frames {
            append(&mut journal, frame).unwrap();
        }
        drop(journal);
        let reopen = || {
            let mut found = Vec::new();
            let journal = Journal::open(system(&fs), Path::new(DIRECTORY), after, &mut collect(&mut found));
            (journal.unwrap(), found)
        };
        let (mut journal, found) = reopen();
        assert_eq!(found, frames);
        assert_eq!(journal.keeper().release(u64::MAX).unwrap(), 1);
        frames.push(Remembered::new(4 * in_first, 2, 100));
        append(&mut journal, &frames[2 * in_first as usize]).unwrap();
        assert_eq!(
            fs.metadata(&segment_path(3)).unwrap().unwrap().length,
            after.segment_bytes
        );
        drop(journal);
        assert_eq!(reopen().1, frames[in_first as usize..]);
    }
}

#[test]
fn options_that_cannot_work_are_refused() {
    let bad = [
        JournalOptions {
            segment_bytes: 4 * BLOCK + 1,
            ..OPTIONS
        },
        JournalOptions {
            payload_bytes_max: 12_300,
            ..OPTIONS
        },
        JournalOptions {
            limit_bytes: 7 * BLOCK,
            ..OPTIONS
        },
    ];
    for options in bad {
        let fs = system(&SimulatedFileSystem::new());
        let refused = Journal::create(fs, Path::new(DIRECTORY), options, IDENTITY);
        assert!(matches!(refused, Err(JournalError::Options { .. })));
    }
    JournalOptions::default().check().unwrap();
}
