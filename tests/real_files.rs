//! The main job on real files: notarized through the command line, verified by two verifiers that
//! share no code.
//!
//! `TRIALSEAL_DATA` names the folder with the real files, by default `../shared/data` beside the
//! repository.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use trialseal_core::hash::{Salt, sha256};
use trialseal_core::manifest::{FileDigests, Item, ItemPath, Manifest};
use trialseal_core::receipt::Receipt;
use trialseal_core::verify::{FileQuery, Outcome, verify};
use trialseal_proto::v1;
use trialseal_tests::caller::{self, Stubs, draft, of_draft, of_prepared};
use trialseal_tests::independent::{not_run, verify_folder, verify_receipts};
use trialseal_tests::notary::{Folder, ORGANIZATION, PASSPHRASE, Server, set_mode};
use trialseal_tests::{json_mapping, programs};

/// A member at work: its folder, its key, logged in.
struct Desk {
    folder: Folder,
    server: Server,
    work: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let folder = Folder::new();
        let server = folder.start();
        let work = folder.dir().with_file_name("work");
        fs::create_dir(&work).unwrap();
        let desk = Self { folder, server, work };
        let passphrase = desk.write("passphrase", format!("{PASSPHRASE}\n").as_bytes());
        set_mode(&passphrase, 0o600);
        let printed = desk.must(&[
            "keygen",
            "member.key",
            "--organization",
            ORGANIZATION,
            "--member",
            "m-7",
            "--passphrase-file",
            "passphrase",
        ]);
        let vkey = printed
            .split_whitespace()
            .find(|word| word.starts_with("acme/m-7+"))
            .expect("the key is printed");
        desk.folder
            .must_operate(&["member", "add", ORGANIZATION, "m-7", "--key", vkey]);
        let token = desk.folder.issue_token(ORGANIZATION, "m-7", 1);
        let token = desk.write("token", token.to_text().as_bytes());
        set_mode(&token, 0o600);
        let trust = desk.folder.dir().join("trust.toml");
        fs::copy(trust, desk.work.join("trust.toml")).unwrap();
        desk.log_in();
        desk
    }

    fn log_in(&self) {
        let endpoint = self.server.endpoint();
        self.must(&[
            "login",
            &endpoint,
            "--trust",
            "trust.toml",
            "--token-file",
            "token",
            "--key",
            "member.key",
            "--name",
            "Jane Doe",
        ]);
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.work.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(programs::command_line());
        command
            .current_dir(&self.work)
            .args(arguments)
            .args(["--config", "config.toml"]);
        programs::run(&mut command)
    }

    fn must(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            programs::said(&output)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Each file of `files` becomes a record of its own, signed, with its receipt beside it.
    fn submit_each(&self, files: &[PathBuf], kind: &Kind) {
        let mut arguments = vec!["submit", "--each", "--register", caller::REGISTER];
        arguments.extend([
            "--class",
            kind.class,
            "--event",
            kind.event,
            "--version",
            "1.0",
            "--role",
            kind.role,
        ]);
        arguments.extend(["--reason", "As published", "--passphrase-file", "passphrase"]);
        arguments.extend(files.iter().map(|path| path.to_str().unwrap()));
        self.must(&arguments);
    }

    fn verify(&self, paths: &[PathBuf]) -> Output {
        let mut arguments = vec!["verify", "--trust", "trust.toml"];
        arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
        self.run(&arguments)
    }

    /// Every file is proven, offline, by the command and by the independent verifier.
    fn check_all(&self, test: &str, files: &[PathBuf]) {
        let proven = self.verify(files);
        assert!(proven.status.success(), "{}", programs::said(&proven));
        let said = programs::said(&proven);
        assert!(
            said.contains(&format!("{0} of {0} are proven", files.len())),
            "{said}"
        );
        verify_folder(
            test,
            &self.folder.log_pub(),
            &self.work.join("files"),
            files.len(),
        );
    }
}

/// What files of a folder are.
struct Kind {
    class: &'static str,
    event: &'static str,
    role: &'static str,
}

fn kind_of(folder: &str) -> Kind {
    let (class, event, role) = match folder {
        "protocols" => ("protocol", "finalised", "sponsor"),
        // Final plans take two persons.
        "sap" => ("statistical-analysis-plan", "drafted", "sponsor"),
        "datasets" => ("dataset", "hard-lock", "sponsor"),
        "tlf" => ("analysis-output", "finalised", "sponsor"),
        _ => ("other", "drafted", "sponsor"),
    };
    Kind { class, event, role }
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

#[test]
fn everything_published_is_notarized_and_verified() {
    let named = std::env::var_os("TRIALSEAL_DATA").map(PathBuf::from);
    let data = named.unwrap_or_else(|| programs::repository("../shared/data"));
    if !data.is_dir() {
        return not_run(
            "everything_published_is_notarized_and_verified",
            33,
            &format!("{} is missing", data.display()),
        );
    }
    let desk = Desk::new();
    let mut all = Vec::new();
    for folder in fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
    {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let mut copies = Vec::new();
        for file in files_of(&folder) {
            let own = format!("files/{name}/{}", file.file_name().unwrap().to_str().unwrap());
            desk.write(&own, &fs::read(&file).unwrap());
            copies.push(PathBuf::from(own));
        }
        desk.submit_each(&copies, &kind_of(name));
        all.extend(copies);
    }
    assert!(all.len() >= 20, "{} files", all.len());
    desk.check_all("everything_published_is_notarized_and_verified", &all);
    // All of it once more as one record.
    let submitted = [
        "submit",
        "files/datasets",
        "--register",
        caller::REGISTER,
        "--class",
        "dataset",
        "--event",
        "data-cut",
        "--draft",
        "--receipt",
        "cut.receipt.json",
    ];
    // Receipts lie among the files by now, and would be part of the record.
    for file in files_of(&desk.work.join("files/datasets"))
        .iter()
        .filter(|path| path.to_str().unwrap().ends_with(".receipt.json"))
    {
        fs::remove_file(file).unwrap();
    }
    desk.must(&submitted);
    let trust = fs::read_to_string(desk.work.join("trust.toml")).unwrap();
    fs::write(
        desk.work.join("drafts.toml"),
        format!("{trust}\n[policy]\nallow_drafts = true\n").replace("\n[policy]\n[policy]", "\n[policy]"),
    )
    .unwrap();
    desk.must(&[
        "verify",
        "files/datasets",
        "--receipt",
        "cut.receipt.json",
        "--trust",
        "drafts.toml",
    ]);
    eprintln!("{} files notarized and verified", all.len());
}

#[test]
fn made_files_need_nothing_from_elsewhere() {
    let desk = Desk::new();
    // Empty, small, around the block sizes of both hashes, large; with names as people give them.
    let contents: [(&str, usize); 8] = [
        ("empty.txt", 0),
        ("one.bin", 1),
        ("block.bin", 64),
        ("block-2.bin", 127),
        ("tile.bin", 4_096),
        ("large.xpt", 3_000_001),
        ("Pr\u{fc}fplan Version 2.pdf", 700),
        ("a'b$c;d.csv", 99),
    ];
    let mut files = Vec::new();
    for (name, length) in contents {
        let bytes: Vec<u8> = (0..length).map(|n| u8::try_from(n * 31 % 251).unwrap()).collect();
        desk.write(&format!("files/{name}"), &bytes);
        files.push(PathBuf::from(format!("files/{name}")));
    }
    desk.submit_each(&files, &kind_of("datasets"));
    desk.check_all("made_files_need_nothing_from_elsewhere", &files);
    let receipt = fs::metadata(desk.work.join("files/one.bin.receipt.json")).unwrap();
    assert!(
        receipt.len() < 10_000,
        "a receipt for one file has {} bytes",
        receipt.len()
    );

    // The notary may be gone: verification is offline. One byte more, less or other is seen.
    let Desk { folder, server, work } = desk;
    server.kill();
    let desk = Desk {
        server: folder.start(),
        folder,
        work,
    };
    for change in [
        &(|bytes: &mut Vec<u8>| bytes.push(0)) as &dyn Fn(&mut Vec<u8>),
        &|bytes| bytes.truncate(bytes.len() - 1),
        &|bytes| bytes[500] ^= 1,
    ] {
        let path = desk.work.join("files/tile.bin");
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        change(&mut bad);
        fs::write(&path, &bad).unwrap();
        let altered = desk.verify(&["files/tile.bin".into()]);
        assert_eq!(altered.status.code(), Some(1), "{}", programs::said(&altered));
        assert!(
            programs::said(&altered).contains("ALTERED"),
            "{}",
            programs::said(&altered)
        );
        fs::write(&path, &good).unwrap();
    }
    // Every record is still there after the restart, and every receipt still good.
    desk.log_in();
    let said = desk.must(&["list", caller::REGISTER]);
    assert!(said.lines().count() >= contents.len(), "{said}");
    let again = desk.verify(&files);
    assert!(again.status.success(), "{}", programs::said(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_generic_client_prints_is_a_receipt() {
    let folder = Folder::new();
    let server = folder.start();
    let client = caller::client(&folder, &server).await;
    let signatory = caller::signatory(&client, folder.key()).await;
    let stubs = Stubs::connect(&server, folder.token()).await;
    let signed = caller::event("signed")
        .sign(&signatory, client.log(), trialseal::now())
        .unwrap();
    let (path, item) = file_item();
    let manifest = Manifest::new([(Salt::from_bytes([8; 32]), item)]).unwrap();
    let with_file = v1::Draft {
        class: "dataset".to_owned(),
        event: "data-cut".to_owned(),
        version: "1.0".to_owned(),
        manifest: Some(v1::ManifestRoot {
            root: manifest.root().as_bytes().to_vec().into(),
            items: 1,
        }),
        ..draft("with a file")
    };
    let no_reason = v1::Draft {
        reason: String::new(),
        ..draft("no reason")
    };
    let mut paths = Vec::new();
    for (name, request) in [
        ("draft", of_draft(draft("a draft of a generic client"))),
        ("no-reason", of_draft(no_reason)),
        ("with-file", of_draft(with_file)),
        ("signed", of_prepared(&signed)),
    ] {
        let answer = stubs.submit(request).await.unwrap();
        let json = json_mapping::receipt(&answer.receipt.unwrap());
        check_receipt(&folder, name, json.as_bytes(), &FileQuery::None);
        let path = folder.dir().with_file_name(format!("{name}.receipt.json"));
        fs::write(&path, &json).unwrap();
        paths.push(path);
    }
    check_fetched(&folder, &stubs, server.size).await;
    // The submitter's own manifest turns it into the receipt of the file.
    let receipt = Receipt::parse(&fs::read(&paths[2]).unwrap())
        .unwrap()
        .with_manifest(&manifest)
        .to_json_pretty();
    let digests = digests();
    check_receipt(
        &folder,
        "with its manifest",
        receipt.as_bytes(),
        &FileQuery::One {
            item: None,
            name: path,
            digests,
        },
    );
    fs::write(&paths[2], &receipt).unwrap();
    verify_receipts(
        "what_a_generic_client_prints_is_a_receipt",
        &folder.log_pub(),
        &paths,
    );
}

/// A fresh receipt of the register's first record, asked for by its index and by its place.
async fn check_fetched(folder: &Folder, stubs: &Stubs, first: u64) {
    for record in [
        v1::get_receipt_request::Record::Index(first),
        v1::get_receipt_request::Record::Position(v1::RegisterPosition {
            register: caller::REGISTER.to_owned(),
            sequence: 1,
        }),
    ] {
        let request = v1::GetReceiptRequest {
            record: Some(record),
            level: 0,
            log: String::new(),
            wait: None,
        };
        let answer = stubs
            .notary()
            .get_receipt(stubs.request(request))
            .await
            .unwrap()
            .into_inner();
        let json = json_mapping::receipt(&answer.receipt.unwrap());
        check_receipt(folder, "fetched", json.as_bytes(), &FileQuery::None);
    }
}

const CONTENTS: &[u8] = b"STUDYID,USUBJID\n";

fn digests() -> FileDigests {
    let mut sha512 = [0; 64];
    sha512[0] = 1;
    FileDigests {
        sha256: *sha256(CONTENTS).as_bytes(),
        sha512,
        size: CONTENTS.len() as u64,
    }
}

fn file_item() -> (String, Item) {
    let path = "adsl.csv".to_owned();
    let item = Item::new(ItemPath::new(&path).unwrap(), &digests());
    (path, item)
}

fn check_receipt(folder: &Folder, name: &str, receipt: &[u8], file: &FileQuery) {
    let report = verify(receipt, &folder.trust(), trialseal::now(), file);
    assert_eq!(
        report.outcome,
        Outcome::Passed,
        "{name}: {report:?}\n{}",
        String::from_utf8_lossy(receipt)
    );
}

#[test]
fn what_the_command_says_when_it_cannot() {
    let desk = Desk::new();
    desk.write("adsl.xpt", b"data");
    let lock = [
        "submit",
        "adsl.xpt",
        "--register",
        caller::REGISTER,
        "--class",
        "dataset",
        "--event",
        "hard-lock",
        "--version",
        "1.0",
    ];
    let signed = [
        &lock[..],
        &["--role", "sponsor", "--passphrase-file", "passphrase"],
    ]
    .concat();
    // What needs a signature is not sent without one.
    let refused = desk.run(&[&lock[..], &["--draft"]].concat());
    assert_eq!(refused.status.code(), Some(65), "{}", programs::said(&refused));
    // A run with the same key and other content is a conflict that names the record.
    let key = "ab".repeat(32);
    desk.must(&[&signed[..], &["--idempotency-key", &key]].concat());
    desk.write("adsl.xpt", b"other data");
    fs::remove_file(desk.work.join("adsl.xpt.receipt.json")).unwrap();
    let conflict = desk.run(&[&signed[..], &["--idempotency-key", &key]].concat());
    assert_eq!(conflict.status.code(), Some(65), "{}", programs::said(&conflict));
    assert!(
        programs::said(&conflict).contains("REFUSED"),
        "{}",
        programs::said(&conflict)
    );
    // A member that was revoked is told so.
    desk.folder
        .must_operate(&["member", "revoke", ORGANIZATION, "m-7"]);
    let revoked = desk.run(&signed);
    assert_eq!(revoked.status.code(), Some(77), "{}", programs::said(&revoked));
    assert!(
        programs::said(&revoked).contains("NOT ALLOWED"),
        "{}",
        programs::said(&revoked)
    );
    // Without a notary nothing is on record, and the same command again is safe.
    let Desk { folder, server, work } = desk;
    server.terminate();
    fs::write(work.join("other.pdf"), b"never sent before").unwrap();
    let mut other = signed.clone();
    other[1] = "other.pdf";
    let mut command = Command::new(programs::command_line());
    command
        .current_dir(&work)
        .args(&other)
        .args(["--config", "config.toml", "--deadline", "0"]);
    let gone = programs::run(&mut command);
    assert_eq!(gone.status.code(), Some(75), "{}", programs::said(&gone));
    assert!(
        programs::said(&gone).contains("NOT SENT"),
        "{}",
        programs::said(&gone)
    );
    drop(folder);
}
