//! Evidence after sealing, and what it is exported to: the COSE key that the notary publishes, COSE receipts
//! under it, and `trialseal upgrade` on a folder of receipts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use trialseal::{Class, Client, Event, Level, Submission, Wait};
use trialseal_core::cose::{CoseKey, CoseReceipt, key_set};
use trialseal_core::encoding::base64_decode;
use trialseal_core::entry::record_entry;
use trialseal_core::receipt::Receipt;
use trialseal_core::tlog_proof::TlogProof;
use trialseal_core::trust::Trust;
use trialseal_core::verify::{FileQuery, Outcome, verify};
use trialseal_tests::notary::{Folder, Server, set_mode};
use trialseal_tests::{http, programs};

/// The COSE key in `cose.pub`: the last 32 bytes of its DER.
fn cose_key(folder: &Folder) -> CoseKey {
    let pem = fs::read_to_string(folder.dir().join("keys/cose.pub")).unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64_decode(&base64).unwrap();
    CoseKey::from_bytes(&der[der.len() - 32..]).unwrap()
}

async fn connect(folder: &Folder, server: &Server) -> Client {
    Client::connect(&server.endpoint(), folder.token(), folder.trust())
        .await
        .unwrap()
}

async fn record(client: &Client, reason: &str) -> Receipt {
    let register = "trial:NCT04573309".parse().unwrap();
    let draft = Submission::new(register, Class::Dataset, Event::DataCut).reason(reason);
    client.submit(&draft.draft().unwrap()).await.unwrap().receipt
}

fn judge(receipt: &Receipt, trust: &Trust) -> Outcome {
    let json = receipt.to_json_pretty();
    verify(json.as_bytes(), trust, trialseal::now(), &FileQuery::None).outcome
}

#[tokio::test]
async fn the_cose_key_is_published_kept_and_made_where_it_is_missing() {
    let folder = Folder::new();
    let keys = folder.dir().join("keys");
    assert_eq!(fs::metadata(keys.join("cose.key")).unwrap().mode() & 0o777, 0o600);
    let key = cose_key(&folder);
    let published = |server: &Server| {
        let answer = http::get(server.http, "/.well-known/scitt-keys");
        assert_eq!(
            (answer.status, answer.field("content-type")),
            (200, Some("application/cbor"))
        );
        answer.body
    };
    let server = folder.start();
    assert_eq!(published(&server), key_set(std::slice::from_ref(&key)));
    server.terminate();
    // A folder of an earlier version has none.
    fs::remove_file(keys.join("cose.key")).unwrap();
    fs::remove_file(keys.join("cose.pub")).unwrap();
    let server = folder.start();
    let made = cose_key(&folder);
    assert_ne!(made, key);
    assert!(
        server.said().contains("a key for COSE receipts was made"),
        "{}",
        server.said()
    );
    assert_eq!(published(&server), key_set(&[made]));
}

#[tokio::test]
async fn every_published_checkpoint_proves_a_record_to_tools_of_scitt() {
    let folder = Folder::new();
    let server = folder.start();
    let client = connect(&folder, &server).await;
    let key = cose_key(&folder);
    let first = record(&client, "first").await;
    record(&client, "second").await;
    // What was just sealed is not published yet; a moment later its checkpoint or a newer one is.
    let mut receipt = first;
    for _ in 0..100 {
        receipt = client.upgrade(&receipt, Wait::SEALED).await.unwrap().receipt;
        if receipt.evidence().iter().any(|element| element.cose().is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(judge(&receipt, client.trust()), Outcome::Passed);
    let record = receipt.record().leaves().root();
    let mut found = 0;
    for element in receipt.evidence() {
        let Some(bytes) = element.cose_bytes() else {
            continue;
        };
        let cose = CoseReceipt::parse(&bytes).unwrap();
        let root = cose.verify(&record_entry(&record), &key).unwrap();
        let proof = TlogProof::parse(&element.proof).unwrap();
        let checkpoint = trialseal_core::checkpoint::Checkpoint::parse(proof.checkpoint.text()).unwrap();
        assert_eq!((root, cose.size()), (checkpoint.root, checkpoint.size));
        found += 1;
    }
    assert!(found > 0, "no element has a COSE receipt");
}

/// Runs the command line in a folder.
fn trialseal(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(programs::command_line());
    command.current_dir(folder).args(arguments);
    programs::run(&mut command)
}

#[tokio::test]
async fn a_folder_of_receipts_is_upgraded_and_one_failure_stops_no_other() {
    let folder = Folder::new();
    let server = folder.start();
    let client = connect(&folder, &server).await;
    let work = folder.dir().with_file_name("work");
    fs::create_dir_all(work.join("r/deep")).unwrap();
    for (place, reason) in [("r/one", "one"), ("r/deep/two", "two")] {
        let receipt = record(&client, reason).await;
        fs::write(
            work.join(format!("{place}.receipt.json")),
            receipt.to_json_pretty(),
        )
        .unwrap();
    }
    record(&client, "three").await;
    fs::write(work.join("token"), folder.token().to_text().as_bytes()).unwrap();
    set_mode(&work.join("token"), 0o600);
    fs::copy(folder.dir().join("trust.toml"), work.join("trust.toml")).unwrap();
    let login = [
        "login",
        &server.endpoint(),
        "--trust",
        "trust.toml",
        "--token-file",
        "token",
    ];
    let output = trialseal(&work, &[&login[..], &["--config", "config.toml"]].concat());
    assert!(output.status.success(), "{}", programs::said(&output));

    let upgrade = ["--config", "config.toml", "upgrade", "r"];
    let output = trialseal(&work, &upgrade);
    assert!(output.status.success(), "{}", programs::said(&output));
    for place in ["r/one", "r/deep/two"] {
        let bytes = fs::read(work.join(format!("{place}.receipt.json"))).unwrap();
        let receipt = Receipt::parse(&bytes).unwrap();
        assert!(receipt.evidence().len() > 1, "{}", programs::said(&output));
        assert_eq!(judge(&receipt, client.trust()), Outcome::Passed);
    }
    // This notary has no witnesses: the level is not reached, and nothing is lost.
    let witnessed = [&upgrade[..], &["--level", "witnessed", "--deadline", "1"]].concat();
    let output = trialseal(&work, &witnessed);
    assert_eq!(output.status.code(), Some(3), "{}", programs::said(&output));
    fs::write(work.join("r/bad.receipt.json"), "{}").unwrap();
    let output = trialseal(&work, &[&upgrade[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(65), "{}", programs::said(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let exits: Vec<u64> = json["receipts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["exit"].as_u64().unwrap())
        .collect();
    assert_eq!(exits, [65, 0, 0]);

    // A level that is not reached delays, and the record is sealed all the same.
    let submit = "--config config.toml submit --register trial:NCT04573309 --class dataset --event data-cut \
                  --draft --receipt cut.receipt.json --level witnessed --deadline 2";
    let output = trialseal(&work, &submit.split_whitespace().collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(3), "{}", programs::said(&output));
    let said = programs::said(&output);
    assert!(said.contains("PENDING") && said.contains("SAVED"), "{said}");
    let receipt = Receipt::parse(&fs::read(work.join("cut.receipt.json")).unwrap()).unwrap();
    assert_eq!(judge(&receipt, client.trust()), Outcome::Passed);
    let reached = client.upgrade(&receipt, Wait::SEALED).await.unwrap().reached;
    assert_eq!(reached, Level::Sealed);
}
