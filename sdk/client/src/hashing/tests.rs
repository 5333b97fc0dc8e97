use std::fs;
use std::sync::Mutex;

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn hash(files: &[FileToHash]) -> Vec<HashedFile> {
    hash_files(files, &HashOptions::default()).unwrap()
}

#[test]
fn known_answers() {
    let folder = folder();
    let path = folder.path().join("abc");
    fs::write(&path, b"abc").unwrap();
    let hashed = hash(&[FileToHash::single(&path).unwrap()]);
    let digests = &hashed[0].digests;
    assert_eq!(
        trialseal_core::encoding::hex_encode(&digests.sha256),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(
        trialseal_core::encoding::hex_encode(&digests.sha512),
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
         2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    );
    assert_eq!(digests.size, 3);
    assert_eq!(hashed[0].path.as_str(), "abc");
}

#[test]
fn order_is_kept_whatever_the_number_of_threads() {
    let folder = folder();
    let mut files = Vec::new();
    for number in 0..40_usize {
        let path = folder.path().join(format!("f{number:02}"));
        // Sizes around the block size, so that blocks end everywhere.
        fs::write(&path, vec![number as u8; number * 30_011]).unwrap();
        files.push(FileToHash::single(&path).unwrap());
    }
    files.reverse();
    let alone = hash_files(
        &files,
        &HashOptions {
            threads: NonZeroUsize::new(1),
            progress: None,
        },
    )
    .unwrap();
    for threads in [2, 3, 64] {
        let options = HashOptions {
            threads: NonZeroUsize::new(threads),
            progress: None,
        };
        assert_eq!(hash_files(&files, &options).unwrap(), alone);
    }
    for (file, hashed) in files.iter().zip(&alone) {
        assert_eq!((&file.path, file.size), (&hashed.path, hashed.digests.size));
    }
}

#[test]
fn progress_ends_at_the_total() {
    let folder = folder();
    let mut files = Vec::new();
    for (name, size) in [("a", 600_000), ("b", 1), ("c", 0)] {
        let path = folder.path().join(name);
        fs::write(&path, vec![1; size]).unwrap();
        files.push(FileToHash::single(&path).unwrap());
    }
    let seen = Mutex::new(Vec::new());
    let progress = |at: HashProgress| seen.lock().unwrap().push(at);
    hash_files(
        &files,
        &HashOptions {
            threads: NonZeroUsize::new(1),
            progress: Some(&progress),
        },
    )
    .unwrap();
    let seen = seen.into_inner().unwrap();
    assert!(seen.is_sorted_by_key(|at| (at.files_done, at.bytes_done)));
    let last = HashProgress {
        bytes_done: 600_001,
        bytes_total: 600_001,
        files_done: 3,
        files_total: 3,
    };
    assert_eq!(seen.last(), Some(&last));
}

#[test]
fn a_missing_file_is_named() {
    let folder = folder();
    let path = folder.path().join("gone");
    fs::write(&path, b"x").unwrap();
    let file = FileToHash::single(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let error = hash_files(&[file], &HashOptions::default()).unwrap_err();
    assert!(matches!(error, HashError::Missing { path: found } if found == path));
}

#[test]
fn folders_are_listed_in_the_order_of_a_manifest() {
    let folder = folder();
    for name in ["b/c.xpt", "b.txt", "a/z/deep", "B"] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    let listing = list_folder(folder.path()).unwrap();
    let paths: Vec<_> = listing.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["B", "a/z/deep", "b.txt", "b/c.xpt"]);
    assert!(listing.others.is_empty());
}

#[test]
fn names_are_written_in_nfc() {
    let folder = folder();
    fs::write(folder.path().join("Ge\u{0301}nero.csv"), "x").unwrap();
    let listing = list_folder(folder.path()).unwrap();
    assert_eq!(listing.files[0].path.as_str(), "G\u{e9}nero.csv");
    assert_eq!(hash(&listing.files)[0].digests.size, 1);
}

#[test]
fn names_that_no_manifest_can_hold_are_refused() {
    let folder = folder();
    fs::write(folder.path().join("a:b"), "x").unwrap();
    assert!(matches!(list_folder(folder.path()), Err(HashError::Name { .. })));
    assert!(matches!(
        FileToHash::single(folder.path()),
        Err(HashError::NotAFile { .. })
    ));
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_never_followed() {
    use std::os::unix::fs::symlink;
    let folder = folder();
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    fs::write(&target, "x").unwrap();
    symlink(&target, &link).unwrap();
    symlink(folder.path(), folder.path().join("loop")).unwrap();
    let listing = list_folder(folder.path()).unwrap();
    assert_eq!(listing.files.len(), 1);
    assert_eq!(listing.others, [link.clone(), folder.path().join("loop")]);
    assert!(matches!(
        FileToHash::single(&link),
        Err(HashError::NotAFile { .. })
    ));
    // Replaced by a link between listing and hashing.
    let file = FileToHash::single(&target).unwrap();
    fs::rename(&target, folder.path().join("moved")).unwrap();
    symlink(folder.path().join("moved"), &target).unwrap();
    assert!(matches!(
        hash_files(&[file], &HashOptions::default()),
        Err(HashError::NotAFile { .. })
    ));
}
