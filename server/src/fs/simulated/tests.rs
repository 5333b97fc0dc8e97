//! The simulation must be at least as cruel as it says.

use super::*;
use crate::fs::{PRIVATE_DIRECTORY, PRIVATE_FILE};

const PATH: &str = "/file";

fn path() -> &'static Path {
    Path::new(PATH)
}

/// A system with one durable file of these contents.
fn with_file(contents: &[u8]) -> (SimulatedFileSystem, Box<dyn File>) {
    let fs = SimulatedFileSystem::new();
    let file = fs.create_new(path(), PRIVATE_FILE).unwrap();
    file.write_at(0, &[contents]).unwrap();
    file.sync_data().unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    (fs, file)
}

fn contents(fs: &SimulatedFileSystem) -> Vec<u8> {
    fs.read(path(), u64::MAX).unwrap()
}

#[test]
fn what_was_synced_survives_and_what_was_not_may_not() {
    let (fs, file) = with_file(&[1; 2000]);
    file.write_at(100, &[&[2; 1000], &[3; 500]]).unwrap();
    let written = contents(&fs);
    assert_eq!(
        (written[99], written[100], written[1100], written[1600]),
        (1, 2, 3, 1)
    );
    for (seed, expected) in [(0, vec![1; 2000]), (1, written.clone())] {
        let cut = fs.fork();
        cut.power_cut(seed);
        assert_eq!(contents(&cut), expected);
    }
    fs.kill();
    assert_eq!(contents(&fs), written);
}

#[test]
fn writes_tear_at_sectors_in_any_order() {
    let (fs, file) = with_file(&[1; 2048]);
    file.write_at(0, &[&[2; 2048]]).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for seed in 2..200 {
        let cut = fs.fork();
        cut.power_cut(seed);
        let torn = contents(&cut);
        let sectors: Vec<u8> = torn.chunks(512).map(|sector| sector[0]).collect();
        assert!(
            torn.chunks(512)
                .all(|sector| sector.iter().all(|byte| *byte == sector[0]))
        );
        seen.insert(sectors);
    }
    // Every subset of four sectors.
    assert_eq!(seen.len(), 16);
}

#[test]
fn a_longer_file_may_come_back_long_with_holes_or_short() {
    let (fs, file) = with_file(&[1; 512]);
    file.write_at(512, &[&[2; 1024]]).unwrap();
    let lengths: std::collections::BTreeSet<_> = (0..50)
        .map(|seed| {
            let cut = fs.fork();
            cut.power_cut(seed);
            let found = contents(&cut);
            assert_eq!(found[..512], [1; 512]);
            found.len()
        })
        .collect();
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [512, 1536]);
}

#[test]
fn a_failed_sync_loses_what_stays_visible_and_a_second_one_does_not_help() {
    let (fs, file) = with_file(&[1; 512]);
    file.write_at(0, &[&[2; 512]]).unwrap();
    fs.plant(fs.calls(), Fault::Fails(Errno::IO));
    file.sync_data().unwrap_err();
    file.sync_data().unwrap();
    assert_eq!(contents(&fs), [2; 512]);
    let cut = fs.fork();
    cut.power_cut(1);
    assert_eq!(contents(&cut), [1; 512]);
    // Writing again does.
    file.write_at(0, &[&[2; 512]]).unwrap();
    file.sync_data().unwrap();
    fs.power_cut(0);
    assert_eq!(contents(&fs), [2; 512]);
}

#[test]
fn names_are_durable_after_a_sync_of_their_directory_only() {
    let (fs, _) = with_file(&[1; 10]);
    let other = Path::new("/other");
    fs.rename(path(), other).unwrap();
    let new = fs.create_new(path(), PRIVATE_FILE).unwrap();
    new.sync_all().unwrap();
    let found: std::collections::BTreeSet<_> = (0..50)
        .map(|seed| {
            let cut = fs.fork();
            cut.power_cut(seed);
            cut.list(Path::new("/")).unwrap()
        })
        .collect();
    let names: Vec<Vec<&str>> = found
        .iter()
        .map(|names| names.iter().map(String::as_str).collect())
        .collect();
    // A rename is never torn: the old file has one name or the other.
    assert_eq!(names, [vec!["file"], vec!["file", "other"], vec!["other"]]);
    fs.sync_dir(Path::new("/")).unwrap();
    fs.power_cut(0);
    assert_eq!(fs.list(Path::new("/")).unwrap(), ["file", "other"]);
    assert_eq!(fs.read(other, 10).unwrap(), [1; 10]);
}

#[test]
fn a_directory_that_was_not_synced_goes_with_all_that_is_in_it() {
    let fs = SimulatedFileSystem::new();
    fs.create_dir_all(Path::new("/one/two"), PRIVATE_DIRECTORY)
        .unwrap();
    let file = fs.create_new(Path::new("/one/two/file"), PRIVATE_FILE).unwrap();
    file.sync_all().unwrap();
    fs.sync_dir(Path::new("/one/two")).unwrap();
    // The last call of the creation was the sync of `/one`; repeat it all with that one failing.
    let lossy = SimulatedFileSystem::new();
    let last = fs
        .call_log()
        .iter()
        .rposition(|call| call.path == Path::new("/one"))
        .unwrap();
    lossy.plant(last as u64, Fault::Fails(Errno::IO));
    lossy
        .create_dir_all(Path::new("/one/two"), PRIVATE_DIRECTORY)
        .unwrap_err();
    lossy
        .create_dir_all(Path::new("/one/two"), PRIVATE_DIRECTORY)
        .unwrap();
    for (fs, survives) in [(fs, true), (lossy, false)] {
        fs.power_cut(0);
        assert_eq!(fs.metadata(Path::new("/one/two")).unwrap().is_some(), survives);
    }
}

#[test]
fn a_crash_ends_everything_until_the_next_start() {
    let (fs, file) = with_file(&[1; 512]);
    let lock = fs.lock(Path::new("/lock"), PRIVATE_FILE).unwrap();
    fs.plant(fs.calls(), Fault::Crash);
    file.write_at(0, &[&[2; 512]]).unwrap_err();
    file.sync_data().unwrap_err();
    fs.list(Path::new("/")).unwrap_err();
    fs.kill();
    assert_eq!(fs.calls(), 0);
    // The handle is dead, and the lock free; dropping the old one does not free the new one.
    file.sync_data().unwrap_err();
    let _new = fs.lock(Path::new("/lock"), PRIVATE_FILE).unwrap();
    drop(lock);
    let Err(error) = fs.lock(Path::new("/lock"), PRIVATE_FILE) else {
        panic!()
    };
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn faults_do_what_they_say() {
    let (fs, file) = with_file(&[1; 100]);
    fs.plant(fs.calls(), Fault::Fails(Errno::IO));
    file.write_at(0, &[&[2; 100]]).unwrap_err();
    assert_eq!(contents(&fs), [1; 100]);
    fs.plant(fs.calls(), Fault::FailsPartly(Errno::NOSPC));
    let error = file.write_at(0, &[&[2; 100]]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let partly = contents(&fs);
    assert_eq!((partly[0], partly[99]), (2, 1));
    fs.plant(fs.calls(), Fault::FailsButStored(Errno::IO));
    file.write_at(0, &[&[3; 100]]).unwrap_err();
    assert_eq!(contents(&fs), [3; 100]);
    fs.plant(fs.calls(), Fault::FailsButStored(Errno::IO));
    file.sync_data().unwrap_err();
    fs.power_cut(0);
    assert_eq!(contents(&fs), [3; 100]);
}

#[test]
fn a_full_disk_takes_no_more_and_a_removed_file_makes_room() {
    let (fs, file) = with_file(&[1; 100]);
    fs.set_free_bytes(50);
    assert_eq!(
        file.write_at(100, &[&[2; 51]]).unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    file.write_at(100, &[&[2; 50]]).unwrap();
    file.write_at(0, &[&[2; 150]]).unwrap();
    assert_eq!(fs.free_bytes(path()).unwrap(), 0);
    fs.remove_file(path()).unwrap();
    assert_eq!(fs.free_bytes(path()).unwrap(), 150);
}

#[test]
fn the_same_calls_end_the_same_way() {
    let run = || {
        let (fs, file) = with_file(&[1; 5000]);
        fs.plant(fs.calls() + 1, Fault::Crash);
        file.write_at(700, &[&[2; 3000]]).unwrap();
        file.write_at(900, &[&[3; 3000]]).unwrap_err();
        fs.power_cut(77);
        (contents(&fs), fs.call_log())
    };
    assert_eq!(run(), run());
}
