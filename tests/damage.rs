//! Files that are lost, damaged, old or in use: repaired where nothing is lost by it, else refused
//! with words that say what happened and what to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::runtime::Runtime;
use trialseal_core::checkpoint::Checkpoint;
use trialseal_proto::v1;
use trialseal_tests::caller::{self, Stubs, draft, of_draft};
use trialseal_tests::independent::not_run;
use trialseal_tests::log::{LogKeys, WholeLog, check_consistent, newest};
use trialseal_tests::notary::{Folder, Refused, Server, copy_folder};
use trialseal_tests::programs;

/// Records in the register: two full pages of the listing and a part, and two full tiles.
const RECORDS: u64 = 600;
/// Records that a page of the register's list is asked for.
const PAGE: u32 = 250;

/// A notary that sealed [`RECORDS`] drafts in several batches, published them, and stopped.
struct Sealed {
    folder: Folder,
    runtime: Runtime,
    head: Checkpoint,
}

impl Sealed {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let folder = Folder::new();
        let server = folder.start();
        let head = runtime.block_on(async {
            let stubs = Stubs::connect(&server, folder.token()).await;
            submit(&stubs, "before", RECORDS).await;
            newest(&stubs, &LogKeys::of(&folder)).await
        });
        server.terminate();
        Self {
            folder,
            runtime,
            head,
        }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.dir().join(below)
    }

    /// Starts, and finds everything that was sealed: by consistency, by list, and out of the tiles.
    fn check_whole(&self) -> Server {
        let server = self.folder.start();
        let keys = LogKeys::of(&self.folder);
        self.runtime.block_on(async {
            let stubs = Stubs::connect(&server, self.folder.token()).await;
            let new = newest(&stubs, &keys).await;
            check_consistent(&stubs, &self.head, &new).await;
            server.await_listing();
            let reasons = list(&stubs).await;
            let expected: Vec<_> = (0..RECORDS).map(|number| format!("before {number}")).collect();
            assert!(
                reasons.starts_with(&expected),
                "{} records are listed",
                reasons.len()
            );
        });
        let whole = WholeLog::fetch(server.http, &keys);
        assert!(whole.checkpoint.size >= self.head.size);
        server
    }

    /// Starting is refused, in words that hold all of `says`, and nothing is signed or changed.
    fn check_refused(&self, says: &[&str]) {
        let before = fingerprint(&self.folder);
        let Refused { status, said } = self.folder.start_with(&[]).err().expect("the start is refused");
        assert!(!status.success());
        for words in says {
            assert!(said.contains(words), "{words:?} is not in: {said}");
        }
        assert_eq!(
            before,
            fingerprint(&self.folder),
            "a refused start changes nothing of the log"
        );
    }
}

async fn submit(stubs: &Stubs, name: &str, records: u64) {
    for first in (0..records).step_by(100) {
        let drafts =
            (first..records.min(first + 100)).map(|number| of_draft(draft(&format!("{name} {number}"))));
        let answer = stubs.submit_message(drafts.collect()).await.unwrap();
        assert!(
            answer
                .outcomes
                .iter()
                .all(|one| matches!(one.outcome, Some(v1::outcome::Outcome::Sealed(_))))
        );
    }
}

/// The reasons of every record of the register, in order.
async fn list(stubs: &Stubs) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut request = v1::ListRecordsRequest {
        register: caller::REGISTER.to_owned(),
        page_size: PAGE,
        ..Default::default()
    };
    loop {
        let page = stubs
            .notary()
            .list_records(stubs.request(request.clone()))
            .await
            .unwrap()
            .into_inner();
        reasons.extend(page.records.into_iter().map(|record| record.reason));
        if page.next_page_token.is_empty() {
            return reasons;
        }
        request.page_token = page.next_page_token;
    }
}

/// Sizes and contents of what a start must not touch when it refuses.
fn fingerprint(folder: &Folder) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = ["data/public", "data/private", "data/journal", "signer"]
        .into_iter()
        .filter(|below| folder.dir().join(below).is_dir())
        .flat_map(|below| folder.files_below(below))
        .map(|(path, bytes)| (path, trialseal_core::hash::sha256(&bytes).as_bytes().to_vec()))
        .collect();
    files.sort();
    files
}

fn audit(folder: &Folder) -> Option<std::process::Output> {
    let help = programs::run(Command::new(programs::server()).args(["help", "audit"]));
    let audit = || {
        programs::run(
            Command::new(programs::server())
                .args(["audit", "--dir"])
                .arg(folder.dir()),
        )
    };
    help.status.success().then(audit)
}

#[test]
fn the_listings_database_is_made_anew_whatever_happened_to_it() {
    let sealed = Sealed::new();
    let index = sealed.path("data/index");
    let files = |folder: &Path| -> Vec<PathBuf> {
        let all = sealed.folder.files_below(
            folder
                .strip_prefix(sealed.folder.dir())
                .unwrap()
                .to_str()
                .unwrap(),
        );
        all.into_iter().map(|(path, _)| path).collect()
    };
    let garbage: Vec<u8> = (0..40_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let overwrite = |path: &PathBuf| fs::write(path, &garbage).unwrap();
    let cut = |path: &PathBuf| {
        let length = fs::metadata(path).unwrap().len();
        OpenOptions::new()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(length / 3)
            .unwrap();
    };
    let damages: [(&str, &dyn Fn()); 5] = [
        ("deleted", &|| fs::remove_dir_all(&index).unwrap()),
        ("every file cut short", &|| files(&index).iter().for_each(cut)),
        ("every file emptied", &|| {
            files(&index)
                .iter()
                .for_each(|path| fs::write(path, b"").unwrap())
        }),
        ("every file overwritten", &|| {
            files(&index).iter().for_each(overwrite)
        }),
        ("the first file overwritten", &|| overwrite(&files(&index)[0])),
    ];
    for (name, damage) in damages {
        damage();
        let server = sealed.check_whole();
        // Sealing goes on.
        sealed.runtime.block_on(async {
            let stubs = Stubs::connect(&server, sealed.folder.token()).await;
            stubs
                .submit(of_draft(draft(&format!("after {name}"))))
                .await
                .unwrap();
        });
        server.terminate();
    }
}

#[test]
fn the_listings_database_may_go_while_it_is_in_use() {
    let sealed = Sealed::new();
    let server = sealed.check_whole();
    fs::remove_dir_all(sealed.path("data/index")).unwrap();
    sealed.runtime.block_on(async {
        let stubs = Stubs::connect(&server, sealed.folder.token()).await;
        submit(&stubs, "meanwhile", 600).await;
    });
    server.terminate();
    drop(sealed.check_whole());
}

#[test]
fn a_flipped_bit_in_the_middle_of_the_journal_is_refused() {
    let sealed = Sealed::new();
    let (path, bytes) = first_segment(&sealed.folder);
    // Inside the text of a record that many others follow.
    let at = find(&bytes, b"before 42\"").unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
    sealed.check_refused(&[
        "the journal is corrupt at",
        path.to_str().unwrap(),
        "offset",
        "restore it from a backup",
    ]);
    if let Some(audited) = audit(&sealed.folder) {
        assert!(!audited.status.success(), "{}", programs::said(&audited));
    }
    file.write_all_at(&[bytes[at]], at as u64).unwrap();
    drop(sealed.check_whole());
}

#[test]
fn a_torn_last_frame_was_never_acknowledged() {
    let sealed = Sealed::new();
    let (path, before) = first_segment(&sealed.folder);
    let state = sealed.path("signer/signer.state");
    let (data, memory) = (sealed.path("backup"), fs::read(&state).unwrap());
    copy_folder(&sealed.path("data"), &data);
    let server = sealed.folder.start();
    sealed.runtime.block_on(async {
        submit(
            &Stubs::connect(&server, sealed.folder.token()).await,
            "later",
            100,
        )
        .await;
    });
    server.kill();
    let (_, after) = first_segment(&sealed.folder);
    let start = before
        .iter()
        .rposition(|byte| *byte != 0)
        .unwrap()
        .next_multiple_of(4096);
    let end = after.iter().rposition(|byte| *byte != 0).unwrap();
    assert!(end > start + 40_000, "the frame has several blocks");
    // What a crash leaves of a frame that was being written: any part of it, and zeros.
    for torn in [
        start + 1_000..start + 8_192,
        start..start + 40,
        start..start + 20_000,
        start..end - 4_096,
    ] {
        fs::remove_dir_all(sealed.path("data")).unwrap();
        copy_folder(&data, &sealed.path("data"));
        fs::write(&state, &memory).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&after[torn.clone()], torn.start as u64)
            .unwrap();
        let server = sealed.check_whole();
        assert_eq!(server.size, sealed.head.size.get(), "{torn:?}");
        server.terminate();
    }
}

fn first_segment(folder: &Folder) -> (PathBuf, Vec<u8>) {
    let mut files = folder.files_below("data/journal");
    files.sort();
    files
        .into_iter()
        .find(|(_, bytes)| find(bytes, b"before 42\"").is_some())
        .expect("a segment with records")
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[test]
fn a_damaged_tile_is_refused() {
    let sealed = Sealed::new();
    let tile = sealed.path("data/public/tile/0/000");
    let bytes = fs::read(&tile).unwrap();
    let bundle = sealed.path("data/public/tile/entries/001");
    let entries = fs::read(&bundle).unwrap();
    let mut flipped = bytes.clone();
    flipped[100] ^= 4;
    for (path, good, damaged) in [
        (&tile, &bytes, &bytes[..8_000]),
        (&tile, &bytes, &flipped[..]),
        (&bundle, &entries, &entries[..100]),
    ] {
        fs::write(path, damaged).unwrap();
        // The journal still holds these entries: whoever would write the tile again finds that it differs.
        let ended = sealed.folder.start_with(&[]).map(|server| {
            server.await_said("must never change");
            server.wait()
        });
        match ended {
            Ok(status) => assert!(!status.success(), "{}", path.display()),
            Err(refused) => assert!(refused.said.contains(path.to_str().unwrap()), "{}", refused.said),
        }
        if let Some(audited) = audit(&sealed.folder) {
            let said = programs::said(&audited);
            assert!(
                !audited.status.success() && said.contains(path.file_name().unwrap().to_str().unwrap()),
                "{said}"
            );
        }
        fs::write(path, good).unwrap();
    }
    drop(sealed.check_whole());
}

#[test]
fn an_old_backup_is_refused_until_its_head_is_accepted() {
    let sealed = Sealed::new();
    let backup = sealed.path("backup");
    copy_folder(&sealed.path("data"), &backup);
    let server = sealed.folder.start();
    sealed.runtime.block_on(async {
        submit(
            &Stubs::connect(&server, sealed.folder.token()).await,
            "later",
            300,
        )
        .await;
    });
    server.terminate();
    fs::remove_dir_all(sealed.path("data")).unwrap();
    copy_folder(&backup, &sealed.path("data"));
    let (size, root) = (sealed.head.size.to_string(), sealed.head.root.to_base64());
    let says = [
        format!("the log holds {size} entries"),
        format!("--accept-head {size} {root}"),
    ];
    sealed.check_refused(&[
        "this is an old copy of the log",
        "went out at",
        &says[0],
        &says[1],
    ]);
    // Only the head that is there can be accepted.
    let other = sealed.folder.start_with(&[
        "--accept-head",
        &size,
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ]);
    assert!(
        other
            .err()
            .expect("refused")
            .said
            .contains("--accept-head names size")
    );
    drop(
        sealed
            .folder
            .start_with(&["--accept-head", &size, &root])
            .expect("the accepted head is served"),
    );
    drop(sealed.check_whole());
}

#[test]
fn a_lost_commit_is_proven_by_its_tiles() {
    let sealed = Sealed::new();
    let journal = sealed.path("backup");
    copy_folder(&sealed.path("data/journal"), &journal);
    let server = sealed.folder.start();
    sealed.runtime.block_on(async {
        submit(
            &Stubs::connect(&server, sealed.folder.token()).await,
            "later",
            300,
        )
        .await;
    });
    server.terminate();
    // The signer forgets too: the published tile remains as a witness.
    fs::remove_dir_all(sealed.path("data/journal")).unwrap();
    copy_folder(&journal, &sealed.path("data/journal"));
    fs::remove_file(sealed.path("signer/signer.state")).unwrap();
    sealed.check_refused(&[
        "is published, but the journal ends at",
        "a batch that was committed is lost",
    ]);
}

#[test]
fn a_missing_memory_of_the_signer_is_refused() {
    let sealed = Sealed::new();
    fs::remove_file(sealed.path("signer/signer.state")).unwrap();
    let (size, root) = (sealed.head.size.to_string(), sealed.head.root.to_base64());
    let accept = format!("--accept-head {size} {root}");
    sealed.check_refused(&[
        "the signer's memory",
        "is missing: this log may be an old copy",
        &accept,
    ]);
    drop(
        sealed
            .folder
            .start_with(&["--accept-head", &size, &root])
            .expect("the accepted head is served"),
    );
    drop(sealed.check_whole());
}

#[test]
fn a_missing_or_foreign_journal_is_refused() {
    let sealed = Sealed::new();
    let journal = sealed.path("data/journal");
    let kept = sealed.path("kept");
    fs::rename(&journal, &kept).unwrap();
    sealed.check_refused(&["there is no journal in", "restore it from a backup"]);
    let other = Folder::new();
    copy_folder(&other.dir().join("data/journal"), &journal);
    sealed.check_refused(&[]);
    fs::remove_dir_all(&journal).unwrap();
    fs::rename(&kept, &journal).unwrap();
    drop(sealed.check_whole());
}

#[test]
fn a_second_server_is_refused() {
    let sealed = Sealed::new();
    let server = sealed.folder.start();
    let second = sealed
        .folder
        .start_with(&[])
        .err()
        .expect("the second is refused");
    assert!(!second.status.success());
    assert!(
        second.said.contains("another server has the journal in"),
        "{}",
        second.said
    );
    assert!(second.said.contains("stop it first"), "{}", second.said);
    assert!(
        sealed.path("data/index").is_dir(),
        "the first one's listing is left alone"
    );
    assert!(
        !sealed.path("data/index.broken").exists(),
        "the first one's listing is left alone"
    );
    // The first one goes on, its operator's socket included.
    let _ = sealed.folder.issue_token("acme", "m-4k2v9", 1);
    server.terminate();
    drop(sealed.check_whole());
}

#[test]
fn files_of_a_newer_version_are_refused() {
    let sealed = Sealed::new();
    let state = sealed.path("signer/signer.state");
    let bytes = fs::read(&state).unwrap();
    assert!(bytes.starts_with(b"TSSIGNER"));
    let mut newer = bytes.clone();
    // The version stands behind the magic, whichever end comes first.
    newer[8] = 0x63;
    newer[9] = 0x63;
    fs::write(&state, &newer).unwrap();
    sealed.check_refused(&["has format version", "use the newer program"]);
    fs::write(&state, &bytes).unwrap();
    drop(sealed.check_whole());
}

#[test]
fn an_audit_finds_a_whole_log_clean_beside_a_serving_notary() {
    let sealed = Sealed::new();
    let server = sealed.check_whole();
    match audit(&sealed.folder) {
        Some(audited) => assert!(audited.status.success(), "{}", programs::said(&audited)),
        None => not_run("damage: audit", 1, "this trialseal-server has no command `audit`"),
    }
    server.terminate();
    assert!(File::open(sealed.path("data/journal")).is_ok());
}
