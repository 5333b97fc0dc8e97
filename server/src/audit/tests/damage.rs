//! Files that are flipped, cut, deleted, swapped, or too many.

use std::path::Path;

use super::{Victim, put};
use crate::{
    fs::{FileSystem as _, PRIVATE_FILE, SimulatedFileSystem},
    journal,
};

/// Positions all over a file, its ends among them.
fn offsets(length: u64, step: u64) -> Vec<u64> {
    let mut offsets: Vec<u64> = (0..length).step_by(usize::try_from(step).unwrap()).collect();
    offsets.extend(
        [1, 8, 20, 24, length / 2, length - 2, length - 1]
            .iter()
            .filter(|offset| **offset < length),
    );
    offsets
}

#[test]
fn a_flipped_bit_in_any_file_is_found() {
    let victim = Victim::new();
    let layout = &victim.log.layout;
    let mut files = vec![victim.snapshot(), layout.signer_state.clone()];
    for number in 0..2 {
        files.extend([
            victim.hash_tile(number),
            victim.entries(number),
            layout.records(number),
        ]);
    }
    for file in files {
        let length = victim.fs.metadata(&file).unwrap().unwrap().length;
        for (round, offset) in (0..).zip(offsets(length, length.div_ceil(13))) {
            victim.must_name(&file, &format!("a bit flipped at {offset}"), |fs, _| {
                fs.flip(&file, offset, 1 << (round % 8)).unwrap();
            });
        }
    }
}

#[test]
fn a_flipped_bit_in_any_frame_is_found() {
    let victim = Victim::new();
    let directory = &victim.log.layout.journal;
    let mut frames = Vec::new();
    journal::scan(&victim.fs, directory, &mut |frame, _| {
        frames.push(frame.position);
        Ok(())
    })
    .unwrap();
    let last = frames.pop().unwrap();
    assert!(frames.len() >= 4, "{frames:?}");
    for frame in frames {
        let file = frame.file(directory);
        for offset in [
            0,
            9,
            12,
            33,
            50,
            60,
            66,
            70,
            72,
            100,
            u64::from(frame.length) / 2,
            u64::from(frame.length) + 71,
        ] {
            let error = victim
                .audit_after(|fs, _| fs.flip(&file, frame.offset + offset, 0x10).unwrap())
                .expect_err(&format!("a bit flipped at {offset} of {frame:?}"));
            // Where a frame began a segment, it is missed at the end of the one before, and both are named.
            let first = frame.offset == 4096;
            assert!(error.file() == Some(&*file) || first, "{frame:?}: {error}");
            assert!(error.to_string().contains("offset"), "{error}");
        }
    }
    // A damaged last frame looks like one that was never finished: the signer knows better.
    let signer = &victim.log.layout.signer_state;
    for offset in [0, 33, 72, u64::from(last.length) / 2] {
        let said = victim.must_name(signer, "a bit flipped in the last frame", |fs, _| {
            fs.flip(&last.file(directory), last.offset + offset, 0x10)
                .unwrap();
        });
        assert!(said.contains("a checkpoint of 645 entries went out"), "{said}");
    }
    let (used, empty) = victim.segments();
    for file in used.iter().chain(&empty) {
        for offset in [0, 9, 16, 33, 41, 49, 52, 4095] {
            victim.must_name(
                file,
                &format!("a bit flipped at {offset} of a segment's header"),
                |fs, _| {
                    fs.flip(file, offset, 0x01).unwrap();
                },
            );
        }
    }
}

#[test]
fn a_cut_or_longer_file_is_found() {
    let victim = Victim::new();
    let layout = &victim.log.layout;
    let mut files = vec![victim.snapshot(), layout.signer_state.clone()];
    for number in 0..2 {
        files.extend([
            victim.hash_tile(number),
            victim.entries(number),
            layout.records(number),
        ]);
    }
    let (used, empty) = victim.segments();
    files.extend(used);
    files.extend(empty);
    for file in files {
        let contents = victim.read(&file);
        let length = contents.len() as u64;
        for cut in [0, 1, 23, 4096, length / 2, length - 1] {
            if cut < length {
                victim.must_name(&file, &format!("a cut to {cut} bytes"), |fs, _| {
                    fs.truncate(&file, cut).unwrap()
                });
            }
        }
        victim.must_name(&file, "a byte more", |fs, _| {
            put(fs, &file, &[contents.as_slice(), &[0]].concat());
        });
    }
}

#[test]
fn a_missing_file_is_found() {
    let victim = Victim::new();
    let layout = &victim.log.layout;
    let remove = |file: &Path| {
        let file = file.to_owned();
        move |fs: &SimulatedFileSystem, _: &_| fs.remove_file(&file).unwrap()
    };
    for number in 0..2 {
        for file in [
            victim.hash_tile(number),
            victim.entries(number),
            layout.records(number),
        ] {
            let said = victim.must_name(&file, "the absence", remove(&file));
            assert!(said.contains("it is missing"), "{said}");
        }
    }
    let said = victim.must_name(&layout.signer_state, "the absence", remove(&layout.signer_state));
    assert!(said.contains("--accept-head"), "{said}");
    let snapshot = victim.snapshot();
    let said = victim.must_name(&layout.snapshots(), "an absence inside", remove(&snapshot));
    assert!(said.contains("the newest snapshot is of size 0"), "{said}");
    let (used, empty) = victim.segments();
    assert!(used.len() >= 2, "{used:?}");
    // In the middle, a hole; at the beginning, a gap behind the snapshot or the bundles; at the end, the signer or a newer
    // snapshot tells.
    victim.must_name(&used[1], "the absence", |fs, _| fs.remove_file(&used[1]).unwrap());
    let last = used.last().unwrap();
    let error = victim
        .audit_after(|fs, _| {
            for file in empty.iter().chain([last]) {
                fs.remove_file(file).unwrap();
            }
        })
        .unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("beyond the journal's head") || said.contains("batches are lost"),
        "{said}"
    );
    let error = victim
        .audit_after(|fs, _| fs.remove_file(&used[0]).unwrap())
        .unwrap_err();
    assert!(error.file().is_some(), "{error}");
    victim.must_name(&layout.journal, "the absence of all segments", |fs, _| {
        for file in used.iter().chain(&empty) {
            fs.remove_file(file).unwrap();
        }
    });
}

#[test]
fn swapped_files_are_found() {
    let victim = Victim::new();
    let layout = &victim.log.layout;
    for (one, other) in [
        (victim.hash_tile(0), victim.hash_tile(1)),
        (victim.entries(0), victim.entries(1)),
        (layout.records(0), layout.records(1)),
    ] {
        let contents = [victim.read(&one), victim.read(&other)];
        victim.must_name(&one, "a swap", |fs, _| {
            put(fs, &one, &contents[1]);
            put(fs, &other, &contents[0]);
        });
    }
}

#[test]
fn files_of_another_log_are_found() {
    let (victim, other) = (Victim::new(), Victim::new());
    let layout = &victim.log.layout;
    for file in [victim.hash_tile(1), layout.records(1), victim.snapshot()] {
        let contents = other.read(&file);
        victim.must_name(&file, "a file of another log", |fs, _| put(fs, &file, &contents));
    }
    let (used, _) = other.segments();
    let contents = other.read(&used[0]);
    let said = victim.must_name(&used[0], "another log's journal", |fs, _| {
        put(fs, &used[0], &contents)
    });
    assert!(!said.is_empty());
    let contents = other.read(&layout.signer_state);
    victim.must_name(&layout.signer_state, "another log's signer", |fs, _| {
        put(fs, &layout.signer_state, &contents)
    });
}

#[test]
fn what_lies_beyond_the_head_is_found() {
    let victim = Victim::new();
    let layout = &victim.log.layout;
    let (tile, bundle) = (victim.read(&victim.hash_tile(1)), victim.read(&layout.records(1)));
    for number in [2, 3, 1000] {
        for (file, contents) in [
            (victim.hash_tile(number), &tile),
            (victim.entries(number), &bundle),
            (layout.records(number), &bundle),
        ] {
            let said = victim.must_name(&file, "a file beyond the head", |fs, _| put(fs, &file, contents));
            assert!(said.contains("beyond the journal's head"), "{said}");
        }
    }
    let snapshot = layout.snapshot(646);
    let contents = victim.read(&victim.snapshot());
    let error = victim
        .audit_after(|fs, _| put(fs, &snapshot, &contents))
        .unwrap_err();
    assert_eq!(error.file(), Some(&*snapshot), "{error}");
}

#[test]
fn what_is_no_file_of_the_log_is_found() {
    let victim = Victim::new();
    let layout = &victim.log.layout;
    for file in [
        layout.public.join("secrets"),
        layout.public.join("tile/7/000"),
        layout.public.join("tile/0/000.p/12"),
        layout.public.join("tile/0/x000/001"),
        layout.public.join("tile/0/0001"),
        layout.private.join("notes.txt"),
        layout.private.join("records/00"),
        layout.snapshots().join("12"),
        layout.remembered().join("x"),
        layout.journal.join("1.segment.old"),
    ] {
        let error = victim.audit_after(|fs, _| put(fs, &file, b"?")).unwrap_err();
        let named = error.file().unwrap();
        assert!(file.starts_with(named), "{error}");
        assert!(error.to_string().contains("no file of the log"), "{error}");
    }
    // What a crash leaves of a file that was being written is nothing.
    victim
        .audit_after(|fs, _| {
            for directory in [
                layout.snapshots(),
                layout.public.join("tile/0"),
                layout.private.join("records"),
            ] {
                fs.create_new(&directory.join(".002.tmp"), PRIVATE_FILE).unwrap();
            }
        })
        .unwrap();
}

#[test]
fn what_others_may_read_is_found() {
    let victim = Victim::new();
    let layout = &victim.log.layout;
    let (used, _) = victim.segments();
    let private = [
        layout.private.clone(),
        layout.private.join("records"),
        layout.records(0),
        victim.snapshot(),
        layout.journal.clone(),
        used[0].clone(),
        layout.signer_state.clone(),
    ];
    for file in private {
        let said = victim.must_name(&file, "reading by others", |fs, _| {
            fs.set_mode(&file, 0o640).unwrap()
        });
        assert!(said.contains("0640"), "{said}");
    }
    for file in [layout.public.clone(), victim.hash_tile(0)] {
        victim.must_name(&file, "writing by others", |fs, _| {
            fs.set_mode(&file, 0o666).unwrap()
        });
        victim
            .audit_after(|fs, _| fs.set_mode(&file, 0o644).unwrap())
            .unwrap();
    }
}
