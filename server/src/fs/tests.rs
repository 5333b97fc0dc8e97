//! What both file systems must do alike.

use std::io::ErrorKind;

use super::*;

/// Every promise of the seam that does not need a crash, below an empty directory.
fn check(fs: &dyn FileSystem, root: &Path) {
    let directory = root.join("a/b/c");
    fs.create_dir_all(&directory, PRIVATE_DIRECTORY).unwrap();
    fs.create_dir_all(&directory, PRIVATE_DIRECTORY).unwrap();
    assert_eq!(
        fs.metadata(&directory).unwrap(),
        Some(Metadata {
            is_directory: true,
            length: 0,
            mode: PRIVATE_DIRECTORY,
        })
    );
    let path = directory.join("file");
    assert_eq!(fs.metadata(&path).unwrap(), None);
    assert_eq!(
        fs.open(&path, Access::Read).err().unwrap().kind(),
        ErrorKind::NotFound
    );

    let file = fs.create_new(&path, PRIVATE_FILE).unwrap();
    assert_eq!(
        fs.create_new(&path, PRIVATE_FILE).err().unwrap().kind(),
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        fs.create_dir_all(&path.join("d"), 0o700).unwrap_err().kind(),
        ErrorKind::NotADirectory
    );
    // More pieces than one system call takes, empty ones among them, behind the end of the file.
    let pieces: Vec<Vec<u8>> = (0..3000u32)
        .map(|number| vec![number as u8; (number % 5) as usize])
        .collect();
    let slices: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
    file.write_at(10, &slices).unwrap();
    file.sync_data().unwrap();
    file.sync_all().unwrap();
    fs.sync_dir(&directory).unwrap();
    let expected = [vec![0; 10], pieces.concat()].concat();
    assert_eq!(file.length().unwrap(), expected.len() as u64);
    assert_eq!(fs.read(&path, expected.len() as u64).unwrap(), expected);
    let too_large = fs.read(&path, expected.len() as u64 - 1).unwrap_err();
    assert_eq!(too_large.kind(), ErrorKind::FileTooLarge);
    assert!(
        too_large
            .to_string()
            .starts_with(&format!("cannot read {}: ", path.display()))
    );
    let mut end = [0; 4];
    assert_eq!(
        file.read_at(expected.len() as u64 - 3, &mut end)
            .unwrap_err()
            .kind(),
        ErrorKind::UnexpectedEof
    );
    let read_only = fs.open(&path, Access::Read).unwrap();
    read_only.write_at(0, &[b"no"]).unwrap_err();

    let other = directory.join("Other");
    fs.create_new(&other, PRIVATE_FILE).unwrap();
    fs.rename(&path, &other).unwrap();
    assert_eq!(fs.rename(&path, &other).unwrap_err().kind(), ErrorKind::NotFound);
    fs.create_new(&directory.join("another"), PRIVATE_FILE).unwrap();
    assert_eq!(fs.list(&directory).unwrap(), ["Other", "another"]);
    assert_eq!(fs.read(&other, u64::MAX).unwrap(), expected);
    fs.remove_file(&other).unwrap();
    assert_eq!(fs.remove_file(&other).unwrap_err().kind(), ErrorKind::NotFound);
    // An open file stays readable after it lost its name.
    read_only.read_at(10, &mut end).unwrap();
    assert!(fs.free_bytes(&directory).unwrap() > 0);

    let lock_path = directory.join("lock");
    let lock = fs.lock(&lock_path, PRIVATE_FILE).unwrap();
    assert_eq!(
        fs.lock(&lock_path, PRIVATE_FILE).err().unwrap().kind(),
        ErrorKind::WouldBlock
    );
    drop(lock);
    drop(fs.lock(&lock_path, PRIVATE_FILE).unwrap());
}

#[test]
fn the_simulated_file_system_behaves() {
    check(&SimulatedFileSystem::new(), Path::new("/root"));
}

#[test]
fn the_real_file_system_behaves() {
    let directory = tempfile::tempdir().unwrap();
    check(&RealFileSystem, directory.path());
}

#[test]
fn private_things_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("private/below");
    RealFileSystem
        .create_dir_all(&directory, PRIVATE_DIRECTORY)
        .unwrap();
    RealFileSystem
        .create_new(&directory.join("file"), PRIVATE_FILE)
        .unwrap();
    let _lock = RealFileSystem
        .lock(&directory.join("lock"), PRIVATE_FILE)
        .unwrap();
    for path in [
        "private",
        "private/below",
        "private/below/file",
        "private/below/lock",
    ] {
        let mode = std::fs::metadata(root.path().join(path))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{path}");
    }
}
