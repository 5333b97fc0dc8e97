//! Tests of kept evidence: what was appended is found again, through every crash and fault.

use rustix::io::Errno;
use trialseal_core::{
    checkpoint::{Checkpoint, Origin},
    hash::sha256,
    index::LogSize,
    note::{Ed25519SigningKey, KeyName, SignedNote},
};

use super::*;
use crate::{
    evidence::CoseSignature,
    fs::{Fault, SimulatedFileSystem},
    testing::layout,
};

const KIND: Kind = Kind::Witnessed;

/// Evidence for a checkpoint of this size; `version` tells one from another of the same size.
fn evidenced(size: u64, version: u8) -> Evidenced {
    let origin = Origin::new("notary.example/2026").unwrap();
    let checkpoint = Checkpoint {
        origin,
        size: LogSize::new(size).unwrap(),
        root: sha256(&size.to_be_bytes()),
    };
    let key = Ed25519SigningKey::from_seed(KeyName::new("witness.example/w").unwrap(), [version; 32]);
    let text = checkpoint.text();
    let line = key.sign(&text);
    Evidenced {
        checkpoint,
        note: SignedNote::new(text, vec![line]).unwrap().to_string().into(),
        tokens: vec![vec![version; 700].into(); usize::from(version % 3)],
        cose: (version % 2 == 1).then(|| CoseSignature {
            protected: vec![1, version].into(),
            signature: vec![version; 64].into(),
        }),
    }
}

fn open(fs: &SimulatedFileSystem) -> Result<Kept, KeptError> {
    Kept::open(Arc::new(fs.clone()), &layout(Path::new("/log")), KIND)
}

fn directory() -> PathBuf {
    layout(Path::new("/log")).evidence(KIND)
}

fn found(kept: &Kept, index: u64) -> Option<(u64, Evidenced)> {
    let found = kept.earliest_with(index).unwrap()?;
    Some((found.checkpoint.size.get(), (*found).clone()))
}

fn scanned(fs: &SimulatedFileSystem, directory: &Path) -> Result<Vec<u64>, KeptError> {
    let mut sizes = Vec::new();
    let files = sizes_of_files(fs, directory)?;
    for (place, first) in files.iter().enumerate() {
        let last = place + 1 == files.len();
        read_file::<KeptError>(fs, directory, *first, last, &mut |_, _, evidenced| {
            sizes.push(evidenced.checkpoint.size.get());
            Ok(())
        })?;
    }
    Ok(sizes)
}

#[test]
fn the_earliest_checkpoint_that_includes_an_entry_is_found_in_any_file() {
    let fs = SimulatedFileSystem::new();
    let mut kept = open(&fs).unwrap();
    assert_eq!(found(&kept, 0), None);
    // Two files that are closed and a third; sizes 3, 6, 9, ..., every tenth evidenced twice.
    let count = 2 * ROWS as u64 + 20;
    for place in 1..=count {
        kept.append(Arc::new(evidenced(3 * place, 0))).unwrap();
        if place % 10 == 0 || place == ROWS as u64 {
            kept.append(Arc::new(evidenced(3 * place, 5))).unwrap();
        }
        if place % 25 == 0 {
            kept = open(&fs).unwrap();
        }
    }
    for kept in [&kept, &open(&fs).unwrap()] {
        assert_eq!(kept.newest_size(), 3 * count);
        let rows = ROWS as u64;
        for place in [
            1,
            2,
            9,
            10,
            rows - 1,
            rows,
            rows + 1,
            2 * rows - 1,
            2 * rows,
            2 * rows + 1,
            2 * rows + 2,
            count - 16,
            count,
        ] {
            let twice = place % 10 == 0 || place == ROWS as u64;
            let expected = evidenced(3 * place, if twice { 5 } else { 0 });
            for index in 3 * place - 3..3 * place {
                assert_eq!(found(kept, index), Some((3 * place, expected.clone())), "{index}");
            }
        }
        assert_eq!(found(kept, 3 * count), None);
    }
    let names = fs.list(&directory()).unwrap();
    let firsts = [1, ROWS as u64 + 1, 2 * ROWS as u64 + 1];
    assert_eq!(names, firsts.map(|place| format!("{:016}", 3 * place)));
    assert_eq!(
        scanned(&fs, &directory()).unwrap().len(),
        (count + count / 10 + 1) as usize
    );
    assert!(matches!(
        kept.append(Arc::new(evidenced(3 * count - 1, 0))),
        Err(KeptError::Late { .. })
    ));
}

#[test]
fn what_was_kept_stays_kept_through_every_fault_and_crash() {
    let start = SimulatedFileSystem::new();
    start
        .create_dir_all(&layout(Path::new("/log")).private, PRIVATE_DIRECTORY)
        .unwrap();
    start.power_cut(0);
    let work = |fs: &SimulatedFileSystem| -> Vec<u64> {
        let mut done = Vec::new();
        let Ok(kept) = open(fs) else { return done };
        for size in 1..=5 {
            if kept.append(Arc::new(evidenced(size, 4))).is_ok() {
                done.push(size);
            }
        }
        done
    };
    let counted = start.fork();
    assert_eq!(work(&counted), [1, 2, 3, 4, 5]);
    let faults = [
        Fault::Fails(Errno::IO),
        Fault::FailsButStored(Errno::IO),
        Fault::FailsPartly(Errno::NOSPC),
        Fault::Crash,
    ];
    for number in 0..=counted.calls() {
        for fault in faults {
            for seed in 0..6 {
                let fs = start.fork();
                fs.plant(number, fault);
                let done = work(&fs);
                // 5 stands for a killed process.
                if seed == 5 {
                    fs.kill()
                } else {
                    fs.power_cut(seed)
                }
                let kept = open(&fs).unwrap_or_else(|error| panic!("{number} {fault:?} {seed}: {error}"));
                for size in &done {
                    let found = found(&kept, size - 1);
                    assert_eq!(
                        found,
                        Some((*size, evidenced(*size, 4))),
                        "{number} {fault:?} {seed}"
                    );
                }
                // It goes on, and is durable again.
                kept.append(Arc::new(evidenced(9, 4))).unwrap();
                fs.power_cut(0);
                let sizes = scanned(&fs, &directory()).unwrap();
                assert!(sizes.is_sorted() && sizes.last() == Some(&9), "{sizes:?}");
                assert!(done.iter().all(|size| sizes.contains(size)), "{sizes:?}");
            }
        }
    }
}

#[test]
fn closing_a_file_survives_a_crash_at_every_call() {
    let start = SimulatedFileSystem::new();
    let kept = open(&start).unwrap();
    for size in 1..=ROWS as u64 {
        kept.append(Arc::new(evidenced(size, 0))).unwrap();
    }
    drop(kept);
    start.power_cut(0);
    let next = ROWS as u64 + 1;
    let work = |fs: &SimulatedFileSystem| open(fs).and_then(|kept| kept.append(Arc::new(evidenced(next, 0))));
    let counted = start.fork();
    work(&counted).unwrap();
    for number in 0..=counted.calls() {
        for seed in 0..6 {
            let fs = start.fork();
            fs.plant(number, Fault::Crash);
            let done = work(&fs).is_ok();
            if seed == 5 {
                fs.kill()
            } else {
                fs.power_cut(seed)
            }
            let kept = open(&fs).unwrap();
            assert_eq!(found(&kept, next - 1).is_some(), kept.newest_size() == next);
            assert!(!done || kept.newest_size() == next);
            // A late answer for the newest goes in, or is passed over, and nothing is lost.
            kept.append(Arc::new(evidenced(kept.newest_size(), 6))).unwrap();
            kept.append(Arc::new(evidenced(next + 1, 0))).unwrap();
            for index in [0, 1, next - 2, next - 1, next] {
                assert!(found(&kept, index).is_some(), "{number} {seed} {index}");
            }
            scanned(&fs, &directory()).unwrap();
        }
    }
}

#[test]
fn damage_is_told_and_not_cut_off() {
    let fs = SimulatedFileSystem::new();
    let kept = open(&fs).unwrap();
    for size in 1..=3 {
        kept.append(Arc::new(evidenced(size, 5))).unwrap();
    }
    drop(kept);
    let path = directory().join("0000000000000001");
    let whole = fs.read(&path, 1 << 20).unwrap();
    let frame = whole.len() / 3;
    let with = |contents: &[u8]| {
        let fs = SimulatedFileSystem::new();
        fs.create_dir_all(&directory(), PRIVATE_DIRECTORY).unwrap();
        crate::durable::replace(&fs, &path, contents, PRIVATE_FILE).unwrap();
        fs
    };
    // Any byte of the first two frames: the third is sound, so it is no torn end.
    for at in (0..2 * frame).step_by(17) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        let fs = with(&flipped);
        match open(&fs) {
            Err(KeptError::Damaged {
                path: named, offset, ..
            }) => {
                assert_eq!((named, offset), (path.clone(), (at / frame * frame) as u64));
            }
            Err(KeptError::Newer { .. }) => {}
            other => panic!("byte {at}: {:?}", other.err()),
        }
        assert_eq!(fs.read(&path, 1 << 20).unwrap(), flipped, "nothing is changed");
        assert!(scanned(&fs, &directory()).is_err());
    }
    // A torn end goes, whatever it holds.
    for end in [1, 27, 28, frame - 1] {
        let fs = with(&whole[..2 * frame + end]);
        assert_eq!(open(&fs).unwrap().newest_size(), 2);
        assert_eq!(fs.read(&path, 1 << 20).unwrap(), whole[..2 * frame]);
    }
    let fs = with(&whole[..frame / 2]);
    assert_eq!(open(&fs).unwrap().newest_size(), 0);
    assert_eq!(fs.list(&directory()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_copy_holds_what_is_sound_and_is_renewed() {
    let fs = SimulatedFileSystem::new();
    let kept = open(&fs).unwrap();
    let to = Path::new("/copy");
    let last = ROWS as u64 + 5;
    for size in 1..=last {
        kept.append(Arc::new(evidenced(size, 0))).unwrap();
    }
    let first = copy(&fs, &directory(), to, true).unwrap();
    assert_eq!((first.files, first.left), (2, 0));
    kept.append(Arc::new(evidenced(last + 1, 0))).unwrap();
    let again = copy(&fs, &directory(), to, true).unwrap();
    assert_eq!((again.files, again.left), (1, 1));
    assert_eq!(copy(&fs, &directory(), to, false).unwrap().files, 2);
    assert_eq!(scanned(&fs, to).unwrap(), (1..=last + 1).collect::<Vec<_>>());
}

#[test]
fn what_no_receipt_could_hold_is_refused() {
    let fs = SimulatedFileSystem::new();
    let kept = open(&fs).unwrap();
    let mut large = evidenced(7, 0);
    large.tokens = vec![vec![0; frame::TOKEN_BYTES_MAX + 1].into()];
    assert!(matches!(
        kept.append(Arc::new(large)),
        Err(KeptError::TooLarge(7))
    ));
    let mut full = evidenced(7, 0);
    full.tokens = vec![vec![0; frame::TOKEN_BYTES_MAX].into(); frame::TOKENS_MAX];
    kept.append(Arc::new(full.clone())).unwrap();
    assert_eq!(found(&kept, 6), Some((7, full)));
}
