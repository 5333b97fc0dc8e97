//! Damage that is no crash: recovery must refuse it, name it, and touch nothing.

use proptest::prelude::*;

use super::*;

/// Opening must fail as corrupt at this place, and must have changed nothing.
fn check_corrupt(fs: &SimulatedFileSystem, segment: u64, at: u64) {
    match open(fs) {
        Err(JournalError::Corrupt { file, offset, .. }) => {
            assert_eq!((file, offset), (segment_path(segment), at));
        }
        Err(other) => panic!("expected corruption at segment {segment} offset {at}, not: {other}"),
        Ok(_) => panic!("damage at segment {segment} offset {at} was not found"),
    }
    let writes = fs
        .call_log()
        .iter()
        .filter(|call| call.operation == crate::fs::Operation::Write)
        .count();
    assert_eq!(writes, 0);
    assert!(matches!(scanned(fs), Err(JournalError::Corrupt { .. })));
}

#[test]
fn a_flipped_bit_in_any_byte_of_a_middle_frame_is_corruption() {
    let fs = SimulatedFileSystem::new();
    drop(filled(&fs, &[60, 60, 60]));
    for byte in 0..BLOCK {
        let damaged = fs.fork();
        damaged.kill();
        damaged
            .flip(&segment_path(1), 2 * BLOCK + byte, 1 << (byte % 8))
            .unwrap();
        check_corrupt(&damaged, 1, 2 * BLOCK);
    }
}

#[test]
fn a_flipped_bit_in_the_last_frame_of_a_segment_is_corruption_if_the_next_has_frames() {
    let fs = SimulatedFileSystem::new();
    drop(filled(&fs, &[60, 60, 60, 60]));
    for byte in (0..BLOCK).step_by(5) {
        let damaged = fs.fork();
        damaged.kill();
        damaged.flip(&segment_path(1), 3 * BLOCK + byte, 0x80).unwrap();
        check_corrupt(&damaged, 1, 3 * BLOCK);
    }
}

#[test]
fn a_flipped_bit_in_the_first_frame_is_corruption_even_if_it_is_the_oldest_kept() {
    let fs = SimulatedFileSystem::new();
    let (journal, _) = filled(&fs, &[60; 4]);
    journal.keeper().release(u64::MAX).unwrap();
    drop(journal);
    fs.kill();
    // The only frame there is: without it not even the next index is known.
    fs.flip(&segment_path(2), BLOCK + 3, 1).unwrap();
    check_corrupt(&fs, 2, BLOCK);
}

#[test]
fn a_damaged_frame_is_found_even_if_the_later_one_is_torn() {
    let fs = SimulatedFileSystem::new();
    drop(filled(&fs, &[60, 60, 9000]));
    fs.kill();
    fs.flip(&segment_path(1), 2 * BLOCK + 100, 1).unwrap();
    fs.flip(&segment_path(2), BLOCK + 5000, 1).unwrap();
    check_corrupt(&fs, 1, 2 * BLOCK);
}

/// The limit of what a journal alone can know: the signer's memory and the tiles know more.
#[test]
fn a_damaged_last_frame_is_taken_for_a_torn_one_and_nothing_else_is_lost() {
    let fs = SimulatedFileSystem::new();
    let (_, frames) = filled(&fs, &[60, 60]);
    for byte in 0..BLOCK {
        let damaged = fs.fork();
        damaged.kill();
        damaged.flip(&segment_path(1), 2 * BLOCK + byte, 4).unwrap();
        assert_eq!(open(&damaged).unwrap().1, frames[..1]);
        // It was cleared: a second recovery finds no trace.
        damaged.power_cut(0);
        let contents = damaged.read(&segment_path(1), OPTIONS.segment_bytes).unwrap();
        assert!(frame::is_zero(&contents[2 * BLOCK as usize..]));
    }
}

#[test]
fn a_flipped_bit_in_a_segment_header_is_refused() {
    let fs = SimulatedFileSystem::new();
    drop(filled(&fs, &[60; 4]));
    for byte in 0..BLOCK {
        let damaged = fs.fork();
        damaged.kill();
        damaged.flip(&segment_path(2), byte, 0x10).unwrap();
        match open(&damaged) {
            Err(JournalError::Segment { file, .. }) => assert_eq!(file, segment_path(2)),
            Err(JournalError::Newer { file, .. }) => assert_eq!((file, byte / 2), (segment_path(2), 4)),
            Err(other) => panic!("at {byte}: {other}"),
            Ok(_) => panic!("a flipped bit at {byte} was not found"),
        }
    }
}

#[test]
fn truncated_and_missing_segments_are_refused() {
    let fs = SimulatedFileSystem::new();
    drop(filled(&fs, &[60; 9]));
    for length in [
        0,
        1,
        4096,
        OPTIONS.segment_bytes - 4096,
        OPTIONS.segment_bytes - 1,
    ] {
        let damaged = fs.fork();
        damaged.kill();
        damaged.truncate(&segment_path(2), length).unwrap();
        let Err(JournalError::Segment { file, .. }) = open(&damaged) else {
            panic!("at {length}")
        };
        assert_eq!(file, segment_path(2));
    }
    fs.kill();
    fs.remove_file(&segment_path(2)).unwrap();
    let Err(JournalError::Missing { file }) = open(&fs) else {
        panic!()
    };
    assert_eq!(file, segment_path(2));
}

fn copy(from: &SimulatedFileSystem, to: &SimulatedFileSystem, source: u64, target: u64) {
    let contents = from.read(&segment_path(source), OPTIONS.segment_bytes).unwrap();
    if to.metadata(&segment_path(target)).unwrap().is_some() {
        to.remove_file(&segment_path(target)).unwrap();
    }
    to.create_new(&segment_path(target), 0o600)
        .unwrap()
        .write_at(0, &[&contents])
        .unwrap();
}

#[test]
fn a_segment_of_another_journal_is_refused() {
    let fs = SimulatedFileSystem::new();
    drop(filled(&fs, &[60; 9]));
    let other = SimulatedFileSystem::new();
    let id = JournalId([9; 16]);
    let mut journal = Journal::create(system(&other), Path::new(DIRECTORY), OPTIONS, id).unwrap();
    for batch in 0..9 {
        append(&mut journal, &Remembered::new(batch * 2, 2, 60)).unwrap();
    }
    copy(&other, &fs, 2, 2);
    let Err(JournalError::OtherJournal {
        file,
        found,
        expected,
    }) = open(&fs)
    else {
        panic!()
    };
    assert_eq!((file, found, expected), (segment_path(2), id, IDENTITY));
}

#[test]
fn a_segment_of_another_life_of_the_same_journal_is_corruption() {
    let fs = SimulatedFileSystem::new();
    drop(filled(&fs, &[60; 9]));
    let other = SimulatedFileSystem::new();
    // The same identity, batch numbers and indexes, and other payloads: only the chain tells.
    drop(filled(&other, &[61; 9]));
    copy(&other, &fs, 2, 2);
    fs.kill();
    check_corrupt(&fs, 1, OPTIONS.segment_bytes);
}

#[test]
fn a_segment_under_another_number_is_refused() {
    let fs = SimulatedFileSystem::new();
    drop(filled(&fs, &[60; 9]));
    copy(&fs, &fs, 1, 4);
    assert!(matches!(open(&fs), Err(JournalError::Segment { .. })));
}

#[test]
fn frames_of_a_file_s_earlier_life_are_nothing() {
    let fs = SimulatedFileSystem::new();
    let (journal, frames) = filled(&fs, &[60; 4]);
    drop(journal);
    // As if zeroing had not been durable: old frames of segment 1 behind the frame of segment 2.
    let old = fs.read(&segment_path(1), OPTIONS.segment_bytes).unwrap();
    let file = fs.open(&segment_path(2), Access::ReadWrite).unwrap();
    let behind = 2 * BLOCK as usize;
    file.write_at(2 * BLOCK, &[&old[behind..]]).unwrap();
    let (mut journal, found) = open(&fs).unwrap();
    assert_eq!(found, frames);
    append(&mut journal, &Remembered::new(8, 2, 60)).unwrap();
}

/// Changes a frame's bytes and makes both checksums right again.
fn forge(fs: &SimulatedFileSystem, segment: u64, offset: u64, at: usize, bytes: &[u8]) {
    let path = segment_path(segment);
    let mut contents = fs.read(&path, OPTIONS.segment_bytes).unwrap();
    let forged = &mut contents[offset as usize..];
    forged[at..at + bytes.len()].copy_from_slice(bytes);
    let crc = crc32c::crc32c(&forged[..64]);
    forged[64..68].copy_from_slice(&crc.to_le_bytes());
    let length = frame::number_at(forged, 60) as usize;
    if let Some(payload) = forged.get(72..72 + length) {
        let crc = crc32c::crc32c_append(crc32c::crc32c(&forged[..68]), payload);
        forged[68..72].copy_from_slice(&crc.to_le_bytes());
    }
    fs.open(&path, Access::ReadWrite)
        .unwrap()
        .write_at(0, &[&contents])
        .unwrap();
    fs.kill();
}

#[test]
fn checksums_alone_do_not_make_a_frame() {
    // Each at the last frame, so that nothing but the frame itself can tell. Does it end the journal, or refuse it?
    let cases: [(&str, usize, &[u8], bool); 8] = [
        ("a reserved byte is set", 10, &[1], false),
        (
            "the length reaches over the segment's end",
            60,
            &[0xff, 0xff, 0xff, 0xff],
            false,
        ),
        ("the identity is another", 16, &[9], false),
        ("the segment is another", 32, &[2], false),
        ("the magic is another", 0, b"X", false),
        ("the chain is broken", 12, &[1, 2, 3, 4], true),
        ("a batch was left out", 40, &[3], true),
        ("an index was left out", 48, &[3], true),
    ];
    for (name, at, bytes, refused) in cases {
        let fs = SimulatedFileSystem::new();
        let (_, frames) = filled(&fs, &[60, 60]);
        forge(&fs, 1, 2 * BLOCK, at, bytes);
        if refused {
            check_corrupt(&fs, 1, 2 * BLOCK);
        } else {
            assert_eq!(open(&fs).unwrap().1, frames[..1], "{name}");
        }
    }
}

#[test]
fn a_later_frame_is_found_far_behind_a_damaged_one() {
    let options = JournalOptions {
        segment_bytes: 2 << 20,
        limit_bytes: 8 << 20,
        payload_bytes_max: 1 << 20,
    };
    let fs = SimulatedFileSystem::new();
    let mut journal = Journal::create(system(&fs), Path::new(DIRECTORY), options, IDENTITY).unwrap();
    for batch in 0..2 {
        append(&mut journal, &Remembered::new(batch * 2, 2, 900_000)).unwrap();
    }
    drop(journal);
    fs.flip(&segment_path(1), BLOCK + 500_000, 1).unwrap();
    fs.kill();
    check_corrupt(&fs, 1, BLOCK);
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let fs = SimulatedFileSystem::new();
    drop(filled(&fs, &[60; 2]));
    let mut bytes = fs.read(&segment_path(1), OPTIONS.segment_bytes).unwrap();
    let at = BLOCK as usize;
    bytes[at + 8] = 3;
    let crc = crc32c::crc32c(&bytes[at..at + 64]);
    bytes[at + 64..at + 68].copy_from_slice(&crc.to_le_bytes());
    fs.open(&segment_path(1), Access::ReadWrite)
        .unwrap()
        .write_at(0, &[&bytes])
        .unwrap();
    let Err(error) = open(&fs) else { panic!() };
    assert!(matches!(
        error,
        JournalError::Newer {
            offset: BLOCK,
            found: 3,
            ..
        }
    ));
    assert!(error.to_string().contains("00000000000000000001.segment"));
}

#[test]
fn a_refused_frame_ends_the_walk_with_its_place() {
    let fs = SimulatedFileSystem::new();
    drop(filled(&fs, &[60; 2]));
    let refused = Journal::open(system(&fs), Path::new(DIRECTORY), OPTIONS, &mut |frame, _| {
        if frame.batch == 2 {
            Err("no such entry".into())
        } else {
            Ok(())
        }
    });
    let Err(JournalError::Rejected { file, offset, source }) = refused else {
        panic!()
    };
    assert_eq!((file, offset), (segment_path(1), 2 * BLOCK));
    assert_eq!(source.to_string(), "no such entry");
}

/// One thing that a broken disk or a careless hand does to a file.
#[derive(Debug, Clone)]
enum Damage {
    Flip(u64, u8),
    Truncate(u64),
    Overwrite(u64, Vec<u8>),
    CopyBlock(u64, u64),
}

fn damage() -> impl Strategy<Value = (u64, Damage)> {
    let place = 0..OPTIONS.segment_bytes;
    let block = 0..OPTIONS.segment_bytes / BLOCK;
    let damage = prop_oneof![
        6 => (place.clone(), 1u8..).prop_map(|(at, mask)| Damage::Flip(at, mask)),
        1 => place.clone().prop_map(Damage::Truncate),
        3 => (place, prop::collection::vec(any::<u8>(), 1..2000)).prop_map(|(at, with)| Damage::Overwrite(at, with)),
        3 => (block.clone(), block).prop_map(|(from, to)| Damage::CopyBlock(from, to)),
    ];
    (1u64..5, damage)
}

fn apply(fs: &SimulatedFileSystem, segment: u64, damage: &Damage) {
    let path = segment_path(segment);
    let file = fs.open(&path, Access::ReadWrite).unwrap();
    let end = file.length().unwrap();
    match damage {
        Damage::Flip(at, mask) => drop(fs.flip(&path, *at, *mask)),
        Damage::Truncate(length) => fs.truncate(&path, *length).unwrap(),
        Damage::Overwrite(at, with) => {
            let room = end.saturating_sub(*at).min(with.len() as u64) as usize;
            file.write_at(*at, &[&with[..room]]).unwrap();
        }
        Damage::CopyBlock(from, to) => {
            let mut block = [0; BLOCK as usize];
            if file.read_at(from * BLOCK, &mut block).is_ok() {
                file.write_at(to * BLOCK, &[&block]).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// However a journal is damaged: no panic, no frame that was never written, none out of its place; and damage to one
    /// block hides none but the last.
    #[test]
    fn no_damage_makes_up_a_frame_or_hides_more_than_the_last(
        lengths in prop::collection::vec(prop_oneof![0usize..200, 3900usize..9000], 3..6),
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let fs = SimulatedFileSystem::new();
        let (journal, frames) = filled(&fs, &lengths);
        let segments = journal.reader().last().unwrap().position.segment;
        drop(journal);
        for (segment, damage) in &damages {
            apply(&fs, 1 + segment % segments, damage);
        }
        let outside = scanned(&fs);
        if let Ok((_, found)) = open(&fs) {
            prop_assert!(frames.starts_with(&found));
            prop_assert_eq!(outside.unwrap(), found.clone());
            // An overwritten piece can reach over two frames.
            if let [(_, Damage::Flip(..) | Damage::CopyBlock(..))] = damages[..] {
                prop_assert!(found.len() + 1 >= frames.len());
            }
        }
    }
}
