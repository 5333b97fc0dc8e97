//! Tests of whole-file writes.

use std::sync::Arc;

use rustix::io::Errno;

use super::*;
use crate::fs::{Fault, PRIVATE_FILE, PUBLIC_DIRECTORY, PUBLIC_FILE, RealFileSystem, SimulatedFileSystem};

const PATH: &str = "/data/file";

fn with_directory() -> SimulatedFileSystem {
    let fs = SimulatedFileSystem::new();
    fs.create_dir_all(Path::new("/data"), 0o700).unwrap();
    fs.kill();
    fs
}

fn contents(fs: &SimulatedFileSystem, path: &str) -> Option<Vec<u8>> {
    fs.metadata(Path::new(path))
        .unwrap()
        .map(|_| fs.read(Path::new(path), 1 << 20).unwrap())
}

const FAULTS: [Fault; 4] = [
    Fault::Fails(Errno::IO),
    Fault::FailsButStored(Errno::IO),
    Fault::FailsPartly(Errno::NOSPC),
    Fault::Crash,
];

/// Runs `work` with every fault at every call, ends the process in several ways, and gives the outcome to `check`.
fn with_every_fault(
    start: &SimulatedFileSystem,
    work: impl Fn(&SimulatedFileSystem) -> Result<(), DurableError>,
    check: impl Fn(&SimulatedFileSystem, bool),
) {
    let counted = start.fork();
    work(&counted).unwrap();
    let calls = counted.calls();
    assert!(calls > 0);
    for number in 0..=calls {
        for fault in FAULTS {
            for seed in 0..6 {
                let fs = start.fork();
                fs.plant(number, fault);
                let done = work(&fs).is_ok();
                // 5 stands for a killed process.
                if seed == 5 {
                    fs.kill()
                } else {
                    fs.power_cut(seed)
                }
                check(&fs, done);
            }
        }
    }
}

#[test]
fn a_new_file_is_whole_or_not_there() {
    let new = vec![7; 3000];
    let write = |fs: &SimulatedFileSystem| write_new(fs, Path::new(PATH), &new, PRIVATE_FILE);
    with_every_fault(&with_directory(), write, |fs, done| {
        let found = contents(fs, PATH);
        assert!(found.is_none() && !done || found.as_ref() == Some(&new));
        // Whatever was left over, the next try succeeds and the leftovers go.
        write(fs).unwrap();
        clean_leftovers(fs, Path::new("/data")).unwrap();
        fs.power_cut(0);
        assert_eq!(contents(fs, PATH).as_ref(), Some(&new));
        assert_eq!(fs.list(Path::new("/data")).unwrap(), ["file"]);
    });
}

#[test]
fn a_replaced_file_is_the_old_one_or_the_new_one() {
    let (old, new) = (vec![1; 2000], vec![2; 3000]);
    let fs = with_directory();
    replace(&fs, Path::new(PATH), &old, PRIVATE_FILE).unwrap();
    fs.power_cut(0);
    let write = |fs: &SimulatedFileSystem| replace(fs, Path::new(PATH), &new, PRIVATE_FILE);
    with_every_fault(&fs, write, |fs, done| {
        let found = contents(fs, PATH).unwrap();
        assert!(found == new || found == old && !done);
    });
}

#[test]
fn other_contents_under_an_immutable_name_are_refused() {
    let fs = with_directory();
    write_new(&fs, Path::new(PATH), b"first", PRIVATE_FILE).unwrap();
    write_new(&fs, Path::new(PATH), b"first", PRIVATE_FILE).unwrap();
    for other in [&b"other"[..], b"firs", b"first!", b""] {
        let refused = write_new(&fs, Path::new(PATH), other, PRIVATE_FILE);
        assert!(matches!(refused, Err(DurableError::Differs { path }) if path == Path::new(PATH)));
    }
    assert_eq!(contents(&fs, PATH).unwrap(), b"first");
}

#[test]
fn a_file_that_is_there_is_written_again_since_it_may_not_be_durable() {
    let fs = with_directory();
    // The last call is the sync of the directory.
    let counted = fs.fork();
    write_new(&counted, Path::new(PATH), b"contents", PRIVATE_FILE).unwrap();
    fs.plant(counted.calls() - 1, Fault::Crash);
    write_new(&fs, Path::new(PATH), b"contents", PRIVATE_FILE).unwrap_err();
    fs.kill();
    assert!(contents(&fs, PATH).is_some());
    write_new(&fs, Path::new(PATH), b"contents", PRIVATE_FILE).unwrap();
    fs.power_cut(0);
    assert_eq!(contents(&fs, PATH).unwrap(), b"contents");
}

const TILES: [(&str, &[u8]); 5] = [
    ("tile/0/000", &[1; 1000]),
    ("tile/0/001", &[2; 1000]),
    ("tile/1/x001/000", &[3; 1000]),
    ("tile/entries/000", &[]),
    ("top", &[5; 5000]),
];

fn write_tiles(fs: &SimulatedFileSystem) -> Result<(), DurableError> {
    let mut batch = Batch::new(
        Arc::new(fs.clone()),
        Path::new("/data"),
        PUBLIC_DIRECTORY,
        PUBLIC_FILE,
    );
    for (path, contents) in TILES {
        batch.add(path, contents)?;
    }
    batch.commit()
}

#[test]
fn a_batch_is_durable_when_committed_and_its_files_are_whole_before() {
    with_every_fault(&with_directory(), write_tiles, |fs, done| {
        for (path, expected) in TILES {
            let found = contents(fs, &format!("/data/{path}"));
            assert!(
                found.is_none() && !done || found.as_deref() == Some(expected),
                "{path}"
            );
        }
        write_tiles(fs).unwrap();
        fs.power_cut(0);
        for (path, expected) in TILES {
            assert_eq!(
                contents(fs, &format!("/data/{path}")).as_deref(),
                Some(expected),
                "{path}"
            );
        }
    });
}

#[test]
fn a_batch_syncs_each_file_and_each_directory_once() {
    let fs = with_directory();
    let mut batch = Batch::new(
        Arc::new(fs.clone()),
        Path::new("/data"),
        PUBLIC_DIRECTORY,
        PUBLIC_FILE,
    );
    for round in 0..2 {
        for number in 0..50 {
            batch
                .add(&format!("tile/{round}{number:02}"), &[number; 100])
                .unwrap();
        }
        assert_eq!((batch.len(), batch.is_empty()), (50, false));
        let before = fs.calls() as usize;
        batch.commit().unwrap();
        let log = fs.call_log().split_off(before);
        let count = |operation| log.iter().filter(|call| call.operation == operation).count();
        assert_eq!((count(Operation::Sync), count(Operation::SyncDirectory)), (50, 1));
    }
    // The directory's own name was made durable once, for both rounds.
    let parent = fs
        .call_log()
        .into_iter()
        .filter(|call| call.path == Path::new("/data"));
    assert!(
        parent
            .filter(|call| call.operation == Operation::SyncDirectory)
            .count()
            <= 2
    );
}

#[test]
fn leftovers_are_removed_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    for name in [".one.tmp", ".two.tmp", "three.tmp", ".four", "five"] {
        std::fs::write(directory.path().join(name), b"").unwrap();
    }
    assert_eq!(clean_leftovers(&RealFileSystem, directory.path()).unwrap(), 2);
    assert_eq!(
        RealFileSystem.list(directory.path()).unwrap(),
        [".four", "five", "three.tmp"]
    );
    assert_eq!(
        clean_leftovers(&RealFileSystem, &directory.path().join("missing")).unwrap(),
        0
    );
}

const THING: Envelope = Envelope {
    magic: *b"TSLTHING",
    version: 3,
};

#[test]
fn the_header_is_what_the_byte_table_says() {
    // Computed by a bitwise CRC-32C of its own, outside this program.
    let known = "54534c5448494e47030000000500000000000000fc2cd7c568656c6c6f";
    let sealed = THING.seal(b"hello");
    assert_eq!(
        sealed
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>(),
        known
    );
    assert_eq!(THING.open(Path::new("x"), &sealed).unwrap(), (3, &b"hello"[..]));
    let older = Envelope { version: 2, ..THING }.seal(b"");
    assert_eq!(THING.open(Path::new("x"), &older).unwrap(), (2, &b""[..]));
}

#[test]
fn a_damaged_or_newer_file_is_refused_by_name() {
    let sealed = THING.seal(b"hello");
    for byte in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[byte] ^= 1 << (byte % 8);
        THING.open(Path::new("x"), &damaged).unwrap_err();
    }
    for length in 0..sealed.len() {
        THING.open(Path::new("x"), &sealed[..length]).unwrap_err();
    }
    for (at, value) in [(8, 0), (10, 1), (11, 1)] {
        let mut odd = THING.seal(b"");
        odd[at] = value;
        let crc = crc32c::crc32c(&odd[..20]);
        odd[20..].copy_from_slice(&crc.to_le_bytes());
        assert!(matches!(
            THING.open(Path::new("x"), &odd),
            Err(DurableError::Damaged { .. })
        ));
    }
    let newer = Envelope { version: 4, ..THING }.seal(b"");
    let Err(error) = THING.open(Path::new("/data/thing"), &newer) else {
        panic!()
    };
    assert!(matches!(
        error,
        DurableError::Newer {
            found: 4,
            supported: 3,
            ..
        }
    ));
    assert!(error.to_string().contains("/data/thing has format version 4"));
}
