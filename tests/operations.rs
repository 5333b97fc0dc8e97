//! Running a notary: a full disk, a stop under load, a reload, TLS, where it listens.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tokio::task::JoinSet;
use tonic::Code;
use tonic_types::StatusExt as _;
use trialseal::{Client, ClientError, ClientOptions, SetupError};
use trialseal_proto::v1;
use trialseal_tests::caller::{self, Stubs, draft, of_draft};
use trialseal_tests::independent::not_run;
use trialseal_tests::log::{LogKeys, WholeLog, check_consistent, newest};
use trialseal_tests::notary::{Folder, ORIGIN, await_until, set_mode};
use trialseal_tests::{http, programs};

const MEBIBYTE: u64 = 1 << 20;

fn reason(status: &tonic::Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}

/// A small file system of its own; unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None where this user may not mount.
    fn new(mebibytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &size, "trialseal-test"])
            .arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn free(&self) -> u64 {
        let stat = rustix::fs::statvfs(self.path()).unwrap();
        stat.f_bavail * stat.f_frsize
    }

    /// Fills all but `left` bytes.
    fn fill(&self, left: u64) {
        let zeros = vec![0; 64 << 10];
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path().join("filler"))
            .unwrap();
        while self.free() > left + zeros.len() as u64 && file.write_all(&zeros).is_ok() {}
    }

    fn clear(&self) {
        fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[test]
fn a_full_disk_refuses_new_work_and_recovers() {
    let Some(disk) = SmallDisk::new(300) else {
        return not_run(
            "a_full_disk_refuses_new_work_and_recovers",
            1,
            "no tmpfs can be mounted; run it as root",
        );
    };
    let folder = Folder::below(disk.path());
    folder.set("limits.free_bytes_min", &(8 * MEBIBYTE).to_string());
    let server = folder.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let stubs = Stubs::connect(&server, folder.token()).await;
        let submit = async |name: String| stubs.submit(of_draft(draft(&name))).await;
        let mut acknowledged = 0_u64;
        let first = stubs.log_size().await;
        // Below the minimum: refused early and clearly, until there is space again.
        for round in 0..2 {
            submit(format!("space {round}")).await.unwrap();
            acknowledged += 1;
            disk.fill(4 * MEBIBYTE);
            let mut number = 0;
            let refused = loop {
                number += 1;
                match submit(format!("filling {round} {number}")).await {
                    Ok(_) => acknowledged += 1,
                    Err(status) => break status,
                }
                assert!(number < 100_000, "a full disk goes unnoticed");
            };
            assert_eq!(
                (refused.code(), reason(&refused).as_str()),
                (Code::ResourceExhausted, "DISK_FULL"),
                "{refused:?}"
            );
            assert!(
                refused
                    .get_details_retry_info()
                    .is_some_and(|info| info.retry_delay.is_some()),
                "{refused:?}"
            );
            assert!(refused.message().contains("disk is nearly full"), "{refused:?}");
            assert_eq!(http::get(server.http, "/healthz").status, 503);
            disk.clear();
            await_until("there is space again", || {
                http::get(server.http, "/healthz").status == 200
            });
        }
        submit("after".to_owned()).await.unwrap();
        acknowledged += 1;
        assert_eq!(
            stubs.log_size().await,
            first + acknowledged,
            "what was acknowledged, and nothing else"
        );
        // Completely full, and killed like that: what was acknowledged is still there.
        let before = newest(&stubs, &LogKeys::of(&folder)).await;
        disk.fill(0);
        server.kill();
        disk.clear();
        let server = folder.start();
        let stubs = Stubs::connect(&server, folder.token()).await;
        let after = newest(&stubs, &LogKeys::of(&folder)).await;
        check_consistent(&stubs, &before, &after).await;
        drop(WholeLog::fetch(server.http, &LogKeys::of(&folder)));
        stubs.submit(of_draft(draft("at last"))).await.unwrap();
    });
}

#[test]
fn files_that_cannot_be_written_stay_in_the_journal() {
    let Some(disk) = SmallDisk::new(300) else {
        return not_run(
            "files_that_cannot_be_written_stay_in_the_journal",
            1,
            "no tmpfs can be mounted; run it as root",
        );
    };
    let folder = Folder::below(disk.path());
    // No early refusal: the journal has its space, and tiles find none.
    folder.set("limits.free_bytes_min", "0");
    let server = folder.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let stubs = Stubs::connect(&server, folder.token()).await;
        stubs.submit(of_draft(draft("first"))).await.unwrap();
        // The next segment is prepared behind the first batches.
        await_until("segments are prepared", || disk.free() < 180 * MEBIBYTE);
        disk.fill(0);
        for message in 0..4 {
            let drafts = (0..200).map(|number| of_draft(draft(&format!("full {message} {number}"))));
            let answer = stubs.submit_message(drafts.collect()).await.unwrap();
            assert!(
                answer
                    .outcomes
                    .iter()
                    .all(|one| matches!(one.outcome, Some(v1::outcome::Outcome::Sealed(_))))
            );
        }
        server.await_said("files could not be written");
        disk.clear();
        // Tried again by itself; meanwhile and afterwards every entry can be read.
        let tile = folder.dir().join("data/public/tile/entries/002");
        await_until("the tiles are written", || tile.is_file());
        drop(WholeLog::fetch(server.http, &LogKeys::of(&folder)));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_under_load_loses_nothing_accepted() {
    let folder = Folder::new();
    let server = folder.start();
    let first = server.size;
    let stopping = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for caller in 0..16 {
        let (stubs, stopping) = (
            Stubs::connect(&server, folder.token()).await,
            Arc::clone(&stopping),
        );
        callers.spawn(async move {
            let mut acknowledged = 0_u64;
            loop {
                let request = of_draft(draft(&format!("{caller} {acknowledged}")));
                match stubs.submit(request).await {
                    Ok(_) => acknowledged += 1,
                    Err(status) => {
                        assert!(stopping.load(Ordering::SeqCst), "{status:?}");
                        // Nothing is in doubt: it is turned away, or the connection has ended before.
                        assert_ne!(reason(&status), "OUTCOME_UNKNOWN", "{status:?}");
                        return acknowledged;
                    }
                }
            }
        });
    }
    let stubs = Stubs::connect(&server, folder.token()).await;
    loop {
        if stubs.log_size().await > first + 500 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stopping.store(true, Ordering::SeqCst);
    tokio::task::spawn_blocking(move || server.terminate())
        .await
        .unwrap();
    let acknowledged: u64 = callers.join_all().await.into_iter().sum();
    // What was accepted was sealed and answered: no record without its receipt.
    let server = folder.start();
    assert_eq!(server.size, first + acknowledged);
    let whole = WholeLog::fetch(server.http, &LogKeys::of(&folder));
    assert_eq!(whole.entries.len() as u64, server.size);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_reloads_limits_and_log_level() {
    let folder = Folder::new();
    let server = folder.start();
    let stubs = Stubs::connect(&server, folder.token()).await;
    let drafts = |name: &'static str, count: usize| {
        (0..count).map(move |number| of_draft(draft(&format!("{name} {number}"))))
    };
    stubs
        .submit_message(drafts("before", 1_000).collect())
        .await
        .unwrap();
    stubs
        .submit_message(drafts("more", 1_000).collect())
        .await
        .unwrap();
    assert!(!server.said().contains("DEBUG"), "debug is not the default");

    folder.set("limits.organization.burst_records", "1000");
    folder.set("limits.organization.records_per_second", "1");
    folder.set("log.level", "\"debug\"");
    folder.set("listen.http", "\"127.0.0.1:1\"");
    server.signal(Signal::HUP);
    server.await_said("limits and log level are reloaded");
    assert!(
        server.said().contains("takes effect at the next start"),
        "{}",
        server.said()
    );
    stubs
        .submit_message(drafts("burst", 1_000).collect())
        .await
        .unwrap();
    let refused = stubs.submit(of_draft(draft("too soon"))).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::ResourceExhausted, "RATE_LIMIT")
    );
    server.await_said("DEBUG");

    // A mistake changes nothing.
    folder.set("limits.organization.records_per_second", "\"many\"");
    server.signal(Signal::HUP);
    server.await_said("the configuration was not reloaded; the old one stays in force");
    assert!(
        server.said().contains("limits.organization.records_per_second"),
        "{}",
        server.said()
    );
    folder.set("limits.organization.records_per_second", "100000");
    server.signal(Signal::HUP);
    await_until("the new limits are in force", || {
        server.said().matches("limits and log level are reloaded").count() == 2
    });
    stubs.submit(of_draft(draft("too soon"))).await.unwrap();
}

#[test]
fn without_tls_only_this_machine_is_served() {
    let folder = Folder::new();
    for flag in ["--grpc", "--http"] {
        let refused = folder.start_with(&[flag, "0.0.0.0:0"]).err().expect("refused");
        assert_eq!(refused.status.code(), Some(78), "{}", refused.said);
        let key = format!("listen.{}", &flag[2..]);
        assert!(
            refused.said.contains(&key) && refused.said.contains("loopback"),
            "{}",
            refused.said
        );
    }
    let unknown = folder.dir().join("trialseal.toml");
    let text = fs::read_to_string(&unknown).unwrap();
    fs::write(&unknown, format!("colour = \"red\"\n{text}")).unwrap();
    let refused = folder.start_with(&[]).err().expect("refused");
    assert!(
        refused.said.contains("colour") && refused.said.contains("trialseal.toml"),
        "{}",
        refused.said
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tls() {
    let folder = Folder::new();
    let certified =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let pem = certified.cert.pem();
    let (certificate, key) = (folder.dir().join("certificate.pem"), folder.dir().join("key.pem"));
    fs::write(&certificate, &pem).unwrap();
    fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    set_mode(&key, 0o600);
    folder.set("tls.certificate", "\"certificate.pem\"");
    folder.set("tls.key", "\"key.pem\"");
    folder.set("listen.grpc", "\"0.0.0.0:0\"");
    let server = folder.start();
    let endpoint = format!("https://localhost:{}", server.grpc.port());
    let connect = async |ca: Option<&str>| {
        let options = ClientOptions {
            retry: caller::one_try(),
            ca_certificate_pem: ca.map(|pem| pem.as_bytes().to_vec()),
            ..ClientOptions::default()
        };
        Client::connect_with(&endpoint, folder.token(), folder.trust(), options).await
    };
    let client = connect(Some(&pem)).await.expect("the certificate is trusted");
    client
        .submit(&caller::event("over TLS").draft().unwrap())
        .await
        .unwrap();
    assert_eq!(client.log().as_str(), ORIGIN);
    // Without that root, with another one, and in clear text: nobody is served.
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
        .unwrap()
        .cert
        .pem();
    for ca in [None, Some(other.as_str())] {
        let error = connect(ca).await.err();
        assert!(
            matches!(error, Some(ClientError::Setup(SetupError::Tls { .. }))),
            "{error:?}"
        );
    }
    let plain =
        tonic::transport::Channel::from_shared(format!("http://localhost:{}", server.grpc.port())).unwrap();
    if let Ok(channel) = plain.connect().await {
        let mut log = v1::log_client::LogClient::new(channel);
        log.get_checkpoint(v1::GetCheckpointRequest {})
            .await
            .expect_err("nothing is answered in clear text");
    }
    assert!(
        http::try_get(server.http, "/healthz").is_err(),
        "HTTP speaks TLS as well"
    );
    // A key that others can read is refused.
    server.terminate();
    set_mode(&key, 0o644);
    let refused = folder.start_with(&[]).err().expect("refused");
    assert!(refused.said.contains("key.pem"), "{}", refused.said);
}

#[test]
fn the_operators_socket_and_private_folders_are_the_users_own() {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    let folder = Folder::new();
    let server = folder.start();
    let mut found = Vec::new();
    let mut folders = vec![folder.dir().to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            if metadata.file_type().is_socket() {
                assert_eq!(metadata.mode() & 0o777, 0o600, "{}", path.display());
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "one socket: {found:?}");
    for private in ["data/private", "data/journal", "data/index", "keys", "signer"] {
        let path = folder.dir().join(private);
        if path.exists() {
            assert_eq!(
                fs::metadata(&path).unwrap().mode() & 0o077,
                0,
                "{private} is open to others"
            );
        }
    }
    for (path, _) in folder
        .files_below("keys")
        .iter()
        .filter(|(path, _)| path.extension().is_none_or(|extension| extension != "pub"))
    {
        assert_eq!(
            fs::metadata(path).unwrap().mode() & 0o077,
            0,
            "{}",
            path.display()
        );
    }
    // public/ and private/ may not lie inside one another.
    drop(server);
    folder.set("directories.public", "\"data/private/public\"");
    let refused = folder.start_with(&[]).err().expect("refused");
    assert!(refused.said.contains("directories."), "{}", refused.said);
}

#[test]
fn a_command_without_its_notary_says_so() {
    let folder = Folder::new();
    let output = folder.operator(&["token", "issue", "acme", "m-4k2v9"]);
    assert_eq!(output.status.code(), Some(69), "{}", programs::said(&output));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("is it running?"),
        "{}",
        programs::said(&output)
    );
}
