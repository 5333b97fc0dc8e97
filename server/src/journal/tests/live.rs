//! Reading beside a writer.

use super::*;

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

/// Scans, and lets the server do something when the scan is about to be given frame number `at`.
fn scan_beside(
    fs: &SimulatedFileSystem,
    at: usize,
    server: &mut dyn FnMut(),
) -> Result<Vec<Remembered>, JournalError> {
    let mut frames = Vec::new();
    scan(fs, Path::new(DIRECTORY), &mut |header, payload| {
        if frames.len() == at {
            server();
        }
        collect(&mut frames)(header, payload)
    })?;
    Ok(frames)
}

#[test]
fn a_scan_follows_a_journal_that_grows() {
    for at in 0..5 {
        let fs = SimulatedFileSystem::new();
        let (mut journal, mut frames) = filled(&fs, &[60; 5]);
        let found = scan_beside(&fs, at, &mut || {
            for _ in 0..7 {
                let next = Remembered::new(frames.len() as u64 * 2, 2, 60);
                append(&mut journal, &next).unwrap();
                frames.push(next);
            }
        });
        assert_eq!(found.unwrap(), frames);
    }
}

#[test]
fn a_scan_says_that_the_journal_moved_on() {
    for at in 0..5 {
        let fs = SimulatedFileSystem::new();
        let (mut journal, frames) = filled(&fs, &[60; 9]);
        let keeper = journal.keeper();
        let mut batch = 9;
        let found = scan_beside(&fs, at, &mut || {
            keeper.release(u64::MAX).unwrap();
            for _ in 0..6 {
                append(&mut journal, &Remembered::new(batch * 2, 2, 60)).unwrap();
                batch += 1;
            }
        });
        match found {
            Err(JournalError::Released { .. }) => {}
            Err(other) => panic!("{other}"),
            // The old files were not yet overwritten when they were read.
            Ok(found) => assert_eq!(found[..9], frames),
        }
    }
}
