//! A log that is rotated to its next origin, and to the one after: what was on record stays
//! there, what comes goes on, and a rotation that is killed is completed by the next one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use trialseal::{Prepared, Signatory};
use trialseal_core::checkpoint::Origin;
use trialseal_core::record::{When, Who};
use trialseal_core::trust::Trust;
use trialseal_core::verify::{FileQuery, Outcome, verify};
use trialseal_proto::v1::{self, get_receipt_request::Record as Named};
use trialseal_tests::caller::{self, REGISTER, Stubs, draft, event, of_draft, of_prepared};
use trialseal_tests::notary::{Folder, ORGANIZATION, ORIGIN, Server, await_until};
use trialseal_tests::{http, json_mapping, programs};

const NEXT: &str = "notary.example.org/2027";
const THIRD: &str = "notary.example.org/archive/2028";
/// More than a page of a register's listing.
const MANY: u64 = 300;

/// The folder of a next log, beside the old one.
fn beside(folder: &Folder, name: &str) -> PathBuf {
    folder.dir().with_file_name(name)
}

fn rotate(folder: &Folder, origin: &str, to: &Path) -> String {
    folder.must_operate(&[
        "rotate",
        "--next-origin",
        origin,
        "--next-dir",
        to.to_str().unwrap(),
    ])
}

fn info(status: &Status) -> (Code, String, Option<String>) {
    let details = status.get_details_error_info().expect("an ErrorInfo");
    let next = details.metadata.get("next_origin").cloned();
    (status.code(), details.reason, next)
}

/// A receipt that verifies with the trust of the newest folder; what `when` says.
fn verified(folder: &Folder, receipt: &v1::Receipt) -> When {
    let text = std::fs::read_to_string(folder.dir().join("trust.toml")).unwrap();
    let trust = Trust::parse(&text).unwrap().with_drafts_allowed();
    let json = json_mapping::receipt(receipt);
    let report = verify(json.as_bytes(), &trust, trialseal::now(), &FileQuery::None);
    let steps: Vec<_> = report.steps.iter().map(|step| step.sentence.clone()).collect();
    assert_eq!(report.outcome, Outcome::Passed, "{steps:#?}");
    when(receipt)
}

fn when(receipt: &v1::Receipt) -> When {
    let part = receipt.record.as_ref().unwrap().when.as_ref().unwrap();
    When::parse(part.text.as_ref().unwrap().as_bytes()).unwrap()
}

async fn receipt_at(stubs: &Stubs, record: Named, log: &str) -> Result<v1::Receipt, Status> {
    let request = v1::GetReceiptRequest {
        record: Some(record),
        level: 0,
        wait: None,
        log: log.to_owned(),
    };
    let answer = stubs.notary().get_receipt(stubs.request(request)).await?;
    Ok(answer.into_inner().receipt.unwrap())
}

fn position(sequence: u64) -> Named {
    Named::Position(v1::RegisterPosition {
        register: REGISTER.to_owned(),
        sequence,
    })
}

/// Every row of the register, over all pages.
async fn rows(stubs: &Stubs) -> Vec<v1::RecordSummary> {
    let mut rows = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListRecordsRequest {
            register: REGISTER.to_owned(),
            page_size: 77,
            page_token,
            ..v1::ListRecordsRequest::default()
        };
        let answer = stubs.notary().list_records(stubs.request(request)).await;
        let answer = answer.unwrap().into_inner();
        rows.extend(answer.records);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return rows;
        }
    }
}

async fn drafts(stubs: &Stubs, name: &str, count: u64) {
    let submissions = (0..count).map(|number| of_draft(draft(&format!("{name} {number}"))));
    let answer = stubs.submit_message(submissions.collect()).await.unwrap();
    for outcome in answer.outcomes {
        assert!(
            matches!(outcome.outcome, Some(v1::outcome::Outcome::Sealed(_))),
            "{outcome:?}"
        );
    }
}

fn sign(signatory: &Signatory, origin: &str, reason: &str) -> Prepared {
    let origin = Origin::new(origin).unwrap();
    event(reason).sign(signatory, &origin, trialseal::now()).unwrap()
}

/// What is on record in a first log, and the notary is stopped.
struct Began {
    folder: Folder,
    signatory: Signatory,
    /// On record, and its place there.
    known: Prepared,
    last: When,
    /// Signed, and never sent.
    lost: Prepared,
}

async fn began() -> Began {
    let folder = Folder::new();
    let server = folder.start();
    let client = caller::client(&folder, &server).await;
    let signatory = caller::signatory(&client, folder.key()).await;
    let stubs = Stubs::connect(&server, folder.token()).await;
    drafts(&stubs, "first log", MANY).await;
    let known = sign(&signatory, ORIGIN, "on record");
    let lost = sign(&signatory, ORIGIN, "never sent");
    let answer = stubs.submit(of_prepared(&known)).await.unwrap();
    let last = when(&answer.receipt.unwrap());
    assert_eq!(last.sequence.get(), MANY + 1);
    server.terminate();
    Began {
        folder,
        signatory,
        known,
        last,
        lost,
    }
}

fn audit(folder: &Folder) -> String {
    folder.must_operate(&["audit"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_goes_on_under_its_next_origin() {
    let Began {
        folder,
        signatory,
        known,
        last,
        lost,
    } = began().await;
    let to = beside(&folder, "notary-2027");
    let said = rotate(&folder, NEXT, &to);
    assert!(said.contains("[[log]]") && said.contains(NEXT), "{said}");
    let keys = std::fs::read_to_string(to.join("keys/log.pub")).unwrap();
    assert!(rotate(&folder, NEXT, &to).contains("was closed before"));
    assert_eq!(keys, std::fs::read_to_string(to.join("keys/log.pub")).unwrap());
    only_for_the_next(&folder);

    closed_log_alone(&folder, &known, &lost).await;

    let next = folder.moved_to(&to);
    let server = next.start();
    let stubs = Stubs::connect(&server, next.token()).await;
    // One submission is logged once, ever: its receipt is of the old log.
    let again = stubs.submit(of_prepared(&known)).await.unwrap();
    assert!(again.repeated);
    let of_old = verified(&next, &again.receipt.unwrap());
    assert_eq!(of_old, last);
    let refused = stubs.submit(of_prepared(&lost)).await.unwrap_err();
    assert_eq!(
        info(&refused),
        (
            Code::FailedPrecondition,
            "LOG_CLOSED".to_owned(),
            Some(NEXT.to_owned())
        )
    );
    // Signed again for the next log it is recorded there, where the register was.
    let new = sign(&signatory, NEXT, "signed again");
    let answer = stubs.submit(of_prepared(&new)).await.unwrap();
    assert!(!answer.repeated);
    let receipt = answer.receipt.unwrap();
    let first = verified(&next, &receipt);
    assert_eq!(first.log.as_str(), NEXT);
    assert_eq!(first.sequence, last.sequence.next().unwrap());
    let old = receipt_at(&stubs, Named::Index(last.index.get()), ORIGIN)
        .await
        .unwrap();
    assert_eq!(verified(&next, &old), last);
    assert_eq!(first.previous.unwrap().to_string(), record_of(&old));
    assert!(first.received_at >= last.received_at);
    let who = receipt.record.unwrap().who.unwrap().text.unwrap();
    let signer = Who::parse(who.as_bytes()).unwrap().signer.unwrap();
    assert_eq!(
        signer.enrolment, signatory.enrolment,
        "an enrolment in the old log"
    );
    drafts(&stubs, "next log", MANY).await;

    reads_across(&server, &next, &stubs, &last).await;

    // The next log starts again, and has a backup of its own.
    let size = stubs.log_size().await;
    server.kill();
    let server = next.start();
    assert_eq!(server.size, size);
    let backup = beside(&folder, "backup-2027");
    let said = next.must_operate(&["backup", "--to", backup.to_str().unwrap()]);
    assert!(said.contains("CLEAN"), "{said}");
    server.terminate();
    let said = audit(&next);
    assert_eq!(said.matches("CLEAN").count(), 2, "{said}");
    twice(&next, &signatory, &known).await;
}

/// There is one way to go on: another origin or other keys are refused.
fn only_for_the_next(folder: &Folder) {
    for (origin, name) in [(THIRD, "elsewhere"), (NEXT, "other-keys")] {
        let to = beside(folder, name);
        let refused = folder.operator(&[
            "rotate",
            "--next-origin",
            origin,
            "--next-dir",
            to.to_str().unwrap(),
        ]);
        let said = programs::said(&refused);
        assert!(
            !refused.status.success() && said.contains("was closed for"),
            "{said}"
        );
        assert!(!to.join("data/journal").exists(), "{name}");
    }
}

/// The old folder served alone: it answers what is on record, and takes nothing.
async fn closed_log_alone(folder: &Folder, known: &Prepared, lost: &Prepared) {
    let server = folder.start();
    let size = server.size;
    let stubs = Stubs::connect(&server, folder.token()).await;
    let closed = (
        Code::FailedPrecondition,
        "LOG_CLOSED".to_owned(),
        Some(NEXT.to_owned()),
    );
    assert!(stubs.submit(of_prepared(known)).await.unwrap().repeated);
    for request in [of_prepared(lost), of_draft(draft("too late"))] {
        assert_eq!(info(&stubs.submit(request).await.unwrap_err()), closed);
    }
    let enrol = folder.operator(&["organization", "add", "too-late"]);
    assert!(!enrol.status.success(), "{}", programs::said(&enrol));
    let health = http::get(server.http, "/healthz");
    assert_eq!(health.status, 200, "{}", health.text());
    assert!(
        health.text().contains(&format!("closed for {NEXT}")),
        "{}",
        health.text()
    );
    assert_eq!(stubs.log_size().await, size);
    assert_eq!(rows(&stubs).await.len() as u64, MANY + 1);
    server.terminate();
    audit(folder);
}

/// Receipts, listings and tiles of both logs from the one notary.
async fn reads_across(server: &Server, next: &Folder, stubs: &Stubs, last: &When) {
    server.await_listing();
    let rows = rows(stubs).await;
    let sequences: Vec<u64> = rows.iter().map(|row| row.sequence).collect();
    assert_eq!(sequences, (1..=2 * MANY + 2).collect::<Vec<_>>());
    for row in &rows {
        let log = if row.sequence <= last.sequence.get() {
            ORIGIN
        } else {
            NEXT
        };
        assert_eq!(row.log, log, "record {}", row.sequence);
    }
    for sequence in [
        1,
        256,
        257,
        last.sequence.get(),
        last.sequence.get() + 1,
        2 * MANY,
    ] {
        let by_position = receipt_at(stubs, position(sequence), "").await.unwrap();
        let said = verified(next, &by_position);
        assert_eq!(said.sequence.get(), sequence);
        let by_index = receipt_at(stubs, Named::Index(said.index.get()), said.log.as_str()).await;
        assert_eq!(when(&by_index.unwrap()), said);
    }
    let unknown = receipt_at(stubs, Named::Index(3), "notary.example.org/2025").await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    // The closed log's checkpoint, and a tile under its own path.
    let note = http::get(server.http, "/2026/checkpoint");
    let lines: Vec<&str> = note.text().lines().collect();
    assert_eq!((note.status, lines[0]), (200, ORIGIN));
    let size: u64 = lines[1].parse().unwrap();
    for path in [
        "/2026/tile/0/000".to_owned(),
        format!("/2026/tile/entries/001.p/{}", size - 256),
    ] {
        assert_eq!(http::get(server.http, &path).status, 200, "{path}");
    }
    await_until("the next log is announced", || {
        http::get(server.http, "/2027/checkpoint")
            .text()
            .starts_with(NEXT)
    });
}

/// A chain of three logs.
async fn twice(next: &Folder, signatory: &Signatory, known: &Prepared) {
    let to = beside(next, "notary-2028");
    rotate(next, THIRD, &to);
    let third = next.moved_to(&to);
    let server = third.start();
    let stubs = Stubs::connect(&server, third.token()).await;
    let again = stubs.submit(of_prepared(known)).await.unwrap();
    assert!(again.repeated);
    assert_eq!(verified(&third, &again.receipt.unwrap()).log.as_str(), ORIGIN);
    for origin in [ORIGIN, NEXT] {
        let refused = stubs.submit(of_prepared(&sign(signatory, origin, "late"))).await;
        let (_, reason, next) = info(&refused.unwrap_err());
        assert_eq!((reason.as_str(), next.as_deref()), ("LOG_CLOSED", Some(THIRD)));
    }
    let answer = stubs
        .submit(of_prepared(&sign(signatory, THIRD, "third")))
        .await
        .unwrap();
    let newest = verified(&third, &answer.receipt.unwrap());
    assert_eq!(newest.sequence.get(), 2 * MANY + 3);
    for sequence in [1, MANY + 1, MANY + 2, 2 * MANY + 3] {
        server.await_listing();
        let receipt = receipt_at(&stubs, position(sequence), "").await.unwrap();
        assert_eq!(verified(&third, &receipt).sequence.get(), sequence);
    }
    // Accounts go on: a new token in the third log speaks for the member of the first.
    let token = third.issue_token(ORGANIZATION, signatory.key.member().as_str(), 1);
    let stubs = Stubs::connect(&server, &token).await;
    assert_eq!(rows(&stubs).await.len() as u64, 2 * MANY + 3);
    server.terminate();
    let said = audit(&third);
    assert_eq!(said.matches("CLEAN").count(), 3, "{said}");
}

fn record_of(receipt: &v1::Receipt) -> String {
    let json = json_mapping::receipt(receipt);
    let receipt = trialseal_core::receipt::Receipt::parse(json.as_bytes()).unwrap();
    receipt.record().leaves().root().to_string()
}

/// Killed after any time: the same command completes it, with the same keys once the log is
/// closed. Which file system calls a crash may fall into is tried in the server's own tests.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_is_killed_is_completed() {
    let Began { folder, known, .. } = began().await;
    let to = beside(&folder, "notary-2027");
    let mut kills = 0;
    for delay in (0..40).map(|step| Duration::from_millis(step * 25)) {
        let mut child = Command::new(programs::server())
            .args(["rotate", "--next-origin", NEXT, "--next-dir"])
            .arg(&to)
            .arg("--dir")
            .arg(folder.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(delay).await;
        match child.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success(), "{status}");
                break;
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            }
        }
    }
    assert!(kills > 0);
    rotate(&folder, NEXT, &to);
    let next = folder.moved_to(&to);
    let server = next.start();
    let stubs = Stubs::connect(&server, next.token()).await;
    assert!(stubs.submit(of_prepared(&known)).await.unwrap().repeated);
    drafts(&stubs, "after", 10).await;
    server.terminate();
    assert_eq!(audit(&next).matches("CLEAN").count(), 2);
}
