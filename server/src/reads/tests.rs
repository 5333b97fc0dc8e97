//! The log of reads against damage, failures of the disk and power cuts.

use std::path::PathBuf;

use rustix::io::Errno;

use super::*;
use crate::fs::{Fault, SimulatedFileSystem};

fn origin() -> Origin {
    Origin::new("notary.example/log1").unwrap()
}

fn layout(folder: &str) -> Layout {
    let folder = PathBuf::from(folder);
    Layout {
        public: folder.join("public"),
        private: folder.join("private"),
        journal: folder.join("journal"),
        index: folder.join("index"),
        signer_state: folder.join("signer.state"),
    }
}

fn read(number: u64) -> Read {
    Read {
        at: Instant::from_millis(1_780_000_000_000 + i64::try_from(number).unwrap()),
        organization: "acme".parse().unwrap(),
        member: "m-1".parse().unwrap(),
        register: "trial:NCT04573309".parse().unwrap(),
        roles: vec!["auditor".to_owned(), "monitor".to_owned()],
        kind: ReadKind::ALL[usize::try_from(number).unwrap() % 7],
        from: number,
        until: number + 1,
        shown: 2,
    }
}

/// All reads, oldest first, page by page.
fn all(fs: &dyn FileSystem, layout: &Layout) -> Result<Vec<Read>, ReadsError> {
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let (reads, next) = page(fs, &layout.reads(), before)?;
        pages.push(reads);
        match next {
            Some(next) => before = Some(next),
            None => break,
        }
    }
    pages.reverse();
    Ok(pages.concat())
}

fn new() -> (Arc<SimulatedFileSystem>, Layout) {
    let fs = Arc::new(SimulatedFileSystem::new());
    let layout = layout("/data");
    fs.create_dir_all(&layout.private, PRIVATE_DIRECTORY).unwrap();
    (fs, layout)
}

#[test]
fn reads_come_back_across_files_and_starts() {
    let (fs, layout) = new();
    let mut expected = Vec::new();
    for start in 0..5 {
        let reads = Reads::open(Arc::clone(&fs) as _, &layout, &origin()).unwrap();
        for number in 0..20 {
            let one = read(start * 100 + number);
            reads.record(&one).unwrap();
            expected.push(one);
            assert_eq!(all(&*fs, &layout).unwrap(), expected);
        }
    }
    let audited = audit(&*fs, &layout, &origin()).unwrap();
    assert_eq!(audited.reads, 100);
    assert!(audited.files > 3, "the test fills too few files");
    // A copy is the same, also when it is brought up to date.
    let copy_layout = self::layout("/copy");
    fs.create_dir_all(&copy_layout.private, PRIVATE_DIRECTORY)
        .unwrap();
    copy(&*fs, &layout, &copy_layout).unwrap();
    assert_eq!(audit(&*fs, &copy_layout, &origin()).unwrap(), audited);
    let reads = Reads::open(Arc::clone(&fs) as _, &layout, &origin()).unwrap();
    for number in 900..930 {
        reads.record(&read(number)).unwrap();
        expected.push(read(number));
    }
    copy(&*fs, &layout, &copy_layout).unwrap();
    assert_eq!(all(&*fs, &copy_layout).unwrap(), expected);
}

#[test]
fn every_changed_byte_and_every_missing_file_is_found() {
    let (fs, layout) = new();
    let reads = Reads::open(Arc::clone(&fs) as _, &layout, &origin()).unwrap();
    for number in 0..40 {
        reads.record(&read(number)).unwrap();
    }
    drop(reads);
    let firsts = segment::list(&*fs, &layout.reads()).unwrap();
    assert!(firsts.len() > 2);
    for first in &firsts {
        let path = segment::path(&layout.reads(), *first);
        let bytes = fs.read(&path, 1 << 20).unwrap();
        let newest = first == firsts.last().unwrap();
        for place in 0..bytes.len() {
            let mut spoiled = bytes.clone();
            spoiled[place] ^= 1;
            crate::durable::replace(&*fs, &path, &spoiled, 0o600).unwrap();
            let found = audit(&*fs, &layout, &origin());
            // The last frame of all cannot be told from one that a crash left: it counts as not there.
            match found {
                Err(_) => {}
                Ok(audited) => assert!(newest && audited.reads < 40, "byte {place} of file {first}"),
            }
        }
        fs.remove_file(&path).unwrap();
        if !newest {
            assert!(
                audit(&*fs, &layout, &origin()).is_err(),
                "file {first} is missing"
            );
        }
        crate::durable::replace(&*fs, &path, &bytes, 0o600).unwrap();
    }
    assert_eq!(audit(&*fs, &layout, &origin()).unwrap().reads, 40);
    let other = Origin::new("notary.example/log2").unwrap();
    assert!(audit(&*fs, &layout, &other).is_err(), "it is another log's");
}

/// Every call to the disk fails once, or is the last before a power cut: what was answered is there.
#[test]
fn what_was_answered_survives_every_failure() {
    let faults = [
        Fault::Fails(Errno::IO),
        Fault::FailsButStored(Errno::IO),
        Fault::FailsPartly(Errno::IO),
        Fault::Crash,
    ];
    for fault in faults {
        let mut call = 0;
        loop {
            let (fs, layout) = new();
            let reads = Reads::open(Arc::clone(&fs) as _, &layout, &origin()).unwrap();
            let mut answered: Vec<Read> = (0..14).map(read).collect();
            for read in &answered {
                reads.record(read).unwrap();
            }
            let planted = fs.calls() + call;
            fs.plant(planted, fault);
            for number in 14..30 {
                if reads.record(&read(number)).is_ok() {
                    answered.push(read(number));
                }
            }
            let reached = fs.calls() > planted;
            drop(reads);
            fs.power_cut(call);
            let reads = Reads::open(Arc::clone(&fs) as _, &layout, &origin()).unwrap();
            reads.record(&read(77)).unwrap();
            answered.push(read(77));
            let found = all(&*fs, &layout).unwrap();
            let kept: Vec<_> = found
                .iter()
                .filter(|read| answered.contains(read))
                .cloned()
                .collect();
            assert_eq!(kept, answered, "call {call}, {fault:?}");
            audit(&*fs, &layout, &origin()).unwrap();
            if !reached {
                assert!(call > 20, "the test fails too few calls");
                break;
            }
            call += 1;
        }
    }
}

#[test]
fn calls_that_come_together_are_all_on_record() {
    let (fs, layout) = new();
    let reads = Reads::open(Arc::clone(&fs) as _, &layout, &origin()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let reads = &reads;
            scope.spawn(move || {
                for number in 0..25 {
                    reads.record(&read(thread * 100 + number)).unwrap();
                }
            });
        }
    });
    assert_eq!(audit(&*fs, &layout, &origin()).unwrap().reads, 200);
    let found = all(&*fs, &layout).unwrap();
    for thread in 0..8 {
        let of_one: Vec<_> = found
            .iter()
            .map(|read| read.from)
            .filter(|from| from / 100 == thread)
            .collect();
        assert!(of_one.is_sorted() && of_one.len() == 25, "{of_one:?}");
    }
}
